"""The trainer that all recipes share: AdamW, a learning rate that rises and falls, gradients clipped to a norm of 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, asdict
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

from minitransformer import models
from minitransformer.autograd import Tensor
from minitransformer.collectives import world
from minitransformer.meshed import ONE, MeshedTrainer, chosen
from minitransformer.models.blocks import blocks_of
from minitransformer.nn import Module
from minitransformer.optim import AdamW
from minitransformer.ranked import RankedTrainer
from minitransformer.recipes.schedule import warm_up_and_cosine
from minitransformer.tokenization import Tokenizer
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader


class RunSettings(Protocol):
    """The settings that every recipe has: its name, the number of steps, the highest learning rate, half precision."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def kind(self) -> str:
        """The name of the recipe, as `recipes.RECIPES` knows it."""

    @property
    def steps(self) -> int:
        """Batches to learn from."""

    @property
    def lr(self) -> float:
        """The learning rate after the warm-up."""

    @property
    def amp(self) -> bool:
        """Whether products are computed in float16."""


def trainer_of(
    recipe: RunSettings,
    model: Module,
    tokenizer: Tokenizer,
    loss: Callable[[Any, Any], Tensor],
    loader: DataLoader,
    *,
    weight_decay: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    evaluate: Callable[[Any], float] | None,
    evaluate_every: int = 100,
    directory: Path | None = None,
) -> Trainer:
    """The trainer of a recipe's model; the recipe's settings go into its checkpoints.

    Args:
        recipe: the settings.
        model: the model to train; parameters that require no gradient stay as they are.
        tokenizer: the tokenizer of its ids.
        loss: `loss(model, batch)`, the scalar to minimise; of a `Module`, the parameters learn as well.
        loader: the batches.
        weight_decay: of AdamW.
        betas: of AdamW.
        eps: of AdamW.
        evaluate: `evaluate(model)`, the mean loss on data held out; None evaluates nothing.
        evaluate_every: steps from one evaluation to the next.
        directory: where checkpoints are written; None writes none.

    Returns:
        A trainer that has taken no step yet.
    """
    parts = [model, loss] if isinstance(loss, Module) else [model]  # a loss may learn, too
    learning = [p for part in parts for p in part.parameters() if p.requires_grad]
    optimizer = AdamW(learning, lr=recipe.lr, betas=betas, eps=eps, weight_decay=weight_decay)
    return _kind()(
        model,
        loss,
        loader,
        optimizer,
        warm_up_and_cosine(optimizer, recipe.steps),
        steps=recipe.steps,
        max_norm=1.0,
        amp=recipe.amp,
        evaluate=evaluate,
        evaluate_every=evaluate_every,
        directory=directory,
        description={**models.describe(model, tokenizer), "kind": recipe.kind, "recipe": asdict(recipe)},
    )


def _kind() -> Callable[..., Trainer]:
    """The trainer for one process, for ranks that share out batches, or for those that share out the model too."""
    if not world.is_entered():
        return Trainer
    if chosen.get() == ONE:
        return RankedTrainer
    return partial(MeshedTrainer, layout=chosen.get(), blocks_of=blocks_of)
