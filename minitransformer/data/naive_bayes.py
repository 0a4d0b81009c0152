"""Counting words per class: the baseline that a learned model of reviews has to beat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minitransformer.tokenization.marks import LETTERS, find_words

WORD = re.compile(rf"{LETTERS}(?:'{LETTERS})*")


def words(text: str) -> list[str]:
    """The words of a text in lower case, with the apostrophes inside them: "Isn't it?" -> ["isn't", "it"].

    Args:
        text: Any text.

    Returns:
        The words in order.
    """
    return find_words(WORD, text.lower())


def majority(labels: Sequence[int]) -> int:
    """The most frequent label: the best answer that does not look at the text.

    Args:
        labels: Non-negative integers, at least one.

    Returns:
        The label; of several equally frequent ones, the smallest.
    """
    return int(np.bincount(labels).argmax())


@dataclass(frozen=True)
class NaiveBayes:
    """Multinomial naive Bayes with Laplace smoothing.

    p(c | text) is proportional to p(c) prod_w p(w | c), where p(w | c) = (count(w, c) + 1) / (count(c) + V) for a
    vocabulary of V words.

    Args:
        vocabulary: word -> row of `log_likelihood`.
        log_prior: log p(c) of each class, (C,).
        log_likelihood: log p(w | c), (V, C).

    Source:
        Manning, Raghavan and Schuetze, Introduction to Information Retrieval, 2008, section 13.2.
    """

    vocabulary: dict[str, int]
    log_prior: np.ndarray  # (C,) log p(c)
    log_likelihood: np.ndarray  # (V, C) log p(w | c)

    @classmethod
    def fit(cls, texts: Sequence[str], labels: Sequence[int]) -> NaiveBayes:
        """Count the words of each class.

        Args:
            texts: N texts.
            labels: N integers from 0 to C - 1, each of which occurs at least once.

        Returns:
            The fitted classifier.

        Raises:
            ValueError: If a label below the largest never occurs.
        """
        documents = [words(text) for text in texts]
        vocabulary = {word: i for i, word in enumerate(sorted(set().union(*documents)))}
        class_sizes = np.bincount(labels)  # (C,)
        if not class_sizes.all():
            raise ValueError(
                f"every label up to the largest must occur; how often each does: {class_sizes.tolist()}"
            )
        counts = np.ones((len(vocabulary), len(class_sizes)))  # (V, C), from 1: Laplace's pseudo-count
        for document, label in zip(documents, labels, strict=True):
            np.add.at(counts[:, label], [vocabulary[word] for word in document], 1)
        return cls(vocabulary, np.log(class_sizes / len(documents)), np.log(counts / counts.sum(axis=0)))

    def log_joint(self, text: str) -> np.ndarray:
        """log p(c) + sum_w log p(w | c) of one text.

        Args:
            text: Any text; words that were not seen in training are left out of the sum.

        Returns:
            (C,) float64, in nats.
        """
        known = [self.vocabulary[word] for word in words(text) if word in self.vocabulary]
        joint: np.ndarray = self.log_prior + self.log_likelihood[known].sum(axis=0)  # (C,) + (W, C) -> (C,)
        return joint

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """The probability of each class.

        Args:
            texts: N texts.

        Returns:
            p(c | text), (N, C) float64.
        """
        scores = np.stack([self.log_joint(text) for text in texts])  # (N, C)
        weights: np.ndarray = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        return weights

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """The most probable class of each text.

        Args:
            texts: N texts.

        Returns:
            (N,) int64.
        """
        best: np.ndarray = np.stack([self.log_joint(text) for text in texts]).argmax(axis=1)
        return best
