# %% [markdown]
# # 07 Multi-head attention
#
# After this lesson you can say why one attention is not enough, cut vectors into heads without moving a number, pass a gradient
# through "put side by side", write the multi-head attention of every Transformer, and read the maps of its heads.
#
# *About 90 minutes with the exercises. Builds on lessons 02 (gradients and how to check them) and 06 (attention).*

# %% [markdown]
# ## Why
#
# Back to "the animal did not cross the street because **it** was too tired". To understand *it*, look at *animal*: that is who is
# meant. Look at *tired* as well: that is why the sentence speaks of it. Two questions, two places to look.
#
# One attention gives each token *one* row of shares, and the shares sum to 1. It can give half to *animal* and half to *tired*.
# Then the token gets the mean of their messages, and from a mean one cannot tell who said what:

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer.course import check, hint, saved, solution

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"  # told apart by every kind of eye
COLOURS = [BLUE, ORANGE, GREEN]
rng = np.random.default_rng(0)
mt.manual_seed(0)

print("animal says 3, tired says 7; half of each:", 0.5 * 3 + 0.5 * 7)
print("animal says 9, tired says 1; half of each:", 0.5 * 9 + 0.5 * 1)

# %% [markdown]
# The way out: let every token ask several questions, get several answers, and put them side by side. Each question with its
# answer is called a **head**. With $H$ heads, and $Q_h$, $K_h$, $V_h$ for the queries, keys and values of head $h$ (each head has
# tables of its own to make them),
#
# $$\mathrm{head}_h = \mathrm{attention}(Q_h, K_h, V_h), \qquad
# \mathrm{result} = \mathrm{concat}(\mathrm{head}_0, \ldots, \mathrm{head}_{H-1})\; W_O^\top$$
#
# (Vaswani et al., *Attention is all you need*, NeurIPS 2017, section 3.2.2.) $\mathrm{concat}$ puts side by side, and $W_O$ is
# one more table of learned numbers, which mixes the answers. (Here it is written transposed, as the paper's $W_O$ has a row for
# each number that comes in, and PyTorch's tables, and ours, a row for each number that goes out.) The article that this course
# grew from calls it "multi-head self Register Mechanism"; its equations are those of multi-head attention, and that is what is
# meant.

# %% [markdown]
# ## One head against two
#
# A small experiment, so that you need not take this on trust. Six tokens, each with a random number to say and a mark of its
# place. Task: every token shall repeat what *the token before it* says, and also what *the first token* says. (The token before
# the first one is the last.) Where to look depends on the places alone, so queries and keys are made from the marks only.
#
# We let a layer with one head and a layer with two heads learn it by gradient descent (lesson 01), with the learning rate 0.5:
# error, gradient, a small step against it. Both layers have *exactly as many numbers to learn*.
# `mt.nn.MultiheadAttention(C, H)` is what this lesson builds, with random numbers in its tables, its `parameters()`. It is
# called with three arrays, from which it makes queries, keys and values, and gives back two things, the results and the shares.
# (`batch_first=True` says that our arrays are $(B, T, C)$: $B$ texts of $T$ tokens with $C$ channels. `no_grad` keeps the steps
# themselves off the tape, and `p.grad = None` forgets the old gradient, to which the next would be added.)


# %%
def texts(said):  # (B, 6, 1) -> two arrays (B, 6, 12): the marks of the places, and what is said with the marks
    B = len(said)
    marks = np.broadcast_to(np.eye(6), (B, 6, 6))
    silent, aloud = (np.concatenate([what, np.zeros((B, 6, 5)), marks], axis=-1) for what in (0 * said, said))
    return mt.tensor(silent, dtype=mt.float32), mt.tensor(aloud, dtype=mt.float32)


def learn(n_heads, steps=600, rate=0.5):
    rng = np.random.default_rng(1)
    mt.manual_seed(1)
    layer = mt.nn.MultiheadAttention(12, n_heads, batch_first=True)  # 12 channels
    errors = []
    for _ in range(steps):
        said = rng.normal(size=(32, 6, 1))  # (B, T, 1)
        before, first = np.roll(said, 1, axis=1), np.repeat(said[:, :1], 6, axis=1)
        target = np.concatenate([before, first], axis=-1)  # (B, T, 2)
        marks, x = texts(said)
        result = layer(marks, marks, x)[0][..., :2]  # channels 0 and 1 shall be the two answers
        error = ((result - mt.tensor(target, dtype=mt.float32)) ** 2).mean()
        error.backward()
        with mt.no_grad():
            for p in layer.parameters():
                p.data -= rate * p.grad
                p.grad = None
        errors.append(error.item())
    return layer, errors


