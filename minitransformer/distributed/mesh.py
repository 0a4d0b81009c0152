"""A mesh: the ranks as a grid, with a group for each line of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from minitransformer.distributed.groups import ProcessGroup, get_rank, get_world_size, new_group


class DeviceMesh:
    """The ranks as a grid of two or more dimensions, such as (data, tensor); one dimension is a row of all ranks.

    Args:
        device_type: "cpu" or "cuda".
        mesh: the numbers of the ranks as a grid, each once.
        mesh_dim_names: a name for each dimension.

    Attributes:
        device_type: as given.
        mesh: as given, an array.
        mesh_dim_names: as given.
    """

    def __init__(self, device_type: str, mesh: Any, *, mesh_dim_names: Sequence[str] | None = None):
        self.device_type, self.mesh = device_type, numpy.asarray(mesh)
        self.mesh_dim_names = tuple(mesh_dim_names or ())
        rank = get_rank()
        self._groups: list[Any] = []
        for dim in range(self.mesh.ndim):
            lines = numpy.moveaxis(self.mesh, dim, -1).reshape(-1, self.mesh.shape[dim]).tolist()
            made = [new_group(line) for line in lines]  # every rank takes part in making each
            self._groups.append(next(g for g, line in zip(made, lines, strict=True) if rank in line))

    def _dim(self, mesh_dim: int | str | None) -> int:
        if mesh_dim is None:
            if self.mesh.ndim > 1:
                raise ValueError(f"DeviceMesh: expected one of {self.mesh.ndim} dimensions, got none")
            return 0
        if isinstance(mesh_dim, int):
            return mesh_dim
        if mesh_dim not in self.mesh_dim_names:
            raise KeyError(f"DeviceMesh: expected one of {self.mesh_dim_names}, got {mesh_dim!r}")
        return self.mesh_dim_names.index(mesh_dim)

    def get_group(self, mesh_dim: int | str | None = None) -> ProcessGroup:
        """The group of the ranks in line with this one.

        Args:
            mesh_dim: along which dimension, by number or name; None if there is only one.

        Returns:
            The group.
        """
        found: ProcessGroup = self._groups[self._dim(mesh_dim)]
        return found

    def get_local_rank(self, mesh_dim: int | str | None = None) -> int:
        """Where this rank is along a dimension.

        Args:
            mesh_dim: which, as for `get_group`.

        Returns:
            From 0 on.
        """
        return self.get_group(mesh_dim).rank

    def __getitem__(self, mesh_dim_name: str) -> DeviceMesh:
        """The line of the mesh in which this rank is, as a mesh of one dimension.

        Args:
            mesh_dim_name: along which dimension.

        Returns:
            The mesh; no rank needs to wait for it.

        Raises:
            KeyError: there is no such dimension.
        """
        line = object.__new__(DeviceMesh)
        group = self.get_group(mesh_dim_name)
        line.device_type, line.mesh = self.device_type, numpy.array(group.ranks)
        line.mesh_dim_names, line._groups = (mesh_dim_name,), [group]
        return line

    def size(self, mesh_dim: int | None = None) -> int:
        """The number of ranks.

        Args:
            mesh_dim: along which dimension; None for all of them.

        Returns:
            The number.
        """
        return int(self.mesh.size if mesh_dim is None else self.mesh.shape[mesh_dim])

    def get_coordinate(self) -> list[int]:
        """Where this rank is along each dimension.

        Returns:
            A number for each.
        """
        return [group.rank for group in self._groups]


def init_device_mesh(
    device_type: str, mesh_shape: Sequence[int], *, mesh_dim_names: Sequence[str] | None = None
) -> DeviceMesh:
    """All ranks as a grid, in order: the last dimension has neighbours. All ranks call this.

    Args:
        device_type: "cpu" or "cuda".
        mesh_shape: the number of ranks along each dimension.
        mesh_dim_names: a name for each dimension.

    Returns:
        The mesh.

    Raises:
        ValueError: the shape does not have as many places as there are ranks; or `init_process_group` has not been called.
    """
    size = get_world_size()
    if numpy.prod(mesh_shape) != size:
        raise ValueError(f"init_device_mesh: expected a shape of {size} places, got {tuple(mesh_shape)}")
    grid = numpy.arange(size).reshape(tuple(mesh_shape))
    return DeviceMesh(device_type, grid, mesh_dim_names=mesh_dim_names)
