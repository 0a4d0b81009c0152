"""What goes to a learner's process and comes back: plain data, the same on both sides, and nothing that does harm."""

import json
import random
import sys
from types import SimpleNamespace

import numpy
import pytest

from minitransformer.course import catalogue
from minitransformer.course.cell import wire
from minitransformer.course.checks.lesson_01_reverse_mode.common import chain_of
from minitransformer.course.link import Handle, Link
from minitransformer.course.pretend import elsewhere, faraway
from minitransformer.course.process import Process
from minitransformer.course.sandbox import check_file

pytestmark = pytest.mark.host("a learner's process, which knows no backend")
SOURCE = b"""
import numpy as np
class Counter:
    def __init__(self, n): self.n = n
    def __add__(self, other): return Counter(self.n + getattr(other, 'n', other))
    __radd__ = __add__
    def grow(self, array): array += self.n; self.kept = array; return self
kept = []
def answer(act, *args, **kwargs):
    return globals()[act](*args, **kwargs)
def back(*args): return args
def double(x): x *= 2
def twice(x, y): return x is y
def first(x): return x[0]
def append(x): x.append(x[0]); x[0] = 5
def rename(d): d['b'] = d.pop('a')
def draw(rng): return rng.normal(size=3)
def call(f, *args): return f(*args)
def counter(n): return Counter(n)
def make(what): return eval(what)
def fail(what): raise eval(what)
def move(x): x.data, x.new = 7.0, x; return x.parents
def errors(): return np.geterr()
def add_far(x, y): return x + y
"""


@pytest.fixture(scope="module")
def link(tmp_path_factory):
    with Process(tmp_path_factory.mktemp("course")) as process:
        process.limit(300)
        link = Link(process)
        link.hello()
        link.load(SOURCE, "answer.py", "answer", 300)
        yield link


@pytest.fixture
def answer(link):
    link.forget()
    return link.answer()


FLOATS = numpy.array([0.0, -0.0, 1.5, numpy.nan, numpy.inf, -numpy.inf])
VALUES = [
    None, True, 0, -3, 10**300, 1.5, -0.0, float("inf"), 2 - 1j, "", "text \ud800 \x1b \u2203",
    [], [1, [2.0, None]], (), ((),), (1, "a"), {}, {(1, 2): 3, "a": [4]},
    FLOATS, FLOATS.astype("float32"), FLOATS[::-2], FLOATS.astype(">f8"), FLOATS.astype("float16"),
    numpy.zeros((0, 3)), numpy.array(1.0), numpy.arange(6).reshape(2, 3).T, numpy.array([True, False]), numpy.array(["a", "bc"]),
    numpy.array([1, None, "a"], dtype=object), numpy.float32(1.5), numpy.int8(-1), numpy.bool_(True), numpy.arange(2) * 1j,
]  # fmt: skip


def alike(got, expected):
    if isinstance(expected, numpy.ndarray) and expected.dtype != object:
        return (
            got.dtype == expected.dtype
            and got.shape == expected.shape
            and got.tobytes() == expected.tobytes()
        )
    return type(got) is type(expected) and repr(got) == repr(expected)


def test_plain_data_comes_back_as_it_was(answer):
    for value in VALUES:
        (got,) = answer("back", value)
        assert alike(got, value), (value, got)


def test_what_is_changed_in_place_is_changed_here(answer):
    x, items, names = numpy.arange(6.0)[::2], [1, 2], {"a": 1}
    answer("double", x)
    answer("append", items)
    answer("rename", names)
    assert x.tolist() == [0, 4, 8] and items == [5, 2, 1] and names == {"b": 1}


def test_the_same_object_is_the_same_there_and_back(answer):
    x = numpy.ones(2)
    assert answer("twice", x, x) and not answer("twice", x, x.copy())
    assert answer("first", [x]) is x


def test_chance_goes_over_and_comes_back(answer):
    ours, theirs = numpy.random.default_rng(3), numpy.random.default_rng(3)
    for _ in range(2):
        assert (answer("draw", theirs) == ours.normal(size=3)).all()
    assert theirs.random() == ours.random()


def test_functions_are_called_back_and_their_errors_are_the_same(answer):
    asked = []

    def function(x):
        asked.append(x)
        if x is None:
            raise error
        return [x, answer("back", 2)]

    error = KeyError("ours")
    assert answer("call", function, 1) == [1, (2,)] and asked == [1]
    with pytest.raises(KeyError) as raised:
        answer("call", function, None)
    assert raised.value is error


def test_objects_are_handles_and_remember(answer):
    a, x = answer("counter", 2), numpy.zeros(2)
    assert isinstance(a, Handle) and type(a).__name__ == "Counter" and a.n == 2
    assert (a + 3).n == 5 and (3 + a).n == 5 and (a + a).n == 4
    assert a.grow(x) is a and x.tolist() == [2, 2] and a.kept is x
    x[0] = 9
    a.n = 1
    assert a.grow(x).kept.tolist() == [10, 3] and x.tolist() == [10, 3]
    with pytest.raises(AttributeError):
        a.nothing()
    with pytest.raises(TypeError):
        a * a


