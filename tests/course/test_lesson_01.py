"""Lesson 01: the checks of the scalar engine are held against right and wrong answers."""

import re
from pathlib import Path

import pytest
from cases import (
    assert_judged_right,
    assert_mistake,
    assert_mistakes_are_named,
    changed,
    judge_source,
    solved,
)

from minitransformer.course.sandbox import check_file

ROOT = Path(__file__).parents[2]
NAMES = ("Value", "sum_over_paths", "topological_order", "backward")

OTHERWISE = {
    "Value": """
from math import exp, tanh
class Value:
    def __init__(self, data, parents=(), slopes=()):
        self.data = data; self.grad = 0.0; self.parents = list(parents); self.slopes = list(slopes)
    def _v(self, o):
        return o if type(o) is Value else Value(float(o))
    def __add__(self, o):
        o = self._v(o); out = Value(o.data + self.data)
        out.parents, out.slopes = [o, self], [1, 1]
        return out
    def __mul__(self, o):
        o = self._v(o); out = Value(o.data * self.data)
        out.parents, out.slopes = [o, self], [self.data, o.data]
        return out
    def __radd__(self, o): return self + o
    def __rmul__(self, o): return self * o
    def __neg__(self): return self * -1.0
    def __sub__(self, o): return self + -self._v(o)
    def __pow__(self, n): return Value(self.data ** n, [self], [n * self.data ** n / self.data])
    def exp(self):
        out = Value(exp(self.data), [self]); out.slopes = [out.data]; return out
    def tanh(self): return Value(tanh(self.data), [self], [(1 - tanh(self.data)) * (1 + tanh(self.data))])
""",
    "sum_over_paths": """
def sum_over_paths(end, start):
    total, todo = 0, [(end, 1)]
    while todo:
        node, product = todo.pop()
        if node is start:
            total += product
            continue
        for i in range(len(node.parents)):
            todo.append((node.parents[i], product * node.slopes[i]))
    return total
""",
    "topological_order": """
def topological_order(root):
    users, todo, seen = {}, [root], set()
    while todo:
        v = todo.pop()
        if id(v) in seen: continue
        seen.add(id(v))
        for p in v.parents:
            users[id(p)] = users.get(id(p), 0) + 1
            todo.append(p)
    order, ready = [], [root]
    while ready:
        v = ready.pop(0)
        order.append(v)
        for p in v.parents:
            users[id(p)] -= 1
            if users[id(p)] == 0: ready.append(p)
    order.reverse()
    return order
""",
    "backward": """
def backward(root):
    users, todo, seen = {}, [root], []
    known = set()
    while todo:
        v = todo.pop()
        if v in known: continue
        known.add(v); seen.append(v)
        for p, s in zip(v.parents, v.slopes):
            users.setdefault(p, []).append((v, s)); todo.append(p)
    done = {root: 1.0}
    pending = [root]
    left = {v: len(users.get(v, [])) for v in seen}
    while pending:
        v = pending.pop()
        v.grad = 1.0 if v is root else sum(done[u] * s for u, s in users[v])
        done[v] = v.grad
        for p in v.parents:
            left[p] -= 1
            if left[p] == 0: pending.append(p)
""",
}

