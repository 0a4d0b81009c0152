"""Lesson 09: losses, optimizers, clipping."""

from __future__ import annotations

import numpy

from minitransformer.autograd import Tensor
from minitransformer.course.places.place import Place, Places
from minitransformer.kernels import numpy as kernels
from minitransformer.nn import utils
from minitransformer.ops import loss
from minitransformer.ops.creation import tensor
from minitransformer.optim import adam, sgd


def cross_entropy(mine, own):
    def mean(input, target, *arguments, **settings):
        surprise = own(input, target, *arguments, **settings)
        plain = (
            not arguments
            and not any(settings.values())
            and input.ndim == 2
            and len(input)
            and target.dtype.kind in "iu"
        )
        if plain and (target.array >= 0).all():
            surprise.array = numpy.asarray(mine(input.array, target.array), dtype=input.dtype)
        return surprise

    return mean


def cross_entropy_vjp(mine, own):
    def vjp(g, x, target, shift, total, smoothing):
        is_mean = not smoothing and len(x) and (g == g[0]).all()
        return (
            mine(g[0] * x.dtype.type(len(x)), x, target)
            if is_mean
            else own(g, x, target, shift, total, smoothing)
        )

    return vjp


def _step(make, p, g, state, group):
    """One step of the learner's optimizer for this parameter, made by `make` the first time."""
    optimizer = state.setdefault("mine", None) or make()
    optimizer.params, optimizer.lr, state["mine"] = [p], group["lr"], optimizer
    optimizer.step([g])


def sgd_update(mine, own):
    def update(self, p, g, state, group):
        if group["dampening"] or group["weight_decay"] or group["nesterov"]:
            return own(self, p, g, state, group)
        return _step(lambda: mine([p], group["lr"], group["momentum"]), p, g, state, group)

    return update


def adam_update_all(mine, own):
    def update_all(self, entries, group):
        decay, shrink = group["weight_decay"], 1.0
        if group["decoupled_weight_decay"]:
            decay, shrink = 0.0, 1 - group["lr"] * decay
        for p, g, state in entries:
            p *= shrink
            _step(
                lambda p=p: mine([p], group["lr"], group["betas"], group["eps"]),
                p,
                g + decay * p,
                state,
                group,
            )

    return update_all


def clip_grad_norm(mine, own):
    def clip(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False):
        parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
        if norm_type != 2 or error_if_nonfinite:
            return own(parameters, max_norm, norm_type, error_if_nonfinite)
        return tensor(float(mine([p.grad.writable() for p in parameters if p.grad is not None], max_norm)))

    return clip


PLACES: Places = {
    "cross_entropy": (Place(loss, "cross_entropy", cross_entropy),),
    "cross_entropy_vjp": (Place(kernels, "cross_entropy_vjp", cross_entropy_vjp),),
    "SGD": (Place(sgd.SGD, "update", sgd_update),),
    "Adam": (Place(adam.Adam, "update_all", adam_update_all),),
    "clip_grad_norm": (Place(utils, "clip_grad_norm_", clip_grad_norm),),
}
