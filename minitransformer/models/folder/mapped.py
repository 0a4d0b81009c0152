"""Weights of a program of your own, by a names table that you write: PyTorch's `.pt` and `.bin`, and Keras' `.weights.h5`.

A state dict of PyTorch's, in which one part is called otherwise and one is stored the other way round:

    names = Names({"fc1.": "encoder.dense.", "fc2.": Turned("encoder.out.")})
    load_mapped(model, "weights.pt", names)

Keras stores a matrix as (in, out), and the arrays of a layer by their number:

    names = Names({"fc1.weight": Turned("layers/dense/vars/0"), "fc1.bias": "layers/dense/vars/1"})
    load_mapped(model, "model.weights.h5", names)

`numbers_of(path)` tells what a file holds, to write the table by.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy

from minitransformer.autograd import Tensor
from minitransformer.files import FileError, blaming, check_regular, one_line, parsing
from minitransformer.installing import install_line
from minitransformer.models.folder.names import Names
from minitransformer.nn import Module
from minitransformer.serialization import load

KERAS = (".h5", ".hdf5")


def load_mapped(model: Module, path: str | os.PathLike[str], names: Names) -> Module:
    """Load the weights of a file into a model, by a names table.

    Args:
        model: the model.
        path: a `.pt`, `.pth` or `.bin` file of PyTorch's, a safetensors file, or a `.h5` file of Keras'.
        names: what the arrays of the model are called there.

    Returns:
        The model, in evaluation mode.

    Raises:
        FileError: if the file is damaged, arrays are missing, left or of another shape; the message names them.
        ImportError: if a package that reads the file is missing; the message names what to install.
    """
    arrays = numbers_of(path)
    with blaming(path, "see the names table"):
        try:
            model.load_state_dict(names.read(model, arrays))
        except RuntimeError as error:
            raise ValueError(one_line(error)) from error
    model.eval()
    return model


def numbers_of(path: str | os.PathLike[str]) -> dict[str, numpy.ndarray]:
    """All arrays of a file.

    Args:
        path: see `load_mapped`.

    Returns:
        Array by name.

    Raises:
        FileError: if the file is damaged, or holds no arrays by name.
        ImportError: as `load_mapped`.
    """
    if Path(path).suffix in KERAS:
        return _keras(Path(path))
    state = load(path, "cpu")
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise FileError(f"{path}: expected tensors by name; save model.state_dict() there")
    return {str(name): value.detach().numpy() for name, value in state.items()}


def _keras(path: Path) -> dict[str, numpy.ndarray]:
    """The arrays of an HDF5 file by their paths in it. A link that leads to another file is not followed."""
    package = h5py()
    found: dict[str, numpy.ndarray] = {}
    check_regular(path)

    def add(name: str, item: object) -> None:
        if isinstance(item, package.Dataset) and item.dtype.kind in "biuf" and not item.external:
            found[name] = item[()]

    with parsing(path, "HDF5 file"), package.File(path, "r") as file:
        file.visititems(add)
    return found


def h5py() -> ModuleType:
    """The package `h5py`.

    Returns:
        The module.

    Raises:
        ImportError: if it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module("h5py")
    except ImportError as error:
        raise ImportError(f"the h5py package reads Keras' weights: {install_line('[keras]')}") from error
