"""`from cellc.common.initializer import initializer, Normal`."""

from cellc.initializer import *  # noqa: F403
