"""`from cellc.ops import composite as C`: `GradOperation` under MindSpore's path."""

from cellc.ops._gradient import GradOperation as GradOperation
