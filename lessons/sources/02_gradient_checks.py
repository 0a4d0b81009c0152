# %% [markdown]
# # 02 Tensors, and how to check a gradient
#
# After this lesson you can carry gradients back through whole arrays, through broadcasting and through matrix products, and,
# most useful of all, find out whether a gradient is wrong. You will also know why the most popular check is blind.
#
# *About 100 minutes with the exercises. Builds on lesson 01 (slopes, paths, walking back) and NumPy arrays.*

# %% [markdown]
# ## Why
#
# The engine of lesson 01 has one Python object for each number. A small Transformer multiplies millions of numbers for a single
# word, and a loop in Python is some hundred times slower than one NumPy operation on a whole array. So the same idea is used with
# **tensors**: arrays of any number of dimensions. One step on the tape is one operation on whole arrays, and NumPy does the work.
#
# Then each operation needs its law for gradients, derived by a human, by hand. Humans err. A wrong gradient rarely crashes: the
# model just learns badly, and one looks for weeks in the wrong places. So this course has one habit from here on: *no gradient
# is believed before it is checked.*

# %%
import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer.course import check, hint, saved, solution

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
rng = np.random.default_rng(0)  # a seed, 0: the same random numbers each time
mt.manual_seed(0)

# %% [markdown]
# ## One law for each operation
#
# Let $L$ be the number at the end (an error, say), and $y = f(x)$ a step on the way to it. Walking back, the slopes of $L$ in all
# elements of $y$ arrive: an array $g$ of the *same shape as* $y$. The law of the operation turns it into an array of the
# *same shape as* $x$:
#
# $$g_i = \frac{\partial L}{\partial y_i} \quad\longrightarrow\quad
# \frac{\partial L}{\partial x_j} = \sum_i g_i\,\frac{\partial y_i}{\partial x_j}$$
#
# It is lesson 01 once more: slope times what arrived, added over all users $y_i$ of $x_j$. The law is called **vjp**, for
# vector-Jacobian product: the Jacobian is the table of all $\partial y_i/\partial x_j$, and $g$ a vector to multiply it with. For a
# thousand numbers in and out it would have a million entries. The law never builds it. (The gradient $g$ that arrives is also
# called the *cotangent*.) For $y = \tanh x$ each element of $y$ depends on one element of $x$ alone, and the law is one line:

# %%
x = np.array([[0.5, -1.0, 2.0], [0.0, 0.3, -0.2]])  # (2, 3)
y = np.tanh(x)  # (2, 3)
g = rng.normal(size=y.shape)  # (2, 3), what arrives from above
print(g * (1 - y**2))  # (2, 3), what goes on to x

# %% [markdown]
# ## Broadcasting, and the way back
#
# NumPy adds a (3, 1) to a (4,) by **broadcasting**: line up the shapes at their last dimension, then repeat what has size 1
# or is missing until the shapes agree, here (3, 4). Each number of the small arrays is used many times.
#
# You know what that means on the way back: where a number is used many times, gradients add. Back from (3, 4) to (3, 1), sum over
# the columns; back to (4,), sum over the rows. In NumPy `g.sum(0)` adds up along dimension 0, which is then gone, and with
# `keepdims=True` it stays, with size 1.


