# %% [markdown]
# # 02 Tensors, and how to check a gradient
#
# After this lesson you can carry gradients back through whole arrays: through matrix products, and through places where NumPy
# repeats a small array to fit a large one. Most useful of all, you can find out whether a gradient is wrong. You will also know
# which kinds of errors the most popular check cannot see.
#
# *About 15 minutes to read, and 80 for the exercises. Builds on lesson 01 (slopes, paths, walking back) and NumPy arrays.*

# %% [markdown]
# ## Why
#
# The engine of lesson 01 has one Python object for each number. A small Transformer multiplies millions of numbers for a single
# word, and a loop in Python is some hundred times slower than one NumPy operation on a whole array. So the same idea is used with
# tensors of many numbers: arrays with any number of dimensions. One step on the tape is one operation on whole arrays, and NumPy
# does the work.
#
# Each operation then needs its own law for gradients. People derive these laws by hand, and people make mistakes. A wrong
# gradient rarely stops a program. The model just learns badly, and one looks for weeks in the wrong places. So from here on this
# course has one habit: *no gradient is believed before it is checked.*

# %%
import numpy as np

import minitransformer as mt
from minitransformer.course import beside_pytorch, check, hint, saved, slide, solution
from minitransformer.course.figures import lesson_02_gradient_checks as figures

rng = np.random.default_rng(0)  # a seed, 0: the same random numbers each time
mt.manual_seed(0)

# %% [markdown]
# ## One law for each operation
#
# Let $L$ be the number at the end (an error, say), and $y = f(x)$ a step on the way to it. Walking back, the slopes of $L$ in all
# elements of $y$ arrive: an array $g$ of the *same shape as* $y$. The law of the operation turns it into an array of the *same
# shape as* $x$:
#
# $$g_i = \frac{\partial L}{\partial y_i} \quad\longrightarrow\quad
# \frac{\partial L}{\partial x_j} = \sum_i g_i\,\frac{\partial y_i}{\partial x_j}$$
#
# This is lesson 01 once more: slope times what arrived, added over all users $y_i$ of $x_j$. The table of all
# $\partial y_i/\partial x_j$ is called the **Jacobian**. With a thousand numbers in and a thousand out it has a million entries,
# and the law never builds it. It computes only the product of $g$ with it. That is why such a law is called a **vjp**, for
# vector-Jacobian product, and the gradient $g$ that arrives is also called the **cotangent**.
#
# For $y = \tanh x$ each element of $y$ depends on one element of $x$ alone, and the law is one line:

# %%
x = np.array([[0.5, -1.0, 2.0], [0.0, 0.3, -0.2]])  # (2, 3)
y = np.tanh(x)  # (2, 3)
g = rng.normal(size=y.shape)  # (2, 3), what arrives
print(g * (1 - y**2))  # (2, 3), what is passed on to x

# %% [markdown]
# ## Broadcasting, and the way back
#
# NumPy adds a (3, 1) to a (4,) by **broadcasting**: it lines up the shapes at their last dimension, and then repeats what has
# size 1 or is missing until the shapes agree, here as (3, 4). So each number of the small arrays is used many times.
#
# You know what that means on the way back: where a number is used many times, gradients add. In NumPy `g.sum(0)` adds up along
# dimension 0, which is then gone; with `keepdims=True` it stays, with size 1.
#
# **Predict, then run.** A gradient $g$ of shape (3, 4) arrives at $a + b$, with $a$ of shape (3, 1) and $b$ of shape (4,). Along
# which dimension must it be added up for $a$, and along which for $b$?
#
# <details><summary>Answer</summary>
#
# For $a$ along dimension 1, with `keepdims=True`: each number of $a$ was used in all four columns of its row. For $b$ along
# dimension 0: each number of $b$ was used in all three rows.
#
# </details>

# %%
a, b = np.array([[10], [20], [30]]), np.array([1, 2, 3, 4])  # (3, 1), (4,)
g = np.arange(12).reshape(3, 4)  # (3, 4)
print("for a:", g.sum(1, keepdims=True).tolist(), "  for b:", g.sum(0).tolist())
figures.broadcasting(a, b, g)

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
# $B^\top$, in NumPy `B.T`, is the **transpose** of $B$: rows and columns are swapped. You need not learn these laws by heart, as
# the shapes give them: from $g$ $(n, m)$ and $B$ $(k, m)$ there is only one way to make an $(n, k)$.
#
# With more than two dimensions, `@` multiplies matrices in the last two. The dimensions in front are a **batch**: many products
# at once. A single matrix may be used for all of them, by broadcasting. Then its gradients are added up, as above.

