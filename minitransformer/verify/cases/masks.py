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
    """The causal mask that PyTorch's method makes.

    Args:
        lib: minitransformer or torch.
        x: The tokens.
        dim: The dimension of the tokens in `x`.

    Returns:
        (T, T) in the dtype of `x`, -inf for later tokens.
    """
    return lib.nn.Transformer.generate_square_subsequent_mask(x.shape[dim]).to(x.dtype)
