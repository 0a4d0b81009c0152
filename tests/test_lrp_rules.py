"""Rules, one by one: by hand, with planted errors, in wrong variants; and composites, which choose among them."""

import numpy as np
import pytest
from lrp_models import IDS, MODELS, classifier, language_model

import minitransformer as mt
import minitransformer.nn.functional as F
from minitransformer import explain, kernels, nn, ops
from minitransformer.autograd import Op
from minitransformer.devices import to_host
from minitransformer.explain import AlphaBeta, Composite, Constant, Epsilon, Flat, Gamma, WSquare, ZPlus
from minitransformer.explain.explanation import WalkBooks
from minitransformer.explain.walk import Walk
from minitransformer.ops.books import Books
from minitransformer.ops.networks.heads import MergeHeads, SplitHeads
from minitransformer.ops.products.linalg import Linear

X, W = np.array([[1.0, -2.0, 0.0]]), np.array([[0.5, 1.0, -1.0], [2.0, -0.25, 3.0]])
B, R = np.array([0.1, -0.3]), np.array([[0.7, -0.4]])
LINEAR_RULES = [
    Epsilon(),
    ZPlus(),
    AlphaBeta(),
    AlphaBeta(1.5, 0.5),
    Gamma(),
    WSquare(),
    Flat(),
]


def share(out, r, source, rule="attnlrp", form="explicit", eps=0.0):
    """Relevance r of `out` as it arrives at `source`, and what each sink absorbed."""
    walk = Walk(rule, form, WalkBooks(eps))
    (found,) = walk.run(out, mt.tensor(r).array, [source]).values()
    return to_host(found), {
        sink: float(amount) for row in walk.books.rows for sink, amount in row.absorbed.items()
    }


def linear(rule, x=X, w=W, b=B, r=R, eps=0.0):
    t = mt.tensor(x, requires_grad=True)
    return share(F.linear(t, mt.tensor(w), mt.tensor(b)), r, t, Composite({Linear: rule}), eps=eps)


def close(got, expected):
    assert np.allclose(got, expected, rtol=0, atol=1e-14), (got, expected)


def test_epsilon():
    stable = [-1.4 - 0.01, 2.2 + 0.01]  # z + eps sign(z), z = W x + b
    s = R[0] / stable
    found, sinks = linear(Epsilon(), eps=0.01)
    close(found, X * (s @ W))
    close(sinks["bias"], (B * s).sum())
    close(sinks["epsilon"], (0.01 * np.array([-1, 1]) * s).sum())
    close(linear(Epsilon(0.01))[0], found)  # a rule's own eps is the same as the walk's


def test_z_plus():
    s = R[0] / [0.5 + 0.1, 2.0 + 0.5]  # x+ w+ + x- w- + b+
    found, sinks = linear(ZPlus())
    close(found, [[0.5 * s[0] + 2.0 * s[1], 0.5 * s[1], 0.0]])
    close(sinks["bias"], 0.1 * s[0])


def test_alpha_beta():
    helping, opposing = R[0] / [0.6, 2.5], R[0] / [-2.0, -0.3]
    found, sinks = linear(AlphaBeta(2, 1))
    close(
        found, [[2 * (0.5 * helping[0] + 2.0 * helping[1]), 2 * 0.5 * helping[1] - -2.0 * opposing[0], 0.0]]
    )
    close(sinks["bias"], 2 * 0.1 * helping[0] - -0.3 * opposing[1])


def test_gamma():
    # z = (-1.4, 2.2): of the first unit the negative parts weigh 1.5 times, of the second the positive ones
    s = R[0] / [0.5 - 3.0 + 0.1, 3.0 + 0.75 - 0.3]
    found, sinks = linear(Gamma(0.5))
    close(found, [[0.5 * s[0] + 3.0 * s[1], -3.0 * s[0] + 0.75 * s[1], 0.0]])
    close(sinks["bias"], 0.1 * s[0] - 0.3 * s[1])


