"""Relevance on every family and head that folders may hold: the ledger closes in both forms, and these agree."""

from functools import partial

import numpy as np
import pytest
from lrp_models import randomize

import minitransformer as mt
from minitransformer import explain, nn
from minitransformer.explain.walk import account
from minitransformer.models import bert_heads
from minitransformer.models.distilbert import DistilBert, DistilBertConfig, DistilBertModel
from minitransformer.models.gpt import GPT, GPTBody, GPTConfig
from minitransformer.models.heads import LastTokenClassifier, SpanFinder, TokenClassifier
from minitransformer.models.llama import Llama, LlamaConfig, LlamaDecoder
from minitransformer.models.mistral import MistralConfig
from minitransformer.models.qwen import Qwen2Config, Qwen3Config
from minitransformer.models.roberta import Roberta, RobertaConfig
from minitransformer.models.t5 import T5, T5Config
from minitransformer.models.t5_heads import T5Classifier, T5Encoder, T5EncoderConfig, T5Reader
from minitransformer.models.vit import ViTConfig, ViTForImageClassification

IDS, ANSWER = [3, 1, 4, 7, 5, 9], [0, 6, 5]
DECODER = {
    "vocab_size": 13, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 16, "pad_token_id": 0,
}  # fmt: skip
LLAMA = LlamaConfig(**DECODER, attention_bias=True, mlp_bias=True, head_dim=6)
QWEN2 = Qwen2Config(**DECODER, use_sliding_window=True, sliding_window=3, max_window_layers=1)
QWEN3 = Qwen3Config(**DECODER, head_dim=6, tie_word_embeddings=False)
MISTRAL = MistralConfig(**DECODER, sliding_window=3)
GPT2 = GPTConfig(
    13, 10, 8, 2, 2, n_inner=5, activation_function="relu", pad_token_id=0, tie_word_embeddings=False
)
READS = {
    "vocab_size": 13, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12,
    "max_position_embeddings": 12, "num_labels": 3,
}  # fmt: skip
ROBERTA, DISTILBERT = RobertaConfig(**READS, pad_token_id=0), DistilBertConfig(**READS, hidden_act="relu")
T5_SIZES = {
    "vocab_size": 13,
    "d_model": 8,
    "d_kv": 4,
    "d_ff": 12,
    "num_layers": 2,
    "num_decoder_layers": 1,
    "num_heads": 2,
}
FIRST = T5Config(**T5_SIZES, feed_forward_proj="relu", scale_decoder_outputs=True, eos_token_id=9)
GATED = T5Config(**T5_SIZES, eos_token_id=9)


