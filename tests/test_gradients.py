"""The judges of gradients: they reject every way to be wrong that we could think of, and accept what is right."""

import math

import numpy
import pytest
from helpers import array

import minitransformer as mt
from minitransformer.autograd import Op
from minitransformer.devices import to_host
from minitransformer.gradients import finite_differences, largest_error
from minitransformer.ops.laws import unbroadcast


class Softmax(Op):
    """Softmax along the last dimension, whose gradient is an argument."""

    def __init__(self, vjp):
        self.law = vjp

    def forward(self, x):  # (.., n) -> (.., n)
        e = numpy.exp(x - x.max(-1, keepdims=True))
        self.s = e / e.sum(-1, keepdims=True)
        return self.s

    def vjp(self, g, x):
        return (self.law(g, self.s),)


def softmax_vjp(g, s):
    return s * (g - (g * s).sum(-1, keepdims=True))


def one_element_off(g, s, by=1 + 1e-3):
    dx = softmax_vjp(g, s)
    dx[1, 2] *= by
    return dx


def nan_at_one_element(g, s):
    return one_element_off(g, s, by=math.nan)


def blind(g, s):
    """Right for a cotangent of ones, and for no other."""
    return s * (g.mean() - (g.mean() * s).sum(-1, keepdims=True))


WRONG_SOFTMAX = {
    "zeros": lambda g, s: numpy.zeros_like(s),
    "none": lambda g, s: None,
    "right for ones only": blind,
    "seven times": lambda g, s: 7 * softmax_vjp(g, s),
    "a sign": lambda g, s: -softmax_vjp(g, s),
    "one element": one_element_off,
    "nan": nan_at_one_element,
    "infinite": lambda g, s: one_element_off(g, s, math.inf),
    "rows mixed up": lambda g, s: softmax_vjp(g, s)[::-1],
    "transposed": lambda g, s: softmax_vjp(g, s).T,
    "not summed": lambda g, s: s * g,
}


class Product(Op):
    """a * b with broadcasting, whose gradients are arguments."""

    def __init__(self, vjp):
        self.law = vjp

    def forward(self, a, b):
        return a * b

    def vjp(self, g, a, b):
        return self.law(g, a, b)


def product_vjp(g, a, b):
    return unbroadcast(g * b, a), unbroadcast(g * a, b)


WRONG_PRODUCT = {
    "no unbroadcast": lambda g, a, b: (g * b, g * a),
    "a mean instead of a sum": lambda g, a, b: (product_vjp(g, a, b)[0], (g * a).mean((0, 1))),
    "one forgotten": lambda g, a, b: (product_vjp(g, a, b)[0], None),
    "exchanged": lambda g, a, b: (unbroadcast(g * a, a), unbroadcast(g * b * a / a, b)),
    "cotangent forgotten": lambda g, a, b: (b * numpy.ones_like(g), a.sum((0, 1))),
}


def judges(ours, theirs, inputs):
    """Each judge as a function without arguments."""
    return [lambda: mt.gradcheck(ours, inputs), lambda: mt.compare_with_torch(ours, theirs, inputs)]


@pytest.mark.parametrize("law", WRONG_SOFTMAX.values(), ids=WRONG_SOFTMAX)
def test_a_wrong_gradient_of_one_input_is_rejected(law):
    shape = (4, 4)  # square, so that a transposed gradient fits
    for judge in judges(lambda x: Softmax(law)(x), lambda x: x.softmax(-1), [array(*shape)]):
        with pytest.raises(
            AssertionError, match=r"the gradient of input 0 is wrong at index \(\d, \d\): got .*, expected .*"
        ):
            judge()


@pytest.mark.parametrize("law", WRONG_PRODUCT.values(), ids=WRONG_PRODUCT)
def test_a_wrong_gradient_of_one_of_two_inputs_is_rejected(law):
    for judge in judges(
        lambda a, b: Product(law)(a, b), lambda a, b: a * b, [array(2, 3, 4), array(4, seed=1)]
    ):
        with pytest.raises(AssertionError, match="the gradient of input [01]"):
            judge()


def test_an_all_ones_cotangent_would_have_passed_zeros():
    """Why the cotangent is random: this is what a check of `.sum()` sees."""
    x = mt.tensor(array(4, 4), requires_grad=True)
    mt.softmax(x, -1).sum().backward()
    assert abs(x.grad.numpy()).max() < 1e-15


def test_what_is_right_is_accepted():
    x, bias = array(2, 3, 4), array(4, seed=1)
    for judge in judges(lambda x: Softmax(softmax_vjp)(x), lambda x: x.softmax(-1), [x]):
        judge()
    for judge in judges(lambda a, b: Product(product_vjp)(a, b), lambda a, b: a * b, [x, bias]):
        judge()
    assert 0 < mt.gradcheck(lambda a, b: Product(product_vjp)(a, b), [x, bias]) < 1e-6
    errors = mt.compare_with_torch(lambda x: Softmax(softmax_vjp)(x), lambda x: x.softmax(-1), x)
    assert set(errors) == {"value", "gradient"} and 0 < errors["gradient"] < 1e-10


def test_a_wrong_shape_is_named():
    law = WRONG_PRODUCT["no unbroadcast"]
    with pytest.raises(
        AssertionError, match=r"the gradient of input 1: expected shape \(4,\), got \(2, 3, 4\)"
    ):
        mt.gradcheck(lambda a, b: Product(law)(a, b), [array(2, 3, 4), array(4)])


