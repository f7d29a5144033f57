"""Each rule of the kernel form is checked: a kernel that breaks it is refused."""

from __future__ import annotations

import pytest
from xdsl.parser import Parser

from cellc.passes.context import make_context
from cellc.passes.kernel_form import KernelFormError, kernels_of, verify_kernel_form

ID = "affine_map<(d0, d1) -> (d0, d1)>"
SWAP = "affine_map<(d0, d1) -> (d1, d0)>"
ROW = "affine_map<(d0, d1) -> (d0)>"
COLUMN = "affine_map<(d0, d1) -> (d1)>"
M = "tensor<4x4xf32>"
V = "tensor<4xf32>"


def _generic(
    name: str, inputs: list[tuple[str, str, str]], output: tuple[str, str], body: str, kinds: str = "pp"
) -> str:
    maps = ", ".join([*(m for _, m, _ in inputs), output[0]])
    iterators = ", ".join({"p": '"parallel"', "r": '"reduction"'}[kind] for kind in kinds)
    names, types = ", ".join(n for n, _, _ in inputs), ", ".join(t for _, _, t in inputs)
    arguments = ", ".join(f"%x{i}: f32" for i in range(len(inputs)))
    return (
        f"%e{name} = tensor.empty() : {output[1]}\n"
        f"%{name} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{iterators}]}} "
        f"ins({names} : {types}) "
        f"outs(%e{name} : {output[1]}) {{\n^bb0({arguments}, %o: f32):\n{body}\n"
        f"linalg.yield %r : f32\n}} -> {output[1]}\n"
    )


TWICE = "%r = arith.addf %x0, %x0 : f32"
SUM = "%r = arith.addf %o, %x0 : f32"
OUTER = ", cellc.outer = 1 : i64"
DOT = "%p = arith.mulf %x0, %x1 : f32\n%r = arith.addf %o, %p : f32"
PRODUCT = _generic(
    "m",
    [
        ("%a", "affine_map<(i, j, k) -> (i, k)>", M),
        ("%b", "affine_map<(i, j, k) -> (k, j)>", M),
    ],
    ("affine_map<(i, j, k) -> (i, j)>", M),
    DOT,
    "ppr",
)
# What makes the left factor, and the product that reads it.
MASKED = _generic(
    "v", [("%a", SWAP, M), ("%b", ROW.replace("d0)>", "d0, 0)>"), M)], (ID, M), "%r = arith.mulf %x0, %x1 : f32"
)
OF_MASKED = PRODUCT.replace("ins(%a", "ins(%v")
EPILOGUE = _generic("n", [("%m", ID, M)], (ID, M), TWICE)
ROWS = _generic("s", [("%a", ID, M)], (ROW, V), SUM, "pr")


def _verify(kind: str, body: str, result: str, type_: str, extra: str = "") -> None:
    text = (
        f'func.func private @k(%a: {M}, %b: {M}) -> {type_} attributes {{cellc.kind = "{kind}"{extra}}} {{\n'
        f"{body}\nreturn {result} : {type_}\n}}"
    )
    module = Parser(make_context(), text).parse_module()
    module.verify()
    (kernel,) = kernels_of(module)
    verify_kernel_form(kernel)


def _padded(source: str) -> str:
    """A generic, and `source` inserted into a fill, which is not the result."""
    return (
        _generic("n", [("%a", ID, M)], (ID, M), TWICE)
        + "%c = arith.constant 0.0 : f32\n%e = tensor.empty() : tensor<6x6xf32>\n"
        + "%f = linalg.fill ins(%c : f32) outs(%e : tensor<6x6xf32>) -> tensor<6x6xf32>\n"
        + f"%p = tensor.insert_slice {source} into %f[1, 1] [4, 4] [1, 1] : {M} into tensor<6x6xf32>\n"
    )


def _product(name: str, left: str, right: str, transposed: bool) -> str:
    """left right, or left right^T."""
    rhs = "affine_map<(i, j, k) -> (j, k)>" if transposed else "affine_map<(i, j, k) -> (k, j)>"
    factors = [(left, "affine_map<(i, j, k) -> (i, k)>", M), (right, rhs, M)]
    return _generic(name, factors, ("affine_map<(i, j, k) -> (i, j)>", M), DOT, "ppr")


def _by_row(name: str, left: str, indexing: str) -> str:
    """A product with another right factor for each row."""
    cube = "tensor<4x4x4xf32>"
    factors = [
        (left, "affine_map<(i, j, k) -> (i, k)>", M),
        (f"%c{name}", f"affine_map<(i, j, k) -> ({indexing})>", cube),
    ]
    return f"%c{name} = tensor.empty() : {cube}\n" + _generic(
        name, factors, ("affine_map<(i, j, k) -> (i, j)>", M), DOT, "ppr"
    )


