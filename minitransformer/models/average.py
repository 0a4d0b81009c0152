"""Several models as one: the mean of their logits.

Models that differ only in their initial values and in the order of their batches make different mistakes. In the mean these
partly cancel. The mean stands on one tape, so that every method explains it like a single model: as LRP is linear in the
output, the relevance of the mean is the mean of the relevances.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitransformer import nn
from minitransformer.autograd import Tensor


class Average(nn.Module):
    """ids -> the mean of the logits of several models.

    Args:
        models: one model or more, of the same ids and the same classes.

    Attributes:
        config: of the first model.

    Raises:
        ValueError: if there is no model.

    Source:
        Dietterich, "Ensemble methods in machine learning", MCS 2000, section 2.
    """

    def __init__(self, models: Sequence[nn.Module]):
        super().__init__()
        if not models:
            raise ValueError("Average: expected at least one model, got none")
        self.models = nn.ModuleList(models)
        self.config: Any = models[0].config

    def forward(self, ids: Tensor) -> Tensor:
        """The mean of the logits.

        Args:
            ids: (B, T) integers.

        Returns:
            The shape of each model's logits, such as (B, num_classes).
        """
        first, *others = [model(ids) for model in self.models]
        mean: Tensor = sum(others, start=first) / len(self.models)
        return mean
