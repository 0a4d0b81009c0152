"""Where we part from PyTorch's database of samples, each with its reason. The tests hold these tables complete: see `unheld`."""

from torch_database import Decision

_UNBOUND = "called on a number as no program can: an operator asks its reflected method of a tensor"
_NOTHING_LEFT = "a row of one or two numbers has no gradient but rounding; ours rounds less"
_REDUCE = Decision(
    "scatter(._)?",
    "refused",
    "keyword argument 'reduce'",
    "scatter_add adds; PyTorch's own word on `reduce` is deprecated",
)
_NEGATIVE_POWER = Decision(
    "__rpow__",
    "refused",
    "Integers to negative integer powers",
    "1 / n is no integer: PyTorch gives 0 without a word",
)
_TIES = Decision(
    "(arg)?sort|topk|kthvalue|mode",
    "different",
    r"Arrays are not equal\s+value( 1)?\s+Mismatched",
    "of equal values the first comes first",
)

_SINGULAR_VALUES = Decision(
    "norm nuc",
    "refused",
    "linalg.matrix_norm has the norms of singular values",
    "`norm` is of vectors",
)
_LEAST_SQUARES = Decision(
    "linalg.lstsq.*",
    "different",
    "value [123]: shape|expected 2 results",
    "the solution is the same; what PyTorch gives beside it depends on its driver",
)
_TWO_FACTORS = Decision(
    "linalg.pinv singular",
    "refused",
    "takes 1 positional argument",
    "the database multiplies two matrices first",
)
_POWER_0 = Decision(
    "linalg.matrix_power",
    "different",
    "gradient of tensor 0: got None",
    "the power 0 is the identity and leaves no tape; PyTorch's gradient of it is 0",
)
_NOT_SYMMETRIC = Decision(
    "linalg.pinv hermitian",
    "different",
    "gradient of tensor 0",
    "of matrices that are not symmetric: PyTorch takes both triangles for the gradient, and one for the value",
)
_ANOTHER_ORDER = Decision(
    "corrcoef|cov|logcumsumexp",
    "different",
    "gradient of tensor [01]",
    "differences of numbers that are almost equal, rounded in another order",
)
_STRIDES = Decision(
    "as_strided.*", "refused", "use unfold for windows", "a view of memory by its strides has no history"
)
_MATRICES = [_NOT_SYMMETRIC, _LEAST_SQUARES, _TWO_FACTORS, _POWER_0]

_COUNTS = Decision(
    "cdist",
    "different",
    "gradient of tensor 0: got None, expected",
    "the norm of power 0 is a count and leaves no tape; PyTorch's gradient of it is 0",
)

_DRAWN = Decision(
    "bernoulli|normal.*", "different", "gradient of tensor [01]: got None", "what is drawn leaves no tape"
)
_NORMAL = [
    Decision("normal number_mean", "refused", "keyword argument 'layout'", "there is one layout"),
    Decision("normal in_place", "refused", "expected a size with two numbers", "the database asks `normal_`"),
]
_SHARES = Decision(
    "msort", "different", "gradient of tensor 0", "of equal values the first comes first, with its gradient"
)
_HALVES = "PyTorch computes it in half precision, where powers underflow; ours in single"
_BINS = Decision("histc", "different", "Not equal to tolerance", _HALVES)
_FACTORS = Decision(
    "(baddbmm|addmv|addbmm|addr)(.method|._)?",
    "refused",
    "expected integers beta and alpha",
    "PyTorch cuts a factor of 0.6 to 0 without a word; for addmm it refuses, as we do",
)
_MEANS = Decision(
    "nn.functional.avg_pool[12]d",
    "refused",
    "expected a floating-point input, got int64",
    "a mean of integers is no integer: PyTorch cuts it, for this one dtype",
)
_PICTURES = Decision(
    "nn.functional.interpolate bi(linear|cubic)",
    "refused",
    "expects a floating-point input, got uint8",
    "PyTorch rounds the weights, and after each dimension; how depends on the processor and on the number of channels",
)
_NO_CHANNELS = Decision(
    "nn.functional.batch_norm",
    "refused",
    r"expected an input \(N, C\).* got \(0,\)",
    "a batch of no other dimension has no channels",
)

_BIASED_KEYS = Decision(
    "nn.functional.multi_head_attention_forward",
    "refused",
    "bias_k, bias_v, add_zero_attn, static_k and static_v are not there",
    "the function refuses them by name; the layer has the first three",
)

_SIXTH = Decision(
    "nn.functional.hardsigmoid",
    "different",
    "gradient of tensor 0",
    "PyTorch's gradient multiplies by 1/6 rounded to float32",
)

