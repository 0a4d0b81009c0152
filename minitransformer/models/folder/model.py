"""The base class of models that folders hold: it remembers where it comes from, and so can be written back."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minitransformer import nn
from minitransformer.models.folder import writing
from minitransformer.models.folder.generating import Marks
from minitransformer.models.folder.names import Names
from minitransformer.models.folder.stored import CONFIG
from minitransformer.models.images import ImageProcessor
from minitransformer.tokenization.published import PublishedTokenizer


@dataclass(frozen=True)
class Origin:
    """What a folder says of a model, besides its numbers.

    Args:
        architecture: the published name of its class, such as "BertForSequenceClassification".
        config: the content of `config.json`.
        names: the names table of its class.
        dtypes: published name -> dtype in the file, as safetensors names it.
        files: name -> content of the other small files that belong to the model.
        marks: the tokens that begin and end what it writes.
    """

    architecture: str
    config: Mapping[str, Any]
    names: Names
    dtypes: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    marks: Marks = Marks()

    def kinds(self, names: Iterable[str]) -> dict[str, str]:
        """The dtype in which each array is written: its own in the file, or else that of the most arrays there.

        Args:
            names: published names.

        Returns:
            Name -> dtype, as safetensors names it.
        """
        usual = Counter(self.dtypes.values()).most_common(1)[0][0]
        return {name: self.dtypes.get(name, usual) for name in names}

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

    @property
    def stop_ids(self) -> list[int]:
        """The tokens of which each ends a text, as the folder names them: what `generation.generate` takes as `stop_id`."""
        return [] if self.origin is None else list(self.origin.marks.ends)

    @property
    def start_id(self) -> int | None:
        """The token that an answer begins with, as the folder names it; None if it names none."""
        return None if self.origin is None else self.origin.marks.start

    def save_folder(
        self,
        path: str | os.PathLike[str],
        tokenizer: PublishedTokenizer | ImageProcessor | None = None,
        overwrite: bool = False,
        *,
        max_shard_size: int | str = "50GB",
    ) -> None:
        """Write a folder that transformers reads, and `from_folder`: whole or not at all, in the dtypes of the source.

        A model that has not been changed is written with the arrays of its source: weights that transformers 5 wrote come back
        byte by byte.

        Args:
            path: the folder; it must not exist, or be empty.
            tokenizer: the tokenizer or image processor that `from_folder` gave; None writes none.
            overwrite: whether to take the place of a model in this folder; what else it holds stays.
            max_shard_size: how many bytes of weights a file may have, such as 10**9 or "5GB"; more are written as shards with an
                index.

        Raises:
            TypeError: if the tokenizer is from no folder.
            ValueError: if the model is from no folder, a number is too large for the dtype of the source, or `max_shard_size` is
                no size.
            FileExistsError: if the folder is not empty.
            FileError: if it cannot be written; what was there is untouched.
        """
        if self.origin is None:
            raise ValueError(
                f"save_folder: expected a model that from_folder gave, got {type(self).__name__} from no folder; "
                "checkpoint.save keeps its state_dict()"
            )
        if tokenizer is not None and not isinstance(tokenizer, (PublishedTokenizer, ImageProcessor)):
            raise TypeError(
                f"save_folder: expected the tokenizer that from_folder gave, got {type(tokenizer).__name__}"
            )
        files = {**self.origin.files, **(tokenizer.files if tokenizer else {})}
        arrays = self.origin.names.write(self, self.origin.dtypes)
        writing.save(
            Path(path),
            {
                CONFIG: iter([writing.config_text(self.origin.config)]),
                **writing.whole_or_shards(arrays, self.origin.kinds(arrays), max_shard_size),
                **{name: iter([content]) for name, content in files.items()},
            },
            overwrite,
        )
