# %% [markdown]
# # 08 The Transformer encoder
#
# After this lesson you can say what holds a deep stack of layers together, write layer normalization and derive its gradient, say
# what the small network beside attention is for, assemble the block that every Transformer repeats, and read the listing of the
# article that this course grew from line by line, held against PyTorch.
#
# *About 120 minutes with the exercises. Builds on lessons 02 (gradients), 04 (embeddings), 05 (places), 06 and 07 (attention).*

# %% [markdown]
# ## Why
#
# Lesson 07 made a layer in which tokens ask each other. One layer is one step: *it* learns that *animal* is meant. For a second
# step, say from "the animal was too tired" to "so it stayed where it was", put a second layer on top, and so on. Will that work?
# Let us try: layers with random weights, one after the other. Each picture has a row for each of twelve tokens:

# %%
import math
import warnings

import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer.course import check, hint, saved, solution

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
rng = np.random.default_rng(0)

mt.manual_seed(0)
x = mt.randn(1, 12, 32)  # (B, T, C)
figure, axes = plt.subplots(1, 4, figsize=(9, 1.9), layout="constrained", sharey=True)
for depth, axis in enumerate(axes):
    shown = x.numpy()[0]  # (T, C)
    axis.imshow(shown / abs(shown).max(), cmap="RdBu", vmin=-1, vmax=1)
    axis.set(title=f"{depth} layers", xlabel="channel")
    x = mt.nn.MultiheadAttention(32, 4, batch_first=True)(x, x, x, need_weights=False)[0]  # (B, T, C)
axes[0].set_ylabel("token")
plt.show()

# %% [markdown]
# With each layer the rows become more alike, until only stripes are left: every token is the same vector. Now in numbers, for up
# to 12 layers: how different are the tokens at the end, and what gradient arrives at the first layer?


# %%
def size(array):
    return float(np.sqrt((array**2).mean()))  # of a typical entry


def stack(depth, added):  # -> how different the tokens are at the end, size of the gradient at the start
    mt.manual_seed(0)
    x = start = mt.randn(4, 12, 32, dtype=mt.float64, requires_grad=True)  # (B, T, C)
    for _ in range(depth):
        layer = mt.nn.MultiheadAttention(32, 4, batch_first=True).double()  # random weights, in float64
        found = layer(x, x, x, need_weights=False)[0]  # (B, T, C), without the attention weights
        x = x + found if added else found
    x.backward(mt.tensor(rng.normal(size=x.shape)))  # a random gradient at the end
    end = x.numpy()
    return size(end - end.mean(1, keepdims=True)) / size(end), size(start.grad.numpy())


depths = range(1, 13)
figure, axes = plt.subplots(1, 2, figsize=(9, 2.9), layout="constrained")
lines = ((False, ORANGE, "o--", "attention alone"), (True, BLUE, "s-", "x + attention"))
for added, colour, look, label in lines:
    different, slopes = zip(*(stack(depth, added) for depth in depths), strict=True)
    axes[0].semilogy(depths, different, look, ms=4, color=colour, label=label)
    axes[1].semilogy(depths, slopes, look, ms=4, color=colour, label=label)
axes[0].set(xlabel="layers", title="how different the tokens still are")
axes[1].set(xlabel="layers", title="size of the gradient at the first layer")
for axis in axes:
    axis.legend(frameon=False)
plt.show()

# %% [markdown]
# Look at the dashed lines. Attention takes means, and means of means become alike: after a few layers all tokens of a text are
# *the same vector*, up to some digit that no one can use. And the gradient that arrives at the first layer has faded away, as
# every layer multiplied it with small numbers.
#
# The other line has one change. It makes a Transformer possible.

# %% [markdown]
# ## Add, do not replace
#
# Let a layer say what to *add* to its input, instead of what to put in its place. This is a **residual connection** (He et al.,
# 2016):
#
# $$y = x + f(x)$$
#
# A layer that finds nothing gives zeros and does no harm. And from lesson 01 you know what a sum does to a gradient. It hands it
# to both of its terms:
#
# $$\frac{\partial L}{\partial x} = g + (\text{what comes back through } f)$$
#
# The first $g$ has not been multiplied with anything. With twelve such layers there is a way for the gradient from the end to
# the beginning on which nothing weakens it. People speak of the **residual stream**: one vector for each token runs through the
# whole model, and the layers read from it and add to it.

