"""`from cellc.common.parameter import Parameter`."""

from cellc.parameter import Parameter as Parameter
from cellc.parameter import ParameterTuple as ParameterTuple
