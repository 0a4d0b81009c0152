"""The names that a pickle of PyTorch's may use, and what each stands for here. Any other name is foreign."""

from __future__ import annotations

import codecs
import dataclasses
from collections.abc import Callable
from typing import Any

from minitransformer import backends
from minitransformer.devices import Device
from minitransformer.torch_files.machine import KEYS, Admitted
from minitransformer.torch_files.storages import DTYPES, rebuild, rebuild_parameter

# the classes of storages, by the dtype of their elements
STORAGES = {
    **{"Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Bool": "bool"},
    **{"Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8"},
}


@dataclasses.dataclass(frozen=True)
class Kind:
    """The class of a storage.

    Attributes:
        dtype: of its elements, as PyTorch names it.
    """

    dtype: str


def ordered_dict(pairs: Any = ()) -> dict[Any, Any]:
    """An OrderedDict, or a Counter, as a dict: both keep the order.

    Args:
        pairs: pairs of keys and values, or a dict.

    Returns:
        The dict.

    Raises:
        ValueError: they are neither.
    """
    if type(pairs) is dict:
        return dict(pairs)
    if not all(
        type(pair) in (list, tuple) and len(pair) == 2 and isinstance(pair[0], KEYS) for pair in pairs
    ):
        raise ValueError("a dict that is not made of keys and values")
    return dict(pairs)


def size(lengths: Any = ()) -> tuple[int, ...]:
    """A torch.Size as a tuple.

    Args:
        lengths: integers.

    Returns:
        The tuple.

    Raises:
        ValueError: they are not integers.
    """
    if type(lengths) not in (tuple, list) or not all(type(n) is int for n in lengths):
        raise ValueError("a size that is not made of integers")
    return tuple(lengths)


def device(kind: Any, index: Any = None) -> str:
    """A torch.device by its name.

    Args:
        kind: such as "cuda".
        index: its number.

    Returns:
        Such as "cuda:0".
    """
    name = str(kind) if index is None else f"{kind}:{index}"
    return Device(name) if kind in ("cpu", "cuda") else name


def encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """The bytes that older pickles hold as a text.

    Args:
        text: of one letter for each byte.
        encoding: always "latin1".

    Returns:
        The bytes.

    Raises:
        ValueError: it is no such text.
    """
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes that are not given as a text")
    return codecs.latin_1_encode(text)[0]


TENSORS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": rebuild,
    "torch._utils._rebuild_tensor_v2": rebuild,
    "torch._utils._rebuild_parameter": rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": rebuild_parameter,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **TENSORS,
    "collections.OrderedDict": ordered_dict,
    "collections.Counter": ordered_dict,
    "torch.Size": size,
    "torch.device": device,
    "_codecs.encode": encoded,
}
NAMES: dict[str, Any] = {
    **{name: Admitted(function) for name, function in FUNCTIONS.items()},
    **{f"torch.{kind}Storage": Kind(dtype) for kind, dtype in STORAGES.items()},
    **{f"torch.cuda.{kind}Storage": Kind(dtype) for kind, dtype in STORAGES.items()},
    **{f"torch.{name}": getattr(backends, name) for name in DTYPES if hasattr(backends, name)},
    "torch.bool": backends.bool_,
}
