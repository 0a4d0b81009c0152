"""Relevance on every family of models: the ledger closes under every preset, both forms agree, padding does not matter."""

import numpy as np
import pytest
from lrp_models import randomize

from minitransformer import explain
from minitransformer.explain.rules import PRESETS
from minitransformer.models.bert import BertClassifier, BertClassifierConfig, BertConfig, BertMaskedLM
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.models.seq2seq import Seq2Seq, Seq2SeqConfig
from minitransformer.models.t5 import T5, T5Config

IDS, ANSWER = [3, 1, 4, 7, 5, 9], [2, 6, 5]
BERT = {
    "vocab_size": 13,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 10,
}
T5_SIZES = {
    "vocab_size": 13,
    "d_model": 8,
    "d_kv": 4,
    "d_ff": 12,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 2,
}
MODELS = {
    "gpt": lambda: GPT(GPTConfig(13, 10, 8, 2, 2)),
    "llama": lambda: Llama(LlamaConfig(13, 8, 12, 2, 4, 2, 16, tie_word_embeddings=False)),
    "bert": lambda: BertMaskedLM(BertConfig(**BERT)),
    "bert classifier": lambda: BertClassifier(BertClassifierConfig(**BERT, every_layer=True)),
    "t5": lambda: T5(T5Config(**T5_SIZES)),
    "seq2seq": lambda: Seq2Seq(Seq2SeqConfig(13, 8, 2, 1, 2, 12)),
}
BOTH_FORMS = ("attnlrp", "cp-lrp", "epsilon")
WAYS = [(rule, "explicit") for rule in PRESETS] + [(rule, "gradient") for rule in BOTH_FORMS]


def explained(kind, model=None, ids=IDS, **options):
    """Relevance of `ids`, and for an encoder-decoder, which reads them and goes on writing, of both sides."""
    model = randomize(MODELS[kind]()) if model is None else model
    return (
        explain.lrp_answer(model, ids, ANSWER, **options)
        if kind in ("t5", "seq2seq")
        else explain.lrp(model, ids, **options)
    )


@pytest.mark.parametrize("rule, form", WAYS)
@pytest.mark.parametrize("kind", MODELS)
def test_the_ledger_closes_under_every_preset(kind, rule, form):
    ledger = explained(kind, rule=rule, form=form).ledger
    gaps = [ledger.gap, *(row.gap for row in ledger.rows), *(row.gap for row in ledger.by_layer())]
    assert max(map(abs, gaps)) <= 1e-10 * ledger.scale
    assert (ledger["epsilon"] != 0) == (form == "explicit") and (ledger["softmax"] != 0) == (
        rule == "attnlrp"
    )


@pytest.mark.parametrize("rule", BOTH_FORMS)
@pytest.mark.parametrize("kind", MODELS)
def test_both_forms_agree_without_a_stabiliser(kind, rule):
    model = randomize(MODELS[kind]())
    gradient = explained(kind, model, rule=rule)
    explicit = explained(kind, model, rule=rule, form="explicit", eps=1e-14)
    assert abs(gradient.relevance - explicit.relevance).max() <= 1e-8 * abs(gradient.relevance).max()


@pytest.mark.parametrize(
    "rule, form", [("attnlrp", "gradient"), ("attnlrp", "explicit"), ("epsilon-plus", "explicit")]
)
@pytest.mark.parametrize("kind", MODELS)
def test_float32_closes_too(kind, rule, form):
    ledger = explained(kind, randomize(MODELS[kind]()).float(), rule=rule, form=form).ledger
    assert ledger.closes and ledger.tolerance == 1e-4


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize("kind", ["bert", "bert classifier"])
def test_padding_does_not_matter(kind, form):
    model, n = randomize(MODELS[kind]()), len(IDS)
    options = {"target": 1, "position": 2, "form": form}
    padded = explained(kind, model, [IDS + [0, 0], IDS[::-1] + [0, 0]], **options).relevance
    alone = [explained(kind, model, ids, **options).relevance for ids in (IDS, IDS[::-1])]
    assert np.allclose(padded[:, :n], alone, rtol=0, atol=1e-9 * np.abs(alone).max())
    assert not padded[:, n:].any()


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_what_t5_reads_may_be_padded(form):
    model, n = randomize(MODELS["t5"]()), len(IDS)
    padded = explained("t5", model, IDS + [0, 0], target=1, form=form).relevance
    alone = explained("t5", model, target=1, form=form).relevance
    assert np.allclose(np.delete(padded, [n, n + 1]), alone, rtol=0, atol=1e-9 * abs(alone).max())
    assert not padded[n : n + 2].any()
