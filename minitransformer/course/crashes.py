"""What an exception of a learner's code usually means: one table, by the class, the message and the line of the exception."""

from __future__ import annotations

import re
from typing import NamedTuple

from minitransformer.course.cell.telling import message

TUPLE_OF_ONE = "`(x)` is x itself: a tuple of one is written with a comma, `(x,)`."
KEEPDIMS = "The axis that was summed or searched is gone: `keepdims=True` keeps it, with size 1."
SHAPES = "The two shapes do not fit, number by number: read from the right, sizes must be equal or 1. Print both shapes."
PRODUCT = (
    "The shapes of a matrix product do not fit: the last axis of the left one and the last but one of the right one must be equal. "
    "`.T` turns all axes round, np.swapaxes(x, -1, -2) the last two."
)
BEYOND = "It looks beyond the end: the last place is len - 1, also for `i + 1`. A slice, such as x[i : i + 2], only gets shorter."
IN_TORCH = {  # PyTorch's names that NumPy or its arrays lack, and what to write
    "permute": "x.transpose(0, 2, 1)", "unsqueeze": "x[..., None]", "masked_fill": "np.where(mask, value, x)",
    "dim": "x.ndim", "contiguous": "nothing at all", "clone": "x.copy()", "float": "x.astype(float)",
    "long": "x.astype(int)", "numel": "x.size", "softmax": "your own", "exp": "np.exp(x)", "log": "np.log(x)",
    "sqrt": "np.sqrt(x)", "abs": "np.abs(x)", "sin": "np.sin(x)", "cos": "np.cos(x)", "tanh": "np.tanh(x)",
    "matmul": "x @ y", "mm": "x @ y", "bmm": "x @ y", "t": "x.T", "expand": "np.broadcast_to",
    "scatter_add_": "np.add.at", "index_add_": "np.add.at", "norm": "np.linalg.norm(x)", "pow": "x ** n",
    "cat": "np.concatenate", "arrange": "np.arange", "relu": "np.maximum(x, 0)", "sigmoid": "your own",
    "topk": "np.argsort", "multinomial": "rng.random()", "gather": "np.take_along_axis", "triu_": "np.triu(x)",
    "tril_": "np.tril(x)", "index_select": "np.take", "rand": "rng.random(shape)",
    "randn": "rng.normal(size=shape)", "masked_fill_": "x[mask] = value", "logsumexp": "np.logaddexp.reduce",
    "mul": "x * y", "add": "x + y", "div": "x / y", "sub": "x - y", "chunk": "np.split", "view": "x.reshape",
    "split": "np.split(x, places, axis)", "erf": "math.erf", "tensor": "np.array", "Tensor": "np.array",
}  # fmt: skip


class Meaning(NamedTuple):
    """What an exception means if its class, its message and the learner's line match.

    Attributes:
        kind: the name of its class, or of a base class.
        says: a pattern for its message; its groups replace {0}, {1}, .. in `means`.
        line: a pattern for the line of the learner's file that raised it; "" matches any line, and no line.
        means: a sentence for the learner.
    """

    kind: str
    says: str
    line: str
    means: str


REDUCED = (  # an operator, and on its right the sum, maximum or mean of something
    r"[-+*/]\s*(?:\w+\.\w+\()?(?:\w+\.)*(?:\w+(?:\((?:[^()]|\([^()]*\))*\))?\.)?(?:sum|max|min|mean|std|var)\("
    r"| [-+*/] \((?:[^()]|\([^()]*\))*\)\.(?:sum|max|min|mean|std|var)\("
)


