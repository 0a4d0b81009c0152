# %% [markdown]
# # 01 Reverse-mode differentiation
#
# After this lesson you can say what a gradient is, compute one by hand through any formula, explain why gradients *add*
# where paths meet, and write the engine that does it for you: fifty lines that are the heart of every deep learning library.
#
# *About 80 minutes with the exercises. Builds on school calculus and a little Python (classes, lists).*

# %% [markdown]
# ## Why
#
# A model is a formula with adjustable numbers in it: a handful here, billions in a large language model. To learn is to turn
# each of these numbers a little in the direction that makes the error smaller. So for each number we must know: *if I nudge
# it up, does the error rise or fall, and how fast?* This "how fast" is a **slope**, and the list of the slopes of all the
# numbers is the **gradient**.
#
# One could try it out: nudge one number, compute the whole formula again, and look. With a billion numbers that makes a
# billion computations for a single step. What you will write in this lesson finds *all* slopes in one walk back through
# the computation, for about the price of computing the formula a few times. It is called reverse-mode differentiation, or
# backpropagation.

# ## How to work with these lessons
#
# Run the cells from top to bottom. Where it says **Your turn**, a cell holds a task: read the text between the quotes, put your
# code in place of `raise NotImplementedError`, run the cell, and then the cell below it, which checks your answer and says what
# to look at if it is not right yet. What you print in your code stands in the report. You can read on without having solved a
# task: the lesson itself does not use your answers.
#
# - `hint("Value")` in a cell gives one hint after the other, `solution("Value", yes=True)` the solution.
# - An answer that passes is also written into the file of this lesson that lies beside this notebook, `01_reverse_mode.py`, and
#   counts in `minitransformer progress`. If you had something else there, it is kept in a copy. For those who prefer an editor,
#   the same tasks are in that file, and `minitransformer check`, `hint` and `solution` do the same in a terminal.
# - `saved("Value")` shows what the file holds, and `check("Value")` without a second argument checks it.
#
# `mt` below is the library whose parts you write in this course, and to which each lesson compares them.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer.course import check, hint, saved, solution

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"  # told apart by every kind of eye

# %% [markdown]
# ## A slope
#
# The slope of $f$ at $x$ says how far $f$ moves when $x$ moves by a small $h$, as a multiple of $h$:
#
# $$f(x + h) \approx f(x) + f'(x)\,h$$
#
# Books call $f'(x)$ the **derivative** of $f$ at $x$. It is the same number. If several numbers could be moved, one says which:
# the derivative of $y$ **with respect to** $x$, written $dy/dx$, is what these lessons call the slope of $y$ in $x$.
#
# Trying it out on both sides gives a number for it, $\frac{f(x + h) - f(x - h)}{2h}$, a *central difference*. It will be
# our judge in every lesson, as it needs to know nothing about how $f$ was made.
#
# The example is $\tanh x = \frac{e^x - e^{-x}}{e^x + e^{-x}}$, a curve that squeezes any number between $-1$ and 1. Its slope is
# known to be $1 - \tanh^2 x$.


