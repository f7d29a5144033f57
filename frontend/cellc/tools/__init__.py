"""Command-line tools: `cellc` (main) and `cellc-opt` (opt)."""
