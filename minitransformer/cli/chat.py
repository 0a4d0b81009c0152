"""`minitransformer chat`: a conversation with a published model that was trained to answer."""

from __future__ import annotations

import sys
from typing import Annotated, cast

import typer

from minitransformer.cli.chosen import CHATS, fetched
from minitransformer.cli.generate import MaxNewTokens, shown
from minitransformer.cli.opened import stops_of
from minitransformer.cli.options import Backend, Seed, console, prepare
from minitransformer.generation import growing_text, stream
from minitransformer.generation.writer import require_writer
from minitransformer.models.published.smollm2 import END, SYSTEM, chat_prompt
from minitransformer.tokenization import PublishedTokenizer, Tokenizer


def chat(
    model: Annotated[
        str,
        typer.Option("--model", metavar="NAME|FOLDER", help="A model that converses: smollm2, or a folder."),
    ] = "smollm2",
    system: Annotated[
        str | None,
        typer.Option("--system", help="The instruction at the beginning; of a folder none, if not given."),
    ] = None,
    max_new_tokens: MaxNewTokens = 256,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="0 takes the likeliest token; above 1 dares more.")
    ] = 0.0,
    top_p: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Draw from the fewest that reach probability p.")
    ] = 0.9,
    seed: Seed = 0,
    backend: Backend = None,
) -> None:
    """Answer each line of standard input, given all lines and answers before it. An empty line or the end of input ends it."""
    prepare(seed, backend)
    writer, tokenizer = fetched(model, CHATS, "one that was trained for conversations")
    require_writer(writer, "chat")
    stops = stops_of(writer, tokenizer)
    turns: list[tuple[str, str]] = []
    while words := _question():
        turns.append(("user", words))
        ids = _read(tokenizer, turns, system, model in CHATS)
        tokens = stream(writer, ids, max_new_tokens, temperature, top_p=top_p, seed=seed, stop_id=stops)
        turns.append(("assistant", shown(growing_text(tokenizer, ids, tokens, (END,)))))
        print()


def _read(
    tokenizer: Tokenizer, turns: list[tuple[str, str]], system: str | None, fetched_one: bool
) -> list[int]:
    """The ids of a conversation, as the model was trained to read it."""
    if fetched_one:
        return tokenizer.encode(chat_prompt(turns, SYSTEM if system is None else system))
    spoken = turns if system is None else [("system", system), *turns]
    messages = [{"role": role, "content": words} for role, words in spoken]
    published = cast(PublishedTokenizer, tokenizer)  # every folder's is one
    return published.encode(published.chat(messages), marks=False)


def _question() -> str:
    """The next line of standard input; in a terminal, after a prompt."""
    if sys.stdin.isatty():
        console.print("> ", style="bold", end="")
    return sys.stdin.readline().strip()
