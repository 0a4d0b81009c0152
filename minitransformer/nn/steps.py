"""The steps of recurrent networks, which the cells take once and the layers repeat.

A step takes the input's part of the sums, (.., G), the states before it and what multiplies the first of them, and returns the
states after it. Its output is the first of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.ops.networks.recurrent import gru_step, lstm_step

States: TypeAlias = tuple[Tensor, ...]
# x (.., G), states (.., H), weight (G, H), bias (G,) or None -> states (.., H)
Step: TypeAlias = Callable[[Tensor, States, Tensor, Tensor | None], States]


def tanh(x: Tensor, states: States, weight: Tensor, bias: Tensor | None) -> States:
    """A step of a plain recurrent network: h' = tanh(x + W h + b).

    Args:
        x: (.., H).
        states: (h,), (.., H).
        weight: W, (H, H).
        bias: b, (H,) or None.

    Returns:
        (h',).

    Source:
        Elman, Cognitive Science 14(2), 1990.
    """
    return ((x + F.linear(states[0], weight, bias)).tanh(),)


def relu(x: Tensor, states: States, weight: Tensor, bias: Tensor | None) -> States:
    """A step of a plain recurrent network with max(.., 0) in place of tanh.

    Args:
        x: as for `tanh`.
        states: as for `tanh`.
        weight: as for `tanh`.
        bias: as for `tanh`.

    Returns:
        (h',).
    """
    return (F.relu(x + F.linear(states[0], weight, bias)),)


def lstm(x: Tensor, states: States, weight: Tensor, bias: Tensor | None) -> States:
    """A step of a long short-term memory; `lstm_step` computes its gates.

    Args:
        x: (.., 4 H).
        states: (h, c), both (.., H).
        weight: (4 H, H).
        bias: (4 H,) or None.

    Returns:
        (h', c').
    """
    h, c = states
    return lstm_step(x, F.linear(h, weight, bias), c)


def gru(x: Tensor, states: States, weight: Tensor, bias: Tensor | None) -> States:
    """A step of a gated recurrent unit; `gru_step` computes its gates.

    Args:
        x: (.., 3 H).
        states: (h,), (.., H).
        weight: (3 H, H).
        bias: (3 H,) or None.

    Returns:
        (h',).
    """
    (h,) = states
    return (gru_step(x, F.linear(h, weight, bias), h),)


# by PyTorch's names: how many sums there are for each number of the state, and the step
MODES: dict[str, tuple[int, Step]] = {
    "RNN_TANH": (1, tanh),
    "RNN_RELU": (1, relu),
    "LSTM": (4, lstm),
    "GRU": (3, gru),
}


def plain(nonlinearity: str) -> str:
    """The mode of a plain recurrent network.

    Args:
        nonlinearity: "tanh" or "relu".

    Returns:
        A key of `MODES`.

    Raises:
        ValueError: another word.
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity: expected 'tanh' or 'relu', got {nonlinearity!r}")
    return f"RNN_{nonlinearity.upper()}"
