"""`minitransformer embed`: sentences as vectors, and the nearest other sentence of each."""

from __future__ import annotations

from typing import Annotated, cast

import typer
from rich.table import Table

from minitransformer.cli.chosen import ENCODERS, fetched
from minitransformer.cli.options import Backend, Json, Seed, console, prepare, print_json
from minitransformer.models.bert import Bert
from minitransformer.models.bert import embed as vectors_of

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
    model: Annotated[str, typer.Option("--model", help="The published model that reads them.")] = "minilm",
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
    vectors = vectors_of(cast(Bert, encoder), tokenizer, sentences)  # (N, C)
    near = vectors @ vectors.T  # (N, N), cosines
    if json:
        print_json({"sentences": sentences, "vectors": vectors.tolist(), "cosines": near.tolist()})
    else:
        _print(sentences, near)


def _print(sentences: list[str], near) -> None:
    table = Table("sentence", "nearest", "cosine")
    for i, sentence in enumerate(sentences):
        others = [j for j in range(len(sentences)) if j != i]
        best = max(others, key=lambda j: near[i, j], default=i)
        table.add_row(sentence, sentences[best], f"{near[i, best]:.3f}")
    console.print(table)
