"""Samples from a distribution over classes that let gradients through."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.devices import device_of, to_device
from minitransformer.ops.networks.softmax import softmax
from minitransformer.ops.order.extreme import amax
from minitransformer.randomness import generator


def gumbel_softmax(
    logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax((logits + Gumbel noise) / tau): nearly a class drawn with the probabilities softmax(logits).

    Args:
        logits: (.., V, ..), floating-point.
        tau: the temperature; the lower, the nearer to one class.
        hard: whether to round to one class. The gradient is that of the unrounded sample.
        eps: accepted as in PyTorch; no effect.
        dim: the dimension of the classes.

    Returns:
        The same shape; values that sum to 1 along `dim`.

    Source:
        Jang et al., ICLR 2017.
    """
    noise = generator().gumbel(size=logits.shape).astype(logits.dtype)
    soft = softmax((logits + Tensor(to_device(noise, device_of(logits.array)))) / tau, dim)
    if not hard:
        return soft
    sample = soft.detach()
    return (sample == amax(sample, dim, True)).to(soft.dtype) - sample + soft
