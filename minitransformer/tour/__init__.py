"""The tour: a sentence coloured by what each word contributed, a language model, every gradient checked, and a page about it.

    from minitransformer import tour

    result = tour.run(steps=100, sentence="The soup was cold.")
    tour.save(result, "tour.html")
    result.holds  # whether every gradient is right and the ledger accounts for all relevance
    result.classifier.accuracy  # {"majority": 0.5, "naive Bayes": 0.8, "Transformer": 0.8}
    result.classifier.explanations[0].show()

`run(mine="folder")` uses a learner's own pieces instead of the library's. `run(listener=...)` calls methods while it runs, such as
those that print for the command.
"""

from minitransformer.tour.listener import Listener
from minitransformer.tour.page import save
from minitransformer.tour.parts import EXPLANATIONS, GRADIENTS, LANGUAGE_MODEL, PUBLISHED, SENTENCE, run
from minitransformer.tour.published import PublishedResult
from minitransformer.tour.report import plain
from minitransformer.tour.result import ClassifierResult, LanguageModelResult, Learned, TourResult

__all__ = [
    "ClassifierResult",
    "EXPLANATIONS",
    "GRADIENTS",
    "LANGUAGE_MODEL",
    "LanguageModelResult",
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
