"""Qwen2 and Qwen3: `llama.py` with a sliding window in the upper layers, if the configuration asks for one.

Qwen2 has biases where queries, keys and values are made. Qwen3 has none, and normalises each query and each key instead.

Source:
    Yang et al., arXiv 2407.10671, 2024, section 2.2; Yang et al., arXiv 2505.09388, 2025, section 2.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from typing import Any

from minitransformer.models.llama import LlamaConfig

KINDS = ("full_attention", "sliding_attention")  # of a layer


@dataclass(frozen=True)
class _QwenConfig(LlamaConfig):
    """What both have in common; see `Qwen2Config`."""

    left_out = LlamaConfig.left_out | {
        "vocab_size": 151_936, "intermediate_size": 22_016, "num_key_value_heads": 32, "max_position_embeddings": 32_768,
    }  # fmt: skip

    pad_token_id: int | None = None
    use_sliding_window: bool = False
    sliding_window: int | None = 4096
    max_window_layers: int = 28
    use_mrope: InitVar[bool] = False
    layer_types: list[str] | None = field(default=None, hash=False)

    def check(self, said: dict[str, Any]) -> None:
        self.require("mlp_bias", self.mlp_bias, False)
        super().check(said)
        kinds = self.layer_types
        if kinds is not None and (len(kinds) != self.num_hidden_layers or not set(kinds) <= set(KINDS)):
            raise ValueError(
                f"{type(self).__name__}: layer_types: expected {' or '.join(KINDS)} for each of {self.num_hidden_layers} "
                f"layers, got {kinds}"
            )
        slides = self.use_sliding_window and self.sliding_window is not None
        if slides and self.sliding_window == 0:
            raise ValueError(
                f"{type(self).__name__}: sliding_window: expected at least 1, or null for none, got 0"
            )
        if kinds is not None and not slides and KINDS[1] in kinds:
            raise ValueError(
                f"{type(self).__name__}: layer_types: expected a window for {KINDS[1]}, got "
                f"use_sliding_window={self.use_sliding_window} and sliding_window={self.sliding_window}"
            )

    def window(self, layer: int) -> int | None:
        if not self.use_sliding_window:
            return None
        slides = (
            layer >= self.max_window_layers
            if self.layer_types is None
            else self.layer_types[layer] == KINDS[1]
        )
        return self.sliding_window if slides else None


@dataclass(frozen=True)
class Qwen2Config(_QwenConfig):
    """The sizes of a Qwen2, under their published names; those that it shares with Llama are documented in `LlamaConfig`.

    Args:
        use_sliding_window: whether some layers look back no further than `sliding_window` tokens.
        sliding_window: how many tokens each token of such a layer may attend to, itself included.
        max_window_layers: the first such layer; all above it are such, too.
        layer_types: "full_attention" or "sliding_attention" for each layer, in place of `max_window_layers`; None for that.
        attention_bias: whether queries, keys and values have biases: always.
        model_type: and all that follow: keys of `config.json` for which only the default is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here, or sizes do not fit.
    """

    model_type: InitVar[str] = "qwen2"
    attention_bias: bool = True

    def check(self, said: dict[str, Any]) -> None:
        self.require("attention_bias", self.attention_bias, True)
        super().check(said)

    @property
    def output_bias(self) -> bool:
        """Whether the last product of the attention has a bias: no."""
        return False


@dataclass(frozen=True)
class Qwen3Config(_QwenConfig):
    """The sizes of a Qwen3, under their published names; see `Qwen2Config` and `LlamaConfig`.

    Args:
        model_type: and all that follow: keys of `config.json` for which only the default is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here, or sizes do not fit.
    """

    left_out = _QwenConfig.left_out | {"head_dim": 128}

    model_type: InitVar[str] = "qwen3"

    @property
    def qk_norm(self) -> bool:
        """Whether each query and each key is normalised: yes."""
        return True
