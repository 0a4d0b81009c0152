# %% [markdown]
# # 06 Softmax attention
#
# After this lesson you can say what queries, keys and values are, compute one attention with all its numbers, write
# it in four lines, keep it correct for large numbers, hide later tokens from it, and derive its gradient.
#
# *About 25 minutes to read, and 50 for the exercises. Builds on lessons 02 (gradients and how to check them) and 04 (embeddings).*

# %% [markdown]
# ## Why
#
# Read "the animal did not cross the street because it was too tired". To understand *it*, a reader looks back at
# *animal*. A layer that combines each token with its two neighbours cannot do this, because *animal* is seven words
# away. The mean of all tokens cannot do it either: it is the same for every token. Which tokens matter must depend on
# the tokens.
#
# Compare this with a dictionary in Python. `d["animal"]` gives the value that is stored under the key `"animal"`. The
# key must be equal to the one that is asked for: a key that is nearly right gives an error. So there is no slope that
# gradient descent could follow. **Attention** is a dictionary in which a key may fit a little or a lot. Each token
# gets three vectors, its **query, key and value**:
#
# - the query $q$ describes what the token looks for;
# - the key $k$ describes what the token is, so that it can be found;
# - the value $v$ is what other tokens receive from it.
#
# A query is compared with the keys of all tokens. The result for this query is a mean of all values, in which a value
# counts more if its key fits better.

# %%
import math

import numpy as np

import minitransformer as mt
from minitransformer.course import beside_pytorch, check, hint, saved, slide, solution
from minitransformer.course.figures import lesson_06_attention as figures

rng = np.random.default_rng(0)
mt.manual_seed(0)

# %% [markdown]
# ## One query
#
# How well do two vectors fit? Multiply them channel by channel and add the products: $q \cdot k = \sum_c q_c k_c$.
# This is the **dot product**. It is positive if the vectors point in similar directions, 0 if they are at right
# angles, and negative if they point in opposite directions. It also grows with the length of the vectors. The dot
# product of a query and a key is called the **score** of the key.
#
# The scores are then made into positive numbers that sum to 1 (the next section says how). These are the **attention
# weights**. We also call them *shares*, because "weights" are already the numbers that a model learns. A list of
# numbers that are 0 or larger and sum to 1 is called a **distribution**. The result is the mean of the values,
# weighted by the shares.
#
# In this example the first channel of a key says how much the token is a living thing, and *it* looks for a living
# thing: its query is $(2, 0.5)$. The key of *animal* is $(1.5, 0)$, so its score is $2 \cdot 1.5 + 0.5 \cdot 0 = 3$.
# The key of *street* is $(-0.5, 1.5)$, with the score $-1 + 0.75 = -0.25$. The value of *animal* will count most:

# %%
names = ["animal", "street", "tired"]
q = np.array([2.0, 0.5])  # (d,) the query of `it`
k = np.array([[1.5, 0.0], [-0.5, 1.5], [0.3, -1.0]])  # (S, d) a key for each name
v = np.array([[9.0, 0.0], [0.0, 9.0], [3.0, 3.0]])  # (S, dv) a value for each name
scores = k @ q  # (S, d) @ (d,) -> (S,)
shares = np.exp(scores) / np.exp(scores).sum()  # (S,)
result = shares @ v  # (S,) @ (S, dv) -> (dv,)
print("scores:", scores, " shares:", shares.round(2), " result:", result.round(2))
figures.one_query(names, q, k, scores, shares)

# %% [markdown]
# ## From scores to shares: softmax
#
# A score can be any number. Shares must be positive and sum to 1. The exponential $e^x$ makes every number positive
# and keeps their order. Dividing by the sum makes them sum to 1. The two steps together are called **softmax**:
#
# $$\mathrm{softmax}(x)_i = \frac{e^{x_i}}{\sum_j e^{x_j}}$$
#
# Only the *differences* between the scores count: if one score is larger than another by 1, its share is $e = 2.72$
# times as large.
#
# **Predict, then run.** The next cell multiplies the scores 2, 1, 0.1 and -1 by 0.3, by 1 and by 3. The order of the
# scores stays the same. Do the shares stay the same, too?
#
# <details><summary>Answer</summary>
#
# No. The differences become 3 times as large as well, so the quotient of two shares is raised to the power of 3. The
# largest share grows from 0.64 to 0.95. With the factor 0.3 the shares come closer to each other.
#
# </details>

