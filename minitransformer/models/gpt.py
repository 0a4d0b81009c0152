"""GPT-2: a Transformer encoder with a causal mask and learned positions; the head shares its matrix with the embedding.

It is `nn.TransformerEncoder` with `norm_first`. GPT-3 has the same layers, only larger. `from_published` turns published
weights into those of our module.

Source:
    Radford et al., "Language models are unsupervised multitask learners", 2019, section 2.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, InitVar, dataclass
from functools import partial
from typing import Any

import numpy

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.models.outside import PublishedConfig, check_left, check_tied
from minitransformer.nn import functional as F
from minitransformer.nn import init


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
        model_type: and all that follow: keys of `config.json` for which only the default is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here.
    """

    also = {"activation_function": ("gelu_pytorch_tanh",)}

    vocab_size: int = 50_257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    layer_norm_epsilon: float = 1e-5
    dropout: float = 0.1
    _: KW_ONLY
    model_type: InitVar[str] = "gpt2"
    activation_function: InitVar[str] = "gelu_new"
    n_inner: InitVar[int | None] = None
    scale_attn_weights: InitVar[bool] = True
    scale_attn_by_inverse_layer_idx: InitVar[bool] = False
    reorder_and_upcast_attn: InitVar[bool] = False
    add_cross_attention: InitVar[bool] = False
    tie_word_embeddings: InitVar[bool] = True

    def check(self, said: dict[str, Any]) -> None:
        self.require("n_inner", said.pop("n_inner"), None, 4 * self.n_embd)
        super().check(said)

    @property
    def max_len(self) -> int:
        """The largest number of tokens, `n_positions`."""
        return self.n_positions


class GPT(nn.Module):
    """ids (B, T) -> logits of each next token (B, T, V).

    Args:
        config: the sizes.
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = c = config
        self.words = nn.Embedding(c.vocab_size, c.n_embd)
        self.positions = nn.LearnedPositionalEncoding(c.n_embd, c.dropout, c.n_positions, batch_first=True)
        layer = nn.TransformerEncoderLayer(
            c.n_embd, c.n_head, 4 * c.n_embd, c.dropout, partial(F.gelu, approximate="tanh"), c.layer_norm_epsilon,
            batch_first=True, norm_first=True,
        )  # fmt: skip
        self.encoder = nn.TransformerEncoder(
            layer, c.n_layer, nn.LayerNorm(c.n_embd, eps=c.layer_norm_epsilon)
        )
        self.head = nn.Linear(c.n_embd, c.vocab_size, bias=False)
        self._init_weights()
        self.head.weight = self.words.weight

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
        self, ids: Tensor, cache: nn.TransformerCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """The logits of each next token; see `generation.Writer.forward`.

        Args:
            ids: (B, T) integers. With a cache, only the tokens that are not yet in it.
            cache: from `new_cache()`; the keys and values of the T tokens are appended to it.
            padding: (B, S) bool for all S tokens so far, those in the cache included; True where a row has not yet begun.

        Returns:
            (B, T, V).
        """
        start = 0 if cache is None else len(cache)
        x = self.words(ids)  # (B, T, C)
        x = (
            self.positions(x, start)
            if padding is None
            else self.positions.at(x, nn.positions_after_padding(padding)[:, start:])
        )
        return self.head(self.encoder(x, src_key_padding_mask=padding, is_causal=True, cache=cache))

    def new_cache(self) -> nn.TransformerCache:
        """An empty cache, to read a text token by token.

        Returns:
            The cache.
        """
        return self.encoder.new_cache()


# ---- published names ----

TOP = {"words.weight": "wte.weight", "positions.weight": "wpe.weight", "head.weight": "wte.weight"}
NORMS = {"norm1": "ln_1", "norm2": "ln_2"}
PRODUCTS = {
    "self_attn.in_proj_": "attn.c_attn.",
    "self_attn.out_proj.": "attn.c_proj.",
    "linear1.": "mlp.c_fc.",
    "linear2.": "mlp.c_proj.",
}


def from_published(arrays: Mapping[str, numpy.ndarray], num_layers: int) -> dict[str, numpy.ndarray]:
    """The state dict of a `GPT`, from published weights. Published matrices are (in, out) and are transposed here.

    Args:
        arrays: array by published name, with or without `transformer.` before it.
        num_layers: layers of the model.

    Returns:
        Array by our name.

    Raises:
        KeyError: with the name of an array that is missing.
        ValueError: if arrays are left that this model does not have, or `lm_head.weight` differs from `wte.weight`.
    """
    arrays = {name.removeprefix("transformer."): array for name, array in arrays.items()}
    names = TOP | {f"encoder.norm.{kind}": f"ln_f.{kind}" for kind in ("weight", "bias")}
    for i in range(num_layers):
        for ours, theirs in NORMS.items():
            names |= {
                f"encoder.layers.{i}.{ours}.{kind}": f"h.{i}.{theirs}.{kind}" for kind in ("weight", "bias")
            }
        for ours, theirs in PRODUCTS.items():
            names |= {
                f"encoder.layers.{i}.{ours}{kind}": f"h.{i}.{theirs}{kind}" for kind in ("weight", "bias")
            }
    state = {ours: arrays[theirs] for ours, theirs in names.items()}
    check_tied(arrays, "lm_head.weight", "wte.weight")
    masks = [f"h.{i}.attn.{mask}" for i in range(num_layers) for mask in ("bias", "masked_bias")]
    check_left(arrays, [*names.values(), "lm_head.weight", *masks], ())
    turned = tuple(f"{theirs}weight" for theirs in PRODUCTS.values())
    return {ours: array.T if names[ours].endswith(turned) else array for ours, array in state.items()}
