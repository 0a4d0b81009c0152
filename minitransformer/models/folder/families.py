"""The models that folders may hold: the published name of a class -> our class, its configuration, and its names table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from minitransformer.models import bert_heads as bert
from minitransformer.models.bert import BertConfig
from minitransformer.models.bert_heads import BertHeadConfig
from minitransformer.models.folder.model import PublishedModel
from minitransformer.models.folder.names import Names
from minitransformer.models.outside import PublishedConfig


class Family(NamedTuple):
    """A published class of models.

    Attributes:
        model: our class. `model(config)` builds one, which keeps its configuration as `model.config`.
        config: the class of its configuration, which reads `config.json`.
        names: what its arrays are called in published weights.
    """

    model: Callable[[Any], PublishedModel]
    config: type[PublishedConfig]
    names: Names


FAMILIES = {
    "BertModel": Family(bert.BertModel, BertConfig, bert.BARE),
    "BertForSequenceClassification": Family(
        bert.BertForSequenceClassification, BertHeadConfig, bert.CLASSIFIER
    ),
    "BertForTokenClassification": Family(bert.BertForTokenClassification, BertHeadConfig, bert.TAGGER),
    "BertForMaskedLM": Family(bert.BertForMaskedLM, BertConfig, bert.MASKED_LM),
    "BertForQuestionAnswering": Family(bert.BertForQuestionAnswering, BertHeadConfig, bert.READER),
}
