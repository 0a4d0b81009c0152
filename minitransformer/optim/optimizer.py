"""The base of all optimizers: groups of parameters with their settings, and the state that is kept for each parameter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import Array, float32, namespace
from minitransformer.brain_float import KIND, widened
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.tensors.python import host_array
from minitransformer.settings import enable_grad

Settings = dict[str, Any]  # a parameter group: "params" and the settings of these parameters
State = dict[
    str, Any
]  # what an optimizer keeps for one parameter: arrays of its shape, and the number of steps
Entries = Sequence[tuple[Array, Array, State]]  # (parameter, gradient, state)
Params = Iterable[Tensor] | Iterable[Settings]
required = (
    object()
)  # PyTorch's older sign for a setting that each group must have: `add_param_group` refuses it

# what a loaded group may also contain; all but the first two are written by the learning-rate schedules
BESIDE = {"params", "param_names", "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum"}


class Optimizer:
    """Groups of parameters in `param_groups`, and in `state` the arrays that are kept for each parameter.

    A subclass defines `update` (one parameter), or `update_all` (all parameters of a group), or `step` itself, as in PyTorch:
    `state[p]` is a new dict for a parameter that has none yet. PyTorch's settings `foreach`,
    `fused` and `capturable` choose how a step is computed, not its result: they are accepted and have no effect.
    `differentiable` is refused.

    Args:
        params: parameters, or groups of them: dicts with "params" and the settings that differ from `defaults`.
        defaults: the settings of groups that do not have their own.

    Raises:
        TypeError: if `params` is a single tensor, a set, or contains something else than tensors.
        ValueError: if there are no parameters, one is given twice or is not a leaf, or the learning rate is negative.
    """

    numbers: tuple[str, ...] = (
        "step",
    )  # the entries of a parameter's state that are one number, not an array of its shape

    def __init__(self, params: Params, defaults: Settings) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "optimizer: expected several parameters, such as model.parameters(), got one tensor: put it in a list"
            )
        groups = _in_order(params)
        if not groups:
            raise ValueError("optimizer: expected at least one parameter, got none")
        self.defaults = defaults
        self.param_groups: list[Settings] = []
        self.state: defaultdict[Tensor, State] = defaultdict(dict)
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)

    def add_param_group(self, param_group: Settings) -> None:
        """Add parameters with their own settings.

        Args:
            param_group: "params", a tensor or several, and the settings that differ from the defaults.

        Raises:
            TypeError: if the parameters are in a set, or one is not a tensor.
            ValueError: if a parameter is given twice or is not a leaf, or a setting is out of its range.
        """
        params = param_group["params"]
        params = [params] if isinstance(params, Tensor) else _in_order(params)
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            _check_parameter(p, known)
            known.add(id(p))
        settings = {**self.defaults, **param_group}
        if missing := [name for name, value in settings.items() if value is required]:
            raise ValueError(f"optimizer: a group of parameters has no value for {missing}")
        self._check(settings)
        self.param_groups.append({**settings, "params": params})

    def _check(self, group: Mapping[str, Any]) -> None:
        """Raise ValueError if a setting of a group is out of its range."""
        if rate(group) < 0:
            raise ValueError(f"optimizer: expected a learning rate >= 0, got {rate(group)}")
        numbers = {name: value for name, value in group.items() if name not in ("lr", "params")}
        if tensors := [name for name, value in numbers.items() if isinstance(value, Tensor)]:
            raise ValueError(f"optimizer: expected numbers for {tensors}, got tensors; call .item()")
        if group.get("differentiable"):
            raise ValueError(
                "optimizer: a step leaves no tape, so differentiable=True is not supported; write p - lr * g yourself"
            )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Delete the gradients of all parameters, or fill them with zeros.

        Args:
            set_to_none: set each `grad` to None; if False, keep the tensors and fill them with zeros.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none or p.grad is None:
                    p.grad = None
                else:
                    p.grad.zero_()

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Change every parameter that has a gradient, in place.

        Args:
            closure: called first, with a tape: computes the loss, calls `backward` and returns the loss.

        Returns:
            The loss that `closure` returned; None without `closure`.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                self._step(group, [p for p in group["params"] if p.grad is not None])
        return loss

    def _step(self, group: Settings, moved: list[Tensor]) -> None:
        """`update_all` for the parameters of a group that have a gradient."""
        gradients = [p.grad.array for p in moved if p.grad is not None]
        gradients = [-g for g in gradients] if group.get("maximize") else gradients
        states = [self.state[p] for p in moved]
        arrays = [p.writable() for p in moved]
        wide = [
            widened(a) for a in arrays
        ]  # a step of bfloat16 is computed in float32, and so is what is kept
        self.update_all(list(zip(wide, map(widened, gradients), states, strict=True)), group)
        for array, new in zip(arrays, wide, strict=True):
            if array is not new:
                array[...] = new

    def update_all(self, entries: Entries, group: Settings) -> None:
        """One step for all parameters of a group: `update` for each of them.

        Args:
            entries: for each parameter its array, its gradient and its state, which are changed in place.
            group: the settings of the group.
        """
        for p, g, state in entries:
            self.update(p, g, state, group)

    def update(self, p: Array, g: Array, state: State, group: Settings) -> None:
        """One step for one parameter; a subclass defines it.

        Args:
            p: the parameter's array, changed in place.
            g: its gradient, of the same shape and dtype.
            state: what the optimizer keeps for this parameter; empty before the first step, changed in place.
            group: the settings of the group.

        Raises:
            NotImplementedError: if the subclass defines neither `update` nor `update_all`.
        """
        raise NotImplementedError(f"{type(self).__name__}: define update(self, p, g, state, group)")

    def begin(self, p: Array, state: State, group: Settings, start: float = 0.0) -> None:
        """Count a step; before the first, fill the arrays of a parameter's state.

        Args:
            p: the parameter's array.
            state: its state, changed in place.
            group: the settings of the group.
            start: the number in the arrays.
        """
        if not state:
            names = sorted((self.state_names(group) or set()) - {*self.numbers})
            state.update({name: namespace(p).full_like(p, start) for name in names}, step=0)
        state["step"] += 1

    def state_dict(self) -> dict[str, Any]:
        """The state and the settings of all groups, in the form of PyTorch's `state_dict`.

        Returns:
            "state": for the number of each parameter what is kept for it; "param_groups": the settings, in which "params" are
            numbers, counted through all groups.
        """
        number = {p: i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        groups = [{**g, "params": [number[p] for p in g["params"]]} for g in self.param_groups]
        state = {number[p]: {name: _copied(v) for name, v in s.items()} for p, s in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a saved state, of this optimizer or of PyTorch's optimizer of the same name.

        Args:
            state_dict: what `state_dict` returned; its arrays are copied.

        Raises:
            ValueError: without any change, if it is not such a dict; if the groups differ in number or size; if it contains
                settings or state that this optimizer does not have; or if a shape differs from the parameter's.
        """
        if not state_dict.keys() >= {"state", "param_groups"}:
            raise ValueError(
                f"optimizer: expected a state_dict with 'state' and 'param_groups', got {sorted(state_dict)}"
            )
        loaded = state_dict["param_groups"]
        ours, theirs = ([len(g["params"]) for g in groups] for groups in (self.param_groups, loaded))
        if ours != theirs:
            raise ValueError(f"optimizer: expected groups of {ours} parameters, got {theirs}")
        groups = [self._settings(g, new) for g, new in zip(self.param_groups, loaded, strict=True)]
        params = [(p, g) for g in groups for p in g["params"]]
        state = {int(i): s for i, s in state_dict["state"].items()}
        self.state.clear()
        self.state.update({params[i][0]: self._loaded_state(s, *params[i]) for i, s in state.items()})
        for group, settings in zip(self.param_groups, groups, strict=True):
            group.update(settings)

    def _settings(self, group: Settings, loaded: Mapping[str, Any]) -> Settings:
        """A group with the settings in `loaded`. Raises ValueError for a setting that the group does not have."""
        if unknown := sorted(loaded.keys() - group.keys() - BESIDE):
            raise ValueError(
                f"{type(self).__name__}: the state_dict has settings that this optimizer does not have: {unknown}"
            )
        settings = {**group, **loaded, "params": group["params"]}
        self._check(settings)
        return settings

    def _loaded_state(self, state: Mapping[str, Any], like: Tensor, group: Mapping[str, Any]) -> State:
        """The state of the parameter `like` from a state_dict: arrays copied, "step" as an int, entries of None left out."""
        found = {name: value for name, value in state.items() if value is not None}
        names = self.state_names(group)
        if found and names is not None and found.keys() != names:
            raise ValueError(
                f"{type(self).__name__}: expected the state of a parameter to hold {sorted(names)}, got {sorted(found)}"
            )
        arrays = found.keys() - self.numbers
        shapes = {name: tuple(getattr(found[name], "shape", ())) for name in sorted(arrays)}
        if wrong := {name: shape for name, shape in shapes.items() if shape != like.shape}:
            raise ValueError(
                f"{type(self).__name__}: expected state of the parameter's shape {like.shape}, got {wrong}"
            )
        if (steps := int(found.get("step", 0))) < 0:
            raise ValueError(f"{type(self).__name__}: expected a number of steps >= 0, got {steps}")
        loaded = {n: _array(value, like) if n in arrays else float(value) for n, value in found.items()}
        return {**loaded, "step": steps} if "step" in found else loaded

    def state_names(self, group: Mapping[str, Any]) -> set[str] | None:
        """The names of the entries in each parameter's state, to check what `load_state_dict` reads.

        Args:
            group: the settings of the parameter's group.

        Returns:
            The names; None where a subclass does not define them: then any names are accepted.
        """
        return None