# %% [markdown]
# ## Keep the size
#
# The vectors of a stream to which everyone adds get longer and longer. That is bad for attention: if all vectors get $s$ times
# as long, so do queries and keys, all scores get $s^2$ times as large, and softmax is driven into its corner (lesson 06). So
# before the vectors are used, bring them back to one size. **Layer normalization** (Ba, Kiros and Hinton, 2016) does so for
# each token alone, over its $C$ channels:
#
# $$\mu = \frac1C \sum_c x_c, \qquad \sigma^2 = \frac1C \sum_c (x_c - \mu)^2, \qquad
# z_c = \frac{x_c - \mu}{\sqrt{\sigma^2 + \varepsilon}}, \qquad y_c = w_c\,z_c + b_c$$
#
# In words: take off the mean $\mu$, divide by the typical size $\sigma$ of what is left. The small $\varepsilon = 10^{-5}$ is
# there for a vector of equal numbers, whose $\sigma$ is 0. Weight $w$ and bias $b$ are learned, one number for each channel: if
# the model wants another size, it can have it. (The library's `layer_norm` is told which shape to normalize over, here the last
# 32 numbers.)

# %%
mt.manual_seed(0)
layer = mt.nn.MultiheadAttention(32, 4, batch_first=True)
x = mt.randn(1, 12, 32)  # (B, T, C)
for s in (1, 3, 10, 30):
    plain, normed = s * x, mt.nn.functional.layer_norm(s * x, (32,))
    maps = [layer(t, t, t, average_attn_weights=False)[1].numpy() for t in (plain, normed)]  # (B, H, T, T)
    shares = [shares.max(-1).mean() for shares in maps]
    print(f"{s:2d} times as long: mean largest share {shares[0]:.2f}, normalized {shares[1]:.2f}")

# %% [markdown]
# It is a normalization of each *token*. (Batch normalization, which you may have met, takes mean and variance of a channel over
# many examples. Then what a text means depends on which other texts came with it.)

# %% [markdown]
# ### Your turn: layer normalization

# %% exercise layer_norm

# %% [markdown]
# ## What it forgets, and its gradient
#
# With three channels one can see it. Taking off the mean drops every vector onto a plane, the one of all vectors that sum to 0.
# The picture looks down on that plane. Dividing by $\sigma$ then moves every vector along its ray to a circle of radius
# $\sqrt C$: the mean of the squares of $z$ is 1, so their sum is $C$, and the length of $z$ is the root of that.

# %%
points = np.random.default_rng(5).normal(size=(9, 3)) * 2 + 0.5  # (tokens, C = 3)
plane = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])  # (2, 3): two directions in the plane
z = mt.nn.functional.layer_norm(mt.tensor(points), (3,)).numpy()
before, after = (points - points.mean(1, keepdims=True)) @ plane.T, z @ plane.T  # (tokens, 2) each
around = np.linspace(0, 2 * np.pi, 200)
figure, axis = plt.subplots(figsize=(3.8, 3.6), layout="constrained")
axis.plot(math.sqrt(3) * np.cos(around), math.sqrt(3) * np.sin(around), color=GREY, lw=1)
for start, end in zip(before, after, strict=True):
    axis.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": GREY, "shrinkB": 3})
axis.plot(*before.T, "o", ms=6, color=ORANGE, label="x, its mean taken off")
axis.plot(*after.T, "s", ms=5, color=BLUE, label="z")
axis.set(aspect="equal", xticks=[], yticks=[], xlim=(-4.5, 4.5), ylim=(-4, 5), title="seen from (1, 1, 1)")
axis.legend(frameon=False, loc="upper center", ncols=2, fontsize=8)
plt.show()

# %% [markdown]
# So two things are forgotten: where a vector was *above* the plane (its mean), and how *far out* it was (its size). What is
# left is its direction. This tells us what the gradient must look like. Shifting all of $x$, or stretching it, changes nothing.
# So $\partial L / \partial x$ has *no part* along $(1, 1, \ldots, 1)$, and none along $z$: its dot product with both is 0. (For
# $z$ this is exact without $\varepsilon$, and almost so with it.)
#
# Now by the rules. The weight comes last on the way forward, so it is met first on the way back:
# $h = \partial L / \partial z$, which is $h_c = g_c\,w_c$. Write $s = \sqrt{\sigma^2 + \varepsilon}$. A channel $x_j$ moves $z_i$
# in three ways:
#
# - directly, if $i = j$: slope $1/s$;
# - through the mean: $\partial\mu / \partial x_j = 1/C$, which takes $\frac{1}{C\,s}$ off every $z_i$;
# - through $s$. The variance $\sigma^2$ is a mean of squares, so its slope in $x_j$ is $\frac{2}{C}(x_j - \mu)$. (That $\mu$
#   moves too does not matter: it adds $-\frac1C$ times the sum of all $\frac2C (x_c - \mu)$, and differences from the mean sum to
#   0.) The slope of the root $s$ in what stands under it is $\frac{1}{2s}$. Together,
#   $\partial s / \partial x_j = \frac{x_j - \mu}{C\,s} = z_j / C$. And $z_i = (x_i - \mu)/s$ has the slope
#   $-\frac{x_i - \mu}{s^2} = -\frac{z_i}{s}$ in $s$.
#
# All three, with $[i = j]$ as in lesson 06:
#
# $$\frac{\partial z_i}{\partial x_j} = \frac1s \Big( [i = j] - \frac1C - \frac{z_i z_j}{C} \Big)$$
#
# Multiply with $h_i$ and sum over $i$:
#
# $$\frac{\partial L}{\partial x_j} = \frac1s \Big( h_j \;-\; \underbrace{\tfrac1C \textstyle\sum_i h_i}_{\text{mean of } h}
# \;-\; z_j \underbrace{\tfrac1C \textstyle\sum_i h_i z_i}_{\text{mean of } hz} \Big)$$
#
# The second term takes off the part along $(1, 1, \ldots)$, the third the part along $z$, as foretold. And $w$ and $b$ are used
# by every token, so their gradients are sums over all tokens (`unbroadcast`, lesson 02).
#
# The blind check of lesson 02 is waiting here as well. If the weights are ones and so is $g$, then $h$ is all ones, its mean is
# 1, and the gradient is 0, just as it would be of a function that returns zeros.

