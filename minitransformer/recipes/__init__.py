"""How models are trained: a recipe holds the settings of a run, and makes the model, its tokenizer and its trainer.

`TextRecipe` and `trainer_of` hold what recipes share; a recipe's own file holds its model, its loss and its defaults.
"""

from __future__ import annotations

from minitransformer.recipes.classifier import ClassifierRecipe
from minitransformer.recipes.dates import DatesRecipe
from minitransformer.recipes.fine_tuning import FineTuningRecipe
from minitransformer.recipes.gpt import GPTRecipe
from minitransformer.recipes.language_model import LanguageModelRecipe
from minitransformer.recipes.masked_lm import MaskedLMRecipe
from minitransformer.recipes.span_corruption import SpanCorruptionRecipe
from minitransformer.recipes.stories import StoriesRecipe

Recipe = (
    LanguageModelRecipe
    | ClassifierRecipe
    | FineTuningRecipe
    | MaskedLMRecipe
    | GPTRecipe
    | SpanCorruptionRecipe
    | DatesRecipe
    | StoriesRecipe
)
# by the name that `minitransformer train` knows them: the kind of the model, or of the task if it is made for one only
RECIPES = {recipe.kind: recipe for recipe in Recipe.__args__}

__all__ = [
    "ClassifierRecipe",
    "DatesRecipe",
    "FineTuningRecipe",
    "GPTRecipe",
    "LanguageModelRecipe",
    "MaskedLMRecipe",
    "RECIPES",
    "Recipe",
    "SpanCorruptionRecipe",
    "StoriesRecipe",
]
