"""Distillation: the loss against PyTorch's and against formulas, padding that counts for nothing, and runs with a teacher."""

import json
from dataclasses import replace

import numpy
import pytest
from helpers import array, assert_close
from later import torch
from test_cost import command

import minitransformer as mt
from minitransformer import nn
from minitransformer.distillation import Distillation, cosine_loss, mean_of, soft_loss
from minitransformer.models import (
    GPT,
    ClassifierConfig,
    GPTConfig,
    LanguageModel,
    LanguageModelConfig,
    SequenceClassifier,
)
from minitransformer.nn import functional as F
from minitransformer.recipes import ClassifierRecipe, LanguageModelRecipe, StoriesRecipe
from minitransformer.recipes.distilled import distilled, questions
from minitransformer.recipes.language_model import next_token_loss
from minitransformer.recipes.stories import PAD, story_loss
from minitransformer.training import BEST, LAST


def leaf(values):
    return mt.tensor(values, requires_grad=True, device=mt.ones(1).device)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_the_soft_loss_and_its_gradient_are_pytorchs(temperature):
    s, t = array(2, 3, 5), array(2, 3, 5, seed=1)
    ours, theirs = leaf(s), torch.tensor(s, requires_grad=True)
    loss = soft_loss(ours, mt.tensor(t, device=ours.device), temperature)
    loss.backward()
    rows = [
        torch.nn.functional.log_softmax(x.reshape(6, 5) / temperature, -1) for x in (theirs, torch.tensor(t))
    ]
    # "batchmean" divides by the first size: the tokens must lie along it
    expected = torch.nn.functional.kl_div(*rows, reduction="batchmean", log_target=True) * temperature**2
    expected.backward()
    assert_close(loss, expected.detach(), 1e-12)
    assert_close(ours.grad, theirs.grad, 1e-12)


def test_the_soft_loss_by_its_formula():
    s, t = numpy.array([[1.0, 0.0, -1.0]]), numpy.array([[0.0, 2.0, 0.0]])
    p, q = (numpy.exp(x / 2) / numpy.exp(x / 2).sum() for x in (t, s))
    assert soft_loss(mt.tensor(s), mt.tensor(t), 2.0).item() == pytest.approx(
        4 * (p * numpy.log(p / q)).sum()
    )
    assert soft_loss(mt.tensor(t), mt.tensor(t), 2.0).item() == pytest.approx(0, abs=1e-15)


def test_the_temperature_does_not_change_the_balance():
    """At high temperatures the gradient is that of the squared difference of centred logits, whatever T is (Hinton et al.)."""
    s, t = array(4, 5), array(4, 5, seed=1)
    centred = (s - s.mean(-1, keepdims=True)) - (t - t.mean(-1, keepdims=True))
    for temperature in (1e3, 1e4):
        student = leaf(s)
        soft_loss(student, mt.tensor(t, device=student.device), temperature).backward()
        assert_close(student.grad, centred / 5 / 4, 1e-2)


def test_no_gradient_reaches_the_teacher():
    s, t = leaf(array(2, 3, 4)), leaf(array(2, 3, 4, seed=1))
    (soft_loss(s, t, 2.0) + cosine_loss(s, t)).backward()
    assert t.grad is None and s.grad is not None


def test_padding_counts_for_nothing():
    s, t = array(2, 3, 4), array(2, 3, 4, seed=1)
    real = mt.tensor([[True, True, False], [True, False, False]])
    kept = [numpy.concatenate([x[0, :2], x[1, :1]]) for x in (s, t)]
    for loss in (lambda *a: soft_loss(a[0], a[1], 2.0, *a[2:]), cosine_loss):
        student = leaf(s)
        got = loss(student, mt.tensor(t, device=student.device), real.to(student.device))
        got.backward()
        assert_close(got, loss(*map(mt.tensor, kept)).item(), 1e-12)
        assert not student.grad.numpy()[~real.numpy()].any()
    assert mean_of(mt.tensor(array(2, 3)), mt.zeros(2, 3, dtype=bool)).item() == 0


def test_the_cosine_is_pytorchs():
    s, t = array(2, 3, 4), array(2, 3, 4, seed=1)
    expected = torch.nn.functional.cosine_embedding_loss(
        *(torch.tensor(x).reshape(6, 4) for x in (s, t)), torch.ones(6)
    )
    assert_close(cosine_loss(mt.tensor(s), mt.tensor(t)), expected, 1e-12)


def test_other_classes_are_refused():
    with pytest.raises(ValueError, match=r"got logits \(2, 3\) of the student and \(2, 4\)"):
        soft_loss(mt.ones(2, 3), mt.ones(2, 4), 1.0)


