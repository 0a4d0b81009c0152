"""Which tokens begin and end what a folder's model writes, as transformers' `generate` takes them.

| what | where it stands in `generation_config.json`, or in `config.json` if the folder has no such file |
|---|---|
| ends | `eos_token_id`: an id, a list of ids, or null |
| start | `decoder_start_token_id`, or else `bos_token_id`: what comes before the first token of an answer |

`pad_token_id` fills up rows that have ended, which are cut here. What else that file may ask, such as `do_sample` or
`repetition_penalty`, is not read: how tokens are drawn is said where `generation.generate` is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from minitransformer.files import blaming, one_line, parse_json, read_text

SETTINGS = "generation_config.json"


class Marks(NamedTuple):
    """The tokens around a text that a model writes.

    Attributes:
        ends: the ids of which each ends a text.
        start: the id that an encoder-decoder's answer begins with; None if the folder names none.
    """

    ends: tuple[int, ...] = ()
    start: int | None = None


def read_marks(folder: Path, config: Mapping[str, Any]) -> Marks:
    """The tokens that a folder names.

    Args:
        folder: the folder.
        config: the content of its `config.json`.

    Returns:
        The tokens.

    Raises:
        FileError: if `generation_config.json` is damaged, or gives something else than ids.
    """
    path = folder / SETTINGS
    if not path.is_file():
        return marks_of(config)
    with blaming(path):
        said = parse_json(read_text(path))
        if not isinstance(said, dict):
            raise ValueError(f"expected names and values, got {type(said).__name__}")
        return marks_of(said)


def marks_of(said: Mapping[str, Any]) -> Marks:
    """The tokens that a configuration names.

    Args:
        said: names and values.

    Returns:
        The tokens.

    Raises:
        ValueError: if a value is neither an id, a list of ids, nor None; the message names its key.
    """
    starts = (*_ids(said, "decoder_start_token_id"), *_ids(said, "bos_token_id"), None)
    return Marks(_ids(said, "eos_token_id"), starts[0])


def _ids(said: Mapping[str, Any], name: str) -> tuple[int, ...]:
    value = said.get(name)
    ids = value if isinstance(value, list) else [] if value is None else [value]
    if not all(type(i) is int for i in ids):
        raise ValueError(f"{name}: expected an id, a list of ids, or null, got {one_line(repr(value))}")
    return tuple(ids)
