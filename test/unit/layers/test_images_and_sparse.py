"""What the tables do not show of image and sparse layers and Vjp: arguments, parameters, corner cases, types."""

import re

import numpy as np
import pytest

import cellc
from cellc import COOTensor, CSRTensor, RowTensor, Tensor, nn, ops

IMAGE = ops.ones((1, 1, 4, 4))
INDICES, VALUES = Tensor([[0, 1], [1, 2]]), Tensor([1.0, 2.0])
VECTOR, MATRIX = ops.ones((3,)), ops.ones((3, 1))


def product(*inputs, **arguments):
    return nn.SparseTensorDenseMatmul(**arguments)(*inputs)


@pytest.mark.parametrize(
    ("run", "kind", "message"),
    [
        (lambda: nn.CentralCrop(1), TypeError, "'central_fraction' must be float, but got 1 of type int"),
        (lambda: nn.CentralCrop(1.5), ValueError, "'central_fraction' must be in (0, 1], but got 1.5"),
        (lambda: nn.CentralCrop(0.5)(VECTOR), ValueError, "'image' must have rank 3 or 4, but got shape (3,)"),
        (lambda: nn.ImageGradients()(VECTOR), ValueError, "'images' must have rank 4 (N, C, H, W), but got shape (3,)"),
        (lambda: nn.ResizeBilinear(1), TypeError, "'half_pixel_centers' must be bool, but got 1"),
        (lambda: nn.ResizeBilinear()(ops.ones((1, 1, 0, 2)), (2, 2)), ValueError, "images of 'x' must have elements"),
        (lambda: nn.ResizeBilinear()(IMAGE), ValueError, "either 'size' or 'scale_factor' must be given, but got None"),
        (lambda: nn.ResizeBilinear()(IMAGE, (2, 2), 2), ValueError, "must be None, but got (2, 2) and 2"),
        (lambda: nn.ResizeBilinear()(IMAGE, (2,)), ValueError, "'size' must have two elements, but got (2,)"),
        (lambda: nn.ResizeBilinear()(IMAGE, (2, 0)), ValueError, "'size' must be at least 1, but got 0"),
        (lambda: nn.ResizeBilinear()(IMAGE, scale_factor=1.5), TypeError, "'scale_factor' must be int, but got 1.5"),
        (lambda: nn.ResizeBilinear()(VECTOR, (2, 2)), ValueError, "'x' must have rank 4"),
        (
            lambda: nn.ResizeBilinear(True)(IMAGE, (2, 2), align_corners=True),
            TypeError,
            "'align_corners' must be False",
        ),
        (lambda: nn.PSNR("1"), TypeError, "'max_val' must be int or float, but got '1'"),
        (lambda: nn.PSNR(0), ValueError, "'max_val' must be greater than 0, but got 0"),
        (lambda: nn.PSNR()(IMAGE, IMAGE.astype(cellc.float64)), TypeError, "'img1' and 'img2' must have one dtype"),
        (lambda: nn.PSNR()(IMAGE, ops.ones((1, 1, 4, 5))), ValueError, "'img1' and 'img2' must have one shape"),
        (lambda: nn.SSIM(filter_size=0), ValueError, "'filter_size' must be at least 1, but got 0"),
        (lambda: nn.SSIM(filter_sigma=0.0), ValueError, "'filter_sigma' must be finite and greater than 0"),
        (lambda: nn.SSIM(filter_sigma=float("inf")), ValueError, "'filter_sigma' must be finite and greater than 0"),
        (lambda: nn.SSIM(k1=1), TypeError, "'k1' must be float, but got 1"),
        (lambda: nn.SSIM()(IMAGE, IMAGE), ValueError, "height and width of 'img1' must be at least 11"),
        (lambda: nn.MSSSIM(power_factors=1.0), TypeError, "'power_factors' must be tuple or list, but got 1.0"),
        (lambda: nn.MSSSIM(power_factors=()), ValueError, "'power_factors' must not be empty"),
        (lambda: nn.MSSSIM(1.0, (1.0, 1.0), 3)(IMAGE, IMAGE), ValueError, "must be at least 6 for 'filter_size' 3"),
        (lambda: nn.SparseToDense()(VECTOR), TypeError, "'coo_tensor' must be COOTensor"),
        (lambda: product(INDICES, VALUES, (2, 3), MATRIX, adjoint_st=1), TypeError, "'adjoint_st' must be bool"),
        (
            lambda: product(VALUES, VALUES, (2, 3), MATRIX),
            TypeError,
            "'indices' must be Int32 or Int64, but got Float32",
        ),
        (
            lambda: product(INDICES, Tensor([1, 2]), (2, 3), MATRIX),
            TypeError,
            "'values' and 'dense' must have one dtype",
        ),
        (lambda: product(INDICES, VALUES, (2, 3, 4), MATRIX), ValueError, "'sparse_shape' must have two elements"),
        (lambda: product(INDICES, VALUES, (2, 0), MATRIX), ValueError, "'sparse_shape' must be at least 1, but got 0"),
        (lambda: product(INDICES, VECTOR, (2, 3), MATRIX), ValueError, "but got shapes (2, 2), (3,) and (3, 1)"),
        (lambda: product(INDICES, VALUES, (2, 4), MATRIX), ValueError, "'dense' of shape (3, 1) does not fit"),
        (lambda: nn.Vjp(3), TypeError, "'fn' must be a Cell or a function, but got 3"),
        (lambda: nn.Vjp(nn.Tanh())(VECTOR), ValueError, "inputs and 'v' must be given, but got 1"),
        (lambda: nn.Vjp(nn.Tanh())(VECTOR, ops.ones(())), ValueError, "v must have the shapes [(3,)] of the outputs"),
        (lambda: COOTensor([[0]], VALUES, (3, 4)), TypeError, "'indices' must be a Tensor, but got list"),
        (lambda: COOTensor(INDICES, VALUES, [3, 4]), TypeError, "'shape' must be a tuple of ints, but got [3, 4]"),
        (lambda: COOTensor(INDICES, VALUES, (3, 0)), ValueError, "'shape' must hold positive ints, but got (3, 0)"),
        (lambda: COOTensor(INDICES, VALUES, (3,)), ValueError, "'indices' must have shape (n, 1) for 'shape' (3,)"),
        (lambda: COOTensor(INDICES, VECTOR, (3, 4)), ValueError, "'indices' and 'values' must have one length"),
        (
            lambda: COOTensor(ops.ones((2, 2)), VALUES, (3, 4)),
            TypeError,
            "'indices' must hold integers, but got Float32",
        ),
        (lambda: CSRTensor(Tensor([0, 1]), Tensor([0, 1]), VALUES, (2, 2)), ValueError, "'indptr' must have shape"),
        (lambda: RowTensor(Tensor([0, 1]), ops.ones((2, 3)), (4, 5)), ValueError, "'values' must hold rows"),
    ],
)
def test_wrong_arguments(run, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        run()


def test_windows_are_parameters_that_are_not_trained():
    ssim, msssim = nn.SSIM(), nn.MSSSIM()
    assert [parameter.name for parameter in ssim.get_parameters()] == ["conv.weight"]
    names = [f"multi_convs_list.{scale}.weight" for scale in range(5)]
    assert [parameter.name for parameter in msssim.get_parameters()] == names
    assert not ssim.trainable_params() + msssim.trainable_params()
    assert ssim.conv.weight.shape == (1, 1, 11, 11)
    np.testing.assert_allclose(ssim.conv.weight.asnumpy().sum(), 1, rtol=1e-6)


def test_bytes_are_compared_like_their_fractions():
    rng = np.random.default_rng(1)
    one, other = (rng.integers(0, 256, (1, 2, 12, 12), np.uint8) for _ in range(2))
    fractions = [Tensor((image / 255).astype(np.float32)) for image in (one, other)]
    for measure in (nn.PSNR, nn.SSIM):
        result = measure(255)(Tensor(one), Tensor(other))
        assert result.dtype is cellc.float32
        np.testing.assert_allclose(result.asnumpy(), measure()(*fractions).asnumpy(), rtol=1e-4)


def test_psnr_of_equal_images_is_infinite():
    assert np.isposinf(nn.PSNR()(IMAGE, IMAGE).asnumpy()).all()


def test_msssim_of_opposites_is_0_with_gradient_0():
    x = Tensor(np.random.default_rng(1).uniform(0, 1, (1, 1, 6, 6)).astype(np.float32))
    value, slope = nn.Vjp(nn.MSSSIM(1.0, (0.5, 0.5), 3))(x, 1 - x, ops.ones((1,)))
    assert value.asnumpy() == 0
    assert not slope[0].asnumpy().any()


def test_an_infinite_element_stays_near_its_place():
    x = np.ones((1, 1, 1, 8), np.float32)
    x[..., 0] = np.inf
    result = nn.ResizeBilinear()(Tensor(x), scale_factor=2).asnumpy()
    np.testing.assert_array_equal(result[..., 1, 2:], 1)


@pytest.mark.parametrize("size", [(1, 1, 0, 3), (0, 2, 3, 3)])
def test_gradients_of_empty_images(size):
    dy, dx = nn.ImageGradients()(Tensor(np.zeros(size, np.float32)))
    assert dy.shape == dx.shape == size


def test_sparse_tensors_go_in_and_out_of_cells():
    class Doubled(nn.Cell):
        def construct(self, x):
            return type(x)(x.indices, x.values * 2, x.shape)

    cell = Doubled()
    coo = cell(COOTensor(INDICES, VALUES, (3, 4)))
    assert isinstance(coo, COOTensor)
    np.testing.assert_array_equal(nn.SparseToDense()(coo).asnumpy(), [[0, 2, 0, 0], [0, 0, 4, 0], [0] * 4])
    rows = cell(RowTensor(Tensor([2, 0]), ops.ones((2, 4)), (3, 4)))
    assert isinstance(rows, RowTensor)
    assert rows.shape == (3, 4)


def test_attributes_of_sparse_tensors():
    csr = CSRTensor(Tensor([0, 1, 2]), Tensor([0, 1]), VALUES, (2, 4))
    assert (csr.shape, csr.ndim, csr.size, csr.itemsize, csr.dtype) == ((2, 4), 2, 2, 4, cellc.float32)
    assert csr.to_tuple()[2] is VALUES
    assert repr(COOTensor(INDICES, VALUES, (3, 4))).startswith("COOTensor(indices=")


def test_whole_numbers_multiply_exactly():
    result = product(INDICES, Tensor([3, 2**40]), (2, 3), Tensor([[1], [2], [3]]))
    np.testing.assert_array_equal(result.asnumpy(), [[6], [3 * 2**40]])


def test_vjp_of_several_outputs_inside_a_function():
    weight = cellc.Parameter(Tensor([2.0, 3.0]), "weight")

    @cellc.ms_function
    def run(x, v):
        return nn.Vjp(lambda x: (x * weight, x * x))(x, (v, v))

    (_, squares), slope = run(Tensor([5.0, 7.0]), Tensor([1.0, 10.0]))
    np.testing.assert_array_equal(squares.asnumpy(), [25, 49])
    np.testing.assert_array_equal(slope.asnumpy(), [12, 170])
