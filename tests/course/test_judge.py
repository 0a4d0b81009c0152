"""What the judge says of exceptions, of None, of numbers that differ, and of a time limit."""

import numpy as np
import pytest
from cases import judge_source

from minitransformer.course.crashes import meaning
from minitransformer.course.derived import of_other_shape
from minitransformer.course.differences import apart, relation, rounded, shapes
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.first_round import ended_at_once
from minitransformer.course.folded import folded
from minitransformer.course.ingredients import ingredient
from minitransformer.course.judge import A_FIRST_HINT, judge
from minitransformer.course.nothing import why_none
from minitransformer.course.properties import (
    is_normal,
    keeps_its_inputs,
    returns,
    same,
    takes_batches,
    uses_its_generator,
)

CRASHES = [
    ("np.ones(3, bool) & np.ones(3) > 0.5", "each comparison needs its brackets"),
    ("np.zeros((2, 3, 4)).transpose(1, 2)", "np.swapaxes(x, 1, 2) exchanges two"),
    ("np.ones((2, 3)) - np.ones((2, 3)).sum(1)", "keepdims=True"),
    ("np.ones((2, 3)) - np.ones((3, 4))", "read from the right"),
    ("np.ones((2, 3)) @ np.ones((2, 3))", "The shapes of a matrix product"),
    ("np.ones(3).unsqueeze(0)", "x[..., None]"),
    ("np.zeros(2, 3)", "in brackets of its own"),
    ("np.ones(3).sum(dim=0)", "`axis`"),
    ("[1, 2][2]", "beyond the end"),
    ("np.ones(3)[3]", "Axis 0 has 3 places"),
    ("unknown + 1", "Nothing is called `unknown`"),
    ("(lambda f: f(f))(lambda f: f(f))", "calls itself again and again"),
    ("(1, 2) + 3", "(x,) is a tuple of one"),
    ("range(2.0)", "`//` divides so"),
    ("min([])", "`default=`"),
    ("np.ones(3).shape[1]", "A shape has one number for each axis"),
    ("-np.ones(3, bool)", "turned round by `~`"),
    ("2.0 ^ 3", "written `**`"),
    ("np.ones(3).append(4)", "a method of lists"),
    ("{}.weight", "d['weight']"),
    ("len(3)", "here comes one number"),
    ("-[1, 2]", "not for a list"),
    ("{np.ones(3): 1}", "its place in a list can"),
    ("1 - lr", "`self.lr`"),
    ("type('Adam', (), {'step': lambda self: self.m})().step()", "__init__ of Adam has to set it"),
    ("sorted([1j, 2j])", "cannot compare a complex"),
    ("np.reshape(np.ones(4), 2, 2, 1)", "np.reshape(x, (2, 3))"),
    ("np.take_along_axis(np.ones((2, 3)), np.array([0, 1]), axis=1)", "places[:, None]"),
    ("-(np.ones(3) * np.ones((3, 2))).sum()", "If one comes from a sum"),
    ("[None for a, b in (CRASHES, CRASHES)]", "zip(a, b)"),
    ("np.add.at(np.zeros(3), np.ones(3), np.array([0, 1, 2]))", "The second argument"),
    ("np.ones(3).grad", "carries no gradient"),
    ("np.ones(3).split(2)", "An array of NumPy has no `split`: write np.split"),
    ("np.float64(1)[...].item()[0]", "has no places"),
    ("np.linalg.solve(np.ones((2, 3)), np.ones(2))", "as many rows as columns"),
]


@pytest.mark.parametrize(("code", "said"), CRASHES)
def test_an_exception_is_told_by_its_meaning(code, said):
    with pytest.raises(Exception) as raised:  # noqa: PT011  (each of its own kind)
        eval(code)
    assert said in meaning(raised.value, f"line 1: {code}")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("x + 1", "In `f` there is none"),
        ("return x.sort()", "`x.sort(..)` changes in place"),
        ("return np.add.at(x, 0, 1)", "`np.add.at(..)` changes in place"),
        ("if x:\n        return 1", "One way through `f`"),
        ("if x:\n        return None\n    return 1", "The `return` in line 5 gives None"),
        ("return g(x)", "There is no `return` in `g`"),
        ("y = x.reverse()\n    return y", "`x.reverse(..)` changes in place"),
    ],
)
def test_none_is_told_by_the_source(body, said):
    assert said in why_none(f"def g(x):\n    x + 1\ndef f(x):\n    {body}\n", "f")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("for i in x:\n        s += i\n        return s", "The `return` in line 4 stands inside the loop"),
        ("for i in x:\n        if i: return 1\n        else: return 2", "The `return` in line 3"),
        ("for i in x:\n        if i: return 1\n    return 2", ""),
        ("for i in x:\n        if i: continue\n        return 1", ""),
        ("for i in x:\n        s += g(i)\n    return s", ""),
    ],
)
def test_a_loop_that_ends_in_its_first_round_is_named(body, said):
    found = ended_at_once(f"def f(x):\n    {body}\n", "f")
    assert (said in found) if said else found == ""


