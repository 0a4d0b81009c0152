"""Attributions of any tool, captum, shap, inseq, LXT, as JSON lines, brought onto the tokens of our model.

Each line is an object with `text`, `tokens`, `attributions` (a number for each token), `target` (a class or token, by number, or a
class by name), and `method` (a name). It may have `randomised`: what the same tool gives for the same model with random weights.

The tokens may be the model's, or another cut of the same text, words for example: then each of the model's tokens gets a part
of every attribution, by the letters that they share. Marks such as "##" and "Ġ", case and accents do not count.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy

from minitransformer.files import one_line
from minitransformer.tokenization.tokenizer import Tokenizer

Array = numpy.ndarray
Span = tuple[int, int] | None  # of letters in a folded text; None for what is no part of it

LONGEST = 2**20  # bytes of a line
SHOWN = 10  # bad lines that an error names
SPECIAL = re.compile(r"\[[A-Z0-9_]+\]|<[^<>\s]*>")  # such as [CLS], </s>, <|endoftext|>
MARKS = re.compile("^(##|Ġ|▁|Ċ)+|</w>$")
FIELDS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "tokens": (list,),
    "attributions": (list,),
    "target": (int, str),
    "method": (str,),
}


@dataclass(frozen=True)
class Attribution:
    """What a tool says of one text, on the tokens of a model.

    Attributes:
        line: the number of its line, from 1.
        method: the name of the tool or method.
        text: the text.
        ids: the model's ids of the text, (T,).
        target: the class or token explained.
        relevance: of each of the model's tokens, (T,).
        randomised: the same for a model with random weights; None if the line does not say.
    """

    line: int
    method: str
    text: str
    ids: Array
    target: int
    relevance: Array
    randomised: Array | None = None


def read_attributions(
    file: BinaryIO, tokenizer: Tokenizer, outputs: int, labels: Sequence[str] = ()
) -> list[Attribution]:
    """Read and check the lines of a file.

    Args:
        file: JSON lines, in UTF-8, opened to read bytes. Empty lines are passed over.
        tokenizer: of the model.
        outputs: the number of the model's classes or tokens.
        labels: the names of the classes, if they have any.

    Returns:
        The attributions, in the order of the file.

    Raises:
        ValueError: lines are bad, which the error names by their numbers, or there is none.
    """
    found, bad = [], []
    for number, line in _lines(file):
        try:
            found.append(_attribution(number, line, tokenizer, outputs, labels))
        except (ValueError, RecursionError, OverflowError) as error:
            bad.append(f"line {number}: {one_line(error)}")
    if bad:
        more = f"\nand {len(bad) - SHOWN} more lines" if len(bad) > SHOWN else ""
        raise ValueError("\n".join(bad[:SHOWN]) + more)
    if not found:
        raise ValueError("expected lines of JSON, one for each text and method, got none")
    return found


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(number, bytes) of each line that is not empty; of one that is too long, only the beginning."""
    number = 0
    while line := file.readline(LONGEST + 1):
        number += 1
        whole = line
        while len(whole) > LONGEST and not whole.endswith(b"\n"):
            whole = file.readline(LONGEST + 1)
            if not whole:
                break
        if line.strip():
            yield number, line


def _attribution(
    number: int, line: bytes, tokenizer: Tokenizer, outputs: int, labels: Sequence[str]
) -> Attribution:
    """One line. Raises ValueError."""
    if len(line) > LONGEST:
        raise ValueError(f"expected at most {LONGEST:,} bytes")
    said = _checked(_parsed(line))
    text, tokens = said["text"], said["tokens"]
    values = {
        name: _numbers(name, said[name], len(tokens))
        for name in ("attributions", "randomised")
        if name in said
    }
    matrix = alignment(text, tokens, tokenizer.tokens(text))  # (T, number of tokens)
    return Attribution(
        number,
        said["method"],
        text,
        numpy.array(tokenizer.encode(text)),
        _target(said["target"], outputs, labels),
        matrix @ values["attributions"],
        matrix @ values["randomised"] if "randomised" in values else None,
    )


