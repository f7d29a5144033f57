"""`from cellc.ops import functional as F`: the operations and function transformations under MindSpore's path."""

from cellc.ops import *  # noqa: F403
