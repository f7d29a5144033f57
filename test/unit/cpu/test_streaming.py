"""Results too large for any cache are stored past it, where they lie right; the values are those of other stores."""

import numpy as np
import pytest

from cellc.targets.cpu.level import LEVELS, native_level
from support.assembly import count
from support.cpu_kernels import (
    CompiledKernel,
    Operand,
    assembly,
    compile_text,
    empty,
    filled,
    generic,
    kernel,
    tensor_type,
)
from support.kernel_calls import call

LARGE, SMALL = (4099, 1024), (4095, 1024)
LEVELS_HERE = ["v3", native_level().name]
SQUARE = "%s = arith.mulf %i0, %i0 : f32\nlinalg.yield %s : f32"
SUM = "%s = arith.addf %o0, %i0 : f32\nlinalg.yield %s : f32"
BODY = "%s = arith.addf %i0, %i1 : f32\nlinalg.yield %s : f32"


def added(shape: tuple[int, int], indexing: str = "d0, d1") -> str:
    operands = [Operand("%x", shape, "f32", "d0, d1"), Operand("%y", (shape[1],), "f32", "d1")]
    ops = [empty("%e", shape, "f32"), generic("%r", "pp", operands, [Operand("%e", shape, "f32", indexing)], BODY)]
    return kernel("elementwise", [(o.name, o.shape, o.element) for o in operands], ops, [("%r", shape, "f32")])


def memory(size: int, offset: int) -> np.ndarray:
    """Floats that begin `offset` bytes after a multiple of 64."""
    raw = np.zeros(4 * size + 128 + offset, np.uint8)
    start = -raw.ctypes.data % 64 + offset
    return raw[start : start + 4 * size].view(np.float32)


def run(compiled: CompiledKernel, x: np.ndarray, y: np.ndarray, result: np.ndarray) -> None:
    for block in range(compiled.code.blocks):
        call(compiled.address, [x, y, result], block, np.empty(0, np.uint8))


@pytest.mark.parametrize("level", LEVELS_HERE)
def test_only_large_results_are_streamed(level: str) -> None:
    streaming = [count(r"vmovnt|sfence", assembly(added(s), LEVELS[level]).splitlines()) for s in (LARGE, SMALL)]
    assert streaming[0] >= 2
    assert streaming[1] == 0


@pytest.mark.parametrize("level", LEVELS_HERE)
@pytest.mark.parametrize("shape", [LARGE, (4100, 1030)])
def test_results_that_lie_anywhere(shape: tuple[int, int], level: str) -> None:
    """At a multiple of 64 bytes, beside one, and where the argument lies."""
    compiled, size = compile_text(added(shape), LEVELS[level]), shape[0] * shape[1]
    x, y = (np.random.default_rng(i).standard_normal(s).astype(np.float32) for i, s in enumerate((size, shape[1])))
    expected = (x.reshape(shape) + y).ravel()
    for offset in (0, 4, 32):
        result = memory(size, offset)
        run(compiled, x, y, result)
        np.testing.assert_array_equal(result, expected)
    in_place = memory(size, 0)
    in_place[...] = x
    run(compiled, in_place, y, in_place)
    np.testing.assert_array_equal(in_place, expected)


@pytest.mark.parametrize("level", LEVELS_HERE)
def test_what_the_kernel_touches_again_is_not_streamed(level: str) -> None:
    """A fill under a slice, and a result that another op of a chain reads."""
    whole, part = (4099, 1024), (4099, 1008)

    def matrix(name: str) -> Operand:
        return Operand(name, whole, "f32", "d0, d1")

    slices = f"{tensor_type(part, 'f32')} into {tensor_type(whole, 'f32')}"
    insert = f"%r = tensor.insert_slice %x into %f[0, 16] [4099, 1008] [1, 1] : {slices}"
    padded = kernel("copy", [("%x", part, "f32")], [filled("%f", whole, "f32", "1.5"), insert], [("%r", whole, "f32")])
    chain = kernel(
        "reduction",
        [("%x", whole, "f32")],
        [
            empty("%e", whole, "f32"),
            generic(
                "%r", "pp", [Operand("%x", whole, "f32", "d0, d1")], [Operand("%e", whole, "f32", "d0, d1")], SQUARE
            ),
            filled("%f", whole[:1], "f32", "0.0"),
            generic("%s", "pr", [Operand("%r", whole, "f32", "d0, d1")], [Operand("%f", whole[:1], "f32", "d0")], SUM),
        ],
        [("%r", whole, "f32"), ("%s", whole[:1], "f32")],
        outer=1,
    )
    for text in (padded, chain):
        assert not count(r"vmovnt|sfence", assembly(text, LEVELS[level]).splitlines())


def transposed(shape: tuple[int, int]) -> str:
    source, result = Operand("%x", shape[::-1], "f32", "d1, d0"), Operand("%e", shape, "f32", "d0, d1")
    ops = [empty("%e", shape, "f32"), generic("%r", "pp", [source], [result], "linalg.yield %i0 : f32")]
    return kernel("elementwise", [("%x", shape[::-1], "f32")], ops, [("%r", shape, "f32")])


@pytest.mark.parametrize(("level", "streams"), [("v4", True), ("v3", False)])
def test_tiles_are_streamed_in_whole_lines(level: str, streams: bool) -> None:
    text = assembly(transposed((4100, 1040)), LEVELS[level])
    assert bool(count(r"vmovnt|sfence", text.splitlines())) == streams


@pytest.mark.parametrize("level", LEVELS_HERE)
@pytest.mark.parametrize("shape", [(4100, 1040), (4101, 1027)])
def test_tiles_that_lie_anywhere(shape: tuple[int, int], level: str) -> None:
    compiled = compile_text(transposed(shape), LEVELS[level])
    x = np.random.default_rng(0).standard_normal(shape[::-1]).astype(np.float32)
    for offset in (0, 4):
        result = memory(x.size, offset)
        for block in range(compiled.code.blocks):
            call(compiled.address, [x, result], block, np.empty(0, np.uint8))
        np.testing.assert_array_equal(result.reshape(shape), x.T)


@pytest.mark.parametrize("level", LEVELS_HERE)
@pytest.mark.parametrize("columns", [1024, 1025])
def test_lanes_along_two_loops(columns: int, level: str) -> None:
    """Rows begin at multiples of a vector, or do not."""
    shape = (2100, columns, 2)
    pairs = [Operand("%x", shape[:1], "f32", "d0"), Operand("%y", shape[1:2], "f32", "d1")]
    ops = [empty("%e", shape, "f32"), generic("%r", "ppp", pairs, [Operand("%e", shape, "f32", "d0, d1, d2")], BODY)]
    text = kernel("elementwise", [(o.name, o.shape, o.element) for o in pairs], ops, [("%r", shape, "f32")])
    streaming = count(r"vmovnt|sfence", assembly(text, LEVELS[level]).splitlines())
    assert (streaming >= 2) == (columns == 1024)
    x, y = (np.random.default_rng(i).standard_normal(o.shape, np.float32) for i, o in enumerate(pairs))
    np.testing.assert_array_equal(
        compile_text(text, LEVELS[level])(x, y)[0], np.broadcast_to((x[:, None] + y)[..., None], shape)
    )
