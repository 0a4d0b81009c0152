"""Tensor parallel: ranks that hold parts of one model compute what one process computes of it: values, gradients, relevance."""

import numpy
import pytest
from in_ranks import run

import minitransformer as mt
from minitransformer import distributed as dist
from minitransformer import explain, nn
from minitransformer.distributed.tensor import Replicate, Shard
from minitransformer.distributed.tensor.parallel import (
    ColwiseParallel,
    HeadwiseParallel,
    PartedParallel,
    RowwiseParallel,
    parallelize_module,
    transformer_plan,
    vocabulary_cross_entropy,
)
from minitransformer.models import GPT, GPTConfig
from minitransformer.models.seq2seq import Seq2Seq, Seq2SeqConfig
from minitransformer.nn import functional as F
from minitransformer.nn.parallel.tensor import Sharded

pytestmark = pytest.mark.host("threads that wait for each other; the emulated device runs one at a time")
B, T, V, C = 3, 5, 11, 8


def made(make):
    """A model from one seed, with random biases, so that one that is added twice is seen."""
    mt.manual_seed(5)
    model = make().double()
    with mt.no_grad():
        for p in model.parameters():
            p.add_(0.05 * mt.randn(*p.shape, dtype=mt.float64))
    return model


def gpt(dropout=0.0, tied=True):
    return GPT(GPTConfig(V, 2 * T, C, 2, 4, dropout=dropout, n_inner=12, tie_word_embeddings=tied))


def seq2seq(dropout=0.0):
    return Seq2Seq(Seq2SeqConfig(V, C, 4, 4, 2, 12, dropout))


def vocabulary(model):
    """The plan of a model whose embedding and logits are cut too."""
    words = "words" if hasattr(model, "words") else "embedding"
    return {words: RowwiseParallel(), "head": ColwiseParallel(output_layouts=Replicate())}


def ids(*shape, seed=1):
    return mt.tensor(numpy.random.default_rng(seed).integers(1, V, size=shape))


def loss_of(model, seed=9):
    mt.manual_seed(seed)
    logits = model(ids(B, T)) if isinstance(model, GPT) else model(ids(B, T + 1), ids(B, T))
    return F.cross_entropy(logits.flatten(0, 1), ids(B * T, seed=2))


def whole(p, array):
    return p.whole_of(array) if isinstance(p, Sharded) else array


def gradients(model):
    return {name: whole(p, p.grad.array) for name, p in model.named_parameters()}


def check_gradients(found, want):
    assert found.keys() == want.keys()
    scale = max(abs(g).max() for g in want.values())
    for name, g in want.items():
        assert abs(found[name] - g).max() <= 1e-12 * scale, name


