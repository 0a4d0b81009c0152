"""Data in batches: held to torch.utils.data where that has the same, and to exact continuation after a stop."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from later import torch

import minitransformer as mt
from minitransformer import checkpoint
from minitransformer.utils import data
from minitransformer.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    LengthSampler,
    TensorDataset,
    default_collate,
    pad_collate,
    pad_sequence,
)


def assert_same(ours, theirs):
    """Equal values, dtypes and structure, ours of tensors or plain values, theirs PyTorch's."""
    if isinstance(theirs, torch.Tensor):
        got, expected = ours.numpy(), theirs.numpy()
        assert got.dtype == expected.dtype
        assert got.shape == expected.shape
        numpy.testing.assert_array_equal(got, expected)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, (str, bytes)):
        assert ours == theirs
    else:
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for o, t in zip(ours, theirs, strict=True):
            assert_same(o, t)


def numbers(batches):
    return [batch.tolist() for batch in batches]


# ---- datasets and order ----


@given(n=st.integers(1, 30), batch_size=st.integers(1, 12), drop_last=st.booleans())
@settings(deadline=None, max_examples=40)
def test_order_and_batches_are_those_of_torch(n, batch_size, drop_last):
    samples = [(i, i / 2) for i in range(n)]
    theirs = torch.utils.data.DataLoader(samples, batch_size, drop_last=drop_last)
    if drop_last and n < batch_size:
        with pytest.raises(ValueError, match="take a smaller batch_size"):
            DataLoader(samples, batch_size, drop_last=drop_last)
        return
    ours = DataLoader(samples, batch_size, drop_last=drop_last)
    assert len(ours) == len(theirs)
    assert_same(list(ours), list(theirs))


def test_a_batch_sampler_decides_alone():
    batches = [[3, 1], [2], [0, 3, 3]]
    ours = DataLoader(list("abcd"), batch_sampler=batches)
    theirs = torch.utils.data.DataLoader(list("abcd"), batch_sampler=batches)
    assert len(ours) == len(theirs) == 3
    assert list(ours) == list(theirs) == list(ours)


def test_tensor_dataset_is_that_of_torch():
    x, y = numpy.arange(14.0).reshape(7, 2), numpy.arange(7)
    ours = TensorDataset(mt.tensor(x), mt.tensor(y))
    theirs = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
    assert len(ours) == len(theirs)
    assert_same(ours[3], theirs[3])
    assert_same(ours[-1], theirs[-1])
    assert_same(list(DataLoader(ours, 3)), list(torch.utils.data.DataLoader(theirs, 3)))


@pytest.mark.parametrize("tensors", [(), (mt.zeros(3), mt.zeros(4))])
def test_tensor_dataset_wants_one_number_of_rows(tensors):
    with pytest.raises(ValueError, match="one first size"):
        TensorDataset(*tensors)


