"""Certificates: models that are right pass, and each way of losing relevance is told with its layer and op."""

import itertools
import json
import math
import re

import numpy as np
import pytest
from lrp_models import IDS, MODELS, VOCAB, classifier, randomize

import minitransformer as mt
import minitransformer.nn.functional as F
from minitransformer import explain, nn
from minitransformer.autograd import Op
from minitransformer.devices import device_of, to_device, to_host
from minitransformer.explain.certificate import DIFFERENCE_GAP
from minitransformer.explain.walk import Walk
from minitransformer.ops.laws import Activates


@pytest.mark.parametrize("rule", ["attnlrp", "cp-lrp"])
@pytest.mark.parametrize("kind", MODELS)
def test_models_of_every_kind_are_certified(kind, rule):
    model = MODELS[kind]()
    found = explain.certify(model.float(), IDS, 1, rule=rule)
    assert found.ok and found.lost == [] and found.checked == 4
    assert max(found.forms_gap, found.difference_gap, found.derivative_gap) < 1e-7
    assert all(received == pytest.approx(accounted, abs=1e-9) for _, received, accounted, _ in found.rows)
    assert next(model.parameters()).dtype == mt.float32
    e = explain.lrp(model, IDS, 1, rule=rule)
    if kind != "encoder-decoder":  # which looks its ids up twice
        ((relevance,),) = found.relevance.values()
        assert np.allclose(relevance[0], e.relevance, rtol=0, atol=1e-4)
    assert json.loads(json.dumps(found.to_dict()))["ok"] is True and "certified: output" in str(found)


