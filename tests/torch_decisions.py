"""Where we part from PyTorch's database of samples, each with its reason. The tests hold these tables complete: see `unheld`."""

from torch_database import Decision

OPS: list[Decision] = []
MODULES: list[Decision] = []
OPTIMISERS: list[Decision] = []
