"""Samplers, parts of datasets and the loaders that follow them: orders held to torch.utils.data, chance held to its frequencies."""

import itertools

import numpy
import pytest
from later import torch

import minitransformer as mt
from minitransformer.utils import data
from minitransformer.utils.data.dataloader import DataLoader

pytestmark = pytest.mark.host("numbers of samples, which lie on the host on every backend")
SAMPLES = [(i, i / 2) for i in range(11)]


class Stream(data.IterableDataset):
    """Numbers without end, or up to `n`; the class of PyTorch's counterpart is made from it."""

    def __init__(self, n=None):
        self.n = n

    def __iter__(self):
        return iter(range(self.n)) if self.n is not None else itertools.count()


def theirs(ours):
    """PyTorch's stream of the same numbers."""
    return type("Stream", (torch.utils.data.IterableDataset,), {"__iter__": lambda self: iter(ours)})()


def plain(batches):
    return [
        [field.tolist() for field in batch] if isinstance(batch, list) else batch.tolist()
        for batch in batches
    ]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [1, 3, 4])
def test_a_sampler_decides_the_order_as_in_torch(size, drop_last):
    order = [3, 1, 4, 1, 5, 9, 2, 6]
    ours, torchs = (
        lib.DataLoader(SAMPLES, size, sampler=order, drop_last=drop_last) for lib in (data, torch.utils.data)
    )
    assert len(ours) == len(torchs) and plain(ours) == plain(torchs) == plain(ours)


@pytest.mark.parametrize("samples", [SAMPLES, [numpy.ones(2), numpy.zeros(2)], ["a", "b"], [3, 4]])
def test_no_batch_size_gives_single_samples_as_torch_does(samples):
    ours, torchs = (list(lib.DataLoader(samples, batch_size=None)) for lib in (data, torch.utils.data))
    for o, t in zip(ours, torchs, strict=True):
        assert type(o).__name__ == type(t).__name__
        assert numpy.array_equal(o, t)
    assert len(DataLoader(samples, batch_size=None)) == len(samples)


@pytest.mark.parametrize("size", [1, 3, 4, None])
@pytest.mark.parametrize("drop_last", [False, True])
def test_a_stream_comes_in_batches_as_in_torch(size, drop_last):
    if size is None and drop_last:
        with pytest.raises(ValueError):
            torch.utils.data.DataLoader(theirs(Stream(8)), None, drop_last=True)
        return
    ours = DataLoader(Stream(8), size, drop_last=drop_last)
    torchs = torch.utils.data.DataLoader(theirs(Stream(8)), size, drop_last=drop_last)
    as_list = (lambda batches: list(batches)) if size is None else plain
    assert as_list(ours) == as_list(torchs) == as_list(ours)
    with pytest.raises(TypeError, match="has no len"):
        len(ours)
    with pytest.raises(ValueError, match="comes from an IterableDataset"):
        ours.state_dict()


def test_an_endless_stream_and_an_endless_sampler_are_read_as_they_go():
    assert plain(itertools.islice(DataLoader(Stream(), 2), 2)) == [[0, 1], [2, 3]]
    endless = data.RandomSampler(SAMPLES, replacement=True, num_samples=10**10)
    loader = DataLoader(SAMPLES, 5, sampler=endless)
    assert len(loader) == 2 * 10**9
    first = [i for ids, _ in itertools.islice(loader, 3) for i in ids.tolist()]
    assert len(first) == 15 and set(first) <= set(range(11))
    with pytest.raises(ValueError, match="endless sampler"):
        loader.state_dict()


def test_a_batch_sampler_cuts_what_a_sampler_gives():
    for drop_last in (False, True):
        ours, torchs = (lib.BatchSampler(range(10), 4, drop_last) for lib in (data, torch.utils.data))
        assert list(ours) == list(torchs) and len(ours) == len(torchs)
    batches = data.BatchSampler(data.SequentialSampler(SAMPLES), 4, False)
    assert [len(ids) for ids, _ in DataLoader(SAMPLES, batch_sampler=batches)] == [4, 4, 3]


@pytest.mark.parametrize("wanted", [1, 7, 11, 25])
def test_without_replacement_every_sample_comes_before_one_comes_again(wanted):
    sampler = data.RandomSampler(SAMPLES, num_samples=wanted)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == wanted
    for start in range(0, wanted, 11):
        part = drawn[start : start + 11]
        assert len(set(part)) == len(part)


