"""A file of labelled lines, on which methods of explanation are compared: `label`, a tab, `text`."""

from __future__ import annotations

from pathlib import Path

import numpy

from minitransformer.cli.opened import labels_of
from minitransformer.explain.comparison import Case
from minitransformer.files import FileError, one_line, read_text
from minitransformer.nn import Module
from minitransformer.tokenization import Tokenizer


def labelled_cases(path: Path, model: Module, tokenizer: Tokenizer) -> list[Case]:
    """The lines of a file as cases. Empty lines are left out.

    Args:
        path: the file: a line for each text, with its class by number or name, a tab, and the text.
        model: a classifier.
        tokenizer: the tokenizer of its ids.

    Returns:
        The cases.

    Raises:
        FileError: if a line has another form, or there is none; the message gives its number.
    """
    lines = [(i, line) for i, line in enumerate(read_text(path).splitlines(), 1) if line.strip()]
    if not lines:
        raise FileError(f"{path}: expected lines of a label, a tab and a text, got no line")
    return [_case(f"{path}: line {i}", line, labels_of(model), tokenizer) for i, line in lines]


def _case(place: str, line: str, labels: list[str], tokenizer: Tokenizer) -> Case:
    label, tab, text = (part.strip() if part != "\t" else part for part in line.partition("\t"))
    if not tab or not text or not (label.isdecimal() or label in labels):
        known = f"a number or one of {', '.join(labels)}" if labels else "a number"
        raise FileError(f"{place}: expected a label ({known}), a tab and a text, got {one_line(repr(line))}")
    target = int(label) if label.isdecimal() else labels.index(label)
    return Case(text, numpy.array(tokenizer.encode(text)), target, tokens=tokenizer.tokens(text))
