"""What must be true of softmax and attention."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_06_attention.softmax import softmax
from minitransformer.course.checks.lesson_06_attention.softmax_vjp import softmax_vjp
from minitransformer.course.checks.lesson_06_attention.attention import attention
from minitransformer.course.checks.lesson_06_attention.causal_mask import causal_mask
