"""Whole models, one a file, and how to build them again from a checkpoint."""

from __future__ import annotations

from pathlib import Path

from minitransformer import checkpoint, tokenization
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.nn import Module
from minitransformer.tokenization import Tokenizer

__all__ = ["ClassifierConfig", "LanguageModel", "LanguageModelConfig", "SequenceClassifier", "describe", "load"]

KINDS = {"classifier": (SequenceClassifier, ClassifierConfig), "language-model": (LanguageModel, LanguageModelConfig)}


def describe(model: SequenceClassifier | LanguageModel, tokenizer: Tokenizer) -> dict:
    """What a checkpoint holds beside the weights, so that `load` can build model and tokenizer again."""
    return {**model.metadata(), "tokenizer": tokenizer.to_dict()}


def load(path: str | Path, kind: str | None = None) -> tuple[Module, Tokenizer]:
    """The model, in evaluation mode, and the tokenizer of a checkpoint written while training.

    Raises FileNotFoundError, and CheckpointError if the file is damaged or holds no model of ours (or none of `kind`).
    """
    state = checkpoint.load(path)
    description = state.get("description", {})
    found = description.get("model")
    if found not in KINDS or kind not in (None, found):
        raise checkpoint.CheckpointError(f"{path}: expected a model of the kind {kind or ' or '.join(KINDS)}, got {found!r}")
    model_class, config_class = KINDS[found]
    model = model_class(config_class(**description["config"]))
    model.load_state_dict(state["model"])
    return model.eval(), tokenization.from_dict(description["tokenizer"])
