"""Methods of MindSpore's Cell that need networks cut over processes, a parameter server, or its own graphs."""

from __future__ import annotations

from typing import Any, NoReturn

_WHOLE = "each process holds the whole network, see set_auto_parallel_context"
_NO_SERVER = "there is no parameter server"

ABSENT = {
    "set_auto_parallel": _WHOLE,
    "set_data_parallel": _WHOLE,
    "shard": _WHOLE,
    "load_parameter_slice": _WHOLE,
    "set_parallel_input_with_inputs": _WHOLE,
    "remove_redundant_parameters": _WHOLE,
    "infer_param_pipeline_stage": _WHOLE,
    "set_param_ps": _NO_SERVER,
    "set_param_fl": _NO_SERVER,
    "set_boost": "there is no library of training algorithms that change results",
    "exec_checkpoint_graph": "checkpoints are written by Python: cellc.save_checkpoint",
    "get_func_graph_proto": "cellc's graphs are MLIR: net.lower(*inputs).nn, or cellc.export",
}
"""Why each is absent."""

ABSENT_PROPERTIES = {
    "pipeline_stage": _WHOLE,
    "parameter_layout_dict": _WHOLE,
    "parallel_parameter_name_list": _WHOLE,
    "parallel_parameter_merge_net_dict": _WHOLE,
}


class AbsentMethods:
    """Base of `Cell`: each method raises NotImplementedError with its name and the reason."""


def _method(name: str, reason: str) -> Any:
    def absent(self: AbsentMethods, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"{type(self).__name__}.{name}: {reason}")

    absent.__name__, absent.__doc__ = name, f"Raises NotImplementedError: {reason}."
    return absent


for _name, _reason in ABSENT.items():
    setattr(AbsentMethods, _name, _method(_name, _reason))
for _name, _reason in ABSENT_PROPERTIES.items():
    _raises = _method(_name, _reason)
    setattr(AbsentMethods, _name, property(_raises, _raises, doc=_raises.__doc__))
