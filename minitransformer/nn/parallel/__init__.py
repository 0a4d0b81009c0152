"""Modules that several ranks compute together; and `DataParallel`, which one computes."""

from minitransformer.nn.parallel.data_parallel import DistributedDataParallel
from minitransformer.nn.parallel.global_batch import global_batch
from minitransformer.nn.parallel.one_device import DataParallel

__all__ = ["DataParallel", "DistributedDataParallel", "global_batch"]
