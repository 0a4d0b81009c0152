"""What must be true of kernel_weights."""

import math

import numpy as np

from minitransformer.course.checks.lesson_12_lime.common import weights_by_hand
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_its_inputs, returns, same


def _some_masks(rng):
    return (rng.random((6, 5)) < 0.6,)


def _ends(answer):
    got = answer(np.array([[True] * 4, [False] * 4]))
    same(got, [1.0, math.exp(-8)], "the weights of the whole text and of nothing at all")


def _quarter(answer):
    masks = np.array([[True, False, False, False]])
    same(answer(masks), [math.exp(-2)], "the weight where one word of four is left, which is at distance 50")
    same(answer(masks, 50.0), [math.exp(-0.5)], "the same with width 50")


def _wrong_kernel(
    scale=100.0, root=True, share=np.sqrt, power=2, width_power=2, sign=-1, gone=False, fixed=False, axis=1
):
    """The weights with something wrong in them."""

    def weights(masks, width=25.0):
        width = 25.0 if fixed else width
        left = (~masks if gone else masks).mean(axis)
        weight = np.exp(sign * (scale * (1 - share(left))) ** power / width**width_power)
        return np.sqrt(weight) if root else weight

    return weights


def _distance(masks):
    return 100 * (1 - np.sqrt(masks.mean(1)))


def _turned(masks, width=25.0):
    """With T / k in the place of k / T."""
    share = masks.shape[1] / np.maximum(masks.sum(1), 1)
    return np.exp(-((100 * (1 - np.sqrt(share))) ** 2) / width**2 / 2)


