# %% [markdown]
# # 06 Softmax attention
#
# After this lesson you can say what queries, keys and values are, write attention in four lines, make it safe for any
# scores, keep it from looking ahead, and prove your gradient of softmax right.
#
# *About 90 minutes with the exercises. Builds on lessons 02 (gradients and how to check them) and 04 (embeddings).*

# %% [markdown]
# ## Why
#
# Read "the animal did not cross the street because **it** was too tired". To know what *it* is, a reader looks back at
# *animal*. A layer that mixes neighbours only, or everything alike, cannot do that: where to look depends on the words.
#
# Think of a dictionary in Python. You ask with a key, `d["animal"]`, and get the value that is filed under it. It answers if
# a key is *equal* to what you ask, and else not at all. No gradient goes through that: a key fits or does not fit.
# **Attention** is a soft dictionary. Every position asks a **question** (its query $q$). Every position also wears a **label**
# (its key $k$) and carries a **message** (its value $v$). All three are vectors, lists of numbers. Every label answers, each in
# the degree to which it fits the question, and what one gets is a mean of all messages with more of those that fit.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer.course import check, hint, saved, solution

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"  # told apart by every kind of eye
rng = np.random.default_rng(0)
mt.manual_seed(0)

# %% [markdown]
# ## One question
#
# How well do two vectors fit? Multiply them number by number and add up, $q \cdot k = \sum_c q_c k_c$: the **dot product**.
# It is positive if they point to the same side, 0 if they are at right angles, negative if they point to opposite sides, and the
# longer they are, the larger it gets. Call it the **score** of the key.
#
# In the picture *it* asks for a living thing, which here is the direction to the right. A position with a fitting label gets a
# high score. The scores are then made into **shares**, positive numbers that sum to 1 (how, comes next), and the answer is the
# mean of the messages, weighted by the shares. Elsewhere you will read **attention weights** for these shares, and **distribution**
# for any list of numbers of 0 or more that sum to 1.

# %%
names = ["animal", "street", "tired"]
q = np.array([2.0, 0.5])  # (d,) what `it` asks
k = np.array([[1.5, 0.0], [-0.5, 1.5], [0.3, -1.0]])  # (S, d) the labels
v = np.array([[9.0, 0.0], [0.0, 9.0], [3.0, 3.0]])  # (S, dv) the messages
scores = k @ q  # (S,)
shares = np.exp(scores) / np.exp(scores).sum()  # (S,)
answer = shares @ v  # (dv,)
print("scores:", scores, " shares:", shares.round(2), " answer:", answer.round(2))

figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for label, arrow in zip(("question of it", *names), (q, *k), strict=True):
    colour = ORANGE if arrow is q else BLUE
    axes[0].annotate("", arrow, (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
    axes[0].text(arrow[0], arrow[1] + (0.15 if arrow[1] > 0 else -0.3), label, color=colour, ha="center")
axes[0].set(xlim=(-1.4, 2.8), ylim=(-1.5, 2.1), aspect="equal", title="one question, three labels")
axes[0].axhline(0, color=GREY, lw=0.5, zorder=0)
axes[0].axvline(0, color=GREY, lw=0.5, zorder=0)
axes[1].bar(np.arange(3) - 0.2, scores, 0.4, color=GREY, label="score")
axes[1].bar(np.arange(3) + 0.2, shares, 0.4, color=BLUE, label="share")
axes[1].axhline(0, color="black", lw=0.6)
axes[1].set(xticks=range(3), xticklabels=names, title="scores, and shares made of them")
axes[1].legend(frameon=False)
plt.show()

# %% [markdown]
# ## Shares: softmax
#
# Scores can be any numbers. Shares must be positive and sum to 1. The exponential makes every number positive and keeps their
# order, division by the sum does the rest. It is called **softmax**:
#
# $$\mathrm{softmax}(x)_i = \frac{e^{x_i}}{\sum_j e^{x_j}}$$
#
# What counts are *differences*: a score higher by 1 makes a share $e = 2.72$ times as large, wherever the scores are. So it also
# matters how large the scores are. Multiply all of them by 3, and nearly everything goes to the first:

# %%
four = np.array([2.0, 1.0, 0.1, -1.0])  # (n,)
figure, axes = plt.subplots(1, 3, figsize=(9, 2.4), sharey=True, layout="constrained")
for axis, factor in zip(axes, (0.3, 1, 3), strict=True):
    e = np.exp(factor * four)  # (n,)
    axis.bar(range(4), e / e.sum(), color=BLUE)
    for i, share in enumerate(e / e.sum()):
        axis.text(i, share + 0.02, f"{share:.2f}", ha="center")
    axis.set(title=f"{factor} times the scores", xticks=range(4), xticklabels=four, ylim=(0, 1.1))
axes[0].set_ylabel("share")
axes[1].set_xlabel("score")
plt.show()

# %% [markdown]
# There are two traps. The first: a float64 ends at about $10^{308}$, so $e^{1000}$ is infinite, and infinite by infinite is no
# number (`nan`). Adding the same $c$ to all scores changes no share, as $e^{x+c} = e^c e^x$ and $e^c$ cancels. So take off the
# largest score first, and no exponent is above 0.

# %%
with np.errstate(all="ignore"):  # no warnings
    big = np.array([1000.0, 999.0])
    print("naive: ", np.exp(big) / np.exp(big).sum())
    print("stable:", (np.exp(big - big.max()) / np.exp(big - big.max()).sum()).round(3))

# %% [markdown]
# The second: soon we shall forbid a position to look somewhere, by giving that key the score $-\infty$, as $e^{-\infty} = 0$. If
# *all* keys of a question are forbidden, the largest score is $-\infty$, and $-\infty - (-\infty)$ is no number either. There is
# nobody to share among, so the shares of such a row shall be zeros.

# %%
with np.errstate(all="ignore"):
    for row in (np.array([0.0, 0.0, -np.inf]), np.array([-np.inf, -np.inf, -np.inf])):
        e = np.exp(row - row.max())
        print(row, "->", e / e.sum())

# %% [markdown]
# Two things you may want in the exercise. `np.where(condition, a, b)` takes the number of `a` where the condition is true, and
# that of `b` elsewhere. And the array may have any number of dimensions, written `(..., n)`: the rows lie along the last one,
# which is `axis=-1` however many there are, and each row is a softmax of its own.
#
# ### Your turn: softmax

# %% exercise softmax

# %% [markdown]
# ## How softmax passes a gradient
#
# If one score rises, its share rises *and all others fall*: each output depends on each input. How much? Let
# $s = \mathrm{softmax}(x)$, and nudge one score $x_j$ by a small $h$. Then $e^{x_j}$ grows by the fraction $h$ (the slope of
# $e^x$ is $e^x$). Two things follow:
#
# - The *sum* below grows by $e^{x_j} h$, which is the fraction $s_j h$ of it. So *every* share falls by that fraction: $s_i$ by
#   $s_i s_j h$.
# - The number *above* grows by the fraction $h$, for $i = j$ only: $s_j$ rises by $s_j h$.
#
# Together, with $[i = j]$ for a number that is 1 if $i = j$ and 0 otherwise (books write $\delta_{ij}$):
#
# $$\frac{\partial s_i}{\partial x_j} = s_i\,\big([i = j] - s_j\big)$$

# %%
s = np.exp(four) / np.exp(four).sum()  # (n,): the shares of the four scores above
table = s[:, None] * (np.eye(4) - s)  # (n, n): row i, column j
tried = np.zeros((4, 4))
for j in range(4):
    up, down = np.exp(four + 1e-6 * np.eye(4)[j]), np.exp(four - 1e-6 * np.eye(4)[j])
    tried[:, j] = (up / up.sum() - down / down.sum()) / 2e-6
print("largest difference from what central differences say:", abs(table - tried).max())

figure, axis = plt.subplots(figsize=(3.6, 3), layout="constrained")
axis.imshow(table, cmap="PuOr", vmin=-0.3, vmax=0.3)
for (i, j), slope in np.ndenumerate(table):
    axis.text(j, i, f"{slope:+.3f}", ha="center", va="center", fontsize=9, color="white" if slope > 0.15 else "black")
axis.set(xlabel="score that is nudged, j", ylabel="share that moves, i", xticks=range(4), yticks=range(4))
axis.set_title("one up, all others down")
plt.show()

# %% [markdown]
# Every column sums to 0, as what one share wins the others lose. Now the law. With $g_i = \partial L / \partial s_i$ for the
# gradient that arrives, lesson 02 says to multiply and add over all $i$:
#
# $$\frac{\partial L}{\partial x_j} = \sum_i g_i\,s_i\,\big([i = j] - s_j\big)
# = g_j s_j - s_j \sum_i g_i s_i = s_j\,\Big(g_j - \sum_i g_i s_i\Big)$$
#
# From the first sum $[i = j]$ keeps the one term $i = j$; from the second, $s_j$ comes out, as it is the same in all terms. The
# whole table has shrunk to one line. It even has a meaning. The sum is the mean of $g$, weighted by the shares: a score is
# pushed up or down by how far *its* $g_j$ is from that mean.
#
# Beware of a check with $g = (1, 1, \ldots)$: the shares always sum to 1, so *that* gradient is zero, and a function that
# returns zeros would pass. Checks need random weights (lesson 02). Below, `backward(g)` starts the walk back with this $g$, and
# `dim` is PyTorch's word for axis.

# %%
x = mt.randn(3, 5, dtype=mt.float64, requires_grad=True)
mt.nn.functional.softmax(x, dim=-1).backward(mt.ones(3, 5, dtype=mt.float64))
print(f"largest slope with a gradient of ones: {abs(x.grad.numpy()).max():.0e}")
error = mt.gradcheck(lambda t: mt.nn.functional.softmax(t, dim=-1), [x])
print(f"largest error with random weights:     {error:.0e}")

# %% [markdown]
# ### Your turn: the gradient of softmax

# %% exercise softmax_vjp

# %% [markdown]
# ## Why the root of d
#
# You saw above what large scores do. How large are they? Take a query and a key of $d$ random numbers each, of mean 0 and
# typical size 1. (Typical size: the root of the mean of the squares, and that mean is called the **variance**.) The score is a
# sum of $d$ products $q_c k_c$, each of variance 1. Variances of independent numbers add up, so the score has the variance $d$
# and the typical size $\sqrt d$.
#
# With $d = 64$ that is 8, and softmax is driven into a corner: one share is nearly 1, the others are nearly 0. There the slope
# $s\,(1 - s)$ of a share in its own score is nearly 0 as well, and the layer does not learn. Dividing by $\sqrt d$ keeps scores
# at the typical size 1 for every $d$. Left, the share of the best of 10 random keys:

# %%
widths = [4, 16, 64, 256]
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
for scale, label, look in ((False, "plain", "o--"), (True, r"divided by $\sqrt{d}$", "o-")):
    largest = []
    for d in widths:
        many, ten = rng.normal(size=(500, d)), rng.normal(size=(10, d))  # 500 queries, 10 keys
        raw = many @ ten.T / (math.sqrt(d) if scale else 1.0)  # (500, 10)
        of_best = mt.nn.functional.softmax(mt.tensor(raw), dim=-1).numpy().max(-1)  # (500,)
        largest.append(of_best.mean())
    axes[0].plot(widths, largest, look, color=BLUE if scale else ORANGE, label=label)
axes[0].set(xscale="log", xlabel="d", ylabel="mean largest share", ylim=(0, 1))
axes[0].set_xticks(widths, widths)
axes[0].minorticks_off()
axes[0].legend(frameon=False)
p = np.linspace(0, 1, 101)
axes[1].plot(p, p * (1 - p), color=BLUE)
axes[1].set(xlabel="share s", ylabel=r"its slope $s(1-s)$", title="a share near 0 or 1 does not learn")
plt.show()

# %% [markdown]
# ## All questions at once
#
# Put the questions of $T$ positions as rows into a matrix $Q$ $(T, d)$, the labels of $S$ positions into $K$ $(S, d)$ and their
# messages into $V$ $(S, d_v)$. The score of question $i$ with label $j$ is $q_i \cdot k_j$, row by row: that is the matrix
# product $Q K^\top$ $(T, S)$. Softmax makes shares of each row, and shares times $V$ is a weighted mean for each question:
#
# $$\mathrm{attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}}\right) V$$
#
# (Vaswani et al., *Attention is all you need*, NeurIPS 2017, section 3.2.1.)
#
# ## Where queries, keys and values come from
#
# Each token has a vector already, its embedding, and these are the rows of $X$ $(T, C)$. Three tables of weights, $W_q$ $(C, d)$,
# $W_k$ $(C, d)$ and $W_v$ $(C, d_v)$, make a query, a key and a value of each row:
#
# $$Q = X W_q, \qquad K = X W_k, \qquad V = X W_v$$
#
# A row of $Q$ depends on the vector of its own token only, and the tables are the same for all tokens. They begin as random numbers
# and are learned by gradient descent (lesson 01), like all weights: nobody tells the model what to ask for. There are three tables,
# so the same word may ask for one thing, be found under another, and pass on a third. With one table for queries and keys, a token
# would mostly find itself.
#
# Here is one attention with all its numbers: three tokens of four channels, and $d = d_v = 2$.

# %%
tokens = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0]])  # (T, C)
to_q = np.array([[2, 0], [0, 2], [0, 0], [0, 1]])  # (C, d)
to_k = np.array([[1, 0], [0, 1], [1, 0], [0, 0]])  # (C, d)
to_v = np.array([[10, 0], [0, 10], [0, 0], [0, 10]])  # (C, dv)
queries, keys, values = tokens @ to_q, tokens @ to_k, tokens @ to_v  # (T, d), (T, d), (T, dv)
fits = queries @ keys.T / math.sqrt(2)  # (T, d) @ (d, S) -> (T, S), here S = T
weights = np.exp(fits) / np.exp(fits).sum(axis=1, keepdims=True)  # (T, S): each row sums to 1
for name, table in (
    ("Q = X Wq", queries),
    ("K = X Wk", keys),
    ("V = X Wv", values),
    ("scores = Q K^T / root 2", fits),
    ("shares = softmax of each row", weights),
    ("result = shares V", weights @ values),  # (T, S) @ (S, dv) -> (T, dv)
):
    print(f"{name} {table.shape}:\n{table.round(2)}")

