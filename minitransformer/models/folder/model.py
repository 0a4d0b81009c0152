"""The base class of models that folders hold: it remembers where it comes from, and so can be written back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.models.folder.names import Names
from minitransformer.nn.masking import hidden_tokens


@dataclass(frozen=True)
class Origin:
    """What a folder says of a model, besides its numbers.

    Args:
        architecture: the published name of its class, such as "BertForSequenceClassification".
        config: the content of `config.json`.
        names: the names table of its class.
        dtypes: published name -> dtype in the file, as safetensors names it.
        files: name -> content of the other small files that belong to the model.
    """

    architecture: str
    config: Mapping[str, Any]
    names: Names
    dtypes: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """The names of a classifier's classes, in order; empty if the folder does not name them."""
        named = self.config.get("id2label")
        return [str(named[key]) for key in sorted(named, key=int)] if isinstance(named, Mapping) else []


class PublishedModel(nn.Module):
    """A model with a head, as a folder of transformers holds it: `model(ids, attention_mask=None)` gives the head's output.

    Attributes:
        origin: what the folder says; None for a model that is from none.
    """

    origin: Origin | None = None


def padding_of(ids: Tensor, attention_mask: Tensor | None) -> Tensor | None:
    """The padding that an attention mask describes.

    Args:
        ids: (B, T) integers.
        attention_mask: (B, T), 1 for real tokens and 0 for padding; None if there is no padding.

    Returns:
        (B, T) bool, True for padding; None for no mask.

    Raises:
        ValueError: if the mask has another shape.
    """
    return hidden_tokens(attention_mask, len(ids), ids.shape[1])
