"""`minitransformer tour`: check, train, generate, classify, explain, and write a page about it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from minitransformer.cli.course import Folder, tell_trouble
from minitransformer.cli.options import Backend, Json, Seed, console, page_file, prepare, print_json
from minitransformer.cli.tour_page import tour_page
from minitransformer.cli.tour_story import (
    NAMES,
    Difference,
    Judgement,
    Speech,
    Story,
    agreement,
    top_words,
    verdict,
)
from minitransformer.cli.tour_work import check_gradients, judge, speak
from minitransformer.course.mine import Pieces, differences, pieces
from minitransformer.course.seams import RULES, SEAMS
from minitransformer.course.workspace import FOLDER, Workspace
from minitransformer.disk import write
from minitransformer.explain import Explanation
from minitransformer.explain.rendering import rich_strip, scale_of
from minitransformer.randomness import manual_seed
from minitransformer.recipes import ClassifierRecipe, LanguageModelRecipe
from minitransformer.recipes.classifier import DATA
from minitransformer.verify import Result
from minitransformer.verify.report import summary

Part = TypeVar("Part")
AGREEMENT = ("method", "other", "rank_correlation", "top_words")


def tour(
    out: Annotated[Path, typer.Option(callback=page_file, help="The page to write.")] = Path("tour.html"),
    data: Annotated[
        str, typer.Option(help="What the classifier reads: " + " or ".join(DATA) + ".")
    ] = "reviews",
    steps: Annotated[
        int, typer.Option(min=1, help="Training steps of the language model.")
    ] = LanguageModelRecipe.steps,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="How often the classifier reads all its reviews.")
    ] = None,
    seed: Seed = 0,
    backend: Backend = None,
    mine: Annotated[
        bool, typer.Option("--mine", help="With every exercise that you passed in the library's place.")
    ] = False,
    directory: Folder = FOLDER,
    json: Json = False,
) -> None:
    """The main job: check every gradient, train two models on real text, explain one decision, and write a page about it."""
    prepare(seed, backend)
    recipe = _recipe(data, epochs)
    console.quiet = json
    yours = _yours(directory) if mine else Pieces({})
    beside = _beside(yours)
    with yours.in_the_library():
        story = _travel(recipe, steps, seed, yours)
    used = [name for name in yours.answers if name in SEAMS and name not in yours.aside]
    story = replace(story, mine=used, beside=beside, aside=yours.aside)
    _tell_aside(yours)
    write(out, tour_page(story))
    console.print(
        Text.assemble(("\nPage written:", "bold"), f" {out}  ({sum(story.seconds.values()):.0f} s)"),
        soft_wrap=True,
    )
    console.quiet = False
    if json:
        print_json(plain(story))
    if not story.holds:
        sys.exit(1)


def _yours(directory: Path) -> Pieces:
    """The learner's pieces, which are named. Raises ValueError if there are none."""
    if not Workspace.is_at(directory):
        raise FileNotFoundError(
            f"{directory} holds no exercises; `minitransformer start {directory}` puts them there"
        )
    console.print(Text.assemble(("0  Your own pieces", "bold"), ", each checked before it is used"))
    yours = pieces(workspace := Workspace.open(directory))
    tell_trouble(workspace)
    if not yours.answers:
        raise ValueError(
            f"{directory}: no exercise is passed yet; `minitransformer check` says what to do next"
        )
    used = [name for name in yours.answers if name in SEAMS]
    _say(
        f"{len(used)} of {len(SEAMS)} stand in the library: {', '.join(used) or 'none'}. All else is the library's."
    )
    return yours


def _beside(yours: Pieces) -> list[Difference]:
    """Compare those of the learner's pieces that the tour's models do not use with the library's own."""
    found = list(differences(yours))
    if found:
        _say(
            "Compared one by one, as the tour's models do not use them: the difference from the library's own, as a share"
        )
    for name, size, why in found:
        _say(f"{name:18} {size:.0e}" + (f"   not swapped in: {why}" if why else ""))
    return found


def _tell_aside(yours: Pieces) -> None:
    """Name the learner's pieces that failed in their use."""
    for name, reason in yours.aside.items():
        _say(
            f"Your {name} passes its check, but was set aside here; the library's own took its place. {reason}"
        )


def _travel(recipe: ClassifierRecipe, steps: int, seed: int, yours: Pieces) -> Story:
    """All parts of the tour, told on the way."""
    seconds: dict[str, float] = {}
    with _part(seconds, "gradients", "1  Gradients, held against finite differences and PyTorch"):
        gradients = _done(lambda: check_gradients(seed, console), seed, yours)
        _tell_gradients(gradients)
    with _part(seconds, "language model", "2  A language model learns English prose"):
        speech = _done(lambda: speak(steps, seed, console), seed, yours)
        _tell_speech(speech)
    with _part(seconds, "classifier and explanations", "3  A classifier learns what praise is"):
        form = "explicit" if RULES & yours.answers.keys() else "gradient"
        judgement = _done(lambda: judge(recipe, seed, console, form), seed, yours)
        _tell_judgement(judgement)
    _tell_why(judgement)
    return Story(gradients, speech, judgement, seconds)


