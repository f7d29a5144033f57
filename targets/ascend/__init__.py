"""The Ascend target: linalg kernels -> the `ascend` dialect -> text that Huawei's `bishengir-opt` accepts."""
