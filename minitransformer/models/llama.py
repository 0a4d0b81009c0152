"""The Llama family: a language model with RMSNorm, rotary positions, grouped heads, and a gated feed-forward part.

SmolLM2 is such a model. Parameters have their published names, so that published weights load without renaming. Qwen and
Mistral have the same layers with a few options more, which their configurations switch on: `qwen.py`, `mistral.py`.

Source:
    Touvron et al., arXiv 2302.13971, 2023, section 2.2. Grouped heads: Ainslie et al., EMNLP 2023.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, InitVar, dataclass, field
from typing import Any

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.models import rotary
from minitransformer.models.folder.model import PublishedModel
from minitransformer.models.folder.names import Names
from minitransformer.models.outside import PublishedConfig
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.masking import far_keys, hidden_tokens, later_keys, merge
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.networks.heads import merge_heads, split_heads
from minitransformer.ops.shape.joining import cat


@dataclass(frozen=True)
class LlamaConfig(PublishedConfig):
    """The sizes of a `Llama`, under their published names. The defaults are those of SmolLM2-135M.

    Args:
        vocab_size: the number V of ids.
        hidden_size: the size C of each token's vector.
        intermediate_size: the size of the hidden layer in each feed-forward part.
        num_hidden_layers: layers.
        num_attention_heads: query heads in a layer, H.
        num_key_value_heads: key and value heads in a layer, G; a divisor of H. None means H.
        max_position_embeddings: the largest number of tokens.
        rms_norm_eps: the number that each RMS norm adds to the mean square.
        rope_theta: the base of the rotary angles. A `config.json` since transformers 5 has it in `rope_parameters`.
        tie_word_embeddings: whether the head shares its matrix with the embedding.
        interleaved: which channels rotate together, see `nn.apply_rotary`; it depends on the layout of the weights.
        head_dim: the size d of each head's vectors, even. None means C / H, which must be whole.
        attention_bias: whether the four products of the attention have biases.
        mlp_bias: whether the three products of the feed-forward part have biases.
        rope: how the rotary angles are slowed down, see `rotary.told`; None for not at all. A `config.json` has it in
            `rope_scaling` or `rope_parameters`.
        pad_token_id: the id of padding, which a classifier of whole texts looks for; None if there is none.
        num_labels: the number of classes, for a head that classifies.
        model_type: and all that follow: keys of `config.json` for which only the default is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here, or the numbers of heads are no such divisors.
    """

    left_out = {
        "vocab_size": 32_000, "hidden_size": 4096, "intermediate_size": 11_008, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": None, "max_position_embeddings": 2048, "rms_norm_eps": 1e-6, "rope_theta": 10_000.0,
        "tie_word_embeddings": False, "pad_token_id": None,
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
    head_dim: int | None = None
    attention_bias: bool = False
    mlp_bias: bool = False
    rope: dict[str, Any] | None = field(default=None, hash=False)
    pad_token_id: int | None = 2
    num_labels: int = 2
    _: KW_ONLY
    model_type: InitVar[str] = "llama"
    hidden_act: InitVar[str] = "silu"
    rope_interleaved: InitVar[bool] = False
    rope_parameters: InitVar[dict[str, Any] | None] = None
    rope_scaling: InitVar[dict[str, Any] | None] = None

    def check(self, said: dict[str, Any]) -> None:
        self._check_rope(said.pop("rope_scaling"), said.pop("rope_parameters"))
        super().check(said)
        object.__setattr__(self, "num_key_value_heads", self.num_key_value_heads or self.num_attention_heads)
        width, heads, groups = self.hidden_size, self.num_attention_heads, self.groups
        if self.head_dim is None and width % heads or heads % groups:
            raise ValueError(
                f"{type(self).__name__}: expected num_attention_heads to divide hidden_size, and num_key_value_heads to divide "
                f"num_attention_heads, got hidden_size={width}, num_attention_heads={heads}, num_key_value_heads={groups}"
            )
        object.__setattr__(self, "head_dim", self.head_dim or width // heads)

    def _check_rope(self, scaling: Any, parameters: Any) -> None:
        """Keep what either key says of the rotary angles; the newer key counts."""
        said: dict[str, Any] = {}
        for key, value in {"rope": self.rope, "rope_scaling": scaling, "rope_parameters": parameters}.items():
            said |= rotary.told(f"{type(self).__name__}: {key}", value)
        object.__setattr__(self, "rope_theta", said.pop("rope_theta", self.rope_theta))
        object.__setattr__(self, "rope", said if said.get("rope_type", "default") != "default" else None)

    @property
    def groups(self) -> int:
        """The number G of key and value heads."""
        return self.num_key_value_heads or self.num_attention_heads

    @property
    def head_size(self) -> int:
        """The size d of each head's vectors, `head_dim`."""
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def max_len(self) -> int:
        """The largest number of tokens, `max_position_embeddings`."""
        return self.max_position_embeddings

    @property
    def output_bias(self) -> bool:
        """Whether the last product of the attention has a bias."""
        return self.attention_bias

    @property
    def qk_norm(self) -> bool:
        """Whether each query and each key is normalised."""
        return False

    def window(self, layer: int) -> int | None:
        """How far the tokens of a layer look back.

        Args:
            layer: its index.

        Returns:
            The number of tokens that each may attend to, itself included; None for all.
        """
        return None


