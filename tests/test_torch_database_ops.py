"""Every sample of PyTorch's database of ops whose name we have, in every form we have, in float64."""

import functools
import operator
import warnings
from unittest import mock

import pytest
from later import torch
from torch_database import compare, summary, unheld
from torch_decisions import OPS, OTHER_DTYPES

import minitransformer as mt

NAMES_AT_FIRST = """
__getitem__ __radd__ __rmul__ __ror__ __rpow__ __rsub__ T abs add all allclose amax amin any arange argmax argmin bool cat chunk
clamp clone contiguous cos cumsum div double empty eq equal exp expand expand_as eye flatten float full full_like gather ge gt
half int isfinite isnan item le linspace log log_softmax logical_not logsumexp long lt mT masked_fill matmul max maximum mean
min minimum mul ne neg nn.functional.cross_entropy nn.functional.dropout nn.functional.embedding nn.functional.gelu
nn.functional.layer_norm nn.functional.linear nn.functional.mse_loss nn.functional.pad nn.functional.relu nn.functional.rms_norm
nn.functional.scaled_dot_product_attention nn.functional.silu ones ones_like permute pow rand_like randint randn randn_like
reshape sigmoid sin softmax split sqrt squeeze stack std sub sum t tanh to transpose tril triu unbind unsqueeze var view where
zero_ zeros zeros_like
""".split()  # the names of the first 1,370 samples (torch 2.13); what came later is counted apart
DRAWN = """
bernoulli empty empty_like multinomial new_empty normal nn.functional.dropout nn.functional.dropout2d rand_like randint randn
randn_like
""".split()  # of which only shapes and dtypes can agree
FREE_SIGNS = "svd linalg.svd linalg.eigh".split()  # of which PyTorch's own tests compare what no sign changes
ASKED = {
    "where": lambda input, condition, other: mt.where(condition, input, other),
    "einsum": lambda tensors, equation: mt.einsum(equation, tensors),
    "zero_": lambda input: mt.Tensor.zero_(input.clone()),
    "nn.functional.embedding": lambda weight, ids, **settings: mt.nn.functional.embedding(
        ids, weight, **settings
    ),
    "nn.functional.embedding_bag": lambda weight, ids, **settings: mt.nn.functional.embedding_bag(
        ids, weight, **settings
    ),
}

pytestmark = pytest.mark.host(
    "many small samples about meaning; tests/test_ops*.py run the same ops on a device"
)


@functools.cache
def database():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    return [op for op in op_db if function(op.name)]


def function(name):
    """Ours of that name: a function, else a method; or what the database asks for under that name."""
    if name in ASKED:
        return ASKED[name]
    if name.startswith("nn.functional."):
        return getattr(mt.nn.functional, name.removeprefix("nn.functional."), None)
    if name.startswith("linalg."):
        return getattr(mt.linalg, name.removeprefix("linalg."), None)
    found = getattr(mt, name, None)
    return found if callable(found) else method(name)


def method(name):
    """The method of that name; what reads the property, if it is one; or None."""
    found = getattr(mt.Tensor, name, None)
    return operator.attrgetter(name) if isinstance(found, property) else found


def forms(op):
    """(form, ours, PyTorch's) of an op: its function, method and operator, and those in place, where we have the name."""
    yield "", function(op.name), op.op
    if op.method_variant and (found := method(op.name)) not in (None, function(op.name)):
        yield ".method", found, op.method_variant
    if op.operator_variant:
        yield ".operator", op.operator_variant, op.operator_variant
    name = getattr(op.inplace_variant, "__name__", "")  # of a function with inplace=True there is none
    if name and (found := method(name)):
        yield "._", on_a_clone(found), on_a_clone(op.inplace_variant)
    if op.inplace_operator_variant:
        yield ".operator_", on_a_clone(op.inplace_operator_variant), on_a_clone(op.inplace_operator_variant)


def on_a_clone(edit):
    """An edit in place of a tensor that is no leaf."""
    return lambda input, *args, **kwargs: edit(input.clone(), *args, **kwargs)


def judged(op, dtype, forms):
    """The outcome of every sample in each of the forms."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # each sample would look through the whole stack for the test that it serves
        with mock.patch("inspect.stack", list):
            samples = list(
                op.sample_inputs("cpu", dtype, requires_grad=dtype.is_floating_point and op.supports_autograd)
            )
    for form, fn, torch_fn in forms:
        for sample in samples:
            settle = sample.output_process_fn_grad if op.name in FREE_SIGNS else None
            yield compare(
                subject(op) + form,
                fn if settle is None else settled(fn, settle),
                torch_fn if settle is None else settled(torch_fn, settle),
                ((sample.input, *sample.args), sample.kwargs),
                drawn(op, sample),
            )


def settled(fn, settle):
    """The function, and what PyTorch's tests make of its result before they compare it."""
    return lambda *args, **kwargs: settle(fn(*args, **kwargs))


def wrong(op):
    """The outcome of the samples that PyTorch is expected to refuse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = [error.sample_input for error in op.error_inputs("cpu")] if op.error_inputs_func else []
    for s in samples:
        yield compare(subject(op) + ".wrong", function(op.name), op.op, ((s.input, *s.args), s.kwargs))


def drawn(op, sample):
    """Whether the result is drawn at random."""
    return op.name in DRAWN or sample.kwargs.get("dropout_p", 0) > 0


def subject(op):
    return f"{op.name} {op.variant_test_name}".strip()


def every(which):
    """(name, outcome) of every sample in float64, in those of an op's forms that `which` picks."""
    of_reals = [op for op in database() if torch.float64 in op.dtypes]
    return [
        (op.name, outcome) for op in of_reals for outcome in judged(op, torch.float64, list(forms(op))[which])
    ]


def test_every_sample_is_equal_or_decided():
    outcomes, mistakes = every(slice(1)), [o for op in database() for o in wrong(op)]
    print("names at first:", summary([o for name, o in outcomes if name in NAMES_AT_FIRST]))
    print("names added since:", summary([o for name, o in outcomes if name not in NAMES_AT_FIRST]))
    print("mistakes, which PyTorch refuses:", summary(mistakes))
    assert not (found := unheld([*(o for _, o in outcomes), *mistakes], OPS)), "\n".join(found)


@pytest.mark.slow
def test_every_sample_as_method_operator_and_in_place():
    outcomes = [outcome for _, outcome in every(slice(1, None))]
    print("other forms:", summary(outcomes))
    assert not (found := unheld(outcomes, [])), "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", OTHER_DTYPES)
def test_other_dtypes(dtype):
    kind = getattr(torch, dtype)
    outcomes = [o for op in database() if kind in op.dtypes for o in judged(op, kind, forms(op))]
    print(f"{dtype}:", summary(outcomes))
    found = unheld(outcomes, OTHER_DTYPES[dtype])
    assert not found, "\n".join(found)
