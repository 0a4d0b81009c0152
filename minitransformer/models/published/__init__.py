"""Published models by name: downloaded, converted once, and then mapped into memory.

When a model is loaded for the first time, its weights are converted to a safetensors file with our parameters' names. Later
loads map this file into memory: they take almost no time, and the system reads only the parts that are used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from minitransformer import kept
from minitransformer.assets import cache_to_itself, fetch, find, plain_errors, publish, silent
from minitransformer.files import FileError
from minitransformer.models.published import flan_t5, minilm, nanoguard, smollm2
from minitransformer.models.published.weights import FETCH, WEIGHTS, fitted, shapes
from minitransformer.nn import Module, init
from minitransformer.tokenization import Tokenizer

MODELS = {"minilm": minilm, "smollm2": smollm2, "flan-t5": flan_t5, "nanoguard": nanoguard}


def load(name: str, progress: Callable[[str], None] = silent) -> tuple[Module, Tokenizer]:
    """A published model and its tokenizer. The first call downloads and converts it.

    Args:
        name: a key of `MODELS`, such as "minilm".
        progress: is called with each line worth showing.

    Returns:
        The model, in evaluation mode, and its tokenizer.

    Raises:
        ValueError: if the name is unknown.
        AssetError: if the download fails, or a file in the cache has changed.
        FileError: if a file of the model is damaged.
        ImportError: if a package that reads the files is missing; the message names the extra to install.
    """
    folder = prepare(name, progress)
    published = MODELS[name]
    with init.no_initial_values():
        model = published.model()
    model.load_state_dict(fitted(published.weights(folder), shapes(model), folder / WEIGHTS), assign=True)
    tokenizer = published.tokenizer(folder)
    if tokenizer.vocab_size > model.config.vocab_size:
        raise FileError(f"{tokenizer.origin}: has {tokenizer.vocab_size:,} ids, more than the model; {FETCH}")
    return model.eval(), tokenizer


def prepare(name: str, progress: Callable[[str], None] = silent, mend: bool = False) -> Path:
    """Download and convert a published model, unless the cache holds it already.

    Args:
        name: a key of `MODELS`.
        progress: is called with each line worth showing.
        mend: whether to hash every file and download again what has changed.

    Returns:
        The folder of its files in the cache.

    Raises:
        ValueError: and all other errors as `load`.
    """
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
    """Whether the folder holds converted weights, and their hash is recorded."""
    return (folder / WEIGHTS).is_file() and WEIGHTS in kept.facts(folder)
