# %% [markdown]
# # 08 The Transformer encoder
#
# After this lesson you can say what makes a deep stack of layers trainable, write its normalization and derive the
# gradient, say what the small network beside attention is for, build the block that every Transformer repeats, and
# read a listing of a whole model in PyTorch line by line.
#
# *About 45 minutes to read, and 65 for the exercises. Builds on lessons 02 (gradients), 04 (embeddings), 05 (places), 06 and 07.*

# %% [markdown]
# ## Why
#
# Lesson 07 built a layer by which tokens get information from other tokens. One layer is one step: it can connect
# *it* with *animal*. A second step, for example that a tired animal stays where it is, needs a second layer, which
# works on the results of the first. So let us put several layers of attention on top of each other.
#
# **Predict, then run.** Each picture below shows the vectors of twelve tokens as rows, after 0, 1, 2 and 3 layers
# with random weights. The result of attention is a mean of values. What happens to the rows?
#
# <details><summary>Answer</summary>
#
# They become alike, because means of the same values are similar, and means of means even more. In the last picture
# only vertical stripes are left: all tokens have nearly the same vector.
#
# </details>

# %%
import math
import warnings

import numpy as np

import minitransformer as mt
from minitransformer.course import beside_pytorch, check, hint, saved, solution
from minitransformer.course.figures import lesson_08_transformer_encoder as figures

rng = np.random.default_rng(0)
mt.manual_seed(0)
x = mt.randn(1, 12, 32)  # (B, T, C)
states = [x.numpy()[0]]  # (T, C) each
for _ in range(3):
    x = mt.nn.MultiheadAttention(32, 4, batch_first=True)(x, x, x, need_weights=False)[0]  # (B, T, C)
    states.append(x.numpy()[0])
figures.layers(states)

# %% [markdown]
# Now in numbers, for up to 12 layers: how different are the tokens at the end, and which gradient arrives at the
# first layer? The next cell measures both, for attention alone and for layers of a second kind, which compute `x +
# attention(x)`.


# %%
def size(array):
    return float(np.sqrt((array**2).mean()))  # the typical size of a number


def stack(depth, added):  # -> how different the tokens are at the end, the gradient's size at the start
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
measured = {
    "attention": [stack(depth, added=False) for depth in depths],
    "x + attention": [stack(depth, added=True) for depth in depths],
}
for kind, pairs in measured.items():
    different, gradient = pairs[-1]  # after 12 layers
    print(f"{kind}, 12 layers: the tokens differ by {different:.1g}, the gradient is {gradient:.1g}")
figures.stacks(depths, measured)

# %% [markdown]
# Look at the dashed lines. With attention alone, the differences between tokens become smaller with every layer,
# until all tokens of a text have *the same vector* in every digit that counts. The gradient at the first layer
# becomes small, too, because each layer multiplies it with small numbers. Such a stack hardly learns. With the sum,
# neither happens. This one change makes deep Transformers possible.
#
# ## Add instead of replacing
#
# A layer should compute what is *added* to its input, and not what replaces it. This is a **residual connection** (He
# et al., 2016):
#
# $$y = x + f(x)$$
#
# A layer that has nothing to contribute returns zeros, and changes nothing. And lesson 01 showed what a sum does to a
# gradient: both terms get it.
#
# $$\frac{\partial L}{\partial x} = g + (\text{what comes back through } f)$$
#
# The first term $g$ is not multiplied with anything. So in a stack of twelve such layers, part of the gradient at the
# end arrives at the beginning unchanged. The vectors that run through the whole model, one for each token, are called
# the **residual stream**. The layers read from it and add to it.

