"""Every operation, with its three laws side by side: forward, gradient, relevance. One file per theme; `names` lists them."""

from minitransformer.ops import inplace as inplace
from minitransformer.ops import inspect as inspect
from minitransformer.ops import python as python
from minitransformer.ops.names import *  # noqa: F403
