"""Heads that families share: a body gives a vector for each token, and a linear map makes logits of them.

A body is a module with `body(ids, attention_mask)`, (B, T) -> (B, T, C). A head is given its class and builds it, so that a head
and a body, such as `partial(TokenClassifier, Llama)`, are together a class that is built from a configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.models.folder.model import PublishedModel
from minitransformer.ops.creation.filled import arange

Body = Callable[[Any], nn.Module]


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


class LastTokenClassifier(PublishedModel):
    """ids (B, T) -> logits of each text's class (B, L), from the vector of its last token. For a causal body.

    Args:
        body: the class of the body.
        config: its sizes: `hidden_size` C, `num_labels` L and `pad_token_id` among them.
    """

    def __init__(self, body: Body, config: Any):
        super().__init__()
        self.config = config
        self.body = body(config)
        self.score = nn.Linear(config.hidden_size, config.num_labels, bias=False)

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
        x = self.body(ids, attention_mask)  # (B, T, C)
        return self.score(last_tokens(x, ids, self.config.pad_token_id))


class TokenClassifier(PublishedModel):
    """ids (B, T) -> logits of each token's class (B, T, L).

    Args:
        body: the class of the body.
        config: its sizes: `hidden_size` C and `num_labels` L among them.
    """

    def __init__(self, body: Body, config: Any):
        super().__init__()
        self.config = config
        self.body = body(config)
        self.dropout = nn.Dropout(0.1)
        self.score = nn.Linear(config.hidden_size, config.num_labels)

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


class SpanFinder(PublishedModel):
    """ids (B, T) of a question and a text -> for each token, the logits that the answer starts or ends there, (B, T) each.

    Args:
        body: the class of the body.
        config: its sizes, `hidden_size` C among them.

    Source:
        Devlin et al., NAACL 2019, section 4.2.
    """

    def __init__(self, body: Body, config: Any):
        super().__init__()
        self.config = config
        self.body = body(config)
        self.ends = nn.Linear(config.hidden_size, 2)

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
