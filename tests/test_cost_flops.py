"""The counter of operations against PyTorch's, forward and backward, and against numbers counted by hand."""

import contextlib

import numpy
import pytest
from helpers import array
from later import Later, torch

import minitransformer as mt
from minitransformer.autograd import Function
from minitransformer.cost import FlopCounter
from minitransformer.models import GPT, GPTConfig, Llama, LlamaConfig
from minitransformer.nn import functional as F
from minitransformer.utils.checkpoint import checkpoint

flop_counter = Later("torch.utils.flop_counter")
transformers = Later("transformers")


def tensors(lib, arrays, needs):
    device = {"device": mt.ones(1).device} if lib is mt else {}
    return [lib.tensor(a, requires_grad=bool(need), **device) for a, need in zip(arrays, needs, strict=True)]


def ours(fn, arrays, needs):
    """(forward, backward) of `fn(mt, *tensors)`."""
    with FlopCounter() as counter:
        fn(mt, *tensors(mt, arrays, needs)).sum().backward()
    return counter.total.forward, counter.total.backward


def theirs(fn, arrays, needs):
    """The same by PyTorch. On a CPU its counter knows attention as products only: other ways it counts as 0."""
    torch_counter = flop_counter.FlopCounterMode
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        with torch_counter(display=False) as forward:
            y = fn(torch, *tensors(torch, arrays, needs)).sum()
        with torch_counter(display=False) as backward:
            y.backward()
    return forward.get_total_flops(), backward.get_total_flops()


CASES = {
    "matmul": (lambda lib, a, b: a @ b, (3, 5), (5, 2)),
    "a batch": (lambda lib, a, b: a @ b, (4, 3, 5), (4, 5, 2)),
    "two batches": (lambda lib, a, b: lib.matmul(a, b), (2, 4, 3, 5), (2, 4, 5, 1)),
    "bmm": (lambda lib, a, b: lib.bmm(a, b), (4, 3, 5), (4, 5, 2)),
    "linear": (lambda lib, x, w, b: lib.nn.functional.linear(x, w, b), (2, 3, 5), (7, 5), (7,)),
    "linear without a bias": (lambda lib, x, w: lib.nn.functional.linear(x, w), (1, 5), (7, 5)),
    "einsum": (lambda lib, a, b: lib.einsum("bij,bkj->bik", a, b), (4, 3, 5), (4, 2, 5)),
    "einsum of heads": (lambda lib, a, b: lib.einsum("bthd,bshd->bhts", a, b), (2, 3, 4, 5), (2, 6, 4, 5)),
    "einsum that sums alone": (lambda lib, a, b: lib.einsum("ijk,jl->il", a, b), (3, 4, 5), (4, 2)),
    "tensordot": (lambda lib, a, b: lib.tensordot(a, b, 2), (3, 4, 5), (4, 5, 2)),
    "attention": (
        lambda lib, q, k, v: lib.nn.functional.scaled_dot_product_attention(q, k, v),
        (2, 3, 4, 5),
        (2, 3, 6, 5),
        (2, 3, 6, 7),
    ),
    "causal attention": (
        lambda lib, q, k, v: lib.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True),
        *[(2, 3, 4, 5)] * 3,
    ),
    "grouped heads": (
        lambda lib, q, k, v: lib.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True),
        (2, 6, 4, 5),
        (2, 3, 4, 5),
        (2, 3, 4, 5),
    ),
    "conv1d": (
        lambda lib, x, w, b: lib.nn.functional.conv1d(x, w, b, padding=1, stride=2),
        (2, 4, 9),
        (6, 4, 3),
        (6,),
    ),
    "conv2d": (lambda lib, x, w: lib.nn.functional.conv2d(x, w, dilation=2), (2, 4, 9, 8), (6, 4, 3, 2)),
    "conv_transpose1d": (
        lambda lib, x, w: lib.nn.functional.conv_transpose1d(x, w, stride=2),
        (2, 4, 9),
        (4, 6, 3),
    ),
    "an empty product": (lambda lib, a, b: a @ b, (0, 5), (5, 2)),
    "elementwise": (lambda lib, a, b: (a * b).exp(), (3, 5), (5,)),
}


