"""Lesson 09: the checks of losses and optimizers are held against right and wrong answers."""

import re

import numpy
import pytest
from cases import answer_of, assert_judged_right, assert_mistake, assert_mistakes_are_named, changed, solved

from minitransformer.course.sandbox import check_file


def mistaken(name, old, new):
    """The solved lesson in which the only `old` of one exercise is made `new`; Adam and AdamW have lines in common."""
    source = solved(name)
    (start,) = (match.start() for match in re.finditer(rf"^(?:class|def) {name}\b", source, re.MULTILINE))
    end = re.compile(r"^(?:class|def) ", re.MULTILINE).search(source, start + 1)
    before, own, after = (
        source[:start],
        source[start : end and end.start()],
        source[end.start() :] if end else "",
    )
    return before + changed(own, old, new) + after


NAMES = ("cross_entropy", "cross_entropy_vjp", "SGD", "Adam", "clip_grad_norm", "AdamW")

OTHERWISE = {
    "cross_entropy": """
import numpy as np
def cross_entropy(logits, targets):
    total = 0
    for row, t in zip(logits, targets):
        total = total + np.logaddexp.reduce(row - row[t])
    return total / logits.dtype.type(len(logits))
""",
    "cross_entropy_vjp": """
import numpy as np
def cross_entropy_vjp(g, logits, targets):
    n, v = logits.shape
    log_p = logits - np.logaddexp.reduce(logits, axis=1)[:, None]
    truth = np.eye(v, dtype=logits.dtype)[targets]
    return (np.exp(log_p) - truth) / n * g
""",
    "SGD": """
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.lr, self.rest = lr, momentum
        self.pairs = [[p, None] for p in params]
    def step(self, grads):
        for pair, g in zip(self.pairs, grads):
            p, v = pair
            pair[1] = g.copy() if v is None else g + self.rest * v
            p[...] = p - self.lr * pair[1]
""",
    "clip_grad_norm": """
import numpy as np
def clip_grad_norm(grads, max_norm):
    norm = np.linalg.norm(np.concatenate([g.ravel() for g in grads]))
    factor = min(1.0, max_norm / (norm + 1e-6))
    for g in grads:
        np.multiply(g, factor, out=g)
    return norm
""",
    "Adam": """
import numpy as np
class Adam:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.eps = list(params), lr, eps
        self.b1, self.b2 = betas
        self.means = {}
        self.corrections = [1.0, 1.0]
    def step(self, grads):
        self.corrections = [self.corrections[0] * self.b1, self.corrections[1] * self.b2]
        c1, c2 = (1 - c for c in self.corrections)
        for i, g in enumerate(grads):
            m, v = self.means.get(i, (0.0, 0.0))
            m, v = m * self.b1 + g * (1 - self.b1), v * self.b2 + g ** 2 * (1 - self.b2)
            self.means[i] = m, v
            np.subtract(self.params[i], self.lr / c1 * m / ((v / c2) ** 0.5 + self.eps), out=self.params[i])
""",
}