# %% [markdown]
# ## Keep the size
#
# If many layers add to a vector, it becomes longer and longer. This is bad for attention: if all vectors are $s$
# times as long, so are queries and keys. All scores are then $s^2$ times as large, and one key gets nearly the whole
# share (lesson 06). So before the vectors are used, they are brought to the same size. **Layer normalization** (Ba,
# Kiros and Hinton, 2016) does this for each token separately, over its $C$ channels:
#
# $$\mu = \frac1C \sum_c x_c, \qquad \sigma^2 = \frac1C \sum_c (x_c - \mu)^2, \qquad
# z_c = \frac{x_c - \mu}{\sqrt{\sigma^2 + \varepsilon}}, \qquad y_c = w_c\,z_c + b_c$$
#
# In words: subtract the mean $\mu$, and divide by the typical size $\sigma$ of what is left. The small number
# $\varepsilon = 10^{-5}$ avoids a division by 0 if all numbers of a token are equal. The weight $w$ and the bias $b$
# are learned, one number of each for each channel. So the model can choose another size for each channel.
#
# The next cell multiplies all vectors by 1, 3, 10 and 30, and prints the mean of the largest shares of an attention
# layer. If the vectors are normalized first, it is the same number each time: if $x$ is 3 times as large, so are
# $x - \mu$ and $\sigma$, and their quotient stays the same. (In `layer_norm`, `(32,)` is the shape over which it
# normalizes: the last 32 numbers, which are the channels of one token.)

# %%
mt.manual_seed(0)
layer = mt.nn.MultiheadAttention(32, 4, batch_first=True)
x = mt.randn(1, 12, 32)  # (B, T, C)
for s in (1, 3, 10, 30):
    plain, normed = s * x, mt.nn.functional.layer_norm(s * x, (32,))
    maps = [layer(t, t, t, average_attn_weights=False)[1].numpy() for t in (plain, normed)]  # (B, H, T, T)
    largest = [shares.max(-1).mean() for shares in maps]
    print(f"{s:2d} times as long: mean largest share {largest[0]:.2f}, if normalized {largest[1]:.2f}")

# %% [markdown]
# There is also **batch normalization**, which takes the mean and the variance of each channel over many examples.
# Then the result for a text depends on the other texts in the batch. Transformers use layer normalization, for which
# this is not so.
#
# ### Your turn: layer normalization

# %% exercise layer_norm

# %% [markdown]
# ## The gradient of layer normalization
#
# With three channels one can draw what it does. After subtracting the mean, the three numbers of a vector sum to 0.
# All such vectors lie in a plane. The picture looks down on this plane. Dividing by $\sigma$ moves each vector along
# its ray to a circle of radius $\sqrt C$: the mean of the squares of $z$ is 1, so their sum is $C$, and the length of
# $z$ is the root of the sum.

# %%
points = np.random.default_rng(5).normal(size=(9, 3)) * 2 + 0.5  # (tokens, C = 3)
plane = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])  # (2, 3): two directions in the plane
z = mt.nn.functional.layer_norm(mt.tensor(points), (3,)).numpy()  # (tokens, 3)
figures.normalized((points - points.mean(1, keepdims=True)) @ plane.T, z @ plane.T)  # (tokens, 2) each

# %% [markdown]
# So two things do not influence $z$: the mean of $x$, and the distance of the vector from the origin. If we add the
# same number to all channels, or multiply $x - \mu$ by a positive number, $z$ stays the same. So the gradient must be
# at right angles to both directions: the dot product of $\partial L / \partial x$ with $(1, 1, \ldots, 1)$ is 0, and
# that with $z$ is 0. (For $z$ this is exact only without $\varepsilon$.)
#
# Now the derivation. In the forward pass the weight comes last, so in the backward pass it comes first:
# $h = \partial L / \partial z$ is $h_c = g_c\,w_c$. Write $s = \sqrt{\sigma^2 + \varepsilon}$. A channel $x_j$
# changes $z_i$ in three ways:
#
# - directly, if $i = j$, with the slope $1/s$;
# - through the mean: $\partial\mu / \partial x_j = 1/C$, so every $z_i$ has the slope $-\frac{1}{C\,s}$;
# - through $s$. The variance $\sigma^2$ is a mean of squares, so its slope is $\frac{2}{C}(x_j - \mu)$. (The slope
#   through $\mu$ is 0 here, because the differences from the mean sum to 0.) The slope of the root $s$ with respect
#   to $\sigma^2$ is $\frac{1}{2s}$. Together, $\partial s / \partial x_j = \frac{x_j - \mu}{C\,s} = z_j / C$. And the
#   slope of $z_i = (x_i - \mu)/s$ with respect to $s$ is $-\frac{x_i - \mu}{s^2} = -\frac{z_i}{s}$.
#
# All three together, with $[i = j]$ as in lesson 06:
#
# $$\frac{\partial z_i}{\partial x_j} = \frac1s \Big( [i = j] - \frac1C - \frac{z_i z_j}{C} \Big)$$
#
# Multiply with $h_i$ and sum over $i$:
#
# $$\frac{\partial L}{\partial x_j} = \frac1s \Big( h_j \;-\; \underbrace{\tfrac1C \textstyle\sum_i h_i}_{\text{mean of } h}
# \;-\; z_j \underbrace{\tfrac1C \textstyle\sum_i h_i z_i}_{\text{mean of } hz} \Big)$$
#
# The second term removes the part of $h$ along $(1, 1, \ldots)$, the third term the part along $z$, as expected. The
# weight $w$ and the bias $b$ are used by every token, so their gradients are sums over all tokens (`unbroadcast`,
# lesson 02).
#
# As in lesson 06, a check with $g = (1, 1, \ldots)$ is blind: if the weights are ones as well, all $h$ are 1, their
# mean is 1, and the gradient is 0, as from a function that returns zeros.

