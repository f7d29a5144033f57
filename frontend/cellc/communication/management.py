"""Groups of processes, over MPI (the extra `mpi`): `mpirun -n 2 cellc run train.py`."""

from __future__ import annotations

import os
import sys
from typing import Any

from cellc.errors import bad_argument
from cellc.runtime import collectives

HCCL_WORLD_COMM_GROUP = "hccl_world_group"
NCCL_WORLD_COMM_GROUP = "nccl_world_group"
WORLD_GROUP = "mccl_world_group"
_WORLDS = (HCCL_WORLD_COMM_GROUP, NCCL_WORLD_COMM_GROUP, WORLD_GROUP)


_local = (0, 1)
"""The number of this process on its machine, and how many there are."""


class GlobalComm:
    """Names that MindSpore's scripts read."""

    BACKEND = "mpi"
    WORLD_COMM_GROUP = WORLD_GROUP
    INITED: bool = False


def init(backend_name: str | None = None) -> None:
    """Joins the processes that `mpirun` started; a process alone is a group of one.

    An exception that ends one process ends the others from then on, and so does, under `cellc run`, `sys.exit` with a
    status that says that it failed. Where `CELLC_NUM_THREADS` is not set, the machine's
    cores are shared among its processes; so this must come before the first program runs.

    Args:
        backend_name: "hccl", "nccl" and "mccl" all stand for MPI.

    Raises:
        ValueError: `backend_name` is another string.
        ImportError: mpi4py is not installed.
        RuntimeError: MPI cannot be started.
    """
    if backend_name not in (None, "hccl", "nccl", "mccl"):
        message = f"For 'init', 'backend_name' must be 'hccl', 'nccl' or 'mccl', but got {backend_name!r}."
        raise bad_argument(ValueError, message)
    if collectives.WORLD in collectives.groups:
        return
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ImportError("communication needs mpi4py and an MPI: pip install 'cellc[mpi]'") from error
    except RuntimeError as error:
        raise RuntimeError(f"MPI cannot be started: {error}") from None
    collectives.groups[collectives.WORLD] = MPI.COMM_WORLD
    GlobalComm.INITED = True
    _share_cores(MPI)
    _end_others_with_this(MPI)


def release() -> None:
    """Leaves all groups."""
    collectives.groups.clear()
    GlobalComm.INITED = False


def get_rank(group: str = WORLD_GROUP) -> int:
    """The number of this process in the group, from 0.

    Raises:
        RuntimeError: `init` has not been called.
        ValueError: there is no such group, or this process is not in it.
    """
    return _communicator(group).rank


def get_group_size(group: str = WORLD_GROUP) -> int:
    """How many processes the group has.

    Raises:
        RuntimeError: `init` has not been called.
        ValueError: there is no such group, or this process is not in it.
    """
    return _communicator(group).size


def get_local_rank(group: str = WORLD_GROUP) -> int:
    """The number of this process among those on this machine; for the world only.

    Raises:
        RuntimeError: `init` has not been called.
        ValueError: the group is another.
    """
    return _on_this_machine(group)[0]


def get_local_rank_size(group: str = WORLD_GROUP) -> int:
    """How many processes there are on this machine; for the world only.

    Raises:
        RuntimeError: `init` has not been called.
        ValueError: the group is another.
    """
    return _on_this_machine(group)[1]


def create_group(group: str, rank_ids: list[int]) -> None:
    """Makes a group of some processes; those must call it, each with the same ranks in the same order.

    Args:
        group: its name: letters, digits and underscores.
        rank_ids: ranks in the world.

    Raises:
        TypeError, ValueError: an argument has another type, a rank does not exist or occurs twice, or the name is
            taken.
        RuntimeError: `init` has not been called.
    """
    world = _communicator(WORLD_GROUP)
    if not isinstance(group, str) or not group.isidentifier() or group in _WORLDS or group == collectives.WORLD:
        raise bad_argument(ValueError, f"For 'create_group', 'group' must be a new name, but got {group!r}.")
    check_ranks(rank_ids, world.size, "create_group")
    if group in collectives.groups:
        raise bad_argument(ValueError, f"For 'create_group', there is a group {group!r} already.")
    if world.rank in rank_ids:
        collectives.groups[group] = world.Create_group(world.group.Incl(rank_ids))


