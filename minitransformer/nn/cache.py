"""Keys and values of earlier tokens, kept for the next token: each step of generation then computes one token, not all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.settings import is_grad_enabled

Rows = Tensor | Sequence[int] | numpy.ndarray


class AttentionCache:
    """The keys and values of one attention layer for all tokens so far; `len(cache)` is the number of tokens.

    They are stored in one array with free capacity, which doubles when it is full: adding a token copies only this token's
    keys and values. The tape is not stored: use a cache under `no_grad`.
    """

    def __init__(self) -> None:
        self._length = 0
        self._room: Array | None = None  # (2, B, H, capacity, d): keys, then values

    def __len__(self) -> int:
        return self._length

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add the keys and values of new tokens.

        Args:
            keys: (B, H, T, d), of the T new tokens.
            values: (B, H, T, d), of the same tokens.

        Returns:
            The keys and the values of all tokens so far, (B, H, S, d) each: views of the cache's memory.

        Raises:
            RuntimeError: if keys or values require a gradient while a tape is recorded.
            ValueError: if the batch, the heads or d differ from those of the earlier tokens.
        """
        if is_grad_enabled() and (keys.requires_grad or values.requires_grad):
            raise RuntimeError("a cache keeps no history for backward: wrap generation in `with no_grad():`")
        end = self._length + keys.shape[-2]
        room = self._reserve(keys, end)
        for kept, new in zip(room, (keys, values), strict=True):
            kept[..., self._length : end, :] = new.array
        self._length = end
        return Tensor(room[0][..., :end, :]), Tensor(room[1][..., :end, :])

    def _reserve(self, like: Tensor, capacity: int) -> Array:
        """The array, with a capacity of at least `capacity` tokens."""
        *batch, _, d = like.shape
        if self._room is None:
            self._room = namespace(like.array).zeros((2, *batch, capacity, d), like.dtype)
        if (*self._room.shape[1:-2], self._room.shape[-1]) != (*batch, d):
            raise ValueError(f"cache: holds keys {self._room.shape[1:]}, got {like.shape}: start a new cache")
        if capacity > self._room.shape[-2]:
            size = (2, *batch, max(capacity, 2 * self._room.shape[-2]), d)
            grown = namespace(like.array).zeros(size, like.dtype)
            grown[..., : self._length, :] = self._room[..., : self._length, :]
            self._room = grown
        return self._room

    def select(self, rows: Rows) -> None:
        """Keep only these sequences of the batch, as beam search needs.

        Args:
            rows: indices into the batch, in the new order; an index may occur several times.
        """
        if self._room is not None:
            self._room = self._room[:, rows.array if isinstance(rows, Tensor) else rows]


class TransformerCache:
    """One `AttentionCache` for each layer; `len(cache)` is the number of tokens so far.

    Args:
        num_layers: the number of layers, at least 0.
    """

    def __init__(self, num_layers: int) -> None:
        self.layers = [AttentionCache() for _ in range(num_layers)]

    def __len__(self) -> int:
        return len(self.layers[0]) if self.layers else 0

    def select(self, rows: Rows) -> None:
        """Keep only these sequences of the batch, in every layer: see `AttentionCache.select`.

        Args:
            rows: indices into the batch, in the new order; an index may occur several times.
        """
        for layer in self.layers:
            layer.select(rows)
