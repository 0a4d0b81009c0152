"""What optimizers share: groups of parameters with their settings, and the state kept for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy

from minitransformer.autograd import Tensor, enable_grad, no_grad
from minitransformer.backends import Array
from minitransformer.ops.creation import tensor
from minitransformer.ops.python import host_array

# what else may stand in a loaded group, the schedules' word among them
BESIDE = {"params", "param_names", "initial_lr"}


class Optimizer:
    """`param_groups`: dicts of "params" and settings; `state`: what is remembered of each parameter, as arrays.

    A subclass gives `update(p, g, state, group)`, which edits the array `p` in place. Raises ValueError for no parameters,
    one given twice or a negative learning rate, TypeError for what is no tensor. PyTorch's `foreach`, `fused` and `capturable`
    say how a step is computed, not what it does: they are taken and change nothing. `differentiable` is refused.
    """

    def __init__(self, params: Iterable, defaults: dict):
        if isinstance(params, Tensor):
            raise TypeError(
                "optimizer: expected several parameters, such as model.parameters(), got one tensor: put it in a list"
            )
        groups = _in_order(params)
        if not groups:
            raise ValueError("optimizer: expected at least one parameter, got none")
        self.defaults, self.param_groups, self.state = defaults, [], {}
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict) -> None:
        """More parameters, with settings of their own where they differ from the defaults."""
        params = (
            [param_group["params"]]
            if isinstance(param_group["params"], Tensor)
            else _in_order(param_group["params"])
        )
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer: expected tensors, got {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError("optimizer: can only change leaf tensors; this one was computed from others")
            if id(p) in known:
                raise ValueError(
                    "optimizer: a parameter is given twice, and would be changed twice in each step"
                )
            known.add(id(p))
        self._check({**self.defaults, **param_group})
        self.param_groups.append({**self.defaults, **param_group, "params": params})

    def _check(self, group: Mapping) -> None:
        """Raise ValueError for settings of a group that no step can follow."""
        if rate(group) < 0:
            raise ValueError(f"optimizer: expected a learning rate >= 0, got {rate(group)}")
        if tensors := [
            name
            for name, value in group.items()
            if isinstance(value, Tensor) and name not in ("lr", "params")
        ]:
            raise ValueError(f"optimizer: expected numbers for {tensors}, got tensors; call .item()")
        if group.get("differentiable"):
            raise ValueError(
                "optimizer: steps leave no tape, so differentiable=True is not to be had; write p - lr * g yourself"
            )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none or p.grad is None:
                    p.grad = None
                else:
                    p.grad.zero_()

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Change every parameter that has a gradient; `closure`, if given, is called first, to make the gradients and the loss."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                self._step(group, [p for p in group["params"] if p.grad is not None])
        return loss

    def _step(self, group: dict, moved: list[Tensor]) -> None:
        gradients = [-p.grad.array if group.get("maximize") else p.grad.array for p in moved]
        entries = [
            (p.writable(), g, self.state.setdefault(p, {})) for p, g in zip(moved, gradients, strict=True)
        ]
        self.update_all(entries, group)

    def update_all(self, entries: list[tuple[Array, Array, dict]], group: dict) -> None:
        """`update` for each (parameter, gradient, state) of a group."""
        for p, g, state in entries:
            self.update(p, g, state, group)

    def update(self, p: Array, g: Array, state: dict, group: dict) -> None:
        raise NotImplementedError(f"{type(self).__name__} does not say how it changes a parameter")

    def state_dict(self) -> dict:
        """{"state": {number: what is remembered}, "param_groups": [settings, with numbers for parameters]}, as PyTorch's."""
        number = {p: i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        groups = [{**g, "params": [number[p] for p in g["params"]]} for g in self.param_groups]
        return {
            "state": {number[p]: {k: _kept(v) for k, v in s.items()} for p, s in self.state.items()},
            "param_groups": groups,
        }

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on from where `state_dict` was taken, by us or by PyTorch's optimizer of the same name.

        Raises ValueError, changing nothing, if it is none, if the groups differ in number or size, if it holds settings or
        memories that this optimizer does not have, or memories of another shape than their parameter.
        """
        if not state_dict.keys() >= {"state", "param_groups"}:
            raise ValueError(
                f"optimizer: expected a state_dict with 'state' and 'param_groups', got {sorted(state_dict)}"
            )
        ours, theirs = (
            [len(g["params"]) for g in groups] for groups in (self.param_groups, state_dict["param_groups"])
        )
        if ours != theirs:
            raise ValueError(f"optimizer: expected groups of {ours} parameters, got {theirs}")
        groups = [
            self._settings(g, new)
            for g, new in zip(self.param_groups, state_dict["param_groups"], strict=True)
        ]
        params = [(p, g) for g in groups for p in g["params"]]
        self.state = {
            params[int(i)][0]: self._remembered(s, *params[int(i)]) for i, s in state_dict["state"].items()
        }
        for group, settings in zip(self.param_groups, groups, strict=True):
            group.update(settings)

    def _settings(self, group: dict, loaded: Mapping) -> dict:
        """A group with its settings as `loaded` has them. Raises ValueError for those that it does not know."""
        if unknown := sorted(loaded.keys() - group.keys() - BESIDE):
            raise ValueError(
                f"{type(self).__name__}: the state_dict has settings that this optimizer does not have: {unknown}"
            )
        settings = {**group, **loaded, "params": group["params"]}
        self._check(settings)
        return settings

    def _remembered(self, state: Mapping, like: Tensor, group: Mapping) -> dict:
        """What a state_dict holds of the parameter `like`: arrays are copied, the count of steps is a number, None is nothing."""
        kept = {name: value for name, value in state.items() if value is not None}
        names = self.memories(group)
        if kept and names is not None and kept.keys() != names:
            expected, got = sorted(names), sorted(kept)
            raise ValueError(
                f"{type(self).__name__}: expected the state of a parameter to hold {expected}, got {got}"
            )
        shapes = {name: tuple(getattr(value, "shape", ())) for name, value in kept.items() if name != "step"}
        if wrong := {name: shape for name, shape in shapes.items() if shape != like.shape}:
            raise ValueError(
                f"{type(self).__name__}: expected the state of a parameter {like.shape} in its shape, got {wrong}"
            )
        if (steps := int(kept.get("step", 0))) < 0:
            raise ValueError(f"{type(self).__name__}: expected a count of steps from 0 on, got {steps}")
        return {name: steps if name == "step" else _array(value, like) for name, value in kept.items()}

    def memories(self, group: Mapping) -> set[str] | None:
        """The names of what is remembered of each parameter of a group; None where a subclass does not tell."""
        return None


def rate(group: Mapping) -> float:
    """The learning rate of a group, which may be kept in a tensor of one element."""
    return float(group["lr"])


def _in_order(params: Iterable) -> list:
    """Raises TypeError for a set, whose order, by which states are told apart, is another in each run."""
    if isinstance(params, (set, frozenset)):
        raise TypeError("optimizer: expected parameters in an order, got a set; make a list of it")
    return list(params)


def _kept(value):
    return Tensor(value.copy()) if hasattr(value, "copy") else value


def _array(value, like: Tensor):
    return tensor(numpy.asarray(host_array(value), order="C"), dtype=like.dtype, device=like.device).array
