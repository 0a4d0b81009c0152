"""The tour: all its parts one after the other, with the learner's pieces in the library's place if there are any."""

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
from minitransformer.tour.listener import Listener
from minitransformer.tour.story import Story
from minitransformer.tour.work import check_gradients, judge, speak

Part = TypeVar("Part")
# the names of the parts
GRADIENTS = "gradients"
LANGUAGE_MODEL = "language model"
CLASSIFIER = "classifier and explanations"


def run(
    data: str = "reviews",
    steps: int = LanguageModelRecipe.steps,
    epochs: int | None = None,
    seed: int = 0,
    *,
    mine: str | Path | None = None,
    listener: Listener | None = None,
) -> Story:
    """Check every gradient, train a language model and a classifier on real text, and explain one decision in three ways.

    Args:
        data: what the classifier reads, "reviews" or "movie-reviews".
        steps: training steps of the language model.
        epochs: how often the classifier reads all its reviews; None for the recipe's own number of steps.
        seed: of all random numbers.
        mine: a folder of the course, as `minitransformer start` makes it; every exercise passed there takes the library's
            place. None for the library alone.
        listener: what is told on the way; nothing if None.

    Returns:
        The figures of all parts.

    Raises:
        ValueError: the data are unknown, or no exercise in `mine` is passed.
        FileNotFoundError: `mine` holds no exercises.
    """
    listener = listener or Listener()
    recipe = _recipe(data, epochs)
    manual_seed(seed)
    yours = Pieces({}) if mine is None else _yours(Path(mine), listener)
    beside = list(differences(yours))
    listener.compared(beside)
    with yours.in_the_library():
        story = travel(recipe, steps, seed, yours, listener)
    used = [name for name in yours.answers if name in SEAMS and name not in yours.aside]
    return replace(story, mine=used, beside=beside, aside=yours.aside)


def _recipe(data: str, epochs: int | None) -> ClassifierRecipe:
    """The classifier's recipe, for so many epochs if they are given."""
    recipe = ClassifierRecipe.of(data)
    train, _, _ = recipe.split()
    return recipe if epochs is None else replace(recipe, steps=epochs * -(-len(train) // recipe.batch_size))


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


def travel(recipe: ClassifierRecipe, steps: int, seed: int, yours: Pieces, listener: Listener) -> Story:
    """All parts of the tour, with the learner's pieces already in the library.

    Args:
        recipe: of the classifier.
        steps: training steps of the language model.
        seed: of the random numbers.
        yours: the learner's pieces; one that fails is set aside, and the part done anew.
        listener: what is told on the way.

    Returns:
        The figures of all parts.
    """
    seconds: dict[str, float] = {}
    with _part(seconds, GRADIENTS, listener):
        gradients = done(lambda: check_gradients(seed, listener.console), seed, yours)
        listener.gradients(gradients)
    with _part(seconds, LANGUAGE_MODEL, listener):
        speech = done(lambda: speak(steps, seed, listener.console), seed, yours)
        listener.language_model(speech)
    with _part(seconds, CLASSIFIER, listener):
        form = "explicit" if RULES & yours.answers.keys() else "gradient"
        judgement = done(lambda: judge(recipe, seed, listener.console, form), seed, yours)
        listener.classifier(judgement)
    return Story(gradients, speech, judgement, seconds)


def done(part: Callable[[], Part], seed: int, yours: Pieces) -> Part:
    """The result of a part. If it fails after one of the learner's pieces answered, that is set aside, and the part done anew."""
    while True:
        try:
            return part()
        except Exception as error:
            if not yours.blame(error):
                raise
            manual_seed(seed)


@contextlib.contextmanager
def _part(seconds: dict[str, float], name: str, listener: Listener) -> Iterator[None]:
    """Tell that a part begins, and note how long it takes."""
    listener.begins(name)
    start = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - start, 1)