# %%
A, B = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))  # (n, k), (k, m)
g = rng.normal(size=(2, 4))  # (n, m)
print("g B^T", (g @ B.T).shape, "like A", A.shape)
print("A^T g", (A.T @ g).shape, "like B", B.shape)

# %% [markdown]
# ### Your turn: the gradient of a matrix product

# %% exercise matmul_vjp

# %% [markdown]
# ## The judge: finite differences
#
# Whatever the formula, its slope can be measured with a small step $h$. Such measured slopes are called **finite differences**.
# One can go to one side, $\frac{f(x+h) - f(x)}{h}$; this is off by about $h$. Or one goes to both sides, as in lesson 01:
#
# $$\frac{f(x + h) - f(x - h)}{2h} = f'(x) + \tfrac{1}{6} f'''(x)\,h^2 + \ldots$$
#
# This is off by about $h^2$ only ($f'''$ is the slope of the slope of the slope), because a curve that bends moves both ends to
# the same side, and in the difference of the two that cancels.
#
# Should $h$ be as small as possible, then? A computer keeps about sixteen digits of a number in float64, and about seven in
# **float32**. If two numbers are nearly equal, most of these digits are the same, and their difference keeps only the few others.
#
# **Predict, then run.** The slope of sin at 1 is measured on both sides, in float64. Where is the error smallest: at
# $h = 10^{-2}$, $10^{-5}$ or $10^{-10}$?
#
# <details><summary>Answer</summary>
#
# At $10^{-5}$. At $10^{-2}$ the step is so large that the curve bends on the way. At $10^{-10}$ the two numbers agree in their
# first ten digits, and what is left is mostly rounding. In JupyterLab you can move the slider: to the right of the lowest point
# each line rises because of the bend, to its left because of rounding.
#
# </details>


# %%
def errors_of_the_slope(h, dtype):
    """How far the slope of sin at 1 is off: measured on one side, and on both."""
    at, h = dtype(1.0), dtype(h)
    one_side = (np.sin(at + h) - np.sin(at)) / h
    both_sides = (np.sin(at + h) - np.sin(at - h)) / (2 * h)
    return abs(one_side - np.cos(1.0)), abs(both_sides - np.cos(1.0))


steps = 10.0 ** np.arange(-12, 0.01, 0.1)
errors = {}
for dtype in (np.float64, np.float32):
    one, both = np.transpose([errors_of_the_slope(h, dtype) for h in steps])
    errors |= {f"one side, {dtype.__name__}": one, f"both sides, {dtype.__name__}": both}


def show(h):
    """The errors at one step, and a picture of all."""
    for dtype in (np.float64, np.float32):
        one, both = errors_of_the_slope(h, dtype)
        print(f"h = {h:.0e} in {dtype.__name__}: off by {one:.0e} on one side, by {both:.0e} on both sides")
    figures.difference_quotients(steps, errors, h)


slide(show, h=(1e-12, 1.0, 1e-6))

# %% [markdown]
# Both sides, float64 and $h = 10^{-6}$ give about ten right digits. In float32 only two digits are right at this step, and at the
# best step about five. (Farther left its lines are flat: such a small step is lost, as $1 + h$ is rounded to 1, and the measured
# slope is 0.) So check in float64, also what will later run in float32.
#
# ### Your turn: finite differences for arrays

# %% exercise finite_differences

# %% [markdown]
# ## What to multiply with
#
# A step of a model gives an array, but finite differences need one number. So multiply the results by some numbers $g$ and add:
# $L = \sum_i g_i y_i$. The easiest $g$ is all ones, `y.sum()`, and most home-made checks use it. Now look at *shares*: positive
# numbers divided by their sum (lesson 06 has a well-known relative of it).
#
# $$y_i = \frac{x_i}{\sum_j x_j}, \qquad \frac{\partial L}{\partial x_j} = \frac{1}{\sum x}\Big(g_j - \sum_i g_i y_i\Big)$$
#
# **Predict, then run.** Shares always sum to 1, whatever $x$ is. Below are the right law and four wrong ones. Which of the wrong
# ones pass the check if $g$ is all ones?
#
# <details><summary>Answer</summary>
#
# All that give zeros then. With all ones, $L = 1$ never changes, and so its true slopes are zero everywhere. "zeros" passes,
# "seven times right" passes since seven times zero is zero, and "forgets g" passes since its sum of shares is 1. Only "without
# the sum" is found.
#
# </details>


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
    """The largest error of a law; what is right is measured for each element of x."""
    right = [(g * (shares(x + h * e) - shares(x - h * e))).sum() / (2 * h) for e in np.eye(len(x))]
    return abs(law(g, x) - right).max()


