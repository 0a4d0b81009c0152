"""The ops under PyTorch's names, where Python has none of its own: those end in an underscore."""

from minitransformer.ops.activation import gelu, relu, sigmoid, silu, tanh
from minitransformer.ops.attention import clear_attention, scaled_dot_product_attention
from minitransformer.ops.compare import (
    all_,
    allclose,
    any_,
    eq,
    equal,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    logical_not,
    lt,
    ne,
)
from minitransformer.ops.convert import channels_last, contiguous_format, preserve_format, to
from minitransformer.ops.creation import (
    arange,
    as_tensor,
    clone,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    multinomial,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from minitransformer.ops.dropout import dropout
from minitransformer.ops.elementwise import (
    abs_,
    add,
    clip,
    cos,
    div,
    erf,
    exp,
    expm1,
    log,
    log1p,
    log2,
    log10,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    rsqrt,
    sin,
    sqrt,
    square,
    sub,
    where,
)
from minitransformer.ops.extreme import amax, amin, argmax, argmin, max_, min_
from minitransformer.ops.index import (
    embedding,
    gather,
    getitem,
    index_select,
    masked_fill,
    nonzero,
    one_hot,
    repeat_interleave,
    tril,
    triu,
)
from minitransformer.ops.linalg import addmm, bmm, dot, linear, matmul, mm, outer
from minitransformer.ops.loss import cross_entropy, mse_loss
from minitransformer.ops.normalization import layer_norm, rms_norm
from minitransformer.ops.padding import pad
from minitransformer.ops.placing import index_add, index_copy, index_fill, scatter, scatter_add
from minitransformer.ops.reduce import cumsum, mean, std, sum_, var
from minitransformer.ops.rounding import ceil, floor, floor_divide, remainder, round, trunc
from minitransformer.ops.shape import (
    cat,
    chunk,
    expand,
    flatten,
    flip,
    permute,
    repeat,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    t,
    tile,
    transpose,
    unbind,
    unsqueeze,
)
from minitransformer.ops.softmax import log_softmax, logsumexp, softmax
from minitransformer.ops.sorting import argsort, sort, topk