def _done(part: Callable[[], Part], seed: int, yours: Pieces) -> Part:
    """The result of a part. If it fails after one of the learner's pieces answered, that is set aside, and the part done anew."""
    while True:
        try:
            return part()
        except Exception as error:
            if not yours.blame(error):
                raise
            manual_seed(seed)


def _recipe(data: str, epochs: int | None) -> ClassifierRecipe:
    """The classifier's recipe, for so many epochs if they are given."""
    recipe = ClassifierRecipe.of(data)
    train, _, _ = recipe.split()
    return recipe if epochs is None else replace(recipe, steps=epochs * -(-len(train) // recipe.batch_size))


@contextlib.contextmanager
def _part(seconds: dict[str, float], name: str, title: str) -> Iterator[None]:
    console.print(f"\n{title}", style="bold")
    start = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - start, 1)


def _tell_gradients(results: Sequence[Result]) -> None:
    console.print(f"   {summary(results)}", soft_wrap=True)
    for result in results:
        if not result.passed:
            console.print(f"   {result.name}, {result.dtype}: {result.message}", soft_wrap=True)


def _tell_speech(speech: Speech) -> None:
    for title, sample in (("before", speech.before), ("after", speech.after)):
        console.print(f"   {title}", style="bold")
        _say(
            "\n".join(
                f"| {line[i : i + 72]}" for line in sample.splitlines() for i in range(0, len(line), 72)
            )
        )


def _tell_judgement(judgement: Judgement) -> None:
    for name, score in judgement.accuracy.items():
        console.print(f"   {name:12} {score:6.1%} of {judgement.reviews} reviews it never saw")


def _tell_why(judgement: Judgement) -> None:
    explanations = judgement.explanations
    console.print("\n4  Why? Three explanations of one decision", style="bold")
    _say(judgement.review.text)
    answer = f"{NAMES[judgement.label]}, {judgement.probability:.1%} sure"
    _say(f"The classifier says: {answer}. Orange words spoke for it, blue ones against it.")
    console.print(_word_by_word(explanations))
    _say(f"The ledger of {explanations[0].method}, where every unit of the answer went:")
    _say(repr(explanations[0].ledger))
    console.print()
    _say(verdict(explanations))
    for a, b, correlation, words in agreement(explanations):
        _say(f"{a} and {b}: rank correlation {correlation:+.2f}")
        _say(f"   loud for both: {', '.join(words) or 'none'}")


def _say(text: str) -> None:
    """A paragraph, indented."""
    console.print(Padding(Text(text), (0, 0, 0, 3)))


def _word_by_word(explanations: Sequence[Explanation]) -> Table:
    """Each token with its relevance in each method, on a background that says the same."""
    table = Table(box=None, padding=(0, 2), pad_edge=True)
    table.add_column("   word")
    for explanation in explanations:
        table.add_column(explanation.method, justify="right")
    for i, token in enumerate(explanations[0].tokens):
        shown = [
            rich_strip([f"{e.relevance[i]:+9.3f}"], [e.relevance[i]], scale_of(e.relevance))
            for e in explanations
        ]
        table.add_row(Text(f"   {token.strip()}"), *shown)
    return table


def plain(story: Story) -> dict:
    """The story for JSON."""
    judgement, speech = story.judgement, story.speech
    # JSON has no NaN
    pairs = [(a, b, None if r != r else r, words) for a, b, r, words in agreement(judgement.explanations)]
    return {
        "passed": story.holds,
        "mine": story.mine,
        "beside": {name: {"difference": size, "not swapped in": why} for name, size, why in story.beside},
        "set aside": story.aside,
        "gradients": {
            "checks": len(story.gradients),
            "failed": [r.name for r in story.gradients if not r.passed],
        },
        "language model": {**asdict(speech.learned), "before": speech.before, "after": speech.after},
        "classifier": {
            **asdict(judgement.learned),
            "accuracy": judgement.accuracy,
            "reviews": judgement.reviews,
        },
        "review": {
            "text": judgement.review.text,
            "answer": NAMES[judgement.label],
            "probability": judgement.probability,
        },
        "explanations": {
            e.method: {"tokens": e.tokens, "relevance": e.relevance.tolist(), "top_words": top_words(e)}
            for e in judgement.explanations
        },
        "ledger": dict(judgement.ledger),
        "agreement": [dict(zip(AGREEMENT, pair, strict=True)) for pair in pairs],
        "seconds": story.seconds,
    }
