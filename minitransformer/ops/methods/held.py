"""The methods about what a tensor holds: its memory, dtype, device and history, and the ways to Python and NumPy."""

from __future__ import annotations

import builtins
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.devices import Device, device_of
from minitransformer.ops.creation import from_data, likes, random, typed
from minitransformer.ops.tensors import convert, drawn, hooks, inspect, older, python, views
from minitransformer.ops.tensors.inplace import copy_, fill_, set_data, writable, zero_


class Held:
    """Memory, dtypes, devices, history, and the ways to Python and NumPy."""

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
    new = likes.new
    laid_out = staticmethod(from_data.laid_out)

    # sizes and memory
    size = inspect.size
    dim = ndimension = inspect.dim
    numel = nelement = inspect.numel
    element_size = inspect.element_size
    is_floating_point = inspect.is_floating_point
    is_contiguous = inspect.is_contiguous
    contiguous = inspect.contiguous
    stride = inspect.stride
    as_strided = inspect.as_strided
    is_nonzero = inspect.is_nonzero
    is_signed = inspect.is_signed
    is_complex = inspect.is_complex
    apply_ = older.apply_
    resize_ = older.resize_

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
    is_mps = is_xpu = False  # the only GPUs are those of CUDA

    @property
    def data(self: Any) -> Tensor:
        """The same memory without its history. Unlike in PyTorch, `backward` notices an edit of it."""
        return views.detach(self)

    @data.setter
    def data(self: Any, value: Tensor) -> None:
        set_data(self, value)
