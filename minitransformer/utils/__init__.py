"""Tools for training: data in batches, and gradient checkpointing."""

from minitransformer.utils import checkpoint, data
