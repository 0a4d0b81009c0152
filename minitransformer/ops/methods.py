"""The methods of `Tensor`: which function of the ops each of them is.

At run time the table is attached to `Tensor` once, below. Type checkers and editors read it as a base class of `Tensor`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.devices import Device, device_of
from minitransformer.ops import (
    activation,
    compare,
    convert,
    creation,
    elementwise,
    extreme,
    index,
    inspect,
    linalg,
    placing,
    python,
    reduce,
    rounding,
    shape,
    sorting,
    views,
)
from minitransformer.ops import softmax as softmaxes
from minitransformer.ops.inplace import copy_, fill_, in_place, normal_, set_data, uniform_, writable, zero_
from minitransformer.ops.operands import Operand


def reflected(function: Callable[[Any, Any], Tensor]) -> Callable[[Tensor, Operand], Tensor]:
    """The method for `number - tensor` and the like.

    Args:
        function: a function of two operands.

    Returns:
        The function with its operands exchanged.
    """

    def exchanged(input: Tensor, other: Operand) -> Tensor:
        return function(other, input)

    return exchanged


class Methods:
    """What a tensor can do: each method is the function it names, and the tensor is that function's first argument."""

    # arithmetic
    add = __add__ = __radd__ = elementwise.add
    sub = __sub__ = elementwise.sub
    mul = __mul__ = __rmul__ = elementwise.mul
    div = __truediv__ = elementwise.div
    neg = __neg__ = elementwise.neg
    pow = __pow__ = elementwise.pow
    floor_divide = __floordiv__ = rounding.floor_divide
    remainder = __mod__ = rounding.remainder
    __rsub__ = reflected(elementwise.sub)
    __rtruediv__ = reflected(elementwise.div)
    __rpow__ = reflected(elementwise.pow)
    __rfloordiv__ = reflected(rounding.floor_divide)
    __rmod__ = reflected(rounding.remainder)
    add_ = __iadd__ = in_place(elementwise.add)
    sub_ = __isub__ = in_place(elementwise.sub)
    mul_ = __imul__ = in_place(elementwise.mul)
    div_ = __itruediv__ = in_place(elementwise.div)
    neg_ = in_place(elementwise.neg)
    pow_ = __ipow__ = in_place(elementwise.pow)
    floor_divide_ = __ifloordiv__ = in_place(rounding.floor_divide)
    remainder_ = __imod__ = in_place(rounding.remainder)

    # functions of each element
    abs = __abs__ = elementwise.abs_
    exp = elementwise.exp
    expm1 = elementwise.expm1
    log = elementwise.log
    log2 = elementwise.log2
    log10 = elementwise.log10
    log1p = elementwise.log1p
    erf = elementwise.erf
    square = elementwise.square
    sqrt = elementwise.sqrt
    rsqrt = elementwise.rsqrt
    sin = elementwise.sin
    cos = elementwise.cos
    tanh = activation.tanh
    sigmoid = activation.sigmoid
    relu = activation.relu
    floor = rounding.floor
    ceil = rounding.ceil
    trunc = rounding.trunc
    round = rounding.round
    clip = clamp = elementwise.clip
    maximum = elementwise.maximum
    minimum = elementwise.minimum
    abs_ = in_place(elementwise.abs_)
    exp_ = in_place(elementwise.exp)
    expm1_ = in_place(elementwise.expm1)
    log_ = in_place(elementwise.log)
    log2_ = in_place(elementwise.log2)
    log10_ = in_place(elementwise.log10)
    log1p_ = in_place(elementwise.log1p)
    erf_ = in_place(elementwise.erf)
    square_ = in_place(elementwise.square)
    sqrt_ = in_place(elementwise.sqrt)
    rsqrt_ = in_place(elementwise.rsqrt)
    sin_ = in_place(elementwise.sin)
    cos_ = in_place(elementwise.cos)
    tanh_ = in_place(activation.tanh)
    sigmoid_ = in_place(activation.sigmoid)
    relu_ = in_place(activation.relu)
    floor_ = in_place(rounding.floor)
    ceil_ = in_place(rounding.ceil)
    trunc_ = in_place(rounding.trunc)
    round_ = in_place(rounding.round)
    clip_ = clamp_ = in_place(elementwise.clip)

    # comparisons and logic
    eq = compare.eq
    ne = compare.ne
    lt = __lt__ = compare.lt
    le = __le__ = compare.le
    gt = __gt__ = compare.gt
    ge = __ge__ = compare.ge
    __hash__ = object.__hash__  # in sets and dictionaries a tensor is itself, whatever its values
    __and__ = __rand__ = compare.bitwise_and
    __or__ = __ror__ = compare.bitwise_or
    __xor__ = __rxor__ = compare.bitwise_xor
    __iand__ = in_place(compare.bitwise_and)
    __ior__ = in_place(compare.bitwise_or)
    __ixor__ = in_place(compare.bitwise_xor)
    __invert__ = compare.bitwise_not
    logical_not = compare.logical_not
    all = compare.all_
    any = compare.any_
    isnan = compare.isnan
    isinf = compare.isinf
    isfinite = compare.isfinite

    # many values to one, and in order
    sum = reduce.sum_
    mean = reduce.mean
    var = reduce.var
    std = reduce.std
    cumsum = reduce.cumsum
    amax = extreme.amax
    amin = extreme.amin
    max = extreme.max_
    min = extreme.min_
    argmax = extreme.argmax
    argmin = extreme.argmin
    sort = sorting.sort
    argsort = sorting.argsort
    topk = sorting.topk
    softmax = softmaxes.softmax
    log_softmax = softmaxes.log_softmax
    logsumexp = softmaxes.logsumexp

    # matrix products
    matmul = __matmul__ = linalg.matmul
    mm = linalg.mm
    bmm = linalg.bmm
    dot = linalg.dot
    outer = linalg.outer
    addmm = linalg.addmm

    # shape
    reshape = view = shape.reshape
    flatten = shape.flatten
    permute = shape.permute
    transpose = shape.transpose
    t = shape.t
    squeeze = shape.squeeze
    unsqueeze = shape.unsqueeze
    expand = shape.expand
    expand_as = shape.expand_as
    split = shape.split
    chunk = shape.chunk
    unbind = shape.unbind
    flip = shape.flip
    roll = shape.roll
    repeat = shape.repeat
    tile = shape.tile
    transpose_ = views.reshaped_in_place(shape.transpose)
    t_ = views.reshaped_in_place(shape.t)
    squeeze_ = views.reshaped_in_place(shape.squeeze)
    unsqueeze_ = views.reshaped_in_place(shape.unsqueeze)

    # parts: picked, masked, written
    __getitem__ = index.getitem
    __setitem__ = index.setitem
    __iter__ = index.iterate
    gather = index.gather
    index_select = index.index_select
    repeat_interleave = index.repeat_interleave
    nonzero = index.nonzero
    masked_fill = index.masked_fill
    triu = index.triu
    tril = index.tril
    index_fill = placing.index_fill
    index_copy = placing.index_copy
    index_add = placing.index_add
    scatter = placing.scatter
    scatter_add = placing.scatter_add
    masked_fill_ = in_place(index.masked_fill)
    triu_ = in_place(index.triu)
    tril_ = in_place(index.tril)
    index_fill_ = in_place(placing.index_fill)
    index_copy_ = in_place(placing.index_copy)
    index_add_ = in_place(placing.index_add)
    scatter_ = in_place(placing.scatter)
    scatter_add_ = in_place(placing.scatter_add)

    # all values written anew
    zero_ = zero_
    fill_ = fill_
    copy_ = copy_
    uniform_ = uniform_
    normal_ = normal_
    writable = writable

    # dtypes and devices
    to = convert.to
    cpu = convert.cpu
    cuda = convert.cuda
    half = convert.to_half
    float = convert.to_float
    double = convert.to_double
    int = convert.to_int
    long = convert.to_long
    bool = convert.to_bool
    type_as = convert.type_as

    # new tensors
    clone = creation.clone
    multinomial = creation.multinomial
    new_zeros = creation.new_zeros
    new_ones = creation.new_ones
    new_empty = creation.new_empty
    new_full = creation.new_full
    new_tensor = creation.new_tensor
    laid_out = staticmethod(creation.laid_out)

    # sizes and memory
    size = inspect.size
    dim = inspect.dim
    numel = nelement = inspect.numel
    element_size = inspect.element_size
    is_floating_point = inspect.is_floating_point
    is_contiguous = inspect.is_contiguous
    contiguous = inspect.contiguous

    # history
    detach = views.detach
    detach_ = views.detach_
    requires_grad_ = views.requires_grad_
    shown_by = views.shown_by
    refresh = views.refresh

    # Python's numbers, lists, text and copies, and NumPy's arrays
    item = python.item
    tolist = python.tolist
    numpy = python.to_numpy
    __array__ = python.__array__
    __bool__ = python.__bool__
    __float__ = python.__float__
    __int__ = python.__int__
    __index__ = python.__index__
    __len__ = python.__len__
    __repr__ = python.__repr__
    __format__ = python.__format__
    __deepcopy__ = python.__deepcopy__

    @property
    def T(self: Any) -> Tensor:
        """A matrix transposed: `t`."""
        return shape.t(self)

    @property
    def mT(self: Any) -> Tensor:
        """The last two dimensions exchanged."""
        return shape.transpose(self, -2, -1)

    def __eq__(self: Any, other: Any) -> Tensor:  # type: ignore[override]  # Python's objects give a bool
        """`self == other`, of each element; False where `other` is neither a tensor nor a number."""
        answer: Tensor = compare.equals(self, other)
        return answer

    def __ne__(self: Any, other: Any) -> Tensor:  # type: ignore[override]  # as __eq__
        """`self != other`, of each element; True where `other` is neither a tensor nor a number."""
        answer: Tensor = compare.differs(self, other)
        return answer

    @property
    def device(self: Any) -> Device:
        """Where the memory is: "cpu", "cuda:0", .."""
        return device_of(self.array)

    @property
    def data(self: Any) -> Tensor:
        """The same memory without its history. Unlike in PyTorch, `backward` notices an edit of it."""
        return views.detach(self)

    @data.setter
    def data(self: Any, value: Tensor) -> None:
        set_data(self, value)


for _name, _method in vars(Methods).items():
    if _name not in ("__module__", "__dict__", "__weakref__", "__doc__"):
        setattr(Tensor, _name, _method)
