"""Decides where each storage of the host function lives."""

from __future__ import annotations

from dataclasses import dataclass, field

from cellc.dialects.host import byte_size
from cellc.passes.arena import Slot, lower_bound, pack
from cellc.passes.host_values import HostFunction, Storage


@dataclass
class Place:
    """A caller's buffer: `argument` n, or `output` n; or a slot of the arena."""

    argument: int | None = None
    output: int | None = None
    slot: Slot | None = None


@dataclass
class Assignment:
    """Where storages live, and what is copied when the kernels have run."""

    places: dict[Storage, Place] = field(default_factory=dict)
    output_copies: list[tuple[Storage, int]] = field(default_factory=list)
    """(value, output number), for outputs that no kernel can write directly."""
    update_copies: list[tuple[Storage, int]] = field(default_factory=list)
    """(new value, argument), for parameters that cannot be written while kernels still read them."""
    arena_bytes: int = 0
    lower_bound: int = 0


def assign_memory(host: HostFunction) -> Assignment:
    """Results go straight to their parameter or output where that is safe; the rest shares one arena."""
    result = Assignment()
    for storage in host.distinct():
        if storage.argument is not None:
            result.places[storage] = Place(argument=storage.argument)
    updated = host.updated_arguments()
    for number, storage in enumerate(host.returned):
        if number in updated:
            _place_update(host, result, storage, updated[number])
    outputs = [storage for number, storage in enumerate(host.returned) if number not in updated]
    for number, storage in enumerate(outputs):
        if storage.made_by >= 0 and storage not in result.places:
            result.places[storage] = Place(output=number)
        else:
            result.output_copies.append((storage, number))
    _fill_arena(host, result)
    return result


def _place_update(host: HostFunction, result: Assignment, storage: Storage, argument: int) -> None:
    old = host.storages[host.function.body.block.args[argument]]
    if storage is old:
        return  # it keeps its value
    if storage.made_by >= 0 and storage not in result.places and _may_overwrite(host, storage, old):
        result.places[storage] = Place(argument=argument)
    else:
        result.update_copies.append((storage, argument))


def _may_overwrite(host: HostFunction, new: Storage, old: Storage) -> bool:
    """Whether nothing reads the old value once the new one is written, in the same kernel at the same index at most."""
    if byte_size(new.type) != byte_size(old.type) or any(reader > new.made_by for reader in old.read_by):
        return False
    return new.made_by not in old.read_by or _shares(host, new, old)


def _shares(host: HostFunction, new: Storage, old: Storage) -> bool:
    """Whether the kernel that makes `new` may write it over its operand `old`."""
    call = host.calls[new.made_by]
    positions = [i for i, value in enumerate(call.arguments) if host.storages[value] is old]
    results = [i for i, value in enumerate(call.results) if host.storages[value] is new]
    return len(positions) == 1 and (results[0], positions[0]) in host.in_place(new.made_by)


def _fill_arena(host: HostFunction, result: Assignment) -> None:
    for storage in host.distinct():
        if storage.made_by < 0 or storage in result.places:
            continue
        size = byte_size(storage.type)
        slot = _slot_taken_over(host, result, storage)
        if slot is None:
            slot = Slot(size, storage.made_by, storage.last_use)
        else:
            slot.last = storage.last_use
        result.places[storage] = Place(slot=slot)
    slots = list({id(p.slot): p.slot for p in result.places.values() if p.slot is not None}.values())
    result.lower_bound = lower_bound(slots)
    result.arena_bytes = pack(slots)


def _slot_taken_over(host: HostFunction, result: Assignment, storage: Storage) -> Slot | None:
    """The slot of an operand that dies in the command and that the result may overwrite."""
    for value in host.calls[storage.made_by].arguments:
        operand = host.storages[value]
        place = result.places.get(operand)
        if place is None or place.slot is None or operand.last_use != storage.made_by:
            continue
        free = place.slot.last == storage.made_by
        if free and place.slot.size == byte_size(storage.type) and _shares(host, storage, operand):
            return place.slot
    return None
