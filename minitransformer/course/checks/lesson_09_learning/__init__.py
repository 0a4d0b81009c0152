"""What must be true of a loss, of its gradient, and of what takes the steps."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_09_learning.cross_entropy import cross_entropy
from minitransformer.course.checks.lesson_09_learning.cross_entropy_vjp import cross_entropy_vjp
from minitransformer.course.checks.lesson_09_learning.sgd import SGD
from minitransformer.course.checks.lesson_09_learning.adam import Adam
from minitransformer.course.checks.lesson_09_learning.clip_grad_norm import clip_grad_norm
from minitransformer.course.checks.lesson_09_learning.adamw import AdamW
