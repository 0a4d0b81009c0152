"""A Transformer from scratch: its engine, its training, and explanations that add up.

`import minitransformer as mt` gives PyTorch's names for tensors and ops; `mt.nn` and `mt.optim` hold the rest. The array
library underneath is NumPy on the CPU and CuPy on a GPU.

On Linux with glibc, the import changes one setting of the whole process: freed memory is kept for the next array
(`minitransformer.kernels.memory`). Importing einops, before or after this package, makes it take our tensors
(`minitransformer.utils.einops`).
"""

import importlib
from math import e, inf, nan, pi
from typing import TYPE_CHECKING

import numpy

from minitransformer import autograd, backends, brain_float, errors, importing, versions
from minitransformer.anomaly import detect_anomaly
from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import bool_, float16, float32, float64, int8, int16, int32, int64, uint8
from minitransformer.defaults import backend, use_backend
from minitransformer.devices import Device as device
from minitransformer.ops.creation.filled import arange, empty, eye, full, linspace, ones, zeros
from minitransformer.ops.creation.from_data import as_tensor, clone, from_numpy, tensor
from minitransformer.ops.creation.likes import empty_like, full_like, ones_like, zeros_like
from minitransformer.ops.creation.random import (
    bernoulli,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
)
from minitransformer.ops.creation.typed import (
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    is_tensor,
)
from minitransformer.ops.elementwise.angles import atan2, deg2rad, hypot, rad2deg, sinc
from minitransformer.ops.elementwise.angles import atan2 as arctan2
from minitransformer.ops.elementwise.arithmetic import abs_ as abs
from minitransformer.ops.elementwise.arithmetic import abs_ as absolute
from minitransformer.ops.elementwise.arithmetic import add, div, mul, neg, sub
from minitransformer.ops.elementwise.arithmetic import div as divide
from minitransformer.ops.elementwise.arithmetic import div as true_divide
from minitransformer.ops.elementwise.arithmetic import mul as multiply
from minitransformer.ops.elementwise.arithmetic import neg as negative
from minitransformer.ops.elementwise.arithmetic import sub as subtract
from minitransformer.ops.elementwise.bits import bitwise_left_shift, bitwise_right_shift
from minitransformer.ops.elementwise.choice import (
    clamp_max,
    clamp_min,
    clip,
    fmax,
    fmin,
    maximum,
    minimum,
    where,
)
from minitransformer.ops.elementwise.choice import clip as clamp
from minitransformer.ops.elementwise.compare import all_ as all
from minitransformer.ops.elementwise.compare import (
    allclose,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
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
from minitransformer.ops.elementwise.compare import any_ as any
from minitransformer.ops.elementwise.compare import ge as greater_equal
from minitransformer.ops.elementwise.compare import gt as greater
from minitransformer.ops.elementwise.compare import le as less_equal
from minitransformer.ops.elementwise.compare import lt as less
from minitransformer.ops.elementwise.compare import ne as not_equal
from minitransformer.ops.elementwise.error_functions import erfc, erfinv
from minitransformer.ops.elementwise.exponentials import erf, exp, expm1, log, log1p, log2, log10
from minitransformer.ops.elementwise.finite import isneginf, isposinf, nan_to_num
from minitransformer.ops.elementwise.hyperbolic import cosh, sinh
from minitransformer.ops.elementwise.logarithms import logaddexp, logaddexp2, logit, xlogy
from minitransformer.ops.elementwise.logic import isclose, isin, logical_and, logical_or, logical_xor
from minitransformer.ops.elementwise.mixtures import addcdiv, addcmul, lerp, reciprocal
from minitransformer.ops.elementwise.powers import exp2, float_power, pow, rsqrt, sqrt, square, vander
from minitransformer.ops.elementwise.rounding import (
    ceil,
    floor,
    floor_divide,
    fmod,
    frac,
    remainder,
    round,
    sign,
    trunc,
)
from minitransformer.ops.elementwise.rounding import trunc as fix
from minitransformer.ops.elementwise.signs import copysign, heaviside, signbit
from minitransformer.ops.elementwise.trigonometry import acos, asin, atan, cos, sin, tan
from minitransformer.ops.elementwise.trigonometry import acos as arccos
from minitransformer.ops.elementwise.trigonometry import asin as arcsin
from minitransformer.ops.elementwise.trigonometry import atan as arctan
from minitransformer.ops.index.combining import block_diag, cartesian_prod, combinations, diagflat
from minitransformer.ops.index.masks import (
    masked_fill,
    masked_scatter,
    masked_select,
    tril,
    tril_indices,
    triu,
    triu_indices,
)
from minitransformer.ops.index.picking import (
    argwhere,
    gather,
    index_select,
    nonzero,
    repeat_interleave,
    take,
    take_along_dim,
)
from minitransformer.ops.index.placing import (
    index_add,
    index_copy,
    index_fill,
    index_put,
    scatter,
    scatter_add,
)
from minitransformer.ops.index.slices import diag, diag_embed, diagonal, narrow, select, trace
from minitransformer.ops.networks.activation import gelu, relu, sigmoid, silu, tanh
from minitransformer.ops.networks.softmax import log_softmax, logsumexp, softmax
from minitransformer.ops.order.distinct import (
    bincount,
    bucketize,
    histc,
    searchsorted,
    unique,
    unique_consecutive,
)
from minitransformer.ops.order.extreme import amax, amin, aminmax, argmax, argmin
from minitransformer.ops.order.extreme import max_ as max
from minitransformer.ops.order.extreme import min_ as min
from minitransformer.ops.order.middle import kthvalue, median, mode, nanmedian
from minitransformer.ops.order.quantiles import nanquantile, quantile
from minitransformer.ops.order.running import cummax, cummin
from minitransformer.ops.order.sorting import argsort, msort, sort, topk
from minitransformer.ops.products.added import addbmm, addmm, addmv, addr, baddbmm
from minitransformer.ops.products.covariance import corrcoef, cov
from minitransformer.ops.products.determinants import det, logdet, slogdet
from minitransformer.ops.products.einsum import einsum
from minitransformer.ops.products.factorings import cholesky, qr, svd
from minitransformer.ops.products.inverses import inverse, pinverse
from minitransformer.ops.products.linalg import bmm, dot, inner, linear, matmul, mm, mv, outer
from minitransformer.ops.products.linalg import dot as vdot
from minitransformer.ops.products.linalg import outer as ger
from minitransformer.ops.products.matrices import chain_matmul, cross, matrix_power
from minitransformer.ops.products.pairs import kron, tensordot
from minitransformer.ops.reduce.increments import diff
from minitransformer.ops.reduce.integrals import cumulative_trapezoid, trapezoid
from minitransformer.ops.reduce.integrals import trapezoid as trapz
from minitransformer.ops.reduce.logarithms import logcumsumexp
from minitransformer.ops.reduce.moments import nanmean, nansum, std_mean, var_mean
from minitransformer.ops.reduce.norms import norm
from minitransformer.ops.reduce.products import cumprod, prod
from minitransformer.ops.reduce.sums import count_nonzero, cumsum, mean, std, var
from minitransformer.ops.reduce.sums import sum_ as sum
from minitransformer.ops.shape.arranging import flip, fliplr, flipud, repeat, roll, rot90, tile
from minitransformer.ops.shape.cutting import dsplit, hsplit, split_with_sizes, tensor_split, vsplit
from minitransformer.ops.shape.fitting import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_shapes,
    broadcast_tensors,
    broadcast_to,
    meshgrid,
)
from minitransformer.ops.shape.joining import (
    cat,
    chunk,
    column_stack,
    dstack,
    hstack,
    split,
    stack,
    unbind,
    vstack,
)
from minitransformer.ops.shape.joining import cat as concat
from minitransformer.ops.shape.joining import cat as concatenate
from minitransformer.ops.shape.joining import vstack as row_stack
from minitransformer.ops.shape.layout import (
    expand,
    flatten,
    movedim,
    permute,
    ravel,
    reshape,
    squeeze,
    t,
    transpose,
    unflatten,
    unsqueeze,
)
from minitransformer.ops.shape.layout import movedim as moveaxis
from minitransformer.ops.shape.layout import transpose as swapaxes
from minitransformer.ops.shape.layout import transpose as swapdims
from minitransformer.ops.tensors.convert import channels_last, contiguous_format, preserve_format
from minitransformer.ops.tensors.inspect import (
    as_strided,
    is_complex,
    is_floating_point,
    is_nonzero,
    is_signed,
    numel,
)
from minitransformer.ops.tensors.printing import set_printoptions
from minitransformer.ops.tensors.views import detach
from minitransformer.settings import enable_grad, inference_mode, is_grad_enabled, set_grad_enabled
from minitransformer.tuning import (
    compile,
    get_default_dtype,
    get_float32_matmul_precision,
    get_num_threads,
    set_default_dtype,
    set_float32_matmul_precision,
    set_num_threads,
)

