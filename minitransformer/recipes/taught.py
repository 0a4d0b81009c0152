"""A run with a teacher: what its settings are, and how its loss is made of that of a run without one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minitransformer import models
from minitransformer.autograd import Tensor
from minitransformer.collectives import world
from minitransformer.distillation import Distillation, Real
from minitransformer.nn import Module
from minitransformer.tokenization import Tokenizer
from minitransformer.training import BEST

Loss = Callable[[Any, Any], Tensor]


@dataclass(frozen=True, kw_only=True)
class Taught:
    """The settings of a run whose model may have a teacher; see `distillation`.

    Args:
        teacher: a checkpoint, or the folder of a run; None for none.
        temperature: what the logits of both are divided by.
        alpha: the weight of the teacher's answers; the labels have the rest.
        beta: the weight of the directions of the teacher's hidden vectors.
    """

    teacher: str | None = None
    temperature: float = 2.0
    alpha: float = 0.5
    beta: float = 0.0

    def taught(self, loss: Loss, student: Module, tokenizer: Tokenizer, real: Real | None = None) -> Loss:
        """The loss of this run.

        Args:
            loss: that of a run without a teacher.
            student: the model that learns.
            tokenizer: of its ids.
            real: which tokens of a batch are no padding; None for all.

        Returns:
            `loss` itself if there is no teacher.

        Raises:
            ValueError: the teacher reads other tokens, or there are several ranks.
        """
        if self.teacher is None:
            return loss
        if world.is_entered():
            raise ValueError("--teacher: expected one process; leave out --ranks")
        teacher = teacher_of(self.teacher, tokenizer)
        teacher.to(next(student.parameters()).device)
        weights = {"temperature": self.temperature, "alpha": self.alpha, "beta": self.beta}
        return Distillation(loss, student, teacher, real=real, **weights)


def teacher_of(path: str, tokenizer: Tokenizer) -> Module:
    """Load a teacher.

    Args:
        path: a checkpoint, or the folder of a run.
        tokenizer: that of the student.

    Returns:
        The model, in evaluation mode.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it reads other tokens than the student.
    """
    place = Path(path)
    teacher, reader = models.load(place / BEST if place.is_dir() else place)
    if reader.to_dict() != tokenizer.to_dict():
        raise ValueError(
            f"{path}: expected a teacher that reads the student's tokens; train the student with the teacher's --data and "
            "--vocab-size"
        )
    return teacher
