"""The Llama family: a language model with RMSNorm, rotary positions, grouped heads, and a gated feed-forward part.

SmolLM2 is such a model. Parameters have their published names, so that published weights load without renaming.

Source:
    Touvron et al., arXiv 2302.13971, 2023, section 2.2. Grouped heads: Ainslie et al., EMNLP 2023.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, InitVar, dataclass
from typing import Any

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.files import one_line
from minitransformer.models.outside import PublishedConfig
from minitransformer.nn import functional as F
from minitransformer.nn.masking import later_keys, merge
from minitransformer.ops.networks.heads import merge_heads, split_heads
from minitransformer.ops.shape.joining import cat

PLAIN_ROPE = [("rope_type", "default"), ("type", "default"), ("partial_rotary_factor", 1.0)]


@dataclass(frozen=True)
class LlamaConfig(PublishedConfig):
    """The sizes of a `Llama`, under their published names. The defaults are those of SmolLM2-135M.

    Args:
        vocab_size: the number V of ids.
        hidden_size: the size C of each token's vector.
        intermediate_size: the size of the hidden layer in each feed-forward part.
        num_hidden_layers: layers.
        num_attention_heads: query heads in a layer, H; a divisor of `hidden_size`.
        num_key_value_heads: key and value heads in a layer, G; a divisor of H. None means H.
        max_position_embeddings: the largest number of tokens.
        rms_norm_eps: the number that each RMS norm adds to the mean square.
        rope_theta: the base of the rotary angles. A `config.json` since transformers 5 has it in `rope_parameters`.
        tie_word_embeddings: whether the head shares its matrix with the embedding.
        interleaved: which channels rotate together, see `nn.apply_rotary`; it depends on the layout of the weights.
        model_type: and all that follow: keys of `config.json` for which only the default is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here, or the numbers of heads are no such divisors.
    """

    left_out = {
        "vocab_size": 32_000, "hidden_size": 4096, "intermediate_size": 11_008, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": None, "max_position_embeddings": 2048, "rms_norm_eps": 1e-6, "rope_theta": 10_000.0,
        "tie_word_embeddings": False,
    }  # fmt: skip
    also = {"hidden_act": ("swish",)}

    vocab_size: int = 49_152
    hidden_size: int = 576
    intermediate_size: int = 1536
    num_hidden_layers: int = 30
    num_attention_heads: int = 9
    num_key_value_heads: int | None = 3  # None: as many as heads
    max_position_embeddings: int = 8192
    rms_norm_eps: float = 1e-5
    rope_theta: float = 100_000.0
    tie_word_embeddings: bool = True
    interleaved: bool = False
    _: KW_ONLY
    model_type: InitVar[str] = "llama"
    hidden_act: InitVar[str] = "silu"
    attention_bias: InitVar[bool] = False
    mlp_bias: InitVar[bool] = False
    rope_interleaved: InitVar[bool] = False
    rope_parameters: InitVar[dict[str, Any] | None] = None
    rope_scaling: InitVar[dict[str, Any] | None] = None

    def check(self, said: dict[str, Any]) -> None:
        for key in ("rope_scaling", "rope_parameters"):
            object.__setattr__(self, "rope_theta", self._theta(key, said.pop(key)))
        super().check(said)
        object.__setattr__(self, "num_key_value_heads", self.num_key_value_heads or self.num_attention_heads)
        width, heads, groups = self.hidden_size, self.num_attention_heads, self.groups
        if width % heads or heads % groups:
            raise ValueError(
                "LlamaConfig: expected num_attention_heads to divide hidden_size, and num_key_value_heads to divide "
                f"num_attention_heads, got hidden_size={width}, num_attention_heads={heads}, num_key_value_heads={groups}"
            )

    def _theta(self, key: str, told: dict[str, Any] | None) -> float:
        """The base of the rotary angles that a key gives. Raises ValueError for angles that are rescaled."""
        said = told.items() if isinstance(told, Mapping) else [(key, told)] if told else []
        if strange := {
            part: value for part, value in said if part != "rope_theta" and (part, value) not in PLAIN_ROPE
        }:
            raise ValueError(
                f"LlamaConfig: {key}: {one_line(repr(strange))} is not computed here, only rope_type='default'"
            )
        theta: float = dict(said).get("rope_theta", self.rope_theta)
        return theta

    @property
    def groups(self) -> int:
        """The number G of key and value heads."""
        return self.num_key_value_heads or self.num_attention_heads

    @property
    def head_dim(self) -> int:
        """The size d of each head's vectors."""
        return self.hidden_size // self.num_attention_heads

    @property
    def max_len(self) -> int:
        """The largest number of tokens, `max_position_embeddings`."""
        return self.max_position_embeddings