def _rows(reads: str = ID, writes: str = ID) -> str:
    """The scores %s over their sums in rows: the weights %w."""
    sums = _generic("t", [("%s", reads, M)], (ROW, V), SUM, "pr")
    return sums + _generic("w", [("%s", ID, M), ("%t", ROW, V)], (writes, M), "%r = arith.divf %x0, %x1 : f32")


def _attention(
    first: str = _product("s", "%a", "%b", True),
    chain: str | None = None,
    second: str = _product("y", "%w", "%b", False),
    **maps: str,
) -> str:
    return first + (_rows(**maps) if chain is None else chain) + second


def _over_sums(loop: str) -> str:
    """Results %z that are divided by the sums of rows, or of what has the number of their column."""
    places = f"affine_map<(i, j) -> ({loop})>"
    return _attention() + _generic("z", [("%y", ID, M), ("%t", places, V)], (ID, M), "%r = arith.divf %x0, %x1 : f32")


def test_valid_kernels_pass() -> None:
    _verify("elementwise", _generic("m", [("%a", SWAP, M)], (ID, M), TWICE), "%m", M)
    _verify("contraction", PRODUCT + EPILOGUE, "%n", M)
    _verify("contraction", MASKED + OF_MASKED + EPILOGUE, "%n", M)
    spread = _generic("t", [("%a", ID, M), ("%s", ROW, V)], (ID, M), "%r = arith.subf %x0, %x1 : f32")
    _verify("reduction", ROWS + spread, "%t", M, ", cellc.outer = 1 : i64, cellc.in_place = [[0, 0]]")
    _verify("reduction", PADS_COLUMNS + READS_PAD, "%n", M, OUTER)
    _verify("elementwise", INNER + READS_INNER, "%n", "tensor<2x2xf32>")
    _verify("attention", _attention(), "%y", M, OUTER)
    scaled = _attention() + _generic("z", [("%y", ID, M)], (SWAP, M), TWICE)
    _verify("attention", scaled, "%z", M, OUTER)
    _verify("attention", _over_sums("i"), "%z", M, OUTER)


_ROWS_ALONE = _generic("v", [("%a", ROW.replace("d0)>", "d0, 0)>"), M)], (ID, M), TWICE)
_PLACES = _generic(
    "v",
    [("%a", ID, M)],
    (ID, M),
    "%i = linalg.index 0 : index\n%j = arith.index_cast %i : index to i32\n%k = arith.sitofp %j : i32 to f32\n"
    "%r = arith.addf %x0, %k : f32",
)
ONE = EPILOGUE.replace("%m ", "%a ")
TWO = ONE + ONE.replace("%n ", "%q ").replace("%en", "%eq")
SWAPPED = _generic("n", [("%m", SWAP, M)], (ID, M), TWICE)
ACROSS = _generic("n", [("%s", COLUMN, V)], (ID, M), TWICE)
COPY = f"%n = tensor.insert_slice %a into %b[0, 0] [4, 4] [1, 1] : {M} into {M}"

WINDOW = "affine_map<(d0, d1) -> (d0, d1 + 1)>"
PADS_COLUMNS = (
    "%c = arith.constant 0.0 : f32\n%ep = tensor.empty() : tensor<4x6xf32>\n"
    "%f = linalg.fill ins(%c : f32) outs(%ep : tensor<4x6xf32>) -> tensor<4x6xf32>\n"
    f"%p = tensor.insert_slice %a into %f[0, 1] [4, 4] [1, 1] : {M} into tensor<4x6xf32>\n"
)
PADS_ROWS = PADS_COLUMNS.replace("4x6xf32", "6x4xf32").replace("[0, 1]", "[1, 0]")
INNER = f"%p = tensor.extract_slice %a[1, 1] [2, 2] [1, 1] : {M} to tensor<2x2xf32>\n"
READS_INNER = _generic("n", [("%p", SWAP, "tensor<2x2xf32>")], (ID, "tensor<2x2xf32>"), TWICE)
READS_PAD = _generic("n", [("%p", WINDOW, "tensor<4x6xf32>")], (ID, M), TWICE)

