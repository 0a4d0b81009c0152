"""`minitransformer progress`: the progress of one learner, or of each learner of a class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from minitransformer.cli.course import Folder, tell_trouble
from minitransformer.cli.options import Json, console, print_json
from minitransformer.course import catalogue
from minitransformer.course.where import command, here
from minitransformer.course.workspace import Workspace
from minitransformer.plain import spelt_out

Place = Annotated[
    Path | None,
    typer.Argument(metavar="[DIR]", help="Your folder, or one that holds those of a class."),
]
Anew = Annotated[
    bool,
    typer.Option(
        "--anew", help="Check every file now, instead of reading the saved progress. Writes nothing."
    ),
]
COLOURS = {"passed": "green", "failed": "red", "given up": "yellow", "unwritten": "dim"}
SHORT = {"passed": "+", "failed": "x", "given up": "o", "unwritten": "."}


def progress(place: Place = None, directory: Folder = None, anew: Anew = False, json: Json = False) -> None:
    """Show your progress; or the progress of a class, in a folder with one folder for each student."""
    directory = (place or directory or here()).resolve()
    spaces = {space.path.name: space.judged_anew() if anew else space for space in _spaces(directory)}
    for space in spaces.values():
        tell_trouble(space)
    if json:
        print_json({name: space.summary() for name, space in spaces.items()})
    elif Workspace.is_at(directory):
        _print_lessons(spaces[directory.name])
    else:
        _print_class(spaces)


def _spaces(directory: Path) -> list[Workspace]:
    """The workspace of a learner's folder; for any other folder, those of the learners' folders in it."""
    folders = (
        [directory]
        if Workspace.is_at(directory)
        else [p for p in sorted(directory.glob("*/")) if Workspace.is_at(p)]
    )
    if not folders:
        raise FileNotFoundError(
            f"{directory} holds no exercises; `{command('start', directory)}` copies them there"
        )
    return [Workspace.open(folder) for folder in folders]


def _print_lessons(space: Workspace) -> None:
    table = Table("lesson and exercise", "level", "min", "", box=None)
    table.columns[0].no_wrap = True  # on a narrow terminal too: these are the names to type
    for lesson, names in catalogue.lessons().items():
        table.add_row(Text(lesson, style="bold"))
        for name in names:
            exercise = catalogue.exercise(name)
            state = space.state(name)
            shown = Text(state, style=COLOURS[state]) if state != "unwritten" else ""
            table.add_row(f"  {name}", "*" * exercise.level, str(exercise.minutes), shown)
    console.print(table)
    _print_bar(space.count())
    if coming := space.next_exercise():
        file = os.path.relpath(space.file_of(catalogue.lesson_of(coming)))
        console.print(f"Next: {coming}, in {file}", soft_wrap=True)


def _print_bar(passed: int) -> None:
    total = len(catalogue.exercise_names())
    filled = 40 * passed // total
    bar = ("━" * filled, "green"), ("━" * (40 - filled), "dim")
    console.print(Text.assemble(*bar, f" {passed} of {total}"))


def _print_class(spaces: dict[str, Workspace]) -> None:
    """Print a line for each student, with a column for each lesson and a sign for each exercise. Long lines wrap."""
    lessons = catalogue.lessons()
    shown = {name: spelt_out(name) for name in spaces}
    width = max(map(len, shown.values()))
    console.print(
        " " * width,
        *(lesson[:2].ljust(len(names)) for lesson, names in lessons.items()),
        "passed hints",
        soft_wrap=True,
    )
    for student, space in spaces.items():
        signs = (
            Text.assemble(*((SHORT[s], COLOURS[s]) for s in map(space.state, names)))
            for names in lessons.values()
        )
        counts = f"{space.count():6} {sum(space.hints.values()):5}"
        console.print(shown[student].ljust(width), *signs, counts, soft_wrap=True)
    console.print(
        Text("  ").join(Text.assemble((sign, COLOURS[state]), f" {state}") for state, sign in SHORT.items())
    )
