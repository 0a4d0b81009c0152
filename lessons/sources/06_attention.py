# %% [markdown]
# # 06 Softmax attention
#
# After this lesson you can say what queries, keys and values are, write attention in four lines, make it safe for any
# scores, keep it from looking ahead, and prove your gradient of softmax right.
#
# *About 80 minutes with the exercises. Builds on lessons 02 (gradients and how to check them) and 04 (embeddings).*

# %% [markdown]
# ## Why
#
# Read "the animal did not cross the street because **it** was too tired". To know what *it* is, a reader looks back at
# *animal*. A layer that mixes neighbours only, or everything alike, cannot do that: where to look depends on the words.
#
# Attention lets every position ask a **question** (its query $q$). Every position also wears a **label** (its key $k$)
# and carries a **message** (its value $v$). The dot product $q \cdot k$ says how well label and question fit; softmax turns
# these scores into shares; the answer is the mean of the messages, weighted by the shares:
#
# $$\mathrm{attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}}\right) V$$
#
# (Vaswani et al., *Attention is all you need*, NeurIPS 2017, section 3.2.1.)

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer.course import check

rng = np.random.default_rng(0)
mt.manual_seed(0)

# %% [markdown]
# ## Shares: softmax
#
# Scores can be any numbers. Shares must be positive and sum to 1. The exponential makes numbers positive and keeps their
# order, division by the sum does the rest:
#
# $$\mathrm{softmax}(x)_i = \frac{e^{x_i}}{\sum_j e^{x_j}}$$

# %%
scores = np.array([2.0, 1.0, 0.1])  # (3,)
shares = np.exp(scores) / np.exp(scores).sum()  # (3,)
print(shares.round(3), "sum", shares.sum())

# %% [markdown]
# Two traps. `exp(1000)` is infinite, and infinite by infinite is no number. Adding the same number to all scores changes
# no share, as $e^{x+c} = e^c e^x$ and $e^c$ cancels: so take off the largest score first, and no exponent is above 0.
# The other trap is a row in which *nothing* may be looked at, all scores being $-\infty$: its shares shall be zeros.

# %%
with np.errstate(all="ignore"):
    big = np.array([1000.0, 999.0])
    print("naive: ", np.exp(big) / np.exp(big).sum())
    print("stable:", (np.exp(big - big.max()) / np.exp(big - big.max()).sum()).round(3))

# %% [markdown]
# ### Your turn: softmax

# %% exercise softmax

# %% [markdown]
# ## How softmax passes a gradient
#
# If one score rises, its share rises *and all others fall*: each output depends on each input. With $s = \mathrm{softmax}(x)$,
#
# $$\frac{\partial s_i}{\partial x_j} = s_i\,(\delta_{ij} - s_j).$$
#
# Multiplied by the gradient $g$ that arrives from above, the whole table of derivatives shrinks to one line,
# $\partial L / \partial x_i = s_i\,(g_i - \sum_k g_k s_k)$.
#
# Beware of a check with $g = (1, 1, \ldots)$: the shares always sum to 1, so *that* gradient is zero, and a function that
# returns zeros would pass. Checks need random weights (lesson 02).

# %%
x = mt.randn(3, 5, dtype=mt.float64, requires_grad=True)
mt.nn.functional.softmax(x, dim=-1).backward(mt.ones(3, 5, dtype=mt.float64))
print("with a gradient of ones:", abs(x.grad.numpy()).max())
error = mt.gradcheck(lambda t: mt.nn.functional.softmax(t, dim=-1), [x])
print("largest error with random weights:", error)

# %% [markdown]
# ### Your turn: the gradient of softmax

# %% exercise softmax_vjp

# %% [markdown]
# ## Why the root of d
#
# The dot product of two random vectors of length $d$ has variance $d$: its typical size grows like $\sqrt d$. Large scores
# drive softmax into a corner where one share is 1, the others are 0, and the gradient vanishes. Dividing by $\sqrt d$ keeps
# scores the same size for every $d$.