learned = {n: learn(n) for n in (1, 2)}
figure, axis = plt.subplots(figsize=(5.2, 2.8), layout="constrained")
for n, colour in ((1, ORANGE), (2, BLUE)):
    smooth = np.convolve(learned[n][1], np.ones(20) / 20, "valid")  # the mean of 20 steps
    axis.semilogy(smooth, color=colour, label="1 head" if n == 1 else f"{n} heads")
axis.axhline(5 / 12, color=GREY, ls=":", label="the best for one mixture, 5/12")
axis.set(xlabel="step", ylabel="squared error", title="two answers from one head, and from two")
axis.legend(frameon=False, fontsize=8)
plt.show()
for n, (_, errors) in learned.items():
    print(f"heads: {n}; error of the last 20 steps: {np.mean(errors[-20:]):.3f}")

# %% [markdown]
# One head gets stuck, and more training does not help: whatever its shares are, it gets one mixture of the two numbers. It may
# look at one of them alone: then one answer is right and the other misses by a number of variance 1 (lesson 06), which makes
# $\frac12(0 + 1) = \frac12$. Or it takes half of each: $\frac{a+b}{2}$ misses $a$ by $\frac{b-a}{2}$, whose square has the mean
# $\frac14 + \frac14 = \frac12$ again. Only token 1 has it easier, as its two answers are the same number. So the mean over the
# six tokens cannot fall below $\frac56 \cdot \frac12 = \frac{5}{12}$. Two heads go on towards 0. And see where they look. The
# map of a head has a row for each query; dark is a large share. Nobody told the heads to divide the work, the gradient did:

# %%
marks, x = texts(rng.normal(size=(1, 6, 1)))
maps = {n: layer(marks, marks, x, average_attn_weights=False)[1].numpy()[0] for n, (layer, _) in learned.items()}
print("maps of two heads:", maps[2].shape)  # (H, T, T)
figure, axes = plt.subplots(1, 3, figsize=(8, 2.9), layout="constrained")
titles = ("one head", "two heads: head 0", "two heads: head 1")
for axis, shares, title in zip(axes, (*maps[1], *maps[2]), titles, strict=True):
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.set(title=title, xlabel="key", ylabel="query", xticks=range(6), yticks=range(6))
plt.show()

# %% [markdown]
# (Were queries and keys made from what is *said* as well, one head could tell a little of a second number by way of its shares:
# they would depend on it, and so would the mean of the marks. Its error could then fall below 5/12, but it would still have to put
# two numbers into one mean.)
#
# ## As many numbers, as much work
#
# How can two heads cost no more than one? Each is half as wide. A token has $C$ channels; with $H$ heads, each head works with
# $d = C / H$ of them. In the article's equations head $i$ has weights of its own, $Q_i = X W_{q_i}$. Side by side, the $H$
# narrow tables are one table of $C \times C$: one matrix product makes all queries, and we *cut* the result.

# %%
T, C, H = 5, 12, 3
d = C // H  # channels per head
X = rng.normal(size=(T, C))  # (T, C)
W = [rng.normal(size=(C, d)) for _ in range(H)]  # H narrow tables, (C, d) each

one_by_one = [X @ w for w in W]  # H times (T, d)
at_once = X @ np.concatenate(W, axis=1)  # (T, C)
print("head 1 is channels 4 to 7:", np.allclose(at_once[:, 4:8], one_by_one[1]))
print("products for the scores: one wide head", T * T * C, "| three narrow heads", H * T * T * d)

# %% [markdown]
# So this is where the article's $d_k$ comes from. It calls it "the dimension of the key", and puts $\sqrt{d_k}$ under the
# scores. It is the dimension of the key of *one head*, $C/H$, and not of the model: a score is a sum of $d$ products, so its
# variance grows with $d$ (lesson 06). Divide by $\sqrt C$ instead, and the scores become too small by a factor of $\sqrt H$.
# The heads then look everywhere a little.

