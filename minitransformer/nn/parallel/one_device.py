"""PyTorch's DataParallel: a module whose batches are shared out among GPUs. Here a process has one device, which takes all."""

from __future__ import annotations

from typing import Any

from minitransformer.nn.module import Module


class DataParallel(Module):
    """Calls its module. The names in `state_dict` begin with "module.", as in PyTorch.

    To share out batches among processes, take `DistributedDataParallel`.

    Args:
        module: the module.
        device_ids: accepted as in PyTorch; no effect.
        output_device: accepted as in PyTorch; no effect.
        dim: accepted as in PyTorch; no effect.
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        self.module, self.device_ids, self.output_device, self.dim = module, device_ids, output_device, dim

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """Call the module.

        Args:
            *inputs: its inputs.
            **kwargs: more inputs, by name.

        Returns:
            Its output.
        """
        return self.module(*inputs, **kwargs)