# %%
four = np.array([2.0, 1.0, 0.1, -1.0])  # (n,)
by_factor = {}
for factor in (0.3, 1, 3):
    e_to_the = np.exp(factor * four)  # (n,)
    by_factor[factor] = e_to_the / e_to_the.sum()  # (n,)
    print(f"{factor} times the scores: largest share {by_factor[factor].max():.2f}")
print(f"e = {math.e:.2f}")
figures.larger_scores(four, by_factor)

# %% [markdown]
# Two cases need care. First, large scores: the largest number in float64 is about $10^{308}$. So $e^{1000}$ becomes
# infinite, and infinity divided by infinity is `nan`, "not a number". Adding the same number $c$ to all scores does
# not change the shares, because $e^{x+c} = e^c e^x$, and the factor $e^c$ cancels. So we subtract the largest score
# first. Then no exponent is above 0.

# %%
with np.errstate(all="ignore"):  # no warnings
    big = np.array([1000.0, 999.0])
    print("directly:               ", np.exp(big) / np.exp(big).sum())
    print("after subtracting 1000: ", (np.exp(big - big.max()) / np.exp(big - big.max()).sum()).round(3))

# %% [markdown]
# Second, keys that must not be used. Their score is set to $-\infty$, because $e^{-\infty} = 0$ (the section on masks
# below says what this is good for). If *all* keys of a query have the score $-\infty$, the largest score is $-\infty$
# too, and $-\infty - (-\infty)$ is `nan`. No key may be used, so all shares of such a row must be 0.

# %%
with np.errstate(all="ignore"):
    for row in (np.array([0.0, 0.0, -np.inf]), np.array([-np.inf, -np.inf, -np.inf])):
        e = np.exp(row - row.max())
        print(row, "->", e / e.sum())

# %% [markdown]
# For the exercise: `np.where(condition, a, b)` takes the number from `a` where the condition is true, and from `b`
# elsewhere. The array may have any number of dimensions, written `(..., n)`. The rows lie along the last axis, which
# is `axis=-1` for any number of dimensions. Softmax is computed for each row separately.
#
# ### Your turn: softmax

# %% exercise softmax

# %% [markdown]
# ## The gradient of softmax
#
# If one score rises, its own share rises and all other shares fall. So each output depends on each input. How much?
# Let $s = \mathrm{softmax}(x)$, and add a small number $h$ to one score $x_j$. Then $e^{x_j}$ becomes
# $e^h \approx 1 + h$ times as large. This has two effects:
#
# - The denominator grows by $e^{x_j} h$, which is $s_j h$ times the denominator. So *every* share $s_i$ falls by
#   $s_i s_j h$.
# - The numerator of share $j$ grows by the factor $1 + h$. So $s_j$ rises by $s_j h$.
#
# Write $[i = j]$ for a number that is 1 if $i = j$ and 0 otherwise (books write $\delta_{ij}$). Together:
#
# $$\frac{\partial s_i}{\partial x_j} = s_i\,\big([i = j] - s_j\big)$$

# %%
s = np.exp(four) / np.exp(four).sum()  # (n,) the shares of the four scores above
slopes = s[:, None] * (np.eye(4) - s)  # (n, n): row i, column j
central = np.zeros((4, 4))
for j in range(4):
    up, down = (np.exp(four + h * np.eye(4)[j]) for h in (1e-6, -1e-6))
    central[:, j] = (up / up.sum() - down / down.sum()) / 2e-6
print(f"largest difference from central differences: {abs(slopes - central).max():.0e}")
print("largest sum of a column:", abs(slopes.sum(axis=0)).max().round(12))
figures.slopes(slopes)