# %% [markdown]
# Follow token 0, the first row of each table. Its query is $(2, 0)$. The keys are $(2, 0)$, $(0, 1)$ and $(1, 1)$, so the dot
# products are 4, 0 and 2; divided by $\sqrt 2$ they are the scores 2.83, 0 and 1.41. Their softmax gives the shares 0.77, 0.05 and
# 0.19, and the mean of the values $(10, 0)$, $(0, 20)$ and $(10, 10)$ with these shares is $(9.55, 2.77)$.
#
# All three come from the same text, so this is called **self-attention**. (A translator also needs to look at *another* text:
# questions from its own, labels and messages from the other. That is **cross-attention**, the same formula, and there $T$ and $S$
# differ.)
#
# Here is the sentence from the beginning. A trained model would find tables of its own. We write some by hand, to see that it can
# work: each word has four channels, "living", "place", "pronoun", "state". A pronoun asks for living things, and nobody else asks
# for anything.

# %%
words = "the animal did not cross the street because it was too tired".split()
channels = {"animal": 0, "street": 1, "it": 2, "tired": 3}  # living, place, pronoun, state
X = np.array([np.eye(4)[channels[word]] if word in channels else np.zeros(4) for word in words])  # (T, C)
Wq = np.array([[0.0, 0.0], [0.0, 0.0], [4.0, 0.0], [0.0, 0.0]])  # (C, d): a pronoun asks in direction 0
Wk = np.array([[1.5, 0.0], [0.0, 1.5], [0.0, 0.0], [0.0, 0.0]])  # (C, d): direction 0 says "living", 1 "place"
Wv = np.eye(4)  # (C, dv): the message is all that one knows
Q, K, V = X @ Wq, X @ Wk, X @ Wv  # (T, d), (T, d), (T, dv)
shares = mt.nn.functional.softmax(mt.tensor(Q @ K.T / math.sqrt(2)), dim=-1).numpy()  # (T, T)
print("what `it` was:           ", X[words.index("it")])
print("what it gets for answer: ", (shares @ V)[words.index("it")].round(2))

