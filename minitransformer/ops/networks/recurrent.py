"""One step of a recurrent layer with gates: the long short-term memory and the gated recurrent unit.

Each is an op that computes all gates of the step at once, and stands beside its clear form in other ops, to which tests hold
it. In its relevance a gate is a constant, and the signal that it lets through gets all (Arras et al., WASSA 2017, section 3.1).
So it is the clear form's under the rule `explain.SignalTakesAll`.
"""

from __future__ import annotations

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.books import Books
from minitransformer.ops.laws import Remembers
from minitransformer.ops.networks.activation import sigmoid, tanh
from minitransformer.ops.precision import raised
from minitransformer.ops.shape.joining import chunk


def clear_lstm_step(x: Tensor, from_h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step of a long short-term memory, in other ops.

    Args:
        x: the input's part of the sums, side by side (.., 4 H): input gate, forget gate, new values, output gate.
        from_h: the last output's part of the same sums, (.., 4 H).
        c: what the cells hold before the step, (.., H).

    Returns:
        The output and what the cells hold after the step, both (.., H).

    Source:
        Hochreiter and Schmidhuber, Neural Computation 9(8), 1997; the forget gate is of Gers et al., ICANN 1999.
    """
    i, f, g, o = chunk(x + from_h, 4, -1)  # (.., H) each
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def clear_gru_step(x: Tensor, from_h: Tensor, h: Tensor) -> Tensor:
    """One step of a gated recurrent unit, in other ops.

    Args:
        x: the input's part of the sums, side by side (.., 3 H): reset gate, update gate, new values.
        from_h: the state's part of the same sums, (.., 3 H).
        h: the state before the step, (.., H).

    Returns:
        The state after it, (.., H).

    Source:
        Cho et al., EMNLP 2014, with the reset gate after the product with the weight.
    """
    to_r, to_z, to_n = chunk(x, 3, -1)  # (.., H) each
    r_h, z_h, n_h = chunk(from_h, 3, -1)
    r = sigmoid(to_r + r_h)
    z = sigmoid(to_z + z_h)
    n = tanh(to_n + r * n_h)
    return (1 - z) * n + z * h


def _parts(x: Array, n: int) -> list[Array]:
    """The n equal parts of the last dimension, as views. (.., n H) -> n times (.., H)."""
    size = x.shape[-1] // n
    return [x[..., k * size : (k + 1) * size] for k in range(n)]


def _only(like: Array, k: int, part: Array) -> Array:
    """An array that is `part` (.., H) at part number k, and zero elsewhere. (.., n H) -> (.., n H)."""
    out = namespace(like).zeros_like(like)
    size = part.shape[-1]
    out[..., k * size : (k + 1) * size] = part
    return out


def _secant(x: Array, y: Array) -> Array:
    """y / x for a function with f(0) = 0: the slope of its gradient form."""
    return y / (x + (x == 0))


class LSTMStep(Remembers):
    """`clear_lstm_step` as one op. (.., 4 H), (.., 4 H), (.., H) -> (.., H), (.., H)."""

    outputs = 2

    # (.., 4 H), (.., 4 H), (.., H) -> (.., H), (.., H)
    def forward(self, x: Array, from_h: Array, c: Array) -> Arrays:
        xp = namespace(x)
        before = x + from_h
        i, f, g, o = _parts(kernels.of(x).sigmoid(before), 4)
        xp.tanh(_parts(before, 4)[2], out=g)
        after = f * c
        after += i * g
        curve = xp.tanh(after)
        self.remember((x, from_h, c), (before, i, f, g, o, after, curve))
        return o * curve, after

    # dL/dc' = g_c + g_h o (1 - tanh(c')^2), from which each gate gets what it multiplies, times its own slope
    def vjp(self, gs: Arrays, x: Array, from_h: Array, c: Array) -> Arrays:
        _, i, f, g, o, _, curve = self.recalled(x, from_h, c)
        to_h, to_c = gs
        d = 0 if to_c is None else to_c
        if to_h is not None:
            d = d + to_h * o * (1 - curve * curve)
        out = namespace(x).empty_like(x)
        to_i, to_f, to_g, to_o = _parts(out, 4)
        to_i[...] = d * g * i * (1 - i)
        to_f[...] = d * c * f * (1 - f)
        to_g[...] = d * i * (1 - g * g)
        to_o[...] = 0 if to_h is None else to_h * curve * o * (1 - o)
        return out, out, d * f

    # the output gate passes all on; old and new values get their shares of their sum, input and last output theirs of the latter
    def relprop(self, rs: Arrays, books: Books, x: Array, from_h: Array, c: Array) -> Arrays:
        before, i, f, g, _, after, _ = self.recalled(x, from_h, c)
        share = books.ratio(sum(r for r in rs if r is not None), after)
        inner = books.ratio(i * g * share, _parts(before, 4)[2])
        to_x, to_from_h = (_only(a, 2, _parts(a, 4)[2] * inner) for a in (x, from_h))
        return to_x, to_from_h, f * c * share

    def modified(self, gs: Arrays, books: Books, x: Array, from_h: Array, c: Array) -> Arrays:
        before, i, f, g, o, after, curve = self.recalled(x, from_h, c)
        to_h, to_c = gs
        d = 0 if to_c is None else to_c
        if to_h is not None:
            d = d + to_h * o * _secant(after, curve)
        out = _only(x, 2, d * i * _secant(_parts(before, 4)[2], g))
        return out, out, d * f


class GRUStep(Remembers):
    """`clear_gru_step` as one op. (.., 3 H), (.., 3 H), (.., H) -> (.., H)."""

    def forward(self, x: Array, from_h: Array, h: Array) -> Array:  # (.., 3 H), (.., 3 H), (.., H) -> (.., H)
        cut = 2 * h.shape[-1]
        r, z = _parts(kernels.of(x).sigmoid(x[..., :cut] + from_h[..., :cut]), 2)
        before = x[..., cut:] + r * from_h[..., cut:]
        n = namespace(x).tanh(before)
        self.remember((x, from_h, h), (r, z, before, n))
        return (1 - z) * n + z * h

    # dL/dn = g (1 - z) (1 - n^2) before the tanh, dL/dz = g (h - n) z (1 - z), dL/dr = dL/dn (W h) r (1 - r)
    def vjp(self, g: Array, x: Array, from_h: Array, h: Array) -> Arrays:
        r, z, _, n = self.recalled(x, from_h, h)
        out = namespace(x).empty_like(x)
        to_r, to_z, to_n = _parts(out, 3)
        to_n[...] = g * (1 - z) * (1 - n * n)
        to_z[...] = g * (h - n) * z * (1 - z)
        to_r[...] = to_n * _parts(from_h, 3)[2] * r * (1 - r)
        return out, self._reset(out, r), g * z

    def _reset(self, to_x: Array, r: Array) -> Array:
        """What the state's part of the sums gets: the same, of the new values r times. (.., 3 H) -> (.., 3 H)."""
        out = to_x.copy()
        _parts(out, 3)[2][...] *= r
        return out

    # new values and state get their shares of their sum; input and state theirs of the new values
    def relprop(self, rel: Array, books: Books, x: Array, from_h: Array, h: Array) -> Arrays:
        r, z, before, n = self.recalled(x, from_h, h)
        share = books.ratio(rel, (1 - z) * n + z * h)
        inner = books.ratio((1 - z) * n * share, before)
        to_x = _only(x, 2, _parts(x, 3)[2] * inner)
        return to_x, _only(x, 2, r * _parts(from_h, 3)[2] * inner), z * h * share

    def modified(self, g: Array, books: Books, x: Array, from_h: Array, h: Array) -> Arrays:
        r, z, before, n = self.recalled(x, from_h, h)
        to_x = _only(x, 2, g * (1 - z) * _secant(before, n))
        return to_x, self._reset(to_x, r), g * z


def lstm_step(x: Tensor, from_h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step of a long short-term memory: c' = f c + i g and h = o tanh(c').

    Args:
        x: the input's part of the sums, side by side (.., 4 H): input gate i, forget gate f, new values g, output gate o.
        from_h: the last output's part of the same sums, (.., 4 H).
        c: what the cells hold before the step, (.., H).

    Returns:
        The output h and c', both (.., H).
    """
    return LSTMStep()(*raised(x, from_h, c))  # type: ignore[return-value]  # an op of two outputs


def gru_step(x: Tensor, from_h: Tensor, h: Tensor) -> Tensor:
    """One step of a gated recurrent unit: h' = (1 - z) n + z h, where the new values n see what the reset gate lets through of h.

    Args:
        x: the input's part of the sums, side by side (.., 3 H): reset gate, update gate z, new values.
        from_h: the state's part of the same sums, (.., 3 H).
        h: the state before the step, (.., H).

    Returns:
        The state after it, (.., H).
    """
    return GRUStep()(*raised(x, from_h, h))
