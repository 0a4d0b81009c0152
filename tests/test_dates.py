"""Written dates: their forms, what is held out, and the model that reads them."""

import time
from datetime import date

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import models
from minitransformer.data.dates import (
    FIRST,
    FORMS,
    LAST,
    MONTHS,
    is_held_out,
    ordinal,
    read,
    simplified,
    written,
    written_dates,
)
from minitransformer.models import Seq2Seq, Seq2SeqConfig
from minitransformer.recipes import dates as recipe
from minitransformer.recipes.dates import DatesRecipe, accuracy, answer_loss, iso_of
from minitransformer.terminal import Terminal
from minitransformer.tour.dates import OWN, train_dates
from minitransformer.training import LAST as CHECKPOINT

SMALL = {"d_model": 16, "batch_size": 16}


@pytest.fixture
def few(monkeypatch):
    """Few dates to train on, which are soon made."""
    monkeypatch.setattr(recipe, "SEEN", 2000)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_means_one_date(form):
    for day in (date(1969, 7, 21), date(2000, 2, 29), date(1011, 11, 1), date(2999, 5, 12)):
        text = written(day, form)
        assert read(text) == read(f"  {text.upper()} ") == day
        assert f"{day.year}" in text


def test_no_two_dates_are_written_alike():
    texts = {}
    for day in map(date.fromordinal, range(date(1900, 1, 1).toordinal(), date(1904, 1, 1).toordinal())):
        for form in FORMS:
            assert texts.setdefault(simplified(written(day, form)), day) == day


NONE = [
    "",
    "yesterday",
    "30 February 1999",
    "29 February 1900",
    "4/7/1969",
    "Monday, 22 July 1969",
    "0000-01-01",
]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_date(text):
    assert read(text) is None


def test_ordinals():
    assert " ".join(map(ordinal, (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 30, 31))) == (
        "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 23rd 30th 31st"
    )


def test_what_is_held_out_is_trained_on_in_no_form():
    known, unseen = written_dates(5000, 3), written_dates(5000, 3, held_out=True)
    for dates, held_out in ((known, False), (unseen, True)):
        days = [date.fromisoformat(iso) for _, iso in dates]
        assert {is_held_out(day) for day in days} == {held_out}
        assert all(FIRST <= day <= LAST for day in days)
        assert {day.weekday() for day in days} == set(range(7)) and len({day.month for day in days}) == len(
            MONTHS
        )
    assert is_held_out(read(OWN))


def test_one_seed_gives_the_same_dates():
    assert written_dates(50, 1) == written_dates(50, 1) != written_dates(50, 2)
    assert all(read(text).isoformat() == iso for text, iso in written_dates(50, 1))


def model_of(**sizes):
    mt.manual_seed(0)
    return Seq2Seq(Seq2SeqConfig(20, 8, 2, 1, 2, 12, **sizes))


def test_padding_changes_nothing():
    model = model_of().eval()
    ids, answer = mt.tensor([[3, 4, 5]]), mt.tensor([[0, 7, 8]])
    alone, padded = model(ids, answer), model(mt.tensor([[3, 4, 5, 0, 0]]), answer)
    np.testing.assert_allclose(padded.numpy(), alone.numpy(), rtol=0, atol=1e-5)


def test_no_token_of_the_answer_depends_on_a_later_one():
    model = model_of().eval()
    one, other = (model(mt.tensor([[3, 4]]), mt.tensor([[0, 7, last]])).numpy() for last in (8, 9))
    np.testing.assert_array_equal(one[:, :2], other[:, :2])
    assert abs(one[:, 2] - other[:, 2]).max() > 1e-3


def test_it_writes_the_likeliest_token_each_time():
    model = model_of(dropout=0.5).train()
    source = mt.tensor([[3, 4, 5], [6, 7, 0]])
    found = model.write(source, 4)
    assert model.training and found.shape == (2, 4)
    logits = model.eval()(source, mt.cat([mt.tensor([[0], [0]]), found[:, :-1]], 1))
    assert found.tolist() == logits.argmax(-1).tolist()


def test_the_answer_is_read_one_character_late():
    model, read_by = model_of(), []
    model.decode = lambda ids, *memory: read_by.append(ids.tolist()) or mt.zeros(1, 3, 20)
    answer_loss(model, (mt.tensor([[3, 4]]), mt.tensor([[5, 6, 7]])))
    assert read_by == [[[0, 5, 6]]]


def test_it_learns_and_comes_back(tmp_path, few):
    mt.manual_seed(0)
    trainer, tokenizer = DatesRecipe(steps=60, **SMALL).trainer(tmp_path)
    trainer.run()
    assert np.mean(trainer.losses[-5:]) < np.mean(trainer.losses[:5]) - 1
    model, again = models.load(tmp_path / CHECKPOINT, "seq2seq")
    texts = [text for text, _ in written_dates(5, 0)]
    assert iso_of(model, again, texts) == iso_of(trainer.model, tokenizer, texts)


def test_a_run_is_resumed_by_its_own_recipe(command, tmp_path, few):
    assert command("train", "dates", "--out", tmp_path, "--steps", "1", "--d-model", "8", "--json")[0] == 0
    code, out = command("train", "stories", "--out", tmp_path, "--resume")
    assert code == 1 and "holds the run of a dates" in out
    code, out = command("train", "--out", tmp_path, "--resume", "--steps", "2", "--json")
    assert code == 0 and '"step": 2' in out


class Copies:
    """Stands for a model and writes what it is given to write."""

    def __init__(self, says):
        self.says = says

    def parameters(self):
        yield mt.zeros(1)

    def write(self, source, length):
        return mt.tensor(self.says)


def test_a_date_is_right_in_all_its_characters_or_wrong(few):
    dates = written_dates(3, 0)
    tokenizer = DatesRecipe(**SMALL).trainer()[1]
    says = [tokenizer.encode(iso) for _, iso in dates]
    says[1][-1] = tokenizer.encode("-")[0]
    assert accuracy(Copies(says), tokenizer, dates) == pytest.approx(2 / 3)


def test_what_a_tour_shows(few):
    console = Terminal()
    console.quiet = True
    result = train_dates(DatesRecipe(steps=3, **SMALL), console, "4 July 1776")
    assert result.tested == 500 and 0 <= result.accuracy <= 1
    assert all(
        read(text).isoformat() == right and is_held_out(read(text)) for text, right, _ in result.examples
    )
    own = result.own
    assert (own.text, own.right, len(own.said), own.attention.shape) == (
        "4 July 1776",
        "1776-07-04",
        10,
        (10, 11),
    )
    np.testing.assert_allclose(own.attention.sum(-1), 1, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_it_reads_99_of_100_unseen_dates_within_45_seconds(seed):
    mt.manual_seed(seed)
    trainer, tokenizer = DatesRecipe(seed=seed).trainer()
    start = time.process_time()  # of this process alone, whatever else the machine does
    trainer.run()
    seconds = time.process_time() - start
    share = accuracy(trainer.model, tokenizer, written_dates(1000, 100 + seed, held_out=True))
    print(f"seed {seed}: {share:.1%} of 1,000 unseen dates after {seconds:.0f} s")
    assert share >= 0.99 and seconds <= 45
