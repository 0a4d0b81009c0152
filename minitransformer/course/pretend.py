"""Two pretend array libraries, `faraway` and `elsewhere`, to test code for several libraries without a GPU.

A pretend library has NumPy's functions and an array class of its own. As with CuPy, its arrays do not mix with NumPy's, and some
functions lack a keyword; unlike CuPy it also refuses NumPy's functions on its arrays. It counts what would take time on a GPU:
copies to and from the host, steps, and waits of the host.
"""

from __future__ import annotations

import contextlib
import operator
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy

BINARY = "add sub mul truediv floordiv mod pow matmul lt le eq ne gt ge and_ or_ xor".split()
METHODS = "sum mean max min argmax argsort cumsum reshape ravel flatten astype copy swapaxes transpose repeat clip all any".split()
ABOUT = ("shape", "ndim", "size", "dtype", "nbytes", "itemsize")
# the size of these results depends on values, so the host must wait for them
SIZED_BY_VALUES = ("nonzero", "flatnonzero", "argwhere", "bincount", "unique", "extract", "compress")


class Library(ModuleType):
    """A pretend array library: a module with a class of arrays of its own. Its `count` holds what it did."""

    count: Counter[str]
    ndarray: type[PretendArray]
    asarray: Callable[..., PretendArray]
    array: Callable[..., PretendArray]
    asnumpy: Callable[[PretendArray], numpy.ndarray]


class Step:
    """A function of a pretend library.

    Args:
        library: the pretend library.
        function: NumPy's function, which computes the result.
    """

    def __init__(self, library: Library, function):
        self.library = library
        self.function = function

    def __call__(self, *arguments, **keywords):
        name = self.function.__name__
        for keyword in ("where", "initial"):
            if keyword in keywords:
                raise TypeError(
                    f"{self.library.__name__}.{name}() got an unexpected keyword argument {keyword!r}"
                )
        self.library.count["waits"] += name in SIZED_BY_VALUES or (name == "where" and len(arguments) == 1)
        return run(self.library, self.function, *arguments, **keywords)

    def __getattr__(self, name):
        if (self.function, name) != (numpy.add, "at"):
            raise AttributeError(
                f"{self.library.__name__}.{self.function.__name__} has no attribute {name!r}"
            )
        return lambda *arguments: run(self.library, numpy.add.at, *arguments)


def run(library: Library, function, *arguments, **keywords):
    """Compute one step on the pretend device, and count it.

    Args:
        library: the pretend library.
        function: NumPy's function.
        *arguments: arrays of the library, numbers, and tuples or lists of these.
        **keywords: the same, by name.

    Returns:
        The result, with arrays of the library.

    Raises:
        TypeError: if an argument is an array of another library.
    """
    plain = [bare(library, value) for value in arguments]
    named = {name: bare(library, value) for name, value in keywords.items()}
    library.count["steps"] += 1
    return dressed(library, function(*plain, **named))


def bare(library: Library, value):
    """The NumPy array inside an array of the library.

    Args:
        library: the pretend library.
        value: such an array, a number, or a tuple or list of these.

    Returns:
        The same with NumPy arrays.

    Raises:
        TypeError: for an array of another library.
    """
    if isinstance(value, library.ndarray):
        return value.hidden
    if isinstance(value, (numpy.ndarray, PretendArray)):
        raise TypeError(f"{library.__name__} got an array of {library_name(value)}: the two do not mix")
    return type(value)(bare(library, v) for v in value) if isinstance(value, (tuple, list)) else value


def dressed(library: Library, value):
    """NumPy's results as arrays of the library.

    Args:
        library: the pretend library.
        value: a NumPy array or number, or a tuple or list of these; anything else is returned as it is.

    Returns:
        The same with arrays of the library.
    """
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        return library.ndarray(numpy.asarray(value))
    return type(value)(dressed(library, v) for v in value) if isinstance(value, (tuple, list)) else value


def library_name(array) -> str:
    """The name of the library that made an array.

    Args:
        array: an array.

    Returns:
        Such as "numpy" or "faraway".
    """
    return type(array).__module__.partition(".")[0]


