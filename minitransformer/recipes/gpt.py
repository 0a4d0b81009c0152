"""The recipe of a GPT-2 trained from its initial weights: the recipe of the language model, with the other architecture."""

from __future__ import annotations

from dataclasses import dataclass

from minitransformer import models
from minitransformer.models import GPT, GPTConfig
from minitransformer.recipes.language_model import LanguageModelRecipe


@dataclass(frozen=True)
class GPTRecipe(LanguageModelRecipe):
    """The settings of a run that trains a `GPT`; see `TextRecipe`."""

    kind = models.kind_of(GPT)

    def model(self, vocab_size: int) -> GPT:
        """Make the model, with initial weights.

        Args:
            vocab_size: the number of ids.

        Returns:
            The model.
        """
        sizes = (vocab_size, 2 * self.length, self.d_model, self.num_layers, self.nhead)
        return GPT(GPTConfig(*sizes, dropout=self.dropout))
