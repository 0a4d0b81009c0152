"""Recipes: what is held out stays out, what is hidden is hidden, and the models learn."""

import numpy
import pytest
from later import torch

import minitransformer as mt
from minitransformer import nn
from minitransformer.data.reviews import Review, load_reviews, marked_words, same_text, train_test_split
from minitransformer.data.word_vectors import word_vectors
from minitransformer.explain import lrp
from minitransformer.models import ClassifierConfig, SequenceClassifier
from minitransformer.models.classifier import predict_proba
from minitransformer.recipes import ClassifierRecipe, LanguageModelRecipe
from minitransformer.recipes.classifier import DATA, SETTINGS, SETTLED, accuracy, loss, mean_loss
from minitransformer.recipes.language_model import next_token_loss
from minitransformer.recipes.text import Windows
from minitransformer.tokenization import WordTokenizer

PAD, UNKNOWN = 0, 1


class Recorder(nn.Module):
    """Returns the same logits for every input, and records the inputs."""

    def __init__(self, logits):
        super().__init__()
        self.logits, self.read = mt.tensor(logits), None

    def forward(self, ids):
        self.read = ids.numpy()
        return self.logits


def test_no_review_is_on_two_sides():
    parts = [{same_text(r) for r in part} for part in ClassifierRecipe().split()]
    assert [len(part) for part in parts] == [983, 64, 160]
    assert len(set.union(*parts)) == len({same_text(r) for r in load_reviews()}) == 1207


def test_reviews_written_later_are_never_held_out():
    known, test = train_test_split(load_reviews()[:SETTLED], held_out=0.2)
    train, validation, held_out = ClassifierRecipe().split()
    assert SETTLED == 800 and held_out == test
    assert train[-407:] == load_reviews()[SETTLED:] and set(train[:-407] + validation) == set(known)


def test_marked_words_are_samples_too():
    train, _, _ = ClassifierRecipe().split()
    short = marked_words(train)
    assert short[0].text == " ".join(train[0].text[a:b] for a, b in train[0].rationale)
    assert [r.label for r in short] == [r.label for r in train]
    assert marked_words([Review("good", 1)]) == []
    assert ClassifierRecipe().samples(train) == train
    assert ClassifierRecipe.of("reviews").samples(train) == train + short
    trainer, _ = ClassifierRecipe.of("reviews").trainer_on(train)
    assert len(trainer.loader.dataset) == 2 * len(train) and trainer.evaluate is None


def test_the_held_out_reviews_do_not_depend_on_the_seed():
    first = ClassifierRecipe().split()
    mt.manual_seed(99)
    assert ClassifierRecipe().split() == first


def test_the_vocabulary_is_of_training_reviews_only():
    trainer, tokenizer = ClassifierRecipe(steps=1).trainer()
    train, _, _ = ClassifierRecipe().split()
    met = {piece.strip().lower() for r in train for piece in tokenizer.tokens(r.text)}
    assert set(tokenizer.words) <= met and trainer.model.config.vocab_size == tokenizer.vocab_size


def test_every_data_set_has_its_settings():
    assert set(SETTINGS) == set(DATA)
    assert ClassifierRecipe.of("reviews") == ClassifierRecipe.of() != ClassifierRecipe()
    assert LanguageModelRecipe.of("a.txt") == LanguageModelRecipe(data="a.txt")
    for make in (ClassifierRecipe.of, lambda data: ClassifierRecipe(data).split()):
        with pytest.raises(ValueError, match="expected one of reviews, movie-reviews, got 'tweets'"):
            make("tweets")


def test_the_vectors_begin_with_those_of_their_neighbours():
    train = ClassifierRecipe().split()[0][:200]
    mt.manual_seed(1)
    plain, tokenizer = ClassifierRecipe().trainer_on(train)
    mt.manual_seed(1)
    trainer, _ = ClassifierRecipe(vectors=True).trainer_on(train)
    ids = [[i for i in tokenizer.encode(r.text) if i != UNKNOWN] for r in train]
    expected = word_vectors(ids, tokenizer.vocab_size, 16)
    got, random = (t.model.embedding.weight.detach().numpy() for t in (trainer, plain))
    numpy.testing.assert_allclose(got / got.std(), expected / expected.std(), rtol=1e-4, atol=1e-5)
    assert got.std() == pytest.approx(random.std(), rel=1e-4) and got.dtype == random.dtype
    assert (got[[PAD, UNKNOWN]] == 0).all()
    assert (trainer.model.head.weight.numpy() == plain.model.head.weight.numpy()).all()


def test_words_are_hidden_but_padding_is_not():
    ids = numpy.full((50, 40), 7)
    ids[:, 30:] = PAD
    model = Recorder(numpy.zeros((50, 2)))
    loss(model, (mt.tensor(ids), mt.tensor(numpy.zeros(50, "int64"))), hidden=0.4, unknown=UNKNOWN)
    assert (model.read[:, 30:] == PAD).all()
    words = model.read[:, :30]
    assert set(numpy.unique(words)) == {UNKNOWN, 7}
    assert (words == UNKNOWN).mean() == pytest.approx(0.4, abs=0.05)
    loss(model, (mt.tensor(ids), mt.tensor(numpy.zeros(50, "int64"))))
    assert (model.read == ids).all()


