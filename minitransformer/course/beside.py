"""The learner's pieces that have no seam in the library: each is compared with what the library computes from the same data."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy
from numpy.random import default_rng

from minitransformer.course import catalogue, tasks
from minitransformer.course.exercise import Beside
from minitransformer.course.seams import Function, Node
from minitransformer.course.tasks import RELEVANCE, TABLE, A, B, K, Q, V


def value(mine: Function) -> list[float]:
    def slope(end, start) -> float:  # summed over the paths
        steps = zip(end.parents, end.slopes, strict=True)
        return 1.0 if end is start else sum(s * slope(parent, start) for parent, s in steps)

    a = mine(A)
    b = mine(B)
    end = tasks.every_operation(a, b)
    return [end.data, slope(end, a), slope(end, b)]


def graph() -> tuple[Node, Node, Node]:
    """The end of `tasks.two_paths` as lesson 01 has it, and its inputs a and b."""
    a = Node()
    b = Node()
    product = Node((a, b), (B, A))
    return Node((product, product, b), (A * B, A * B, 1.0)), a, b


def sum_over_paths(mine: Function) -> list[float]:
    end, a, b = graph()
    return [mine(end, a), mine(end, b)]


def backward(mine: Function) -> list[float]:
    end, a, b = graph()
    mine(end)
    return [a.grad, b.grad]


def encoder_block(mine: Function) -> numpy.ndarray:
    layer = tasks.encoder_layer()
    return mine(Q, {name: p.array for name, p in layer.named_parameters()}, layer.self_attn.num_heads)


def randomisation_test(mine: Function) -> list[float]:
    layers = [p.array for p in tasks.linear_model().parameters()]
    return mine(tasks.gradient_x_input, layers, default_rng(0))


ON_ARRAYS = "it is written for arrays, and the tape has a gradient for each of the steps inside"
PLAIN = "the library asks this of every array it meets, on a device as well"
BY_CHANCE = "the library draws as the lime package does, number for number; other draws give other figures"

# why an exercise has no seam, and what is compared: numbers or an array, from the learner's piece
RESULTS = {
    "Value": ("the library's tensors hold arrays, not single numbers", value),
    "sum_over_paths": ("the library walks back once, not along up to 2^n paths", sum_over_paths),
    "backward": ("the library's tape holds ops on arrays, not numbers with slopes", backward),
    "gradcheck": (
        "the library's takes functions of tensors, several inputs and a tolerance",
        lambda mine: [mine(numpy.sin, lambda g, x, n=n: n * g * numpy.cos(x), Q) for n in (1, 2)],
    ),
    "namespace": (PLAIN, lambda mine: mine(Q.copy(), 3.0) is numpy),
    "move": (PLAIN, lambda mine: mine(Q, numpy) is Q),
    "shift_matrix": ("it is a proof; nothing is computed with it", lambda mine: TABLE[:-3] @ mine(3, 16).T),
    "rotary_vjp": ("the library's rotation is made of other ops", lambda mine: mine(K, numpy.arange(3, 8))),
    "encoder_block": (ON_ARRAYS, encoder_block),
    "attention_step": (
        "the library's cache is a place in memory that grows",
        lambda mine: mine(Q[:, 3:], K[:, 3:], V[:, 3:], K[:, :3], V[:, :3])[0],
    ),
    "grouped_attention": (ON_ARRAYS, lambda mine: mine(Q, K[:2], V[:2])),
    "explain_mlp": (
        "the library walks any tape; the step, epsilon_rule, is swapped in",
        lambda mine: mine(RELEVANCE[:3], tasks.LAYERS, 1)[0],
    ),
    "sample_masks": (BY_CHANCE, lambda mine: tasks.frequencies(mine(6, 5000, default_rng(0)))),
    "lime": (BY_CHANCE, lambda mine: mine(tasks.mood, tasks.WORDS, 6, 3000, default_rng(0))[0]),
    "erased": ("the library reads both off its curves", lambda mine: mine(tasks.without, RELEVANCE.copy())),
    "randomisation_test": ("the library destroys weight and bias together", randomisation_test),
}


def compared(name: str, result: Function, mine: Function) -> tuple[Any, Any]:
    return result(mine), tasks.TASKS[name]()


BESIDE = {name: Beside(why, partial(compared, name, result)) for name, (why, result) in RESULTS.items()}
# exercises that say it themselves
BESIDE |= {name: said for name in catalogue.exercise_names() if (said := catalogue.exercise(name).beside)}
