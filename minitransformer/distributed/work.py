"""What a call with `async_op=True` returns."""

from __future__ import annotations

from collections.abc import Callable


class Work:
    """A call whose end can be waited for. Collectives are made at once: a second thread that moved the bytes would take a core.

    Args:
        left: what is still to be done; None if the call has been made.
    """

    def __init__(self, left: Callable[[], object] | None = None):
        self._left = left

    def wait(self) -> bool:
        """Wait for the end of the call.

        Returns:
            True.
        """
        left, self._left = self._left, None
        if left is not None:
            left()
        return True

    def is_completed(self) -> bool:
        """Whether there is nothing to wait for.

        Returns:
            True or False.
        """
        return self._left is None


def work(async_op: bool) -> Work | None:
    """What a collective returns that has been made.

    Args:
        async_op: as it was called.

    Returns:
        A `Work` for `async_op=True`, else None.
    """
    return Work() if async_op else None
