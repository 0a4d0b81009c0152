"""What the recipes share that learn one task, from examples that the package makes: their settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class TaskRecipe:
    """The settings of a run on examples that are made for it; each recipe adds its model, its loss and its own defaults.

    Args:
        steps: batches to learn from.
        batch_size: examples in a batch.
        lr: the highest learning rate.
        weight_decay: of AdamW.
        d_model: width of the model.
        nhead: attention heads in each attention.
        num_layers: layers; of an encoder and a decoder, in each of them.
        dropout: the share of activations set to zero while training.
        seed: of the examples.
        amp: whether products are computed in float16.
    """

    steps: int = 2700
    batch_size: int = 48
    lr: float = 4e-3
    weight_decay: float = 0.01
    d_model: int = 64
    nhead: int = 4
    num_layers: int = 1
    dropout: float = 0.0
    seed: int = 0
    amp: bool = False

    @classmethod
    def of(cls, **chosen: Any) -> Self:
        """The recipe.

        Args:
            **chosen: settings that replace the defaults.

        Returns:
            The recipe.
        """
        return cls(**chosen)
