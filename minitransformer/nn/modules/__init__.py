"""PyTorch's longer paths of the layers, such as `nn.modules.transformer`; each of them holds all that `nn` holds.

Programs import layers from there, and the base classes that only these paths name: `from torch.nn.modules.batchnorm import
_BatchNorm`, `from torch.nn.modules.utils import _pair`.
"""

import sys
from types import ModuleType
from typing import Any

from minitransformer import nn
from minitransformer.nn.modules import bases, utils

PATHS = """activation adaptive batchnorm channelshuffle container conv distance dropout flatten fold instancenorm lazy linear loss
module normalization padding pixelshuffle pooling rnn sparse transformer upsampling""".split()


def _found(name: str) -> Any:
    """What `nn` or `bases` holds under that name. Raises AttributeError, which names the nearest."""
    return getattr(bases if hasattr(bases, name) else nn, name)


def _path(name: str) -> ModuleType:
    """A module of that name, which finds everything in `nn`."""
    path = ModuleType(f"{__name__}.{name}", f"The layers of `nn`, under PyTorch's path `nn.modules.{name}`.")
    path.__getattr__ = _found  # type: ignore[method-assign]  # the hook of PEP 562
    return path


sys.modules.update({f"{__name__}.{name}": _path(name) for name in PATHS})
globals().update({name: sys.modules[f"{__name__}.{name}"] for name in PATHS})


def __getattr__(name: str) -> Any:
    return _found(name)