x = np.array([1.0, 2.0, 0.5, 1.5])
cotangents = {"all ones": np.ones(4), "random": rng.normal(size=4)}
found = np.array([[largest_error(law, g, x) for g in cotangents.values()] for law in laws.values()])
figures.verdicts(found, list(laws), list(cotangents), limit=1e-6)

# %% [markdown]
# With a random $g$ every entry of the Jacobian matters, and all four wrong laws are found. There are other ways to miss a
# mistake:
#
# - to look at *one* element: the mistake may be at the border;
# - to check square matrices only: a swapped order has the right shape there. Use a different size for each dimension, and size 1;
# - to allow errors of $10^{-2}$, or to compare with a fixed limit: if all slopes are small, everything passes;
# - to forget **NaN** ("not a number", the result of 0/0): neither `<` nor `>` is ever true of it, so `error > limit` is false.
#
# A comparison of a gradient with finite differences is called a **gradient check**.
#
# ### Your turn: a check that finds mistakes

# %% exercise gradcheck

# %% [markdown]
# ## In the library, and against PyTorch
#
# `mt.gradcheck` is your check for functions of tensors, and `mt.compare_with_torch` compares values and gradients with those of
# PyTorch. The tests of this library check every operation with both, and you will meet them in every lesson.

# %%
A, B, b = mt.randn(2, 3), mt.randn(3, 4), mt.randn(4)


def layer(A, B, b):
    return (A @ B + b).tanh()  # (2, 4): b (4,) is broadcast


def compare():
    off = mt.compare_with_torch(layer, layer, [t.double() for t in (A, B, b)])
    return f"largest difference of the results {off['value']:.1g}, of the gradients {off['gradient']:.1g}"


print("largest error:", mt.gradcheck(layer, [A, B, b]))
beside_pytorch(compare, shipped="largest difference of the results 0, of the gradients 2e-16")

# %% [markdown]
# And here is a gradient that is wrong, as after a mistake in a law: `detach` cuts a tensor off from its history, so that one of
# two paths is lost.

# %%
try:
    mt.gradcheck(lambda x: x * x.detach(), [mt.randn(2, 3)])
except AssertionError as error:
    print(str(error).replace(" (largest", "\n(largest"))

# %% [markdown]
# ## Where the judge is wrong
#
# A kink is a place where a curve suddenly changes its direction. There is no slope there: that of $|x|$ is $-1$ to the left of 0,
# and 1 to its right. Finite differences on both sides give 0 there, a law has to choose one, and neither is wrong. If $x$ is
# close to a kink, the step may lead over it. So draw the inputs of a check at random, so that they almost never lie at a kink,
# and test the kinks on their own.
#
# **Harder, if you like** (not judged): your `gradcheck` measures every number of $x$, which takes two calls of $f$ for each.
# Write a check with two calls in all: compare $f(x + hv) - f(x - hv)$ for a random $v$ with what the law says about it. What
# might it miss, and how many random $v$ would you try?

# %% [markdown]
# ## Summary
#
# - The vjp of an operation turns the gradient of the result, $g$, into that of each input: same shape as the input, no Jacobian.
# - What was repeated forward is summed on the way back.
# - $\partial L/\partial A = g B^\top$, $\partial L/\partial B = A^\top g$: the shapes say so.
# - Check with finite differences on both sides, in float64, on every element, *with a random* $g$, relative to the largest slope.
#
# **Further reading.** Griewank and Walther, *Evaluating Derivatives*, 2nd edition, SIAM, 2008, the textbook of the field. Harris
# et al., *Array programming with NumPy*, Nature 585, 2020, on arrays and broadcasting. Paszke et al., *PyTorch: an imperative
# style, high-performance deep learning library*, NeurIPS 2019.
#
# **Next:** 03, the same code on a graphics card. If that is of no use to you, go on with 04: no later lesson needs 03.

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | Jacobian | the table of the derivatives of all results with respect to all inputs | `torch.autograd.functional.jacobian` |
# | vjp | the product of a vector with the Jacobian, which carries a gradient back: *law* | `torch.autograd.functional.vjp` |
# | cotangent | the gradient that arrives from the results: *g* | `grad_output` of a `torch.autograd.Function` |
# | broadcasting | small arrays are repeated until the shapes of all agree | the same rules |
# | transpose | a matrix with rows and columns swapped | `tensor.mT` |
# | batch | the dimensions in front, along which the same is computed for many | |
# | finite differences | slopes measured with a small step | |
# | float32 | numbers that are kept with about 7 digits | `torch.float32`, the default |
# | gradient check | a comparison of a gradient with finite differences | `torch.autograd.gradcheck` |
# | NaN | not a number: the result of 0/0 | `torch.isnan` finds it |