# %%
x = mt.randn(2, 5, dtype=mt.float64, requires_grad=True)
mt.nn.functional.layer_norm(x, (5,)).backward(mt.ones(2, 5, dtype=mt.float64))
print("largest gradient for g = 1:", abs(x.grad.numpy()).max().round(12))

x = mt.randn(1, 5, dtype=mt.float64, requires_grad=True)
z = mt.nn.functional.layer_norm(x, (5,), eps=0.0)
z.backward(mt.randn(1, 5, dtype=mt.float64))
along_ones, along_z = abs(x.grad.sum().item()), abs((x.grad * z).sum().item())
print("for a random g, its dot product with ones:", round(along_ones, 12), "and with z:", round(along_z, 12))

inputs = [mt.randn(2, 3, 5), mt.randn(5), mt.randn(5)]  # x, weight, bias
error = mt.gradcheck(lambda x, w, b: mt.nn.functional.layer_norm(x, (5,), w, b), inputs)
print(f"largest error, checked with random g: {error:.0e}")

# %% [markdown]
# ### Your turn: its gradient

# %% exercise layer_norm_vjp

# %% [markdown]
# ## A small network for each token
#
# Attention decides where to look, and returns a mean of values. As long as the shares stay the same, this is a linear
# map of the values. It collects information, but computes nothing new from it. So each token then goes through a
# small network, the **feed-forward network**. It has the same weights for all tokens:
#
# $$\mathrm{ffn}(x) = \mathrm{relu}(x\,W_1^\top + b_1)\,W_2^\top + b_2, \qquad \mathrm{relu}(a) = \max(a, 0)$$
#
# It goes from $C$ channels to $F$, often $F = 4C$, and back to $C$. The function between the two linear maps is a
# **ReLU** (rectified linear unit). Without it, the two linear maps would be one linear map, $x\,(W_2 W_1)^\top$ plus
# a bias. With it, each of the $F$ hidden numbers is a *hinge*, as a function of the input: 0 up to a place that $b_1$
# determines, and then a straight line. Sums of hinges can follow any curve, with more hinges more closely. (The
# gradient of relu: $g$ passes where $a > 0$, and 0 elsewhere.)

# %%
line = np.linspace(-3, 3, 301)[:, None]  # (N, C = 1): inputs
parts = {}
for F in (6, 15):
    knots = np.linspace(-3, 3, F + 1)  # a straight piece between each two of them
    slopes = np.diff(np.sin(2 * knots)) / np.diff(knots)  # (F,)
    w1, b1 = np.ones((F, 1)), -knots[:-1]  # (F, C), (F,): the hinge of each unit is at a knot
    w2 = np.diff(slopes, prepend=0)  # (F,): how much the slope changes at each knot
    parts[F] = np.maximum(line @ w1.T + b1, 0) * w2  # (N, F)
