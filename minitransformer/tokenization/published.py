"""The tokenizers that published models were trained with, as the `tokenizers` package runs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from minitransformer.files import AGAIN, parse_json, parsing, read_text
from minitransformer.installing import install_line
from minitransformer.tokenization.chat_template import render
from minitransformer.tokenization.encoding import Encoding
from minitransformer.tokenization.published_json import check_description
from minitransformer.tokenization.tokenizer import Tokenizer, kept, require_text

# as models write them
PAD_NAMES = ("[PAD]", "<pad>")
UNKNOWN_NAMES = ("[UNK]", "<unk>")
END_NAMES = ("</s>", "<|im_end|>", "<|endoftext|>")


class PublishedTokenizer(Tokenizer):
    """A `tokenizer.json`, run by the `tokenizers` package, with the special tokens that its model expects.

    It keeps the model's own ids for padding and unknown pieces. It never truncates or pads, whatever the file says.

    Args:
        source: The text of the file.
        origin: The file's name, for error messages.
        mend: What helps if the file is damaged, for error messages.
        files: Name -> content of the files that say what the tokenizer is, to be written back as they are.
        settings: The content of `tokenizer_config.json`: special tokens and the chat template.

    Raises:
        ImportError: If the `tokenizers` package is missing; the message names the extra that brings it.
        FileError: If the text describes no valid tokenizer, or the package fails on it.
    """

    kind = "published"

    def __init__(
        self,
        source: str,
        origin: str | Path = "tokenizer.json",
        mend: str = AGAIN,
        files: Mapping[str, bytes] | None = None,
        settings: Mapping[str, Any] | None = None,
    ):
        self.source, self.origin, self.mend = source, origin, mend
        self.settings = settings or {}
        self.files = {"tokenizer.json": source.encode(), **(files or {})}
        with self._asking():
            check_description(parse_json(source))
            self._tokenizer = tokenizers().Tokenizer.from_str(source)
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()

    def _asking(self) -> AbstractContextManager[None]:
        """Around every question to the package that depends on what the file holds."""
        return parsing(self.origin, "tokenizer", self.mend)

    @classmethod
    def from_file(cls, path: str | Path, mend: str = AGAIN) -> PublishedTokenizer:
        """Read a `tokenizer.json`.

        Args:
            path: The file.
            mend: What helps if it is damaged, for error messages.

        Returns:
            The tokenizer.
        """
        return cls(read_text(path), path, mend)

    @classmethod
    def train(cls, texts: str | Iterable[str]) -> PublishedTokenizer:
        """Not possible: a published tokenizer belongs to its model.

        Args:
            texts: Ignored.

        Raises:
            TypeError: Always.
        """
        raise TypeError(
            "a published tokenizer belongs to its model and is not trained; take BPETokenizer or WordPieceTokenizer"
        )

    @cached_property
    def vocabulary(self) -> list[str]:
        """id -> the piece, as the file writes it."""
        return [self._tokenizer.id_to_token(i) or "" for i in range(self._tokenizer.get_vocab_size())]

    @property
    def pad_id(self) -> int:
        """The id that fills up a batch; 0 if the model knows none."""
        return self._first("pad_token", PAD_NAMES) or 0

    @property
    def unk_id(self) -> int:
        """The id of what is not in the vocabulary; 0 if there is nothing such."""
        return self._first("unk_token", UNKNOWN_NAMES) or 0

    @property
    def end_id(self) -> int | None:
        """The id with which the model ends its text, or None."""
        return self._first("eos_token", END_NAMES)

    def _first(self, name: str, usual: Iterable[str]) -> int | None:
        """The id of the special token that the settings name, or else of the first usual one in the vocabulary."""
        pieces = [token_of(self.settings, name), *usual]
        return next((i for piece in pieces if piece and (i := self.id_of(piece)) is not None), None)

    def id_of(self, piece: str) -> int | None:
        """Find the id of a piece.

        Args:
            piece: A piece of the vocabulary, such as "[MASK]".

        Returns:
            The id; None if the vocabulary has no such piece.
        """
        found: int | None = self._tokenizer.token_to_id(piece)
        return found

    def encode(self, text: str, marks: bool = True) -> list[int]:
        """Turn a text into ids.

        Args:
            text: Any text.
            marks: Whether to add the special tokens that the model expects at the beginning and the end.

        Returns:
            The ids.

        Raises:
            TypeError: If `text` is not a str.
        """
        require_text(text).encode()  # half a surrogate pair is the text's fault, not the file's
        with self._asking():
            ids: list[int] = self._tokenizer.encode(text, add_special_tokens=marks).ids
        return ids

    def decode(self, ids: Iterable[int], marks: bool = False) -> str:
        """Turn ids into text.

        Args:
            ids: Integers.
            marks: Whether to write special tokens too.

        Returns:
            The text.

        Raises:
            IndexError: If an id lies outside the vocabulary.
        """
        ids = list(ids)
        self._look_up(ids)
        with self._asking():
            text: str = self._tokenizer.decode(ids, skip_special_tokens=not marks)
        return text

    def chat(self, messages: Sequence[Mapping[str, str]], answer: bool = True) -> str:
        """The text of a conversation, by the folder's chat template. It holds all marks: encode it with `marks=False`.

        Args:
            messages: Each with its "role", such as "user", and its "content".
            answer: Whether the text ends where the model's answer begins.

        Returns:
            The text.

        Raises:
            ValueError: If the folder has no chat template, or the template refuses the messages.
            ImportError: If the `jinja2` package is missing; the message names the extra that brings it.
        """
        template = self.settings.get("chat_template")
        if isinstance(template, list):  # of several
            template = next((t.get("template") for t in template if t.get("name") == "default"), None)
        if not isinstance(template, str):
            raise ValueError(
                f"{self.origin}: expected a chat template beside it, got none; take a model that converses"
            )
        tokens = {
            name: mark
            for name in self.settings
            if (mark := token_of(self.settings, name)) and name[-6:] == "_token"
        }
        return render(template, messages, tokens, answer)

    def tokens(self, text: str) -> list[str]:
        """The pieces of `encode(text)`, marks among them, as they stand in the text."""
        return self.read(text).tokens

    def read(self, text: str, second: str | None = None) -> Encoding:
        """Turn a text, or a pair such as a question and a context, into what a model reads.

        Args:
            text: Any text.
            second: Another one, or None.

        Returns:
            Ids with special tokens and segments as the file's template says, and where each token stands.

        Raises:
            TypeError: If a text is not a str.
        """
        texts = [require_text(one) for one in (text, second) if one is not None]
        for one in texts:
            one.encode()  # half a surrogate pair is the text's fault, not the file's
        with self._asking():
            found = self._tokenizer.encode(*texts)
        places = zip(found.tokens, found.sequence_ids, found.offsets, strict=True)
        tokens = [
            piece if own is None else texts[own][start:end] or piece for piece, own, (start, end) in places
        ]
        return Encoding(found.ids, tokens, found.type_ids, found.sequence_ids, found.offsets)

    def to_dict(self) -> dict[str, Any]:
        """The file's text."""
        return {"kind": self.kind, "source": self.source}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> PublishedTokenizer:
        """The tokenizer that `to_dict` described."""
        return cls(kept(d, "source", str))


def token_of(settings: Mapping[str, Any], name: str) -> str | None:
    """A special token that the settings name.

    Args:
        settings: The content of `tokenizer_config.json`.
        name: What it is, such as "bos_token".

    Returns:
        The token; None if the settings name none.
    """
    told = settings.get(name)
    told = told.get("content") if isinstance(told, Mapping) else told
    return told if isinstance(told, str) else None


def tokenizers() -> ModuleType:
    """The package `tokenizers`.

    Returns:
        The module.

    Raises:
        ImportError: If it is not installed; the message says how to install it.
    """
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            f"the tokenizers package reads a published model's vocabulary: {install_line('[models]')}"
        ) from error
    return tokenizers
