"""What must be true of the judges of explanations."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_13_which_to_believe.prefixes import prefixes
from minitransformer.course.checks.lesson_13_which_to_believe.removal_curves import removal_curves
from minitransformer.course.checks.lesson_13_which_to_believe.erased import erased
from minitransformer.course.checks.lesson_13_which_to_believe.rank_correlation import rank_correlation
from minitransformer.course.checks.lesson_13_which_to_believe.randomisation_test import randomisation_test
from minitransformer.course.checks.lesson_13_which_to_believe.auroc import auroc