# %%
for H in (1, 4, 16, 64):
    d = 64 // H
    scores = (rng.normal(size=(4000, d)) * rng.normal(size=(4000, d))).sum(axis=1)
    by_d, by_C = scores.std() / math.sqrt(d), scores.std() / math.sqrt(64)
    print(f"C = 64, {H:2d} heads: typical score divided by root d {by_d:.2f}, by root C {by_C:.2f}")

# %% [markdown]
# ## Heads are views
#
# The formula of attention works on the last two axes, $(T, d)$, and treats all axes before them as a batch. So we bring the
# heads there: from $(B, T, C)$ to $(B, H, T, d)$. Two steps do it, and *neither moves a number*. In memory an array is one long
# row of numbers; its shape only says how to read the row. `reshape` and `transpose` give the same row another reading, a
# **view**. `transpose(0, 2, 1, 3)` lists for each new axis which old one it is: axes 1 and 2 change places. This is NumPy's
# `transpose`, which needs all axes. PyTorch's tensors, and this library's, have a method of the same name that takes the two
# axes to swap, `.transpose(1, 2)`; in NumPy that is `np.swapaxes(x, 1, 2)`, and `x.transpose(1, 2)` is an error. (The way back,
# with the heads side by side again, has to copy: after the turn, what must become neighbours is not side by side in memory.)

# %%
B, T, C, H = 1, 2, 6, 3
x = np.arange(B * T * C).reshape(B, T, C)  # (B, T, C)
cut = x.reshape(B, T, H, C // H)  # (B, T, H, d): each token's channels in order, d at a time
heads = cut.transpose(0, 2, 1, 3)  # (B, H, T, d): the heads come before the tokens
print("tokens:", *x[0])
print("head 1:", *heads[0, 1])
print("the same memory:", np.shares_memory(x, heads))

# %% [markdown]
# Why not reshape to $(B, H, T, d)$ at once? The shape is right, nothing complains, and it is wrong. Reshape reads the row from
# its beginning: the first $T \cdot d$ numbers, which are the channels of the first tokens, become head 0. It is the most common
# mistake of this lesson, and the picture shows what it does. Each box is a number of two tokens; its colour is the head it gets
# to.

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 1.8), layout="constrained")
right = np.broadcast_to(np.arange(C) // 2, (T, C))
wrong = (np.arange(T * C) // (T * 2)).reshape(T, C)
shown = ((right, "cut, then turn"), (wrong, "reshaped at once: tokens torn apart"))
for axis, (owner, title) in zip(axes, shown, strict=True):
    for (t, c), h in np.ndenumerate(owner):
        axis.add_patch(plt.Rectangle((c, T - 1 - t), 0.94, 0.92, color=COLOURS[h]))
        middle = c + 0.47, T - 1 - t + 0.46
        axis.text(*middle, f"head {h}", ha="center", va="center", color="white", fontsize=8)
    axis.set(xlim=(0, C), ylim=(0, T), title=title, xlabel="channel")
    axis.set(xticks=np.arange(C) + 0.47, xticklabels=range(C))
    axis.set(yticks=[1.46, 0.46], yticklabels=["token 0", "token 1"])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
plt.show()

# %% [markdown]
# ### Your turn: cut into heads, and put together again

# %% exercise split_heads

# %% exercise merge_heads

# %% [markdown]
# ## The gradient of "side by side"
#
# What does `split_heads` do to a gradient? It moves numbers to other places and computes nothing. Output entry $j$ *is* input
# entry $i$: the slope is 1 there and 0 everywhere else. So the gradient of each number is found where the number went, and must
# be moved back. That is `merge_heads`. And the gradient of `merge_heads` is `split_heads`.
#
# The same holds for every operation that only moves numbers. Take `np.concatenate`, which puts arrays side by side. With
# $y = \mathrm{concat}(a, b)$, the first entries of $y$ are those of $a$, the others those of $b$. So, with
# $g = \partial L / \partial y$,
#
# $$\frac{\partial L}{\partial a} = \text{the first part of } g, \qquad \frac{\partial L}{\partial b} = \text{the rest of } g,$$
#
# each as long as its array was. Finite differences agree:

# %%
a, b = rng.normal(size=(2, 1)), rng.normal(size=(2, 3))
g = rng.normal(size=(2, 4))  # of the shape of y
eps = 1e-6
slopes = np.zeros_like(b)
for index in np.ndindex(b.shape):
    up, down = b.copy(), b.copy()
    up[index] += eps
    down[index] -= eps
    difference = np.concatenate([a, up], axis=1) - np.concatenate([a, down], axis=1)
    slopes[index] = (g * difference).sum() / (2 * eps)
print("tried out:  ", slopes[0].round(6))
print("cut from g: ", g[0, 1:].round(6))

# %% [markdown]
# ### Your turn: the gradient of a concatenation

# %% exercise concat_vjp

# %% [markdown]
# ## What the last product does
#
# Side by side, the heads are $(B, T, C)$ again. One more product with $W_O$ lets every channel of the result hear from every
# head. There is another way to read it. Cut $W_O^\top$ into blocks of $d$ rows, one for each head. Then
#
# $$\mathrm{concat}(\mathrm{head}_0, \ldots, \mathrm{head}_{H-1})\, W_O^\top = \sum_h \mathrm{head}_h\, W_{O,h}^\top .$$
#
# Each head *adds* something of its own to the result. This sum is why one can ask later what a single head contributed.

# %%
heads = rng.normal(size=(3, 5, 4))  # (H, T, d)
w_out = rng.normal(size=(12, 12))  # (C, C)
together = np.concatenate(list(heads), axis=1) @ w_out.T  # (T, C)
one_by_one = sum(heads[h] @ w_out.T[4 * h : 4 * h + 4] for h in range(3))  # (T, C)
print("the same:", np.allclose(together, one_by_one))

# %% [markdown]
# ### Your turn: multi-head attention
#
# You need the attention of lesson 06. Here it is, as one function; the file of the exercises has it too. The three tables for
# queries, keys and values are stacked into one, `w_in` of shape $(3C, C)$, as PyTorch and this library keep them: rows $0$ to
# $C-1$ make the queries, the next $C$ the keys, the last $C$ the values. Weights are (out, in), so that a layer is
# $x W^\top + b$.


# %%
def attention(q, k, v, mask=None):  # (..., T, d), (..., S, d), (..., S, dv), (T, S) -> (..., T, dv)
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])  # (..., T, S)
    if mask is not None:
        scores = np.where(mask, scores, scores.dtype.type(-np.inf))
    highest = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(highest), highest, 0))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total) @ v


