"""The methods of `Tensor`: which function of the ops each of them is.

At run time the table is attached to `Tensor` once, below. Type checkers and editors read it as a base class of `Tensor`.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minitransformer.autograd import Tensor
from minitransformer.devices import Device, device_of
from minitransformer.errors import no_such_name
from minitransformer.ops.creation import from_data, likes, random, typed
from minitransformer.ops.elementwise import (
    arithmetic,
    choice,
    compare,
    exponentials,
    hyperbolic,
    logic,
    mixtures,
    powers,
    rounding,
    trigonometry,
)
from minitransformer.ops.index import masks, parts, picking, placing, slices
from minitransformer.ops.networks import activation
from minitransformer.ops.networks import softmax as softmaxes
from minitransformer.ops.operands import Operand
from minitransformer.ops.order import distinct, extreme, sorting
from minitransformer.ops.products import linalg, pairs
from minitransformer.ops.reduce import norms, products, sums
from minitransformer.ops.shape import arranging, fitting, joining, layout
from minitransformer.ops.tensors import convert, drawn, hooks, inspect, python, views
from minitransformer.ops.tensors.inplace import (
    copy_,
    fill_,
    in_place,
    set_data,
    writable,
    zero_,
)


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
    add = __add__ = __radd__ = arithmetic.add
    sub = __sub__ = arithmetic.sub
    mul = __mul__ = __rmul__ = arithmetic.mul
    div = __truediv__ = arithmetic.div
    neg = __neg__ = arithmetic.neg
    pow = __pow__ = powers.pow
    floor_divide = __floordiv__ = rounding.floor_divide
    remainder = __mod__ = rounding.remainder
    __rsub__ = reflected(arithmetic.sub)
    __rtruediv__ = reflected(arithmetic.div)
    __rpow__ = reflected(powers.pow)
    __rfloordiv__ = reflected(rounding.floor_divide)
    __rmod__ = reflected(rounding.remainder)
    add_ = __iadd__ = in_place(arithmetic.add)
    sub_ = __isub__ = in_place(arithmetic.sub)
    mul_ = __imul__ = in_place(arithmetic.mul)
    div_ = __itruediv__ = in_place(arithmetic.div)
    neg_ = in_place(arithmetic.neg)
    pow_ = __ipow__ = in_place(powers.pow)
    floor_divide_ = __ifloordiv__ = in_place(rounding.floor_divide)
    remainder_ = __imod__ = in_place(rounding.remainder)

    # functions of each element
    abs = __abs__ = arithmetic.abs_
    exp = exponentials.exp
    expm1 = exponentials.expm1
    log = exponentials.log
    log2 = exponentials.log2
    log10 = exponentials.log10
    log1p = exponentials.log1p
    erf = exponentials.erf
    square = powers.square
    sqrt = powers.sqrt
    rsqrt = powers.rsqrt
    sin = trigonometry.sin
    cos = trigonometry.cos
    tan = trigonometry.tan
    asin = trigonometry.asin
    acos = trigonometry.acos
    atan = trigonometry.atan
    sinh = hyperbolic.sinh
    cosh = hyperbolic.cosh
    tanh = activation.tanh
    sigmoid = activation.sigmoid
    relu = activation.relu
    floor = rounding.floor
    ceil = rounding.ceil
    trunc = rounding.trunc
    round = rounding.round
    sign = rounding.sign
    frac = rounding.frac
    reciprocal = mixtures.reciprocal
    lerp = mixtures.lerp
    addcmul = mixtures.addcmul
    addcdiv = mixtures.addcdiv
    clip = clamp = choice.clip
    clamp_min = choice.clamp_min
    clamp_max = choice.clamp_max
    maximum = choice.maximum
    minimum = choice.minimum
    abs_ = in_place(arithmetic.abs_)
    exp_ = in_place(exponentials.exp)
    expm1_ = in_place(exponentials.expm1)
    log_ = in_place(exponentials.log)
    log2_ = in_place(exponentials.log2)
    log10_ = in_place(exponentials.log10)
    log1p_ = in_place(exponentials.log1p)
    erf_ = in_place(exponentials.erf)
    square_ = in_place(powers.square)
    sqrt_ = in_place(powers.sqrt)
    rsqrt_ = in_place(powers.rsqrt)
    sin_ = in_place(trigonometry.sin)
    cos_ = in_place(trigonometry.cos)
    tan_ = in_place(trigonometry.tan)
    asin_ = in_place(trigonometry.asin)
    acos_ = in_place(trigonometry.acos)
    atan_ = in_place(trigonometry.atan)
    sinh_ = in_place(hyperbolic.sinh)
    cosh_ = in_place(hyperbolic.cosh)
    tanh_ = in_place(activation.tanh)
    sigmoid_ = in_place(activation.sigmoid)
    relu_ = in_place(activation.relu)
    floor_ = in_place(rounding.floor)
    ceil_ = in_place(rounding.ceil)
    trunc_ = in_place(rounding.trunc)
    round_ = in_place(rounding.round)
    sign_ = in_place(rounding.sign)
    frac_ = in_place(rounding.frac)
    reciprocal_ = in_place(mixtures.reciprocal)
    lerp_ = in_place(mixtures.lerp)
    addcmul_ = in_place(mixtures.addcmul)
    addcdiv_ = in_place(mixtures.addcdiv)
    clip_ = clamp_ = in_place(choice.clip)
    clamp_min_ = in_place(choice.clamp_min)
    clamp_max_ = in_place(choice.clamp_max)

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
    logical_and = logic.logical_and
    logical_or = logic.logical_or
    logical_xor = logic.logical_xor
    isclose = logic.isclose
    allclose = compare.allclose
    equal = compare.equal
    all = compare.all_
    any = compare.any_
    isnan = compare.isnan
    isinf = compare.isinf
    isfinite = compare.isfinite

    # many values to one, and in order
    prod = products.prod
    cumprod = products.cumprod
    norm = norms.norm
    count_nonzero = sums.count_nonzero
    unique = distinct.unique
    bincount = distinct.bincount
    sum = sums.sum_
    mean = sums.mean
    var = sums.var
    std = sums.std
    cumsum = sums.cumsum
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
    baddbmm = linalg.baddbmm
    mv = linalg.mv
    inner = linalg.inner
    kron = pairs.kron

    # shape
    reshape = view = layout.reshape
    flatten = layout.flatten
    permute = layout.permute
    transpose = layout.transpose
    t = layout.t
    squeeze = layout.squeeze
    unsqueeze = layout.unsqueeze
    expand = layout.expand
    expand_as = fitting.expand_as
    view_as = fitting.view_as
    reshape_as = fitting.reshape_as
    broadcast_to = fitting.broadcast_to
    ravel = layout.ravel
    unflatten = layout.unflatten
    movedim = moveaxis = layout.movedim
    swapaxes = swapdims = layout.transpose
    split = joining.split
    chunk = joining.chunk
    unbind = joining.unbind
    flip = arranging.flip
    roll = arranging.roll
    repeat = arranging.repeat
    tile = arranging.tile
    transpose_ = views.reshaped_in_place(layout.transpose)
    t_ = views.reshaped_in_place(layout.t)
    squeeze_ = views.reshaped_in_place(layout.squeeze)
    unsqueeze_ = views.reshaped_in_place(layout.unsqueeze)

    # parts: picked, masked, written
    __getitem__ = parts.getitem
    __setitem__ = parts.setitem
    __iter__ = parts.iterate
    gather = picking.gather
    index_select = picking.index_select
    repeat_interleave = picking.repeat_interleave
    nonzero = picking.nonzero
    masked_fill = masks.masked_fill
    where = choice.where_of
    masked_select = masks.masked_select
    take = picking.take
    put = placing.put_at
    narrow = slices.narrow
    select = slices.select
    unfold = slices.unfold
    diagonal = slices.diagonal
    diag = slices.diag
    diag_embed = slices.diag_embed
    trace = slices.trace
    triu = masks.triu
    tril = masks.tril
    index_fill = placing.index_fill
    index_copy = placing.index_copy
    index_add = placing.index_add
    scatter = placing.scatter
    scatter_add = placing.scatter_add
    put_ = in_place(placing.put_at)
    masked_fill_ = in_place(masks.masked_fill)
    triu_ = in_place(masks.triu)
    tril_ = in_place(masks.tril)
    index_fill_ = in_place(placing.index_fill)
    index_copy_ = in_place(placing.index_copy)
    index_add_ = in_place(placing.index_add)
    scatter_ = in_place(placing.scatter)
    scatter_add_ = in_place(placing.scatter_add)

    # all values written anew
    zero_ = zero_
    fill_ = fill_
    copy_ = copy_
    uniform_ = drawn.uniform_
    normal_ = drawn.normal_
    random_ = drawn.random_
    bernoulli_ = drawn.bernoulli_
    exponential_ = drawn.exponential_
    writable = writable

    # dtypes and devices
    to = convert.to
    cpu = convert.cpu
    cuda = convert.cuda
    half = convert.to_half
    bfloat16 = convert.to_bfloat16
    float = convert.to_float
    double = convert.to_double
    int = convert.to_int
    long = convert.to_long
    bool = convert.to_bool
    type_as = convert.type_as
    type = typed.type_
    byte = convert.to_byte
    short = convert.to_short
    char = convert.to_char
    pin_memory = convert.pin_memory
    get_device = convert.get_device

    # new tensors
    clone = from_data.clone
    multinomial = random.multinomial
    bernoulli = random.bernoulli
    new_zeros = likes.new_zeros
    new_ones = likes.new_ones
    new_empty = likes.new_empty
    new_full = likes.new_full
    new_tensor = likes.new_tensor
    laid_out = staticmethod(from_data.laid_out)

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
    register_hook = hooks.register_hook
    retain_grad = hooks.retain_grad

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
        return layout.t(self)

    @property
    def mT(self: Any) -> Tensor:
        """The last two dimensions exchanged."""
        return layout.transpose(self, -2, -1)

    def __eq__(self: Any, other: Any) -> Tensor:  # type: ignore[override]  # Python's objects give a bool
        """`self == other`, of each element; False where `other` is neither a tensor nor a number."""
        answer: Tensor = compare.equals(self, other)
        return answer

    def __ne__(self: Any, other: Any) -> Tensor:  # type: ignore[override]  # as __eq__
        """`self != other`, of each element; True where `other` is neither a tensor nor a number."""
        answer: Tensor = compare.differs(self, other)
        return answer

    @property
    def grad_fn(self: Any) -> inspect.GradFn | None:
        """The op on the tape that made it; None of a leaf."""
        return inspect.grad_fn(self)

    @property
    def device(self: Any) -> Device:
        """Where the memory is: "cpu", "cuda:0", .."""
        return device_of(self.array)

    @property
    def is_cuda(self: Any) -> builtins.bool:
        """Whether the memory is that of a GPU."""
        return device_of(self.array) != "cpu"

    is_sparse = False  # every tensor is dense

    @property
    def data(self: Any) -> Tensor:
        """The same memory without its history. Unlike in PyTorch, `backward` notices an edit of it."""
        return views.detach(self)

    @data.setter
    def data(self: Any, value: Tensor) -> None:
        set_data(self, value)

    if not TYPE_CHECKING:  # a type checker reports a name that is not there

        def __getattr__(self, name):
            raise no_such_name("a tensor", name, [] if name[0] == "_" else dir(Tensor))


for _name, _method in vars(Methods).items():
    if _name not in ("__module__", "__dict__", "__weakref__", "__doc__"):
        setattr(Tensor, _name, _method)
