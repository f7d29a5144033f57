"""A maker of random configurations for each layer that MindSpore 2.10 runs on a CPU: activations to pooling."""

from __future__ import annotations

from typing import Any

from differential.draw import Configuration, Draw, Maker

ACTIVATIONS = (
    "ELU", "GELU", "HShrink", "HSigmoid", "HSwish", "LeakyReLU", "LogSigmoid", "LogSoftmax", "ReLU", "ReLU6",
    "Sigmoid", "SoftShrink", "Softmax", "Tanh", "CELU", "FastGelu",
)  # fmt: skip
ARGUMENTS = {
    "GELU": lambda d: {"approximate": d.flag()},
    "HShrink": lambda d: {"lambd": d.number(0, 2)},
    "SoftShrink": lambda d: {"lambd": d.number(0, 2)},
    "LeakyReLU": lambda d: {"alpha": d.number(0, 1)},
    "CELU": lambda d: {"alpha": d.number(0.5, 3)},
}


def activation(name: str) -> Maker:
    """An activation of numbers on both sides of its pieces."""

    def make(d: Draw) -> Configuration:
        shape = d.shape()
        arguments = ARGUMENTS.get(name, lambda d: {})(d)
        if name in ("Softmax", "LogSoftmax"):
            arguments = {"axis": d.one(-1, int(d.random.integers(len(shape))))}
        differs = {"gradient of input 0": "2.10 takes the axis of an earlier call"} if name == "Softmax" else {}
        return Configuration(name, arguments, [d.uniform(-8, 8, *shape)], differs=differs)

    return make


def prelu(d: Draw) -> Configuration:
    channels = d.size(4)
    return Configuration(
        "PReLU", {"channel": channels, "w": d.number(0.1, 1)}, [d.normal(d.size(), channels, *d.sizes(2))]
    )


def dense(d: Draw) -> Configuration:
    inputs, outputs = d.sizes(2, 20)
    arguments = {"in_channels": inputs, "out_channels": outputs, "has_bias": d.flag()}
    if d.flag():
        arguments["activation"] = d.one("relu", "sigmoid", "tanh", "gelu", "leakyrelu", "hswish")
    return Configuration("Dense", arguments, [d.normal(*d.shape(1, 2), inputs)])


