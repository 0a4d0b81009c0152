"""GPT-2: an encoder that may only look back, on words with learned positions, its head the vectors of the words.

Radford et al., "Language models are unsupervised multitask learners", 2019, section 2.3; GPT-3 is the same, larger. It is
`nn.TransformerEncoder`, normalised before each block. `from_published` gives weights the names they have here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, InitVar, dataclass
from functools import partial

import numpy

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.models.outside import PublishedConfig, check_left, check_tied
from minitransformer.nn import functional as F
from minitransformer.nn import init


@dataclass(frozen=True)
class GPTConfig(PublishedConfig):
    """Sizes, under their published names; as they stand, those of the smallest GPT-2."""

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

    def check(self, said: dict) -> None:
        self.require("n_inner", said.pop("n_inner"), None, 4 * self.n_embd)
        super().check(said)

    @property
    def max_len(self) -> int:
        return self.n_positions


class GPT(nn.Module):
    """ids (B, T) -> logits of each next token (B, T, V)."""

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
        self._draw()
        self.head.weight = self.words.weight

    def _draw(self) -> None:
        """N(0, 0.02^2), no biases; what is added to the residual stream less, for there are 2 n_layer of it."""
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
        """(B, T) -> (B, T, V). With a cache, `ids` are only the tokens that follow those seen before.

        `padding` (B, S), of all S tokens so far: True where there is none, which is at the beginning of a row.
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
        """An empty cache, to read a text token by token."""
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
    """The weights by our names, given those of the published names, with or without `transformer.` before them.

    Its matrices are published as (in, out), and turned here. Raises KeyError with the name of an array that is missing,
    ValueError with those that have no place here.
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
