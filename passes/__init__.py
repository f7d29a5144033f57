"""Passes over the IR: one file, one class, one kebab-case name each."""
