"""`minitransformer certify`: is relevance computed rightly for this model and this text?"""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from minitransformer.cli.naming import check_length
from minitransformer.cli.opened import Folder, opened, start_of, target_of
from minitransformer.cli.options import Json, console, print_json
from minitransformer.explain import certify as certificate
from minitransformer.nn import Module


def certify(
    folder: Folder,
    text: Annotated[str, typer.Argument(help="The text that the model reads.")],
    target: Annotated[
        str | None,
        typer.Option(help="The class, by number or name, or the token; the likeliest if not given."),
    ] = None,
    rule: Annotated[str, typer.Option(metavar="NAME", help="attnlrp, cp-lrp or epsilon.")] = "attnlrp",
    checks: Annotated[
        int, typer.Option(min=1, help="Along how many random directions differences are taken.")
    ] = 4,
    json: Json = False,
) -> None:
    """Check relevance for a model and a TEXT: layer by layer, in both forms, by differences. Exit code 1 unless all is right."""
    if not text.strip():
        raise ValueError("text: expected a text with at least one word")
    model, tokenizer = opened(folder)
    check_length(model, len(tokenizer.encode(text)))
    inputs = _inputs(model, tokenizer.encode(text))
    found = certificate(model, inputs, target_of(model, target), rule=rule, checks=checks)
    if json:
        print_json({"text": text, "tokens": tokenizer.tokens(text), **found.to_dict()})
    else:
        console.print(str(found), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if found.ok else 1)


def _inputs(model: Module, ids: list[int]) -> Any:
    """What the model reads: of an encoder-decoder, which begins with padding, the beginning of its answer too."""
    parameters = inspect.signature(model.forward).parameters.values()
    if sum(p.default is p.empty for p in parameters) < 2:
        return ids
    if not hasattr(model.config, "pad_token_id"):
        raise ValueError(
            f"certify: expected a model that reads one text; call explain.certify for {type(model).__name__}"
        )
    return ids, [start_of(model)]
