"""`minitransformer generate`: a language model, from a checkpoint or a published one, continues a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from minitransformer import models
from minitransformer.cli.chosen import PublishedWriter, chosen
from minitransformer.cli.opened import stops_of
from minitransformer.cli.options import Backend, Json, MaybeCheckpoint, Seed, prepare, print_json
from minitransformer.generation import growing_text, stream
from minitransformer.generation.writer import require_writer
from minitransformer.plain import spelt_out
from minitransformer.tokenization import Tokenizer

MaxNewTokens = Annotated[int, typer.Option("--max-new-tokens", min=1, help="How many tokens to add.")]
Stop = Annotated[list[str] | None, typer.Option("--stop", help="End before this string; may be given again.")]


def generate(
    prompt: Annotated[str, typer.Argument(help="The text to continue.")] = "The ",
    checkpoint: MaybeCheckpoint = None,
    model: PublishedWriter = None,
    max_new_tokens: MaxNewTokens = 100,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="0 takes the likeliest token; above 1 dares more.")
    ] = 0.8,
    top_k: Annotated[int | None, typer.Option(min=1, help="Draw only from the k likeliest tokens.")] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Draw from the fewest that reach probability p.")
    ] = None,
    stop: Stop = None,
    cache: Annotated[bool, typer.Option(help="Keep keys and values: the same text in less time.")] = True,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Continue PROMPT, token by token, by a language model: from a checkpoint, or a published one."""
    prepare(seed, backend)
    if not prompt:
        raise ValueError("prompt: expected at least one character")
    writer, tokenizer = chosen(checkpoint, model, *models.WRITERS)
    require_writer(writer, "generate")
    ids = begun(tokenizer, prompt)
    new: list[int] = []
    stops = stops_of(writer, tokenizer)
    drawn = stream(writer, ids, max_new_tokens, temperature, top_k, top_p, seed, cache, stops)
    tokens = kept(new, drawn)
    text = shown([tokenizer.decode(ids)], json) + shown(
        growing_text(tokenizer, ids, tokens, stop or ()), json
    )
    if json:
        print_json({"prompt": prompt, "text": text, "tokens": new})
    else:
        print()


def begun(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """The ids of a text that goes on: without the mark of its end, which some tokenizers add.

    Args:
        tokenizer: the tokenizer.
        prompt: the text.

    Returns:
        The ids.
    """
    ids = tokenizer.encode(prompt)
    return ids[:-1] if len(ids) > 1 and ids[-1] == tokenizer.end_id else ids


def shown(pieces: Iterable[str], quiet: bool = False) -> str:
    """Join pieces of text, and print each as soon as it is ready.

    Args:
        pieces: the pieces.
        quiet: whether to print nothing.

    Returns:
        The whole text.
    """
    text = ""
    for piece in pieces:
        text += piece
        if not quiet:
            print(spelt_out(piece), end="", flush=True)
    return text


def kept(new: list[int], tokens: Iterable[int]) -> Iterator[int]:
    """Pass tokens on, and store them in a list.

    Args:
        new: the list, to which each token is added.
        tokens: the tokens.

    Yields:
        Each token.
    """
    for token in tokens:
        new.append(token)
        yield token
