"""The methods that arrange elements: another shape, parts that are picked, masked or written."""

from __future__ import annotations

from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.ops.elementwise import choice
from minitransformer.ops.index import combining, masks, parts, picking, placing, slices
from minitransformer.ops.shape import arranging, cutting, fitting, joining, layout
from minitransformer.ops.tensors import views
from minitransformer.ops.tensors.inplace import in_place


class Arranged:
    """Shape, and parts."""

    # shape
    reshape = view = layout.reshape
    flatten = layout.flatten
    permute = layout.permute
    transpose = layout.transpose
    t = layout.t
    squeeze = layout.squeeze
    unsqueeze = layout.unsqueeze
    expand = layout.expand
    expand_as = fitting.expand_as
    view_as = fitting.view_as
    reshape_as = fitting.reshape_as
    broadcast_to = fitting.broadcast_to
    ravel = layout.ravel
    unflatten = layout.unflatten
    movedim = moveaxis = layout.movedim
    swapaxes = swapdims = layout.transpose
    split = joining.split
    chunk = joining.chunk
    tensor_split = cutting.tensor_split
    hsplit = cutting.hsplit
    vsplit = cutting.vsplit
    dsplit = cutting.dsplit
    split_with_sizes = cutting.split_with_sizes
    unbind = joining.unbind
    flip = arranging.flip
    fliplr = arranging.fliplr
    flipud = arranging.flipud
    rot90 = arranging.rot90
    roll = arranging.roll
    repeat = arranging.repeat
    tile = arranging.tile
    transpose_ = views.reshaped_in_place(layout.transpose)
    swapaxes_ = swapdims_ = views.reshaped_in_place(layout.transpose)
    t_ = views.reshaped_in_place(layout.t)
    squeeze_ = views.reshaped_in_place(layout.squeeze)
    unsqueeze_ = views.reshaped_in_place(layout.unsqueeze)

    # parts: picked, masked, written
    __getitem__ = parts.getitem
    __setitem__ = parts.setitem
    __iter__ = parts.iterate
    gather = picking.gather
    take_along_dim = picking.take_along_dim
    argwhere = picking.argwhere
    index_select = picking.index_select
    repeat_interleave = picking.repeat_interleave
    nonzero = picking.nonzero
    masked_fill = masks.masked_fill
    where = choice.where_of
    masked_select = masks.masked_select
    masked_scatter = masks.masked_scatter
    take = picking.take
    put = placing.put_at
    index_put = placing.index_put
    narrow = slices.narrow
    select = slices.select
    unfold = slices.unfold
    diagonal = slices.diagonal
    diag = slices.diag
    diagflat = combining.diagflat
    diag_embed = slices.diag_embed
    trace = slices.trace
    triu = masks.triu
    tril = masks.tril
    index_fill = placing.index_fill
    index_copy = placing.index_copy
    index_add = placing.index_add
    scatter = placing.scatter
    scatter_add = placing.scatter_add
    put_ = in_place(placing.put_at)
    index_put_ = in_place(placing.index_put)
    masked_scatter_ = in_place(masks.masked_scatter)
    masked_fill_ = in_place(masks.masked_fill)
    triu_ = in_place(masks.triu)
    tril_ = in_place(masks.tril)
    index_fill_ = in_place(placing.index_fill)
    index_copy_ = in_place(placing.index_copy)
    index_add_ = in_place(placing.index_add)
    scatter_ = in_place(placing.scatter)
    scatter_add_ = in_place(placing.scatter_add)

    @property
    def T(self: Any) -> Tensor:
        """A matrix transposed: `t`."""
        return layout.t(self)

    @property
    def H(self: Any) -> Tensor:
        """A matrix transposed: `t`; there are no complex numbers to conjugate."""
        return layout.t(self)

    @property
    def mH(self: Any) -> Tensor:
        """The last two dimensions exchanged: `mT`."""
        return layout.transpose(self, -2, -1)

    @property
    def mT(self: Any) -> Tensor:
        """The last two dimensions exchanged."""
        return layout.transpose(self, -2, -1)