def test_frequencies_are_those_of_the_weights():
    weights = mt.tensor([1.0, 0.0, 3.0, 6.0])
    drawn = list(data.WeightedRandomSampler(weights, 20000))
    numpy.testing.assert_allclose(numpy.bincount(drawn, minlength=4) / 20000, [0.1, 0, 0.3, 0.6], atol=0.02)
    assert sorted(data.WeightedRandomSampler(weights, 3, replacement=False)) == [0, 2, 3]
    drawn = list(data.RandomSampler(range(4), replacement=True, num_samples=20000))
    numpy.testing.assert_allclose(numpy.bincount(drawn) / 20000, [0.25] * 4, atol=0.02)


def test_a_generator_of_its_own_leaves_the_others_alone():
    def order(seed, samples=SAMPLES):
        source = mt.Generator().manual_seed(seed)
        sampler = data.SubsetRandomSampler([2, 4, 6, 8, 10, 12], source)
        loader = DataLoader(samples, 11, shuffle=True, generator=source)
        return (
            list(sampler),
            next(iter(loader))[0].tolist(),
            data.random_split(samples, [4, 7], source)[0].indices,
        )

    mt.manual_seed(5)
    expected = mt.rand(3).tolist()
    mt.manual_seed(5)
    assert order(1) == order(1) != order(2)
    assert sorted(order(1)[0]) == [2, 4, 6, 8, 10, 12]
    assert mt.rand(3).tolist() == expected


@pytest.mark.parametrize("lengths", [[4, 7], [11], [0.5, 0.5], [0.1, 0.2, 0.7], [1.0], [1 / 3, 1 / 3, 1 / 3]])
def test_a_random_split_has_the_lengths_of_torch(lengths):
    ours, torchs = (lib.random_split(SAMPLES, lengths) for lib in (data, torch.utils.data))
    assert [len(part) for part in ours] == [len(part) for part in torchs]
    assert sorted(sample for part in ours for sample in part) == SAMPLES


@pytest.mark.parametrize("lengths", [[4, 4], [], [12, -1], [0.5, 0.4]])
def test_a_split_that_does_not_add_up(lengths):
    with pytest.raises(ValueError, match="add up to 11"):
        data.random_split(SAMPLES, lengths)


def test_parts_and_sums_of_datasets():
    rows = data.TensorDataset(mt.arange(6), mt.arange(6) * 10)
    part = data.Subset(rows, [5, 0, 2])
    assert [int(a) for a, _ in part] == [5, 0, 2] and part[[1, 2]][1].tolist() == [0, 20]
    both = part + data.Subset(SAMPLES, [7])
    assert len(both) == 4 and both[3] == both[-1] == (7, 3.5) and int(both[-4][0]) == 5
    assert both.cumulative_sizes == [3, 4]
    for i in (4, -5):
        with pytest.raises(IndexError, match="below 4"):
            both[i]
    assert len(DataLoader(data.ConcatDataset([SAMPLES, SAMPLES]), 4)) == 6


def test_nothing_to_concatenate():
    with pytest.raises(ValueError, match="at least one"):
        data.ConcatDataset([])
    with pytest.raises(TypeError, match="IterableDataset"):
        data.ConcatDataset([Stream(2)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: data.RandomSampler([]), "num_samples to be an integer >= 1, got 0"),
        (lambda: data.RandomSampler([1], num_samples=-1), "got -1"),
        (lambda: data.BatchSampler([1], True, False), "batch_size to be an integer >= 1, got True"),
        (lambda: data.WeightedRandomSampler([1.0, -1.0], 2), "not negative"),
        (lambda: data.WeightedRandomSampler([1.0, numpy.nan], 2), "finite"),
        (lambda: data.WeightedRandomSampler([[1.0]], 2), "row of weights"),
        (lambda: data.WeightedRandomSampler([0.0, 0.0], 2), "expected 1 weights above 0, got 0"),
        (
            lambda: data.WeightedRandomSampler([1.0, 0.0], 2, replacement=False),
            "expected 2 weights above 0, got 1",
        ),
    ],
)
def test_samplers_say_what_they_need(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_a_class_must_define_is_said():
    with pytest.raises(NotImplementedError, match="Sampler has no __iter__"):
        iter(data.Sampler())
    with pytest.raises(NotImplementedError, match="IterableDataset has no __iter__"):
        iter(data.IterableDataset())


def test_workers_are_accepted_and_none_is_there():
    asked = []
    loader = DataLoader(
        SAMPLES, 4, num_workers=2, pin_memory=True, worker_init_fn=asked.append, persistent_workers=True
    )
    assert len(list(loader)) == 3 and not asked and data.get_worker_info() is None
