"""Each learner's piece that has no seam in the library, compared with what the library computes on the same data."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy

from minitransformer import gradients, nn
from minitransformer.autograd import Tensor, grad, key, no_grad, tape
from minitransformer.course import catalogue
from minitransformer.course.exercise import Beside
from minitransformer.course.seams.seam import Array, Function
from minitransformer.course.tasks import RELEVANCE
from minitransformer.devices import to_device
from minitransformer.explain.deletion_curves import faithfulness
from minitransformer.explain.perturbation import masked_logits
from minitransformer.explain.sanity import randomisation_check
from minitransformer.explain.surrogate import lime, perturb
from minitransformer.explain.walk import account
from minitransformer.nn.position import SinusoidalPositionalEncoding
from minitransformer.randomness import manual_seed

FORMULAS = (
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a**3,
    lambda a, b: a.exp(),
    lambda a, b: a.tanh(),
)
A, B = 0.7, -1.3
WORDS = ["a", "good", "slow", "film", "with", "songs"]


Pair = tuple[
    Any, Any
]  # what the learner's piece gives and what the library gives, as numbers or arrays of one shape


def value(mine: Function) -> Pair:
    """The numbers of each operation, and its slope in the first input."""
    a, b = mine(A), mine(B)
    results = [formula(a, b) for formula in FORMULAS]
    slopes = [
        sum(slope for parent, slope in zip(r.parents, r.slopes, strict=True) if parent is a) for r in results
    ]
    x, y = leaves()
    theirs = [formula(x, y) for formula in FORMULAS]
    return [*(r.data for r in results), *slopes], [
        *(t.item() for t in theirs),
        *(grad(t, [x])[0].item() for t in theirs),
    ]


class Node:
    """A number of the library's tape as lesson 01 sees it: a `Value` without `data`."""

    def __init__(self, parents: Sequence[Node] = (), slopes: Sequence[float] = ()):
        self.parents, self.slopes = parents, slopes
        self.grad = 0.0


def traced() -> tuple[Node, list[Node], list[float]]:
    """A formula with several paths on the library's tape: its end, its two inputs, and the library's derivatives."""
    x, y = leaves()
    end = (x * y).tanh() + x.exp() * y
    nodes: dict[Any, Node] = {leaf: Node() for leaf in (x, y)}
    for op in reversed(tape(end)):
        slopes = [float(slope) for slope in op.gradients(numpy.array(1.0))]
        nodes[op, 0] = Node([nodes[key(t)] for t in op.inputs], slopes)
    return nodes[key(end)], [nodes[x], nodes[y]], [g.item() for g in grad(end, [x, y])]


def sum_over_paths(mine: Function) -> Pair:
    """The derivatives of a formula, path by path."""
    end, inputs, theirs = traced()
    return [float(mine(end, node)) for node in inputs], theirs


def backward(mine: Function) -> Pair:
    """The derivatives of a formula, all at once."""
    end, inputs, theirs = traced()
    mine(end)
    return [node.grad for node in inputs], theirs


def leaves() -> list[Tensor]:
    return [Tensor(numpy.array(v), requires_grad=True) for v in (A, B)]


def gradcheck(mine: Function) -> Pair:
    """The errors of a right gradient, and of one that is twice the right one."""
    x = numpy.array([0.1, 0.7])
    errors = [mine(numpy.sin, lambda g, x, n=n: n * g * numpy.cos(x), x) for n in (1, 2)]
    return errors, [gradients.gradcheck(lambda x: x.sin(), [x]), 1.0]


def rotary_vjp(mine: Function) -> Pair:
    """The gradient of five vectors that were rotated, (5, 8)."""
    x, g = (Tensor(a, requires_grad=True) for a in random(2, 5, 8))
    (theirs,) = grad(nn.RotaryEmbedding(8, interleaved=True)(x, start=3), [x], g)
    return mine(g.array, numpy.arange(3, 8)), theirs.array


@no_grad()
def encoder_block(mine: Function) -> Pair:
    """What a layer of an encoder, as the paper has it, makes of six vectors, (1, 6, 8)."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).double().eval()
    x, weights = random(1, 6, 8), {name: p.array for name, p in layer.named_parameters()}
    return mine(x, weights, 2), layer(Tensor(x)).array


def attention_step(mine: Function) -> Pair:
    """Two new tokens after three others, (2, 5, 4) with them."""
    q, k, v = random(3, 2, 5, 4)
    return mine(q[:, 3:], k[:, 3:], v[:, 3:], k[:, :3], v[:, :3])[0], causal(q, k, v)[:, 3:]


def grouped_attention(mine: Function) -> Pair:
    """Four heads, two to a group, (4, 5, 8)."""
    q, k, v = random(4, 5, 8), random(2, 5, 8), random(2, 5, 8)
    return mine(q, k, v), causal(q, k.repeat(2, axis=0), v.repeat(2, axis=0))


def causal(q: Array, k: Array, v: Array) -> Array:
    """The library's causal attention, (.., T, d)."""
    return nn.functional.scaled_dot_product_attention(Tensor(q), Tensor(k), Tensor(v), is_causal=True).array


