"""The models that folders may hold: the published name of a class -> our class, its configuration, and its names table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

from minitransformer.models import bert_heads as bert
from minitransformer.models import distilbert, gpt, llama, roberta, t5, t5_heads, vit
from minitransformer.models.bert import BertConfig
from minitransformer.models.bert_heads import BertHeadConfig
from minitransformer.models.distilbert import DistilBert, DistilBertConfig, DistilBertModel
from minitransformer.models.folder.model import PublishedModel
from minitransformer.models.folder.names import Names
from minitransformer.models.heads import LastTokenClassifier, SpanFinder, TokenClassifier
from minitransformer.models.mistral import MistralConfig
from minitransformer.models.outside import PublishedConfig
from minitransformer.models.qwen import Qwen2Config, Qwen3Config
from minitransformer.models.roberta import Roberta, RobertaConfig


class Family(NamedTuple):
    """A published class of models.

    Attributes:
        build: our class, or a function: `build(config)` makes a model.
        config: the class of its configuration, which reads `config.json`.
        names: what its arrays are called in published weights.
    """

    build: Callable[[Any], PublishedModel]
    config: type[PublishedConfig]
    names: Names


def _decoders(name: str, config: type[llama.LlamaConfig], reader: str = "transformer.") -> dict[str, Family]:
    """The rows of a family with Llama's layers; `reader` is the beginning of published names below the head for answers."""

    def headed(head: Callable[..., PublishedModel], theirs: str, **rows: str) -> Family:
        names = llama.NAMES.within("body.", theirs, {f"{ours}.": f"{row}." for ours, row in rows.items()})
        return Family(partial(head, llama.LlamaDecoder), config, names)

    return {
        f"{name}Model": Family(llama.LlamaDecoder, config, llama.NAMES),
        f"{name}ForCausalLM": Family(llama.Llama, config, llama.LM_NAMES),
        f"{name}ForSequenceClassification": headed(LastTokenClassifier, "model.", score="score"),
        f"{name}ForTokenClassification": headed(TokenClassifier, "model.", score="score"),
        f"{name}ForQuestionAnswering": headed(SpanFinder, reader, ends="qa_outputs"),
    }


def _t5() -> dict[str, Family]:
    """The rows of T5, of all its versions."""
    config = t5.T5Config
    return {
        "T5Model": Family(t5.T5Body, config, t5.NAMES),
        "T5EncoderModel": Family(t5_heads.T5Encoder, t5_heads.T5EncoderConfig, t5.ENCODER_NAMES),
        "T5ForConditionalGeneration": Family(t5.T5, config, t5.LM_NAMES),
        "T5ForSequenceClassification": Family(t5_heads.T5Classifier, config, t5_heads.CLASSIFIER),
        "T5ForTokenClassification": Family(
            partial(TokenClassifier, t5_heads.T5Encoder), t5_heads.T5EncoderConfig, t5_heads.TAGGER
        ),
        "T5ForQuestionAnswering": Family(t5_heads.T5Reader, config, t5_heads.READER),
    }


def _gpts() -> dict[str, Family]:
    """The rows of GPT-2."""

    def headed(head: Callable[..., PublishedModel], ours: str, theirs: str) -> Family:
        names = gpt.NAMES.within("body.", "transformer.", {ours: theirs})
        return Family(partial(head, gpt.GPTBody), gpt.GPTConfig, names)

    return {
        "GPT2Model": Family(gpt.GPTBody, gpt.GPTConfig, gpt.NAMES),
        "GPT2LMHeadModel": Family(gpt.GPT, gpt.GPTConfig, gpt.LM_NAMES),
        "GPT2ForSequenceClassification": headed(LastTokenClassifier, "score.", "score."),
        "GPT2ForTokenClassification": headed(TokenClassifier, "score.", "classifier."),
        "GPT2ForQuestionAnswering": headed(SpanFinder, "ends.", "qa_outputs."),
    }


def _encoders(
    name: str, module: ModuleType, config: type[PublishedConfig], body: Any, bare: Any
) -> dict[str, Family]:
    """The rows of a family with BERT's heads; `module` has their names tables."""

    def headed(head: Callable[..., PublishedModel], names: Names) -> Family:
        return Family(partial(head, body=body), config, names)

    return {
        f"{name}Model": Family(bare, config, module.BARE),
        f"{name}ForSequenceClassification": headed(bert.BertForSequenceClassification, module.CLASSIFIER),
        f"{name}ForTokenClassification": headed(bert.BertForTokenClassification, module.TAGGER),
        f"{name}ForMaskedLM": headed(bert.BertForMaskedLM, module.MASKED_LM),
        f"{name}ForQuestionAnswering": headed(bert.BertForQuestionAnswering, module.READER),
    }


FAMILIES = {
    "BertModel": Family(bert.BertModel, BertConfig, bert.BARE),
    "BertForSequenceClassification": Family(
        bert.BertForSequenceClassification, BertHeadConfig, bert.CLASSIFIER
    ),
    "BertForTokenClassification": Family(bert.BertForTokenClassification, BertHeadConfig, bert.TAGGER),
    "BertForMaskedLM": Family(bert.BertForMaskedLM, BertConfig, bert.MASKED_LM),
    "BertForQuestionAnswering": Family(bert.BertForQuestionAnswering, BertHeadConfig, bert.READER),
    **_encoders("Roberta", roberta, RobertaConfig, Roberta, partial(bert.BertModel, body=Roberta)),
    **_encoders("DistilBert", distilbert, DistilBertConfig, DistilBert, DistilBertModel),
    **_gpts(),
    **_t5(),
    "ViTModel": Family(vit.ViTModel, vit.ViTConfig, vit.BARE),
    "ViTForImageClassification": Family(vit.ViTForImageClassification, vit.ViTConfig, vit.CLASSIFIER),
    **_decoders("Llama", llama.LlamaConfig),
    **_decoders("Qwen2", Qwen2Config),
    **_decoders("Qwen3", Qwen3Config),
    **_decoders("Mistral", MistralConfig, "model."),
}
