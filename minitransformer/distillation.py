"""Distillation: a small model, the student, learns from the answers of a large one, its teacher.

A label says that the next word is "mat". The teacher says that it is "mat" with 60 %, "rug" with 25 %, and "sky" almost never:
what it has learned of all other words stands in these numbers. At a temperature T, the softmax of logits / T, the small ones grow
and can be learned from. The student learns both,

    loss = alpha T^2 KL(teacher at T || student at T) + (1 - alpha) cross-entropy with the labels.

The gradient of the first term shrinks as 1 / T^2, which the factor undoes, so that another T does not change the balance. A third
term, beta (1 - cosine), may turn the student's hidden vectors into the directions of its teacher's. Where they differ in width, a
linear map between them learns too; it is no part of the student.

Source:
    Hinton et al., arXiv 1503.02531, 2015, section 2; the third term is of Sanh et al., arXiv 1910.01108, 2019, section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.nn import Linear, Module
from minitransformer.nn import functional as F
from minitransformer.nn.modes import in_use
from minitransformer.settings import no_grad

HIDDEN = "encoder"  # the part of our models that computes the last hidden vectors (B, T, C)
Real = Callable[[Any], Tensor]  # of a batch, which tokens are none of padding: (B, T), bool


def soft_loss(student: Tensor, teacher: Tensor, temperature: float, real: Tensor | None = None) -> Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(student / T)), the mean over rows: over texts, or over all their tokens.

    The divergence of a row is a sum over its V classes. (PyTorch's `kl_div` divides by B T V with "mean", and by B alone with
    "batchmean".)

    Args:
        student: logits (.., V).
        teacher: logits of the same shape; no gradient goes to them.
        temperature: T, above 0.
        real: the rows that count, (..) bool; None for all.

    Returns:
        A scalar in nats.

    Raises:
        ValueError: the shapes differ.
    """
    if student.shape != teacher.shape:
        raise ValueError(
            f"distillation: expected as many classes or tokens of both, got logits {student.shape} of the student and "
            f"{teacher.shape} of the teacher"
        )
    told = F.log_softmax(teacher.detach() / temperature, -1)
    said = F.log_softmax(student / temperature, -1)
    rows = F.kl_div(said, told, reduction="none", log_target=True).sum(-1)  # (..)
    return mean_of(rows, real) * temperature**2


def cosine_loss(student: Tensor, teacher: Tensor, real: Tensor | None = None) -> Tensor:
    """1 - cos(student, teacher), the mean over tokens.

    Args:
        student: hidden vectors (B, T, C).
        teacher: those of the teacher, (B, T, C); no gradient goes to them.
        real: the tokens that count, (B, T) bool; None for all.

    Returns:
        A scalar from 0 to 2.
    """
    return mean_of(1 - F.cosine_similarity(student, teacher.detach(), -1), real)


def mean_of(rows: Tensor, real: Tensor | None) -> Tensor:
    """The mean of what is no padding.

    Args:
        rows: any shape.
        real: the same shape, bool; None for all.

    Returns:
        A scalar; 0 if nothing counts.
    """
    if real is None:
        return rows.mean()
    return rows.masked_fill(~real, 0.0).sum() / real.sum().clip(min=1)


class Distillation(Module):
    """The loss of a student: `loss(model, batch)` as a `Trainer` calls it, with a teacher's answers in it.

    Whatever the student reads, its teacher reads too, in evaluation mode. `parameters` are those of the linear map alone, if there
    is one: they learn with the student.

    Args:
        loss: `loss(model, batch)`, the cross-entropy with the labels; it calls the model once.
        student: is only asked for its width.
        teacher: gives logits of the same shape for the same ids.
        temperature: T, above 0.
        alpha: the weight of the teacher's answers, from 0 to 1; the labels have the rest.
        beta: the weight of the cosines of hidden vectors; 0 does not look at them.
        real: which tokens of a batch are no padding; None for all.

    Raises:
        ValueError: a weight or the temperature is out of range, or a model has no hidden vectors.
    """

    def __init__(
        self,
        loss: Callable[[Any, Any], Tensor],
        student: Module,
        teacher: Module,
        *,
        temperature: float = 2.0,
        alpha: float = 0.5,
        beta: float = 0.0,
        real: Real | None = None,
    ):
        super().__init__()
        if not (temperature > 0 and 0 <= alpha <= 1 and beta >= 0):
            raise ValueError(
                f"distillation: expected temperature > 0, 0 <= alpha <= 1, beta >= 0, got {temperature}, {alpha} and {beta}"
            )
        self.loss, self.real = loss, real
        self.temperature, self.alpha, self.beta = temperature, alpha, beta
        self._teacher = (teacher,)  # in a tuple: a module that stands by itself would be a part of this one
        own, theirs = (width_of(model) if beta else 0 for model in (student, teacher))
        self.map = Linear(own, theirs, bias=False) if own != theirs else None
        if self.map is not None:
            self.map.to(next(student.parameters()).dtype).to(next(student.parameters()).device)

    def forward(self, student: Module, batch: Any) -> Tensor:
        """The loss of a batch.

        Args:
            student: the model that learns.
            batch: what `loss` takes.

        Returns:
            A scalar.
        """
        with heard(student) as calls, heard(hidden_part(student, self.beta)) as hidden:
            hard = self.loss(student, batch)
        ((read, answer),) = calls
        told, directions = self._asked(read)
        real = None if self.real is None else self.real(batch)
        soft = soft_loss(answer, told, self.temperature, real if answer.ndim == 3 else None)
        total = self.alpha * soft + (1 - self.alpha) * hard
        if not self.beta:
            return total
        own = hidden[-1][1] if self.map is None else self.map(hidden[-1][1])
        return total + self.beta * cosine_loss(own, directions, real)

    def _asked(self, read: tuple[Any, ...]) -> tuple[Tensor, Any]:
        """The teacher's logits and its hidden vectors, None unless they are looked at."""
        (teacher,) = self._teacher
        with no_grad(), in_use(teacher), heard(hidden_part(teacher, self.beta)) as hidden:
            answer = teacher(*read)
        return answer, hidden[-1][1] if hidden else None


@contextmanager
def heard(module: Module | None) -> Iterator[list[tuple[tuple[Any, ...], Any]]]:
    """What a module is called with inside a `with` block, and what it returns.

    Args:
        module: the module; None hears nothing.

    Yields:
        (arguments, output) of each call, as a list that grows.
    """
    calls: list[tuple[tuple[Any, ...], Any]] = []
    if module is None:
        yield calls
        return
    handle = module.register_forward_hook(lambda module, args, output: calls.append((args, output)))
    try:
        yield calls
    finally:
        handle.remove()


def hidden_part(model: Module, beta: float) -> Module | None:
    """The part of a model that computes its last hidden vectors; None if they have no weight.

    Args:
        model: one of our models.
        beta: the weight.

    Returns:
        The module.

    Raises:
        ValueError: the model has no such part.
    """
    if not beta:
        return None
    part = getattr(model, HIDDEN, None)
    if not isinstance(part, Module):
        raise ValueError(f"distillation: {type(model).__name__} has no {HIDDEN!r}; use beta=0")
    return part


def width_of(model: Module) -> int:
    """The size of a model's hidden vectors.

    Args:
        model: has an embedding.

    Returns:
        C.

    Raises:
        ValueError: the model has no hidden vectors.
    """
    part = hidden_part(model, 1.0)
    assert part is not None
    return int(next(p for p in part.parameters() if p.ndim == 2).shape[-1])
