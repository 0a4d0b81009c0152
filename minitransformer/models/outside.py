"""Models from outside: sizes are taken, and what is not computed here is refused by name.

A published `config.json` and the names of its weights say more than sizes. Most of it changes no number in use, `HARMLESS`;
of the rest, all that our code does not compute is refused, for a model that is nearly the right one is wrong without a word.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy

from minitransformer.files import one_line, settings

# who made it, how it was trained, what its ids mean, how it is asked: no number of a forward pass
HARMLESS = frozenset(
    """
    _attn_implementation _attn_implementation_internal _name_or_path architectures attn_implementation dtype
    finetuning_task gradient_checkpointing is_llama_config name_or_path problem_type task_specific_params tokenizer_class
    torch_dtype torchscript transformers.js_config transformers_version use_bfloat16

    attention_dropout attention_probs_dropout_prob attn_pdrop classifier_dropout dropout_rate embd_pdrop
    hidden_dropout_prob initializer_factor initializer_range resid_pdrop summary_first_dropout

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
    """.split()  # the last two: how a product is cut up, which gives the same
)

OFF = (
    "add_cross_attention",
    "is_decoder",
    "is_encoder_decoder",
    "tie_encoder_decoder",
    "use_sliding_window",
)  # if False


class PublishedConfig:
    """A model's sizes, under the names of its family's `config.json`.

    What is computed in one way only has a field too, an `InitVar`: it may be said, another way is refused, and it is not
    kept. `also` are other words for the same. `left_out` is what such a file means by a key that it leaves out; our own
    defaults are the sizes of one model.
    """

    left_out: Mapping[str, Any] = {}
    also: Mapping[str, tuple[Any, ...]] = {}
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]  # of the subclass, a dataclass

    @classmethod
    def from_published(cls, config: Mapping[str, Any]) -> Self:
        """The sizes that a `config.json` tells.

        Raises ValueError or TypeError, naming the key and its value, for all that is not computed here, and for a key that
        might change what is computed, as nobody here knows it.
        """
        if "model_type" not in config:
            raise ValueError(
                f"{cls.__name__}: expected a config.json with a model_type, got the keys {', '.join(config)}"
            )
        told, known = {**cls.left_out, **config}, cls.__dataclass_fields__
        made = settings(cls, {key: value for key, value in told.items() if key in known})
        for key, value in told.items():
            if key not in known and key not in HARMLESS:
                made._check_unknown(key, value)
        return made

    def __post_init__(self, *said):
        kept = {field.name for field in dataclasses.fields(self)}
        self.check(
            dict(zip((key for key in self.__dataclass_fields__ if key not in kept), said, strict=True))
        )

    def check(self, said: dict[str, Any]) -> None:
        """Raise ValueError for the first of what is `said` that is not computed here."""
        for key, value in said.items():
            self.require(key, value, getattr(type(self), key), *self.also.get(key, ()))

    def require(self, key: str, value: Any, *computed: Any) -> None:
        """Raise ValueError unless the value is one of those that are computed."""
        if value not in computed:
            only = " or ".join(map(repr, computed))
            raise ValueError(
                f"{type(self).__name__}: {key}={one_line(repr(value))} is not computed here, only {only}"
            )

    def _check_unknown(self, key: str, value: Any) -> None:
        """What follows from the sizes must be so; anything else must say nothing."""
        if isinstance(getattr(type(self), key, None), property):
            self.require(key, value, getattr(self, key), None)
        elif value not in (None, {}, []) and not (key in OFF and value is False):
            what = f"{key}={one_line(repr(value))} is not known here, and might change what is computed"
            raise ValueError(f"{type(self).__name__}: {what}; take it out if it does not")


def check_left(arrays: Mapping[str, numpy.ndarray], used: Iterable[str], spare: Iterable[str]) -> None:
    """Raise ValueError for weights that are neither used nor begin with one of `spare`: the model is another than this."""
    used, spare = set(used), tuple(spare)
    if left := [name for name in arrays if name not in used and not name.startswith(spare)]:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        raise ValueError(
            f"weights that this model has no place for: {', '.join(left[:3])}{more}; is it of this family and size?"
        )


def check_tied(arrays: Mapping[str, numpy.ndarray], name: str, to: str) -> None:
    """Raise ValueError if there are two weights that are one here, and they differ."""
    if name in arrays and not numpy.array_equal(arrays[name], arrays[to]):
        raise ValueError(f"{name} differs from {to}: untied weights, where this model has one")
