# %% [markdown]
# # 05 Positional encoding
#
# After this lesson you can say why a Transformer must be told where its tokens stand, build the table of sines and cosines of the
# original paper, explain what is lost if the two are added up, and turn vectors so that their product tells a distance.
#
# *About 90 minutes with the exercises. Builds on lessons 02 (gradients and how to check them) and 04 (embeddings). From school:
# sine and cosine as the coordinates of a point on a circle.*

# %% [markdown]
# ## Why
#
# "Dog bites man" is no news. "Man bites dog" is. The words are the same, the order is not. Lesson 04 gave every token a vector,
# the *same* vector wherever it stands. What does a model see of the order if it takes the mean of these vectors? Nothing, as a
# sum does not care about the order of its terms.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer.course import check, hint, saved, solution

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
rng = np.random.default_rng(0)
mt.manual_seed(0)

vectors = rng.normal(size=(3, 8))  # (V, C): dog, bites, man
print("dog bites man:", vectors[[0, 1, 2]].mean(0).round(2)[:4], "...")
print("man bites dog:", vectors[[2, 1, 0]].mean(0).round(2)[:4], "...")

# %% [markdown]
# The mean is crude. Attention, the subject of the next lesson, is much finer: every token takes a mean of its own, with more of
# those tokens that *match* it. Here is the bare idea, with squared dot products for "how well two vectors match" (lesson 06 has
# something better):


# %%
def mix(x):  # (T, C) -> (T, C)
    match = (x @ x.T) ** 2  # (T, T): of every token with every token
    shares = match / match.sum(1, keepdims=True)  # (T, T): each row sums to 1
    return shares @ x  # (T, C): each token's mean of all tokens


x = vectors[[0, 1, 2]]  # (T, C): dog bites man
order = [2, 1, 0]  # man bites dog
print("what `man` becomes in 'dog bites man':", mix(x)[2].round(3)[:4], "...")
print("what `man` becomes in 'man bites dog':", mix(x[order])[0].round(3)[:4], "...")
print("largest difference of all tokens:     ", abs(mix(x)[order] - mix(x[order])).max())

# %% [markdown]
# The same, but for rounding. It is no fault of the squares. Each token's result is a sum over all tokens, and the terms contain
# vectors only, never places. Permute the tokens and the results are permuted with them, and otherwise unchanged. Real attention
# is just as blind, and so is a stack of a hundred such layers. *Places have to be put into the vectors.*

# %% [markdown]
# ## First ideas
#
# **Add the number of the place**, 0, 1, 2, ... to the vector. At place 1000 it is a thousand times as large as anything the
# token has to say.
#
# **Add a fraction**, the place divided by the length of the text. Now everything is between 0 and 1, but the same step between
# neighbours has another size in each text.
#
# **Write the place in binary**, a digit in each channel. That is better: all numbers are small, and every place has a pattern
# of its own. Look at the columns on the left. The last digit changes at every place, the one before at every other, and so on:
# fast channels and slow ones. Only the jumps are unkind. From 7 to 8 all four digits change at once, though the two are
# neighbours.
#
# So keep fast and slow channels, and replace the jumps by waves: each channel is a sine of the place. The figure shows the digits,
# and waves of four speeds, which turn by 1/8, 1/4, 1/2 and 1 radian a place. From each place to the next no wave moves by more than
# its speed.

# %%
places = np.arange(16)
binary = places[:, None] >> np.arange(4)[::-1] & 1  # (T, 4): the four binary digits of each place
waves = np.stack([np.sin(places / 2**k) for k in (3, 2, 1, 0)], axis=1)  # (T, 4)
figure, axes = plt.subplots(1, 2, figsize=(7, 4), layout="constrained")
for axis, table, title in ((axes[0], binary, "digits jump"), (axes[1], waves, "waves: smaller steps")):
    axis.imshow(table, cmap="PuOr", vmin=-1.2 if table is not binary else -0.6, vmax=1.2, aspect="auto")
    axis.set(xlabel="channel", ylabel="place", title=title, xticks=range(4), yticks=range(0, 16, 3))
for (p, c), digit in np.ndenumerate(binary):
    axes[0].text(c, p, digit, ha="center", va="center", fontsize=8, color="white" if digit else "black")
