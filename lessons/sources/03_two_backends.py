# %% [markdown]
# # 03 One code, two array libraries
#
# After this lesson you can write functions that run on a processor and on a graphics card without a change. You can say what
# moves between the two, and when one waits for the other. And you can add up numbers that share a place without losing any.
#
# *About 25 minutes to read, and 50 for the exercises. Builds on lessons 01 (why gradients add) and 02 (arrays, and how to check a
# gradient). You need no graphics card.*
#
# **You can skip this lesson.** Read it if you want to know how one program uses processors and graphics cards. No later lesson
# and no later exercise needs it: what is used again is explained there once more.

# %% [markdown]
# ## Why
#
# To multiply two matrices of 1000 by 1000 numbers takes a thousand million multiplications, and none of them has to wait for
# another. A processor (CPU) has a few fast cores. A graphics card (**GPU**) has thousands of simple ones, and does thousands of
# multiplications at a time. Without that, large models could not be trained.
#
# NumPy computes on the processor only. **CuPy** is a second library, for NVIDIA's cards. It uses NumPy's names on purpose:
# `cupy.exp`, `cupy.where`, `cupy.zeros`. So could we write a model once, and run it on both? Yes, if we follow four rules. Each
# section of this lesson finds one.

# %%
import math
import sys
import timeit

import numpy as np

import minitransformer as mt
from minitransformer.course import beside_pytorch, check, hint, saved, solution
from minitransformer.course.figures import lesson_03_two_backends as figures
from minitransformer.course.pretend import faraway

rng = np.random.default_rng(0)

# %% [markdown]
# ## Two memories
#
# A graphics card has a memory of its own, and can compute only with what is in it. The processor with its memory is called the
# **host**, the card is called the **device**, and the cable between them is much slower than either memory.

# %%
figures.two_memories()

# %% [markdown]
# `asarray` carries numbers over, and `get` brings them back. In between, everything looks like NumPy.
#
# `faraway` is a *pretend* library, made for this lesson. It computes on your processor, but follows the rules of a graphics card:
# it has its own arrays, with NumPy's names for everything, and it counts what would cost time on a card. If you have CuPy and a
# card, the cells below use these, and the checks of your answers try them as well; otherwise both use `faraway`.


# %%
def second_library():
    """CuPy, where it is installed and finds a graphics card; else the pretend library."""
    try:
        import cupy

        return cupy if cupy.cuda.runtime.getDeviceCount() else faraway
    except Exception:  # not installed, or no driver, or no card
        return faraway


gpu = second_library()
here = np.array([1.0, 2.0, 3.0])  # (3,) on the host
there = gpu.asarray(here)  # (3,) on the device
result = gpu.exp(there) * 2  # (3,) computed on the device, and still there
print("the second library:", gpu.__name__)
print(type(here), type(there), type(result))
print(result.get())  # (3,) back on the host

# %% [markdown]
# **Predict, then run.** What is `here + there`, an array on the host plus an array on the device?
#
# <details><summary>Answer</summary>
#
# An error. Neither the host nor the device has both arrays, and neither library copies one of them without being asked. That is
# good: a hidden copy in the middle of a loop would be slow and hard to find.
#
# </details>

# %%
try:
    here + there
except TypeError as error:
    print("TypeError:", error)

# %% [markdown]
# ## Which library? Ask the arrays
#
# A function that says `np.exp` computes with NumPy, whatever arrays it gets. What else could it say?
#
# - A global switch, `LIBRARY = cupy`. It is wrong as soon as both are in use: the text is on the host, the model on the device.
# - One more argument for every function, `f(x, xp)`. It works, but it makes every call longer.
# - Ask the arrays. They *know* which library made them. This is what `minitransformer` does.
#
# **Rule 1: a function takes its library from its arrays**, and calls it `xp`, a name that stands for NumPy or CuPy. Python knows
# where a class was written, and has a dictionary of all modules that are loaded:

# %%
kind = type(there)
print("the class was written in the module:", kind.__module__)
print("what stands before the first dot:   ", "numpy.some.where".partition(".")[0])
print("a module, looked up by its name:    ", sys.modules["numpy"] is np)

# %% [markdown]
# ### Your turn: which library?

# %% exercise namespace

