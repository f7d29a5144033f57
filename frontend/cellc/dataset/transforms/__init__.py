"""Transforms of any arrays."""

from cellc.dataset.transforms._transforms import Compose as Compose
from cellc.dataset.transforms._transforms import Fill as Fill
from cellc.dataset.transforms._transforms import OneHot as OneHot
from cellc.dataset.transforms._transforms import RandomApply as RandomApply
from cellc.dataset.transforms._transforms import RandomChoice as RandomChoice
from cellc.dataset.transforms._transforms import TypeCast as TypeCast