plt.show()
print("from place 7 to 8 the digits move by", abs(binary[8] - binary[7]), "and the waves by", abs(waves[8] - waves[7]).round(2))

# %% [markdown]
# ## Clock hands
#
# One wave is not enough. A sine has the same value on its way up and on its way down, so it cannot tell the two. A clock hand
# can: give it *two* channels, the coordinates of its tip. The paper takes $d/2$ hands for $d$ channels (Vaswani et al., section
# 3.5). At each place hand $i$ turns on by the angle $\omega_i$, its speed:
#
# $$\mathrm{PE}_{p,\,2i} = \sin(p\,\omega_i), \qquad \mathrm{PE}_{p,\,2i+1} = \cos(p\,\omega_i), \qquad
# \omega_i = \frac{1}{10000^{2i/d}}$$
#
# Sines in the even channels, cosines in the odd ones. The first hand turns by 1 radian a place, once around in about 6. Each
# next hand is slower by the same factor, up to a turn in almost $2\pi \cdot 10000$ places: the second, the minute and the hour
# hand of a clock, and some more.

# %%
hands, width = 4, 8
speeds = 1 / 10000 ** (np.arange(0, width, 2) / width)  # (hands,)
figure, axes = plt.subplots(1, hands, figsize=(8, 2.3), layout="constrained")
for i, axis in enumerate(axes):
    around = np.linspace(0, 2 * np.pi, 200)
    axis.plot(np.sin(around), np.cos(around), color=GREY, lw=0.8)
    for p in range(6):
        tip = np.sin(p * speeds[i]), np.cos(p * speeds[i])
        look = {"arrowstyle": "-|>", "color": BLUE, "alpha": 0.25 + 0.15 * p}
        axis.annotate("", tip, (0, 0), arrowprops=look)
        if i == 0 or (i == 1 and p in (0, 5)):
            axis.text(1.2 * tip[0], 1.2 * tip[1], p, ha="center", va="center", fontsize=8)
    axis.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal", title=f"hand {i}: {speeds[i]:.3g} a place")
    axis.title.set_fontsize(9)
    axis.axis("off")
figure.suptitle("places 0 to 5, from pale to dark", fontsize=10)
plt.show()

# %% [markdown]
# ### Your turn: the table

# %% exercise sinusoidal_table

# %% [markdown]
# And this is what it looks like. The library computes it for you from here on (`dropout` is a matter of lesson 09, and 0.0 turns it
# off):

# %%
paper = mt.nn.SinusoidalPositionalEncoding(64, dropout=0.0, max_len=200).table().numpy()  # (length, d)
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
image = axis.imshow(paper[:100], cmap="PuOr", aspect="auto", vmin=-1, vmax=1, interpolation="nearest")
axis.set(xlabel="channel", ylabel="place", title="a row for each place: fast hands left, slow ones right")
figure.colorbar(image)
plt.show()
print("typical size of a number in it:", (paper**2).mean() ** 0.5)  # sin^2 + cos^2 = 1 for each two channels

# %% [markdown]
# ## The same turn from everywhere
#
# Here is why hands are good. Three places on, hand $i$ has turned by $3\omega_i$, *wherever it was before*. From school (or
# from any table of formulas), with $a$ for the angle now and $b = k\,\omega_i$ for the turn:
#
# $$\begin{pmatrix} \sin(a + b) \\ \cos(a + b) \end{pmatrix} =
# \begin{pmatrix} \cos b & \sin b \\ -\sin b & \cos b \end{pmatrix}
# \begin{pmatrix} \sin a \\ \cos a \end{pmatrix}$$
#
# The matrix knows $k$ and not $p$. So "three words before me" is one fixed matrix for the whole text, and a matrix is what a
# layer can learn. All hands together give a matrix with these blocks of $2 \times 2$ on its diagonal.
#
# ### Your turn: the matrix that moves

# %% exercise shift_matrix

# %% [markdown]
# It follows that the dot product of two rows tells their distance, and nothing else. For each hand
# $\sin a \sin(a + b) + \cos a \cos(a + b) = \cos b$, hence
#
# $$\mathrm{PE}_p \cdot \mathrm{PE}_{p+k} = \sum_i \cos(k\,\omega_i).$$