figure, axis = plt.subplots(figsize=(5, 4.2), layout="constrained")
image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
axis.set(xlabel="key: who is looked at", ylabel="query: who looks", title="a row for each word; rows sum to 1")
axis.set_xticks(range(len(words)), words, rotation=60, ha="right", rotation_mode="anchor")
axis.set_yticks(range(len(words)), words)
figure.colorbar(image)
plt.show()

# %% [markdown]
# Row *it* has found its animal: what was "some pronoun" now knows that it is living. All other rows have scores of 0 everywhere,
# so they look everywhere alike. Note that the answer for *it* knows nothing of *where* the animal stands. Shares are
# made of vectors alone, so places must be in the vectors (lesson 05).

# %% [markdown]
# ## Masks
#
# A model that learns to predict the next word gets a whole text and predicts at all places at once: at place 3 it shall say
# what stands at place 4. If place 3 could look at place 4, it would copy. So a table of `True` and `False` says who may look
# where, a **mask**. Where a query may not look, its score becomes $-\infty$ *before* softmax: the share is then exactly 0 and
# the others still sum to 1. Setting shares to 0 *after* softmax would leave rows that sum to less, by just what the hidden
# places had got: the future would still have a say. (`np.tri(6)` makes a table with ones on and below the diagonal.)