@pytest.mark.parametrize("case", CASES)
def test_products_are_pytorchs(case):
    fn, *shapes = CASES[case]
    arrays = [array(*shape, seed=i) for i, shape in enumerate(shapes)]
    assert ours(fn, arrays, [1] * len(arrays)) == theirs(fn, arrays, [1] * len(arrays))


@pytest.mark.parametrize("needs", [(1, 0), (0, 1)])
@pytest.mark.parametrize("case", ["matmul", "linear without a bias", "einsum", "conv2d"])
def test_what_needs_no_gradient_costs_none(case, needs):
    fn, *shapes = CASES[case]
    arrays = [array(*shape, seed=i) for i, shape in enumerate(shapes)]
    forward, backward = ours(fn, arrays, needs)
    assert (forward, backward) == theirs(fn, arrays, needs) and forward == backward


def test_groups_of_channels():
    """Forward as PyTorch; its gradient of the weight forgets the groups, and counts as many times too much."""
    fn = lambda lib, x, w: lib.nn.functional.conv1d(x, w, groups=2)  # noqa: E731
    arrays = [array(2, 4, 9), array(6, 2, 3)]
    forward, backward = ours(fn, arrays, (1, 1))
    assert forward == theirs(fn, arrays, (1, 1))[0] == 2 * 2 * 7 * 6 * 2 * 3 and backward == 2 * forward


def test_vectors_which_pytorch_does_not_count():
    assert ours(lambda lib, a, b: a @ b, [array(3, 5), array(5)], (1, 1)) == (30, 60)
    assert ours(lambda lib, a, b: a @ b, [array(5), array(5)], (1, 1)) == (10, 20)


def test_an_outer_product_sums_nothing_but_its_gradients_do():
    outer = lambda lib, a, b: lib.einsum("i,j->ij", a, b)  # noqa: E731
    assert ours(outer, [array(3), array(4)], (1, 1)) == (0, 2 * 2 * 3 * 4)


def test_three_operands_are_multiplied_in_the_order_that_is_used():
    arrays = [array(2, 30), array(30, 40), array(40, 3)]
    forward, _ = ours(lambda lib, *t: lib.einsum("ij,jk,kl->il", *t), arrays, (1, 1, 1))
    of_last_two, with_first = 2 * 30 * 40 * 3, 2 * 2 * 30 * 3  # from left to right it would be 5280
    assert forward == of_last_two + with_first


MODULES = {
    "LSTM": (lambda lib: lib.nn.LSTM(5, 6, num_layers=2, bidirectional=True), (4, 3, 5)),
    "GRU": (lambda lib: lib.nn.GRU(5, 6), (4, 3, 5)),
    "MultiheadAttention": (lambda lib: lib.nn.MultiheadAttention(8, 2, batch_first=True), (2, 5, 8), 3),
    "encoder": (lambda lib: lib.nn.TransformerEncoderLayer(8, 2, 12, batch_first=True), (2, 5, 8)),
    "encoder and decoder": (
        lambda lib: lib.nn.Transformer(8, 2, 2, 3, 12, batch_first=True),
        (2, 5, 8),
        2,
    ),
}


def run_module(lib, build, x, copies):
    y = build(lib).to(getattr(lib, str(x.dtype)))(*tensors(lib, [x] * copies, [1] * copies))
    return y[0] if isinstance(y, tuple) else y


@pytest.mark.parametrize("name", MODULES)
def test_modules_count_as_pytorchs(name):
    build, shape, *copies = MODULES[name]
    fn = lambda lib: run_module(lib, build, array(*shape), *copies or [1])  # noqa: E731
    assert ours(fn, [], []) == theirs(fn, [], []) > (0, 0)


