"""What a model costs: operations, seconds, bytes and joules, and what they grow with.

`flops.py` counts operations while a program runs; `energy.py` reads what the processor says it has used; `step.py` measures a
training step by both; `laws.py` has the laws by which the cost of large models is computed, and fits one of one's own.
"""

from minitransformer.cost.flops import FlopCounter, Flops

__all__ = ["FlopCounter", "Flops"]
