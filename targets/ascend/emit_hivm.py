"""Prints `ascend` kernels in the `hivm` dialect, for `bishengir-opt` and CANN's `hivmc`.

Addresses, flags between pipes and ping-pong buffers are planned by the vendor's passes, so none are
written here.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr, MemRefType, ModuleOp, StringAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from cellc.dialects.ascend import compute, kernel, memory

_SPACES = {"gm": "gm", "l1": "cbuf", "l0c": "cc", "ub": "ub"}
_CORES = {"aic": "AIC", "aiv": "AIV"}


def emit_hivm(module: ModuleOp) -> str:
    """The text of every kernel, after comments that say what was cast and in which order the host launches."""
    lines = []
    casts = module.attributes.get("cellc.casts")
    if isinstance(casts, ArrayAttr):
        lines += [f"// cast: {text.data}" for text in casts if isinstance(text, StringAttr)]
    for op in module.walk():
        if isinstance(op, kernel.LaunchOp):
            host = op.parent_op()
            assert isinstance(host, func.FuncOp)
            lines.append(f"// launch: {host.sym_name.data}: {op.kernel.string_value()}")
    lines.append("module {")
    for op in module.walk():
        if isinstance(op, kernel.KernelOp):
            lines += _Writer().kernel(op)
    return "\n".join([*lines, "}", ""])


def type_text(type: Attribute) -> str:
    """A type, with the memory spelled as hivm spells it."""
    if not isinstance(type, MemRefType) or not isinstance(type.memory_space, memory.SpaceAttr):
        return str(type)
    text = str(type)
    space = type.memory_space.space.data
    return text.replace(f'#ascend.space<"{space}">', f"#hivm.address_space<{_SPACES[space]}>")


class _Writer:
    def __init__(self) -> None:
        self.names: dict[SSAValue, str] = {}
        self.lines: list[str] = []
        self.depth = 1

    def kernel(self, op: kernel.KernelOp) -> list[str]:
        arguments = ", ".join(f"{self.name(value)}: {type_text(value.type)}" for value in op.body.block.args)
        self.line(
            f"func.func @{op.sym_name.data}({arguments}) attributes {{hacc.entry, "
            f"hacc.function_kind = #hacc.function_kind<DEVICE>, hacc.block_dim = {op.blocks.value.data} : i64, "
            f"hivm.func_core_type = #hivm.func_core_type<{_CORES[op.core.data]}>}} {{"
        )
        self.block(op.body.block)
        self.line("  return")
        self.line("}")
        return self.lines

    def name(self, value: SSAValue) -> str:
        return self.names.setdefault(value, f"%v{len(self.names)}")

    def line(self, text: str) -> None:
        self.lines.append("  " * self.depth + text)

    def block(self, block: Block) -> None:
        self.depth += 1
        for op in block.ops:
            _EMIT[type(op)](self, op)
        self.depth -= 1

    def typed(self, *values: SSAValue) -> str:
        """`%a, %b : type, type`."""
        names = ", ".join(self.name(value) for value in values)
        return f"{names} : {', '.join(type_text(value.type) for value in values)}"

    def hivm(self, op: str, inputs: tuple[SSAValue, ...], output: SSAValue, options: str = "", after: str = "") -> None:
        middle = f" {{{options}}}" if options else ""
        self.line(f"hivm.hir.{op}{middle} ins({self.typed(*inputs)}) outs({self.typed(output)}){after}")


def _block_idx(w: _Writer, op: kernel.BlockIdxOp) -> None:
    name = w.name(op.index)
    w.line(f"{name}_i64 = hivm.hir.get_block_idx -> i64")
    w.line(f"{name} = arith.index_cast {name}_i64 : i64 to index")


def _constant(w: _Writer, op: arith.ConstantOp) -> None:
    assert isinstance(op.value, IntegerAttr | FloatAttr)
    w.line(f"{w.name(op.result)} = arith.constant {op.value}")


def _index_arithmetic(w: _Writer, op: Operation) -> None:
    lhs, rhs = (w.name(value) for value in op.operands)
    w.line(f"{w.name(op.results[0])} = {op.name} {lhs}, {rhs} : {op.operands[0].type}")


def _compare(w: _Writer, op: arith.CmpiOp) -> None:
    w.line(f"{w.name(op.result)} = arith.cmpi eq, {w.name(op.lhs)}, {w.name(op.rhs)} : {op.lhs.type}")


def _for(w: _Writer, op: scf.ForOp) -> None:
    bounds = f"{w.name(op.lb)} to {w.name(op.ub)} step {w.name(op.step)}"
    w.line(f"scf.for {w.name(op.body.block.args[0])} = {bounds} {{")
    w.block(op.body.block)
    w.line("}")


def _subview(w: _Writer, op: memref.SubviewOp) -> None:
    offsets = ", ".join(w.name(value) for value in op.offsets)
    sizes = ", ".join(str(size) for size in op.static_sizes.get_values())
    w.line(
        f"{w.name(op.result)} = memref.subview {w.name(op.source)}[{offsets}] [{sizes}] [1, 1] : "
        f"{type_text(op.source.type)} to {type_text(op.result.type)}"
    )


def _alloc(w: _Writer, op: memory.AllocOp) -> None:
    w.line(f"{w.name(op.buffer)} = memref.alloc() : {type_text(op.buffer.type)}")


def _copy(name: str, options: str = "") -> Callable[[_Writer, memory.CopyOperation], None]:
    return lambda w, op: w.hivm(name, (op.source,), op.target, options)


def _mmad(w: _Writer, op: compute.MmadL1Op) -> None:
    extents = []
    for extent in op.extents:
        extents.append(f"{w.name(op.accumulator)}_{len(w.lines)}")
        w.line(f"{extents[-1]} = arith.constant {extent} : index")
    flags = [n for n, on in (("a_transpose", op.transpose_a), ("b_transpose", op.transpose_b)) if on is not None]
    operands = ", ".join([w.name(op.lhs), w.name(op.rhs), w.name(op.clear), *extents])
    types = f"{type_text(op.lhs.type)}, {type_text(op.rhs.type)}, i1, index, index, index"
    options = f" {{{', '.join(flags)}}}" if flags else ""
    w.line(f"hivm.hir.mmadL1{options} ins({operands} : {types}) outs({w.typed(op.accumulator)})")


def _vcast(w: _Writer, op: compute.VCastOp) -> None:
    w.hivm("vcast", (op.source,), op.target, after=" round_mode = #hivm.round_mode<rint>")


def _vbrc(w: _Writer, op: compute.VBrcOp) -> None:
    repeat = " broadcast_dims = [0]" if isinstance(op.source.type, MemRefType) else ""
    w.hivm("vbrc", (op.source,), op.target, after=repeat)


_EMIT: dict[type[Operation], Callable[[_Writer, Operation], None]] = {  # pyright: ignore[reportAssignmentType]
    kernel.BlockIdxOp: _block_idx,
    arith.ConstantOp: _constant,
    arith.AddiOp: _index_arithmetic,
    arith.MuliOp: _index_arithmetic,
    arith.DivUIOp: _index_arithmetic,
    arith.RemUIOp: _index_arithmetic,
    arith.CmpiOp: _compare,
    scf.ForOp: _for,
    scf.YieldOp: lambda w, op: None,
    memref.SubviewOp: _subview,
    memory.AllocOp: _alloc,
    memory.LoadOp: _copy("load"),
    memory.StoreOp: _copy("store"),
    memory.Nd2NzOp: _copy("nd2nz", "dst_continuous"),
    memory.FixpipeOp: _copy("fixpipe", "enable_nz2nd"),
    compute.MmadL1Op: _mmad,
    compute.VUnaryOp: lambda w, op: w.hivm(f"v{op.kind.data}", (op.source,), op.target),  # pyright: ignore
    compute.VBinaryOp: lambda w, op: w.hivm(f"v{op.kind.data}", (op.lhs, op.rhs), op.target),  # pyright: ignore
    compute.VCastOp: _vcast,
    compute.VBrcOp: _vbrc,
}
