"""The transforms under the name that MindSpore 1.7 has for them."""

from cellc.dataset.transforms import Compose as Compose
from cellc.dataset.transforms import Fill as Fill
from cellc.dataset.transforms import OneHot as OneHot
from cellc.dataset.transforms import RandomApply as RandomApply
from cellc.dataset.transforms import RandomChoice as RandomChoice
from cellc.dataset.transforms import TypeCast as TypeCast
