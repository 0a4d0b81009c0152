"""Tensor, pipeline and data parallel at once: every gradient, and every parameter after five steps, beside one process."""

import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from test_ranks import MPIEXEC, with_mpi

import minitransformer as mt
from minitransformer import distributed as dist
from minitransformer import optim
from minitransformer.cli import ranks
from minitransformer.distributed.meshed_model import MeshedModel
from minitransformer.distributed.optim import ZeroRedundancyOptimizer
from minitransformer.distributed.pipelining import Schedule1F1B, ScheduleGPipe
from minitransformer.distributed.tensor import Replicate
from minitransformer.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, transformer_plan
from minitransformer.models import GPT, GPTConfig
from minitransformer.models.blocks import blocks_of
from minitransformer.models.seq2seq import Seq2Seq, Seq2SeqConfig
from minitransformer.nn import functional as F
from minitransformer.nn.parallel import global_batch
from minitransformer.nn.utils import clip_grad_norm_

pytestmark = pytest.mark.host("threads that wait for each other; the emulated device runs one at a time")
B, T, V, C, STEPS = 7, 4, 11, 8, 5
MODELS = {
    "gpt": lambda: GPT(GPTConfig(V, 2 * T, C, 3, 4, dropout=0.2)),
    "encoder-decoder": lambda: Seq2Seq(Seq2SeqConfig(V, C, 4, 2, 2, 12, 0.2)),
}


def made(name):
    mt.manual_seed(5)
    return MODELS[name]().double()


def batch(name, step):
    """Inputs and targets, of which more are ignored in the later rows."""
    source = numpy.random.default_rng(step)
    inputs = [source.integers(1, V, size=(B, n)) for n in ((T,) if name == "gpt" else (T + 1, T))]
    targets = source.integers(V, size=(B, T))
    for row in range(B):
        targets[row, : row % T] = -100
    return [mt.tensor(a) for a in inputs], mt.tensor(targets)


def loss_fn(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def optimizer_of(params, group=None):
    """Not Adam with a small eps: the gradient of the bias of keys is rounding alone, and Adam would step by its sign."""
    settings = {"lr": 0.01, "eps": 1e-3}
    if group is None:
        return optim.Adam(params, **settings)
    return ZeroRedundancyOptimizer(params, optim.Adam, group, **settings)


def alone(name):
    """Losses, the first gradients and their norm, the last parameters, and the next random number."""
    model = made(name)
    optimizer = optimizer_of(model.parameters())
    mt.manual_seed(9)
    losses, first = [], None
    for step in range(STEPS):
        inputs, targets = batch(name, step)
        optimizer.zero_grad()
        loss = loss_fn(model(*inputs), targets)
        loss.backward()
        if first is None:
            first = (
                [p.grad.numpy().copy() for p in model.parameters()],
                clip_grad_norm_(model.parameters(), 1e9).item(),
            )
        optimizer.step()
        losses.append(loss.item())
    return losses, *first, [p.numpy() for p in model.parameters()], mt.rand(1).item()


def meshed(name, tensor, pipeline, schedule, cuts_vocabulary, zero=False):
    """The same of this rank, put together. With `zero`, ranks along "data" share out what the optimizer keeps."""
    model = made(name)
    plan = transformer_plan(model, tensor)
    if cuts_vocabulary:
        words = "words" if name == "gpt" else "embedding"
        plan |= {words: RowwiseParallel(), "head": ColwiseParallel(output_layouts=Replicate())}
    m = MeshedModel(model, tensor, pipeline, blocks_of, plan)
    optimizer = optimizer_of(m.parameters(), m.data if zero else None)
    run = schedule(m.stage, 3, loss_fn)
    mt.manual_seed(9)
    losses, first = [], None
    rows = slice(B * m.data.rank // m.data.size, B * (m.data.rank + 1) // m.data.size)
    for step in range(STEPS):
        inputs, targets = batch(name, step)
        optimizer.zero_grad()
        with global_batch(rows.stop - rows.start, m.data):
            found = []
            run.step(*(t[rows] for t in inputs), target=targets[rows], losses=found)
        m.average_gradients()
        if first is None:
            first = m.gradients(), m.norm()
        optimizer.step()
        losses.append(float(numpy.mean([loss.item() for loss in found])) if found else None)
    m.gather()
    return losses, *first, [p.numpy() for p in model.parameters()], mt.rand(1).item()


def check(found, want, shares):
    losses, grads, norm, params, random = found
    assert losses[0] is None or shares > 1 or losses == pytest.approx(want[0], rel=1e-10)
    assert norm == pytest.approx(want[2], rel=1e-12) and random == want[4]
    for ours, theirs in ((grads, want[1]), (params, want[3])):
        scale = max(abs(a).max() for a in theirs)
        assert max(abs(a - b).max() for a, b in zip(ours, theirs, strict=True)) <= 1e-10 * scale


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("ranks", "tensor", "pipeline", "schedule", "cuts_vocabulary"),
    [
        (4, 2, 2, Schedule1F1B, True),
        (4, 1, 2, ScheduleGPipe, False),
        (4, 2, 1, ScheduleGPipe, False),
        (4, 4, 1, Schedule1F1B, True),
        (8, 2, 2, Schedule1F1B, True),
        pytest.param(8, 2, 4, ScheduleGPipe, True, marks=pytest.mark.slow),
        pytest.param(8, 4, 2, Schedule1F1B, False, marks=pytest.mark.slow),
    ],
)
def test_every_layout_takes_the_steps_of_one_process(
    name, ranks, tensor, pipeline, schedule, cuts_vocabulary
):

    def work(rank):
        dist.init_process_group("local", timeout=60)
        return meshed(name, tensor, pipeline, schedule, cuts_vocabulary)

    want = alone(name)
    for found in dist.spawn(work, nprocs=ranks):
        check(found, want, ranks // (tensor * pipeline))


def test_a_shared_embedding_on_two_stages_with_the_optimizer_shared_out():
    """The stages add their gradients before the mean is taken, and the norm counts the matrix once; elsewhere neither held:
    https://github.com/NVIDIA/Megatron-LM/issues/844 and https://github.com/NVIDIA/Megatron-LM/pull/7227."""

    def work(rank):
        dist.init_process_group("local", timeout=60)
        return meshed("gpt", 1, 2, Schedule1F1B, False, zero=True)

    want = alone("gpt")
    for found in dist.spawn(work, nprocs=4):
        check(found, want, 2)


def test_a_number_of_ranks_that_does_not_fit_is_refused():
    def work(rank):
        dist.init_process_group("local")
        MeshedModel(made("gpt"), 2, 2, blocks_of)

    with pytest.raises(dist.DistError, match=r"a multiple of 2 x 2 .tensor x pipeline. ranks, got 6"):
        dist.spawn(work, nprocs=6)


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import test_meshed as t
from minitransformer import distributed as dist
dist.init_process_group("mpi", timeout=60)
for name in t.MODELS:
    t.check(t.meshed(name, 2, 2, t.Schedule1F1B, True), t.alone(name), 1)
    t.check(t.meshed(name, 1, 2, t.ScheduleGPipe, False), t.alone(name), 2)
sys.stdout.write("right\\n")
"""


@pytest.mark.slow
@with_mpi
def test_four_processes():
    line = [MPIEXEC, "-n", "4", sys.executable, "-c", PROGRAM, str(Path(__file__).parent)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=200, env=ranks.environment())
    assert done.returncode == 0 and done.stdout.count("right") == 4, done.stdout + done.stderr
