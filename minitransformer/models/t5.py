"""T5: an encoder and a decoder whose attention knows of places only how far apart they are.

Raffel et al., JMLR 2020, section 2.1; gates and an own head since version 1.1 (Shazeer, arXiv 2002.05202). flan-t5 is one of
them (Chung et al., arXiv 2210.11416). Scores are not divided by sqrt(d), norms have no mean, and nothing has a bias.
`from_published` gives weights the names they have here.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from dataclasses import KW_ONLY, InitVar, dataclass
from functools import partial

import numpy

from minitransformer import nn
from minitransformer.autograd import Tensor, no_grad
from minitransformer.models.outside import PublishedConfig, check_tied
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.masking import later_keys
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation import tensor
from minitransformer.ops.heads import merge_heads, split_heads


@dataclass(frozen=True)
class T5Config(PublishedConfig):
    """Sizes, under their published names; as they stand, those of flan-t5-small.

    A published T5 has a head of its own and gates where `tie_word_embeddings` is False and `feed_forward_proj` "gated-gelu";
    since transformers 5 the first is told by `scale_decoder_outputs`.
    """

    left_out = {
        "d_ff": 2048, "num_layers": 6, "num_decoder_layers": None, "num_heads": 8, "feed_forward_proj": "relu",
        "tie_word_embeddings": True,
    }  # fmt: skip
    also = {"scale_decoder_outputs": (False,)}
    vocab_size: int = 32_128
    d_model: int = 512
    d_kv: int = 64
    d_ff: int = 1024
    num_layers: int = 8
    num_decoder_layers: int | None = 8  # None: as many as the encoder's
    num_heads: int = 6
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128
    layer_norm_epsilon: float = 1e-6
    pad_token_id: int = 0  # also the first token that a decoder reads
    dropout: float = 0.1
    _: KW_ONLY
    model_type: InitVar[str] = "t5"
    feed_forward_proj: InitVar[str] = "gated-gelu"
    dense_act_fn: InitVar[str] = "gelu_new"
    is_gated_act: InitVar[bool] = True
    is_encoder_decoder: InitVar[bool] = True
    is_decoder: InitVar[bool] = False
    tie_word_embeddings: InitVar[bool] = False
    scale_decoder_outputs: InitVar[bool | None] = None
    decoder_start_token_id: InitVar[int | None] = None

    def check(self, said: dict) -> None:
        if said["scale_decoder_outputs"] is False:
            del said["tie_word_embeddings"]  # which then tells only how the file is written
        self.require("decoder_start_token_id", said.pop("decoder_start_token_id"), None, self.pad_token_id)
        super().check(said)
        object.__setattr__(self, "num_decoder_layers", self.num_decoder_layers or self.num_layers)
        count, furthest = self.relative_attention_num_buckets, self.relative_attention_max_distance
        if count < 4 or furthest <= count // 2:
            raise ValueError(
                f"T5Config: expected 4 buckets or more, and distances beyond half of them, got {count}, {furthest}"
            )
        if not 0 <= self.pad_token_id < self.vocab_size:
            raise ValueError(
                f"T5Config: pad_token_id: expected one of {self.vocab_size} ids, got {self.pad_token_id}"
            )

    @property
    def decoder_layers(self) -> int:
        """The number of the decoder's layers."""
        return self.num_decoder_layers or self.num_layers

    @property
    def max_len(self) -> int:
        """No limit: all distances from `relative_attention_max_distance` on share a bucket."""
        return sys.maxsize


def buckets(distances: numpy.ndarray, both_ways: bool, count: int = 32, furthest: int = 128) -> numpy.ndarray:
    """Which of `count` buckets a distance, key less query, falls in; integers of any shape -> the same shape.

    Half of the buckets are for keys that follow, if there are such. Of the rest, the nearer half hold one distance each,
    the others ever more, evenly on a logarithmic scale; the last holds all from `furthest` on.
    """
    count = count // 2 if both_ways else count
    offset = numpy.where(distances > 0, count, 0) if both_ways else 0
    far = abs(distances) if both_ways else numpy.maximum(-distances, 0)
    exact = count // 2
    # of the way, 0 to 1
    ratio = numpy.log(numpy.maximum(far, 1).astype(numpy.float32) / exact) / math.log(furthest / exact)
    wide = numpy.minimum(exact + (ratio * (count - exact)).astype(int), count - 1)
    return offset + numpy.where(far < exact, far, wide)


