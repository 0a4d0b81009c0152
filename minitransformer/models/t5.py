"""T5: an encoder and a decoder; the only positions are a learned number for each distance, added to the attention scores.

Version 1.0 has ReLU, and its head is the embedding's matrix; version 1.1 (Shazeer, arXiv 2002.05202) has gated feed-forward
parts and a head of its own; flan-t5 is such a model (Chung et al., arXiv 2210.11416). Scores are not divided by sqrt(d), norms
are RMS norms, and no layer has a bias.

Source:
    Raffel et al., JMLR 2020, section 2.1.
"""

from __future__ import annotations

import math
import sys
from dataclasses import KW_ONLY, InitVar, dataclass, replace
from functools import partial
from typing import Any

import numpy

from minitransformer import nn
from minitransformer.autograd import Tensor, no_grad
from minitransformer.models.activations import ACTIVATIONS
from minitransformer.models.folder.model import PublishedModel
from minitransformer.models.folder.names import Names
from minitransformer.models.outside import PublishedConfig
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.masking import hidden_tokens, later_keys
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.networks.heads import merge_heads, split_heads


@dataclass(frozen=True)
class T5Config(PublishedConfig):
    """The sizes of a `T5`, under their published names. The defaults are those of flan-t5-small.

    Version 1.0 is recognised by `tie_word_embeddings` True, or since transformers 5 by `scale_decoder_outputs` True.

    Args:
        vocab_size: the number V of ids.
        d_model: the size C of each token's vector.
        d_kv: the size d of each head's vectors.
        d_ff: the size of the hidden layer in each feed-forward part.
        num_layers: layers of the encoder.
        num_decoder_layers: layers of the decoder; None means as many as the encoder has.
        num_heads: attention heads in a layer, H.
        relative_attention_num_buckets: the number of buckets for distances.
        relative_attention_max_distance: the distance from which on all share the last bucket.
        layer_norm_epsilon: the number that each RMS norm adds to the mean square.
        pad_token_id: the id of padding, which is also the first token that the decoder reads.
        dropout: the probability of dropout, in [0, 1].
        feed_forward_proj: the activation function, one of `activations.ACTIVATIONS`, with "gated-" before it for a gated part.
            "gated-gelu" means "gelu_new".
        scale_decoder_outputs: whether the vectors that the head reads are divided by sqrt(C), and its matrix is the
            embedding's; None means what `tie_word_embeddings` says.
        eos_token_id: the id of the end of a text, whose vector a classifier reads.
        num_labels: the number of classes, for a head that classifies.
        model_type: and all that follow: keys of `config.json` for which only the default is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here, or a size is out of range.
    """

    left_out = {
        "d_ff": 2048, "num_layers": 6, "num_decoder_layers": None, "num_heads": 8, "feed_forward_proj": "relu",
        "tie_word_embeddings": True,
    }  # fmt: skip

    vocab_size: int = 32_128
    d_model: int = 512
    d_kv: int = 64
    d_ff: int = 1024
    num_layers: int = 8
    num_decoder_layers: int | None = 8
    num_heads: int = 6
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128
    layer_norm_epsilon: float = 1e-6
    pad_token_id: int = 0
    dropout: float = 0.1
    _: KW_ONLY
    feed_forward_proj: str = "gated-gelu"
    scale_decoder_outputs: bool | None = None
    eos_token_id: int | None = 1
    num_labels: int = 2
    model_type: InitVar[str] = "t5"
    dense_act_fn: InitVar[str | None] = None
    is_gated_act: InitVar[bool | None] = None
    is_encoder_decoder: InitVar[bool] = True
    is_decoder: InitVar[bool] = False
    tie_word_embeddings: InitVar[bool] = False
    decoder_start_token_id: InitVar[int | None] = None

    def check(self, said: dict[str, Any]) -> None:
        tied = said.pop("tie_word_embeddings")  # beside the other key it says only how the weights are stored
        self.require("tie_word_embeddings", tied, True, False)
        if self.scale_decoder_outputs is None:
            object.__setattr__(self, "scale_decoder_outputs", tied)
        self.require("feed_forward_proj", self.activation, *ACTIVATIONS)
        self.require("dense_act_fn", said.pop("dense_act_fn"), self.activation, None)
        self.require("is_gated_act", said.pop("is_gated_act"), self.gated, None)
        self.require("decoder_start_token_id", said.pop("decoder_start_token_id"), None, self.pad_token_id)
        super().check(said)
        object.__setattr__(self, "num_decoder_layers", self.num_decoder_layers or self.num_layers)
        count, furthest = self.relative_attention_num_buckets, self.relative_attention_max_distance
        if count < 4 or furthest <= count // 2:
            raise ValueError(
                "T5Config: expected relative_attention_num_buckets >= 4, and relative_attention_max_distance above half of "
                f"it, got {count} and {furthest}"
            )
        if not 0 <= self.pad_token_id < self.vocab_size:
            raise ValueError(
                f"T5Config: pad_token_id: expected one of {self.vocab_size} ids, got {self.pad_token_id}"
            )

    @property
    def gated(self) -> bool:
        """Whether the feed-forward parts are gated."""
        return self.feed_forward_proj.startswith("gated-")

    @property
    def activation(self) -> str:
        """The activation function, by its name."""
        name = self.feed_forward_proj.removeprefix("gated-")
        return "gelu_new" if self.feed_forward_proj == "gated-gelu" else name

    @property
    def hidden_size(self) -> int:
        """The size C of each token's vector, `d_model`."""
        return self.d_model

    @property
    def decoder_layers(self) -> int:
        """The number of the decoder's layers."""
        return self.num_decoder_layers or self.num_layers

    @property
    def max_len(self) -> int:
        """No limit: all distances from `relative_attention_max_distance` on share a bucket."""
        return sys.maxsize