def test_numbers_are_told_apart():
    assert apart(1.0, 1.0000001) == "expected 1, got 1.0000001 (a difference of 1e-07)"
    assert apart(1.0, 2.0) == "expected 1, got 2"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: -x, "the wrong sign"),
        (lambda x: x / 2, "0.5 times"),
        (lambda x: x + 3, "3 more"),
        (lambda x: x.T, "exchanged"),
        (lambda x: x[::-1], "reverse order along axis 0"),
        (lambda x: 0 * x, "are 0"),
        (lambda x: x * np.array([1, 1, 2]), "at place 2 of axis 1"),
        (abs, "the signs are lost"),
        (np.square, "the square of"),
        (lambda x: np.maximum(x, 0), "all below 0 became 0"),
        (lambda x: np.roll(x, 1, 1), "Along axis 1 the right numbers stand one place too late"),
        (lambda x: x / x.sum(0), "divided by their sum along axis 0"),
        (
            lambda x: x * np.array([2, 3, 5]),
            "Along axis 0 each number is the right one times the same factor, 2",
        ),
        (lambda x: x + np.array([[2], [3], [5]]), "Along axis 1 all numbers differ by the same amount, 2"),
        (lambda x: np.where(x == x[0, 0], np.nan, x), "1 of 9 numbers are NaN"),
    ],
)
def test_what_came_is_compared_as_a_whole(change, said):
    x = np.random.default_rng(0).normal(size=(3, 3))
    got = change(x)
    assert said in relation(x, got, ~np.isclose(x, got))[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x.sum(1), "the expected array, summed over axis 1"),
        (lambda x: x.mean(0, keepdims=True), "the expected array, averaged over axis 0"),
        (lambda x: x.sum(), "the expected array, summed over everything"),
        (lambda x: x[-1], "the expected array, only the last along axis 0"),
        (lambda x: np.stack([x / 3, 2 * x / 3]), "summed over axis 0, would be right"),
        (lambda x: np.stack([x, 2 * x]), "only the first along axis 0, would be right"),
        (lambda x: x[:-1], "The last along axis 0 is missing; the others are right"),
        (lambda x: np.vstack([x[:1] + 1, x]), "The first along axis 0 is too many; the others are right"),
        (lambda x: np.vstack([x[:1] + 1, x + 1]), ""),
        (lambda x: np.full(7, np.nan), ""),
        (lambda x: np.zeros(0), ""),
    ],
)
def test_what_came_in_another_shape_is_compared(change, said):
    x = np.random.default_rng(0).normal(size=(4, 3))
    (found,) = folded(x, change(x)) or ("",)
    assert said in found
    assert bool(said) == bool(found)


def test_one_of_equal_rows_is_missing():
    assert folded(np.ones((3, 2)), np.ones((2, 2))) == ("One along axis 0 is missing; the others are right.",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x, g, b: x * g, "the expected one times g."),
        (lambda x, g, b: -x / g, "the expected one divided by g, with the wrong sign"),
        (lambda x, g, b: x + b, "the expected one plus b"),
        (lambda x, g, b: g, "It is g itself"),
        (lambda x, g, b: g * b, "It is g * b, number by number"),
        (lambda x, g, b: b - g, "It is b - g, number by number"),
        (lambda x, g, b: g / b, "It is g / b, number by number"),
        (lambda x, g, b: 2 * x, ""),
    ],
)
def test_what_was_given_is_found_in_what_came(change, said):
    x, g = np.random.default_rng(0).normal(size=(2, 4, 3))
    b = np.arange(1.0, 4)
    (found,) = ingredient(
        x, change(x, g, b), {"n": 3, "c": np.zeros(7), "ones": np.ones(3), "inf": b - np.inf, "g": g, "b": b}
    ) or ("",)
    assert said in found
    assert bool(said) == bool(found)


