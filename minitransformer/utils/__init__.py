"""What stands around training: the data, in batches, and memory traded for time."""

from minitransformer.utils import checkpoint, data