def window(d: Draw, axes: int, extents: tuple[int, ...], dilated: bool = True) -> dict[str, Any]:
    """Kernel, stride, dilation and padding that fit into the extents."""
    kernel = tuple(d.size(min(3, extent)) for extent in extents)
    dilation = tuple(
        1 if k == 1 or not dilated else d.one(1, min(2, max(1, (e - 1) // (k - 1))))
        for k, e in zip(kernel, extents, strict=True)
    )
    stride = d.sizes(axes, 3)
    mode = d.one("same", "valid", "pad")
    one = axes == 1
    found = {
        "kernel_size": kernel[0] if one else kernel,
        "stride": stride[0] if one else stride,
        "dilation": dilation[0] if one else dilation,
        "pad_mode": mode,
    }
    if mode == "pad":
        found["padding"] = d.size(2, 0) if one else tuple(d.size(2, 0) for _ in range(2 * axes))
    return found


def convolution(name: str, axes: int, transposed: bool = False) -> Maker:
    """Any window that fits; groups and depthwise where the layer has them."""

    def make(d: Draw) -> Configuration:
        extents = d.sizes(axes, 8, 3)
        group = 1 if axes == 3 else d.size(3)
        inputs, outputs = group * d.size(3), group * d.size(3)
        arguments = {"in_channels": inputs, "out_channels": outputs, "has_bias": d.flag()}
        arguments |= window(d, axes, extents, dilated=not (transposed and axes == 3))
        if axes < 3:
            arguments["group"] = group
        return Configuration(name, arguments, [d.normal(d.size(3), inputs, *extents)])

    return make


def pool(name: str, axes: int) -> Maker:
    """'same' and 'valid'."""

    def make(d: Draw) -> Configuration:
        extents = d.sizes(axes, 9, 3)
        arguments = window(d, axes, extents, dilated=False)
        del arguments["dilation"]
        arguments.pop("padding", None)
        arguments["pad_mode"] = d.one("same", "valid")
        return Configuration(name, arguments, [d.normal(d.size(3), d.size(3), *extents)])

    return make


def batch_norm(name: str, axes: int) -> Maker:
    """In both modes, with and without the batch's statistics."""

    def make(d: Draw) -> Configuration:
        channels = d.size(5)
        arguments = {
            "num_features": channels, "eps": d.one(1e-5, 1e-3), "momentum": d.number(0.5, 0.95),
            "use_batch_statistics": d.one(None, True, False), "affine": d.flag(),
        }  # fmt: skip
        # Of fewer numbers the gradient is what rounding leaves of terms that cancel.
        x = d.normal(d.size(6, 4), channels, *d.sizes(axes, 5, 2))
        name_of_variance = "bn2d.moving_variance" if axes == 3 else "variance"
        differs = {f"{name_of_variance} afterwards": "2.10 divides by one less than the number of elements"}
        return Configuration(name, arguments, [x], d.flag(), differs=differs)

    return make


def layer_norm(d: Draw) -> Configuration:
    shape = (*d.shape(1, 3), d.size(9, 4))  # of fewer numbers the gradient is what rounding leaves
    first = d.size(len(shape) - 1, 1)
    arguments = {
        "normalized_shape": shape[first:], "begin_norm_axis": first, "begin_params_axis": first,
        "epsilon": d.one(1e-7, 1e-3),
    }  # fmt: skip
    return Configuration("LayerNorm", arguments, [d.normal(*shape)])


def group_norm(d: Draw) -> Configuration:
    groups, each = d.size(3), d.size(4)
    arguments = {"num_groups": groups, "num_channels": groups * each, "eps": d.one(1e-5, 1e-2), "affine": d.flag()}
    return Configuration("GroupNorm", arguments, [d.normal(d.size(3), groups * each, *d.sizes(2, 6, 2))])


def instance_norm(d: Draw) -> Configuration:
    channels = d.size(4)
    arguments = {"num_features": channels, "eps": d.one(1e-5, 1e-2), "affine": d.flag()}
    x = d.normal(d.size(3), channels, *d.sizes(2, 6, 2))
    return Configuration("InstanceNorm2d", arguments, [x], training=d.flag())


def recurrence(name: str) -> Maker:
    """Layers, directions, lengths."""

    def make(d: Draw) -> Configuration:
        inputs, hidden, layers = d.size(5), d.size(5), d.size(2)
        arguments = {
            "input_size": inputs, "hidden_size": hidden, "num_layers": layers, "has_bias": d.flag(),
            "batch_first": d.flag(), "bidirectional": d.flag(),
        }  # fmt: skip
        if name == "RNN":
            arguments["nonlinearity"] = d.one("tanh", "relu")
        time, batch = d.sizes(2, 5)
        x = d.normal(*((batch, time) if arguments["batch_first"] else (time, batch)), inputs)
        state = d.normal(layers * (1 + arguments["bidirectional"]), batch, hidden)
        call: list[Any] = [x]
        if d.flag():
            call.append((state, d.normal(*state.shape)) if name == "LSTM" else state)
            if d.flag():
                call.append(d.integers(1, time + 1, batch))
        return Configuration(name, arguments, call)

    return make


def recurrent_cell(name: str) -> Maker:
    """One step."""

    def make(d: Draw) -> Configuration:
        inputs, hidden, batch = d.sizes(3, 6)
        arguments = {"input_size": inputs, "hidden_size": hidden, "has_bias": d.flag()}
        if name == "RNNCell":
            arguments["nonlinearity"] = d.one("tanh", "relu")
        h = d.normal(batch, hidden)
        return Configuration(
            name, arguments, [d.normal(batch, inputs), (h, d.normal(batch, hidden)) if name == "LSTMCell" else h]
        )

    return make


def embedding(d: Draw) -> Configuration:
    rows, width = d.sizes(2, 9)
    arguments = {"vocab_size": rows, "embedding_size": width, "use_one_hot": d.flag()}
    if d.flag():
        arguments["padding_idx"] = int(d.random.integers(rows))
    return Configuration("Embedding", arguments, [d.integers(0, rows, *d.shape(1, 3))])


def pad(d: Draw) -> Configuration:
    shape = d.sizes(d.size(4), 6, 3)
    mode = d.one("CONSTANT", "REFLECT", "SYMMETRIC")
    paddings = tuple(tuple(d.size(2, 0) for _ in range(2)) for _ in shape)
    return Configuration("Pad", {"paddings": paddings, "mode": mode}, [d.normal(*shape)])


def flatten(d: Draw) -> Configuration:
    return Configuration("Flatten", {}, [d.normal(*d.shape(2, 5))])


def dropout(d: Draw) -> Configuration:
    return Configuration("Dropout", {"keep_prob": d.number(0.1, 0.9)}, [d.normal(*d.shape())])


LAYERS: dict[str, Maker] = {
    **{name: activation(name) for name in ACTIVATIONS},
    "PReLU": prelu,
    "Dense": dense,
    "Conv1d": convolution("Conv1d", 1),
    "Conv2d": convolution("Conv2d", 2),
    "Conv3d": convolution("Conv3d", 3),
    "Conv1dTranspose": convolution("Conv1dTranspose", 1, transposed=True),
    "Conv2dTranspose": convolution("Conv2dTranspose", 2, transposed=True),
    "Conv3dTranspose": convolution("Conv3dTranspose", 3, transposed=True),
    "MaxPool1d": pool("MaxPool1d", 1),
    "MaxPool2d": pool("MaxPool2d", 2),
    "AvgPool1d": pool("AvgPool1d", 1),
    "AvgPool2d": pool("AvgPool2d", 2),
    "BatchNorm1d": batch_norm("BatchNorm1d", 0),
    "BatchNorm2d": batch_norm("BatchNorm2d", 2),
    "BatchNorm3d": batch_norm("BatchNorm3d", 3),
    "LayerNorm": layer_norm,
    "GroupNorm": group_norm,
    "InstanceNorm2d": instance_norm,
    "RNN": recurrence("RNN"),
    "GRU": recurrence("GRU"),
    "LSTM": recurrence("LSTM"),
    "RNNCell": recurrent_cell("RNNCell"),
    "GRUCell": recurrent_cell("GRUCell"),
    "LSTMCell": recurrent_cell("LSTMCell"),
    "Embedding": embedding,
    "Pad": pad,
    "Flatten": flatten,
    "Dropout": dropout,
}
