"""The GPU target: linalg kernels -> blocks and threads (gpu dialect) -> NVVM -> PTX."""
