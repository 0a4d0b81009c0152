"""The tour as one web page, for readers who have never seen an explanation or a gradient check.

The page is one file. It can be read without its script; with it, words can be asked and left out, and samples stepped through.
"""

from __future__ import annotations

from os import PathLike

from minitransformer.disk import write
from minitransformer.pictures import SCRIPT, STYLE, page
from minitransformer.tour.page.closing import closing
from minitransformer.tour.page.dates import dates_section
from minitransformer.tour.page.explanations import explanations_section
from minitransformer.tour.page.gradients import gradients_section
from minitransformer.tour.page.opening import opening
from minitransformer.tour.page.published import published_section
from minitransformer.tour.page.sentence import sentence_section
from minitransformer.tour.page.stories import stories_section
from minitransformer.tour.whole import TourResult


def save(result: TourResult, path: str | PathLike[str]) -> None:
    """Write the page of a tour to a file.

    Args:
        result: what `run` returned.
        path: the HTML file.
    """
    write(path, tour_page(result))


def tour_page(result: TourResult) -> str:
    """The page of a tour as HTML.

    Args:
        result: what `run` returned.

    Returns:
        The whole page, which loads nothing.
    """
    parts = (
        opening(result),
        sentence_section(result.classifier),
        dates_section(result.dates),
        stories_section(result.stories),
        explanations_section(result.classifier),
        published_section(result.published),
        gradients_section(result.gradients),
        closing(result),
    )
    return page("minitransformer tour", f"<main>{''.join(parts)}</main>", STYLE, SCRIPT)