class LlamaAttention(nn.Module):
    """Grouped-query attention: H query heads in G groups; the heads of a group share their keys and values.

    The cache holds G heads instead of H.

    Args:
        config: the sizes.
        rotary: the rotary embedding of the whole model.
        window: how many tokens each may attend to, itself included; None for all.
    """

    def __init__(self, config: LlamaConfig, rotary: nn.RotaryEmbedding, window: int | None = None):
        super().__init__()
        self.head_dim = config.head_size
        self.window = window
        width = config.hidden_size
        wide, shared = config.num_attention_heads * self.head_dim, config.groups * self.head_dim
        self.heads = config.num_attention_heads
        self.group_size = config.num_attention_heads // config.groups
        self.q_proj = nn.Linear(width, wide, bias=config.attention_bias)
        self.k_proj = nn.Linear(width, shared, bias=config.attention_bias)
        self.v_proj = nn.Linear(width, shared, bias=config.attention_bias)
        self.o_proj = nn.Linear(wide, width, bias=config.output_bias)
        self.qk_norm = config.qk_norm
        if config.qk_norm:
            self.q_norm, self.k_norm = (nn.RMSNorm(self.head_dim, eps=config.rms_norm_eps) for _ in range(2))
        # a method, not the module: all layers share one, which must not be a part of each
        self.turn = rotary.forward

    def forward(
        self, x: Tensor, cache: nn.AttentionCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """Causal attention of the tokens to themselves, and to those in the cache.

        Args:
            x: (B, T, C). With a cache, only the tokens that are not yet in it.
            cache: the keys and values of earlier tokens; those of the T tokens are appended.
            padding: (B, S) bool for all S tokens so far; True for tokens to which none may attend.

        Returns:
            (B, T, C).
        """
        past = 0 if cache is None else len(cache)
        q, k = self._turned(x, past)  # (B, H, T, d), (B, G, T, d)
        v = self._split(self.v_proj(x))
        if cache is not None:
            k, v = cache.append(k, v)  # (B, G, S, d)
        hidden = self._hidden(q.shape[2], k.shape[2], past, padding, q.device)
        # a single query often sees every key
        alone = q.shape[2] == 1 and not hidden
        heads = self._in_groups(q, k, v) if alone else self._each_head(q, k, v, hidden, not past)
        return self.o_proj(merge_heads(heads))  # (B, H, T, d) -> (B, T, C)

    def _turned(self, x: Tensor, past: int) -> tuple[Tensor, Tensor]:
        """Queries and keys of the tokens at `past`, `past` + 1, ..: (B, T, C) -> (B, H, T, d), (B, G, T, d)."""
        q = self._split(self.q_proj(x))
        k = self._split(self.k_proj(x))
        if self.qk_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        turned = self.turn(cat([q, k], 1), past)  # (B, H + G, T, d)
        return turned[:, : self.heads], turned[:, self.heads :]

    def _hidden(
        self, n_queries: int, n_keys: int, past: int, padding: Tensor | None, device: str
    ) -> list[Tensor]:
        """Masks of the keys that a query may not attend to, for T queries at the end of S keys; later keys only after a cache."""
        hidden = [] if padding is None else [padding.view(len(padding), 1, 1, -1)]  # (B, 1, 1, S)
        if past and n_queries > 1:
            hidden.append(later_keys(n_queries, n_keys, device))  # (T, S)
        if self.window is not None and n_keys > self.window:
            hidden.append(far_keys(n_queries, n_keys, self.window, device))  # (T, S)
        return hidden

    def _split(self, x: Tensor) -> Tensor:  # (B, T, H d) -> (B, H, T, d)
        return split_heads(x, x.shape[-1] // self.head_dim)

    def _in_groups(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attention of one query a head: the H / G heads of a group become the queries of its one key head, without a copy.

        (B, H, 1, d), twice (B, G, S, d) -> (B, H, 1, d).
        """
        grouped = q.view(*k.shape[:2], self.group_size, self.head_dim)  # (B, G, H / G, d)
        return F.scaled_dot_product_attention(grouped, k, v).view(*q.shape)

    def _each_head(self, q: Tensor, k: Tensor, v: Tensor, hidden: list[Tensor], is_causal: bool) -> Tensor:
        """Attention of many queries: keys and values are repeated for each head. (B, H, T, d), 2 x (B, G, S, d) -> (B, H, T, d)."""
        # (B, H, S, d)
        k = self._repeated(k)
        v = self._repeated(v)
        return F.scaled_dot_product_attention(q, k, v, merge(hidden, q.dtype), is_causal=is_causal)

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
        width, inner, bias = config.hidden_size, config.intermediate_size, config.mlp_bias
        self.gate_proj = nn.Linear(width, inner, bias)
        self.up_proj = nn.Linear(width, inner, bias)
        self.down_proj = nn.Linear(inner, width, bias)

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
        window: see `LlamaAttention`.
    """

    def __init__(self, config: LlamaConfig, rotary: nn.RotaryEmbedding, window: int | None = None):
        super().__init__()
        self.self_attn = LlamaAttention(config, rotary, window)
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


class LlamaDecoder(PublishedModel):
    """ids (B, T) -> vectors (B, T, C).

    Args:
        config: the sizes.
    """

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        init.reserve(config.head_size)
        turns = tensor(rotary.frequencies(config.head_size, config.rope_theta, config.rope))  # (d/2,)
        self.rotary = nn.RotaryEmbedding(
            config.head_size, config.max_position_embeddings, config.rope_theta, config.interleaved, turns
        )
        self.layers = nn.ModuleList(
            [LlamaLayer(config, self.rotary, config.window(i)) for i in range(config.num_hidden_layers)]
        )
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def forward(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        cache: nn.TransformerCache | None = None,
        padding: Tensor | None = None,
    ) -> Tensor:
        """The vectors after the last layer and its norm.

        Args:
            ids: (B, T) integers. With a cache, only the tokens that are not yet in it.
            attention_mask: (B, S) for all S tokens so far: 1 for a token, 0 for padding at either end.
            cache: the keys and values of earlier tokens; those of the T tokens are appended.
            padding: the same as booleans, True for padding; it takes the place of `attention_mask`.

        Returns:
            (B, T, C).

        Raises:
            ValueError: if the mask has another shape.
        """
        if padding is None:
            past = 0 if cache is None else len(cache)
            padding = hidden_tokens(attention_mask, len(ids), past + ids.shape[1])
        x = self.embed_tokens(ids)  # (B, T, C)
        for i, layer in enumerate(self.layers):
            x = layer(x, None if cache is None else cache.layers[i], padding)
        return self.norm(x)


class Llama(PublishedModel):
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
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        cache: nn.TransformerCache | None = None,
        padding: Tensor | None = None,
    ) -> Tensor:
        """The logits of each next token; see `generation.Writer.forward`.

        Padding at the left shifts the positions of a row. That changes nothing: rotary attention depends on the distance
        between two positions only.

        Args:
            ids: (B, T) integers. With a cache, only the tokens that are not yet in it.
            attention_mask: (B, S) for all S tokens so far, those in the cache included: 1 for a token, 0 for padding.
            cache: from `new_cache()`; the keys and values of the T tokens are appended to it.
            padding: the same as booleans, True for padding; it takes the place of `attention_mask`.

        Returns:
            (B, T, V).

        Raises:
            ValueError: if the mask has another shape.
        """
        return self.lm_head(self.model(ids, attention_mask, cache, padding))

    def new_cache(self) -> nn.TransformerCache:
        """An empty cache, to read a text token by token.

        Returns:
            The cache.
        """
        return nn.TransformerCache(self.config.num_hidden_layers)


# ---- published names ----

NAMES = Names({"": ""}, spare=("layers.*.self_attn.rotary_emb.inv_freq", "rotary_emb.inv_freq"))
LM_NAMES = NAMES.within("model.", "model.", {"lm_head.": "lm_head."})
