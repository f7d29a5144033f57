"""Transforms of values and of images."""

import numpy as np
import pytest
from unit.training.pipelines import IMAGE

import cellc
from cellc.dataset import transforms, vision


def test_transforms():
    assert transforms.TypeCast(cellc.float32)(np.array([1])).dtype == np.float32
    assert transforms.OneHot(3)(np.array(1)).tolist() == [0, 1, 0]
    assert transforms.OneHot(3)(np.array([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert transforms.Fill(7)(np.zeros(2, np.int8)).tolist() == [7, 7]
    assert transforms.Compose([lambda x: x + 1, lambda x: x * 2])(3) == 8
    assert transforms.RandomApply([lambda x: x + 1], 1.0)(3) == 4
    assert transforms.RandomApply([lambda x: x + 1], 0.0)(3) == 3
    assert transforms.RandomChoice([lambda x: x + 1])(3) == 4


def test_vision():
    assert vision.HWC2CHW()(IMAGE).shape == (3, 6, 9)
    np.testing.assert_allclose(vision.Rescale(1 / 255, -0.5)(IMAGE), IMAGE / 255 - 0.5, atol=1e-6)
    normal = vision.Normalize([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    np.testing.assert_allclose(normal(IMAGE), (IMAGE - np.array([1, 2, 3])) / np.array([4, 5, 6]), rtol=1e-6)
    np.testing.assert_allclose(vision.Normalize([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], False)(IMAGE.transpose(2, 0, 1)),
                               normal(IMAGE).transpose(2, 0, 1))  # fmt: skip
    np.testing.assert_allclose(vision.ToTensor()(IMAGE), IMAGE.transpose(2, 0, 1) / np.float32(255))
    np.testing.assert_array_equal(vision.CenterCrop((2, 3))(IMAGE), IMAGE[2:4, 3:6])
    assert vision.CenterCrop(12)(IMAGE).shape == (12, 12, 3)
    np.testing.assert_array_equal(vision.Pad((1, 2))(IMAGE)[2:-2, 1:-1], IMAGE)
    assert vision.Pad((1, 2, 3, 4), 9)(IMAGE[..., 0])[0, 0] == 9
    np.testing.assert_array_equal(vision.Pad(1, padding_mode=vision.Border.EDGE)(IMAGE)[0, 1:-1], IMAGE[0])
    np.testing.assert_array_equal(vision.RandomHorizontalFlip(1.0)(IMAGE), IMAGE[:, ::-1])
    np.testing.assert_array_equal(vision.RandomVerticalFlip(1.0)(IMAGE), IMAGE[::-1])
    assert vision.RandomCrop((4, 4), padding=2)(IMAGE).shape == (4, 4, 3)
    assert vision.RandomCrop(16, pad_if_needed=True)(IMAGE).shape == (16, 16, 3)


def test_random_resized_crop(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    # Pixels that tell their place: what is cut out is known by its values.
    ramp = np.stack(np.meshgrid(np.arange(40), np.arange(60), indexing="ij"), axis=-1).astype(np.uint8)
    nearest = {"interpolation": vision.Inter.NEAREST}
    for _ in range(50):
        piece = vision.RandomResizedCrop((40, 60), (0.25, 0.5), (0.9, 1.1), **nearest)(ramp)
        tall, wide = (int(piece[..., axis].max()) - int(piece[..., axis].min()) + 1 for axis in range(2))
        assert 0.2 < tall * wide / 2400 < 0.6
        assert 0.8 < wide / tall < 1.2
    whole = vision.RandomResizedCrop((40, 60), (4.0, 4.0), (1.0, 1.0), **nearest)(ramp)
    assert (whole[..., 1].min(), whole[..., 1].max()) == (10, 49)
    pillow.fromarray(IMAGE).save(tmp_path / "image.png")
    data = np.frombuffer((tmp_path / "image.png").read_bytes(), np.uint8)
    assert vision.RandomCropDecodeResize(5, scale=(0.08, 1.0), ratio=(0.75, 1.333))(data).shape == (5, 5, 3)


def test_resize_and_decode(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    for interpolation in vision.Inter:
        assert vision.Resize((4, 5), interpolation)(IMAGE).shape == (4, 5, 3)
    tall = np.repeat(IMAGE[:3, :3], 2, axis=0)
    wanted = np.asarray(pillow.fromarray(tall).resize((3, 3), pillow.Resampling.NEAREST))
    np.testing.assert_array_equal(vision.Resize((3, 3), vision.Inter.NEAREST)(tall), wanted)
    assert vision.Resize(12)(IMAGE).shape == (12, 18, 3)
    assert vision.Resize((28, 28))(IMAGE[..., :1]).shape == (28, 28, 1)
    pillow.fromarray(IMAGE).save(tmp_path / "image.png")
    data = np.frombuffer((tmp_path / "image.png").read_bytes(), np.uint8)
    np.testing.assert_array_equal(vision.Decode()(data), IMAGE)
    with pytest.raises(ValueError, match="no image"):
        vision.Decode()(data[:20])


def test_names_of_mindspore_17():
    from cellc.dataset.transforms import c_transforms
    from cellc.dataset.vision import c_transforms as c_vision
    from cellc.dataset.vision import py_transforms as py_vision

    assert c_transforms.TypeCast is transforms.TypeCast
    assert c_vision.Resize is py_vision.Resize is vision.Resize
    assert transforms.TypeCast(data_type=cellc.int32)(1.5).dtype == np.int32
    image = py_vision.Normalize((0.25, 0.5, 0.0), (0.5, 1.0, 2.0))(vision.ToTensor()(np.full((2, 4, 3), 255, np.uint8)))
    assert image[:, 0, 0].tolist() == [1.5, 0.5, 0.5]
    for mean in (1.0, 1):
        assert py_vision.Normalize(mean, 2.0)(np.ones((3, 2, 2), np.float32)).max() == 0
