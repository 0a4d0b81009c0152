"""Whether indices point into what they index."""

from __future__ import annotations

import numpy

from minitransformer.anomaly import detecting_anomaly
from minitransformer.backends import Array, namespace


def check_ids(ids: Array, size: int, message: str) -> None:
    """Check that all ids are from 0 to size - 1.

    On a device this is done only inside `detect_anomaly`, since every step of training would have to wait for the device. Outside
    of it `embedding` and `cross_entropy` give NaN for an id out of range.

    Args:
        ids: integers, any shape.
        size: the number of ids that there are.
        message: of the error, with `{}` for the id and for size - 1.

    Raises:
        IndexError: an id is out of range.
    """
    if namespace(ids) is numpy or detecting_anomaly():
        check_range(ids, 0, size - 1, message, size - 1)


def check_range(ids: Array, least: int, most: int, message: str, limit: int) -> None:
    """Check that integers lie between two limits.

    Args:
        ids: integers, any shape.
        least: the smallest that is right.
        most: the largest that is right.
        message: of the error, with `{}` for the id and for the limit.
        limit: the number that the message tells.

    Raises:
        IndexError: one is outside.
    """
    if not ids.size:
        return
    low = int(ids.min())
    high = int(ids.max())
    if low < least or high > most:
        raise IndexError(message.format(low if low < least else high, limit))
