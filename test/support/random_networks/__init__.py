"""Random networks: `generate(seed)` makes one, `check` compares it with its oracle, `shrink` makes it small."""

from support.random_networks.checks import CHECKS as CHECKS
from support.random_networks.checks import check as check
from support.random_networks.generate import generate as generate
from support.random_networks.shrink import shrink as shrink
