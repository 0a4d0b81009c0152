"""How models are trained: each recipe holds all its settings, and makes the model, its tokenizer and what trains it."""

from __future__ import annotations

from minitransformer.recipes.classifier import ClassifierRecipe
from minitransformer.recipes.language_model import LanguageModelRecipe

__all__ = ["RECIPES", "ClassifierRecipe", "LanguageModelRecipe"]

RECIPES = {recipe.kind: recipe for recipe in (LanguageModelRecipe, ClassifierRecipe)}
