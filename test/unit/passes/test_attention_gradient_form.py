"""The form of kernels that make an attention's gradients: one that keeps to it passes, others name the rule."""

from __future__ import annotations

import pytest
from xdsl.parser import Parser

from cellc.passes.context import make_context
from cellc.passes.kernel_form import KernelFormError, kernels_of, verify_kernel_form

M, V = "tensor<4x4xf32>", "tensor<4xf32>"
DOT = "%p = arith.mulf %x0, %x1 : f32\n%r = arith.addf %o, %p : f32"
ELEMENTS = (
    "%d = arith.subf %x0, %x1 : f32\n%e = math.exp %d : f32\n%r = arith.mulf %e, %x2 : f32\n"
    "%c = arith.subf %x3, %x4 : f32\n%y = arith.mulf %r, %c : f32"
)


def _generic(names: str, inputs: list[tuple[str, str, str]], loops: str, output: str, type_: str, body: str) -> str:
    """A generic over `loops`, of which those that `output` does not have are reductions; named results are alike."""
    count = len(names.split(", "))
    indices = [*(indexing for _, indexing, _ in inputs), *[output] * count]
    maps = ", ".join(f"affine_map<({loops}) -> ({indexing})>" for indexing in indices)
    kinds = ", ".join('"parallel"' if loop in output else '"reduction"' for loop in loops.split(", "))
    values, types = ", ".join(v for v, _, _ in inputs), ", ".join(t for _, _, t in inputs)
    arguments = [f"%x{i}: f32" for i in range(len(inputs))] + [f"%o{i or ''}: f32" for i in range(count)]
    results = ", ".join([type_] * count)
    empty = f"%e{names[1:].split(',')[0]}"
    yielded = "linalg.yield " + ("%r : f32" if count == 1 else "%r, %y : f32, f32")
    return (
        f"{empty} = tensor.empty() : {type_}\n{names} = linalg.generic {{indexing_maps = [{maps}], iterator_types = "
        f"[{kinds}]}} ins({values} : {types}) outs({', '.join([empty] * count)} : {results}) {{\n"
        f"^bb0({', '.join(arguments)}):\n{body}\n{yielded}\n}} -> {results}\n"
    )


def _product(name: str, left: str, right: str, indices: tuple[str, str] = ("m, k", "n, k")) -> str:
    return _generic(name, [(left, indices[0], M), (right, indices[1], M)], "m, n, k", "m, n", M, DOT)


SCORES, DWEIGHTS = _product("%s", "%q", "%k"), _product("%g", "%do", "%v")
DOTS = _generic("%t", [("%do", "m, k", M), ("%out", "m, k", M)], "m, k", "m", V, DOT)


def _elements(scores: str = "m, n", body: str = ELEMENTS, dots: str = "%t", maxima: str = "m") -> str:
    inputs = [("%s", scores, M), ("%max", maxima, V), ("%scale", "m", V), ("%g", "m, n", M), (dots, "m", V)]
    return _generic("%w, %ds", inputs, "m, n", "m, n", M, body)


def _keep(row: int = 0) -> str:
    """What is kept where the number of a place is below 7."""
    return (
        "%ek = tensor.empty() : tensor<4x4xi1>\n"
        "%kept = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>], "
        'iterator_types = ["parallel", "parallel"]} outs(%ek : tensor<4x4xi1>) {\n^bb0(%o: i1):\n'
        f"%m = linalg.index {row} : index\n%n = linalg.index {1 - row} : index\n%c = arith.constant 4 : index\n"
        "%p = arith.muli %m, %c : index\n%r = arith.addi %p, %n : index\n%i = arith.index_cast %r : index to i32\n"
        "%l = arith.constant 7 : i32\n%b = arith.cmpi ult, %i, %l : i32\nlinalg.yield %b : i1\n} -> tensor<4x4xi1>\n"
    )


def _chosen_elements() -> str:
    body = ELEMENTS.replace("%r = ", "%f = ").replace("%r, ", "%f, ") + "\n%z = arith.constant 0.0 : f32\n"
    inputs = [("%s", "m, n", M), ("%max", "m", V), ("%scale", "m", V), ("%g", "m, n", M), ("%t", "m", V)]
    inputs.append(("%kept", "m, n", "tensor<4x4xi1>"))
    text = _generic("%w, %ds", inputs, "m, n", "m, n", M, body + "%r = arith.select %x5, %f, %z : f32")
    return text.replace("%x5: f32", "%x5: i1")


