"""What a `tokenizer.json` must say, so that the package which runs it does not fail on it later.

The package believes much of what it reads, and ends in an assertion where it should not have. These are the parts in which
a file can contradict itself: ids, the piece for unknown words, merges, and the marks of a template.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy

from minitransformer.files import one_line

PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
MODELS = ("WordPiece", "BPE", "Unigram", "WordLevel")


def check_description(description: Any) -> None:
    """Raise ValueError, which names the faulty part, unless this describes a tokenizer.

    Args:
        description: The content of a `tokenizer.json`.
    """
    model = _of(_typed(description, dict, "the file"), "model", dict)
    if model.get("type", MODELS[0]) not in list(MODELS):
        raise ValueError(f"model: expected one of {', '.join(MODELS)}, got {_shown(model['type'])}")
    ids = _ids(model.get("vocab"))
    _check_unknown(model, ids)
    if "merges" in model:
        merges = [_merge(merge) for merge in _of(model, "merges", list)]
        check_merges(
            ids,
            merges,
            _typed(model.get("continuing_subword_prefix") or "", str, "continuing_subword_prefix"),
        )
    for added in _typed(description.get("added_tokens") or [], list, "added_tokens"):
        content = _of(_typed(added, dict, "added_tokens"), "content", str)
        i = _of(added, "id", int)
        if not content or ids.setdefault(content, i) != i:
            raise ValueError(f"added_tokens: {_shown(content)} has the id {i}, and another in the vocabulary")
    if sorted(ids.values()) != list(range(len(ids))):
        raise ValueError(f"expected the ids 0 to {len(ids) - 1}, each for one piece")
    for part in PARTS:
        for component in _components(description.get(part)):
            _check_component(component, ids)


def check_merges(ids: Mapping[str, int], merges: Sequence[tuple[str, str]], prefix: str = "") -> None:
    """Raise ValueError unless each merge joins two pieces of the vocabulary to a third.

    Args:
        ids: Piece -> id.
        merges: Pairs of pieces.
        prefix: The beginning of pieces that continue a word, such as "##"; it is dropped where two pieces are joined.
    """
    for merge in merges:
        left, right = _pair(merge, "merges")
        joined = left + right.removeprefix(prefix)
        if left not in ids or right not in ids or joined not in ids or not right.startswith(prefix):
            raise ValueError(
                f"merges: expected pieces of the vocabulary, got {_shown(left)} and {_shown(right)}"
            )


def _ids(vocabulary: Any) -> dict[str, int]:
    """Piece -> id, of a dict, or of a list of pieces and how frequent they are."""
    if isinstance(vocabulary, list):
        return {_typed(_pair(entry, "vocab")[0], str, "vocab"): i for i, entry in enumerate(vocabulary)}
    return {piece: _typed(i, int, "vocab") for piece, i in _typed(vocabulary, dict, "vocab").items()}


def _check_unknown(model: dict[str, Any], ids: Mapping[str, int]) -> None:
    """What stands for unknown words must be a piece."""
    piece = model.get("unk_token")
    place = model.get("unk_id")
    optional = piece is None and model.get("type") in ("BPE", "Unigram")
    if not optional and _typed(piece, str, "unk_token") not in ids:
        raise ValueError(f"unk_token: expected a piece of the vocabulary, got {_shown(piece)}")
    if place is not None and not 0 <= _typed(place, int, "unk_id") < len(ids):
        raise ValueError(f"unk_id: expected one of {len(ids)} ids, got {place}")


def _merge(merge: Any) -> tuple[str, str]:
    left, right = _pair(merge.split(" ") if isinstance(merge, str) else merge, "merges")
    return _typed(left, str, "merges"), _typed(right, str, "merges")


def _components(part: Any) -> Iterator[dict[str, Any]]:
    """Every dict in a part that has a type, however deep."""
    if isinstance(part, dict):
        yield from [part] if "type" in part else []
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from _components(inner)


def _check_component(component: dict[str, Any], ids: Mapping[str, int]) -> None:
    kind = component["type"]
    if kind == "TemplateProcessing":
        _check_template(component, ids)
    if kind in ("BertProcessing", "RobertaProcessing"):
        for piece, i in (_pair(component.get(end), end) for end in ("sep", "cls")):
            if ids.get(_typed(piece, str, kind)) != i:
                raise ValueError(f"{kind}: expected a piece and its id, got {_shown(piece)} and {_shown(i)}")
    if kind == "Precompiled":
        check_charsmap(_of(component, "precompiled_charsmap", str))
    if kind == "FixedLength" and not _of(component, "length", int) > 0:
        raise ValueError(f"FixedLength: expected a length of 1 or more, got {component['length']}")


def check_charsmap(text: str) -> None:
    """Raise ValueError if any text could lead a search in this double-array trie out of the array, or into half a character.

    Args:
        text: Bytes in base64: the size of the array, the array in the format of Darts with 32 bits for each unit, and the
            texts that its leaves point to.

    Source:
        Aoe, IEEE Transactions on Software Engineering 15, 1989.
    """
    content = base64.b64decode(text, validate=True)
    size = int.from_bytes(content[:4], "little")
    if not 4 <= size <= len(content) - 4 or size % 4:
        raise ValueError(f"precompiled_charsmap: an array of {size:,} bytes does not lie in it")
    units = numpy.frombuffer(content, "<u4", size // 4, 4).astype(numpy.int64)
    texts = content[4 + size :]
    ends = numpy.array([i for i, byte in enumerate(texts.decode().encode()) if byte & 0xC0 != 0x80])
    offsets = (units >> 10) << ((units & 512) >> 6)
    places = seen = offsets[:1]
    while len(places):
        steps = places[:, None] ^ numpy.arange(1, 256)  # by any byte
        if steps.max() >= len(units):
            raise ValueError("precompiled_charsmap: a step leads out of its array")
        steps = steps[units[steps] & 0x800000FF == numpy.arange(1, 256)]
        leaves = (steps ^ offsets[steps])[units[steps] & 256 != 0]
        if leaves.max(initial=0) >= len(units) or not numpy.isin(units[leaves] & 0x7FFFFFFF, ends).all():
            raise ValueError("precompiled_charsmap: a leaf points to no text")
        places = numpy.setdiff1d(steps ^ offsets[steps], seen)
        seen = numpy.union1d(seen, places)


def _check_template(template: dict[str, Any], ids: Mapping[str, int]) -> None:
    """Every mark of a template is among its special tokens, and each of those stands for pieces of the vocabulary."""
    special = _of(template, "special_tokens", dict)
    for step in [*_of(template, "single", list), *_of(template, "pair", list)]:
        mark = _typed(step, dict, "template").get("SpecialToken")
        if mark is not None and (name := _of(_typed(mark, dict, "SpecialToken"), "id", str)) not in special:
            raise ValueError(f"the template's mark {_shown(name)} is none of its special tokens")
    for mark in special.values():
        pieces = [
            _typed(piece, str, "tokens")
            for piece in _of(_typed(mark, dict, "special_tokens"), "tokens", list)
        ]
        if not pieces or [ids.get(piece) for piece in pieces] != mark.get("ids"):
            raise ValueError(f"special_tokens: expected pieces and their ids, got {_shown(mark)}")


def _of(values: dict[str, Any], name: str, kind: type) -> Any:
    """What stands under a name."""
    return _typed(values.get(name), kind, name)


def _pair(value: Any, what: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"{what}: expected two by two, got {_shown(value)}")
    return value


def _typed(value: Any, kind: type, what: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{what}: expected {kind.__name__}, got {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    return one_line(repr(value))
