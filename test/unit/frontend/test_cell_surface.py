"""Every public name of MindSpore 1.7.1's Cell: what it does here, or the one error that says why it does nothing."""

import re

import numpy as np
import pytest

import cellc
from cellc import Parameter, Tensor, context, nn, ops
from cellc.nn._cell_absent import ABSENT, ABSENT_PROPERTIES

# `mindspore/python/mindspore/nn/cell.py`, tag v1.7.1, methods and properties of Cell without a leading underscore.
PUBLIC = re.findall(r"\w+", """
add_flags add_flags_recursive auto_cast_inputs auto_parallel_compile_and_run bprop_debug cast_inputs cast_param
cells cell_init_args cells_and_names check_names cls_name compile compile_and_run construct create_time
exec_checkpoint_graph extend_repr generate_scope get_flags get_func_graph_proto get_inputs get_parameters get_scope
infer_param_pipeline_stage init_parameters_data insert_child_to_cell insert_param_to_cell load_parameter_slice
name_cells parallel_parameter_merge_net_dict parallel_parameter_name_list param_prefix parameter_layout_dict
parameters_and_names parameters_broadcast_dict parameters_dict phase pipeline_stage recompute
register_backward_hook register_forward_hook register_forward_pre_hook remove_redundant_parameters run_construct
set_auto_parallel set_boost set_broadcast_flag set_comm_fusion set_data_parallel set_grad set_inputs
set_parallel_input_with_inputs set_param_fl set_param_ps set_train shard to_float trainable_params
untrainable_params update_cell_prefix update_cell_type update_parameters_name
""")  # fmt: skip


def test_every_public_name_is_there_and_documented() -> None:
    assert [name for name in PUBLIC if not getattr(nn.Cell, name).__doc__] == []


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_not_here_says_so(name: str) -> None:
    with pytest.raises(NotImplementedError, match=rf"Dense\.{name}: "):
        getattr(nn.Dense(1, 1), name)(1)


@pytest.mark.parametrize("name", ABSENT_PROPERTIES)
def test_absent_properties_say_so(name: str) -> None:
    with pytest.raises(NotImplementedError, match=rf"Dense\.{name}: "):
        getattr(nn.Dense(1, 1), name)
    with pytest.raises(NotImplementedError, match=rf"Dense\.{name}: "):
        setattr(nn.Dense(1, 1), name, 1)


def _network() -> nn.SequentialCell:
    return nn.SequentialCell([nn.Dense(2, 3), nn.SequentialCell([nn.ReLU(), nn.Dense(3, 2)])])


def test_settings() -> None:
    net = _network()
    assert (net.phase, net.set_train(False).phase, net.set_train().phase) == ("train", "predict", "train")
    net.phase = "eval"
    with pytest.raises(TypeError, match="phase must be a str, got 1"):
        net.phase = 1
    assert net.add_flags(depth=2).get_flags() == {"training": True, "depth": 2}
    assert net.depth == 2
    assert net.set_broadcast_flag() is net
    assert net[0].broadcast_flag is True
    net.bprop_debug = True
    with pytest.raises(TypeError, match="bprop_debug must be a bool"):
        net.bprop_debug = 1
    net.cell_init_args = "Dense(1)"
    with pytest.raises(TypeError, match="cell_init_args must be a str"):
        net.cell_init_args = 1
    assert net.cell_init_args == "Dense(1)"
    net.update_cell_type("quant")
    assert (net.phase, net.bprop_debug, net.cell_type, net.get_scope()) == ("eval", True, "quant", None)
    assert net.create_time < _network().create_time
    assert net.auto_parallel_compile_and_run() is False


def test_scopes_and_prefixes() -> None:
    net = _network()
    net.generate_scope()
    net.update_cell_prefix()
    assert [cell.get_scope() for _, cell in net.cells_and_names()] == [
        None, "Default/0-Dense", "Default/1-SequentialCell", "Default/1-SequentialCell/0-ReLU",
        "Default/1-SequentialCell/1-Dense",
    ]  # fmt: skip
    assert net[1][1].param_prefix == "1.1"