def buckets(distances: numpy.ndarray, both_ways: bool, count: int = 32, furthest: int = 128) -> numpy.ndarray:
    """The bucket of each distance. Near distances have a bucket each; far ones share buckets, evenly on a logarithmic scale.

    Args:
        distances: integers of any shape, position of the key minus position of the query.
        both_ways: whether keys after the query are visible. Half of the buckets are then for them.
        count: the number of buckets.
        furthest: the distance from which on all share the last bucket.

    Returns:
        Integers from 0 to `count` - 1, in the same shape.
    """
    count = count // 2 if both_ways else count
    offset = numpy.where(distances > 0, count, 0) if both_ways else 0
    far = abs(distances) if both_ways else numpy.maximum(-distances, 0)
    exact = count // 2
    # 0 at distance `exact`, 1 at distance `furthest`
    ratio = numpy.log(numpy.maximum(far, 1).astype(numpy.float32) / exact) / math.log(furthest / exact)
    wide = numpy.minimum(exact + (ratio * (count - exact)).astype(int), count - 1)
    return offset + numpy.where(far < exact, far, wide)


class Distances(nn.Module):
    """The relative position bias: for each head and each bucket of distances, a learned number that is added to the scores.

    Args:
        config: the sizes.
        both_ways: whether a query may attend to later keys.
    """

    def __init__(self, config: T5Config, both_ways: bool):
        super().__init__()
        self.both_ways = both_ways
        self.sizes = config.relative_attention_num_buckets, config.relative_attention_max_distance
        self.scores = nn.Embedding(config.relative_attention_num_buckets, config.num_heads)

    def forward(self, n_queries: int, n_keys: int) -> Tensor:
        """The numbers to add to the scores. The T queries are at the last T of the S positions.

        Args:
            n_queries: T.
            n_keys: S.

        Returns:
            (1, H, T, S); -inf for keys after the query, unless `both_ways`.
        """
        query = numpy.arange(n_keys - n_queries, n_keys)[:, None]  # (T, 1)
        which = buckets(numpy.arange(n_keys) - query, self.both_ways, *self.sizes)  # (T, S)
        device = self.scores.weight.device
        # (T, S, H) -> (1, H, T, S)
        scores = self.scores(tensor(which, device=device)).permute(2, 0, 1).unsqueeze(0)
        if not self.both_ways:
            scores = scores.masked_fill(later_keys(n_queries, n_keys, device), -math.inf)
        return nn.mark_positions(scores)