def destroy_group(group: str) -> None:
    """Forgets a group.

    Raises:
        ValueError: it is the world, or there is no such group.
    """
    if group in _WORLDS:
        raise bad_argument(ValueError, "For 'destroy_group', the world cannot be destroyed.")
    _communicator(group)
    del collectives.groups[group]


def check_ranks(rank_ids: Any, size: int, owner: str) -> None:
    """Checks a list of distinct ranks.

    Raises:
        TypeError, ValueError: it is something else.
    """
    if not isinstance(rank_ids, list) or not all(isinstance(rank, int) for rank in rank_ids):
        raise bad_argument(TypeError, f"For '{owner}', ranks must be a list of ints, but got {rank_ids!r}.")
    if not rank_ids or len(set(rank_ids)) < len(rank_ids) or not 0 <= min(rank_ids) <= max(rank_ids) < size:
        message = f"For '{owner}', ranks must be distinct and in [0, {size - 1}], but got {rank_ids}."
        raise bad_argument(ValueError, message)


def checked_group(group: str) -> str:
    """The runtime's name of a group.

    Raises:
        ValueError: there is no such group.
    """
    name = collectives.WORLD if group in _WORLDS else group
    if name != collectives.WORLD and name not in collectives.groups:
        known = ", ".join(map(repr, [WORLD_GROUP, *(other for other in collectives.groups if other != "world")]))
        raise bad_argument(ValueError, f"there is no group {group!r} with this process; there are {known}.")
    return name


def is_member(group: str) -> bool:
    """Whether there is such a group with this process; every process is in the world."""
    return group in _WORLDS or group in collectives.groups


def world_size() -> int:
    """How many processes there are; 1 before `init`."""
    return size_of(WORLD_GROUP)


def size_of(group: str) -> int:
    """How many processes the group has; 1 before `init`.

    Raises:
        ValueError: there is no such group.
    """
    members = collectives.groups.get(checked_group(group))
    return 1 if members is None else members.size


def broadcast_parameters(parameters: Any, root: int = 0) -> None:
    """Gives the parameters of all processes the values of those of one."""
    world = collectives.groups.get(collectives.WORLD)
    if world is None or world.size == 1:
        return
    for parameter in parameters:
        parameter.set_data(world.bcast(parameter.asnumpy(), root))


def _communicator(group: str) -> Any:
    if collectives.WORLD not in collectives.groups:
        raise RuntimeError("communication.init() must be called first")
    return collectives.groups[checked_group(group)]


def _on_this_machine(group: str) -> tuple[int, int]:
    _communicator(WORLD_GROUP)
    if checked_group(group) != collectives.WORLD:
        raise bad_argument(ValueError, f"local ranks are known for the world only, not for {group!r}.")
    return _local


def _share_cores(mpi: Any) -> None:
    global _local
    machine = mpi.COMM_WORLD.Split_type(mpi.COMM_TYPE_SHARED)
    _local = (machine.rank, machine.size)
    machine.Free()
    if _local[1] > 1:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        os.environ.setdefault("CELLC_NUM_THREADS", str(max(1, cores // _local[1])))


def _end_others_with_this(mpi: Any) -> None:
    """The others would wait for a process that an exception has ended."""
    previous = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        previous(kind, error, trace)
        if mpi.COMM_WORLD.size > 1 and not isinstance(error, SystemExit):
            end_all_with_this(mpi.COMM_WORLD.rank, 1)

    sys.excepthook = hook


def end_all_with_this(rank: int, status: int) -> None:
    """Ends this process, of a rank, and the others of the world, and says so."""
    print(f"cellc: process {rank} has failed: the others are ended", file=sys.stderr, flush=True)
    collectives.end_all(status)
