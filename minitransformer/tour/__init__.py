"""The tour: every gradient checked, two models trained on real text, one decision explained, and a page about it.

    from minitransformer import tour

    story = tour.run(steps=100)
    tour.save(story, "tour.html")
    story.holds  # every gradient is right, and the ledger accounts for all relevance
    story.judgement.accuracy  # {"majority": 0.5, "naive Bayes": 0.8, "Transformer": 0.8}
    story.judgement.explanations[0].show()

`run(mine="folder")` uses a learner's own pieces in the library's place, and `run(listener=...)` tells what goes on.
"""

from minitransformer.tour.listener import Listener
from minitransformer.tour.page import save
from minitransformer.tour.report import plain
from minitransformer.tour.story import Judgement, Learned, Speech, Story
from minitransformer.tour.travel import CLASSIFIER, GRADIENTS, LANGUAGE_MODEL, run

__all__ = [
    "CLASSIFIER",
    "GRADIENTS",
    "Judgement",
    "LANGUAGE_MODEL",
    "Learned",
    "Listener",
    "Speech",
    "Story",
    "plain",
    "run",
    "save",
]
