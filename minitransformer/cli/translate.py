"""`minitransformer translate`: an encoder-decoder answers a sentence with its translation."""

from __future__ import annotations

from typing import Annotated

import typer

from minitransformer.cli.generate import MaxNewTokens, shown
from minitransformer.cli.options import Backend, Json, Seed, console, prepare, print_json
from minitransformer.generation import beam_search, growing_text, stream
from minitransformer.models import published
from minitransformer.ops.creation import tensor


def translate(
    sentence: Annotated[str, typer.Argument(help="What to translate.")] = "The house is wonderful.",
    to: Annotated[str, typer.Option("--to", help="The language to translate to, in English.")] = "German",
    source: Annotated[str, typer.Option("--from", help="The language it is in.")] = "English",
    max_new_tokens: MaxNewTokens = 100,
    beams: Annotated[int, typer.Option("--beams", min=1, help="How many drafts to follow at once; 1 streams as it writes.")] = 1,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Translate SENTENCE with flan-t5, a small model that knows German, French and Romanian a little."""
    prepare(seed, backend)
    model, tokenizer = published.load("flan-t5", console.print)
    asked = tensor([tokenizer.encode(f"translate {source} to {to}: {sentence}")])  # (1, S)
    begin, writer = [model.config.pad_token_id], model.answer(asked)
    if beams > 1:
        tokens = beam_search(writer, begin, max_new_tokens, beams, stop_id=tokenizer.end_id)[0].tokens
    else:
        tokens = stream(writer, begin, max_new_tokens, temperature=0, stop_id=tokenizer.end_id)
    text = shown(growing_text(tokenizer, begin, tokens), quiet=json)
    if json:
        print_json({"sentence": sentence, "to": to, "translation": text})
    else:
        print()
