"""Data parallel: all ranks together compute what one process computes of the whole batch, whatever the shares."""

import numpy
import pytest
from in_ranks import run
from later import torch

import minitransformer as mt
from minitransformer import distributed as dist
from minitransformer import nn
from minitransformer.nn.parallel import DistributedDataParallel, global_batch
from minitransformer.nn.parallel.buckets import buckets
from minitransformer.utils.data.distributed import DistributedSampler

pytestmark = pytest.mark.host("threads that wait for each other; the emulated device runs one at a time")
B, T, V, C = 6, 5, 11, 8
IGNORED = -100


class Model(nn.Module):
    """Embedding, a Transformer's layer, logits."""

    def __init__(self, dropout):
        super().__init__()
        self.embedding = nn.Embedding(V, C)
        self.layer = nn.TransformerEncoderLayer(C, 2, 16, dropout, batch_first=True)
        self.head = nn.Linear(C, V)

    def forward(self, ids):
        return self.head(self.layer(self.embedding(ids)))  # (B, T, V)


def batch():
    """Ids and targets, of which more are ignored in the later rows."""
    source = numpy.random.default_rng(1)
    ids, targets = source.integers(V, size=(2, B, T))
    for row in range(B):
        targets[row, T - row :] = IGNORED
    return mt.tensor(ids), mt.tensor(targets)


def loss_of(model, ids, targets):
    return nn.functional.cross_entropy(model(ids).reshape(-1, V), targets.reshape(-1), ignore_index=IGNORED)


def model_of(dropout=0.0):
    mt.manual_seed(5)
    return Model(dropout).double()


def gradients(model):
    return {name.removeprefix("module."): p.grad.numpy() for name, p in model.named_parameters()}


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("shares", [(6,), (3, 3), (1, 5), (4, 0, 2), (1, 1, 1, 3)])
def test_gradients_are_those_of_the_whole_batch(shares, dropout):
    ids, targets = batch()
    alone = model_of(dropout)
    mt.manual_seed(9)
    value = loss_of(alone, ids, targets)
    value.backward()
    after = mt.rand(1).item()
    want = gradients(alone)

    def work(rank):
        model = DistributedDataParallel(model_of(dropout), bucket_cap_mb=0.001)
        mt.manual_seed(9)
        start = sum(shares[:rank])
        rows = slice(start, start + shares[rank])
        with global_batch(shares[rank]):
            loss = loss_of(model, ids[rows], targets[rows])
        loss.backward()
        dist.all_reduce(mean := loss.detach(), dist.ReduceOp.AVG)
        return gradients(model), mean.item(), mt.rand(1).item()

    scale = max(abs(g).max() for g in want.values())
    for found, mean, random in run(work, len(shares)):
        assert mean == pytest.approx(value.item(), rel=1e-13) and random == after
        for name, g in want.items():
            assert abs(found[name] - g).max() <= 1e-12 * scale, name


def test_without_the_global_count_unequal_shares_weigh_wrongly():
    """What users of averaged gradients meet; the test above would not see it if all shares were equal."""
    ids, targets = batch()
    alone = model_of()
    loss_of(alone, ids, targets).backward()

    def work(rank):
        model = DistributedDataParallel(model_of())
        rows = slice(0, 1) if rank == 0 else slice(1, B)
        loss_of(model, ids[rows], targets[rows]).backward()
        return gradients(model)

    want = gradients(alone)
    assert abs(run(work, 2)[0]["head.weight"] - want["head.weight"]).max() > 1e-3


def test_rows_that_lie_along_another_dimension_are_refused():
    def work(rank):
        with global_batch(3 + rank):
            return mt.nn.functional.dropout(mt.ones(5, 3 + rank, 2))

    with pytest.raises(
        dist.DistError, match=r"expected this rank's . rows along the first dimension.*batch_first=True"
    ):
        run(work, 2)


@pytest.mark.parametrize(
    "loss", [nn.functional.mse_loss, nn.functional.l1_loss, nn.functional.smooth_l1_loss]
)
def test_other_losses_divide_by_the_global_count_too(loss):
    source = numpy.random.default_rng(2)
    x, y = (mt.tensor(source.normal(size=(7, 3))) for _ in range(2))
    w = mt.tensor(source.normal(size=(3, 3)), requires_grad=True)
    loss(x @ w, y).backward()

    def work(rank):
        layer = nn.Linear(3, 3, bias=False).double()
        layer.load_state_dict({"weight": w.detach().t()})
        model = DistributedDataParallel(layer)
        rows = slice(0, 2) if rank == 0 else slice(2, 7)
        with global_batch(2 if rank == 0 else 5):
            loss(model(x[rows]), y[rows]).backward()
        return layer.weight.grad.numpy().T

    for found in run(work, 2):
        assert numpy.allclose(found, w.grad.numpy(), rtol=0, atol=1e-14)


def test_all_begin_with_the_first_ranks_weights_and_end_a_step_alike():
    ids, targets = batch()

    def work(rank):
        mt.manual_seed(rank)
        model = DistributedDataParallel(Model(0.0))
        optimizer = mt.optim.AdamW(model.parameters(), lr=1e-2)
        for _ in range(3):
            optimizer.zero_grad()
            loss_of(model, ids[rank * 3 : rank * 3 + 3], targets[rank * 3 : rank * 3 + 3]).backward()
            optimizer.step()
        return {name: t.numpy() for name, t in model.state_dict().items()}

    one, other = run(work, 2)
    mt.manual_seed(0)
    first = Model(0.0).state_dict()
    assert set(one) == {f"module.{name}" for name in first}  # as in PyTorch
    for name in one:
        assert (one[name] == other[name]).all() and not numpy.array_equal(
            one[name], first[name.removeprefix("module.")].numpy()
        )


