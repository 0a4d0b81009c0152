"""What `minitransformer tour` prints while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from minitransformer import tour as tours
from minitransformer.cli.course import tell_trouble
from minitransformer.cli.options import console
from minitransformer.course.mine import Pieces
from minitransformer.course.seams import SEAMS
from minitransformer.course.workspace import Workspace
from minitransformer.explain import Explanation, Ledger
from minitransformer.explain.pictures import token_strip
from minitransformer.pictures.attention import tenths
from minitransformer.pictures.colours import scale_of, shade
from minitransformer.pictures.tokens import rich_strip, visible
from minitransformer.tour.dates import OwnDate
from minitransformer.tour.page.pieces import named_step
from minitransformer.tour.published import ASKED, BEGINNING, WHAT
from minitransformer.tour.result import NAMES, ClassifierResult, place
from minitransformer.tour.stories import THING
from minitransformer.tour.verdict import agreement, verdict
from minitransformer.tour.whole import Difference, TourResult
from minitransformer.verify import Result
from minitransformer.verify.report import summary

LONGEST = 60  # words of a story that are printed; the page has all
TITLES = {
    tours.SENTENCE: "1  A sentence, and what each word contributed",
    tours.DATES: "2  An encoder-decoder learns to read dates",
    tours.STORIES: "3  A language model learns to tell stories",
    tours.EXPLANATIONS: "4  The same decision, explained in three ways",
    tours.PUBLISHED: "5  Models that others have trained",
    tours.GRADIENTS: "6  Gradients beside finite differences and PyTorch",
}


class Printer(tours.Listener):
    """Prints the result of each part."""

    def checking(self) -> None:
        console.print(Text.assemble(("0  Your own pieces", "bold"), ", each checked before it is used"))

    def checked(self, pieces: Pieces, workspace: Workspace) -> None:
        tell_trouble(workspace)
        used = [name for name in pieces.answers if name in SEAMS]
        names = ", ".join(used) or "none"
        say(f"{len(used)} of {len(SEAMS)} stand in the library: {names}. All else is the library's.")

    def compared(self, found: Sequence[Difference]) -> None:
        if found:
            what = "Compared one by one, as the tour's models do not use them"
            say(f"{what}: the difference from the library's own, as a share")
        for name, size, why in found:
            say(f"{name:18} {size:.0e}" + (f"   not swapped in: {why}" if why else ""))

    def begins(self, part: str) -> None:
        console.print(f"\n{TITLES[part]}", style="bold")

    def sentence(self, result: ClassifierResult) -> None:
        by_lrp = result.explanations[0]
        say(f"Three Transformers have learned from reviews to tell praise from {NAMES[0]}. Their mean reads:")
        console.print()
        console.print(Padding(token_strip(by_lrp.tokens, by_lrp.relevance).text(), (0, 0, 0, 3)))
        console.print()
        say(f"and says: {NAMES[result.label]}, with a probability of {result.probability:.1%}.")
        say(_legend(by_lrp, NAMES[result.label]))
        if by_lrp.unknown:
            names = ", ".join(map(repr, by_lrp.unknown))
            say(f"It never saw these words in training, and reads them all alike: {names}.")

    def dates(self, result: tours.DatesResult) -> None:
        own = result.own
        say(f"Of {result.tested} dates that it never saw in any form, it reads {result.accuracy:.1%} right.")
        say(_dates(result))
        judged = (
            "which is right"
            if own.said == own.right
            else f"right is {own.right}"
            if own.right
            else "unknown form"
        )
        say(f"{own.text}  ->  {visible(own.said)} ({judged})")
        say("Where it looked to write each character; X is all its attention, a digit is tenths:")
        console.print(Padding(_pointing(own), (0, 0, 0, 3)))

    def stories(self, result: tours.StoriesResult) -> None:
        for step, text in ((0, result.before), (len(result.learned.losses), result.after)):
            console.print(f"   {named_step(step)}", style="bold")
            say(shortened(text))
        say(f"{result.kept} of {result.told} stories stay to their end with the thing that they are about.")
        back = result.looking_back
        where = f"{place(back.layer, back.head)} looks back at the first {THING}, with {back.share:.0%} of its attention"
        say(f"Before it writes {THING!r} a second time, {where}.")

    def explanations(self, result: ClassifierResult) -> None:
        for name, score in result.accuracy.items():
            console.print(f"   {name:12} {score:6.1%} of {result.reviews} reviews it never saw")
        say(result.cross_validated)
        console.print()
        console.print(_word_by_word(result.explanations))
        say(f"The ledger of {result.explanations[0].method}, where every unit of the output went:")
        console.print(_ledger(result.ledger))
        console.print()
        say(verdict(result.explanations))
        for a, b, correlation, words in agreement(result.explanations):
            say(f"{a} and {b}: rank correlation {correlation:+.2f}")
            say(f"   top words of both: {', '.join(words) or 'none'}")

    def published(self, result: tours.PublishedResult) -> None:
        if result.cosines:
            nearest, cosine = next(iter(result.cosines.items()))
            say(f"MiniLM: nearest to {ASKED!r} is {nearest!r}, cosine {cosine:.2f}.")
        if result.next_tokens:
            shares = ", ".join(f"{token.strip()!r} {p:.0%}" for token, p in result.next_tokens.items())
            say(f"SmolLM2: after {BEGINNING!r} comes {shares}.")
        for name, command in result.missing.items():
            say(f"{WHAT[name][0].upper()}{WHAT[name][1:]}: {command}")

    def gradients(self, results: Sequence[Result]) -> None:
        console.print(f"   {summary(results)}", soft_wrap=True)
        for result in results:
            if not result.passed:
                console.print(f"   {result.name}, {result.dtype}: {result.message}", soft_wrap=True)


def _dates(result: tours.DatesResult) -> Table:
    """Some of the dates, with what the model wrote."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for text, iso, said in result.examples:
        table.add_row(Text(text), Text(visible(said)), "right" if said == iso else f"wrong: {iso}")
    return table


