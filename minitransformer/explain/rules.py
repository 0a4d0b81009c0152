"""The rules: how relevance is divided where there is a choice. One small object each.

With z_j = sum_i x_i w_ji + b_j, S(z) = z + eps sign(z), x+ and x- the positive and negative parts (x = x+ + x-):

| rule | R_i of x in a linear map | reference |
|---|---|---|
| Epsilon | x_i sum_j w_ji R_j / S(z_j) | Bach et al., PLoS ONE 10(7):e0130140, 2015, equation 58 |
| ZPlus | the same of x+ w+ + x- w- and b+ only | Montavon et al., Pattern Recognition 65, 2017 |
| AlphaBeta | alpha (helping) - beta (opposing parts), alpha - beta = 1 | Bach et al., 2015, equation 60 |
| Gamma | helping parts (1 + gamma) times as heavy | Montavon et al., LNCS 11700, 2019 |
| WSquare | sum_j w_ji^2 R_j / S(sum_i w_ji^2 + b_j^2) | Montavon et al., 2017 |
| Flat | the same for every i | Lapuschkin et al., Nature Communications 10, 2019 |

In attention, Taylor expands the softmax to first order (Achtibat et al., ICML 2024, proposition 3.1), and Constant sends
everything through the values (Ali et al., ICML 2022). All other ops have one law, which stands with the op.
"""

from __future__ import annotations

from collections.abc import Iterator

from minitransformer.autograd import Op
from minitransformer.backends import Array, namespace
from minitransformer.ops.attention import Attention
from minitransformer.ops.books import Books
from minitransformer.ops.laws import Sums
from minitransformer.ops.linalg import Linear, MatMul
from minitransformer.ops.normalization import LayerNorm
from minitransformer.ops.softmax import Softmax

# R to share (N, n_out), [(inputs (N, n_in), weights)], bias (n_out,)
Term = tuple[Array, list[tuple[Array, Array]], Array]


class Rule:
    """The law that stands with the op: what applies where no other rule is chosen."""

    ops: tuple[type[Op], ...] = (Op,)
    gradient_form = True
    reference = ""

    def fits(self, op: Op) -> bool:
        """Whether the rule speaks of this kind of op."""
        return isinstance(op, self.ops)

    def holds(self, op: Op, i: int) -> bool:
        """Whether input `i` counts as a constant, so that no relevance flows there."""
        return False

    def relprop(self, op: Op, r: Array, books: Books, *arrays: Array) -> tuple:
        """Relevance of the output -> relevance of each input (None: nothing)."""
        return op.relprop(r, books, *arrays)

    def modified(self, op: Op, g: Array, books: Books, *arrays: Array) -> tuple:
        """The same on cotangents: relevance is activation times what comes out."""
        return op.modified(g, books, *arrays)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in vars(self).items() if value is not None)
        return f"{type(self).__name__}({settings})"


class Epsilon(Rule):
    """Shares in proportion to what each input adds to the sum; `eps`, if given, in place of the walk's own stabiliser."""

    ops = (Sums, MatMul, LayerNorm)
    reference = "Bach et al., PLoS ONE 10(7):e0130140, 2015"

    def __init__(self, eps: float | None = None):
        self.eps = eps

    @property
    def gradient_form(self) -> bool:  # a cotangent is divided by nothing: it knows only the limit eps -> 0
        return self.eps is None

    def relprop(self, op, r, books, *arrays):
        with books.stabilised(self.eps):
            return op.relprop(r, books, *arrays)


class Taylor(Rule):
    """The softmax s(x) as its tangent at x, whose constant part no input explains; half to each side of a product."""

    ops = (Softmax, Attention)
    reference = "Achtibat et al., ICML 2024, PMLR 235:135-168"


class Constant(Rule):
    """Attention weights count as constants: all relevance goes through the values, none to queries and keys."""

    ops = (Softmax, Attention)
    reference = "Ali et al., ICML 2022, PMLR 162:435-451"

    def holds(self, op, i):
        return isinstance(op, Softmax) or i < 2  # of query, key, value


