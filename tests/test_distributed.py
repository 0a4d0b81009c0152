"""Ranks as threads: every collective beside NumPy, and what happens when a rank ends, does not come, or calls something else."""

import contextlib
import time

import numpy
import pytest
from in_ranks import SIZE, run

import minitransformer as mt
from minitransformer import distributed as dist
from minitransformer.distributed import ReduceOp

pytestmark = pytest.mark.host("threads that wait for each other; the emulated device runs one at a time")


def parts(shape=(3, 4), dtype="float64"):
    """An array for each rank."""
    source = numpy.random.default_rng(0)
    return [(source.normal(size=shape) * 9).astype(dtype) for _ in range(SIZE)]


def tensor(array):
    return mt.tensor(array.copy())


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8"])
@pytest.mark.parametrize("name", ["SUM", "AVG", "PRODUCT", "MIN", "MAX", "BAND", "BXOR"])
def test_all_reduce(name, dtype):
    if name == "AVG" and dtype[0] in "iu" or name[0] == "B" and dtype[0] == "f":
        with pytest.raises(dist.DistError, match="ReduceOp"):
            run(lambda rank: dist.all_reduce(tensor(parts(dtype=dtype)[rank]), getattr(ReduceOp, name)))
        return
    ufunc = dict(
        SUM="add",
        AVG="add",
        PRODUCT="multiply",
        MIN="minimum",
        MAX="maximum",
        BAND="bitwise_and",
        BXOR="bitwise_xor",
    )
    wide = [p.astype("float32") if dtype == "float16" else p for p in parts(dtype=dtype)]
    want = getattr(numpy, ufunc[name]).reduce(wide, dtype=wide[0].dtype) / (SIZE if name == "AVG" else 1)

    def work(rank):
        x = tensor(parts(dtype=dtype)[rank])
        assert dist.all_reduce(x, getattr(ReduceOp, name), async_op=True).wait()
        return x.numpy()

    for got in run(work):
        assert got.dtype == dtype
        assert numpy.allclose(got, want.astype(dtype), rtol=1e-6, atol=0)


def test_half_precision_is_added_up_in_float32():
    """2048 + 1 + 1: in float16 each 1 is lost."""
    found = run(lambda rank: _summed(mt.tensor([2048.0, 1.0, 1.0][rank : rank + 1], dtype=mt.float16)))
    assert found == [[2050.0]] * SIZE


def _summed(x):
    dist.all_reduce(x)
    return x.tolist()


def test_a_tensor_that_is_not_in_one_piece_is_reduced_in_place():
    def work(rank):
        whole = mt.zeros(4, 3)
        dist.all_reduce(whole.t()[1:].copy_(mt.ones(2, 4) * rank))
        scalar = mt.tensor(float(rank))
        dist.all_reduce(scalar)
        return whole.tolist(), scalar.item()

    assert run(work) == [([[0.0, 3.0, 3.0]] * 4, 3.0)] * SIZE


def test_what_one_rank_has_comes_to_all_and_back():
    given = parts()

    def work(rank):
        everywhere, kept = tensor(given[rank]), tensor(given[rank])
        dist.broadcast(everywhere, src=1)
        dist.reduce(kept, dst=2)
        here = [mt.zeros(3, 4, dtype=mt.float64) for _ in range(SIZE)]
        dist.gather(tensor(given[rank]), here if rank == 1 else None, dst=1)
        mine = mt.zeros(3, 4, dtype=mt.float64)
        dist.scatter(mine, [tensor(g * 2) for g in given] if rank == 2 else None, src=2)
        return everywhere.numpy(), kept.numpy(), [t.numpy() for t in here], mine.numpy()

    for rank, (everywhere, kept, here, mine) in enumerate(run(work)):
        assert (everywhere == given[1]).all() and (mine == 2 * given[rank]).all()
        assert numpy.allclose(kept, sum(given) if rank == 2 else given[rank], rtol=1e-15)
        assert numpy.array_equal(here, given if rank == 1 else numpy.zeros((SIZE, 3, 4)))


