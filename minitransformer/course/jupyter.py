"""The notebook in which this process runs, if it is one."""

from __future__ import annotations

import os
import sys
from typing import Any

# set in the kernel of a notebook that is built: nobody looks at it
BUILDING = "MINITRANSFORMER_BUILDS_NOTEBOOK"


def shell() -> Any:
    """IPython's shell, which runs the cells.

    Returns:
        The shell; None outside IPython.
    """
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def is_live() -> bool:
    """Whether somebody sits before this notebook, so that a slider can be moved.

    Returns:
        True in a notebook's kernel, unless the notebook is being built.
    """
    return hasattr(shell(), "kernel") and not os.environ.get(BUILDING)
