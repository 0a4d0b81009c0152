"""What a teacher is worth: the same student with and without one, from several seeds, and whether it looks at the same words."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy

from minitransformer import models
from minitransformer.explain import lrp
from minitransformer.nn import Module
from minitransformer.randomness import manual_seed
from minitransformer.recipes.classifier import ClassifierRecipe, accuracy
from minitransformer.recipes.stories import StoriesRecipe
from minitransformer.statistics import rank_correlation
from minitransformer.tokenization import Tokenizer
from minitransformer.training import BEST

Learner = ClassifierRecipe | StoriesRecipe
EXPLAINED = 40  # texts whose words are compared
BEGINNING = 12  # words of a story, after which the next one is explained


@dataclass(frozen=True)
class Distilled:
    """How good a model is, and how far it looks where its teacher looks.

    Attributes:
        name: "teacher", "alone" or "taught".
        seed: of the run.
        parameters: how many numbers it has.
        score: of a classifier its accuracy on test reviews; of a language model its loss on stories that it never read, in nats.
        agreement: the rank correlation of the relevance of words with the teacher's, mean over texts; 1 for the teacher itself.
    """

    name: str
    seed: int
    parameters: int
    score: float
    agreement: float


def distilled(student: Learner, teacher: Learner, seeds: int = 5) -> Iterator[Distilled]:
    """Train a teacher; then, from each seed, a student alone and the same student with this teacher.

    Args:
        student: the recipe of the student, with the weights of `Taught` and without a teacher.
        teacher: the recipe of its teacher, on the same data.
        seeds: how many pairs of students.

    Yields:
        The teacher, and then each student as soon as it has learned.
    """
    with tempfile.TemporaryDirectory() as folder:
        manual_seed(0)
        place = Path(folder) / "teacher"
        teacher.trainer(place)[0].run()
        model, _ = models.load(place / BEST)
        yield _judged("teacher", teacher, place, 0, model)
        for seed in range(1, seeds + 1):
            for name, recipe in {"alone": student, "taught": replace(student, teacher=str(place))}.items():
                manual_seed(seed)
                run = Path(folder) / f"{name}{seed}"
                recipe.trainer(run)[0].run()
                yield _judged(name, recipe, run, seed, model)


def _judged(name: str, recipe: Learner, run: Path, seed: int, teacher: Module) -> Distilled:
    """The best model of a run, measured."""
    model, tokenizer = models.load(run / BEST)
    sizes = sum(p.numel() for p in model.parameters())
    texts, targets = questions(recipe, tokenizer)
    score = score_of(recipe, model, tokenizer)
    return Distilled(name, seed, sizes, score, agreement(model, teacher, texts, targets))


def score_of(recipe: Learner, model: Module, tokenizer: Tokenizer) -> float:
    """The score of a model.

    Args:
        recipe: that it was trained by.
        model: the model.
        tokenizer: of its ids.

    Returns:
        See `Distilled.score`.
    """
    if isinstance(recipe, ClassifierRecipe):
        return accuracy(model, tokenizer, recipe.split()[2])
    return recipe.held_out_loss(model, tokenizer)


def questions(recipe: Learner, tokenizer: Tokenizer) -> tuple[list[list[int]], list[int]]:
    """Texts, and what is explained of each: the label of a review, or the word that goes on.

    Args:
        recipe: of the run.
        tokenizer: of its ids.

    Returns:
        The ids of each text, and the target of each.
    """
    if isinstance(recipe, ClassifierRecipe):
        reviews = recipe.split()[2][:EXPLAINED]
        return [tokenizer.encode(r.text) for r in reviews], [r.label for r in reviews]
    stories = [tokenizer.encode(text) for text in recipe.unseen()[:EXPLAINED]]
    return [ids[:BEGINNING] for ids in stories], [ids[BEGINNING] for ids in stories]


def agreement(model: Module, other: Module, texts: list[list[int]], targets: list[int]) -> float:
    """How alike two models weigh the words of texts: the rank correlation of their relevance by LRP.

    Args:
        model: one model.
        other: another one, which reads the same ids.
        texts: the ids of each text.
        targets: what is explained of each.

    Returns:
        From -1 to 1, the mean over texts of two words or more.
    """
    pairs = [
        [lrp(m, ids, target=target).relevance for m in (model, other)]
        for ids, target in zip(texts, targets, strict=True)
        if len(ids) > 1
    ]
    return float(numpy.mean([rank_correlation(*pair) for pair in pairs]))