@pytest.mark.parametrize("cuts_vocabulary", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("model", [gpt, lambda p: gpt(p, tied=False), seq2seq])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_gradients_are_those_of_one_process(model, dropout, cuts_vocabulary, size):
    """11 words on 2 and 4 ranks: unequal parts."""
    alone = made(lambda: model(dropout))
    value = loss_of(alone)
    value.backward()
    after = mt.rand(1).item()

    def work(rank):
        part = made(lambda: model(dropout))
        plan = transformer_plan(part, size) | (vocabulary(part) if cuts_vocabulary else {})
        parallelize_module(part, None, plan)
        loss = loss_of(part)
        loss.backward()
        held = sum(p.array.size for p in part.parameters())
        return loss.item(), gradients(part), mt.rand(1).item(), held

    counts = sum(p.array.size for p in alone.parameters())
    for loss, found, random, held in run(work, size):
        assert loss == pytest.approx(value.item(), rel=1e-13) and random == after
        check_gradients(found, gradients(alone))
        assert size == 1 or held < 0.8 * counts


def test_tied_weights_stay_tied_and_count_once():
    """As reported of gradients of embeddings: https://github.com/NVIDIA/Megatron-LM/issues/844."""

    def work(rank):
        model = made(gpt)
        parallelize_module(model, None, vocabulary(model))
        assert model.head.weight is model.words.weight and isinstance(model.head.weight, Sharded)
        names = [name for name, _ in model.named_parameters()]
        with pytest.raises(ValueError, match="shared by a layer that is cut; cut both"):
            parallelize_module(made(gpt), None, {"words": RowwiseParallel()})
        return names.count("words.weight"), "head.weight" in names

    assert run(work, 2) == [(1, False)] * 2


@pytest.mark.parametrize("size", [2, 3])
def test_styles_of_single_layers_and_their_layouts(size):
    x = mt.tensor(numpy.random.default_rng(0).normal(size=(4, 1, 6)), requires_grad=True)
    alone = made(lambda: nn.Linear(6, 9))
    (alone(x) ** 2).sum().backward()
    want = alone(x).numpy()

    def work(rank):
        mine = x.detach().requires_grad_()
        whole_out = parallelize_module(
            made(lambda: nn.Linear(6, 9)), None, ColwiseParallel(output_layouts=Replicate())
        )
        part_out = parallelize_module(made(lambda: nn.Linear(6, 9)), None, ColwiseParallel())
        whole_in = parallelize_module(
            made(lambda: nn.Linear(6, 9)), None, RowwiseParallel(input_layouts=Replicate())
        )
        ys = [layer(mine) for layer in (whole_out, whole_in)]
        grads = []
        for y in ys:
            mine.grad = None
            (y**2).sum().backward()
            grads.append(mine.grad.numpy())
        mine_of_nine = slice(9 * rank // size, 9 * (rank + 1) // size)
        return [y.numpy() for y in ys], grads, part_out(mine).numpy(), mine_of_nine

    for ys, grads, part, channels in run(work, size):
        for y, g in zip(ys, grads, strict=True):
            assert numpy.allclose(y, want, rtol=1e-13) and numpy.allclose(g, x.grad.numpy(), rtol=1e-12)
        assert numpy.allclose(part, want[..., channels], rtol=1e-13)


@pytest.mark.parametrize(
    "settings", [{}, {"add_bias_kv": True, "add_zero_attn": True}, {"kdim": 6, "vdim": 10}, {"bias": False}]
)
def test_attention_by_heads(settings):
    random = numpy.random.default_rng(3)
    q = mt.tensor(random.normal(size=(2, 3, 8)))
    k, v = (mt.tensor(random.normal(size=(2, 5, settings.get(name, 8)))) for name in ("kdim", "vdim"))
    mask = mt.tensor(random.random((2 * 4, 3, 5)) < 0.3)
    padding = mt.tensor(numpy.arange(5) > numpy.array([[4], [2]]))

    def outcome(average, attention):
        mt.manual_seed(2)
        out, weights = attention(q, k, v, padding, True, mask, average)
        (out**2).sum().backward()
        return out.numpy(), weights.numpy(), gradients(attention)

    def fresh():
        return made(lambda: nn.MultiheadAttention(8, 4, 0.2, batch_first=True, **settings))

    def work(rank):
        return [
            outcome(mean, parallelize_module(fresh(), None, HeadwiseParallel())) for mean in (True, False)
        ]

    wanted = [outcome(mean, fresh()) for mean in (True, False)]
    for pair in run(work, 2):
        for found, want in zip(pair, wanted, strict=True):
            assert numpy.allclose(found[0], want[0], rtol=1e-12) and numpy.allclose(
                found[1], want[1], rtol=1e-12
            )
            check_gradients(found[2], want[2])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("words", [11, 3])
def test_cross_entropy_of_a_split_vocabulary(words, size, reduction):
    """Of 3 words on 4 ranks, one has none. Logits of 800 would overflow without the maximum."""
    random = numpy.random.default_rng(0)
    logits = random.normal(size=(6, words)) * 3
    logits[2] += 800
    target = mt.tensor([0, 2, 1, -100, 2, 0])
    x = mt.tensor(logits, requires_grad=True)
    weight = mt.tensor(random.normal(size=6))
    loss = F.cross_entropy(x, target, reduction=reduction)
    (loss * weight if reduction == "none" else loss).sum().backward()

    def work(rank):
        columns = slice(words * rank // size, words * (rank + 1) // size)
        part = mt.tensor(logits[:, columns], requires_grad=True)
        found = vocabulary_cross_entropy(part, target, dist.new_group(), words, reduction=reduction)
        (found * weight if reduction == "none" else found).sum().backward()
        return found.numpy(), part.grad.numpy(), columns

    for found, grad, columns in run(work, size):
        assert numpy.allclose(found, loss.numpy(), rtol=1e-12)
        assert numpy.allclose(grad, x.grad.numpy()[:, columns], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize("cuts_vocabulary", [False, True])
def test_relevance_is_that_of_one_process_and_the_ledgers_close(cuts_vocabulary, form):
    """In explicit form the stabiliser meets each rank's terms: equal to its order."""
    text = ids(1, T)
    settings = dict(form=form, eps=1e-12)
    alone = explain.lrp(made(gpt).eval(), text, **settings)

    def work(rank):
        model = made(gpt).eval()
        parallelize_module(
            model, None, transformer_plan(model, 2) | (vocabulary(model) if cuts_vocabulary else {})
        )
        return explain.lrp(model, text, **settings)

    found = run(work, 2)
    scale = abs(alone.relevance).max()
    for e in found:
        assert abs(e.relevance - alone.relevance).max() <= (1e-10 if form == "gradient" else 1e-7) * scale
        assert e.ledger.closes and e.ledger["total"] == pytest.approx(alone.ledger["total"], rel=1e-12)
        assert abs(e.ledger["ranks"]) > 1e-3 * scale  # what this rank does not know
    # both halves together know all that attention's softmax does not explain
    assert sum(e.ledger["softmax"] for e in found) == pytest.approx(
        alone.ledger["softmax"], rel=1e-6, abs=1e-9
    )
    assert "ranks" not in alone.ledger


def test_all_ranks_begin_with_the_parameters_of_the_first():
    def work(rank):
        mt.manual_seed(rank)
        model = parallelize_module(gpt())
        weight = model.encoder.layers[0].linear1.weight
        return weight.full_tensor().numpy(), model.words.weight.numpy()

    mt.manual_seed(0)
    first = gpt()
    for weight, words in run(work, 2):
        assert (weight == first.encoder.layers[0].linear1.weight.numpy()).all() and (
            words == first.words.weight.numpy()
        ).all()


def test_parts_are_put_together():
    def work(rank):
        model = made(gpt)
        before = {name: p.numpy().copy() for name, p in model.named_parameters()}
        parallelize_module(
            model, dist.init_device_mesh("cpu", (3, 2), mesh_dim_names=("data", "tensor"))["tensor"]
        )
        after = {
            n: p.full_tensor().numpy() if isinstance(p, Sharded) else p.numpy()
            for n, p in model.named_parameters()
        }
        assert isinstance(model.encoder.layers[0].linear1.weight, Sharded)
        return all((before[name] == after[name]).all() for name in before) and before.keys() == after.keys()

    assert run(work, 6) == [True] * 6


@pytest.mark.parametrize(
    ("make", "plan", "said"),
    [
        (gpt, {"no.such": ColwiseParallel()}, "expected the name of a submodule, got 'no.such'"),
        (
            gpt,
            {"encoder.layers.*.self_attn": ColwiseParallel()},
            "expected a Linear, got a MultiheadAttention",
        ),
        (gpt, {"encoder.layers.*.linear1": PartedParallel()}, "expected a Dropout"),
        (gpt, {"positions": RowwiseParallel()}, "expected a Linear or an Embedding"),
        (gpt, {"encoder.layers.0.self_attn": HeadwiseParallel()}, "multiple of the 3 ranks, got 4"),
        (
            lambda: nn.TransformerEncoderLayer(C, 4, 10),
            None,
            "dim_feedforward to be a multiple of the 3 ranks, got 10",
        ),
    ],
)
def test_what_cannot_be_cut_is_named(make, plan, said):
    with pytest.raises(dist.DistError, match=said):
        run(lambda rank: parallelize_module(make(), None, plan), 3)


def test_layouts_that_are_not_there():
    with pytest.raises(ValueError, match=r"ColwiseParallel: expected Replicate\(\).*got Shard\(dim=0\)"):
        ColwiseParallel(input_layouts=Shard(0))
    with pytest.raises(ValueError, match=r"RowwiseParallel: expected Replicate\(\)"):
        RowwiseParallel(output_layouts=Shard(-1))
