# %% [markdown]
# # 03 One code, two array libraries
#
# After this lesson you can write functions that run on a processor and on a graphics card without a change, say what moves
# between the two and when one waits for the other, and add up numbers that share a place without losing any.
#
# *About 75 minutes with the exercises. Builds on lessons 01 (why gradients add) and 02 (arrays, and how to check a gradient).
# You need no graphics card.*

# %% [markdown]
# ## Why
#
# To multiply two matrices of 1000 by 1000 numbers takes a thousand million multiplications, and none of them has to wait for
# another. A processor (CPU) has a few cores, each clever and fast. A graphics card (GPU) has thousands of simple ones, and does
# thousands of multiplications at a time. Large models could not be trained without that.
#
# NumPy computes on the processor only. **CuPy** is a second library, for NVIDIA's cards. It has NumPy's names on purpose:
# `cupy.exp`, `cupy.where`, `cupy.zeros`. So could we write a model once, and run it on both? Yes, if we keep to four rules. Each
# section of this lesson finds one.

# %%
import math
import sys
import timeit

import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer.course import check, hint, saved, solution
from minitransformer.course.pretend import faraway

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
rng = np.random.default_rng(0)

# %% [markdown]
# `faraway` is a *pretend* library, made for this lesson. It computes on your processor, but keeps to the rules of a graphics
# card: it has arrays of its own, with NumPy's names for everything, and it counts what would cost time on a card. If you have
# CuPy and a card, the cells below use these, and the checks of your answers try them as well; otherwise both use `faraway`.


# %%
def second_library():
    """CuPy, where it is installed and finds a graphics card; else the pretend library."""
    try:
        import cupy

        return cupy if cupy.cuda.runtime.getDeviceCount() else faraway
    except Exception:  # not installed, or no driver, or no card
        return faraway


gpu = second_library()
print("the second library:", gpu.__name__)

# %% [markdown]
# ## Two memories
#
# A graphics card has a memory of its own. What it computes with must be there. The processor with its memory is called the
# **host**, the card the **device**, and the cable between them is much slower than either memory.

# %%
figure, axis = plt.subplots(figsize=(7, 2.3), layout="constrained")
for x, colour, title, text in (
    (0, BLUE, "host", "processor and its memory\nNumPy's arrays"),
    (7, ORANGE, "device", "graphics card and its memory\nCuPy's arrays"),
):
    axis.add_patch(plt.Rectangle((x, 0), 4, 2, facecolor=colour, alpha=0.15, edgecolor=colour))
    axis.text(x + 2, 1.55, title, ha="center", color=colour, weight="bold")
    axis.text(x + 2, 0.65, text, ha="center", fontsize=9)
for y, start, end, name in ((1.35, 4.2, 6.8, "asarray(x)"), (0.55, 6.8, 4.2, "x.get()")):
    axis.annotate("", (end, y), (start, y), arrowprops={"arrowstyle": "-|>", "color": GREEN, "lw": 2})
    axis.text(5.5, y + 0.12, name, ha="center", color=GREEN, family="monospace", fontsize=9)
axis.set(xlim=(-0.1, 11.1), ylim=(-0.1, 2.1))
axis.axis("off")
plt.show()

# %% [markdown]
# `asarray` carries numbers over, and `get` brings them back. In between, everything looks like NumPy:

# %%
here = np.array([1.0, 2.0, 3.0])  # (3,) on the host
there = gpu.asarray(here)  # (3,) on the device
result = gpu.exp(there) * 2  # (3,) computed on the device, and still there
print(type(here), type(there), type(result))
print(result.get())  # (3,) back on the host

# %% [markdown]
# But an operation with one array on each side has no place to happen. It is refused, which is good: a copy that nobody
# asked for, in the middle of a loop, would be slow and hard to find.

# %%
try:
    here + there
except TypeError as error:
    print("TypeError:", error)

# %% [markdown]
# ## Which library? Ask the arrays
#
# A function that says `np.exp` computes with NumPy, whatever it is handed. What else could it say?
#
# - A global switch, `LIBRARY = cupy`. It is wrong as soon as both are in use: the text is on the host, the model on the device.
# - One more argument for every function, `f(x, xp)`. It works, and it is tiresome.
# - Ask the arrays. They *know* who made them. This is what the library does.
#
# **Rule 1: a function takes its library from its arrays**, and calls it `xp`, a name that stands for NumPy or CuPy. Python tells
# where a class was written, and keeps a dictionary of all modules that are loaded:

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
# When the host says `gpu.exp(x)`, it does not compute. It puts the order into the device's **queue** and goes on at once, to put
# the next order behind it. The device works the queue off. So both work at the same time, until the host needs to *know* a
# number: in `float(x)`, in `print(x)`, in `if x > 0`. Then it must wait until the queue is empty, and meanwhile nobody
# fills the queue. The picture is a sketch of it: five steps, without and with an `if` after each.

