"""Run a learner's code behind walls: `python -P .../cell ARGUMENTS`, JSON of (parent, learner's folder, hidden, shown).

It is asked through standard input and answers through the standard error that it was started with; what is printed, to either,
goes to standard output. The packages it is a part of are stand-ins here, so that nothing of the library is loaded.
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
    parent, folder, hidden, shown = json.loads(sys.argv[1])
    asked, told = os.dup(0), os.dup(2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    held = build(parent, asked, Path(folder), hidden, shown)

    from minitransformer.course.cell.doors import close  # these load NumPy, once the walls stand
    from minitransformer.course.cell.serve import serve

    os.dup2(1, 2)
    for name in [name for name in sys.modules if name.partition(".")[0] == "minitransformer"]:
        del sys.modules[name]
    close(held)
    serve(asked, told, held)


if __name__ == "__main__":
    main()
