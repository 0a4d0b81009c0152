"""What the exercises of the lesson share."""

from types import SimpleNamespace

import numpy as np

from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import same

EPS = 0.01  # large, so that what the stabiliser keeps can be seen


def parts_of(got, names):
    """A tuple of results of the length asked for. Raises Failed."""
    if got is None:
        raise Failed("got None", hint="Is there a `return`?")
    if not isinstance(got, tuple) or len(got) != len(names):
        found = f"{len(got)} in a tuple" if isinstance(got, tuple) else type(got).__name__
        raise Failed(
            f"expected {len(names)} results, {', '.join(names)}; got {found}",
            hint=f"return {', '.join(names)}",
        )
    return got


def called_with(answer, names, *inputs, **options):
    """What the answer returns for copies of the inputs, each part that is kept being one number. Raises Failed."""
    got = parts_of(answer(*(a.copy() for a in inputs), **options), names)
    if not np.ndim(got[0]) and any(map(np.ndim, got[1:])):
        shapes = ", ".join(str(np.shape(part)) for part in got)
        raise Failed(f"results of shapes {shapes}", hint=f"The order is: {', '.join(names)}.")
    for name, part in zip(names, got, strict=True):
        if "keep" in name and np.ndim(part):
            raise Failed(
                f"{name}: expected one number, got shape {np.shape(part)}",
                hint="One number is asked for: .sum() of it.",
            )
    return got


def conserves(names, inputs, **options):
    """All parts together are the relevance that came in, the first input."""

    def holds(answer):
        values = inputs(np.random.default_rng(5))
        got = called_with(answer, names, *values, **options)
        same(
            sum(float(np.sum(part)) for part in got),
            values[0].sum(),
            "the sum of all that is returned, beside the sum of r",
        )

    hint = "All that is returned must add up to the sum of r: each part of a denominator, the stabiliser too, gets its share."
    return Property("nothing is lost: what comes in goes on or is kept", holds, hint)


def or_say(hint, check, *args, **options):
    """The check, with a first hint of its own where it fails and nothing more is known."""
    try:
        check(*args, **options)
    except Failed as failed:
        raise Failed(*failed.details, hint=failed.hint, first=hint) from None


def in_steps(names, results, **steps):
    """A rule as named steps, each a function of the inputs and of the steps before it.

    Args:
        names: the inputs.
        results: the steps that are returned.
        **steps: the right ones, in their order.

    Returns:
        A function that takes wrong steps in the place of some right ones, and returns the rule with these.
    """

    def bent(**wrong):
        def rule(*inputs, **options):
            v = SimpleNamespace(**dict(zip(names, inputs, strict=False)), **options)
            with np.errstate(all="ignore"):
                for name, step in (steps | wrong).items():
                    setattr(v, name, step(v))
            return tuple(getattr(v, name) for name in results)

        return rule

    return bent


def moved_from_zero(z, eps):
    """S(z)."""
    return z + np.where(z < 0, -eps, eps)


def sign_of(v):
    """1 for 0 and above."""
    return -1.0 if v < 0 else 1.0


def wrong_epsilon(
    unsigned=False,
    no_bias=False,
    no_x=False,
    no_w=False,
    wrong_sum=False,
    even=False,
    swapped=False,
    signed=True,
    loose=False,
    plus=False,
    spread=False,
    undivided=False,
    of_sinks=np.sum,
):
    """The epsilon rule with something wrong in it."""

    def rule(r, x, weight, bias, eps=1e-6):
        z = x @ weight.T + (0 if no_bias else bias)
        z = np.maximum(x[:, None] * weight, 0).sum(-1) + bias if plus else z
        stable = z + (0 if loose else eps if unsigned else np.where(z < 0, -eps, eps))
        share = r if undivided else r / stable
        ones = np.ones_like(x)
        r_x = (ones if no_x else x) * (share @ (np.ones_like(weight) if no_w else weight))
        if wrong_sum:
            r_x = (x[:, None] * weight / weight.sum(0) * r[..., None]).sum(1)
        if even:
            r_x = ones * (r.sum(1, keepdims=True) / x.shape[1])
        if plus:
            r_x = (np.maximum(x[:, None] * weight, 0) * share[..., None]).sum(1)
        if spread:
            r_x = r_x + (share * bias).sum(1, keepdims=True) / x.shape[1]
        to_bias = 0.0 if spread else of_sinks(share * bias)
        to_eps = of_sinks(share * (stable - z))
        return r_x, *((to_eps, to_bias) if swapped else (to_bias, to_eps if signed else eps * share.sum()))

    return rule
