"""Saving and loading under PyTorch's names: `save` writes a safetensors file, `load` reads it, and PyTorch's own files too.

`minitransformer.checkpoint` describes the file. No file can make `load` run anything.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from typing import Any, BinaryIO, TypeAlias

import numpy
import safetensors

from minitransformer import checkpoint
from minitransformer.autograd import Tensor
from minitransformer.files import check_regular, parsing
from minitransformer.nn import Parameter
from minitransformer.torch_files import is_torch_file, read
from minitransformer.torch_files.storages import MapLocation, check_place, placed

File: TypeAlias = str | os.PathLike[str] | BinaryIO
HELD = "tensors, numbers, strings, None, and dicts, lists and tuples of these"


def save(obj: Any, f: File) -> None:
    """Write an object to a file, for `load`.

    A file that is named is replaced only when the new one is safely on the disk. A tensor that occurs in several places, such as a
    tied weight, is stored once.

    Args:
        obj: dicts with string or integer keys, lists and tuples, nested at most 50 levels deep; in them tensors, parameters, bools,
            ints, floats, strings and None. An OrderedDict or a Counter is saved as a dict.
        f: the file's name, or a file that is open for writing bytes.

    Raises:
        TypeError: for anything else in it; the message names its place, such as "state['optimizer']['x']".
        ValueError: if the nesting is deeper, or everything but the tensors takes more than 100 MB.
        FileError: if the file cannot be written; an earlier one is untouched.
    """
    content = checkpoint.pack(obj, _leaf)
    if isinstance(f, (str, os.PathLike)):
        checkpoint.write(content, f)
    else:
        f.write(content)


def _leaf(value: Any, path: checkpoint.Place) -> tuple[str, Any]:
    """The kind of a tensor, and its array."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{checkpoint.place(path)}: expected {HELD}, got {type(value).__name__}{_hint(value)}"
        )
    if isinstance(value, Parameter):
        return "parameter" if value.requires_grad else "frozen parameter", value.detach().array
    return "tensor with grad" if value.requires_grad else "tensor", value.detach().array


def _hint(value: Any) -> str:
    """How to save it all the same."""
    if hasattr(value, "state_dict"):
        return "; save its state_dict()"
    if isinstance(value, numpy.generic):
        return "; save its .item()"
    return "; make a tensor of it" if isinstance(value, numpy.ndarray) else ""


def load(f: File, map_location: MapLocation = None, *, weights_only: bool = True) -> Any:
    """Read what `save` wrote, a file of PyTorch's (`.pt`, `.pth`, `.bin`), or the tensors of any safetensors file.

    Of PyTorch's files both forms are read, the zip archive and the older one. They may hold tensors and parameters of real dtypes,
    numbers, strings, bytes, None, dicts, lists and tuples. Tensors that share memory there share it here. A file that names any
    other function or class is refused with all these names, and none of them is called.

    Args:
        f: the file's name, or a file that is open for reading bytes.
        map_location: the device on which the tensors shall be, such as "cpu"; a dict of devices by the device that PyTorch's file
            names; or a function of a storage, as a tensor, and that device, which gives the storage on its new device. None means
            the backend in use, whatever the file names.
        weights_only: accepted as in PyTorch; no effect: False reads no more than True.

    Returns:
        The object. Without ml_dtypes bfloat16 is read as float32, which holds each of its values, with a warning.

    Raises:
        FileNotFoundError: if there is no such file.
        FileError: if it is damaged, of another form, or holds anything else; the message names it.
        RuntimeError: if there is no such device.
    """
    check_place(map_location)
    if isinstance(f, (str, os.PathLike)):
        return _from_path(f, map_location)
    if not hasattr(f, "read"):
        raise TypeError(
            f"load: expected the name of a file, or a file that is open for reading, got {type(f).__name__}"
        )
    return _from_file(f, str(getattr(f, "name", "the file")), map_location)


def _from_path(path: str | os.PathLike[str], place: MapLocation) -> Any:
    check_regular(path)
    with contextlib.suppress(IsADirectoryError), open(path, "rb") as file:
        if is_torch_file(file.read(4)):
            file.seek(0)
            return read(file, str(path), place)
    return _made(path, *checkpoint.stored(path), place)


def _from_file(file: BinaryIO, name: str, place: MapLocation) -> Any:
    start = file.tell()
    torchs = is_torch_file(file.read(4))
    file.seek(start)
    if torchs:
        return read(file, name, place)
    content = file.read()
    with parsing(name, "file of tensors"):
        safetensors.deserialize(content)  # type: ignore[no-untyped-call]  # checks names, dtypes, shapes and offsets
        metadata, arrays = checkpoint.content_of(io.BytesIO(content))
    return _made(name, metadata, arrays, place)


def _made(
    name: str | os.PathLike[str],
    metadata: dict[str, str],
    arrays: dict[str, numpy.ndarray],
    place: MapLocation,
) -> Any:
    """The object in a safetensors file: that of a checkpoint, or of any other its tensors by name."""

    shared: dict[int, Tensor] = {}  # two kinds of one array share its memory

    def made(kind: str, array: numpy.ndarray) -> Tensor:
        if id(array) not in shared:
            shared[id(array)] = Tensor(placed(array, "cpu", place))
        return MAKERS[kind](shared[id(array)])

    if "minitransformer_checkpoint" in metadata:
        return checkpoint.unpack(name, metadata, arrays, made)
    found = {key: checkpoint.numbers(array) for key, array in arrays.items()}
    return {key: made("tensor", array) for key, array in found.items()}


MAKERS: dict[str, Callable[[Tensor], Tensor]] = {
    "array": lambda tensor: tensor,
    "tensor": lambda tensor: tensor,
    "tensor with grad": lambda tensor: tensor.detach().requires_grad_(),
    "parameter": Parameter,
    "frozen parameter": lambda tensor: Parameter(tensor, requires_grad=False),
}
