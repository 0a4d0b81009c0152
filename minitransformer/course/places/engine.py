"""Lessons 01 to 03: the walk back, its judges, adding at places, two array libraries."""

from __future__ import annotations

import numpy

from minitransformer import autograd, backends, devices, gradients
from minitransformer.autograd import Op, Tensor, key, no_grad
from minitransformer.course.places.place import Place, Places, as_it_is
from minitransformer.kernels import numpy as kernels
from minitransformer.kernels import reference
from minitransformer.ops import elementwise, laws, linalg


class Node:
    """An op as lesson 01 sees a value: `parents` are the ops whose results it used."""

    def __init__(self, op, parents):
        self.op, self.parents = op, parents


def tape(mine, own):
    def newest_first(root):
        nodes = {}
        for op in reversed(own(root)):
            used = [t.op for t in op.inputs or () if isinstance(t, Tensor) and t.op is not None]
            nodes[op] = Node(op, [nodes[made_by] for made_by in used])
        return [node.op for node in reversed(mine(nodes[root.op]))] if nodes else []

    return newest_first


class Slope:
    """What lesson 01 multiplies by: d(result)/d(parent). Of an op on arrays it is a function, linear in the cotangent."""

    __array_ufunc__ = None  # `array * slope` is ours

    def __init__(self, times):
        self.times = times

    def __mul__(self, g):
        return self.times(g)

    __rmul__ = __mul__


class Parts(dict):
    """The cotangents of an op's outputs that came so far, by output."""

    def __add__(self, other):
        return Parts({**self, **other}) if isinstance(other, Parts) else self

    __radd__ = __add__


class Traced:
    """An op, an output of one, or a leaf, as lesson 01 sees a value."""

    def __init__(self, parents=(), slopes=()):
        self.parents, self.slopes, self.grad = parents, slopes, 0.0


class Step(Traced):
    """An op whose law is asked once for all its inputs."""

    def __init__(self, op, live, nodes):
        inputs = op.inputs or op.arrays()  # the latter raises: released
        self.op, self.heard, op.needs = op, None, [isinstance(t, Tensor) and live(t) for t in inputs]
        places = [i for i, need in enumerate(op.needs) if need]
        parents = [nodes.setdefault(key(inputs[i]), Traced()) for i in places]
        super().__init__(parents, [Slope(lambda g, i=i: self.cotangent(g, i)) for i in places])

    def cotangent(self, g, i):
        if self.heard is not g:
            several = isinstance(g, Parts)
            asked = tuple(map(g.get, range(self.op.outputs))) if several else numpy.asarray(g)
            self.heard, self.found = g, self.op.gradients(asked)
        return 0.0 if self.found[i] is None else self.found[i]


def traced(ops, live) -> dict:
    """The tape `ops`, newest first, as values of lesson 01, by the key of what they stand for."""
    nodes = {}
    for op in reversed(ops):
        step = Step(op, live, nodes)
        several = {(op, i): Traced([step], [Slope(lambda g, i=i: Parts({i: g}))]) for i in range(op.outputs)}
        nodes |= several if op.outputs > 1 else {(op, 0): step}
    return nodes


def backward(mine, own):
    def propagate(ops, seeds, law, live, keep=(), release=False):
        if law is not Op.gradients or keep or len(seeds) != 1 or not ops:
            return own(ops, seeds, law, live, keep, release)
        ((root, seed),), nodes = seeds.items(), traced(ops, live)
        mine(Traced([nodes[root]], [Slope(lambda one: seed)]))
        for op in ops if release else ():
            op.release()
        return {t: numpy.asarray(node.grad) for t, node in nodes.items() if isinstance(t, Tensor)}

    return propagate


def unbroadcast(mine, own):
    def summed(g, like):
        known = laws.is_number(like) or g.shape == like.shape or laws.wide(g)
        return own(g, like) if known else mine(g, like.shape)

    return summed


