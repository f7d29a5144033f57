"""Ascend kernels: their meaning by interpretation, their acceptance by the vendor's compiler."""

import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from cellc.targets.ascend.emit_hivm import emit_hivm
from cellc.targets.ascend.interpreter import from_fractals, run_host, to_fractals
from cellc.targets.ascend.lower_kernels import LowerKernelsToAscendPass
from cellc.targets.target import UnsupportedKernelError
from support.kernels import after_pass, dense

BISHENGIR = Path(sysconfig.get_path("purelib")) / "ascendnpuir/bin/bishengir-opt"


def lowered(text):
    return after_pass(text, LowerKernelsToAscendPass())


def accepted(text, tmp_path):
    """Runs the vendor's pipeline; an `error:` counts even when it exits with 0."""
    if not BISHENGIR.exists():
        pytest.skip("bishengir-opt is not installed (extra `ascend`)")
    file = tmp_path / "kernels.mlir"
    file.write_text(text)
    options = ["-hacc-append-device-spec=target=Ascend910B3"]
    options += ["--optimize-hivm-pipeline=disable-hivm-tensor-compile=true"]
    done = subprocess.run([BISHENGIR, *options, file], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "error:" not in done.stderr
    assert "does not dominate" not in done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (7, 100, 33), (128, 256, 128), (130, 300, 140), (16, 16, 16), (300, 7, 10), (2, 600, 257)]
)
@pytest.mark.parametrize("b_map", ["d1, d2", "d2, d1"])
def test_dense_computes_what_numpy_does(shape, b_map):
    m, k, n = shape
    random = np.random.default_rng(m * k * n)
    a, bias = random.standard_normal((m, k), np.float32), random.standard_normal(n, np.float32)
    b = random.standard_normal((n, k) if b_map == "d1, d2" else (k, n), np.float32)
    out = np.full((m, n), np.nan, np.float32)
    run_host(lowered(dense(m, k, n, b_map)), "dense", [a, b, bias, out])
    a64, b64 = a.astype(np.float16).astype(np.float64), b.astype(np.float16).astype(np.float64)
    b64 = b64.T if b_map == "d1, d2" else b64
    expected = np.maximum(a64 @ b64 + bias, 0)
    # f32 sums of k products: each of k additions rounds by at most 2^-24 of the sum of magnitudes.
    bound = (k + 2) * 2.0**-24 * (np.abs(a64) @ np.abs(b64) + np.abs(bias))
    assert np.all(np.abs(out - expected) <= bound)


def test_f16_operands_are_not_cast():
    module = lowered(dense(5, 6, 7, element="f16"))
    assert "// cast" not in emit_hivm(module)


def test_every_cast_is_reported():
    text = emit_hivm(lowered(dense(5, 6, 7)))
    assert text.count("// cast: @dense:") == 2


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 100, 33), (130, 300, 140), (2, 600, 257)])
@pytest.mark.parametrize("b_map", ["d1, d2", "d2, d1"])
def test_vendor_compiler_accepts_dense(shape, b_map, tmp_path):
    planned = accepted(emit_hivm(lowered(dense(*shape, b_map))), tmp_path)
    assert "mma_tile_half_to_float" in planned


def test_vendor_compiler_refuses_what_does_not_fit(tmp_path):
    """The check above can fail: a unified buffer of 192 KiB cannot hold this."""
    text = emit_hivm(lowered(dense(7, 100, 33))).replace(
        "memref<7x33xf32, #hivm.address_space<ub>>", "memref<7000x33xf32, #hivm.address_space<ub>>"
    )
    with pytest.raises(AssertionError):
        accepted(text, tmp_path)


def test_other_kinds_are_refused_by_name():
    text = dense(2, 3, 4).replace('"contraction"', '"scatter"')
    with pytest.raises(UnsupportedKernelError, match="@dense"):
        lowered(text)


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (17, 31), (100, 72)])
def test_fractals_round_trip(shape):
    matrix = np.random.default_rng(0).standard_normal(shape).astype(np.float16)
    assert np.array_equal(from_fractals(to_fractals(matrix), *shape), matrix)
