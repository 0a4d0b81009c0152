"""Lesson 05: the checks of positional encodings are held against right and wrong answers."""

import numpy as np
import pytest
from cases import (
    assert_judged_right,
    assert_mistake,
    assert_mistakes_are_named,
    changed,
    judge_source,
    solved,
)

import minitransformer as mt
from minitransformer.course.sandbox import check_file

NAMES = ("sinusoidal_table", "shift_matrix", "rotary", "rotary_vjp")

OTHERWISE = {
    "sinusoidal_table": """
import numpy as np
def sinusoidal_table(length, d_model):
    channel = np.arange(d_model)
    speed = np.exp(-np.log(10000) * (channel - channel % 2) / d_model)
    return np.sin(np.outer(np.arange(length), speed) + channel % 2 * np.pi / 2)
""",
    "shift_matrix": """
import math
import numpy as np
def shift_matrix(k, d_model):
    M = np.eye(d_model)
    for c in range(0, d_model, 2):
        b = k * 10000 ** (-c / d_model)
        M[c:c + 2, c:c + 2] = [[math.cos(b), math.sin(b)], [-math.sin(b), math.cos(b)]]
    return M
""",
    "rotary": """
import numpy as np
def rotary(x, positions, base=10000.0):
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    z = pairs[..., 0] + 1j * pairs[..., 1]
    n = z.shape[-1]
    z = z * np.exp(1j * np.outer(positions, base ** (-np.arange(n) / n)))
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape).astype(x.dtype)
""",
    "rotary_vjp": """
import numpy as np
def rotary_vjp(g, positions, base=10000.0):
    d = g.shape[-1]
    out = np.zeros_like(g)
    for t, p in enumerate(positions):
        R = np.zeros((d, d))
        for c in range(0, d, 2):
            a = p / base ** (c / d)
            R[c, c] = R[c + 1, c + 1] = np.cos(a)
            R[c, c + 1] = -np.sin(a)
            R[c + 1, c] = np.sin(a)
        out[..., t, :] = g[..., t, :] @ R
    return out
""",
}

