"""What must be true of the rules of relevance: nothing lost, shares by loops, and tangents by finite differences."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_11_relevance_propagation.stabilised import stabilised
from minitransformer.course.checks.lesson_11_relevance_propagation.epsilon_rule import epsilon_rule
from minitransformer.course.checks.lesson_11_relevance_propagation.explain_mlp import explain_mlp
from minitransformer.course.checks.lesson_11_relevance_propagation.matmul_rule import matmul_rule
from minitransformer.course.checks.lesson_11_relevance_propagation.softmax_rule import softmax_rule
from minitransformer.course.checks.lesson_11_relevance_propagation.layer_norm_rule import layer_norm_rule
