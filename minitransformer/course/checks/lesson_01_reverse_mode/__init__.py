"""What must be true of a scalar engine."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_01_reverse_mode.value import Value
from minitransformer.course.checks.lesson_01_reverse_mode.sum_over_paths import sum_over_paths
from minitransformer.course.checks.lesson_01_reverse_mode.topological_order import topological_order
from minitransformer.course.checks.lesson_01_reverse_mode.backward import backward