class PretendArray:
    """An array that NumPy cannot read. Each pretend library has its own subclass.

    Args:
        hidden: the NumPy array with the numbers.

    Attributes:
        library: the pretend library, an attribute of the subclass.
    """

    library: Library
    __array_ufunc__ = None  # so that NumPy's operators return NotImplemented, and Python calls ours
    __hash__ = None  # type: ignore[assignment]  # as NumPy's arrays, it has none

    def __init__(self, hidden: numpy.ndarray):
        self.hidden = hidden

    def __array__(self, *_, **__):
        raise TypeError(
            f"NumPy cannot read an array of {self.library.__name__}; `.get()` makes a NumPy array of it"
        )

    def get(self) -> numpy.ndarray:
        """Copy the array to the host.

        Returns:
            A NumPy array.
        """
        self.library.count["to host"] += 1
        return self.hidden.copy()

    def tolist(self):
        """The numbers as nested lists, after a copy to the host."""
        return self.get().tolist()

    def item(self):
        """The only number of the array, as a Python number; the host waits for it."""
        self.library.count["waits"] += 1
        return self.hidden.item()

    def __bool__(self):
        self.library.count["waits"] += 1
        return bool(self.hidden)

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __getattr__(self, name):
        if name in ABOUT:
            return getattr(self.hidden, name)
        if name in METHODS:
            method = Step(self.library, getattr(numpy.ndarray, name))
            return lambda *arguments, **keywords: method(self, *arguments, **keywords)
        raise AttributeError(f"an array of {self.library.__name__} has no attribute {name!r}")

    @property
    def T(self):
        """The array with its axes reversed."""
        return self.transpose()

    def __getitem__(self, index):
        self._look(index)
        return run(self.library, operator.getitem, self, index)

    def __setitem__(self, index, value):
        if isinstance(value, PretendArray):
            self._look(index)
        run(self.library, operator.setitem, self, index, value)

    def _look(self, index):
        """Count a wait for a boolean mask: the size of the result depends on its values."""
        parts = index if isinstance(index, tuple) else (index,)
        self.library.count["waits"] += any(str(getattr(part, "dtype", "")) == "bool" for part in parts)

    def __len__(self):
        return len(self.hidden)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"<an array of {self.library.__name__}: {self.dtype} {self.shape}>"


def _operators() -> None:
    for name in ("neg", "pos", "abs", "invert"):
        f = getattr(operator, name)
        setattr(PretendArray, f"__{name}__", lambda x, f=f: run(x.library, f, x))
    for name in BINARY:
        f = getattr(operator, name)
        plain = name.rstrip("_")
        setattr(PretendArray, f"__{plain}__", lambda a, b, f=f: run(a.library, f, a, b))
        setattr(PretendArray, f"__r{plain}__", lambda a, b, f=f: run(a.library, f, b, a))
        if inplace := getattr(operator, f"i{plain}", None):
            setattr(PretendArray, f"__i{plain}__", lambda a, b, f=inplace: (run(a.library, f, a, b), a)[1])


_operators()


def pretend_library(name: str, inner: str = "") -> Library:
    """Make a pretend library.

    Args:
        name: the name of its module.
        inner: is added to `name` in the `__module__` of its array class, as for libraries whose class is in a submodule.

    Returns:
        The module; its `count` is a Counter of copies, steps and waits.
    """
    library = sys.modules[name] = Library(name, "A pretend array library.")
    sys.modules.setdefault(name + inner, ModuleType(name + inner))
    library.count = Counter()
    library.ndarray = type("ndarray", (PretendArray,), {"library": library, "__module__": name + inner})

    def asarray(values, dtype=None):
        if isinstance(values, library.ndarray):
            return values if dtype in (None, values.dtype) else values.astype(dtype)
        if not isinstance(values, numpy.ndarray):
            values = bare(library, values)
        library.count["to device"] += 1
        return library.ndarray(numpy.array(values, dtype=dtype))

    def attribute(wanted):
        found = getattr(numpy, wanted, None)
        if wanted.startswith("_") or found is None or isinstance(found, ModuleType):
            raise AttributeError(f"module {name!r} has no attribute {wanted!r}")
        return Step(library, found) if callable(found) and not isinstance(found, type) else found

    library.asarray = asarray
    library.array = lambda values, dtype=None: asarray(values, dtype).copy()
    library.asnumpy = lambda array: array.get()
    library.__getattr__ = attribute  # type: ignore[method-assign]  # a module's own, for names it lacks (PEP 562)
    return library


faraway = pretend_library("faraway")
elsewhere = pretend_library("elsewhere", ".inner")  # a library whose array class is in a submodule
PRETEND = (faraway, elsewhere)


class Door:
    """A finder for `sys.meta_path`: an import of CuPy is counted, and fails as if CuPy were not installed."""

    def find_spec(self, name, *_):
        """Raise ModuleNotFoundError for CuPy; return None for other modules, so that Python's own finders look for them.

        Args:
            name: the full name of a module.
        """
        if name.partition(".")[0] == "cupy":
            faraway.count["asked for cupy"] += 1
            raise ModuleNotFoundError("No module named 'cupy'")


alone = False  # whether the answer is in another process, which has no array library but NumPy and the pretend ones


@contextlib.contextmanager
def nothing_else() -> Iterator[None]:
    """Inside this block `alone` is True: the only array libraries are NumPy and the pretend ones."""
    global alone
    before = alone
    alone = True
    try:
        yield
    finally:
        alone = before
