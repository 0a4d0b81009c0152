"""What the recipes that learn from a text share: their settings, and the text cut into windows of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy

from minitransformer import files
from minitransformer.autograd import Tensor
from minitransformer.data.corpus import python_topics, split
from minitransformer.tokenization import BPETokenizer, WordPieceTokenizer
from minitransformer.utils.data import DataLoader, Dataset

PYTHON_TOPICS = "python-topics"
Trained = TypeVar(
    "Trained", BPETokenizer, WordPieceTokenizer
)  # the tokenizers that learn a vocabulary of a given size


@dataclass(frozen=True)
class TextRecipe:
    """The settings of a run on windows of a text; each recipe adds its model, its loss and its own defaults.

    Args:
        data: "python-topics", or the path of a UTF-8 text.
        steps: batches to learn from.
        batch_size: windows in a batch.
        length: tokens that the model reads of a window.
        lr: the highest learning rate.
        vocab_size: the largest number of different tokens.
        d_model: width of the model.
        nhead: attention heads.
        num_layers: layers.
        dropout: the share of activations set to zero while training.
        amp: whether products are computed in float16.
    """

    data: str = PYTHON_TOPICS
    steps: int = 1000
    batch_size: int = 16
    length: int = 64
    lr: float = 3e-3
    vocab_size: int = 512
    d_model: int = 64
    nhead: int = 4
    num_layers: int = 2
    dropout: float = 0.0
    amp: bool = False

    @classmethod
    def of(cls, data: str = PYTHON_TOPICS, **chosen: Any) -> Self:
        """The recipe for a text.

        Args:
            data: "python-topics", or the path of a UTF-8 text.
            **chosen: settings that replace the defaults.

        Returns:
            The recipe.
        """
        return cls(data, **chosen)

    def windows(self, kind: type[Trained]) -> tuple[Trained, DataLoader, Windows]:
        """Train a tokenizer on the text, and cut the text into windows.

        Args:
            kind: the class of the tokenizer.

        Returns:
            The tokenizer, batches of windows to train on, and the windows of the last tenth of the text, which is held out.
        """
        text, held_out = split(read_text(self.data))
        tokenizer = kind.train(text, vocab_size=self.vocab_size)
        known, unseen = (Windows(tokenizer.encode(part), self.length) for part in (text, held_out))
        return tokenizer, DataLoader(known, self.batch_size, shuffle=True), unseen


def read_text(data: str) -> str:
    """Read a text.

    Args:
        data: "python-topics" for the chapters of Python's help, or the path of a UTF-8 text.

    Returns:
        The text.

    Raises:
        FileError: if the file is not UTF-8.
    """
    return python_topics() if data == PYTHON_TOPICS else files.read_text(data)


class Windows(Dataset):
    """A dataset of N tokens, cut into windows of `length` + 1; the last token of a window is the first of the next.

    Args:
        ids: the N tokens.
        length: the tokens of a window, less one.

    Raises:
        ValueError: if there are not more than `length` tokens.
    """

    def __init__(self, ids: Sequence[int], length: int):
        self.ids = numpy.asarray(ids)
        self.length = length
        if len(self.ids) <= length:
            raise ValueError(
                f"text: expected more than {length} tokens, got {len(self.ids)}; take a longer text"
            )

    def __len__(self) -> int:
        return (len(self.ids) - 1) // self.length

    def __getitem__(self, i: int) -> numpy.ndarray:
        return self.ids[i * self.length : (i + 1) * self.length + 1]  # (T + 1,)


def mean_over(windows: Windows, loss: Callable[[Tensor], Tensor], batch_size: int = 32) -> float:
    """The mean of a loss over all windows. If it is in nats per token, exp of it is the perplexity.

    Args:
        windows: the windows of a text.
        loss: `loss(batch)`, the mean loss of a batch (B, T + 1).
        batch_size: windows in a batch.

    Returns:
        The mean.
    """
    sums = [loss(batch).item() * len(batch) for batch in DataLoader(windows, batch_size)]
    return sum(sums) / len(windows)
