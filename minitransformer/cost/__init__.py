"""What a model costs: operations, seconds, bytes and joules, and how they grow.

`flops.py` counts operations while a program runs; `energy.py` reads what the hardware says it has used; `step.py` measures a
training step by both, `whole.py` anything else, and `words.py` tells it. `laws.py` has the laws by which the cost of large models
is computed, and fits one to runs of one's own, which `runs.py` makes.
"""

from minitransformer.cost.energy import Meter
from minitransformer.cost.flops import FlopCounter, Flops
from minitransformer.cost.laws import MT_NLG, LargeRun, ScalingLaw, fit, iteration_flops, training_flops
from minitransformer.cost.step import Cost, step_cost
from minitransformer.cost.whole import Measured

__all__ = [
    "Cost",
    "FlopCounter",
    "Flops",
    "LargeRun",
    "MT_NLG",
    "Measured",
    "Meter",
    "ScalingLaw",
    "fit",
    "iteration_flops",
    "step_cost",
    "training_flops",
]
