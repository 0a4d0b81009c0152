"""What a tour returns: the results of its parts."""

from __future__ import annotations

from dataclasses import dataclass, field

from minitransformer.tour.dates import DatesResult
from minitransformer.tour.published import PublishedResult
from minitransformer.tour.result import ClassifierResult
from minitransformer.tour.stories import StoriesResult
from minitransformer.verify import Result

# (exercise, its largest difference from the library's own piece, why it has no seam in the library or "")
Difference = tuple[str, float, str]


@dataclass(frozen=True)
class TourResult:
    """The results of all parts of a tour.

    Attributes:
        classifier: the classifier, one of its decisions and its explanations.
        dates: the model that reads dates.
        stories: the model that tells stories.
        published: what published models say.
        gradients: of all gradient checks.
        seconds: the time of each part, by its name.
        mine: the exercises whose pieces, written by the learner, replaced the library's.
        beside: the learner's pieces that were only compared with the library's.
        aside: the exercises whose pieces failed while in use and were replaced by the library's own again, with the reason.
    """

    classifier: ClassifierResult
    dates: DatesResult
    stories: StoriesResult
    published: PublishedResult
    gradients: list[Result]
    seconds: dict[str, float]
    mine: list[str] = field(default_factory=list)
    beside: list[Difference] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether every gradient is right and the ledger accounts for all relevance."""
        return all(r.passed for r in self.gradients) and self.classifier.ledger.closes