VELOCITY = "            v *= self.momentum\n            v += g\n"
NORM = "math.sqrt(sum(float((g * g).sum()) for g in grads))"
DECAY = "            p *= 1 - self.lr * self.weight_decay\n"
MEANS = "            m += (1 - b1) * (g - m)\n            v += (1 - b2) * (g * g - v)\n"
STEP = "            p -= self.lr * (m / (1 - b1**self.t)) / (np.sqrt(v / (1 - b2**self.t)) + self.eps)\n"
WRONG = {
    "cross_entropy": [
        ("targets].mean()", "targets].sum()", "Divide the sum over the rows by N"),
        ("targets].mean()", "targets]", "losses of all rows"),
        ("return -log_p", "return log_p", "sign is wrong"),
        ("logits.max(axis=-1, keepdims=True)  # (N, V)", "logits.max()", "the row's own"),
        ("log_p[np.arange(len(targets)), targets]", "np.take(log_p, targets, axis=1)", "N entries of every row"),
        ("log_p[np.arange(len(targets)), targets]", "(log_p * np.eye(logits.shape[1])[targets])", "N x V entries"),
        ("log_p[np.arange(len(targets)), targets]", "log_p", "Every class counts"),
        ("log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))",
         "log_p = logits - np.log(np.exp(logits).sum(axis=0))", "down the columns"),
        ("log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))",
         "log_p = np.log2(np.exp(shifted) / np.exp(shifted).sum(-1)[:, None])", "base 2"),
        ("log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))",
         "log_p = np.exp(shifted) / np.exp(shifted).sum(-1)[:, None]", "logarithm is missing"),
        ("log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))", "log_p = logits", "Softmax is missing"),
        ("shifted = logits - logits.max(axis=-1, keepdims=True)", "shifted = logits", "exp(1000) is infinite"),
        ("log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))",
         "log_p = np.log(np.exp(shifted) / np.exp(shifted).sum(-1)[:, None])", "rounds to 0 is -inf"),
        ("    shifted = logits - ", "    shifted = logits\n    shifted -= ", "Work on a copy"),
        ("    return -log_p", "    -log_p", "return"),
        ("    return -log_p", "    return -np.log(np.exp(log_p) + 1e-12)", "added to the share"),
        ("log_p[np.arange(len(targets)), targets].mean()", "log_p[targets].mean()", "takes whole rows"),
        ("-log_p[np.arange(len(targets)), targets].mean()", "-np.log(np.exp(log_p)[np.arange(len(targets)), targets].mean())",
         "logarithm of the mean"),
        ("log_p[np.arange(len(targets)), targets].mean()", "log_p.max(axis=1).mean()", "largest score's class"),
        ("targets].mean()", "targets].sum() / logits.shape[1]", "the number of classes"),
        ("-log_p[np.arange(len(targets)), targets].mean()", "[-log_p[np.arange(len(targets)), targets].mean()]", "take it out"),
    ],
    "cross_entropy_vjp": [
        ("(g / len(targets))", "g", "mean is forgotten"),
        ("(g / len(targets))", "(g / logits.size)", "not by all N x V"),
        ("return p *", "return -p *", "sign is wrong"),
        ("(g / len(targets))", "(1 / len(targets))", "g is left out"),
        ("    p[np.arange(len(targets)), targets] -= 1\n", "", "right class is missing"),
        ("p[np.arange(len(targets)), targets] -= 1", "p = -np.eye(logits.shape[1])[targets]", "shares are missing"),
        ("p[np.arange(len(targets)), targets] -= 1", "p = -np.eye(logits.shape[1])[targets] / p", "-1/p"),
        ("p[np.arange(len(targets)), targets] -= 1", "p = np.eye(logits.shape[1])[targets] * (p - 1)", "Only the right class"),
        ("p[np.arange(len(targets)), targets] -= 1", "p[:, targets] -= 1", "one of each row"),
        ("p = e / e.sum(axis=-1, keepdims=True)", "p = np.exp(logits) / np.exp(logits).sum(0)", "down the columns"),
        ("logits - logits.max(axis=-1, keepdims=True))\n    p = e", "logits)\n    p = e", "subtract the row's maximum"),
        ("targets] -= 1", "targets] += 1", "it is subtracted"),
        ("(g / len(targets))", "(g / logits.shape[1])", "over V stands"),
        ("return p * (g / len(targets))", "return (logits - np.eye(logits.shape[1])[targets]) * (g / len(targets))",
         "Softmax is missing"),
        ("return p *",
         "return e / e.sum(axis=-1, keepdims=True) * (p - (e / e.sum(axis=-1, keepdims=True) * p).sum(-1)[:, None]) *",
         "applied once more"),
    ],
    "SGD": [
        ("p -= self.lr * v", "p += self.lr * v", "uphill"),
        ("p -= self.lr * v", "p -= self.lr * g", "no momentum here"),
        (VELOCITY, "            v = self.momentum * np.zeros_like(v) + g\n", "no momentum here"),
        ("v += g", "v += (1 - self.momentum) * g", "counts whole"),
        (VELOCITY, "            v += g\n            v *= self.momentum\n", "not momentum (v + g)"),
        (VELOCITY, "            v += self.momentum * g\n", "mixed up"),
        ("p -= self.lr * v", "p -= v", "learning rate is missing"),
        ("p -= self.lr * v", "p -= self.lr * (g + self.momentum * v)", "Nesterov"),
        ("v += g\n            p -= self.lr * v", "v += self.lr * g\n            p -= v", "inside the velocity"),
        ("p -= self.lr * v", "p = p - self.lr * v", "new array"),
        ("v += g\n", "v += g\n            g *= self.lr\n", "array was changed"),
        (VELOCITY + "            p -= self.lr * v", "            p -= self.lr * v\n" + VELOCITY.rstrip(), "uses the old velocity"),
        ("v *= self.momentum", "v *= 1", "not multiplied by momentum"),
        ("v *= self.momentum", "v *= 1 - self.momentum", "it is momentum itself"),
        ("        for p, v, g in zip",
         "        self.velocities = [g if (v == 0).all() else self.momentum * v + g for v, g in zip(self.velocities, grads)]\n"
         "        for p, v in zip(self.params, self.velocities):\n            p -= self.lr * v\n        for p, v, g in () and zip",
         "not the gradient's array itself"),
    ],
    "clip_grad_norm": [
        ("        for g in grads:\n            g *= max_norm / norm",
         "        for g in grads:\n            g *= min(1, max_norm / np.sqrt((g * g).sum()))", "on its own, which turns"),
        ("    if norm > max_norm:\n", "    if norm > 0:\n", "made longer"),
        ("g *= max_norm / norm", "np.minimum(np.maximum(g, -max_norm), max_norm, out=g)", "Each entry is clipped"),
        (NORM, "sum(float((g * g).sum()) for g in grads)", "root is missing"),
        (NORM, "sum(np.abs(g).sum() for g in grads)", "absolute values"),
        (NORM, "max(np.abs(g).max() for g in grads)", "largest entry"),
        (NORM, "sum(np.linalg.norm(g) for g in grads)", "norms of the arrays are added"),
        ("    return norm", "    return min(norm, max_norm)", "*after* clipping"),
        ("g *= max_norm / norm", "g *= norm / max_norm", "upside down"),
        ("g *= max_norm / norm", "g = g * max_norm / norm", "not changed"),
        ("    if norm > max_norm:\n        for g in grads:\n            g *= max_norm / norm",
         "    with np.errstate(all='ignore'):\n        for g in grads:\n            g *= np.float64(min(norm, max_norm)) / norm",
         "0 times that is nan"),
        ("    return norm", "    norm", "return"),
        ("    return norm", "    return grads", "one number"),
        (NORM, "np.linalg.norm(grads[-1])", "last array's norm"),
        ("g *= max_norm / norm", "g /= norm", "1 long"),
        ("    if norm > max_norm:", "    grads[:] = [g * min(1, max_norm / norm) if norm else g for g in grads]\n    if norm < 0:",
         "not changed"),
    ],
    "Adam": [
        ("p -= self.lr * (m", "p += self.lr * (m", "uphill"),
        ("            p -= self.lr * (m / (1 - b1**self.t)) / (np.sqrt(v / (1 - b2**self.t)) + self.eps)",
         "            p -= self.lr * m / (np.sqrt(v) + self.eps)", "too small at first"),
        ("np.sqrt(v / (1 - b2**self.t))", "np.sqrt(v)", "v is not corrected"),
        ("(m / (1 - b1**self.t))", "m", "m is not corrected"),
        ("np.sqrt(v / (1 - b2**self.t))", "(v / (1 - b2**self.t))", "root is missing"),
        ("(np.sqrt(v / (1 - b2**self.t)) + self.eps)", "np.sqrt(v / (1 - b2**self.t) + self.eps)", "outside the root"),
        (" + self.eps)", ")", "eps is missing"),
        ("(g * g - v)", "(g - v)", "square, g * g"),
        ("b1, b2 = self.betas", "b2, b1 = self.betas", "betas are swapped"),
        ("        self.t += 1\n", "        self.t = 1\n", "grow by one"),
        ("            p -= self.lr * (m / (1 - b1**self.t)) / (np.sqrt(v / (1 - b2**self.t)) + self.eps)",
         "            m /= 1 - b1**self.t; v /= 1 - b2**self.t\n            p -= self.lr * m / (np.sqrt(v) + self.eps)",
         "written back"),
        ("(m / (1 - b1**self.t))", "g", "should use the running mean"),
        ("p -= self.lr * (m", "p = p - self.lr * (m", "new array"),
        ("            p -= self.lr * (m", "            g *= 0\n            p -= self.lr * (m", "array was changed"),
        ("(g * g - v)", "(m * m - v)", "v is made of m"),
        ("self.t += 1", "self.t += 1 + (self.t == 0)", "step t - 1 or t + 1"),
        ("lr=1e-3", "lr=1e-2", "as it was"),
        ("        self.v = [np.zeros_like(p) for p in params]", "        self.v = self.m", "one list"),
        ("b1, b2 = self.betas", "b1, b2 = 0.9, 0.999", "use what was given"),
    ],
    "AdamW": [
        (DECAY, "            g = g + self.weight_decay * p\n", "(L2)"),
        (DECAY + MEANS + STEP, MEANS + STEP.replace("(m / (1 - b1**self.t))", "(m / (1 - b1**self.t) + self.weight_decay * p)"),
         "outside of the fraction"),
        (DECAY + MEANS + STEP, MEANS + STEP + DECAY, "first the decay"),
        (DECAY, "            p *= 1 - self.weight_decay\n", "not multiplied by the learning rate"),
        (DECAY, "", "There is no decay"),
        (DECAY, "            p *= 1 + self.lr * self.weight_decay\n", "weights larger"),
        (DECAY, "            p -= self.lr * self.weight_decay\n", "loses the same"),
        (DECAY, "            p -= self.lr * self.weight_decay * np.sign(p)\n", "loses the same"),
        (DECAY, "            p *= self.lr * self.weight_decay\n", "multiplied by 1 - lr"),
        (DECAY, DECAY + "            g = g + self.weight_decay * p\n", "twice in each step"),
        (STEP, "", "Adam's step is missing"),
        (DECAY, "            p *= 1 - self.lr * self.weight_decay\n            g += self.weight_decay * p\n", "twice in each step"),
        (STEP, "            p -= self.lr * m / (np.sqrt(v) + self.eps)\n", "too small at first"),
        ("np.sqrt(v / (1 - b2**self.t))", "np.sqrt(v)", "v is not corrected"),
        ("(m / (1 - b1**self.t))", "m", "m is not corrected"),
        ("self.t += 1", "self.t = 1", "grow by one"),
        ("p -= self.lr * (m", "p += self.lr * (m", "uphill"),
        ("p -= self.lr * (m", "p -= (m", "missing in Adam's step"),
        ("b1, b2 = self.betas", "b2, b1 = self.betas", "betas are swapped"),
        ("self.weight_decay = weight_decay", "self.weight_decay = 1e-2", "use what was given"),
        ("weight_decay=1e-2):", "weight_decay=0.1):", "as it was"),
        (DECAY, DECAY.replace("p *= 1 - self.lr * self.weight_decay", "p = p * (1 - self.lr * self.weight_decay)"), "new array"),
        (DECAY, "            for q in self.params:\n                q *= 1 - self.lr * self.weight_decay\n",
         "once for each parameter"),
        (DECAY, "            p -= self.lr * self.weight_decay * p * p\n", "is squared"),
        (DECAY, "            p *= 1 - self.lr**2 * self.weight_decay\n", "another factor"),
        (DECAY + MEANS, MEANS.replace("(g - m)", "(g + self.weight_decay * p - m)"), "m and v contain it"),
        (DECAY, "            m *= 1 - self.lr * self.weight_decay\n", "running mean decays"),
        (DECAY, "            p -= self.lr * self.weight_decay * abs(p)\n", "not of |p|"),
        (STEP, STEP + "            return\n", "Only the first parameter"),
        ("eps=1e-8, weight_decay=1e-2", "weight_decay=1e-2, eps=1e-8", "order of the stub"),
        ("        b1, b2", "        self.weight_decay *= self.lr\n        b1, b2", "itself is changed"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_stub_solution_and_another_solution(name):
    assert_judged_right(name, OTHERWISE[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_exercise_s_own_mistakes(name):
    assert_mistakes_are_named(name)


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
@pytest.mark.parametrize(
    ("name", "old", "new", "said"), [(n, *w) for n, wrong in WRONG.items() for w in wrong]
)
def test_wrong_answers_are_named(name, old, new, said):
    assert_mistake(name, mistaken(name, old, new), said)


def test_t_counted_once_a_parameter_is_named():
    source = mistaken("Adam", "        self.t += 1\n        b1", "        b1")
    source = source.replace("            m += (1", "            self.t += 1\n            m += (1", 1)
    assert_mistake("Adam", source, "t counts steps")


ADAMW = """
import numpy as np
class Adam:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps, self.t = params, lr, betas, eps, 0
        self.m, self.v = ([np.zeros_like(p) for p in params] for _ in range(2))
    def step(self, grads):
        self.t += 1
        (b1, b2), t = self.betas, self.t
        for i, (p, g) in enumerate(zip(self.params, grads)):
            self.m[i] = b1 * self.m[i] + (1 - b1) * g
            self.v[i] = b2 * self.v[i] + (1 - b2) * g**2
            p -= self.lr * self.m[i] / (1 - b1**t) / (np.sqrt(self.v[i] / (1 - b2**t)) + self.eps)
"""
RIGHT_ADAMW = {
    "it inherits from Adam": """
class AdamW(Adam):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps)
        self.weight_decay = weight_decay
    def step(self, grads):
        for p in self.params:
            p -= self.lr * self.weight_decay * p
        super().step(grads)
""",
    "it has an Adam": """
class AdamW:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        self.params, self.lr, self.decay = params, lr, weight_decay
        self.adam = Adam(params, lr, betas, eps)
    def step(self, grads):
        self.adam.lr = self.lr
        for p in self.params:
            np.multiply(p, 1 - self.lr * self.decay, out=p)
        self.adam.step(grads)
""",
    "the decay of the old weight is taken away after the step": """
class AdamW(Adam):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps)
        self.weight_decay = weight_decay
    def step(self, grads):
        old = [p.copy() for p in self.params]
        super().step(grads)
        for p, q in zip(self.params, old):
            p -= self.lr * self.weight_decay * q
""",
}
OTHERWISE["AdamW"] = ADAMW + RIGHT_ADAMW["it has an Adam"]


@pytest.mark.parametrize("way", RIGHT_ADAMW)
def test_ways_to_write_adamw(way):
    assert_judged_right("AdamW", ADAMW + RIGHT_ADAMW[way])


def test_adamw_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    rng = numpy.random.default_rng(3)
    start = rng.normal(size=(3, 4))
    ours = start.copy()
    theirs = torch.tensor(start, requires_grad=True)
    settings = {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.7}
    mine = answer_of("AdamW", solved("AdamW"))([ours], **settings)
    judge = torch.optim.AdamW([theirs], **settings)
    for rate in (0.05, 0.05, 0.01, 0.2, 0.2):
        g = rng.normal(size=start.shape)
        mine.lr = judge.param_groups[0]["lr"] = rate
        mine.step([g])
        theirs.grad = torch.tensor(g)
        judge.step()
    assert abs(ours - theirs.detach().numpy()).max() < 1e-14


def test_through_the_sandbox(tmp_path):
    file = tmp_path / "09_learning.py"
    file.write_text(solved("Adam"), encoding="utf-8")
    assert check_file("cross_entropy", file).passed
    assert check_file("Adam", file).passed
