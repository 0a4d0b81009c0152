"""The learner's pieces one by one beside the library: those that a tour's models do not come by, and those without a place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import NamedTuple

import numpy

from minitransformer import nn
from minitransformer.autograd import Tensor, grad, key, tape
from minitransformer.course.mine import in_the_library
from minitransformer.course.places.engine import traced
from minitransformer.course.tasks import RELEVANCE, TASKS
from minitransformer.explain.deletion_curves import faithfulness
from minitransformer.explain.perturbation import masked_logits
from minitransformer.explain.sanity import randomisation_check
from minitransformer.explain.surrogate import lime, perturb
from minitransformer.explain.walk import account
from minitransformer.gradients import largest_error
from minitransformer.nn.position import SinusoidalPositionalEncoding
from minitransformer.randomness import manual_seed

Array = numpy.ndarray
FORMULAS = (
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a**3,
    lambda a, b: a.exp(),
    lambda a, b: a.tanh(),
)
A, B = 0.7, -1.3
WORDS = ["a", "good", "slow", "film", "with", "songs"]


class Beside(NamedTuple):
    """Why an exercise has no place in the library; `compare(mine)` gives (what it finds, what the library finds)."""

    why: str
    compare: Callable[[Callable], tuple]


def value(mine):
    """The numbers of each operation, and its slope in the first input."""
    a, b = mine(A), mine(B)
    results = [formula(a, b) for formula in FORMULAS]
    slopes = [
        sum(slope for parent, slope in zip(r.parents, r.slopes, strict=True) if parent is a) for r in results
    ]
    x, y = _leaves()
    theirs = [formula(x, y) for formula in FORMULAS]
    return [*(r.data for r in results), *slopes], [
        *(t.item() for t in theirs),
        *(grad(t, [x])[0].item() for t in theirs),
    ]


def sum_over_paths(mine):
    """The slopes of a formula with several paths, on the library's own tape."""
    x, y = _leaves()
    end = (x * y).tanh() + x.exp() * y
    nodes = traced(tape(end), lambda t: t.requires_grad)
    return [float(mine(nodes[key(end)], nodes[leaf])) for leaf in (x, y)], [
        g.item() for g in grad(end, [x, y])
    ]


def _leaves() -> list[Tensor]:
    return [Tensor(numpy.array(v), requires_grad=True) for v in (A, B)]


def shift_matrix(mine):
    """The table of positions, three places on."""
    table = SinusoidalPositionalEncoding(16, max_len=40).table().numpy()
    return table[:-3] @ mine(3, 16).T, table[3:]


def explain_mlp(mine):
    """The relevance of the inputs of a small network."""
    manual_seed(0)
    layers = [nn.Linear(n, m).double() for n, m in ((4, 6), (6, 3))]
    x = Tensor(numpy.random.default_rng(0).normal(size=4), requires_grad=True)
    output = layers[1](nn.functional.relu(layers[0](x)))[1]
    (theirs,), _ = account(output, [x], rule="epsilon", form="explicit")
    return mine(x.array, [(layer.weight.array, layer.bias.array) for layer in layers], 1)[0], theirs


def sample_masks(mine):
    """How often each word is left, and how often none is."""
    samples = mine(6, 5000, numpy.random.default_rng(0)), perturb(6, 5000, 0)
    return [[*masks.mean(0), (~masks).all(1).mean()] for masks in samples]


def lime_itself(mine):
    """The weights of the words of a toy review."""

    def mood(texts):
        return numpy.array([0.5 + 0.3 * ("good" in text) - 0.2 * ("slow" in text) for text in texts])

    def both(texts):
        return numpy.stack([1 - mood(texts), mood(texts)], axis=1)

    theirs = dict(lime(both, " ".join(WORDS), num_samples=3000).as_list())
    return mine(mood, WORDS, 6, 3000, numpy.random.default_rng(0))[0], [theirs[word] for word in WORDS]


def erased(mine):
    """Comprehensiveness and sufficiency."""
    ids, logit = numpy.arange(5, 14), lambda ids: ids.numpy() @ RELEVANCE**2
    theirs = faithfulness(logit, ids, RELEVANCE, "unk", orders=2)
    ours = mine(lambda keep: masked_logits(logit, ids, keep, "unk"), RELEVANCE)
    return ours, (theirs.comprehensiveness, theirs.sufficiency)


def randomisation_test(mine):
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
BESIDE: dict[str, Beside] = {
    "Value": Beside("the library's tensors hold arrays, not single numbers", value),
    "sum_over_paths": Beside(
        "the library walks back once, and not along each path, of which there may be 2^n", sum_over_paths
    ),
    "shift_matrix": Beside("it shows why the table works; nothing is computed with it", shift_matrix),
    "explain_mlp": Beside(
        "the library walks a tape, whatever is on it; the step, epsilon_rule, has a place", explain_mlp
    ),
    "sample_masks": Beside(BY_CHANCE, sample_masks),
    "lime": Beside(BY_CHANCE, lime_itself),
    "erased": Beside("the library reads both figures off the curves it has", erased),
    "randomisation_test": Beside(
        "the library destroys whole modules, weight and bias together", randomisation_test
    ),
}


def differences(mine: Mapping[str, Callable]) -> Iterator[tuple[str, float, str]]:
    """(exercise, largest difference from the library's own as a share of the largest number, why it has no place or "")."""
    for name, answer in mine.items():
        if name in TASKS:
            own = TASKS[name]()
            with in_the_library({name: answer}):
                yield name, _difference(TASKS[name](), own), ""
        if name in BESIDE:
            yield name, _difference(*BESIDE[name].compare(answer)), BESIDE[name].why


def _difference(got, own) -> float:
    return largest_error(numpy.asarray(got, dtype=float), numpy.asarray(own, dtype=float))
