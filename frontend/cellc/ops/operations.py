"""`from cellc.ops import operations as P`: the operation classes under MindSpore's path."""

from cellc.ops import *  # noqa: F403
