"""What reaches a terminal: any text is shown and has no other effect; and how a command ends."""

import ast
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest
import small_published
from hypothesis import given
from hypothesis import strategies as st
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

import minitransformer
from minitransformer import cli
from minitransformer.explain import Explanation
from minitransformer.models import published
from minitransformer.plain import OBEYED, spelt_out
from minitransformer.terminal import Bar, Terminal

pytestmark = pytest.mark.host("terminals are the host's")
ROOT = Path(minitransformer.__file__).parent
HOSTILE = "a\x1b[2J\x9b31m\x07\r\x00[/x][bold]<script>&\"'\u202e\udc80\u2028:smile:"


def printed(*renderables, width=200):
    """What a terminal with colours is sent."""
    console = Terminal()
    console.file, console._force_terminal, console.width = io.StringIO(), True, width
    for renderable in renderables:
        console.print(renderable)
    return console.file.getvalue()


def without_colours(sent):
    """What is left once rich's own colours are taken away."""
    return re.sub(r"\x1b\[[\d;]*m", "", sent)


@given(st.text(alphabet=st.characters()))
def test_nothing_in_a_text_is_obeyed(text):
    shown = spelt_out(text)
    assert not OBEYED.search(shown) and spelt_out(shown) == shown
    assert (
        "".join(c for c in text if not OBEYED.match(c)) == re.sub(r"\\(x..|u....|r)", "", shown)
        or "\\" in text
    )


def test_what_is_written_in_the_world_stays_as_it_is():
    # joiners and their like
    persian, astronaut = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f469\u200d\U0001f680"
    for text in ("caf\u00e9\u00a0noir", "\u4f60\u597d\u3000", persian, astronaut, "a\tb\nc"):
        assert spelt_out(text) == text


@pytest.mark.parametrize(
    "wrap", [str, Text, Panel, lambda t: Table(t, title=t), lambda t: Text.assemble((t, "red"))]
)
def test_whatever_rich_is_given_shows_the_text(wrap):
    sent = without_colours(printed(wrap(HOSTILE)))
    assert not OBEYED.search(sent)
    assert (
        r"a\x1b[2J\x9b31m" in sent
        and r"\x00[/x][bold]<script>&" in sent
        and r"\u202e\udc80\u2028:smile:" in sent
    )


@pytest.mark.parametrize(
    "text", ["run[best]", "pages/[slug].tsx", r"[/\-\\+.$%*@?|]", "[/'A', 1, /'B']", "[/<]", "[bold]", "[/]"]
)
def test_brackets_are_letters(text):
    """What other programs stumbled over: names of files, patterns, pieces of grammars."""
    assert printed(text, Text(text)) == f"{text}\n{text}\n"


def test_a_bar_shows_the_text():
    console = Terminal()
    console.file, console._force_terminal, console.width = io.StringIO(), True, 200
    with Bar(console=console, auto_refresh=False) as bar:
        bar.add_task("a\x1b]0;title\x07b")
        bar.add_task("see [/b] [bold]")
        bar.refresh()
    assert "see [/b] [bold]" in console.file.getvalue()
    assert r"a\x1b]0;" in console.file.getvalue() and "\x1b]0;" not in console.file.getvalue()


def test_an_explanation_shows_its_tokens(capsys):
    tokens = ["\x1b[2J[/b]", HOSTILE]
    Explanation("lrp [/x]", numpy.arange(2), numpy.array([0.5, -0.5]), [1], 1.0, tokens).show()
    out = capsys.readouterr().out
    assert not OBEYED.search(out) and r"\x1b[2J[/b]" in out and "lrp [/x]" in out


# ---- the source: there is no other way to print ----

MARKUP = re.compile(r"\[/?(bold|dim|red|green|yellow|cyan|italic|link)\b[^\]]*\]|\[/\]")
OWN_PRINT = {
    f"minitransformer/{name}.py" for name in ("course/build", "bench/memory", "bench/smollm2", "bench/works")
}
MAKERS = ("Console", "from_markup", "render_markup", "get_console", "Prompt", "Confirm")
OTHERS = ("mpi.Status",)  # not rich's
PARSERS = ("Progress", "Panel", "Spinner", "Status", "status", "input")  # rich reads their texts as markup


def sources():
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT.parent).as_posix()
        if "/solutions/" not in name and "/checks/" not in name:
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def called(node):
    return (
        node.func.id
        if isinstance(node.func, ast.Name)
        else node.func.attr
        if isinstance(node.func, ast.Attribute)
        else ""
    )


