"""Doing something once another package has been imported, without importing it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class _Watch:
    """An entry of `sys.meta_path` that finds nothing by itself, and removes itself when its package is looked for.

    Args:
        name: the package.
        then: is called once the package has been run.
    """

    def __init__(self, name: str, then: Callable[[], object]):
        self.name, self.then = name, then

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """What the import system asks: the package as the other entries find it, with `then` after its code.

        Args:
            name: the module that is looked for.
            path: of its parent.
            target: a hint; not used.

        Returns:
            The description of the package; None for any other module.
        """
        if name != self.name or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in sys.meta_path)), None)
        if spec is not None and spec.loader is not None:
            self._wrap(spec.loader)
        return spec

    def _wrap(self, loader: Any) -> None:
        run = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            self.then()

        loader.exec_module = exec_module


def after_import(name: str, then: Callable[[], object]) -> None:
    """Call a function once a package has been imported: now, if it is there already.

    Args:
        name: the package.
        then: the function.
    """
    if name in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, _Watch(name, then))
