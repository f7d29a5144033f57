"""Layers, losses, optimizers and the Cells that combine them."""

from typing import Any

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
from cellc.nn._arrange import OneHot as OneHot
from cellc.nn._arrange import Pad as Pad
from cellc.nn._arrange import Range as Range
from cellc.nn._arrange import Roll as Roll
from cellc.nn._batch_norm import BatchNorm1d as BatchNorm1d
from cellc.nn._batch_norm import BatchNorm2d as BatchNorm2d
from cellc.nn._batch_norm import BatchNorm3d as BatchNorm3d
from cellc.nn._binary_loss import BCELoss as BCELoss
from cellc.nn._binary_loss import BCEWithLogitsLoss as BCEWithLogitsLoss
from cellc.nn._binary_loss import SoftMarginLoss as SoftMarginLoss
from cellc.nn._cell import Cell as Cell
from cellc.nn._container import CellList as CellList
from cellc.nn._container import SequentialCell as SequentialCell
from cellc.nn._conv import Conv2d as Conv2d
from cellc.nn._conv1d import Conv1d as Conv1d
from cellc.nn._conv1d import Conv1dTranspose as Conv1dTranspose
from cellc.nn._conv2d_transpose import Conv2dTranspose as Conv2dTranspose
from cellc.nn._conv3d import Conv3d as Conv3d
from cellc.nn._conv3d import Conv3dTranspose as Conv3dTranspose
from cellc.nn._cross_entropy_loss import CrossEntropyLoss as CrossEntropyLoss
from cellc.nn._dense import Dense as Dense
from cellc.nn._dice_loss import DiceLoss as DiceLoss
from cellc.nn._dice_loss import MultiClassDiceLoss as MultiClassDiceLoss
from cellc.nn._distance_loss import CosineEmbeddingLoss as CosineEmbeddingLoss
from cellc.nn._distance_loss import RMSELoss as RMSELoss
from cellc.nn._distance_loss import SmoothL1Loss as SmoothL1Loss
from cellc.nn._dropout import Dropout as Dropout
from cellc.nn._embedding import Embedding as Embedding
from cellc.nn._embedding_lookup import EmbeddingLookup as EmbeddingLookup
from cellc.nn._embedding_lookup import MultiFieldEmbeddingLookup as MultiFieldEmbeddingLookup
from cellc.nn._flatten import Flatten as Flatten
from cellc.nn._focal_loss import FocalLoss as FocalLoss
from cellc.nn._graph_cell import GraphCell as GraphCell
from cellc.nn._group_norm import GroupNorm as GroupNorm
from cellc.nn._group_norm import InstanceNorm2d as InstanceNorm2d
from cellc.nn._loss import L1Loss as L1Loss
from cellc.nn._loss import LossBase as LossBase
from cellc.nn._loss import MSELoss as MSELoss
from cellc.nn._loss import SoftmaxCrossEntropyWithLogits as SoftmaxCrossEntropyWithLogits
from cellc.nn._lstm import LSTM as LSTM
from cellc.nn._math import MatMul as MatMul
from cellc.nn._math import Moments as Moments
from cellc.nn._math import ReduceLogSumExp as ReduceLogSumExp
from cellc.nn._momentum import Momentum as Momentum
from cellc.nn._normalization import LayerNorm as LayerNorm
from cellc.nn._norms import ClipByNorm as ClipByNorm
from cellc.nn._norms import L1Regularizer as L1Regularizer
from cellc.nn._norms import Norm as Norm
from cellc.nn._optimizer import Optimizer as Optimizer
from cellc.nn._piecewise_activation import HShrink as HShrink
from cellc.nn._piecewise_activation import HSigmoid as HSigmoid
from cellc.nn._piecewise_activation import HSwish as HSwish
from cellc.nn._piecewise_activation import LeakyReLU as LeakyReLU
from cellc.nn._piecewise_activation import PReLU as PReLU
from cellc.nn._piecewise_activation import SoftShrink as SoftShrink
from cellc.nn._pooling import AvgPool2d as AvgPool2d
from cellc.nn._pooling import MaxPool2d as MaxPool2d
from cellc.nn._pooling_1d import AvgPool1d as AvgPool1d
from cellc.nn._pooling_1d import MaxPool1d as MaxPool1d
from cellc.nn._recurrent_cells import GRUCell as GRUCell
from cellc.nn._recurrent_cells import LSTMCell as LSTMCell
from cellc.nn._recurrent_cells import RNNCell as RNNCell
from cellc.nn._rnn import GRU as GRU
from cellc.nn._rnn import RNN as RNN
from cellc.nn._sampled_softmax_loss import SampledSoftmaxLoss as SampledSoftmaxLoss
from cellc.nn._sgd import SGD as SGD
from cellc.nn._smooth_activation import CELU as CELU
from cellc.nn._smooth_activation import ELU as ELU
from cellc.nn._smooth_activation import FastGelu as FastGelu
from cellc.nn._smooth_activation import LogSigmoid as LogSigmoid
from cellc.nn._sync_batch_norm import GlobalBatchNorm as GlobalBatchNorm
from cellc.nn._sync_batch_norm import SyncBatchNorm as SyncBatchNorm
from cellc.nn._triangles import MatrixDiag as MatrixDiag
from cellc.nn._triangles import MatrixDiagPart as MatrixDiagPart
from cellc.nn._triangles import MatrixSetDiag as MatrixSetDiag
from cellc.nn._triangles import Tril as Tril
from cellc.nn._triangles import Triu as Triu
from cellc.nn._unfold import Unfold as Unfold
from cellc.nn._wrapper import TrainOneStepCell as TrainOneStepCell
from cellc.nn._wrapper import WithEvalCell as WithEvalCell
from cellc.nn._wrapper import WithLossCell as WithLossCell


def __getattr__(name: str) -> Any:
    if name in API:
        raise AttributeError(f"cellc.nn.{name} is not implemented yet")
    raise AttributeError(f"module 'cellc.nn' has no attribute {name!r}")
