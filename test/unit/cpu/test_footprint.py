"""Cache lines that a register tile reads."""

import pytest

from cellc.targets.cpu.access import Access, Buffer
from cellc.targets.cpu.footprint import cache_lines


@pytest.mark.parametrize(("strides", "sizes", "lines"), [
    ((1,), {0: 16}, 1),
    ((1,), {0: 17}, 2),
    ((-1,), {0: 17}, 2),
    ((0, 1), {0: 100, 1: 16}, 1),
    ((100, 1), {0: 5, 1: 3}, 5),
    ((100, 100, 1), {0: 14, 1: 3, 2: 3}, 16),  # rows of a tile and of a window: 14 + 3 - 1
    ((1, 1), {0: 14, 1: 3}, 1),
    ((32, 1), {0: 4, 1: 32}, 8),
    ((9000, 900, 30, 1, 30), {0: 16, 1: 3, 2: 3, 3: 3, 4: 14}, 768),
])  # fmt: skip
def test_cache_lines(strides: tuple[int, ...], sizes: dict[int, int], lines: int) -> None:
    assert cache_lines(Access(Buffer("%x", "f32", 1 << 20), 0, strides), sizes) == lines
