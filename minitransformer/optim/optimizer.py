"""What optimizers share: groups of parameters with their settings, and the state kept for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import Array
from minitransformer.ops.creation import tensor
from minitransformer.ops.python import host_array


class Optimizer:
    """`param_groups`: dicts of "params" and settings; `state`: what is remembered of each parameter, as arrays.

    A subclass gives `update(p, g, state, group)`, which edits the array `p` in place. Raises ValueError for no parameters,
    one given twice or a negative learning rate, TypeError for what is no tensor.
    """

    def __init__(self, params: Iterable, defaults: dict):
        if isinstance(params, Tensor):
            raise TypeError("optimizer: expected several parameters, such as model.parameters(), got one tensor: put it in a list")
        groups = list(params)
        if not groups:
            raise ValueError("optimizer: expected at least one parameter, got none")
        self.defaults, self.param_groups, self.state = defaults, [], {}
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, group: dict) -> None:
        """More parameters, with settings of their own where they differ from the defaults."""
        params = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer: expected tensors, got {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError("optimizer: can only change leaf tensors; this one was computed from others")
            if id(p) in known:
                raise ValueError("optimizer: a parameter is given twice, and would be changed twice in each step")
            known.add(id(p))
        self.param_groups.append({**self.defaults, **group, "params": params})
        if self.param_groups[-1]["lr"] < 0:
            raise ValueError(f"optimizer: expected a learning rate >= 0, got {self.param_groups[-1]['lr']}")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none or p.grad is None:
                    p.grad = None
                else:
                    p.grad.zero_()

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        with no_grad():
            for group in self.param_groups:
                moved = [p for p in group["params"] if p.grad is not None]
                self.update_all([(p.writable(), p.grad.array, self.state.setdefault(p, {})) for p in moved], group)

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
        return {"state": {number[p]: {k: _kept(v) for k, v in s.items()} for p, s in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on from where `state_dict` was taken, by us or by PyTorch's optimizer of the same name.

        Raises ValueError if it is none, or if the groups differ in number or size.
        """
        if not state_dict.keys() >= {"state", "param_groups"}:
            raise ValueError(f"optimizer: expected a state_dict with 'state' and 'param_groups', got {sorted(state_dict)}")
        ours, theirs = ([len(g["params"]) for g in groups] for groups in (self.param_groups, state_dict["param_groups"]))
        if ours != theirs:
            raise ValueError(f"optimizer: expected groups of {ours} parameters, got {theirs}")
        params = [p for g in self.param_groups for p in g["params"]]
        for group, loaded in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update({k: v for k, v in loaded.items() if k != "params"})
        self.state = {params[int(i)]: _remembered(s, params[int(i)]) for i, s in state_dict["state"].items()}


def _kept(value):
    return Tensor(value.copy()) if hasattr(value, "copy") else value


def _remembered(state: Mapping, like: Tensor) -> dict:
    """What a state_dict holds of the parameter `like`: arrays are copied, the count of steps is a number."""
    return {name: int(value) if name == "step" else _array(value, like) for name, value in state.items()}


def _array(value, like: Tensor):
    is_number = value is None or isinstance(value, (int, float))
    return value if is_number else tensor(numpy.ascontiguousarray(host_array(value)), dtype=like.dtype, device=like.device).array