def test_no_sync_adds_up_and_the_next_walk_takes_the_mean():
    x = mt.tensor(numpy.arange(12.0).reshape(4, 3))

    def work(rank):
        layer = nn.Linear(3, 1, bias=False).double()
        model = DistributedDataParallel(layer)
        with model.no_sync():
            model(x[rank : rank + 1]).sum().backward()
        before = layer.weight.grad.numpy().copy()
        model(x[2 + rank : 3 + rank]).sum().backward()
        return before, layer.weight.grad.numpy()

    for rank, (before, after) in enumerate(run(work, 2)):
        assert (before == x[rank].numpy()).all()
        assert numpy.allclose(after, x.numpy().sum(0) / 2, rtol=1e-15)


class Branches(nn.Module):
    """One of two layers is used; a third by nobody."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 1, bias=False) for _ in range(3)])

    def forward(self, x, which):
        return {"out": self.layers[which](x)}


def test_unused_parameters_count_as_zero_and_those_of_nobody_stay_without_a_gradient():
    def work(rank):
        model = DistributedDataParallel(Branches())
        model(mt.ones(1, 2), rank)["out"].sum().backward()
        return [None if p.grad is None else p.grad.tolist() for p in model.parameters()]

    assert run(work, 2) == [[[[0.5, 0.5]], [[0.5, 0.5]], None]] * 2


def test_frozen_parameters_and_a_walk_that_does_not_pass_the_module_send_nothing():
    def work(rank):
        model = DistributedDataParallel(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)))
        for p in model.module[0].parameters():
            p.requires_grad_(False)
        w = mt.ones(2, requires_grad=True)
        if rank == 0:  # alone: would hang if it waited for the other
            (w * 3).sum().backward()
            with mt.no_grad():
                model(mt.ones(1, 2))
        model(mt.ones(1, 2) * rank).sum().backward()
        return [p.grad is None for p in model.parameters()], model.module[1].bias.grad.item()

    assert run(work, 2) == [([True, True, False, False], 1.0)] * 2


def test_several_calls_before_one_walk_take_the_mean_once():
    def work(rank):
        layer = nn.Linear(1, 1, bias=False)
        model = DistributedDataParallel(layer)
        (model(mt.ones(1, 1)) + model(mt.ones(1, 1) * rank)).sum().backward()
        return layer.weight.grad.item()

    assert run(work, 2) == [1.5] * 2


def test_buffers_are_the_first_ranks():
    """Running means differ from rank to rank; in evaluation all must use the same."""

    def work(rank):
        norm = nn.BatchNorm1d(2)
        model = DistributedDataParallel(norm)
        for _ in range(2):
            model(mt.randn(4, 2) + rank).sum().backward()
        between = norm.running_mean.tolist()
        model(mt.zeros(4, 2))  # begins with the first rank's
        return between, norm.running_mean.tolist(), norm.num_batches_tracked.item()

    (first, together, steps), (second, other, _) = run(work, 2)
    assert first != second and together == other and steps == 3


def test_models_that_differ_are_refused():
    with pytest.raises(dist.DistError, match="rank 0 calls DistributedDataParallel.*rank 1 calls"):
        run(lambda rank: DistributedDataParallel(nn.Linear(2, 2 + rank)), 2)
    with pytest.raises(dist.DistError, match="expected a parameter that requires a gradient"):
        run(lambda rank: DistributedDataParallel(nn.ReLU()), 2)


def test_buckets_are_full_in_order_and_of_one_dtype():
    arrays = [numpy.zeros(n, dtype) for n, dtype in [(2, "f4"), (2, "f4"), (9, "f4"), (1, "f4"), (1, "f8")]]
    found = list(buckets(arrays, cap=16))
    assert [len(b) for b in found] == [2, 1, 1, 1]
    assert [id(a) for b in found for a in b] == list(map(id, arrays))
    assert not list(buckets([], 16))


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [1, 4, 7, 12])
def test_sampler(size, drop_last):
    ours = [DistributedSampler(range(size), 4, rank, shuffle=False, drop_last=drop_last) for rank in range(4)]
    if not (drop_last and size < 4):
        theirs = torch.utils.data.distributed.DistributedSampler
        assert list(map(list, ours)) == [
            list(theirs(range(size), 4, r, False, drop_last=drop_last)) for r in range(4)
        ]
    shuffled = [DistributedSampler(range(size), 4, rank, seed=3, drop_last=drop_last) for rank in range(4)]
    first = list(map(list, shuffled))
    assert {len(s) for s in shuffled} == {len(f) for f in first} == {len(ours[0])}
    if not drop_last:
        assert {i for f in first for i in f} == set(range(size))
    for sampler in shuffled:
        sampler.set_epoch(1)
    assert size < 7 or list(map(list, shuffled)) != first


def test_sampler_knows_its_rank():
    assert run(lambda rank: list(DistributedSampler(range(4), shuffle=False)), 2) == [[0, 2], [1, 3]]
    with pytest.raises(ValueError, match="expected a rank from 0 to 1, got 2"):
        DistributedSampler(range(4), 2, 2)
    with pytest.raises(ValueError, match="init_process_group first"):
        DistributedSampler(range(4))
