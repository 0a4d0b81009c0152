"""Mistral: `llama.py`, in which each token looks back no further than a window; above it, further layers look further.

Source:
    Jiang et al., arXiv 2310.06825, 2023, section 2.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Any

from minitransformer.models.llama import LlamaConfig


@dataclass(frozen=True)
class MistralConfig(LlamaConfig):
    """The sizes of a Mistral, under their published names; those that it shares with Llama are documented in `LlamaConfig`.

    Args:
        sliding_window: how many tokens each token may attend to, itself included; None for all.
        pad_token_id: the id of padding, which a classifier of whole texts looks for; None if there is none.
        model_type: and all that follow: keys of `config.json` for which only the default is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here, or sizes do not fit.
    """

    left_out = LlamaConfig.left_out | {
        "intermediate_size": 14_336, "num_key_value_heads": 8, "max_position_embeddings": 131_072, "sliding_window": 4096,
    }  # fmt: skip

    sliding_window: int | None = None
    model_type: InitVar[str] = "mistral"
    pad_token_id: int | None = None

    def check(self, said: dict[str, Any]) -> None:
        self.require("attention_bias", self.attention_bias, False)
        self.require("mlp_bias", self.mlp_bias, False)
        if self.sliding_window == 0:
            raise ValueError("MistralConfig: sliding_window: expected at least 1, or null for none, got 0")
        super().check(said)

    def window(self, layer: int) -> int | None:
        return self.sliding_window
