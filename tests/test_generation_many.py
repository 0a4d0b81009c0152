"""Many texts at once: batches of unequal length, and the texts that a beam search follows."""

import itertools

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import nn
from minitransformer.generation import beam_search, generate, generate_batch
from minitransformer.generation.batch import left_padded
from minitransformer.generation.beam import Draft
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.models.t5 import T5, T5Config

V = 7
WRITERS = {
    "gpt": lambda: GPT(GPTConfig(V, 24, 12, 2, 3)),
    "llama": lambda: Llama(LlamaConfig(V, 16, 20, 2, 4, 2, 24)),
    "language model": lambda: LanguageModel(LanguageModelConfig(V, 12, 3, 2, 20, max_len=24)),
    "t5": lambda: T5(T5Config(V, 12, 5, 20, 2, 2, 3, 8, 6)).answer(mt.tensor([[3, 4, 2]])),
}
PROMPTS = [[1, 2, 3, 4, 5], [3], [6, 5, 1], [2, 2]]


def writer(name):
    """A model with weights large enough to have preferences."""
    mt.manual_seed(5)
    model = WRITERS[name]().double()
    with mt.no_grad():
        for p in model.parameters():
            p.add_(mt.randn(p.shape, dtype=mt.float64) * 0.3)
    if name == "t5":
        model = model.model.answer(mt.tensor([[3, 4, 2]]))
    return model.eval()


@pytest.mark.parametrize("name", list(WRITERS))
@pytest.mark.parametrize("stop_id", [None, 4, [4, 2]])
def test_each_text_is_what_it_would_be_alone(name, stop_id):
    model = writer(name)
    alone = [generate(model, prompt, 8, temperature=0, stop_id=stop_id) for prompt in PROMPTS]
    assert generate_batch(model, PROMPTS, 8, temperature=0, stop_id=stop_id) == alone
    assert len({tuple(text) for text in alone}) > 1


@pytest.mark.parametrize("name", list(WRITERS))
def test_padding_is_seen_by_nobody(name):
    model, (ids, padding) = writer(name), left_padded([[1, 2, 3, 4, 5, 6], [6, 5, 1, 3]])
    cache = model.new_cache()
    with mt.no_grad():
        alone = model(mt.tensor([[6, 5, 1, 3]])).numpy()[0]  # (T, V)
        whole = model(mt.tensor(ids), padding=mt.tensor(padding)).numpy()[1]
        seen = [(0, 4), (4, 5), (5, 6)]
        steps = [
            model(mt.tensor(ids[:, a:b]), cache=cache, padding=mt.tensor(padding[:, :b])).numpy()[1]
            for a, b in seen
        ]
    rounding = 1e-5 if name == "llama" else 1e-9  # its angles are rounded to float32, two places on to others
    assert np.allclose(whole[2:], alone, rtol=0, atol=rounding)
    assert np.allclose(np.concatenate(steps)[2:], alone, rtol=0, atol=rounding)


def test_a_batch_of_answers():
    source = mt.tensor([[3, 4, 2], [5, 6, 0]])
    model = writer("t5").model
    for begun in ([[0], [0]], [[0], [0, 1, 4]]):
        alone = [
            generate(model.answer(source[i : i + 1]), ids, 6, temperature=0) for i, ids in enumerate(begun)
        ]
        assert generate_batch(model.answer(source), begun, 6, temperature=0) == alone


@pytest.mark.parametrize("texts, answers", [(2, 1), (2, 3), (3, 2)])
def test_there_is_one_text_for_all_answers_or_one_for_each(texts, answers):
    model, source = writer("t5").model, mt.tensor([[3, 4, 2]] * texts)
    with pytest.raises(ValueError, match=f"{answers} answers.* got {texts} texts"):
        generate_batch(model.answer(source), [[0]] * answers, 2)
    with pytest.raises(ValueError, match=f"got {texts} texts"):
        model(source, mt.zeros(answers, 1, dtype=mt.int64))
    for search in (generate, beam_search):
        with pytest.raises(ValueError, match=f"got {texts} texts"):
            search(model.answer(source), [0], 2)


class Told(nn.Module):
    """A model whose next-token probabilities are given, after any text."""

    def __init__(self, *logits):
        super().__init__()
        self.p, self.logits, self.config = nn.Parameter(mt.zeros(1)), logits, LanguageModelConfig(len(logits))

    def forward(self, ids, cache=None, padding=None):
        return mt.tensor(np.broadcast_to(np.float32(self.logits), (*ids.shape, len(self.logits))).copy())

    def new_cache(self):
        return nn.TransformerCache(1)