def random(*shape: int) -> Array:
    return numpy.random.default_rng(0).normal(size=shape)


def shift_matrix(mine: Function) -> Pair:
    """The table of positions, three places on."""
    table = SinusoidalPositionalEncoding(16, max_len=40).table().numpy()
    return table[:-3] @ mine(3, 16).T, table[3:]


def explain_mlp(mine: Function) -> Pair:
    """The relevance of the inputs of a small network."""
    manual_seed(0)
    layers = [nn.Linear(n, m).double() for n, m in ((4, 6), (6, 3))]
    x = Tensor(numpy.random.default_rng(0).normal(size=4), requires_grad=True)
    output = layers[1](nn.functional.relu(layers[0](x)))[1]
    (theirs,), _ = account(output, [x], rule="epsilon", form="explicit")
    return mine(x.array, [(layer.weight.array, layer.bias.array) for layer in layers], 1)[0], theirs


def sample_masks(mine: Function) -> Pair:
    """How often each word is left, and how often none is."""

    def frequencies(masks: Array) -> list[float]:
        return [*masks.mean(0), (~masks).all(1).mean()]

    return frequencies(mine(6, 5000, numpy.random.default_rng(0))), frequencies(perturb(6, 5000, 0))


def lime_itself(mine: Function) -> Pair:
    """The weights of the words of a toy review."""

    def mood(texts):
        return numpy.array([0.5 + 0.3 * ("good" in text) - 0.2 * ("slow" in text) for text in texts])

    def both(texts):
        return numpy.stack([1 - mood(texts), mood(texts)], axis=1)

    theirs = dict(lime(both, " ".join(WORDS), num_samples=3000).as_list())
    return mine(mood, WORDS, 6, 3000, numpy.random.default_rng(0))[0], [theirs[word] for word in WORDS]


def erased(mine: Function) -> Pair:
    """Comprehensiveness and sufficiency."""
    ids, logit = numpy.arange(5, 14), lambda ids: ids.numpy() @ RELEVANCE**2
    theirs = faithfulness(logit, ids, RELEVANCE, "unk", orders=2)
    ours = mine(lambda keep: masked_logits(logit, ids, keep, "unk"), RELEVANCE)
    return ours, (theirs.comprehensiveness, theirs.sufficiency)


def randomisation_test(mine: Function) -> Pair:
    """What is left of gradient x input as two layers are destroyed."""
    manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5, bias=False), nn.Tanh(), nn.Linear(5, 1, bias=False)).double()

    def explain(layers):  # the same as (w2 tanh'(w1 x)) w1 x
        first, last = layers
        return RELEVANCE[:6] * ((last[0] * (1 - numpy.tanh(first @ RELEVANCE[:6]) ** 2)) @ first)

    def method(model, ids):
        return SimpleNamespace(relevance=explain([p.array for p in model.parameters()]))

    ours = mine(explain, [p.array for p in model.parameters()], numpy.random.default_rng(0))
    return ours, [signed for _, signed, _ in randomisation_check(method, model, None).steps]


BY_CHANCE = "the library draws as the lime package does, number for number; other draws give other figures"
ON_ARRAYS = "it is written for arrays, and the tape has a gradient for each of the steps inside"
PLAIN = "the library asks this of every array it meets, on a device as well"
BESIDE: dict[str, Beside] = {
    "Value": Beside("the library's tensors hold arrays, not single numbers", value),
    "sum_over_paths": Beside(
        "the library walks back once, not along each of up to 2^n paths", sum_over_paths
    ),
    "backward": Beside("the library's tape holds ops on arrays, not numbers with slopes", backward),
    "gradcheck": Beside(
        "the library's takes functions of tensors, several inputs and a tolerance", gradcheck
    ),
    "namespace": Beside(PLAIN, lambda mine: ([mine(numpy.ones(2), 3.0) is numpy], [True])),
    "move": Beside(
        PLAIN,
        lambda mine: ([mine(RELEVANCE, numpy) is RELEVANCE], [to_device(RELEVANCE, "cpu") is RELEVANCE]),
    ),
    "shift_matrix": Beside("it shows why the table works; nothing is computed with it", shift_matrix),
    "rotary_vjp": Beside("the library's rotation is made of ops with gradients of their own", rotary_vjp),
    "encoder_block": Beside(ON_ARRAYS, encoder_block),
    "attention_step": Beside("the library's cache is a place in memory that grows", attention_step),
    "grouped_attention": Beside(ON_ARRAYS, grouped_attention),
    "explain_mlp": Beside("the library walks any tape; the step, epsilon_rule, is swapped in", explain_mlp),
    "sample_masks": Beside(BY_CHANCE, sample_masks),
    "lime": Beside(BY_CHANCE, lime_itself),
    "erased": Beside("the library reads both figures off the curves it has", erased),
    "randomisation_test": Beside(
        "the library destroys whole modules, weight and bias together", randomisation_test
    ),
}
# exercises that say it themselves
BESIDE |= {
    name: said for name in catalogue.exercise_names() if (said := catalogue.exercise(name).beside) is not None
}
