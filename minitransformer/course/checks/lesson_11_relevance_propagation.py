"""What must be true of the rules of relevance: nothing lost, shares by loops, and tangents by finite differences."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import Tried, equal, keeps_float32, keeps_its_inputs, returns, same, slopes

EPS = 0.01  # large, so that what the stabiliser keeps can be seen


def _parts(got, names):
    """A tuple of results of the length asked for. Raises Failed."""
    if got is None:
        raise Failed("got None", hint="Is there a `return`?")
    if not isinstance(got, tuple) or len(got) != len(names):
        found = f"{len(got)} in a tuple" if isinstance(got, tuple) else type(got).__name__
        raise Failed(f"expected {len(names)} results, {', '.join(names)}; got {found}", hint=f"return {', '.join(names)}")
    return got


def _called(answer, names, *inputs, **options):
    got = _parts(answer(*(a.copy() for a in inputs), **options), names)
    for name, part in zip(names, got, strict=True):
        if "keep" in name and np.ndim(part):
            raise Failed(f"{name}: expected one number, got shape {np.shape(part)}", hint="One number is asked for: .sum() of it.")
    return got


def _conserves(names, inputs, **options):
    """All parts together are the relevance that came in, the first input."""

    def holds(answer):
        values = inputs(np.random.default_rng(5))
        got = _called(answer, names, *values, **options)
        same(sum(float(np.sum(part)) for part in got), values[0].sum(), "the sum of all that is returned, beside the sum of r")

    return Property("nothing is lost: what comes in goes on or is kept", holds)


def _or(hint, check, *args, **options):
    """The check, with a hint of its own where it fails."""
    try:
        check(*args, **options)
    except Failed as failed:
        raise Failed(*failed.details, hint=hint) from None


def _relevance_in_float32(inputs):
    hint = "np.where(z < 0, -eps, eps) is float64, and so is np.zeros(n): `.astype(x.dtype)`, or use `stabilised`."
    check = keeps_float32(inputs)
    return Property(check.what, lambda answer: _or(hint, check.holds, lambda *a: answer(*a)[0]))


def _z(rng):
    return (np.array([[0.5, -0.25, 0.0], [-3.0, 1e-9, -1e-9]]), 0.125)


def _zero(answer):
    same(answer(np.array([0.0, 0.0])), [1e-6, 1e-6], "S(0)")
    same(answer(np.array([-5e-7])), [-1.5e-6], "S(-5e-7) with eps = 1e-6")


def _stays_float32(answer):
    _or("np.where with plain numbers makes float64 of float32: `.astype(z.dtype)`.", keeps_float32(_z).holds, answer)


def _to_float32(f):
    return lambda z, eps=1e-6: np.asarray(f(z, eps)).astype(z.dtype)


stabilised = Exercise(
    minutes=5,
    level=1,
    hints=(
        "np.where(z < 0, -eps, eps) has the sign of z, and +eps where z is 0.",
        "np.sign(0.0) is 0: it would leave a zero where it is.",
        "np.where with plain numbers makes float64: `.astype(z.dtype)`.",
    ),
    why="|S(z)| is never below eps, and dividing by S(z) makes no share larger than dividing by z, as S(z) is further from 0.",
    properties=(
        returns(
            "positive numbers rise, negative ones fall, each by eps",
            lambda rng: (np.array([1.5, -1.5, 2.0]), 0.5),
            lambda z, eps: [2.0, -2.0, 2.5],
        ),
        Property("zero counts as positive, and small negative numbers stay negative", _zero),
        returns("any shape will do", _z, lambda z, eps: [[v + math.copysign(eps, v) for v in row] for row in z.tolist()]),
        keeps_its_inputs(_z),
        Property("float32 stays float32", _stays_float32),
    ),
    examples=lambda rng: (_z(rng), (np.array([0.5, -2.0]), 0.01), (np.zeros(2), 1e-6)),
    mistakes={
        "eps is added to negative numbers too: -5e-7 becomes +5e-7, and its relevance turns round.": lambda z, eps=1e-6: z + eps,
        "np.sign(0) is 0, so that a sum of zero stays zero: there take +eps.": lambda z, eps=1e-6: z + eps * np.sign(z),
        "This moves numbers towards zero; they are to move away from it.": lambda z, eps=1e-6: z - np.where(z < 0, -eps, eps),
        "The sign of z is lost.": _to_float32(lambda z, eps: abs(z) + eps),
        "Only numbers nearer to zero than eps are moved; all are.": _to_float32(
            lambda z, eps: np.where(abs(z) < eps, np.where(z < 0, -eps, eps), z)
        ),
        "This is only the stabiliser; z is to be added.": _to_float32(lambda z, eps: np.where(z < 0, -eps, eps)),
    },
)

LINEAR = ("the relevance of x", "what the biases keep", "what the stabiliser keeps")


def _linear(rng):
    return rng.normal(size=(3, 2)), rng.normal(size=(3, 4)), rng.normal(size=(2, 4)), rng.normal(size=2)


def _sign(v):
    return -1.0 if v < 0 else 1.0


def _by_loops(r, x, weight, bias, eps):
    """Each product on its own: what input i sends to sum j."""
    r_x, kept, lost = np.zeros_like(x), 0.0, 0.0
    for n, j in np.ndindex(r.shape):
        products = [x[n, i] * weight[j, i] for i in range(x.shape[1])]
        z = math.fsum([*products, bias[j]])
        per_unit = r[n, j] / (z + _sign(z) * eps)
        for i, product in enumerate(products):
            r_x[n, i] += product * per_unit
        kept, lost = kept + bias[j] * per_unit, lost + _sign(z) * eps * per_unit
    return r_x, kept, lost


def _one_sum(answer):
    x, w, r = np.array([[2.0, 1.0]]), np.array([[3.0, -2.0]]), np.array([[8.0]])
    got = _called(answer, LINEAR, r, x, w, np.zeros(1), eps=0.0)
    same(got[0], [[12.0, -4.0]], "the relevance of x = [2, 1] with weights 3 and -2, so z = 4, and r = 8")


def _loops(part, eps):
    def holds(answer):
        values = _linear(np.random.default_rng(2))
        same(_called(answer, LINEAR, *values, eps=eps)[part], _by_loops(*values, eps)[part], LINEAR[part])

    return holds


def _wrong_epsilon(unsigned=False, no_bias=False, no_x=False, no_w=False, wrong_sum=False, even=False, swapped=False, signed=True):
    """The epsilon rule with something wrong in it."""

    def rule(r, x, weight, bias, eps=1e-6):
        z = x @ weight.T + (0 if no_bias else bias)
        stable = z + (eps if unsigned else np.where(z < 0, -eps, eps))
        share = r / stable
        ones = np.ones_like(x)
        r_x = (ones if no_x else x) * (share @ (np.ones_like(weight) if no_w else weight))
        if wrong_sum:
            r_x = (x[:, None] * weight / weight.sum(0) * r[..., None]).sum(1)
        if even:
            r_x = ones * (r.sum(1, keepdims=True) / x.shape[1])
        to_bias, to_eps = (share * bias).sum(), (share * (stable - z)).sum()
        return r_x, *((to_eps, to_bias) if swapped else (to_bias, to_eps if signed else eps * share.sum()))

    return rule


epsilon_rule = Exercise(
    minutes=15,
    level=2,
    hints=(
        "First the way forward: z = x @ weight.T + bias.",
        "R_j / S(z_j) says how much relevance there is for each unit of the sum: shape (N, n_out).",
        "x_i stands before the sum over j: R = x * (share @ weight).",
        "A bias is an input that is always 1: it gets b_j share_j. What the stabiliser added, S(z) - z, gets its share too.",
    ),
    why="z_j is a sum; each term of it, stabiliser and bias included, takes its own part, so that all parts make R_j again.",
    properties=(
        Property("the inputs of one sum share by their products x_i w_i", _one_sum),
        Property("the relevance of x is right in a batch, each input hearing from all sums", _loops(0, 0.0)),
        Property("the biases keep their share", _loops(1, 0.0)),
        Property("the stabiliser is in the denominator, with the sign of z", _loops(0, EPS)),
        Property("the stabiliser keeps its share", _loops(2, EPS)),
        _conserves(LINEAR, _linear, eps=EPS),
        keeps_its_inputs(_linear),
        _relevance_in_float32(_linear),
    ),
    examples=lambda rng: ((*_linear(rng), EPS), (*_linear(rng), 0.0)),
    mistakes={
        "The weights alone do not depend on the input: a share is x_i w_ji, activation times weight.": _wrong_epsilon(no_x=True),
        "A share is x_i w_ji: the weight is missing.": _wrong_epsilon(no_w=True),
        "The bias is missing in z: without it the inputs share out what the bias has contributed.": _wrong_epsilon(no_bias=True),
        "The stabiliser has the sign of z: eps is to be taken off where z is negative.": _wrong_epsilon(unsigned=True),
        "The denominator sums over the inputs i of one output, not over the outputs.": _wrong_epsilon(wrong_sum=True),
        "All inputs get the same; their shares are x_i w_ji / S(z_j).": _wrong_epsilon(even=True),
        "First the bias's part, then the stabiliser's: these two are swapped.": _wrong_epsilon(swapped=True),
        "What the stabiliser keeps has the sign of z too: S(z) - z, not eps.": _wrong_epsilon(signed=False),
    },
)

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
    r, ledger = _parts(answer(x, layers, target, eps), MLP)
    if not isinstance(ledger, dict) or set(ledger) != set(ROWS):
        raise Failed(f"expected a ledger with {', '.join(ROWS)}, got {ledger!r:.100}")
    if not all(map(np.array_equal, before, [x, *(a for pair in layers for a in pair)])):
        raise Failed("x or a layer was changed in place", hint="Work on copies.")
    return r, {row: float(ledger[row]) for row in ROWS}


def _total_is_the_output(answer):
    x, layers = _network(1)
    for target in range(2):
        same(_explained(answer, x, layers, target, 0.0)[1]["total"], _output(x, layers, target), f"total for target {target}")


def _one_layer(answer):
    r, ledger = _explained(answer, np.array([2.0, -1.0]), [(np.array([[3.0, 2.0], [9.0, 9.0]]), np.array([0.5, 9.0]))], 0, 0.0)
    same(r, [6.0, -2.0], "the relevance of x = [2, -1] for 3 * 2 + 2 * -1 + 0.5")
    equal(ledger["bias"], 0.5, "the ledger's bias")


def _slope_of_x(answer):
    x, layers = _network(2)
    expected = x * slopes(lambda v: np.array(_output(v, layers, 1)), [x], 0, np.array(1.0))
    same(_explained(answer, x, layers, 1, 0.0)[0], expected, "relevance, beside x times the slope tried out", rtol=1e-6)


def _slope_of_biases(answer):
    x, layers = _network(2)
    expected = 0.0
    for i, (_, bias) in enumerate(layers):
        with_bias = lambda v, i=i: np.array(_output(x, [(w, v if k == i else b) for k, (w, b) in enumerate(layers)], 1))  # noqa: E731
        expected += float(bias @ slopes(with_bias, [bias], 0, np.array(1.0)))
    got = _explained(answer, x, layers, 1, 0.0)[1]["bias"]
    _or("Every layer has biases: add them up with +=.", same, got, expected, "bias, beside all biases times slopes", rtol=1e-6)


def _closes(answer):
    for seed, eps in ((3, 0.0), (4, 0.3), (5, 1e-6)):
        x, layers = _network(seed)
        r, ledger = _explained(answer, x, layers, 0, eps)
        same(ledger["inputs"], r.sum(), "the ledger's inputs, beside the sum of the relevance")
        same(ledger["inputs"] + ledger["bias"] + ledger["epsilon"], ledger["total"], f"inputs + bias + epsilon for eps = {eps}")


def _layered_eps(answer):
    layers = [(np.array([[1.0]]), np.zeros(1)), (np.array([[1.0]]), np.zeros(1))]
    r, ledger = _explained(answer, np.array([1.0]), layers, 0, 1.0)
    what = "relevance and epsilon where each of two layers keeps half, eps being as large as z"
    _or("Every layer has a stabiliser: add up what they keep with +=.", same, [r[0], ledger["epsilon"]], [0.25, 0.75], what)


def _try_mlp(answer, seed, eps):
    x, layers = _network(seed)
    r, ledger = answer(x, layers, 1, eps)
    return np.array([*r, *(ledger[row] for row in ROWS)])


def _wrong_mlp(all_outputs=False, ones=False, late=False, gate=False, once=False, no_relu=False, rest=False, last=False):
    """The walk with something wrong in it."""

    def explain_mlp(x, layers, target, eps=1e-6):
        inputs, z = [], x[None]
        for i, (weight, bias) in enumerate(layers):
            inputs.append(z if i == 0 or no_relu else np.maximum(z, 0))
            z = inputs[-1] @ weight.T + bias
        z = np.maximum(z, 0) if last else z
        r = np.eye(z.shape[1])[[target]] * (1.0 if ones else z)
        r = z.copy() if all_outputs else r
        ledger = {"inputs": 0.0, "bias": 0.0, "epsilon": 0.0, "total": z[0, target]}
        for i, (value, (weight, bias)) in enumerate(zip(inputs[::-1], layers[::-1], strict=True)):
            r, to_bias, to_eps = _wrong_epsilon()(r, value, weight, bias, eps)
            if gate and i + 1 < len(layers):
                r = r * np.maximum(value, 0)  # multiplies by the activation again
            ledger["bias"] = to_bias + (0 if once else ledger["bias"])
            ledger["epsilon"] = to_eps + (0 if once else ledger["epsilon"])
        ledger["inputs"] = r.sum()
        if rest:
            ledger["bias"] += ledger["epsilon"]
            ledger["epsilon"] = 0.0
        return (np.maximum(r[0], 0) if late else r[0]), ledger

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
        Property("total is the output that was asked for", _total_is_the_output),
        Property("one layer: products to the inputs, the bias to the ledger", _one_layer),
        Property("three layers: with eps = 0 it is x times slope, as finite differences find it", _slope_of_x),
        Property("all biases of all layers are in the ledger", _slope_of_biases),
        Property("every layer's stabiliser is in the ledger", _layered_eps),
        Property("the ledger closes", _closes),
    ),
    examples=lambda rng: ((2, 0.0), (3, 0.0), (4, 0.3), (8, 0.1)),  # the output of 8 is negative
    trial=_try_mlp,
    mistakes={
        "All outputs are explained at once: the others begin with zero.": _wrong_mlp(all_outputs=True),
        "Relevance begins as 1; it is the output itself that is shared out.": _wrong_mlp(ones=True),
        "Negative relevance is cut off at the end: it says what spoke against, keep it.": _wrong_mlp(late=True),
        "max(0, .) multiplies relevance by the activation; it passes on as it is.": _wrong_mlp(gate=True),
        "The ledger keeps one layer's bias and epsilon only: add them up.": _wrong_mlp(once=True),
        "max(0, .) between the layers is missing on the way forward.": _wrong_mlp(no_relu=True),
        "There is no max(0, .) after the last layer: an output may be negative.": _wrong_mlp(last=True),
        "What the stabiliser keeps is booked under bias: it has a row of its own.": _wrong_mlp(rest=True),
    },
)

PRODUCT = ("the relevance of a", "the relevance of b", "what the stabiliser keeps")


def _product(rng):
    return rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 5, 4))


def _product_by_loops(r, a, b, eps):
    r_a, r_b, lost = np.zeros_like(a), np.zeros_like(b), 0.0
    for n, i, j in np.ndindex(r.shape):
        products = a[n, i] * b[n, :, j]
        o = 2 * math.fsum(products)
        per_unit = r[n, i, j] / (o + _sign(o) * eps)
        r_a[n, i] += products * per_unit
        r_b[n, :, j] += products * per_unit
        lost += _sign(o) * eps * per_unit
    return r_a, r_b, lost


def _one_product(answer):
    got = _called(answer, PRODUCT, np.array([[6.0]]), np.array([[2.0]]), np.array([[3.0]]), eps=0.0)
    same([got[0][0, 0], got[1][0, 0]], [3.0, 3.0], "the relevance of a = 2 and b = 3, where r = a b = 6")


def _product_loops(part, eps):
    def holds(answer):
        values = _product(np.random.default_rng(2))
        same(_called(answer, PRODUCT, *values, eps=eps)[part], _product_by_loops(*values, eps)[part], PRODUCT[part])

    return holds


def _wrong_matmul(half=True, only_b=False, unsigned=False, bare=False, single_eps=False, swapped=False, eps_kept=True):
    """The rule of a product with something wrong in it."""

    def rule(r, a, b, eps=1e-6):
        o = a @ b * (2 if half and not only_b else 1)
        if single_eps:
            o = a @ b
        signed = eps if unsigned else np.where(o < 0, -eps, eps)
        share = r / (o + signed) / (2 if single_eps else 1)
        to_a, to_b = share @ np.swapaxes(b, -1, -2), np.swapaxes(a, -1, -2) @ share
        r_a, r_b = (to_a, to_b) if bare else (a * to_a, b * to_b)
        r_a = 0 * r_a if only_b else r_a
        return *((r_b, r_a) if swapped else (r_a, r_b)), (share * (signed if eps_kept else eps)).sum() * (2 if single_eps else 1)

    return rule


matmul_rule = Exercise(
    minutes=15,
    level=2,
    hints=(
        "O is a sum of products a_ik b_kj. Each product's relevance goes half to a_ik, half to b_kj.",
        "share = r / S(2 O) is the half for each unit of O.",
        "a * (share @ b^T) and b * (a^T @ share); np.swapaxes(b, -1, -2) turns the last two axes only.",
    ),
    why="Where one side is a constant, such as a weight, the other gets all and there is no 2: that is the epsilon rule.",
    properties=(
        Property("a single product gives half to each side", _one_product),
        Property("the relevance of a is right", _product_loops(0, 0.0)),
        Property("the relevance of b is right", _product_loops(1, 0.0)),
        Property("the stabiliser is added to 2 O, with its sign", _product_loops(0, EPS)),
        Property("the stabiliser keeps its share", _product_loops(2, EPS)),
        _conserves(PRODUCT, _product, eps=EPS),
        keeps_its_inputs(_product),
        _relevance_in_float32(_product),
    ),
    examples=lambda rng: ((*_product(rng), EPS), (*_product(rng), 0.0)),
    mistakes={
        "Both sides get all of it, so that relevance doubles: divide by 2 O.": _wrong_matmul(half=False),
        "All goes to b, as if a were a constant; here both depend on the input.": _wrong_matmul(only_b=True),
        "The stabiliser has the sign of O: eps is to be taken off where it is negative.": _wrong_matmul(unsigned=True),
        "These are r's parts for each unit of a and b: multiply by a, and by b, element by element.": _wrong_matmul(bare=True),
        "The stabiliser belongs to 2 O, not to O: S(2 O), not 2 S(O).": _wrong_matmul(single_eps=True),
        "First the relevance of a, then that of b: these two are swapped.": _wrong_matmul(swapped=True),
        "What the stabiliser keeps has the sign of O too: S(2 O) - 2 O, not eps.": _wrong_matmul(eps_kept=False),
    },
)

SOFTMAX = ("the relevance of x", "what the constant part keeps")


def _shares(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _scores(rng):
    return rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 5)) * 2


def _masked_scores(rng):
    r, x = _scores(rng)
    hidden = np.tri(3, 5, 2) == 0
    return np.where(hidden, 0.0, r), np.where(hidden, -np.inf, x)


def _two_scores(answer):
    got = _called(answer, SOFTMAX, np.array([1.0, 0.0]), np.array([2.0, 2.0]))
    same(got[0], [1.0, -1.0], "the relevance of the scores 2 and 2, where the first share has r = 1")
    same(got[1], 1.0, "what the constant part keeps")


def _tangent(answer):
    r, x = _scores(np.random.default_rng(3))
    tangent = x * slopes(_shares, [x], 0, r / _shares(x))  # each share s_i has r_i / s_i for each unit
    same(_called(answer, SOFTMAX, r, x)[0], tangent, "x times the slope of softmax for r / s, tried out", rtol=1e-5)


def _kept(answer):
    r, x = _scores(np.random.default_rng(3))
    s = _shares(x)
    linear = x * slopes(_shares, [x], 0, r / s)
    same(_called(answer, SOFTMAX, r, x)[1], r.sum() - linear.sum(), "what the constant part keeps", rtol=1e-5)


def _hidden(answer):
    r, x = _masked_scores(np.random.default_rng(4))
    with np.errstate(all="ignore"):
        got, kept = _called(answer, SOFTMAX, r, x)
        rows = [answer(r[i][None, seen], x[i][None, seen]) for i in np.ndindex(2, 3) for seen in [np.isfinite(x[i])]]
    expected = np.zeros_like(r)
    expected[np.isfinite(x)] = np.concatenate([row[0][0] for row in rows])
    same(got, expected, "relevance where scores are -inf, beside that of the same scores without them")
    same(kept, sum(float(row[1]) for row in rows), "what the constant part keeps where scores are -inf")


def _wrong_softmax(diagonal=False, no_x=False, vjp=False, axis=-1, nan=False, kept=True, zero=False, sign=1):
    """The rule of softmax with something wrong in it."""

    def rule(r, x):
        s = _shares(x)
        if not nan:
            x = np.where(np.isneginf(x), 0, x).astype(x.dtype)
        total = r.sum(axis, keepdims=True)
        if vjp:
            r_x = x * s * (r - (r * s).sum(-1, keepdims=True))
        else:
            r_x = (1.0 if no_x else x) * (r - (0 if diagonal else sign * s * total))
        r_x = 0 * r_x if zero else r_x
        parts = r * (1 - x + (s * x).sum(-1, keepdims=True))
        return r_x, parts.sum() if kept else 0.0

    return rule


def _try_softmax(answer, r, x):
    with np.errstate(all="ignore"):
        return answer(r, x)


softmax_rule = Tried(
    minutes=20,
    level=3,
    hints=(
        "First s = softmax(x) along the last axis, from the scores as they are, -inf included.",
        "Then replace -inf: x = np.where(np.isneginf(x), 0, x), as 0 times -inf is no number.",
        "sum_k r_k and sum_k s_k x_k are one number for each row: keepdims=True.",
        "The kept part is summed over everything.",
    ),
    why="r_i / s_i is relevance per unit of share. Through the tangent, x_j gets x_j ds_i/dx_j of each, and s cancels.",
    properties=(
        Property("two equal scores: what speaks for one speaks against the other", _two_scores),
        Property("it is the tangent, as finite differences find it", _tangent),
        Property("the constant part of the tangent keeps the rest", _kept),
        Property("a score of -inf gets nothing and disturbs nothing", _hidden),
        _conserves(SOFTMAX, _scores),
        keeps_its_inputs(_scores),
        _relevance_in_float32(_scores),
    ),
    examples=lambda rng: (_scores(rng), _masked_scores(rng)),
    trial=_try_softmax,
    mistakes={
        "The sum is missing: a score also lowers the other shares, take s_i sum_k r_k off.": _wrong_softmax(diagonal=True),
        "The factor x_i is missing: this is a slope, not yet a contribution.": _wrong_softmax(no_x=True),
        "This is x times the gradient for r; per unit of share there is r_i / s_i, so that s cancels.": _wrong_softmax(vjp=True),
        "The sum goes over the wrong axis; shares are along the last one.": _wrong_softmax(axis=0),
        "0 times -inf is nan: a score of -inf counts as 0 in both formulas.": _wrong_softmax(nan=True),
        "The constant part keeps something too: sum_i r_i (1 - x_i + sum_k s_k x_k).": _wrong_softmax(kept=False),
        "Nothing goes to the scores: that is the other rule, CP-LRP, which takes shares for constants.": _wrong_softmax(zero=True),
        "The sign is turned: s_i sum_k r_k is to be taken off, not added.": _wrong_softmax(sign=-1),
    },
)

NORM = ("the relevance of x", "what the biases keep", "what the stabiliser keeps")


def _norm(rng):
    return rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 5)) * 3 + 1, rng.normal(size=5) + 1, rng.normal(size=5)


def _normalised(x, weight, bias, sigma):
    return weight * (x - x.mean(-1, keepdims=True)) / sigma + bias


def _sigma(x):
    return np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def _two_numbers(answer):
    got = _called(answer, NORM, np.array([3.0, 3.0]), np.array([2.0, 4.0]), np.ones(2), np.zeros(2))
    same(got[0], [-6.0, 12.0], "the relevance of x = [2, 4], normalised to -1 and 1, where r = [3, 3]", rtol=1e-4)


def _frozen(eps):
    def holds(answer):
        r, x, weight, bias = _norm(np.random.default_rng(3))
        sigma = _sigma(x)
        z = _normalised(x, weight, bias, sigma)
        share = r / (z + np.where(z < 0, -eps, eps))
        expected = x * slopes(lambda v: _normalised(v, weight, bias, sigma), [x], 0, share)
        same(_called(answer, NORM, r, x, weight, bias, eps=eps)[0], expected, "x times the slope with sigma held still", rtol=1e-5)

    return holds


def _norm_sinks(part):
    def holds(answer):
        r, x, weight, bias = _norm(np.random.default_rng(3))
        expected = 0.0
        for index in np.ndindex(r.shape):
            row = x[index[:-1]]
            b = bias[index[-1]]
            z = weight[index[-1]] * (x[index] - row.mean()) / math.sqrt(row.var() + 1e-5) + b
            expected += r[index] * (b if part == 1 else _sign(z) * EPS) / (z + _sign(z) * EPS)
        same(_called(answer, NORM, r, x, weight, bias, eps=EPS)[part], expected, NORM[part])

    return holds


def _wrong_norm(mean=True, live=False, no_sigma=False, no_weight=False, identity=False, sample=False, no_bias=False, bare=False):
    """The rule of LayerNorm with something wrong in it."""

    def rule(r, x, weight, bias, eps=1e-6):
        centred = x - x.mean(-1, keepdims=True)
        sigma = np.sqrt(x.var(-1, keepdims=True, ddof=int(sample)) + 1e-5)
        z = weight * centred / sigma + (0 if no_bias else bias)
        stable = z + np.where(z < 0, -eps, eps)
        share = r / stable
        slope = share * (1 if no_weight else weight) / (1 if no_sigma else sigma)
        unit = centred / sigma
        away = slope - (slope.mean(-1, keepdims=True) if mean else 0)
        if live:  # the whole gradient, that of sigma included
            away = away - unit * (slope * unit).mean(-1, keepdims=True)
        r_x = r if identity else centred * away if bare else x * away
        return r_x, (share * bias).sum(), (share * (stable - z)).sum()

    return rule


layer_norm_rule = Exercise(
    minutes=20,
    level=3,
    hints=(
        "Forward first: centred = x - mean, sigma, z = weight * centred / sigma + bias.",
        "share = r / S(z), as in the epsilon rule.",
        "Each x_i is in z_i with weight_i / sigma, and in all z_j, by way of the mean, with -weight_j / (n sigma).",
        "With slope = share * weight / sigma, that makes x * (slope - mean of slope).",
    ),
    why="With sigma live, x times gradient sums to nearly zero, as scaling x changes nothing. Held still, it conserves.",
    properties=(
        Property("two numbers by hand", _two_numbers),
        Property("it is the linear map with sigma held still, as finite differences find it", _frozen(0.0)),
        Property("the stabiliser is in the denominator, with the sign of z", _frozen(EPS)),
        Property("the biases keep their share", _norm_sinks(1)),
        Property("the stabiliser keeps its share", _norm_sinks(2)),
        _conserves(NORM, _norm, eps=EPS),
        keeps_its_inputs(_norm),
        _relevance_in_float32(_norm),
    ),
    examples=lambda rng: ((*_norm(rng), EPS), (*_norm(rng), 0.0)),
    mistakes={
        "The mean is missing: each x_i is also in the mean, which is taken off everywhere.": _wrong_norm(mean=False),
        "sigma is not held still here: its slope takes all relevance away again.": _wrong_norm(live=True),
        "The slope is weight / sigma: sigma is missing on the way back.": _wrong_norm(no_sigma=True),
        "The slope is weight / sigma: weight is missing on the way back.": _wrong_norm(no_weight=True),
        "Relevance passes unchanged here; but the mean mixes a row, and the bias keeps some.": _wrong_norm(identity=True),
        "The variance is the mean of the squares: divide by n, not n - 1.": _wrong_norm(sample=True),
        "The bias is missing in z.": _wrong_norm(no_bias=True),
        "The factor is x itself, not x less its mean.": _wrong_norm(bare=True),
        "Each x_i gets its own z_i alone here; by the mean it is in all others too.": _wrong_norm(mean=False, bare=True),
    },
)