@pytest.mark.slow  # where transformers is installed
def test_a_whole_gpt_counts_as_that_of_transformers():
    config = transformers.GPT2Config(
        vocab_size=31, n_positions=16, n_embd=12, n_layer=2, n_head=3, attn_implementation="eager"
    )
    model = GPT(GPTConfig(31, 16, 12, 2, 3))
    ids = numpy.arange(2 * 9).reshape(2, 9)
    with FlopCounter() as counter:
        logits = model(mt.tensor(ids, device=next(model.parameters()).device))
        F.cross_entropy(logits.flatten(0, 1), mt.tensor(ids.ravel(), device=logits.device)).backward()
    their_model = transformers.GPT2LMHeadModel(config)
    fn = lambda lib: their_model(torch.tensor(ids)).logits  # noqa: E731
    assert (counter.total.forward, counter.total.backward) == theirs(fn, [], [])


@pytest.mark.slow
def test_a_llama_with_grouped_heads_counts_as_that_of_transformers():
    sizes = dict(
        vocab_size=31, hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=2, max_position_embeddings=16,
    )  # fmt: skip
    ids = numpy.arange(2 * 9).reshape(2, 9)
    model = Llama(LlamaConfig(**sizes))
    with FlopCounter() as counter:
        model(mt.tensor(ids, device=next(model.parameters()).device)).sum().backward()
    their_model = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**sizes, attn_implementation="eager")
    )
    fn = lambda lib: their_model(torch.tensor(ids)).logits  # noqa: E731
    assert (counter.total.forward, counter.total.backward) == theirs(fn, [], [])


def test_what_is_computed_again_counts_again():
    def step(lib, again, x, w, v):
        return again(lambda x: lib.relu(x @ w), x) @ v

    arrays = [array(3, 4), array(4, 5), array(5, 2)]
    plain = ours(lambda lib, *t: step(lib, lambda f, x: f(x), *t), arrays, (1, 1, 1))
    kept = ours(lambda lib, *t: step(lib, checkpoint, *t), arrays, (1, 1, 1))
    assert kept == (plain[0], plain[1] + 2 * 3 * 4 * 5)
    from_torch = Later("torch.utils.checkpoint")
    again = lambda f, x: from_torch.checkpoint(f, x, use_reentrant=True)  # noqa: E731
    assert kept == theirs(lambda lib, *t: step(lib, again, *t), arrays, (1, 1, 1))


def test_a_counter_of_the_backward_walk_alone_hears_what_is_computed_again():
    x, w = (mt.tensor(array(*shape), requires_grad=True) for shape in [(3, 4), (4, 5)])
    y = checkpoint(lambda x: x @ w, x).sum()
    with FlopCounter() as counter:
        y.backward()
    assert (counter.total.forward, counter.total.backward) == (0, 3 * 120)


def test_a_function_counts_what_it_does():
    class Product(Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a @ b

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            return g @ b.T, a.T @ g

    assert ours(lambda lib, a, b: Product.apply(a, b), [array(3, 4), array(4, 5)], (1, 1)) == (120, 240)


def test_elementwise_operations_by_the_table():
    x = mt.tensor(array(3, 4), requires_grad=True)
    weight, bias = mt.ones(4, requires_grad=True, dtype=mt.float64), mt.zeros(4, dtype=mt.float64)
    with FlopCounter() as counter:
        F.layer_norm(x, (4,), weight, bias).reshape(4, 3)[:2].backward(mt.ones(2, 3, dtype=mt.float64))
    total = counter.total
    assert (total.products, total.elementwise_forward, total.elementwise_backward) == (0, 7 * 12, 2 * 7 * 12)
    with FlopCounter() as counter, mt.no_grad():
        F.softmax(x, -1) * 2.0
    assert counter.total.elementwise_forward == 5 * 12 + 12
    assert {name: row.calls for name, row in counter.by_op.items()} == {"Softmax": 1, "Mul": 1}


def test_counters_nest_and_hear_nothing_afterwards():
    a = mt.tensor(array(3, 4), requires_grad=True)
    with FlopCounter() as outer:
        a @ a.T
        with FlopCounter() as inner, mt.detect_anomaly():
            a @ a.T
    a @ a.T
    assert outer.get_total_flops() == 2 * inner.get_total_flops() == 4 * 36


def test_a_counter_closes_if_the_block_raises():
    with contextlib.suppress(ValueError), FlopCounter() as counter:
        mt.ones(2, 3) @ mt.ones(2, 3)
    mt.ones(2, 3) @ mt.ones(3, 2)
    assert counter.get_total_flops() == 0