# %%
x = mt.randn(2, 5, dtype=mt.float64, requires_grad=True)
mt.nn.functional.layer_norm(x, (5,)).backward(mt.ones(2, 5, dtype=mt.float64))
print("gradient in x of a gradient of ones:", abs(x.grad.numpy()).max().round(12))

x = mt.randn(1, 5, dtype=mt.float64, requires_grad=True)
z = mt.nn.functional.layer_norm(x, (5,), eps=0.0)
z.backward(mt.randn(1, 5, dtype=mt.float64))
print("its part along (1, 1, ...):", x.grad.numpy().sum().round(12), " along z:", round((x.grad * z).sum().item(), 12))

inputs = [mt.randn(2, 3, 5), mt.randn(5), mt.randn(5)]  # x, weight, bias
error = mt.gradcheck(lambda x, w, b: mt.nn.functional.layer_norm(x, (5,), w, b), inputs)
print(f"largest error with random weights: {error:.0e}")

# %% [markdown]
# ### Your turn: its gradient

# %% exercise layer_norm_vjp

# %% [markdown]
# ## A small network for each token
#
# Attention decides *where to look*, and brings back a mean of values. Where the shares (the *attention weights*) stay the same,
# this is a linear map of the values. It gathers, but it does not work out anything. So each token then gets a small network of
# its own, the **feed-forward network**, the same weights for every token and every place:
#
# $$\mathrm{ffn}(x) = \mathrm{relu}(x\,W_1^\top + b_1)\,W_2^\top + b_2, \qquad \mathrm{relu}(a) = \max(a, 0)$$
#
# It goes from $C$ channels to $F$, often $F = 4C$, and back to $C$. The bend in between is what counts. Without it, two linear
# maps in a row are one linear map, $x\,(W_2 W_1)^\top$ plus a bias. With it, every hidden unit is a *hinge*: flat up to a place
# that $b_1$ sets, and a slope from there on. Sums of hinges follow any curve, better with each hinge.
# (The gradient of relu: $g$ goes through where $a > 0$, and nothing does elsewhere.)

# %%
line = np.linspace(-3, 3, 301)[:, None]  # (tokens, C = 1)
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
for axis, F in zip(axes, (6, 15), strict=True):
    knots = np.linspace(-3, 3, F + 1)  # between two of them: a straight piece
    slopes = np.diff(np.sin(2 * knots)) / np.diff(knots)  # (F,)
    w1, b1 = np.ones((F, 1)), -knots[:-1]  # (F, C), (F,): each unit has its hinge at a knot
    w2, b2 = np.diff(slopes, prepend=0)[None], np.sin(2 * knots[:1])  # (C, F), (C,): changes of slope
    hidden = np.maximum(line @ w1.T + b1, 0)  # (tokens, F)
    for i, unit in enumerate((hidden * w2).T):
        axis.plot(line[:, 0], unit, color=GREY, lw=0.6, label="the hinges" if i == 0 else None)
    axis.plot(line, np.sin(2 * line), "--", color=ORANGE, lw=2, label="sin 2x")
    axis.plot(line, hidden @ w2.T + b2, color=BLUE, label="their sum")
    axis.set(ylim=(-2.2, 2.2), title=f"{F} hinges")
axes[0].legend(frameon=False, fontsize=8, ncols=3, loc="upper center")
plt.show()

# %% [markdown]
# In a Transformer the hinges are cuts through a space of $C$ dimensions, and they are learned. Most of the numbers of a block
# are in this network. Here is one block at the size of the first Transformer:

# %%
block = mt.nn.TransformerEncoderLayer(d_model=512, nhead=8, dim_feedforward=2048)
for part in ("self_attn", "linear", "norm"):
    count = sum(p.numel() for name, p in block.named_parameters() if name.startswith(part))  # numel: how many numbers
    print(f"{part:10s}{count:10,d} numbers to learn")

# %% [markdown]
# ### Your turn: the network

# %% exercise feed_forward

