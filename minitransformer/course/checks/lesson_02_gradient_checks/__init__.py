"""What must be true of gradients of arrays, and of a check of gradients."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_02_gradient_checks.unbroadcast import unbroadcast
from minitransformer.course.checks.lesson_02_gradient_checks.mul_vjp import mul_vjp
from minitransformer.course.checks.lesson_02_gradient_checks.matmul_vjp import matmul_vjp
from minitransformer.course.checks.lesson_02_gradient_checks.finite_differences import finite_differences
from minitransformer.course.checks.lesson_02_gradient_checks.gradcheck import gradcheck
