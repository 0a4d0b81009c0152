"""The numbers that prose quotes, and those that a notebook shows: in an output, in code, or in a formula.

A number need not be shown if it is no result: in a sentence with a year, or about a paper or what is published, it is quoted from
there; and sections, figures and lessons are numbered.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from notebooks import Cell
from prose import OPENING, is_words, prose_of

DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?"
# not in a name, such as "GPT-2", "float32", "4x", "2nd" or "3.11.2"
QUOTED = re.compile(
    rf"(?<![\w.])(?<!\w[-/])({DIGITS})(?![\w/]|\.\d|-\w)(?:\s+(thousand million|thousand|million|%))?"
)
SHOWN = re.compile(rf"(?<![\w.])(?:{DIGITS})|(?<=[A-Za-z_(\[-])(?:{DIGITS})")
BARE = re.compile(rf"([$`])({DIGITS})\1")  # no formula and no code, but a number in their dress
FORMULAS = re.compile(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$", re.DOTALL)
YEAR = r"(?:\(|, |\b[Ii]n |[a-y]{3} )(?:19[5-9]\d|20(?!00)[0-2]\d)\b"
FROM_OUTSIDE = re.compile(rf"{YEAR}|\bpapers?\b|\bpublish|\bet al\b")
NAMED = re.compile(
    r"\b(?:lessons?|sections?|chapters?|figures?|tables?|equations?|parts?)\s+[\d., and]*\d", re.IGNORECASE
)
ROUGHLY = re.compile(r"\b(?:about|around|nearly|almost|roughly|some|over|under|than|hardly)\s+$")
SCALES = {"": 1, "%": 1, "thousand": 1e3, "million": 1e6, "thousand million": 1e9}


@dataclass(frozen=True)
class Number:
    """A number as prose quotes it.

    Args:
        text: how it is written, such as "2,500".
        value: such as 2500.0.
        half: half of the last digit that counts: a number within this distance is rounded to it.
        percent: whether it is so many in a hundred.
    """

    text: str
    value: float
    half: float
    percent: bool

    def shows(self, shown: float) -> bool:
        """Whether a shown number, rounded, is this one."""
        scales = (1, 100) if self.percent else (1,)
        return any(abs(abs(shown) * scale - self.value) <= self.half * (1 + 1e-9) for scale in scales)


def quoted(text: str) -> list[Number]:
    """The numbers that a text quotes as results."""
    sentences = re.split(r"(?<=[.!?])\s+|\n\n", text)
    results = [NAMED.sub(" ", sentence) for sentence in sentences if not FROM_OUTSIDE.search(sentence)]
    return [_number(match) for sentence in results for match in QUOTED.finditer(sentence)]


def _number(match: re.Match) -> Number:
    digits = match[1].replace(",", "")
    scale = SCALES[re.sub(r"\s+", " ", match[2] or "")]
    roughly = ROUGHLY.search(match.string, 0, match.start())
    return Number(
        match[0], float(digits) * scale, 0.5 * scale * _last_digit(digits, roughly), match[2] == "%"
    )


def _last_digit(digits: str, roughly) -> float:
    """The place of the last digit that counts: 0.01 for "2.50"; for "2500" 1 or, if it is said to be roughly that, 100."""
    mantissa, _, power = digits.partition("e")
    whole, _, decimals = mantissa.partition(".")
    zeros = len(whole) - len(whole.rstrip("0")) if roughly and not decimals else 0
    return 10.0 ** (int(power or 0) - len(decimals) + zeros)


def shown(cells: Iterable[Cell]) -> set[float]:
    """The numbers that cells show: in outputs, in code, and in the formulas and the code within the text."""
    texts = [cell.text + "\n" + cell.printed for cell in cells if cell.kind == "code"]
    for cell in cells:
        if cell.kind == "markdown" and not is_words(cell):
            texts += FORMULAS.findall(BARE.sub(" ", cell.text))
    found = (match.replace(",", "") for text in texts for match in SHOWN.findall(text.replace("{,}", "")))
    return {float(number) for number in found if math.isfinite(float(number))}


def without_source(cells: tuple[Cell, ...]) -> list[str]:
    """The numbers of the prose that nothing in the notebook shows."""
    known = shown(cells)
    bare = tuple(replace(cell, text=BARE.sub(r"\2", OPENING.sub("", cell.text))) for cell in cells)
    return [
        number.text for number in quoted(prose_of(bare)) if not any(number.shows(value) for value in known)
    ]
