# %% [markdown]
# # 01 Reverse-mode differentiation
#
# After this lesson you can find, for any formula, how fast its result changes with each of the numbers in it. You can explain why
# slopes *add* where paths meet. And you have written the engine that computes all this, a program of fifty lines, as every deep
# learning library has one. At the end of the lesson a small network learns with your engine.
#
# *About 25 minutes to read, and 65 for the exercises. Builds on school calculus and a little Python (classes, lists).*

# %% [markdown]
# ## Why
#
# A model is a formula with adjustable numbers in it: a few here, billions in a large language model. To learn means to change
# each of these numbers a little, in the direction that makes the error smaller. So for each number we must know: *if I make it a
# little larger, does the error rise or fall, and how fast?* This "how fast" is called a **slope**, and the list of the slopes for
# all the numbers is the **gradient**.
#
# One could try it out: change one number a little, compute the whole formula again, and compare. With a billion numbers that
# makes a billion computations for a single step. What you write in this lesson finds *all* slopes in one walk back through the
# computation, for about the price of computing the formula a few times. It is called **reverse-mode differentiation**, or
# **backpropagation**.
#
# ## How to work with these lessons
#
# Run the cells from top to bottom. Where it says **Your turn**, a cell holds a task: read the text between the triple quotes, put
# your code in place of `raise NotImplementedError`, run the cell, and then the cell below it. That cell checks your answer, and
# says what to look at if the answer is not right yet. What your code prints is shown in the report. You can read on without
# having solved a task: only the last picture of this lesson uses your answers.
#
# - `hint("Value")` in a cell gives one hint after the other, `solution("Value", yes=True)` the solution.
# - An answer that passes is also written into the file of this lesson that lies beside this notebook, `01_reverse_mode.py`, and
#   counts in `minitransformer progress`. If you had something else there, it is kept in a copy. If you prefer an editor, the same
#   tasks are in that file, and `minitransformer check`, `hint` and `solution` do the same in a terminal.
# - `saved("Value")` shows what the file holds, and `check("Value")` without a second argument checks it.
# - Where it says **Predict, then run**, think of an answer before you run the next cell. A click on "Answer" shows ours.
#
# `mt` below is the library whose parts you write in this course, and to which each lesson compares them. The pictures are drawn
# by `figures`, so that the cells show only what is computed.

# %%
import math

import numpy as np

import minitransformer as mt
from minitransformer.course import beside_pytorch, check, hint, saved, solution
from minitransformer.course.figures import lesson_01_reverse_mode as figures

# %% [markdown]
# ## A slope
#
# The slope of $f$ at $x$ says how far $f$ moves when $x$ moves by a small $h$, as a multiple of $h$:
#
# $$f(x + h) \approx f(x) + f'(x)\,h$$
#
# Books call $f'(x)$ the **derivative** of $f$ at $x$. It is the same number. If a result depends on several numbers, one says
# which of them moves: the derivative of $y$ **with respect to** $x$, written $dy/dx$, is what these lessons call the slope of $y$
# in $x$.
#
# We can measure it: move $x$ by $h$ to the right and to the left, and take $\frac{f(x + h) - f(x - h)}{2h}$. This is called a
# **central difference**. It will be our judge in every lesson, because it needs to know nothing about how $f$ was made.
#
# The example is $\tanh x = \frac{e^x - e^{-x}}{e^x + e^{-x}}$, a curve that squeezes any number between $-1$ and 1. Its slope is
# known to be $1 - \tanh^2 x$.
#
# **Predict, then run.** Is tanh steeper at $-1.5$ or at 0.5?
#
# <details><summary>Answer</summary>
#
# At 0.5. Near 0 the curve is almost as steep as the line $y = x$, whose slope is 1. Farther out it becomes flat, since it never
# leaves the strip between $-1$ and 1.
#
# </details>


