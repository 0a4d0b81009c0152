"""Cutting vectors into heads and merging them again, against PyTorch's view and permute."""

import pytest
from helpers import array, check_op

import minitransformer as mt
from minitransformer.ops.networks.heads import merge_heads, split_heads


def cut(x, heads, parts, batch_first):
    """(B, T, P H d) -> P times (B, H, T, d), as PyTorch has it."""
    pieces = x.unflatten(-1, (parts, heads, x.shape[-1] // (parts * heads)))  # (.., P, H, d)
    batched = {True: (2, 0, 3, 1, 4), False: (2, 1, 3, 0, 4)}[batch_first]
    pieces = pieces.permute(batched if x.ndim == 3 else (1, 2, 0, 3))
    return tuple(pieces) if parts > 1 else pieces[0]


def merged(x, batch_first):
    """(B, H, T, d) -> (B, T, H d), as PyTorch has it."""
    batched = {True: (0, 2, 1, 3), False: (2, 0, 1, 3)}[batch_first]
    return x.permute(batched if x.ndim == 4 else (1, 0, 2)).flatten(-2)


VECTORS = [(2, 3, 24), (1, 1, 24), (3, 24), (1, 6), (0, 3, 12), (2, 0, 12)]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("parts, heads", [(3, 2), (1, 2), (2, 1), (1, 1), (3, 1)])
@pytest.mark.parametrize("shape", VECTORS, ids=str)
def test_split(shape, parts, heads, batch_first):
    def fn(lib, x):
        pieces = split_heads(x, heads, parts, batch_first) if lib is mt else cut(x, heads, parts, batch_first)
        # one in the middle is left unused
        return pieces[0] * pieces[-1] ** 2 if parts > 1 else pieces * pieces

    check_op(fn, shape)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize(
    "shape", [(2, 3, 4, 5), (1, 1, 1, 1), (3, 4, 2), (2, 3, 0, 5), (0, 3, 2, 4)], ids=str
)
def test_merge(shape, batch_first):
    check_op(lambda lib, x: (merge_heads if lib is mt else merged)(x, batch_first) ** 2, shape)


@pytest.mark.parametrize("batch_first", [True, False])
def test_merging_undoes_splitting_and_shares_its_memory(batch_first):
    x = mt.tensor(array(2, 3, 8))
    back = merge_heads(split_heads(x, 4, batch_first=batch_first), batch_first)
    assert (back.numpy() == x.numpy()).all()
    x.data[0, 0, 0] = 7.0
    assert back[0, 0, 0].item() == 7.0


def test_sizes_that_do_not_fit():
    with pytest.raises(ValueError, match="last a multiple of 6 = 3 x 2 heads, got"):
        split_heads(mt.ones(2, 3, 8), 2, 3)
    with pytest.raises(ValueError, match="2 or 3 dimensions"):
        split_heads(mt.ones(6), 2)
    with pytest.raises(ValueError, match="merge_heads: expected"):
        merge_heads(mt.ones(2, 3))
