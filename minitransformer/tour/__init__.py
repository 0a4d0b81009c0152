"""The tour: a sentence coloured by what each word contributed, dates read, stories told, every gradient checked, and a page.

    from minitransformer import tour

    result = tour.run(sentence="The soup was cold.", date="4 July 1976")
    tour.save(result, "tour.html")
    result.holds  # whether every gradient is right and the ledger accounts for all relevance
    result.classifier.accuracy  # {"majority": 0.5, "naive Bayes": 0.8, "Transformer": 0.8}
    result.classifier.explanations[0].show()

`run(mine="folder")` uses a learner's own pieces instead of the library's. `run(listener=...)` calls methods while it runs, such as
those that print for the command.
"""

from minitransformer.tour.dates import DatesResult
from minitransformer.tour.listener import Listener
from minitransformer.tour.page import save
from minitransformer.tour.parts import (
    DATES,
    EXPLANATIONS,
    GRADIENTS,
    PARTS,
    PUBLISHED,
    SENTENCE,
    STORIES,
    run,
)
from minitransformer.tour.published import PublishedResult
from minitransformer.tour.report import plain
from minitransformer.tour.result import ClassifierResult, Learned
from minitransformer.tour.stories import StoriesResult
from minitransformer.tour.whole import TourResult

__all__ = [
    "ClassifierResult",
    "EXPLANATIONS",
    "DATES",
    "DatesResult",
    "GRADIENTS",
    "PARTS",
    "STORIES",
    "StoriesResult",
    "Learned",
    "Listener",
    "PUBLISHED",
    "PublishedResult",
    "SENTENCE",
    "TourResult",
    "plain",
    "run",
    "save",
]
