"""What must be true of LIME's three steps, of the whole, and of Shapley values."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_12_lime.sample_masks import sample_masks
from minitransformer.course.checks.lesson_12_lime.kernel_weights import kernel_weights
from minitransformer.course.checks.lesson_12_lime.weighted_ridge import weighted_ridge
from minitransformer.course.checks.lesson_12_lime.lime import lime
from minitransformer.course.checks.lesson_12_lime.shapley_values import shapley_values