WRONG = {
    "Value": [
        ("(other.data, self.data))", "(self.data, other.data))", "slopes of a product are swapped"),
        ("(self, other), (1.0, 1.0))", "(self, other), (self.data, other.data))", "slopes of a sum are 1 and 1"),
        ("(1 - t * t,)", "(1 - self.data ** 2,)", "square the output"),
        ("(n * self.data ** (n - 1),)", "(n * self.data ** n,)", "the power falls by one"),
        ("(n * self.data ** (n - 1),)", "(self.data ** (n - 1),)", "factor n"),
        ("(e,))", "(self.data,))", "exp(a) itself"),
        ("t = math.tanh(self.data)", "t = 1 - 2 / (math.exp(2 * self.data) + 1)", "use math.tanh"),
        ("return Value(e, (self,), (e,))", "return Value(e)", "Pass its parents"),
        ("return Value(e, (self,), (e,))", "self.data = e\n        return self", "new Value"),
        ("return Value(e, (self,), (e,))", "return e", "Return Value"),
        ("return Value(e, (self,), (e,))", "return Value(e, (self,), (e, e))", "One slope for each parent"),
        ("return Value(t, (self,), (1 - t * t,))", "Value(t, (self,), (1 - t * t,))", "In `tanh` there is none"),
        ("return Value(e, (self,), (e,))", "return Value(e, (self), (e,))", "a tuple of one"),
        ("return Value(e, (self,), (e,))", "return Value(e, (self,), (e))", "a tuple of one"),
        ("(other.data, self.data))", "(other, self))", "Slopes are plain numbers"),
        ("(self, other), (1.0, 1.0))", "(Value(self.data), other), (1.0, 1.0))", "the Values themselves"),
        ("(self, other), (1.0, 1.0))", "(self.data, other.data), (1.0, 1.0))", "Parents are Values"),
        ("(other.data, self.data))", "(1.0, 1.0))", "those are the slopes of a sum"),
        ("(1 - t * t,)", "(1 - t,)", "the square is missing"),
        ("(1 - t * t,)", "(1 + t * t,)", "with a minus"),
        ("(1 - t * t,)", "(t * (1 - t),)", "logistic"),
        ("(1 - t * t,)", "((1 - t) ** 3,)", "Of a.tanh(): d tanh(a)/da = 1 - tanh(a)^2"),
        ("(n * self.data ** (n - 1),)", "(n * self.data,)", "this is n a"),
        ("(e,))", "(e * self.data,))", "the law of powers"),
        ("t = math.tanh(self.data)", "t = math.tanh(self)", "that of a Value is its `.data`"),
        ("t = math.tanh(self.data)", "t = np.tanh(self.data)", "`np` has to be imported"),
    ],
    "sum_over_paths": [
        ("(slope * sum_over", "(slope + sum_over", "multiplied, not added"),
        ("return 1.0", "return 0.0", "in itself is 1, not 0"),
        ("end is start", "end.data == start.data", "whether they are one and the same"),
        ("steps = zip(end.parents, end.slopes, strict=True)", "steps = dict(zip(end.parents, end.slopes)).items()", "counts twice"),
        ("    return sum((", "    return max((s * sum_over_paths(p, start) for p, s in steps), default=0)\n    return sum((",
         "largest"),
        ("    return sum((", "    end.grad = 0.5\n    return sum((", "Only look at the Values"),
        ("sum_over_paths(parent, start) for", "float(parent is start) for", "end's own parents only"),
        ("sum_over_paths(parent, start) for", "sum_over_paths(end, parent) for", "calls itself again and again"),
        ("    return sum((", "    known = vars(sum_over_paths)\n    if str(id(end)) not in known:\n        known[str(id(end))] = "
         "sum(s * sum_over_paths(p, start) for p, s in steps)\n    return known[str(id(end))]\n    return sum((",
         "keep nothing from call to call|begins paths of its own|One step leads|adds 0"),
        ("return 1.0\n", "return 1.0\n    if not end.parents:\n        return 1.0\n", "where no path leads|Where no path leads"),
        ("(slope * sum_over", "(sum_over", "counts the paths"),
        ("    return sum((", "    for p, s in zip(end.parents, end.slopes):\n        return s * sum_over_paths(p, start)\n"
         "    return 0.0\n    return sum((", "Only one of the paths"),
        ("    return sum((", "    return math.prod(s * sum_over_paths(p, start) for p, s in zip(end.parents, end.slopes)) "
         "if end.parents else 0.0\n    return sum((", "not multiplied"),
    ],
    "topological_order": [
        ("    return order\n", "    return order[::-1]\n", "is reversed"),
        ("order.append(value)\n            stack.pop()", "stack.pop()", "history of its own|missing|Visit the parents"),
        ("    return order\n", "    return order[:-1]\n", "root itself is missing"),
        ("    return order\n", "    return order.reverse()\n", "changes in place and gives None"),
        ("    return order\n", "    return set(order)\n", "A set has no order"),
        ("    return order\n", "    return [v.data for v in order]\n", "the Values themselves"),
        ("    return order\n", "    return sorted(order, key=lambda v: v.data)\n", "the order of the numbers"),
        ("    return order\n", "    return order + [root]\n", "appended once more"),
        ("    return order\n", "    root.grad = 7.0\n    return order\n", "Only look at the Values"),
        ("order = []", "return _equal(root)\n    order = []", "not their data"),
        ("order = []", "return _down(root)\n    order = []", "that is too early"),
        ("order = []", "return _kept(root)\n    order = []", "from call to call"),
        ("order = []", "return _rec(root, set())\n    order = []", "recursion ends"),
        ("order = []", "return _all(root)\n    order = []", "several times"),
        ("order = []", "return _pre(root, set())\n    order = []", "before its parents"),
        ("order = []", "return _layers(root)\n    order = []", "Layer by layer"),
    ],
    "backward": [
        ("parent.grad += slope * value.grad", "parent.grad = slope * value.grad", "add with +="),
        ("        value.grad = 0.0", "        pass", "begin with grad = 0"),
        ("    root.grad = 1.0", "    pass", "root.grad is 1"),
        ("parent.grad += slope * value.grad", "parent.grad += slope", "by the grad of the Value"),
        ("in reversed(order)", "in order", "begin at root"),
        ("in reversed(order)", "in order.reverse()", "changes in place and gives None"),
        ("in reversed(order)", "in reversed(order[:-1])", "Only root has a grad"),
        ("slope * value.grad", "slope + value.grad", "not added"),
        ("zip(value.parents, value.slopes, strict=True)", "dict(zip(value.parents, value.slopes)).items()", "gets two shares"),
        ("    root.grad = 1.0", "    root.grad = root.data", "not the number in its data"),
        ("parent.grad += slope * value.grad", "parent.grad += parent.data * value.grad", "adds slope * its own grad"),
        ("parent.grad += slope * value.grad", "parent.grad += slope * value.grad\n            parent.data -= parent.grad",
         "Only look at the Values"),
        ("parent.grad += slope * value.grad", "parent.grad += slope * value.grad\n        value.parents = ()",
         "Only look at the Values"),
        ("        value.grad = 0.0", "        value.grad = 0.0 if not value.parents else value.grad", "Only Values without"),
        ("order = topological_order(root)", "order = _layers(root)", "is visited before all its users"),
        ("    for value in reversed(order):", "    _again(root)\n    for value in ():", "visit each Value once, in order"),
    ],
}  # fmt: skip
HELPERS = """
def _rec(root, seen):
    out = []
    def visit(v):
        if v not in seen:
            seen.add(v)
            for p in v.parents: visit(p)
            out.append(v)
    visit(root)
    return out
def _all(root):
    return [v for p in root.parents for v in _all(p)] + [root]
def _pre(root, seen):
    out = []
    def visit(v):
        if v not in seen:
            seen.add(v); out.append(v)
            for p in v.parents: visit(p)
    visit(root)
    return out
def _layers(root):
    from collections import deque
    order, seen, todo = [], set(), deque([root])
    while todo:
        v = todo.popleft()
        if v in seen: continue
        seen.add(v); order.append(v); todo.extend(v.parents)
    return order[::-1]
def _equal(root):
    out, seen, stack = [], set(), [(root, False)]
    while stack:
        v, ready = stack.pop()
        if ready:
            out.append(v)
        elif v.data not in seen:
            seen.add(v.data)
            stack += [(v, True), *((p, False) for p in v.parents)]
    return out
def _down(root):
    out, stack = [], [root]
    while stack:
        v = stack.pop()
        if v not in out:
            out.append(v)
            stack.extend(v.parents)
    return out[::-1]
def _kept(v, out=[], seen=set()):
    if v not in seen:
        seen.add(v)
        for p in v.parents: _kept(p, out, seen)
        out.append(v)
    return out
def _again(v):
    for p, s in zip(v.parents, v.slopes):
        p.grad += v.grad * s
        _again(p)
"""


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
    source = changed(solved(name), old, new) + HELPERS
    hint = judge_source(name, source).hint
    assert_mistake(name, source, next((part for part in said.split("|") if part in hint), said))


