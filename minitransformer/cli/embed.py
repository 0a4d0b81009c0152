"""`minitransformer embed`: sentences as vectors, and the nearest other sentence of each."""

from __future__ import annotations

from typing import Annotated, cast

import numpy
import typer
from rich.table import Table

from minitransformer.cli.chosen import ENCODERS, fetched
from minitransformer.cli.naming import check_length
from minitransformer.cli.options import Backend, Json, Seed, console, prepare, print_json
from minitransformer.models.bert import Bert
from minitransformer.models.bert import embed as vectors_of
from minitransformer.models.folder.model import PublishedModel
from minitransformer.models.folder.using import gives_vectors, vectors
from minitransformer.nn import Module
from minitransformer.tokenization import Tokenizer

SENTENCES = [
    "A cat sleeps on the sofa.",
    "The kitten is napping on the couch.",
    "The stock market fell sharply today.",
    "Shares lost much of their value this morning.",
    "She bakes bread every Sunday.",
    "How do I reset my password?",
    "I cannot log in to my account.",
]


def embed(
    sentences: Annotated[
        list[str] | None, typer.Argument(help="Sentences to compare; a few of ours if none is given.")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="NAME|FOLDER", help="The model that reads them: minilm, or a folder."
        ),
    ] = "minilm",
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Compute a vector for each sentence, and show for each the nearest other sentence."""
    prepare(seed, backend)
    sentences = sentences or SENTENCES
    if len(sentences) < 2 or not all(map(str.strip, sentences)):
        raise ValueError(f"sentences: expected two or more, none of them empty, to compare; got {sentences}")
    encoder, tokenizer = fetched(model, ENCODERS, "an encoder of sentences")
    found = _vectors(encoder, tokenizer, sentences)  # (N, C)
    near = found @ found.T  # (N, N), cosines
    if json:
        print_json({"sentences": sentences, "vectors": found.tolist(), "cosines": near.tolist()})
    else:
        _print(sentences, near)


def _vectors(encoder: Module, tokenizer: Tokenizer, sentences: list[str]) -> numpy.ndarray:
    """(N, C), each of length 1."""
    if isinstance(encoder, Bert):
        return vectors_of(encoder, tokenizer, sentences)
    if not gives_vectors(encoder):
        raise ValueError(
            f"model: expected one without a head, such as BertModel, got {type(encoder).__name__}, whose outputs are no vectors"
        )
    for sentence in sentences:
        check_length(encoder, len(tokenizer.encode(sentence)))
    return vectors(cast(PublishedModel, encoder), tokenizer, sentences)


def _print(sentences: list[str], near) -> None:
    table = Table("sentence", "nearest", "cosine")
    for i, sentence in enumerate(sentences):
        others = [j for j in range(len(sentences)) if j != i]
        best = max(others, key=lambda j: near[i, j], default=i)
        table.add_row(sentence, sentences[best], f"{near[i, best]:.3f}")
    console.print(table)