def _parsed(line: bytes) -> Any:
    """The JSON of a line."""
    try:
        return json.loads(line.decode("utf-8-sig"), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise ValueError(f"expected UTF-8, got byte {line[error.start]:#x} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"expected a JSON object: {error.msg} at letter {error.pos}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, whose keys may not be given twice."""
    keys = [key for key, _ in pairs]
    if twice := [key for key in dict.fromkeys(keys) if keys.count(key) > 1]:
        raise ValueError(f"expected each key once, got {twice[0]!r} {keys.count(twice[0])} times")
    return dict(pairs)


def _checked(said: Any) -> dict[str, Any]:
    """The object, with all its fields in their types."""
    if not isinstance(said, dict):
        raise ValueError(f"expected a JSON object, got {type(said).__name__}")
    if missing := [name for name in FIELDS if name not in said]:
        raise ValueError(f"expected the keys {', '.join(FIELDS)}: {', '.join(missing)} is missing")
    for name, kinds in FIELDS.items():
        if type(said[name]) not in kinds:
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise ValueError(f"{name}: expected {expected}, got {type(said[name]).__name__}")
    if wrong := [t for t in said["tokens"] if not isinstance(t, str)]:
        raise ValueError(f"tokens: expected strings, got {type(wrong[0]).__name__}")
    for name in ("text", "method"):
        if not said[name].strip() or not said[name].isprintable() and name == "method":
            raise ValueError(f"{name}: expected words, got {said[name]!r}")
    said["text"].encode()  # half a surrogate pair is in no text
    return said


def _numbers(name: str, values: Any, n: int) -> Array:
    """The numbers of a field, one for each token."""
    if not isinstance(values, list) or len(values) != n:
        got = len(values) if isinstance(values, list) else type(values).__name__
        raise ValueError(f"{name}: expected a number for each of {n} tokens, got {got}")
    for i, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f"{name}: expected finite numbers, got {value!r} at {i}")
    return numpy.array(values, dtype=numpy.float64)


def _target(target: int | str, outputs: int, labels: Sequence[str]) -> int:
    """The number of a class or token."""
    if isinstance(target, str):
        if target not in labels:
            known = f"one of {', '.join(labels)}" if labels else f"a number below {outputs}"
            raise ValueError(f"target: expected {known}, got {target!r}")
        return labels.index(target)
    if not 0 <= target < outputs:
        raise ValueError(f"target: expected a number below {outputs}, got {target}")
    return target


# ---- one cut of a text onto another ----


def alignment(text: str, tokens: Sequence[str], ours: Sequence[str]) -> Array:
    """How much of each token's attribution each of our tokens gets.

    Args:
        text: the text that both are cuts of.
        tokens: n tokens of another tool.
        ours: T tokens of the model.

    Returns:
        (T, n). Columns add up to 1, or to 0 for a token that is no part of the text and not among ours.

    Raises:
        ValueError: a token is not the text's; the error says which.
    """
    if list(tokens) == list(ours):
        return numpy.eye(len(ours))
    folded = fold(text)
    theirs = list(spans(folded, tokens))
    own = list(spans(folded, ours, strict=False))
    matrix = numpy.zeros((len(ours), len(tokens)))
    for j, span in enumerate(theirs):
        if span is not None:
            shares = [_shared(span, other) for other in own]
            matrix[:, j] = numpy.array(shares) / (sum(shares) or 1)
    _pair_specials(matrix, tokens, ours)
    return matrix


def _pair_specials(matrix: Array, tokens: Sequence[str], ours: Sequence[str]) -> None:
    """Special tokens of both cuts are paired in their order."""
    left = [i for i, token in enumerate(ours) if SPECIAL.fullmatch(token) and not matrix[i].any()]
    for j, token in enumerate(tokens):
        if SPECIAL.fullmatch(token) and not matrix[:, j].any():
            if same := [i for i in left if ours[i] == token]:
                matrix[same[0], j] = 1
                left.remove(same[0])


def _shared(a: tuple[int, int], b: Span) -> int:
    return 0 if b is None else max(0, min(a[1], b[1]) - max(a[0], b[0]))


def fold(text: str) -> str:
    """A text without case and accents.

    Args:
        text: the text.

    Returns:
        Its letters in lower case, decomposed, without combining marks.
    """
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


def spans(folded: str, tokens: Iterable[str], strict: bool = True) -> Iterator[Span]:
    """Where each token stands in a text.

    Between tokens there may be what is no letter or digit: many tools leave that out.

    Args:
        folded: the text, folded.
        tokens: the tokens, in order.
        strict: whether a token that does not stand there is an error.

    Returns:
        (begin, end) of each; None for a special token, or an empty one.

    Raises:
        ValueError: a token does not stand where it should.
    """
    at = 0
    for i, token in enumerate(tokens):
        piece = fold(MARKS.sub("", token)).strip()
        start = _find(folded, piece, at) if piece else None
        if start is None:
            if piece and strict and not SPECIAL.fullmatch(token):
                raise ValueError(
                    f"tokens: {token!r}, token {i}, is not what follows in the text: {folded[at : at + 20]!r}"
                )
            yield None
            continue
        yield start, (at := start + len(piece))


def _find(folded: str, piece: str, at: int) -> int | None:
    """Where a piece stands, no letter or digit before it."""
    for start in range(at, len(folded) - len(piece) + 1):
        if folded.startswith(piece, start):
            return start
        if folded[start].isalnum():
            return None
    return None
