"""Tensor parallel: each rank holds a part of a layer's weights, and all compute the layer together.

A linear layer can be cut in two ways. By columns of W^T (`ColwiseLinear`), each rank computes some of the outputs from all inputs.
By rows (`RowwiseLinear`), each computes a term of all outputs from some of the inputs, and the terms are added up. One after the
other they need one sum on the way forward and one on the way back, and what stands between them, such as an activation, works on a
part:

    x -- copied --> W1 x (some channels) -- activation --> W2 h (a term) -- summed --> y

Attention is cut by heads, embedding and logits by the vocabulary. Values, gradients and dropout are those of the plain layers.

Source:
    Shoeybi et al., arXiv:1909.08053, section 3.
"""

from __future__ import annotations

from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.collectives.engine import Engine
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.nn import functional as F
from minitransformer.nn.attention import MultiheadAttention
from minitransformer.nn.cache import AttentionCache
from minitransformer.nn.dropout import Dropout
from minitransformer.nn.embedding import Embedding
from minitransformer.nn.linear import Linear
from minitransformer.nn.module import KINDS, Module
from minitransformer.nn.parameter import Parameter
from minitransformer.ops.networks.ranks import bounds, copied, gathered, parted, summed, vocabulary_lookup
from minitransformer.randomness import Part, own_part
from minitransformer.settings import setting


class Sharded(Parameter):
    """This rank's part of a parameter.

    Args:
        whole: the parameter.
        along: the dimension that is cut.
        places: which places along it are this rank's, (n,).
        engine: the group that shares it.

    Attributes:
        along: as given.
        places: as given.
        engine: as given.
        whole_shape: the shape of the whole.
    """

    def __init__(self, whole: Parameter, along: int, places: numpy.ndarray, engine: Engine):
        self.along, self.places, self.engine, self.whole_shape = along, places, engine, whole.shape
        super().__init__(self.part_of(whole.array), whole.requires_grad)

    def part_of(self, whole: Array) -> Array:
        """What of an array of the whole shape is this rank's.

        Args:
            whole: the array.

        Returns:
            The part, in new memory.
        """
        return whole.take(namespace(whole).asarray(self.places), axis=self.along)

    def whole_of(self, part: Array) -> Array:
        """The parts of all ranks, put together. All ranks call this.

        Args:
            part: an array of this parameter's shape, such as its gradient.

        Returns:
            The whole array.
        """
        whole = namespace(part).zeros(self.whole_shape, part.dtype)
        whole[(slice(None),) * self.along + (namespace(part).asarray(self.places),)] = part
        self.engine.all_reduce(whole, ReduceOp.SUM)
        return whole

    def full_tensor(self) -> Tensor:
        """The whole parameter. All ranks call this.

        Returns:
            A new tensor.
        """
        return Tensor(self.whole_of(self.array))


class Cut:
    """Cuts the parameters of one model; a parameter that two layers share is cut once, and stays shared.

    Args:
        engine: the group that shares out the parts.

    Attributes:
        made: the part of each parameter that was cut, by the id of the whole, and the whole.
    """

    def __init__(self, engine: Engine):
        self.engine = engine
        self.made: dict[int, tuple[Sharded, Parameter]] = {}

    def __call__(self, whole: Parameter, along: int, places: numpy.ndarray | None = None) -> Sharded:
        """Cut a parameter.

        Args:
            whole: the parameter.
            along: the dimension.
            places: this rank's places along it; None for the next `bounds` of all.

        Returns:
            This rank's part.

        Raises:
            ValueError: another layer shares the parameter, and cuts it otherwise.
        """
        if places is None:
            places = numpy.arange(*bounds(whole.shape[along], self.engine))
        part, _ = self.made.setdefault(id(whole), (Sharded(whole, along, places, self.engine), whole))
        if part.along != along or not numpy.array_equal(part.places, places):
            raise ValueError(f"a parameter {whole.shape} is shared by layers that cut it in different ways")
        return part

    def if_any(
        self, whole: Parameter | None, along: int, places: numpy.ndarray | None = None
    ) -> Sharded | None:
        """Cut a parameter that may be missing, as a bias may.

        Args:
            whole: the parameter, or None.
            along: the dimension.
            places: this rank's places along it; None for the next `bounds` of all.

        Returns:
            This rank's part; None for None.
        """
        return None if whole is None else self(whole, along, places)


def _copy(layer: Module, kind: type[Any]) -> Any:
    """A layer of another class with the same parameters."""
    new = object.__new__(kind)
    new.__dict__.update({name: dict(v) if name in KINDS else v for name, v in vars(layer).items()})
    return new


class ColwiseLinear(Linear):
    """Some outputs of a linear layer: `weight` (out / ranks, in), `bias` (out / ranks,). Made by `of`.

    Attributes:
        gathers: whether the output has the channels of all ranks.
    """

    engine: Engine
    gathers: bool

    @classmethod
    def of(cls, layer: Linear, cut: Cut, gathers: bool = False) -> ColwiseLinear:
        """Cut a linear layer.

        Args:
            layer: the whole layer.
            cut: cuts the parameters.
            gathers: whether the output has the channels of all ranks.

        Returns:
            This rank's part.
        """
        new: ColwiseLinear = _copy(layer, cls)
        new.engine, new.gathers = cut.engine, gathers
        new.weight, new.bias = cut(layer.weight, 0), cut.if_any(layer.bias, 0)
        return new

    def forward(self, input: Tensor) -> Tensor:  # (.., in) -> (.., out / ranks), or (.., out)
        y = F.linear(copied(input, self.engine), self.weight, self.bias)
        return gathered(y, self.engine, self.out_features) if self.gathers else y


