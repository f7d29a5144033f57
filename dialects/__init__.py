"""IR definitions: the `nn`, `linalg_ext`, `host` and `ascend` dialects."""
