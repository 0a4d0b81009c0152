"""ZeRO: an optimizer of which each rank keeps a part takes the steps of the whole one, to the last bit."""

import numpy
import pytest
from in_ranks import run

import minitransformer as mt
from minitransformer import distributed as dist
from minitransformer import nn, optim
from minitransformer.distributed.optim import ZeroRedundancyOptimizer
from minitransformer.nn.parallel import DistributedDataParallel

pytestmark = pytest.mark.host("threads that wait for each other; the emulated device runs one at a time")


def model_of():
    mt.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3), nn.LayerNorm(3)).double()


def steps(model, optimizer, begin, end, schedule=None):
    for step in range(begin, end):
        optimizer.zero_grad()
        x = mt.tensor(numpy.random.default_rng(step).normal(size=(4, 5)))
        (model(x) ** 2 * mt.tensor([1.0, 2.0, -1.0])).sum().backward()
        optimizer.step()
        schedule and schedule.step()
    return [p.numpy().copy() for p in model.parameters()]


def nbytes(state):
    return sum(a.nbytes for s in state.values() for a in s.values() if hasattr(a, "nbytes"))


CLASSES = [
    (optim.Adam, {"lr": 0.1}),
    (optim.AdamW, {"lr": 0.1, "weight_decay": 0.3}),
    (optim.SGD, {"lr": 0.01, "momentum": 0.9}),
]


@pytest.mark.parametrize("kind, settings", CLASSES)
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_steps_are_those_of_the_whole_optimizer(kind, settings, size):
    alone = model_of()
    whole = kind(alone.parameters(), **settings)
    want = steps(alone, whole, 0, 4, optim.lr_scheduler.StepLR(whole, 2))

    def work(rank):
        model = model_of()
        zero = ZeroRedundancyOptimizer(model.parameters(), kind, **settings)
        found = steps(model, zero, 0, 4, optim.lr_scheduler.StepLR(zero, 2))
        return found, nbytes(zero.state)

    found = run(work, size)
    for parameters, _ in found:
        assert all((a == b).all() for a, b in zip(parameters, want, strict=True))
    largest = 2 * max(p.nbytes for p in want)
    assert sum(held for _, held in found) == nbytes(whole.state)  # nothing twice
    assert max(held for _, held in found) <= nbytes(whole.state) / size + largest


def test_memory_of_equal_layers_is_shared_out_evenly():
    def work(rank):
        model = nn.Sequential(*(nn.Linear(64, 64, bias=False) for _ in range(8)))
        zero = ZeroRedundancyOptimizer(model.parameters(), optim.Adam)
        model(mt.ones(1, 64)).sum().backward()
        zero.step()
        return nbytes(zero.state)

    assert run(work, 4) == [2 * 2 * 64 * 64 * 4] * 4  # a quarter of 8 layers, two numbers each of 4 bytes


@pytest.mark.parametrize("before, after", [(2, 3), (3, 2), (2, 1), (1, 2)])
def test_state_is_that_of_the_whole_optimizer_and_goes_on_with_any_number_of_ranks(before, after):
    alone = model_of()
    whole = optim.Adam(alone.parameters(), lr=0.1)
    middle, state = steps(alone, whole, 0, 3), whole.state_dict()
    want = steps(alone, whole, 3, 5)

    def save(rank):
        model = model_of()
        zero = ZeroRedundancyOptimizer(model.parameters(), optim.Adam, lr=0.1)
        steps(model, zero, 0, 3)
        with pytest.raises(RuntimeError, match=f"consolidate_state_dict.to={rank}. first"):
            zero.state_dict()
        zero.consolidate_state_dict(to=before - 1)
        return zero.state_dict() if rank == before - 1 else None

    saved = run(save, before)[-1]
    assert saved["param_groups"] == state["param_groups"] and saved["state"].keys() == state["state"].keys()
    for i, entries in state["state"].items():
        for name, value in entries.items():
            assert (numpy.asarray(saved["state"][i][name]) == numpy.asarray(value)).all()

    def resume(rank):
        model = model_of()
        for p, values in zip(model.parameters(), middle, strict=True):
            p.data = mt.tensor(values)
        zero = ZeroRedundancyOptimizer(model.parameters(), optim.Adam, lr=0.5)
        zero.load_state_dict(saved)
        assert after == 1 or nbytes(zero.state) < nbytes(whole.state)
        return steps(model, zero, 3, 5)

    for parameters in run(resume, after):
        assert all((a == b).all() for a, b in zip(parameters, want, strict=True))


def test_with_data_parallel_and_a_parameter_without_a_gradient():
    def work(rank):
        mt.manual_seed(0)
        model = DistributedDataParallel(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
        model.module[0].weight.requires_grad_(False)
        zero = ZeroRedundancyOptimizer(
            [{"params": model.module[0].parameters()}, {"params": model.module[1].parameters(), "lr": 0.2}],
            optim.SGD,
            lr=0.1,
        )
        model(mt.ones(1, 2) * rank).sum().backward()
        zero.step()
        return [p.tolist() for p in model.parameters()], [g["lr"] for g in zero.param_groups]

    first, second = run(work, 2)
    assert first == second and first[1] == [0.1, 0.2]


def test_what_is_refused():
    with pytest.raises(ValueError, match="init_process_group first"):
        ZeroRedundancyOptimizer(model_of().parameters(), optim.Adam)

    def overlaps(rank):
        ZeroRedundancyOptimizer(model_of().parameters(), optim.Adam, overlap_with_ddp=True)

    with pytest.raises(dist.DistError, match="expected overlap_with_ddp=False"):
        run(overlaps, 1)
