"""Training: for each batch compute the loss, its gradients and an optimizer step; a run can stop at any step and resume."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy

from minitransformer import checkpoint, kernels
from minitransformer.amp import GradScaler, autocast
from minitransformer.anomaly import nan_origin
from minitransformer.autograd import Tensor, no_grad
from minitransformer.checkpoint import CheckpointError
from minitransformer.disk import locked
from minitransformer.files import AGAIN, check_alike, one_line
from minitransformer.nn import Module, utils
from minitransformer.nn.modes import begin_training, in_use, modes
from minitransformer.optim import Optimizer
from minitransformer.optim.lr_scheduler import LRScheduler
from minitransformer.randomness import generator
from minitransformer.utils.data import DataLoader

LAST, BEST = "last.safetensors", "best.safetensors"
RUNNING = ".running"  # the lock file of a directory
SECONDS = 10  # from one checkpoint to the next
STOP = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # Ctrl-C, `kill`, a closed terminal, Ctrl-Break


class Trainer:
    """Trains a model up to a given number of steps, and writes checkpoints from which another run can resume.

    `last.safetensors` is written every `save_every` steps and every 10 seconds, at the end, and when a signal stops the run;
    `best.safetensors` whenever `evaluate` gives a new lowest number. On a GPU the host waits for the device once a step for the
    loss, once for the norm of the gradients and, with `amp`, once for an overflow: NaN and infinity never reach the parameters.

    Args:
        model: the model.
        loss: `loss(model, batch)`, the scalar to minimise. The state of one that is a `Module` is saved too.
        loader: the batches; it is read again from the start as often as needed.
        optimizer: the optimizer of the model's parameters.
        scheduler: `step()` is called after each step of the optimizer; None keeps the learning rate.
        steps: the number of steps of the whole run, those before a resume included.
        max_norm: the norm to which all gradients together are clipped; None does not clip.
        amp: whether the loss is computed under `autocast`. A step whose gradients overflow in float16 is skipped.
        evaluate: `evaluate(model)`, a number on held-out data, the lower the better; None evaluates nothing.
        evaluate_every: steps from one evaluation to the next; the last step is always followed by one.
        directory: the folder of the checkpoints, for this run only; None writes none.
        save_every: steps from one checkpoint to the next.
        description: is written into each checkpoint, such as the model's sizes and its tokenizer.

    Attributes:
        losses: the loss of each step, in the unit of `loss`.
        evaluations: (step, number) of each evaluation.
        stopped_by: the signal that stopped the run, or None; it is set when the checkpoint is written.
        scaler: the `GradScaler`; `scaler.skipped` counts the skipped steps.
        trained_by: the kernels that took the steps before a resume; None if there were none, or the checkpoint does not say.

    Raises:
        ValueError: if `steps`, `evaluate_every` or `save_every` is below 1.
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[[Module, Any], Tensor],
        loader: DataLoader,
        optimizer: Optimizer,
        scheduler: LRScheduler | None = None,
        *,
        steps: int,
        max_norm: float | None = None,
        amp: bool = False,
        evaluate: Callable[[Module], float] | None = None,
        evaluate_every: int = 100,
        directory: str | Path | None = None,
        save_every: int = 100,
        description: dict[str, Any] | None = None,
    ):
        if min(steps, evaluate_every, save_every) < 1:
            raise ValueError(f"Trainer: expected all to be >= 1: {steps=}, {evaluate_every=}, {save_every=}")
        self.model = model
        self.loss = loss
        self.loader = loader
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.steps = steps
        self.max_norm = max_norm
        self.scaler = GradScaler(enabled=amp)
        self.evaluate, self.evaluate_every = evaluate, evaluate_every
        self.directory = directory and Path(directory)
        self.writes = True  # the checkpoints into the directory
        self.together = False  # whether it stops when others do
        self.save_every = save_every
        self.description = description or {}
        self.losses: list[float] = []
        self.evaluations: list[tuple[int, float]] = []
        self._modes: list[
            tuple[Module, bool]
        ] = []  # the training mode of each module, at the end of the last run
        self.stopped_by: signal.Signals | None = None
        self.trained_by: str | None = None

    @property
    def kernels(self) -> str:
        """The kernels that train the model, see `kernels.name_of`; each checkpoint says which they were."""
        return kernels.name_of(next(self.model.parameters()).array)

    @property
    def step(self) -> int:
        """The number of steps taken."""
        return len(self.losses)

    def run(self, report: Callable[[Trainer], None] | None = None) -> bool:
        """Take the steps that are left.

        The model trains in training mode, but a submodule in evaluation mode stays there; afterwards the whole model is in
        evaluation mode. After Ctrl-C, a termination signal or the closing of the terminal, the current step is completed and
        a checkpoint written. A second Ctrl-C stops at once.

        Args:
            report: is called with the trainer after each step.

        Returns:
            True if all steps were taken, False if a signal stopped the run.

        Raises:
            Busy: if another run uses the directory.
            FloatingPointError: if the loss or a gradient is NaN or infinite; the parameters are not changed by that step.
            KeyboardInterrupt: at a second Ctrl-C.
        """
        # NumPy's warnings are off: FloatingPointError below names the step and the op
        with self._directory_to_itself(), Signals(self.together) as signals, numpy.errstate(all="ignore"):
            begin_training(self.model, self._modes)
            kept = _Kept(self)
            for batch in self._batches():
                self._take_step(batch)
                self._listen(signals)
                self._follow_up(kept, signals, report)
                if signals.came:
                    kept.now(signals)
                    break
        self._modes = modes(self.model)
        self.model.eval()
        return self.step == self.steps

    def _follow_up(self, kept: _Kept, signals: Signals, report: Callable[[Trainer], None] | None) -> None:
        """After a step: evaluate and write a checkpoint, if they are due, and report."""
        last = self.step == self.steps
        if last or self.step % self.evaluate_every == 0:
            self._evaluate()
        if self._agreed(kept.is_due()) or last or self.step % self.save_every == 0 or signals.came:
            kept.now(signals)
        try:
            if report:
                report(self)
        except BaseException:  # such as writing to a closed terminal
            kept.now(signals)
            raise

    def _directory_to_itself(self) -> contextlib.AbstractContextManager[None]:
        if not self.directory or not self.writes:
            return contextlib.nullcontext()
        self.directory.mkdir(parents=True, exist_ok=True)
        return locked(self.directory / RUNNING)

    def _batches(self) -> Iterator[Any]:
        """The batches of one epoch after the other, as many as there are steps to take."""
        while self.step < self.steps:
            for batch in self.loader:
                yield batch
                if self.step == self.steps:
                    return

    def _listen(self, signals: Signals) -> None:
        """After each step: hear of signals that came elsewhere, in a subclass."""

    def _agreed(self, due: bool) -> bool:
        """Whether a checkpoint is due by the clock; ranks that write one together agree, in a subclass."""
        return due

    def _value(self, loss: Tensor) -> float:
        """The loss as a number."""
        return loss.item()

    def _backward(self, loss: Tensor) -> None:
        """Compute the gradients of a loss, or of a multiple of it."""
        loss.backward()

    def _take_step(self, batch: Any) -> None:
        self.optimizer.zero_grad()
        with autocast(enabled=self.scaler.enabled):
            loss = self.loss(self.model, batch)
        value = self._value(loss)
        if not math.isfinite(value):
            raise FloatingPointError(f"step {self.step + 1}: the loss is {value}; {_culprit(loss)}. {MEND}")
        self._backward(self.scaler.scale(loss))
        self.scaler.unscale_(self.optimizer)
        if self.max_norm is not None:
            self._clip(self.max_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scheduler:
            self.scheduler.step()
        self.losses.append(value)

    def _clip(self, max_norm: float) -> None:
        norm = utils.clip_grad_norm_(list(self.model.parameters()), max_norm).item()
        # with a larger scale the gradients may have overflowed in float16 only: the scaler skips the step
        if not math.isfinite(norm) and self.scaler.get_scale() <= 1:
            raise FloatingPointError(
                f"step {self.step + 1}: the norm of the gradients is {norm}; `with detect_anomaly():` names the op. {MEND}"
            )

    def _evaluate(self) -> None:
        if self.evaluate is None:
            return
        with no_grad(), in_use(self.model):
            value = float(self.evaluate(self.model))
        best = min((figure for _, figure in self.evaluations), default=math.inf)
        self.evaluations.append((self.step, value))
        if value < best:
            self._save(BEST)

    def _save(self, name: str) -> None:
        if self.directory and self.writes:
            checkpoint.save(self.state_dict(), self.directory / name)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next steps depend on, the random generator and the position in the data included.

        Returns:
            A nest that `checkpoint.save` can write.
        """
        return {
            "description": self.description,
            "model": self.model.state_dict(),
            "loss": self.loss.state_dict() if isinstance(self.loss, Module) else {},
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler and self.scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
            "loader": self.loader.state_dict(),
            "random": generator().bit_generator.state,
            "kernels": self.kernels,
            "losses": self.losses,
            "evaluations": self.evaluations,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state: the next steps give the same bits as if the run had not stopped, if the kernels are the same.

        Args:
            state: from `state_dict` of a trainer with the same settings.
        """
        self.model.load_state_dict(state["model"])
        if isinstance(self.loss, Module):
            self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler:
            self.scheduler.load_state_dict(state["scheduler"])
        self.scaler.load_state_dict(state["scaler"])
        self.loader.load_state_dict(state["loader"])
        generator().bit_generator.state = state["random"]
        self.trained_by = state.get("kernels")  # older checkpoints do not say
        self.losses = list(state["losses"])
        self.evaluations = [tuple(pair) for pair in state["evaluations"]]

    def resume(self) -> bool:
        """Load `last.safetensors` from the directory.

        Returns:
            True, or False if there is no such file.

        Raises:
            CheckpointError: if the file is damaged, or is of a run with other settings.
        """
        path = self.directory and self.directory / LAST
        if not path or not path.exists():
            return False
        state = checkpoint.load(path)
        own = self.state_dict()
        try:
            for part in ("optimizer", "scheduler", "scaler", "loader", "random"):
                check_alike(own[part], state[part], part)
            self.load_state_dict(state)
            if strange := [
                pair for pair in self.evaluations if [type(value) for value in pair] != [int, float]
            ]:
                raise ValueError(f"evaluations: expected a step and a figure, got {strange[0]}")
            check_alike([0.0] * self.step, self.losses, "losses")
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError, ArithmeticError) as error:
            raise CheckpointError(
                f"{path}: expected the state of a run with these settings ({one_line(error)}); {AGAIN}"
            ) from error
        return True


