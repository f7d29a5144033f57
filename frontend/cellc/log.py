"""MindSpore's `log`: messages to Python's logger `cellc`."""

from __future__ import annotations

import logging

_logger = logging.getLogger("cellc")

debug = _logger.debug
info = _logger.info
warning = _logger.warning
error = _logger.error
critical = _logger.critical


def get_level() -> str:
    """The level as MindSpore numbers them: "0" debug, "1" info, "2" warning, "3" error, "4" critical."""
    return str(max(0, _logger.getEffectiveLevel() // 10 - 1))
