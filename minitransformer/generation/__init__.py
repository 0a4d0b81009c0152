"""Producing text: one token after the other, drawn or searched for, alone or in batches, and shown as it grows."""

from minitransformer.generation.batch import generate_batch
from minitransformer.generation.beam import beam_search
from minitransformer.generation.sampling import generate, next_token_probabilities, stream
from minitransformer.generation.text import growing_text
from minitransformer.generation.writer import EncoderDecoder, Writer

__all__ = [
    "EncoderDecoder",
    "Writer",
    "beam_search",
    "generate",
    "generate_batch",
    "growing_text",
    "next_token_probabilities",
    "stream",
]