FIRST_ROW = "Only those at place 0 of axis 0 are right."


@pytest.mark.parametrize(
    ("places", "change", "said"),
    [
        (np.s_[1:], lambda x: 0 * x, (FIRST_ROW, "0 came where they are wrong.")),
        (np.s_[2, 2:], lambda x: -x, ("Those that are wrong have the wrong sign.",)),
        (np.s_[2:, :], lambda x: x**2, ("Those that are wrong are the squares of what is expected.",)),
        (np.s_[1:], lambda x: 3 * x, (FIRST_ROW, "Those that are wrong are 3 times what is expected.")),
        (np.s_[:, 1::2], lambda x: x + np.arange(4), ()),
        (np.s_[2, 2], lambda x: 0 * x, ("0 came there.",)),
    ],
)
def test_those_that_are_wrong_are_compared(places, change, said):
    x = np.random.default_rng(0).normal(size=(4, 4)) + 3
    got = x.copy()
    got[places] = change(x)[places]
    assert relation(x, got, got != x)[1:] == said


def test_numbers_where_none_was_expected_have_no_factor():
    x = np.array([1.0, 0.0, 0.0, 2.0])
    got = np.array([1.0, 5.0, 6.0, 2.0])
    assert relation(x, got, got != x) == ("2 of 4 numbers are wrong.",)


def test_the_only_one_that_is_right_is_named():
    x = np.arange(1.0, 7).reshape(2, 3)
    got = x**3
    assert relation(x, got, got != x)[1:] == ("Only that at index (0, 0) is right.",)


def test_every_second_place_is_wrong():
    x = np.random.default_rng(0).normal(size=(3, 6))
    got = x.copy()
    got[:, 1::2] = np.arange(9).reshape(3, 3)
    assert "all of them at odd places of axis 1" in relation(x, got, got != x)[0]


def test_numbers_that_are_nearly_equal_are_not_said_to_be_more():
    x = np.array([1.0, 2.0, 1e-30])
    got = x + np.array([0.0, 0.0, 1e-14])
    assert not any("than expected" in said for said in relation(x, got, np.array([False, False, True])))


def test_an_array_that_cuts_off_fractions_is_named():
    x = np.array([0.5, 1.0, -2.75])
    assert "dtype=float" in rounded(x, x.astype(int))
    assert not rounded(x, x)
    assert "too few digits" in rounded(x / 3, (x / 3).astype("float16"))
    assert not rounded(x, (2 * x).astype("float16"))
    assert not rounded(x, np.array([3, 1, -2]))
    assert not rounded(np.round(x), np.round(x).astype(int))
    with pytest.raises(Failed) as failed:
        same(x.astype(int), x)
    assert "dtype=float" in failed.value.hint


def test_a_function_in_the_place_of_its_result_is_named():
    for got in (np.sum, np.array(np.sum)):
        with pytest.raises(Failed) as failed:
            same(got, 1.0)
        assert "( ) calls it" in failed.value.hint


def test_shapes_are_compared():
    assert shapes((2, 3), (3, 2)) == ("The axes are in another order.",)
    assert shapes((1, 3), (3,)) == ("An axis of size 1 is missing.",)
    assert shapes((2, 3), (4,)) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x.sum(1), "summed along axis 1"),
        (lambda x: x[0], "only the expected numbers at place 0 of axis 0"),
        (lambda x: x.transpose(1, 2, 0), "the axes in the order (1, 2, 0)"),
    ],
)
def test_what_came_in_another_shape_is_compared_too(change, said):
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    assert said in of_other_shape(x, change(x))[0]


@pytest.mark.parametrize(
    ("change", "said"), [(lambda x: x.round(2), "rounded to 2 places"), (np.floor, "`//`")]
)
def test_numbers_that_were_rounded_are_named(change, said):
    x = np.random.default_rng(0).normal(size=(3, 3))
    assert said in rounded(x, change(x))
    assert not rounded(x, x + 0.1)


