"""Published models: their sizes are read from `config.json`, and a setting that our code does not compute is an error.

A `config.json` holds more than sizes. Most of its other keys, `HARMLESS`, change no number of a forward pass in evaluation
mode. Any other key must have the value that our code computes: a model that is only nearly the same would give wrong numbers
without an error.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy

from minitransformer.files import one_line, settings

# keys about the origin, the training, the meaning of ids, and generation: they change no number of a forward pass
HARMLESS = frozenset(
    """
    _attn_implementation _attn_implementation_internal _name_or_path architectures attn_implementation dtype
    _num_labels finetuning_task gradient_checkpointing is_llama_config language name name_or_path problem_type
    sbert_ce_default_activation_function sentence_transformers task_specific_params tokenizer_class
    torch_dtype torchscript transformers.js_config transformers_version use_bfloat16

    attention_dropout attention_probs_dropout_prob attn_pdrop classifier_dropout dropout_rate embd_pdrop
    hidden_dropout_prob initializer_factor initializer_range qa_dropout resid_pdrop seq_classif_dropout
    sinusoidal_pos_embds summary_first_dropout

    bos_token_id cls_token_id decoder_start_token_id eos_token_id id2label label2id mask_token_id num_labels
    pad_token_id sep_token_id unk_token_id

    directionality n_ctx n_positions pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head
    pooler_type summary_activation summary_proj_to_labels summary_type summary_use_proj

    bad_words_ids begin_suppress_tokens diversity_penalty do_sample early_stopping encoder_no_repeat_ngram_size
    forced_bos_token_id forced_eos_token_id length_penalty max_length min_length no_repeat_ngram_size num_beam_groups
    num_beams num_return_sequences output_attentions output_hidden_states output_past output_scores prefix
    remove_invalid_values repetition_penalty return_dict return_dict_in_generate suppress_tokens temperature top_k top_p
    typical_p use_cache

    chunk_size_feed_forward pretraining_tp
    """.split()  # the last two cut a product into pieces; the result is the same
)

OFF = (
    "add_cross_attention",
    "is_decoder",
    "is_encoder_decoder",
    "tie_encoder_decoder",
    "use_sliding_window",
)  # harmless if False


class PublishedConfig:
    """The base of a model's configuration: a dataclass of sizes under the names that its family has in `config.json`.

    A key for which only one value is computed here is an `InitVar`: the value is checked and not kept.

    Attributes:
        left_out: key -> the value that a `config.json` means if it leaves the key out. The defaults of our own fields are the
            sizes of one published model, so they differ.
        also: key -> other values that mean the same as the field's default.
        renamed: key -> our field, where that has another name.
    """

    left_out: Mapping[str, Any] = {}
    renamed: Mapping[str, str] = {}
    also: Mapping[str, tuple[Any, ...]] = {}
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]  # of the subclass, a dataclass

    @classmethod
    def from_published(cls, config: Mapping[str, Any]) -> Self:
        """The configuration that a `config.json` describes.

        Args:
            config: the content of the file.

        Returns:
            The sizes.

        Raises:
            ValueError: for a key whose value is not computed here, and for an unknown key; the message names both.
            TypeError: for a value of the wrong type.
        """
        if "model_type" not in config:
            raise ValueError(
                f"{cls.__name__}: expected a config.json with a model_type, got the keys {', '.join(config)}"
            )
        known = cls.__dataclass_fields__
        told = {cls.renamed.get(key, key): value for key, value in {**cls.left_out, **config}.items()}
        if "num_labels" in known and isinstance(config.get("id2label"), Mapping):
            told["num_labels"] = len(config["id2label"])
        made: Self = settings(cls, {key: value for key, value in told.items() if key in known})
        for key, value in told.items():
            if key not in known and key not in HARMLESS:
                made._check_unknown(key, value)
        return made

    def __post_init__(self, *said: Any) -> None:
        kept = {field.name for field in dataclasses.fields(self)}
        self.check(
            dict(zip((key for key in self.__dataclass_fields__ if key not in kept), said, strict=True))
        )

    def check(self, said: dict[str, Any]) -> None:
        """Raise ValueError for the first key in `said` whose value is not computed here.

        Args:
            said: key -> value, for each `InitVar`.
        """
        for key, value in said.items():
            self.require(key, value, getattr(type(self), key), *self.also.get(key, ()))

    def require(self, key: str, value: Any, *computed: Any) -> None:
        """Raise ValueError unless the value is one of those that are computed here.

        Args:
            key: the key, for the message.
            value: its value.
            *computed: the values that are computed here.
        """
        if value not in computed:
            only = " or ".join(map(repr, computed))
            key = next((theirs for theirs, ours in self.renamed.items() if ours == key), key)
            raise ValueError(
                f"{type(self).__name__}: {key}={one_line(repr(value))} is not computed here, only {only}"
            )

    def _check_unknown(self, key: str, value: Any) -> None:
        """Check a key without a field: if a property of its name exists, its value, else that the key is switched off."""
        if isinstance(getattr(type(self), key, None), property):
            self.require(key, value, getattr(self, key), None)
        elif value not in (None, {}, []) and not (key in OFF and value is False):
            what = f"{key}={one_line(repr(value))} is not known here, and might change what is computed"
            raise ValueError(f"{type(self).__name__}: {what}; take the key out if it does not")


def check_tied(arrays: Mapping[str, numpy.ndarray], name: str, to: str) -> None:
    """Raise ValueError if a weight differs from the one that our model uses in its place.

    Args:
        arrays: array by published name.
        name: the weight; it may be missing.
        to: the weight that our model uses.
    """
    if name in arrays and not numpy.array_equal(arrays[name], arrays[to]):
        raise ValueError(f"expected {name} to equal {to}, as this model ties them, got different weights")
