"""GPT-2: a Transformer encoder with a causal mask and learned positions; the head shares its matrix with the embedding.

It is `nn.TransformerEncoder` with `norm_first`. GPT-3 has the same layers, only larger.

Source:
    Radford et al., "Language models are unsupervised multitask learners", 2019, section 2.3.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, InitVar, dataclass
from typing import Any

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.models.activations import ACTIVATIONS
from minitransformer.models.folder.model import PublishedModel
from minitransformer.models.folder.names import Names, Turned
from minitransformer.models.outside import PublishedConfig
from minitransformer.nn import init
from minitransformer.nn.masking import hidden_tokens


@dataclass(frozen=True)
class GPTConfig(PublishedConfig):
    """The sizes of a `GPT`, under their published names. The defaults are those of the smallest GPT-2.

    Args:
        vocab_size: the number V of ids.
        n_positions: the largest number of tokens.
        n_embd: the size C of each token's vector.
        n_layer: layers.
        n_head: attention heads in a layer; a divisor of `n_embd`.
        layer_norm_epsilon: the number that each layer norm adds to the variance.
        dropout: the probability of dropout, in [0, 1].
        n_inner: the size of the hidden layer in each feed-forward part; None means four times `n_embd`.
        activation_function: its name, one of `activations.ACTIVATIONS`.
        tie_word_embeddings: whether the head shares its matrix with the embedding.
        pad_token_id: the id of padding, which a classifier of whole texts looks for; None if there is none.
        num_labels: the number of classes, for a head that classifies.
        model_type: and all that follow: keys of `config.json` for which only the default is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here, or `n_head` does not divide `n_embd`.
    """

    vocab_size: int = 50_257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    layer_norm_epsilon: float = 1e-5
    dropout: float = 0.1
    n_inner: int | None = None  # None: four times n_embd
    activation_function: str = "gelu_new"
    tie_word_embeddings: bool = True
    pad_token_id: int | None = None
    num_labels: int = 2
    _: KW_ONLY
    model_type: InitVar[str] = "gpt2"
    scale_attn_weights: InitVar[bool] = True
    scale_attn_by_inverse_layer_idx: InitVar[bool] = False
    reorder_and_upcast_attn: InitVar[bool] = False
    add_cross_attention: InitVar[bool] = False

    def check(self, said: dict[str, Any]) -> None:
        self.require("activation_function", self.activation_function, *ACTIVATIONS)
        super().check(said)
        if not 0 < self.n_head or self.n_embd % self.n_head:
            raise ValueError(
                f"GPTConfig: expected n_head to divide n_embd, got n_embd={self.n_embd}, n_head={self.n_head}"
            )
        object.__setattr__(self, "n_inner", self.n_inner or 4 * self.n_embd)

    @property
    def inner(self) -> int:
        """The size of the hidden layer in each feed-forward part, `n_inner`."""
        return self.n_inner or 4 * self.n_embd

    @property
    def hidden_size(self) -> int:
        """The size C of each token's vector, `n_embd`."""
        return self.n_embd

    @property
    def max_len(self) -> int:
        """The largest number of tokens, `n_positions`."""
        return self.n_positions


class GPTBody(PublishedModel):
    """ids (B, T) -> vectors (B, T, C).

    Args:
        config: the sizes.
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = c = config
        self.words = nn.Embedding(c.vocab_size, c.n_embd)
        self.positions = nn.LearnedPositionalEncoding(c.n_embd, c.dropout, c.n_positions, batch_first=True)
        layer = nn.TransformerEncoderLayer(
            c.n_embd, c.n_head, c.inner, c.dropout, ACTIVATIONS[c.activation_function], c.layer_norm_epsilon,
            batch_first=True, norm_first=True,
        )  # fmt: skip
        self.encoder = nn.TransformerEncoder(
            layer, c.n_layer, nn.LayerNorm(c.n_embd, eps=c.layer_norm_epsilon)
        )
        self._init_weights()

    def _init_weights(self) -> None:
        """Initial weights: matrices from N(0, 0.02^2), biases 0.

        The last matrix of each attention and feed-forward part gets 0.02 / sqrt(2 n_layer): the residual stream is the sum of
        2 n_layer outputs of such parts.
        """
        init.normal_(self.words.weight, std=0.02)
        for layer in self.encoder.layers:
            init.normal_(layer.self_attn.in_proj_weight, std=0.02)
            init.normal_(layer.linear1.weight, std=0.02)
            for last in (layer.self_attn.out_proj, layer.linear2):
                init.normal_(last.weight, std=0.02 / math.sqrt(2 * self.config.n_layer))
            for linear in (layer.linear1, layer.linear2):
                init.zeros_(linear.bias)

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
            attention_mask: (B, S) for all S tokens so far: 1 for a token, 0 for padding at either end. Padding counts in the
                positions, as in transformers.
            cache: the keys and values of earlier tokens; those of the T tokens are appended.
            padding: (B, S) bool, True where a row has not yet begun. Padding does not count; this takes the place of
                `attention_mask`.

        Returns:
            (B, T, C).

        Raises:
            ValueError: if the mask has another shape, or there are too many tokens.
        """
        start = 0 if cache is None else len(cache)
        x = self.words(ids)  # (B, T, C)
        if padding is None:
            padding = hidden_tokens(attention_mask, len(ids), start + ids.shape[1])
            x = self.positions(x, start)
        else:
            x = self.positions.at(x, nn.positions_after_padding(padding)[:, start:])
        return self.encoder(x, src_key_padding_mask=padding, is_causal=True, cache=cache)

    def new_cache(self) -> nn.TransformerCache:
        """An empty cache, to read a text token by token.

        Returns:
            The cache.
        """
        return self.encoder.new_cache()


class GPT(GPTBody):
    """ids (B, T) -> logits of each next token (B, T, V).

    Args:
        config: the sizes.
    """

    def __init__(self, config: GPTConfig):
        super().__init__(config)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.head.weight = self.words.weight

    def forward(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        cache: nn.TransformerCache | None = None,
        padding: Tensor | None = None,
    ) -> Tensor:
        """The logits of each next token; see `generation.Writer.forward`.

        Args:
            ids: (B, T) integers. With a cache, only the tokens that are not yet in it.
            attention_mask: see `GPTBody.forward`.
            cache: from `new_cache()`; the keys and values of the T tokens are appended to it.
            padding: see `GPTBody.forward`.

        Returns:
            (B, T, V).

        Raises:
            ValueError: if the mask has another shape, or there are too many tokens.
        """
        return self.head(super().forward(ids, attention_mask, cache, padding))


# ---- published names ----

NAMES = Names(
    {
        "words.": "wte.",
        "positions.": "wpe.",
        "encoder.layers.*.norm1.": "h.*.ln_1.",
        "encoder.layers.*.self_attn.in_proj_": Turned("h.*.attn.c_attn."),
        "encoder.layers.*.self_attn.out_proj.": Turned("h.*.attn.c_proj."),
        "encoder.layers.*.norm2.": "h.*.ln_2.",
        "encoder.layers.*.linear1.": Turned("h.*.mlp.c_fc."),
        "encoder.layers.*.linear2.": Turned("h.*.mlp.c_proj."),
        "encoder.norm.": "ln_f.",
    },
    spare=("h.*.attn.bias", "h.*.attn.masked_bias"),
)
LM_NAMES = NAMES.within("", "transformer.", {"head.": "lm_head."})
