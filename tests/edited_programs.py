"""Random programs of views, edits in place and other ops, for our library and for PyTorch."""

import contextlib
from dataclasses import dataclass, field

import numpy

SHAPES = [(2, 3), (3,), (2, 2), (1, 3), ()]
VIEWS = [
    lambda x: x[0],
    lambda x: x[-1:],
    lambda x: x[..., ::2],
    lambda x: x.transpose(0, -1),
    lambda x: x.reshape(-1),
    lambda x: x.unsqueeze(0),
    lambda x: x.squeeze(),
    lambda x: x.unbind(0)[0],
    lambda x: x.chunk(2)[-1],
    lambda x: x.detach(),
    lambda x: x.expand(2, *x.shape),
]
ANEW = [
    lambda x, y: x * y,
    lambda x, y: x + y,
    lambda x, y: y - x,
    lambda x, y: (x * 0.1).exp(),
    lambda x, y: x.sin(),
    lambda x, y: x.sum(),
    lambda x, y: x.clone(),
]
EDITS = [
    lambda x, y: x.add_(y),
    lambda x, y: x.add_(0.5),
    lambda x, y: x.add_(y, alpha=2),
    lambda x, y: x.add_(x),
    lambda x, y: x.__iadd__(y),
    lambda x, y: x.__isub__(2.0),
    lambda x, y: x.__imul__(y),
    lambda x, y: x.__itruediv__(y * y + 1),
    lambda x, y: x.__ipow__(2),
    lambda x, y: x.sub_(y),
    lambda x, y: x.mul_(1.5),
    lambda x, y: x.mul_(x),
    lambda x, y: x.div_(4),
    lambda x, y: x.pow_(2).add_(1).sqrt_(),
    lambda x, y: x.mul_(0.1).exp_(),
    lambda x, y: x.sin_().cos_(),
    lambda x, y: x.neg_(),
    lambda x, y: x.sigmoid_(),
    lambda x, y: x.tanh_(),
    lambda x, y: x.relu_(),
    lambda x, y: x.clamp_(-1, 1),
    lambda x, y: x.copy_(y),
    lambda x, y: x.zero_(),
    lambda x, y: x.fill_(y.sum()),
    lambda x, y: x.masked_fill_(x > 0.5, 0.1),
    lambda x, y: x.triu_(),
    lambda x, y: x.tril_(),
    lambda x, y: x.t_(),
    lambda x, y: x.unsqueeze_(0),
    lambda x, y: x.squeeze_(),
    lambda x, y: x.__setitem__(0, y),
    lambda x, y: x.__setitem__(..., y),
    lambda x, y: x.__setitem__(-1, 2.0),
    lambda x, y: x.__setitem__(x > 0, 0.5),
    lambda x, y: x.__setitem__([0, -1], 0.25),
    lambda x, y: x.__setitem__((0, [0, -1]), y.sum()),
]
PLACED = [  # with an index along dimension 0, which each library makes for itself
    lambda x, y, index: x.index_add_(0, index([0, 0, 0]), y[[0, 0, 0]]),
    lambda x, y, index: x.index_copy_(0, index([1]), y[:1]),
    lambda x, y, index: x.index_fill_(0, index([0]), y.sum()),
    lambda x, y, index: x.scatter_(0, index([[1, 0]]), y[:1, :2]),
    lambda x, y, index: x.scatter_add_(1, index([[0, 0]]), y[:1, :2]),
]


@dataclass
class Told:
    """What became of a program: where each step raised, the values, the gradients of the leaves, where backward raised."""

    steps: list = field(default_factory=list)
    values: list = field(default_factory=list)
    gradients: list = field(default_factory=list)
    backward: str = ""


def steps(random):
    """(what is done, to which tensor, with which other, under no_grad) for each step."""
    for _ in range(random.integers(3, 9)):
        kind = (VIEWS, ANEW, EDITS, EDITS, PLACED)[random.choice(5, p=(0.25, 0.2, 0.25, 0.2, 0.1))]
        yield kind, kind[random.integers(len(kind))], *random.integers(0, 1000, 2), random.random() < 0.15


def run(lib, seed):
    """Run the program of this seed; a step that raises leaves a number in its place."""
    random, told = numpy.random.default_rng(seed), Told()
    data = [(random.standard_normal(shape).tolist(), bool(random.random() < 0.6)) for shape in SHAPES]
    leaves = [lib.tensor(values, dtype=lib.float64, requires_grad=wanted) for values, wanted in data]
    tensors = list(leaves)
    for kind, do, i, j, untaped in steps(random):
        x, y = tensors[i % len(tensors)], tensors[j % len(tensors)]
        try:
            if y is not x and numpy.shares_memory(x.detach().numpy(), y.detach().numpy()):
                y = y.clone()  # PyTorch reads what it has written already
            with lib.no_grad() if untaped else contextlib.nullcontext():
                made = do(x) if kind is VIEWS else do(x, y, lib.tensor) if kind is PLACED else do(x, y)
            told.steps.append("")
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            made = lib.tensor(0.0, dtype=lib.float64)
            told.steps.append(str(error))
        if kind in (VIEWS, ANEW) or told.steps[-1]:
            tensors.append(made)
    loss = lib.tensor(0.0, dtype=lib.float64)
    try:
        for t in tensors:
            told.values.append(t.detach().numpy().copy())
            loss = (
                loss
                + (t * lib.tensor(random.standard_normal(tuple(t.shape)).tolist(), dtype=lib.float64)).sum()
            )
        if loss.requires_grad:
            loss.backward()
    except RuntimeError as error:
        told.backward = str(error)
    told.gradients = [
        leaf.grad.numpy() if leaf.is_leaf and leaf.grad is not None else None for leaf in leaves
    ]
    return told