REFUSED = {
    "two generics": (1, "elementwise", TWO, "%n", M, ""),
    "permuted output": (1, "elementwise", _generic("n", [("%a", ID, M)], (SWAP, M), TWICE), "%n", M, ""),
    "no contraction": (2, "contraction", ROWS, "%s", V, ""),
    "permuted read": (2, "contraction", PRODUCT + SWAPPED, "%n", M, ""),
    "product escapes": (2, "contraction", PRODUCT + EPILOGUE, "%m", M, ""),
    "a factor that escapes": (2, "contraction", MASKED + OF_MASKED, "%v", M, ""),
    "a factor made of part of what is read": (2, "contraction", _ROWS_ALONE + OF_MASKED, "%m", M, ""),
    "a factor made transposed": (
        2,
        "contraction",
        MASKED.replace(f"{ID}]", f"{SWAP}]") + OF_MASKED,
        "%m",
        M,
        "",
    ),
    "a factor that depends on where it is": (2, "contraction", _PLACES + OF_MASKED, "%m", M, ""),
    "an op that makes no factor": (2, "contraction", MASKED + PRODUCT, "%m", M, ""),
    "no outer": (3, "reduction", ROWS, "%s", V, ""),
    "reduced shared loop": (3, "reduction", ROWS, "%s", V, ", cellc.outer = 2 : i64"),
    "other index first": (3, "reduction", ROWS + ACROSS, "%n", M, OUTER),
    "a pad of a shared dimension": (
        3,
        "reduction",
        PADS_ROWS + _generic("n", [("%p", ID, "tensor<6x4xf32>")], (ID, "tensor<6x4xf32>"), TWICE),
        "%n",
        "tensor<6x4xf32>",
        OUTER,
    ),
    "a pad read across shared loops": (
        3,
        "reduction",
        PADS_COLUMNS + _generic("n", [("%p", SWAP, "tensor<4x6xf32>")], (ID, "tensor<6x4xf32>"), TWICE),
        "%n",
        "tensor<6x4xf32>",
        OUTER,
    ),
    "a pad with steps": (5, "reduction", PADS_COLUMNS.replace("[1, 1] :", "[2, 1] :") + READS_PAD, "%n", M, OUTER),
    "an inner part with steps": (
        5,
        "elementwise",
        INNER.replace("[1, 1] :", "[2, 2] :") + READS_INNER,
        "%n",
        "tensor<2x2xf32>",
        "",
    ),
    "an inner part of what is read whole": (5, "elementwise", INNER + ONE, "%n", M, ""),
    "an inner part of a result": (
        5,
        "reduction",
        ROWS + "%p = tensor.extract_slice %s[1] [2] [1] : tensor<4xf32> to tensor<2xf32>\n",
        "%p",
        "tensor<2xf32>",
        OUTER,
    ),
    "unknown kind": (4, "sorting", ONE, "%n", M, ""),
    "not a copy": (4, "copy", ONE, "%n", M, ""),
    "foreign op": (5, "elementwise", COPY, "%n", M, ""),
    "attention without a chain": (
        8,
        "attention",
        _attention(chain="", second=_product("y", "%s", "%b", False)),
        "%y",
        M,
        OUTER,
    ),
    "attention without products": (8, "attention", ROWS, "%s", V, OUTER),
    "scores escape": (8, "attention", _attention(), "%s", M, OUTER),
    "weights twice": (8, "attention", _attention(second=_product("y", "%w", "%w", False)), "%y", M, OUTER),
    "weights escape": (8, "attention", _attention(), "%w", M, OUTER),
    "scores of other rows": (8, "attention", _attention(reads=SWAP), "%y", M, OUTER),
    "weights in columns": (8, "attention", _attention(writes=SWAP), "%y", M, OUTER),
    "weights read along columns": (
        8,
        "attention",
        _attention(second=_product("y", "%b", "%w", False)),
        "%y",
        M,
        OUTER,
    ),
    "keys of each row": (8, "attention", _attention(first=_by_row("s", "%a", "i, j, k")), "%y", M, OUTER),
    "values of each row": (8, "attention", _attention(second=_by_row("y", "%w", "i, k, j")), "%y", M, OUTER),
    "results over other rows": (8, "attention", _over_sums("j"), "%z", M, OUTER),
    "too many shared loops": (8, "attention", _attention(), "%y", M, ", cellc.outer = 2 : i64"),
    "attention without outer": (3, "attention", _attention(), "%y", M, ""),
    "a pad of what others read": (5, "elementwise", _padded("%n"), "%n", M, ""),
    "a pad of an argument": (5, "elementwise", _padded("%a"), "%n", M, ""),
    "a pad of shared dimensions": (7, "reduction", _padded("%n"), "%p", "tensor<6x6xf32>", OUTER),
    "types differ": (6, "reduction", ROWS, "%s", V, OUTER + ", cellc.in_place = [[0, 1]]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_broken_kernel_is_refused(name: str) -> None:
    rule, *arguments = REFUSED[name]
    with pytest.raises(KernelFormError, match=rf"kernel @k .*rule {rule}\)"):
        _verify(*arguments)