OPS = [
    _STRIDES,
    _BIASED_KEYS,
    _SIXTH,
    _SINGULAR_VALUES,
    *_MATRICES,
    _COUNTS,
    _DRAWN,
    *_NORMAL,
    Decision("__r(add|mul)__.wrong", "different", "descriptor .* doesn't apply to a 'int'", _UNBOUND),
    Decision(
        "normal( number_mean)?",
        "different",
        "gradient of tensor 0: got None, expected",
        "numbers that were drawn have no history; PyTorch's gradient of the mean is zero",
    ),
    _NO_CHANNELS,
    Decision(
        "nn.functional.max_pool1d.wrong",
        "different",
        r"PyTorch raises RuntimeError: max_pool1d.*\[0, 10\]",
        "of no channels there are no maxima, and nothing to refuse",
    ),
    Decision("__r(mod|pow|sub)__.wrong", "refused", "expected a tensor, got two numbers, 3 and 2", _UNBOUND),
]
OTHER_DTYPES = {
    "float32": [
        _STRIDES,
        _BIASED_KEYS,
        _NO_CHANNELS,
        Decision("nn.functional.(group|batch)_norm", "different", "gradient of tensor 0", _NOTHING_LEFT),
        Decision("nn.functional.layer_norm", "different", "gradient of tensor [01]", _NOTHING_LEFT),
        Decision("nn.functional.normalize", "different", "gradient of tensor 0", _NOTHING_LEFT),
        _ANOTHER_ORDER,
        _SINGULAR_VALUES,
        *_MATRICES,
        _COUNTS,
        _DRAWN,
        *_NORMAL,
    ],
    "float16": [
        Decision("nn.functional.soft_margin_loss", "different", "value|gradient of tensor 0", _HALVES),
        _STRIDES,
        _BIASED_KEYS,
        _NO_CHANNELS,
        Decision("nn.functional.(group|batch)_norm", "different", "gradient of tensor 0", _NOTHING_LEFT),
        Decision("nn.functional.layer_norm", "different", "gradient of tensor 0", _NOTHING_LEFT),
        Decision(
            "nn.functional.(normalize|cosine_similarity)", "different", "gradient of tensor [01]", _HALVES
        ),
        Decision("linalg.vector_norm", "different", "gradient of tensor 0", _HALVES),
        _TIES,
        Decision("logcumsumexp", "different", "gradient of tensor 0", _HALVES),
        _SHARES,
        _BINS,
        _DRAWN,
        *_NORMAL,
    ],
    "int64": [_STRIDES, _REDUCE, _NEGATIVE_POWER, _TIES, _FACTORS, _MEANS],
    "int32": [_STRIDES, _REDUCE, _NEGATIVE_POWER, _TIES, _FACTORS],
    "uint8": [_STRIDES, _REDUCE, _TIES, _FACTORS, _PICTURES],
    "bool": [_STRIDES, _REDUCE, _TIES],
}
MODULES: list[Decision] = []
OPTIMISERS = [
    Decision(
        r"(ASGD|NAdam)(\..*)?",
        "different",
        r"Max absolute difference among violations: \d\.\d+e-(1\d|09|08) ",
        "PyTorch rounds the numbers that change from step to step to float32, and with `foreach` otherwise",
    ),
    Decision(
        "Adam.*lr as Tensor doesn't work with foreach.*",
        "different",
        "PyTorch raises ValueError: lr as a Tensor is not supported",
        "`foreach` says how PyTorch computes a step; here there is one way, which takes a rate in a tensor",
    ),
]
PROGRAMS = [
    Decision(
        ".*",
        "different",
        "PyTorch raises .*([Bb]ool|INTERNAL ASSERT|Integers to neg)",
        "booleans are 0 and 1",
    ),
    Decision(
        "number r?pow|pow", "different", "^bool.*(dtype int8|PyTorch raises)", "a boolean to a power is int8"
    ),
    Decision(
        "(number r?)?pow",
        "refused",
        "Integers to negative integer powers|out of bounds",
        "the result would be rounded to 0 without a word",
    ),
    Decision(
        "number pow",
        "different",
        "got .(nan|0|inf).*expected .-?(nan|inf)",
        "-inf, -0 to 0.5: by a root or not",
    ),
    Decision(
        "number rtruediv",
        "different",
        "gradient: got .-0.*expected .nan",
        "of an infinity: PyTorch goes by way of 1 / x",
    ),
    Decision(
        "(var|std) dim",
        "different",
        "gradient: got .0. 0. 0..*expected .-?[0-9]",
        "equal numbers have no variance",
    ),
    Decision(
        "cat",
        "refused",
        "dimension 1 is out of range for a tensor of 1",
        "a dimension that none of the tensors has",
    ),
    Decision(
        "matmul",
        "different",
        "PyTorch raises .*(dtype|scalar type)",
        "two dtypes are promoted as by every other op",
    ),
    Decision(
        "logsumexp dim",
        "different",
        "PyTorch raises TypeError.*NoneType",
        "None means all dimensions, as for `sum`",
    ),
    Decision(
        "softmax|log_softmax",
        "refused",
        "expected a floating-point tensor",
        "PyTorch returns an empty tensor of integers",
    ),
    Decision(
        "softmax", "different", "value: got .*0.*, expected .*nan", "a slice of nothing but -inf is zeros"
    ),
    Decision(
        "logsumexp dim",
        "different",
        "gradient: got .*, expected .*(nan|0)",
        "the slope is softmax: 0 where all are -inf",
    ),
    Decision(
        "(amax|amin)( dim)?",
        "different",
        "gradient: .*expected .*nan",
        "the gradient goes to the NaN that is the result",
    ),
    Decision(
        "(var|std)( dim)?",
        "different",
        "gradient: .*(nan|inf)",
        "n <= correction or infinities: PyTorch has two formulas",
    ),
    Decision(
        "layer_norm",
        "different",
        "value: got .0.*expected .nan",
        "a variance too large for float32 divides as infinity",
    ),
]
