"""Masks for attention, by hand and causal."""

from __future__ import annotations

from minitransformer.verify.inputs import given

# (T, S) = (3, 4), some positions not allowed
BLOCKED = given([[False, True, True, False], [False, False, True, True], [True, False, False, True]])
# (T, S) = (3, 4), no position allowed in the first row
FIRST_ROW_BLOCKED = given([[True, True, True, True], [False, False, True, True], [True, False, False, True]])
# (T, T): True is not allowed
SQUARE = given([[False, True, False], [False, False, True], [True, False, False]])
PADDING = given([[False, False, True], [False, True, True]])  # (B, T)


def causal(lib, x, dim: int = 1):
    """PyTorch's causal mask for the tokens along `dim`. (B, T, C) -> (T, T)."""
    return lib.nn.Transformer.generate_square_subsequent_mask(x.shape[dim]).to(x.dtype)