def mul_vjp(mine, own):
    def vjp(self, g, a, b):
        if laws.is_number(a) or laws.is_number(b):
            return own(self, g, a, b)
        return _needed(self, mine(g, a, b))

    return vjp


def matmul_vjp(mine, own):
    def vjp(self, g, a, b):
        one_batch = a.shape[:-2] == b.shape[:-2] or 2 in (a.ndim, b.ndim)
        return _needed(self, mine(g, a, b)) if min(a.ndim, b.ndim) > 1 and one_batch else own(self, g, a, b)

    return vjp


def _needed(op, cotangents):
    return tuple(c if need else None for c, need in zip(cotangents, op.needs, strict=True))


def finite_differences(mine, own):
    def slopes(fn, tensors, i, eps=1e-6, seed=0):
        @no_grad()
        def f(x):
            return fn(*[Tensor(x if j == i else t.array) for j, t in enumerate(tensors)]).array.copy()

        value = f(tensors[i].array)
        if not numpy.isfinite(value).all():
            return own(fn, tensors, i, eps, seed)
        return mine(f, tensors[i].array, gradients._cotangent(value.shape, seed), eps)

    return slopes


def scatter_add(mine, own):
    def vjp(g, x, index):
        if not isinstance(index, numpy.ndarray) or index.ndim != 1:
            return own(g, x, index)
        dx = numpy.zeros_like(x)
        mine(dx, index, g)
        return dx

    return vjp


def gradcheck(mine, own):
    def check(fn, inputs, eps=1e-6, rtol=1e-6, seed=0):
        tensors = gradients._inputs(inputs, "float64")
        with numpy.errstate(invalid="ignore"):
            errors = [mine(*_alone(fn, tensors, i)) for i, t in enumerate(tensors) if t.requires_grad]
        # else it may be noise: see gradcheck
        fine = all(error <= gradients.NOISE["float64"] * 1e-3 for error in errors)
        return max(errors, default=0.0) if fine else own(fn, inputs, eps, rtol, seed)

    return check


def _alone(fn, tensors, i):
    """`fn` as a function of its input i alone, its gradient, and that input."""

    def f(x):
        with no_grad():
            return _called(x).array.copy()

    def vjp(g, x):
        leaf = Tensor(x, requires_grad=True)
        out = _called(leaf)
        if out.requires_grad:
            out.backward(Tensor(g))
        return numpy.zeros_like(x) if leaf.grad is None else leaf.grad.array

    def _called(x):
        return fn(
            *[
                (x if isinstance(x, Tensor) else Tensor(x)) if j == i else t.detach()
                for j, t in enumerate(tensors)
            ]
        )

    return f, vjp, tensors[i].array


def move(mine, own):
    return lambda array, device: (
        mine(array, numpy) if devices.Device(device) == devices.CPU else own(array, device)
    )


def in_steps(mine, own):
    """Attention's gradient by its definition, which goes through the gradients of matmul and softmax one after the other."""
    return reference.attention_vjp


STEPS = Place(kernels, "attention_vjp", in_steps)

PLACES: Places = {
    "topological_order": (Place(autograd, "tape", tape),),
    "backward": (Place(autograd, "propagate", backward),),
    "unbroadcast": (Place(laws, "unbroadcast", unbroadcast),),
    "mul_vjp": (Place(elementwise.Mul, "vjp", mul_vjp),),
    "matmul_vjp": (Place(linalg.MatMul, "vjp", matmul_vjp), Place(kernels, "matmul_vjp", as_it_is), STEPS),
    "finite_differences": (Place(gradients, "finite_differences", finite_differences),),
    "gradcheck": (Place(gradients, "gradcheck", gradcheck),),
    "namespace": (Place(backends, "namespace", as_it_is),),
    "sigmoid": (Place(kernels, "sigmoid", as_it_is),),
    "scatter_add": (Place(kernels, "index_vjp", scatter_add),),
    "move": (Place(devices, "to_device", move),),
}
