"""The end of the page: the figures of the tour at a glance, and the time that each part took."""

from __future__ import annotations

from minitransformer.plain import escaped
from minitransformer.tour.whole import TourResult


def closing(result: TourResult) -> str:
    """The figures and the times.

    Args:
        result: of the tour.

    Returns:
        HTML.
    """
    classifier, dates, stories = result.classifier, result.dates, result.stories
    failed = sum(not r.passed for r in result.gradients)
    tiles = {
        f"gradient checks, {failed or 'none'} failed": f"{len(result.gradients)}",
        f"of {dates.tested} unseen dates read right": f"{dates.accuracy:.1%}",
        f"of {stories.told} stories keep their thing": f"{stories.kept}",
        f"of {classifier.reviews} unseen reviews judged rightly": f"{classifier.accuracy['Transformer']:.1%}",
        "relevance unaccounted for": f"{abs(classifier.ledger.gap):.0e}",
    }
    cards = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(figure)}</dd></div>" for name, figure in tiles.items()
    )
    spent = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in result.seconds.items())
    return (
        f'<section><h2>In figures</h2><dl class="tiles">{cards}</dl>'
        f'<p class="soft">Time spent: {escaped(spent)}.</p></section>'
    )