class RowwiseLinear(Linear):
    """A linear layer of inputs that are parted: `weight` (out, in / ranks), `bias` (out,) as it was. Made by `of`.

    Attributes:
        parts: whether the input has the channels of all ranks.
    """

    engine: Engine
    parts: bool

    @classmethod
    def of(cls, layer: Linear, cut: Cut, parts: bool = False) -> RowwiseLinear:
        """Cut a linear layer.

        Args:
            layer: the whole layer.
            cut: cuts the parameters.
            parts: whether the input has the channels of all ranks.

        Returns:
            This rank's part.
        """
        new: RowwiseLinear = _copy(layer, cls)
        new.engine, new.parts = cut.engine, parts
        new.weight = cut(layer.weight, 1)
        return new

    def forward(self, input: Tensor) -> Tensor:  # (.., in / ranks), or (.., in) -> (.., out)
        x = parted(input, self.engine) if self.parts else input
        y = summed(F.linear(x, self.weight), self.engine)
        return y if self.bias is None else y + self.bias  # once, not once a rank


class VocabularyEmbedding(Embedding):
    """Some rows of an embedding: `weight` (V / ranks, C). The vector of an id is zeros on all ranks but one. Made by `of`."""

    engine: Engine

    @classmethod
    def of(cls, layer: Embedding, cut: Cut) -> VocabularyEmbedding:
        """Cut an embedding.

        Args:
            layer: the whole table.
            cut: cuts the parameters.

        Returns:
            This rank's part.

        Raises:
            ValueError: there are fewer words than ranks.
        """
        if layer.num_embeddings < cut.engine.size:
            what = f"expected a word for each of the {cut.engine.size} ranks, got {layer.num_embeddings}"
            raise ValueError(f"Embedding: {what}")
        new: VocabularyEmbedding = _copy(layer, cls)
        new.engine, new.weight = cut.engine, cut(layer.weight, 0)
        return new

    def _rows(self, input: Tensor) -> Tensor:  # (..) -> (.., C)
        return vocabulary_lookup(input, self.weight, self.engine, self.num_embeddings)


class HeadwiseAttention(MultiheadAttention):
    """Some heads of an attention: the projections' rows of these heads, and the columns of `out_proj`. Made by `of`."""

    engine: Engine

    @classmethod
    def of(cls, layer: MultiheadAttention, cut: Cut) -> HeadwiseAttention:
        """Cut an attention.

        Args:
            layer: the whole attention.
            cut: cuts the parameters.

        Returns:
            This rank's part.

        Raises:
            ValueError: the number of heads is no multiple of the number of ranks.
        """
        if layer.num_heads % cut.engine.size:
            what = (
                f"expected num_heads to be a multiple of the {cut.engine.size} ranks, got {layer.num_heads}"
            )
            raise ValueError(f"MultiheadAttention: {what}")
        new: HeadwiseAttention = _copy(layer, cls)
        new.engine, new.num_heads = cut.engine, layer.num_heads // cut.engine.size
        mine = numpy.arange(*bounds(layer.embed_dim, cut.engine))  # the channels of this rank's heads
        of_each = numpy.concatenate([mine + i * layer.embed_dim for i in range(3)])  # of Q, K and V
        new.in_proj_weight = cut.if_any(layer.in_proj_weight, 0, of_each)
        new.in_proj_bias = cut.if_any(layer.in_proj_bias, 0, of_each)
        for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
            setattr(new, name, cut.if_any(getattr(layer, name), 0))
        new.bias_k, new.bias_v = cut.if_any(layer.bias_k, 2), cut.if_any(layer.bias_v, 2)
        new.out_proj = RowwiseLinear.of(layer.out_proj, cut)
        return new

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
        *,
        cache: AttentionCache | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        q = copied(query, self.engine)
        k = q if key is query else copied(key, self.engine)
        v = k if value is key else copied(value, self.engine)
        masks = key_padding_mask, need_weights, self._of_heads(attn_mask)
        with setting(own_part, Part(-3, self.engine.rank, self.engine.size)):  # of weights (B, H, T, S)
            out, weights = super().forward(q, k, v, *masks, False, is_causal, cache=cache)
        if weights is None:
            return out, None
        heads = self._all_heads(weights)  # (B, H, T, S)
        return out, heads.mean(-3) if average_attn_weights else heads

    def _of_heads(self, mask: Tensor | None) -> Tensor | None:
        """Of a mask for each head, (B H, T, S), that of this rank's heads."""
        if mask is None or mask.ndim < 3:
            return mask
        parts = mask.reshape(
            -1, self.engine.size, self.num_heads, *mask.shape[1:]
        )  # (B, ranks, H / ranks, T, S)
        return parts[:, self.engine.rank].flatten(0, 1)

    def _all_heads(self, weights: Tensor) -> Tensor:  # (.., H / ranks, T, S) -> (.., H, T, S)
        total = self.num_heads * self.engine.size
        return gathered(weights.transpose(-3, -1), self.engine, total).transpose(-3, -1)


class PartedDropout(Dropout):
    """Dropout of the channels that this rank has. Made by `of`."""

    engine: Engine

    @classmethod
    def of(cls, layer: Dropout, cut: Cut) -> PartedDropout:
        """Let dropout know that its channels are a part.

        Args:
            layer: the whole dropout.
            cut: knows the group.

        Returns:
            The same, for this rank's channels.
        """
        new: PartedDropout = _copy(layer, cls)
        new.engine = cut.engine
        return new

    def forward(self, input: Tensor) -> Tensor:  # (.., C / ranks)
        with setting(own_part, Part(-1, self.engine.rank, self.engine.size)):
            return super().forward(input)
