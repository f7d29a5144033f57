"""Callbacks of `Model`."""

from cellc.train.callback._callback import Callback as Callback
from cellc.train.callback._callback import RunContext as RunContext
from cellc.train.callback._checkpoint import CheckpointConfig as CheckpointConfig
from cellc.train.callback._checkpoint import ModelCheckpoint as ModelCheckpoint
from cellc.train.callback._early_stopping import EarlyStopping as EarlyStopping
from cellc.train.callback._monitors import LearningRateScheduler as LearningRateScheduler
from cellc.train.callback._monitors import LossMonitor as LossMonitor
from cellc.train.callback._monitors import TimeMonitor as TimeMonitor
from cellc.train.callback._progress import ProgressBar as ProgressBar