class T5Attention(nn.Module):
    """Multi-head attention whose scores are not scaled, and have a tensor `shift` added to them.

    Args:
        config: the sizes.
    """

    def __init__(self, config: T5Config):
        super().__init__()
        self.head_dim, self.dropout = config.d_kv, config.dropout
        inner = config.num_heads * config.d_kv
        self.q, self.k, self.v = (nn.Linear(config.d_model, inner, bias=False) for _ in range(3))
        self.o = nn.Linear(inner, config.d_model, bias=False)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, shift: Tensor | None) -> Tensor:
        """Attention of T queries to S keys.

        Args:
            x: (B, T, C), from which the queries are computed.
            keys: (B, H, S, d), from `read`.
            values: (B, H, S, d), from `read`.
            shift: is added to the scores; it broadcasts to (B, H, T, S).

        Returns:
            (B, T, C).
        """
        dropout = self.dropout if self.training else 0.0
        heads = F.scaled_dot_product_attention(
            self._split(self.q(x)), keys, values, shift, dropout, scale=1.0
        )
        return self.o(merge_heads(heads))  # (B, H, T, d) -> (B, T, C)

    def read(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """The keys and values of the vectors that are attended to.

        Args:
            source: (B, S, C).

        Returns:
            Twice (B, H, S, d).
        """
        return self._split(self.k(source)), self._split(self.v(source))

    def _split(self, x: Tensor) -> Tensor:  # (B, T, H d) -> (B, H, T, d)
        return split_heads(x, x.shape[-1] // self.head_dim)


class T5MLP(nn.Module):
    """The feed-forward part: wo(f(wi(x))), or gated, wo(f(wi_0(x)) * wi_1(x)). (.., C) -> (.., C).

    Args:
        config: the sizes.

    Source:
        Shazeer, arXiv 2002.05202, 2020.
    """

    def __init__(self, config: T5Config):
        super().__init__()
        self.activation, self.gated = ACTIVATIONS[config.activation], config.gated
        for name in ("wi_0", "wi_1") if config.gated else ("wi",):
            setattr(self, name, nn.Linear(config.d_model, config.d_ff, bias=False))
        self.wo = nn.Linear(config.d_ff, config.d_model, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """The output for each token.

        Args:
            x: (.., C).

        Returns:
            (.., C).
        """
        inner = self.activation(self.wi_0(x)) * self.wi_1(x) if self.gated else self.activation(self.wi(x))
        return self.wo(self.dropout(inner))


class T5LayerCache(nn.AttentionCache):
    """The keys and values of the answer so far, and those of the encoder's output, which are computed once.

    `select` chooses other rows of the answers; the encoder's output stays.
    """

    def __init__(self) -> None:
        super().__init__()
        self.memory: tuple[Tensor, Tensor] | None = None

    def once(self, attention: T5Attention, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The keys and values of the memory, computed at the first call only.

        Args:
            attention: the cross-attention of this layer.
            memory: (B, S, C), the output of the encoder.

        Returns:
            Twice (B, H, S, d).
        """
        self.memory = self.memory or attention.read(memory)
        return self.memory


class T5Block(nn.Module):
    """Self-attention, cross-attention in a decoder, and the feed-forward part: each adds its output for norm(x) to x.

    Args:
        config: the sizes.
        consults: whether the block has cross-attention to a memory.
    """

    def __init__(self, config: T5Config, consults: bool):
        super().__init__()
        norm = partial(nn.RMSNorm, config.d_model, config.layer_norm_epsilon)
        self.self_attn = T5Attention(config)
        self.self_norm = norm()
        if consults:
            self.cross_attn = T5Attention(config)
            self.cross_norm = norm()
        self.mlp = T5MLP(config)
        self.mlp_norm = norm()
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Tensor,
        shift: Tensor,
        memory: Tensor | None = None,
        memory_shift: Tensor | None = None,
        cache: T5LayerCache | None = None,
    ) -> Tensor:
        """The vectors after this block.

        Args:
            x: (B, T, C).
            shift: is added to the scores of self-attention; it broadcasts to (B, H, T, T + cached tokens).
            memory: (B, S, C), the output of the encoder; None in an encoder.
            memory_shift: is added to the scores of cross-attention; it broadcasts to (B, H, T, S).
            cache: the keys and values of earlier tokens; those of the T tokens are appended.

        Returns:
            (B, T, C).
        """
        normed = self.self_norm(x)
        keys, values = self.self_attn.read(normed)
        if cache is not None:
            keys, values = cache.append(keys, values)
        x = x + self.dropout(self.self_attn(normed, keys, values, shift))
        if memory is not None:
            read = self.cross_attn.read(memory) if cache is None else cache.once(self.cross_attn, memory)
            x = x + self.dropout(self.cross_attn(self.cross_norm(x), *read, memory_shift))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class T5Stack(nn.Module):
    """All blocks of an encoder, or of a decoder. x (B, T, C) -> (B, T, C).

    Args:
        config: the sizes.
        num_layers: the number of blocks.
        decodes: whether it is a decoder: causal, with cross-attention.
    """

    def __init__(self, config: T5Config, num_layers: int, decodes: bool):
        super().__init__()
        self.distances = Distances(config, both_ways=not decodes)
        self.blocks = nn.ModuleList([T5Block(config, decodes) for _ in range(num_layers)])
        self.norm = nn.RMSNorm(config.d_model, eps=config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Tensor,
        padding: Tensor | None = None,
        memory: Tensor | None = None,
        memory_padding: Tensor | None = None,
        cache: nn.TransformerCache | None = None,
    ) -> Tensor:
        """The vectors after the last block and its norm.

        Args:
            x: (B, T, C), embeddings. With a cache, only of the tokens that are not yet in it.
            padding: (B, T + cached tokens) bool, True for tokens to which no token may attend.
            memory: (B, S, C), the output of the encoder; None in an encoder.
            memory_padding: (B, S) bool, True for padding of the memory.
            cache: the keys and values of earlier tokens.

        Returns:
            (B, T, C).
        """
        past = 0 if cache is None else len(cache)
        shift = self.distances(x.shape[1], past + x.shape[1])  # (1, H, T, S)
        if padding is not None:
            shift = shift.expand(len(x), *shift.shape[1:]).masked_fill(
                padding.unsqueeze(1).unsqueeze(1), -math.inf
            )
        # (B, 1, 1, S)
        memory_shift = None if memory_padding is None else ~memory_padding.unsqueeze(1).unsqueeze(1)
        x = self.dropout(x)
        for i, block in enumerate(self.blocks):
            x = block(x, shift, memory, memory_shift, None if cache is None else cache.layers[i])
        return self.dropout(self.norm(x))


class T5Body(PublishedModel):
    """ids of a text (B, S), ids of its answer (B, T) -> vectors of the answer (B, T, C).

    The answer begins with one token of padding.

    Args:
        config: the sizes.
    """

    def __init__(self, config: T5Config):
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = T5Stack(config, config.num_layers, decodes=False)
        self.decoder = T5Stack(config, config.decoder_layers, decodes=True)
        self.apply(init_weights)

    def forward(self, ids: Tensor, decoder_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """The vectors of the answers.

        Args:
            ids: (B, S) integers, the texts.
            decoder_ids: (B, T) integers, the answers, each after one token of padding.
            attention_mask: (B, S), 1 for real tokens of the texts and 0 for padding; None means that `pad_token_id` is padding.

        Returns:
            (B, T, C).

        Raises:
            ValueError: if the mask has another shape, or there is not one text for each answer.
        """
        return self.read(decoder_ids, *self.encode(ids, attention_mask))

    def encode(self, ids: Tensor, attention_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The output of the encoder, which the decoder attends to.

        Args:
            ids: (B, S) integers.
            attention_mask: see `forward`.

        Returns:
            The memory (B, S, C), and (B, S) bool, True for padding.

        Raises:
            ValueError: if the mask has another shape.
        """
        padding = self.padding(ids, attention_mask)
        return self.encoder(self.shared(ids), padding), padding

    def padding(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Which tokens of the texts are padding.

        Args:
            ids: (B, S) integers.
            attention_mask: see `forward`.

        Returns:
            (B, S) bool, True for padding.

        Raises:
            ValueError: if the mask has another shape.
        """
        told = hidden_tokens(attention_mask, *ids.shape)
        return ids == self.config.pad_token_id if told is None else told

    def read(
        self,
        ids: Tensor,
        memory: Tensor,
        padding: Tensor,
        cache: nn.TransformerCache | None = None,
        own_padding: Tensor | None = None,
    ) -> Tensor:
        """The vectors of the answers.

        Args:
            ids: (B, T) integers. With a cache, only the tokens that are not yet in it.
            memory: (B, S, C), or (1, S, C) if all answers are to one text.
            padding: (B, S) bool, True for padding of the memory.
            cache: the keys and values of earlier tokens; those of the T tokens are appended.
            own_padding: bool for all tokens of the answers so far, True where a row has not yet begun.

        Returns:
            (B, T, C).

        Raises:
            ValueError: if the memory has neither one row nor B.
        """
        if len(memory) not in (1, len(ids)):
            raise ValueError(
                f"T5: expected one text for all {len(ids)} answers, or one for each, got {len(memory)} texts"
            )
        return self.decoder(self.shared(ids), own_padding, memory, padding, cache)


class T5(T5Body):
    """ids of a text (B, S), ids of its answer (B, T) -> logits of each next token of the answer (B, T, V).

    The answer begins with one token of padding, after which its first token is predicted.

    Args:
        config: the sizes.
    """

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        if config.scale_decoder_outputs:
            self.lm_head.weight = self.shared.weight
        init_weights(self)

    def forward(self, ids: Tensor, decoder_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """The logits of each next token of the answers.

        Args:
            ids: (B, S) integers, the texts.
            decoder_ids: (B, T) integers, the answers, each after one token of padding.
            attention_mask: (B, S), 1 for real tokens of the texts and 0 for padding; None means that `pad_token_id` is padding.

        Returns:
            (B, T, V).

        Raises:
            ValueError: if the mask has another shape, or there is not one text for each answer.
        """
        return self.decode(decoder_ids, *self.encode(ids, attention_mask))

    def decode(
        self,
        ids: Tensor,
        memory: Tensor,
        padding: Tensor,
        cache: nn.TransformerCache | None = None,
        own_padding: Tensor | None = None,
    ) -> Tensor:
        """The logits of each next token of the answers. Arguments and errors are those of `read`.

        Args:
            ids: (B, T) integers.
            memory: (B, S, C), or (1, S, C).
            padding: (B, S) bool.
            cache: the keys and values of earlier tokens.
            own_padding: bool for all tokens of the answers so far.

        Returns:
            (B, T, V).
        """
        x = self.read(ids, memory, padding, cache, own_padding)  # (B, T, C)
        if self.config.scale_decoder_outputs:
            x = x * self.config.d_model**-0.5
        return self.lm_head(x)

    def answer(self, source: Tensor) -> T5Answer:
        """The writer of the answer, for the functions of `generation`.

        Args:
            source: (B, S) integers: one text, or one for each row that is written.

        Returns:
            A model of the answer's tokens; see `generation.Writer`.
        """
        return T5Answer(self, source)


class T5Answer(nn.Module):
    """The decoder of a `T5` with a fixed memory: ids (B, T) -> logits of each next token (B, T, V).

    Args:
        model: the whole model; its encoder runs once, without a tape.
        source: (B, S) integers: one text, or one for each row that is written.
    """

    def __init__(self, model: T5, source: Tensor):
        super().__init__()
        self.config, self.model, self.training = model.config, model, model.training
        with no_grad(), in_use(model):
            self.memory, self.padding = model.encode(source)

    def forward(
        self, ids: Tensor, cache: nn.TransformerCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """The logits of each next token; see `generation.Writer.forward`.

        Args:
            ids: (B, T) integers. With a cache, only the tokens that are not yet in it.
            cache: from `new_cache()`; the keys and values of the T tokens are appended to it.
            padding: bool for all tokens so far, those in the cache included; True where a row has not yet begun.

        Returns:
            (B, T, V).
        """
        return self.model.decode(ids, self.memory, self.padding, cache, padding)

    def new_cache(self) -> nn.TransformerCache:
        """An empty cache, to write a text token by token.

        Returns:
            The cache.
        """
        cache = nn.TransformerCache(0)
        cache.layers = [T5LayerCache() for _ in range(self.config.decoder_layers)]
        return cache


def init_weights(module: nn.Module) -> None:
    """Set the initial weights of one module as the authors' code does: each matrix product keeps the variance of its input.

    Args:
        module: a part of a T5; modules of other classes are not changed.
    """
    if isinstance(module, T5Attention):
        size, inner = module.q.in_features, module.q.out_features
        init.normal_(module.q.weight, std=(size * module.head_dim) ** -0.5)
        for linear, width in ((module.k, size), (module.v, size), (module.o, inner)):
            init.normal_(linear.weight, std=width**-0.5)
    if isinstance(module, T5MLP):
        for part in module.children():
            if isinstance(part, nn.Linear):
                init.normal_(part.weight, std=part.in_features**-0.5)
    if isinstance(module, Distances):
        init.normal_(module.scores.weight, std=0.02)
    if isinstance(module, T5) and hasattr(module, "lm_head"):
        # the head that is the embedding reads vectors that are scaled, and the embedding has variance 1
        std = 1.0 if module.config.scale_decoder_outputs else module.config.d_model**-0.5
        init.normal_(module.lm_head.weight, std=std)


# ---- published names ----

ENCODER_NAMES = Names(
    {
        "shared.": "shared.",
        "encoder.distances.scores.": "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.",
        "encoder.blocks.*.self_attn.": "encoder.block.*.layer.0.SelfAttention.",
        "encoder.blocks.*.self_norm.": "encoder.block.*.layer.0.layer_norm.",
        "encoder.blocks.*.mlp.": "encoder.block.*.layer.1.DenseReluDense.",
        "encoder.blocks.*.mlp_norm.": "encoder.block.*.layer.1.layer_norm.",
        "encoder.norm.": "encoder.final_layer_norm.",
    },
    repeats={"encoder.embed_tokens.weight": "shared.weight"},
)
NAMES = replace(
    ENCODER_NAMES,
    rows={
        **ENCODER_NAMES.rows,
        "decoder.distances.scores.": "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.",
        "decoder.blocks.*.self_attn.": "decoder.block.*.layer.0.SelfAttention.",
        "decoder.blocks.*.self_norm.": "decoder.block.*.layer.0.layer_norm.",
        "decoder.blocks.*.cross_attn.": "decoder.block.*.layer.1.EncDecAttention.",
        "decoder.blocks.*.cross_norm.": "decoder.block.*.layer.1.layer_norm.",
        "decoder.blocks.*.mlp.": "decoder.block.*.layer.2.DenseReluDense.",
        "decoder.blocks.*.mlp_norm.": "decoder.block.*.layer.2.layer_norm.",
        "decoder.norm.": "decoder.final_layer_norm.",
    },
    spare=("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.",),
    repeats={f"{side}.embed_tokens.weight": "shared.weight" for side in ("encoder", "decoder")},
)
LM_NAMES = replace(
    NAMES.within("", "", {"lm_head.": "lm_head."}), defaults={"lm_head.weight": "shared.weight"}
)