MEND = "Try a smaller learning rate, a longer warm-up, or clipping (max_norm=1.0)"


def _culprit(loss: Tensor) -> str:
    return (
        f"the first NaN was made by {nan_origin(loss)}" if math.isnan(loss.item()) else "a number overflowed"
    )


class _Kept:
    """The last checkpoint of a trainer: its step, and when the next one is due.

    A checkpoint is due before SECONDS are over, or later if writing them would take more than a twentieth of the run.
    """

    def __init__(self, trainer: Trainer):
        self.trainer, self.step = trainer, trainer.step
        self.at = self.stepped = time.monotonic()
        self.interval: float = SECONDS

    def is_due(self) -> bool:
        """Whether the interval would be over after one more step; called once a step."""
        now = time.monotonic()
        step = now - self.stepped
        self.stepped = now
        return now + step - self.at > self.interval

    def now(self, signals: Signals) -> None:
        """Write a checkpoint, unless the last one is of this step."""
        if self.step != self.trainer.step:
            begun = time.monotonic()
            with signals.held():
                self.trainer._save(LAST)
            self.step = self.trainer.step
            self.at = time.monotonic()
            self.stepped = self.at
            self.interval = max(SECONDS, 20 * (self.at - begun))
        if self.step < self.trainer.steps:
            self.trainer.stopped_by = signals.came