figures.hinges(line[:, 0], np.sin(2 * line[:, 0]), parts, bias=math.sin(-6))

# %% [markdown]
# In a Transformer the inputs have $C$ channels, and the places of the hinges are learned. Most of the parameters of a
# block are in this network. This is one block of the size of the first Transformer:

# %%
block = mt.nn.TransformerEncoderLayer(d_model=512, nhead=8, dim_feedforward=2048)
for part, name in (("self_attn", "attention"), ("linear", "network"), ("norm", "normalizations")):
    count = sum(p.numel() for key, p in block.named_parameters() if key.startswith(part))
    print(f"{name:15s}{count:10,d} parameters")

# %% [markdown]
# ### Your turn: the network

# %% exercise feed_forward

# %% [markdown]
# ## The block
#
# Now all parts together: attention is added to the stream, the network is added, and each has a normalization. This
# is a **Transformer encoder layer**, or *block*. Where does the normalization belong? The paper normalizes the stream
# *after* each sum: **post-norm**. Most models since about 2019 normalize *first*, only what goes into attention and
# into the network, and not the stream itself: **pre-norm**.
#
# $$\begin{aligned}
# \text{post-norm:}\quad & x \leftarrow \mathrm{norm}_1(x + \mathrm{attend}(x)), & x &\leftarrow \mathrm{norm}_2(x +
# \mathrm{ffn}(x)) \\ \text{pre-norm:}\quad & x \leftarrow x + \mathrm{attend}(\mathrm{norm}_1(x)), & x &\leftarrow x +
# \mathrm{ffn}(\mathrm{norm}_2(x))
# \end{aligned}$$

# %%
figures.blocks()

# %% [markdown]
# The black arrow is the stream. In the right picture it passes only plus signs, so a gradient arrives at the bottom
# unchanged. In the left picture it passes through every normalization, and so does the gradient. Both kinds learn,
# but they need different learning rates. Xiong et al. (2020) computed the gradient of the *last* layer before
# training. With post-norm, it is about the same for any number of layers. With pre-norm, it falls like
# $1/\sqrt{\text{depth}}$, because the stream becomes longer, and a single layer matters less. We can measure it:


# %%
def last_gradient(norm_first, depth):
    mt.manual_seed(0)
    x = mt.randn(4, 16, 64)  # (B, T, C)
    for _ in range(depth):
        layer = mt.nn.TransformerEncoderLayer(64, 4, 256, 0.0, batch_first=True, norm_first=norm_first)
        for p in layer.parameters():
            if p.ndim == 2:
                mt.nn.init.xavier_uniform_(p)  # random weights that keep the size of their input
        x = layer(x)  # (B, T, C)
    if norm_first:  # the stream itself has not been normalized: this is done once at the end
        x = mt.nn.LayerNorm(64)(x)
    x.backward(mt.randn(4, 16, 64))
    return np.linalg.norm(layer.linear2.weight.grad.numpy())


layer_counts = np.array([2, 4, 8, 16, 32])
relative = {}
for kind, norm_first in (("post-norm", False), ("pre-norm", True)):
    at_depth = np.array([last_gradient(norm_first, depth) for depth in layer_counts])
    relative[kind] = at_depth / at_depth[0]
    print(f"{kind:9s} for {layer_counts} layers:", relative[kind].round(2))
figures.last_gradients(layer_counts, relative)

# %% [markdown]
# So in a deep post-norm stack, the last layers get large gradients from the beginning. According to Xiong et al.,
# this is why it must start its training with small steps ("warm-up", lesson 09), which pre-norm hardly needs.
#
# **Predict, then run.** The next cell changes token 3 of six. Which tokens get another result from the normalization,
# from the network, and from attention?
#
# <details><summary>Answer</summary>
#
# Only token 3 from the normalization and from the network: they work on each token separately. All six from
# attention, because the key and the value of token 3 changed. Attention is the only part of a block by which tokens
# influence each other.
#
# </details>

