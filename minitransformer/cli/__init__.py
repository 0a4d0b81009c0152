"""The `minitransformer` command; each subcommand has its own file."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

import typer
from rich.text import Text

from minitransformer.cli.bench import bench
from minitransformer.cli.certify import certify
from minitransformer.cli.chat import chat
from minitransformer.cli.check import check
from minitransformer.cli.cost import cost
from minitransformer.cli.cross_validate import cross_validate
from minitransformer.cli.distil import distil
from minitransformer.cli.doctor import doctor
from minitransformer.cli.embed import embed
from minitransformer.cli.explain import explain
from minitransformer.cli.fetch import fetch
from minitransformer.cli.generate import generate
from minitransformer.cli.hint import hint
from minitransformer.cli.judge import judge
from minitransformer.cli.learn import learn
from minitransformer.cli.options import complaints, prepared
from minitransformer.cli.process import ending_in_order, open_streams
from minitransformer.cli.progress import progress
from minitransformer.cli.reset import reset
from minitransformer.cli.solution import solution
from minitransformer.cli.start import start
from minitransformer.cli.tour import tour
from minitransformer.cli.train import train
from minitransformer.cli.translate import translate
from minitransformer.cli.verify import verify
from minitransformer.cli.watch import watch

PANELS = 80  # columns: in fewer, the help has no panels, which would cut the names of options
app = typer.Typer(
    help="A Transformer from scratch: check it, train it, generate with it, and see why it says what it says.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if shutil.get_terminal_size().columns >= PANELS else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# the panels of `minitransformer --help`, and the commands in each
GROUPS = {
    "Start here": (tour, doctor),
    "The course": (start, learn, check, watch, hint, solution, reset, progress),
    "Models": (train, generate, chat, translate, embed, fetch),
    "Trust": (explain, certify, judge, cross_validate, verify, bench, cost, distil),
}
for group, commands in GROUPS.items():
    for command in commands:
        app.command(rich_help_panel=group)(prepared(command))

# click's UsageError; newer versions of typer contain a copy of click
USAGE: Any = typer.BadParameter.__base__
EXPECTED = (ValueError, ArithmeticError, IndexError, RuntimeError, OSError, ImportError, MemoryError)
# errors whose messages are whole sentences
SAY_ALL = (ValueError, RuntimeError, OSError, ImportError)
DEBUG = "MINITRANSFORMER_DEBUG"


def main() -> None:
    """Run the command. The exit code is 0, 1 for a failure, 2 for wrong arguments, 128 plus its number for a signal.

    Every error is printed as one line. With MINITRANSFORMER_DEBUG=1, a bug of this program prints its traceback.
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
        return _complain(_in_words(error))
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        return _complain(
            f"a bug of minitransformer ({type(error).__name__}: {error}); set {DEBUG}=1 to see the traceback"
        )


def _in_words(error: Exception) -> str:
    """The message of an error, after its class where the message alone may say little."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror + (f": {error.filename!r}" if error.filename is not None else "")
    says_all = type(error).__module__ == "builtins" and isinstance(error, SAY_ALL) and str(error)
    return str(error) if says_all else f"{type(error).__name__}: {error}"


def _complain(line: str) -> int:
    complaints.print(Text.assemble(("error:", "bold red"), f" {line}"), soft_wrap=True)
    return 1


def _usage(error) -> int:
    """Print what is wrong with the arguments; typer has printed the help if there were none. Returns the exit code."""
    if message := error.format_message():
        complaints.print(error.ctx.get_usage() if error.ctx else "", soft_wrap=True)
        _complain(message)
    return error.exit_code


def _flushed() -> int:
    """Write the rest of the output. Returns the exit code: 0, or 1 after printing why it could not be written."""
    try:
        sys.stdout.flush()
        return 0
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe: no error
        reason = 0
    except OSError as error:
        reason = _complain(f"the output could not be written: {error.strerror}")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
    return reason
