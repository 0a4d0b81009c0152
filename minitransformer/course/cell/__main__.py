"""The program of the learner's process: `python -P .../cell ARGUMENTS`, with JSON of (parent, learner's folder, hidden, shown).

Requests come through standard input. Results go through the original standard error; what the learner's code prints, to standard
output or standard error, goes to standard output. The packages that contain this file are replaced by empty modules, so that the
library is not loaded.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import ModuleType

COURSE = Path(__file__).resolve().parents[1]
PACKAGES = {"minitransformer": COURSE.parent, "minitransformer.course": COURSE}
for _name, _folder in PACKAGES.items():
    sys.modules[_name] = ModuleType(_name)
    sys.modules[_name].__path__ = [str(_folder)]

from minitransformer.course.cell.walls import build  # noqa: E402


def main() -> None:
    """Put up the walls, then serve requests until the judge closes the pipe."""
    parent, folder, hidden, shown = json.loads(sys.argv[1])
    asked = os.dup(0)
    told = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    held = build(parent, asked, Path(folder), hidden, shown)

    from minitransformer.course.cell.doors import close  # imported here because they load NumPy
    from minitransformer.course.cell.serve import serve

    os.dup2(1, 2)
    for name in [name for name in sys.modules if name.partition(".")[0] == "minitransformer"]:
        del sys.modules[name]
    close(held)
    serve(asked, told, held)


if __name__ == "__main__":
    main()