# %% [markdown]
# Every column sums to 0: what one share gains, the others lose. Now the gradient that goes back through softmax. Let
# $g_i = \partial L / \partial s_i$ be the gradient that arrives. By lesson 02, we multiply with the slopes and add
# over all $i$:
#
# $$\frac{\partial L}{\partial x_j} = \sum_i g_i\,s_i\,\big([i = j] - s_j\big)
# = g_j s_j - s_j \sum_i g_i s_i = s_j\,\Big(g_j - \sum_i g_i s_i\Big)$$
#
# In the first part of the sum, $[i = j]$ leaves only the term $i = j$. In the second part, $s_j$ is the same in all
# terms, so it can be written in front. The whole matrix of slopes is no longer needed. The formula also has a
# meaning: $\sum_i g_i s_i$ is the mean of $g$, weighted by the shares, and the gradient of a score is its share times
# the difference of $g_j$ from this mean.
#
# **Predict, then run.** The next cell starts the backward pass with $g = (1, 1, \ldots, 1)$ for each row. (`dim` is
# PyTorch's name for `axis`.) What is the gradient of the scores?
#
# <details><summary>Answer</summary>
#
# Zero. The weighted mean of $g$ is 1 as well, so $g_j$ minus the mean is 0. In other words: $L$ is the sum of the
# shares, which is always 1. So a check with ones cannot tell a right function from one that returns zeros. A check
# needs random numbers (lesson 02).
#
# </details>

# %%
x = mt.randn(3, 5, dtype=mt.float64, requires_grad=True)
mt.nn.functional.softmax(x, dim=-1).backward(mt.ones(3, 5, dtype=mt.float64))
print(f"largest gradient for g = 1:            {abs(x.grad.numpy()).max():.0e}")
error = mt.gradcheck(lambda t: mt.nn.functional.softmax(t, dim=-1), [x])
print(f"largest error, checked with random g:  {error:.0e}")

# %% [markdown]
# ### Your turn: the gradient of softmax

# %% exercise softmax_vjp

# %% [markdown]
# ## Why the scores are divided by the root of d
#
# Large scores give one key nearly everything, as you saw above. How large are scores? Take a query and a key of $d$
# random numbers each, with mean 0. The **variance** of such numbers is the mean of their squares, and its root is
# their *typical size*. Here both are 1, and so is the variance of each product $q_c k_c$. A score is the sum of $d$
# such products. Variances of independent numbers add up. So a score has the variance $d$ and the typical size
# $\sqrt d$.
#
# For $d = 64$ the typical size is 8. Then one share is nearly 1 and the others are nearly 0. For such shares the
# slope $s\,(1 - s)$ of a share with respect to its own score is nearly 0 as well, so the scores get almost no
# gradient, and the layer hardly learns. If scores are divided by $\sqrt d$, their typical size is 1 for every $d$.
# The left picture shows the largest share among ten random keys:

# %%
sizes = [4, 16, 64, 256]
undivided, divided = [], []
for d in sizes:
    raw = rng.normal(size=(500, d)) @ rng.normal(size=(10, d)).T  # (500, d) @ (d, 10) -> (500, 10)
    typical = np.sqrt((raw**2).mean())
    print(f"d = {d:3d}: typical size of a score {typical:4.1f}, root of d {math.sqrt(d):.0f}")
    for largest, score in ((undivided, raw), (divided, raw / math.sqrt(d))):
        largest.append(mt.nn.functional.softmax(mt.tensor(score), dim=-1).numpy().max(axis=-1).mean())
figures.widths(sizes, undivided, divided)

# %% [markdown]
# Try other divisors: the next cell takes ten random scores with $d = 64$. With JupyterLab and ipywidgets it shows a
# slider. At 1 the scores are as they come, at 8 they are divided by $\sqrt d$. A larger divisor makes the shares more
# and more equal.

# %%
ten = rng.normal(size=64) @ rng.normal(size=(10, 64)).T  # (10,) scores


def draw(root):
    figures.divided(root, mt.nn.functional.softmax(mt.tensor(ten / root), dim=-1).numpy())


slide(draw, root=(1.0, 20.0, 8.0))