def language_models(*widths):
    mt.manual_seed(0)
    return [
        LanguageModel(LanguageModelConfig(11, width, 2, 1, 2 * width, dropout=0.5, max_len=16)).double()
        for width in widths
    ]


def windows(rows=2):
    return mt.randint(1, 11, (rows, 6))


def test_the_three_terms_are_weighted():
    student, teacher = language_models(8, 8)
    student.eval()
    batch = windows()
    parts = {
        weights: Distillation(
            next_token_loss, student, teacher, temperature=3.0, alpha=weights[0], beta=weights[1]
        )(student, batch).item()
        for weights in [(0.0, 0.0), (1.0, 0.0), (0.3, 0.0), (0.3, 0.7), (0.0, 1.0)]
    }
    hard, soft = parts[0.0, 0.0], parts[1.0, 0.0]
    assert hard == pytest.approx(next_token_loss(student, batch).item())
    answers = [model.eval()(batch[:, :-1]) for model in (student, teacher)]
    assert soft == pytest.approx(soft_loss(*answers, 3.0).item())
    assert parts[0.3, 0.0] == pytest.approx(0.3 * soft + 0.7 * hard)
    assert parts[0.3, 0.7] == pytest.approx(parts[0.3, 0.0] + 0.7 * (parts[0.0, 1.0] - hard))


def test_the_teacher_answers_in_evaluation_mode_and_stays_as_it_was():
    student, teacher = language_models(8, 8)
    student.eval()
    teacher.train()
    loss, batch = Distillation(next_token_loss, student, teacher, alpha=1.0), windows()
    before = {name: value.numpy().copy() for name, value in teacher.state_dict().items()}
    first = loss(student, batch)
    assert first.item() == loss(student, batch).item() and teacher.training  # no dropout, which would differ
    first.backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert all((before[n] == v.numpy()).all() for n, v in teacher.state_dict().items())
    assert not list(loss.parameters()) and not loss.state_dict()


def test_widths_that_differ_are_mapped_and_the_map_learns():
    student, teacher = language_models(4, 8)
    loss = Distillation(next_token_loss, student, teacher, beta=1.0)
    (weight,) = loss.parameters()
    assert weight.shape == (8, 4) and weight.dtype == mt.float64
    loss(student, windows()).backward()
    assert weight.grad is not None and all(p.grad is not None for p in student.parameters())


def test_a_student_that_reads_padding_learns_nothing_from_it():
    student, teacher = language_models(8, 8)
    student.eval()
    loss = Distillation(
        story_loss, student, teacher, alpha=0.5, beta=1.0, real=lambda batch: batch[:, 1:] != PAD
    )
    short = windows(1)
    with_padding = mt.cat([short, mt.full((1, 4), PAD, dtype=int, device=short.device)], 1)
    assert loss(student, with_padding).item() == pytest.approx(loss(student, short).item(), rel=1e-12)


def test_the_answer_to_a_token_is_compared_with_the_answer_to_the_same():
    """A teacher that is the student itself has nothing to teach; one place further it would."""
    (model,) = language_models(8)
    loss = Distillation(next_token_loss, model.eval(), model, alpha=1.0, beta=1.0)
    assert loss(model, windows()).item() == pytest.approx(0, abs=1e-12)


def test_classifiers_and_masks_of_their_words():
    mt.manual_seed(0)
    student, teacher = (
        SequenceClassifier(ClassifierConfig(31, 2, width, 2, 1, 16, 0.1)).double().eval() for width in (4, 8)
    )
    ids = mt.tensor([[3, 4, 5, 0], [6, 7, 0, 0]], device=next(student.parameters()).device)
    batch = ids, mt.tensor([0, 1], device=ids.device)
    hard = lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])  # noqa: E731
    loss = Distillation(hard, student, teacher, alpha=1.0, real=lambda batch: batch[0] != 0)
    assert loss(student, batch).item() == pytest.approx(soft_loss(student(ids), teacher(ids), 2.0).item())
    with_hidden = Distillation(hard, student, teacher, beta=1.0, real=lambda batch: batch[0] != 0)
    with_hidden(student, batch).backward()


@pytest.mark.parametrize("weights", [{"temperature": 0.0}, {"alpha": 1.5}, {"beta": -1.0}])
def test_weights_out_of_range_are_refused(weights):
    student, teacher = language_models(4, 4)
    with pytest.raises(ValueError, match="expected temperature > 0, 0 <= alpha <= 1, beta >= 0"):
        Distillation(next_token_loss, student, teacher, **weights)


