"""Models of several inputs: each is explained, and each is a row of the ledger."""

import numpy as np
import pytest
from lrp_models import IDS, VOCAB, classifier, randomize

import minitransformer as mt
from minitransformer import explain, nn
from minitransformer.models import T5, T5Config

FORMS = pytest.mark.parametrize("form", ["explicit", "gradient"])


class Translator(nn.Module):
    """An encoder-decoder that reads two texts."""

    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(VOCAB, 8), nn.Linear(8, VOCAB)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.decoder = nn.TransformerDecoderLayer(8, 2, 12, batch_first=True)

    def forward(self, source, answer):
        memory = self.encoder(self.embedding(source))
        return self.head(self.decoder(self.embedding(answer), memory, tgt_is_causal=True))


ANSWER = [2, 7, 3]


@FORMS
@pytest.mark.parametrize("batch", [False, True])
def test_two_texts_are_explained_one_after_the_other(form, batch):
    model = randomize(Translator())
    inputs = ([IDS, IDS[::-1]], [ANSWER, ANSWER]) if batch else (IDS, ANSWER)
    e = explain.lrp(model, inputs, target=1, form=form)
    n = len(IDS)
    assert e.relevance.shape == e.ids.shape == ((2,) if batch else ()) + (n + len(ANSWER),)
    assert e.ledger.closes and set(e.ledger.inputs) == {"source", "answer"}
    assert e.ledger.inputs["source"] == pytest.approx(e.relevance[..., :n].sum(), abs=1e-10)
    assert e.ledger.inputs["answer"] == pytest.approx(e.relevance[..., n:].sum(), abs=1e-10)
    assert sum(e.ledger.inputs.values()) == pytest.approx(e.ledger["tokens"], abs=1e-12)
    assert "of these source" in str(e.ledger) and "tokens source" in e.ledger.table("op")
    assert "of these" not in str(explain.lrp(classifier(), IDS).ledger)


def test_it_is_what_explaining_an_answer_gives():
    model = randomize(T5(T5Config(VOCAB, 8, 4, 12, 2, 2, 2)))
    e, same = explain.lrp(model, (IDS, ANSWER), 1), explain.lrp_answer(model, IDS, ANSWER, 1)
    assert np.array_equal(e.relevance, same.relevance) and len(e.ledger.inputs) == 2
    assert e.ledger.inputs == same.ledger.inputs
    by_gradient = explain.gradient_x_input(model, (IDS, ANSWER), 1)
    assert by_gradient.relevance.shape == e.relevance.shape
    assert explain.certify(model, (IDS, ANSWER), 1).ok


@FORMS
def test_tensors_of_any_graph_are_rows_too(form):
    a, b = (mt.tensor(np.random.default_rng(i).standard_normal((2, 3)), requires_grad=True) for i in (0, 1))
    (of_a, of_b), ledger = explain.account((a * 2 + b.tanh()).sum(), [a, b], form=form)
    assert ledger.inputs == pytest.approx({"wrt[0]": of_a.sum(), "wrt[1]": of_b.sum()})


@pytest.mark.parametrize(
    "method",
    [explain.integrated_gradients, explain.occlusion, explain.attention_rollout, explain.layer_relevance],
)
def test_methods_for_one_text_say_so(method):
    with pytest.raises(ValueError, match="expected one input, got 2"):
        method(randomize(Translator()), (IDS, ANSWER), 1)


def test_inputs_of_different_batches_are_refused():
    with pytest.raises(ValueError, match=r"as many sequences in each input, got \[2, 1\]"):
        explain.lrp(randomize(Translator()), ([IDS, IDS], ANSWER))


def test_a_tuple_of_numbers_is_one_text():
    model = classifier()
    assert np.array_equal(explain.lrp(model, tuple(IDS)).relevance, explain.lrp(model, IDS).relevance)