def test_what_all_ranks_have_comes_to_all():
    given = parts((SIZE * 2, 3))

    def work(rank):
        x = tensor(given[rank])
        each = [mt.zeros_like(x) for _ in range(SIZE)]
        dist.all_gather(each, x)
        flat = mt.zeros(SIZE * SIZE * 2, 3, dtype=mt.float64)
        dist.all_gather_into_tensor(flat, x)
        own = mt.zeros(2, 3, dtype=mt.float64)
        dist.reduce_scatter_tensor(own, x)
        swapped = mt.zeros_like(x)
        dist.all_to_all_single(swapped, x)
        assert (x.numpy() == given[rank]).all()  # inputs stay
        return [t.numpy() for t in each], flat.numpy(), own.numpy(), swapped.numpy()

    for rank, (each, flat, own, swapped) in enumerate(run(work)):
        rows = slice(2 * rank, 2 * rank + 2)
        assert numpy.array_equal(each, given) and numpy.array_equal(flat, numpy.concatenate(given))
        assert numpy.allclose(own, sum(given)[rows], rtol=1e-15)
        assert numpy.array_equal(swapped, numpy.concatenate([g[rows] for g in given]))


def test_two_ranks_exchange():
    def work(rank):
        right, left = (rank + 1) % SIZE, (rank - 1) % SIZE
        got, later = mt.zeros(2), mt.zeros(2)
        sent = dist.isend(mt.ones(2) * rank, right, tag=7)
        dist.send(mt.ones(2) * (rank + 10), right)
        waiting = dist.irecv(later, left, tag=7)
        assert dist.recv(got) == left and not waiting.is_completed()
        assert waiting.wait() and waiting.is_completed() and sent.wait()
        return got.tolist() + later.tolist()

    assert run(work) == [[12, 12, 2, 2], [10, 10, 0, 0], [11, 11, 1, 1]]


def test_objects():
    def work(rank):
        everyone, first, one = [None] * SIZE, [{"a": rank}], [None]
        dist.all_gather_object(everyone, "x" * rank)
        dist.broadcast_object_list(first, src=2)
        dist.scatter_object_list(one, [(), (1,), (2, 3)] if rank == 0 else None)
        here = [None] * SIZE if rank == 1 else None
        dist.gather_object(rank, here, dst=1)
        return everyone, first, one, here

    found = run(work)
    for rank, (everyone, first, one, here) in enumerate(found):
        assert (everyone, first, one) == (["", "x", "xx"], [{"a": 2}], [[(), (1,), (2, 3)][rank]])
        assert here == ([0, 1, 2] if rank == 1 else None)


def test_groups_count_their_own_ranks():
    def work(rank):
        pair = dist.new_group([0, 2])
        if rank == 1:
            assert pair is dist.group.NON_GROUP_MEMBER
            with pytest.raises(ValueError, match="rank 1 is not in this group"):
                dist.all_reduce(mt.ones(1), group=pair)
            return None
        x = mt.tensor([float(rank)])
        dist.all_reduce(x, group=pair)
        dist.broadcast(y := mt.tensor([rank]), src=2, group=pair)
        assert dist.get_process_group_ranks(pair) == [0, 2] and dist.get_backend(pair) == "local"
        assert dist.get_global_rank(pair, 1) == 2 and dist.get_group_rank(pair, 2) == 1
        return dist.get_rank(pair), dist.get_world_size(pair), x.item(), y.item()

    assert run(work) == [(0, 2, 2.0, 2), None, (1, 2, 2.0, 2)]


def test_a_mesh_has_a_group_for_each_line():
    def work(rank):
        mesh = dist.init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "tensor"))
        x = mt.tensor([float(rank)] * 2)
        dist.all_reduce(x[:1], group=mesh.get_group("data"))
        dist.all_reduce(x[1:], group=mesh.get_group(1))
        assert mesh.size() == 4 and mesh.size(0) == 2 and mesh.get_local_rank("tensor") == rank % 2
        return mesh.get_coordinate(), x.tolist()

    assert run(work, 4) == [([0, 0], [2, 1]), ([0, 1], [4, 1]), ([1, 0], [2, 5]), ([1, 1], [4, 5])]


