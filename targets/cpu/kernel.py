"""One kernel function being written: its buffers, scratch memory and final text."""

from collections.abc import Sequence
from math import prod

from xdsl.dialects import arith, func
from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr, StringAttr, TensorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.dialects.tensor import CollapseShapeOp, EmptyOp, ExpandShapeOp, ExtractSliceOp, InsertSliceOp
from xdsl.ir import BlockArgument, Operation, SSAValue

from cellc.targets.cpu.access import Buffer, View, row_major
from cellc.targets.cpu.body import widest_item
from cellc.targets.cpu.level import CpuLevel
from cellc.targets.cpu.nest import Nest, nest_of, shape_of
from cellc.targets.cpu.vectors import ITEM_BYTES, literal
from cellc.targets.cpu.writer import Writer
from cellc.targets.target import KernelCode, UnsupportedKernelError

_ALIGNMENT = 64
BLOCK = "%block"
_SCRATCH = "%scratch"


class KernelWriter:
    """The function of one kernel: arguments and results as buffers, plus scratch."""

    def __init__(self, kernel: func.FuncOp, level: CpuLevel) -> None:
        self.name = kernel.sym_name.data
        self.level = level
        self.writer = Writer()
        self.views: dict[SSAValue, View] = {}
        self.scalars: dict[SSAValue, str] = {}
        self._kernel = kernel
        self._buffers: list[Buffer] = []
        self._regions: list[tuple[Buffer, int]] = []
        self._scratch_bytes = 0
        self.blocks = 1
        block = kernel.body.block
        self.ops: list[Operation] = list(block.ops)[:-1]
        results = block.last_op.operands if block.last_op is not None else ()
        for value in (*block.args, *results):
            self._add_buffer(value)
        self._place_padded()
        self._place_inner()
        if level.is_x86 and self.attribute("kind") in ("elementwise", "reduction", "copy"):
            alone = (value for value in results if len(list(value.uses)) == 1)  # no op of the kernel reads it again
            self.writer.past_cache = frozenset(self.views[value].buffer.name for value in alone)
        self.writer.read_on = frozenset(self.views[value].buffer.name for value in self.shared_results)

    def _add_buffer(self, value: SSAValue) -> None:
        if not isinstance(value.type, TensorType):
            raise UnsupportedKernelError(f"kernel {self.name}: not a tensor: {value.type}")
        shape = value.type.get_shape()
        buffer = Buffer(f"%b{len(self._buffers)}", str(value.type.element_type), prod(shape))
        self._buffers.append(buffer)
        self.views.setdefault(value, View.dense(buffer, shape))

    def _place_padded(self) -> None:
        """Places the tensors that the kernel pads: in the inner part of the padded ones."""
        for op in self.pads:
            self.views[op.source] = self.views[op.result].inner(op.static_offsets.get_values(), shape_of(op.source))

    def _place_inner(self) -> None:
        """Places what the kernel reads of arguments in part: the inner part of padded ones, some taps of filters."""
        for op in self.ops:
            if isinstance(op, ExtractSliceOp) and isinstance(op.source, BlockArgument):
                whole, offsets = self.views[op.source], op.static_offsets.get_values()
                self.views[op.result] = whole.inner(offsets, shape_of(op.result), op.static_strides.get_values())

    @property
    def pads(self) -> list[InsertSliceOp]:
        """The ops that insert what a generic makes into a result (`fuse-pads`); copies have insertions of their own."""
        if self.attribute("kind") == "copy":
            return []
        return [op for op in self.ops if isinstance(op, InsertSliceOp) and isinstance(op.source.owner, GenericOp)]

    @property
    def results(self) -> Sequence[SSAValue]:
        """The tensors that the kernel returns."""
        last = self._kernel.body.block.last_op
        return last.operands if last is not None else ()

    @property
    def shared_results(self) -> list[SSAValue]:
        """Those that may lie where an argument does."""
        pairs = self._kernel.attributes.get("cellc.in_place", ArrayAttr(()))
        assert isinstance(pairs, ArrayAttr)
        numbers = [pair.data[0] for pair in pairs if isinstance(pair, ArrayAttr)]
        return [self.results[number.value.data] for number in numbers if isinstance(number, IntegerAttr)]

    def lanes(self, nest: Nest) -> int:
        """Vector lanes that suit the widest type in a nest."""
        return self.level.lanes(widest_item(nest.body))

    def scratch(self, element: str, size: int) -> Buffer:
        """A 64-byte aligned region of scratch memory."""
        buffer = Buffer(f"%s{len(self._regions)}", element, size)
        self._regions.append((buffer, self._scratch_bytes))
        self._scratch_bytes += -(-size * ITEM_BYTES[element] // _ALIGNMENT) * _ALIGNMENT
        return buffer

    def view_of(self, value: SSAValue) -> View:
        """Where a tensor lies. Reshapes share their operand's memory; an empty tensor and an unused one have none."""
        if value in self.views:
            return self.views[value]
        owner = value.owner
        if isinstance(owner, CollapseShapeOp | ExpandShapeOp):
            return self._reshaped(self.view_of(owner.src), value)
        if isinstance(owner, FillOp):
            return self.filled(value)
        if isinstance(owner, EmptyOp) or value.first_use is None:
            return self.nowhere(value)
        raise UnsupportedKernelError(f"kernel {self.name}: no memory for {value}")

    def filled(self, value: SSAValue) -> View:
        """One element of scratch memory, read with strides of 0."""
        constant, element = filled_constant(value), element_of(value)
        if constant is None:
            raise UnsupportedKernelError(f"kernel {self.name}: linalg.fill of a computed value is read")
        buffer = self.scratch(element, 1)
        one = self.writer.value(f"arith.constant {literal(constant, buffer.storage)} : {buffer.storage}")
        self.writer.line(f"memref.store {one}, {buffer.name}[{self.writer.index(0)}] : {buffer.type}")
        shape = shape_of(value)
        return View(buffer, shape, (0,) * len(shape))

    def nest_of(self, op: GenericOp) -> Nest:
        """The loop nest of a generic."""
        return nest_of(op, self.view_of, self.scalars)

    def nowhere(self, value: SSAValue) -> View:
        """The view of a tensor that stays in registers."""
        return View.dense(Buffer("", element_of(value), 0), shape_of(value))

    def forget_registers(self) -> None:
        """Undoes the placing of tensors in registers."""
        self.views = {value: view for value, view in self.views.items() if view.buffer.name}

    def index_value(self, value: SSAValue) -> str:
        """The name of an index value of the kernel."""
        if value not in self.scalars:
            constant = scalar_constant(value)
            if isinstance(constant, int):
                return self.writer.index(constant)
            raise UnsupportedKernelError(f"kernel {self.name}: an index that is not known here: {value}")
        return self.scalars[value]

    def _reshaped(self, view: View, value: SSAValue) -> View:
        shape = shape_of(value)
        if view.strides == row_major(view.shape):
            return View(view.buffer, shape, row_major(shape), view.offset, view.terms)
        fixed = 0
        while fixed < min(len(shape), len(view.shape)) and view.shape[fixed] == shape[fixed]:
            fixed += 1
        if view.strides[fixed:] != row_major(view.shape[fixed:]):
            raise UnsupportedKernelError(f"kernel {self.name}: reshape of a tensor that is not dense")
        return View(view.buffer, shape, view.strides[:fixed] + row_major(shape[fixed:]), view.offset, view.terms)

    def attribute(self, name: str) -> str | int | None:
        """The kernel's attribute `cellc.<name>`, a string or an integer, or None."""
        attribute = self._kernel.attributes.get(f"cellc.{name}")
        if isinstance(attribute, IntegerAttr):
            return attribute.value.data
        return attribute.data if isinstance(attribute, StringAttr) else None

    def code(self) -> KernelCode:
        """The finished text."""
        arguments = [f"{b.name}: {b.type}" for b in self._buffers]
        scratch_type = f"memref<{self._scratch_bytes}xi8>"
        arguments += [f"{BLOCK}: index", f"{_SCRATCH}: {scratch_type}"]
        lines = [f"func.func @{self.name}({', '.join(arguments)}) {{"]
        for number, (buffer, offset) in enumerate(self._regions):
            lines.append(f"  %o{number} = arith.constant {offset} : index")
            lines.append(f"  {buffer.name} = memref.view {_SCRATCH}[%o{number}][] : {scratch_type} to {buffer.type}")
        lines += [self.writer.body_text(), "  return", "}", *self.writer.functions.values()]
        return KernelCode(self.name, self.blocks, self._scratch_bytes, "\n".join(lines) + "\n")


def element_of(value: SSAValue) -> str:
    """The element type of a tensor value, as text."""
    if not isinstance(value.type, TensorType):
        raise UnsupportedKernelError(f"not a tensor: {value}")
    return str(value.type.element_type)


def single(ops: Sequence[Operation], kind: type[Operation], kernel: str) -> Operation:
    """The only op of class `kind`."""
    found = [op for op in ops if isinstance(op, kind)]
    if len(found) != 1:
        raise UnsupportedKernelError(f"kernel {kernel}: {len(found)} {kind.name}, not 1")
    return found[0]


def filled_constant(value: SSAValue) -> float | int | None:
    """The constant that fills a tensor, or None."""
    if not isinstance(value.owner, FillOp):
        return None
    return scalar_constant(value.owner.inputs[0])


def scalar_constant(value: SSAValue) -> float | int | None:
    """The number that an `arith.constant` gives, or None."""
    constant = value.owner.value if isinstance(value.owner, arith.ConstantOp) else None
    return constant.value.data if isinstance(constant, IntegerAttr | FloatAttr) else None