def test_gamma_drops_what_arrives_at_a_zero():
    found, sinks = linear(Gamma(), x=X * 0, b=B * 0)
    close(found, 0)
    close(sinks["dropped"], R.sum())


def test_w_square_and_flat():
    s = R[0] / ((W * W).sum(1) + B * B)
    found, sinks = linear(WSquare())
    close(found, [s @ (W * W)])
    close(sinks["bias"], (B * B * s).sum())
    close(linear(Flat())[0], np.full((1, 3), R.sum() / 3))


def test_softmax():
    x, r = np.array([0.3, -1.0, -np.inf, 0.8]), np.array([0.2, 0.5, 0.0, -0.1])
    s = np.exp(x) / np.exp(x).sum()
    finite = np.where(np.isinf(x), 0, x)
    t = mt.tensor(x, requires_grad=True)
    found, sinks = share(t.softmax(-1), r, t)
    close(found, finite * (r - s * r.sum()))
    close(sinks["softmax"], r.sum() - found.sum())


@pytest.mark.parametrize("parts", [1, 2])
def test_products_share_evenly_among_what_is_explained(parts):
    random = np.random.default_rng(0)
    a, b, r = random.standard_normal((2, 3)), random.standard_normal((3, 4)), random.standard_normal((2, 4))
    left, right = mt.tensor(a, requires_grad=True), mt.tensor(b, requires_grad=True)
    found = Walk("attnlrp", "explicit", WalkBooks(0.0)).run(
        left @ right, mt.tensor(r).array, [left, right][:parts]
    )
    close(to_host(found[left]), a * ((r / (a @ b) / parts) @ b.T))
    c = random.standard_normal((2, 3))
    other = mt.tensor(c, requires_grad=True)
    found = Walk("attnlrp", "explicit", WalkBooks(0.0)).run(
        left * other, mt.tensor(a).array, [left, other][:parts]
    )
    close(to_host(found[left]), a / parts)
    assert (other in found) == (parts == 2)


@pytest.mark.parametrize("form", ["explicit", "gradient"])
def test_constants_take_their_share_and_marked_ones_are_positions(form):
    x = mt.tensor(np.array([1.0, 2.0]), requires_grad=True)
    place = mt.tensor(np.array([0.5, -1.0]))
    place.role = "positions"
    y = ((x + place) + mt.tensor(np.array([3.0, 1.0]))).sum()
    (found,), ledger = explain.account(y, [x], form=form, eps=0.0)
    close(found, [1.0, 2.0])
    close([ledger["positions"], ledger["bias"]], [-0.5, 4.0])


ACTIVATIONS = [F.relu, F.gelu, F.silu, F.tanh]


