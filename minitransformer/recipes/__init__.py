"""How models are trained: each recipe holds all its settings, and makes the model, its tokenizer and what trains it."""

from __future__ import annotations

from minitransformer.recipes.classifier import ClassifierRecipe
from minitransformer.recipes.fine_tuning import FineTuningRecipe
from minitransformer.recipes.gpt import GPTRecipe
from minitransformer.recipes.language_model import LanguageModelRecipe
from minitransformer.recipes.masked_lm import MaskedLMRecipe
from minitransformer.recipes.span_corruption import SpanCorruptionRecipe

Recipe = (
    LanguageModelRecipe
    | ClassifierRecipe
    | FineTuningRecipe
    | MaskedLMRecipe
    | GPTRecipe
    | SpanCorruptionRecipe
)
RECIPES = {recipe.kind: recipe for recipe in Recipe.__args__}

__all__ = [
    "ClassifierRecipe",
    "FineTuningRecipe",
    "GPTRecipe",
    "LanguageModelRecipe",
    "MaskedLMRecipe",
    "RECIPES",
    "Recipe",
    "SpanCorruptionRecipe",
]
