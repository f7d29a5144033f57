"""Vectors in kernel text: constants, masks, loads and stores of any stride, shuffles."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import ml_dtypes
import numpy as np

from cellc.targets.cpu.access import Access, Buffer
from cellc.targets.cpu.writer import Writer

# Up to this stride, whole vectors are loaded and shuffled instead of gathered.
WOVEN = 4

# Which cache `fetch` brings a line to.
TO_L1, TO_L2 = 3, 2

ITEM_BYTES = {"f64": 8, "f32": 4, "f16": 2, "bf16": 2, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "i1": 1, "index": 8}


def bytes_of(buffer: Buffer) -> int:
    """How much memory a buffer takes."""
    return buffer.size * ITEM_BYTES[buffer.storage]


def vector_type(lanes: int, element: str) -> str:
    """The type of a register of `lanes` elements."""
    return f"vector<{lanes}x{element}>"


def float_bits(value: float, element: str) -> str:
    """`value` as the hexadecimal literal of float type `element`, exact for every value."""
    if element == "f64":
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    kind = {"f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}[element]
    with np.errstate(over="ignore"):
        rounded = np.asarray(value).astype(kind)
    digits = 8 if element == "f32" else 4
    return f"0x{int(rounded.view(np.uint32 if digits == 8 else np.uint16)):0{digits}X}"


def literal(value: float | int | bool, element: str) -> str:
    """`value` as MLIR prints it in a constant of type `element`."""
    if element == "i1":
        return "true" if value else "false"
    if element[0] == "i":
        return str(int(value))
    return float_bits(float(value), element)


class Vectors:
    """Writes vector ops of a fixed number of lanes.

    While a tail is written, `mask` is set, and `count` too where the number of its lanes is a constant. Whole vectors
    are stored past the cache to the buffers named in `streamed`.
    """

    def __init__(self, writer: Writer, lanes: int) -> None:
        self.writer = writer
        self.lanes = lanes
        self.mask: str | None = None
        self.count: int | None = None
        self.streamed: frozenset[str] = frozenset()

    def type(self, element: str) -> str:
        """The vector type of `element`."""
        return vector_type(self.lanes, element)

    def constant(self, value: float | int | bool, element: str) -> str:
        """A vector of equal constants."""
        return self.writer.pure(f"arith.constant dense<{literal(value, element)}> : {self.type(element)}")

    def broadcast(self, scalar: str, element: str) -> str:
        """A vector of one scalar."""
        return self.writer.pure(f"vector.broadcast {scalar} : {element} to {self.type(element)}")

    def first_lanes(self, count: int) -> str:
        """The mask of the first `count` lanes."""
        return self.writer.pure(f"vector.constant_mask [{count}] : {self.type('i1')}")

    @contextmanager
    def masked(self, count: int) -> Iterator[None]:
        """Only the first `count` lanes are loaded and stored inside; all of them where `count` is the lanes."""
        saved = self.mask, self.count
        self.mask, self.count = (self.first_lanes(count), count) if count < self.lanes else (None, None)
        yield
        self.mask, self.count = saved

    def active(self) -> str:
        """The current mask; all lanes where there is none."""
        return self.mask or self.constant(True, "i1")

    def lane_numbers(self, start: str, element: str) -> str:
        """The index start + lane as integers of a type, which may be narrow: a vector of them is one register."""
        kind, pure = self.type(element), self.writer.pure
        first = self.broadcast(pure(f"arith.index_cast {start} : index to {element}"), element)
        return pure(f"arith.addi {first}, {pure(f'arith.constant dense<{list(range(self.lanes))}> : {kind}')} : {kind}")

    def lane_indices(self, start: str, stride: int = 1) -> str:
        """start + stride * lane, as index values."""
        kind = self.type("index")
        steps = self.writer.pure(f"vector.step : {kind}")
        if stride != 1:
            steps = self.writer.pure(f"arith.muli {steps}, {self.constant(stride, 'index')} : {kind}")
        return self.writer.pure(f"arith.addi {self.broadcast(start, 'index')}, {steps} : {kind}")

    def load(self, access: Access, stride: int) -> str:
        """Elements at access + stride * lane. Masked-off lanes may be divided by: they hold 1, or the only element."""
        base = self.writer.linear(access.offset, access.terms)
        kind, storage = access.buffer.type, access.buffer.storage
        if stride == 0 or self.count == 1:
            scalar = self.writer.value(f"memref.load {access.buffer.name}[{base}] : {kind}")
            return self.from_storage(self.broadcast(scalar, storage), access)
        if 1 < stride <= WOVEN and (self.mask is None or self.count is not None):
            return self.from_storage(self._unweave(access, base, stride), access)
        if stride != 1:
            return self.gather(access, self._lane_offsets(stride))
        vector = self.type(storage)
        if self.mask is None:
            loaded = self.writer.value(f"vector.load {access.buffer.name}[{base}] : {kind}, {vector}")
        else:
            loaded = self.writer.value(
                f"vector.maskedload {access.buffer.name}[{base}], {self.mask}, {self.constant(1, storage)} : "
                f"{kind}, {self.type('i1')}, {vector} into {vector}"
            )
        return self.from_storage(loaded, access)

    def fetch(self, access: Access, ahead: int, level: int = TO_L1) -> None:
        """Asks for the cache line that lies `ahead` elements after the access; it may lie outside the buffer."""
        buffer, place = access.buffer, self.writer.linear(access.offset + ahead, access.terms)
        self.writer.line(f"memref.prefetch {buffer.name}[{place}], read, locality<{level}>, data : {buffer.type}")

    def _unweave(self, access: Access, base: str, stride: int) -> str:
        """Every `stride`-th element, from vectors of all elements up to the last one."""
        lanes, storage = self.lanes, access.buffer.storage
        last = stride * ((lanes if self.count is None else self.count) - 1)
        result = None
        for number in range(last // lanes + 1):
            # Where all lanes are read, the last vector ends with the last element.
            start = min(number * lanes, last + 1 - lanes) if self.mask is None else number * lanes
            piece = self._contiguous(access, self.writer.linear(start, [(base, 1)]), min(lanes, last + 1 - start))
            taken = [stride * lane - start for lane in range(lanes)]
            inside = [number * lanes <= stride * lane < (number + 1) * lanes for lane in range(lanes)]
            if result is None:
                picked = [t if i else 0 for t, i in zip(taken, inside, strict=True)]
                result = self.shuffle(piece, piece, picked, storage)
            else:
                picked = [lanes + t if i else lane for lane, (t, i) in enumerate(zip(taken, inside, strict=True))]
                result = self.shuffle(result, piece, picked, storage)
        assert result is not None
        return result

    def _contiguous(self, access: Access, base: str, count: int) -> str:
        """`count` elements in memory order."""
        storage, kind = access.buffer.storage, access.buffer.type
        vector = self.type(storage)
        if count == self.lanes:
            return self.writer.value(f"vector.load {access.buffer.name}[{base}] : {kind}, {vector}")
        return self.writer.value(
            f"vector.maskedload {access.buffer.name}[{base}], {self.first_lanes(count)}, {self.constant(1, storage)} : "
            f"{kind}, {self.type('i1')}, {vector} into {vector}"
        )

    def load_at(self, access: Access, offsets: Sequence[int]) -> str:
        """Elements at access + offsets, of as many lanes; from one or two vectors, if they lie so near."""
        reach, more = max(offsets) + 1, self.lanes - len(offsets)
        if reach > 2 * self.lanes or min(offsets) < 0:
            lanes = self.writer.pure(f"arith.constant dense<{[*offsets, *[0] * more]}> : {self.type('i64')}")
            return self.gather(access, lanes)
        starts = [0] if reach <= self.lanes else [0, reach - self.lanes]
        with self.masked(min(reach, self.lanes)):
            loaded = [self.load(access.moved_by(start), 1) for start in starts]
        far = [offset >= self.lanes for offset in offsets]
        places = [(int(second), offset - starts[second]) for second, offset in zip(far, offsets, strict=True)]
        return self.assembled(loaded, places + [(0, 0)] * more, access.buffer.element)

    def gather(self, access: Access, offsets: str, offset_type: str = "i64") -> str:
        """Elements at access + offsets[lane]."""
        base = self.writer.linear(access.offset, access.terms)
        storage = access.buffer.storage
        vector = self.type(storage)
        loaded = self.writer.value(
            f"vector.gather {access.buffer.name}[{base}] [{offsets}], {self.active()}, {self.constant(1, storage)} : "
            f"{access.buffer.type}, {self.type(offset_type)}, {self.type('i1')}, {vector} into {vector}"
        )
        return self.from_storage(loaded, access)

    def store(self, value: str, access: Access, stride: int) -> None:
        """Writes lanes to access + stride * lane."""
        base = self.writer.linear(access.offset, access.terms)
        storage, kind = access.buffer.storage, access.buffer.type
        vector = self.type(storage)
        if access.buffer.element == "i1":
            value = self.writer.pure(f"arith.extui {value} : {self.type('i1')} to {vector}")
        if self.count == 1:
            # Not through a mask: LLVM 22 merges a narrowing before it into a store of the wide element.
            scalar = self.writer.pure(f"vector.extract {value}[0] : {storage} from {vector}")
            self.writer.line(f"memref.store {scalar}, {access.buffer.name}[{base}] : {kind}")
        elif stride != 1:
            offsets = self._lane_offsets(stride)
            self.writer.line(
                f"vector.scatter {access.buffer.name}[{base}] [{offsets}], {self.active()}, {value} : "
                f"{kind}, {self.type('i64')}, {self.type('i1')}, {vector}"
            )
        elif self.mask is None:
            size = self.lanes * ITEM_BYTES[storage]
            past = f" {{alignment = {size} : i64, nontemporal = true}}" if access.buffer.name in self.streamed else ""
            self.writer.line(f"vector.store {value}, {access.buffer.name}[{base}]{past} : {kind}, {vector}")
        elif self.count is not None and access.buffer.name in self.writer.read_on:
            self._store_parts(value, access, self.count)
        else:
            self.writer.line(
                f"vector.maskedstore {access.buffer.name}[{base}], {self.mask}, {value} : "
                f"{kind}, {self.type('i1')}, {vector}"
            )

    def _store_parts(self, value: str, access: Access, count: int) -> None:
        """Stores the first `count` lanes as vectors of powers of two."""
        start = 0
        while start < count:
            size = 1 << ((count - start).bit_length() - 1)
            self.store_lanes(value, access.moved_by(start), start, size)
            start += size

    def store_lanes(self, value: str, access: Access, first: int, size: int) -> None:
        """Stores `size` lanes from lane `first` on as a vector of their own."""
        storage, base = access.buffer.storage, self.writer.linear(access.offset, access.terms)
        part = vector_type(size, storage)
        lanes = self.writer.pure(
            f"vector.extract_strided_slice {value} {{offsets = [{first}], sizes = [{size}], strides = [1]}} : "
            f"{self.type(storage)} to {part}"
        )
        self.writer.line(f"vector.store {lanes}, {access.buffer.name}[{base}] : {access.buffer.type}, {part}")

    def shuffle(self, first: str, second: str, lanes: Sequence[int], element: str) -> str:
        """The lanes `lanes` of the two vectors end to end."""
        kind = self.type(element)
        return self.writer.pure(f"vector.shuffle {first}, {second} {list(lanes)} : {kind}, {kind}")

    def assembled(self, sources: Sequence[str], places: Sequence[tuple[int, int]], element: str) -> str:
        """Lanes from several vectors: `places` says of each lane which vector it comes from, and which lane there."""
        used = sorted({source for source, _ in places})
        result, known = sources[used[0]], [lane if source == used[0] else 0 for source, lane in places]
        for source in used[1:]:
            known = [self.lanes + lane if at == source else k for k, (at, lane) in zip(known, places, strict=True)]
            result, known = self.shuffle(result, sources[source], known, element), list(range(self.lanes))
        return result if len(used) > 1 else self.shuffle(result, result, known, element)

    def transpose(self, rows: Sequence[str], element: str) -> list[str]:
        """The columns of the square matrix whose rows are `rows` (as many as lanes)."""
        rows, distance = list(rows), 1
        while distance < self.lanes:
            low = [i + (self.lanes - distance if i & distance else 0) for i in range(self.lanes)]
            high = [i + (self.lanes if i & distance else distance) for i in range(self.lanes)]
            for i in range(self.lanes):
                if not i & distance:
                    first, second = rows[i], rows[i + distance]
                    rows[i] = self.shuffle(first, second, low, element)
                    rows[i + distance] = self.shuffle(first, second, high, element)
            distance *= 2
        return rows

    def _lane_offsets(self, stride: int) -> str:
        offsets = ", ".join(str(stride * lane) for lane in range(self.lanes))
        return self.writer.pure(f"arith.constant dense<[{offsets}]> : {self.type('i64')}")

    def from_storage(self, loaded: str, access: Access) -> str:
        """The values of lanes as they lie in memory: a bool is a byte there."""
        if access.buffer.element != "i1":
            return loaded
        return self.writer.pure(f"arith.cmpi ne, {loaded}, {self.constant(0, 'i8')} : {self.type('i8')}")
