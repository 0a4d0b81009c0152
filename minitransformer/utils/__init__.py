"""What stands around training: the data, in batches."""

from minitransformer.utils import data
