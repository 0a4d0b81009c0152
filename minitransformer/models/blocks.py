"""Models as rows of blocks, for a pipeline: each block takes what the one before it returned.

The blocks are made of the model's own layers, so that their parameters are the model's.
"""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor
from minitransformer.models.gpt import GPT
from minitransformer.models.language_model import LanguageModel
from minitransformer.models.seq2seq import PAD, Seq2Seq
from minitransformer.nn import Embedding, Module, Sequential

Reading = tuple[
    Tensor, Tensor, Tensor
]  # vectors of the text (B, S, C), its padding (B, S), ids of the answer (B, T)
Writing = tuple[
    Tensor, Tensor, Tensor
]  # the encoder's output (B, S, C), its padding (B, S), vectors of the answer (B, T, C)


class Words(Module):
    """ids (B, T) -> vectors of words and positions (B, T, C).

    Args:
        embedding: of the words.
        positions: adds those of the positions.
        scale: what the words' vectors are multiplied by.
    """

    def __init__(self, embedding: Embedding, positions: Module, scale: float = 1.0):
        super().__init__()
        self.embedding, self.positions, self.scale = embedding, positions, scale

    def forward(self, ids: Tensor) -> Tensor:
        """Look up the vectors.

        Args:
            ids: (B, T) integers.

        Returns:
            (B, T, C).
        """
        vectors = self.embedding(ids)
        placed: Tensor = self.positions(vectors if self.scale == 1 else vectors * self.scale)
        return placed


class Causal(Module):
    """A layer in which no token attends to a later one, (B, T, C) -> (B, T, C).

    Args:
        layer: of an encoder.
    """

    def __init__(self, layer: Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Args:
            x: (B, T, C).

        Returns:
            (B, T, C).
        """
        y: Tensor = self.layer(x, is_causal=True)
        return y


class BeginReading(Module):
    """ids of a text (B, S), ids of its answer (B, T) -> what the encoder's layers take.

    Args:
        words: embedding and positions.
    """

    def __init__(self, words: Words):
        super().__init__()
        self.words = words

    def forward(self, source: Tensor, ids: Tensor) -> Reading:
        """Look up the vectors of the text.

        Args:
            source: (B, S) integers.
            ids: (B, T) integers.

        Returns:
            (B, S, C), (B, S), (B, T).
        """
        return self.words(source), source == PAD, ids


class Read(Module):
    """A layer of the encoder.

    Args:
        layer: the layer.
    """

    def __init__(self, layer: Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, padding: Tensor, ids: Tensor) -> Reading:
        """Apply the layer.

        Args:
            x: (B, S, C).
            padding: (B, S).
            ids: (B, T).

        Returns:
            (B, S, C), and the others as they are.
        """
        return self.layer(x, None, padding), padding, ids


class BeginWriting(Module):
    """The encoder's norm, and the vectors of the answer.

    Args:
        norm: the encoder's norm.
        words: embedding and positions.
    """

    def __init__(self, norm: Module, words: Words):
        super().__init__()
        self.norm, self.words = norm, words

    def forward(self, x: Tensor, padding: Tensor, ids: Tensor) -> Writing:
        """Begin the answer.

        Args:
            x: (B, S, C).
            padding: (B, S).
            ids: (B, T).

        Returns:
            (B, S, C), (B, S), (B, T, C).
        """
        return self.norm(x), padding, self.words(ids)


class Write(Module):
    """A layer of the decoder.

    Args:
        layer: the layer.
    """

    def __init__(self, layer: Module):
        super().__init__()
        self.layer = layer

    def forward(self, memory: Tensor, padding: Tensor, x: Tensor) -> Writing:
        """Apply the layer.

        Args:
            memory: (B, S, C).
            padding: (B, S).
            x: (B, T, C).

        Returns:
            The same, with x from the layer.
        """
        x = self.layer(x, memory, memory_key_padding_mask=padding, tgt_is_causal=True)
        return memory, padding, x


class Logits(Module):
    """The last norm and the head, (.., (B, T, C)) -> (B, T, V).

    Args:
        norm: the norm, or None.
        head: the head.
    """

    def __init__(self, norm: Module | None, head: Module):
        super().__init__()
        self.norm, self.head = norm, head

    def forward(self, *state: Tensor) -> Tensor:
        """Compute the logits.

        Args:
            *state: what the last layer returned; the vectors come last.

        Returns:
            (B, T, V).
        """
        logits: Tensor = self.head(state[-1] if self.norm is None else self.norm(state[-1]))
        return logits


class Blocks(Sequential):
    """Blocks of which each may return several tensors, which the next one takes."""

    def forward(self, *state: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Apply one block after the other.

        Args:
            *state: what the first block takes.

        Returns:
            What the last block returns.
        """
        for block in self:
            found = block(*state)
            state = found if isinstance(found, tuple) else (found,)
        return state if len(state) > 1 else state[0]


def blocks_of(model: Module) -> Blocks:
    """A model as a row of blocks.

    Args:
        model: a `GPT`, a `LanguageModel` or a `Seq2Seq`.

    Returns:
        The blocks; called one after the other, they compute what the model does.

    Raises:
        TypeError: another model.
    """
    if isinstance(model, GPT):
        begin, scale = model.words, 1.0
    elif isinstance(model, LanguageModel | Seq2Seq):
        begin, scale = model.embedding, math.sqrt(model.config.d_model)
    else:
        known = "GPT, LanguageModel or Seq2Seq"
        raise TypeError(f"a pipeline: expected a {known}, got a {type(model).__name__}")
    words = Words(begin, model.positions, scale)
    if isinstance(model, Seq2Seq):
        encoder, decoder = model.transformer.encoder, model.transformer.decoder
        reading = [BeginReading(words), *map(Read, encoder.layers)]
        return Blocks(
            *reading,
            BeginWriting(encoder.norm, words),
            *map(Write, decoder.layers),
            Logits(decoder.norm, model.head),
        )
    return Blocks(words, *map(Causal, model.encoder.layers), Logits(model.encoder.norm, model.head))
