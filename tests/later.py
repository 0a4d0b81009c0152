"""Packages of the `test` extra that are imported when a test first uses them: tests can be collected without PyTorch.

`from later import torch` stands at the top of a test in place of `import torch`. Where PyTorch is missing, the tests that use it
fail, and say what to install; nothing is skipped.
"""

import importlib


class Later:
    """A module that is imported when one of its attributes is first read.

    Args:
        name: of the module, such as "lime.lime_text".
    """

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute):
        if attribute.startswith("__"):  # read by tools that collect tests: nothing to import for
            raise AttributeError(attribute)
        try:
            module = importlib.import_module(self._name)
        except ModuleNotFoundError as missing:
            raise ModuleNotFoundError(f"{missing}; install it with `pip install '.[test]'`") from missing
        return getattr(module, attribute)


torch = Later("torch")