ANGLES = "10000.0 ** (np.arange(0, d_model, 2) / d_model)  # (length"
EMPTY = "    table = np.empty((length, d_model))"
TURN = "    return rotary(g, -positions, base)"
WRONG = {
    "sinusoidal_table": [
        ("[:, None] / 10000.0 **", "[:, None] / 1000.0 **", "The base is 10000"),
        ("[:, None] / 10000.0 ** (", "[:, None] / 10000.0 ** (2 * ", "not by half of it"),
        ("np.arange(length)[:, None]", "np.radians(np.arange(length))[:, None]", "no conversion from degrees"),
        ("[:, None] / 10000.0 ** (", "[:, None] * 10000.0 ** (", "faster"),
        ("    return table", "    table[:, 2 * (d_model // 2) :] = 0\n    return table", "3 sines and 2 cosines"),
        (EMPTY, "    i = np.arange(d_model)\n    a = np.arange(length)[:, None] / 1e4 ** (2 * i / d_model)\n"
         "    return np.sin(a) + np.cos(a)\n" + EMPTY, "as the article has it"),
        ("    return table", "    return np.concatenate([table[:, 0::2], table[:, 1::2]], axis=1)", "All sines come first"),
        ("    return table", "    return np.stack([np.cos(angles), np.sin(angles)], -1).reshape(length, -1)", "changed places"),
        ("np.arange(length)[:, None]", "np.arange(1, length + 1)[:, None]", "from 1"),
        (ANGLES, "10000.0 ** (np.arange((d_model + 1) // 2) / d_model)  # (length", "the 2 is missing"),
        ("[:, None] / 10000.0", "[:, None] * 10000.0", "get faster"),
        (ANGLES, "10000.0 ** (0 * np.arange(0, d_model, 2))  # (length", "All hands turn alike"),
        (EMPTY, "    c = np.arange(d_model)\n    a = np.arange(length)[:, None] / 1e4 ** (c / d_model)\n"
         "    return np.where(c % 2, np.cos(a), np.sin(a))\n" + EMPTY, "an angle of its own"),
        ("    return table", "    return np.degrees(table)", "0 1 0 1 at place 0"),
        ("    return table", "    return table.T", "transposed"),
        ("np.cos(angles)[:, : d_model // 2]", "np.cos(angles)", "3 sines and 2 cosines"),
        ("    return table", "    table", "return"),
    ],
    "shift_matrix": [
        ("k / 10000.0 **", "k * 10000.0 **", "faster"),
        ("k / 10000.0 ** (", "k / 10000.0 ** (2 * ", "not channels"),
        ("    return M", "    M[2:, 2:] = np.eye(d_model - 2)\n    return M", "Only the first hand moves"),
        ("    return M", "    return np.diag(np.diag(M))", "The sines are missing"),
        ("b = k /", "b = 2 * k /", "twice as far"),
        ("b = k /", "b = abs(k) /", "has the sign of k"),
        ("    return M", "    return M.T", "leads back"),
        ("= -np.sin(b)", "= np.sin(b)", "needs a minus"),
        ("b = k / 10000.0 ** (np.arange(0, d_model, 2) / d_model)", "b = k + np.zeros(d_model // 2)", "All blocks are alike"),
        ("b = k / 10000.0 ** (np.arange(0, d_model, 2) / d_model)",
         "b = k / 1e4 ** (np.arange(d_model // 2) / d_model)", "the 2 is missing"),
        ("sines = np.arange(0, d_model, 2)\n    cosines = np.arange(1, d_model, 2)",
         "sines, cosines = np.arange(d_model // 2), np.arange(d_model // 2, d_model)", "i + d/2"),
        ("b = k / 10000.0", "b = 1 / 10000.0", "whatever k is"),
        ("    return M", "    return np.identity(d_model)", "changes nothing"),
        ("    return M", "    return M[:2, :2]", "For b = 0 each block"),
        ("    return M", "    return np.sign(k) * M", "For b = 0 each block"),
    ],
    "rotary": [
        ("    return y", "    return np.concatenate([y[..., 0::2], y[..., 1::2]], -1)", "in the wrong channels"),
        ("first * sin + second * cos", "second * sin + second * cos", "One channel stands twice"),
        ("    y = np.empty_like(x)", "    y = x\n    first, second = first.copy(), second.copy()", "Work on a copy|is turned"),
        ("    return y", "    return y.reshape(-1, *y.shape[-2:]) if y.ndim > 3 else y", "any number of dimensions in front"),
        ("positions[:, None] / base", "-positions[:, None] / base", "other way"),
        ("first * cos - second * sin", "first * cos + second * sin", "One sine has a minus"),
        ("    y = np.empty_like(x)", "    h = d // 2\n    a, b = x[..., :h], x[..., h:]\n"
         "    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)\n    y = np.empty_like(x)", "i + d/2"),
        ("y[..., 1::2] = first * sin", "y[..., 1::2] = y[..., 0::2] * sin", "keep the old one"),
        ("(np.arange(0, d, 2) / d)", "(np.arange(d // 2) / d)", "the 2 is missing"),
        ("base ** (np.arange(0, d, 2) / d)", "np.ones(d // 2)", "All pairs turn alike"),
        ("positions[:, None] / base", "np.arange(len(positions))[:, None] / base", "use `positions`"),
        ("[:, None] / base **", "[:, None] / 1e4 **", "`base` is not used"),
        ("    y = np.empty_like(x)", "    y = x", "in place|keep the old one"),
        ("np.empty_like(x)", "np.empty(x.shape)", "astype(x.dtype)"),
        ("    return y\n", "    return x.copy()\n", "Nothing is turned"),
    ],
    "rotary_vjp": [
        ("rotary(g, -positions, base)", "-rotary(g, positions, base)", "the angle has the minus"),
        ("rotary(g, -positions, base)", "rotary(g, -positions[::-1], base)", "in the reverse order"),
        ("rotary(g, -positions, base)", "rotary(g, -positions, base), None", "return it alone"),
        ("rotary(g, -positions, base)", "rotary(g, np.negative(positions, out=positions), base)", "Work on a copy"),
        (TURN, "    return rotary(g, positions, base)", "turns on instead of back"),
        (TURN, "    return g.copy()", "returns g unchanged"),
        (TURN, "    return rotary(g, -positions)", "pass it to"),
        (TURN, "    return rotary(g, -2 * positions, base)", "twice as far"),
        (TURN, "    return (rotary(g, positions, base) + rotary(g, -positions, base)) / 2", "The sines are missing"),
        (TURN, "    rotary(g, -positions, base)", "return"),
        (TURN, "    g *= 1.0\n    g += 0.0\n    g[:] = rotary(g, -positions, base)\n    return g", "copy"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_stub_solution_and_another_solution(name):
    assert_judged_right(name, OTHERWISE[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_exercise_s_own_mistakes(name):
    assert_mistakes_are_named(name)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"), [(n, *w) for n, wrong in WRONG.items() for w in wrong]
)
def test_wrong_answers_are_named(name, old, new, said):
    source = changed(solved(name), old, new)
    hint = judge_source(name, source).hint
    assert_mistake(name, source, next((part for part in said.split("|") if part in hint), said))


def test_the_exercises_are_the_library_s():
    space = {}
    exec(solved("rotary"), space)
    theirs = mt.nn.SinusoidalPositionalEncoding(7, 0.0, 40).table().numpy()
    np.testing.assert_allclose(space["sinusoidal_table"](40, 7), theirs, atol=1e-6)
    x = np.random.default_rng(0).normal(size=(2, 6, 8)).astype("float32")
    turned = mt.nn.RotaryEmbedding(8, max_len=20)(mt.tensor(x), start=3).numpy()
    np.testing.assert_allclose(space["rotary"](x, np.arange(3, 9)), turned, atol=1e-5)


def test_through_the_sandbox(tmp_path):
    file = tmp_path / "05_positional_encoding.py"
    file.write_text(solved("rotary"), encoding="utf-8")
    assert check_file("shift_matrix", file).passed
    assert check_file("rotary_vjp", file).passed