# %%
distance = np.arange(-60, 61)
figure, axis = plt.subplots(figsize=(5, 2.8), layout="constrained")
for p, colour, style in ((70, BLUE, "-"), (120, ORANGE, "--")):
    axis.plot(distance, paper[p + distance] @ paper[p], style, color=colour, label=f"seen from place {p}")
axis.set(xlabel="distance", ylabel="dot product", title="near places are alike, from wherever one looks")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# ## The article's formula
#
# The article that this course grew from writes
#
# $$ep = \sin\!\left(\frac{p}{10000^{2i/d}}\right) + \cos\!\left(\frac{p}{10000^{2i/d}}\right)$$
#
# with a plus, "where $i$ is the index of the dimension". A small slip of the pen, with large consequences. A sum of a sine and
# a cosine of the same angle is a single wave, a little higher and shifted:
#
# $$\sin\theta + \cos\theta = \sqrt 2\,\sin\!\left(\theta + \tfrac{\pi}{4}\right)$$
#
# So each hand has *one* channel left: its height, say, without its other coordinate. At the same height a hand may be rising or
# falling. Where it will be at the next place cannot be told, and no matrix can move it on. Also, with $i$ counting channels
# instead of pairs, the exponent runs up to 2 instead of 1, and half of the hands are so slow that they stand still. The library
# has this table too, to learn from:

# %%
article = mt.nn.AddedPositionalEncoding(16, dropout=0.0, max_len=200).table().numpy()  # (length, d)
ours = mt.nn.SinusoidalPositionalEncoding(16, dropout=0.0, max_len=200).table().numpy()

figure, axes = plt.subplots(1, 2, figsize=(9, 2.9), layout="constrained")
both = ((ours, BLUE, "-", "the paper's"), (article, ORANGE, "--", "the article's"))
for table, colour, style, label in both:
    axes[0].plot((table[:29] * table[3:32]).sum(1), style, color=colour, label=label)
    moving = np.ptp(table[:32], axis=0)  # largest minus smallest
    axes[1].semilogy(np.maximum(moving, 1e-7), "o" + style, ms=4, color=colour, label=label)
axes[0].set(xlabel="place p", title="dot product of places p and p + 3")
axes[1].set(xlabel="channel", title="how far it moves in 32 places")
for axis in axes:
    axis.legend(frameon=False)
plt.show()
for table, _, _, name in both:
    vary = np.ptp((table[:29] * table[3:32]).sum(1))
    M, *_ = np.linalg.lstsq(table[:100], table[1:101], rcond=None)  # the best matrix to move one place on
    worst = abs(table[:100] @ M - table[1:101]).max()
    print(f"{name:14s}products vary by {vary:.2f}; the best matrix misses the next place by {worst:.0e}")

# %% [markdown]
# To be fair: the rows are still different from each other, so a model *can* learn with them. It has to learn each place by
# itself, as no distance looks the same twice.
#
# The listing in the article uses a class `PositionalEncoding` that it never defines. It is `mt.nn.PositionalEncoding` here,
# with the paper's formula, and made for the listing's shape (T, B, C), *time first*: T places, B texts, C channels. Beware: a
# table (T, C) added to (T, B, C) as it is would go along B, which fails, or worse, does not fail if there are as many texts as
# places. The table needs a 1 in the middle, (T, 1, C).
#
# ## Added to the tokens
#
# Now the two meet: token vector plus place vector, channel by channel. Is it not lost who said what? There is room: in many
# channels two vectors can lie in different directions, and the layers that follow learn to look in the right one. But both must
# be audible. The table's typical size is 0.71, the root of $\frac12$, as a sine's square and a cosine's sum to 1. The paper,
# and the listing, multiply the embeddings with $\sqrt d$ first (lesson 04). The paper gives no reason; the effect is that small
# embeddings are not drowned by the table. And now order counts:

# %%
tokens = mt.tensor(x * 8**0.5, dtype=mt.float32)  # (T, C): dog bites man
encoding = mt.nn.PositionalEncoding(8, dropout=0.0)
there, here = encoding(tokens).numpy(), encoding(tokens[order]).numpy()
print("dog bites man, man bites dog: largest difference", abs(mix(there)[order] - mix(here)).max().round(2))

