"""What must be true of heads, of a concatenation's gradient, and of multi-head attention."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_07_multi_head_attention.split_heads import split_heads
from minitransformer.course.checks.lesson_07_multi_head_attention.merge_heads import merge_heads
from minitransformer.course.checks.lesson_07_multi_head_attention.concat_vjp import concat_vjp
from minitransformer.course.checks.lesson_07_multi_head_attention.multi_head_attention import (
    multi_head_attention,
)
