"""Where we part from PyTorch's database of samples, each with its reason. The tests hold these tables complete: see `unheld`."""

from torch_database import Decision

OPS: list[Decision] = []
MODULES: list[Decision] = []
OPTIMISERS = [
    Decision(
        "Adam.*lr as Tensor doesn't work with foreach.*",
        "different",
        "PyTorch raises ValueError: lr as a Tensor is not supported",
        "`foreach` says how PyTorch computes a step; here there is one way, which takes a rate in a tensor",
    ),
]
