"""Encodings of positions: added to the tokens, learned, or rotary."""

from __future__ import annotations

from minitransformer.nn.position import apply_rotary
from minitransformer.verify.case import LayerCase, OpCase
from minitransformer.verify.inputs import normal


def _turned(torch, x, interleaved: bool):
    """Rotary positions by complex numbers: a pair of channels is one, and turning it is multiplying by e^(i theta)."""
    length, d = x.shape[-2:]
    # (.., T, d/2, 2)
    pairs = x.unflatten(-1, (-1, 2)) if interleaved else x.unflatten(-1, (2, -1)).transpose(-1, -2)
    theta = torch.arange(length).double()[:, None] / 10000 ** (torch.arange(0, d, 2).double() / d)  # (T, d/2)
    turn = torch.complex(theta.cos().float().to(x.dtype), theta.sin().float().to(x.dtype))
    turned = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * turn)
    return turned.flatten(-2) if interleaved else turned.transpose(-1, -2).flatten(-2)


def _sinusoids(torch, x, exponents):
    """Angles of each position and channel. (B, T, C) -> (T, len(exponents))."""
    return torch.arange(x.shape[1]).double()[:, None] / 10000 ** (
        torch.tensor(exponents).double() / x.shape[2]
    )


def _sin_cos_interleaved(torch, x):
    theta = _sinusoids(torch, x, range(0, x.shape[2], 2))
    return x + torch.stack([theta.sin(), theta.cos()], -1).flatten(-2).float()


def _sin_plus_cos(torch, x):
    theta = _sinusoids(torch, x, range(0, 2 * x.shape[2], 2))
    return x + (theta.sin() + theta.cos()).float()


ROTARY = [
    OpCase(
        "apply_rotary",
        lambda lib, x, cos, sin: apply_rotary(x, cos, sin),
        [normal(2, 3, 4), normal(3, 2), normal(3, 2)],
        lambda torch, x, cos, sin: torch.view_as_real(
            torch.view_as_complex(x.unflatten(-1, (-1, 2))) * torch.complex(cos, sin)
        ).flatten(-2),
    ),
]


POSITIONS = [
    LayerCase(
        "SinusoidalPositionalEncoding",
        lambda lib: lib.nn.SinusoidalPositionalEncoding(6, 0.0, 9, batch_first=True),
        [normal(2, 4, 6)],
        theirs=_sin_cos_interleaved,
    ),
    LayerCase(
        "AddedPositionalEncoding",
        lambda lib: lib.nn.AddedPositionalEncoding(6, 0.0, 9, batch_first=True),
        [normal(2, 4, 6)],
        theirs=_sin_plus_cos,
    ),
    LayerCase(
        "LearnedPositionalEncoding",
        lambda lib: lib.nn.LearnedPositionalEncoding(6, 0.0, 5, batch_first=True),
        [normal(2, 4, 6)],
        theirs=lambda torch, x, weight: x + weight[:4],
    ),
    LayerCase(
        "RotaryEmbedding",
        lambda lib: lib.nn.RotaryEmbedding(6, 9),
        [normal(2, 2, 4, 6)],
        theirs=lambda torch, x: _turned(torch, x, interleaved=True),
    ),
    LayerCase(
        "RotaryEmbedding, halves",
        lambda lib: lib.nn.RotaryEmbedding(6, 9, interleaved=False),
        [normal(2, 2, 4, 6)],
        theirs=lambda torch, x: _turned(torch, x, interleaved=False),
    ),
]