# %% [markdown]
# ## All queries at once
#
# Write the queries of $T$ tokens as the rows of a matrix $Q$ $(T, d)$, the keys of $S$ tokens as the rows of $K$
# $(S, d)$, and their values as the rows of $V$ $(S, d_v)$. The score of query $i$ and key $j$ is the dot product of
# row $i$ of $Q$ and row $j$ of $K$. All of them together are the matrix product $Q K^\top$ $(T, S)$. Softmax turns
# each row into shares. The product of the shares with $V$ is a weighted mean of the values for each query:
#
# $$\mathrm{attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}}\right) V$$
#
# This is **scaled dot-product attention** (Vaswani et al., *Attention is all you need*, NeurIPS 2017, section 3.2.1).
#
# ## Where queries, keys and values come from
#
# Each token already has a vector, its embedding. These vectors are the rows of a matrix $X$ $(T, C)$. Three matrices
# of weights, $W_q$ $(C, d)$, $W_k$ $(C, d)$ and $W_v$ $(C, d_v)$, make a query, a key and a value from each row:
#
# $$Q = X W_q, \qquad K = X W_k, \qquad V = X W_v$$
#
# The same three matrices are used for all tokens. They start with random numbers and are learned by gradient descent
# (lesson 01). So nobody decides what a query looks for: it becomes whatever makes the error small. There are three
# matrices, so that what a token looks for, what it is found by, and what it passes on can be three different things.
# If queries and keys came from the same matrix, the key of a token would often fit its own query best.
#
# ## One attention with all its numbers
#
# Three tokens with $C = 4$ channels, and $d = d_v = 2$. First the queries, keys and values:

# %%
X = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0]])  # (T, C)
Wq = np.array([[2, 0], [0, 2], [0, 0], [0, 1]])  # (C, d)
Wk = np.array([[1, 0], [0, 1], [1, 0], [0, 0]])  # (C, d)
Wv = np.array([[10, 0], [0, 10], [0, 0], [0, 10]])  # (C, dv)
Q, K, V = X @ Wq, X @ Wk, X @ Wv  # (T, d), (T, d), (T, dv)
for name, table in (("Q = X Wq", Q), ("K = X Wk", K), ("V = X Wv", V)):
    print(f"{name}, {table.shape}:", *table)

# %% [markdown]
# We follow token 0, whose vector is $(1, 0, 1, 0)$. Its query is the sum of rows 0 and 2 of $W_q$, which is $(2, 0)$.
# The scores of its query and the three keys are
#
# $$(2, 0) \cdot (2, 0) = 4, \qquad (2, 0) \cdot (0, 1) = 0, \qquad (2, 0) \cdot (1, 1) = 2,$$
#
# and divided by $\sqrt 2 = 1.41$ they are 2.83, 0 and 1.41. This is row 0 of the scores:

# %%
products = Q @ K.T  # (T, d) @ (d, S) -> (T, S), here S = T
scaled = products / math.sqrt(2)  # (T, S)
print("Q K^T:", *products)
print("divided by", round(math.sqrt(2), 2), "gives", *scaled.round(2))

# %% [markdown]
# Softmax of row 0: $e^{2.83} = 16.92$, $e^0 = 1$ and $e^{1.41} = 4.11$ have the sum 22.03, so the shares are
# $16.92 / 22.03 = 0.77$, $0.05$ and $0.19$. (They sum to 1.01 only because each was rounded.)

# %%
powers = np.exp(scaled)  # (T, S)
weights = powers / powers.sum(axis=1, keepdims=True)  # (T, S): each row sums to 1
print("powers of row 0:", powers[0].round(2), "sum:", powers[0].sum().round(2))
print("shares:", *weights.round(2), "sum of row 0, rounded before:", weights[0].round(2).sum().round(2))

# %% [markdown]
# The result for token 0 is the mean of the three values with these shares,
# $0.77 \cdot (10, 0) + 0.05 \cdot (0, 20) + 0.19 \cdot (10, 10) = (9.55, 2.77)$. (The numbers come from the exact
# shares.) The picture shows all the matrices, from left to right. Cover the last three with a hand, and compute the
# second row yourself:

# %%
results = weights @ V  # (T, S) @ (S, dv) -> (T, dv)
print("results:", *results.round(2))
figures.steps({"X": X, "Q": Q, "K": K, "V": V, "scores": scaled, "shares": weights, "result": results})

# %% [markdown]
# Queries, keys and values came from the same text. This is called **self-attention**. In a translation, the queries
# come from the text that is being written, and keys and values from the text that is translated. This is called
# **cross-attention**. The formula is the same, but $T$ and $S$ can differ.
#
# ## The sentence from the beginning
#
# A trained model finds its own matrices (lesson 07 shows some). Here we write them by hand, to show that attention
# can solve the example. Each word has four channels: "living thing", "place", "pronoun", "state". The matrix $W_q$
# makes a pronoun look for living things. All other words have the query 0.
#
# **Predict, then run.** What do the rows of the words with the query 0 look like?
#
# <details><summary>Answer</summary>
#
# A query of zeros has the score 0 with every key. Equal scores give equal shares: each of the 12 words gets 1/12,
# about 0.08.
#
# </details>

