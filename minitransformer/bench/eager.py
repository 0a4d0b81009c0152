"""Our engine compared with PyTorch eager, and our relevance compared with our own gradient: times and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy

import minitransformer
from minitransformer.bench import memory
from minitransformer.bench.models import both_steps, twin
from minitransformer.bench.pairs import REST, SHORT, in_turn, ratio_of
from minitransformer.bench.row import Row, held_to
from minitransformer.bench.works import CHAIN, MEMORY, SIZES, chain_of_ops, multiply, resident
from minitransformer.defaults import default_device
from minitransformer.explain import lrp
from minitransformer.generation import generate
from minitransformer.models.language_model import LanguageModel
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.creation.random import randint

EAGER = "PyTorch eager"
NEW_TOKENS = 64
LIMITS = {"lesson": 0.9, "tiny": 0.9, "char": 1.2}  # of a training step


def op(pairs: int) -> Iterator[Row]:
    """The time of an op that computes almost nothing.

    Args:
        pairs: Measurements of each side.

    Yields:
        One row.
    """
    import torch

    ratio = in_turn(multiply(minitransformer), multiply(torch), pairs, REST)
    yield held_to("one-element multiply + backward", EAGER, ratio, 1.5)


def chain(pairs: int) -> Iterator[Row]:
    """The time of a long tape.

    Args:
        pairs: Measurements of each side; a third of them are made.

    Yields:
        One row.
    """
    import torch

    ratio = in_turn(chain_of_ops(minitransformer), chain_of_ops(torch), max(pairs // 3, 3), REST)
    yield Row(f"chain of {CHAIN:,} ops + backward", EAGER, ratio, "ours < 3 s", ratio.ours < 3)


def training(pairs: int) -> Iterator[Row]:
    """The time of a training step: forward, loss, backward and Adam.

    Args:
        pairs: Measurements of each side; half of them at the largest size.

    Yields:
        A row for each of three sizes.
    """
    for name, size in SIZES.items():
        few = pairs if size.d_model < 256 else max(pairs // 2, 3)
        ratio = in_turn(*both_steps(size), few, REST)
        yield held_to(f"training step, {name} size", EAGER, ratio, LIMITS[name])


def training_memory(pairs: int) -> Iterator[Row]:
    """The peak memory of training on the device in use, beyond importing and building.

    Args:
        pairs: Measurements of each side; a sixth of them are made.

    Yields:
        One row.
    """
    if default_device().type == "cpu" and resident() is None:
        note = "not measured: this system does not report the peak memory of a process"
        yield Row(MEMORY, EAGER, None, note=note)
        return
    times = max(pairs // 6, 1)
    ours, theirs = (
        [memory.measure(package) / 2**20 for _ in range(times)] for package in ("minitransformer", "torch")
    )
    yield held_to(MEMORY, EAGER, ratio_of(ours, theirs, unit="MiB"), 1.5)


def generation(pairs: int) -> Iterator[Row]:
    """The time of generation token by token: ours with a cache, PyTorch's encoder without one, because it has none.

    Args:
        pairs: Measurements of each side; half of them are made.

    Yields:
        One row.
    """
    size = SIZES["tiny"]
    model = size.model()
    prompt = randint(0, size.vocab, (size.length - NEW_TOKENS,)).tolist()
    ours = partial(generate, model, prompt, NEW_TOKENS, temperature=0)
    ratio = in_turn(ours, _without_cache(model, prompt), max(pairs // 2, 3), REST)
    name = f"generation, {NEW_TOKENS} tokens, with our cache"
    yield Row(name, "PyTorch's TransformerEncoder, which has none", ratio)


def _without_cache(model: LanguageModel, prompt: list[int]) -> Callable[[], None]:
    """Greedy generation by the same model in PyTorch: it reads the whole text again for each token."""
    import torch

    reference = twin(model).eval()

    def run() -> None:
        text = list(prompt)
        with torch.no_grad():
            for _ in range(NEW_TOKENS):
                logits = reference(torch.tensor([text], device=reference.positions.pe.device))  # (1, T, V)
                text.append(int(logits[0, -1].argmax()))

    return run


def relevance(pairs: int) -> Iterator[Row]:
    """The time of LRP of one sequence, compared with the forward and backward pass of the same model.

    Args:
        pairs: A quarter of the measurements of each side.

    Yields:
        A row for each of three sizes.
    """
    for name, size in SIZES.items():
        model = size.model()
        ids = randint(0, size.vocab, (1, size.length)).numpy()  # (1, T)
        ours = partial(lrp, model, ids)
        gradient = partial(_forward_and_backward, model, ids)
        ratio = in_turn(ours, gradient, 4 * pairs, turn=SHORT)
        yield held_to(f"LRP of one sequence, {name} size", "our own forward + backward", ratio, 1.2)


def _forward_and_backward(model: LanguageModel, ids: numpy.ndarray) -> None:
    model.zero_grad()
    logits = model(tensor(ids))  # (1, T, V)
    top = logits[0, -1].max()
    top.backward()
    top.item()  # waits until a device has finished