# %%
mt.manual_seed(0)
block = mt.nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True)
one_text = rng.normal(size=(1, 6, 16)).astype("float32")  # (B, T, C)
other_text = one_text.copy()
other_text[0, 3] += rng.normal(size=16)
block_parts = {
    "normalization": block.norm1,
    "network": lambda t: block.linear2(block.linear1(t).relu()),
    "attention": lambda t: block.self_attn(t, t, t, need_weights=False)[0],
}
for name, part in block_parts.items():
    moved = abs(part(mt.tensor(one_text)).numpy() - part(mt.tensor(other_text)).numpy()).max(-1)[0]  # (T,)
    print(f"{name:14s}results that change: tokens", *np.flatnonzero(moved > 1e-6))

# %% [markdown]
# ### Your turn: the block
#
# Multi-head attention is that of lesson 07. It is given here and in the file of the exercises. Your block gets its
# weights from a dictionary, under PyTorch's names.


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
# **Harder, if you like** (not judged): some models use "RMS normalization", which does not subtract the mean:
# $z_c = x_c / \sqrt{\frac1C \sum_c x_c^2 + \varepsilon}$. Derive its gradient as above (one of the three terms
# disappears), and check it with central differences.
#
# <details><summary>Answer</summary>
#
# With $r$ for the root, $z = x / r$ and $h_c = g_c\,w_c$, the term through the mean is missing:
# $\frac{\partial L}{\partial x_j} = \frac1r \big( h_j - z_j \cdot \text{mean of } hz \big)$.
#
# </details>
#
# ## The block in the library, and in PyTorch
#
# On the library's tensors a block is two lines more than the layer of lesson 07. Central differences check its
# gradient, for the tokens and for each of its twelve weights, on every element:


# %%
def encoder_layer(x, w_in, b_in, w_out, b_out, w1, b1, w2, b2, n1, c1, n2, c2, H=2):  # x: (B, T, C)
    B, T, C = x.shape
    f = mt.nn.functional
    q, k, v = (t.reshape(B, T, H, C // H).transpose(1, 2) for t in f.linear(x, w_in, b_in).chunk(3, -1))
    heads = f.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, T, C)  # (B, T, C)
    x = f.layer_norm(x + f.linear(heads, w_out, b_out), (C,), n1, c1)
    return f.layer_norm(x + f.linear(f.linear(x, w1, b1).relu(), w2, b2), (C,), n2, c2)


small_block = mt.nn.TransformerEncoderLayer(4, 2, 6, 0.0, batch_first=True)  # C = 4, two heads, F = 6
names = [name for name, _ in small_block.named_parameters()]
arrays = [rng.normal(size=p.shape) for p in small_block.parameters()]
tokens = rng.normal(size=(2, 3, 4))  # (B, T, C)
print(len(arrays), f"weights; largest error: {mt.gradcheck(encoder_layer, [tokens, *arrays]):.0e}")

# %% [markdown]
# And compared with PyTorch's block:


# %%
def compare():
    import torch

    judge = torch.nn.TransformerEncoderLayer(4, 2, 6, 0.0, batch_first=True).double()

    def theirs(x, *arrays):
        return torch.func.functional_call(judge, dict(zip(names, arrays, strict=True)), (x,))

    errors = mt.compare_with_torch(encoder_layer, theirs, [tokens, *arrays])
    return f"largest difference: values {errors['value']:.0e}, gradients {errors['gradient']:.0e}"


beside_pytorch(compare, shipped="largest difference: values 4e-16, gradients 1e-15")

# %% [markdown]
# ## The article's listing
#
# The article from which this course grew (lesson 04) explains attention, and mentions the "Feed Forward Network". It
# does not mention residual connections or layer normalization. But the model in its listing has both: they are inside
# PyTorch's `TransformerEncoderLayer`. You have now written everything that is in there. Here is the listing,
# unchanged. It is a text, because we will run it twice, once with this library and once with PyTorch. (`exec` runs a
# text as a program.)

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
# Two things are missing. The listing uses `math.sqrt` and never imports `math`. And it uses a class
# `PositionalEncoding` that it does not define: the table of lesson 05, which is added. We supply both:

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


on_this_library = LISTING.replace("import torch\n", "import minitransformer as torch\n")
for word in ("import", "from"):
    on_this_library = on_this_library.replace(f"{word} torch.", f"{word} minitransformer.")
for before, after in zip(LISTING.splitlines(), on_this_library.splitlines(), strict=True):
    if before != after:
        print(f"{before.strip():65s} becomes\n    {after.strip()}")
sizes = {"ntoken": 20, "ninp": 16, "nhead": 4, "nhid": 32, "nlayers": 2, "dropout": 0.0}
mt.manual_seed(0)
model = run(on_this_library)["TransformerModel"](**sizes)
print("\n(T, B) tokens to (T, B, V) numbers:", model(mt.tensor(rng.integers(0, 20, (7, 3)))).shape)

# %% [markdown]
# Only the four lines with imports change. The article's model runs on *this* library. From left to right:

# %%
figures.model()

# %% [markdown]
# Now line by line.
#
# ### `__init__`
#
# | line | what it does |
# |---|---|
# | `ntoken, ninp, nhead, nhid, nlayers` | $V$, $C$, $H$, $F$, and the number of blocks |
# | `dropout=0.5` | sets half of all numbers to 0 during training: lesson 09. We set it to 0 |
# | `super(TransformerModel, self).__init__()` | prepares `nn.Module`, which collects the layers that follow and their weights |
# | `from torch.nn import ...` | imports two classes inside the method |
# | `self.model_type = 'Transformer'` | a remark for the reader; it is not used. `F`, imported above, is not used either |
# | `self.src_mask = None` | the mask will be kept here from one call to the next |
# | `PositionalEncoding(ninp, dropout)` | lesson 05, supplied by us |
# | `TransformerEncoderLayer(ninp, nhead, nhid, dropout)` | the block of this lesson, with post-norm and $d_k = C/H$ |
# | `TransformerEncoder(encoder_layers, nlayers)` | this number of *copies* of the block, one after the other |
# | `nn.Embedding(ntoken, ninp)` | the table of lesson 04. The name `encoder` misleads: the encoder is the line above |
# | `self.ninp = ninp` | $C$, which `forward` needs |
# | `nn.Linear(ninp, ntoken)` | from $C$ channels to one number for each token of the vocabulary |
# | `self.init_weights()` | see below |
#
# The numbers that the last linear layer computes are called **logits**: softmax of them is the distribution over the
# next token. (The listing calls this layer `decoder`. It is no decoder.)
#
# All blocks are copies of the same block, so they start with the *same* weights, in PyTorch and here. But they have
# different inputs, so each gets another gradient, and after one step of training their weights differ:

# %%
copies = model.transformer_encoder.layers
print("the same weights at first:", np.array_equal(*(b.linear1.weight.numpy() for b in copies)))
model(mt.tensor(rng.integers(0, 20, (7, 3)))).backward(mt.randn(7, 3, 20))
print("the same gradients:       ", np.allclose(*(b.linear1.weight.grad.numpy() for b in copies)))

# %% [markdown]
# ### `_generate_square_subsequent_mask`
#
# This is the causal mask of lesson 06 in another form. `triu` keeps the upper triangle of a square of ones, and
# `transpose` turns it into the lower one. `masked_fill` then writes $-\infty$ where the table is false, and 0 where
# it is true. The result is *added* to the scores before softmax. (In our exercises, `True` means that a query may
# look. In a mask of `True` and `False` for PyTorch's *layers* it means the opposite: the query may *not* look. A mask
# of 0 and $-\infty$ cannot be misunderstood.)

# %%
steps = {
    "torch.triu(torch.ones(5, 5))": mt.triu(mt.ones(5, 5)),
    "(... == 1).transpose(0, 1)": (mt.triu(mt.ones(5, 5)) == 1).transpose(0, 1),
    "the mask": model._generate_square_subsequent_mask(5),
}
figures.mask({code: table.numpy().astype(float) for code, table in steps.items()})

# %% [markdown]
# With this mask, each place can look at itself and at the places before it. So the model can learn to predict the
# next token at all places at once. The article calls it an encoder, as PyTorch's classes do. A stack of such blocks
# *with this mask* is now called a **decoder-only** model. It is the kind that writes text (lesson 10).
#
# ### `init_weights`
#
# `uniform_` fills the table of the embedding and the weight of the last linear layer with random numbers between
# $-0.1$ and $0.1$. `zero_` sets the bias of this layer to zeros. (`.data` is the array of a parameter; changes to it
# are not recorded for the backward pass.) The blocks keep the weights that PyTorch gave them.
#
# ### `forward`
#
# | line | what it does |
# |---|---|
# | `if self.src_mask is None or ...` | if the length is not that of the last call, make the mask, |
# | `device = src.device`, `.to(device)` | move it to where the tokens are: into the computer's memory or that of a graphics card, |
# | `self.src_mask = mask` | and keep it |
# | `self.encoder(src) * math.sqrt(self.ninp)` | the vectors of the tokens, (T, B, C), scaled to the size of the places: lesson 04 |
# | `self.pos_encoder(src)` | adds the table of places, (T, 1, C): lesson 05 |
# | `self.transformer_encoder(src, self.src_mask)` | the blocks, one after the other |
# | `self.decoder(output)` | the logits, (T, B, V). Softmax, which the article's text mentions, is not in the listing |
#
# Now the model beside the original. The listing runs with PyTorch, our model loads the weights of PyTorch's model
# (`state_dict` is a dictionary of all weights by name), both read the same tokens, and we compare after *every line*:

# %%
ids = rng.integers(0, 20, (9, 3))  # (T, B)


def line_by_line(model, ids):  # -> the name and the result of each line of `forward`
    x = model.encoder(ids) * math.sqrt(model.ninp)  # (T, B, C)
    yield "embedding times root of C", x
    x = model.pos_encoder(x)
    yield "plus places", x
    mask = model._generate_square_subsequent_mask(len(ids)).to(x.dtype)
    for i, block in enumerate(model.transformer_encoder.layers):
        x = block(x, mask)
        yield f"block {i}", x
    yield "logits", model.decoder(x)
    yield "forward in one call", model(ids)


def both():  # -> the listing on this library, and with PyTorch, with the same weights in float64
    import torch

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns that it is faster with batch_first=True
        theirs = run(LISTING)["TransformerModel"](**sizes).double()
    ours = run(on_this_library)["TransformerModel"](**sizes).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs, mt.tensor(ids), torch.tensor(ids)


def compare_lines():
    ours, theirs, our_ids, their_ids = both()
    lines = []
    pairs = zip(line_by_line(ours, our_ids), line_by_line(theirs, their_ids), strict=True)
    for (name, got), (_, expected) in pairs:
        error = abs(got.numpy() - expected.detach().numpy()).max()
        lines.append(f"{name:26s}{got.shape!s:12s} largest difference {error:.0e}")
    return "\n".join(lines)


beside_pytorch(
    compare_lines,
    shipped="""embedding times root of C (9, 3, 16)   largest difference 0e+00
plus places               (9, 3, 16)   largest difference 0e+00
block 0                   (9, 3, 16)   largest difference 1e-15
block 1                   (9, 3, 16)   largest difference 1e-15
logits                    (9, 3, 20)   largest difference 3e-16
forward in one call       (9, 3, 20)   largest difference 2e-16""",
)

# %% [markdown]
# And backwards: both get the same random gradient, and we compare the gradients of all parameters.


# %%
def compare_gradients():
    import torch

    ours, theirs, our_ids, their_ids = both()
    g = np.random.default_rng(1).normal(size=(9, 3, 20))  # (T, B, V)
    ours(our_ids).backward(mt.tensor(g))
    theirs(their_ids).backward(torch.tensor(g))
    expected = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
    error = max(abs(p.grad.numpy() - expected[name]).max() for name, p in ours.named_parameters())
    largest = max(abs(gradient).max() for gradient in expected.values())
    return f"{len(expected)} parameters, largest gradient {largest:.2f}, largest difference {error:.0e}"


beside_pytorch(compare_gradients, shipped="27 parameters, largest gradient 21.81, largest difference 7e-15")

# %% [markdown]
# ## A trap: time first
#
# The listing expects its tokens as $(T, B)$, *time first*: `len(src)` must be the length of the text, and the blocks
# were made without `batch_first=True`. Most people have their texts as $(B, T)$.
#
# **Predict, then run.** What happens if the tokens are given as $(B, T)$?
#
# <details><summary>Answer</summary>
#
# There is no error. The model takes the texts for places, and the places for texts. So a token influences the same
# place in the texts below it, and not the places after it in its own text.
#
# </details>
#
# The next cell changes the token at place 2 of text 0, and shows where the output changes:

# %%
time_first = run(on_this_library)["TransformerModel"](**sizes)
texts = rng.integers(0, 20, (3, 6))  # (B, T): three texts of six tokens
changed = texts.copy()
changed[0, 2] = (changed[0, 2] + 1) % 20  # another token: text 0, place 2
right = [time_first(mt.tensor(t.T.copy())).numpy().transpose(1, 0, 2) for t in (texts, changed)]
wrong = [time_first(mt.tensor(t)).numpy() for t in (texts, changed)]  # (B, T, V) each, right and wrong
cases = {"given as (T, B): right": right, "given as (B, T): wrong": wrong}
moved_at = {title: abs(after - before).max(-1) > 1e-6 for title, (before, after) in cases.items()}  # (B, T)
figures.changes(moved_at, changed=(0, 2))

# %% [markdown]
# Left, as it should be: the output changes at this place and at later ones, in the same text. Right: the output of
# *other texts* changes, and the later places of its own text do not. Such a model still learns a little, so the
# mistake is easily overlooked. Test your models in this way: change one input, and look which outputs change.
#
# Two remarks. A footnote of the article says that the listing comes from Hugging Face's library. It resembles
# `word_language_model`, an example in PyTorch's repository `pytorch/examples`. And the mask that is kept in
# `self.src_mask` has the type float32, whatever the type of the weights. This causes no error here, because 0 and
# $-\infty$ are exact in every type.

# %% [markdown]
# ## Summary
#
# - Attention alone makes all tokens alike. Layers that *add* to a stream keep them different, and let the gradient
#   pass unchanged.
# - Layer normalization gives each token mean 0 and variance 1. It ignores shifts and factors, so its gradient has no
#   part along either.
# - The feed-forward network works on each token separately. The ReLU makes it more than a linear map.
# - A block: attention is added, the network is added, with post-norm (the paper) or pre-norm (most models since).
# - The article's listing gives the same numbers and gradients on this library as on PyTorch. Only its imports change.
#   It expects tokens as $(T, B)$.
#
# **Further reading.** Vaswani et al., *Attention is all you need*, NeurIPS 2017, section 3. He, Zhang, Ren and Sun,
# *Deep residual learning for image recognition*, CVPR 2016. Ba, Kiros and Hinton, *Layer normalization*, arXiv
# 1607.06450, 2016. Xiong et al., *On layer normalization in the Transformer architecture*, ICML 2020. Dong,
# Cordonnier and Loukas, *Attention is not all you need: pure attention loses rank doubly exponentially with depth*,
# ICML 2021, on tokens becoming alike.
#
# **Next:** 09, how a model gets good weights.

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | residual connection | a layer computes what is added to its input | |
# | residual stream | the vectors, one for each token, to which all layers add | |
# | layer normalization | each token minus its mean, divided by its typical size | `nn.LayerNorm` |
# | batch normalization | each channel minus its mean over a batch, divided by its typical size | `nn.BatchNorm1d` |
# | feed-forward network | two linear maps with a ReLU between them, for each token | `linear1`, `linear2` |
# | ReLU | $\max(a, 0)$; as a function of an input a *hinge* | `nn.functional.relu` |
# | Transformer encoder layer | a *block*: attention and a feed-forward network, each added | `nn.TransformerEncoderLayer` |
# | post-norm | the sum of input and layer is normalized | `norm_first=False` |
# | pre-norm | the input of the layer is normalized, the sum is not | `norm_first=True` |
# | logits | the numbers from which softmax makes the distribution over the tokens | |
# | decoder-only | a stack of blocks with a causal mask, which predicts the next token | `is_causal=True` |