# %%
mask = np.tri(6, dtype=bool)  # (T, T): True where one may look
table_of_scores = rng.normal(size=(6, 6))  # (T, T)
masked = mt.tensor(np.where(mask, table_of_scores, -np.inf))  # (T, T)
before = mt.nn.functional.softmax(masked, dim=-1).numpy()  # (T, T)
after = mt.nn.functional.softmax(mt.tensor(table_of_scores), dim=-1).numpy() * mask  # (T, T)
figure, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
for axis, shown, title in ((axes[0], before, "masked before softmax"), (axes[1], after, "wrong: masked after")):
    axis.imshow(shown, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.argwhere(mask):
        colour = "white" if shown[i, j] > 0.5 else "black"
        axis.text(j, i, f"{shown[i, j]:.2f}", ha="center", va="center", fontsize=7, color=colour)
    axis.set(xlabel="key", ylabel="query", title=title, xticks=range(6), yticks=range(6))
plt.show()
print("rows sum to", before.sum(1).round(2))
print("      wrong:", after.sum(1).round(2))

# %% [markdown]
# ### Your turn: the mask, and attention
#
# In `attention` there may be dimensions in front, for many texts at once: $(\ldots, T, d)$. `@` multiplies the last two (lesson
# 02), and `np.swapaxes(k, -1, -2)` turns the last two round and leaves those in front alone, which `k.T` does not. (For the
# root take `math.sqrt`: it gives one of Python's own numbers, while `np.sqrt(4)` is a float64 number that would make a float32
# array float64.)

# %% exercise causal_mask

# %% exercise attention

# %% [markdown]
# ## The same in the library, and against PyTorch
#
# `mt.nn.functional.scaled_dot_product_attention` is this formula as one operation with its own gradient
# (`minitransformer/ops/attention.py`): your `softmax_vjp`, between the gradients of two matrix products (lesson 02). Finite
# differences judge it for queries, keys and values, on every element:

# %%
inputs = [mt.randn(2, 5, 4), mt.randn(2, 6, 4), mt.randn(2, 6, 3)]  # (B, T, d), (B, S, d), (B, S, dv)
print("largest error:", mt.gradcheck(mt.nn.functional.scaled_dot_product_attention, inputs))

# %% [markdown]
# and PyTorch, where it is installed, once without and once with a mask:

# %%
try:
    import torch
except ImportError:
    print("PyTorch is not installed: pip install torch")
else:
    ours, theirs = (library.nn.functional.scaled_dot_product_attention for library in (mt, torch))
    double = [t.double().numpy() for t in inputs]
    print("everywhere: ", mt.compare_with_torch(ours, theirs, double))
    seen = np.tri(5, 6, dtype=bool)  # (T, S)
    ours_masked = lambda q, k, v: ours(q, k, v, mt.tensor(seen))  # noqa: E731
    theirs_masked = lambda q, k, v: theirs(q, k, v, torch.tensor(seen))  # noqa: E731
    print("with a mask:", mt.compare_with_torch(ours_masked, theirs_masked, double))

# %% [markdown]
# ## The article, politely
#
# The article that this course grew from explains attention in three steps, and its formulas are those above. Three remarks:
#
# - Its first step computes "the embedding of queries, keys and values". They are no embeddings (lesson 04), which depend on the
#   id alone. They are computed from $X$, and in the layers above the first $X$ depends on the whole text.
# - It writes $\mathrm{Attention}(Q, K)$ for the shares and $\mathrm{Attention}(Q, K, V)$ for the result: one name for two
#   things. What is drawn as an "attention map" is the first.
# - It calls $d_k$, our $d$, "the dimension of the key". With several heads it is the width *per head*: lesson 07.

# %% [markdown]
# ## Summary
#
# - Scores are dot products of queries and keys; softmax makes them shares; the result is a weighted mean of values.
# - Queries, keys and values are three readings of the same token vectors, by three learned tables.
# - Take off the maximum before exp; divide scores by $\sqrt d$; mask before softmax.
# - The gradient of softmax needs its output alone: $s\,(g - \sum g s)$.
#
# **Further reading.** Vaswani et al., *Attention is all you need*, NeurIPS 2017. Bahdanau, Cho and Bengio, *Neural machine
# translation by jointly learning to align and translate*, ICLR 2015, which brought attention to translation. Luong, Pham and
# Manning, *Effective approaches to attention-based neural machine translation*, EMNLP 2015, with the dot product as the score.
#
# **Next:** 07, several questions at once.
