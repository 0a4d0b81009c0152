"""Generators of one's own, and the state of the library's: equal seeds and states give equal numbers, and nothing else moves."""

import json

import numpy
import pytest

import minitransformer as mt
from minitransformer import randomness

DRAWS = {
    "rand": lambda g: mt.rand(3, generator=g),
    "randn": lambda g: mt.randn((3,), generator=g),
    "randint": lambda g: mt.randint(0, 100, (5,), generator=g),
    "randperm": lambda g: mt.randperm(9, generator=g),
    "normal": lambda g: mt.normal(0.0, 1.0, (3,), generator=g),
    "normal of tensors": lambda g: mt.normal(mt.zeros(3), mt.ones(3), generator=g),
    "bernoulli": lambda g: mt.bernoulli(mt.full((20,), 0.5), generator=g),
    "multinomial": lambda g: mt.multinomial(mt.ones(50), 9, generator=g),
    "uniform_": lambda g: mt.zeros(3).uniform_(generator=g),
    "normal_": lambda g: mt.zeros(3).normal_(generator=g),
    "random_": lambda g: mt.zeros(5).random_(generator=g),
    "bernoulli_": lambda g: mt.zeros(20).bernoulli_(generator=g),
    "exponential_": lambda g: mt.zeros(3).exponential_(generator=g),
}


def same(a, b):
    return a.tolist() == b.tolist()


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_generator_is_the_only_source_of_its_draws(draw):
    mt.manual_seed(0)
    before = mt.get_rng_state()
    first = draw(mt.Generator().manual_seed(3))
    assert same(first, draw(mt.Generator().manual_seed(3)))
    assert not same(first, draw(mt.Generator().manual_seed(4)))
    assert same(before, mt.get_rng_state())  # the library's own has not moved
    assert first.device == mt.ones(1).device


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_without_one_the_seed_of_the_library_counts(draw):
    mt.manual_seed(5)
    first = draw(None)
    mt.manual_seed(5)
    assert same(first, draw(None)) and not same(first, draw(None))


def test_states_of_a_generator():
    g = mt.Generator()
    assert g.initial_seed() == mt.Generator().initial_seed() and g.device == "cpu"
    assert same(mt.rand(3, generator=g), mt.rand(3, generator=mt.Generator()))  # as in PyTorch, not random
    state = g.get_state()
    assert state.dtype == mt.uint8
    first = mt.rand(3, generator=g)
    g.set_state(state)
    assert same(first, mt.rand(3, generator=g))
    assert g.manual_seed(7) is g and g.initial_seed() == 7
    assert g.seed() == g.initial_seed() != 7
    with pytest.raises(ValueError, match="expected a state from get_state"):
        g.set_state(mt.zeros(4, dtype=mt.uint8))


def test_the_state_of_the_library():
    made = mt.manual_seed(11)
    assert isinstance(made, mt.Generator) and mt.initial_seed() == 11
    state = mt.get_rng_state()
    first = mt.rand(3)
    mt.set_rng_state(state)
    assert same(first, mt.rand(3))
    with mt.random.fork_rng():
        inside = mt.rand(3)
    assert same(inside, mt.rand(3))
    with mt.random.fork_rng(enabled=False):
        inside = mt.rand(3)
    assert not same(inside, mt.rand(3))
    assert mt.seed() == mt.initial_seed()
    assert json.loads(bytes(state.tolist()))["bit_generator"] == "PCG64"


def test_both_ways_to_seed_give_the_same_numbers():
    mt.manual_seed(3)
    first = mt.rand(3)
    randomness.manual_seed(3)
    assert same(first, mt.rand(3))


def test_distributions_are_what_they_say():
    g = mt.Generator().manual_seed(0)
    n = 20_000
    drawn = mt.zeros(n).exponential_(2.0, generator=g).numpy()
    assert abs(drawn.mean() - 0.5) < 0.02 and drawn.min() >= 0
    drawn = mt.zeros(n, dtype=mt.int64).random_(2, 5, generator=g)
    assert set(drawn.tolist()) == {2, 3, 4}
    assert set(mt.zeros(n).random_(3, generator=g).tolist()) == {0, 1, 2}
    assert abs(mt.bernoulli(mt.full((n,), 0.3), generator=g).mean().item() - 0.3) < 0.02
    drawn = mt.normal(mt.full((n,), 4.0), 0.5, generator=g)
    assert abs(drawn.mean().item() - 4) < 0.02 and abs(drawn.std().item() - 0.5) < 0.02


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: mt.normal(0.0, 1.0), "expected a size with two numbers"),
        (lambda: mt.normal(mt.zeros(2), 1.0, (2,)), "expected a size with two numbers"),
        (lambda: mt.normal(0.0, -1.0, (2,)), "standard deviation >= 0"),
        (lambda: mt.bernoulli(mt.tensor([1.5])), "probabilities in 0 .. 1"),
        (lambda: mt.zeros(2).bernoulli_(2.0), "probabilities in 0 .. 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_samplers_take_a_generator():
    data = mt.utils.data.TensorDataset(mt.arange(20))

    def order(seed):
        g = mt.Generator().manual_seed(seed)
        return [batch.tolist() for (batch,) in mt.utils.data.DataLoader(data, 5, shuffle=True, generator=g)]

    assert order(1) == order(1) != order(2)


def test_numpy_s_own_generators_serve_too():
    assert mt.rand(2, generator=numpy.random.default_rng(3)).shape == (2,)
