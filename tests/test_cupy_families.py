"""The published architectures in small: the same numbers on NumPy and on CuPy. Run with `pytest --backend cupy`."""

import numpy
import pytest
from helpers import assert_close
from lrp_models import randomize
from on_device import RTOL, on_both

import minitransformer as mt
from minitransformer import explain, nn
from minitransformer.generation import beam_search, generate, generate_batch
from minitransformer.models import GPT, T5, BertConfig, BertMaskedLM, GPTConfig, T5Config
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.optim import AdamW

V = 13
IDS, ANSWER = [[3, 1, 4, 1, 5, 9], [2, 6, 5, 0, 0, 0]], [[0, 7, 2, 8], [0, 1, 3, 2]]
FAMILIES = {
    "bert": lambda: BertMaskedLM(BertConfig(V, 12, 2, 3, 20, 16)),
    "gpt": lambda: GPT(GPTConfig(V, 24, 12, 2, 3)),
    "llama": lambda: Llama(LlamaConfig(V, 16, 20, 2, 4, 2, 24)),
    "t5": lambda: T5(T5Config(V, 12, 5, 20, 2, 2, 3, 8, 6)),
}
WRITERS = ("gpt", "llama", "t5")


def small(name, dtype=mt.float64):
    return randomize(FAMILIES[name]()).to(dtype)


def logits_of(model):
    return model(*map(mt.tensor, (IDS, ANSWER) if isinstance(model, T5) else (IDS,)))  # (B, T, V)


def steps(name, dtype):
    """Logits, then losses, first gradients and weights of a few steps with dropout."""
    model = small(name, dtype)
    logits = logits_of(model).numpy()
    optimizer, losses, gradients = AdamW(model.train().parameters(), lr=1e-3, eps=1e-2), [], None
    for _ in range(5):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(
            logits_of(model).flatten(0, 1), mt.tensor(ANSWER if name == "t5" else IDS).flatten()
        )
        loss.backward()
        gradients = gradients or [p.grad.numpy().copy() for p in model.parameters()]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return [logits], [numpy.array(losses)], gradients, [p.numpy() for p in model.parameters()]


@pytest.mark.parametrize("dtype", RTOL, ids=str)
@pytest.mark.parametrize("name", FAMILIES)
def test_logits_gradients_and_training(name, dtype):
    for ours, theirs in zip(*on_both(lambda: steps(name, dtype)), strict=True):
        largest = max(abs(array).max() for array in ours)
        for expected, got in zip(ours, theirs, strict=True):
            assert_close(got, expected, RTOL[dtype], least=largest)


def relevance(name, dtype, form):
    model = small(name, dtype)
    if name == "t5":
        return explain.lrp_answer(model, IDS[0], ANSWER[0], form=form)
    return explain.lrp(model, IDS, form=form)


@pytest.mark.parametrize(
    "dtype, form", [(mt.float32, "gradient"), (mt.float64, "gradient"), (mt.float64, "explicit")], ids=str
)
@pytest.mark.parametrize("name", FAMILIES)
def test_relevance(name, dtype, form):
    ours, theirs = on_both(lambda: relevance(name, dtype, form))
    assert_close(theirs.relevance, ours.relevance, RTOL[dtype])
    assert theirs.target == ours.target and theirs.ledger.closes


def written(name, dtype):
    model = small(name, dtype)
    model, begun = (model.answer(mt.tensor(IDS[:1])), [0]) if name == "t5" else (model, IDS[0])
    greedy = [generate(model, begun, 8, temperature=0, use_cache=cached) for cached in (True, False)]
    drawn = generate(model, begun, 8, seed=1, top_k=5)
    return (
        greedy,
        drawn,
        generate_batch(model, [begun], 8, seed=2),
        [d.tokens for d in beam_search(model, begun, 6, beams=3)],
    )


@pytest.mark.parametrize("dtype", RTOL, ids=str)
@pytest.mark.parametrize("name", WRITERS)
def test_the_same_tokens(name, dtype):
    ours, theirs = on_both(lambda: written(name, dtype))
    assert ours == theirs
