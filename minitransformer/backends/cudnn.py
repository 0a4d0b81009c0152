"""PyTorch's settings of NVIDIA's library for convolutions. They can be read and set, and have no effect: no such library is used.

Attributes:
    enabled: in PyTorch, whether the library is used.
    benchmark: in PyTorch, whether the fastest of its algorithms is looked for.
    deterministic: in PyTorch, whether only its repeatable algorithms are used.
    allow_tf32: in PyTorch, whether it may round to 10 binary digits.
"""

from __future__ import annotations

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Whether the library is used.

    Returns:
        False.
    """
    return False


def version() -> None:
    """The version of the library.

    Returns:
        None, as in PyTorch without it.
    """
