"""`from_folder`: the model and the tokenizer of a folder that transformers' `save_pretrained` wrote, or ours did."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minitransformer.backends import DType, float32
from minitransformer.files import AGAIN, FileError, blaming, one_line, parse_json, read_text
from minitransformer.models.folder.families import FAMILIES, Family
from minitransformer.models.folder.generating import SETTINGS, marks_of, read_marks
from minitransformer.models.folder.gguf_file import SUFFIX, GGUFFile
from minitransformer.models.folder.gguf_vocabulary import read_vocabulary
from minitransformer.models.folder.model import Origin, PublishedModel
from minitransformer.models.folder.stored import CONFIG, Held, Stored, find_weights
from minitransformer.models.images import ImageProcessor, read_images
from minitransformer.nn import init
from minitransformer.tokenization.folder import read_tokenizer
from minitransformer.tokenization.published import PublishedTokenizer

KEPT = (SETTINGS,)  # what else belongs to a model, and is written back as it is
# numbers that a model may hold besides those of its file: a first layer even if it has none, and tables of angles
SLACK = 2**24


def from_folder(
    path: str | os.PathLike[str], dtype: DType = float32
) -> tuple[PublishedModel, PublishedTokenizer | ImageProcessor | None]:
    """Read a model and its tokenizer or image processor from a folder as transformers' `save_pretrained` writes it.

    Nothing in the folder is run. The memory taken is bounded by the arrays in the files, whatever sizes `config.json` states.

    Args:
        path: the folder: `config.json`, weights as safetensors, whole or in parts, and a vocabulary. Links in it are followed.
            Or one file in place of all, `.gguf`, of a Llama.
        dtype: the floating-point dtype of the model's parameters, whatever that of the file is.

    Returns:
        The model, in evaluation mode, of the class that `architectures` names; and its tokenizer or image
        processor, None if the folder has none. `model.stop_ids` are the tokens that end a text, for `generation.generate`.

    Raises:
        FileNotFoundError: if there is no such folder.
        FileError: if a part is missing, damaged, or asks for what is not computed here; the message names it.
        ImportError: if a package that reads the files is missing; the message names the extra to install.
    """
    folder = Path(path)
    if folder.is_file() and folder.suffix == SUFFIX:
        return _from_gguf(folder, dtype)
    config = read_config(folder)
    architecture, family = chosen(folder, config)
    stored = find_weights(folder, dtype)
    model = built(folder, family, config, stored)
    marks = read_marks(folder, config)
    model.origin = Origin(architecture, config, family.names, stored.kinds, _kept(folder), marks)
    reader = read_images(folder) or read_tokenizer(folder, str(config.get("model_type")))
    return model.eval(), reader


def _from_gguf(path: Path, dtype: DType) -> tuple[PublishedModel, PublishedTokenizer]:
    file = GGUFFile(path, dtype)
    architecture, family = chosen(path, file.config)
    model = built(path, family, file.config, file)
    model.origin = Origin(architecture, file.config, family.names, file.kinds, marks=marks_of(file.config))
    return model.eval(), read_vocabulary(file)


def read_config(folder: Path) -> Mapping[str, Any]:
    """The configuration of a folder.

    Args:
        folder: the folder.

    Returns:
        The content of its `config.json`.

    Raises:
        FileNotFoundError: if there is no such folder.
        FileError: if it has no `config.json`, or asks to run code of its own.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: expected a folder with a {CONFIG}, got none; nothing is downloaded"
        )
    path = folder / CONFIG
    if not path.exists():
        raise FileError(f"{folder}: expected a {CONFIG} in it, got none; {AGAIN}")
    with blaming(path):
        config = parse_json(read_text(path))
        if not isinstance(config, dict):
            raise ValueError(f"expected names and values, got {type(config).__name__}")
        if "auto_map" in config:
            raise ValueError(
                "auto_map asks to run the folder's own code, which is not done here; take a model of "
                "a family that this package has"
            )
    return config


def chosen(folder: Path, config: Mapping[str, Any]) -> tuple[str, Family]:
    """The class that a configuration names.

    Args:
        folder: the folder, for the message.
        config: the content of `config.json`.

    Returns:
        Its published name, and its row in `FAMILIES`.

    Raises:
        FileError: if it names none, or one that is not here.
    """
    named = config.get("architectures")
    name = named[0] if isinstance(named, list) and named else named
    if not isinstance(name, str) or name not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise FileError(
            f"{folder / CONFIG}: architectures: {one_line(repr(name))} is not computed here, only {known}"
        )
    return name, FAMILIES[name]


def built(
    folder: Path, family: Family, config: Mapping[str, Any], stored: Stored | Held | GGUFFile
) -> PublishedModel:
    """The model with its weights.

    Args:
        folder: the folder, for messages.
        family: its family.
        config: the content of `config.json`.
        stored: its weights.

    Returns:
        The model.

    Raises:
        FileError: if configuration and weights do not fit each other, or our model.
    """
    room = SLACK + 4 * sum(size + init.EACH for size in stored.sizes.values())
    with blaming(folder / CONFIG):
        try:
            with init.at_most(room), init.no_initial_values():
                model = family.build(family.config.from_published(config))
        except (TypeError, ArithmeticError) as error:
            raise ValueError(one_line(error)) from error
    with blaming(folder):
        try:
            model.load_state_dict(family.names.read(model, stored), assign=True)
        except RuntimeError as error:
            raise ValueError(one_line(error)) from error
    return model


def _kept(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in KEPT if (folder / name).is_file()}
