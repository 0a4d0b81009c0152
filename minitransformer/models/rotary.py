"""How fast the rotary positions of a published model turn: plainly, or slowed down, so that it reads longer texts.

A `config.json` says it under one of two keys: `rope_scaling`, or since transformers 5 `rope_parameters`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy

from minitransformer.files import one_line

# kind -> the numbers that it takes
TAKES = {
    "default": (),
    "linear": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
}
HARMLESS = {"partial_rotary_factor": 1.0}  # beside a kind: the value that changes nothing


def told(key: str, said: Any) -> dict[str, Any]:
    """What a key of `config.json` says of the rotary positions.

    Args:
        key: what to call the key in a message.
        said: its value.

    Returns:
        `rope_type`, its numbers, and `rope_theta` if it is there; empty for None and for {}.

    Raises:
        ValueError: for a kind or a number that is not computed here, or one that is missing.
    """
    if not said:
        return {}
    if not isinstance(said, Mapping):
        raise ValueError(f"{key}: {one_line(repr(said))} is not computed here, only a dictionary of numbers")
    numbers = {name: value for name, value in said.items() if (name, value) not in HARMLESS.items()}
    kind = numbers.pop("rope_type", numbers.pop("type", "default"))
    numbers.pop("type", None)
    if kind not in TAKES:
        raise ValueError(
            f"{key}: rope_type={one_line(repr(kind))} is not computed here, only {', '.join(TAKES)}"
        )
    _check(key, kind, {name: value for name, value in numbers.items() if name != "rope_theta"})
    if kind == "llama3" and not numbers["low_freq_factor"] < numbers["high_freq_factor"]:
        raise ValueError(f"{key}: expected low_freq_factor below high_freq_factor, got {one_line(numbers)}")
    return {"rope_type": kind, **numbers}


def _check(key: str, kind: str, numbers: Mapping[str, Any]) -> None:
    """Raise ValueError unless these are the numbers that the kind takes."""
    for name in [*numbers, *TAKES[kind]]:
        value = numbers.get(name)
        if name not in TAKES[kind]:
            raise ValueError(
                f"{key}: {one_line(name)}={one_line(repr(value))} is not computed here for rope_type={kind!r}"
            )
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
            raise ValueError(f"{key}: {name}: expected a positive number, got {one_line(repr(value))}")


def frequencies(size: int, base: float, scaling: Mapping[str, Any] | None) -> numpy.ndarray:
    """The angle by which each pair of channels turns from one position to the next.

    "linear" divides all by `factor`: positions move closer together. "llama3" does so only with pairs that turn slowly, of a
    wavelength above `original_max_position_embeddings` / `low_freq_factor`; those that turn fast, of one below the same /
    `high_freq_factor`, keep their angle, and those between take a mean of both.

    Args:
        size: the size d of a head's vectors, even.
        base: the base of the angles.
        scaling: from `told`; None means "default".

    Returns:
        (d/2,) float64, in radians.

    Source:
        Su et al., arXiv 2104.09864, 2021, section 3.2. "linear": Chen et al., arXiv 2306.15595, 2023, section 2.3. "llama3":
        Grattafiori et al., arXiv 2407.21783, 2024, section 3.2, and the code published with its weights.
    """
    plain: numpy.ndarray = base ** (-numpy.arange(0, size, 2) / size)  # (d/2,)
    if scaling is None or scaling["rope_type"] == "default":
        return plain
    slow: numpy.ndarray = plain / scaling["factor"]  # (d/2,)
    if scaling["rope_type"] == "linear":
        return slow
    turns = scaling["original_max_position_embeddings"] * plain / (2 * math.pi)  # in a text of the old length
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    share: numpy.ndarray = ((turns - low) / (high - low)).clip(0, 1)  # of the plain angle
    mixed: numpy.ndarray = share * plain + (1 - share) * slow
    return mixed
