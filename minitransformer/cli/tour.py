"""`minitransformer tour`: check, train, generate, classify, explain, and write a page about it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from minitransformer import tour as tours
from minitransformer.cli.course import Folder, tell_trouble
from minitransformer.cli.options import Backend, Json, Seed, console, page_file, prepare, print_json
from minitransformer.course.mine import Pieces
from minitransformer.course.seams import SEAMS
from minitransformer.course.where import here
from minitransformer.course.workspace import Workspace
from minitransformer.explain import Explanation
from minitransformer.pictures.colours import scale_of
from minitransformer.pictures.tokens import rich_strip
from minitransformer.recipes import LanguageModelRecipe
from minitransformer.recipes.classifier import DATA
from minitransformer.tour.result import NAMES, ClassifierResult, Difference, LanguageModelResult, TourResult
from minitransformer.tour.verdict import agreement, verdict
from minitransformer.verify import Result
from minitransformer.verify.report import summary

TITLES = {
    tours.GRADIENTS: "1  Gradients, held against finite differences and PyTorch",
    tours.LANGUAGE_MODEL: "2  A language model learns English prose",
    tours.CLASSIFIER: "3  A classifier learns what praise is",
}


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
    directory: Folder = None,
    json: Json = False,
) -> None:
    """The main job: check every gradient, train two models on real text, explain one decision, and write a page about it."""
    prepare(seed, backend)
    console.quiet = json
    listener = Printer(console)
    folder = (directory or here()) if mine else None
    result = tours.run(data, steps, epochs, seed, mine=folder, listener=listener)
    _tell_aside(result)
    tours.save(result, out)
    _tell_page(out, result)
    console.quiet = False
    if json:
        print_json(tours.plain(result))
    if not result.holds:
        sys.exit(1)


class Printer(tours.Listener):
    """Prints the result of each part."""

    def checking(self) -> None:
        console.print(Text.assemble(("0  Your own pieces", "bold"), ", each checked before it is used"))

    def checked(self, pieces: Pieces, workspace: Workspace) -> None:
        tell_trouble(workspace)
        used = [name for name in pieces.answers if name in SEAMS]
        names = ", ".join(used) or "none"
        _say(f"{len(used)} of {len(SEAMS)} stand in the library: {names}. All else is the library's.")

    def compared(self, found: Sequence[Difference]) -> None:
        if found:
            what = "Compared one by one, as the tour's models do not use them"
            _say(f"{what}: the difference from the library's own, as a share")
        for name, size, why in found:
            _say(f"{name:18} {size:.0e}" + (f"   not swapped in: {why}" if why else ""))

    def begins(self, part: str) -> None:
        console.print(f"\n{TITLES[part]}", style="bold")

    def gradients(self, results: Sequence[Result]) -> None:
        console.print(f"   {summary(results)}", soft_wrap=True)
        for result in results:
            if not result.passed:
                console.print(f"   {result.name}, {result.dtype}: {result.message}", soft_wrap=True)

    def language_model(self, result: LanguageModelResult) -> None:
        for title, sample in (("before", result.before), ("after", result.after)):
            console.print(f"   {title}", style="bold")
            pieces = (line[i : i + 72] for line in sample.splitlines() for i in range(0, len(line), 72))
            _say("\n".join(f"| {piece}" for piece in pieces))

    def classifier(self, result: ClassifierResult) -> None:
        for name, score in result.accuracy.items():
            console.print(f"   {name:12} {score:6.1%} of {result.reviews} reviews it never saw")
        _tell_why(result)


def _tell_why(classifier: ClassifierResult) -> None:
    explanations = classifier.explanations
    console.print("\n4  Why? Three explanations of one decision", style="bold")
    _say(classifier.review.text)
    answer = f"{NAMES[classifier.label]}, {classifier.probability:.1%} sure"
    _say(f"The classifier says: {answer}. Orange words spoke for it, blue ones against it.")
    console.print(_word_by_word(explanations))
    _say(f"The ledger of {explanations[0].method}, where every unit of the answer went:")
    _say(repr(explanations[0].ledger))
    console.print()
    _say(verdict(explanations))
    for a, b, correlation, words in agreement(explanations):
        _say(f"{a} and {b}: rank correlation {correlation:+.2f}")
        _say(f"   loud for both: {', '.join(words) or 'none'}")


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


def _tell_aside(result: TourResult) -> None:
    """Name the learner's pieces that failed in their use."""
    for name, reason in result.aside.items():
        what = "passes its check, but was set aside here; the library's own took its place"
        _say(f"Your {name} {what}. {reason}")


def _tell_page(path: Path, result: TourResult) -> None:
    seconds = sum(result.seconds.values())
    console.print(Text.assemble(("\nPage written:", "bold"), f" {path}  ({seconds:.0f} s)"), soft_wrap=True)


def _say(text: str) -> None:
    """A paragraph, indented."""
    console.print(Padding(Text(text), (0, 0, 0, 3)))
