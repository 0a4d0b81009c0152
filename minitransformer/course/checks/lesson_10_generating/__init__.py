"""What must be true of drawing tokens, of a beam, and of attention that remembers."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_10_generating.sample import sample
from minitransformer.course.checks.lesson_10_generating.keep_top_k import keep_top_k
from minitransformer.course.checks.lesson_10_generating.keep_top_p import keep_top_p
from minitransformer.course.checks.lesson_10_generating.next_token_probabilities import (
    next_token_probabilities,
)
from minitransformer.course.checks.lesson_10_generating.beam_search import beam_search
from minitransformer.course.checks.lesson_10_generating.attention_step import attention_step