# %% [markdown]
# ## Learned places
#
# Why design a table at all? Take one of random numbers, a row for each place, and let it learn like that of the tokens. It is
# lesson 04 once more, with places for ids. BERT and GPT-2 do so, and it works as well (Vaswani et al. tried both and found
# hardly any difference). Its price: a row learns only from texts that are long enough to reach it, and behind the last row
# there is nothing.

# %%
learned = mt.nn.LearnedPositionalEncoding(8, dropout=0.0, max_len=6, batch_first=True)
texts = mt.randn(5, 4, 8)  # (B, T, C): five texts of four tokens
(learned(texts) * mt.randn(5, 4, 8)).sum().backward()
print("size of each row's gradient:", abs(learned.weight.grad.numpy()).mean(1).round(2))
try:
    learned(mt.randn(1, 7, 8))
except ValueError as error:
    print(error)

# %% [markdown]
# Each of the rows 0 to 3 has heard from all five texts, the gradients being added (`unbroadcast`, lesson 02). Rows 4 and 5
# were not used.

# %% [markdown]
# ## Do not add, turn
#
# What matters in language is mostly the *distance*: the word before, the end of the clause. With an added table the product of
# two vectors, $(x + \mathrm{PE}_p) \cdot (y + \mathrm{PE}_s)$, has a part that tells the distance, and two parts that mix
# tokens with places.
#
# **Rotary embedding** (Su et al., 2021) adds nothing. Whenever two vectors are to be compared, call them $q$ and $k$ (lesson 06
# says which they are), it *turns* each, pair of channels by pair of channels, by an angle that grows with its place:
#
# $$\begin{pmatrix} y_{2i} \\ y_{2i+1} \end{pmatrix} =
# \begin{pmatrix} \cos a & -\sin a \\ \sin a & \cos a \end{pmatrix}
# \begin{pmatrix} x_{2i} \\ x_{2i+1} \end{pmatrix}, \qquad a = p\,\omega_i$$
#
# Call it $y = R_p\,x$. Turning two vectors by the same angle changes no dot product, so turn both back by $p$:
#
# $$(R_p\,q) \cdot (R_s\,k) = q \cdot (R_{s-p}\,k)$$
#
# Only the distance $s - p$ is left. Only $q$ and $k$ are turned, and only to compare them. The embedding, and what a token
# passes on (its value $v$, lesson 06), are not changed. Turning keeps the length of $q$ and $k$.

# %%
angle = np.deg2rad
figure, axes = plt.subplots(1, 2, figsize=(7, 2.9), layout="constrained")
for axis, (p, s) in zip(axes, ((1, 3), (5, 7)), strict=True):
    for name, start, place, colour in (("q", 20, p, BLUE), ("k", 50, s, ORANGE)):
        for degrees, alpha in ((start, 0.3), (start + 25 * place, 1.0)):
            tip = np.cos(angle(degrees)), np.sin(angle(degrees))
            look = {"arrowstyle": "-|>", "color": colour, "lw": 2, "alpha": alpha}
            axis.annotate("", tip, (0, 0), arrowprops=look)
        axis.text(1.17 * tip[0], 1.17 * tip[1], f"{name} at {place}", color=colour, ha="center", va="center")
    between = np.linspace(angle(20 + 25 * p), angle(50 + 25 * s), 50)
    axis.plot(0.35 * np.cos(between), 0.35 * np.sin(between), color=GREEN)
    axis.set(xlim=(-1.5, 1.5), ylim=(-1, 1.2), aspect="equal", title=f"places {p} and {s}: the angle is 80°")
    axis.axis("off")
plt.show()

# %% [markdown]
# Both vectors begin 30° apart (pale), and turn by 25° a place. Two places apart they are always at 80°.
#
# ### Your turn: turn

# %% exercise rotary

# %% [markdown]
# The picture that tells it all: one $q$ and one $k$, put at all pairs of places. With rotary embedding every diagonal, that is
# every distance, has one value. Where a table was added, the places themselves shine through as stripes.

