"""T5 against transformers in small: outputs, gradients, buckets; its cache, its answers, its relevance."""

import numpy as np
import pytest
from reference_models import hold
from references.transformers_tiny import FILE, HEADS, IDS, INNER, LAYERS, TARGET, VOCAB, WIDTH

import minitransformer as mt
from minitransformer import explain
from minitransformer.generation import generate
from minitransformer.models.t5 import LM_NAMES, T5, T5Config, buckets

SMALL = T5Config(VOCAB, WIDTH, 5, INNER, LAYERS, LAYERS, HEADS, 8, 6)


@pytest.fixture
def model():
    return T5(SMALL).double().eval()


def test_outputs_and_gradients_are_those_of_transformers(model):
    outputs = lambda model: model(mt.tensor(IDS), mt.tensor(TARGET))  # noqa: E731
    hold(model, outputs, "t5", lambda arrays: LM_NAMES.read(model, arrays), rtol=1e-6)


@pytest.mark.parametrize("which", ["both", "back"])
def test_buckets_of_all_distances(which):
    assert np.array_equal(buckets(np.arange(-200, 201), which == "both"), np.load(FILE)[f"buckets {which}"])


def test_a_cache_changes_nothing(model):
    answer = model.answer(mt.tensor(IDS))
    cache, parts = answer.new_cache(), []
    with mt.no_grad():
        for start, stop in ((0, 1), (1, 3), (3, 5)):
            parts.append(answer(mt.tensor(TARGET[:, start:stop]), cache=cache).numpy())
        whole = model(mt.tensor(IDS), mt.tensor(TARGET)).numpy()
    assert np.allclose(np.concatenate(parts, axis=1), whole, rtol=0, atol=1e-12)


def test_the_memory_is_read_once(model, monkeypatch):
    answer, read = model.answer(mt.tensor(IDS[:1])), []
    attention = model.decoder.blocks[0].cross_attn
    project = attention.k.forward
    monkeypatch.setattr(attention.k, "forward", lambda x: read.append(x.shape) or project(x))
    generate(answer, [0], 4, temperature=0)
    assert read == [(1, 7, WIDTH)]
    generate(answer, [0], 4, temperature=0, use_cache=False)
    assert len(read) == 5


def test_padding_changes_no_answer(model):
    alone = generate(model.answer(mt.tensor(IDS[1:, :4])), [0], 6, temperature=0)
    assert alone == generate(model.answer(mt.tensor(IDS[1:])), [0], 6, temperature=0)


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_relevance_of_a_written_word_adds_up(model, form):
    ledger = explain.lrp(model.answer(mt.tensor(IDS[:1])), TARGET[:1], form=form).ledger
    assert abs(ledger.gap) <= 1e-10 * ledger.scale


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_relevance_of_source_and_answer_together(model, form):
    e = explain.lrp_answer(model, IDS[0], TARGET[0], form=form)
    assert e.relevance.shape == (7 + 5,) and e.ledger.closes
    assert (
        abs(e.ledger["tokens"] - e.relevance.sum()) <= 1e-12
        and e.relevance[:7].any()
        and e.relevance[7:].any()
    )
    with mt.no_grad():
        logits = model(mt.tensor(IDS[:1]), mt.tensor(TARGET[:1])).numpy()[0, -1]
    assert e.target == [logits.argmax()] and abs(e.output - logits.max()) <= 1e-12
    assert abs(explain.lrp_answer(model, IDS[0], TARGET[0], target=3).output - logits[3]) <= 1e-12


def test_the_answer_s_part_is_that_of_the_answer_alone(model):
    both = explain.lrp_answer(model, IDS[0], TARGET[0], form="explicit", rule="cp-lrp")
    alone = explain.lrp(model.answer(mt.tensor(IDS[:1])), TARGET[0], form="explicit", rule="cp-lrp")
    assert np.allclose(both.relevance[7:], alone.relevance, rtol=0, atol=1e-9)
