"""Generation: what each option leaves to draw from, and that the cache changes nothing but the time."""

import math

import numpy as np
import pytest

import minitransformer as mt
from minitransformer.generation import generate, next_token_probabilities
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig

LOGITS = np.array([2.0, 1.0, 3.0, -1.0])


@pytest.fixture
def model():
    mt.manual_seed(3)
    config = LanguageModelConfig(
        vocab_size=13, d_model=16, nhead=2, num_layers=2, dim_feedforward=32, max_len=12
    )
    built = LanguageModel(config)
    with mt.no_grad():
        for p in built.parameters():
            p.add_(mt.randn(p.shape) * 0.3)
    return built


def test_plain_softmax():
    assert np.allclose(next_token_probabilities(LOGITS), np.exp(LOGITS) / np.exp(LOGITS).sum())


def test_temperature_sharpens_and_zero_is_greedy():
    cold = next_token_probabilities(LOGITS, temperature=0.5)
    assert np.allclose(cold, np.exp(2 * LOGITS) / np.exp(2 * LOGITS).sum())
    assert next_token_probabilities(LOGITS, temperature=0).tolist() == [0, 0, 1, 0]


def test_a_temperature_next_to_zero_is_greedy():
    assert next_token_probabilities(LOGITS, temperature=5e-324).tolist() == [0, 0, 1, 0]
    assert next_token_probabilities(np.array([-np.inf, 3.0]), temperature=1e300).tolist() == [0, 1]


def test_top_k_keeps_the_k_largest():
    p = next_token_probabilities(LOGITS, top_k=2)
    assert p[1] == p[3] == 0 and np.isclose(p[2] / p[0], np.e) and np.isclose(p.sum(), 1)


def test_top_p_keeps_the_fewest_that_reach_p():
    full = next_token_probabilities(LOGITS)
    assert np.flatnonzero(next_token_probabilities(LOGITS, top_p=full[2])).tolist() == [2]
    assert np.flatnonzero(next_token_probabilities(LOGITS, top_p=full[2] + 1e-6)).tolist() == [0, 2]
    assert np.allclose(next_token_probabilities(LOGITS, top_p=1.0), full)


@pytest.mark.parametrize(
    "options", [{"temperature": 0}, {"seed": 1}, {"seed": 2, "top_k": 4}, {"seed": 3, "top_p": 0.7}]
)
@pytest.mark.parametrize("length", [5, 20])  # within max_len, and beyond it
def test_the_cache_gives_the_same_tokens(model, options, length):
    prompt = [1, 5, 2]
    with_cache = generate(model, prompt, length, **options)
    assert len(with_cache) == length
    assert with_cache == generate(model, prompt, length, use_cache=False, **options)


def test_the_seed_decides(model):
    assert generate(model, [1], 20, seed=1) == generate(model, [1], 20, seed=1)
    assert generate(model, [1], 20, seed=1) != generate(model, [1], 20, seed=2)


def test_it_stops_at_the_stop_id_and_tells_each_token(model):
    told = []
    tokens = generate(model, [1], 30, seed=1, on_token=told.append)
    assert told == tokens
    assert generate(model, [1], 30, seed=1, stop_id=tokens[4]) == tokens[: tokens.index(tokens[4])]


def test_the_model_is_left_as_it_was(model):
    model.train()
    generate(model, [1], 2)
    assert model.training and all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(
    "options", [{"temperature": -1}, {"temperature": math.nan}, {"top_k": 0}, {"top_p": 0}, {"top_p": 1.1}]
)
def test_bad_options(model, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        generate(model, [1], 1, **options)


def test_an_empty_prompt(model):
    with pytest.raises(ValueError, match="at least one token"):
        generate(model, [], 1)