# %% exercise multi_head_attention

# %% [markdown]
# ## What heads can look for
#
# Heads that are trained on text find their own ways, and some of these have names. Let us build three by hand, to see that
# queries and keys can express them. Eight words; each has a vector that marks its place and its word. A head compares what its
# query table and its key table pick out of these vectors.

# %%
words = "the cat saw the dog and the mouse".split()
T = len(words)
places = np.eye(T)  # (T, T): a mark for each place
names = np.array([[word == other for other in dict.fromkeys(words)] for word in words], dtype=float)  # (T, V)

asks = {
    "the word before": (np.roll(places, -1, axis=1), places),  # place t asks for place t - 1
    "the same word": (names, names),
    "anything": (places * 0, places),
}
keep_back = np.tri(T, dtype=bool)  # nobody looks ahead
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for axis, (title, (q, k)) in zip(axes, asks.items(), strict=True):
    q = 6 * math.sqrt(q.shape[-1]) * q  # a fit scores 6
    shares = attention(q, k, np.eye(T), keep_back)  # (T, T): with v = 1, just the shares
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.set(title=title, xticks=range(T), yticks=range(T), xlabel="key")
    axis.set_xticklabels(words, rotation=60)
    axis.set_yticklabels(words)
axes[0].set_ylabel("query")
plt.show()

# %% [markdown]
# The first row has no choice: the first word sees only itself. In the first map it was asked for a word before the first one, so
# it takes what there is. Heads that look one place back have been found in trained models, and others that follow the
# grammar, say from a verb to its subject (Clark et al., 2019; Voita et al., 2019). A warning, to be kept until lesson 13: a dark
# square says where a head *looked*. It does not say that what it saw made a difference.