def test_a_model_without_hidden_vectors_is_told():
    with pytest.raises(ValueError, match="Linear has no 'encoder'; use beta=0"):
        Distillation(next_token_loss, nn.Linear(3, 4), nn.Linear(3, 4), beta=1.0)


def test_a_gpt_teaches_a_language_model():
    (student,) = language_models(4)
    teacher = GPT(GPTConfig(11, 16, 8, 1, 2)).double()
    Distillation(next_token_loss, student, teacher, beta=0.5)(student, windows()).backward()


TEXT = "the cat sat on the mat and the dog sat on the log. " * 40


@pytest.fixture(scope="module")
def teacher_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("taught")
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    sizes = dict(
        data=str(folder / "text.txt"), vocab_size=260, batch_size=4, length=64, nhead=2, num_layers=1
    )
    LanguageModelRecipe(**sizes, d_model=16, steps=40).trainer(folder / "teacher")[0].run()
    return folder, sizes


def test_a_run_with_a_teacher_resumes_to_the_same_bits(teacher_run, tmp_path):
    folder, sizes = teacher_run
    recipe = LanguageModelRecipe(**sizes, d_model=8, steps=8, teacher=str(folder / "teacher"), beta=0.5)
    mt.manual_seed(1)
    whole, _ = recipe.trainer()
    whole.run()
    mt.manual_seed(1)
    half, _ = recipe.trainer(tmp_path / "run")
    half.steps = 4
    half.run()
    mt.manual_seed(2)
    rest, _ = recipe.trainer(tmp_path / "run")
    assert rest.resume() and rest.step == 4
    rest.run()
    assert rest.losses == whole.losses
    for ours, theirs in zip(rest.loss.parameters(), whole.loss.parameters(), strict=True):
        assert (ours.numpy() == theirs.numpy()).all()
    assert mt.models.load(tmp_path / "run" / LAST)[0].config.d_model == 8  # the map is no part of the student


def test_a_teacher_of_other_tokens_is_refused(teacher_run, tmp_path):
    folder, sizes = teacher_run
    other = tmp_path / "other.txt"
    other.write_text("where were we when the weather wore on? " * 40, encoding="utf-8")
    recipe = LanguageModelRecipe(
        **sizes | {"data": str(other)}, steps=1, teacher=str(folder / "teacher" / BEST)
    )
    with pytest.raises(ValueError, match="expected a teacher that reads the student's tokens"):
        recipe.trainer()
    with pytest.raises(FileNotFoundError):
        LanguageModelRecipe(**sizes, steps=1, teacher=str(tmp_path / "none")).trainer()


def test_without_a_teacher_nothing_changes():
    recipe = ClassifierRecipe()
    loss = lambda model, batch: model(batch)  # noqa: E731
    assert recipe.taught(loss, None, None) is loss


@pytest.mark.host("the command line")
def test_the_command_trains_with_a_teacher(teacher_run, tmp_path):
    folder, sizes = teacher_run
    chosen = ["--data", sizes["data"], "--vocab-size", 260, "--d-model", 8, "--nhead", 2, "--steps", 2]
    taught = ["--teacher", folder / "teacher", "--temperature", 3, "--alpha", 0.9, "--beta", 0.1, "--json"]
    done = command("train", "language-model", *chosen, *taught, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["settings"]
    assert (told["temperature"], told["alpha"], told["beta"]) == (3.0, 0.9, 0.1)
    refused = command("train", "dates", "--teacher", folder / "teacher", "--out", tmp_path / "dates")
    assert refused.returncode == 1 and "dates has no setting teacher" in refused.stderr


def test_what_a_teacher_is_worth_is_measured_on_pairs_of_students():
    small = ClassifierRecipe.of("reviews", d_model=4, nhead=2, steps=2, vectors=False, bag_of_words=False)
    found = list(distilled(small, replace(small, steps=3), seeds=1))
    assert [(one.name, one.seed) for one in found] == [("teacher", 0), ("alone", 1), ("taught", 1)]
    teacher, alone, taught = found
    assert teacher.agreement == pytest.approx(1) and alone.parameters == taught.parameters
    assert all(0 <= one.score <= 1 and -1 <= one.agreement <= 1 for one in found)


def test_stories_ask_which_word_goes_on():
    recipe = StoriesRecipe(d_model=4, nhead=2, num_layers=1, steps=1)
    trainer, tokenizer = recipe.trainer()
    texts, targets = questions(recipe, tokenizer)
    assert len(texts) == len(targets) == 40 and {len(ids) for ids in texts} == {12}
    assert recipe.held_out_loss(trainer.model, tokenizer) == pytest.approx(
        trainer.evaluate(trainer.model.eval()), rel=1e-5
    )