# %%
def central_difference(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


print("slope of tanh at 0.5, tried out:  ", central_difference(math.tanh, 0.5))
print("slope of tanh at 0.5, by formula: ", 1 - math.tanh(0.5) ** 2)

xs = np.linspace(-2.5, 2.5, 101)
figure, axis = plt.subplots(figsize=(4.5, 2.8), layout="constrained")
axis.plot(xs, np.tanh(xs), color=BLUE, label="tanh(x)")
for x0, label_y in ((-1.5, -0.7), (0.5, 0.16)):
    near = np.array([x0 - 0.7, x0 + 0.7])
    slope = 1 - math.tanh(x0) ** 2
    axis.plot(near, math.tanh(x0) + slope * (near - x0), color=ORANGE, lw=2)
    axis.annotate(f"slope {slope:.2f}", (x0 - 0.5 if x0 < 0 else x0 + 0.15, label_y), color=ORANGE)
    axis.plot(x0, math.tanh(x0), "o", color=ORANGE)
axis.set(xlabel="x", title="the slope is the steepness of the tangent")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# ## The chain rule
#
# Large formulas are small steps, one after the other. Let $u$ be made from $x$, and $y$ from $u$. If $u$ moves 3 times as far as
# $x$, and $y$ moves 2 times as far as $u$, then $y$ moves $2 \cdot 3 = 6$ times as far as $x$. Slopes along a path multiply:
#
# $$\frac{dy}{dx} = \frac{dy}{du} \cdot \frac{du}{dx}$$
#
# This is all the calculus of this course. Each small step has a slope that one can look up:
#
# | step | its slopes |
# |---|---|
# | $c = a + b$ | $\partial c/\partial a = 1$, $\partial c/\partial b = 1$ |
# | $c = a \cdot b$ | $\partial c/\partial a = b$, $\partial c/\partial b = a$ |
# | $c = a^n$ | $\partial c/\partial a = n\,a^{n-1}$ |
# | $c = e^a$ | $\partial c/\partial a = e^a = c$ |
# | $c = \tanh a$ | $\partial c/\partial a = 1 - \tanh^2 a = 1 - c^2$ |
#
# (The curly $\partial$ is a $d$ that reminds us that the other inputs are held still; such a slope is called a *partial
# derivative*.) Look at the product: the slope in $a$
# is the value of $b$. So to know slopes we must remember numbers from the way forward.

# %% [markdown]
# ### Your turn: a number that knows how it was computed
#
# So let a number remember. A `Value` holds its number (`data`), the Values it was computed from (`parents`), and for each of them
# the slope of the step (`slopes`). The product of 2 and 5 holds 10, two parents, and the slopes 5 and 2. When Python meets
# `a + b`, it calls `a.__add__(b)`, and for `a * b` and `a ** n` it calls `__mul__` and `__pow__`: a class may say what
# these mean. In each you compute the number and hand it on, with parents and slopes, to a new Value. `grad` stays 0 for now.

# %% exercise Value

# %% [markdown]
# ## Where paths meet, slopes add
#
# Now take $x = 3$ and
#
# $$b = x^2, \qquad c = 2x, \qquad y = b \cdot c.$$
#
# $x$ reaches $y$ on two paths, one through $b$ and one through $c$. Nudge $x$ by $h$: then $b$ moves by $6h$ and $c$ by $2h$. As
# $y = b \cdot c$ has the slope $c = 6$ in $b$ and the slope $b = 9$ in $c$, it moves by $6 \cdot 6h$ on account of $b$ and *also*
# by $9 \cdot 2h$ on account of $c$. Both happen at once, so they add: $36 + 18 = 54$.

# %%
print("added over both paths:", 6 * 6 + 9 * 2)
print("tried out:            ", central_difference(lambda x: x**2 * (2 * x), 3.0))

# %% [markdown]
# The picture to keep in mind is a graph: a circle for each number, an arrow for each use of it, the slope beside the arrow.


# %%
def draw(axis, places, arrows, labels):
    """A computation as circles, arrows with slopes, and text below the circles."""
    for start, end, slope in arrows:
        (x0, y0), (x1, y1) = places[start], places[end]
        arrow = {"arrowstyle": "-|>", "color": GREY, "shrinkA": 17, "shrinkB": 17, "lw": 1.4}
        axis.annotate("", (x1, y1), (x0, y0), arrowprops=arrow)
        axis.text((x0 + x1) / 2, (y0 + y1) / 2 + 0.08, slope, color=GREEN, ha="center", va="bottom")
    for name, (x, y) in places.items():
        axis.plot(x, y, "o", ms=32, mfc="white", mec=BLUE, mew=1.5)
        axis.text(x, y, name, ha="center", va="center", color=BLUE, fontsize=12)
        axis.text(x, y - 0.36, labels[name], ha="center", va="top", fontsize=9, color=ORANGE)
    axis.set(xlim=(-0.6, 2.8), ylim=(-1.3, 1.4))
    axis.axis("off")


figure, axis = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
places = {"x": (0, 0), "b": (1.1, 0.8), "c": (1.1, -0.7), "y": (2.2, 0)}
arrows = [("x", "b", "2x = 6"), ("x", "c", "2"), ("b", "y", "c = 6"), ("c", "y", "b = 9")]
labels = {
    "x": "x = 3\ndy/dx = 6·6 + 2·9 = 54",
    "b": "b = 9\ndy/db = 6",
    "c": "c = 6\ndy/dc = 9",
    "y": "y = 54\ndy/dy = 1",
}
draw(axis, places, arrows, labels)
axis.set_title("green: slope of a step; orange: value, and slope of y in it")
plt.show()

# %% [markdown]
# ### Your turn: all the paths
#
# The slope of the end in the start is a sum over paths, each path being a product of slopes. Write just that.

# %% exercise sum_over_paths

# %% [markdown]
# ## Too many paths
#
# It is right, and it is useless for anything large. If each step uses the number before it twice, as in $x_{n+1} = x_n + x_n$, the
# paths double with each step: after 30 steps there are a billion of them, though only 31 numbers. A Transformer, whose
# layers all do that, would never finish.
#
# The way out: work from the end, and let every number *first collect* what comes from all its users, and only then hand on
# to its parents, once. With $\bar v$ for $\partial y/\partial v$, the slope of the end result in $v$:
#
# $$\bar y = 1, \qquad \bar v = \sum_{u \text{ uses } v} \bar u \cdot \frac{\partial u}{\partial v}$$
#
# Here it is on a **tape**, a list that we write as we compute: for each number its parents and the slopes.

# %%
tape = [  # (name, [(parent, slope), ...]) in the order in which they were computed
    ("x", []),
    ("b", [("x", 6.0)]),
    ("c", [("x", 2.0)]),
    ("y", [("b", 6.0), ("c", 9.0)]),
]


def walk_back(tape, end):
    """The slope of `end` in everything on the tape, one visit each."""
    slope_of_end_in = dict.fromkeys((name for name, _ in tape), 0.0)
    slope_of_end_in[end] = 1.0
    for name, parents in reversed(tape):
        for parent, slope in parents:
            slope_of_end_in[parent] += slope * slope_of_end_in[name]  # users add up
    return slope_of_end_in


print(walk_back(tape, "y"))

# %%
steps = np.arange(1, 31)
figure, axis = plt.subplots(figsize=(4.5, 2.8), layout="constrained")
axis.semilogy(steps, 2.0**steps, color=ORANGE, label="paths")
axis.semilogy(steps, steps + 1, color=BLUE, label="visits when walking back")
axis.set(xlabel="steps of x + x", title="the same slopes, for another price")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# ## The order
#
# What if a number hands on *before* all its users have spoken? Then what comes later is lost. Swap two lines of a tape where $x$
# is used at once and also by way of $b$ and $c$:
#
# $$b = 2x, \quad c = 3b, \quad y = x + b + c \qquad\Rightarrow\qquad \frac{dy}{dx} = 1 + 2 + 6 = 9$$

# %%
right = [("x", []), ("b", [("x", 2.0)]), ("c", [("b", 3.0)]), ("y", [("x", 1.0), ("b", 1.0), ("c", 1.0)])]
wrong = [right[0], right[2], right[1], right[3]]  # now b speaks before it has heard from c
print("in order:    dy/dx =", walk_back(right, "y")["x"])
print("out of order: dy/dx =", walk_back(wrong, "y")["x"])

# %% [markdown]
# On a tape the order comes for free: a number is written down after everything it was computed from. Your `Value`s have no
# tape, each knows only its own parents. So the order must be found: a list in which every Value comes *after all its
# parents*. It is called a **topological order**. Read from its end, every user comes before what it used.

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
for axis, order, title in (
    (axes[0], "xbcy", "every arrow points right: an order"),
    (axes[1], "xcby", "an arrow points left: not an order"),
):
    at = {name: i for i, name in enumerate(order)}
    for start, end in ("xb", "xy", "bc", "by", "cy"):
        back = at[end] < at[start]
        arc = {"arrowstyle": "-|>", "connectionstyle": "arc3,rad=-0.45", "shrinkA": 15, "shrinkB": 15}
        look = {"color": ORANGE, "lw": 2} if back else {"color": GREY, "lw": 1.2}
        axis.annotate("", (at[end], 0), (at[start], 0), arrowprops=arc | look)
    for name, i in at.items():
        axis.plot(i, 0, "o", ms=28, mfc="white", mec=BLUE, mew=1.5)
        axis.text(i, 0, name, ha="center", va="center", color=BLUE, fontsize=12)
    axis.set(xlim=(-0.4, 3.4), ylim=(-0.6, 1.0), title=title)
    axis.axis("off")
plt.show()

# %% [markdown]
# How to find it? To write a Value down, first write down its parents, those that are not in the list yet; then itself. Begin
# with the end result. (A function that calls itself for the parents says just that, but Python allows only about 1000 calls
# inside each other. For long histories keep a list of your own of what is still to do.)
#
# ### Your turn: the order, and the walk back

# %% exercise topological_order

# %% exercise backward

# %% [markdown]
# ## The same in the library, and against the judges
#
# `minitransformer/autograd.py` is this engine for whole arrays of numbers (lesson 02), which it calls tensors. Instead of searching
# for the order it numbers the steps as they are made. A tensor that holds one number will do here; `requires_grad=True` asks for
# its slope, `backward()` walks back, `.grad` is what was found, and `.item()` makes a plain number of it. (`float64` means that
# each number is kept with 16 digits.) Here is a **neuron**, a step that models are full of, $y = \tanh(w x + b)$, and its slopes in
# $w$ and $b$:

# %%
w, b = (mt.tensor(value, dtype=mt.float64, requires_grad=True) for value in (0.8, -0.3))
x = 0.5
(w * x + b).tanh().backward()
by_hand = 1 - math.tanh(0.8 * x - 0.3) ** 2  # the slope of tanh; times x for w, times 1 for b

print(f"dy/dw: the library {w.grad.item():.12f}, by hand {by_hand * x:.12f}")
print(f"dy/db: the library {b.grad.item():.12f}, by hand {by_hand:.12f}")
print(f"dy/dw: tried out   {central_difference(lambda w: math.tanh(w * x - 0.3), 0.8):.12f}")

# %% [markdown]
# And PyTorch, the library that most models are written with, where it is installed. The formula uses everything twice; it is
# computed once with our tensors and once with PyTorch's, and what is printed is the largest difference of values and of slopes:


# %%
def formula(a, b):
    c = a * b + a
    return (c * c + b.exp()).tanh() * c


try:
    import torch  # noqa: F401
except ImportError:
    print("PyTorch is not installed: pip install torch")
else:
    point = [np.array(0.3), np.array(-0.6)]
    print(mt.compare_with_torch(formula, formula, point))

# %% [markdown]
# ## What it is good for
#
# A small step against the slope makes a number smaller. Here a single neuron learns to say 0.5 when it sees 1 and -0.5 when it
# sees 2, by nothing but this: compute the error (how far off it is, squared), walk back, and change $w$ and $b$ by $-0.1$ times
# their slopes. This is **gradient descent**. The error that it makes smaller is also called the **loss**, and the 0.1 is the
# **learning rate**. (Lesson 09 does this in earnest.)
#
# A slope holds only close by, so a rate can be too large. For comparison the same neuron learns with the rate 0.3.


# %%
def one_neuron(rate, steps=200):
    w, b, errors = 0.1, 0.1, []
    for _ in range(steps):
        tw, tb = tensor(w), tensor(b)
        error = ((tw * 1.0 + tb).tanh() - 0.5) ** 2 + ((tw * 2.0 + tb).tanh() + 0.5) ** 2
        error.backward()
        errors.append(error.item())
        w, b = w - rate * tw.grad.item(), b - rate * tb.grad.item()
    return errors, [math.tanh(w + b), math.tanh(2 * w + b)]


def tensor(value):
    return mt.tensor(value, dtype=mt.float64, requires_grad=True)


figure, axis = plt.subplots(figsize=(4.5, 2.6), layout="constrained")
for rate, colour in ((0.3, ORANGE), (0.1, BLUE)):
    errors, says = one_neuron(rate)
    axis.semilogy(errors, color=colour, label=f"rate {rate}")
    rises = (np.diff(errors) > 0).sum()
    print(f"rate {rate}: the error rises in {rises} of {len(errors) - 1} steps; it says {says[0]:.2f} and {says[1]:.2f}")
axis.set(xlabel="step", ylabel="error", title="one neuron, 200 steps against the slope")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# With the rate 0.1 the error falls at every step. With 0.3 a step goes so far that the slope has changed its sign on the way: the
# next step comes back, and the error rises and falls in turn.

# %% [markdown]
# ## A network that learns with your numbers
#
# Nothing more is needed for a **network**. Its task: two inputs, each 1 or -1, and it shall say 1 if they differ and -1 if they are
# the same. One neuron cannot do that. Before tanh it computes $w_1 a_1 + w_2 a_2 + b$, and for the two pairs that differ these
# numbers sum to $2b$, for the two that are the same also to $2b$: it cannot be positive for the first two and negative for the
# others. Four neurons side by side, and a fifth that reads their results, can. Their 17 **weights** begin as random numbers.
#
# `learn` is gradient descent for any kind of number that knows `+`, `*`, `**` and `tanh`, and has a walk back. The library's
# tensors are such numbers, and so are your Values.

# %%
TASK = [((-1, -1), -1), ((-1, 1), 1), ((1, -1), 1), ((1, 1), -1)]  # (the two inputs, what to say)


def network(inputs, weights):  # 2 inputs, 17 weights
    a, b = inputs
    hidden = [(weights[i] * a + weights[i + 1] * b + weights[i + 2]).tanh() for i in (0, 3, 6, 9)]
    return (sum(w * h for w, h in zip(weights[12:16], hidden, strict=True)) + weights[16]).tanh()


def learn(number, walk_back, rate=0.1, steps=200):
    weights, errors = np.random.default_rng(0).normal(size=17).tolist(), []
    for _ in range(steps):
        known = [number(weight) for weight in weights]
        error = sum((network(inputs, known) - wanted) ** 2 for inputs, wanted in TASK)
        walk_back(error)
        errors.append(float(error.data))
        weights = [w - rate * float(v.grad) for w, v in zip(weights, known, strict=True)]
    return errors, [float(network(inputs, known).data) for inputs, _ in TASK]


learned = {"the library's tensors": learn(tensor, mt.Tensor.backward)}
try:
    learned["your Values"] = learn(Value, backward)
except NotImplementedError:
    print("Your Values are missing here: write Value, topological_order and backward, and run this cell again.")

figure, axis = plt.subplots(figsize=(4.5, 2.6), layout="constrained")
for name, look in (("the library's tensors", "-"), ("your Values", "--")):
    if name in learned:
        errors, says = learned[name]
        axis.semilogy(errors, look, color=BLUE if look == "-" else ORANGE, lw=2, label=name)
        print(f"{name}: error {errors[0]:.2f} -> {errors[-1]:.3f}; it says", *(f"{s:+.2f}" for s in says))
axis.set(xlabel="step", ylabel="error", title="17 weights learn when two inputs differ")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# The error falls at every step, and each answer has the right sign. If your Values are in the picture, their curve lies on that of
# the library: the same slopes give the same steps. What a large language model does in training is this loop, with more weights.

# %% [markdown]
# ## Summary
#
# - A slope says how far the result moves per nudge. Along a path slopes multiply; where paths meet they add.
# - Each number remembers its parents and its slopes in them. The record of a whole computation is called the tape.
# - Walk back in topological order: every number collects from all its users, then hands on once. One visit each.
# - Gradient descent changes each weight by minus the learning rate times its slope. Your Values are enough for it.
#
# **Further reading.** Rumelhart, Hinton and Williams, *Learning representations by back-propagating errors*, Nature 323, 1986,
# which made the method known. Baydin, Pearlmutter, Radul and Siskind, *Automatic differentiation in machine learning: a
# survey*, Journal of Machine Learning Research 18(153), 2018, for its history and its forward-mode sister.
#
# **Next:** 02, whole arrays at once, and how to find out that a gradient is wrong.
