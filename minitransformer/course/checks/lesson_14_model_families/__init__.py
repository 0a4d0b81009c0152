"""What must be true of the parts that tell model families apart: who looks at whom, what is hidden, places, shared heads."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_14_model_families.cross_attention import cross_attention
from minitransformer.course.checks.lesson_14_model_families.mask_tokens import mask_tokens
from minitransformer.course.checks.lesson_14_model_families.span_corruption import span_corruption
from minitransformer.course.checks.lesson_14_model_families.relative_buckets import relative_buckets
from minitransformer.course.checks.lesson_14_model_families.rotary_pairs import rotary_pairs
from minitransformer.course.checks.lesson_14_model_families.grouped_attention import grouped_attention
