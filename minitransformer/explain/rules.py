"""The rules of LRP, which say how relevance is divided where there is a choice, and composites, which say where each applies.

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
everything through the values (Ali et al., ICML 2022). A product gives none of its relevance to a gate, by SignalTakesAll (Arras et
al., WASSA 2017), a quotient none to a divisor, and other products half to each factor, as HalfEach does for all: see
`factors.py`. All other ops have one law, which stands with the op.

A composite chooses the rule of each op, by its layer or kind. The composites with names:

| preset | linear maps | attention | forms |
|---|---|---|---|
| attnlrp | epsilon | softmax by its tangent, half to each side of a product | both |
| cp-lrp, epsilon | epsilon | weights are constants | both |
| epsilon-plus | z-plus, the last one epsilon | weights are constants | explicit |
| z-plus, alpha-beta, gamma | as named | weights are constants | explicit |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from minitransformer.autograd import Live, Op, Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.explain.factors import is_constant_factor, is_gate, is_softmax
from minitransformer.nn.layer_record import Layers, named
from minitransformer.nn.module import Module
from minitransformer.ops.books import Books
from minitransformer.ops.elementwise.arithmetic import Div, Mul
from minitransformer.ops.laws import Sums
from minitransformer.ops.networks.attention import Attention
from minitransformer.ops.networks.normalization import LayerNorm
from minitransformer.ops.networks.softmax import Softmax
from minitransformer.ops.products.linalg import Linear, MatMul

# R to share (N, n_out), [(inputs (N, n_in), weights)], bias (n_out,)
Term = tuple[Array, list[tuple[Array, Array]], Array]


class Rule:
    """The law that stands with the op, which applies where no other rule is chosen. Other rules are subclasses.

    Attributes:
        ops: the kinds of ops that the rule is for.
        gradient_form: whether `modified` gives the rule's gradient form.
        reference: the paper to show.
    """

    ops: tuple[type[Op], ...] = (Op,)
    reference = ""

    @property
    def gradient_form(self) -> bool:
        """Whether `modified` gives the rule too."""
        return True

    def fits(self, kind: type[Op]) -> bool:
        """Whether the rule is one for this kind of op.

        Args:
            kind: the class of the op, as `Site.kind` gives it.

        Returns:
            True or False.
        """
        return issubclass(kind, self.ops)

    def holds(self, op: Op, i: int, live: Live) -> bool:
        """Whether an input counts as a constant, so that no relevance flows there.

        Args:
            op: the op, on the tape.
            i: the number of the input.
            live: whether a tensor depends on an explained one.

        Returns:
            True or False; unless a rule says otherwise, True for gates and for what norms divide by: see `factors.py`.
        """
        return isinstance(op, (Mul, Div)) and is_constant_factor(op, i, live)

    def relprop(self, op: Op, r: Array, books: Books, *arrays: Array) -> Arrays:
        """The rule in explicit form.

        Args:
            op: the op, whose `needs` say which inputs get relevance.
            r: relevance of the output, or a tuple of them.
            books: the books of the walk.
            *arrays: what `op.relprop` reads: the output, for some ops, and the inputs.

        Returns:
            The relevance of each input; None for nothing.
        """
        return op.relprop(r, books, *arrays)

    def modified(self, op: Op, g: Array, books: Books, *arrays: Array) -> Arrays:
        """The rule in gradient form.

        Args:
            op: as in `relprop`.
            g: the modified cotangent of the output, or a tuple of them.
            books: as in `relprop`.
            *arrays: as in `relprop`.

        Returns:
            For each input the array that gives its relevance when it is multiplied by the input; None for nothing.
        """
        return op.modified(g, books, *arrays)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in vars(self).items() if value is not None)
        return f"{type(self).__name__}({settings})"


class Epsilon(Rule):
    """Shares in proportion to what each input adds to the sum.

    Args:
        eps: the stabiliser of the divisions here; None for that of the walk.
    """

    ops = (Sums, MatMul, LayerNorm)
    reference = "Bach et al., PLoS ONE 10(7):e0130140, 2015"

    def __init__(self, eps: float | None = None):
        self.eps = eps

    @property
    def gradient_form(self) -> bool:  # in gradient form nothing is divided: that is the limit eps -> 0
        return self.eps is None

    def relprop(self, op: Op, r: Array, books: Books, *arrays: Array) -> Arrays:
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

    def holds(self, op: Op, i: int, live: Live) -> bool:
        return not isinstance(op, Attention) or i < 2  # of query, key, value


class SignalTakesAll(Rule):
    """In a product of a gate and a signal, all relevance goes to the signal, none to the gate, also if the signal is a constant.

    A gate is a sigmoid or an affine function of one, such as 1 - z: see `factors.py`. What is no such pair is left to the law of
    the product, half each: two gates, two signals, a gate times a number.

    Without a rule of its own, a product follows this one if the signal is explained too. Chosen for the layers of a recurrent
    network, it says that what its gates let pass of a first state, which no input explains, is "bias".
    """

    ops = (Mul,)
    reference = "Arras et al., WASSA 2017, section 3.1"

    def holds(self, op: Op, i: int, live: Live) -> bool:
        other = op.inputs[1 - i]
        gated = isinstance(other, Tensor) and is_gate(op.inputs[i]) and not is_gate(other)
        return gated or super().holds(op, i, live)


class HalfEach(Rule):
    """In every product half of the relevance goes to each factor that is explained, also if one is a gate.

    >>> from minitransformer.ops.elementwise.arithmetic import Mul
    >>> print(Composite({Mul: HalfEach()}, base="attnlrp", name="halves"))
    halves
    layers              rule              reference
    Mul                 HalfEach()        Achtibat et al., ICML 2024, PMLR 235:135-168
    Softmax, Attention  Taylor()          Achtibat et al., ICML 2024, PMLR 235:135-168
    Linear              Epsilon()         Bach et al., PLoS ONE 10(7):e0130140, 2015
    all else            the op's own law
    """

    ops = (Mul,)
    reference = "Achtibat et al., ICML 2024, PMLR 235:135-168"

    def holds(self, op: Op, i: int, live: Live) -> bool:
        return False


class LinearRule(Rule):
    """What rules of linear maps share: relevance is divided in proportion to terms a_i v_ji, which each rule chooses."""

    ops = (Linear,)
    gradient_form = False

    def terms(self, r: Array, x: Array, w: Array, b: Array) -> Iterator[Term]:
        """Relevance to be shared, and the products and the bias to share it by.

        Args:
            r: relevance of the output, (N, n_out).
            x: the input, (N, n_in).
            w: the weight, (n_out, n_in).
            b: the bias, (n_out,); zeros if there is none.

        Returns:
            An iterator of terms: (relevance (N, n_out), [(a (N, n_in), v (n_out, n_in)), ..], constant (n_out,)). Input i gets
            a_i v_ji of the sum of all products and the constant.
        """
        raise NotImplementedError(f"{self}: no terms")

    def relprop(self, op: Op, r: Array, books: Books, x: Array, weight: Array, *bias: Array) -> Arrays:
        """The rule in explicit form, by its terms.

        Args:
            op: the linear map.
            r: relevance of the output, (.., n_out); in groups (.., G, n_out).
            books: the books of the walk.
            x: the input, (.., n_in) or (.., G, n_in).
            weight: (n_out, n_in) or (G, n_out, n_in).
            *bias: (n_out,) or (G, n_out), or nothing.

        Returns:
            The relevance of the input, None, and that of the bias if there is one.
        """
        if weight.ndim == 2:
            return self._shared(r, books, x, weight, *bias)
        groups = [
            self._shared(r[..., i, :], books, x[..., i, :], w, *(b[i] for b in bias))
            for i, w in enumerate(weight)
        ]
        to_x, _, *to_bias = zip(*groups, strict=True)
        xp = namespace(x)
        return xp.stack(to_x, -2), None, *(xp.stack(parts) for parts in to_bias)

    def _shared(self, r: Array, books: Books, x: Array, weight: Array, *bias: Array) -> Arrays:
        """`relprop` of one matrix."""
        xp = namespace(x)
        rows = x.reshape(-1, x.shape[-1])  # (N, n_in)
        to_x = xp.zeros_like(rows)
        to_bias = xp.zeros(len(weight), x.dtype)
        b = bias[0] if bias else xp.zeros_like(to_bias)
        for share, products, constant in self.terms(r.reshape(-1, len(weight)), rows, weight, b):
            s = books.ratio(share, sum((a @ v.T for a, v in products), constant))  # (N, n_out)
            to_x += sum(a * (s @ v) for a, v in products)
            to_bias += constant * s.sum(axis=0)
        return to_x.reshape(x.shape), None, *([to_bias] if bias else [])


class AlphaBeta(LinearRule):
    """What helps counts alpha times, what opposes -beta times.

    Args:
        alpha: 1 + beta.
        beta: 0 or more.

    Raises:
        ValueError: other numbers.
    """

    reference = "Bach et al., PLoS ONE 10(7):e0130140, 2015"

    def __init__(self, alpha: float = 2.0, beta: float = 1.0):
        if alpha - beta != 1 or beta < 0:
            raise ValueError(f"AlphaBeta: expected alpha - beta = 1 and beta >= 0, got {alpha} and {beta}")
        self.alpha, self.beta = alpha, beta

    def terms(self, r: Array, x: Array, w: Array, b: Array) -> Iterator[Term]:
        yield self.alpha * r, [(up(x), up(w)), (down(x), down(w))], up(b)
        if self.beta:
            yield -self.beta * r, [(up(x), down(w)), (down(x), up(w))], down(b)


class ZPlus(AlphaBeta):
    """Only what helps counts: alpha = 1, beta = 0, also for negative inputs."""

    reference = "Montavon et al., Pattern Recognition 65:211-222, 2017"

    def __init__(self) -> None:
        super().__init__(1.0, 0.0)

    def __repr__(self) -> str:
        return "ZPlus()"


class Gamma(LinearRule):
    """What has the sign of the sum weighs 1 + gamma times; a sum of exactly zero drops its relevance.

    Args:
        gamma: 0 or more.

    Raises:
        ValueError: a negative number.
    """

    reference = "Montavon et al., LNCS 11700:193-209, 2019"

    def __init__(self, gamma: float = 0.25):
        if gamma < 0:
            raise ValueError(f"Gamma: expected gamma >= 0, got {gamma}")
        self.gamma = gamma

    def terms(self, r: Array, x: Array, w: Array, b: Array) -> Iterator[Term]:
        z = x @ w.T + b
        raised = w + self.gamma * up(w)
        lowered = w + self.gamma * down(w)
        yield r * (z > 0), [(up(x), raised), (down(x), lowered)], b + self.gamma * up(b)
        yield r * (z < 0), [(up(x), lowered), (down(x), raised)], b + self.gamma * down(b)

    def relprop(self, op: Op, r: Array, books: Books, x: Array, weight: Array, *bias: Array) -> Arrays:
        books.absorb("dropped", r * (op.forward(x, weight, *bias) == 0))
        return super().relprop(op, r, books, x, weight, *bias)


class WSquare(LinearRule):
    """By squared weights, whatever the input: for a first layer that reads values without a natural zero."""

    reference = "Montavon et al., Pattern Recognition 65:211-222, 2017"

    def terms(self, r: Array, x: Array, w: Array, b: Array) -> Iterator[Term]:
        yield r, [(namespace(x).ones_like(x), w * w)], b * b


class Flat(LinearRule):
    """Evenly, whatever the input and the weights: relevance is only carried to the right place."""

    reference = "Lapuschkin et al., Nature Communications 10:1096, 2019"

    def terms(self, r: Array, x: Array, w: Array, b: Array) -> Iterator[Term]:
        xp = namespace(x)
        yield r, [(xp.ones_like(x), xp.ones_like(w))], xp.zeros_like(b)


def up(a: Array) -> Array:
    """The positive part.

    Args:
        a: any shape.

    Returns:
        max(a, 0), of the same shape.
    """
    return namespace(a).maximum(a, 0)


def down(a: Array) -> Array:
    """The negative part.

    Args:
        a: any shape.

    Returns:
        min(a, 0), of the same shape.
    """
    return namespace(a).minimum(a, 0)


# ---- which rule for which op ----


Selector = str | int | type[Op] | type[Module] | tuple[type[Op] | type[Module], ...]
OWN = Rule()


@dataclass(slots=True)
class Site:
    """Where an op stands in a model.

    Attributes:
        op: the op.
        layer: the name of the layer in which it lies.
        layers: the record of the model's run, from which the layers around that one are known.
        index: for a linear map its number, in order of computation; None for other ops.
        of: how many linear maps there are.
    """

    op: Op
    layer: str
    layers: Layers
    index: int | None = None
    of: int = 0

    def __str__(self) -> str:
        return named(self.op, self.layer)

    @property
    def kind(self) -> type[Op]:
        """The class of the op, by which rules are chosen; `Softmax` for a softmax written by hand."""
        return Softmax if isinstance(self.op, Div) and is_softmax(self.op) else type(self.op)

    def is_in(self, selector: Selector) -> bool:
        """Whether a selector means this op, by the op itself or by a layer in which it lies.

        Args:
            selector: as in `Composite`.

        Returns:
            True or False.
        """
        if isinstance(selector, int):
            return self.index is not None and selector in (self.index, self.index - self.of)
        if isinstance(selector, str):
            return any(fnmatchcase(name, selector) for name, _ in self.layers.around(self.layer))
        return issubclass(self.kind, selector) or any(
            isinstance(module, selector) for _, module in self.layers.around(self.layer)
        )


class Composite:
    """A rule for each layer: the first entry that selects an op, and whose rule fits this kind of op, decides.

    `print` shows the table.

    Args:
        rules: selectors and their rules. A selector is a class of modules or ops, or a tuple of several; the pattern of a
            layer's name, such as "encoder.layers.0.*", which selects all that lies in it; or the index of a linear map in
            order of computation, negative from the end.
        base: what decides where no entry does: the name of a preset, another composite, or None for the ops' own laws,
            which are those of "attnlrp".
        name: the name to show.
        reference: the paper to show.

    Raises:
        TypeError: an entry is no rule.
    """

    def __init__(
        self,
        rules: Mapping[Selector, Rule] | None = None,
        base: str | Composite | None = None,
        name: str = "composite",
        reference: str = "",
    ):
        for selector, rule in (rules or {}).items():
            if not isinstance(rule, Rule):
                raise TypeError(f"Composite: expected a rule such as Gamma() for {selector!r}, got {rule!r}")
        below = () if base is None else named_composite(base).entries
        self.own = tuple((rules or {}).items())
        self.name = name
        self.reference = reference
        self.entries: tuple[tuple[Selector, Rule], ...] = self.own + below
        self._fitting: dict[type[Op], list[tuple[Selector, Rule]]] = {}

    @property
    def gradient_form(self) -> bool:
        """Whether all its rules have a gradient form; if not, only the explicit form can be walked."""
        return all(rule.gradient_form for _, rule in self.entries)

    def rule_for(self, site: Site) -> Rule:
        """The rule of an op.

        Args:
            site: the op and where it stands.

        Returns:
            The rule; for an op that no entry selects, the law that stands with it.
        """
        kind = site.kind
        if kind not in self._fitting:
            self._fitting[kind] = [entry for entry in self.entries if entry[1].fits(kind)]
        for selector, rule in self._fitting[kind]:
            if site.is_in(selector):
                return rule
        return OWN

    def check(self, sites: Sequence[Site]) -> None:
        """Check that each entry selects an op that its rule fits.

        Args:
            sites: all ops of a walk.

        Raises:
            ValueError: a pattern or an index selects nothing, or an entry selects only ops that its rule does not fit.
        """
        for selector, rule in self.own:
            if any(rule.fits(site.kind) and site.is_in(selector) for site in sites):
                continue
            meant = [site for site in sites if site.is_in(selector)]
            if not meant and isinstance(selector, (str, int)):
                layers = (
                    ", ".join(sorted({site.layer for site in sites} - {""})) or "none known: pass layers="
                )
                raise ValueError(f"{self.name}: {_shown(selector)} selects no layer; there are {layers}")
            if meant:
                fitting = " or ".join(op.__name__ for op in rule.ops)
                raise ValueError(f"{self.name}: {rule} does not fit {meant[0]}: it is a rule for {fitting}")

    def __repr__(self) -> str:
        lines = [(_shown(selector), repr(rule), rule.reference) for selector, rule in self.entries]
        lines = [("layers", "rule", "reference"), *lines, ("all else", "the op's own law", "")]
        widths = [max(len(line[i]) for line in lines) for i in (0, 1)]
        table = "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in lines)
        return f"{self.name}: {self.reference}\n{table}" if self.reference else f"{self.name}\n{table}"


def _shown(selector: Selector) -> str:
    if isinstance(selector, int):
        return f"linear map {selector}"
    if isinstance(selector, str):
        return repr(selector)
    return ", ".join(c.__name__ for c in (selector if isinstance(selector, tuple) else (selector,)))


_WEIGHTS = (Softmax, Attention)


def attnlrp() -> Composite:
    """The softmax by its tangent, half of a product to each factor.

    Returns:
        The composite.

    Source:
        Achtibat, Hatefi, Dreyer, Jain, Wiegand, Lapuschkin and Samek, ICML 2024, PMLR 235:135-168.
    """
    return Composite(
        {_WEIGHTS: Taylor(), Linear: Epsilon()}, name="attnlrp", reference="Achtibat et al., ICML 2024"
    )


def cp_lrp() -> Composite:
    """Attention weights count as constants.

    Returns:
        The composite.

    Source:
        Ali, Schnake, Eberle, Montavon, Müller and Wolf, ICML 2022, PMLR 162:435-451.
    """
    return Composite(
        {_WEIGHTS: Constant(), Linear: Epsilon()}, name="cp-lrp", reference="Ali et al., ICML 2022"
    )


def epsilon() -> Composite:
    """The epsilon rule in every linear map, which in a Transformer is CP-LRP.

    Returns:
        The composite.

    Source:
        Bach et al., PLoS ONE 10(7):e0130140, 2015.
    """
    return Composite(
        base="cp-lrp", name="epsilon", reference="Bach et al., PLoS ONE 2015; Ali et al., ICML 2022"
    )


def z_plus() -> Composite:
    """Only what helps counts, in every linear map.

    Returns:
        The composite.

    Source:
        Montavon et al., Pattern Recognition 65:211-222, 2017.
    """
    return Composite({Linear: ZPlus()}, "cp-lrp", "z-plus", "Montavon et al., Pattern Recognition 2017")


def alpha_beta() -> Composite:
    """Helping parts count twice, opposing parts minus once, in every linear map.

    Returns:
        The composite.

    Source:
        Bach et al., PLoS ONE 10(7):e0130140, 2015, equation 60.
    """
    return Composite({Linear: AlphaBeta(2.0, 1.0)}, "cp-lrp", "alpha-beta", "Bach et al., PLoS ONE 2015")


def gamma() -> Composite:
    """What has the sign of the sum weighs 1.25 times, in every linear map.

    Returns:
        The composite.

    Source:
        Montavon et al., LNCS 11700:193-209, 2019.
    """
    return Composite({Linear: Gamma(0.25)}, "cp-lrp", "gamma", "Montavon et al., LNCS 11700, 2019")


def epsilon_plus() -> Composite:
    """The epsilon rule for the last linear map, which classifies, and z-plus for the others, which find features.

    Returns:
        The composite.

    Source:
        Kohlbrenner et al., IJCNN 2020.
    """
    return Composite(
        {-1: Epsilon(), Linear: ZPlus()}, "cp-lrp", "epsilon-plus", "Kohlbrenner et al., IJCNN 2020"
    )


PRESETS = {
    "attnlrp": attnlrp,
    "cp-lrp": cp_lrp,
    "epsilon": epsilon,
    "epsilon-plus": epsilon_plus,
    "z-plus": z_plus,
    "alpha-beta": alpha_beta,
    "gamma": gamma,
}


def named_composite(rule: str | Composite) -> Composite:
    """The composite that an argument `rule` means.

    Args:
        rule: the name of a preset, or a composite.

    Returns:
        The preset, or the composite itself.

    Raises:
        ValueError: no preset has this name.
        TypeError: it is neither.
    """
    if isinstance(rule, Composite):
        return rule
    if not isinstance(rule, str):
        raise TypeError(
            f"rule: expected a preset's name or a Composite, got {rule!r}; wrap a rule as Composite({{Op: rule}})"
        )
    if rule not in PRESETS:
        raise ValueError(f"rule: expected one of {', '.join(PRESETS)}, or a Composite, got {rule!r}")
    return PRESETS[rule]()


def located(ops: Sequence[Op], layers: Layers, counted: bool = True) -> list[Site]:
    """Where each op stands.

    Args:
        ops: the ops, oldest first.
        layers: the record of the model's run.
        counted: whether linear maps are numbered.

    Returns:
        A site for each op, in the same order.
    """
    of = sum(isinstance(op, Linear) for op in ops)
    index = 0
    found = []
    for op in ops:
        linear = isinstance(op, Linear)
        found.append(Site(op, layers.of(op), layers, index if linear and counted else None, of))
        index += linear
    return found