# %%
def grid(axis, values, at, title, colour):
    """A small table of numbers with its lower left corner at `at`."""
    for (i, j), value in np.ndenumerate(values):
        corner = (at[0] + j, at[1] + values.shape[0] - 1 - i)
        axis.add_patch(plt.Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", alpha=0.35))
        axis.text(corner[0] + 0.5, corner[1] + 0.5, f"{value:g}", ha="center", va="center")
    axis.text(at[0] + values.shape[1] / 2, at[1] + values.shape[0] + 0.15, title, ha="center", fontsize=9)


a, b = np.array([[10], [20], [30]]), np.array([[1, 2, 3, 4]])  # (3, 1), (1, 4)
g = np.arange(12).reshape(3, 4)  # (3, 4)
figure, axes = plt.subplots(2, 1, figsize=(7, 5.4), layout="constrained")
grid(axes[0], a, (0, 0), "a (3, 1)", BLUE)
grid(axes[0], b, (2, 1), "b (4,)", ORANGE)
grid(axes[0], a + b, (8, 0), "a + b (3, 4): each a 4 times, each b 3 times", GREY)
grid(axes[1], g, (8, 0), "g arrives (3, 4)", GREY)
grid(axes[1], g.sum(1, keepdims=True), (0, 0), "for a: sum of a row", BLUE)
grid(axes[1], g.sum(0, keepdims=True), (2, 1), "for b: sum of a column", ORANGE)
for axis, arrow, title in ((axes[0], "-|>", "forward: repeat"), (axes[1], "<|-", "back: add up")):
    axis.annotate("", (7.7, 1.5), (6.4, 1.5), arrowprops={"arrowstyle": arrow, "color": GREEN, "lw": 2})
    axis.set(xlim=(-0.8, 12.2), ylim=(-0.2, 3.6), aspect="equal")
    axis.set_title(title, loc="left", fontsize=10, color=GREEN)
    axis.axis("off")
plt.show()

# %% [markdown]
# ### Your turn: unbroadcast, and the product

# %% exercise unbroadcast

# %% exercise mul_vjp

# %% [markdown]
# ## The matrix product
#
# Most of the work of a Transformer is $C = A B$, with $A$ of shape $(n, k)$ and $B$ of shape $(k, m)$:
#
# $$C_{ij} = \sum_r A_{ir} B_{rj}$$
#
# The number $A_{ir}$ is used in all $C_{ij}$ of its row $i$, each time with the slope $B_{rj}$. Add over those uses:
#
# $$\frac{\partial L}{\partial A_{ir}} = \sum_j g_{ij} B_{rj} \quad\text{so}\quad \frac{\partial L}{\partial A} = g\,B^\top,
# \qquad\text{and in the same way}\quad \frac{\partial L}{\partial B} = A^\top g.$$
#
# ($B^\top$, in NumPy `B.T`, is $B$ with rows and columns swapped.) You need not learn that by heart, as the shapes say it: from
# $g$ $(n, m)$ and $B$ $(k, m)$ there is only one way to make an $(n, k)$. With more than two dimensions, `@` multiplies the last
# two and treats those in front as a *batch*, many products at once; a single matrix may serve them all, by broadcasting, and then
# you know what happens on the way back.

# %%
A, B = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))  # (n, k), (k, m)
g = rng.normal(size=(2, 4))  # (n, m)
print("g B^T", (g @ B.T).shape, "like A", A.shape)
print("A^T g", (A.T @ g).shape, "like B", B.shape)

# %% [markdown]
# ### Your turn: the gradient of a matrix product

# %% exercise matmul_vjp

# %% [markdown]
# ## The judge: central differences
#
# Whatever the formula, its slope can be tried out. On one side, $\frac{f(x+h) - f(x)}{h}$ is off by about $h$; on both sides,
#
# $$\frac{f(x + h) - f(x - h)}{2h} = f'(x) + \tfrac{1}{6} f'''(x)\,h^2 + \ldots$$
#
# is off by about $h^2$ only ($f'''$ is the slope of the slope of the slope), as what bends the curve bends both ends alike.
# Should $h$ be as small as can be, then? No: a computer keeps about 16 digits of a number (in float64; 7 in float32), and the
# difference of two nearly equal numbers keeps few of them. The picture shows the two errors against each other.