# %% [markdown]
# ## The block
#
# Now put it together: attention, added; the network, added; and a normalization for each. Where should the normalization be? The
# paper has it *after* each sum, on the stream itself (*post-norm*). Most models since about 2019 have it *first*, on the way into
# attention and into the network, and leave the stream alone (*pre-norm*):
#
# $$\begin{aligned}
# \text{after:}\quad & x \leftarrow \mathrm{norm}_1(x + \mathrm{attend}(x)), & x &\leftarrow \mathrm{norm}_2(x +
# \mathrm{ffn}(x)) \\ \text{first:}\quad & x \leftarrow x + \mathrm{attend}(\mathrm{norm}_1(x)), & x &\leftarrow x +
# \mathrm{ffn}(\mathrm{norm}_2(x))
# \end{aligned}$$


# %%
def draw(axis, title, steps):  # boxes on the stream (x = 0) or beside it (x = 1), from the bottom up
    axis.annotate("", (0, 9.6), (0, -0.6), arrowprops={"arrowstyle": "-|>", "color": "black", "lw": 2})
    for y, x, text, colour in steps:
        shape = "circle,pad=0.12" if text == "+" else "round,pad=0.3"
        look = {"boxstyle": shape, "fc": colour, "ec": "none"}
        axis.text(x, y, text, color="white", ha="center", va="center", bbox=look, fontsize=10)
    for start in (0, 4.8):  # the way out of the stream, through the boxes, and back to the plus
        end = start + 3.2
        axis.plot([0, 1, 1, 0.13], [start, start, end, end], color=GREY, lw=1.5, zorder=0)
        axis.annotate("", (0.07, end), (0.2, end), arrowprops={"arrowstyle": "-|>", "color": GREY})
    axis.set(xlim=(-0.6, 1.6), ylim=(-0.9, 9.9), title=title)
    axis.axis("off")


figure, axes = plt.subplots(1, 2, figsize=(7, 4.2), layout="constrained")
colours = {"+": GREY, "attend": BLUE, "network": ORANGE, "norm1": GREEN, "norm2": GREEN}
after = {"attend": (1.6, 1), "norm1": (4.0, 0), "network": (6.4, 1), "norm2": (8.8, 0)}
first = {"norm1": (1.0, 1), "attend": (2.2, 1), "norm2": (5.8, 1), "network": (7.0, 1)}
for axis, title, boxes in ((axes[0], "norms after the sums", after), (axes[1], "norms first", first)):
    places = [("+", (3.2, 0)), ("+", (8.0, 0)), *boxes.items()]
    draw(axis, title, [(*place, text, colours[text]) for text, place in places])
plt.show()

# %% [markdown]
# On the right, the black arrow runs from bottom to top and meets nothing but plus signs. On the left it passes through every
# norm, and the gradient does so too. Both learn, and they want to be treated differently. Xiong et al. (2020) computed how
# large the gradient of the *last* layer is before any training. With norms after the sums, it is equally large for any depth.
# With norms first, it falls like $1/\sqrt{\text{depth}}$, since the stream gets longer and one layer counts less in it. We can
# measure that:


# %%
def last_gradient(norm_first, depth):
    mt.manual_seed(0)
    x = mt.randn(4, 16, 64)  # (B, T, C)
    for _ in range(depth):
        layer = mt.nn.TransformerEncoderLayer(64, 4, 256, 0.0, batch_first=True, norm_first=norm_first)
        for p in layer.parameters():
            if p.ndim == 2:
                mt.nn.init.xavier_uniform_(p)  # random weights that keep the size of what comes in
        x = layer(x)  # (B, T, C)
    if norm_first:  # nobody has normalized the stream yet: a last norm does
        x = mt.nn.LayerNorm(64)(x)
    x.backward(mt.randn(4, 16, 64))
    return np.linalg.norm(layer.linear2.weight.grad.numpy())


depths = np.array([2, 4, 8, 16, 32])
figure, axis = plt.subplots(figsize=(5, 2.8), layout="constrained")
lines = ((False, ORANGE, "o--", "norms after"), (True, BLUE, "s-", "norms first"))
for norm_first, colour, look, label in lines:
    slopes = np.array([last_gradient(norm_first, depth) for depth in depths])
    axis.loglog(depths, slopes / slopes[0], look, color=colour, label=label)
axis.loglog(depths, (depths / depths[0]) ** -0.5, ":", color=GREY, label=r"$1/\sqrt{\mathrm{depth}}$")
axis.set(xlabel="layers", title="gradient of the last layer, relative to 2 layers")
axis.set(xticks=depths, xticklabels=depths, yticks=[0.25, 0.5, 1], yticklabels=[0.25, 0.5, 1])
axis.minorticks_off()
axis.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# So in a deep stack of the paper's kind the layers near the end get large gradients from the start. This is, they argue, why it
# begins its training with very small steps ("warm-up", lesson 09), and why the other kind hardly needs that.
#
# One more thing to see: in all of this, only attention lets tokens hear of each other. Norms and network treat each token alone.
# Change token 3 of six and look who notices:

