"""What must be true of byte pair encoding, and of a table of vectors."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_04_tokens_and_embeddings.merge_pair import merge_pair
from minitransformer.course.checks.lesson_04_tokens_and_embeddings.most_frequent_pair import (
    most_frequent_pair,
)
from minitransformer.course.checks.lesson_04_tokens_and_embeddings.bpe_encode import bpe_encode
from minitransformer.course.checks.lesson_04_tokens_and_embeddings.embedding import embedding
from minitransformer.course.checks.lesson_04_tokens_and_embeddings.embedding_vjp import embedding_vjp