# %%
figure, axes = plt.subplots(2, 1, figsize=(7, 3.2), sharex=True, layout="constrained")
fluent = [range(5), [1 + 3 * i for i in range(5)], [0.8] * 5]  # when ordered, when begun
stop_and_go = [[5 * i for i in range(5)], [5 * i + 1 for i in range(5)], [0.8] * 5]
for axis, (ordered, begun, length), title in (
    (axes[0], fluent, "orders in a queue: the device is never idle"),
    (axes[1], stop_and_go, "an if after each step: host and device take turns"),
):
    axis.broken_barh(list(zip(ordered, length, strict=True)), (1.1, 0.7), color=BLUE)
    axis.broken_barh([(start, 2.8) for start in begun], (0.1, 0.7), color=ORANGE)
    axis.set_yticks([0.45, 1.45], ["device computes", "host orders"])
    axis.set_title(title, loc="left", fontsize=10)
idle = [(5 * i + 0.9, 3.9) for i in range(5)]
axes[1].broken_barh(idle, (1.1, 0.7), facecolor="none", edgecolor=GREY, hatch="///")
axes[1].text(2.85, 1.95, "waits", color=GREY, ha="center", fontsize=9)
axes[1].set(xlabel="time", xticks=[], ylim=(0, 2.3))
plt.show()

# %% [markdown]
# There is a second cost: every order takes the same small time to give, whether it is for one number or for a million. NumPy
# has such a floor too, and we can measure it:

