"""Where the learner's pieces can stand in the library: laws of ops, methods of layers, functions."""

from minitransformer.course.seams import functions, layers, ops
from minitransformer.course.seams.seam import Seam, Seams

__all__ = ["RULES", "SEAMS", "Seam"]

SEAMS: Seams = ops.SEAMS | layers.SEAMS | functions.SEAMS
# the rules of lesson 11 are about relevance itself: with one of them, LRP has to be walked in its explicit form
RULES = frozenset({"stabilised", "epsilon_rule", "matmul_rule", "softmax_rule", "layer_norm_rule"})
