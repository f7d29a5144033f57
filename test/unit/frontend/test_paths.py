"""MindSpore's import paths lead to the same objects."""

import importlib

import pytest

import cellc
from cellc import ops


@pytest.mark.parametrize(
    ("module", "name", "same"),
    [
        ("cellc.ops.functional", "grad", ops.grad),
        ("cellc.ops.functional", "vjp", ops.vjp),
        ("cellc.ops.functional", "depend", ops.depend),
        ("cellc.ops.operations", "MatMul", ops.MatMul),
        ("cellc.ops.composite", "GradOperation", ops.GradOperation),
        ("cellc.context", "ParallelMode", cellc.ParallelMode),
        ("cellc.context", "set_auto_parallel_context", cellc.set_auto_parallel_context),
        ("cellc.context", "get_auto_parallel_context", cellc.get_auto_parallel_context),
        ("cellc.context", "reset_auto_parallel_context", cellc.reset_auto_parallel_context),
        ("cellc.common.dtype", "float32", cellc.float32),
        ("cellc.common.initializer", "initializer", cellc.initializer.initializer),
        ("cellc.common.parameter", "ParameterTuple", cellc.ParameterTuple),
        ("cellc.common.tensor", "Tensor", cellc.Tensor),
        ("cellc.common.api", "ms_function", cellc.ms_function),
    ],
)
def test_path(module: str, name: str, same: object) -> None:
    assert getattr(importlib.import_module(module), name) is same


def test_what_is_nowhere_is_no_setting_either() -> None:
    with pytest.raises(AttributeError, match=r"cellc\.context.*'speed'"):
        _ = cellc.context.speed
    assert cellc.context.get_context(attr_key="mode") == cellc.GRAPH_MODE


def test_parallel_modes_are_compared_with_and_two_can_be_set() -> None:
    mode = cellc.ParallelMode
    assert mode.MODE_LIST == ["stand_alone", "data_parallel", "hybrid_parallel", "semi_auto_parallel", "auto_parallel"]
    assert cellc.get_auto_parallel_context("parallel_mode") not in (mode.DATA_PARALLEL, mode.HYBRID_PARALLEL)
    for refused in (mode.HYBRID_PARALLEL, mode.SEMI_AUTO_PARALLEL, mode.AUTO_PARALLEL):
        with pytest.raises(ValueError, match=f"'parallel_mode' must be one of .*, but got '{refused}'"):
            cellc.set_auto_parallel_context(parallel_mode=refused)


def test_settings_that_tune_communication_are_remembered() -> None:
    with pytest.raises(TypeError, match="comm_fusion"):
        cellc.set_auto_parallel_context(comm_fusion=[1])
    try:
        cellc.set_auto_parallel_context(all_reduce_fusion_config=[8, 160], gradient_fp32_sync=False)
        assert cellc.get_auto_parallel_context("all_reduce_fusion_config") == [8, 160]
        cellc.reset_auto_parallel_context()
        cellc.get_auto_parallel_context("all_reduce_fusion_config").append(8)
        assert cellc.get_auto_parallel_context("all_reduce_fusion_config") == []
    finally:
        cellc.reset_auto_parallel_context()
    assert cellc.get_auto_parallel_context("gradient_fp32_sync") is True


def test_keys_for_what_is_not_here_can_only_be_off() -> None:
    cellc.set_context(precompile_only=False, enable_dump=False, save_dump_path=".")
    for key in ("precompile_only", "enable_dump"):
        with pytest.raises(ValueError, match=f"set_context has no {key}: it can only be False"):
            cellc.set_context(**{key: True})
    assert cellc.get_context("enable_dump") is False
