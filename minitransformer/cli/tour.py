"""`minitransformer tour`: explain a sentence, train, check, and write a page about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from minitransformer import tour as tours
from minitransformer.cli.course import Folder
from minitransformer.cli.options import Backend, Json, Seed, console, page_file, prepare, print_json
from minitransformer.cli.tour_printer import Printer, tell_aside, tell_page
from minitransformer.course.where import here
from minitransformer.recipes.classifier import DATA


def tour(
    sentence: Annotated[
        str | None,
        typer.Argument(help="A sentence of yours that praises or blames; a review of ours if not given."),
    ] = None,
    out: Annotated[Path, typer.Option(callback=page_file, help="The page to write.")] = Path("tour.html"),
    data: Annotated[
        str, typer.Option(help="What the classifier reads: " + " or ".join(DATA) + ".")
    ] = "reviews",
    date: Annotated[
        str | None, typer.Option(metavar="TEXT", help='A date of yours to read, such as "4 July 1976".')
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps of the models of dates and of stories.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="How often the classifier reads all its reviews.")
    ] = None,
    seed: Seed = 0,
    backend: Backend = None,
    mine: Annotated[
        bool, typer.Option("--mine", help="With every exercise that you passed in the library's place.")
    ] = False,
    directory: Folder = None,
    json: Json = False,
) -> None:
    """Start here: a sentence coloured by what each word contributed, models that train while you watch, and a page about it all."""
    prepare(seed, backend)
    console.quiet = json
    listener = Printer(console)
    folder = (directory or here()) if mine else None
    asked = {"sentence": sentence, "date": date}
    result = tours.run(data, steps, epochs, seed, **asked, mine=folder, listener=listener)
    tell_aside(result)
    tours.save(result, out)
    tell_page(out, result)
    console.quiet = False
    if json:
        print_json(tours.plain(result))
    if not result.holds:
        sys.exit(1)