def test_smoothing_is_that_of_pytorch():
    logits, labels = numpy.random.default_rng(0).normal(size=(5, 2)), numpy.array([0, 1, 1, 0, 1])
    batch = mt.tensor(numpy.full((5, 3), 7)), mt.tensor(labels)
    expected = torch.nn.functional.cross_entropy(
        torch.tensor(logits), torch.tensor(labels), label_smoothing=0.1
    )
    assert loss(Recorder(logits), batch, smoothing=0.1).item() == pytest.approx(expected.item(), rel=1e-12)


def test_the_mean_loss_counts_each_review_once():
    mt.manual_seed(1)
    model = SequenceClassifier(ClassifierConfig(20, d_model=8, nhead=2)).double().eval()
    samples = [(numpy.random.default_rng(i).integers(2, 20, 3 + i).tolist(), i % 2) for i in range(7)]
    one_by_one = [loss(model, (mt.tensor([ids]), mt.tensor([label]))).item() for ids, label in samples]
    assert mean_loss(model, samples, batch_size=3) == pytest.approx(numpy.mean(one_by_one), rel=1e-9)


def test_positions_whisper_in_the_classifier():
    quiet, loud = (
        SequenceClassifier(ClassifierConfig(20, position_scale=scale)).positions.pe.numpy()
        for scale in (0.1, 1.0)
    )
    numpy.testing.assert_allclose(quiet, 0.1 * loud, rtol=1e-6)


def test_a_bag_of_words_adds_one_weight_for_each_word():
    mt.manual_seed(1)
    sizes = {"vocab_size": 20, "d_model": 8, "nhead": 2}
    model = SequenceClassifier(ClassifierConfig(**sizes, bag_of_words=True)).double().eval()
    plain = SequenceClassifier(ClassifierConfig(**sizes)).double().eval()
    plain.load_state_dict({name: p for name, p in model.state_dict().items() if name != "bag.weight"})
    ids = mt.tensor([[3, 4, 3], [5, PAD, PAD]])
    assert (model(ids).numpy() == plain(ids).numpy()).all()  # at first it adds nothing
    weights = numpy.random.default_rng(0).normal(size=(20, 2))
    weights[PAD] = 0
    with mt.no_grad():
        model.bag.weight.copy_(mt.tensor(weights))
    added = [2 * weights[3] + weights[4], weights[5]]
    numpy.testing.assert_allclose(
        model(ids).detach().numpy() - plain(ids).detach().numpy(), added, atol=1e-12
    )
    ours, theirs = (lrp(m, [3, 4, 6], (1, 0)) for m in (model, plain))
    share = weights[[3, 4, 6], 1] - weights[[3, 4, 6], 0]
    numpy.testing.assert_allclose(ours.relevance - theirs.relevance, share, atol=1e-12)


def test_probabilities_stand_in_the_order_of_the_texts():
    tokenizer = WordTokenizer.train("one two three four five six")
    model = SequenceClassifier(ClassifierConfig(tokenizer.vocab_size)).double().eval()
    texts = ["five six one two", "one", "", "three four", "six five four three two one", "two"]
    alone = numpy.concatenate([predict_proba(model, tokenizer, [text]) for text in texts])
    assert len(numpy.unique(alone.round(9), axis=0)) == len(texts)
    assert numpy.allclose(predict_proba(model, tokenizer, texts, batch_size=4), alone, rtol=0, atol=1e-12)


def test_no_texts_have_no_probabilities_and_no_accuracy():
    model, tokenizer = SequenceClassifier(ClassifierConfig(20, 3)).double().eval(), WordTokenizer.train("a b")
    assert (
        predict_proba(model, tokenizer, []).shape == (0, 3)
        and predict_proba(model, tokenizer, []).dtype == numpy.float64
    )
    assert predict_proba(model, tokenizer, ["", "a"]).shape == (2, 3)
    with pytest.raises(ValueError, match="at least one review"):
        accuracy(model, tokenizer, [])


def test_the_classifier_beats_guessing():
    recipe = ClassifierRecipe(steps=150)
    trainer, tokenizer = recipe.trainer()
    assert trainer.run()
    assert accuracy(trainer.model, tokenizer, recipe.split()[2]) > 0.65  # 8 in 10 with all steps


def test_windows_hold_each_step_from_one_token_to_the_next_once():
    ids = numpy.arange(100, 126)
    windows = Windows(ids, 4)
    assert [windows[i].tolist() for i in range(len(windows))] == [
        list(range(i, i + 5)) for i in range(100, 121, 4)
    ]
    with pytest.raises(ValueError, match="more than 26 tokens, got 26"):
        Windows(ids, 26)


def test_the_next_token_is_the_target():
    mt.manual_seed(1)
    trainer, _ = LanguageModelRecipe(steps=1, d_model=8, nhead=2, num_layers=1).trainer()
    model = trainer.model.double().eval()
    window = numpy.random.default_rng(0).integers(0, 512, (2, 9))
    logits = torch.tensor(model(mt.tensor(window[:, :-1])).detach().numpy())
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.tensor(window[:, 1:]).flatten())
    assert next_token_loss(model, mt.tensor(window)).item() == pytest.approx(expected.item(), rel=1e-9)