EXPONENTIAL = {
    "topological_order": """
def topological_order(root):
    out, done, stack = [], set(), [(root, False)]
    while stack:
        v, ready = stack.pop()
        if not ready:
            stack.append((v, True))
            stack.extend((p, False) for p in v.parents)
        elif v not in done:
            done.add(v)
            out.append(v)
    return out
""",
    "backward": """
def backward(root):
    def clear(v):
        v.grad = 0.0
        for p in v.parents: clear(p)
    def go(v, g):
        v.grad += g
        for p, s in zip(v.parents, v.slopes): go(p, s * g)
    clear(root)
    go(root, 1.0)
""",
}


@pytest.mark.parametrize("name", EXPONENTIAL)
def test_what_goes_along_every_path_is_stopped_and_told_why(name):
    report = judge_source(name, EXPONENTIAL[name])
    assert report.status == "stopped" and "2^60 paths" in report.hint, report
    assert "many paths" in report.wrong and report.checked


def test_plain_numbers_are_named():
    source = solved("Value").replace("        other = Value.lift(other)\n", "")
    assert_mistake("Value", source, "Value.lift(other)")


def test_through_the_sandbox(tmp_path):
    file = tmp_path / "01_reverse_mode.py"
    file.write_text(solved("Value"), encoding="utf-8")
    assert check_file("Value", file).passed
    assert check_file("backward", file).passed


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_learner_s_values_train_the_network_of_the_lesson_as_the_library_s_tensors_do(tmp_path):
    from minitransformer.course.notebook import build, execute
    from minitransformer.course.workspace import Workspace

    Workspace(tmp_path).start()
    source = (ROOT / "lessons" / "sources" / "01_reverse_mode.py").read_text(encoding="utf-8")
    notebook = execute(build("01_reverse_mode", source, solved=True), str(tmp_path))
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))
    library, values = (
        re.search(f"{name}: (.*)", said)[1] for name in ("the library's tensors", "your Values")
    )
    assert values == library
    assert values.startswith("the error rises in 0 of 199 steps")
