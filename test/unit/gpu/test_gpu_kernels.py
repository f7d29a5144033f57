"""GPU kernels: the meaning of the mapped IR thread by thread, and that ptxas accepts the PTX without spills."""

import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects import gpu

from cellc.targets.gpu.emit_ptx import emit_ptx
from cellc.targets.gpu.interpreter import run_kernel
from cellc.targets.gpu.map_kernels import MapKernelsToGPUPass
from cellc.targets.target import UnsupportedKernelError
from support.kernels import after_pass, column_argmax, conv2d, dense, pad, row_sum


def mapped(text):
    return after_pass(text, MapKernelsToGPUPass())


def run(text, *arrays, seed=0):
    op = next(op for op in mapped(text).walk() if isinstance(op, gpu.FuncOp))
    run_kernel(op, arrays, seed)


def ptxas(text, tmp_path):
    """What ptxas says of the PTX; skips where it is not installed."""
    found = sorted(Path(sysconfig.get_path("purelib")).glob("nvidia/**/bin/ptxas"))
    if not found:
        pytest.skip("ptxas is not installed (extra `gpu`)")
    file = tmp_path / "kernels.ptx"
    file.write_text(text)
    command = [found[0], "-arch=sm_90", "-v", file, "-o", tmp_path / "kernels.cubin"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 20, 10), (64, 16, 64), (65, 17, 66)])
@pytest.mark.parametrize("b_map", ["d1, d2", "d2, d1"])
def test_dense(shape, b_map):
    m, k, n = shape
    random = np.random.default_rng(m * k * n)
    a, bias = random.standard_normal((m, k), np.float32), random.standard_normal(n, np.float32)
    b = random.standard_normal((n, k) if b_map == "d1, d2" else (k, n), np.float32)
    out = np.full((m, n), np.nan, np.float32)
    run(dense(m, k, n, b_map), a, b, bias, out)
    b64 = (b.T if b_map == "d1, d2" else b).astype(np.float64)
    expected = np.maximum(a @ b64 + bias, 0)
    bound = (k + 2) * 2.0**-24 * (np.abs(a) @ np.abs(b64) + np.abs(bias))
    assert np.all(np.abs(out - expected) <= bound)


def test_a_missing_barrier_shows():
    """The interpreter can fail: without barriers a thread multiplies what another has not staged yet."""
    module = mapped(dense(20, 40, 20))
    for op in [op for op in module.walk() if isinstance(op, gpu.BarrierOp)]:
        op.detach()
    op = next(op for op in module.walk() if isinstance(op, gpu.FuncOp))
    out = np.zeros((20, 20), np.float32)
    run_kernel(op, [np.ones((20, 40), np.float32), np.ones((20, 40), np.float32), np.zeros(20, np.float32), out])
    assert not np.all(out == 40)


def test_reduction_takes_a_thread_an_element():
    x = np.random.default_rng(0).standard_normal((5, 7), np.float32)
    out = np.full(5, np.nan, np.float32)
    run(row_sum(5, 7), x, out)
    assert np.allclose(out, x.astype(np.float64).sum(1), rtol=1e-6, atol=1e-6)


def test_a_result_that_is_not_returned_is_not_stored():
    x = np.random.default_rng(0).standard_normal((9, 20), np.float32)
    out = np.full(20, -1, np.int32)
    run(column_argmax(9, 20), x, out)
    assert np.array_equal(out, x.argmax(0))


def test_convolution_takes_a_thread_an_element():
    random = np.random.default_rng(1)
    x, w = random.standard_normal((1, 2, 5, 6), np.float32), random.standard_normal((3, 2, 3, 3), np.float32)
    out = np.full((1, 3, 3, 4), np.nan, np.float32)
    run(conv2d(1, 2, 5, 6, 3, 3, 3), x, w, out)
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (3, 3), axis=(2, 3))
    assert np.allclose(out, np.einsum("nchwrs,kcrs->nkhw", windows, w), rtol=1e-5, atol=1e-5)


def test_copy_finds_where_its_element_comes_from():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    out = np.full((5, 8), np.nan, np.float32)
    run(pad(2, 3), x, out)
    expected = np.full((5, 8), 7, np.float32)
    expected[1::2, 2::2] = x
    assert np.array_equal(out, expected)


KERNELS = [
    dense(70, 33, 100),
    dense(64, 784, 512, "d2, d1"),
    dense(7, 20, 10, activation="math.exp %q"),
    dense(7, 33, 10),
    row_sum(5, 7),
    conv2d(1, 2, 5, 6, 3, 3, 3),
    pad(2, 3),
]


@pytest.mark.parametrize("text", KERNELS)
def test_ptxas_accepts_without_spills(text, tmp_path):
    said = ptxas(emit_ptx(mapped(text)), tmp_path)
    assert "0 bytes spill stores, 0 bytes spill loads" in said
    assert "warning" not in said.lower()


def test_matmul_stages_through_shared_memory_and_uses_fma():
    text = emit_ptx(mapped(dense(64, 64, 64)))
    assert text.count("fma.rn.f32") >= 16
    assert text.count(".shared .align") == 2
    assert "bar.sync" in text or "barrier.sync" in text


def test_other_kinds_are_refused_by_name():
    text = dense(2, 3, 4).replace("return %o", "%s = tensor.insert_slice %o into %e2[0, 0] [2, 4] [1, 1] : "
                                  "tensor<2x4xf32> into tensor<2x4xf32>\n      return %s")  # fmt: skip
    with pytest.raises(UnsupportedKernelError, match="@dense"):
        mapped(text)
