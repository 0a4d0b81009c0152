"""The recipes of BERT, GPT and T5: what is hidden from the model, what is asked of it, and that it learns."""

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import models
from minitransformer.autograd import watchers
from minitransformer.generation import generate
from minitransformer.recipes import RECIPES, FineTuningRecipe, GPTRecipe, MaskedLMRecipe, SpanCorruptionRecipe
from minitransformer.recipes.fine_tuning import read
from minitransformer.recipes.masked_lm import NOT_ASKED, masked
from minitransformer.recipes.span_corruption import corrupted, corrupted_loss, spans_of
from minitransformer.settings import setting
from minitransformer.tokenization import WordPieceTokenizer
from minitransformer.tokenization.word_piece import MARKS

PIECES = WordPieceTokenizer((*MARKS, *"abcdefghijklmnopqrst"))


def test_what_is_asked_and_what_is_read():
    ids = np.random.default_rng(0).integers(5, 25, (400, 50))
    read, asked = masked(ids, PIECES, np.random.default_rng(1))
    of = asked != NOT_ASKED
    assert np.array_equal(asked[of], ids[of]) and np.array_equal(read[~of], ids[~of])
    hidden, same = (read[of] == 4).mean(), (read[of] == ids[of]).mean()
    assert abs(of.mean() - 0.15) < 0.01 and abs(hidden - 0.8) < 0.02 and abs(same - 0.1 - 0.1 / 20) < 0.02
    assert set(np.unique(read)) == {4, *range(5, 25)}  # another is never a mark


def test_the_mask_is_where_the_vocabulary_has_it():
    random = np.random.default_rng(0)
    moved = WordPieceTokenizer((*MARKS[:4], "x", *"abcdefghijklmnopqrst", "[MASK]"))
    assert (masked(np.full((20, 20), 7), moved, random)[0] == 25).any()
    with pytest.raises(ValueError, match=r"expected a vocabulary with \[MASK\]"):
        masked(np.array([[7, 8]]), WordPieceTokenizer((*MARKS[:4], *"abcde")), random)


def test_something_is_always_asked():
    read, asked = masked(np.array([[7, 8]]), PIECES, np.random.default_rng(0), share=0.0)
    assert asked.tolist() == [[7, NOT_ASKED]]


@pytest.mark.parametrize("length", [2, 10, 64, 65])
def test_text_and_answer_together_are_the_whole(length):
    ids, random = list(range(100, 100 + length)), np.random.default_rng(length)
    text, answer = corrupted(ids, 1000, random)
    count, tokens = spans_of(length)
    assert [i for i in text if i >= 1000] == list(range(1000, 1000 + count))
    assert (
        answer[-1] == 1000 + count
        and len(answer) == tokens + count + 1
        and len(text) == length - tokens + count
    )
    spans = {}
    for i in answer[:-1]:
        if i >= 1000:
            mark = i
            spans[mark] = []
        else:
            spans[mark].append(i)
    assert all(spans.values()) and text[0] < 1000
    assert [j for i in text for j in spans.get(i, [i])] == ids


def test_every_place_is_cut_out_at_times():
    random = np.random.default_rng(0)
    kept = [set(corrupted(list(range(65)), 100, random)[0]) for _ in range(500)]
    gone = np.array([[i not in text for i in range(65)] for text in kept]).mean(0)
    assert gone[0] == 0 and (gone[1:] > 0.02).all() and gone[-1] == 1 and abs(gone.sum() - 10) < 1e-9


def test_the_answer_is_read_one_token_late():
    model = models.T5(models.T5Config(30, 8, 4, 12, 1, 1, 2)).double().eval()
    window, read = mt.tensor([list(range(3, 13))]), []
    forward = model.decode
    model.decode = lambda ids, *rest: read.append(ids.numpy()) or forward(ids, *rest)
    corrupted_loss(model, window, 20, np.random.default_rng(0))
    answer = corrupted(list(range(3, 13)), 20, np.random.default_rng(0))[1]
    assert read[0].tolist() == [[0, *answer[:-1]]]


