"""Whole models, one family a file, and the registry: which kinds of model a checkpoint may hold.

To add a family, write its file and one line in `KINDS`; `describe`, `load` and the commands then know it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from minitransformer import checkpoint, tokenization
from minitransformer.checkpoint import CheckpointError
from minitransformer.files import AGAIN, one_line, settings
from minitransformer.generation.writer import EncoderDecoder, Writer, lacking
from minitransformer.models.average import Average
from minitransformer.models.bert import Bert, BertClassifier, BertClassifierConfig, BertConfig, BertMaskedLM
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier
from minitransformer.models.folder.reading import from_folder
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.models.seq2seq import Seq2Seq, Seq2SeqConfig
from minitransformer.models.t5 import T5, T5Answer, T5Config
from minitransformer.nn import Module, init
from minitransformer.tokenization import Tokenizer

__all__ = [
    "Average",
    "Bert",
    "BertClassifier",
    "BertClassifierConfig",
    "BertConfig",
    "BertMaskedLM",
    "ClassifierConfig",
    "Family",
    "GPT",
    "GPTConfig",
    "KINDS",
    "LanguageModel",
    "LanguageModelConfig",
    "Llama",
    "LlamaConfig",
    "Seq2Seq",
    "Seq2SeqConfig",
    "SequenceClassifier",
    "T5",
    "T5Config",
    "WRITERS",
    "describe",
    "from_folder",
    "kind_of",
    "load",
]


class Family(NamedTuple):
    """A kind of model.

    Attributes:
        model: its class. `model(config)` builds one, which keeps its configuration as `model.config`.
        config: the class of its configuration, a dataclass; `config.vocab_size` is the number of ids.
    """

    model: type[Module]
    config: type[Any]


KINDS = {
    "classifier": Family(SequenceClassifier, ClassifierConfig),
    "language-model": Family(LanguageModel, LanguageModelConfig),
    "bert": Family(Bert, BertConfig),
    "bert-classifier": Family(BertClassifier, BertClassifierConfig),
    "bert-masked-lm": Family(BertMaskedLM, BertConfig),
    "gpt": Family(GPT, GPTConfig),
    "llama": Family(Llama, LlamaConfig),
    "t5": Family(T5, T5Config),
    "seq2seq": Family(Seq2Seq, Seq2SeqConfig),
}
WRITERS = tuple(kind for kind, family in KINDS.items() if not lacking(*family))  # those that `generate` takes
if TYPE_CHECKING:  # mypy holds each of them to the protocol
    _writers: list[type[Writer]] = [LanguageModel, GPT, Llama, T5Answer]
    _encoder_decoders: list[type[EncoderDecoder]] = [T5]

# numbers that a model may hold besides those of its checkpoint: a first layer even if it has none, and tables of angles,
# such as those of 65,536 positions in heads of 64
SLACK = 2**22


def kind_of(model: type[Module]) -> str:
    """The name under which checkpoints know a class of models, or one derived from it.

    Args:
        model: a class, such as `GPT`.

    Returns:
        Its key in `KINDS`, such as "gpt".

    Raises:
        ValueError: if no family has this class.
    """
    for kind, family in KINDS.items():
        if issubclass(model, family.model):
            return kind
    known = ", ".join(family.model.__name__ for family in KINDS.values())
    raise ValueError(f"expected a model of the registry models.KINDS ({known}), got {model.__name__}")


def describe(model: Module, tokenizer: Tokenizer) -> dict[str, Any]:
    """What a checkpoint holds beside the weights, so that `load` can build model and tokenizer again.

    Args:
        model: a model of the registry `KINDS`.
        tokenizer: the tokenizer of its ids.

    Returns:
        The kind of the model, its configuration and the tokenizer, in numbers, strings, lists and dicts.

    Raises:
        ValueError: if the model is of no family of the registry.
    """
    kind = kind_of(type(model))
    config: Any = model.config
    return {"model": kind, "config": asdict(config), "tokenizer": tokenizer.to_dict()}


def load(path: str | Path, *kinds: str) -> tuple[Module, Tokenizer]:
    """Read the model and the tokenizer of a checkpoint that a `Trainer` wrote.

    The memory taken is bounded by the arrays in the file, whatever sizes its description states.

    Args:
        path: the checkpoint, such as `best.safetensors`.
        *kinds: which kinds of model to accept, keys of `KINDS`; all of them if none is given.

    Returns:
        The model, in evaluation mode, and its tokenizer.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if the file is damaged, or holds no model of the accepted kinds.
    """
    state = checkpoint.load(path)
    found = stated_kind(state)
    if found is None or found not in list(kinds or KINDS):
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


def built(
    model_class: Callable[[Any], Module], config_class: type[Any], state: dict[str, Any]
) -> tuple[Module, Tokenizer]:
    """Build the model and the tokenizer that a checkpoint's state describes.

    Args:
        model_class: the class of the model.
        config_class: the class of its configuration.
        state: the state.

    Returns:
        The model, in evaluation mode, and its tokenizer.

    Raises:
        KeyError: and TypeError, ValueError or RuntimeError: if a part of the state is missing or does not fit.
    """
    description = state["description"]
    config = settings(config_class, state["description"]["config"])
    tokenizer = tokenization.from_dict(description["tokenizer"])
    if not tokenizer.vocab_size <= config.vocab_size:
        raise ValueError(f"the tokenizer has {tokenizer.vocab_size:,} ids, the model {config.vocab_size:,}")
    with init.at_most(room_of(state["model"])), init.no_initial_values():
        model = model_class(config)
    model.load_state_dict(state["model"])
    return model.eval(), tokenizer


def room_of(arrays: dict[str, numpy.ndarray]) -> int:
    """How many numbers a model may hold while it is built, given its weights: one more layer, and tied weights twice.

    Args:
        arrays: the weights, array by name.

    Returns:
        The number.

    Raises:
        TypeError: if `arrays` is something else.
    """
    if not isinstance(arrays, dict) or {(type(name), type(array)) for name, array in arrays.items()} - {
        (str, numpy.ndarray)
    }:
        raise TypeError("expected arrays by name under 'model', got something else")
    return SLACK + 4 * sum(array.size + init.EACH for array in arrays.values())


def stated_kind(state: Any) -> str | None:
    """The kind of model that a checkpoint's state names.

    Args:
        state: the state, or anything that a file held instead.

    Returns:
        The kind; None if the state names none.
    """
    description = state.get("description") if isinstance(state, dict) else None
    return description.get("model") if isinstance(description, dict) else None