def test_before_the_group_every_call_says_what_to_do():
    calls = [
        lambda: dist.all_reduce(mt.ones(1)),
        lambda: dist.send(mt.ones(1), 1),
        dist.barrier,
        dist.get_rank,
        dist.get_world_size,
        lambda: dist.new_group([0]),
        lambda: dist.all_gather_object([], 1),
        lambda: mt.nn.parallel.DistributedDataParallel(mt.nn.Linear(1, 1)),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="call distributed.init_process_group first"):
            call()
    assert not dist.is_initialized() and dist.is_available()


def test_a_program_alone_is_a_group_of_one():
    dist.init_process_group("local", rank=0, world_size=1)
    try:
        x = mt.tensor([2.0])
        dist.all_reduce(x)
        assert (x.item(), dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (2.0, 0, 1, "local")
        with pytest.raises(RuntimeError, match="in a group already"):
            dist.init_process_group("local")
    finally:
        dist.destroy_process_group()
    assert not dist.is_initialized()
    with pytest.raises(ValueError, match="expected rank 1 of 2, got rank 0 of 1"):
        dist.init_process_group("local", rank=1, world_size=2)
    with pytest.raises(ValueError, match="expected one of local, mpi, got 'nccl'"):
        dist.init_process_group("nccl")


@contextlib.contextmanager
def quickly(message, seconds=5):
    begun = time.monotonic()
    with pytest.raises(dist.DistError, match=message):
        yield
    assert time.monotonic() - begun < seconds


def test_a_rank_that_fails_ends_all():
    def work(rank):
        if rank == 1:
            raise KeyError("weights")
        dist.all_reduce(mt.ones(2))

    with quickly("^rank 1: KeyError: 'weights'$"):
        run(work)


def test_a_rank_that_returns_too_early_is_named():
    with quickly(r"^rank [02] in barrier\(\): rank 1 has ended without coming to it$"):
        run(lambda rank: None if rank == 1 else dist.barrier())


def test_a_rank_that_hangs_is_named():
    with quickly(r"rank [02] in all_reduce\(float32 \(2,\), SUM\): rank 1 did not come within 0.15 seconds"):
        run(lambda rank: time.sleep(0.4) if rank == 1 else dist.all_reduce(mt.ones(2)), timeout=0.15)


def test_a_message_that_never_comes_is_named():
    with quickly(r"rank 0 in recv\(float32 \(2,\), from rank 1\): rank 1 did not come"):
        run(lambda rank: dist.recv(mt.ones(2), src=1) if rank == 0 else time.sleep(0.4), timeout=0.15)


@pytest.mark.parametrize(
    "other",
    [
        lambda: dist.all_reduce(mt.ones(3)),
        lambda: dist.all_reduce(mt.ones(2, dtype=mt.float64)),
        lambda: dist.all_reduce(mt.ones(2), ReduceOp.MAX),
        lambda: dist.broadcast(mt.ones(2)),
        lambda: dist.barrier(),
    ],
)
def test_ranks_that_disagree_are_named_with_their_calls(other):
    with quickly(r"rank 0 calls all_reduce\(float32 \(2,\), SUM\), rank 2 calls \w+\("):
        run(lambda rank: other() if rank == 2 else dist.all_reduce(mt.ones(2)))


def test_a_message_of_another_shape_is_named():
    with quickly(r"rank 1 in recv\(float32 \(2,\), from rank 0\): rank 0 sent float64 \(2,\)"):
        run(
            lambda rank: (
                dist.send(mt.ones(2, dtype=mt.float64), 1) if rank == 0 else dist.recv(mt.ones(2), 0)
            ),
            2,
        )


def test_each_rank_has_random_numbers_of_its_own():
    mt.manual_seed(3)

    def work(rank):
        same = mt.rand(2).tolist()
        for _ in range(rank):
            mt.rand(5)  # nobody else notices
        dist.barrier()
        mt.manual_seed(rank)
        return same, mt.rand(2).tolist()

    found = run(work)
    here = mt.rand(2).tolist()
    assert [same for same, _ in found] == [here] * SIZE
    for rank, (_, own) in enumerate(found):
        mt.manual_seed(rank)
        assert own == mt.rand(2).tolist()


def test_settings_of_the_caller_hold_in_all_ranks():
    with mt.no_grad():
        assert run(lambda rank: mt.is_grad_enabled()) == [False] * SIZE