class Signals:
    """Inside this block, the first signal to stop is stored in `came` and has no other effect.

    A second Ctrl-C raises KeyboardInterrupt, except inside `held()`. A signal that the process already ignores stays ignored:
    `nohup` does this with the closing of a terminal. Python allows signal handlers in the main thread only; in another thread
    this block does nothing.

    Args:
        together: several processes stop together: what this one was sent stays in `noted`, and `came` is set once all know of it.
    """

    def __init__(self, together: bool = False) -> None:
        self.together = together
        self.noted: signal.Signals | None = None
        self.came: signal.Signals | None = None
        self.waits = False

    def __enter__(self) -> Signals:
        listens = threading.current_thread() is threading.main_thread()
        numbers = [getattr(signal, name) for name in STOP if hasattr(signal, name)] if listens else []
        ignored = [n for n in numbers if n != signal.SIGINT and signal.getsignal(n) == signal.SIG_IGN]
        self.before = {n: signal.signal(n, self._note) for n in numbers if n not in ignored}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT == self.noted and not self.waits:
            raise KeyboardInterrupt
        self.noted = self.noted or signal.Signals(number)
        if not self.together:
            self.came = self.noted

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Inside this block, Ctrl-C interrupts nothing."""
        self.waits = True
        try:
            yield
        finally:
            self.waits = False
