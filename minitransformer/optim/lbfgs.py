"""L-BFGS: steps of Newton's method whose curvature is guessed from the gradients of the last steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import Array, namespace
from minitransformer.ops.tensors.python import host_array
from minitransformer.optim.line_search import Point, strong_wolfe
from minitransformer.optim.optimizer import Optimizer, Params, Settings, State, rate
from minitransformer.settings import enable_grad

Closure = Callable[[], Tensor]


class LBFGS(Optimizer):
    """Each `step(closure)` makes up to `max_iter` steps, and evaluates the closure for each.

    Args:
        params: parameters, in one group.
        lr: how far each step goes, at least 0; a float, or a tensor of one element.
        max_iter: how many steps each call of `step` makes at most.
        max_eval: how often it evaluates the closure at most; None means 1.25 times `max_iter`.
        tolerance_grad: stop when no component of the gradient is larger.
        tolerance_change: stop when no parameter changes by more, or the loss does not.
        history_size: how many of the last steps are remembered.
        line_search_fn: "strong_wolfe" looks along each direction for how far to go (`line_search`); None goes as far as `lr`
            says.

    Raises:
        TypeError: if `params` is a single tensor, a set, or contains something else than tensors.
        ValueError: if there is more than one group, a parameter is not a leaf, or a setting is out of its range.

    Source:
        Liu & Nocedal, Mathematical Programming, 1989.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
        settings: Settings = dict(lr=lr, max_iter=max_iter, max_eval=max_eval, tolerance_grad=tolerance_grad)
        settings |= dict(tolerance_change=tolerance_change, history_size=history_size)
        super().__init__(params, settings | dict(line_search_fn=line_search_fn))
        if len(self.param_groups) != 1:
            raise ValueError(f"LBFGS: expected one group of parameters, got {len(self.param_groups)}")

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(
                f"LBFGS: expected line_search_fn 'strong_wolfe' or None, got {group['line_search_fn']!r}"
            )

    def _loaded_state(self, state: Mapping[str, Any], like: Tensor, group: Mapping[str, Any]) -> State:
        """The vectors of all parameters together, and numbers."""
        return {name: _loaded(value, like) for name, value in state.items() if name != "al"}

    @no_grad()
    def step(self, closure: Closure | None = None) -> Tensor:
        """Change all parameters, in place.

        Args:
            closure: computes the loss, calls `backward` and returns the loss.

        Returns:
            The loss before the first step.

        Raises:
            TypeError: without a closure.
        """
        if closure is None:
            raise TypeError(
                "LBFGS: step needs a closure that computes the loss, calls backward and returns it"
            )
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        if not state:
            state.update(func_evals=0, n_iter=0, old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
        with enable_grad():
            loss = closure()
        state["func_evals"] += 1
        now = Point(0.0, float(loss), self._gradient(), 0.0)
        if float(abs(now.gradient).max()) > group["tolerance_grad"]:
            self._descend(closure, now, state, group)
        return loss

    def _descend(self, closure: Closure, now: Point, state: State, group: Settings) -> None:
        """Steps until one of the limits is reached."""
        evaluated = 1
        for i in range(group["max_iter"]):
            state["n_iter"] += 1
            d = state["d"] = _direction(now.gradient, state, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"] = now.gradient, now.loss
            t = rate(group)
            if state["n_iter"] == 1:
                t *= min(1.0, 1 / float(abs(now.gradient).sum()))
            state["t"] = t
            start = now._replace(t=0.0, slope=float(now.gradient @ d))
            if start.slope > -group["tolerance_change"]:
                return
            last = i + 1 == group["max_iter"]
            if last and group["line_search_fn"] is None:
                return self._go(t, d)  # nothing needs the loss there
            now, used = self._moved(closure, start, t, d, group["max_eval"] - evaluated)
            state["t"] = now.t
            evaluated += used
            state["func_evals"] += used
            if last or evaluated >= group["max_eval"] or self._is_done(start, now, d, group):
                return

    def _moved(self, closure: Closure, start: Point, t: float, d: Array, left: int) -> tuple[Point, int]:
        """Go along a direction; the point reached, and how often the closure was called, of the calls that are left."""
        group = self.param_groups[0]
        if group["line_search_fn"] is None:
            self._go(t, d)
            return self._here(closure, t, d), 1
        before = [p.array.copy() for p in group["params"]]

        def at(t: float) -> Point:
            self._go(t, d)
            point = self._here(closure, t, d)
            self._return(before)
            return point

        point, used = strong_wolfe(at, start, t, float(abs(d).max()), left)
        self._go(point.t, d)
        return point, used

    def _is_done(self, start: Point, now: Point, d: Array, group: Settings) -> bool:
        """Whether the gradient, the step or the change of the loss has become small."""
        least = group["tolerance_change"]
        flat = float(abs(now.gradient).max()) <= group["tolerance_grad"]
        return bool(flat or float(abs(now.t * d).max()) <= least or abs(now.loss - start.loss) < least)

    def _here(self, closure: Closure, t: float, d: Array) -> Point:
        """Evaluate the closure where the parameters are."""
        with enable_grad():
            loss = float(closure())
        gradient = self._gradient()
        return Point(t, loss, gradient, float(gradient @ d))

    def _gradient(self) -> Array:
        """The gradient of all parameters as one vector; zeros where there is none."""
        params = self.param_groups[0]["params"]
        xp = namespace(params[0].array)
        parts = [xp.zeros_like(p.array) if p.grad is None else p.grad.array for p in params]
        return xp.concatenate([part.ravel() for part in parts])

    def _go(self, t: float, d: Array) -> None:
        """Move all parameters by t d."""
        begin = 0
        for p in self.param_groups[0]["params"]:
            array = p.writable()
            array += t * d[begin : begin + array.size].reshape(array.shape)
            begin += array.size

    def _return(self, before: list[Array]) -> None:
        for p, array in zip(self.param_groups[0]["params"], before, strict=True):
            p.writable()[...] = array


def _direction(gradient: Array, state: State, history: int) -> Array:
    """-H g, with the H of the steps that are remembered; the first direction is -g."""
    if state["n_iter"] == 1:
        return -gradient
    _remember(gradient - state["prev_flat_grad"], state["d"] * state["t"], state, history)
    ys, ss, ro = state["old_dirs"], state["old_stps"], state["ro"]
    q, shares = -gradient, [0.0] * len(ys)
    for i in reversed(range(len(ys))):
        shares[i] = float(ss[i] @ q) * ro[i]
        q = q - shares[i] * ys[i]
    r = q * state["H_diag"]
    for i in range(len(ys)):
        r = r + ss[i] * (shares[i] - float(ys[i] @ r) * ro[i])
    return r


def _remember(y: Array, s: Array, state: State, history: int) -> None:
    """Keep a step s and the change y of the gradient, unless the loss is not curved along it."""
    curved = float(y @ s)
    if curved > 1e-10:
        for name, new in (("old_dirs", y), ("old_stps", s), ("ro", 1 / curved)):
            state[name] = [*state[name], new][-history:]
        state["H_diag"] = curved / float(y @ y)


def _loaded(value: Any, like: Tensor) -> Any:
    """A copy of a vector as `like`'s array is, or a number, or several of them."""
    if isinstance(value, list):
        return [_loaded(item, like) for item in value]
    if getattr(value, "ndim", 0):
        return namespace(like.array).asarray(host_array(value), like.dtype).copy()
    return value if isinstance(value, int) else float(value)
