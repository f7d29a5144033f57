"""`from cellc.common.api import ms_function`."""

from cellc.compiled_function import jit as jit
from cellc.compiled_function import ms_function as ms_function
