"""Random generators as PyTorch has them, and the state of the one that the whole library uses."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import numpy

from minitransformer import randomness
from minitransformer.autograd import Tensor
from minitransformer.backends import uint8
from minitransformer.devices import Device

__all__ = [
    "Generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]
STATE = 512  # bytes
FIRST_SEED = 67280421310721  # of a new generator, as in PyTorch


class Generator(numpy.random.Generator):
    """A source of random numbers of its own: NumPy's, with PyTorch's methods. Its numbers are not PyTorch's.

    Args:
        device: "cpu", or "cuda": accepted for tensors there. Numbers are drawn on the host in any case.
    """

    def __init__(self, device: str = "cpu"):
        super().__init__(numpy.random.PCG64(FIRST_SEED))
        self.device = Device(device)

    def manual_seed(self, seed: int) -> Generator:
        """Start anew.

        Args:
            seed: equal seeds give equal numbers.

        Returns:
            The generator itself.
        """
        super().__init__(numpy.random.PCG64(seed))
        return self

    def seed(self) -> int:
        """Start anew from a seed that is random itself.

        Returns:
            The seed.
        """
        drawn = int(numpy.random.default_rng().integers(1 << 63))
        self.manual_seed(drawn)
        return drawn

    def initial_seed(self) -> int:
        """The seed from which it started.

        Returns:
            The seed.
        """
        return _seed_of(self)

    def get_state(self) -> Tensor:
        """Where in its numbers the generator is.

        Returns:
            uint8, for `set_state`.
        """
        return _state_of(self)

    def set_state(self, new_state: Tensor) -> None:
        """Go where a generator was.

        Args:
            new_state: from `get_state`.

        Raises:
            ValueError: it is none of ours.
        """
        _return_to(self, new_state)


def _seed_of(generator: numpy.random.Generator) -> int:
    sequence: Any = generator.bit_generator.seed_seq
    return int(sequence.entropy)


def _state_of(generator: numpy.random.Generator) -> Tensor:
    text = json.dumps(generator.bit_generator.state).ljust(STATE)
    return Tensor(numpy.array(list(text.encode()), uint8))


def _return_to(generator: numpy.random.Generator, state: Tensor) -> None:
    try:
        generator.bit_generator.state = json.loads(bytes(state.tolist()))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"expected a state from get_state or get_rng_state, got {state.shape}") from error


def manual_seed(seed: int) -> Generator:
    """Start the random numbers of the library anew: initial weights, dropout, shuffles, samples.

    Args:
        seed: equal seeds give equal numbers.

    Returns:
        The generator that the library uses from now on.
    """
    randomness.use(made := Generator().manual_seed(seed))
    return made


def seed() -> int:
    """Start the random numbers of the library anew, from a seed that is random itself.

    Returns:
        The seed.
    """
    randomness.use(made := Generator())
    return made.seed()


def initial_seed() -> int:
    """The seed from which the library's random numbers started.

    Returns:
        The seed.
    """
    return _seed_of(randomness.generator())


def get_rng_state() -> Tensor:
    """Where in its numbers the library's generator is.

    Returns:
        uint8, for `set_rng_state`.
    """
    return _state_of(randomness.generator())


def set_rng_state(new_state: Tensor) -> None:
    """Go where the library's generator was.

    Args:
        new_state: from `get_rng_state`.

    Raises:
        ValueError: it is none of ours.
    """
    _return_to(randomness.generator(), new_state)


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:
    """A `with` block after which the library's random numbers go on as if it had drawn none.

    Args:
        devices: accepted as in PyTorch; all numbers are drawn on the host.
        enabled: False changes nothing.

    Returns:
        A context manager.
    """
    before = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(before)
