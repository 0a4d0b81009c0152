"""A tensor as text, and how many digits and numbers of it are shown."""

from __future__ import annotations

from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.devices import to_host

PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2},
    "full": {"precision": 4, "threshold": 2**62, "edgeitems": 3},
}


class _Shown:
    """What `set_printoptions` chose."""

    options: dict[str, Any] = dict(PROFILES["default"])


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors are printed. None leaves an option as it is, but for `sci_mode`, as in PyTorch.

    Args:
        precision: how many digits after the point.
        threshold: tensors of more elements are shortened.
        edgeitems: how many of each end a shortened one shows.
        linewidth: how long a line is.
        profile: "default", "short" or "full", which set the first three.
        sci_mode: True writes all numbers as 1.0e+00, False none; with None the values decide.

    Raises:
        ValueError: there is no such profile.
    """
    if profile is not None and profile not in PROFILES:
        raise ValueError(f"set_printoptions: expected one of {', '.join(PROFILES)}, got {profile!r}")
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "max_line_width": linewidth,
    }
    _Shown.options |= PROFILES.get(profile or "", {})
    _Shown.options |= {name: value for name, value in given.items() if value is not None} | {
        "sci_mode": sci_mode
    }


def values_of(input: Tensor) -> str:
    """The values as text, indented to stand after "tensor(".

    Args:
        input: any shape.

    Returns:
        The text.
    """
    options = dict(_Shown.options)
    scientific = options.pop("sci_mode", None)
    if scientific and input.is_floating_point():
        options["formatter"] = {"float_kind": lambda x: f"{x:.{options['precision']}e}"}
    if scientific is False:
        options["suppress_small"] = True
    return numpy.array2string(to_host(input.array), separator=", ", prefix="tensor(", **options)