class Distances(nn.Module):
    """What each head adds to a score for how far apart query and key are: a number learned for each bucket."""

    def __init__(self, config: T5Config, both_ways: bool):
        super().__init__()
        self.both_ways = both_ways
        self.sizes = config.relative_attention_num_buckets, config.relative_attention_max_distance
        self.scores = nn.Embedding(config.relative_attention_num_buckets, config.num_heads)

    def forward(self, n_queries: int, n_keys: int) -> Tensor:
        """(1, H, T, S), the queries being the last of the keys; -inf for keys that follow, unless it looks both ways."""
        query = numpy.arange(n_keys - n_queries, n_keys)[:, None]  # (T, 1)
        which = buckets(numpy.arange(n_keys) - query, self.both_ways, *self.sizes)  # (T, S)
        device = self.scores.weight.device
        # (T, S, H) -> (1, H, T, S)
        scores = self.scores(tensor(which, device=device)).permute(2, 0, 1).unsqueeze(0)
        if not self.both_ways:
            scores = scores.masked_fill(later_keys(n_queries, n_keys, device), -math.inf)
        return nn.mark_positions(scores)


class T5Attention(nn.Module):
    """Attention without a scale, its scores shifted by `shift`. x (B, T, C), source (B, S, C) -> (B, T, C)."""

    def __init__(self, config: T5Config):
        super().__init__()
        self.head_dim, self.dropout = config.d_kv, config.dropout
        inner = config.num_heads * config.d_kv
        self.q, self.k, self.v = (nn.Linear(config.d_model, inner, bias=False) for _ in range(3))
        self.o = nn.Linear(inner, config.d_model, bias=False)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, shift: Tensor | None) -> Tensor:
        """`keys`, `values` (B, H, S, d): see `read`. `shift` broadcasts to (B, H, T, S)."""
        dropout = self.dropout if self.training else 0.0
        heads = F.scaled_dot_product_attention(
            self._split(self.q(x)), keys, values, shift, dropout, scale=1.0
        )
        return self.o(merge_heads(heads))  # (B, H, T, d) -> (B, T, C)

    def read(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """The keys and values of what is attended to. (B, S, C) -> twice (B, H, S, d)."""
        return self._split(self.k(source)), self._split(self.v(source))

    def _split(self, x: Tensor) -> Tensor:  # (B, T, H d) -> (B, H, T, d)
        return split_heads(x, x.shape[-1] // self.head_dim)


class T5MLP(nn.Module):
    """wo(gelu(wi_0(x)) * wi_1(x)), GEGLU (Shazeer, arXiv 2002.05202, 2020). (.., C) -> (.., C)."""

    def __init__(self, config: T5Config):
        super().__init__()
        self.wi_0, self.wi_1 = (nn.Linear(config.d_model, config.d_ff, bias=False) for _ in range(2))
        self.wo = nn.Linear(config.d_ff, config.d_model, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.wo(self.dropout(F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x)))


class T5LayerCache(nn.AttentionCache):
    """The keys and values of what was written so far, and those of the text it answers, which are read once.

    `select` goes on with other drafts of the answer to the same text.
    """

    def __init__(self):
        super().__init__()
        self.memory: tuple[Tensor, Tensor] | None = None

    def once(self, attention: T5Attention, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the memory. (B, S, C) -> twice (B, H, S, d)."""
        self.memory = self.memory or attention.read(memory)
        return self.memory


class T5Block(nn.Module):
    """Attention to itself, attention to the memory if it consults one, and the gated part, each on a normalised copy."""

    def __init__(self, config: T5Config, consults: bool):
        super().__init__()
        norm = partial(nn.RMSNorm, config.d_model, config.layer_norm_epsilon)
        self.self_attn, self.self_norm = T5Attention(config), norm()
        if consults:
            self.cross_attn, self.cross_norm = T5Attention(config), norm()
        self.mlp, self.mlp_norm = T5MLP(config), norm()
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Tensor,
        shift: Tensor,
        memory: Tensor | None = None,
        memory_shift: Tensor | None = None,
        cache: T5LayerCache | None = None,
    ) -> Tensor:
        """(B, T, C) -> (B, T, C). The shifts are added to the scores of attention to itself, and to the memory (B, S, C)."""
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
    """The blocks of an encoder, or of a decoder. x (B, T, C) -> (B, T, C)."""

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
        """`padding` of x and all before it (B, S), and of the memory, is True where nobody may look."""
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


class T5(nn.Module):
    """A text's ids (B, S) and those of its answer (B, T), begun with padding -> logits of each next token (B, T, V)."""

    def __init__(self, config: T5Config):
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = T5Stack(config, config.num_layers, decodes=False)
        self.decoder = T5Stack(config, config.decoder_layers, decodes=True)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.apply(draw)

    def forward(self, source: Tensor, ids: Tensor) -> Tensor:
        return self.decode(ids, *self.encode(source))

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """The memory (B, S, C) of ids (B, S), and where it is padding (B, S)."""
        padding = source == self.config.pad_token_id
        return self.encoder(self.shared(source), padding), padding

    def decode(
        self,
        ids: Tensor,
        memory: Tensor,
        padding: Tensor,
        cache: nn.TransformerCache | None = None,
        own_padding: Tensor | None = None,
    ) -> Tensor:
        """(B, T) -> (B, T, V). With a cache, `ids` are only the tokens that follow those written before.

        `padding` (B, S) is that of the memory; `own_padding`, of all tokens written so far, is True where a row has not yet
        begun. Raises ValueError if there is neither one text for all answers nor one for each.
        """
        if len(memory) not in (1, len(ids)):
            raise ValueError(
                f"T5: expected one text for all {len(ids)} answers, or one for each, got {len(memory)} texts"
            )
        return self.lm_head(self.decoder(self.shared(ids), own_padding, memory, padding, cache))

    def answer(self, source: Tensor) -> T5Answer:
        """What writes the answer to texts (B, S), token by token: a model as those of `generation` are."""
        return T5Answer(self, source)


class T5Answer(nn.Module):
    """The decoder, with the memory of one text, or of each in a batch. ids (B, T) -> logits of each next token (B, T, V)."""

    def __init__(self, model: T5, source: Tensor):
        super().__init__()
        self.config, self.model, self.training = model.config, model, model.training
        with no_grad(), in_use(model):
            self.memory, self.padding = model.encode(source)

    def forward(
        self, ids: Tensor, cache: nn.TransformerCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """`padding` (B, S), of all S tokens so far: True where there is none, which is at the beginning of a row."""
        return self.model.decode(ids, self.memory, self.padding, cache, padding)

    def new_cache(self) -> nn.TransformerCache:
        """An empty cache, to write a text token by token."""
        cache = nn.TransformerCache(0)
        cache.layers = [T5LayerCache() for _ in range(self.config.decoder_layers)]
        return cache


def draw(module: nn.Module) -> None:
    """Initial weights as the authors' code has them: each product keeps the variance of what it reads."""
    if isinstance(module, T5Attention):
        size, inner = module.q.in_features, module.q.out_features
        init.normal_(module.q.weight, std=(size * module.head_dim) ** -0.5)
        for linear, width in ((module.k, size), (module.v, size), (module.o, inner)):
            init.normal_(linear.weight, std=width**-0.5)
    if isinstance(module, T5MLP):
        for linear in (module.wi_0, module.wi_1, module.wo):
            init.normal_(linear.weight, std=linear.in_features**-0.5)
    if isinstance(module, Distances):
        init.normal_(module.scores.weight, std=0.02)
    if isinstance(module, T5):
        init.normal_(module.lm_head.weight, std=module.config.d_model**-0.5)


# ---- published names ----

RENAMED = {
    r"^(en|de)coder\.block\.0\.layer\.0\.SelfAttention\.relative_attention_bias": r"\1coder.distances.scores",
    r"\.block\.(\d+)\.layer\.0\.SelfAttention": r".blocks.\1.self_attn",
    r"\.block\.(\d+)\.layer\.0\.layer_norm": r".blocks.\1.self_norm",
    r"\.block\.(\d+)\.layer\.1\.EncDecAttention": r".blocks.\1.cross_attn",
    r"decoder\.block\.(\d+)\.layer\.1\.layer_norm": r"decoder.blocks.\1.cross_norm",
    r"\.block\.(\d+)\.layer\.[12]\.DenseReluDense": r".blocks.\1.mlp",
    r"\.block\.(\d+)\.layer\.[12]\.layer_norm": r".blocks.\1.mlp_norm",
    r"final_layer_norm": "norm",
}


def from_published(arrays: Mapping[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    """The weights by our names, given those of the published names; `embed_tokens`, the same as `shared`, is left out.

    Raises ValueError if it is not the same.
    """
    for side in ("encoder", "decoder"):
        check_tied(arrays, f"{side}.embed_tokens.weight", "shared.weight")
    state = {}
    for name, array in arrays.items():
        for theirs, ours in RENAMED.items():
            name = re.sub(theirs, ours, name)
        if "embed_tokens" not in name:
            state[name] = array
    return state
