"""Calls that carry any Python object, by pickle: only between ranks of one program."""

from __future__ import annotations

from typing import Any

from minitransformer.distributed.groups import ProcessGroup, engine_of, place_in


def all_gather_object(object_list: list[Any], obj: Any, group: ProcessGroup | None = None) -> None:
    """The objects of all ranks, on each.

    Args:
        object_list: a place for each rank; written.
        obj: anything that pickle knows.
        group: None means all ranks.

    Raises:
        ValueError: `init_process_group` has not been called, or this rank is not in the group.
        DistError: a rank has ended, does not come, or calls something else.
    """
    object_list[:] = engine_of(group, "all_gather_object").objects(obj, "all_gather_object")


def broadcast_object_list(object_list: list[Any], src: int = 0, group: ProcessGroup | None = None) -> None:
    """Give the objects of one rank to all.

    Args:
        object_list: on `src` the objects; written elsewhere.
        src: the number of that rank among all.
        group: None means all ranks.

    Raises:
        ValueError: as `all_gather_object`; or `src` is not in the group.
        DistError: as `all_gather_object`.
    """
    engine = engine_of(group, "broadcast_object_list")
    root = place_in(engine, src, "broadcast_object_list")
    mine = list(object_list) if engine.rank == root else None
    object_list[:] = engine.objects(mine, f"broadcast_object_list(from rank {src})")[root]


def gather_object(
    obj: Any, object_gather_list: list[Any] | None = None, dst: int = 0, group: ProcessGroup | None = None
) -> None:
    """The objects of all ranks, on one.

    Args:
        obj: anything that pickle knows.
        object_gather_list: on `dst` a place for each rank; written. None elsewhere.
        dst: the number of that rank among all.
        group: None means all ranks.

    Raises:
        ValueError: as `all_gather_object`; or `dst` has no list.
        DistError: as `all_gather_object`.
    """
    engine = engine_of(group, "gather_object")
    if engine.rank == place_in(engine, dst, "gather_object") and object_gather_list is None:
        raise ValueError(f"gather_object: expected a list on rank {dst}, got None")
    found = engine.objects(obj, f"gather_object(to rank {dst})")
    if engine.ranks[engine.rank] == dst and object_gather_list is not None:
        object_gather_list[:] = found


def scatter_object_list(
    scatter_object_output_list: list[Any],
    scatter_object_input_list: list[Any] | None = None,
    src: int = 0,
    group: ProcessGroup | None = None,
) -> None:
    """Each rank gets its object of a list that one rank has.

    Args:
        scatter_object_output_list: its first place is written.
        scatter_object_input_list: on `src` an object for each rank. None elsewhere.
        src: the number of that rank among all.
        group: None means all ranks.

    Raises:
        ValueError: as `all_gather_object`; or the list has another length.
        DistError: as `all_gather_object`.
    """
    engine = engine_of(group, "scatter_object_list")
    root = place_in(engine, src, "scatter_object_list")
    mine = scatter_object_input_list if engine.rank == root else None
    if engine.rank == root and len(mine or ()) != engine.size:
        raise ValueError(f"scatter_object_list: expected {engine.size} objects, got {len(mine or ())}")
    found = engine.objects(mine, f"scatter_object_list(from rank {src})")[root]
    scatter_object_output_list[:1] = [found[engine.rank]]