def rate(group: Mapping[str, Any]) -> float:
    """The learning rate of a group, which may be stored in a tensor of one element.

    Args:
        group: a parameter group.

    Returns:
        `group["lr"]` as a float.
    """
    return float(group["lr"])


def check_settings(name: str, group: Mapping[str, Any], *settings: str) -> None:
    """Raise ValueError if a setting is negative or NaN.

    Args:
        name: of the optimizer, for the message.
        group: the settings of a group.
        *settings: the names of those that must be numbers from 0 on.
    """
    if wrong := {key: group[key] for key in settings if not 0 <= group[key]}:
        raise ValueError(f"{name}: expected {', '.join(settings)} >= 0, got {wrong}")


def check_betas(name: str, betas: Sequence[Any]) -> None:
    """Raise ValueError unless there are two numbers in [0, 1).

    Args:
        name: of the optimizer, for the message.
        betas: how much of two running means each step keeps.
    """
    if len(betas) != 2 or not all(not isinstance(b, Tensor) and 0 <= b < 1 for b in betas):
        raise ValueError(f"{name}: expected two betas in [0, 1), got {betas}")


def decayed(p: Array, g: Array, group: Mapping[str, Any]) -> Array:
    """Let a weight decay, in place or by its gradient.

    Args:
        p: the parameter's array; with "decoupled_weight_decay" it is multiplied by 1 - lr * weight_decay.
        g: its gradient.
        group: the settings of the group.

    Returns:
        The gradient; without "decoupled_weight_decay" plus weight_decay * p.
    """
    decay = group["weight_decay"]
    if decay and group["decoupled_weight_decay"]:
        p *= 1 - rate(group) * decay
    return g + decay * p if decay and not group["decoupled_weight_decay"] else g


