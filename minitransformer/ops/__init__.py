"""Every operation, with its laws side by side: forward, gradient, relevance. One file per theme.

`methods` lists those that are methods of `Tensor`, and attaches them.
"""

from minitransformer.ops import methods as methods
