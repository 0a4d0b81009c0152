"""The recipe of a GPT-2 from nothing: that of the language model, with the other architecture."""

from __future__ import annotations

from dataclasses import dataclass

from minitransformer.models import GPT, GPTConfig
from minitransformer.recipes.language_model import LanguageModelRecipe


@dataclass(frozen=True)
class GPTRecipe(LanguageModelRecipe):
    """All that decides what comes out, as `LanguageModelRecipe` has it."""

    kind = "gpt"

    def model(self, vocab_size: int) -> GPT:
        return GPT(
            GPTConfig(
                vocab_size, 2 * self.length, self.d_model, self.num_layers, self.nhead, dropout=self.dropout
            )
        )
