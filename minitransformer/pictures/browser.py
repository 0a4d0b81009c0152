"""What a page brings along for the browser: a style and a script, each in a file of its own."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
STYLE = (FOLDER / "page.css").read_text(encoding="utf-8")
SCRIPT = (FOLDER / "page.js").read_text(encoding="utf-8")