def _pointing(own: OwnDate) -> Text:
    """A line for each character that was written, and below each character that was read its share of the attention."""
    lines = [Text(f"   {own.text}")]
    lines += [
        Text(f"{visible(c)}  ").append_text(tenths(row))
        for c, row in zip(own.said, own.attention, strict=True)
    ]
    return Text("\n").join(lines)


def shortened(text: str) -> str:
    """A text of at most `LONGEST` words.

    Args:
        text: the text.

    Returns:
        The text, or its beginning and three dots.
    """
    words = text.split()
    return text if len(words) <= LONGEST else " ".join([*words[:LONGEST], "..."])


def _legend(explanation: Explanation, label: str) -> Text:
    """What the colours mean. Without colours the numbers stand behind the words, with the same signs."""
    scale = scale_of(explanation.relevance)
    return Text.assemble(
        f"{explanation.method.partition(',')[0]} divides the output among the words: ",
        (f" {scale:+.2f} ", shade(scale, scale)),
        f" for {label}, ",
        (f" {-scale:+.2f} ", shade(-scale, scale)),
        " against it; the deeper the colour, the more.",
    )


def _ledger(ledger: Ledger) -> Table:
    """The lines of a ledger, and its gap."""
    table = Table(box=None, padding=(0, 2), pad_edge=True, show_header=False)
    for name, amount in ledger.items():
        table.add_row(f"   {name}", f"{amount:+.6f}", ledger.meaning[name], end_section=name == "dropped")
    table.add_row("   gap", f"{ledger.gap:+.2e}", "total less all lines above it: rounding")
    return table


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
        table.add_row(Text(f"   {visible(token).strip()}"), *shown)
    return table


def tell_aside(result: TourResult) -> None:
    """Name the learner's pieces that failed in their use.

    Args:
        result: of the tour.
    """
    for name, reason in result.aside.items():
        what = "passes its check, but was set aside here; the library's own took its place"
        say(f"Your {name} {what}. {reason}")


def tell_page(path: Path, result: TourResult) -> None:
    """Name the page, and the time that the tour took.

    Args:
        path: the page.
        result: of the tour.
    """
    seconds = sum(result.seconds.values())
    console.print(Text.assemble(("\nPage written:", "bold"), f" {path}  ({seconds:.0f} s)"), soft_wrap=True)


def say(text: str | Text | Table) -> None:
    """Print a paragraph, indented.

    Args:
        text: the paragraph, or a table.
    """
    console.print(Padding(Text(text) if isinstance(text, str) else text, (0, 0, 0, 3)))
