"""The CPU target: vector code for x86-64 and AArch64 through LLVM."""
