"""The worked examples of MindSpore 1.7.1's documentation of image and sparse layers, of Jvp and Vjp.

The numbers are those printed there.
"""

import numpy as np

import cellc
from cellc import COOTensor, Tensor, nn

F32, I32 = cellc.float32, cellc.int32


def check(result, digits, tolerance=0.0):
    np.testing.assert_allclose(result.asnumpy(), digits, rtol=tolerance)


def test_central_crop():
    image = Tensor(np.random.default_rng(1).random((4, 3, 4, 4)), F32)
    output = nn.CentralCrop(central_fraction=0.5)(image)
    check(output, image.asnumpy()[:, :, 1:3, 1:3])


def test_image_gradients():
    dy, dx = nn.ImageGradients()(Tensor(np.array([[[[1, 2], [3, 4]]]]), dtype=I32))
    assert dy.dtype is dx.dtype is I32
    check(dy, [[[[2, 2], [0, 0]]]])
    check(dx, [[[[1, 0], [1, 0]]]])


def test_resize_bilinear():
    x = Tensor([[[[1, 2, 3, 4], [5, 6, 7, 8]]]], F32)
    expected = [
        [1, 1.8, 2.6, 3.4, 4],
        [2.6, 3.4, 4.2000003, 5, 5.6000004],
        [4.2, 5.0000005, 5.8, 6.6, 7.2],
        [5, 5.8, 6.6, 7.4, 8],
        [5, 5.8, 6.6, 7.4000006, 8],
    ]
    check(nn.ResizeBilinear()(x, size=(5, 5)), [[expected]], 2e-7)


def test_psnr():
    img1 = Tensor([[[[1, 2, 3, 4], [1, 2, 3, 4]]]])
    img2 = Tensor([[[[3, 4, 5, 6], [3, 4, 5, 6]]]])
    assert str(nn.PSNR()(img1, img2)) == "[-6.0206]"


def test_ssim():
    img1, img2 = (Tensor(np.ones([1, 3, 16, 16]).astype(np.float32)) for _ in range(2))
    assert str(nn.SSIM()(img1, img2)) == "[1.]"


def test_msssim():
    img1, img2 = (Tensor(np.ones((1, 3, 128, 128)).astype(np.float32)) for _ in range(2))
    assert str(nn.MSSSIM(power_factors=(0.033, 0.033, 0.033))(img1, img2)) == "[1.]"


def test_sparse_to_dense():
    class Net(nn.Cell):
        def __init__(self, dense_shape):
            super().__init__()
            self.dense_shape = dense_shape
            self.op = nn.SparseToDense()

        def construct(self, indices, values):
            x = COOTensor(indices, values, self.dense_shape)
            return self.op(x)

    result = Net((3, 4))(Tensor([[0, 1], [1, 2]]), Tensor([1, 2], dtype=I32))
    assert result.dtype is I32
    check(result, [[0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]])


def test_sparse_tensor_dense_matmul():
    indices = Tensor([[0, 1], [1, 2]], dtype=I32)
    values = Tensor([1, 2], dtype=F32)
    dense = Tensor([[1, 1], [2, 2], [3, 3], [4, 4]], dtype=F32)
    check(nn.SparseTensorDenseMatmul()(indices, values, (3, 4), dense), [[2, 2], [6, 6], [0, 0]])


def test_jvp():
    class Net(nn.Cell):
        def construct(self, x, y):
            return x**3 + y

    x, y = (Tensor(np.array([[1, 2], [3, 4]]).astype(np.float32)) for _ in range(2))
    v = Tensor(np.array([[1, 1], [1, 1]]).astype(np.float32))
    output = nn.Jvp(Net())(x, y, (v, v))
    check(output[0], [[2, 10], [30, 68]])
    check(output[1], [[4, 13], [28, 49]], 2e-7)


def test_vjp():
    class Net(nn.Cell):
        def construct(self, x, y):
            return x**3 + y

    x, y = (Tensor(np.array([[1, 2], [3, 4]]).astype(np.float32)) for _ in range(2))
    v = Tensor(np.array([[1, 1], [1, 1]]).astype(np.float32))
    output = nn.Vjp(Net())(x, y, v)
    check(output[0], [[2, 10], [30, 68]])
    check(output[1][0], [[3, 12], [27, 48]], 2e-7)
    check(output[1][1], [[1, 1], [1, 1]])