kernel_weights = Exercise(
    minutes=5,
    level=1,
    hints=(
        "masks.mean(axis=1) is k / T for each row, as True counts as 1.",
        "First the distance, (N,), then np.sqrt(np.exp(-(d**2) / width**2)).",
    ),
    why="sqrt(k / T) is the cosine of the angle between the mask and the row of ones: 1 where nothing is missing.",
    properties=(
        Property(
            "1 for the whole text, nearly 0 for nothing",
            _ends,
            "The whole text is at distance 0, weight 1; nothing is at 100, weight exp(-8) with width 25. One weight for each row.",
        ),
        Property(
            "by hand, for a quarter of the words, and two widths",
            _quarter,
            "k / T = 1/4, so d = 100 (1 - 1/2) = 50: sqrt(exp(-50^2 / width^2)).",
        ),
        returns(
            "it is right for any masks",
            _some_masks,
            weights_by_hand,
            hint="For each row, d = 100 (1 - sqrt(k / T)) and sqrt(exp(-d^2 / width^2)), k being how many are left.",
        ),
        keeps_its_inputs(_some_masks),
    ),
    examples=lambda rng: (
        _some_masks(rng),
        (np.array([[True, False], [True, True], [False, False]]), 40.0),
        (np.arange(100) < np.array([[99], [98]]), 0.5),
    ),
    mistakes={
        "k counts the words left in each row, along axis 1; here it goes along axis 0.": lambda masks, width=25.0: (
            np.sqrt(np.exp(-((100 * (1 - np.sqrt(masks.sum(0) / masks.shape[1]))) ** 2) / width**2))
        ),
        "T is the number of words, masks.shape[1]; here it is another number.": lambda masks, width=25.0: (
            np.sqrt(np.exp(-((100 * (1 - np.sqrt(masks.sum(1) / len(masks)))) ** 2) / width**2))
        ),
        "The distance goes from 0 to 100, not to 1: the factor 100 is missing.": _wrong_kernel(scale=1.0),
        "The root around exp is missing.": _wrong_kernel(root=False),
        "The distance takes the root of the share: 1 - sqrt(k / T).": _wrong_kernel(share=lambda left: left),
        "Square the distance.": _wrong_kernel(power=1, width_power=1),
        "Square the width too.": _wrong_kernel(width_power=1),
        "The minus in the exponent is missing: far samples count most here.": _wrong_kernel(sign=1),
        "Here k counts the words that are gone; it counts those that are left.": _wrong_kernel(gone=True),
        "Each row has a weight of its own: the mean goes along axis 1, (N,).": lambda masks, width=25.0: (
            _wrong_kernel()(np.full((1, 1), masks.mean()), width)[0]
        ),
        "Where no word is left, k / T is 0 and its root too: here something is divided by k.": lambda masks, width=25.0: (
            np.where(masks.any(1), _wrong_kernel()(masks, width), np.nan)
        ),
        "The weights need not add up to 1: the whole text has weight 1.": lambda masks, width=25.0: (
            _wrong_kernel()(masks, width) / _wrong_kernel()(masks, width).sum()
        ),
        "The exponent is -d^2 / width^2, and one root around exp: no other factor.": (
            lambda masks, width=25.0: _wrong_kernel()(masks, width * math.sqrt(2)),
            lambda masks, width=25.0: _wrong_kernel()(masks, width * 2),
            lambda masks, width=25.0: _wrong_kernel()(masks, width / 2),
        ),
        "The distance is 100 (1 - sqrt(k / T)): the root is of k / T alone.": lambda masks, width=25.0: (
            np.exp(-((100 * np.sqrt(1 - masks.mean(1))) ** 2) / width**2 / 2)
        ),
        "The share of the words is k / T, not T / k.": (
            _turned,
            lambda masks, width=25.0: np.where(masks.any(1), _turned(masks, width), 0.0),
        ),
        "The distance is 100 (1 - sqrt(k / T)): the factor 100 is of the whole bracket.": (
            lambda masks, width=25.0: np.exp(-((1 - np.sqrt(100 * masks.mean(1))) ** 2) / width**2 / 2),
            lambda masks, width=25.0: np.exp(-((100 - np.sqrt(masks.mean(1))) ** 2) / width**2 / 2),
            lambda masks, width=25.0: np.exp(-((1 - 100 * np.sqrt(masks.mean(1))) ** 2) / width**2 / 2),
        ),
        "The exponential is missing: exp of -d^2 / width^2, and the root around it.": (
            lambda masks, width=25.0: np.sqrt(_distance(masks) ** 2 / width**2),
            lambda masks, width=25.0: -(_distance(masks) ** 2) / width**2 / 2,
            lambda masks, width=25.0: -(_distance(masks) ** 2) / width**2,
        ),
        "d^2 is divided by width^2: here it is multiplied.": lambda masks, width=25.0: np.exp(
            -(_distance(masks) ** 2) * width**2 / 2
        ),
        "d^2 is divided by width^2: here by another power of width.": (
            _wrong_kernel(width_power=0.5),
            _wrong_kernel(width_power=4),
            _wrong_kernel(width_power=3),
        ),
        "The width is missing: d^2 is divided by width^2.": _wrong_kernel(width_power=0),
        "The factor of the distance is 100.": (_wrong_kernel(scale=10.0), _wrong_kernel(scale=1000.0)),
        "The distance takes the square root of k / T: here it is another root.": _wrong_kernel(share=np.cbrt),
        "The exponential has the base e, np.exp: here the base is 2.": lambda masks, width=25.0: (
            _wrong_kernel()(masks, width / math.sqrt(math.log(2)))
        ),
        "k is divided by the number of words, masks.shape[1]: here by the largest k.": lambda masks, width=25.0: (
            np.exp(-((100 * (1 - np.sqrt(masks.sum(1) / masks.sum(1).max()))) ** 2) / width**2 / 2)
        ),
        "k // T is a whole number, 0 unless all words are left: divide by `/`.": _wrong_kernel(
            share=np.floor
        ),
        "This is 1 less the weight: the whole text has weight 1.": lambda masks, width=25.0: (
            1 - _wrong_kernel()(masks, width)
        ),
        "The distance takes the root of k / T, not its square.": _wrong_kernel(share=np.square),
        "The argument for the width is not used.": _wrong_kernel(fixed=True),
        "The mean goes down the columns; each row is a sample.": _wrong_kernel(axis=0),
        "This is the distance; put it into the exponential.": lambda masks, width=25.0: (
            100 * (1 - np.sqrt(masks.mean(1)))
        ),
    },
)