# %%
h = 10.0 ** np.arange(-12, 0.01, 0.25)
figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
for dtype, style in ((np.float64, "-"), (np.float32, ":")):
    x0, steps = dtype(1.0), h.astype(dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        one_side = (np.sin(x0 + steps) - np.sin(x0)) / steps
        both_sides = (np.sin(x0 + steps) - np.sin(x0 - steps)) / (2 * steps)
    for slopes, colour, sides in ((one_side, ORANGE, "one side"), (both_sides, BLUE, "both sides")):
        error = abs(slopes - np.cos(1.0)) + 1e-13
        axis.loglog(h, error, style, color=colour, label=f"{sides}, {np.dtype(dtype).name}")
axis.set(xlabel="h", ylabel="error of the slope", ylim=(5e-14, 3))
axis.set_title("sin at 1: too large a step, too small a step")
axis.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# Both sides, float64 and $h = 10^{-6}$ give about ten right digits. In float32 the same step leaves one or two, and the best
# step about five: so check in float64, also what will later run in float32.
#
# ### Your turn: finite differences for arrays

# %% exercise finite_differences

# %% [markdown]
# ## What to multiply with: a check that is blind
#
# A step gives an array, central differences need one number. So weigh the results with some $g$ and add, $L = \sum_i g_i y_i$. The
# handiest $g$ is all ones, `y.sum()`, and most home-made checks do that. Now look at *shares*: positive numbers divided by
# their sum (lesson 06 has a famous cousin of it).
#
# $$y_i = \frac{x_i}{\sum_j x_j}, \qquad \frac{\partial L}{\partial x_j} = \frac{1}{\sum x}\Big(g_j - \sum_i g_i y_i\Big)$$
#
# Shares always sum to 1, whatever $x$ is. With all ones, $L = 1$ is constant, and its true slopes are *zero everywhere*. A broken
# law that returns zeros passes. So does seven times the right law, as seven times zero is zero.


# %%
def shares(x):
    return x / x.sum()


laws = {
    "right": lambda g, x: (g - (g * shares(x)).sum()) / x.sum(),
    "zeros": lambda g, x: 0 * x,
    "seven times right": lambda g, x: 7 * (g - (g * shares(x)).sum()) / x.sum(),
    "forgets g": lambda g, x: (1 - shares(x).sum()) / x.sum() + 0 * x,
    "without the sum": lambda g, x: g / x.sum(),
}


def largest_error(law, g, x, h=1e-6):
    """The largest error of a law, the truth being tried out for every element."""
    tried = np.array([(g * (shares(x + h * e) - shares(x - h * e))).sum() / (2 * h) for e in np.eye(len(x))])
    return abs(law(g, x) - tried).max()


x = np.array([1.0, 2.0, 0.5, 1.5])
cotangents = {"all ones": np.ones(4), "random": rng.normal(size=4)}
errors = np.array([[largest_error(law, g, x) for g in cotangents.values()] for law in laws.values()])
figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.imshow(errors > 1e-6, cmap="cividis", vmin=-0.6, vmax=1.2, aspect="auto")
for (i, j), error in np.ndenumerate(errors):
    verdict, colour = ("wrong", "black") if error > 1e-6 else ("passes", "white")
    axis.text(j, i, f"{verdict} (error {error:.0e})", ha="center", va="center", color=colour)
axis.set(title="which check sees it?", xlabel="g")
axis.set_xticks(range(2), cotangents)
axis.set_yticks(range(len(laws)), laws)
plt.show()

# %% [markdown]
# With random weights every entry of the Jacobian matters, and all four wrong laws are seen. Other ways to be blind:
#
# - looking at *one* element: the bug may be at the border;
# - square matrices only: a swapped order has the right shape there. Use a different size for each dimension, and size 1;
# - a tolerance of $10^{-2}$, or an *absolute* one: if all slopes are small, everything passes;
# - NaN ("not a number", what 0/0 gives): neither `<` nor `>` is ever true of it, so `error > limit` is false.
#
# ### Your turn: a check that sees

# %% exercise gradcheck

# %% [markdown]
# ## In the library, and against PyTorch
#
# `mt.gradcheck` is your check for functions of tensors, `mt.compare_with_torch` holds values and gradients against PyTorch's. They
# judge every operation of this library in its tests, and you will meet them in every lesson.

# %%
A, B, b = mt.randn(2, 3), mt.randn(3, 4), mt.randn(4)


def layer(A, B, b):
    return (A @ B + b).tanh()  # (2, 4): b (4,) is broadcast


print("largest error:", mt.gradcheck(layer, [A, B, b]))

# %%
try:
    import torch  # noqa: F401
except ImportError:
    print("PyTorch is not installed: pip install torch")
else:
    print(mt.compare_with_torch(layer, layer, [t.double() for t in (A, B, b)]))

# %% [markdown]
# And here is one that errs, as a wrong law would: `detach` cuts a tensor off from its history, so that one of two paths is lost.

# %%
try:
    mt.gradcheck(lambda x: x * x.detach(), [mt.randn(2, 3)])
except AssertionError as error:
    print(error)

# %% [markdown]
# ## Where the judge errs
#
# At a kink there is no slope: $|x|$ at 0 has $-1$ on its left and $+1$ on its right. Central differences say 0, a law has to
# choose, and neither is wrong. Close to a kink the nudge may jump over it. So draw the inputs of a check at random, where
# a kink is hit almost never, and treat the kinks in a test of their own.

# %% [markdown]
# ## Summary
#
# - A tensor's law, its vjp, turns the gradient of the result, $g$, into that of each input: same shape as the input, no Jacobian.
# - What was repeated forward is summed on the way back.
# - $\partial L/\partial A = g B^\top$, $\partial L/\partial B = A^\top g$: the shapes say so.
# - Check with central differences, in float64, on every element, *with a random* $g$, relative to the largest slope.
#
# **Further reading.** Griewank and Walther, *Evaluating Derivatives*, 2nd edition, SIAM, 2008, the textbook of the field. Harris
# et al., *Array programming with NumPy*, Nature 585, 2020, on arrays and broadcasting. Paszke et al., *PyTorch: an imperative
# style, high-performance deep learning library*, NeurIPS 2019.
#
# **Next:** 03, the same code on a graphics card.
