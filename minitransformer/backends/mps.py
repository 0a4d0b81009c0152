"""Apple's GPUs, which this library does not use."""

from __future__ import annotations


def is_available() -> bool:
    """Whether one can be used.

    Returns:
        False.
    """
    return False


def is_built() -> bool:
    """Whether this library could use one.

    Returns:
        False.
    """
    return False
