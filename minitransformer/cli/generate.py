"""`minitransformer generate`: a trained language model goes on with a text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

import typer

from minitransformer import models
from minitransformer.cli.options import Backend, Checkpoint, Json, Seed, prepare, print_json
from minitransformer.generation import stream
from minitransformer.tokenization.tokenizer import REPLACEMENT, Tokenizer


def generate(
    checkpoint: Checkpoint,
    prompt: Annotated[str, typer.Argument(help="The text to go on with.")] = "The ",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="How many tokens to add.")] = 100,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the likeliest token; above 1 dares more.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(min=1, help="Draw only from the k likeliest tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Draw from the fewest that reach probability p.")] = None,
    cache: Annotated[bool, typer.Option(help="Keep keys and values: the same text, sooner.")] = True,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Go on with PROMPT, token by token, as the language model in a checkpoint would."""
    prepare(seed, backend)
    model, tokenizer = models.load(checkpoint, "language-model")
    ids = tokenizer.encode(prompt)
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed, "use_cache": cache}
    new = []
    for shown, text in pairwise(_growing(tokenizer, ids, new, stream(model, ids, max_new_tokens, **settings))):
        if not json:
            print(text.removeprefix(shown), end="", flush=True)
    if json:
        print_json({"prompt": prompt, "text": tokenizer.decode(ids + new), "tokens": new})
    else:
        print()


def _growing(tokenizer: Tokenizer, ids: list[int], new: list[int], tokens: Iterator[int]) -> Iterator[str]:
    """"" and then the text after each token, which is also added to `new`; at the end the text with all that is left."""
    yield ""
    for token in tokens:
        new.append(token)
        yield tokenizer.decode(ids + new).rstrip(REPLACEMENT)  # a token may hold only the first bytes of a letter
    yield tokenizer.decode(ids + new)
