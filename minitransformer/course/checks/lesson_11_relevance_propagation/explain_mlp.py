"""What must be true of explain_mlp."""

import numpy as np

from minitransformer.course.checks.lesson_11_relevance_propagation.common import (
    or_say,
    parts_of,
    wrong_epsilon,
)
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, equal, same, slopes

MLP = ("the relevance of x", "the ledger")
ROWS = ("inputs", "bias", "epsilon", "total")


def _network(seed, sizes=(4, 5, 3, 2)):
    rng = np.random.default_rng(seed)
    steps = zip(sizes, sizes[1:], strict=False)
    return rng.normal(size=sizes[0]), [(rng.normal(size=(m, n)), rng.normal(size=m)) for n, m in steps]


def _output(x, layers, target):
    for i, (weight, bias) in enumerate(layers):
        x = weight @ (np.maximum(x, 0) if i else x) + bias
    return x[target]


def _explained(answer, x, layers, target, eps):
    before = [x.copy(), *(a.copy() for pair in layers for a in pair)]
    r, ledger = parts_of(answer(x, layers, target, eps), MLP)
    if not isinstance(ledger, dict) or set(ledger) != set(ROWS):
        raise Failed(
            f"expected a ledger with {', '.join(ROWS)}, got {ledger!r:.100}",
            hint="The ledger is a dictionary with just these four keys.",
        )
    if np.shape(r) != x.shape and np.size(r) == x.size:
        raise Failed(
            f"expected relevance of shape {x.shape}, got {np.shape(r)}",
            hint="r[0] is the row without its first axis.",
        )
    if not all(map(np.array_equal, before, [x, *(a for pair in layers for a in pair)])):
        raise Failed("x or a layer was changed in place", hint="Work on copies.")
    return r, {row: float(ledger[row]) for row in ROWS}


def _total_is_the_output(answer):
    x, layers = _network(1)
    for target in range(2):
        same(
            _explained(answer, x, layers, target, 0.0)[1]["total"],
            _output(x, layers, target),
            f"total for target {target}",
        )


def _total_is_no_sum_of_parts(answer):
    """Contributions of a million millions cancel: their sum is rounded, the output is exact."""
    weight = 2.0**40 * np.array([[7.0, 11.0, -76.0]])
    total = _explained(answer, np.array([3.0, 5.0, 1.0]), [(weight, np.array([0.5]))], 0, 0.1)[1]["total"]
    hint = "The total is the output of the way forward; here it is made of what was found, so that the ledger always closes."
    same(total, 0.5, "total, where large contributions cancel each other", rtol=1e-12, hint=hint)


def _one_layer(answer):
    r, ledger = _explained(
        answer, np.array([2.0, -1.0]), [(np.array([[3.0, 2.0], [9.0, 9.0]]), np.array([0.5, 9.0]))], 0, 0.0
    )
    same(r, [6.0, -2.0], "the relevance of x = [2, -1] for 3 * 2 + 2 * -1 + 0.5")
    equal(ledger["bias"], 0.5, "the ledger's bias")


def _slope_of_x(answer):
    x, layers = _network(2)
    expected = x * slopes(lambda v: np.array(_output(v, layers, 1)), [x], 0, np.array(1.0))
    same(
        _explained(answer, x, layers, 1, 0.0)[0],
        expected,
        "relevance, beside x times the slope tried out",
        rtol=1e-6,
    )


def _slope_of_biases(answer):
    x, layers = _network(2)
    expected = 0.0
    for i, (_, bias) in enumerate(layers):

        def with_bias(v, i=i):
            return np.array(_output(x, [(w, v if k == i else b) for k, (w, b) in enumerate(layers)], 1))

        expected += float(bias @ slopes(with_bias, [bias], 0, np.array(1.0)))
    got = _explained(answer, x, layers, 1, 0.0)[1]["bias"]
    or_say(
        "Every layer has biases: add them up with +=.",
        same,
        got,
        expected,
        "bias, beside all biases times slopes",
        rtol=1e-6,
    )


