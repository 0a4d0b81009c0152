"""The `minitransformer` command: one file a subcommand."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from rich.text import Text

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
from minitransformer.cli.process import ending_in_order, open_streams
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
for command in (
    tour,
    train,
    generate,
    explain,
    verify,
    bench,
    fetch,
    translate,
    chat,
    embed,
    doctor,
    learn,
    *COURSE,
    progress,
):
    app.command()(prepared(command))

USAGE: Any = typer.BadParameter.__base__  # click's UsageError; newer typers bring click along
EXPECTED = (ValueError, ArithmeticError, IndexError, RuntimeError, OSError, ImportError, MemoryError)
DEBUG = "MINITRANSFORMER_DEBUG"


def main() -> None:
    """Run the command. The exit code is 1 for what failed, 2 for a wrong use, 128 and its number for a signal.

    What a user can mend is told in one line, and so is a bug of ours, unless MINITRANSFORMER_DEBUG asks where it is.
    """
    open_streams()
    with ending_in_order():
        code = _code()
    sys.exit(_flushed() or code)


def _code() -> int:
    try:
        return app(standalone_mode=False) or 0
    except USAGE as error:
        return _usage(error)
    except KeyboardInterrupt:
        complaints.print("stopped")
        return 130
    except EXPECTED as error:
        return _complain(f"{type(error).__name__}: {error}")
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        return _complain(
            f"a bug of minitransformer ({type(error).__name__}: {error}); with {DEBUG}=1 it tells where"
        )


def _complain(line: str) -> int:
    complaints.print(Text.assemble(("error:", "bold red"), f" {line}"), soft_wrap=True)
    return 1


def _usage(error) -> int:
    """What is wrong with how the command was called; the help, if it was called with nothing."""
    if message := error.format_message():
        complaints.print(error.ctx.get_usage() if error.ctx else "", soft_wrap=True)
        _complain(message)
    return error.exit_code


def _flushed() -> int:
    """Whether all of the output could be written: 0, or 1 with the reason told."""
    try:
        sys.stdout.flush()
        return 0
    except BrokenPipeError:  # whoever read it has enough
        reason = 0
    except OSError as error:
        reason = _complain(f"the output could not be written: {error.strerror}")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
    return reason