def test_shuffle_gives_every_sample_once_and_each_epoch_anew():
    loader = DataLoader(range(100), 7, shuffle=True)
    epochs = [[i for batch in loader for i in batch.tolist()] for _ in range(3)]
    assert all(sorted(epoch) == list(range(100)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != list(range(100))


def test_the_seed_governs_the_order():
    loader, orders = DataLoader(range(50), 5, shuffle=True), []
    for seed in (1, 1, 2):
        mt.manual_seed(seed)
        orders.append(numbers(loader))
    assert orders[0] == orders[1] != orders[2]


def test_passes_within_passes_do_not_disturb_each_other():
    loader = DataLoader(range(4), 2)
    assert [(a.tolist(), b.tolist()) for a in loader for b in loader] == [
        (a, b) for a in ([0, 1], [2, 3]) for b in ([0, 1], [2, 3])
    ]


def test_a_pass_left_early_is_followed_by_a_whole_one():
    loader = DataLoader(range(6), 2)
    next(iter(loader))
    assert numbers(loader) == [[0, 1], [2, 3], [4, 5]]


class Unfinished(Dataset):
    def __len__(self):
        return 1


class Counting(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(dataset=[1], batch_size=0), ValueError, "batch_size to be an integer >= 1, got 0"),
        (dict(dataset=[1], batch_size=2.0), ValueError, "got 2.0"),
        (dict(dataset=[1], batch_size=True), ValueError, "got True"),
        (
            dict(dataset=[1], batch_size=None, drop_last=True),
            ValueError,
            "drop_last needs a batch_size, got None",
        ),
        (dict(dataset=[1], sampler=[0], shuffle=True), ValueError, "expected a sampler or shuffle, got both"),
        (dict(dataset=[1], batch_sampler=[[0]], sampler=[0]), ValueError, "leave them out"),
        (dict(dataset=[1], sampler=[]), ValueError, "at least one sample"),
        (dict(dataset=Counting(3), shuffle=True), ValueError, "decides the order itself"),
        (dict(dataset=Counting(3), sampler=[0]), ValueError, "decides the order itself"),
        (dict(dataset=Counting(3), batch_size=0), ValueError, "batch_size to be an integer >= 1, got 0"),
        (dict(dataset=[]), ValueError, "at least one sample"),
        (dict(dataset=[], shuffle=True), ValueError, "at least one sample"),
        (dict(dataset=[1], batch_sampler=[[0]], shuffle=True), ValueError, "leave them out"),
        (dict(dataset=[1], batch_sampler=[[0]], batch_size=2), ValueError, "leave them out"),
        (dict(dataset=[1], batch_sampler=[[0]], drop_last=True), ValueError, "leave them out"),
        (dict(dataset=iter([1])), TypeError, "give it __len__"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        DataLoader(**arguments)


def test_a_dataset_without_samples_says_so():
    with pytest.raises(NotImplementedError, match="Unfinished has no __getitem__, so sample 0 is undefined"):
        list(DataLoader(Unfinished()))


def test_a_batch_sampler_that_can_be_read_only_once():
    loader = DataLoader([1, 2], batch_sampler=iter([[0], [1]]))
    assert numbers(loader) == [[1], [2]]
    with pytest.raises(ValueError, match="more than once"):
        list(loader)


# ---- collating ----


def both(make):
    """The same samples made with ours and with PyTorch's tensors."""
    return make(mt.tensor), make(torch.tensor)


@pytest.mark.parametrize(
    "make",
    [
        lambda t: [1, 2, 3],
        lambda t: [1.5, 2, 3],
        lambda t: [1, 2.5],
        lambda t: [True, False],
        lambda t: ["a", "bc"],
        lambda t: [b"a", b"bc"],
        lambda t: [numpy.float32(1), numpy.float32(2)],
        lambda t: [numpy.float64(1), numpy.float64(2)],
        lambda t: [numpy.int16(1), numpy.int16(2)],
        lambda t: [numpy.ones((2, 3), "float16"), numpy.zeros((2, 3), "float16")],
        lambda t: [numpy.array(1), numpy.array(2)],
        lambda t: [numpy.arange(6).reshape(2, 3).T] * 2,
        lambda t: [t([[1.5, 2.0]]), t([[3.0, 4.0]])],
        lambda t: [t(1), t(2)],
        lambda t: [(1, 2.0, "a"), (3, 4.0, "b")],
        lambda t: [[1, 2], [3, 4]],
        lambda t: [{"x": t([1, 2]), "y": (1, 2.5)}, {"x": t([3, 4]), "y": (3, 4.5)}],
        lambda t: [((1, t([1.0])), [2]), ((3, t([2.0])), [4])],
    ],
)
def test_default_collate_is_that_of_torch(make):
    ours, theirs = both(make)
    assert_same(default_collate(ours), torch.utils.data.default_collate(theirs))


@pytest.mark.parametrize(
    ("samples", "error"),
    [
        ([numpy.ones(2), numpy.ones(3)], RuntimeError),
        ([mt.ones(2), mt.ones(2, 1)], RuntimeError),
        ([(1, [1, 2]), (2, [1])], RuntimeError),
    ],
)
def test_default_collate_of_different_shapes_points_to_padding(samples, error):
    with pytest.raises(error, match="collate_fn=pad_collate"):
        default_collate(samples)


def test_default_collate_of_something_else():
    with pytest.raises(TypeError, match="got NoneType"):
        default_collate([None])


sizes = st.lists(st.integers(0, 6), min_size=1, max_size=5)


@given(
    sizes=sizes, rest=st.sampled_from([(), (2,), (2, 3)]), batch_first=st.booleans(), value=st.integers(-2, 2)
)
@settings(deadline=None, max_examples=40)
def test_pad_sequence_is_that_of_torch(sizes, rest, batch_first, value):
    random = numpy.random.default_rng(0)
    arrays = [random.standard_normal((n, *rest)) for n in sizes]
    theirs = torch.nn.utils.rnn.pad_sequence([torch.tensor(a) for a in arrays], batch_first, value)
    assert_same(pad_sequence([mt.tensor(a) for a in arrays], batch_first, value), theirs)
    assert_same(pad_sequence(arrays, batch_first, value), theirs)


@pytest.mark.parametrize("sequences", [[], [1, 2], [numpy.ones((2, 3)), numpy.ones((2, 4))], [[1], 2]])
def test_pad_sequence_of_what_does_not_fit(sequences):
    with pytest.raises(RuntimeError, match="pad_sequence: expected"):
        pad_sequence(sequences)


@pytest.mark.parametrize("sequences", [[[], [1, 2]], [[1, 2], []], [[], []], [[], [], [1, 2]]])
def test_an_empty_list_says_nothing_of_the_kind_of_numbers(sequences):
    padded, (ids, labels) = pad_sequence(sequences, True), pad_collate([(s, 1) for s in sequences])
    assert padded.dtype == ids.dtype == labels.dtype == mt.int64
    assert (
        padded.tolist()
        == ids.tolist()
        == [s + [0] * (2 - len(s)) if any(sequences) else [] for s in sequences]
    )
    assert pad_sequence([[], [0.5]], True).dtype == mt.float32
    assert pad_sequence([mt.ones(0), mt.tensor([1])], True).dtype == mt.float32  # as in PyTorch


def test_pad_collate_fills_up_with_the_padding_id():
    ids = pad_collate([[5, 6, 7], [8]])
    assert (ids.tolist(), ids.dtype) == ([[5, 6, 7], [8, 0, 0]], mt.int64)
    ids, labels = pad_collate([([5], 1), ([6, 7], 0)], padding_value=-1)
    assert (ids.tolist(), labels.tolist(), labels.dtype) == ([[5, -1], [6, 7]], [1, 0], mt.int64)
    assert pad_collate([(numpy.array([5]),), (mt.tensor([6, 7], device="cpu"),)])[0].tolist() == [
        [5, 0],
        [6, 7],
    ]


# ---- batches by length ----


@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=60),
    batch_size=st.integers(1, 9),
    drop_last=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_length_sampler_gives_every_sample_once(lengths, batch_size, drop_last):
    if drop_last and len(lengths) < batch_size:
        return
    sampler = LengthSampler(lengths, batch_size, drop_last)
    batches = list(sampler)
    seen = [i for batch in batches for i in batch]
    assert len(batches) == len(sampler)
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(len(lengths)))
    assert len(seen) == len(lengths) - (len(lengths) % batch_size if drop_last else 0)
    assert sorted(map(len, batches))[1:] == [batch_size] * (len(batches) - 1)


def padding(batches, lengths):
    """The share of the padded batches that is padding."""
    room = sum(len(batch) * max(lengths[batch]) for batch in batches)
    return 1 - lengths.sum() / room


def test_length_sampler_pads_little_and_stays_random():
    lengths = numpy.random.default_rng(0).integers(1, 100, 4000)
    sampler = LengthSampler(lengths, 16)
    epochs = [list(sampler) for _ in range(2)]
    plain = [batch.tolist() for batch in data.sampler._cut(numpy.arange(4000), 16)]
    assert padding(epochs[0], lengths) < 0.05 < 0.4 < padding(plain, lengths)
    partners = [{i: set(batch) for batch in epoch for i in batch} for epoch in epochs]
    # of 15 others, those of one's own window, of which there are five, may be met again
    again = [len(partners[0][i] & partners[1][i]) - 1 for i in range(4000)]
    assert numpy.mean(again) < 15 / 5, "samples keep meeting the same others"
    means = [lengths[batch].mean() for batch in epochs[0]]
    assert abs(numpy.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2, "short batches follow short ones"


def test_length_sampler_follows_the_seed():
    orders = []
    for _ in range(2):
        mt.manual_seed(3)
        orders.append(list(LengthSampler(range(100), 8)))
    assert orders[0] == orders[1]


@pytest.mark.parametrize(("lengths", "size", "drop"), [([], 1, False), ([1], 0, False), ([1, 2], 3, True)])
def test_length_sampler_bad_arguments(lengths, size, drop):
    with pytest.raises(ValueError, match="LengthSampler"):
        LengthSampler(lengths, size, drop)


# ---- stop and go on ----

TEXTS = [list(range(1, 2 + n)) for n in (3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5)]
LOADERS = {
    "in order": lambda: DataLoader(range(11), 3),
    "shuffled": lambda: DataLoader(range(11), 3, shuffle=True),
    "drop_last": lambda: DataLoader(range(11), 3, shuffle=True, drop_last=True),
    "by length": lambda: DataLoader(
        TEXTS, batch_sampler=LengthSampler(map(len, TEXTS), 3), collate_fn=pad_collate
    ),
}


def endless(loader):
    while True:
        yield from loader


def draw(batches, count):
    """Some batches, with random numbers used up in between as dropout does."""
    drawn = []
    for _ in range(count):
        drawn.append(next(batches).tolist())
        mt.randomness.generator().random(3)
    return drawn


@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize("stop", range(10))
def test_a_new_loader_goes_on_with_the_very_next_batch(kind, stop, tmp_path):
    loader = LOADERS[kind]()
    batches = endless(loader)
    draw(batches, stop)
    state = {"loader": loader.state_dict(), "random": mt.randomness.generator().bit_generator.state}
    checkpoint.save(state, tmp_path / "state")
    expected = draw(batches, 9)

    mt.manual_seed(99)
    state, fresh = checkpoint.load(tmp_path / "state"), LOADERS[kind]()
    fresh.load_state_dict(state["loader"])
    mt.randomness.generator().bit_generator.state = state["random"]
    assert draw(endless(fresh), 9) == expected


@pytest.mark.parametrize("stop", [0, 2, 4])
def test_a_loaded_state_is_what_was_loaded(stop):
    loader, other = LOADERS["shuffled"](), LOADERS["shuffled"]()
    draw(endless(loader), stop)
    draw(endless(other), 1)
    other.load_state_dict(loader.state_dict())
    again = LOADERS["shuffled"]()
    again.load_state_dict(other.state_dict())
    expected, got = loader.state_dict(), again.state_dict()
    assert got["order"].tolist() == expected["order"].tolist()
    assert got["sizes"].tolist() == expected["sizes"].tolist()
    assert (got["given"], got["samples"]) == (expected["given"], expected["samples"]) == (stop, 11)


def test_a_finished_pass_is_followed_by_a_whole_one():
    loader, fresh = DataLoader(range(6), 2), DataLoader(range(6), 2)
    list(loader)
    fresh.load_state_dict(loader.state_dict())
    assert numbers(fresh) == [[0, 1], [2, 3], [4, 5]]


def test_a_state_of_other_data_is_refused():
    with pytest.raises(ValueError, match="of 11 samples, the dataset has 10"):
        DataLoader(range(10)).load_state_dict(LOADERS["shuffled"]().state_dict())