VALUES = _product("%dv", "%w", "%do", ("k, m", "k, n"))
KEYS = _product("%dk", "%ds", "%q", ("k, m", "k, n"))
QUERIES = _product("%dq", "%ds", "%k", ("m, k", "k, n"))


def _verify(*parts: str, returned: str = "%dv, %dk, %dq", outer: int = 1) -> None:
    body = "".join(parts or (SCORES, DWEIGHTS, DOTS, _elements(), VALUES, KEYS, QUERIES))
    results = ", ".join([M] * len(returned.split(", ")))
    matrices = ", ".join(f"%{name}: {M}" for name in ("q", "k", "do", "v", "out"))
    text = (
        f"func.func private @kernel({matrices}, %max: {V}, %scale: {V}) -> ({results}) attributes "
        f'{{cellc.kind = "attention_gradient", cellc.outer = {outer} : i64}} {{\n'
        f"{body}return {returned} : {results}\n}}"
    )
    module = Parser(make_context(), text).parse_module()
    module.verify()
    (kernel,) = kernels_of(module)
    verify_kernel_form(kernel)


def test_a_kernel_of_this_form_passes() -> None:
    _verify()
    _verify(SCORES, DWEIGHTS, DOTS, _elements(), KEYS, VALUES, QUERIES, returned="%dk, %dv, %dq")
    twice = _generic("%dq2", [("%dq", "m, n", M)], "m, n", "n, m", M, "%r = arith.addf %x0, %x0 : f32")
    _verify(SCORES, DWEIGHTS, DOTS, _elements(), VALUES, KEYS, QUERIES, twice, returned="%dv, %dk, %dq2")
    _verify(SCORES, DWEIGHTS, DOTS, _keep(), _chosen_elements(), VALUES, KEYS, QUERIES)


REFUSED = {
    "is not two products": [SCORES, DOTS, DWEIGHTS, _elements(), VALUES, KEYS, QUERIES],
    "returns other tensors": [SCORES, DWEIGHTS, DOTS, _elements(), KEYS, VALUES, QUERIES],
    "not made of scores, dweights and dots": [SCORES, DWEIGHTS, DOTS, _elements(dots="%max"), VALUES, KEYS, QUERIES],
    "that others read too": [
        SCORES, DWEIGHTS, DOTS, _elements(), VALUES, KEYS, _product("%dq", "%ds", "%s", ("m, k", "k, n")),
    ],
    "not written in the order": [
        _generic("%s", [("%q", "m, k", M), ("%k", "n, k", M)], "m, n, k", "n, m", M, DOT),
        DWEIGHTS, DOTS, _elements(), VALUES, KEYS, QUERIES,
    ],
    "read scores of other places": [SCORES, DWEIGHTS, DOTS, _elements("n, m"), VALUES, KEYS, QUERIES],
    "without an exponential": [
        SCORES, DWEIGHTS, DOTS, _elements(body=ELEMENTS.replace("math.exp", "math.absf")), VALUES, KEYS, QUERIES,
    ],
    "less a number of their row": [SCORES, DWEIGHTS, DOTS, _elements(maxima="n"), VALUES, KEYS, QUERIES],
    "dots that are not one number": [
        SCORES, DWEIGHTS, _generic("%t", [("%do", "k, m", M), ("%out", "k, m", M)], "k, m", "m", V, DOT),
        _elements(), VALUES, KEYS, QUERIES,
    ],
    "kept otherwise than by their places": [
        SCORES, DWEIGHTS, DOTS, _keep(row=1), _chosen_elements(), VALUES, KEYS, QUERIES,
    ],
}  # fmt: skip


@pytest.mark.parametrize("problem", REFUSED)
def test_others_are_refused(problem: str) -> None:
    with pytest.raises(KernelFormError, match=rf"kernel @kernel .*{problem}.*rule 9\)"):
        _verify(*REFUSED[problem])


def test_outer_is_the_rank_of_a_row() -> None:
    with pytest.raises(KernelFormError, match="another rank than its rows and one"):
        _verify(outer=2)