WAYS = {
    "greedy": lambda model: [generate(model, [0], 3, temperature=0)],
    "drawn": lambda model: [generate(model, [0], 30, seed=0)],
    "the best two": lambda model: [generate(model, [0], 30, top_k=2, seed=0)],
    "those that reach p": lambda model: [generate(model, [0], 30, top_p=0.9, seed=0)],
    "batch": lambda model: generate_batch(model, [[0], [0]], 3, temperature=0),
    "batch, drawn": lambda model: generate_batch(model, [[0], [0]], 30, seed=0),
    "beams": lambda model: [list(draft.tokens) for draft in beam_search(model, [0], 3, beams=4)],
    "beams, stops": lambda model: [
        list(draft.tokens) for draft in beam_search(model, [0], 3, beams=4, stop_id=[0, 2])
    ],
}
NAN, INF = np.nan, np.inf


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "logits", [(0, NAN, 1), (NAN,) * 3, (0, INF, 1), (-INF,) * 3, (NAN, INF, -INF), (INF,) * 3]
)
def test_logits_that_decide_nothing_are_an_error_in_every_way_of_decoding(way, logits):
    with pytest.raises(ValueError, match="logits: expected finite numbers"):
        WAYS[way](Told(*logits))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "logits, allowed", [((0, -INF, 1), {0, 2}), ((-INF, 5, -INF), {1}), ((-1e30, -INF, 1), {0, 2})]
)
def test_a_token_of_minus_infinity_is_ruled_out(way, logits, allowed):
    texts = WAYS[way](Told(*logits))
    found = {token for text in texts for token in text}
    assert found and found <= allowed


def test_several_ids_may_end_a_text():
    model = writer("gpt")
    whole = generate(model, [1, 2], 12, temperature=0)
    for stops in (whole[4:6], tuple(whole[4:6]), np.array(whole[4:6]), {*whole[4:6]}, mt.tensor(whole[4:6])):
        first = min(whole.index(i) for i in whole[4:6])
        assert generate(model, [1, 2], 12, temperature=0, stop_id=stops) == whole[:first]
        assert generate_batch(model, [[1, 2]], 12, temperature=0, stop_id=stops) == [whole[:first]]
    for stops in ({3, 5}, {0, 1, 2, 3, 4, 5}):  # the most of V there may be
        best = sorted(all_texts(model, [1, 2], 3, stops), key=lambda draft: -draft.score(1.0))
        found = beam_search(model, [1, 2], 3, beams=V**2, stop_id=stops)
        assert [draft.tokens for draft in found[:5]] == [draft.tokens for draft in best[:5]]
    assert len(beam_search(model, [1, 2], 3, beams=3, stop_id=range(6))) == 3
    assert generate(model, [1, 2], 4, temperature=0, stop_id=[]) == whole[:4]
    with pytest.raises(TypeError):
        generate(model, [1, 2], 4, stop_id="3")


def test_the_seed_decides():
    model = writer("gpt")
    first, again, other = (generate_batch(model, PROMPTS, 8, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("prompts, new", [([], 1), ([[1], []], 1), ([[1] * 20], 5)])
def test_prompts_that_cannot_be(prompts, new):
    with pytest.raises(ValueError, match="generate_batch"):
        generate_batch(writer("gpt"), prompts, new)


def all_texts(model, ids, steps, stops):
    """Every text of at most so many new tokens, with the sum of its log-probabilities; those of a length in one forward."""
    for n in range(1, steps + 1):
        texts = itertools.product(range(V), repeat=n)
        texts = [t for t in texts if n == next((i for i, token in enumerate(t, 1) if token in stops), steps)]
        with mt.no_grad():
            logits = model(mt.tensor([[*ids, *t] for t in texts])).numpy()[:, len(ids) - 1 : -1]  # (B, n, V)
        scores = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        for text, score in zip(texts, scores, strict=True):
            yield Draft(text, float(score[np.arange(n), list(text)].sum()))


@pytest.mark.parametrize("name", list(WRITERS))
@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
def test_a_beam_that_is_wide_enough_finds_the_best_text(name, length_penalty):
    model = writer(name)
    best = sorted(all_texts(model, [1, 2], 3, {3}), key=lambda draft: -draft.score(length_penalty))
    found = beam_search(model, [1, 2], 3, beams=V**2, length_penalty=length_penalty, stop_id=3)
    assert [draft.tokens for draft in found[:5]] == [draft.tokens for draft in best[:5]]
    assert np.allclose(
        [d.log_probability for d in found[:5]], [d.log_probability for d in best[:5]], rtol=0, atol=1e-9
    )


def test_one_beam_is_greedy():
    model = writer("llama")
    assert list(beam_search(model, [1, 2], 6, beams=1)[0].tokens) == generate(model, [1, 2], 6, temperature=0)


def test_length_penalty_by_hand():
    assert (
        Draft((1, 2), -4.0).score(0) == -4
        and Draft((1, 2), -4.0).score(1) == -2
        and Draft((1, 2), -4.0).score(2) == -1
    )


@pytest.mark.parametrize("ids, options", [([], {}), ([1], {"beams": 0}), ([1] * 24, {})])
def test_a_search_that_cannot_be(ids, options):
    with pytest.raises(ValueError, match="beam_search"):
        beam_search(writer("gpt"), ids, 3, **options)
