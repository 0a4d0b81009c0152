"""What must be true of epsilon_rule."""

import math

import numpy as np

from minitransformer.course.checks.lesson_11_relevance_propagation.common import (
    EPS,
    called_with,
    conserves,
    in_steps,
    moved_from_zero,
    sign_of,
    wrong_epsilon,
)
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_its_inputs, same

LINEAR = ("the relevance of x", "what the biases keep", "what the stabiliser keeps")


def _linear(rng):
    return rng.normal(size=(3, 2)), rng.normal(size=(3, 4)), rng.normal(size=(2, 4)), rng.normal(size=2)


def _by_loops(r, x, weight, bias, eps):
    """Each product on its own: what input i sends to sum j."""
    r_x = np.zeros_like(x)
    kept = 0.0
    lost = 0.0
    for n, j in np.ndindex(r.shape):
        products = [x[n, i] * weight[j, i] for i in range(x.shape[1])]
        z = math.fsum([*products, bias[j]])
        per_unit = r[n, j] / (z + sign_of(z) * eps)
        for i, product in enumerate(products):
            r_x[n, i] += product * per_unit
        kept = kept + bias[j] * per_unit
        lost = lost + sign_of(z) * eps * per_unit
    return r_x, kept, lost


def _one_sum(answer):
    x = np.array([[2.0, 1.0]])
    w = np.array([[3.0, -2.0]])
    r = np.array([[8.0]])
    got = called_with(answer, LINEAR, r, x, w, np.zeros(1), eps=0.0)
    same(got[0], [[12.0, -4.0]], "the relevance of x = [2, 1] with weights 3 and -2, so z = 4, and r = 8")


def _loops(part, eps):
    def holds(answer):
        values = _linear(np.random.default_rng(2))
        same(called_with(answer, LINEAR, *values, eps=eps)[part], _by_loops(*values, eps)[part], LINEAR[part])

    return holds


