"""What layers compute, written down again in NumPy float64 from their formulas.

Nothing here uses the meanings of the `nn` ops: these functions check them too. They are slow and plain on purpose.
`p` holds the parameters by name.
"""

import math

import numpy as np


def relu(p, x):
    return np.maximum(x, 0)


def relu6(p, x):
    return np.clip(x, 0, 6)


def sigmoid(p, x):
    return 1 / (1 + np.exp(-x))


def tanh(p, x):
    return np.tanh(x)


def gelu_tanh(p, x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu_erf(p, x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def softmax(axis):
    def oracle(p, x):
        e = np.exp(x - x.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)

    return oracle


def log_softmax(axis):
    return lambda p, x: np.log(softmax(axis)(p, x))


def dense(activation=lambda p, x: x):
    return lambda p, x: activation(p, x @ p["weight"].T + p.get("bias", 0.0))


def same_padding(extent, kernel, stride, dilation=1):
    """(before, after) for ceil(extent / stride) windows, the odd element after."""
    total = max((math.ceil(extent / stride) - 1) * stride + dilation * (kernel - 1) + 1 - extent, 0)
    return total // 2, total - total // 2


def conv2d(stride=(1, 1), pad=None, dilation=(1, 1), group=1):
    """`pad` is None for "same", else (top, bottom, left, right)."""

    def oracle(p, x):
        w = p["weight"]
        (n, c, height, width), (k, _, r, s) = x.shape, w.shape
        if pad is None:
            rows = same_padding(height, r, stride[0], dilation[0])
            columns = same_padding(width, s, stride[1], dilation[1])
        else:
            rows, columns = pad[:2], pad[2:]
        x = np.pad(x, ((0, 0), (0, 0), rows, columns))
        reach = [(r - 1) * dilation[0] + 1, (s - 1) * dilation[1] + 1]
        out_h = (x.shape[2] - reach[0]) // stride[0] + 1
        out_w = (x.shape[3] - reach[1]) // stride[1] + 1
        y = np.zeros((n, k, out_h, out_w))
        for channel in range(k):
            first = channel // (k // group) * (c // group)
            for i in range(out_h):
                for j in range(out_w):
                    top, left = i * stride[0], j * stride[1]
                    window = x[:, first : first + c // group, top : top + reach[0], left : left + reach[1]]
                    window = window[:, :, :: dilation[0], :: dilation[1]]
                    y[:, channel, i, j] = (window * w[channel]).sum(axis=(1, 2, 3))
        return y + p["bias"][:, None, None] if "bias" in p else y

    return oracle


def pool2d(reduce, kernel, stride, same):
    """Windows cut off at the border, so padding is neither chosen nor counted."""

    def oracle(p, x):
        n, c, height, width = x.shape
        top, left = (same_padding(height, kernel[0], stride[0])[0], same_padding(width, kernel[1], stride[1])[0])
        if same:
            out_h, out_w = math.ceil(height / stride[0]), math.ceil(width / stride[1])
        else:
            top = left = 0
            out_h, out_w = (height - kernel[0]) // stride[0] + 1, (width - kernel[1]) // stride[1] + 1
        y = np.zeros((n, c, out_h, out_w))
        for i in range(out_h):
            for j in range(out_w):
                a, b = i * stride[0] - top, j * stride[1] - left
                window = x[:, :, max(a, 0) : a + kernel[0], max(b, 0) : b + kernel[1]]
                y[:, :, i, j] = reduce(window, axis=(2, 3))
        return y

    return oracle


def flatten(p, x):
    return x.reshape(x.shape[0], -1)


def batch_norm(training, eps=1e-5, mean="mean", variance="variance"):
    def oracle(p, x):
        if training:
            mu = x.mean(axis=(0, 2, 3))
            var = ((x - mu[:, None, None]) ** 2).mean(axis=(0, 2, 3))
        else:
            mu, var = p[mean], p[variance]
        normal = (x - mu[:, None, None]) / np.sqrt(var + eps)[:, None, None]
        return p["gamma"][:, None, None] * normal + p["beta"][:, None, None]

    return oracle


def layer_norm(axes, eps=1e-7):
    def oracle(p, x):
        mu = x.mean(axis=axes, keepdims=True)
        var = ((x - mu) ** 2).mean(axis=axes, keepdims=True)
        return p["gamma"] * (x - mu) / np.sqrt(var + eps) + p["beta"]

    return oracle


def identity(p, x):
    return x


def embedding(p, ids):
    table = p["embedding_table"]
    rows = [table[i] if 0 <= i < len(table) else np.zeros(table.shape[1]) for i in ids.reshape(-1)]
    return np.reshape(rows, (*ids.shape, table.shape[1]))


def _lstm_direction(x, w_ih, w_hh, bias, h, c, lengths):
    steps, batch, hidden = x.shape[0], x.shape[1], h.shape[1]
    h, c = h.copy(), c.copy()
    y = np.zeros((steps, batch, hidden))
    for n in range(batch):
        for t in range(lengths[n]):
            i, f, g, o = np.split(x[t, n] @ w_ih.T + h[n] @ w_hh.T + bias, 4)
            c[n] = sigmoid(None, f) * c[n] + sigmoid(None, i) * np.tanh(g)
            h[n] = sigmoid(None, o) * np.tanh(c[n])
            y[t, n] = h[n]
    return y, h, c


def _turned(x, lengths):
    y = x.copy()
    for n, length in enumerate(lengths):
        y[:length, n] = x[:length, n][::-1]
    return y


def lstm(layers=1, bidirectional=False, batch_first=False):
    def oracle(p, x, hx=None, lengths=None):
        x = x.swapaxes(0, 1) if batch_first else x
        hidden = p["weight_hh_l0"].shape[1]
        lengths = [x.shape[0]] * x.shape[1] if lengths is None else lengths
        suffixes = ["", "_reverse"] if bidirectional else [""]
        state = np.zeros((layers * len(suffixes), x.shape[1], hidden))
        h0, c0 = (state, state) if hx is None else hx
        hs, cs = [], []
        for layer in range(layers):
            outputs = []
            for suffix in suffixes:
                at = f"l{layer}{suffix}"
                bias = p.get(f"bias_ih_{at}", 0.0) + p.get(f"bias_hh_{at}", 0.0)
                turned = _turned(x, lengths) if suffix else x
                y, h, c = _lstm_direction(turned, p[f"weight_ih_{at}"], p[f"weight_hh_{at}"], bias,
                                          h0[len(hs)], c0[len(cs)], lengths)  # fmt: skip
                outputs.append(_turned(y, lengths) if suffix else y)
                hs.append(h)
                cs.append(c)
            x = np.concatenate(outputs, axis=2)
        return (x.swapaxes(0, 1) if batch_first else x), (np.array(hs), np.array(cs))

    return oracle


def reduced(element_loss, reduction):
    def oracle(p, *inputs):
        loss = element_loss(*inputs)
        return {"mean": np.mean, "sum": np.sum, "none": lambda x: x}[reduction](loss)

    return oracle


def squared_error(logits, labels):
    return (logits - labels) ** 2


def absolute_error(logits, labels):
    return np.abs(logits - labels)


def cross_entropy(logits, labels):
    """Labels are class numbers (N,) or probabilities (N, C)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    if labels.ndim == 1:
        return -log_p[np.arange(len(labels)), labels]
    return -(labels * log_p).sum(axis=1)
