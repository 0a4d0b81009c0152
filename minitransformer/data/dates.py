"""Dates as people write them, each with its ISO form: "the 21st of July, 1969" is 1969-07-21.

The pairs are made here, from templates. Forms such as 4/7/1969 are left out: they are April in one country and July in another.
One date of ten is held out: it is trained on in no form.
"""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

import numpy

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FORMS = (
    "{d} {month} {y}", "{d} {month}, {y}", "{d} {mon} {y}", "{d} {mon}. {y}", "{dd}-{mon}-{y}",
    "{th} {month} {y}", "{th} of {month} {y}", "{th} of {month}, {y}", "the {th} of {month} {y}",
    "the {th} of {month}, {y}",
    "{month} {d}, {y}", "{month} {d} {y}", "{month} {th}, {y}", "{month} {th} {y}", "{month} the {th}, {y}",
    "{mon} {d}, {y}", "{mon} {d} {y}", "{mon}. {d}, {y}",
    "{weekday}, {d} {month} {y}", "{weekday}, {month} {d}, {y}", "{weekday}, the {th} of {month}, {y}",
    "{wd}, {d} {mon} {y}",
    "{d}.{m}.{y}", "{dd}.{mm}.{y}", "{y}-{mm}-{dd}", "{y}/{mm}/{dd}", "{y} {month} {d}",
)  # fmt: skip
FIRST, LAST = date(1000, 1, 1), date(2999, 12, 31)
ISO_LENGTH = len(FIRST.isoformat())
HELD_OUT = 9  # the last digit of the day numbers that are held out; day 1 is 1 January of the year 1


class WrittenDate(NamedTuple):
    """A date as people write it, and its ISO form.

    Attributes:
        text: such as "the 21st of July, 1969".
        iso: such as "1969-07-21".
    """

    text: str
    iso: str


def written_dates(count: int, seed: int, held_out: bool = False) -> list[WrittenDate]:
    """Random dates, each in a random form. The same arguments give the same dates.

    Args:
        count: how many.
        seed: of the random numbers.
        held_out: whether they are those held out, or those to train on.

    Returns:
        The dates.
    """
    random = numpy.random.default_rng(seed)
    tens = random.integers(FIRST.toordinal() // 10 + 1, LAST.toordinal() // 10, count)
    days = 10 * tens + (HELD_OUT if held_out else random.integers(HELD_OUT, size=count))
    forms = random.integers(len(FORMS), size=count)
    return [
        WrittenDate(written(day, FORMS[form]), day.isoformat())
        for day, form in zip(map(date.fromordinal, days.tolist()), forms, strict=True)
    ]


def is_held_out(day: date) -> bool:
    """Whether a date is never trained on.

    Args:
        day: the date.

    Returns:
        Whether it is one of those held out.
    """
    return day.toordinal() % 10 == HELD_OUT


def written(day: date, form: str) -> str:
    """A date in one form.

    Args:
        day: the date.
        form: one of `FORMS`, or another template with names of `parts`.

    Returns:
        The date as text.
    """
    return form.format(**parts(day))


def parts(day: date) -> dict[str, str]:
    """How each part of a date is written, by its name in `FORMS`.

    Args:
        day: the date.

    Returns:
        Text by name.
    """
    month, weekday = MONTHS[day.month - 1], WEEKDAYS[day.weekday()]
    return {
        "d": f"{day.day}", "dd": f"{day.day:02}", "th": ordinal(day.day),
        "m": f"{day.month}", "mm": f"{day.month:02}", "mon": month[:3], "month": month,
        "y": f"{day.year:04}", "wd": weekday[:3], "weekday": weekday,
    }  # fmt: skip


def ordinal(number: int) -> str:
    """A number with its ending: 1st, 2nd, 3rd, 4th, 11th, 21st.

    Args:
        number: from 1 to 31.

    Returns:
        The text.
    """
    ending = "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def simplified(text: str) -> str:
    """A text as the model reads it: in small letters, with single spaces.

    Args:
        text: any text.

    Returns:
        The text, of the same length if it has single spaces already.
    """
    return " ".join(text.lower().split())


def read(text: str) -> date | None:
    """The date that a text in one of `FORMS` means: the one that, written in one of the forms, is that text.

    Args:
        text: any text; capital and small letters are alike.

    Returns:
        The date; None for another form, for a date that does not exist, and for years outside of those of `FIRST` and `LAST`.
    """
    text = simplified(text)
    year = re.search(r"\d{4}", text)
    days = days_of(int(year[0])) if year else ()
    return next((day for day in days for form in FORMS if simplified(written(day, form)) == text), None)


def days_of(year: int) -> list[date]:
    """The days of a year.

    Args:
        year: the year.

    Returns:
        Its days; none if it is before that of `FIRST` or after that of `LAST`.
    """
    if not FIRST.year <= year <= LAST.year:
        return []
    return [
        date.fromordinal(n) for n in range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal())
    ]