def test_names_of_parameters() -> None:
    net = _network()
    net.check_names()
    net.update_parameters_name("a.")
    assert [p.name for p in net.get_parameters()] == ["a.0.weight", "a.0.bias", "a.1.1.weight", "a.1.1.bias"]
    net.update_parameters_name()
    assert net[0].weight.name == "0.weight"
    with pytest.raises(ValueError, match="a prefix must consist of letters"):
        net.update_parameters_name("a b")
    net[0].bias.name = "0.weight"
    with pytest.raises(ValueError, match=r"0\.bias is .* its name '0\.weight' is taken"):
        net.check_names()


def test_parameters() -> None:
    net = nn.Dense(2, 1)
    assert net.init_parameters_data() == {net.weight: net.weight, net.bias: net.bias}
    net.bias.layerwise_parallel = True
    assert list(net.parameters_broadcast_dict()) == ["weight"]
    assert nn.ReLU().parameters_broadcast_dict() is None
    assert net.set_comm_fusion(2).weight.comm_fusion == 2
    with pytest.raises(ValueError, match="fusion_type must be an int of at least 0, got -1"):
        net.set_comm_fusion(-1)
    with pytest.raises(NotImplementedError, match="there is no parallel mode"):
        net.init_parameters_data(True)


def test_inputs() -> None:
    net, x = nn.ReLU(), Tensor([1.0])
    net.set_inputs(x)
    assert net.get_inputs() == (x,)
    with pytest.raises(TypeError, match="set_inputs takes Tensors, got 'x'"):
        net.set_inputs("x")
    (half,), number = net.cast_inputs(((x,), 2), cellc.float16)
    assert (half.dtype, number.dtype) == (cellc.float16, cellc.float16)


def test_compile_then_run(reference) -> None:
    net, x = nn.ReLU(), Tensor([-1.0, 2.0])
    before = reference.compiled
    net.compile(x)
    made = reference.compiled
    assert net(x).tolist() == [0, 2]
    net.compile(x)
    assert net.compile_and_run(x).tolist() == [0, 2]
    assert before < made == reference.compiled
    assert net.run_construct((x,), {}).tolist() == [0, 2]


class Affine(nn.Cell):
    """x * weight, with a count of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = Parameter(Tensor([1.0001, 3.0]))
        self.calls = Parameter(Tensor(0.0), requires_grad=False)
        self.seen: list[str] = []

    def construct(self, x: Tensor) -> Tensor:
        self.seen.append(f"{x.dtype} {self.weight.dtype} {self.weight.name}")
        ops.assign_add(self.calls, 1.0)
        return x * self.weight


@pytest.mark.parametrize("mode", [context.GRAPH_MODE, context.PYNATIVE_MODE])
def test_to_float(mode: int) -> None:
    """Inputs and parameters are cast where construct sees them; storage and assignments stay as they were."""
    context.set_context(mode=mode)
    outer = nn.SequentialCell([Affine()])
    net, x = outer[0], Tensor([1.0, 2.0])
    assert outer(x).dtype is cellc.float32
    assert outer.to_float(cellc.float16) is outer
    result = outer(x)
    assert (result.dtype, result.tolist()) == (cellc.float16, [1, 6])
    assert net.seen[-1] == "Float16 Float16 weight" or net.seen[-1] == "Float16 Float16 0.weight"
    assert (net.weight.dtype, net.weight is net._params["weight"]) == (cellc.float32, True)
    assert (net.calls.dtype, net.calls.item()) == (cellc.float32, 2)
    assert net.cast_param(net.weight).dtype is net.auto_cast_inputs((x,))[0].dtype is cellc.float16
    assert outer.to_float(cellc.float32)(x).tolist() == pytest.approx([1.0001, 6])
    net.add_flags(fp16=True)
    assert outer(x).dtype is cellc.float16
    with pytest.raises(ValueError, match="to_float takes float16, bfloat16 or float32, got Int32"):
        net.to_float(cellc.int32)


def test_running_statistics_stay_wide() -> None:
    net = nn.BatchNorm1d(2, momentum=0.0).set_train().to_float(cellc.float16)
    assert net(Tensor(np.array([[1.0001, 0], [1.0001, 2]], np.float32))).dtype is cellc.float16
    assert (net.moving_mean.dtype, net.moving_mean.tolist()) == (cellc.float32, [1, 1])
    net(Tensor(np.array([[1e-3, 0], [0, 0]], np.float32)))
    assert net.moving_mean.tolist()[0] == pytest.approx(np.float16(1e-3) / 2, rel=1e-6)