def _closes(answer):
    for seed, eps in ((3, 0.0), (4, 0.3), (5, 1e-6)):
        x, layers = _network(seed)
        r, ledger = _explained(answer, x, layers, 0, eps)
        same(ledger["inputs"], r.sum(), "the ledger's inputs, beside the sum of the relevance")
        same(
            ledger["inputs"] + ledger["bias"] + ledger["epsilon"],
            ledger["total"],
            f"inputs + bias + epsilon for eps = {eps}",
        )


def _layered_eps(answer):
    layers = [(np.array([[1.0]]), np.zeros(1)), (np.array([[1.0]]), np.zeros(1))]
    r, ledger = _explained(answer, np.array([1.0]), layers, 0, 1.0)
    what = "relevance and epsilon where each of two layers keeps half, eps being as large as z"
    or_say(
        "Every layer has a stabiliser, with the eps that is passed: add up what each of them keeps.",
        same,
        [r[0], ledger["epsilon"]],
        [0.25, 0.75],
        what,
    )


def _try_mlp(answer, seed, eps, target):
    x, layers = _network(seed)
    r, ledger = answer(x, layers, target, eps)
    return np.array([*r, *(ledger[row] for row in ROWS)])


def _wrong_mlp(all_outputs=False, ones=False, late=False, gate=False, once=False, no_relu=False,
               rest=False, last=False, early=False, raw=False, own=None, first=False, given=False,
               act=lambda z: np.maximum(z, 0), add=1.0, pick=None, rule=None, each=lambda r: r,
               since=0, start=None, total=lambda z, target: z[target]):  # fmt: skip
    """The walk with something wrong in it."""

    def explain_mlp(x, layers, target, eps=1e-6):
        inputs = []
        before = []
        z = x[None]
        target = 0 if first else target
        for i, (weight, bias) in enumerate(layers):
            inputs.append(z if (i == 0 and not early) or no_relu else act(z))
            before.append(z)
            z = inputs[-1] @ weight.T + add * bias
        z = np.maximum(z, 0) if last else z
        target = pick(z[0]) if pick else target
        r = np.eye(z.shape[1])[[target]] * (1.0 if ones else z)
        r = z.copy() if all_outputs else start(z[0], target)[None] if start else r
        ledger = {"inputs": 0.0, "bias": 0.0, "epsilon": 0.0, "total": total(z[0], target)}
        for i, (value, (weight, bias)) in enumerate(
            list(zip((before if raw else inputs)[::-1], layers[::-1], strict=True))[: len(layers) - since]
        ):
            r, to_bias, to_eps = (rule or wrong_epsilon())(r, value, weight, bias, own or eps)
            r = each(r)
            if gate and i + 1 < len(layers):
                r = r * np.maximum(value, 0)  # multiplies by the activation again
            ledger["bias"] = to_bias + (0 if once else ledger["bias"])
            ledger["epsilon"] = to_eps + (0 if once else ledger["epsilon"])
        ledger["inputs"] = x.sum() if given else r.sum()
        if rest:
            ledger["bias"] += ledger["epsilon"]
            ledger["epsilon"] = 0.0
        return (np.maximum(r[0], 0) if late else r[0]), ledger

    return explain_mlp


def _booked(change):
    """The right walk, with something wrong in what is returned."""

    def explain_mlp(x, layers, target, eps=1e-6):
        r, ledger = _wrong_mlp()(x, layers, target, eps)
        of_layers = [
            _wrong_mlp(since=len(layers) - n)(x, layers, target, eps)[1] for n in (1, len(layers) - 1)
        ]
        return change(r, ledger, layers, of_layers)

    return explain_mlp