# %% [markdown]
# ## The same in the library, and against the judges
#
# On the library's tensors, the whole layer is a few lines, and its gradient comes by itself. (Here `.transpose(1, 2)` swaps two
# axes of a tensor, as in PyTorch. On the NumPy arrays of your exercises it is an error: there, list all axes.) Finite
# differences judge it for the tokens and for each of the four weights, on every element:


# %%
def multi_head(x, w_in, b_in, w_out, b_out, H=2):  # x: (B, T, C)
    B, T, C = x.shape
    parts = mt.nn.functional.linear(x, w_in, b_in).chunk(3, -1)  # q, k, v: (B, T, C) each
    q, k, v = (part.reshape(B, T, H, C // H).transpose(1, 2) for part in parts)  # (B, H, T, d) each
    heads = mt.nn.functional.scaled_dot_product_attention(q, k, v)  # (B, H, T, d)
    return mt.nn.functional.linear(heads.transpose(1, 2).reshape(B, T, C), w_out, b_out)  # (B, T, C)


weights = [rng.normal(size=shape) for shape in ((24, 8), (24,), (8, 8), (8,))]
sequence = rng.normal(size=(2, 5, 8))  # (B, T, C)
print("largest error against finite differences:", mt.gradcheck(multi_head, [sequence, *weights]))

# %% [markdown]
# and PyTorch, where it is installed. Its function wants time before batch, $(T, B, C)$:

# %%
try:
    import torch
except ImportError:
    print("PyTorch is not installed: pip install torch")
else:

    def theirs(x, w_in, b_in, w_out, b_out):
        x = x.transpose(0, 1)  # (T, B, C)
        left_out = {"bias_k": None, "bias_v": None, "add_zero_attn": False, "dropout_p": 0.0, "need_weights": False}
        weights = {"in_proj_weight": w_in, "in_proj_bias": b_in, "out_proj_weight": w_out, "out_proj_bias": b_out}
        attend = torch.nn.functional.multi_head_attention_forward
        result, _ = attend(x, x, x, embed_dim_to_check=8, num_heads=2, **weights, **left_out)
        return result.transpose(0, 1)  # (B, T, C)

    print(mt.compare_with_torch(multi_head, theirs, [sequence, *weights]))

# %% [markdown]
# `mt.nn.MultiheadAttention` (`minitransformer/nn/attention.py`) is this layer with its weights inside, under PyTorch's names. It
# averages the maps of its heads unless you ask for each, with `average_attn_weights=False`. The average hides just what this
# lesson is about, who asked for what:

# %%
layer, _ = learned[2]
marks, x = texts(rng.normal(size=(1, 6, 1)))
averaged = layer(marks, marks, x)[1].numpy()[0]  # (T, T)
each = layer(marks, marks, x, average_attn_weights=False)[1].numpy()[0]  # (H, T, T)
figure, axes = plt.subplots(1, 3, figsize=(8, 2.9), layout="constrained")
for axis, shares, title in zip(axes, (averaged, *each), ("averaged", "head 0", "head 1"), strict=True):
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.set(title=title, xlabel="key", ylabel="query", xticks=range(6), yticks=range(6))
plt.show()

# %% [markdown]
# ## Summary
#
# - One attention gives one mean. Several heads ask several questions, and their answers stand side by side.
# - Cut $C$ into $(H, d)$ first, then turn the axes. The heads are a batch axis; no number moves.
# - What only moves numbers moves gradients back: split and merge are each other's gradients, and concatenate's is a cut.
# - Scores are divided by $\sqrt d$ with $d = C/H$. The last product adds up what each head has to say.
#
# **Further reading.** Vaswani et al., *Attention is all you need*, NeurIPS 2017, section 3.2.2. Voita, Talbot, Moiseev, Sennrich
# and Titov, *Analyzing multi-head self-attention: specialized heads do the heavy lifting, the rest can be pruned*, ACL 2019.
# Michel, Levy and Neubig, *Are sixteen heads really better than one?*, NeurIPS 2019. Clark, Khandelwal, Levy and Manning, *What
# does BERT look at? An analysis of BERT's attention*, BlackboxNLP 2019.
#
# **Next:** 08, the block around it: residual connections, normalization, and a small network for each token.