def keep(mean: Array, new: Array, share: float, weight: float | None = None) -> Array:
    """Change a running mean in place.

    Args:
        mean: the mean.
        new: what comes to it, of the same shape.
        share: how much of the mean is kept.
        weight: of what comes; None means 1 - `share`.

    Returns:
        share * mean + weight * new.
    """
    mean *= share
    mean += (1 - share if weight is None else weight) * new
    return mean


def _check_parameter(p: Any, known: set[int]) -> None:
    """Raise TypeError or ValueError for what no step can change, and for a parameter whose id is in `known`."""
    if not isinstance(p, Tensor):
        raise TypeError(f"optimizer: expected tensors, got {type(p).__name__}")
    if not p.is_leaf:
        raise ValueError("optimizer: can only change leaf tensors; this one was computed from others")
    if id(p) in known:
        raise ValueError("optimizer: a parameter is given twice, and would be changed twice in each step")


def _in_order(params: Iterable[Any]) -> list[Any]:
    """A list. Raises TypeError for a set: its order differs from run to run, and states are saved by order."""
    if isinstance(params, (set, frozenset)):
        raise TypeError("optimizer: expected parameters in an order, got a set; make a list of it")
    return list(params)


def _copied(value: Any) -> Any:
    """An array as a tensor with its own memory, a list of them as one of such; other values as they are."""
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return Tensor(value.copy()) if hasattr(value, "copy") else value


def _array(value: Any, like: Tensor) -> Array:
    """A copy of `value` with the dtype and on the device of `like`."""
    dtype = float32 if like.dtype.kind == KIND else like.dtype
    return tensor(numpy.asarray(host_array(value), order="C"), dtype=dtype, device=like.device).array