def offences(name, tree):
    """Ways to print that would let a text be obeyed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if called(node) in MAKERS + PARSERS and ast.unparse(node.func) not in OTHERS:
                yield f"{name}, line {node.lineno}: {called(node)}"
            if any(
                word.arg == "markup" and getattr(word.value, "value", True) is not False
                for word in node.keywords
            ):
                yield f"{name}, line {node.lineno}: markup="
            if called(node) == "TextColumn" and not any(word.arg == "markup" for word in node.keywords):
                yield f"{name}, line {node.lineno}: TextColumn takes markup"
            plain = not node.args or all(
                isinstance(a, ast.Call) and called(a) == "spelt_out" for a in node.args
            )
            if (
                isinstance(node.func, ast.Name)
                and node.func.id == "print"
                and not plain
                and name not in OWN_PRINT
            ):
                yield f"{name}, line {node.lineno}: print of what is not spelt out"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and MARKUP.search(node.value):
            yield f"{name}, line {node.lineno}: {node.value!r} would be shown as it stands"


def test_there_is_no_other_way_to_print():
    assert not [offence for name, tree in sources() for offence in offences(name, tree)]


@pytest.mark.parametrize(
    "wrong",
    [
        "Console()",
        "a.print(x, markup=True)",
        "Text.from_markup(x)",
        "print(f'{x}')",
        "a.print('[bold]' + x)",
        "TextColumn(x)",
        "Progress(console=console)",
        "console.status(x)",
        "console.input(x)",
        "Panel(x, title=x)",
    ],
)
def test_wrong_ways_to_print_are_found(wrong):
    assert list(offences("minitransformer/cli/x.py", ast.parse(wrong)))


# ---- the help ----


def test_every_command_is_in_a_group():
    grouped = [command.__name__ for commands in cli.GROUPS.values() for command in commands]
    assert len(set(grouped)) == len(grouped)
    found = {command.callback.__name__: command.rich_help_panel for command in cli.app.registered_commands}
    assert found == {c.__name__: group for group, commands in cli.GROUPS.items() for c in commands}
    assert all(found.values()) and len(found) >= 19


def test_every_command_has_a_file_of_its_own():
    for command in cli.app.registered_commands:
        name = command.callback.__name__
        assert command.callback.__module__ == f"minitransformer.cli.{name}"


@pytest.mark.parametrize("width", [60, 80])
def test_the_help_shows_every_group_and_command(command, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    code, out = command("--help")
    lines = out.splitlines()
    assert code == 0 and max(map(len, lines)) <= width
    titles = [line for line in lines if line.startswith("\u256d\u2500 ")]
    assert [title.split("\u2500")[1].strip() for title in titles] == ["Options", *cli.GROUPS]
    first = [line.split()[1] for line in lines if re.match("\u2502 [a-z]", line)]
    assert first == [c.__name__.replace("_", "-") for commands in cli.GROUPS.values() for c in commands]


# ---- how a command ends ----


ASKED = (
    [],
    ["train", "--steps"],
    ["verify", "--only"],
    ["progress"],
    ["generate", "-c"],
    ["chat", "--model"],
)


@pytest.mark.parametrize("arguments", ASKED)
def test_what_is_asked_for_is_not_obeyed(command, arguments):
    code, out = command(*arguments, HOSTILE.replace("\x00", ""))
    assert code in (1, 2) and not OBEYED.search(out) and "error: " in out and "Traceback" not in out


# ---- a text of the user's in every command that shows it ----

TAGS = ["see [/b]", "[bold]x[/bold]", "[link=x]y", "\\[b]"]
SHOWING = {
    "embed": (["embed", "{}", "other"], True),
    "generate": (["generate", "--model", "smollm2", "{}", "--max-new-tokens", "2"], True),
    "explain": (["explain", "--model", "smollm2", "{}"], False),  # token by token
    "translate": (["translate", "{}", "--max-new-tokens", "2"], False),
    "fetch": (["fetch", "{}"], True),
    "start": (["start", "{}"], True),
    "train": (["train", "--out", "{}", "--steps", "1", "--d-model", "8", "--nhead", "2"], True),
    "resume": (["train", "--out", "{}", "--resume"], True),
    "data": (["train", "language-model", "--data", "{}"], True),
    "check": (["check", "softmax", "--dir", "{}"], True),
    "hint": (["hint", "softmax", "--dir", "{}"], True),
    "reset": (["reset", "softmax", "--dir", "{}"], True),
    "solution": (["solution", "softmax", "--dir", "{}", "--yes"], True),
    "progress": (["progress", "{}"], True),
    "verify": (["verify", "--only", "{}"], True),
    "bench": (["bench", "--only", "{}"], True),
    "html": (["explain", "--model", "smollm2", "cat", "--html", "{}"], True),
}


@pytest.mark.parametrize("coloured", [False, True])
@pytest.mark.parametrize("name", SHOWING)
def test_no_text_of_a_user_is_markup(command, monkeypatch, tmp_path, name, coloured):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(published, "load", small_published.small)
    if coloured:
        monkeypatch.setenv("FORCE_COLOR", "1")
    arguments, shown = SHOWING[name]
    for text in TAGS:
        out = without_colours(command(*(a.format(text) for a in arguments))[1])
        assert "bug of" not in out and "markup" not in out.lower() and "MarkupError" not in out, out
        assert not shown or text in out, out


@pytest.mark.parametrize("text", TAGS)
def test_no_question_or_instruction_is_markup(command, monkeypatch, text):
    monkeypatch.setattr(published, "load", small_published.small)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{text}\n"))
    code, out = command("chat", "--system", text, "--max-new-tokens", "2")
    assert code == 0 and "error" not in out


@pytest.mark.parametrize(
    "arguments", [["generate"], ["embed", "good"], ["train", "--data"], ["fetch"], ["translate", "--to"]]
)
def test_arguments_that_are_no_utf_8(command, arguments):
    code, out = command(*arguments, "a\udcff")
    assert code == 1 and "expected UTF-8, got byte 0xff after 1 letters" in out and out.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError("Unable to allocate 30 GiB"), "error: MemoryError: Unable to allocate 30 GiB"),
        (PermissionError(13, "Permission denied", "a[/x]\x1b"), r"Permission denied: 'a[/x]\x1b'"),
        (OverflowError("too large"), "error: OverflowError: too large"),
        (
            KeyError("x"),
            "a bug of minitransformer (KeyError: 'x'); set MINITRANSFORMER_DEBUG=1 to see the traceback",
        ),
    ],
)
def test_an_error_is_one_line_and_code_1(command, monkeypatch, error, told):
    monkeypatch.setattr(
        sys.modules["minitransformer.cli.doctor"], "cupy_state", lambda: (_ for _ in ()).throw(error)
    )
    monkeypatch.delenv("MINITRANSFORMER_DEBUG", raising=False)
    code, out = command("doctor", "--backend", "numpy")
    assert code == 1 and told in out and out.count("\n") == 1


FOLDER, FILE, NOTHING = "a folder", "a file", "nothing/here"
WRONG = [
    ("generate", "-c", FOLDER, "x"),
    ("generate", "-c", FILE, "x"),
    ("explain", "-c", NOTHING, "x"),
    ("explain", "-c", FILE, "x", "--html", FOLDER),
    ("train", "--out", FILE),
    ("train", "--out", f"{FILE}/run"),
    ("train", "--resume", "--out", NOTHING),
    ("train", "language-model", "--data", FOLDER, "--out", "new"),
    ("train", "language-model", "--data", NOTHING, "--out", "new"),
    ("verify", "--html", f"{NOTHING}/page.html"),
    ("progress", FILE),
    ("start", FILE),
    ("check", "softmax", "--dir", NOTHING),
    ("hint", "softmax", "--dir", FILE),
    ("tour", "--mine", "--dir", FOLDER),
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_what_is_not_there_or_something_else_is_one_line_and_code_1(
    command, monkeypatch, tmp_path, arguments
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FILE).write_bytes(b"\xff\x00 no text")
    code, out = command(*arguments)
    assert code == 1 and out.startswith("error: ") and out.count("\n") == 1, out
    assert any(name in out for name in (FOLDER, FILE, NOTHING)) and "bug of" not in out
    assert sorted(p.name for p in tmp_path.rglob("*")) == [FILE, FOLDER], "nothing is left of it"


def test_a_bug_can_be_traced(monkeypatch):
    monkeypatch.setattr(sys.modules["minitransformer.cli.doctor"], "cupy_state", lambda: {}["x"])
    monkeypatch.setenv("MINITRANSFORMER_DEBUG", "1")
    monkeypatch.setattr("sys.argv", ["minitransformer", "doctor", "--backend", "numpy"])
    with pytest.raises(KeyError):
        cli.main()


def started(arguments, **options):
    command = [sys.executable, "-c", "from minitransformer.cli import main; main()", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace", **options)


@pytest.mark.parametrize(
    "encoding", ["ascii", *(pytest.param(e, marks=pytest.mark.slow) for e in ("cp1252", "gbk"))]
)
def test_a_terminal_that_lacks_a_character_is_sent_its_number(encoding, tmp_path):
    (tmp_path / "06_attention.py").touch()
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    with started(["progress", str(tmp_path)], env=environment, stdout=subprocess.PIPE) as process:
        out, said = process.communicate()
    assert process.returncode == 0 and not said and ("\\u2501" in out or encoding == "gbk")


@pytest.mark.skipif(os.name == "nt", reason="as a shell on Linux and macOS closes and fills them")
def test_streams_that_take_nothing(tmp_path):
    (tmp_path / "06_attention.py").touch()
    command = ["progress", str(tmp_path), "--json"]
    reader, writer = os.pipe()
    os.close(reader)
    closed = started(command, preexec_fn=lambda: os.close(1))
    piped = started(command, stdout=writer)
    os.close(writer)
    assert (closed.communicate()[1], closed.returncode) == ("", 0)
    assert piped.communicate()[1] == ""
    if Path("/dev/full").exists():
        with open("/dev/full", "w") as full, started(command, stdout=full) as process:
            said = process.communicate()[1]
        assert "No space left on device" in said and said.count("\n") == 1 and process.returncode == 1


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signals")
@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_signal_ends_any_command_in_order(monkeypatch, number, code, capsys):
    left = []

    def work():
        try:
            signal.raise_signal(getattr(signal, number))
            time.sleep(5)
        finally:
            left.append(number)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys.modules["minitransformer.cli.doctor"], "cupy_state", work)
    monkeypatch.setattr("sys.argv", ["minitransformer", "doctor", "--backend", "numpy"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == code and left == [number] and signal.getsignal(signal.SIGTERM) == before
