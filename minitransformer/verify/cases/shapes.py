"""Operations that move elements: views, joins, splits, sorting."""

from __future__ import annotations

from minitransformer.ops.networks.heads import merge_heads, split_heads
from minitransformer.ops.tensors.hooks import passed
from minitransformer.verify.case import OpCase
from minitransformer.verify.inputs import normal

SHAPES = [
    OpCase("rot90", lambda lib, x: lib.rot90(x, 1, (0, 2)), [normal(2, 3, 4)]),
    OpCase("fliplr", lambda lib, x: lib.fliplr(x), [normal(2, 3)]),
    OpCase("flipud", lambda lib, x: lib.flipud(x), [normal(2, 3)]),
    OpCase("atleast_3d", lambda lib, x: lib.atleast_3d(x), [normal(2, 3)]),
    OpCase("column_stack", lambda lib, a, b: lib.column_stack((a, b)), [normal(3), normal(3, 2)]),
    OpCase("tensor_split", lambda lib, x: lib.tensor_split(x, 3)[0], [normal(5, 2)]),
    OpCase("hsplit", lambda lib, x: lib.hsplit(x, [1, 3])[1], [normal(2, 5)]),
    OpCase("vsplit", lambda lib, x: lib.vsplit(x, 2)[1], [normal(4, 2)]),
    OpCase("dsplit", lambda lib, x: lib.dsplit(x, 2)[0], [normal(2, 1, 4)]),
    OpCase("split_with_sizes", lambda lib, x: lib.split_with_sizes(x, [1, 4])[1], [normal(5, 2)]),
    OpCase("cartesian_prod", lambda lib, a, b: lib.cartesian_prod(a, b), [normal(2), normal(3)]),
    OpCase("combinations", lambda lib, x: lib.combinations(x, 2), [normal(4)]),
    OpCase("block_diag", lambda lib, a, b: lib.block_diag(a, b), [normal(2, 3), normal(2)]),
    OpCase("diagflat", lambda lib, x: lib.diagflat(x, 1), [normal(2, 2)]),
    OpCase("reshape", lambda lib, x: lib.reshape(x, (4, -1)), [normal(2, 3, 4)]),
    OpCase("flatten", lambda lib, x: lib.flatten(x, 1), [normal(2, 3, 4)]),
    OpCase("permute", lambda lib, x: lib.permute(x, (2, 0, 1)), [normal(2, 3, 4)]),
    OpCase("transpose", lambda lib, x: lib.transpose(x, 0, -1), [normal(2, 3, 4)]),
    OpCase("t", lambda lib, x: lib.t(x), [normal(3, 4)]),
    OpCase("expand", lambda lib, x: x.expand(2, -1, 4), [normal(3, 1)]),
    OpCase("squeeze", lambda lib, x: lib.squeeze(x, 1), [normal(3, 1, 4)]),
    OpCase("unsqueeze", lambda lib, x: lib.unsqueeze(x, 1), [normal(3, 4)]),
    OpCase("movedim", lambda lib, x: lib.movedim(x, (0, 2), (1, 0)), [normal(2, 3, 4)]),
    OpCase("ravel", lambda lib, x: lib.ravel(x), [normal(2, 3)]),
    OpCase("unflatten", lambda lib, x: lib.unflatten(x, 1, (2, -1)), [normal(3, 4)]),
    OpCase("broadcast_to", lambda lib, x: lib.broadcast_to(x, (2, 3, 4)), [normal(3, 1)]),
    OpCase(
        "broadcast_tensors", lambda lib, a, b: lib.broadcast_tensors(a, b)[0], [normal(3, 1), normal(2, 1, 4)]
    ),
    OpCase("meshgrid", lambda lib, a, b: lib.meshgrid(a, b, indexing="xy")[1], [normal(3), normal(4)]),
    OpCase("atleast_1d", lambda lib, x: lib.atleast_1d(x), [normal()]),
    OpCase("atleast_2d", lambda lib, x: lib.atleast_2d(x), [normal(3)]),
    OpCase("hstack", lambda lib, a, b: lib.hstack([a, b]), [normal(3, 4), normal(3, 2)]),
    OpCase("vstack", lambda lib, a, b: lib.vstack([a, b]), [normal(3, 4), normal(4)]),
    OpCase("dstack", lambda lib, a, b: lib.dstack([a, b]), [normal(3, 4), normal(3, 4)]),
    OpCase("flip", lambda lib, x: lib.flip(x, (0, 2)), [normal(2, 3, 4)]),
    OpCase("roll", lambda lib, x: lib.roll(x, (1, -2), (0, 1)), [normal(3, 4)]),
    OpCase("repeat", lambda lib, x: x.repeat(2, 1, 3), [normal(3, 4)]),
    OpCase("tile", lambda lib, x: lib.tile(x, (2,)), [normal(3, 4)]),
    OpCase("repeat_interleave", lambda lib, x: lib.repeat_interleave(x, 2, 1), [normal(3, 4)]),
    OpCase("index_select", lambda lib, x: lib.index_select(x, 1, lib.tensor([2, 0, 2])), [normal(3, 4)]),
    OpCase("sort", lambda lib, x: lib.sort(x, 0, True)[0], [normal(3, 4)]),
    OpCase("topk", lambda lib, x: lib.topk(x, 2)[0], [normal(3, 4)]),
    OpCase("cat", lambda lib, a, b: lib.cat([a, b, a], 1), [normal(3, 4), normal(3, 2)]),
    OpCase("stack", lambda lib, a, b: lib.stack([a, b], -1), [normal(3, 4), normal(3, 4)]),
    OpCase("split", lambda lib, x: lib.cat(lib.split(x, 3, 1)[::-1], 1), [normal(2, 7)]),
    OpCase("split, a part unused", lambda lib, x: x.split([1, 4, 2], 1)[1], [normal(2, 7)]),
    OpCase("chunk", lambda lib, x: lib.cat(lib.chunk(x, 3, 0)[::-1], 0), [normal(7, 2)]),
    OpCase("unbind", lambda lib, x: lib.unbind(x, 1)[2] * lib.unbind(x, 1)[0], [normal(2, 3)]),
    OpCase(
        "split into heads",
        lambda lib, x: split_heads(x, 2, 3)[2],  # (B, T, P H d) -> (B, H, T, d)
        [normal(2, 3, 12)],
        theirs=lambda torch, x: x.unflatten(-1, (3, 2, 2))[:, :, 2].transpose(1, 2),
    ),
    OpCase(
        "merge heads",
        lambda lib, x: merge_heads(x),  # (B, H, T, d) -> (B, T, H d)
        [normal(2, 3, 4, 2)],
        theirs=lambda torch, x: x.transpose(1, 2).flatten(2),
    ),
    OpCase(
        "passed",
        lambda lib, *tensors: lib.cat(passed(*tensors), -1),
        [normal(2, 3), normal(2, 1)],
        theirs=lambda torch, *tensors: torch.cat(tensors, -1),
    ),
]
