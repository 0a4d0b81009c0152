"""What must be true of layer normalization, of its gradient, of the feed-forward network and of an encoder block."""

# ruff: noqa: I001 (the order of the lesson)
from minitransformer.course.checks.lesson_08_transformer_encoder.layer_norm import layer_norm
from minitransformer.course.checks.lesson_08_transformer_encoder.layer_norm_vjp import layer_norm_vjp
from minitransformer.course.checks.lesson_08_transformer_encoder.feed_forward import feed_forward
from minitransformer.course.checks.lesson_08_transformer_encoder.encoder_block import encoder_block