class Hidden(nn.Module):
    """A classifier whose middle is a function that a test gives."""

    def __init__(self, middle):
        super().__init__()
        self.embedding, self.first, self.head = nn.Embedding(VOCAB, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.middle = Middle(middle)

    def forward(self, ids):
        return self.head(self.middle(self.first(self.embedding(ids))).mean(1))


class Middle(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def certified(middle):
    return explain.certify(randomize(Hidden(middle)), IDS, 1)


def norm(x):
    return (x * x).mean(-1, keepdim=True).sqrt()


RIGHT = {
    "gates": lambda x: mt.sigmoid(x) * mt.tanh(x.roll(1, -1)),
    "a norm by hand": lambda x: x / norm(x),
    "a softmax by hand": lambda x: (lambda e: e / e.sum(-1, keepdim=True) * x)(mt.exp(x)),
    "a norm held constant": lambda x: x + explain.constant(norm(x)),
    "a mask by comparison": lambda x: x * (x > 0).double(),
    "powers": lambda x: (x**2 + 1).sqrt() * x.abs() + x.clamp(-1, 1),
    "an edit in place": lambda x: (x * 2).add_(x),
}


@pytest.mark.parametrize("middle", RIGHT.values(), ids=RIGHT)
def test_what_people_write_by_hand_is_certified(middle):
    found = certified(middle)
    assert found.ok and found.lost == [], str(found)


def through_memory(x):
    y = x * 2
    y.array[..., 0] = 0.5
    return y


LOSES = {
    "detached": (
        lambda x: x / norm(x).detach(),
        "Div",
        "input 1, a constant .* changes with the model's inputs",
    ),
    "through NumPy": (lambda x: x + mt.tensor(np.abs(x.detach().numpy())), "Add", "no tape leads there"),
    "a number": (lambda x: x * x.abs().mean().item(), "Mul", "input 1, the number .* changes"),
    "without gradient": (lambda x: x + no_gradient(x), "Add", "explain.constant says that it is meant"),
}


def no_gradient(x):
    with mt.no_grad():
        return mt.tanh(x)


@pytest.mark.parametrize("middle, op, why", LOSES.values(), ids=LOSES)
def test_a_piece_that_is_cut_off_is_named(middle, op, why):
    found = certified(middle)
    assert not found.ok and found.derivative_gap > 1e-3 and found.conserved
    (lost,) = found.lost
    assert (lost.layer, lost.op) == ("middle", op)
    assert re.search(why, lost.why)
    assert "lost: " in str(found) and json.dumps(found.to_dict())


def test_a_result_that_is_changed_behind_the_tape_is_named():
    found = certified(through_memory)
    assert not found.ok and ("middle", "Mul") in [(lost.layer, lost.op) for lost in found.lost]
    assert any("changed outside of the tape" in lost.why for lost in found.lost)


def test_a_piece_that_is_cut_off_without_effect_is_told_as_such():
    found = certified(lambda x: F.softmax(x - x.max(-1, keepdim=True)[0].detach(), -1) + x)
    assert [lost.op for lost in found.lost] == ["Sub"] and found.derivative_gap < 1e-6
    assert "without effect here: Sub in layer 'middle'" in str(found)


def test_an_op_without_a_law_is_named_and_nothing_else_is_claimed():
    found = certified(lambda x: (x * 3).round() + (x * 3).floor() + x)
    assert not found.ok and found.rows == [] and math.isnan(found.forms_gap)
    assert [lost.layer for lost in found.lost] == ["middle"] * 2
    assert all("constant between its steps" in lost.why for lost in found.lost)
    assert json.loads(json.dumps(found.to_dict()))["forms_gap"] is None


def test_a_result_that_is_edited_after_it_was_read_is_computed_again():
    def edited(x):
        y = mt.tanh(x)
        z = y * y
        with mt.no_grad():
            y.mul_(2)
        return z

    assert certified(edited).ok


def test_a_leaf_that_is_edited_after_it_was_read_is_named():
    scale = mt.ones(6, dtype=mt.float64, requires_grad=True)

    def edited(x):
        z = x * scale
        with mt.no_grad():
            scale.mul_(2)
        return z

    found = certified(edited)
    assert not found.ok and any(
        "edited in place" in lost.why and lost.layer == "middle" for lost in found.lost
    )


class Wrong(Activates):
    """x * 2, with one law that a test breaks."""

    def __init__(self, law):
        self.broken = law

    def forward(self, x):
        return x * 2

    def vjp(self, g, x):
        return (g * 2,)

    def relprop(self, r, books, x):
        return (r * (1.5 if self.broken in ("relprop", "both") else 1),)

    def modified(self, g, books, x):
        return (g * (3 if self.broken in ("modified", "both") else 2),)


def test_a_law_that_is_wrong_is_found_by_each_check():
    right, *wrong = (
        certified(lambda x, law=law: Wrong(law)(x)) for law in ("", "relprop", "modified", "both")
    )
    assert right.ok
    assert not any(found.ok for found in wrong)
    relprop, modified, both = wrong
    assert relprop.conserved and relprop.forms_gap > 0.1 and relprop.difference_gap < 1e-6
    assert not modified.conserved and modified.forms_gap > 0.1 and modified.difference_gap > 0.1
    assert both.forms_gap < 1e-6 and both.difference_gap > 0.1
    assert any(abs(row.gap) > 1e-3 and row.layer == "middle" for row in modified.rows)


def moved(walk, op, part, i):
    """A part in which two hundredths of the largest relevance go to the next largest."""
    values = np.ones(part.shape) if walk.explicit else to_host(walk.values.arrays(op)[i])
    part = np.array(to_host(part), order="C")
    amounts = (part * values).reshape(-1)
    first, second = np.argsort(-abs(amounts))[:2]
    for place, amount in ((first, -0.02 * amounts[first]), (second, 0.02 * amounts[first])):
        part.reshape(-1)[place] += amount / values.reshape(-1)[place]
    return to_device(part, device_of(walk.values.arrays(op)[i]))


def certified_with_one_wrong(model, n, monkeypatch):
    """A certificate of a walk whose n-th op divides wrongly, in both forms; None if it has no such op."""
    right, passed = Walk.law, {}

    def law(walk, op, r):
        parts = list(right(walk, op, r))
        passed[walk] = passed.get(walk, 0) + (walk.origin is None)
        followed = [i for i, k in enumerate(walk.stops[op].ways) if k is not None and parts[i].size > 1]
        if passed[walk] == n and walk.origin is None and followed:
            parts[followed[0]] = moved(walk, op, parts[followed[0]], followed[0])
        return tuple(parts)

    with monkeypatch.context() as patched:
        patched.setattr(Walk, "law", law)
        found = explain.certify(model, IDS, 1)
    return found if max(passed.values()) >= n else None


@pytest.mark.parametrize("kind", MODELS)
def test_differences_find_two_hundredths_that_one_op_of_a_model_gives_to_another_number(kind, monkeypatch):
    model = MODELS[kind]()
    for n in itertools.count(1):
        if (found := certified_with_one_wrong(model, n, monkeypatch)) is None:
            break
        assert found.difference_gap > DIFFERENCE_GAP and not found.ok, n
    assert n > 20


class Shift(Op):
    """x + 1, half of which a law forgets."""

    def forward(self, x):
        return x + 1

    def vjp(self, g, x):
        return (g,)

    def relprop(self, r, books, x):
        return (x * books.ratio(r, x + 1),)  # and the share of 1 is not booked

    def modified(self, g, books, x):
        return (g,)


def test_a_law_that_loses_relevance_shows_a_gap_in_its_layer():
    found = certified(lambda x: Shift()(x))
    assert not found.ok and not found.conserved and found.forms_gap < 1e-6 and found.difference_gap < 1e-6
    assert [row.layer for row in found.rows if abs(row.gap) > 1e-6] == ["middle"]


@pytest.mark.parametrize("rule", ["attnlrp", "cp-lrp"])
def test_sums_of_exactly_zero_are_no_gap_between_the_forms(rule):
    """2 1 + 2 (-1) = 0: the explicit form has nothing to divide there, the gradient form gives 2 and -2 times what follows."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2)).double()
    with mt.no_grad():
        model[0].weight.copy_(mt.tensor([[1.0, -1.0], [2.0, 1.0]]))
    found = explain.certify(model, np.array([[2.0, 2.0]]), 1, rule=rule)
    assert found.ok and found.forms_gap < 1e-9, str(found)


class Two(nn.Module):
    """Reads ids and numbers."""

    def __init__(self):
        super().__init__()
        self.embedding, self.of_x, self.head = nn.Embedding(VOCAB, 4), nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, words, features):
        return self.head(mt.tanh(self.embedding(words).mean(1) + self.of_x(features)))


def test_several_inputs_ids_and_numbers():
    model = randomize(Two())
    numbers = np.random.default_rng(0).standard_normal((1, 3))
    found = explain.certify(model, (IDS, numbers), 1)
    assert found.ok and set(found.relevance) == {"words", "features"}
    assert explain.certify(model, (mt.tensor([IDS]), mt.tensor(numbers))).ok


def test_recurrent_layers_are_certified():
    class Recurrent(nn.Module):
        def __init__(self, kind):
            super().__init__()
            self.embedding, self.rnn, self.head = (
                nn.Embedding(VOCAB, 4),
                kind(4, 3, batch_first=True),
                nn.Linear(3, 2),
            )

        def forward(self, ids):
            return self.head(self.rnn(self.embedding(ids))[0][:, -1])

    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        assert explain.certify(randomize(Recurrent(kind)), IDS, 1).ok


@pytest.mark.parametrize("rule", ["attnlrp", "cp-lrp"])
def test_networks_for_pictures_are_certified(rule):
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 2, stride=2),
        nn.GELU(),
        nn.AvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )
    picture = np.random.default_rng(0).standard_normal((1, 2, 4, 4))
    found = explain.certify(randomize(model), picture, 1, rule=rule)
    assert found.ok and found.lost == [], str(found)
    ((rows,),) = found.relevance.values()
    assert rows.shape == (1, 2, 4)


def test_arguments_are_checked():
    model = classifier()
    with pytest.raises(ValueError, match="expected a rule that has a gradient form"):
        explain.certify(model, IDS, rule="z-plus")
    with pytest.raises(ValueError, match="checks: expected 1 or more"):
        explain.certify(model, IDS, checks=0)
    with pytest.raises(IndexError, match="target"):
        explain.certify(model, IDS, 99)
    with pytest.raises(ValueError, match="expected logits .* got shape"):
        explain.certify(Middle(lambda ids: ids.double().sum()), np.ones(3))
    with pytest.raises(ValueError, match="found neither"):
        explain.certify(Middle(lambda ids: mt.ones(1, 2) * ids.sum()), IDS)
    with pytest.raises(ValueError, match="finite output"):
        explain.certify(Middle(lambda x: x * math.nan), np.ones((1, 3)))


def test_a_model_that_draws_numbers_is_told():
    def drawn(x):
        return x * mt.rand(1).double() if drawn.calls % 2 else x

    drawn.calls = 0

    def changing(x):
        drawn.calls += 1
        return drawn(x)

    found = certified(changing)
    assert not found.ok and "the tape" in [lost.op for lost in found.lost]


# ---- what others have found in their libraries ----


class Mixed(nn.Module):
    """An in-place ReLU, a layer that runs twice, a skip connection, nn.Identity, a product of batches, attention over an LSTM."""

    def __init__(self):
        super().__init__()
        self.embedding, self.again, self.nothing = nn.Embedding(VOCAB, 6), nn.Linear(6, 6), nn.Identity()
        self.lstm, self.head = nn.LSTM(6, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, ids):
        x = self.embedding(ids)
        x = x + self.nothing(self.again(self.again(x).relu_()))
        h, _ = self.lstm(x)
        weights = F.softmax(mt.bmm(h, h.transpose(1, 2)), dim=-1)
        return self.head(mt.bmm(weights, h)[:, -1])


@pytest.mark.parametrize("rule", ["attnlrp", "cp-lrp"])
def test_what_needs_a_rule_for_each_module_elsewhere_needs_none(rule):
    found = explain.certify(randomize(Mixed()), IDS, 1, rule=rule)
    assert found.ok and found.lost == [], str(found)


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_what_pushes_a_sigmoid_down_has_negative_relevance(form):
    """sigmoid(2 (-1) + 1 1): the first term opposes, though the result is positive."""
    x = mt.tensor(np.array([2.0, 1.0]), requires_grad=True)
    y = mt.sigmoid((x * mt.tensor(np.array([-1.0, 1.0]))).sum())
    (found,), ledger = explain.account(y, [x], form=form, eps=1e-12)
    slope = y.item() * (1 - y.item())
    assert found == pytest.approx([-2 * slope, slope]) and ledger["tangent"] == pytest.approx(
        y.item() + slope
    )


@pytest.mark.parametrize("rule", ["z-plus", "alpha-beta", "gamma"])
def test_biases_are_counted_as_often_in_the_parts_as_in_the_sum(rule):
    model = randomize(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)), 2)
    x = mt.tensor(np.array([[0.7, -0.4]]), requires_grad=True)
    (found,), ledger = explain.account(model(x)[0, 0], [x], rule, "explicit", 1e-12)
    assert ledger.closes and ledger["bias"] != 0 and np.isfinite(found).all()
