"""Our time and memory divided by those of another package, measured alternately in one run: a ratio, not a number of seconds.

>>> from minitransformer.bench import BENCHMARKS, in_turn
>>> sorted(BENCHMARKS)[:3]
['chain', 'fast', 'generation']
>>> ratio = in_turn(lambda: sum(range(1000)), lambda: sum(range(1000)), pairs=3, turn=0.001)
>>> 0.1 < ratio.median < 10
True
"""

from minitransformer.bench.catalogue import BENCHMARKS, check_name, rows
from minitransformer.bench.checkouts import beside
from minitransformer.bench.machine import machine
from minitransformer.bench.pairs import Ratio, in_turn, ratio_of
from minitransformer.bench.row import Row

__all__ = [
    "BENCHMARKS",
    "Ratio",
    "Row",
    "beside",
    "check_name",
    "in_turn",
    "machine",
    "ratio_of",
    "rows",
]
