"""Ways in which a file comes to harm, on the disk or by somebody's hand, and what a loader made of it.

Everything draws from the generator it is given, so a seed tells which damage was done.
"""

import contextlib
import copy
import json
import signal
import struct
import tracemalloc

from minitransformer.files import FileError

HOSTILE = [
    0,
    1,
    2,
    3,
    7,
    127,
    128,
    255,
    2**16,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**40,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 1,
]
SECONDS = 20  # after which a loader hangs
EQUAL, REFUSED, OTHER = "equal", "refused", "other"


# ---- bytes ----


def cut(data, random):
    return data[: random.integers(len(data))]


def cut_few(data, random):
    return data[: max(len(data) - random.integers(1, 9), 0)]


def flip(data, random):
    return replaced(
        data, at := int(random.integers(len(data))), bytes([data[at] ^ 1 << int(random.integers(8))])
    )


def flip_early(data, random):
    """A bit of what stands first, where formats keep their numbers."""
    return replaced(
        data, at := int(random.integers(min(len(data), 64))), bytes([data[at] ^ 1 << int(random.integers(8))])
    )


def insert(data, random):
    at = random.integers(len(data) + 1)
    return data[:at] + random.bytes(random.integers(1, 20)) + data[at:]


def delete(data, random):
    at = random.integers(len(data))
    return data[:at] + data[at + random.integers(1, 20) :]


def blank(data, random):
    at = int(random.integers(len(data)))
    return replaced(data, at, bytes(min(int(random.integers(1, 512)), len(data) - at)))


def double(data, random):
    at, size = random.integers(len(data)), random.integers(1, 256)
    return data[: at + size] + data[at:]


def swap(data, random):
    size = int(random.integers(1, 64))
    a, b = sorted(int(i) for i in random.integers(max(len(data) - size, 1), size=2))
    first, second = data[a : a + size], data[b : b + size]
    return replaced(replaced(data, a, second), b, first)[: len(data)]


def append(data, random):
    return data + random.bytes(random.integers(1, 64))


def twice(data, random):
    return data + data


def empty(data, random):
    return b""


def another_format(data, random):
    others = [
        b"PK\x03\x04" + bytes(60),
        b"\x80\x04\x95" + bytes(60),
        b"{}",
        b"[]",
        b"null",
        b"GGUF" + bytes(40),
        b"\x08\x07" * 9,
    ]
    return others[random.integers(len(others))] + bytes(int(random.integers(3)))


def integer(data, random):
    """Eight or four bytes, at a place of that kind, as a hostile number."""
    size, form = [(8, "<Q"), (4, "<I")][random.integers(2)]
    number = HOSTILE[random.integers(len(HOSTILE))] % 2 ** (8 * size)
    at = int(random.integers(max(min(len(data), 4096) - size, 1)))
    return replaced(data, at, struct.pack(form, number))


def replaced(data, at, part):
    return data[:at] + part + data[at + len(part) :]


BYTES = [
    cut,
    cut_few,
    flip,
    flip_early,
    insert,
    delete,
    blank,
    double,
    swap,
    append,
    twice,
    empty,
    another_format,
    integer,
]


# ---- JSON ----

STRANGE = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    10**9,
    2**63,
    10**40,
    1.5,
    -0.0,
    1e300,
    "",
    "x",
    "\ud800",
    "a" * 5000,
    [],
    {},
    [[]],
    [1],
]


def places(value, path=()):
    """The path to everything in a nest."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


def nest(value, random):
    """A nest with something changed in one place: replaced, taken away, doubled, renamed, moved, or made deep."""
    value = copy.deepcopy(value)
    every = [path for path in places(value) if path]
    if not every:
        return STRANGE[random.integers(len(STRANGE))]
    *way, key = every[random.integers(len(every))]
    inside = value
    for step in way:
        inside = inside[step]
    kind = random.integers(8)
    if kind == 0:
        del inside[key]
    elif kind == 1 and isinstance(inside, dict):
        inside[f"{key}2"] = inside.pop(key)
    elif kind == 1 or kind == 2 and isinstance(inside, list):
        inside.insert(key, copy.deepcopy(inside[random.integers(len(inside))]))
    elif kind == 3:
        inside[key] = [inside[key]]
    elif kind == 4 and isinstance(inside[key], int):
        inside[key] += int(random.integers(-3, 4))
    elif kind == 5:
        other = value
        for step in every[random.integers(len(every))]:
            other = other[step]
        inside[key] = copy.deepcopy(other)
    else:
        inside[key] = STRANGE[random.integers(len(STRANGE))]
    return value


def text_of(value, random):
    """A nest as JSON, now and then with what JSON may not be."""
    text = json.dumps(value)
    kind = random.integers(60)
    if kind == 0:
        return "[" * 100_000 + text
    if kind == 1:
        return text.replace(":", ': NaN, "x":', 1)
    if kind == 2 and text.startswith("{") and len(text) > 2:
        return "{" + text[1:-1] + ", " + text[1:]
    if kind == 3:
        return text.replace(": 1", ": " + "1" * 5000, 1)
    return text


# ---- what came of it ----


class Hang(BaseException):
    """A loader did not come back in time."""


@contextlib.contextmanager
def watched(seconds=SECONDS):
    """Raise Hang inside a block that takes longer."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def ring(number, frame):
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(load, path, expected, most=None):
    """EQUAL, REFUSED or OTHER; any other exception is raised. `load(path)` returns everything that was read, to be compared.

    A refusal is a FileError of one line that names the file and, after a semicolon, the cure. `most` bytes may be taken.
    """
    tracemalloc.start() if most else None
    try:
        with watched():
            found = load(path)
        return EQUAL if found == expected else OTHER
    except FileError as error:
        line = str(error)
        assert line.isprintable() and str(path) in line and "; " in line and len(line) < 1500, (
            f"not one clear line: {line!r}"
        )
        return REFUSED
    finally:
        if most:
            taken = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert taken < most, f"{taken:,} bytes taken for a file that may take {most:,}"
