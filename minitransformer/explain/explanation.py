"""What an explanation is: tokens, the signed relevance of each, and an account of the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.explain import rendering
from minitransformer.explain.ledger import Ledger


class Explanation:
    """The relevance of each token to one output.

    `method` says how it was found. `ids` and `relevance` have one shape, (T,) or (B, T); `target` lists the explained
    logit of each sequence, `output` is their sum. `ledger` is None for methods that do not account for the rest.
    """

    def __init__(
        self,
        method: str,
        ids: numpy.ndarray,
        relevance: numpy.ndarray,
        target: list[int],
        output: float,
        tokens: Sequence[str] | None = None,
        ledger: Ledger | None = None,
    ):
        self.method, self.ids, self.relevance = method, ids, relevance
        self.target, self.output, self.ledger = target, output, ledger
        self.tokens = numpy.asarray(ids).astype(str).tolist() if tokens is None else list(tokens)
        if numpy.shape(self.tokens) != numpy.shape(relevance):
            raise ValueError(
                f"tokens: expected strings of shape {relevance.shape}, got {numpy.shape(self.tokens)}"
            )

    def rows(self) -> list[tuple[list[str], numpy.ndarray]]:
        """Tokens and relevance of each sequence."""
        if self.relevance.ndim == 1:
            return [(self.tokens, self.relevance)]
        return list(zip(self.tokens, self.relevance, strict=True))

    def show(self) -> None:
        """Print it: tokens in colour, and the ledger."""
        rendering.print_explanation(self)

    def to_html(self) -> str:
        """A fragment of HTML with inline styles, also for notebooks that are not trusted."""
        return rendering.html_explanation(self)

    def save(self, path) -> None:
        """Write it as a page that needs nothing else."""
        rendering.save_page(path, self.method, self.to_html())

    _repr_html_ = to_html

    def __repr__(self) -> str:
        strips = "\n".join(rendering.plain_strip(tokens, values) for tokens, values in self.rows())
        return f"{self.method}: logit {self.target} = {self.output:.4f}\n{strips}" + (
            f"\n{self.ledger}" if self.ledger else ""
        )
