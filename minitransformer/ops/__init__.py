"""Every operation, with its three laws side by side: forward, gradient, relevance. One file per theme; `names` lists them."""

from minitransformer.ops import methods as methods
from minitransformer.ops.names import *  # noqa: F403
