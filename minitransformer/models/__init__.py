"""Whole models, one a file, and how to build them again from a checkpoint."""

from __future__ import annotations

from pathlib import Path

from minitransformer import checkpoint, tokenization
from minitransformer.checkpoint import CheckpointError
from minitransformer.models.bert import BertClassifier, BertClassifierConfig, BertConfig, BertMaskedLM
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.models.t5 import T5, T5Config
from minitransformer.nn import Module
from minitransformer.tokenization import Tokenizer

__all__ = [
    "BertClassifier",
    "BertClassifierConfig",
    "BertConfig",
    "BertMaskedLM",
    "CLASSIFIERS",
    "ClassifierConfig",
    "GPT",
    "GPTConfig",
    "LanguageModel",
    "LanguageModelConfig",
    "SequenceClassifier",
    "T5",
    "T5Config",
    "WRITERS",
    "describe",
    "load",
]

KINDS = {
    "classifier": (SequenceClassifier, ClassifierConfig),
    "language-model": (LanguageModel, LanguageModelConfig),
    "bert-classifier": (BertClassifier, BertClassifierConfig),
    "bert-masked-lm": (BertMaskedLM, BertConfig),
    "gpt": (GPT, GPTConfig),
    "t5": (T5, T5Config),
}
CLASSIFIERS, WRITERS = ("classifier", "bert-classifier"), ("language-model", "gpt")


def describe(model: Module, tokenizer: Tokenizer) -> dict:
    """What a checkpoint holds beside the weights, so that `load` can build model and tokenizer again."""
    return {**model.metadata(), "tokenizer": tokenizer.to_dict()}


def load(path: str | Path, *kinds: str) -> tuple[Module, Tokenizer]:
    """The model, in evaluation mode, and the tokenizer of a checkpoint written while training.

    Raises FileNotFoundError, and CheckpointError if the file is damaged or holds no model of ours (or none of `kinds`).
    """
    state = checkpoint.load(path)
    found = kind_of(state)
    if found not in (kinds or KINDS):
        raise CheckpointError(f"{path}: expected a model of the kind {' or '.join(kinds or KINDS)}, got {found!r}")
    model_class, config_class = KINDS[found]
    try:
        model = model_class(config_class(**state["description"]["config"]))
        model.load_state_dict(state["model"])
        return model.eval(), tokenization.from_dict(state["description"]["tokenizer"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path}: holds a {found}, but not all of it ({error})") from error


def kind_of(state) -> str | None:
    """The kind of model that a checkpoint's state describes, if it does."""
    description = state.get("description") if isinstance(state, dict) else None
    return description.get("model") if isinstance(description, dict) else None