SMALL = {"steps": 30, "length": 24, "vocab_size": 300, "d_model": 32, "num_layers": 1, "nhead": 2}


@pytest.mark.parametrize("recipe", [MaskedLMRecipe, GPTRecipe, SpanCorruptionRecipe])
def test_it_learns_and_comes_back(recipe, tmp_path):
    trainer, tokenizer = recipe(**SMALL).trainer(tmp_path)
    trainer.run()
    assert np.mean(trainer.losses[-5:]) < np.mean(trainer.losses[:5]) - 0.3
    model, again = models.load(tmp_path / "last.safetensors", recipe.kind)
    assert again == tokenizer and RECIPES[recipe.kind] is recipe
    for name, p in model.state_dict().items():
        assert np.array_equal(p.numpy(), trainer.model.state_dict()[name].numpy())


@pytest.mark.parametrize("kind", sorted(set(RECIPES) - {"bert-classifier"}))
def test_every_recipe_knows_half_precision(kind, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat and the dog sat on the log. " * 60, encoding="utf-8")
    settings = (
        {}
        if kind in ("classifier", "dates", "stories")
        else {"data": str(text), "length": 8, "vocab_size": 260}
    )
    trainer, _ = RECIPES[kind](
        steps=1, amp=True, d_model=8, nhead=2, num_layers=1, batch_size=2, **settings
    ).trainer()
    trainer.evaluate, dtypes = None, set()
    with setting(watchers, (lambda op, inputs, y, cotangents: str(op) == "Linear" and dtypes.add(y.dtype),)):
        trainer.run()
    assert dtypes == {mt.float16} and trainer.description["recipe"]["amp"] and not RECIPES[kind]().amp


def test_a_gpt_writes(tmp_path):
    trainer, tokenizer = GPTRecipe(**SMALL | {"steps": 1}).trainer(tmp_path)
    trainer.run()
    model, tokenizer = models.load(tmp_path / "last.safetensors", *models.WRITERS)
    assert len(generate(model, tokenizer.encode("The "), 5, seed=0)) == 5


def test_an_unknown_way_to_adapt():
    with pytest.raises(ValueError, match="full, lora|head"):
        FineTuningRecipe(adapt="prompt")


def test_what_suits_a_way_to_adapt_unless_it_is_chosen():
    assert FineTuningRecipe(adapt="head").steps > FineTuningRecipe(adapt="lora").steps
    assert FineTuningRecipe(adapt="head", steps=7, weight_decay=0.0).steps == 7
    assert FineTuningRecipe(adapt="head", steps=7, weight_decay=0.0).weight_decay == 0


def test_a_frozen_encoder_reads_each_text_once():
    model = (
        models.BertClassifier(models.BertClassifierConfig(30, 8, 2, 2, 12, 10, every_layer=True))
        .double()
        .eval()
    )
    samples = [([5, 6, 7, 8], 1), ([9], 0), ([5, 3], 1)]
    vectors = read(model, samples)
    assert [label for _, label in vectors] == [0, 1, 1]
    for (ids, _), (vector, _) in zip(
        sorted(samples, key=lambda sample: len(sample[0])), vectors, strict=True
    ):
        assert np.allclose(
            model.classify(mt.tensor(vector)).numpy(), model(mt.tensor([ids])).numpy()[0], rtol=0, atol=1e-12
        )


@pytest.mark.network
@pytest.mark.parametrize("adapt, learning", [("head", 2), ("full", 79), ("lora", 2 + 2 * 3 * 6)])
def test_what_of_minilm_learns(adapt, learning):
    pytest.importorskip("tokenizers")
    trainer, tokenizer = FineTuningRecipe(adapt=adapt, data="reviews", steps=2, batch_size=4).trainer()
    assert len(trainer.optimizer.param_groups[0]["params"]) == learning
    before = trainer.model.bert.embeddings.words.weight.numpy().copy()
    trainer.run()
    assert np.array_equal(before, trainer.model.bert.embeddings.words.weight.numpy()) == (adapt != "full")
    assert np.isfinite(trainer.losses).all()
