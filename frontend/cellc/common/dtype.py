"""`from cellc.common import dtype as mstype`: the element types."""

from cellc.dtype import *  # noqa: F403