# %%
def central_difference(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


slopes = {x: 1 - math.tanh(x) ** 2 for x in (-1.5, 0.5)}  # by the formula
for x, slope in slopes.items():
    measured = central_difference(math.tanh, x)
    print(f"slope of tanh at {x}: by the formula {slope:.10f}, measured {measured:.10f}")
figures.tangents(slopes)

# %% [markdown]
# ## The chain rule
#
# Large formulas are made of small steps, one after the other. Let $u$ be computed from $x$, and $y$ from $u$. If $u$ moves 3
# times as far as $x$, and $y$ moves 2 times as far as $u$, then $y$ moves $2 \cdot 3 = 6$ times as far as $x$. Slopes along a
# path multiply. This is the **chain rule**:
#
# $$\frac{dy}{dx} = \frac{dy}{du} \cdot \frac{du}{dx}$$
#
# It is all the calculus of this course. The slope of each small step can be looked up:
#
# | step | its slopes |
# |---|---|
# | $c = a + b$ | $\partial c/\partial a = 1$, $\partial c/\partial b = 1$ |
# | $c = a \cdot b$ | $\partial c/\partial a = b$, $\partial c/\partial b = a$ |
# | $c = a^n$ | $\partial c/\partial a = n\,a^{n-1}$ |
# | $c = e^a$ | $\partial c/\partial a = e^a = c$ |
# | $c = \tanh a$ | $\partial c/\partial a = 1 - \tanh^2 a = 1 - c^2$ |
#
# (The curly $\partial$ means that only this one input moves and the others stay as they are. Such a slope is called a **partial
# derivative**.) Look at the product: its slope in $a$ is the value of $b$. So to know the slopes we must remember numbers that
# were computed on the way forward.

# %% [markdown]
# ### Your turn: a number that knows how it was computed
#
# So let a number remember. A `Value` holds its number (`data`), the Values it was computed from (`parents`), and for each of them
# the slope of the step (`slopes`). The product of 2 and 5 holds 10, two parents, and the slopes 5 and 2. When Python meets
# `a + b`, it calls `a.__add__(b)`; for `a * b` and `a ** n` it calls `__mul__` and `__pow__`. A class may define what these do.
# In each of them, compute the number, and make a new Value of it with its parents and slopes. `grad` stays 0 for now.

# %% exercise Value

# %% [markdown]
# ## Where paths meet, slopes add
#
# Now take $x = 3$ and
#
# $$b = x^2, \qquad c = 2x, \qquad y = b \cdot c.$$
#
# Two paths lead from $x$ to $y$, one through $b$ and one through $c$. Move $x$ by $h$. Then $b$ moves by $6h$ and $c$ by $2h$.
# The slope of $y = b \cdot c$ in $b$ is $c = 6$, so $y$ moves by $6 \cdot 6h$ because of $b$. Its slope in $c$ is $b = 9$, so $y$
# *also* moves by $9 \cdot 2h$ because of $c$. Both happen at once, so they add: $36 + 18 = 54$.
#
# The picture shows it as a graph: a circle for each number, an arrow for each use of it, and the slope of the step on the arrow.

# %%
x = 3.0
b = x**2
c = 2 * x
steps = {"xb": 2 * x, "xc": 2.0, "by": c, "cy": b}  # the slope of each step: "xb" is that of b in x
of_y = {"y": 1.0, "b": steps["by"], "c": steps["cy"]}
through_b = steps["xb"] * of_y["b"]
through_c = steps["xc"] * of_y["c"]
of_y["x"] = through_b + through_c

print("through b:", through_b, "  through c:", through_c, "  added:", of_y["x"])
print("measured: ", central_difference(lambda x: x**2 * (2 * x), 3.0))
figures.two_paths({"x": x, "b": b, "c": c, "y": b * c}, steps, of_y)

# %% [markdown]
# ### Your turn: all the paths
#
# The slope of the end in the start is a sum over all paths, and each path adds the product of its slopes. Write just that.

# %% exercise sum_over_paths

# %% [markdown]
# ## Too many paths
#
# This is right, and useless for anything large. If each step uses the number before it twice, as in $x_{n+1} = x_n + x_n$, then
# the number of paths doubles with each step: after 30 steps there are 1,073,741,824 paths, but only 31 numbers. All layers of a
# Transformer use their input more than once, so that the sum over its paths would take too long.
#
# The way out: begin at the end, and let every number *first collect* what comes from all its users, and only then pass its sum on
# to its parents, once. With $\bar v$ for $\partial y/\partial v$, the slope of the end result in $v$:
#
# $$\bar y = 1, \qquad \bar v = \sum_{u \text{ uses } v} \bar u \cdot \frac{\partial u}{\partial v}$$
#
# Here it is done on a **tape**, a list that is written during the computation: for each number its parents and the slopes.

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
            slope_of_end_in[parent] += slope * slope_of_end_in[name]  # what comes from the users adds up
    return slope_of_end_in


print(walk_back(tape, "y"))

# %% [markdown]
# The price of both ways, for 1 to 30 steps of $x_{n+1} = x_n + x_n$:

# %%
lengths = list(range(1, 31))
paths = [2**n for n in lengths]
visits = [n + 1 for n in lengths]
print(f"{lengths[-1]} steps: {paths[-1]:,} paths, {visits[-1]} visits")
figures.two_prices(lengths, paths, visits)

# %% [markdown]
# ## The order
#
# What if a number passes its sum on *before* all its users have added to it? Then what comes later is lost. Take a computation in
# which $x$ is used by $y$ at once, and also by way of $b$ and $c$:
#
# $$b = 2x, \quad c = 3b, \quad y = x + b + c \qquad\Rightarrow\qquad \frac{dy}{dx} = 1 + 2 + 6 = 9$$
#
# **Predict, then run.** In the list `wrong` below, $b$ and $c$ have changed places, so on the walk back $b$ passes its sum on
# before $c$ has added to it. Which number comes out for $dy/dx$?
#
# <details><summary>Answer</summary>
#
# It is 3. From $y$ come 1 for $x$, and 1 for $b$, which passes on $2 \cdot 1$ to $x$. What $c$ adds to $b$ afterwards never
# reaches $x$: the 6 is missing.
#
# </details>

# %%
right = [("x", []), ("b", [("x", 2.0)]), ("c", [("b", 3.0)]), ("y", [("x", 1.0), ("b", 1.0), ("c", 1.0)])]
wrong = [right[0], right[2], right[1], right[3]]
print("in order:     dy/dx =", walk_back(right, "y")["x"])
print("out of order: dy/dx =", walk_back(wrong, "y")["x"])
figures.orders(["xb", "xy", "bc", "by", "cy"], right="xbcy", wrong="xcby")

# %% [markdown]
# On a tape the numbers are in a right order by themselves: each is written down after everything it was computed from. Your
# `Value`s have no tape, each knows only its own parents. So the order must be found: a list in which every Value comes *after all
# its parents*. It is called a **topological order**. Read from its end, every user comes before what it used.
#
# How to find it? To write a Value down, first write down those of its parents that are not in the list yet, then the Value
# itself. Begin with the end result. (A function that calls itself for the parents does just that, but Python allows only about
# 1000 calls inside each other. For long histories, keep a list of your own of what is still to do.)
#
# ### Your turn: the order, and the walk back

# %% exercise topological_order

# %% exercise backward

# %% [markdown]
# ## The same in the library, checked in two ways
#
# `minitransformer/autograd/engine.py` is this engine for whole arrays of numbers (lesson 02), called **tensors**. Instead of
# searching for the order it numbers the steps as they are made. A tensor that holds one number will do here. `requires_grad=True`
# asks for its slope, `backward()` walks back, `.grad` is what was found, and `.item()` makes a plain number of it. (`float64`
# means that each number is kept with 16 digits.) The example is a **neuron**, a step of which models have many:
# $y = \tanh(w x + b)$. Here are its slopes in $w$ and $b$:


# %%
def tensor(value):
    return mt.tensor(value, dtype=mt.float64, requires_grad=True)


w, b, x = tensor(0.8), tensor(-0.3), 0.5
(w * x + b).tanh().backward()
by_hand = 1 - math.tanh(0.8 * x - 0.3) ** 2  # the slope of tanh; times x for w, times 1 for b

print(f"dy/dw: the library {w.grad.item():.12f}, by hand {by_hand * x:.12f}")
print(f"dy/db: the library {b.grad.item():.12f}, by hand {by_hand:.12f}")
print(f"dy/dw: measured    {central_difference(lambda w: math.tanh(w * x - 0.3), 0.8):.12f}")

# %% [markdown]
# The second judge is PyTorch, the library with which most models are written. The formula below uses everything twice. It is
# computed once with our tensors and once with PyTorch's. What is printed are the largest differences: of the results, and of the
# slopes in $a$ and $b$.


# %%
def formula(a, b):
    c = a * b + a
    return (c * c + b.exp()).tanh() * c


def compare():
    off = mt.compare_with_torch(formula, formula, [np.array(0.3), np.array(-0.6)])
    return f"largest difference of the results {off['value']:.1g}, of the slopes {off['gradient']:.1g}"


beside_pytorch(compare, shipped="largest difference of the results 2e-16, of the slopes 3e-16")

# %% [markdown]
# ## What it is good for
#
# Change a number a little against its slope, down if the slope is positive and up if it is negative, and the result becomes
# smaller. In this way a single neuron learns to give 0.5 for the input 1, and $-0.5$ for the input 2. It needs nothing but this:
# compute how far off its two results are, squared and added up; walk back; change $w$ and $b$ by $-0.1$ times their slopes;
# repeat. This is called **gradient descent**. The error that it makes smaller is called the **loss**, and the 0.1 is the
# **learning rate**. (Lesson 09 has more about it.)
#
# **Predict, then run.** The same neuron also learns with the rate 0.3. Does the error fall three times as fast?
#
# <details><summary>Answer</summary>
#
# No, it rises and falls in turn. A slope is right only close by. With a large rate the step goes past the lowest point, to where
# the slope has the other sign, and the next step comes back.
#
# </details>


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


def report(name, errors, results):
    rises = sum(after > before for before, after in zip(errors[:-1], errors[1:], strict=True))
    print(f"{name}: the error rises in {rises} of {len(errors) - 1} steps,", end=" ")
    print(f"{errors[0]:.2f} -> {errors[-1]:.5f}; it gives", *(f"{number:+.2f}" for number in results))


curves = {}
for rate in (0.1, 0.3):
    curves[f"rate {rate}"], results = one_neuron(rate)
    report(f"rate {rate}", curves[f"rate {rate}"], results)
figures.errors("one neuron, 200 steps against the slope", curves)

# %% [markdown]
# With the rate 0.1 the error falls at every step, and the neuron has learned its task. With 0.3 it rises in about every second
# step, to the end.

# %% [markdown]
# ## A network that learns with your numbers
#
# Several neurons, some of which read the results of others, are called a **neural network**. Here is a task for one: there are
# two inputs, each 1 or $-1$, and the result is to be 1 if they differ, and $-1$ if they are the same.
#
# One neuron cannot do that. Before tanh it computes $w_1 a_1 + w_2 a_2 + b$. The sum of this over the two pairs that differ is
# $2b$, and over the two pairs that are the same it is $2b$ too. So it cannot be positive for the first two and negative for the
# others. But four neurons side by side can, with a fifth that reads their results. Their adjustable numbers are called
# **weights**. There are 17 of them, and they begin as random numbers.
#
# `learn` is gradient descent for any kind of number that has `+`, `*`, `**` and `tanh`, and a walk back. The library's tensors
# are such numbers, and so are your Values.

# %%
TASK = [((-1, -1), -1), ((-1, 1), 1), ((1, -1), 1), ((1, 1), -1)]  # (the two inputs, the wanted result)


def network(inputs, weights):  # 2 inputs, 17 weights
    a, b = inputs
    hidden = [(weights[i] * a + weights[i + 1] * b + weights[i + 2]).tanh() for i in (0, 3, 6, 9)]
    return (sum(w * h for w, h in zip(weights[12:16], hidden, strict=True)) + weights[16]).tanh()


def learn(number, walk, rate=0.1, steps=200):
    weights, errors = np.random.default_rng(0).normal(size=17).tolist(), []
    for _ in range(steps):
        known = [number(weight) for weight in weights]
        error = sum((network(inputs, known) - wanted) ** 2 for inputs, wanted in TASK)
        walk(error)
        errors.append(float(error.data))
        weights = [w - rate * float(v.grad) for w, v in zip(weights, known, strict=True)]
    return errors, [float(network(inputs, known).data) for inputs, _ in TASK]


curves = {}
for name, number, walk in (
    ("the library's tensors", tensor, mt.Tensor.backward),
    ("your Values", Value, backward),
):
    try:
        curves[name], results = learn(number, walk)
    except NotImplementedError:
        print(f"{name} are missing here: write Value, topological_order and backward.")
    else:
        report(name, curves[name], results)
figures.errors("17 weights learn when two inputs differ", curves)

# %% [markdown]
# The error falls at every step, and each of the four results has the right sign. If your Values are missing, write them, run
# their cells and then this one: their curve lies on that of the library, as the same slopes give the same steps. Large language
# models are trained by this loop, with more weights.
#
# **Harder, if you like** (not judged):
#
# - Give the network three neurons, or two, in place of four. Does it still learn the task, from other random numbers too?
# - All slopes here are computed backwards, from one result to all inputs. They can also be computed forwards: each number keeps
#   its slope in *one* input, beside its value. Write a class that does so. How many runs does it need for the 17 weights, and for
#   which formulas would it be the better way?

# %% [markdown]
# ## Summary
#
# - A slope says how far the result moves when an input moves a little. Along a path slopes multiply; where paths meet they add.
# - Each number remembers its parents and its slopes in them. The record of a whole computation is called the tape.
# - Walk back in topological order: every number collects from all its users, then passes its sum on once. One visit each.
# - Gradient descent changes each weight by minus the learning rate times its slope. Your Values are enough for it.
#
# **Further reading.** Rumelhart, Hinton and Williams, *Learning representations by back-propagating errors*, Nature 323, 1986,
# which made the method known. Baydin, Pearlmutter, Radul and Siskind, *Automatic differentiation in machine learning: a survey*,
# Journal of Machine Learning Research 18(153), 2018, for its history, and for the forward mode.
#
# **Next:** 02, whole arrays at once, and how to find out that a gradient is wrong.

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | derivative | how fast a result changes when an input changes, at one point: *slope* | |
# | with respect to | says which input changes: the derivative of y with respect to x is *the slope of y in x* | |
# | gradient | the list of the derivatives of one result with respect to all numbers that it was computed from | `tensor.grad` |
# | central difference | a derivative measured by moving the input a little to both sides | `torch.autograd.gradcheck` uses it |
# | chain rule | derivatives along a path multiply | |
# | reverse-mode differentiation (backpropagation) | the gradient by one walk from the result back | `tensor.backward()` |
# | tape | the record of a computation, to walk back along | `tensor.grad_fn` leads into it |
# | topological order | a list in which each number comes after all that it was computed from | |
# | tensor | an array of numbers, or a single one, that remembers how it was computed | `torch.Tensor` |
# | neuron | tanh (or another curve) of a weighted sum | |
# | neural network | neurons, some of which read the results of others | `torch.nn.Module` |
# | weights | the adjustable numbers of a network, which learning changes; also called its parameters | `torch.nn.Parameter` |
# | loss | the number that learning makes smaller: *error* | `torch.nn.MSELoss` and others |
# | gradient descent | repeat: change each weight by minus the learning rate times its derivative | `torch.optim.SGD` |
# | learning rate | the factor of each step of gradient descent | `lr=` of an optimizer |
