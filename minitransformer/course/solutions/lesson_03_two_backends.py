"""03 One code, two array libraries. Replace each `raise NotImplementedError`, then run `minitransformer check`.

The checks use NumPy and two pretend libraries. Like CuPy they have NumPy's names and do not mix with NumPy; they count copies to
and from the host (the processor and its memory), steps, and how often the host has to wait. No graphics card is needed.
"""

import sys

import numpy as np


def namespace(*arrays):
    """The library that made the arrays: a module, such as the module `numpy`.

    arrays: arrays of any library, also of one that this file does not name; Python's numbers and
    None (for an argument left out), which go along with any library. Returns `numpy` if there is
    nothing else. Raises TypeError that names both libraries if the arrays come from two.

    The module of an array's class is `type(array).__module__`, a text: "numpy", or "cupy.something"
    with the library's name before the first dot. `sys.modules` is the dictionary of all modules
    loaded so far, by name. The library of an array that exists is among them: import nothing.

    >>> namespace(np.array([1.0, 2.0]), 3.0).__name__
    'numpy'
    """
    names = {
        type(a).__module__.partition(".")[0]
        for a in arrays
        if a is not None and not isinstance(a, (bool, int, float))
    }
    if len(names) > 1:
        raise TypeError(f"arrays of {' and '.join(sorted(names))} do not mix: move one of them first")
    return sys.modules[names.pop()] if names else np


def sigmoid(x):
    """Squeeze any numbers between 0 and 1, in the library that made x.

        sigmoid(x) = 1 / (1 + e^-x) = e^x / (1 + e^x)

    x: floats of any shape. Returns an array of x's shape, dtype and library. The two formulas are
    equal, but no exponential may overflow: use the first where x >= 0 and the second elsewhere.
    Nothing goes to the host, and the host never waits for a number: no `if`, no boolean mask as an
    index. `namespace` above is yours to use, and `xp.where(condition, a, b)` picks from two arrays.

    >>> sigmoid(np.array([0.0, np.log(3), -1000.0]))
    array([0.5 , 0.75, 0.  ])
    """
    xp = namespace(x)
    z = xp.exp(-abs(x))  # never above 1
    return xp.where(x >= 0, 1, z) / (1 + z)


def scatter_add(into, index, values):
    """Add values[i] to into[index[i]], for every i, in place: an index that occurs twice gets both.

    into: (V, ...); index: (N,) integers from 0 to V - 1; values: (N, ...), all of one library.
    What was in `into` stays, and is added to. Returns nothing. No loop: on a device each turn of it
    would cost a step, and a wait to read the index.

    `np.add.at(into, index, values)` does it for NumPy; CuPy has it too, as `cupy.add.at`.

    >>> into = np.zeros(3)
    >>> scatter_add(into, np.array([2, 0, 2]), np.array([1.0, 5.0, 10.0]))
    >>> into
    array([ 5.,  0., 11.])
    """
    namespace(into, index, values).add.at(into, index, values)


def move(array, xp):
    """The same numbers in the library xp: `array` itself if it is there already, else one copy.

    array: of any library; xp: a module, such as `numpy`. Shape and dtype stay.
    To the host, `array.get()` makes a NumPy array of any other library's array. From the host,
    `xp.asarray(array)` makes an array of xp from a NumPy array. Two libraries other than NumPy
    cannot read each other's arrays: then the way leads over the host. `namespace` above is yours
    to use.

    >>> x = np.array([1.0, 2.0])
    >>> move(x, np) is x
    True
    """
    here = namespace(array)
    if here is xp:
        return array
    on_host = array if here is np else array.get()
    return on_host if xp is np else xp.asarray(on_host)