# %%
sizes = 10 ** np.arange(0, 7)
times = []
for size in sizes:
    x = np.ones(size)
    calls = max(3, 200_000 // size // 10)
    times.append(min(timeit.repeat(lambda x=x: np.exp(x), number=calls, repeat=3)) / calls * 1e6)
figure, axis = plt.subplots(figsize=(4.8, 2.8), layout="constrained")
axis.loglog(sizes, times, "o-", color=BLUE, label="one step, np.exp(x)")
axis.loglog(sizes, times[0] * sizes, ":", color=ORANGE, label="a loop over single numbers")
axis.set(xlabel="numbers in the array", ylabel="microseconds", ylim=(0.1, 1e7))
axis.set_title("a step has a price of its own")
axis.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# On the left the line is flat: ten numbers cost what one costs. A graphics card's floor is higher, and it stays flat for much
# longer, so there whole arrays are worth even more.
#
# Now count. Here are four ways to add up the positive numbers of an array, all of them right. `x > 0` is an array of True and
# False, a **mask**; used as an index, `x[x > 0]`, it picks the numbers where it is True. (The counts come from `faraway`. A
# *step* is one order, a *wait* is a time at which the host must know a number, a *copy* is one trip over the
# cable. `get` has a wait of its own inside, as the numbers must be finished before they can leave; it is counted as a copy only.)


# %%
def by_loop(x, xp):
    total = xp.zeros(())
    for i in range(len(x)):
        if x[i] > 0:  # the host must know
            total = total + x[i]
    return total


def by_a_trip(x, xp):
    numbers = x.get()  # to the host
    return xp.asarray(numbers[numbers > 0].sum())  # and back


def by_a_mask(x, xp):
    return x[x > 0].sum()  # how many are there? The host must know, to make room for them


def by_where(x, xp):
    return xp.where(x > 0, x, 0).sum()  # as many numbers as before, some of them 0


numbers = rng.normal(size=1000)  # (1000,)
print("                steps  waits  copies   result")
for way in (by_loop, by_a_trip, by_a_mask, by_where):
    x = faraway.asarray(numbers)
    faraway.count.clear()
    total = way(x, faraway)
    count = faraway.count.copy()
    copies = count["to host"] + count["to device"]
    print(f"{way.__name__:12} {count['steps']:8} {count['waits']:6} {copies:7}   {total.get():.6f}")

# %% [markdown]
# **Rule 2: whole arrays, and no questions on the way.** `xp.where(condition, a, b)` replaces `if`: for every place it takes the
# number of `a` where the condition is true, and of `b` elsewhere. The price: `a` and `b` are both computed everywhere, and one
# of them is thrown away.
#
# ### A trap in both sides
#
# The function that squeezes any number between 0 and 1, which you will meet again and again, is
#
# $$\mathrm{sigmoid}(x) = \frac{1}{1 + e^{-x}} = \frac{e^x}{1 + e^x}$$
#
# (multiply above and below by $e^x$ to get from one to the other). A float64 ends at about $10^{308}$, so $e^{1000}$ is infinite.
# The first form has that trouble for very negative $x$, the second for large $x$. The first is lucky, as 1 by infinite is 0; the
# second divides infinite by infinite, which is `nan`, "not a number". In both, NumPy warns (the cell keeps it quiet).

# %%
extreme = np.array([-1000.0, 0.0, 1000.0])  # (3,)
with np.errstate(all="ignore"):  # no warnings
    first = 1 / (1 + np.exp(-extreme))
    second = np.exp(extreme) / (1 + np.exp(extreme))
    print("e^1000:     ", np.exp(1000.0))
print("first form: ", first)
print("second form:", second)

xs = np.linspace(-6, 6, 121)
figure, axis = plt.subplots(figsize=(5, 2.6), layout="constrained")
axis.plot(xs, 1 / (1 + np.exp(-xs)), color=BLUE, lw=2, label="sigmoid(x)")
axis.plot(xs, np.exp(-abs(xs)), "--", color=ORANGE, label="$e^{-|x|}$")
axis.axvline(0, color=GREY, lw=0.8)
axis.set(xlabel="x", ylim=(-0.05, 1.15))
axis.legend(frameon=False, loc="center left")
plt.show()

# %% [markdown]
# `where(x >= 0, first, second)` gives the right numbers, but still computes an infinite one on its way and throws it away. Look at
# the dashed curve: $e^{-|x|}$ lies between 0 and 1 for every $x$, and both forms can be made of it.
#
# ### Your turn: one function for every library

# %% exercise sigmoid

# %% [markdown]
# ## The same answer, but not to the last digit
#
# A computer rounds after each addition, so a sum depends on the order in which it is made. A loop adds one number after the other.
# NumPy adds in blocks. A graphics card adds in thousands of small groups at a time:

# %%
numbers = rng.normal(size=100_000).astype("float32")  # (100000,)
print("one after the other:", np.cumsum(numbers)[-1])
print("NumPy's way:        ", numbers.sum())
print("without rounding:   ", math.fsum(numbers.tolist()))

# %% [markdown]
# None of them is "wrong". **Rule 3: compare up to a tolerance**, never with `==`, and judge in float64, which keeps 16 digits.
#
# For the model itself one prefers float32: half the memory, and on most graphics cards many times as fast. It is easily lost by
# accident. A NumPy number such as `np.sqrt(8)` is a float64, and makes everything it touches float64; Python's own numbers
# do not:

# %%
x = np.ones(3, dtype="float32")
print("x * np.sqrt(8):  ", (x * np.sqrt(8)).dtype)
print("x * math.sqrt(8):", (x * math.sqrt(8)).dtype)

# %% [markdown]
# ## Adding where it came from
#
# Models *pick*: row 2 of a table for word number 2, rows 2, 0 and 2 for a text of three words. If `table` has the shape
# (V, d), V rows of d numbers, and `ids` holds N row numbers, `table[ids]` has the shape (N, d). Row 2 is now used twice, and you
# know from lesson 01 what that means on the way back: where paths meet, slopes add. So the law (vjp) of picking is: begin with
# zeros, and *add* each row of $g$ to the row it came from. It is called **scatter-add**:
#
# $$\frac{\partial L}{\partial\,\mathrm{table}_v} = \sum_{i:\ \mathrm{ids}_i = v} g_i$$

# %%
figure, axis = plt.subplots(figsize=(5.4, 2.9), layout="constrained")
ids, arriving = [2, 0, 2], ["1", "5", "10"]
sums, box = ["5", "0", "11", "0"], {"facecolor": "white", "pad": 5}
for i, (v, number) in enumerate(zip(ids, arriving, strict=True)):
    axis.text(0, 2.5 - i, f" {number:>2} ", ha="center", va="center", bbox=box | {"edgecolor": BLUE})
    arrow = {"arrowstyle": "-|>", "color": ORANGE if v == 2 else GREY, "lw": 1.6}
    axis.annotate("", (3.55, 3 - v), (0.4, 2.5 - i), arrowprops=arrow)
for v, total in enumerate(sums):
    axis.text(4, 3 - v, f" {total:>2} ", ha="center", va="center", bbox=box | {"edgecolor": GREEN})
    axis.text(4.7, 3 - v, f"place {v}" + (" = 1 + 10" if v == 2 else ""), va="center", fontsize=9)
axis.text(0, 3.35, "values", ha="center", color=BLUE)
axis.text(1.9, 3.35, "index = (2, 0, 2)", ha="center", color=GREY)
axis.text(4, 3.55, "into", ha="center", color=GREEN)
axis.set(xlim=(-0.6, 6.6), ylim=(-0.4, 3.8))
axis.axis("off")
plt.show()

# %% [markdown]
# The line that one writes first is wrong, and nothing complains:

# %%
index, values = np.array([2, 0, 2]), np.array([1.0, 5.0, 10.0])  # (3,), (3,)
lost = np.zeros(4)
lost[index] += values
kept = np.zeros(4)
np.add.at(kept, index, values)
print("into[index] += values:      ", lost)
print("np.add.at(into, index, ...):", kept)

# %% [markdown]
# `into[index] += values` means: read the old numbers, 0, 0 and 0; add, 1, 5 and 10; write. Place 2 is written twice, and the
# last one wins. `add.at` reads again before each addition. On a graphics card thousands of these additions happen at the same
# time, so the card has a special one for it that lets nobody else come between reading and writing (an *atomic* addition). In
# which order they come, nobody knows: the last digits may change from run to run.
#
# Is it the gradient of picking? Ask the judges of lesson 02, with a random $g$:

# %%
table, ids = rng.normal(size=(4, 3)), np.array([2, 0, 2])  # (V, d), (N,)
g = rng.normal(size=(3, 3))  # (N, d)
tried = np.zeros_like(table)  # (V, d)
for place in np.ndindex(table.shape):
    nudge = np.zeros_like(table)
    nudge[place] = 1e-6
    tried[place] = (g * ((table + nudge)[ids] - (table - nudge)[ids])).sum() / 2e-6

added, overwritten = np.zeros_like(table), np.zeros_like(table)  # (V, d)
np.add.at(added, ids, g)
overwritten[ids] += g
print(f"largest error of scatter-add:    {abs(added - tried).max():.0e}")
print(f"largest error of table[ids] += g: {abs(overwritten - tried).max():.0e}")

# %%
try:
    import torch
except ImportError:
    print("PyTorch is not installed: pip install torch")
else:
    theirs = torch.zeros(4, 3, dtype=torch.float64).index_add_(0, torch.tensor(ids), torch.tensor(g))
    print("PyTorch's index_add_ differs by", abs(theirs.numpy() - added).max())

# %% [markdown]
# ### Your turn: add, and lose nothing

# %% exercise scatter_add

# %% [markdown]
# ## Moving, and seldom
#
# What goes over the cable in training? At the start, the model's numbers. Then in each step a few thousand ids go over, and one
# number, the error, comes back, if somebody wants to see it. All the rest stays where it is. **Rule 4: move once, at the border,
# and what is there already not at all.**
#
# ### Your turn: move

# %% exercise move

# %% [markdown]
# ## Where CuPy is not NumPy
#
# The names are the same, the habits not quite. What bites most often:
#
# | | NumPy | CuPy |
# |---|---|---|
# | an array of indices, one beyond the end | IndexError | wraps round, silently: check ids on the host, where they come from |
# | `x.sum()` | a number | an array without dimensions, shape `()`: `float()` of it waits |
# | `x.sum(where=...)` | adds some | no such keyword: `xp.where(...).sum()` |
# | `np.exp(x)`, with x on the device | does not know the device | steps in and computes it; but `np.zeros(3) + x` is refused |
# | random numbers | many kinds | fewer, and others: draw on the host, so that both see the same |
#
# The fourth line is a trap: code with an `np.` in it may run on the device for a while, and fail where it makes a new array.
# `faraway` is stricter and refuses at once.
#
# ## In the library
#
# Your `namespace` is `minitransformer/backends.py`, your `move` is `minitransformer/devices.py`, and each operation in
# `minitransformer/ops` asks its arrays. A tensor goes over with `x.to("cuda")`, or is made there with `device="cuda"` (CUDA is
# the system by which NVIDIA's cards are programmed). Its array is `x.array`. `with mt.backend("cupy"):` says where *new*
# tensors are made, no more than that. CuPy is imported when it is first asked for. Where it is missing, one is told what to do:

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
# ## Summary
#
# 1. A function takes its library from its arrays, and names it `xp`.
# 2. Whole arrays, and no questions on the way: each `if`, `float()` or mask as an index makes the host wait.
# 3. Compare up to a tolerance: another order of adding gives other last digits.
# 4. Move once, at the border.
#
# And where several numbers go to the same place, `+=` with an index loses all but one: scatter-add.
#
# **Further reading.** Harris et al., *Array programming with NumPy*, Nature 585, 2020. Okuta, Unno, Nishino, Hido and Loomis,
# *CuPy: a NumPy-compatible library for NVIDIA GPU calculations*, Workshop on Machine Learning Systems at NIPS 2017. The *Python
# array API standard* (data-apis.org/array-api), in which NumPy, CuPy, PyTorch and others agree on names; there an array
# is asked by `x.__array_namespace__()`.
#
# **Next:** 04, how a text becomes numbers.
