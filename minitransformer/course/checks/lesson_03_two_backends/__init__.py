"""What must be true of code that is written once for several array libraries."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_03_two_backends.namespace import namespace
from minitransformer.course.checks.lesson_03_two_backends.sigmoid import sigmoid
from minitransformer.course.checks.lesson_03_two_backends.scatter_add import scatter_add
from minitransformer.course.checks.lesson_03_two_backends.move import move