# %%
mt.manual_seed(0)
block = mt.nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True)
x = rng.normal(size=(1, 6, 16)).astype("float32")  # (B, T, C)
other = x.copy()
other[0, 3] += rng.normal(size=16)
parts = {
    "norm": block.norm1,
    "network": lambda t: block.linear2(block.linear1(t).relu()),
    "attention": lambda t: block.self_attn(t, t, t, need_weights=False)[0],
}
for name, part in parts.items():
    moved = abs(part(mt.tensor(x)).numpy() - part(mt.tensor(other)).numpy()).max(-1)[0]  # (T,)
    print(f"{name:10s}tokens that change:", *np.flatnonzero(moved > 1e-6))

# %% [markdown]
# ### Your turn: the block
#
# Multi-head attention is lesson 07's, given here and in the file of the exercises. Your block takes its weights from a
# dictionary, under PyTorch's names.


# %%
def attention(q, k, v, mask=None):  # (..., T, d), (..., S, d), (..., S, dv), (T, S) -> (..., T, dv)
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])  # (..., T, S)
    if mask is not None:
        scores = np.where(mask, scores, scores.dtype.type(-np.inf))
    highest = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(highest), highest, 0))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total) @ v


def multi_head_attention(x, w_in, b_in, w_out, b_out, n_heads, mask=None):  # (B, T, C) -> (B, T, C)
    B, T, C = x.shape
    parts = np.split(x @ w_in.T + b_in, 3, axis=-1)  # q, k, v: (B, T, C) each
    q, k, v = (part.reshape(B, T, n_heads, C // n_heads).transpose(0, 2, 1, 3) for part in parts)
    heads = attention(q, k, v, mask)  # (B, H, T, d)
    return heads.transpose(0, 2, 1, 3).reshape(B, T, C) @ w_out.T + b_out


# %% exercise encoder_block

# %% [markdown]
# ## The block against the judges
#
# On the library's tensors a block is two lines more than lesson 07's layer. Finite differences judge its gradient, for the tokens
# and for each of its twelve weights, on every element:


# %%
def encoder_layer(x, w_in, b_in, w_out, b_out, w1, b1, w2, b2, n1, c1, n2, c2, H=2):  # x: (B, T, C)
    B, T, C = x.shape
    f = mt.nn.functional
    q, k, v = (t.reshape(B, T, H, C // H).transpose(1, 2) for t in f.linear(x, w_in, b_in).chunk(3, -1))
    heads = f.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, T, C)  # (B, T, C)
    x = f.layer_norm(x + f.linear(heads, w_out, b_out), (C,), n1, c1)
    return f.layer_norm(x + f.linear(f.linear(x, w1, b1).relu(), w2, b2), (C,), n2, c2)


block = mt.nn.TransformerEncoderLayer(4, 2, 6, 0.0, batch_first=True)  # C = 4, two heads, F = 6
names = [name for name, _ in block.named_parameters()]
arrays = [rng.normal(size=p.shape) for p in block.parameters()]
x = rng.normal(size=(2, 3, 4))  # (B, T, C)
print("largest error against finite differences:", mt.gradcheck(encoder_layer, [x, *arrays]))

# %% [markdown]
# and PyTorch, where it is installed:

# %%
try:
    import torch
except ImportError:
    torch = None
    print("PyTorch is not installed; to install it, run in a cell: %pip install torch")
    print("When this page was made, no difference to PyTorch was above 1e-15, in the values and in the gradients")
else:
    judge = torch.nn.TransformerEncoderLayer(4, 2, 6, 0.0, batch_first=True).double()

    def theirs(x, *arrays):
        return torch.func.functional_call(judge, dict(zip(names, arrays, strict=True)), (x,))

    print(mt.compare_with_torch(encoder_layer, theirs, [x, *arrays]))

# %% [markdown]
# ## The article's listing
#
# The article explains attention and names the "Feed Forward Network". It says nothing of residual connections, and nothing of
# layer normalization. But its listing has both: they are inside PyTorch's `TransformerEncoderLayer`. You have now written all
# that is in there. So here is the listing, unchanged, as a text, for we are going to run it *twice*: `exec` takes a text for a
# program and runs it.

# %%
LISTING = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class TransformerModel(nn.Module):
   def __init__(self, ntoken, ninp, nhead, nhid, nlayers, dropout=0.5):
       super(TransformerModel, self).__init__()
       from torch.nn import TransformerEncoder, TransformerEncoderLayer
       self.model_type = 'Transformer'
       self.src_mask = None
       self.pos_encoder = PositionalEncoding(ninp, dropout)
       encoder_layers = TransformerEncoderLayer(ninp, nhead, nhid, dropout)
       self.transformer_encoder = TransformerEncoder(encoder_layers, nlayers)
       self.encoder = nn.Embedding(ntoken, ninp)
       self.ninp = ninp
       self.decoder = nn.Linear(ninp, ntoken)

       self.init_weights()

   def _generate_square_subsequent_mask(self, sz):
       mask = (torch.triu(torch.ones(sz, sz)) == 1).transpose(0, 1)
       mask = mask.float().masked_fill(mask == 0, float('-inf')).masked_fill(mask == 1, float(0.0))
       return mask

   def init_weights(self):
       initrange = 0.1
       self.encoder.weight.data.uniform_(-initrange, initrange)
       self.decoder.bias.data.zero_()
       self.decoder.weight.data.uniform_(-initrange, initrange)

   def forward(self, src):
       if self.src_mask is None or self.src_mask.size(0) != len(src):
           device = src.device
           mask = self._generate_square_subsequent_mask(len(src)).to(device)
           self.src_mask = mask

       src = self.encoder(src) * math.sqrt(self.ninp)
       src = self.pos_encoder(src)
       output = self.transformer_encoder(src, self.src_mask)
       output = self.decoder(output)
       return output
"""

# %% [markdown]
# Two things are missing. The listing calls `math.sqrt` and never imports `math`. It uses a `PositionalEncoding` that is defined
# nowhere: lesson 05's table, added. We supply both:

# %%
MISSING = """
import math

class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout, max_len=100):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        speeds = 1 / 10000 ** (torch.arange(0, d_model, 2) / d_model)  # (C/2,)
        angles = torch.arange(max_len).unsqueeze(1) * speeds  # (T, C/2)
        table = torch.stack([torch.sin(angles), torch.cos(angles)], -1).reshape(max_len, 1, d_model)
        self.register_buffer("table", table)  # (T, 1, C): part of the model, and not learned

    def forward(self, x):  # (T, B, C)
        return self.dropout(x + self.table[: len(x)])
"""


def run(listing):  # -> the names that it defines
    names = {"__name__": "article"}
    exec(listing, names)
    exec(MISSING, names)
    return names


ours = LISTING.replace("import torch\n", "import minitransformer as torch\n")
for word in ("import", "from"):
    ours = ours.replace(f"{word} torch.", f"{word} minitransformer.")
for before, after in zip(LISTING.splitlines(), ours.splitlines(), strict=True):
    if before != after:
        print(f"{before.strip():65s} becomes\n    {after.strip()}")
sizes = {"ntoken": 20, "ninp": 16, "nhead": 4, "nhid": 32, "nlayers": 2, "dropout": 0.0}
mt.manual_seed(0)
model = run(ours)["TransformerModel"](**sizes)
print("\n(T, B) tokens to (T, B, V) logits:", model(mt.tensor(rng.integers(0, 20, (7, 3)))).shape)

# %% [markdown]
# Four lines of imports changed, nothing else. The article's model runs on *this* library. From left to right:

# %%
figure, axis = plt.subplots(figsize=(9.5, 1.9), layout="constrained")
boxes = (
    ("encoder\ntimes $\\sqrt{C}$", "(T, B, C)", GREEN),
    ("pos_encoder", "(T, B, C)", GREEN),
    ("block 0", "(T, B, C)", BLUE),
    ("block 1", "(T, B, C)", BLUE),
    ("decoder", "(T, B, V)", ORANGE),
)
axis.text(0, 0, "src\n(T, B)", ha="center", va="center", fontsize=9)
for i, (text, shape, colour) in enumerate(boxes):
    look = {"boxstyle": "round,pad=0.5", "fc": colour, "ec": "none"}
    axis.text(2 * i + 1.6, 0, text, color="white", ha="center", va="center", bbox=look, fontsize=9)
    axis.annotate("", (2 * i + 0.95, 0), (2 * i + 0.35, 0), arrowprops={"arrowstyle": "-|>", "color": GREY})
    axis.text(2 * i + 2.6, -0.42, shape, ha="center", va="center", fontsize=8, color=GREY)
axis.annotate("", (10.95, 0), (10.35, 0), arrowprops={"arrowstyle": "-|>", "color": GREY})
axis.text(11.5, 0, "logits", ha="center", va="center", fontsize=9)
axis.plot([5.2, 8.0], [0.6, 0.6], color=GREY)
axis.text(6.6, 0.7, "transformer_encoder, with src_mask", ha="center", fontsize=9, color=GREY)
axis.set(xlim=(-0.5, 12), ylim=(-0.6, 1.0))
axis.axis("off")
plt.show()

# %% [markdown]
# Now line by line.
#
# ### `__init__`
#
# | line | what it does |
# |---|---|
# | `ntoken, ninp, nhead, nhid, nlayers` | $V$, $C$, $H$, $F$, and how many blocks |
# | `dropout=0.5` | throws away half of all numbers while training: lesson 09. We set it to 0 |
# | `super(TransformerModel, self).__init__()` | lets `nn.Module` get ready to note the layers, and their weights, that follow |
# | `from torch.nn import ...` | the two classes it needs, imported late |
# | `self.model_type = 'Transformer'` | a note to the reader; nobody uses it. `F`, imported above, is not used either |
# | `self.src_mask = None` | the mask will be kept here from one call to the next |
# | `PositionalEncoding(ninp, dropout)` | lesson 05, supplied by us |
# | `TransformerEncoderLayer(ninp, nhead, nhid, dropout)` | the block of this lesson, norms after the sums, and $d_k = C/H$ |
# | `TransformerEncoder(encoder_layers, nlayers)` | so many *copies* of that block, one after the other |
# | `nn.Embedding(ntoken, ninp)` | lesson 04's table. The name `encoder` is a pity, as the encoder is the line above |
# | `self.ninp = ninp` | $C$, remembered for `forward` |
# | `nn.Linear(ninp, ntoken)` | from $C$ channels to a score for each token of the vocabulary, a **logit**. No decoder either |
# | `self.init_weights()` | see below |
#
# Copies: at first, all blocks have the *same* weights. It is so in PyTorch, and hence here. They part in training, as each gets a
# gradient of its own.

# %%
blocks = model.transformer_encoder.layers
print("the same weights at first:", np.array_equal(*(b.linear1.weight.numpy() for b in blocks)))
model(mt.tensor(rng.integers(0, 20, (7, 3)))).backward(mt.randn(7, 3, 20))
print("the same gradients:       ", np.allclose(*(b.linear1.weight.grad.numpy() for b in blocks)))

# %% [markdown]
# ### `_generate_square_subsequent_mask`
#
# Lesson 06's mask, in another dress: first a table of `True` where a place may look, then, `masked_fill`, $-\infty$ where it is
# false and 0 where it is true. `triu` keeps the upper triangle of a square of ones, `transpose` turns it into the lower one.
# The table of 0 and $-\infty$ is *added* to the scores before softmax. (Our exercises have `True` where one may look. A mask of
# `True` and `False` that you hand to PyTorch's *layers* means the opposite: `True` where one must *not* look. Sums with
# $-\infty$ leave no doubt.)

# %%
steps = {
    "torch.triu(torch.ones(5, 5))": mt.triu(mt.ones(5, 5)),
    "(... == 1).transpose(0, 1)": (mt.triu(mt.ones(5, 5)) == 1).transpose(0, 1),
    "the mask": model._generate_square_subsequent_mask(5),
}
figure, axes = plt.subplots(1, 3, figsize=(8, 2.6), layout="constrained")
for axis, (title, table) in zip(axes, steps.items(), strict=True):
    table = table.numpy().astype(float)
    dark = table == (0 if title == "the mask" else 1)
    axis.imshow(dark, cmap="Blues", vmin=0, vmax=1.4)
    for (i, j), value in np.ndenumerate(table):
        text = f"{value:.0f}".replace("-inf", r"$-\infty$")
        colour = "white" if dark[i, j] else "black"
        axis.text(j, i, text, ha="center", va="center", fontsize=9, color=colour)
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=9)
plt.show()

# %% [markdown]
# With this mask, each place knows itself and what came before. So the model can be taught to foretell the next token at all
# places at once. The article calls it an encoder, and PyTorch's classes do. A stack of such blocks *with this mask* is what is
# now called a **decoder-only** model, the kind that writes text (lesson 10).
#
# ### `init_weights`
#
# Random numbers between $-0.1$ and $0.1$ (`uniform_`) for the table of the embedding and for the last map, zeros for the bias
# of the last map (`zero_`). `.data` is the array itself, past the tape. The blocks keep what PyTorch gave them.
#
# ### `forward`
#
# | line | what it does |
# |---|---|
# | `if self.src_mask is None or ...` | if the length is another one than last time, build the mask, |
# | `device = src.device`, `.to(device)` | bring it to where the tokens are (lesson 03), |
# | `self.src_mask = mask` | and keep it |
# | `self.encoder(src) * math.sqrt(self.ninp)` | looks up each token, (T, B, C), as loud as its place: lesson 04 |
# | `self.pos_encoder(src)` | adds the table of places, (T, 1, C): lesson 05 |
# | `self.transformer_encoder(src, self.src_mask)` | the blocks, one after the other |
# | `self.decoder(output)` | the logits, (T, B, V). Softmax, which the article's text goes on with, is left out |
#
# Now run it beside the real thing. PyTorch's model gets its weights from its own generator, ours loads them (`state_dict` is a
# dictionary of all weights by name), both read the same tokens, and we compare after *every line*:

# %%
ids = rng.integers(0, 20, (9, 3))  # (T, B)


def line_by_line(model, ids):
    x = model.encoder(ids) * math.sqrt(model.ninp)  # (T, B, C)
    yield "embedding times root of C", x
    x = model.pos_encoder(x)
    yield "plus places", x
    mask = model._generate_square_subsequent_mask(len(ids)).to(x.dtype)
    for i, block in enumerate(model.transformer_encoder.layers):
        x = block(x, mask)
        yield f"block {i}", x
    yield "logits", model.decoder(x)
    yield "forward, in one go", model(ids)


if torch is None:
    print("PyTorch is not installed; to install it, run in a cell: %pip install torch")
    print("When this page was made, no difference to PyTorch was above 2e-15, after every line")
else:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch would be faster with the batch first, and says so
        theirs = run(LISTING)["TransformerModel"](**sizes).double()
    model = run(ours)["TransformerModel"](**sizes).double()
    model.load_state_dict(theirs.state_dict())
    both = zip(line_by_line(model, mt.tensor(ids)), line_by_line(theirs, torch.tensor(ids)), strict=True)
    for (name, got), (_, expected) in both:
        error = abs(got.numpy() - expected.detach().numpy()).max()
        print(f"{name:26s}{str(got.shape):12s} largest difference {error:.0e}")

# %% [markdown]
# And back: the same random gradient for both, and then every parameter's gradient beside PyTorch's.

# %%
if torch is not None:
    g = rng.normal(size=(9, 3, 20))  # (T, B, V)
    model(mt.tensor(ids)).backward(mt.tensor(g))
    theirs(torch.tensor(ids)).backward(torch.tensor(g))
    expected = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
    largest = max(abs(a).max() for a in expected.values())
    errors = {name: abs(p.grad.numpy() - expected[name]).max() for name, p in model.named_parameters()}
    print(len(errors), "parameters, largest entry of all gradients", largest.round(2))
    print(f"largest difference {max(errors.values()):.0e}")
else:
    print("When this page was made, no gradient of the 27 parameters differed from PyTorch's by more than 2e-14")

# %% [markdown]
# ## A trap: time first
#
# The listing wants its tokens as $(T, B)$, *time first*: `len(src)` must be the length of the text, and the blocks were made
# without `batch_first=True`. Hand it $(B, T)$, as most people have their texts. What will happen? An error would be kind. There
# is none: the model takes texts for places, and places for texts. Change one token of one text and look what changes:

# %%
model = run(ours)["TransformerModel"](**sizes)
texts = rng.integers(0, 20, (3, 6))  # (B, T): three texts of six tokens
changed = texts.copy()
changed[0, 2] = (changed[0, 2] + 1) % 20  # another token: text 0, place 2
right = [model(mt.tensor(t.T.copy())).numpy().transpose(1, 0, 2) for t in (texts, changed)]
wrong = [model(mt.tensor(t)).numpy() for t in (texts, changed)]  # (B, T, V) each, right and wrong
figure, axes = plt.subplots(1, 2, figsize=(7, 1.9), layout="constrained")
shown = (("handed in as (T, B)", right), ("as (B, T): no error", wrong))
for axis, (title, (before, after)) in zip(axes, shown, strict=True):
    axis.imshow(abs(after - before).max(-1) > 1e-6, cmap="Blues", vmin=0, vmax=1.4)
    axis.plot(2, 0, "o", color=ORANGE, label="the token that changed")
    axis.set(title=title, xlabel="place", xticks=range(6), yticks=range(3))
    axis.set_yticklabels(["text 0", "text 1", "text 2"])
axes[0].legend(loc="lower left", fontsize=7)
plt.show()

# %% [markdown]
# Left, as it should be: the place itself and those after it, in the same text. Right: the *other texts* of the batch have heard
# of it, and the rest of its own text has not. Such a model still learns a little, and nobody sees what is wrong. Test your
# models like this: change one thing, and look who notices.
#
# Two small remarks. A footnote of the article gives Hugging Face's library as the source of the listing. It is close kin to
# `word_language_model`, an example in PyTorch's repository `pytorch/examples`. And its mask is kept in `self.src_mask`, in
# float32, whatever the type of the model's numbers. That is all right here, as 0 and $-\infty$ are exact in every type.

# %% [markdown]
# ## Summary
#
# - Attention alone makes all tokens alike. Layers that *add* to a stream keep them apart, and give the gradient a free way.
# - LayerNorm gives each token mean 0 and variance 1. It forgets shift and stretch, so its gradient has no part along either.
# - The feed-forward network works on each token alone; its bends make it more than a linear map.
# - A block: attention added, network added, norms after the sums (the paper) or first (most since).
# - The article's listing gives PyTorch's numbers and gradients on this library; only its imports change. Mind its $(T, B)$.
#
# **Further reading.** Vaswani et al., *Attention is all you need*, NeurIPS 2017, section 3. He, Zhang, Ren and Sun, *Deep
# residual learning for image recognition*, CVPR 2016. Ba, Kiros and Hinton, *Layer normalization*, arXiv 1607.06450, 2016.
# Xiong et al., *On layer normalization in the Transformer architecture*, ICML 2020. Dong, Cordonnier and Loukas, *Attention is
# not all you need: pure attention loses rank doubly exponentially with depth*, ICML 2021, on tokens becoming alike.
#
# **Next:** 09, how a model gets good weights.