def test_a_long_history_of_records(answer):
    nodes = chain_of(3000)
    (parent,) = answer("move", nodes[-1])
    assert (
        parent is nodes[-2] and nodes[-1].data == 7.0 and nodes[-1].new is nodes[-1] and nodes[5].data == 5.0
    )


def test_pretend_arrays_and_what_they_count(answer):
    x = faraway.asarray(numpy.ones(2))
    faraway.count.clear()
    y = answer("add_far", x, x)
    assert type(y) is faraway.ndarray and y.hidden.tolist() == [2, 2] and faraway.count["steps"] == 1
    with pytest.raises(TypeError, match="do not mix"):
        answer("add_far", x, elsewhere.asarray(numpy.ones(2)))


def test_how_errors_of_numbers_are_taken_goes_along(answer):
    with numpy.errstate(over="raise", divide="ignore"):
        assert answer("errors")["over"] == "raise" and answer("errors")["divide"] == "ignore"


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("ValueError('a')", ValueError),
        ("type('Own', (KeyError,), {})('a')", KeyError),
        ("SystemExit(3)", Exception),
        ("KeyboardInterrupt()", Exception),
        ("UnicodeDecodeError('a', b'', 0, 1, 'b')", UnicodeDecodeError),
        ("StopIteration(1)", Exception),
        ("ExceptionGroup('a', [ValueError()])", Exception),
        ("NotImplementedError()", NotImplementedError),
        ("RecursionError()", RecursionError),
    ],
)
def test_errors_are_of_their_kind(answer, what, kind):
    with pytest.raises(kind) as raised:
        answer("fail", what)
    assert raised.value.place.startswith("line 2") and raised.value.called == "fail"


def test_a_graphics_card_on_this_side_is_not_asked_about(tmp_path, monkeypatch):
    card = SimpleNamespace(cuda=SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=lambda: 1)))
    monkeypatch.setitem(sys.modules, "cupy", card)
    (tmp_path / "03_two_backends.py").write_text(catalogue.solutions_of("03_two_backends"), encoding="utf-8")
    assert check_file("sigmoid", tmp_path / "03_two_backends.py").passed


@pytest.mark.parametrize(
    "what",
    [
        "np.zeros(1 << 26)",
        "np.broadcast_to(0, 1 << 40)",
        pytest.param("[0] * 3000000", marks=pytest.mark.slow),
        pytest.param("'a' * 10**8", marks=pytest.mark.slow),
    ],
)
def test_too_much_is_an_error_and_the_next_works(answer, what):
    with pytest.raises((ValueError, MemoryError)):
        answer("make", what)
    assert answer("back", 1) == (1,)


class Replay:
    """A pipe out of which one message comes."""

    def __init__(self, head, body):
        self.message = head, body

    def send(self, data):
        pass

    def receive(self):
        return self.message


def damaged(rng, value):
    """JSON with something else at a random place."""
    if isinstance(value, list) and value and rng.random() < 0.8:
        i = rng.randrange(len(value))
        return [*value[:i], damaged(rng, value[i]), *value[i + 1 :]]
    if isinstance(value, dict) and value and rng.random() < 0.8:
        name = rng.choice(list(value))
        return {**value, name: damaged(rng, value[name])}
    simple = [None, -1, 10**9, 2**70, 0.5, 1e400, "", "__class__", "known", [], {}, [[]]]
    nodes = [
        ["known", 0],
        ["handle", 0, "a"],
        ["call", 0],
        ["tuple", [0]],
        ["module", "os"],
        ["far", "faraway", 0],
    ]
    return rng.choice([*simple, *nodes, ["array", "<f8", [10**9, 0, 10**9], 0, 0]])


def one_message():
    known, given = wire.Known(), [numpy.ones(3), [1], {"a": 2}]
    for value in given:
        known.add(value)
    writer = wire.Writer(known, lambda w, v: ["handle", 1, "A"], introduce=False)
    state = [[number, writer.contents(value)] for number, value in known.objects.items()]
    told = {"state": state, "value": writer.slot([*VALUES, object(), given]), "counts": wire.counts()}
    data = writer.message(told)
    size, _ = wire.HEAD.unpack(data[: wire.HEAD.size])
    return data[wire.HEAD.size :][:size], data[wire.HEAD.size + size :]


@pytest.mark.parametrize("volume", [300, pytest.param(20_000, marks=pytest.mark.slow)])
def test_a_damaged_message_is_nonsense_or_data(volume):
    head, body = one_message()
    rng, said = random.Random(0), set()
    for _ in range(volume):
        told = json.loads(head)
        for _ in range(rng.randrange(1, 4)):
            told = damaged(rng, told)
        link = Link(Replay(json.dumps(told).encode(), body[: rng.choice([len(body), len(body), 9])]))
        for value in (numpy.ones(3), [1], {"a": 2}):
            link.known.add(value)
        link.forgets = False
        try:
            link.ask("call", link.answer(), 1)
        except Exception as error:
            said.add(type(error).__name__)
    assert "Nonsense" in said
