"""Published models by name: fetched, converted once, and read where they lie.

What a wheel holds is brought to one layout, a safetensors file with the names our models use, the first time it is
asked for. From then on it is mapped into memory: a model is there at once, and only what it reads is ever loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from minitransformer import kept
from minitransformer.assets import cache_to_itself, fetch, find, plain_errors, publish, silent
from minitransformer.files import FileError
from minitransformer.models.published import flan_t5, minilm, smollm2
from minitransformer.models.published.weights import FETCH, WEIGHTS, fitted, shapes
from minitransformer.nn import Module, init
from minitransformer.tokenization import Tokenizer

MODELS = {"minilm": minilm, "smollm2": smollm2, "flan-t5": flan_t5}


def load(name: str, progress: Callable[[str], None] = silent) -> tuple[Module, Tokenizer]:
    """A published model, in evaluation mode, and its tokenizer; fetched and converted first if need be.

    Raises ValueError for an unknown name, AssetError if it is not to be had, FileError if a file of it is damaged,
    ImportError, naming the extra, if a package that reads it is missing.
    """
    folder, published = prepare(name, progress), MODELS[name]
    with init.no_initial_values():
        model = published.model()
    model.load_state_dict(fitted(published.weights(folder), shapes(model), folder / WEIGHTS), assign=True)
    tokenizer = published.tokenizer(folder)
    if tokenizer.vocab_size > model.config.vocab_size:
        raise FileError(f"{tokenizer.origin}: has {tokenizer.vocab_size:,} ids, more than the model; {FETCH}")
    return model.eval(), tokenizer


def prepare(name: str, progress: Callable[[str], None] = silent, mend: bool = False) -> Path:
    """The folder of a published model, its weights converted. Raises as `load` does; `mend` is as in `fetch`."""
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: expected one of {', '.join(MODELS)}")
    folder = fetch(name, progress, mend)
    if not _is_converted(folder):
        with plain_errors(find(name)), cache_to_itself(progress) as scratch:
            if not _is_converted(folder):  # else another process was first
                progress(f"{name}: converting the weights, this once")
                with init.no_initial_values():
                    publish(MODELS[name].convert(folder), scratch, folder)
    return folder


def _is_converted(folder: Path) -> bool:
    """Whether the weights are there, and it is known what they were."""
    return (folder / WEIGHTS).is_file() and WEIGHTS in kept.facts(folder)
