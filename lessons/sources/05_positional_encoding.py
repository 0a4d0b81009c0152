# %% [markdown]
# # 05 Positional encoding
#
# After this lesson you can say why a Transformer needs to know where its tokens stand. You can build the table of sines and
# cosines with which the first Transformer knew it, explain what is lost if the two are added up, and turn vectors so that their
# product depends on their distance.
#
# *About 20 minutes to read, and 65 for the exercises. Builds on lessons 02 (gradients and how to check them) and 04 (embeddings,
# the dot product). From school: sine and cosine as the coordinates of a point on a circle.*

# %% [markdown]
# ## Why
#
# "Dog bites man" is no news. "Man bites dog" is. The words are the same, the order is not. Lesson 04 gave every token a vector,
# the *same* vector wherever the token stands. If a model takes the mean of these vectors, what can it know about the order?
# Nothing, because a sum does not depend on the order of its terms.

# %%
import numpy as np

import minitransformer as mt
from minitransformer.course import beside_pytorch, check, hint, saved, slide, solution
from minitransformer.course.figures import lesson_05_positional_encoding as figures

rng = np.random.default_rng(0)
mt.manual_seed(0)

vectors = rng.normal(size=(3, 8))  # (V, C): dog, bites, man
print("dog bites man:", vectors[[0, 1, 2]].mean(0).round(2)[:4], "...")
print("man bites dog:", vectors[[2, 1, 0]].mean(0).round(2)[:4], "...")

# %% [markdown]
# That mean is a simple one. Attention, the subject of lesson 06, is much finer: every token takes a mean of its own, with more of
# those tokens that *match* it. Here is its main idea, with the square of the dot product for "how well two vectors match" (lesson
# 06 has something better).
#
# **Predict, then run.** Every token now gets a mean of its own. Does `man` get another vector in "man bites dog" than in "dog
# bites man"?
#
# <details><summary>Answer</summary>
#
# No, except for rounding. Each token's result is a sum over all tokens, and the terms contain vectors only, never places.
#
# </details>


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
# Put the tokens in another order, and the results come in that order too, and are otherwise unchanged. This is called
# **permutation equivariance**. Attention has it, and so has a stack of a hundred such layers. *So places must be put into the
# vectors.* What is put in is called a **positional encoding**.

# %% [markdown]
# ## First ideas
#
# **Add the number of the place**, 0, 1, 2, ... to the vector. At place one thousand this is a thousand times as large as the
# numbers of the token.
#
# **Add a fraction**, the place divided by the length of the text. Now everything is between 0 and 1, but the same step between
# neighbours has another size in each text.
#
# **Write the place in binary**, a digit in each channel. That is better: all numbers are small, and every place has its own
# pattern. Look at the columns on the left of the picture. The last digit changes at every place, the one before at every second
# place, and so on: there are fast channels and slow ones. Only the jumps are a disadvantage. From place 7 to 8 all four digits
# change at once, although the two are neighbours.
#
# So keep fast and slow channels, and replace the jumps by waves: each channel is a sine of the place. The picture shows the
# digits, and waves of four speeds, whose angles grow by 1/8, 1/4, 1/2 and 1 radian a place. From one place to the next, no wave
# moves by more than its speed.

# %%
places = np.arange(16)
binary = places[:, None] >> np.arange(4)[::-1] & 1  # (T, 4): the four binary digits of each place
waves = np.stack([np.sin(places / 2**k) for k in (3, 2, 1, 0)], axis=1)  # (T, 4)
print("from place 7 to 8 the digits move by", abs(binary[8] - binary[7]), end=" ")
print("and the waves by", abs(waves[8] - waves[7]).round(2))
figures.digits_and_waves(binary, waves)

# %% [markdown]
# ## Clock hands
#
# One wave is not enough. A sine has the same value on its way up and on its way down, and does not show which of the two it is. A
# clock hand does, if it gets *two* channels, the coordinates of its tip. The paper that introduced the Transformer (Vaswani et
# al., *Attention is all you need*, 2017; these lessons call it *the paper*) takes $d/2$ hands for $d$ channels, in section 3.5.
# At each place hand $i$ turns on by the angle $\omega_i$, its *speed*, also called its **frequency**:
#
# $$\mathrm{PE}_{p,\,2i} = \sin(p\,\omega_i), \qquad \mathrm{PE}_{p,\,2i+1} = \cos(p\,\omega_i), \qquad
# \omega_i = \frac{1}{10000^{2i/d}}$$
#
# There are sines in the even channels and cosines in the odd ones. The first hand turns by 1 radian a place. Each next hand is
# slower by the same factor. The number of places that a hand needs for a full turn is called its **wavelength**. It is as with
# the second, the minute and the hour hand of a clock, with a few more hands.

