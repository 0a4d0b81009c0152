"""What must be true of clock hands: a table of them, the turn from place to place, and vectors turned by them."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_05_positional_encoding.sinusoidal_table import sinusoidal_table
from minitransformer.course.checks.lesson_05_positional_encoding.shift_matrix import shift_matrix
from minitransformer.course.checks.lesson_05_positional_encoding.rotary import rotary
from minitransformer.course.checks.lesson_05_positional_encoding.rotary_vjp import rotary_vjp
