"""Pipeline parallel: stages through which micro-batches pass compute what one process computes of the whole batch."""

import numpy
import pytest
from in_ranks import run

import minitransformer as mt
from minitransformer import distributed as dist
from minitransformer import nn
from minitransformer.distributed.pipelining import (
    PipelineStage,
    Schedule1F1B,
    ScheduleGPipe,
    Slot,
    bubble,
    laid_out,
    stage_of,
)
from minitransformer.models import GPT, GPTConfig, LanguageModel, LanguageModelConfig
from minitransformer.models.blocks import blocks_of
from minitransformer.models.seq2seq import Seq2Seq, Seq2SeqConfig
from minitransformer.nn import functional as F

pytestmark = pytest.mark.host("threads that wait for each other; the emulated device runs one at a time")
SCHEDULES = pytest.mark.parametrize("schedule", [ScheduleGPipe, Schedule1F1B])
B, T, V, C = 5, 4, 11, 8


def made(make):
    mt.manual_seed(5)
    return make().double()


def ids(*shape, seed=1):
    return mt.tensor(numpy.random.default_rng(seed).integers(1, V, size=shape))


def targets():
    """More of them ignored in later rows; of the last row all."""
    found = numpy.random.default_rng(2).integers(V, size=(B, T))
    for row in range(B):
        found[row, T - row :] = -100
    return mt.tensor(found)


def loss_fn(logits, target):
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())


MODELS = {
    "gpt": lambda p: GPT(GPTConfig(V, 2 * T, C, 3, 2, dropout=p)),
    "language model": lambda p: LanguageModel(LanguageModelConfig(V, C, 2, 2, 12, p)),
    "encoder-decoder": lambda p: Seq2Seq(Seq2SeqConfig(V, C, 2, 2, 2, 12, p)),
}


def inputs(model):
    return (ids(B, T + 1), ids(B, T, seed=3)) if isinstance(model, Seq2Seq) else (ids(B, T),)


def check(found, want):
    scale = max(abs(g).max() for g in want.values())
    for name, g in found.items():
        assert abs(g - want[name]).max() <= 1e-12 * scale, name


@SCHEDULES
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "stages, micro_batches, p", [(1, 2, 0.3), (2, 1, 0.3), (2, 3, 0.0), (3, 4, 0.3), (4, 7, 0.3)]
)
def test_gradients_are_those_of_the_whole_batch(schedule, name, stages, micro_batches, p):
    """5 rows in 7 micro-batches: some are empty. The matrix of words is on the first stage and on the last."""
    alone = made(lambda: MODELS[name](p))
    mt.manual_seed(9)
    out = alone(*inputs(alone))
    value = loss_fn(out, targets())
    value.backward()
    after = mt.rand(1).item()

    def work(rank):
        model = made(lambda: MODELS[name](p))
        names = {id(q): n for n, q in model.named_parameters()}
        stage = stage_of(blocks_of(model))
        mt.manual_seed(9)
        losses = []
        given = inputs(model) if rank == 0 else ()
        found = schedule(stage, micro_batches, loss_fn).step(
            *given, target=targets() if stage.is_last else None, losses=losses
        )
        grads = {names[id(q)]: q.grad.numpy() for q in stage.submodule.parameters()}
        return grads, found, [loss.item() for loss in losses], mt.rand(1).item()

    every = run(work, stages)
    want = {n: q.grad.numpy() for n, q in alone.named_parameters()}
    for grads, _, _, random in every:
        check(grads, want)
        assert random == after
    assert set().union(*(grads for grads, *_ in every)) == want.keys()
    _, found, losses, _ = every[-1]
    assert numpy.allclose(found.numpy(), out.numpy(), rtol=1e-12)
    assert numpy.mean(losses) == pytest.approx(value.item(), rel=1e-12) and len(losses) == micro_batches


def test_without_the_count_of_the_whole_batch_micro_batches_would_weigh_wrongly():
    model = made(lambda: MODELS["gpt"](0.0))
    whole = loss_fn(model(ids(B, T)), targets()).item()
    parts = [loss_fn(model(ids(B, T)[i : i + 1]), targets()[i : i + 1]).item() for i in range(B - 1)]
    assert abs(numpy.mean(parts) - whole) > 1e-3


@SCHEDULES
def test_any_sequential_and_gradients_that_add_up(schedule):
    """A loss without a mean is divided by the number of micro-batches, as in PyTorch; an earlier gradient stays."""
    x = mt.tensor(numpy.random.default_rng(0).normal(size=(6, 3)))

    def blocks():
        return made(
            lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
        )

    alone = blocks()
    (alone(x) ** 2).sum().backward()
    want = [p.grad.numpy() for p in alone.parameters()]

    def work(rank):
        stage = stage_of(blocks(), ends=[1, 4, 5])
        pipeline = schedule(stage, 2, lambda y, target: (y**2).sum())
        for _ in range(3):
            pipeline.step(x)
        return [p.grad.numpy() for p in stage.submodule.parameters()]

    found = [g for grads in run(work, 3) for g in grads]
    assert all(numpy.allclose(g, 3 / 2 * w, rtol=1e-12) for g, w in zip(found, want, strict=True))