# %% [markdown]
# ## A queue, and who waits
#
# When the host says `gpu.exp(x)`, it does not compute. It puts this order into the **queue** of the device and goes on at once,
# to put the next order behind it. The device carries out the orders of the queue, one after the other. So both work at the same
# time, until the host needs to *know* a number: in `float(x)`, in `print(x)`, in `if x > 0`. Then it must wait until the queue is
# empty, and meanwhile nobody fills the queue. The picture is a sketch of five steps, without and with an `if` after each.

# %%
figures.queue()

# %% [markdown]
# There is a second cost. To give an order takes the same small time, whether it is for one number or for a million. NumPy's steps
# have such a smallest time too, and we can measure it:

# %%
sizes = 10 ** np.arange(0, 7)
times = []
for size in sizes:
    x = np.ones(size)
    calls = max(3, 200_000 // size // 10)
    times.append(min(timeit.repeat(lambda x=x: np.exp(x), number=calls, repeat=3)) / calls * 1e6)
figures.price_of_a_step(sizes, np.array(times))

# %% [markdown]
# On the left the line is flat: ten numbers take about as long as one. On a graphics card the smallest time is longer, and the
# line stays flat for much larger arrays, so there it matters even more to compute with whole arrays.
#
# Here are four ways to add up the positive numbers of an array, all of them right. `x > 0` is an array of True and False. Used as
# an index, as in `x[x > 0]`, it picks the numbers where it is True; it is then called a *mask*. `faraway` counts: a *step* is one
# order, a *wait* is a time at which the host must know a number, a *copy* is one transfer over the cable. (`get` waits too, as
# the numbers must be computed before they can be copied; it is counted as a copy only.)
#
# **Predict, then run.** Which of the four ways need a wait or a copy, and which needs neither?
#
# <details><summary>Answer</summary>
#
# The loop waits once for each `if`. The copy to the host and back is two copies. The mask as an index waits once: the host must
# know how many numbers there will be, to make room for them. Only `where` needs neither, as its result has as many numbers as
# `x`.
#
# </details>


# %%
def by_loop(x, xp):
    total = xp.zeros(())
    for i in range(len(x)):
        if x[i] > 0:  # the host must know
            total = total + x[i]
    return total


def by_a_copy(x, xp):
    numbers = x.get()  # to the host
    return xp.asarray(numbers[numbers > 0].sum())  # and back


def by_a_mask(x, xp):
    return x[x > 0].sum()  # how many are there?


def by_where(x, xp):
    return xp.where(x > 0, x, 0).sum()  # as many numbers as before, some of them 0


numbers = rng.normal(size=1000)  # (1000,)
print("                steps  waits  copies   result")
for way in (by_loop, by_a_copy, by_a_mask, by_where):
    x = faraway.asarray(numbers)
    faraway.count.clear()
    total = way(x, faraway)
    count = faraway.count.copy()
    copies = count["to host"] + count["to device"]
    print(f"{way.__name__:12} {count['steps']:8} {count['waits']:6} {copies:7}   {total.get():.6f}")

# %% [markdown]
# **Rule 2: whole arrays, and no questions on the way.** `xp.where(condition, a, b)` replaces `if`: at every place it takes the
# number of `a` where the condition is true, and that of `b` elsewhere. The price: `a` and `b` are both computed everywhere, and
# one of the two is thrown away at each place.
#
# ### A trap in both sides
#
# A function that squeezes any number between 0 and 1 is called *sigmoid*:
#
# $$\mathrm{sigmoid}(x) = \frac{1}{1 + e^{-x}} = \frac{e^x}{1 + e^x}$$
#
# (To get from one form to the other, multiply above and below by $e^x$.) The largest float64 is about $10^{308}$, so $e^{1000}$
# becomes infinite. This is called an **overflow**. It happens in the first form for very negative $x$, and in the second for
# large $x$. The first form still gives the right result, as 1 divided by infinity is 0. The second divides infinity by infinity,
# which is `nan`. In both cases NumPy warns (the cell turns the warnings off).

# %%
extreme = np.array([-1000.0, 0.0, 1000.0])  # (3,)
with np.errstate(all="ignore"):  # no warnings
    first = 1 / (1 + np.exp(-extreme))
    second = np.exp(extreme) / (1 + np.exp(extreme))
    print("e^1000:     ", np.exp(1000.0))
print("first form: ", first)
print("second form:", second)

places = np.linspace(-6, 6, 121)
figures.never_above_one(places, 1 / (1 + np.exp(-places)), np.exp(-abs(places)))

# %% [markdown]
# `where(x >= 0, first, second)` gives the right numbers, but still computes an infinite one on its way and throws it away. Look
# at the dashed curve: $e^{-|x|}$ lies between 0 and 1 for every $x$, and both forms can be computed from it.
#
# ### Your turn: one function for every library

# %% exercise sigmoid

# %% [markdown]
# ## The same result, but not to the last digit
#
# A computer rounds after each addition, so a sum depends on the order of its additions. A loop adds one number after the other.
# NumPy adds in blocks. A graphics card adds in thousands of small groups at a time.

# %%
numbers = rng.normal(size=100_000).astype("float32")  # (100000,)
print("one after the other:", np.cumsum(numbers)[-1])
print("NumPy's way:        ", numbers.sum())
print("without rounding:   ", math.fsum(numbers.tolist()))

# %% [markdown]
# None of them is "wrong". **Rule 3: compare up to a tolerance**, never with `==`. The **tolerance** is the largest difference
# that is allowed. And judge in float64, which keeps sixteen digits.
#
# Models themselves usually run in float32: it needs half the memory, and on most graphics cards it is many times as fast. But it
# is easily lost by accident. A NumPy number such as `np.sqrt(8)` is a float64, and an array that is multiplied by it becomes
# float64. With Python's own numbers that does not happen:

# %%
x = np.ones(3, dtype="float32")
print("x * np.sqrt(8):  ", (x * np.sqrt(8)).dtype)
print("x * math.sqrt(8):", (x * math.sqrt(8)).dtype)

# %% [markdown]
# ## Adding into shared places
#
# Models *pick*: row 2 of a table for word number 2, rows 2, 0 and 2 for a text of three words. If `table` has the shape (V, d), V
# rows of d numbers, and `ids` holds N row numbers, then `table[ids]` has the shape (N, d). Row 2 is used twice, and you know from
# lesson 01 what that means on the way back: gradients add. So the law (vjp) of picking is: begin with zeros, and *add* each row
# of $g$ to the row that was picked for it. This is called **scatter-add**:
#
# $$\frac{\partial L}{\partial\,\mathrm{table}_v} = \sum_{i:\ \mathrm{ids}_i = v} g_i$$
#
# **Predict, then run.** The values 1, 5 and 10 are added to the places 2, 0 and 2 of four zeros. What does
# `into[index] += values` leave at place 2?
#
# <details><summary>Answer</summary>
#
# 10, and the 1 is lost. `into[index] += values` reads the old numbers, 0, 0 and 0. It adds, which gives 1, 5 and 10. Then it
# writes them: place 2 is written twice, and the last one stays. `np.add.at` reads again before each addition.
#
# </details>

# %%
index, values = np.array([2, 0, 2]), np.array([1.0, 5.0, 10.0])  # (3,), (3,)
lost = np.zeros(4)
lost[index] += values
kept = np.zeros(4)
np.add.at(kept, index, values)
print("into[index] += values:      ", lost)
print("np.add.at(into, index, ...):", kept)
figures.shared_places(index.tolist(), values, kept)

# %% [markdown]
# No error, no warning. On a graphics card thousands of these additions happen at the same time. The card has a special addition
# for them, which lets no other come between reading and writing: an **atomic** addition. Their order is not fixed, so the last
# digits may change from run to run.
#
# Is it the gradient of picking? Use the judges of lesson 02, with a random $g$:

# %%
table, ids = rng.normal(size=(4, 3)), np.array([2, 0, 2])  # (V, d), (N,)
g = rng.normal(size=(3, 3))  # (N, d)
measured = np.zeros_like(table)  # (V, d)
for place in np.ndindex(table.shape):
    step = np.zeros_like(table)
    step[place] = 1e-6
    measured[place] = (g * ((table + step)[ids] - (table - step)[ids])).sum() / 2e-6

added, overwritten = np.zeros_like(table), np.zeros_like(table)  # (V, d)
np.add.at(added, ids, g)
overwritten[ids] += g
print(f"largest error of scatter-add:     {abs(added - measured).max():.0e}")
print(f"largest error of table[ids] += g: {abs(overwritten - measured).max():.0e}")


# %%
def compare():
    import torch

    theirs = torch.zeros(4, 3, dtype=torch.float64).index_add_(0, torch.tensor(ids), torch.tensor(g))
    return f"PyTorch's index_add_ differs by at most {abs(theirs.numpy() - added).max():.1g}"


beside_pytorch(compare, shipped="PyTorch's index_add_ differs by at most 0")

# %% [markdown]
# ### Your turn: add, and lose nothing

# %% exercise scatter_add

# %% [markdown]
# ## Moving, and seldom
#
# What goes over the cable in training? At the start, the numbers of the model. Then in each step a few thousand ids go over, and
# one number, the error, comes back if somebody wants to see it. All the rest stays where it is. **Rule 4: move once, at the
# border, and leave what is there already.**
#
# ### Your turn: move

# %% exercise move

# %% [markdown]
# ## Where CuPy is not NumPy
#
# The names are the same, but not everything behaves in the same way. These differences cause the most trouble:
#
# | | NumPy | CuPy |
# |---|---|---|
# | an array of indices, one beyond the end | IndexError | begins again from 0, without an error: check ids on the host |
# | `x.sum()` | a number | an array without dimensions, shape `()`: `float()` of it waits |
# | `x.sum(where=...)` | adds some | no such keyword: `xp.where(...).sum()` |
# | `np.exp(x)`, with x on the device | does not know the device | computes it; but `np.zeros(3) + x` is an error |
# | random numbers | many kinds | fewer, and others: draw on the host, so that both use the same |
#
# The fourth line is a trap: code with an `np.` in it may run on the device for a while, and fail where it makes a new array.
# `faraway` is stricter: there `np.exp(x)` is an error at once.
#
# ## In the library
#
# Your `namespace` is `minitransformer/backends.py`, your `move` is `minitransformer/devices.py`, and each operation in
# `minitransformer/ops` asks its arrays. `x.to("cuda")` moves a tensor, and `device="cuda"` makes one there. (CUDA is the system
# by which NVIDIA's cards are programmed.) `x.array` is the array of a tensor. `with mt.backend("cupy"):` says where *new* tensors
# are made, and no more than that. CuPy is imported when it is first asked for. Where it is missing, the error says what to do:

# %%
values = rng.normal(size=(2, 3))
slopes = {}
for device in ("cpu", "cuda"):
    try:
        x = mt.tensor(values, dtype=mt.float64, device=device, requires_grad=True)  # (2, 3)
    except (ImportError, RuntimeError) as error:
        print(f"{device}: {error}")
        continue
    (x * x + x).tanh().sum().backward()
    slopes[device] = x.grad.numpy()  # on the host
    print(f"{device}: {type(x.array).__module__}'s arrays, first slope {slopes[device][0, 0]:.6f}")
if len(slopes) == 2:
    print("largest difference:", abs(slopes["cpu"] - slopes["cuda"]).max())

# %% [markdown]
# **Harder, if you like** (not judged): write `by_a_step(x, xp)`, which adds up the positive numbers in fewer steps than
# `by_where`. `faraway.count` counts them. (NumPy has a function that helps.)

# %% [markdown]
# ## Summary
#
# 1. A function takes its library from its arrays, and calls it `xp`.
# 2. Whole arrays, and no questions on the way: each `if`, each `float()`, each mask as an index makes the host wait.
# 3. Compare up to a tolerance: another order of the additions gives other last digits.
# 4. Move once, at the border.
#
# And where several numbers go to the same place, `+=` with an index loses all but one: scatter-add.
#
# **Further reading.** Harris et al., *Array programming with NumPy*, Nature 585, 2020. Okuta, Unno, Nishino, Hido and Loomis,
# *CuPy: a NumPy-compatible library for NVIDIA GPU calculations*, Workshop on Machine Learning Systems at NIPS 2017. The *Python
# array API standard* (data-apis.org/array-api), in which NumPy, CuPy, PyTorch and others agree on names; there an array is asked
# by `x.__array_namespace__()`.
#
# **Next:** 04, how a text becomes numbers.

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | GPU | a graphics card, which computes many numbers at a time | `torch.device("cuda")` |
# | CuPy | an array library with NumPy's names, for NVIDIA's graphics cards | |
# | host | the processor and its memory | `torch.device("cpu")` |
# | device | where an array is kept and computed with; often the graphics card | `tensor.device`, `tensor.to(device)` |
# | queue | the orders that the device has still to carry out | `torch.cuda.Stream`; `torch.cuda.synchronize()` waits for it |
# | overflow | a result that is too large for its kind of number, and becomes infinite | |
# | tolerance | the largest difference that counts as equal | `rtol` and `atol` of `torch.allclose` |
# | scatter-add | to add values to places that an index names, where places may repeat | `tensor.index_add_` |
# | atomic | an addition between whose reading and writing no other can come | |
