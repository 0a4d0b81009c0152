"""Every op, every layer and every model, as one table.

A line of the table holds a name, a function of tensors (`lib` is minitransformer, then torch) and the makers of its inputs. If
PyTorch has no such function, the line also holds one that computes the same with PyTorch.
"""

from minitransformer.verify.case import LayerCase, OpCase
from minitransformer.verify.cases.attention import ATTENTION
from minitransformer.verify.cases.elementwise import ELEMENTWISE
from minitransformer.verify.cases.grids import GRID_LAYERS, GRIDS
from minitransformer.verify.cases.indices import INDICES
from minitransformer.verify.cases.layers import SIMPLE_LAYERS
from minitransformer.verify.cases.losses import ACTIVATIONS, LOSSES, NORMALIZATIONS
from minitransformer.verify.cases.matrices import MATRICES
from minitransformer.verify.cases.positions import POSITIONS, ROTARY
from minitransformer.verify.cases.products import PRODUCTS
from minitransformer.verify.cases.ranks import RANKS
from minitransformer.verify.cases.recurrent import RECURRENT, STEPS
from minitransformer.verify.cases.reductions import REDUCTIONS
from minitransformer.verify.cases.shapes import SHAPES
from minitransformer.verify.cases.transformers import MODELS, TRANSFORMERS

OPS: list[OpCase] = [
    *ELEMENTWISE,
    *REDUCTIONS,
    *SHAPES,
    *INDICES,
    *PRODUCTS,
    *MATRICES,
    *ACTIVATIONS,
    *NORMALIZATIONS,
    *LOSSES,
    *GRIDS,
    *ROTARY,
    *STEPS,
    *RANKS,
]
LAYERS: list[LayerCase] = [*SIMPLE_LAYERS, *GRID_LAYERS, *POSITIONS, *ATTENTION, *TRANSFORMERS, *RECURRENT]
CASES: list[OpCase | LayerCase] = [*OPS, *LAYERS, *MODELS]