def test_a_step_without_a_loss_only_computes():
    x = mt.tensor(numpy.random.default_rng(0).normal(size=(6, 3)))

    def work(rank):
        stage = stage_of(made(lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))))
        out = Schedule1F1B(stage, 3).step(x)
        return None if out is None else out.numpy(), [p.grad for p in stage.submodule.parameters()]

    (nothing, _), (out, grads) = run(work, 2)
    alone = made(lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)))
    assert nothing is None and grads == [None, None] and numpy.allclose(out, alone(x).numpy(), rtol=1e-13)


def kept(order):
    """The largest number of micro-batches that are on their way at once."""
    on_the_way = [
        sum(1 if kind == "forward" else -1 for kind, _ in order[: i + 1]) for i in range(len(order))
    ]
    return max(on_the_way)


def test_1f1b_keeps_fewer_micro_batches():
    def work(rank):
        stage = PipelineStage(nn.Linear(1, 1), rank, 4)
        return [list(kind(stage, 8, loss_fn).order()) for kind in (ScheduleGPipe, Schedule1F1B)]

    for rank, (gpipe, one) in enumerate(run(work, 4)):
        assert sorted(gpipe) == sorted(one) and len(one) == 16
        assert kept(gpipe) == 8 and kept(one) == 4 - rank


@SCHEDULES
@pytest.mark.parametrize("stages, micro_batches", [(1, 3), (2, 4), (4, 8), (4, 2)])
def test_the_bubble_of_equal_pieces_is_that_of_the_formula(schedule, stages, micro_batches):
    def order(rank):
        return list(schedule(PipelineStage(nn.Linear(1, 1), rank, stages), micro_batches, loss_fn).order())

    slots = [
        Slot(rank, rank, m, kind, i, i, {"forward": 1.0, "backward": 2.0}[kind])
        for rank, row in enumerate(run(order, stages))
        for i, (kind, m) in enumerate(row)
    ]
    assert bubble(laid_out(slots)) == pytest.approx((stages - 1) / (micro_batches + stages - 1))
    if stages > 1:
        with pytest.raises(ValueError, match="some that wait for others"):
            laid_out([s for s in slots if s.stage or s.micro_batch])


def test_the_timeline_of_a_run():
    def work(rank):
        mt.manual_seed(0)
        blocks = nn.Sequential(*(nn.Linear(256, 256) for _ in range(4)))
        pipeline = Schedule1F1B(stage_of(blocks), 4, lambda y, _: y.square().mean())
        pipeline.step(mt.randn(256, 256))
        return pipeline.whole_timeline()

    first, second = run(work, 2)
    assert first == second and len(first) == 2 * 4 * 2
    assert min(s.begin for s in first) == 0 and all(s.end >= s.begin and s.busy >= 0 for s in first)
    assert {(s.rank, s.stage) for s in first} == {(0, 0), (1, 1)}
    ideal = laid_out(first)
    begins = {(s.stage, s.micro_batch, s.kind): s.begin for s in ideal}
    ends = {(s.stage, s.micro_batch, s.kind): s.end for s in ideal}
    assert all(begins[1, m, "forward"] >= ends[0, m, "forward"] for m in range(4))
    assert all(begins[0, m, "backward"] >= ends[1, m, "backward"] for m in range(4))
    assert 0 < bubble(ideal) < 0.9


def test_what_is_refused():
    def two_means(rank):
        stage = stage_of(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
        Schedule1F1B(
            stage, 2, lambda y, _: F.cross_entropy(y, mt.tensor([0])) + F.mse_loss(y, y.detach())
        ).step(mt.ones(2, 2))

    with pytest.raises(dist.DistError, match="expected a loss with one mean, got 2 means"):
        run(two_means, 2)
    with pytest.raises(dist.DistError, match="expected 2 stages of the 1 blocks"):
        run(lambda rank: stage_of(nn.Sequential(nn.Linear(1, 1))), 2)
    with pytest.raises(dist.DistError, match="expected stage . of 2, one for each rank.*got stage 0 of 3"):
        run(lambda rank: PipelineStage(nn.Linear(1, 1), 0, 3), 2)
    with pytest.raises(dist.DistError, match="n_microbatches >= 1, got 0"):
        run(lambda rank: ScheduleGPipe(PipelineStage(nn.Linear(1, 1), 0, 1), 0), 1)
    with pytest.raises(TypeError, match="expected a GPT, LanguageModel or Seq2Seq, got a Linear"):
        blocks_of(nn.Linear(1, 1))


def test_stages_with_other_schedules_are_named_at_once():
    def work(rank):
        stage = stage_of(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
        Schedule1F1B(stage, 2 + rank, lambda y, _: y.sum()).step(mt.ones(4, 2))

    with pytest.raises(
        dist.DistError, match=r"rank 0 calls Schedule1F1B\(2\).step, rank 1 calls Schedule1F1B\(3\).step"
    ):
        run(work, 2)


def test_a_stage_that_fails_ends_all():
    def work(rank):
        stage = stage_of(nn.Sequential(nn.Linear(2, 2), nn.Linear(3, 2)))
        Schedule1F1B(stage, 2, lambda y, _: y.sum()).step(mt.ones(2, 2))

    with pytest.raises(dist.DistError, match="^rank 1: ValueError"):
        run(work, 2)
