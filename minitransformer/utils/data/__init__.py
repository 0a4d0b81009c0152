"""Data for training: datasets of samples, samplers that say which come when, and loaders that put them together into batches."""

from minitransformer.utils.data import dataloader, dataset, distributed, sampler
from minitransformer.utils.data.collate import default_collate, default_convert, pad_collate, pad_sequence
from minitransformer.utils.data.dataloader import DataLoader, Epoch, get_worker_info
from minitransformer.utils.data.dataset import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from minitransformer.utils.data.distributed import DistributedSampler
from minitransformer.utils.data.sampler import (
    BatchSampler,
    LengthSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "Epoch",
    "IterableDataset",
    "LengthSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "dataloader",
    "dataset",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "distributed",
    "pad_collate",
    "pad_sequence",
    "random_split",
    "sampler",
]