class LlamaAttention(nn.Module):
    """Grouped-query attention: H query heads in G groups; the heads of a group share their keys and values.

    The cache holds G heads instead of H.

    Args:
        config: the sizes.
        rotary: the rotary embedding of the whole model.
    """

    def __init__(self, config: LlamaConfig, rotary: nn.RotaryEmbedding):
        super().__init__()
        self.head_dim = config.head_dim
        width = config.hidden_size
        shared = config.groups * config.head_dim
        self.heads = config.num_attention_heads
        self.group_size = config.num_attention_heads // config.groups
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, shared, bias=False)
        self.v_proj = nn.Linear(width, shared, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)
        self.turn = (
            rotary.forward
        )  # a method, not the module: all layers share one, which must not be a part of each

    def forward(
        self, x: Tensor, cache: nn.AttentionCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """Causal attention of the tokens to themselves, and to those in the cache.

        Args:
            x: (B, T, C). With a cache, only the tokens that are not yet in it.
            cache: the keys and values of earlier tokens; those of the T tokens are appended.
            padding: (B, S) bool for all S tokens so far; True where a row has not yet begun.

        Returns:
            (B, T, C).
        """
        past = 0 if cache is None else len(cache)
        turned = self.turn(self._split(cat([self.q_proj(x), self.k_proj(x)], -1)), past)  # (B, H + G, T, d)
        q = turned[:, : self.heads]
        k = turned[:, self.heads :]
        v = self._split(self.v_proj(x))
        if cache is not None:
            k, v = cache.append(k, v)  # (B, G, S, d)
        alone = q.shape[2] == 1 and padding is None  # a single query sees every key
        heads = self._in_groups(q, k, v) if alone else self._each_head(q, k, v, past, padding)  # (B, H, T, d)
        return self.o_proj(merge_heads(heads))  # (B, T, C)

    def _split(self, x: Tensor) -> Tensor:  # (B, T, H d) -> (B, H, T, d)
        return split_heads(x, x.shape[-1] // self.head_dim)

    def _in_groups(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attention of one query a head: the H / G heads of a group become the queries of its one key head, without a copy.

        (B, H, 1, d), twice (B, G, S, d) -> (B, H, 1, d).
        """
        grouped = q.view(*k.shape[:2], self.group_size, self.head_dim)  # (B, G, H / G, d)
        return F.scaled_dot_product_attention(grouped, k, v).view(*q.shape)

    def _each_head(self, q: Tensor, k: Tensor, v: Tensor, past: int, padding: Tensor | None) -> Tensor:
        """Attention of many queries: keys and values are repeated for each head. (B, H, T, d), 2 x (B, G, S, d) -> (B, H, T, d)."""
        hidden = [] if padding is None else [padding.view(len(padding), 1, 1, -1)]  # (B, 1, 1, S)
        if past and q.shape[2] > 1:
            hidden.append(later_keys(q.shape[2], k.shape[2], q.device))  # (T, S)
        # (B, H, S, d)
        k = self._repeated(k)
        v = self._repeated(v)
        return F.scaled_dot_product_attention(q, k, v, merge(hidden, q.dtype), is_causal=not past)

    def _repeated(self, x: Tensor) -> Tensor:
        """Repeat each of G heads for the H / G heads of its group: (B, G, S, d) -> (B, H, S, d)."""
        batch, groups, length, size = x.shape
        return x.unsqueeze(2).expand(batch, groups, self.group_size, length, size).flatten(1, 2)


class LlamaMLP(nn.Module):
    """The feed-forward part, SwiGLU: down(silu(gate(x)) * up(x)).

    Args:
        config: the sizes.

    Source:
        Shazeer, arXiv 2002.05202, 2020.
    """

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The output for each token.

        Args:
            x: (.., C).

        Returns:
            (.., C).
        """
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class LlamaLayer(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)).

    Args:
        config: the sizes.
        rotary: the rotary embedding of the whole model.
    """

    def __init__(self, config: LlamaConfig, rotary: nn.RotaryEmbedding):
        super().__init__()
        self.self_attn = LlamaAttention(config, rotary)
        self.mlp = LlamaMLP(config)
        self.input_layernorm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def forward(
        self, x: Tensor, cache: nn.AttentionCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """The vectors after this layer.

        Args:
            x: (B, T, C).
            cache: see `LlamaAttention.forward`.
            padding: see `LlamaAttention.forward`.

        Returns:
            (B, T, C).
        """
        x = x + self.self_attn(self.input_layernorm(x), cache, padding)
        return x + self.mlp(self.post_attention_layernorm(x))


class LlamaDecoder(nn.Module):
    """ids (B, T) -> vectors (B, T, C).

    Args:
        config: the sizes.
    """

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.rotary = nn.RotaryEmbedding(
            config.head_dim, config.max_position_embeddings, config.rope_theta, config.interleaved
        )
        self.layers = nn.ModuleList(
            [LlamaLayer(config, self.rotary) for _ in range(config.num_hidden_layers)]
        )
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def forward(
        self, ids: Tensor, cache: nn.TransformerCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """The vectors after the last layer and its norm.

        Args:
            ids: (B, T) integers. With a cache, only the tokens that are not yet in it.
            cache: the keys and values of earlier tokens; those of the T tokens are appended.
            padding: (B, S) bool for all S tokens so far; True where a row has not yet begun.

        Returns:
            (B, T, C).
        """
        x = self.embed_tokens(ids)  # (B, T, C)
        for i, layer in enumerate(self.layers):
            x = layer(x, None if cache is None else cache.layers[i], padding)
        return self.norm(x)


class Llama(nn.Module):
    """ids (B, T) -> logits of each next token (B, T, V).

    Args:
        config: the sizes.
    """

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.config = config
        self.model = LlamaDecoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(
        self, ids: Tensor, cache: nn.TransformerCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """The logits of each next token; see `generation.Writer.forward`.

        Padding at the left shifts the positions of a row. That changes nothing: rotary attention depends on the distance
        between two positions only.

        Args:
            ids: (B, T) integers. With a cache, only the tokens that are not yet in it.
            cache: from `new_cache()`; the keys and values of the T tokens are appended to it.
            padding: (B, S) bool for all S tokens so far, those in the cache included; True where a row has not yet begun.

        Returns:
            (B, T, V).
        """
        return self.lm_head(self.model(ids, cache, padding))

    def new_cache(self) -> nn.TransformerCache:
        """An empty cache, to read a text token by token.

        Returns:
            The cache.
        """
        return nn.TransformerCache(self.config.num_hidden_layers)
