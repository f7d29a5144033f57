"""`from cellc.ops import composite as C`: functions of functions under MindSpore's path."""

from cellc.ops._arithmetic import clip_by_value as clip_by_value
from cellc.ops._gradient import GradOperation as GradOperation
from cellc.ops._higher_order import HyperMap as HyperMap
from cellc.ops._higher_order import Map as Map
from cellc.ops._higher_order import MultitypeFuncGraph as MultitypeFuncGraph