class Starts(nn.Module):
    """The first of the two outputs of a model that finds answers, (B, T), as if they were classes."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        return self.model(ids)[0]


MODELS = {
    "llama": lambda: Llama(LLAMA),
    "llama texts": lambda: LastTokenClassifier(LlamaDecoder, LLAMA),
    "qwen2": lambda: Llama(QWEN2),
    "qwen2 tokens": lambda: TokenClassifier(LlamaDecoder, QWEN2),
    "qwen3": lambda: Llama(QWEN3),
    "qwen3 spans": lambda: Starts(SpanFinder(LlamaDecoder, QWEN3)),
    "mistral": lambda: Llama(MISTRAL),
    "gpt": lambda: GPT(GPT2),
    "gpt texts": lambda: LastTokenClassifier(GPTBody, GPT2),
    "roberta": lambda: bert_heads.BertModel(ROBERTA, Roberta),
    "roberta texts": lambda: bert_heads.BertForSequenceClassification(ROBERTA, Roberta),
    "roberta words": lambda: bert_heads.BertForMaskedLM(ROBERTA, Roberta),
    "distilbert": lambda: DistilBertModel(DISTILBERT),
    "distilbert texts": lambda: bert_heads.BertForSequenceClassification(DISTILBERT, DistilBert),
    "distilbert tokens": lambda: bert_heads.BertForTokenClassification(DISTILBERT, DistilBert),
    "distilbert spans": lambda: Starts(bert_heads.BertForQuestionAnswering(DISTILBERT, DistilBert)),
    "distilbert words": lambda: bert_heads.BertForMaskedLM(DISTILBERT, DistilBert),
    "t5 of version 1.0": lambda: T5(FIRST),
    "t5 encoder": lambda: T5Encoder(T5EncoderConfig(**T5_SIZES)),
    "t5 texts": lambda: T5Classifier(GATED),
    "t5 spans": lambda: Starts(T5Reader(FIRST)),
}
WAYS = [("attnlrp", "gradient"), ("attnlrp", "explicit"), ("epsilon", "explicit")]


def explained(kind, model, **options):
    if kind == "t5 of version 1.0":
        return explain.lrp_answer(model, IDS, ANSWER, target=1, **options)
    target = len(IDS) - 1 if kind == "qwen3 spans" else 1  # the first tokens of a causal model see no others
    return explain.lrp(model, IDS, target=target, **options)


@pytest.mark.parametrize("kind", MODELS)
def test_the_ledger_closes_and_both_forms_agree(kind):
    model = randomize(MODELS[kind]())
    for rule, form in WAYS:
        ledger = explained(kind, model, rule=rule, form=form).ledger
        gaps = [ledger.gap, *(row.gap for row in ledger.rows), *(row.gap for row in ledger.by_layer())]
        assert ledger.scale > 0 and max(map(abs, gaps)) <= 1e-10 * ledger.scale
    gradient = explained(kind, model)
    explicit = explained(kind, model, form="explicit", eps=1e-14)
    unseen = 1 if kind == "mistral" else 0  # two windows of three do not reach the first of six tokens
    assert not gradient.relevance[:unseen].any() and gradient.relevance[unseen:].all()
    assert abs(gradient.relevance - explicit.relevance).max() <= 1e-8 * abs(gradient.relevance).max()


@pytest.mark.parametrize("rule, form", WAYS)
def test_the_ledger_of_a_picture_closes(rule, form):
    model = randomize(
        ViTForImageClassification(ViTConfig(8, 2, 2, 12, image_size=6, patch_size=3, num_labels=3))
    )
    pixels = mt.tensor(np.random.default_rng(0).standard_normal((1, 3, 6, 6)), requires_grad=True)
    (relevance,), ledger = account(model(pixels)[0, 1], [pixels], rule, form)
    assert relevance.shape == (1, 3, 6, 6) and relevance.all()
    assert abs(ledger.gap) <= 1e-10 * ledger.scale and ledger["positions"] != 0
    if form == "gradient":
        (explicit,) = explain.relevance(model(pixels)[0, 1], [pixels], rule, "explicit", eps=1e-14)
        assert np.allclose(explicit, relevance, rtol=0, atol=1e-8 * abs(relevance).max())


def test_padding_at_the_left_takes_no_relevance():
    model = randomize(LastTokenClassifier(LlamaDecoder, LLAMA)).eval()
    masked = partial(model.body, attention_mask=mt.tensor([[0, 0, 1, 1, 1, 1, 1, 1]]))
    ids = mt.tensor([[0, 0, *IDS]])
    x = masked(ids)
    (table,) = explain.relevance(x[0, -1, 0], [model.body.embed_tokens.weight])
    assert not table[0].any() and table[IDS].any(1).all()


@pytest.mark.parametrize("ids", [[1, 2, 3, 4], [1, 2, 3, 5]])
def test_positions_that_are_looked_up_are_no_tokens(ids):
    model = randomize(MODELS["roberta texts"]())  # the positions are 1, 2, 3, 4
    ledger = explain.lrp(model, ids, target=1).ledger
    assert ledger["positions"] != 0 and abs(ledger.gap) <= 1e-10 * ledger.scale
    ids = mt.tensor([ids])
    table = model.bert.embeddings.words.weight
    (relevance,) = explain.relevance(model(ids)[0, 1], [table])
    assert np.isclose(ledger["tokens"], relevance.sum(), rtol=1e-10)