# %%
words = "the animal did not cross the street because it was too tired".split()
channels = {"animal": 0, "street": 1, "it": 2, "tired": 3}  # living thing, place, pronoun, state
X_words = np.zeros((len(words), 4))  # (T, C)
for t, word in enumerate(words):
    if word in channels:
        X_words[t, channels[word]] = 1
Q_words = X_words @ np.array([[0, 0], [0, 0], [4.0, 0], [0, 0]])  # (T, d): a pronoun looks for direction 0
K_words = X_words @ np.array([[1.5, 0], [0, 1.5], [0, 0], [0, 0]])  # (T, d): 0 is "living thing", 1 is "place"
V_words = X_words  # (T, dv): the value is all that is known of the word
word_scores = mt.tensor(Q_words @ K_words.T / math.sqrt(2))  # (T, T)
word_shares = mt.nn.functional.softmax(word_scores, dim=-1).numpy()  # (T, T)
it = words.index("it")
print("X of `it`:       ", X_words[it])
print("result for `it`: ", (word_shares @ V_words)[it].round(2))
print(len(words), "words; shares of the first:", word_shares[0].round(2))
figures.sentence(words, word_shares)

# %% [markdown]
# This picture of all shares is called an **attention map**: it has a row for each query and a column for each key. In
# row *it*, almost the whole share is at *animal*. Its vector said "pronoun" only; the result says "living thing". But
# the result does not say *where* the animal stands in the sentence: shares are computed from the vectors alone. If
# places matter, they must be part of the vectors (lesson 05).
#
# ## Masks
#
# A model that learns to predict the next token reads a whole text and predicts at all places at once: at place 3 it
# predicts the token at place 4. If place 3 could look at place 4, it would simply copy the token, and learn nothing.
# A **mask** is a table of `True` and `False` which says where a query may look. A **causal mask** allows each place
# itself and all places before it. (`np.tri(6)` makes a table with ones on and below the diagonal.)
#
# Where a query may not look, the score is set to $-\infty$ *before* softmax. Then the share is exactly 0, and the
# others sum to 1. It would be wrong to set shares to 0 *after* softmax: the rows would sum to less than 1, and the
# sum would depend on the hidden scores, so the model could still learn something about the tokens that it must not
# see.

# %%
mask = np.tri(6, dtype=bool)  # (T, T): True where a query may look
table = rng.normal(size=(6, 6))  # (T, T) random scores
hidden = mt.tensor(np.where(mask, table, -np.inf))  # (T, T)
before = mt.nn.functional.softmax(hidden, dim=-1).numpy()  # (T, T)
after = mt.nn.functional.softmax(mt.tensor(table), dim=-1).numpy() * mask  # (T, T)
figures.masks(mask, before, after)
print("sums of the rows, masked before:", before.sum(1).round(2))
print("sums of the rows, masked after: ", after.sum(1).round(2))

# %% [markdown]
# ### Your turn: the mask, and attention
#
# In `attention` there may be more dimensions in front, for several texts at once: $(\ldots, T, d)$. `@` multiplies
# the last two dimensions (lesson 02). `np.swapaxes(k, -1, -2)` swaps the last two and leaves those in front as they
# are, which `k.T` does not do. Use `math.sqrt` for the root: it gives a Python number, while `np.sqrt(4)` is a number
# of the type float64, which turns a float32 array into float64.

# %% exercise causal_mask

# %% exercise attention

# %% [markdown]
# **Harder, if you like** (not judged): write `attention_vjp(g, q, k, v)` for one text without a mask. It returns the
# gradients of `q`, `k` and `v`, and needs your `softmax_vjp` and the gradient of a matrix product (lesson 02). Check
# it with central differences.
#
# <details><summary>Answer</summary>
#
# ```python
# def attention_vjp(g, q, k, v):  # (T, dv), (T, d), (S, d), (S, dv)
#     root = math.sqrt(q.shape[-1])
#     shares = softmax(q @ k.T / root)  # (T, S)
#     g_scores = softmax_vjp(g @ v.T, shares) / root  # (T, S)
#     return g_scores @ k, g_scores.T @ q, shares.T @ g
# ```
#
# </details>
#
# ## The same in the library, and in PyTorch
#
# `mt.nn.functional.scaled_dot_product_attention` is this formula as one operation with its own gradient
# (`minitransformer/ops/networks/attention.py`): the gradient of softmax between the gradients of two matrix products. Here it
# is checked with central differences, for every element of the queries, keys and values:

# %%
inputs = [mt.randn(2, 5, 4), mt.randn(2, 6, 4), mt.randn(2, 6, 3)]  # (B, T, d), (B, S, d), (B, S, dv)
print(f"largest error: {mt.gradcheck(mt.nn.functional.scaled_dot_product_attention, inputs):.0e}")

# %% [markdown]
# The largest differences from PyTorch, once without and once with a mask:


# %%
def compare():
    import torch

    ours, theirs = (library.nn.functional.scaled_dot_product_attention for library in (mt, torch))
    double = [t.double().numpy() for t in inputs]
    seen = np.tri(5, 6, dtype=bool)  # (T, S)
    ours_masked = lambda q, k, v: ours(q, k, v, mt.tensor(seen))  # noqa: E731
    theirs_masked = lambda q, k, v: theirs(q, k, v, torch.tensor(seen))  # noqa: E731
    pairs = {"without a mask": (ours, theirs), "with a mask": (ours_masked, theirs_masked)}
    errors = {name: mt.compare_with_torch(*pair, double) for name, pair in pairs.items()}
    lines = [f"{name}: values {e['value']:.0e}, gradients {e['gradient']:.0e}" for name, e in errors.items()]
    return "\n".join(lines)


beside_pytorch(
    compare,
    shipped="without a mask: values 2e-16, gradients 3e-16\nwith a mask: values 3e-16, gradients 3e-16",
)

# %% [markdown]
# ## What the article writes
#
# The article from which this course grew (lesson 04) explains attention in three steps, with the formulas of this
# lesson. Three remarks for those who read it:
#
# - Its first step computes "the embedding of queries, keys and values". They are no embeddings. An embedding depends
#   on the id of the token alone. Queries, keys and values are computed from $X$, and in later layers $X$ depends on
#   the whole text.
# - It writes $\mathrm{Attention}(Q, K)$ for the shares and $\mathrm{Attention}(Q, K, V)$ for the result: one name for
#   two things. An attention map shows the first.
# - It calls $d_k$, our $d$, "the dimension of the key". With several heads it is the size of a key *in one head*:
#   lesson 07.

# %% [markdown]
# ## Summary
#
# - Scores are dot products of queries and keys. Softmax turns them into shares. The result is the mean of the values
#   with these shares.
# - Queries, keys and values are computed from the same vectors, by three matrices that are learned.
# - Subtract the maximum before exp. Divide the scores by $\sqrt d$. Mask before softmax.
# - The gradient of softmax needs only its output: $s\,(g - \sum g s)$.
#
# **Further reading.** Vaswani et al., *Attention is all you need*, NeurIPS 2017. Bahdanau, Cho and Bengio, *Neural
# machine translation by jointly learning to align and translate*, ICLR 2015, which brought attention to translation.
# Luong, Pham and Manning, *Effective approaches to attention-based neural machine translation*, EMNLP 2015, with the
# dot product as the score.
#
# **Next:** 07, several attentions side by side.

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | query, key and value | what a token looks for, what it is found by, what others receive from it | `query`, `key`, `value` |
# | score | the dot product of a query and a key, divided by $\sqrt d$ | |
# | softmax | exp of each number, divided by the sum: positive numbers that sum to 1 | `nn.functional.softmax` |
# | attention weights | the *shares* with which the values are averaged: softmax of the scores | `need_weights=True` |
# | distribution | numbers that are 0 or larger and sum to 1 | |
# | variance | of numbers with mean 0, the mean of their squares; its root is their *typical size* | `torch.var` |
# | scaled dot-product attention | $\mathrm{softmax}(Q K^\top / \sqrt d)\,V$ | `nn.functional.scaled_dot_product_attention` |
# | self-attention | attention with queries, keys and values from the same text | |
# | cross-attention | attention with queries from one text, keys and values from another | |
# | attention map | a picture of the attention weights: a row for each query, a column for each key | |
# | causal mask | a table that lets each place look at itself and at the places before it | `is_causal=True` |