# %%
widths = [4, 16, 64, 256]
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
for scale, label in ((False, "plain"), (True, r"divided by $\sqrt{d}$")):
    largest = []
    for d in widths:
        q, k = rng.normal(size=(500, d)), rng.normal(size=(10, d))  # 500 queries, 10 keys
        raw = q @ k.T / (math.sqrt(d) if scale else 1.0)  # (500, 10)
        s = mt.nn.functional.softmax(mt.tensor(raw), dim=-1).numpy()
        largest.append(s.max(-1).mean())
    axes[0].plot(widths, largest, "o-", label=label)
axes[0].set(xscale="log", xlabel="d", ylabel="mean largest share", ylim=(0, 1))
axes[0].set(xticks=widths, xticklabels=widths)
axes[0].legend(frameon=False)
p = np.linspace(0.01, 0.99, 99)
axes[1].plot(p, p * (1 - p))
axes[1].set(xlabel="share s", ylabel=r"its slope $s(1-s)$", title="a share near 0 or 1 does not learn")
plt.show()

# %% [markdown]
# ## Attention
#
# All queries against all keys are one matrix product. Below, three words: the second asks a question that fits the label of
# the third.

# %%
q = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])  # (T, d)
k = np.array([[-1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])  # (S, d)
v = np.array([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])  # (S, dv)
weights = mt.nn.functional.softmax(mt.tensor(q @ k.T / math.sqrt(2)), dim=-1).numpy()  # (T, S)

figure, axis = plt.subplots(figsize=(3.6, 3), layout="constrained")
axis.imshow(weights, cmap="Blues", vmin=0, vmax=1)
for (i, j), w in np.ndenumerate(weights):
    axis.text(j, i, f"{w:.2f}", ha="center", va="center", color="white" if w > 0.5 else "black")
axis.set(xlabel="key", ylabel="query", xticks=range(3), yticks=range(3), title="who looks where")
plt.show()
print((weights @ v).round(2))

# %% [markdown]
# ## Masks
#
# A model that learns to predict the next word must not see it. Where a query may not look, its score becomes $-\infty$
# *before* softmax: the share is then exactly 0 and the others still sum to 1. Setting shares to 0 *after* softmax would
# leave rows that sum to less.

# %%
mask = np.tri(6, dtype=bool)  # (T, T)
hidden = np.where(mask, rng.normal(size=(6, 6)), -np.inf)  # (T, T)
figure, axis = plt.subplots(figsize=(3.2, 3), layout="constrained")
axis.imshow(mt.nn.functional.softmax(mt.tensor(hidden), dim=-1).numpy(), cmap="Blues", vmin=0, vmax=1)
axis.set(xlabel="key", ylabel="query", title="nobody looks ahead")
plt.show()

# %% [markdown]
# ### Your turn: the mask, and attention

# %% exercise causal_mask

# %% exercise attention

# %% [markdown]
# ## The same in the library, and against PyTorch
#
# `minitransformer.nn.functional.scaled_dot_product_attention` is this formula as one operation with its own gradient
# (`minitransformer/ops/attention.py`). Finite differences judge it on every element:

# %%
inputs = [mt.randn(2, 5, 4), mt.randn(2, 6, 4), mt.randn(2, 6, 3)]
print("largest error:", mt.gradcheck(mt.nn.functional.scaled_dot_product_attention, inputs))

# %% [markdown]
# and PyTorch, where it is installed:

# %%
try:
    import torch
except ImportError:
    print("PyTorch is not installed: pip install torch")
else:
    theirs = torch.nn.functional.scaled_dot_product_attention
    double = [t.double().numpy() for t in inputs]
    print(mt.compare_with_torch(mt.nn.functional.scaled_dot_product_attention, theirs, double))

# %% [markdown]
# ## Summary
#
# - Scores are dot products of queries and keys; softmax makes them shares; the result is a weighted mean of values.
# - Take off the maximum before exp; divide scores by $\sqrt d$; mask before softmax.
# - The gradient of softmax needs its output alone: $s\,(g - \sum g s)$.
#
# **The article** that this course grew from calls $d_k$ "the dimension of the key". With several heads it is the width
# *per head*: lesson 07.
#
# **Further reading.** Vaswani et al., *Attention is all you need*, NeurIPS 2017. Bahdanau, Cho and Bengio, *Neural machine
# translation by jointly learning to align and translate*, ICLR 2015, where attention was first used.
#
# **Next:** 07, several questions at once.
