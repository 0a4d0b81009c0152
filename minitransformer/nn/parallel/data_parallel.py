"""Data parallel: each rank computes the gradients of its part of the batch, and all average them before the step."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from typing import Any

from minitransformer.autograd import Tensor, no_grad
from minitransformer.collectives import world
from minitransformer.collectives.engine import Engine
from minitransformer.nn.module import Module
from minitransformer.nn.parallel.buckets import mean_of_gradients
from minitransformer.ops.tensors.hooks import hook_at
from minitransformer.settings import after_walk, is_grad_enabled

MB = 1 << 20


class DistributedDataParallel(Module):
    """A module whose gradients, after each backward walk, are the mean of those of all ranks.

    All ranks begin with the parameters and buffers of the first. A backward walk that passes an output of this module ends with
    `all_reduce` of the gradients in flat buckets: then each `grad` is the same on all ranks, and so are the optimizer's steps. A
    parameter that some ranks did not use counts there with a gradient of zero; one that no rank used keeps its None.

    The mean over ranks is the gradient of the whole batch if all ranks have equally many targets. Otherwise forward and loss
    stand inside `with nn.parallel.global_batch(rows):`.

    Args:
        module: the module.
        device_ids: accepted as in PyTorch; no effect.
        output_device: accepted as in PyTorch; no effect.
        dim: accepted as in PyTorch; no effect.
        broadcast_buffers: whether each forward in training mode begins with the first rank's buffers.
        init_sync: whether to begin with the first rank's parameters and buffers.
        process_group: the ranks; None means all.
        bucket_cap_mb: the size of a bucket in MiB. Gradients of up to 8 MiB travel fastest together.
        find_unused_parameters: accepted as in PyTorch; they are always found.
        gradient_as_bucket_view: accepted as in PyTorch; no effect.
        static_graph: accepted as in PyTorch; no effect.

    Raises:
        ValueError: there is no process group, or no parameter requires a gradient.
        DistError: the modules of the ranks have other parameters.

    Source:
        Li et al., VLDB 2020, section 3.2.3: buckets. Nothing overlaps with the backward walk here: where ranks take all cores, that
        was slower than one after the other.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group: Engine | None = None,
        bucket_cap_mb: float = 8.0,
        find_unused_parameters: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
    ):
        super().__init__()
        self.engine = process_group or world.current("DistributedDataParallel")
        self.module, self.broadcast_buffers, self.bucket_cap_mb = module, broadcast_buffers, bucket_cap_mb
        self.require_backward_grad_sync = True
        if not self._learning():
            raise ValueError(
                "DistributedDataParallel: expected a parameter that requires a gradient, got none"
            )
        self.engine.agree(f"DistributedDataParallel({_described(module)})")
        if init_sync:
            self._take_from_first([*module.parameters(), *module.buffers()])

    def _learning(self) -> list[Tensor]:
        """The parameters that require a gradient."""
        return [p for p in self.module.parameters() if p.requires_grad]

    @no_grad()
    def _take_from_first(self, tensors: list[Tensor]) -> None:
        for tensor in tensors:
            self.engine.broadcast(tensor.writable(), 0)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module.

        Args:
            *args: its inputs: this rank's part of the batch.
            **kwargs: more inputs, by name.

        Returns:
            Its output.
        """
        syncs = self.require_backward_grad_sync and is_grad_enabled()
        if syncs and self.training and self.broadcast_buffers:
            self._take_from_first(list(self.module.buffers()))
        output = self.module(*args, **kwargs)
        if syncs:
            for made_by in {t.op for t in _tensors(output) if t.requires_grad and t.op is not None}:
                hook_at(made_by, self._ask_for_mean)
        return output

    def _ask_for_mean(self, parts: list[Any]) -> None:
        """At an output of the module on the way back: the walk is to end with the mean."""
        waiting = after_walk.get()
        if waiting is not None and self._take_mean not in waiting:
            waiting.append(self._take_mean)

    def _take_mean(self) -> None:
        mean_of_gradients(self.engine, self._learning(), self.bucket_cap_mb * MB)

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """Inside this block, gradients only add up on each rank; the first walk after it takes the mean of their sums.

        Forward must stand inside, as in PyTorch.

        Returns:
            A context manager.
        """
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before


def _tensors(output: Any) -> Iterator[Tensor]:
    """The tensors in what a module returned: itself, or in tuples, lists and dicts, or the fields of an object."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, (tuple, list)):
        for part in output:
            yield from _tensors(part)
    elif isinstance(output, dict) or hasattr(output, "__dict__"):
        yield from _tensors(list((output if isinstance(output, dict) else vars(output)).values()))


def _described(module: Module) -> str:
    """The parameters and buffers of a module in a few words, which differ if a name, a shape or a dtype does."""
    parts = [
        (name, t.shape, str(t.dtype)) for name, t in [*module.named_parameters(), *module.named_buffers()]
    ]
    text = ";".join(map(str, parts))
    numbers = sum(t.array.size for t in module.parameters())
    return f"{len(parts)} tensors, {numbers:,} parameters, digest {zlib.crc32(text.encode()):08x}"
