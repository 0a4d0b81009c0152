"""The `minitransformer` command: one file a subcommand."""

from __future__ import annotations

import sys

import typer

from minitransformer.cli.bench import bench
from minitransformer.cli.chat import chat
from minitransformer.cli.course import COMMANDS as COURSE
from minitransformer.cli.doctor import doctor
from minitransformer.cli.embed import embed
from minitransformer.cli.explain import explain
from minitransformer.cli.fetch import fetch
from minitransformer.cli.generate import generate
from minitransformer.cli.learn import learn
from minitransformer.cli.options import complaints, prepared
from minitransformer.cli.progress import progress
from minitransformer.cli.tour import tour
from minitransformer.cli.train import train
from minitransformer.cli.translate import translate
from minitransformer.cli.verify import verify

app = typer.Typer(
    help="A Transformer from scratch: check it, train it, generate with it, and see why it says what it says.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (tour, train, generate, explain, verify, bench, fetch, translate, chat, embed, doctor, learn, *COURSE, progress):
    app.command()(prepared(command))

EXPECTED = (ValueError, FloatingPointError, IndexError, RuntimeError, OSError, ImportError)


def main() -> None:
    """Run the command. What a user can mend is told in one line, with exit code 1; Ctrl-C exits with 130."""
    try:
        app()
    except EXPECTED as error:
        complaints.print(f"[bold red]error:[/bold red] {type(error).__name__}: ", end="")
        complaints.print(str(error), markup=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        complaints.print("stopped")
        sys.exit(130)
