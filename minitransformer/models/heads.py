"""Heads that families share: a body gives a vector for each token, and a linear map makes logits of them.

A body is a module with `body(ids, attention_mask)`, (B, T) -> (B, T, C).
"""

from __future__ import annotations

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.ops.creation.filled import arange


def last_tokens(x: Tensor, ids: Tensor, pad_token_id: int | None) -> Tensor:
    """The vector of each text's last token that is not padding, whether padding is at its left or its right.

    Args:
        x: (B, T, C).
        ids: (B, T) integers.
        pad_token_id: the id of padding; None if there is none.

    Returns:
        (B, C); of a text of nothing but padding, its first vector.

    Raises:
        ValueError: for several texts without an id of padding.
    """
    if pad_token_id is None:
        if len(ids) > 1:
            raise ValueError(
                f"expected one text, as the configuration has no pad_token_id, got {len(ids)}; pass them one by one"
            )
        return x[:, -1]
    places = arange(ids.shape[1], device=ids.device)  # (T,)
    last = (places * (ids != pad_token_id).long()).argmax(-1)  # (B,)
    return x[arange(len(ids), device=ids.device), last]


class LastTokenClassifier(nn.Module):
    """ids (B, T) -> logits of each text's class (B, L), from the vector of its last token. For a causal body.

    Args:
        body: gives a vector for each token.
        width: the size C of each vector.
        num_labels: the number L of classes.
        pad_token_id: the id of padding; None if there is none.
    """

    def __init__(self, body: nn.Module, width: int, num_labels: int, pad_token_id: int | None):
        super().__init__()
        self.body, self.pad_token_id = body, pad_token_id
        self.score = nn.Linear(width, num_labels, bias=False)

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """The logits of each text's class.

        Args:
            ids: (B, T) integers.
            attention_mask: (B, T): 1 for a token, 0 for padding; None if there is no padding.

        Returns:
            (B, L).

        Raises:
            ValueError: for several texts without an id of padding, or if the mask has another shape.
        """
        return self.score(last_tokens(self.body(ids, attention_mask), ids, self.pad_token_id))


class TokenClassifier(nn.Module):
    """ids (B, T) -> logits of each token's class (B, T, L).

    Args:
        body: gives a vector for each token.
        width: the size C of each vector.
        num_labels: the number L of classes.
        dropout: the probability of dropout, in [0, 1].
    """

    def __init__(self, body: nn.Module, width: int, num_labels: int, dropout: float = 0.1):
        super().__init__()
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(width, num_labels)

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """The logits of each token's class.

        Args:
            ids: (B, T) integers.
            attention_mask: (B, T): 1 for a token, 0 for padding; None if there is no padding.

        Returns:
            (B, T, L).

        Raises:
            ValueError: if the mask has another shape.
        """
        return self.score(self.dropout(self.body(ids, attention_mask)))


class SpanFinder(nn.Module):
    """ids (B, T) of a question and a text -> for each token, the logits that the answer starts or ends there, (B, T) each.

    Args:
        body: gives a vector for each token.
        width: the size C of each vector.

    Source:
        Devlin et al., NAACL 2019, section 4.2.
    """

    def __init__(self, body: nn.Module, width: int):
        super().__init__()
        self.body = body
        self.ends = nn.Linear(width, 2)

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The logits of the answer's first and last token.

        Args:
            ids: (B, T) integers.
            attention_mask: (B, T): 1 for a token, 0 for padding; None if there is no padding.

        Returns:
            Twice (B, T).

        Raises:
            ValueError: if the mask has another shape.
        """
        logits = self.ends(self.body(ids, attention_mask))  # (B, T, 2)
        return logits[..., 0], logits[..., 1]