def test_the_message_says_where_what_and_how_far():
    x = numpy.array([[1.0, 2.0], [3.0, 4.0]])
    fn = lambda x: Product(lambda g, a, b: (g * b + 5 * (a == 3), None))(x, mt.tensor(numpy.ones((2, 2))))  # noqa: E731
    with pytest.raises(AssertionError) as caught:
        mt.compare_with_torch(fn, lambda x: x * 1, [x])
    message = str(caught.value)
    got, expected = (
        float(message.partition(word)[2].split()[0].strip(",")) for word in ("got ", "expected ")
    )
    assert "the gradient of input 0 is wrong at index (1, 0)" in message and "allowed 1e-10" in message
    assert got - expected == pytest.approx(5)


def test_a_wrong_value_is_rejected():
    with pytest.raises(AssertionError, match=r"the value is wrong at index \(1,\): got 1, expected 2"):
        mt.compare_with_torch(lambda x: x.clip(0, 1), lambda x: x, numpy.array([0.5, 2.0, 1.0]))
    with pytest.raises(AssertionError, match=r"the value: expected shape \(3,\), got \(3, 1\)"):
        mt.compare_with_torch(lambda x: x.unsqueeze(1), lambda x: x, array(3))


def test_an_output_cut_off_from_its_input_is_rejected():
    with pytest.raises(AssertionError, match="the gradient of input 0 .* got 0, expected"):
        mt.gradcheck(lambda x: x.detach() * mt.ones(3, dtype=mt.float64, requires_grad=True), array(3))
    with pytest.raises(AssertionError, match="the gradient of input 0 .* got 0, expected"):
        mt.compare_with_torch(lambda x: x.detach(), lambda x: x * 1, array(3))


def test_every_element_is_checked():
    shape = (2, 3)
    for index in numpy.ndindex(shape):

        def law(g, a, b, index=index):
            g = g.copy()
            g[index] *= 1.001
            return g, None

        with pytest.raises(AssertionError, match=str(index).replace("(", r"\(").replace(")", r"\)")):
            mt.gradcheck(lambda x, law=law: Product(law)(x, mt.tensor(numpy.ones(shape))), array(*shape))


def test_seeds_give_other_cotangents_and_none_is_the_input():
    seen = []

    def fn(x):
        return Product(lambda g, a, b: seen.append(to_host(g).copy()) or (g * b, None))(
            x, mt.tensor(numpy.ones(5))
        )

    for seed in (0, 0, 1):
        mt.gradcheck(fn, numpy.random.default_rng(seed).standard_normal(5), seed=seed)
    assert (seen[0] == seen[1]).all() and abs(seen[0] - seen[2]).max() > 0.1
    assert abs(seen[0] - numpy.random.default_rng(0).standard_normal(5)).max() > 0.1


def test_integers_are_passed_on_and_not_checked():
    ids = numpy.array([2, 0, 2])
    mt.gradcheck(lambda table, ids: table[ids], [array(3, 2), ids])
    mt.compare_with_torch(lambda table, ids: table[ids], lambda table, ids: table[ids], [array(3, 2), ids])


def test_nothing_to_check_is_no_success():
    for inputs in ([numpy.array([0, 2])], []):
        with pytest.raises(ValueError, match="at least one floating-point input"):
            mt.gradcheck(lambda *ids: mt.ones(2), inputs)


def test_inputs_are_left_as_they_were():
    x = mt.tensor(array(2, 3), requires_grad=True)
    before = x.numpy().copy()
    mt.gradcheck(lambda x: x * x, [x])
    assert (x.numpy() == before).all() and x.grad is None and x.edited == (0,)
    narrow = mt.tensor(array(2, 3, dtype="float32"))
    mt.gradcheck(lambda x: x * x, [narrow])
    assert narrow.dtype == mt.float32


def test_infinities_that_agree_are_no_error():
    x = numpy.array([0.0, -1.0, 2.0])
    fill = lambda x: x.masked_fill(x > 1, -math.inf)  # noqa: E731
    assert mt.gradcheck(fill, x) < 1e-6 and mt.compare_with_torch(fill, fill, x)["value"] == 0


@pytest.mark.parametrize("bad", [[1.0, math.nan], [1.0, math.inf], [1.0], [[1.0, 2.0]]])
def test_largest_error_of_what_cannot_be_compared_is_infinite(bad):
    assert largest_error(numpy.array(bad), numpy.array([1.0, 2.0])) == math.inf
    assert largest_error(numpy.array([1.0, 2.0]), numpy.array(bad)) == math.inf


def test_largest_error_is_relative_to_the_largest_entry():
    got, expected = numpy.array([1.0, -3.0]), numpy.array([1.5, -4.0])
    assert largest_error(got, expected) == 0.25
    assert largest_error(got, expected, scale=10) == 0.1
    assert largest_error(numpy.array([0.5]), numpy.array([0.0])) == 0.5
    assert largest_error(numpy.zeros((0, 3)), numpy.zeros((0, 3))) == 0
    assert largest_error(numpy.array([math.inf, 1.0]), numpy.array([math.inf, 1.0])) == 0


def test_finite_differences_of_a_cubic():
    x = mt.tensor(numpy.array([-2.0, 0.5, 3.0]))
    slopes = finite_differences(lambda x: x**3, [x], 0, seed=4)
    cotangent = finite_differences(lambda x: x, [x], 0, seed=4)
    numpy.testing.assert_allclose(slopes, cotangent * 3 * x.numpy() ** 2, rtol=1e-8)


def test_rounding_noise_is_no_error():
    """A gradient that is zero but for rounding, of a loss that is not."""
    mt.gradcheck(lambda x: x.softmax(-1).sum(-1), array(3, 5))
    both = lambda x: x.softmax(-1).sum(-1)  # noqa: E731
    mt.compare_with_torch(both, both, array(3, 5, dtype="float32"), rtol=1e-5)