# %%
width = 8  # channels
speeds = 1 / 10000 ** (np.arange(0, width, 2) / width)  # (hands,)
print("places for a full turn:", (2 * np.pi / speeds).round(1))
figures.clock_hands(speeds)

# %% [markdown]
# ### Your turn: the table

# %% exercise sinusoidal_table

# %% [markdown]
# And this is what it looks like. From here on the library computes it for you (`dropout` is explained in lesson 09; 0.0 turns it
# off):

# %%
paper = mt.nn.SinusoidalPositionalEncoding(64, dropout=0.0, max_len=200).table().numpy()  # (length, d)
print(f"typical size of its numbers: {(paper**2).mean() ** 0.5:.4f}")  # sin^2 + cos^2 = 1 for each two channels
figures.table(paper[:100])

# %% [markdown]
# ## The same turn from everywhere
#
# This is what hands are good for: three places later, hand $i$ has turned by $3\omega_i$, *wherever it was before*. From school
# (or from any table of formulas), with $a$ for the angle now and $b = k\,\omega_i$ for the turn:
#
# $$\begin{pmatrix} \sin(a + b) \\ \cos(a + b) \end{pmatrix} =
# \begin{pmatrix} \cos b & \sin b \\ -\sin b & \cos b \end{pmatrix}
# \begin{pmatrix} \sin a \\ \cos a \end{pmatrix}$$
#
# This matrix is a **rotation matrix**. It depends on $k$ and not on $p$. So "three words before me" is one fixed matrix for the
# whole text, and a matrix is what a layer can learn. All hands together give a matrix with these blocks of $2 \times 2$ on its
# diagonal.
#
# ### Your turn: the matrix that moves

# %% exercise shift_matrix

# %% [markdown]
# It follows that the dot product of two rows depends on their distance and on nothing else. For each hand $\sin a \sin(a + b) +
# \cos a \cos(a + b) = \cos b$, hence
#
# $$\mathrm{PE}_p \cdot \mathrm{PE}_{p+k} = \sum_i \cos(k\,\omega_i).$$
#
# A distance is also called a **relative position**, and the place itself an *absolute* one.

# %%
distance = np.arange(-60, 61)
figures.alike(distance, {p: paper[p + distance] @ paper[p] for p in (70, 120)})

# %% [markdown]
# ## The article's formula
#
# The article from which this course grew (lesson 04) writes
#
# $$ep = \sin\!\left(\frac{p}{10000^{2i/d}}\right) + \cos\!\left(\frac{p}{10000^{2i/d}}\right)$$
#
# with a plus, "where $i$ is the index of the dimension". It is a small slip with large consequences. A sum of a sine and a cosine
# of the same angle is a single wave, a little higher and shifted:
#
# $$\sin\theta + \cos\theta = \sqrt 2\,\sin\!\left(\theta + \tfrac{\pi}{4}\right)$$
#
# So each hand has only *one* channel left: its height, say, without its other coordinate. At the same height a hand may be rising
# or falling. So its height does not say where it will be at the next place, and no matrix can move it on. Also, $i$ counts
# channels here and not pairs, so the exponent goes up to 2 and not to 1. Half of the hands are then so slow that they hardly
# move. The library has this table too, as an example:

# %%
tables = {
    "the paper's": mt.nn.SinusoidalPositionalEncoding(16, dropout=0.0, max_len=200).table().numpy(),
    "the article's": mt.nn.AddedPositionalEncoding(16, dropout=0.0, max_len=200).table().numpy(),
}  # (length, d) each
three_later = {name: (t[:29] * t[3:32]).sum(1) for name, t in tables.items()}  # (29,): places p and p + 3
moves = {name: np.ptp(t[:32], axis=0) for name, t in tables.items()}  # (d,): largest minus smallest
for name, t in tables.items():
    M, *_ = np.linalg.lstsq(t[:100], t[1:101], rcond=None)  # the best matrix to move one place on
    worst = abs(t[:100] @ M - t[1:101]).max()
    print(f"{name:14s}products vary by {np.ptp(three_later[name]):.2f};", end=" ")
    print(f"the best matrix misses the next place by {worst:.1g}")
figures.two_tables(three_later, moves)

# %% [markdown]
# The rows are still different from each other, so a model *can* learn with them. But it has to learn each place by itself, as no
# distance looks the same twice.
#
# The listing in the article uses a class `PositionalEncoding` that it never defines. Here it is `mt.nn.PositionalEncoding`, with
# the paper's formula, and made for the listing's shape (T, B, C), *time first*: T places, B texts, C channels. One must be
# careful: a table (T, C) that is added to (T, B, C) as it is would be added along B. That fails; or it does not fail, and is
# wrong, if there are as many texts as places. The table needs a 1 in the middle, (T, 1, C).
#
# ## Added to the tokens
#
# Now the two meet: the vector of the token plus the vector of the place, channel by channel. Can the model still separate the
# two? There is room: among many channels two vectors can have different directions, and the layers that follow learn to look in
# the right one. But both must be large enough. The typical size of the table is 0.71, the root of $\frac12$, as a sine's square
# and a cosine's sum to 1. The paper, and the listing, multiply the embeddings by $\sqrt d$ first (lesson 04). The paper gives no
# reason; the effect is that small embeddings are not too small beside the table. And now the order matters:

# %%
tokens = mt.tensor(x * 8**0.5, dtype=mt.float32)  # (T, C): dog bites man
encoding = mt.nn.PositionalEncoding(8, dropout=0.0)
dog_first, man_first = encoding(tokens).numpy(), encoding(tokens[order]).numpy()
difference = abs(mix(dog_first)[order] - mix(man_first)).max()
print(f"dog bites man, man bites dog: largest difference {difference:.2f}")

# %% [markdown]
# ## Learned places
#
# Why design a table at all? Begin with one of random numbers, a row for each place, and let it learn like that of the tokens.
# This is a **learned positional embedding**: lesson 04 once more, with places for ids. BERT and GPT-2 do so, and it works as well
# (the paper tried both and found hardly any difference). Its price: a row learns only from texts that are long enough to reach
# it, and behind the last row there is nothing.

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
# The gradient of each of the rows 0 to 3 is the sum over all five texts (`unbroadcast`, lesson 02). Rows 4 and 5 were not used.

# %% [markdown]
# ## Turn instead of adding
#
# What matters in language is mostly the *distance*: the word before, the end of the sentence. With an added table the product of
# two vectors, $(x + \mathrm{PE}_p) \cdot (y + \mathrm{PE}_s)$, has one part that depends on the distance alone, and two parts
# that mix tokens with places.
#
# **Rotary embedding** (RoPE, Su et al., 2021) adds nothing. Whenever two vectors are compared, call them $q$ and $k$ (lesson 06
# says which they are), it *turns* each, pair of channels by pair of channels, by an angle that grows with its place:
#
# $$\begin{pmatrix} y_{2i} \\ y_{2i+1} \end{pmatrix} =
# \begin{pmatrix} \cos a & -\sin a \\ \sin a & \cos a \end{pmatrix}
# \begin{pmatrix} x_{2i} \\ x_{2i+1} \end{pmatrix}, \qquad a = p\,\omega_i$$
#
# Call it $y = R_p\,x$. If two vectors are turned by the same angle, their dot product does not change. So turn both back by $p$:
#
# $$(R_p\,q) \cdot (R_s\,k) = q \cdot (R_{s-p}\,k)$$
#
# Only the distance $s - p$ is left. Only $q$ and $k$ are turned, and only to compare them. The embedding, and what a token passes
# on (lesson 06), are not changed. Turning keeps the length of $q$ and $k$.
#
# **Predict, then run.** Below, the angle from $q$ to $k$ is 30° at first (pale), and both are turned by 25° a place. What is the
# angle from $q$ at place 1 to $k$ at place 3? And from $q$ at place 5 to $k$ at place 7?
#
# <details><summary>Answer</summary>
#
# Both are 80°: $k$ is two places farther than $q$, so it is turned by 50° more. In JupyterLab you can move the slider: the two
# pictures turn by different angles, but the angle from $q$ to $k$ is always the same in both.
#
# </details>


# %%
def show(degrees):
    """The angle from q to k before they are turned, and at two pairs of places that are equally far from each other."""
    q, k = 20, 50  # their directions before they are turned
    print(f"before: {k - q}°")
    for p, s in ((1, 3), (5, 7)):
        angle = (k + s * degrees) - (q + p * degrees)
        print(f"q at place {p}, k at place {s}: {angle:g}°, cosine {np.cos(np.deg2rad(angle)):.3f}")
    figures.turned(q, k, degrees, [(1, 3), (5, 7)])


slide(show, degrees=(0.0, 100.0, 25.0))

# %% [markdown]
# ### Your turn: turn

# %% exercise rotary

# %% [markdown]
# The next picture has one $q$ and one $k$, put at all pairs of places. With rotary embedding every diagonal, that is every
# distance, has one value. With an added table the places themselves are seen as stripes.

# %%
q, k = rng.normal(size=(2, 1, 16)) * np.ones((24, 1))  # (T, d) each: the same vector at all places
turn = mt.nn.RotaryEmbedding(16, max_len=24)
turned_q, turned_k = (turn(mt.tensor(vector, dtype=mt.float32)).numpy() for vector in (q, k))  # (T, d) each
added = tables["the paper's"][:24]  # (T, d)
products = {"table added": (q + added) @ (k + added).T, "turned": turned_q @ turned_k.T}  # (T, T) each
for name, product in products.items():
    spread = max(np.ptp(np.diagonal(product, offset)) for offset in range(-20, 21))
    print(f"{name}: products at the same distance vary by up to {spread:.6f}")
