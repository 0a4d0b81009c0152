"""Which rule for which layer: composites, and the ones with names.

| preset | linear maps | attention | forms |
|---|---|---|---|
| attnlrp | epsilon | softmax by its tangent, half to each side of a product | both |
| cp-lrp, epsilon | epsilon | weights are constants | both |
| epsilon-plus | z-plus, the last one epsilon | weights are constants | explicit |
| z-plus, alpha-beta, gamma | as named | weights are constants | explicit |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from minitransformer.autograd import Op
from minitransformer.explain.rules import AlphaBeta, Constant, Epsilon, Gamma, Rule, Taylor, ZPlus
from minitransformer.nn.layer_record import Layers, named
from minitransformer.nn.module import Module
from minitransformer.ops.attention import Attention
from minitransformer.ops.linalg import Linear
from minitransformer.ops.softmax import Softmax

Selector = str | int | type[Op] | type[Module] | tuple[type[Op] | type[Module], ...]
OWN = Rule()


@dataclass(slots=True)
class Place:
    """Where an op stands: in which layer of all, and which of `of` linear maps it is, if it is one."""

    op: Op
    layer: str
    layers: Layers
    index: int | None = None
    of: int = 0

    def __str__(self) -> str:
        return named(self.op, self.layer)

    def is_in(self, selector: Selector) -> bool:
        """Whether the selector means this op, by the op itself or a layer it lies in."""
        if isinstance(selector, int):
            return self.index is not None and selector in (self.index, self.index - self.of)
        if isinstance(selector, str):
            return any(fnmatchcase(name, selector) for name, _ in self.layers.around(self.layer))
        return isinstance(self.op, selector) or any(
            isinstance(module, selector) for _, module in self.layers.around(self.layer)
        )


class Composite:
    """A rule for each layer: the first entry that selects an op, with a rule that speaks of such ops, decides.

    `rules` maps selectors to rules: a class of modules or ops, or several; a name pattern ("encoder.layers.0.*", which
    means all that lies in a matching layer); or the index of a linear map in order of computation, negative from the
    end. What no entry decides, `base` does: the name of a preset, another composite, or None for the ops' own laws,
    which are those of "attnlrp". `print` shows the table.
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
        self.own, self.name, self.reference = tuple((rules or {}).items()), name, reference
        self.entries: tuple[tuple[Selector, Rule], ...] = self.own + below
        self._fitting: dict[type[Op], list[tuple[Selector, Rule]]] = {}

    def rule_for(self, place: Place) -> Rule:
        """The rule of an op at its place."""
        kind = type(place.op)
        if kind not in self._fitting:
            self._fitting[kind] = [entry for entry in self.entries if entry[1].fits(place.op)]
        for selector, rule in self._fitting[kind]:
            if place.is_in(selector):
                return rule
        return OWN

    def check(self, places: Sequence[Place]) -> None:
        """Raise ValueError for a pattern or an index that selects nothing, or only what its rule does not fit."""
        for selector, rule in self.own:
            if any(rule.fits(place.op) and place.is_in(selector) for place in places):
                continue
            meant = [place for place in places if place.is_in(selector)]
            if not meant and isinstance(selector, (str, int)):
                layers = (
                    ", ".join(sorted({place.layer for place in places} - {""})) or "none known: pass layers="
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
    """AttnLRP: Achtibat, Hatefi, Dreyer, Jain, Wiegand, Lapuschkin, Samek, ICML 2024, PMLR 235:135-168."""
    return Composite(
        {_WEIGHTS: Taylor(), Linear: Epsilon()}, name="attnlrp", reference="Achtibat et al., ICML 2024"
    )


def cp_lrp() -> Composite:
    """CP-LRP: Ali, Schnake, Eberle, Montavon, Müller, Wolf, ICML 2022, PMLR 162:435-451."""
    return Composite(
        {_WEIGHTS: Constant(), Linear: Epsilon()}, name="cp-lrp", reference="Ali et al., ICML 2022"
    )


def epsilon() -> Composite:
    """The epsilon rule everywhere (Bach et al., PLoS ONE 10(7):e0130140, 2015), which in a Transformer is CP-LRP."""
    return Composite(
        base="cp-lrp", name="epsilon", reference="Bach et al., PLoS ONE 2015; Ali et al., ICML 2022"
    )


def z_plus() -> Composite:
    """Only what helps, in every linear map: Montavon et al., Pattern Recognition 65:211-222, 2017."""
    return Composite({Linear: ZPlus()}, "cp-lrp", "z-plus", "Montavon et al., Pattern Recognition 2017")


def alpha_beta() -> Composite:
    """Helping parts twice, opposing parts minus once: Bach et al., PLoS ONE 10(7):e0130140, 2015, equation 60."""
    return Composite({Linear: AlphaBeta(2.0, 1.0)}, "cp-lrp", "alpha-beta", "Bach et al., PLoS ONE 2015")


def gamma() -> Composite:
    """What has the sign of the sum weighs 1.25 times: Montavon et al., LNCS 11700:193-209, 2019."""
    return Composite({Linear: Gamma(0.25)}, "cp-lrp", "gamma", "Montavon et al., LNCS 11700, 2019")


def epsilon_plus() -> Composite:
    """Epsilon for the classifier on top, z-plus for what finds its features: Kohlbrenner et al., IJCNN 2020."""
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
    """A preset by its name; a composite is itself. Raises ValueError for another name, TypeError for another thing."""
    if isinstance(rule, Composite):
        return rule
    if not isinstance(rule, str):
        raise TypeError(
            f"rule: expected a preset's name or a Composite, got {rule!r}; wrap a rule as Composite({{Op: rule}})"
        )
    if rule not in PRESETS:
        raise ValueError(f"rule: expected one of {', '.join(PRESETS)}, or a Composite, got {rule!r}")
    return PRESETS[rule]()


def places(ops: Sequence[Op], layers: Layers, counted: bool = True) -> list[Place]:
    """Where each op stands, the ops given oldest first; linear maps have no number unless `counted`."""
    of, index, found = sum(isinstance(op, Linear) for op in ops), 0, []
    for op in ops:
        linear = isinstance(op, Linear)
        found.append(Place(op, layers.of(op), layers, index if linear and counted else None, of))
        index += linear
    return found