class LinearRule(Rule):
    """What rules of linear maps share: relevance is divided in proportion to terms a_i v_ji, which each rule chooses."""

    ops = (Linear,)
    gradient_form = False

    def terms(self, r: Array, x: Array, w: Array, b: Array) -> Iterator[Term]:
        """Relevance to be shared, and the products and the bias to share it by. (N, n_out), (N, n_in), (n_out, n_in), (n_out,)."""
        raise NotImplementedError(f"{self}: no terms")

    def relprop(self, op, r, books, x, weight, *bias):
        xp = namespace(x)
        rows = x.reshape(-1, x.shape[-1])  # (N, n_in)
        to_x, to_bias = xp.zeros_like(rows), xp.zeros(len(weight), x.dtype)
        b = bias[0] if bias else xp.zeros_like(to_bias)
        for share, products, constant in self.terms(r.reshape(-1, len(weight)), rows, weight, b):
            s = books.ratio(share, sum((a @ v.T for a, v in products), constant))  # (N, n_out)
            to_x += sum(a * (s @ v) for a, v in products)
            to_bias += constant * s.sum(axis=0)
        return to_x.reshape(x.shape), None, *([to_bias] if bias else [])


class AlphaBeta(LinearRule):
    """What helps counts alpha times, what opposes -beta times. Raises ValueError unless alpha - beta = 1 and beta >= 0."""

    reference = "Bach et al., PLoS ONE 10(7):e0130140, 2015"

    def __init__(self, alpha: float = 2.0, beta: float = 1.0):
        if alpha - beta != 1 or beta < 0:
            raise ValueError(f"AlphaBeta: expected alpha - beta = 1 and beta >= 0, got {alpha} and {beta}")
        self.alpha, self.beta = alpha, beta

    def terms(self, r, x, w, b):
        yield self.alpha * r, [(up(x), up(w)), (down(x), down(w))], up(b)
        if self.beta:
            yield -self.beta * r, [(up(x), down(w)), (down(x), up(w))], down(b)


class ZPlus(AlphaBeta):
    """Only what helps counts: alpha = 1, beta = 0, also for negative inputs."""

    reference = "Montavon et al., Pattern Recognition 65:211-222, 2017"

    def __init__(self):
        super().__init__(1.0, 0.0)

    def __repr__(self) -> str:
        return "ZPlus()"


class Gamma(LinearRule):
    """What has the sign of the sum weighs 1 + gamma times; a sum of exactly zero drops its relevance."""

    reference = "Montavon et al., LNCS 11700:193-209, 2019"

    def __init__(self, gamma: float = 0.25):
        if gamma < 0:
            raise ValueError(f"Gamma: expected gamma >= 0, got {gamma}")
        self.gamma = gamma

    def terms(self, r, x, w, b):
        z = x @ w.T + b
        raised, lowered = w + self.gamma * up(w), w + self.gamma * down(w)
        yield r * (z > 0), [(up(x), raised), (down(x), lowered)], b + self.gamma * up(b)
        yield r * (z < 0), [(up(x), lowered), (down(x), raised)], b + self.gamma * down(b)

    def relprop(self, op, r, books, x, weight, *bias):
        books.absorb("dropped", r * (op.forward(x, weight, *bias) == 0))
        return super().relprop(op, r, books, x, weight, *bias)


class WSquare(LinearRule):
    """By squared weights, whatever the input: for a first layer that reads values without a natural zero."""

    reference = "Montavon et al., Pattern Recognition 65:211-222, 2017"

    def terms(self, r, x, w, b):
        yield r, [(namespace(x).ones_like(x), w * w)], b * b


class Flat(LinearRule):
    """Evenly, whatever the input and the weights: relevance is only carried to the right place."""

    reference = "Lapuschkin et al., Nature Communications 10:1096, 2019"

    def terms(self, r, x, w, b):
        xp = namespace(x)
        yield r, [(xp.ones_like(x), xp.ones_like(w))], xp.zeros_like(b)


def up(a: Array) -> Array:
    """a+, the positive part."""
    return namespace(a).maximum(a, 0)


def down(a: Array) -> Array:
    """a-, the negative part."""
    return namespace(a).minimum(a, 0)