def test_numbers_that_grow_too_large_are_not_taken_for_those_that_came():
    x = np.array([1.0, 2.0, 1000.0])
    assert relation(x, np.array([5.0, 7.0, 9.0]), np.array([True] * 3)) == ()


def _exercise(*properties, hints=("the first",)):
    return Exercise(minutes=1, level=1, hints=hints, why="", properties=properties)


def _fails(answer):
    raise Failed("it is not so")


def test_a_first_hint_is_labelled_and_about_the_property_that_failed():
    holds = Property("it is", lambda answer: None)
    assert judge("f", _exercise(Property("p", _fails, "about p")), abs).hint == A_FIRST_HINT + "about p"
    assert judge("f", _exercise(Property("p", _fails)), abs).hint == A_FIRST_HINT + "the first"
    assert judge("f", _exercise(holds, Property("p", _fails)), abs).hint == ""


def test_an_endless_loop_is_told_with_the_property():
    report = judge_source("merge_pair", "def merge_pair(ids, pair, new):\n    while True:\n        pass\n")
    assert report.status == "stopped" and report.wrong == "it merges a pair" and "loop" in report.hint


def test_kinds_of_properties_notice():
    def numbers(rng):
        return (rng.normal(size=3),)

    for prop, right, wrong in (
        (keeps_its_inputs(numbers), lambda x: x + 1, lambda x: x.fill(0)),
        (keeps_its_inputs(lambda rng: ([1, 2], {3: [4]})), lambda a, b: a, lambda a, b: b[3].append(5)),
        (takes_batches(numbers), lambda x: x - x.mean(-1, keepdims=True), lambda x: x - x.mean()),
        (
            uses_its_generator(lambda f, rng: f(rng)),
            lambda rng: rng.normal(size=3),
            lambda rng: np.random.default_rng(0).random(3),
        ),
    ):
        prop.holds(right)
        with pytest.raises(Failed):
            prop.holds(wrong)


def test_normal_is_not_uniform():
    rng = np.random.default_rng(0)
    assert is_normal(3 * rng.normal(size=4000) + 1) and not is_normal(rng.uniform(-1, 1, 4000))


def test_a_difference_in_the_last_digits_is_shown():
    with pytest.raises(Failed, match="1.00001"):
        same([1.00001], [1.0])


def test_an_input_changed_in_place_is_named_as_what_may_spoil_the_values():
    def half(x):
        x /= 2
        return x + 1

    ones = lambda rng: (np.ones(3),)  # noqa: E731
    doubled = returns("it doubles", ones, lambda x: 2 * x + 1)
    report = judge("f", _exercise(doubled, keeps_its_inputs(ones)), half)
    assert report.wrong == "it doubles" and "Argument 1 was changed in place" in report.hint
    assert "changed" not in judge("f", _exercise(doubled, keeps_its_inputs(ones)), lambda x: x).hint


def test_the_line_of_an_endless_loop_is_shown():
    report = judge_source("causal_mask", "def causal_mask(T):\n    i = 0\n    while i < T:\n        pass\n")
    assert report.details[1].startswith("it was then in line")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_line_that_makes_a_nan_is_shown():
    masked = "    x = np.where(x > 1e3, -np.inf, x)\n    hidden = x * 0\n    return hidden + x\n"
    report = judge_source("softmax", "import numpy as np\ndef softmax(x):\n" + masked.replace("1e3", "-1e3"))
    assert any(
        said.startswith("invalid value encountered in multiply in line 4") for said in report.details
    ), report


def test_the_line_that_called_is_shown():
    source = "def inner(x):\n    return x.nothing\n\ndef softmax(x):\n    return inner(x)\n"
    assert judge_source("softmax", source).details[1:] == (
        "line 2: return x.nothing",
        "called in line 5: return inner(x)",
    )


def test_one_number_is_compared_too():
    assert relation(np.array(0.5), np.array(-0.5), np.array(True)) == ("It has the wrong sign.",)
    assert relation(np.array(0.5), np.array(1.5), np.array(True)) == ("It is 3 times what is expected.",)
    assert relation(np.array(3.0), np.array(6.0), np.array(True)) == ()  # counts and ids


def test_several_results_where_one_is_asked():
    with pytest.raises(Failed, match="tuple of 2") as failed:
        same((np.ones(3), np.ones(2)), np.ones(3))
    assert "alone" in failed.value.hint
