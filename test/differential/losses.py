"""A maker of random configurations for each loss, image, matrix, tool and math layer that MindSpore 2.10 runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from differential.draw import Configuration, Draw, Maker

REDUCTIONS = ("none", "mean", "sum")


def pair(name: str, reduced: bool = True) -> Maker:
    """A loss of two tensors of one shape."""

    def make(d: Draw) -> Configuration:
        shape = d.shape()
        arguments: dict[str, Any] = {"reduction": d.one(*REDUCTIONS)} if reduced else {}
        if name == "SmoothL1Loss":
            arguments = {"beta": d.number(0.2, 2), **arguments}
        return Configuration(name, arguments, [d.normal(*shape), d.normal(*shape)])

    return make


def soft_margin(d: Draw) -> Configuration:
    shape = d.shape()
    return Configuration("SoftMarginLoss", {"reduction": d.one(*REDUCTIONS)}, [d.normal(*shape), d.signs(*shape)])


def bce(d: Draw) -> Configuration:
    shape = (*d.shape(1, 3), d.size(7, 2))  # 2.10 doubles the mean of one element
    x, y = d.uniform(0.05, 0.95, *shape), d.uniform(0, 1, *shape)
    return Configuration("BCELoss", {"reduction": d.one(*REDUCTIONS)}, [x, y])


def bce_with_logits(d: Draw) -> Configuration:
    shape = d.shape()
    arguments = {"reduction": d.one(*REDUCTIONS)}
    wrong = "2.10 divides the mean's gradient by other numbers than its value"
    differs = {f"gradient of input {i}": wrong for i in range(2)} if arguments["reduction"] == "mean" else {}
    return Configuration("BCEWithLogitsLoss", arguments, [d.normal(*shape), d.uniform(0, 1, *shape)], differs=differs)


def cross_entropy(d: Draw) -> Configuration:
    rows, classes = d.sizes(2, 9)
    arguments = {"sparse": d.flag(), "reduction": d.one(*REDUCTIONS)}
    labels: Any = d.integers(0, classes, rows)
    if not arguments["sparse"]:
        labels = np.eye(classes, dtype=np.float32)[labels]
    differs = {"gradient of input 1": "MindSpore gives labels a gradient of zero"}
    inputs = [d.normal(rows, classes), labels]
    return Configuration("SoftmaxCrossEntropyWithLogits", arguments, inputs, differs=differs)


def cosine_embedding(d: Draw) -> Configuration:
    rows, width = d.sizes(2, 7, 2)
    arguments = {"margin": d.number(-1, 1), "reduction": d.one(*REDUCTIONS)}
    labels = d.signs(rows).astype(np.int32)
    return Configuration("CosineEmbeddingLoss", arguments, [d.normal(rows, width), d.normal(rows, width), labels])


def dice(d: Draw) -> Configuration:
    shape = d.shape(2, 3)
    inputs = [d.uniform(0, 1, *shape), d.integers(0, 2, *shape).astype(np.float32)]
    return Configuration("DiceLoss", {"smooth": d.number(0.01, 1)}, inputs)


def multi_class_dice(d: Draw) -> Configuration:
    rows, classes = d.size(4), d.size(4, 2)
    shape = (rows, classes, *d.sizes(d.size(2, 0), 4))
    arguments = {"activation": d.one("softmax", None, "sigmoid", "logsoftmax")}
    if d.flag():
        arguments["ignore_indiex"] = int(d.random.integers(classes))
    labels = d.integers(0, 2, *shape).astype(np.float32)
    return Configuration("MultiClassDiceLoss", arguments, [d.uniform(0, 1, *shape), labels])


def focal(d: Draw) -> Configuration:
    rows, classes = d.size(4), d.size(4, 2)
    rest = d.sizes(d.size(2, 0), 4)
    arguments = {"gamma": d.number(0, 3), "reduction": d.one(*REDUCTIONS)}
    return Configuration(
        "FocalLoss", arguments, [d.normal(rows, classes, *rest), d.integers(0, classes, rows, 1, *rest)]
    )


def image(name: str) -> Maker:
    """Two images in [0, max_val]."""

    def make(d: Draw) -> Configuration:
        most = d.one(1.0, 255.0)
        shape = (d.size(2), d.size(3), *d.sizes(2, 20, 12))
        arguments = {"max_val": most}
        if name == "SSIM":
            arguments |= {"filter_size": d.one(3, 5, 11), "filter_sigma": d.number(0.5, 2)}
        return Configuration(name, arguments, [d.uniform(0, most, *shape), d.uniform(0, most, *shape)])

    return make


def image_gradients(d: Draw) -> Configuration:
    return Configuration("ImageGradients", {}, [d.normal(*d.sizes(2), *d.sizes(2, 7, 2))])


def central_crop(d: Draw) -> Configuration:
    return Configuration(
        "CentralCrop", {"central_fraction": d.number(0.05, 1)}, [d.normal(*d.sizes(d.size(4, 3), 9, 2))]
    )


def resize(d: Draw) -> Configuration:
    call: list[Any] = [d.normal(*d.sizes(2, 3), *d.sizes(2, 7, 2)), d.sizes(2, 11)]
    if d.flag():
        call += [None, True]
    return Configuration("ResizeBilinear", {}, call)


def of_tensor(name: str, least: int = 2, most: int = 4, **arguments: Any) -> Maker:
    """A layer of one tensor; an argument may be a function that draws it for a shape."""

    def make(d: Draw) -> Configuration:
        shape = d.shape(least, most)
        drawn = {key: value(d, shape) if callable(value) else value for key, value in arguments.items()}
        return Configuration(name, drawn, [d.normal(*shape)])

    return make


def axis(d: Draw, shape: tuple[int, ...]) -> int:
    return int(d.random.integers(-len(shape), len(shape)))


def flag(d: Draw, shape: tuple[int, ...]) -> bool:
    return d.flag()


def triangle(name: str) -> Maker:
    """With a diagonal as the second input."""

    def make(d: Draw) -> Configuration:
        return Configuration(name, {}, [d.normal(*d.shape(2, 3)), int(d.random.integers(-2, 3))])

    return make


def matmul(d: Draw) -> Configuration:
    m, k, n = d.sizes(3)
    left, right = d.flag(), d.flag()
    batch = d.sizes(d.size(2, 0), 3)
    inputs = [d.normal(*batch, *((k, m) if left else (m, k))), d.normal(*batch, *((n, k) if right else (k, n)))]
    return Configuration("MatMul", {"transpose_x1": left, "transpose_x2": right}, inputs)


def clip_by_norm(d: Draw) -> Configuration:
    return Configuration("ClipByNorm", {}, [d.normal(*d.shape(2, 3)), np.array(d.number(0.5, 3), np.float32)])


def one_hot(d: Draw) -> Configuration:
    depth = d.size(6)
    arguments = {"axis": d.one(-1, 0), "depth": depth, "on_value": d.number(0, 2), "off_value": d.number(-1, 0)}
    return Configuration("OneHot", arguments, [d.integers(0, depth, *d.shape(1, 2))], gradient=False)


def range_of(d: Draw) -> Configuration:
    start = d.size(5)
    return Configuration("Range", {"start": start, "limit": start + d.size(9), "delta": d.size(3)}, [], gradient=False)


def roll(d: Draw) -> Configuration:
    shape = d.shape(2, 3)
    return Configuration(
        "Roll", {"shift": d.size(4, 0), "axis": int(d.random.integers(len(shape)))}, [d.normal(*shape)]
    )


def unfold(d: Draw) -> Configuration:
    kernel, stride, rate = ((1, *d.sizes(2, 2), 1) for _ in range(3))
    arguments = {"ksizes": kernel, "strides": stride, "rates": rate, "padding": d.one("valid", "same")}
    return Configuration("Unfold", arguments, [d.normal(*d.sizes(2, 3), *d.sizes(2, 8, 4))])


FURTHER: dict[str, Maker] = {
    "L1Loss": pair("L1Loss"),
    "MSELoss": pair("MSELoss"),
    "RMSELoss": pair("RMSELoss", reduced=False),
    "SmoothL1Loss": pair("SmoothL1Loss"),
    "SoftMarginLoss": soft_margin,
    "BCELoss": bce,
    "BCEWithLogitsLoss": bce_with_logits,
    "SoftmaxCrossEntropyWithLogits": cross_entropy,
    "CosineEmbeddingLoss": cosine_embedding,
    "DiceLoss": dice,
    "MultiClassDiceLoss": multi_class_dice,
    "FocalLoss": focal,
    "PSNR": image("PSNR"),
    "SSIM": image("SSIM"),
    "ImageGradients": image_gradients,
    "CentralCrop": central_crop,
    "ResizeBilinear": resize,
    "MatrixDiag": of_tensor("MatrixDiag", 1, 3),
    "MatrixDiagPart": of_tensor("MatrixDiagPart", 2, 3),
    "Norm": of_tensor("Norm", axis=axis, keep_dims=flag),
    "Moments": of_tensor("Moments", axis=axis, keep_dims=flag),
    "ReduceLogSumExp": of_tensor("ReduceLogSumExp", axis=axis, keep_dims=flag),
    "L1Regularizer": of_tensor("L1Regularizer", 1, 3, scale=lambda d, shape: d.number(0.1, 2)),
    "Tril": triangle("Tril"),
    "Triu": triangle("Triu"),
    "MatMul": matmul,
    "ClipByNorm": clip_by_norm,
    "OneHot": one_hot,
    "Range": range_of,
    "Roll": roll,
    "Unfold": unfold,
}
