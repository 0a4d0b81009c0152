"""Whole models, one a file, and how to build them again from a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy

from minitransformer import checkpoint, tokenization
from minitransformer.checkpoint import CheckpointError
from minitransformer.files import AGAIN, one_line, settings
from minitransformer.models.bert import BertClassifier, BertClassifierConfig, BertConfig, BertMaskedLM
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.models.t5 import T5, T5Config
from minitransformer.nn import Module, init
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
SLACK = 2**18  # numbers: a model of no layers has a first one all the same
CLASSIFIERS, WRITERS = ("classifier", "bert-classifier"), ("language-model", "gpt")


def describe(model: Module, tokenizer: Tokenizer) -> dict:
    """What a checkpoint holds beside the weights, so that `load` can build model and tokenizer again."""
    return {**model.metadata(), "tokenizer": tokenizer.to_dict()}


def load(path: str | Path, *kinds: str) -> tuple[Module, Tokenizer]:
    """The model, in evaluation mode, and the tokenizer of a checkpoint written while training.

    Raises FileNotFoundError, and CheckpointError if the file is damaged or holds no model of ours (or none of `kinds`).
    Its sizes must be those of the arrays it holds: no more memory is taken, whatever it says.
    """
    state = checkpoint.load(path)
    found = kind_of(state)
    if found not in list(kinds or KINDS):
        expected = " or ".join(kinds or KINDS)
        raise CheckpointError(
            f"{path}: expected a model of the kind {expected}, got {one_line(repr(found))}; give another file"
        )
    try:
        return built(*KINDS[found], state)
    except (KeyError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise CheckpointError(
            f"{path}: holds a {found}, but not all of it ({one_line(error)}); {AGAIN}"
        ) from error


def built(model_class: type, config_class: type, state: dict) -> tuple[Module, Tokenizer]:
    """The model and tokenizer of a checkpoint's state. Raises KeyError, TypeError, ValueError, RuntimeError if they do not fit."""
    description, config = state["description"], settings(config_class, state["description"]["config"])
    tokenizer = tokenization.from_dict(description["tokenizer"])
    if not tokenizer.vocab_size <= config.vocab_size:
        raise ValueError(f"the tokenizer has {tokenizer.vocab_size:,} ids, the model {config.vocab_size:,}")
    with init.at_most(room_of(state["model"])), init.no_initial_values():
        model = model_class(config)
    model.load_state_dict(state["model"])
    return model.eval(), tokenizer


def room_of(arrays: dict[str, numpy.ndarray]) -> int:
    """How many numbers a model of these arrays may hold while it is built: a layer more than it has, and tied ones twice.

    Raises TypeError if they are no arrays.
    """
    if not isinstance(arrays, dict) or {(type(name), type(array)) for name, array in arrays.items()} - {
        (str, numpy.ndarray)
    }:
        raise TypeError("expected arrays by name under 'model', got something else")
    return SLACK + 4 * sum(array.size + init.EACH for array in arrays.values())


def kind_of(state) -> str | None:
    """The kind of model that a checkpoint's state describes, if it does."""
    description = state.get("description") if isinstance(state, dict) else None
    return description.get("model") if isinstance(description, dict) else None
