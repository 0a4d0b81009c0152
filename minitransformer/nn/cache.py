"""Keys and values kept from one token to the next: what makes generation cost one token a step instead of all."""

from __future__ import annotations

from minitransformer.autograd import Tensor, is_grad_enabled
from minitransformer.backends import Array, namespace


class AttentionCache:
    """The keys and values of one attention layer for the tokens so far; `len(cache)` is how many.

    They stand in one array with room to spare, which doubles when it is full, so that a token costs its own copy and no
    more. Values are kept, not their history: use it under `no_grad`.
    """

    def __init__(self):
        self._length = 0
        self._room: Array | None = None  # (2, B, H, capacity, d): keys, then values

    def __len__(self) -> int:
        return self._length

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Keep the new tokens' (.., T, d) and return those of all so far, (.., S, d) each.

        Raises RuntimeError if a gradient is being recorded, ValueError if the batch is not that of the tokens before.
        """
        if is_grad_enabled() and (keys.requires_grad or values.requires_grad):
            raise RuntimeError("a cache keeps no history for backward: wrap generation in `with no_grad():`")
        end = self._length + keys.shape[-2]
        self._reserve(keys, end)
        for kept, new in zip(self._room, (keys, values), strict=True):
            kept[..., self._length : end, :] = new.array
        self._length = end
        return Tensor(self._room[0][..., :end, :]), Tensor(self._room[1][..., :end, :])

    def _reserve(self, like: Tensor, capacity: int) -> None:
        *batch, _, d = like.shape
        if self._room is None:
            self._room = namespace(like.array).zeros((2, *batch, capacity, d), like.dtype)
        if (*self._room.shape[1:-2], self._room.shape[-1]) != (*batch, d):
            raise ValueError(f"cache: holds keys {self._room.shape[1:]}, got {like.shape}: start a new cache")
        if capacity > self._room.shape[-2]:
            grown = namespace(like.array).zeros(
                (2, *batch, max(capacity, 2 * self._room.shape[-2]), d), like.dtype
            )
            grown[..., : self._length, :] = self._room[..., : self._length, :]
            self._room = grown

    def select(self, rows) -> None:
        """Go on with these sequences of the batch, in this order, repeated or left out: what beam search does."""
        if self._room is not None:
            self._room = self._room[:, rows.array if isinstance(rows, Tensor) else rows]


class TransformerCache:
    """One `AttentionCache` for each layer; `len(cache)` is the number of tokens so far."""

    def __init__(self, num_layers: int):
        self.layers = [AttentionCache() for _ in range(num_layers)]

    def __len__(self) -> int:
        return len(self.layers[0]) if self.layers else 0

    def select(self, rows) -> None:
        """The same for every layer: go on with these sequences of the batch."""
        for layer in self.layers:
            layer.select(rows)
