"""Targets: turn kernels into code for a machine."""