TABLE = tuple(Meaning(*row) for row in (
    # names
    ("NameError", r"'(math|sys|np|numpy|functools|itertools|random)' is not defined", "",
     "`{0}` has to be imported at the top of the file."),
    ("NameError", r"'(torch|F|nn|tf|jnp|cp)' is not defined", "",
     "The exercises are written with NumPy alone: `np` is what there is."),
    ("UnboundLocalError", r"variable '(\w+)'", "",
     "`{0}` is read before it gets a value: this function sets it, but later, or only in a branch that was not taken."),
    ("NameError", r"'(lr|betas|eps|momentum|weight_decay|params)' is not defined", "",
     "Nothing is called `{0}` there: in a method, what __init__ kept is `self.{0}`."),
    ("NameError", r"'(\w+)' is not defined", "",
     "Nothing is called `{0}` there: is it spelt as where it was made, and made before, within the same function?"),
    ("ImportError", "", "",
     "The exercises need Python and NumPy alone."),
    ("IndentationError", "", "",
     "The lines of one block begin in the same column, as a rule four spaces further in."),
    ("SyntaxError", r"comma|invalid syntax", "",
     "Python cannot read this line: look for a missing comma, colon, bracket or operator, also at the end of the line "
     "above."),
    # None
    ("Exception", "NoneType", "",
     "Something there is None: a function without `return` gives None, and so do methods that change in place, such as"
     " .sort()."),
    # calls
    ("TypeError", r"(\w+)\(\) got an unexpected keyword argument 'dim'|'dim' is an invalid keyword", "",
     "NumPy's word for `dim` is `axis`."),
    ("TypeError", r"'keepdim'", "",
     "NumPy's word is `keepdims`, with an s."),
    ("TypeError", r"(\w+)\(\) got an unexpected keyword argument '(\w+)'", "",
     "`{0}` knows no argument of the name `{1}`."),
    ("TypeError", r"view\(\) takes|integer is required", r"\.view\(",
     "NumPy's `view` looks at the same bytes as another dtype; x.reshape(..) gives another shape."),
    ("TypeError", r"reshape\(\) takes", r"np\.reshape\(",
     "The new shape is one argument, in brackets of its own: np.reshape(x, (2, 3))."),
    ("TypeError", r"'([<>]=?)' not supported between instances of '(\w+)' and '(\w+)'", "",
     "`{0}` cannot compare a {1} with a {2}; sorted, min and max do so too, unless they have a key=."),
    ("ValueError", r"`indices` and `arr` must have the same number of dimensions", "",
     "np.take_along_axis wants places of as many axes as the array: places[:, None] has one more."),
    ("TypeError", r"(\w+)\(\) takes .*?(\d+) positional arguments? but (\d+) (?:was|were) given", "",
     "`{0}` takes {1} arguments and got {2} (a method's `self` counts): compare the call with the line `def {0}`."),
    ("TypeError", r"(\w+)\(\) missing (\d+) required .*arguments?: (.*)", "",
     "`{0}` is called without {2}: compare the call with the line `def {0}`."),
    ("TypeError", r"'(int|float|numpy\.float64|numpy\.int64|tuple)' object is not callable", r"\.(size|shape|ndim|T|data|grad)\(",
     "That is no function: write it without ( )."),
    ("TypeError", r"'(int|float|numpy\.float\d+|numpy\.int\d+|tuple|list|dict|numpy\.ndarray)' object is not callable", "",
     "Round brackets call a function, and this is no function: is a `*` missing before the bracket, or should it be [ "
     "]? Or does a variable hide the function of its name?"),
    ("ValueError", r"factorial\(\) not defined for negative values", "",
     "A number below 0 has no factorial: print what stands in the brackets."),
    ("ValueError", r"second operand needed for ufunc", "",
     "`ufunc.at` takes three things: the array that changes, the places, and the numbers, np.add.at(x, places, numbers)."),
    ("LinAlgError", r"1-dimensional array given. Array must be at least two-dimensional", "",
     "This needs a table and got a row of numbers: np.linalg.solve(A, r) takes the table first."),
    ("TypeError", r"'(?:module|Library)' object is not callable", "",
     "This is a module: the function stands in it, module.function(..)."),
    ("TypeError",
     r"'(?:function|method|builtin_function_or_method)' object is not subscriptable"
     r"|(?:unsupported operand|not supported).*'(?:function|method|builtin_function_or_method)'", "",
     "This is the function itself: ( ) calls it."),
    ("RecursionError", "", "",
     "It calls itself again and again: Python allows about 1000 calls within calls. Is there a case in which it stops,"
     " and does each call come closer to it? If so, a loop with a list of its own goes deeper."),
    ("TypeError", r"must be real number, not Value", "",
     "A function of the math module takes a plain number: that of a Value is its `.data`."),
    ("TypeError", r"must be real number, not (\w+)", "",
     "A function of the math module takes one plain number, and here comes a {0}."),
    # tuples, lists, keys
    ("TypeError",
     r"object of type '(?!.*(?:generator|zip|map|enumerate|filter))\w+' has no len|'(?:float|Value)' object is not iterable",
     r"(?<!\w)\(\w+(?:\.\w+)?\)",
     TUPLE_OF_ONE),
    ("TypeError", r"object of type '[\w.]*(?:int|float)\d*' has no len", "",
     "len counts what is in a list, a tuple or an array, and here comes one number: print it."),
    ("TypeError", "'int' object is not iterable", r"for .* in ",
     "A number cannot be walked through: `range(n)` counts from 0 to n - 1."),
    ("TypeError", "'generator'", "^$",
     "There is a `yield` in it, which makes it a generator: return the results."),
    ("TypeError", "'(generator|zip|map|enumerate|filter)'", "",
     "A {0} can be walked through once, and has no length and no places: make a list of it, list(..)."),
    ("Exception", "generator", "",
     "There is a `yield` in it, which makes it a generator: `return` the result."),
    ("TypeError", r"can only concatenate (\w+) \(not \"(\w+)\"\) to", "",
     "`+` joins a {0} with a {0}, and here comes a {1}: (x,) is a tuple of one, [x] a list of one, tuple(..) and "
     "list(..) convert."),
    ("TypeError", r"bad operand type for unary (\S): '(list|tuple)'", "",
     "`{0}` is for numbers and arrays, not for a {1}: np.array(..) makes an array of it."),
    ("TypeError", r"can't multiply sequence", "",
     "A list times a number repeats the list: make an array of it, np.array(..)."),
    ("TypeError", r"unhashable type: 'numpy.ndarray'", "",
     "An array can be no key of a dictionary and no member of a set, as it can change: its place in a list can."),
    ("TypeError", r"unhashable type: '([\w.]+)'", "",
     "A {0} can change, so it can be no key of a dictionary and no member of a set: tuple(..) can."),
    ("TypeError", r"'tuple' object does not support item assignment", "",
     "A tuple never changes: make a list of it, change that, and return tuple(..) of it."),
    ("TypeError", r"'[\w.]*(?:float|int)\d*' object (?:does not support item assignment|is not subscriptable)", "",
     "This is one number, and has no places: a dimension was lost before, or no array was made of it, such as by "
     "np.zeros_like."),
    ("TypeError", r"(list|tuple) indices must be integers", "",
     "A {0} knows whole numbers and slices as places: np.array(..) knows more."),
    ("TypeError", r"cannot unpack non-iterable ([\w.]+)", "",
     "Several names stand on the left, and one {0} comes from the right."),
    ("ValueError", r"(?:not enough|too many) values to unpack", r"\bfor .+,.+ in \(?[\w.]+, *[\w.]+",
     "This walks through one thing, then the other: zip(a, b) walks through both side by side."),
    ("ValueError", r"(?:not enough|too many) values to unpack", r"=\s*(?:np\.shape\(\w+\)|\w+\.shape)\s*$",
     "The array has more or fewer axes than there are names on the left: x.shape[-1] and x.shape[-2] count from the end, "
     "whatever stands in front."),
    ("ValueError", r"(?:not enough|too many) values to unpack", "",
     "The number of names on the left is not the number of values that come: print what comes."),
    ("KeyError", "pop from an empty", "",
     "There is nothing in the set: ask before whether there is."),
    ("KeyError", "", r"\[",
     "There is no such key: is it spelt as in the dictionary? print(list(d)) shows its keys, `if key in d` asks."),
    ("IndexError", r"tuple index out of range", r"\.shape\[",
     "A shape has one number for each axis, and this array has fewer axes: x.shape[-1] is the last whatever their number."),
    ("IndexError", r"(?:list|tuple|string) index out of range", "",
     BEYOND),
    ("IndexError", r"pop from (?:an )?empty", "",
     "The list is empty: ask before there is something in it."),
    ("ValueError", r"(min|max)\(\).*empty|zero-size array to reduction operation (\w+)", "",
     "There is nothing to choose from here: ask before whether there is, or give min and max a `default=`."),
    ("StopIteration", "", "",
     "next() found nothing: next(.., default) says what then."),
    ("RuntimeError", "changed size during iteration", "",
     "What is walked through must not grow or shrink meanwhile: walk through a copy, list(d)."),
    # PyTorch's ways
    ("ValueError", r"axes don't match array", r"\.transpose\(|np\.transpose\(",
     "NumPy's transpose wants all axes, in their new order; np.swapaxes(x, 1, 2) exchanges two, as PyTorch's transpose"
     " does."),
    ("AttributeError",
     rf"'numpy\.ndarray' object has no attribute '({'|'.join(IN_TORCH)})'|module 'numpy' has no attribute '({'|'.join(IN_TORCH)})'",
     "",
     "torch"),
    ("AttributeError", r"'(list|tuple)' object has no attribute '(shape|ndim|dtype|T|sum|reshape|astype|mean|max|size)'", "",
     "A {0} has no `{1}`: np.array(..) makes an array of it."),
    ("AttributeError", r"'(?:float|int)' object has no attribute '(data|grad|parents|slopes)'", "",
     "A plain number has no `{0}`: `Value.lift(other)` makes a Value of it."),
    ("AttributeError", r"module '(\w+)' has no attribute '(\w+)'", "",
     "`{0}` has nothing called `{1}`."),
    ("AttributeError", r"'dict' object has no attribute '(\w+)'", "",
     "The entries of a dictionary are read with brackets: d['{0}'], not d.{0}."),
    ("AttributeError", r"'numpy.ndarray' object has no attribute '(append|extend|insert|pop|index|count|reverse)'", "",
     "`{0}` is a method of lists; an array keeps its size: np.concatenate((a, b), axis=..) makes a new one of two."),
    ("AttributeError", r"'numpy.ndarray' object has no attribute '(grad|backward|zero_grad|requires_grad)'", "",
     "An array of NumPy carries no gradient: the gradients are arrays of their own."),
    ("AttributeError", r"'numpy.ndarray' object has no attribute 'get'", "",
     "NumPy's arrays have no `get`: they are on the host already."),
    ("AttributeError", r"'(?!Value)([A-Z]\w*)' object has no attribute '(\w+)'", r"self\.",
     "`self.{1}` is not there yet: __init__ of {0} has to set it, under this name."),
    ("AttributeError", r"'([\w.]+)' object has no attribute '(\w+)'", "",
     "A {0} has nothing called `{1}`: is it spelt right, and is the thing what you think it is? print(type(..)) tells."),
    ("TypeError", r"Cannot interpret|data type '?\w*'? not understood", r"\.view\(",
     "NumPy's `view` looks at the same bytes as another dtype; x.reshape(..) gives another shape."),
    ("TypeError", r"Cannot interpret|data type '?\w*'? not understood", "",
     "A shape is one argument, in brackets of its own: np.zeros((2, 3))."),
    ("TypeError", r"only (?:length-1|0-dimensional) arrays", r"(?:concatenate|stack)\(",
     "The arrays to be joined are one argument, in brackets of their own: np.concatenate((a, b))."),
    ("TypeError", r"only integer scalar arrays", r"(?:concatenate|stack)\(",
     "The arrays to be joined are one argument, in brackets of their own: np.concatenate((a, b))."),
    ("TypeError", r"only integer scalar arrays", "",
     "One whole number is wanted here, and an array comes."),
    ("TypeError", r"bitwise_(and|or)", "",
     "`&` and `|` come before comparisons: each comparison needs its brackets, a & (b < c)."),
    # shapes
    ("ValueError",
     r"broadcast together with shapes \(([\d,]+),\d+\) \(\1,?\)|broadcast together with shapes \(([\d,]+?),?\) \(\2,\d+\)",
     REDUCED,
     KEEPDIMS),
    ("ValueError",
     r"broadcast together with shapes \(([\d,]+),\d+\) \(\1,?\)|broadcast together with shapes \(([\d,]+?),?\) \(\2,\d+\)",
     "",
     SHAPES + " If one comes from a sum, maximum or mean, `keepdims=True` keeps its axis."),
    ("ValueError", r"non-broadcastable output operand with shape (\(.*?\)) doesn't match the broadcast shape (\(.*\))", "",
     "`+=` and its like keep the array's own shape, {0}, and the result would have {1}."),
    ("ValueError", r"could not broadcast input array from shape (\(.*?\)) into shape (\(.*?\))", "",
     "What is written has the shape {0}, the place it is written to {1}."),
    ("ValueError", r"broadcast", "",
     SHAPES),
    ("ValueError", r"matmul: Input operand . does not have enough dimensions", "",
     "`@` multiplies matrices and vectors; with a plain number use `*`."),
    ("ValueError", r"matmul|not aligned", "",
     PRODUCT),
    ("ValueError", "array split does not result in an equal division", "",
     "np.split with a number makes parts of equal length, along axis 0 unless `axis=` says otherwise; a list says where to cut."),
    ("ValueError", r"cannot reshape array of size (\d+) into shape (\(.*?\))", "",
     "reshape keeps all numbers, and {0} of them do not make {1}: is a sum missing before it, or is the order of the "
     "sizes another?"),
    ("ValueError", r"operands could not be broadcast|einstein sum|subscript", r"einsum",
     "Each letter of einsum is one axis of one size, and each array needs a letter for each axis; `...` stands for the"
     " axes in front."),
    ("ValueError", r"all the input array|all input arrays must have the same shape|concatenation axis", "",
     "Arrays can be joined along an axis only if they agree in all others: print their shapes."),
    ("ValueError", r"inhomogeneous|setting an array element with a sequence", "",
     "An array is a box: rows of different lengths do not fit, nor does a row where one number is wanted."),
    ("ValueError", r"cannot select an axis to squeeze", "",
     "squeeze takes away axes of size 1 only."),
    ("IndexError", r"boolean index did not match", "",
     "The mask has another shape than what it picks from: print both."),
    ("IndexError", r"too many indices for array: array is (\d+)-dimensional, but (\d+) were", "",
     "There are {1} indices for an array of {0} dimensions: print its shape."),
    ("IndexError", r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)", "",
     "Axis {1} has {2} places, from 0: there is none of the number {0}."),
    ("IndexError", r"shape mismatch: indexing arrays could not be broadcast together", "",
     "Arrays of indices go together number by number, so their shapes must fit each other: print them."),
    ("IndexError", r"arrays used as indices must be of integer", r"\.at\(",
     "The second argument of `ufunc.at` is the places, whole numbers, and the third what goes there."),
    ("IndexError", r"(?:only integers, slices|arrays used as indices must be of integer)", "",
     "A place is a whole number: `//` divides so, .astype(int) makes whole numbers of an array."),
    ("ValueError", r"axis (-?\d+) is out of bounds for array of dimension (\d+)", "",
     "An array of {1} dimensions has the axes 0 to {1} - 1, or -1 for the last, -2 for the one before: there is no "
     "axis {0}."),
    ("ValueError", r"axes don't match array", "",
     "transpose wants each of the array's axes once: print its shape."),
    ("LinAlgError", r"must be square", "",
     "This needs a table with as many rows as columns: print the shape of what goes in."),
    ("LinAlgError", r"[Ss]ingular", "",
     "These equations have no single solution, as some depend on others: is something missing on the diagonal?"),
    ("TypeError", r"bitwise_xor|operand type\(s\) for \^", "",
     "`^` compares bits; a power is written `**`."),
    # kinds of numbers
    ("TypeError", r"numpy boolean (?:negative|subtract)", "",
     "Booleans are turned round by `~`; `-` is for numbers."),
    ("TypeError", r"cannot be interpreted as an integer|slice indices must be integers", "",
     "A size or place has to be whole: `//` divides so, `/` gives a float."),
    ("ValueError", r"truth value of an array", "",
     "`if`, `and`, `or`, `not`, `in` want one answer, and an array has many: np.where chooses for each element, .all()"
     " and .any() make one of many."),
    ("TypeError", r"only (?:0-dimensional|length-1) arrays", "",
     "One number is wanted here, and an array comes: int(..), float(..) and the math module take one number, np an array."),
    ("ValueError", r"Integers to negative integer powers", "",
     "Whole numbers have no negative powers: write the base with a point, 10000.0."),
    ("TypeError", r"Cannot cast ufunc '\w+' output from dtype\('(\w+)'\) to dtype\('(\w+)'\)", "",
     "An array of {1} cannot take {0} in place: make it with dtype=float, or write x = x + y."),
    ("ValueError", r"read-only", "",
     "This array is only a view of another's numbers: work on a copy, x.copy()."),
    ("OverflowError", "", "",
     "The number is too large for a float: take off the maximum before exp, or use a function that is made for it."),
    ("ZeroDivisionError", "", "",
     "It divides by 0: what is to come out where there is nothing to divide by?"),
    ("TypeError", r"unsupported operand type\(s\) for (\S+): '(\w+)' and '(\w+)'", "",
     "`{0}` does not know what to do with a {1} and a {2}: one of them is not what you think it is, or has to be made "
     "an array or a Value first."),
    ("MemoryError", "", "",
     "The array would be too large: print the shapes it is made of."),
))  # fmt: skip


def meaning(error: BaseException, place: str = "") -> str:
    """What such an exception usually means.

    Args:
        error: the exception, or the one that `cell.telling.retold` made from it.
        place: "line N: code" of the learner's line, "" if there is none.

    Returns:
        A sentence for the learner, or "".
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    said = message(error)
    line = place.partition(": ")[2]
    for row in TABLE:
        found = re.search(row.says, said)
        if row.kind in kinds and found and re.search(row.line, line):
            groups = [group for group in found.groups() if group] or [""]
            return _torch(groups[0], said) if row.means == "torch" else row.means.format(*groups)
    return ""


def _torch(name: str, said: str) -> str:
    whose = "An array of NumPy" if "ndarray" in said else "NumPy"
    return f"{whose} has no `{name}`: write {IN_TORCH[name]}."
