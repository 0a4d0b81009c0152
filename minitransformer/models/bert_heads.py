"""BERT with the heads that published models have: none, classes of texts or tokens, masked tokens, and answers in a text.

Source:
    Devlin et al., NAACL 2019, section 4 and figure 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.models.activations import ACTIVATIONS
from minitransformer.models.bert import MASKED_NAMES, NAMES, Bert, BertConfig, BertMaskedLM, init_weights
from minitransformer.models.folder.model import PublishedModel
from minitransformer.nn.masking import hidden_tokens

Body = Callable[[Any], Bert]  # the class of an encoder


@dataclass(frozen=True)
class BertHeadConfig(BertConfig):
    """The sizes of a BERT with a head; those of its encoder are documented in `BertConfig`.

    Args:
        num_labels: the number N of classes.
    """

    num_labels: int = 2


class BertPooler(nn.Module):
    """The vector of a text: tanh, or another function, of a linear layer of its first token's vector. (B, T, C) -> (B, C).

    Args:
        config: the sizes.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = ACTIVATIONS[config.pooler_act]
        init_weights(self.dense)

    def forward(self, x: Tensor) -> Tensor:
        """The vector of each text.

        Args:
            x: (B, T, C), from the encoder.

        Returns:
            (B, C).
        """
        return self.activation(self.dense(x[:, 0]))


class BertModel(PublishedModel):
    """ids (B, T) -> vectors (B, T, C).

    Args:
        config: the sizes.
        body: the class of the encoder.
    """

    def __init__(self, config: BertConfig, body: Body = Bert):
        super().__init__()
        self.config = config
        self.bert = body(config)
        self.pooler = BertPooler(config)

    def forward(
        self, ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """The vectors after the last layer.

        Args:
            ids: (B, T) integers.
            attention_mask: (B, T), 1 for real tokens and 0 for padding; None means no padding.
            token_type_ids: (B, T) integers: 0 for tokens of the first text, 1 for those of the second. None means 0 everywhere.

        Returns:
            (B, T, C).
        """
        return self.bert.read(ids, token_type_ids, hidden_tokens(attention_mask, *ids.shape))


class BertForSequenceClassification(PublishedModel):
    """ids (B, T) -> logits of each text's class (B, N).

    Args:
        config: the sizes.
        body: the class of the encoder.
    """

    def __init__(self, config: BertHeadConfig, body: Body = Bert):
        super().__init__()
        self.config = config
        self.bert = body(config)
        self.pooler = BertPooler(config)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        init_weights(self.classifier)

    def forward(
        self, ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """The logits of each text's class.

        Args:
            ids: (B, T) integers.
            attention_mask: see `BertModel.forward`.
            token_type_ids: see `BertModel.forward`.

        Returns:
            (B, N).
        """
        x = self.bert.read(ids, token_type_ids, hidden_tokens(attention_mask, *ids.shape))  # (B, T, C)
        return self.classifier(self.dropout(self.pooler(x)))


class BertForTokenClassification(PublishedModel):
    """ids (B, T) -> logits of each token's class (B, T, N).

    Args:
        config: the sizes.
        body: the class of the encoder.
    """

    def __init__(self, config: BertHeadConfig, body: Body = Bert):
        super().__init__()
        self.config = config
        self.bert = body(config)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        init_weights(self.classifier)

    def forward(
        self, ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """The logits of each token's class.

        Args:
            ids: (B, T) integers.
            attention_mask: see `BertModel.forward`.
            token_type_ids: see `BertModel.forward`.

        Returns:
            (B, T, N).
        """
        x = self.bert.read(ids, token_type_ids, hidden_tokens(attention_mask, *ids.shape))  # (B, T, C)
        return self.classifier(self.dropout(x))


class BertForMaskedLM(PublishedModel):
    """ids (B, T), some of them [MASK] -> logits of the token at each position (B, T, V).

    Args:
        config: the sizes.
        body: the class of the encoder.
    """

    def __init__(self, config: BertConfig, body: Body = Bert):
        super().__init__()
        self.config = config
        self.lm = BertMaskedLM(config, body)

    def forward(
        self, ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """The logits of the token at each position.

        Args:
            ids: (B, T) integers.
            attention_mask: see `BertModel.forward`.
            token_type_ids: see `BertModel.forward`.

        Returns:
            (B, T, V).
        """
        x = self.lm.bert.read(ids, token_type_ids, hidden_tokens(attention_mask, *ids.shape))  # (B, T, C)
        return self.lm.predict(x)


class BertForQuestionAnswering(PublishedModel):
    """ids (B, T) of a question and a text -> logits of each token to be the answer's first, and its last: twice (B, T).

    Args:
        config: the sizes.
        body: the class of the encoder.
    """

    def __init__(self, config: BertHeadConfig, body: Body = Bert):
        super().__init__()
        self.config = config
        self.bert = body(config)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        init_weights(self.qa_outputs)

    def forward(
        self, ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The logits of the answer's ends.

        Args:
            ids: (B, T) integers.
            attention_mask: see `BertModel.forward`.
            token_type_ids: see `BertModel.forward`.

        Returns:
            Those of its first token, and of its last: (B, T) each.
        """
        x = self.bert.read(ids, token_type_ids, hidden_tokens(attention_mask, *ids.shape))  # (B, T, C)
        ends = self.qa_outputs(x)  # (B, T, 2)
        return ends[..., 0], ends[..., 1]


# ---- published names ----

BARE = NAMES.within("bert.", "", {"pooler.": "pooler."})
CLASSIFIER = NAMES.within("bert.", "bert.", {"pooler.": "bert.pooler.", "classifier.": "classifier."})
TAGGER = NAMES.within("bert.", "bert.", {"classifier.": "classifier."}).but(("bert.pooler.",))
READER = NAMES.within("bert.", "bert.", {"qa_outputs.": "qa_outputs."}).but(("bert.pooler.",))
MASKED_LM = MASKED_NAMES.within("lm.", "", {})
