"""What a tour is to do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from minitransformer.recipes import ClassifierRecipe
from minitransformer.recipes.dates import DatesRecipe
from minitransformer.recipes.stories import StoriesRecipe
from minitransformer.tour.dates import OWN


@dataclass(frozen=True)
class Plan:
    """What is trained, and what the user asks.

    Attributes:
        classifier: the recipe of the classifier.
        dates: the recipe of the model that reads dates.
        stories: the recipe of the model that tells stories.
        sentence: the text whose decision is explained; None for a review that the classifier never saw.
        date: a date to read.
        seed: of all random numbers; each part begins with it.
    """

    classifier: ClassifierRecipe = field(default_factory=ClassifierRecipe)
    dates: DatesRecipe = field(default_factory=DatesRecipe)
    stories: StoriesRecipe = field(default_factory=StoriesRecipe)
    sentence: str | None = None
    date: str = OWN
    seed: int = 0

    def with_steps(self, steps: int | None) -> Plan:
        """The plan with a number of steps for dates and stories.

        Args:
            steps: the number; None changes nothing.

        Returns:
            The plan.
        """
        if steps is None:
            return self
        return replace(
            self, dates=replace(self.dates, steps=steps), stories=replace(self.stories, steps=steps)
        )


def classifier_recipe(data: str, epochs: int | None) -> ClassifierRecipe:
    """The classifier's recipe.

    Args:
        data: what the classifier reads, "reviews" or "movie-reviews".
        epochs: how often it reads all its reviews; None for the recipe's own number of steps.

    Returns:
        The recipe.

    Raises:
        ValueError: the data are unknown.
    """
    recipe = ClassifierRecipe.of(data)
    train, validation, _ = recipe.split()
    samples = len(recipe.samples(train + validation))
    return recipe if epochs is None else replace(recipe, steps=epochs * -(-samples // recipe.batch_size))