@pytest.mark.parametrize("form", ["explicit", "gradient"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_and_rms_norm_pass_on_all(activation, form):
    x = mt.tensor(np.array([[0.7, -1.3, 0.0, 2.0]]), requires_grad=True)
    weight = mt.tensor(np.array([1.5, -0.5, 2.0, 1.0]))
    y = activation(F.rms_norm(x, (4,), weight))
    (found,) = explain.relevance(y.sum(), [x], form=form, eps=1e-14)
    assert np.allclose(found, y.numpy(), rtol=0, atol=1e-12)


def test_a_rotation_moves_relevance_within_its_pair():
    random = np.random.default_rng(3)
    x = mt.tensor(random.standard_normal((5, 4)), requires_grad=True)
    y = nn.RotaryEmbedding(4, 8).double()(x)
    (gradient,), ledger = explain.account((y * 1.0).sum(), [x])
    (explicit,) = explain.relevance(y.sum(), [x], form="explicit", eps=1e-14)
    pairs = y.numpy().reshape(5, 2, 2).sum(-1)
    assert np.allclose(gradient.reshape(5, 2, 2).sum(-1), pairs, rtol=0, atol=1e-12)
    assert np.allclose(explicit, gradient, rtol=0, atol=1e-10) and ledger["positions"] == 0


@pytest.mark.parametrize("rule", LINEAR_RULES, ids=repr)
def test_a_linear_map_without_bias_and_of_any_shape(rule):
    random = np.random.default_rng(1)
    x = mt.tensor(random.standard_normal((2, 3, 4)), requires_grad=True)
    out = F.linear(x, mt.tensor(random.standard_normal((5, 4))))
    found, sinks = share(out, random.standard_normal((2, 3, 5)), x, Composite({Linear: rule}), eps=1e-9)
    assert found.shape == x.shape and "bias" not in sinks


# Errors of 1e-6, planted wherever relevance is divided


def every_law():
    """(model, form, rule, name of an op) for every op that shares relevance in one of the models."""
    for kind, make in MODELS.items():
        for form in ("explicit", "gradient"):
            rows = explain.lrp(make(), IDS, form=form).ledger.rows
            yield from ((kind, form, name) for name in sorted({row.op for row in rows} - {"tokens"}))


def find(name, base=Op):
    return next((c for c in base.__subclasses__() if c.__name__ == name), None) or next(
        (c for c in (find(name, below) for below in base.__subclasses__()) if c), None
    )


def wrong_by_a_millionth(right, explicit):
    """The law `right`, giving each input 1e-6 of its |relevance| too much."""

    def law(*args):
        parts = right(*args)
        arrays = args[-len(parts) :]
        signs = [1 if explicit else np.sign(np.where(np.isinf(a), 0, a)) for a in arrays]
        return tuple(None if p is None else p + 1e-6 * abs(p) * s for p, s in zip(parts, signs, strict=True))

    return law


@pytest.mark.parametrize("kind, form, name", list(every_law()))
def test_an_error_planted_in_an_op_is_found_there(kind, form, name, monkeypatch):
    op, explicit = find(name), form == "explicit"
    law = "relprop" if explicit else "modified"
    monkeypatch.setattr(op, law, wrong_by_a_millionth(getattr(op, law), explicit))
    # takes and gives tuples, which scale as a whole
    if issubclass(op, (ops.shape.joining.Split, ops.shape.joining.Unbind, SplitHeads)):
        monkeypatch.setattr(op, law, lambda self, r, books, x: (self.vjp(r, x)[0] * (1 + 1e-6),))
    with pytest.raises(RuntimeError, match=f"goes missing at {name}"):
        explain.lrp(MODELS[kind](), IDS, form=form)


def test_a_cotangent_moved_to_a_wrong_place_is_found(monkeypatch):
    """The same numbers in the same memory are not weighed; what comes next sees that they do not belong there."""
    right = MergeHeads.vjp
    monkeypatch.setattr(MergeHeads, "vjp", lambda self, g, x: (right(self, g, x)[0][..., ::-1],))
    with pytest.raises(RuntimeError, match="goes missing"):
        explain.lrp(language_model(), IDS)


@pytest.mark.parametrize("rule", LINEAR_RULES, ids=repr)
def test_an_error_planted_in_a_rule_is_found(rule, monkeypatch):
    monkeypatch.setattr(type(rule), "relprop", wrong_by_a_millionth(type(rule).relprop, True))
    with pytest.raises(RuntimeError, match="goes missing at Linear in layer"):
        explain.lrp(classifier(), IDS, form="explicit", rule=Composite({Linear: rule}, "cp-lrp"))


SINKS = [("explicit", sink) for sink in ("positions", "bias", "epsilon", "softmax")]
SINKS += [("gradient", sink) for sink in ("positions", "bias", "softmax")]  # where nothing is divided


@pytest.mark.parametrize("form, sink", SINKS)
def test_an_error_planted_in_a_sink_is_found(form, sink, monkeypatch):
    right = Books.book
    monkeypatch.setattr(
        Books, "book", lambda self, s, amount: right(self, s, amount * (1 + 1e-6 * (s == sink)))
    )
    with pytest.raises(RuntimeError, match="goes missing"):
        explain.lrp(language_model(), IDS, form=form, eps=1e-2)


def minus(x):
    return (x[0] - x[1]) * 3 + x[0]


def matrix(*rows):
    return mt.tensor(np.array(rows, dtype=float))


SUMS_OF_ZERO = {  # where x is (2, 2), and the relevance in gradient form
    "a difference": (minus, [8, -6]),
    "a linear map": (lambda x: (F.linear(x, matrix([1, -1], [2, 1])) * mt.tensor([3.0, 1])).sum(), [10, -4]),
    "a product of matrices": (lambda x: (x @ matrix([1], [-1]))[0] * 5 + x[0], [12, -10]),
    "a logarithm of 1": (lambda x: (x[1] / 2).log() * 3 + x[0], [2, 3]),
}


@pytest.mark.parametrize("function, expected", SUMS_OF_ZERO.values(), ids=SUMS_OF_ZERO)
def test_a_sum_of_exactly_zero_gives_its_terms_nothing_in_explicit_form_alone(function, expected):
    found = {}
    for form in ("gradient", "explicit"):
        for moved in (0.0, 1e-9):
            x = mt.tensor(np.array([2.0, 2 + moved]), requires_grad=True)
            (found[form, moved],), ledger = explain.account(function(x), [x], form=form, eps=0.0)
            assert ledger.closes
    close(found["gradient", 0.0], expected)
    assert np.isfinite(found["explicit", 0.0]).all() and not np.allclose(found["explicit", 0.0], expected)
    assert np.allclose(found["explicit", 1e-9], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_a_sum_of_exactly_zero_before_an_activation_gives_its_terms_nothing(form):
    x = mt.tensor(np.array([2.0, 2.0]), requires_grad=True)
    (found,), _ = explain.account(mt.tanh(x[0] - x[1]) + x[0], [x], form=form, eps=0.0)
    close(found, [2, 0])


def test_an_error_planted_in_what_is_dropped_is_found(monkeypatch):
    right = Books.absorb
    x = mt.tensor(np.array([1.0, 0.0]), requires_grad=True)
    h = F.linear(x, mt.tensor(np.array([[0.0, 3.0], [1.0, 1.0]])))  # the first unit is exactly zero
    y = F.linear(h, mt.tensor(np.array([[1.0, 2.0]])))
    rule = Composite({0: Gamma(), 1: WSquare()})
    ledger = explain.account(y, [x], rule, "explicit")[1]
    assert ledger["dropped"] == pytest.approx(y.item() / 5, rel=1e-5)
    monkeypatch.setattr(
        Books, "absorb", lambda self, s, amounts: right(self, s, amounts * (1 + 1e-3 * (s == "dropped")))
    )
    with pytest.raises(RuntimeError, match="goes missing at Linear"):
        explain.account(y, [x], rule, "explicit")


# Variants that look right and are not


def forms_agree():
    for make in (language_model, MODELS["gated"]):
        model = make()
        gradient, explicit = (
            explain.lrp(model, IDS, form=form, eps=1e-14).relevance for form in ("gradient", "explicit")
        )
        assert abs(gradient - explicit).max() <= 1e-8 * abs(gradient).max()


def no_share_is_larger_than_without_a_stabiliser():
    x, w = np.array([[-9e-7, 0.0]]), np.array([[1.0, 1.0]])
    found, _ = linear(Epsilon(), x, w, np.zeros(1), np.ones((1, 1)), eps=1e-6)
    assert 0 <= found.min() and found.max() <= 1


def unsigned_stabiliser(monkeypatch):
    monkeypatch.setattr(Books, "stabiliser", lambda self, z: np.full_like(z, self.eps))


def forgotten_bias(monkeypatch):
    right = Linear.relprop
    monkeypatch.setattr(
        Linear,
        "relprop",
        lambda self, r, books, x, w, *b: (*right(self, r, books, x, w), *(0 * c for c in b)),
    )


def explicit_q_and_k_not_halved(monkeypatch):
    def relprop(self, r, books, a, b):
        s = books.ratio(r, self.forward(a, b))
        return tuple(None if c is None else x * c for x, c in zip((a, b), self.vjp(s, a, b), strict=True))

    monkeypatch.setattr(ops.products.linalg.MatMul, "relprop", relprop)


def gradient_q_and_k_not_halved(monkeypatch):
    right = ops.networks.attention.Attention.modified

    def modified(self, g, books, q, k, v):
        dq, dk, dv = right(self, g, books, q, k, v)
        return 2 * dq, 2 * dk, dv

    monkeypatch.setattr(ops.networks.attention.Attention, "modified", modified)


def sigma_not_detached(monkeypatch):
    def modified(self, g, books, x, weight, bias):
        statistics = self.recalled(x, weight, bias)
        dx = kernels.reference.layer_norm_vjp(g, x, weight, *statistics)[0]
        return dx, None, g.reshape(-1, g.shape[-1]).sum(0)

    monkeypatch.setattr(ops.networks.normalization.LayerNorm, "modified", modified)


def rms_not_detached(monkeypatch):
    def modified(self, g, books, x, weight):
        return kernels.reference.rms_norm_vjp(g, x, weight, *self.recalled(x, weight))[0], None

    monkeypatch.setattr(ops.networks.normalization.RMSNorm, "modified", modified)


def true_slopes(monkeypatch):
    monkeypatch.setattr(
        ops.networks.activation.GELU, "modified", lambda self, g, books, y, x: self.vjp(g, y, x)
    )
    monkeypatch.setattr(ops.networks.activation.SiLU, "modified", lambda self, g, books, x: self.vjp(g, x))


def products_not_halved(monkeypatch):
    monkeypatch.setattr(
        ops.elementwise.arithmetic.Mul, "modified", lambda self, g, books, a, b: self.vjp(g, a, b)
    )


def infinite_scores_kept(monkeypatch):
    monkeypatch.setattr(Books, "finite", lambda self, a: a)


VARIANTS = [
    forgotten_bias,
    explicit_q_and_k_not_halved,
    gradient_q_and_k_not_halved,
    sigma_not_detached,
    rms_not_detached,
    true_slopes,
    products_not_halved,
    infinite_scores_kept,
]


@pytest.mark.parametrize("plant", VARIANTS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_wrong_variant_is_caught(plant, monkeypatch):
    forms_agree()
    plant(monkeypatch)
    with pytest.raises((AssertionError, RuntimeError)):
        forms_agree()


def test_an_unsigned_stabiliser_is_caught(monkeypatch):
    no_share_is_larger_than_without_a_stabiliser()
    unsigned_stabiliser(monkeypatch)
    with pytest.raises(AssertionError):
        no_share_is_larger_than_without_a_stabiliser()


# Composites


def used(rule, form="explicit"):
    """The rule of each linear map of a language model, by layer."""
    model = language_model()
    asked = explain.Question(model, IDS)
    walk = Walk(rule, form, WalkBooks(1e-6), asked.layers)
    walk.explain(asked)
    maps = sorted((op for op in walk.stops if isinstance(op, Linear)), key=lambda op: op.number)
    return {walk.layers.of(op): repr(walk.stops[op].rule) for op in maps}


def test_layers_are_chosen_by_type_name_and_index():
    rules = {
        "encoder.layers.0.self_attn*": ZPlus(),
        "encoder.layers.1": Gamma(0.5),
        -1: Flat(),
        nn.Linear: WSquare(),
    }
    assert used(Composite(rules)) == {
        "encoder.layers.0.self_attn": "ZPlus()",
        "encoder.layers.0.self_attn.out_proj": "ZPlus()",
        "encoder.layers.0.linear1": "WSquare()",
        "encoder.layers.0.linear2": "WSquare()",
        "encoder.layers.1.self_attn": "Gamma(gamma=0.5)",
        "encoder.layers.1.self_attn.out_proj": "Gamma(gamma=0.5)",
        "encoder.layers.1.linear1": "Gamma(gamma=0.5)",
        "encoder.layers.1.linear2": "Gamma(gamma=0.5)",
        "head": "Flat()",
    }
    assert set(used(Composite({0: Flat()}, base="z-plus")).values()) == {"Flat()", "ZPlus()"}
    assert used(Composite({0: Flat()}, base="z-plus"))["encoder.layers.0.self_attn"] == "Flat()"
    assert (
        used("epsilon-plus")["head"] == "Epsilon()"
        and used("epsilon-plus")["encoder.layers.0.linear1"] == "ZPlus()"
    )


def test_attention_may_differ_by_layer():
    model = language_model()
    mixed = Composite({"encoder.layers.0": Constant()}, base="attnlrp")
    for form in ("explicit", "gradient"):
        rows = explain.lrp(model, IDS, rule=mixed, form=form).ledger.by_layer(depth=3)
        taylor = {row.layer: row.absorbed.get("softmax", 0.0) for row in rows}
        assert taylor["encoder.layers.0"] == 0 != taylor["encoder.layers.1"]


def test_a_composite_of_presets_gives_what_the_preset_gives():
    model = language_model()
    for name in explain.PRESETS:
        expected = explain.lrp(model, IDS, rule=name, form="explicit").relevance
        assert np.array_equal(
            explain.lrp(model, IDS, rule=Composite(base=name), form="explicit").relevance, expected
        )


def test_relevance_knows_layers_if_told():
    model = language_model()
    with explain.Layers(model) as layers:
        logit = model(mt.tensor([IDS]))[0, -1, 3]
    (vectors,) = layers.outputs["embedding"]
    rule = Composite({"head": Gamma()}, base="z-plus")
    (found,) = explain.relevance(logit, [vectors], rule, "explicit", layers=layers)
    expected = explain.lrp(model, IDS, target=3, rule=rule, form="explicit").relevance
    assert np.allclose(found.sum(-1)[0], expected, rtol=0, atol=1e-12)


def test_a_stabiliser_below_zero_would_draw_shares_towards_it():
    with pytest.raises(ValueError, match="eps: expected a number >= 0, got -1"):
        explain.lrp(language_model(), IDS, eps=-1)


@pytest.mark.parametrize(
    "rules, message",
    [
        ({"decoder.*": Gamma()}, r"'decoder.\*' selects no layer; there are .*encoder.layers.0.linear1"),
        ({12: Gamma()}, "linear map 12 selects no layer"),
        (
            {"encoder.layers.0.norm1": Gamma()},
            "Gamma.* fit LayerNorm in layer 'encoder.layers.0.norm1': it is a rule for Linear",
        ),
        ({nn.Linear: Constant()}, "Constant.* does not fit Linear in layer"),
    ],
)
def test_composites_that_do_not_fit(rules, message):
    with pytest.raises(ValueError, match=message):
        explain.lrp(language_model(), IDS, rule=Composite(rules), form="explicit")


def test_rules_that_make_no_sense():
    with pytest.raises(ValueError, match="alpha - beta = 1"):
        AlphaBeta(2, 2)
    with pytest.raises(ValueError, match="gamma >= 0"):
        Gamma(-1)
    with pytest.raises(TypeError, match="rule such as"):
        Composite({"head": Gamma})
    with pytest.raises(ValueError, match="Epsilon.*no gradient form"):
        explain.lrp(language_model(), IDS, rule=Composite({Linear: Epsilon(0.1)}))


def test_composites_print_as_tables():
    table = repr(
        Composite({"encoder.layers.0.*": Gamma(), -1: Flat(), nn.Linear: ZPlus()}, base="cp-lrp", name="mine")
    )
    lines = table.splitlines()
    assert lines[0] == "mine" and len(lines) == 8
    assert lines[2].startswith("'encoder.layers.0.*'  Gamma(gamma=0.25)") and lines[2].endswith("2019")
    for preset in explain.PRESETS.values():
        assert preset.__doc__ and preset().reference in repr(preset())