if TYPE_CHECKING:  # at run time these open when first entered, see `__getattr__`
    from minitransformer import (
        accelerator,
        amp,
        bench,
        checkpoint,
        cost,
        cuda,
        data,
        distributed,
        distributions,
        explain,
        func,
        generation,
        linalg,
        models,
        nn,
        optim,
        pictures,
        random,
        recipes,
        special,
        testing,
        tokenization,
        tour,
        training,
        utils,
        verify,
        version,
    )
    from minitransformer.amp import autocast
    from minitransformer.gradients import compare_with_torch, gradcheck
    from minitransformer.limits import finfo, iinfo
    from minitransformer.nn.module import to_torch
    from minitransformer.ops.index.lookup import embedding, one_hot
    from minitransformer.ops.networks.attention import scaled_dot_product_attention
    from minitransformer.ops.networks.differences import mse_loss
    from minitransformer.ops.networks.dropout import dropout
    from minitransformer.ops.networks.loss import cross_entropy
    from minitransformer.ops.networks.normalization import layer_norm, rms_norm
    from minitransformer.ops.networks.padding import pad
    from minitransformer.ops.products.likeness import cdist, cosine_similarity, dist, pdist, renorm
    from minitransformer.random import (
        Generator,
        get_rng_state,
        initial_seed,
        manual_seed,
        seed,
        set_rng_state,
    )
    from minitransformer.serialization import load, save

    bfloat16 = brain_float.bfloat16()