explain_mlp = Tried(
    minutes=20,
    level=3,
    hints=(
        "Forward first, and remember what went into each layer: x, then max(z, 0) of each layer before.",
        "Relevance starts as zeros, with the output itself at `target`. Give it a row: shape (1, n_out).",
        "Back: for each layer from the last, r, to_bias, to_epsilon = epsilon_rule(r, its input, weight, bias, eps).",
        "Every layer has biases and a stabiliser: add up with +=.",
    ),
    why="Each layer conserves, so the whole walk does. A ledger whose entries are all computed, none as the rest, is a proof.",
    properties=(
        Property(
            "total is the output that was asked for",
            _total_is_the_output,
            "Forward: weight @ input + bias for each layer, max(0, .) between them; total is z[target] of the last.",
        ),
        Property("total is the output, not a sum of what was found", _total_is_no_sum_of_parts),
        Property(
            "one layer: products to the inputs, the bias to the ledger",
            _one_layer,
            "Relevance begins as zeros with the output at `target`; one layer is one call of the epsilon rule.",
        ),
        Property(
            "three layers: with eps = 0 it is x times slope, as finite differences find it",
            _slope_of_x,
            "Back from the last layer to the first, each with the input that it had on the way forward.",
        ),
        Property(
            "all biases of all layers are in the ledger",
            _slope_of_biases,
            "Every layer has biases: add up what each call of the rule returns.",
        ),
        Property("every layer's stabiliser is in the ledger", _layered_eps),
        Property(
            "the ledger closes",
            _closes,
            "inputs is the sum of the relevance of x; bias and epsilon are summed over all layers, with the eps that is passed.",
        ),
    ),
    examples=lambda rng: (
        (2, 0.0, 1),
        (3, 0.0, 1),
        (4, 0.3, 0),
        (8, 0.1, 1),
        (9, 0.2, 0),
    ),  # the output of 8 is negative
    trial=_try_mlp,
    mistakes={
        "All outputs are explained together: the relevance of the others begins with zero.": _wrong_mlp(
            all_outputs=True
        ),
        "Relevance begins as 1; it is the output itself that is shared out.": _wrong_mlp(ones=True),
        "Negative relevance is cut off at the end: it says what spoke against, keep it.": _wrong_mlp(
            late=True
        ),
        "max(0, .) multiplies relevance by the activation; it passes on as it is.": _wrong_mlp(gate=True),
        "The ledger keeps one layer's bias and epsilon only: add them up.": _wrong_mlp(once=True),
        "max(0, .) between the layers is missing on the way forward.": _wrong_mlp(no_relu=True),
        "There is no max(0, .) after the last layer: an output may be negative.": _wrong_mlp(last=True),
        "x goes into the first layer as it is: max(0, .) comes after a layer.": _wrong_mlp(early=True),
        "Back, a layer's input is max(0, z) of the one before, what went in on the way forward, not z.": _wrong_mlp(
            raw=True
        ),
        "eps is not passed on to the rule.": _wrong_mlp(own=1e-6),
        "The output at `target` is asked for, not always the first.": _wrong_mlp(first=True),
        "The output at `target` is asked for, not always the largest.": (
            _wrong_mlp(pick=np.argmax),
            _wrong_mlp(pick=lambda z: abs(z).argmax()),
            _wrong_mlp(total=lambda z, target: z.max()),
            _wrong_mlp(
                start=lambda z, target: np.eye(len(z))[target] * z.max(), total=lambda z, target: z.max()
            ),
            _wrong_mlp(start=lambda z, target: np.eye(len(z))[z.argmax()] * z[target]),
            _wrong_mlp(start=lambda z, target: np.eye(len(z))[z.argmax()] * z.max()),
        ),
        "The others begin with 0, and only the output at `target` with its number: here all begin with it.": _wrong_mlp(
            start=lambda z, target: np.full(len(z), z[target])
        ),
        "Relevance begins as the output itself, with its sign, and no function of it.": (
            _wrong_mlp(start=lambda z, target: np.eye(len(z))[target] * abs(z)),
            _wrong_mlp(start=lambda z, target: np.eye(len(z))[target] * z**2),
            _wrong_mlp(start=lambda z, target: np.eye(len(z))[target] * np.exp(z) / np.exp(z).sum()),
        ),
        "The total is the output at `target`, one of them, not the sum of all.": _wrong_mlp(
            total=lambda z, target: z.sum()
        ),
        "The output at `target` is asked for, not always the last.": _wrong_mlp(pick=lambda z: -1),
        "Between the layers stands max(0, .); here numbers below 0 keep their size, without the sign.": _wrong_mlp(
            act=abs
        ),
        "Between the layers stands max(0, .); here min(0, .).": _wrong_mlp(act=lambda z: np.minimum(z, 0)),
        "Between the layers stands max(0, .), and here another function.": (
            _wrong_mlp(act=np.tanh),
            _wrong_mlp(act=lambda z: 1 / (1 + np.exp(-z))),
            _wrong_mlp(act=lambda z: (z > 0) * 1.0),
        ),
        "The biases are missing on the way forward.": _wrong_mlp(add=0.0),
        "The biases are subtracted on the way forward; add them.": _wrong_mlp(add=-1.0),
        "The rule gets zeros in place of the biases: it is z with the bias that is shared out.": _wrong_mlp(
            rule=lambda r, x, weight, bias, eps: wrong_epsilon()(r, x, weight, 0 * bias, eps)
        ),
        "Relevance passes through max(0, .) as it is: no part of it is set to 0 on the way back.": _wrong_mlp(
            rule=lambda r, x, weight, bias, eps: (
                (found := wrong_epsilon()(r, x, weight, bias, eps))[0] * (x > 0),
                *found[1:],
            )
        ),
        "Negative relevance is cut off in each layer: it says what spoke against, keep it.": _wrong_mlp(
            each=lambda r: np.maximum(r, 0)
        ),
        "The absolute value is taken of relevance in each layer: it has a sign, keep it.": _wrong_mlp(
            each=abs
        ),
        "The walk ends one layer too early: the first layer, the one after x, shares out too.": _wrong_mlp(
            since=1
        ),
        "The walk ends after the last layer: go on, back to the first.": _wrong_mlp(since=2),
        "The ledger's bias and epsilon are exchanged: the rule returns the relevance, the bias's part, the stabiliser's.": _booked(
            lambda r, ledger, *_: (r, ledger | {"bias": ledger["epsilon"], "epsilon": ledger["bias"]})
        ),
        "The ledger's inputs is the sum of the relevance of x with its signs, not of absolute values.": _booked(
            lambda r, ledger, *_: (r, ledger | {"inputs": abs(r).sum()})
        ),
        "The ledger's inputs is the sum of the relevance of x, one number, not made of the total.": (
            _booked(lambda r, ledger, *_: (r, ledger | {"inputs": ledger["total"] - ledger["bias"]})),
            _booked(lambda r, ledger, *_: (r, ledger | {"inputs": ledger["total"]})),
        ),
        "The ledger's bias is the sum of the biases here; it is that of what the rule says they keep.": _booked(
            lambda r, ledger, layers, _: (r, ledger | {"bias": sum(bias.sum() for _, bias in layers)})
        ),
        "The ledger's epsilon stays 0: add up what each layer's stabiliser keeps.": _booked(
            lambda r, ledger, *_: (r, ledger | {"epsilon": 0.0})
        ),
        "The ledger's bias stays 0: add up what the biases of each layer keep.": _booked(
            lambda r, ledger, *_: (r, ledger | {"bias": 0.0})
        ),
        "The ledger's epsilon is that of one layer alone: add up all of them.": (
            _booked(lambda r, ledger, _, some: (r, ledger | {"epsilon": some[0]["epsilon"]})),
            _booked(
                lambda r, ledger, _, some: (r, ledger | {"epsilon": ledger["epsilon"] - some[1]["epsilon"]})
            ),
        ),
        "The ledger's bias is that of one layer alone: add up all of them.": (
            _booked(lambda r, ledger, _, some: (r, ledger | {"bias": some[0]["bias"]})),
            _booked(lambda r, ledger, _, some: (r, ledger | {"bias": ledger["bias"] - some[1]["bias"]})),
        ),
        "The relevance of x adds up to the output, less what was kept: it is not divided by anything.": (
            _booked(lambda r, ledger, *_: (r / (ledger["total"] or 1.0), ledger)),
            _booked(lambda r, ledger, *_: (r / (r.sum() or 1.0), ledger)),
            _booked(lambda r, ledger, *_: (r / (abs(r).max() or 1.0), ledger)),
            _booked(lambda r, ledger, *_: (r / (abs(r).sum() or 1.0), ledger)),
        ),
        "The relevance of x has a sign, which is lost here.": _booked(lambda r, ledger, *_: (abs(r), ledger)),
        "inputs is the sum of the relevance of x, not of x.": _wrong_mlp(given=True),
        "What the stabiliser keeps is booked under bias: it has a row of its own.": _wrong_mlp(rest=True),
    },
)
