"""The tables of kernels compare what they time with the definition."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "bench"))
import convolutions
import kernel_table
import kernels


@pytest.mark.parametrize("direction", [convolutions.FORWARD, convolutions.INPUT, convolutions.WEIGHT])
@pytest.mark.parametrize(("kernel", "size", "stride"), [(1, 8, 1), (1, 9, 2), (3, 8, 1), (3, 8, 2), (7, 9, 2)])
def test_convolutions_compute_what_they_say(kernel: int, size: int, stride: int, direction: str) -> None:
    case = convolutions.Convolution(kernel, 3, 5, size, stride, direction)
    operands = case.operands(np.random.default_rng(0))
    kernel_table.check(case, case.sides([operands]), operands)


@pytest.mark.parametrize("transposed", ["", "lhs", "rhs"])
@pytest.mark.parametrize("batch", [1, 3])
def test_products_compute_what_they_say(transposed: str, batch: int) -> None:
    case = kernels.Product("small", 5, 6, 7, batch, transposed)
    operands = case.operands(np.random.default_rng(0))
    kernel_table.check(case, case.sides([operands]), operands)


def test_a_wrong_result_is_found() -> None:
    case = kernels.Product("small", 5, 6, 7)
    operands = case.operands(np.random.default_rng(0))
    wrong = case.exact(operands) + 1e-4
    with pytest.raises(AssertionError, match=r"small: other is off by 1.00e-04"):
        kernel_table.check(case, {"other": lambda i: wrong}, operands)


def test_each_convolution_has_three_directions() -> None:
    forward = [case for case in convolutions.CASES if case.direction == convolutions.FORWARD]
    assert len(set(convolutions.CASES)) == len(convolutions.CASES) == 3 * len(forward)
    assert {replace(case, direction=convolutions.FORWARD) for case in convolutions.CASES} == set(forward)