bool, half, float, double, int, long, short = bool_, float16, float32, float64, int32, int64, int16
dtype = numpy.dtype
Size: type = tuple  # of shapes
__version__ = "0.1.0"  # the build reads this line
__version__ = versions.Version(__version__)
__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "Generator",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "Size",
    "Tensor",
    "__version__",
    "abs",
    "absolute",
    "accelerator",
    "acos",
    "add",
    "addbmm",
    "addcdiv",
    "addcmul",
    "addmm",
    "addmv",
    "addr",
    "all",
    "allclose",
    "amax",
    "amin",
    "aminmax",
    "amp",
    "any",
    "arange",
    "arccos",
    "arcsin",
    "arctan",
    "arctan2",
    "argmax",
    "argmin",
    "argsort",
    "argwhere",
    "as_strided",
    "as_tensor",
    "asin",
    "atan",
    "atan2",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "autocast",
    "autograd",
    "backend",
    "backends",
    "baddbmm",
    "bench",
    "bernoulli",
    "bincount",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "block_diag",
    "bmm",
    "bool",
    "bool_",
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "bucketize",
    "cartesian_prod",
    "cat",
    "cdist",
    "ceil",
    "chain_matmul",
    "channels_last",
    "checkpoint",
    "cholesky",
    "chunk",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "clone",
    "column_stack",
    "combinations",
    "compare_with_torch",
    "compile",
    "concat",
    "concatenate",
    "contiguous_format",
    "copysign",
    "corrcoef",
    "cos",
    "cosh",
    "cosine_similarity",
    "cost",
    "count_nonzero",
    "cov",
    "cross",
    "cross_entropy",
    "cuda",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_trapezoid",
    "data",
    "deg2rad",
    "det",
    "detach",
    "detect_anomaly",
    "device",
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "diff",
    "dist",
    "distributed",
    "distributions",
    "div",
    "divide",
    "dot",
    "double",
    "dropout",
    "dsplit",
    "dstack",
    "dtype",
    "e",
    "einsum",
    "embedding",
    "empty",
    "empty_like",
    "enable_grad",
    "eq",
    "equal",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expand",
    "explain",
    "expm1",
    "eye",
    "finfo",
    "fix",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "float",
    "float16",
    "float32",
    "float64",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frac",
    "from_numpy",
    "full",
    "full_like",
    "func",
    "gather",
    "ge",
    "gelu",
    "generation",
    "ger",
    "get_default_dtype",
    "get_float32_matmul_precision",
    "get_num_threads",
    "get_rng_state",
    "gradcheck",
    "greater",
    "greater_equal",
    "gt",
    "half",
    "heaviside",
    "histc",
    "hsplit",
    "hstack",
    "hypot",
    "iinfo",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "inf",
    "inference_mode",
    "initial_seed",
    "inner",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "inverse",
    "is_complex",
    "is_floating_point",
    "is_grad_enabled",
    "is_nonzero",
    "is_signed",
    "is_tensor",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "jit",
    "kron",
    "kthvalue",
    "layer_norm",
    "le",
    "lerp",
    "less",
    "less_equal",
    "linalg",
    "linear",
    "linspace",
    "load",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logcumsumexp",
    "logdet",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logit",
    "logsumexp",
    "long",
    "lt",
    "manual_seed",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "matmul",
    "matrix_power",
    "max",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimum",
    "mm",
    "mode",
    "models",
    "moveaxis",
    "movedim",
    "mse_loss",
    "msort",
    "mul",
    "multinomial",
    "multiply",
    "mv",
    "nan",
    "nan_to_num",
    "nanmean",
    "nanmedian",
    "nanquantile",
    "nansum",
    "narrow",
    "ne",
    "neg",
    "negative",
    "nn",
    "no_grad",
    "nonzero",
    "norm",
    "normal",
    "not_equal",
    "numel",
    "one_hot",
    "ones",
    "ones_like",
    "optim",
    "outer",
    "pad",
    "pdist",
    "permute",
    "pi",
    "pictures",
    "pinverse",
    "pow",
    "preserve_format",
    "prod",
    "qr",
    "quantile",
    "rad2deg",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "random",
    "randperm",
    "ravel",
    "recipes",
    "reciprocal",
    "relu",
    "remainder",
    "renorm",
    "repeat",
    "repeat_interleave",
    "reshape",
    "rms_norm",
    "roll",
    "rot90",
    "round",
    "row_stack",
    "rsqrt",
    "save",
    "scaled_dot_product_attention",
    "scatter",
    "scatter_add",
    "searchsorted",
    "seed",
    "select",
    "set_default_dtype",
    "set_float32_matmul_precision",
    "set_grad_enabled",
    "set_num_threads",
    "set_printoptions",
    "set_rng_state",
    "short",
    "sigmoid",
    "sign",
    "signbit",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "slogdet",
    "softmax",
    "sort",
    "special",
    "split",
    "split_with_sizes",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "std_mean",
    "sub",
    "subtract",
    "sum",
    "svd",
    "swapaxes",
    "swapdims",
    "t",
    "take",
    "take_along_dim",
    "tan",
    "tanh",
    "tensor",
    "tensor_split",
    "tensordot",
    "testing",
    "tile",
    "to_torch",
    "tokenization",
    "topk",
    "tour",
    "trace",
    "training",
    "transpose",
    "trapezoid",
    "trapz",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
    "true_divide",
    "trunc",
    "uint8",
    "unbind",
    "unflatten",
    "unique",
    "unique_consecutive",
    "unsqueeze",
    "use_backend",
    "utils",
    "vander",
    "var",
    "var_mean",
    "vdot",
    "verify",
    "version",
    "vsplit",
    "vstack",
    "where",
    "xlogy",
    "zeros",
    "zeros_like",
]
# rooms that open when first entered: `mt.optim.Adam`
LATER = """accelerator amp bench checkpoint cost cuda data distributed distributions explain func generation jit linalg models nn
optim pictures random recipes special testing tokenization tour training utils verify version""".split()
# names whose rooms open when they are first asked for
FROM_LATER = {
    name: room
    for room, names in {
        "amp": "autocast",
        "gradients": "compare_with_torch gradcheck",
        "limits": "finfo iinfo",
        "nn.module": "to_torch",
        "ops.index.lookup": "embedding one_hot",
        "ops.networks.attention": "scaled_dot_product_attention",
        "ops.networks.differences": "mse_loss",
        "ops.networks.dropout": "dropout",
        "ops.networks.loss": "cross_entropy",
        "ops.networks.normalization": "layer_norm rms_norm",
        "ops.networks.padding": "pad",
        "ops.products.likeness": "cdist cosine_similarity dist pdist renorm",
        "random": "Generator get_rng_state initial_seed manual_seed seed set_rng_state",
        "serialization": "load save",
    }.items()
    for name in names.split()
}


def __dir__() -> list[str]:
    return sorted(__all__)


if not TYPE_CHECKING:  # a type checker reports a name that is not there

    def __getattr__(name):
        if name in LATER:
            return importlib.import_module(f"minitransformer.{name}")
        if name in FROM_LATER:
            found = getattr(importlib.import_module(f"minitransformer.{FROM_LATER[name]}"), name)
            return globals().setdefault(name, found)
        if name == "bfloat16":
            try:
                return brain_float.bfloat16()
            except ImportError as error:
                raise AttributeError(str(error)) from error
        raise errors.no_such_name("module 'minitransformer'", name, __all__)


importing.after_import("einops", lambda: importlib.import_module("minitransformer.utils.einops"))