figures.products(products)

# %% [markdown]
# ## The gradient
#
# Turning is a matrix product, and the law of a matrix product is its transpose (lesson 02): $\partial L/\partial x = R_p^\top g$.
# The transpose of a rotation is the rotation *back*: the minus moves to the other sine. Nothing must be remembered but the place.
#
# ### Your turn: turn back

# %% exercise rotary_vjp

# %% [markdown]
# ## The same in the library, and against PyTorch
#
# `mt.nn.RotaryEmbedding` turns with plain multiplications, so its gradient follows from laws you know. It is checked with finite
# differences on every element, for places from 3 on.
#
# PyTorch has no layer for it. But it has complex numbers, and a complex number that is multiplied by $e^{ia}$ is *turned* by $a$.
# So PyTorch can compute it in another way, in four lines:

# %%
rope = mt.nn.RotaryEmbedding(6, max_len=20).double()  # in float64, as a check must be


def from_place_3(x):
    return rope(x, start=3)


def compare():
    import torch

    def theirs(x):  # (B, T, d)
        omega = 10000 ** (-torch.arange(0, 6, 2).double() / 6)  # (d/2,)
        angles = torch.arange(3, 8)[:, None] * omega  # (T, d/2)
        pairs = torch.view_as_complex(x.reshape(2, 5, 3, 2))  # (B, T, d/2)
        return torch.view_as_real(pairs * torch.exp(1j * angles)).reshape(2, 5, 6)

    off = mt.compare_with_torch(from_place_3, theirs, [rng.normal(size=(2, 5, 6))], rtol=1e-6)
    return f"largest difference of the results {off['value']:.0e}, of the gradients {off['gradient']:.0e}"


print("largest error:", mt.gradcheck(from_place_3, [mt.randn(2, 5, 6)]))
beside_pytorch(compare, shipped="largest difference of the results 2e-08, of the gradients 2e-08")

# %% [markdown]
# The differences are larger than rounding in float64, because the library keeps its cosines in float32. And a warning before you
# load published weights: many models pair channel $i$ with channel $i + d/2$ instead of its neighbour. It works as well, but it
# is not the same. `RotaryEmbedding(..., interleaved=False)` is for them.

# %% [markdown]
# ## Which one?
#
# | | sines and cosines | learned | rotary |
# |---|---|---|---|
# | how it is used | added once, to the embeddings | added once, to the embeddings | turns what is compared, in each layer |
# | numbers to learn | none | one row for each place | none |
# | what it shows | the place; the distance, by a product | the place | the distance |
# | beyond the longest text of training | defined, but never trained | no row | defined, but never trained |
# | used by | the first Transformer | BERT, GPT-2 | most open large language models since 2022 |
#
# **Harder, if you like** (not judged): give `mix` a sense of order by rotary embedding. Replace `x @ x.T` by the product of
# turned vectors, and print what `man` becomes in both sentences. Then put three other tokens in front of both sentences. What
# changes, and what would change with an added table?

# %% [markdown]
# ## Summary
#
# - Means do not depend on places. Permute the tokens, and the results are permuted, and nothing else changes.
# - The paper's table: clock hands with two channels each. Moving on by $k$ is one matrix, wherever one is.
# - If sine and cosine are added in one channel, one sees no longer whether a hand rises or falls: no distance looks the same
#   twice.
# - Rotary embedding turns both vectors of a product: what remains is their distance. Its gradient turns back.
#
# **Further reading.** Vaswani et al., *Attention is all you need*, NeurIPS 2017, section 3.5. Gehring, Auli, Grangier, Yarats and
# Dauphin, *Convolutional sequence to sequence learning*, ICML 2017, with learned places. Shaw, Uszkoreit and Vaswani,
# *Self-attention with relative position representations*, NAACL 2018. Su et al., *RoFormer: enhanced transformer with rotary
# position embedding*, arXiv 2104.09864, 2021.
#
# **Next:** 06, which token should look at which.

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | permutation equivariance | inputs in another order give the results in that order, otherwise unchanged | |
# | positional encoding | what shows a model the *place* of each token | |
# | frequency | by which angle a wave turns from one place to the next: the *speed* of a *clock hand* | |
# | wavelength | how many places a wave needs for a full turn | |
# | rotation matrix | the matrix that turns vectors by an angle | |
# | relative position | how far two places are apart: *distance*; the place itself is the absolute position | |
# | learned positional embedding | a table with a row for each place, which is learned | `nn.Embedding` |
# | rotary embedding (RoPE) | vectors are turned by their place before they are compared | |
