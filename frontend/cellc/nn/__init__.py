"""Layers, losses, optimizers and the Cells that combine them.

What most networks use is imported here; the rest is in `_further`, so that most programs start without it.
"""

from typing import TYPE_CHECKING, Any

from cellc.nn._activation import GELU as GELU
from cellc.nn._activation import LogSoftmax as LogSoftmax
from cellc.nn._activation import ReLU as ReLU
from cellc.nn._activation import ReLU6 as ReLU6
from cellc.nn._activation import Sigmoid as Sigmoid
from cellc.nn._activation import Softmax as Softmax
from cellc.nn._activation import Tanh as Tanh
from cellc.nn._activation import get_activation as get_activation
from cellc.nn._adam import Adam as Adam
from cellc.nn._api import API
from cellc.nn._batch_norm import BatchNorm1d as BatchNorm1d
from cellc.nn._batch_norm import BatchNorm2d as BatchNorm2d
from cellc.nn._batch_norm import BatchNorm3d as BatchNorm3d
from cellc.nn._cell import Cell as Cell
from cellc.nn._container import CellList as CellList
from cellc.nn._container import SequentialCell as SequentialCell
from cellc.nn._conv import Conv2d as Conv2d
from cellc.nn._dense import Dense as Dense
from cellc.nn._dropout import Dropout as Dropout
from cellc.nn._embedding import Embedding as Embedding
from cellc.nn._flatten import Flatten as Flatten
from cellc.nn._loss import L1Loss as L1Loss
from cellc.nn._loss import LossBase as LossBase
from cellc.nn._loss import MSELoss as MSELoss
from cellc.nn._loss import SoftmaxCrossEntropyWithLogits as SoftmaxCrossEntropyWithLogits
from cellc.nn._momentum import Momentum as Momentum
from cellc.nn._normalization import LayerNorm as LayerNorm
from cellc.nn._norms import ClipByNorm as ClipByNorm
from cellc.nn._norms import L1Regularizer as L1Regularizer
from cellc.nn._norms import Norm as Norm
from cellc.nn._optimizer import Optimizer as Optimizer
from cellc.nn._pooling import AvgPool2d as AvgPool2d
from cellc.nn._pooling import MaxPool2d as MaxPool2d
from cellc.nn._sgd import SGD as SGD
from cellc.nn._wrapper import ParameterUpdate as ParameterUpdate
from cellc.nn._wrapper import TrainOneStepCell as TrainOneStepCell
from cellc.nn._wrapper import WithEvalCell as WithEvalCell
from cellc.nn._wrapper import WithLossCell as WithLossCell

if TYPE_CHECKING:
    from cellc.nn._further import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return _names()
    if not name.startswith("__"):
        _import_further()
        if name in globals():
            return globals()[name]
    if name in API:
        raise AttributeError(f"cellc.nn.{name} is not implemented yet")
    raise AttributeError(f"module 'cellc.nn' has no attribute {name!r}")


def __dir__() -> list[str]:
    _import_further()
    return sorted(globals())


def _import_further() -> None:
    import cellc.nn._further as further

    globals().update({name: value for name, value in vars(further).items() if not name.startswith("_")})


def _names() -> list[str]:
    """What `from cellc.nn import *` gives."""
    return [name for name in __dir__() if not name.startswith("_") and name not in ("API", "TYPE_CHECKING", "Any")]
