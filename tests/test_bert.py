"""BERT against transformers, in small and as MiniLM; what its heads do; LRP through it."""

import numpy as np
import pytest
from reference_models import hold
from references.transformers_tiny import HEADS, IDS, INNER, LAYERS, LENGTH, SEGMENTS, VOCAB, WIDTH

import minitransformer as mt
from minitransformer import explain
from minitransformer.models.bert import (
    MASKED_NAMES,
    Bert,
    BertClassifier,
    BertClassifierConfig,
    BertConfig,
    BertMaskedLM,
    embed,
)
from minitransformer.models.bert_heads import BertForSequenceClassification
from minitransformer.models.roberta import Roberta, RobertaConfig
from minitransformer.tokenization import WordPieceTokenizer
from minitransformer.tokenization.word_piece import MARKS

SMALL = {
    "vocab_size": VOCAB,
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": INNER,
    "max_position_embeddings": LENGTH,
}


def test_outputs_and_gradients_are_those_of_transformers():
    model = BertMaskedLM(BertConfig(**SMALL))
    hold(
        model,
        lambda model: model(mt.tensor(IDS), mt.tensor(SEGMENTS)),
        "bert",
        lambda arrays: MASKED_NAMES.read(model, arrays),
    )


def test_a_missing_array_is_named():
    with pytest.raises(
        ValueError, match="expected also bert.embeddings.word_embeddings.weight, .* more, got"
    ):
        MASKED_NAMES.read(BertMaskedLM(BertConfig(**SMALL)), {})


def test_the_masked_lm_writes_with_the_vectors_it_reads():
    model = BertMaskedLM(BertConfig(**SMALL))
    assert model.decoder.weight is model.bert.embeddings.words.weight


def test_padding_changes_no_sentence():
    model = Bert(BertConfig(**SMALL)).double().eval()
    alone, together = model.sentences(mt.tensor(IDS[1:, :4])), model.sentences(mt.tensor(IDS))
    assert np.allclose(alone.numpy()[0], together.numpy()[1], rtol=0, atol=1e-12)


def test_a_text_too_long_to_embed_is_named():
    tokenizer = WordPieceTokenizer((*MARKS, "a", "##a"))
    assert embed(Bert(BertConfig(**SMALL)), tokenizer, ["a " * LENGTH, "aa"]).shape == (2, WIDTH)
    with pytest.raises(ValueError, match=f"text 1 has {LENGTH + 1} tokens, the model reads at most {LENGTH}"):
        embed(Bert(BertConfig(**SMALL)), tokenizer, ["a", "a " * (LENGTH + 1)])


@pytest.mark.parametrize("texts", [["", "a"], ["a", ""], [""], []])
def test_a_text_without_words_is_one_unknown_word(texts):
    tokenizer = WordPieceTokenizer.train("a b c", vocab_size=20)
    model = Bert(BertConfig(**SMALL)).double().eval()
    vectors = embed(model, tokenizer, texts)
    assert vectors.shape == (len(texts), SMALL["hidden_size"]) and vectors.dtype == np.float64
    expected = [embed(model, tokenizer, ["a" if text else "\N{SNOWMAN}"])[0] for text in texts]
    np.testing.assert_allclose(vectors, np.reshape(expected, vectors.shape), rtol=1e-12)


def test_states_end_with_the_output_and_their_means_stand_side_by_side():
    model, ids = Bert(BertConfig(**SMALL)).double().eval(), mt.tensor(IDS)
    states = model.hidden_states(ids)
    assert len(states) == LAYERS + 1 and np.array_equal(states[-1].numpy(), model(ids).numpy())
    every = model.sentences(ids, every_layer=True).numpy()
    assert every.shape == (2, (LAYERS + 1) * WIDTH) and np.allclose(
        every[:, -WIDTH:], model.sentences(ids).numpy(), atol=1e-15
    )
    assert np.allclose(every[1, :WIDTH], states[0].numpy()[1, :4].mean(0), atol=1e-15)


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize("every_layer", [False, True])
def test_relevance_of_a_class_adds_up(form, every_layer):
    model = BertClassifier(BertClassifierConfig(**SMALL, every_layer=every_layer)).double()
    e = explain.lrp(model, IDS, target=1, form=form)
    assert e.ledger.closes and abs(e.ledger.gap) <= 1e-10 * e.ledger.scale
    assert np.array_equal(e.relevance[1] == 0, IDS[1] == 0)


def test_attention_is_recorded():
    model = BertClassifier(BertClassifierConfig(**SMALL)).double()
    assert explain.attention_rollout(model, IDS[:1]).relevance.shape == (1, 7)


def test_a_roberta_reads_fewer_tokens_than_it_has_positions():
    config = RobertaConfig(**SMALL | {"max_position_embeddings": 9}, pad_token_id=3)  # positions 4 to 8
    model = BertForSequenceClassification(config, Roberta).double().eval()
    text = mt.tensor([[5, 6, 7, 8, 9]])
    assert model(text).shape == (1, 2)
    with pytest.raises(ValueError, match="at most 5 tokens, got 6; split the text"):
        model(mt.tensor([[5, 6, 7, 8, 9, 10]]))


@pytest.mark.host("ids on a device are not looked at")
def test_a_roberta_has_one_segment():
    model = BertForSequenceClassification(RobertaConfig(**SMALL), Roberta)
    with pytest.raises(IndexError, match="1"):
        model(mt.tensor([[5, 6, 7, 8, 9]]), token_type_ids=mt.tensor([[0, 0, 1, 1, 1]]))


def test_positions_of_a_roberta_begin_after_its_padding():
    model = Roberta(RobertaConfig(**SMALL, pad_token_id=3)).embeddings
    table = model.positions.table().numpy()
    zeros = mt.zeros(1, 5, SMALL["hidden_size"])
    got = model.placed(zeros, mt.tensor([[3, 5, 6, 3, 7]])).numpy()[0]
    assert np.array_equal(got, table[[3, 4, 5, 3, 6]])
