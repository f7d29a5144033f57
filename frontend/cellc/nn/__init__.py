"""Layers, losses, optimizers and the Cells that combine them."""

from cellc.nn._cell import Cell as Cell
