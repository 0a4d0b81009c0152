"""Modules that several ranks compute together."""

from minitransformer.nn.parallel.data_parallel import DistributedDataParallel
from minitransformer.nn.parallel.global_batch import global_batch

__all__ = ["DistributedDataParallel", "global_batch"]