_with = in_steps(
    ("r", "x", "weight", "bias", "eps"),
    ("r_x", "to_bias", "to_eps"),
    z=lambda v: v.x @ v.weight.T + v.bias,
    stable=lambda v: moved_from_zero(v.z, v.eps),
    share=lambda v: v.r / v.stable,
    r_x=lambda v: v.x * (v.share @ v.weight),
    to_bias=lambda v: (v.share * v.bias).sum(),
    to_eps=lambda v: (v.share * (v.stable - v.z)).sum(),
)


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
        Property(
            "the inputs of one sum share by their products x_i w_i",
            _one_sum,
            "Here z = 2 * 3 - 1 * 2 = 4, and r / z = 2 for each unit: x_i w_i times 2.",
        ),
        Property(
            "the relevance of x is right in a batch, each input hearing from all sums",
            _loops(0, 0.0),
            "For each sample, R_i = x_i times the sum over j of weight[j, i] r_j / z_j, and the bias is part of z_j.",
        ),
        Property(
            "the biases keep their share",
            _loops(1, 0.0),
            "The biases keep the sum over samples and outputs of b_j r_j / S(z_j): one number.",
        ),
        Property(
            "the stabiliser is in the denominator, with the sign of z",
            _loops(0, EPS),
            "The denominator is S(z): z + eps where z is 0 or above, z - eps below; eps is the argument.",
        ),
        Property(
            "the stabiliser keeps its share",
            _loops(2, EPS),
            "The stabiliser keeps the sum of (S(z_j) - z_j) r_j / S(z_j): one number, over samples and outputs.",
        ),
        conserves(LINEAR, _linear, eps=EPS),
        keeps_its_inputs(_linear),
    ),
    examples=lambda rng: ((*_linear(rng), EPS), (*_linear(rng), 0.0), (*_linear(rng), EPS)),
    mistakes={
        "The weights alone do not depend on the input: a share is x_i w_ji, activation times weight.": wrong_epsilon(
            no_x=True
        ),
        "A share is x_i w_ji: the weight is missing.": wrong_epsilon(no_w=True),
        "The bias is missing in z: without it the inputs share out what the bias has contributed.": wrong_epsilon(
            no_bias=True
        ),
        "The stabiliser has the sign of z: subtract eps where z is negative.": wrong_epsilon(unsigned=True),
        "The denominator sums over the inputs i of one output, not over the outputs.": wrong_epsilon(
            wrong_sum=True
        ),
        "All inputs get the same; their shares are x_i w_ji / S(z_j).": wrong_epsilon(even=True),
        "The stabiliser is missing in the denominator: divide by S(z), not by z.": (
            wrong_epsilon(loose=True),
            _with(share=lambda v: v.r / v.z),
        ),
        "Only positive products are counted here, which is another rule, z+: all count, with their signs.": wrong_epsilon(
            plus=True
        ),
        "The biases keep their share: it is not spread over the inputs.": wrong_epsilon(spread=True),
        "r is not divided by S(z): a share is x_i w_ji r_j / S(z_j).": wrong_epsilon(undivided=True),
        "The stabiliser keeps something too: the sum of (S(z_j) - z_j) R_j / S(z_j).": lambda *inputs: (
            *wrong_epsilon()(*inputs)[:2],
            0.0,
        ),
        "What is kept is summed over all samples and outputs, not averaged.": wrong_epsilon(of_sinks=np.mean),
        "What the stabiliser keeps is not all that x did not get: a part of that is kept by the biases.": lambda r, *inputs: (
            *(got := wrong_epsilon()(r, *inputs))[:2],
            r.sum() - got[0].sum(),
        ),
        "eps is an argument, to be passed on to `stabilised`: 1e-6 is only what it is if nothing else is passed.": (
            lambda r, x, weight, bias, eps: wrong_epsilon()(r, x, weight, bias, 1e-6)
        ),
        "A product keeps its sign: a share is x_i w_ji, not its absolute value.": (
            _with(r_x=lambda v: abs(v.x) * (v.share @ abs(v.weight))),
            _with(r_x=lambda v: abs(v.x * (v.share @ v.weight))),
            _with(r_x=lambda v: abs(v.x) * (v.share @ v.weight)),
        ),
        "What the biases keep is divided by S(z_j) too, and here by z_j, without the stabiliser.": _with(
            to_bias=lambda v: (v.r * v.bias / v.z).sum()
        ),
        "R_j is missing in what the biases keep: b_j R_j / S(z_j).": _with(
            to_bias=lambda v: (v.bias / v.stable).sum()
        ),
        "S(z_j) is missing in what the biases keep: b_j R_j / S(z_j).": _with(
            to_bias=lambda v: (v.bias * v.r).sum()
        ),
        "These are the biases themselves: what they keep is b_j R_j / S(z_j).": (
            _with(to_bias=lambda v: v.bias.sum()),
            _with(to_bias=lambda v: v.bias.sum() * len(v.x)),
        ),
        "b_j is missing in what the biases keep: b_j R_j / S(z_j).": _with(to_bias=lambda v: v.share.sum()),
        "The biases keep something too: the sum of b_j R_j / S(z_j).": _with(to_bias=lambda v: 0.0),
        "What the biases keep is all that x did not get: a part of that is kept by the stabiliser.": _with(
            to_bias=lambda v: v.r.sum() - v.r_x.sum()
        ),
        "Each bias has its own share: b_j times share_j, then the sum, not the product of two sums.": _with(
            to_bias=lambda v: v.bias.sum() * v.share.sum()
        ),
        "What the biases keep has the wrong sign.": _with(to_bias=lambda v: -(v.share * v.bias).sum()),
        "R_j is missing in what the stabiliser keeps: (S(z_j) - z_j) R_j / S(z_j).": (
            _with(to_eps=lambda v: ((v.stable - v.z) / v.stable).sum()),
        ),
        "This is what the stabiliser added, S(z_j) - z_j; it keeps that times R_j / S(z_j).": (
            _with(to_eps=lambda v: (v.stable - v.z).sum()),
            _with(to_eps=lambda v: v.eps),
        ),
        "S(z_j) is missing under the line of what the stabiliser keeps: (S(z_j) - z_j) R_j / S(z_j).": _with(
            to_eps=lambda v: ((v.stable - v.z) * v.r).sum()
        ),
        "What the stabiliser keeps is divided by S(z_j) too, and here by z_j.": _with(
            to_eps=lambda v: ((v.stable - v.z) * v.r / v.z).sum()
        ),
        "Not what the stabiliser added, S(z_j) - z_j, but all of S(z_j) is counted as its part.": _with(
            to_eps=lambda v: (v.share * v.stable).sum()
        ),
        "What the stabiliser keeps has the wrong sign: it is S(z_j) - z_j, not z_j - S(z_j).": _with(
            to_eps=lambda v: (v.share * (v.z - v.stable)).sum()
        ),
        "The bias is part of z before the stabiliser is added: S(x W^T + b), not S(x W^T) + b.": (
            _with(stable=lambda v: moved_from_zero(v.z - v.bias, v.eps) + v.bias),
            _with(z=lambda v: v.x @ v.weight.T, stable=lambda v: moved_from_zero(v.z, v.eps) + v.bias),
        ),
        "The fraction is upside down: it is r / S(z).": _with(share=lambda v: v.stable / v.r),
        "r is multiplied by S(z) here; it is divided by it.": _with(share=lambda v: v.stable * v.r),
        "The relevance r stands twice in the relevance of x: r / S(z) contains it.": _with(
            r_x=lambda v: v.x * ((v.r * v.share) @ v.weight)
        ),
        "x_i stands twice in the relevance of x: x_i w_ji R_j / S(z_j) has it once.": _with(
            r_x=lambda v: v.x**2 * (v.share @ v.weight)
        ),
        "w_ji stands twice in the relevance of x: x_i w_ji R_j / S(z_j) has it once.": _with(
            r_x=lambda v: v.x * (v.share @ v.weight**2)
        ),
        "The relevance of x is summed over the outputs j, not averaged.": _with(
            r_x=lambda v: v.x * (v.share @ v.weight) / v.r.shape[1]
        ),
        "The bias is added in z, not subtracted.": _with(z=lambda v: v.x @ v.weight.T - v.bias),
        "The stabiliser is added twice.": _with(stable=lambda v: moved_from_zero(v.z, 2 * v.eps)),
        "The stabiliser moves z towards zero here: S(z) is farther from zero than z.": _with(
            stable=lambda v: moved_from_zero(v.z, -v.eps)
        ),
        "The shares are divided by their sum without signs here: under the line is z itself, and S(z).": _with(
            stable=lambda v: abs(moved_from_zero(v.z, v.eps))
        ),
        "First the bias's part, then the stabiliser's: these two are swapped.": wrong_epsilon(swapped=True),
        "What the stabiliser keeps has the sign of z too: S(z) - z, not eps.": wrong_epsilon(signed=False),
    },
)