# %%
q, k = rng.normal(size=(2, 1, 16)) * np.ones((24, 1))  # (T, d) each: the same vector at all places
turn = mt.nn.RotaryEmbedding(16, max_len=24)
tq, tk = (turn(mt.tensor(vector, dtype=mt.float32)).numpy() for vector in (q, k))  # (T, d) each
figure, axes = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
scores = {"table added": (q + ours[:24]) @ (k + ours[:24]).T, "turned": tq @ tk.T}
for axis, (name, score) in zip(axes, scores.items(), strict=True):
    axis.imshow(score, cmap="cividis")
    axis.set(xlabel="place of k", ylabel="place of q", title=name)
plt.show()
for name, score in scores.items():
    spread = max(np.ptp(np.diagonal(score, offset)) for offset in range(-20, 21))
    print(f"{name}: products at the same distance vary by up to {spread:.6f}")

# %% [markdown]
# ## The gradient
#
# Turning is a matrix product, and the law of a matrix product is its transpose (lesson 02): $\partial L/\partial x = R_p^\top
# g$. Of a rotation the transpose is the rotation *back*: the minus moves to the other sine. Nothing has to be remembered but
# the place.
#
# ### Your turn: turn back

# %% exercise rotary_vjp

# %% [markdown]
# ## The same in the library, and against PyTorch
#
# `mt.nn.RotaryEmbedding` turns with plain multiplications, so its gradient comes from laws you know. Finite differences on every
# element, for places from 3 on:

# %%
rope = mt.nn.RotaryEmbedding(6, max_len=20).double()  # in float64, as a check must be
print("largest error:", mt.gradcheck(lambda x: rope(x, start=3), [mt.randn(2, 5, 6)]))

# %% [markdown]
# PyTorch has no layer for it. But it has complex numbers, and to multiply by $e^{ia}$ *is* to turn by $a$. That makes an
# independent judge in four lines:

# %%
try:
    import torch
except ImportError:
    print("PyTorch is not installed: pip install torch")
else:

    def theirs(x):  # (B, T, d)
        omega = 10000 ** (-torch.arange(0, 6, 2).double() / 6)  # (d/2,)
        angles = torch.arange(3, 8)[:, None] * omega  # (T, d/2)
        pairs = torch.view_as_complex(x.reshape(2, 5, 3, 2))  # (B, T, d/2)
        return torch.view_as_real(pairs * torch.exp(1j * angles)).reshape(2, 5, 6)

    print(mt.compare_with_torch(lambda x: rope(x, start=3), theirs, [rng.normal(size=(2, 5, 6))], rtol=1e-6))

# %% [markdown]
# The differences of some $10^{-8}$ are those of the library's cosines, which it keeps in float32. One warning before you load
# somebody's weights: many published models pair channel $i$ with $i + d/2$ instead of neighbours. It is as good, and it is not
# the same. `RotaryEmbedding(..., interleaved=False)` is for them.

# %% [markdown]
# ## Which one?
#
# | | sines and cosines | learned | rotary |
# |---|---|---|---|
# | how it comes in | added once, to the embeddings | added once, to the embeddings | turns what is compared, in each layer |
# | numbers to learn | none | one row for each place | none |
# | tells | place; distance by a product | place | distance |
# | beyond the longest text of training | defined, never practised | no row | defined, never practised |
# | used by | the first Transformer | BERT, GPT-2 | most open large language models since 2022 |

# %% [markdown]
# ## Summary
#
# - Means do not know places. Permute the tokens, and the results are permuted and nothing more.
# - The paper's table: clock hands with two channels each. Moving on by $k$ is one matrix, wherever one is.
# - Adding sine and cosine in one channel leaves a wave without its turn: distances look different everywhere.
# - Rotary embedding turns both vectors of a product: what remains is their distance. Its gradient turns back.
#
# **Further reading.** Vaswani et al., *Attention is all you need*, NeurIPS 2017, section 3.5. Gehring, Auli, Grangier, Yarats and
# Dauphin, *Convolutional sequence to sequence learning*, ICML 2017, with learned places. Shaw, Uszkoreit and Vaswani,
# *Self-attention with relative position representations*, NAACL 2018. Su et al., *RoFormer: enhanced transformer with rotary
# position embedding*, arXiv 2104.09864, 2021.
#
# **Next:** 06, who should look at whom.
