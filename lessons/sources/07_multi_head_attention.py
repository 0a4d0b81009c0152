# %% [markdown]
# # 07 Multi-head attention
#
# After this lesson you can say why one attention is not enough, compute several of them at once without copying a
# number, derive the gradient, write the attention layer of every Transformer, train one on English text, and read its
# attention maps.
#
# *About 30 minutes to read, and 50 for the exercises. Builds on lessons 02 (gradients and how to check them) and 06 (attention).*

# %% [markdown]
# ## Why
#
# Back to "the animal did not cross the street because it was too tired". To understand *it*, look at *animal*, which
# tells who is meant. Look at *tired* as well, which tells why *it* is mentioned. These are two queries, for two
# different tokens.
#
# One attention gives *it* only one row of shares, and the shares sum to 1. It could give half to *animal* and half to
# *tired*. Then the result is the mean of two values. From a mean one cannot tell which value came from which word:

# %%
import math

import numpy as np

import minitransformer as mt
from minitransformer.course import beside_pytorch, check, hint, saved, solution
from minitransformer.course.figures import lesson_07_multi_head_attention as figures

rng = np.random.default_rng(0)
mt.manual_seed(0)

pairs = [(3, 7), (9, 1)]  # the value of `animal`, the value of `tired`
means = [0.5 * animal + 0.5 * tired for animal, tired in pairs]
print("pairs of values:", *pairs, " their means:", *means)
figures.means(pairs, means)

# %% [markdown]
# So we give every token several queries, and it gets a result for each of them. The results are put side by side.
# Each attention with its own queries, keys and values is called a **head**, and all of them together are **multi-head
# attention**. With $H$ heads, and $Q_h$, $K_h$, $V_h$ for the queries, keys and values of head $h$ (each head has its
# own three matrices to compute them),
#
# $$\mathrm{head}_h = \mathrm{attention}(Q_h, K_h, V_h), \qquad
# \mathrm{result} = \mathrm{concat}(\mathrm{head}_0, \ldots, \mathrm{head}_{H-1})\; W_O^\top$$
#
# (Vaswani et al., *Attention is all you need*, NeurIPS 2017, section 3.2.2.) $\mathrm{concat}$ puts the heads side by
# side. $W_O$ is one more matrix that is learned, the **output projection**. It mixes the results of the heads. (We
# write it transposed: in the paper $W_O$ has a row for each input, while matrices of PyTorch and of this library have
# a row for each output.) The article from which this course grew (lesson 04) calls this a "multi-head self Register
# Mechanism"; its equations are those of multi-head attention.

# %% [markdown]
# ## One head and two heads in an experiment
#
# There are six tokens, each with a random number. The task: for each token, compute two numbers, that of *the token
# before it* and that of *the first token*. (For the first token, "the token before" is the last one.) Which tokens to
# look at depends on the places alone. So queries and keys are computed from the places only: place $t$ is a vector
# with a 1 in channel $t$.
#
# A layer with one head and a layer with two heads learn this by gradient descent (lesson 01) with the learning rate
# 0.5. Both have *exactly as many parameters*. `mt.nn.MultiheadAttention(C, H)` is the layer that this lesson builds.
# It is called with three arrays, for the queries, the keys and the values, and returns the results and the shares.
# (`batch_first=True` says that the arrays have the shape $(B, T, C)$: $B$ texts with $T$ tokens of $C$ channels.
# Inside `no_grad` nothing is recorded for the backward pass. `p.grad = None` removes the old gradient, to which the
# new one would be added.)


# %%
def inputs(given):  # (B, 6, 1) -> two tensors (B, 6, 12): the places alone, and with the numbers
    B = len(given)
    alone = np.concatenate([np.zeros((B, 6, 6)), np.broadcast_to(np.eye(6), (B, 6, 6))], axis=-1)
    with_numbers = alone.copy()
    with_numbers[..., :1] = given
    return mt.tensor(alone, dtype=mt.float32), mt.tensor(with_numbers, dtype=mt.float32)


def descend(parameters, rate):  # one step against the gradient
    with mt.no_grad():
        for p in parameters:
            p.data -= rate * p.grad
            p.grad = None


def learn(n_heads, steps=600):
    numbers = np.random.default_rng(1)
    mt.manual_seed(1)
    layer = mt.nn.MultiheadAttention(12, n_heads, batch_first=True)  # 12 channels
    errors = []
    for _ in range(steps):
        given = numbers.normal(size=(32, 6, 1))  # (B, T, 1)
        before, first = np.roll(given, 1, axis=1), np.repeat(given[:, :1], 6, axis=1)  # (B, T, 1) each
        target = mt.tensor(np.concatenate([before, first], axis=-1), dtype=mt.float32)  # (B, T, 2)
        places, with_numbers = inputs(given)
        result = layer(places, places, with_numbers)[0][..., :2]  # (B, T, 2): the two answers
        error = ((result - target) ** 2).mean()
        error.backward()
        descend(layer.parameters(), 0.5)
        errors.append(error.item())
    return layer, errors


learned = {n: learn(n) for n in (1, 2)}
for n, (layer, errors) in learned.items():
    count = sum(p.numel() for p in layer.parameters())  # numel: how many numbers
    print(f"heads: {n}; parameters: {count}; error of the last 20 steps: {np.mean(errors[-20:]):.3f}")
print("5/12 =", round(5 / 12, 3))
figures.two_errors({n: errors for n, (_, errors) in learned.items()})

# %% [markdown]
# One head does not get below $5/12$, and more training does not help. Here is why. Whatever its shares are, it gets
# one mixture of the numbers. If it looks at one of the two tokens only, one answer is right. For the other answer it
# knows nothing, and the best guess 0 has the squared error 1, the variance of the numbers (lesson 06). The mean is
# $\frac12(0 + 1) = \frac12$. If it looks at both, it gets $\frac{a+b}{2}$. This differs from $a$ by $\frac{b-a}{2}$,
# whose square has the mean $\frac14 + \frac14 = \frac12$ again. Only for token 1 the two answers are the same number,
# so its error can be 0. Over six tokens the mean is at least $\frac56 \cdot \frac12 = \frac{5}{12}$. With two heads
# the error goes towards 0.
#
# **Predict, then run.** Which shares do you expect in the maps of the two heads? A map has a row for each query; dark
# is a large share.
#
# <details><summary>Answer</summary>
#
# One head looks at the first token in every row (column 0 is dark), the other at the token before (the squares below
# the diagonal are dark, and in row 0 the last one). Nobody assigned these tasks to the heads: gradient descent found
# them.
#
# </details>

# %%
places, with_numbers = inputs(rng.normal(size=(1, 6, 1)))
maps = {}
for n, (layer, _) in learned.items():
    shares = layer(places, places, with_numbers, average_attn_weights=False)[1]  # (B, H, T, T)
    maps[n] = shares.numpy()[0]  # (H, T, T)
print("maps of the layer with two heads:", maps[2].shape)
figures.maps({"one head": maps[1][0], "two heads: head 0": maps[2][0], "two heads: head 1": maps[2][1]})

# %% [markdown]
# (In this experiment the shares do not depend on the numbers. If queries and keys were computed from the numbers too,
# the shares of one head could carry some information about a second number, and its error could fall below 5/12.)
#
# ## As many parameters, as much work
#
# Why do two heads cost no more than one? Each is half as wide. A token has $C$ channels, and with $H$ heads each head
# works with $d = C / H$ channels. In the article's equations head $i$ has its own matrix, $Q_i = X W_{q_i}$. The $H$
# narrow matrices side by side are one matrix of $C \times C$. So one matrix product computes the queries of all
# heads, and we only have to *cut* the result.

# %%
T, C, H = 5, 12, 3
d = C // H  # channels of a head
X = rng.normal(size=(T, C))  # (T, C)
W = [rng.normal(size=(C, d)) for _ in range(H)]  # H narrow matrices, (C, d) each

separately = [X @ w for w in W]  # H times (T, d)
at_once = X @ np.concatenate(W, axis=1)  # (T, C)
print("head 1 is channels 4 to 7:", np.allclose(at_once[:, 4:8], separately[1]))
print("products for the scores: one wide head", T * T * C, "| three narrow heads", H * T * T * d)

# %% [markdown]
# This also explains the article's $d_k$. The article calls it "the dimension of the key", and divides the scores by
# $\sqrt{d_k}$. It is the size of a key *in one head*, $C/H$, and not the size $C$ of a token's vector: a score is a
# sum of $d$ products, so its variance grows with $d$ (lesson 06).
#
# **Predict, then run.** With 64 channels and 16 heads, what is the typical size of a score that was divided by
# $\sqrt{64}$ instead of $\sqrt{d}$?
#
# <details><summary>Answer</summary>
#
# $d = 4$, so the score has the typical size $\sqrt 4 = 2$. Divided by 8 this is 0.25: too small by the factor
# $\sqrt H = 4$. The shares are then nearly equal, whatever the queries and keys are.
#
# </details>

# %%
for n in (1, 4, 16, 64):
    size = 64 // n  # d
    products = (rng.normal(size=(4000, size)) * rng.normal(size=(4000, size))).sum(axis=1)  # 4000 scores
    by_d, by_C = products.std() / math.sqrt(size), products.std() / math.sqrt(64)
    print(f"C = 64, {n:2d} heads: typical size of a score divided by root d {by_d:.2f}, by root C {by_C:.2f}")

# %% [markdown]
# ## Heads are views
#
# The formula of attention works on the last two axes, $(T, d)$, and treats all axes before them as a batch. So we
# bring the heads there: from $(B, T, C)$ to $(B, H, T, d)$. This takes two steps, and *neither copies a number*. In
# memory an array is one long row of numbers. Its shape only says how to read the row. `reshape` and `transpose`
# return a **view**: the same row of numbers, read in another way. `transpose(0, 2, 1, 3)` says for each new axis
# which old axis it is: here axes 1 and 2 are swapped.
#
# This is NumPy's `transpose`, which needs all axes. Tensors of PyTorch and of this library have a method of the same
# name that takes only the two axes to swap, `.transpose(1, 2)`. In NumPy that is `np.swapaxes(x, 1, 2)`, and
# `x.transpose(1, 2)` is an error. (The way back, which puts the heads side by side again, has to copy: numbers that
# must become neighbours are not neighbours in memory.)

# %%
small = np.arange(12).reshape(1, 2, 6)  # (B, T, C): one text, two tokens
cut = small.reshape(1, 2, 3, 2)  # (B, T, H, d): the channels of each token, two for each head
three = cut.transpose(0, 2, 1, 3)  # (B, H, T, d): the heads come before the tokens
print("tokens:", *small[0])
print("head 1:", *three[0, 1])
print("the same memory:", np.shares_memory(small, three))

# %% [markdown]
# Why not use `reshape` to go to $(B, H, T, d)$ at once? The shape is right, there is no error, and the result is
# wrong. Reshape reads the row from its beginning: the first $T \cdot d$ numbers become head 0, and these are the
# channels of the first tokens only. This is the most common mistake of this lesson. In the picture each box is one
# number of the two tokens above. Its colour shows to which head it goes:

# %%
right = np.broadcast_to(np.arange(6) // 2, (2, 6))  # (T, C): the head of each number
wrong = (np.arange(12) // 4).reshape(2, 6)  # (T, C)
figures.owners({"reshape, then transpose: right": right, "reshape at once: wrong": wrong})

# %% [markdown]
# ### Your turn: cut into heads, and put together again

# %% exercise split_heads

# %% exercise merge_heads

# %% [markdown]
# ## The gradient of a concatenation
#
# What does `split_heads` do to a gradient? It moves numbers to other places and computes nothing. If input number $i$
# moves to place $j$ of the output, the slope of output $j$ with respect to input $i$ is 1, and its slopes with
# respect to all other inputs are 0. So the gradient of input $i$ is the gradient of output $j$: it only has to be
# moved back. For `split_heads` this is what `merge_heads` does. And the gradient of `merge_heads` is `split_heads`.
#
# The same holds for every operation that only moves numbers. `np.concatenate` puts arrays side by side, which is
# called a **concatenation**. Let $y = \mathrm{concat}(a, b)$ and $g = \partial L / \partial y$. The first entries of
# $y$ are those of $a$, the others those of $b$. So
#
# $$\frac{\partial L}{\partial a} = \text{the first part of } g, \qquad \frac{\partial L}{\partial b} = \text{the rest of } g,$$
#
# and each part is as long as its array. Central differences agree:

# %%
a, b = rng.normal(size=(2, 1)), rng.normal(size=(2, 3))
g = rng.normal(size=(2, 4))  # of the shape of y
eps = 1e-6
central = np.zeros_like(b)
for index in np.ndindex(b.shape):
    up, down = b.copy(), b.copy()
    up[index] += eps
    down[index] -= eps
    difference = np.concatenate([a, up], axis=1) - np.concatenate([a, down], axis=1)
    central[index] = (g * difference).sum() / (2 * eps)
print("central differences:", central[0].round(6))
print("cut from g:         ", g[0, 1:].round(6))

# %% [markdown]
# ### Your turn: the gradient of a concatenation

# %% exercise concat_vjp

# %% [markdown]
# ## What the output projection does
#
# Side by side, the results of the heads are an array $(B, T, C)$ again. After the product with $W_O^\top$, every
# channel of the result depends on every head. There is another way to see this. Cut $W_O^\top$ into blocks of $d$
# rows, one block for each head. Then
#
# $$\mathrm{concat}(\mathrm{head}_0, \ldots, \mathrm{head}_{H-1})\, W_O^\top = \sum_h \mathrm{head}_h\, W_{O,h}^\top .$$
#
# So the result is a sum with one term for each head. This is why one can ask what a single head contributed.

# %%
results = rng.normal(size=(3, 5, 4))  # (H, T, d)
w_out = rng.normal(size=(12, 12))  # (C, C)
together = np.concatenate(list(results), axis=1) @ w_out.T  # (T, C)
summed = sum(results[h] @ w_out.T[4 * h : 4 * h + 4] for h in range(3))  # (T, C)
print("the same:", np.allclose(together, summed))

# %% [markdown]
# ### Your turn: multi-head attention
#
# You need the attention of lesson 06. Here it is, as one function; the file of the exercises has it too. The three
# matrices for queries, keys and values are stacked into one, `w_in` with the shape $(3C, C)$, as in PyTorch and in
# this library. Its first $C$ rows compute the queries, the next $C$ the keys, the last $C$ the values. A weight has
# the shape (outputs, inputs), so a linear layer is $x W^\top + b$.


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
# **Harder, if you like** (not judged): give your function an argument `n_kv_heads`: queries have `n_heads` heads,
# keys and values only `n_kv_heads`, and each head of keys is used by `n_heads / n_kv_heads` heads of queries. Which
# shape has `w_in` then? (Lesson 14 says what this is good for.)
#
# <details><summary>Answer</summary>
#
# With $G$ heads of keys and values it is $((H + 2G)\,d, C)$: $H d$ rows for the queries, $G d$ for the keys, $G d$
# for the values. After `split_heads`, `np.repeat(k, n_heads // n_kv_heads, axis=1)` gives each head of queries its
# keys, and the same with `v`. The rest stays as it is.
#
# </details>
#
# ## What heads can look for
#
# First three heads that we write by hand, to show what queries and keys can express. There are eight words. Each has
# two vectors: one for its place, with a 1 in the channel of this place, and one for the word, with a 1 in the channel
# of this word. A head compares what its query takes from these vectors with what its key takes from them. (With the
# identity matrix for the values, the result of `attention` is the shares.)

# %%
words = "the cat saw the dog and the mouse".split()
at = np.eye(len(words))  # (T, T): a vector for each place
kinds = sorted(set(words))
which = np.eye(len(kinds))[[kinds.index(word) for word in words]]  # (T, V): a vector for each word
by_hand = {
    "the word before": (np.roll(at, -1, axis=1), at),  # the query of place t fits the key of place t - 1
    "the same word": (which, which),
    "all words alike": (0 * at, at),
}
hand_maps = {}
for name, (q, k) in by_hand.items():
    q = 6 * math.sqrt(q.shape[-1]) * q  # a key that fits gets the score 6, all others 0
    hand_maps[name] = attention(q, k, np.eye(len(words)), np.tri(len(words), dtype=bool))  # (T, T)
figures.maps(hand_maps, words)

# %% [markdown]
# With the causal mask, the first word can look only at itself. So row 0 of the first map has its whole share there,
# although its query fits no key.
#
# ## What trained heads look at
#
# Now two heads that are trained on text: the reviews that come with the library, which praise or blame something
# (`data.reviews`). The model has to decide which of the two a review does. In each review some words are marked as
# the reason for its label. The model never sees these marks. We need them afterwards.
#
# Each word gets an embedding (lesson 04), from which its key and its value are computed. Words that occur in only one
# review share one embedding. There is only one query for the whole review, a vector that is learned and is the same
# for all reviews. So the layer returns one vector for a review, and a linear layer computes two numbers from it, one
# for "blames" and one for "praises".

# %%
import re
from collections import Counter

from minitransformer.data.reviews import load_reviews


def words_of(text):
    return re.findall(r"[a-z']+", text.lower())


def marked(review):  # for each word of the review: is it marked?
    places = [word.start() for word in re.finditer(r"[a-z']+", review.text.lower())]
    return np.array([any(start <= place < end for start, end in review.rationale) for place in places])


reviews = load_reviews()
order = np.random.default_rng(0).permutation(len(reviews))
held_back = [reviews[i] for i in order[:160]]  # not used for training
used = [reviews[i] for i in order[160:]]
in_reviews = Counter(word for review in used for word in set(words_of(review.text)))
known = {word: i for i, word in enumerate(sorted(w for w, n in in_reviews.items() if n > 1), start=2)}


def encode(texts):  # -> (B, T) ids: 0 behind the end of a text, 1 for words that are not known
    rows = [[known.get(word, 1) for word in words_of(text)] for text in texts]
    longest = max(map(len, rows))
    return np.array([row + [0] * (longest - len(row)) for row in rows])


mt.manual_seed(0)
embed, query = mt.nn.Embedding(len(known) + 2, 32), mt.nn.Embedding(1, 32)
attend, output = mt.nn.MultiheadAttention(32, 2, batch_first=True), mt.nn.Linear(32, 2)
embed.weight.data *= 0.3  # begin with short vectors


def judge(texts):  # -> two numbers for each text (B, 2), the shares of each head (B, H, T)
    read = encode(texts)  # (B, T)
    x = embed(mt.tensor(read))  # (B, T, C)
    q = query(mt.tensor(np.zeros((len(read), 1), int)))  # (B, 1, C): the same for each text
    found, shares = attend(q, x, x, key_padding_mask=mt.tensor(read == 0), average_attn_weights=False)
    return output(found)[:, 0], shares[:, :, 0]


print(len(used), "reviews to learn from,", len(held_back), "others;", len(known), "words")
print("The first review:", used[0].text)

# %% [markdown]
# (The places behind the end of a text are hidden by a **padding mask**, the argument `key_padding_mask`.) Softmax
# turns the two numbers into a distribution. The error is minus the logarithm of the share of the right label. It is 0
# if this share is 1, and grows as the share gets smaller (lesson 09 says more). Each step uses 32 reviews.

# %%
parameters = [p for part in (embed, query, attend, output) for p in part.parameters()]
draws = np.random.default_rng(0)
losses = []
for _ in range(800):
    batch = [used[i] for i in draws.integers(0, len(used), 32)]
    log_shares = mt.nn.functional.log_softmax(judge([r.text for r in batch])[0], dim=-1)  # (B, 2)
    is_label = mt.tensor(np.eye(2, dtype="float32")[[r.label for r in batch]])  # (B, 2)
    loss = -(log_shares * is_label).sum() / 32
    loss.backward()
    descend(parameters, 0.5)
    losses.append(loss.item())

for name, some in (("it was trained on", used), ("it has not seen", held_back)):
    answers, head_shares = (t.numpy() for t in judge([r.text for r in some]))  # (N, 2), (N, H, T)
    right = (answers.argmax(axis=1) == [r.label for r in some]).mean()
    print(f"right for {right:.0%} of the {len(some)} reviews that {name}")
figures.loss(losses)

# %% [markdown]
# The error falls. Of the reviews that it was trained on, the model judges 96% as their authors did, and 74% of the
# others. Guessing would give about half. Which words do the heads look at? Here are three sentences that are not
# among the reviews. (Put a sentence of your own in their place, and run the cell again.)

# %%
sentences = (
    "The waiter was rude, and the soup was cold when it came.",
    "This is the best lamp we've had, and my son is happy.",
    "It looks great, but it broke after a week.",
)
found_in = [judge([sentence])[1].numpy()[0] for sentence in sentences]  # (H, T) each
figures.read([words_of(sentence) for sentence in sentences], found_in)
for sentence in sentences:
    blames, praises = mt.nn.functional.softmax(judge([sentence])[0], dim=-1).numpy()[0]
    print(f"{sentence} blames {blames:.2f}, praises {praises:.2f}")

in_praise = Counter(word for r in used if r.label == 1 for word in set(words_of(r.text)))
for sentence, shares in zip(sentences, found_in, strict=True):
    for h, largest in enumerate(shares.argmax(axis=1)):
        word = words_of(sentence)[largest]
        praise, blame = in_praise[word], in_reviews[word] - in_praise[word]
        print(f"head {h} looks most at {word!r}: in {praise} reviews that praise, {blame} that blame")

# %% [markdown]
# Each row shows the shares of one head, which sum to 1. The words with the largest shares occur more often in one
# kind of review than in the other. Some of them are what a reader would call a reason, such as *cold* and *happy*.
# Others are not, such as *after*: in these reviews, those who blame something more often write what happened after a
# while. The heads have learned what tells the labels apart *in these reviews*, and nothing else. And *rude*, *best*
# and *broke*, at which a reader would look, get little.
#
# Three sentences prove nothing. So we use the marks: which share do the heads give to the marked words of the reviews
# that the model has not seen?

# %%
marks = [marked(review) for review in held_back]  # (T,) bool each
on_marked = [head_shares[i, :, : len(m)] @ m for i, m in enumerate(marks)]  # (H, T) @ (T,) -> (H,) each
print("words that are marked:           ", np.mean([m.mean() for m in marks]).round(2))
print("share of marked words, each head:", np.mean(on_marked, axis=0).round(2))

# %% [markdown]
# If all words got the same share, the marked words would get 0.23. Head 0 gives them 0.39. So training on the labels
# alone has led it to some of the words that a person marked as the reason. But the larger part of its share goes to
# other words.
#
# Two warnings. With another random start, the two heads may have other roles, or the same one. And a large share says
# where a head *looked*. It does not say that the answer would be another one without this word: lesson 13 measures
# that.
#
# In larger models there are heads that can be described more clearly: some look at the token before, some from a verb
# to its subject (Clark et al., 2019; Voita et al., 2019).

# %% [markdown]
# ## The same in the library, and in PyTorch
#
# On the library's tensors the whole layer is a few lines, and its gradient is computed by the backward pass.
# (`.transpose(1, 2)` swaps two axes of a tensor, as in PyTorch. For the NumPy arrays of your exercises it is an
# error: there, list all axes.) Central differences check it for the tokens and for each of the four weights, on every
# element:


# %%
def multi_head(x, w_in, b_in, w_out, b_out, H=2):  # x: (B, T, C)
    B, T, C = x.shape
    parts = mt.nn.functional.linear(x, w_in, b_in).chunk(3, -1)  # q, k, v: (B, T, C) each
    q, k, v = (part.reshape(B, T, H, C // H).transpose(1, 2) for part in parts)  # (B, H, T, d) each
    heads = mt.nn.functional.scaled_dot_product_attention(q, k, v)  # (B, H, T, d)
    return mt.nn.functional.linear(heads.transpose(1, 2).reshape(B, T, C), w_out, b_out)  # (B, T, C)


weights = [rng.normal(size=shape) for shape in ((24, 8), (24,), (8, 8), (8,))]
sequence = rng.normal(size=(2, 5, 8))  # (B, T, C)
print(f"largest error: {mt.gradcheck(multi_head, [sequence, *weights]):.0e}")

# %% [markdown]
# And compared with PyTorch, whose function wants the time before the batch, $(T, B, C)$:


# %%
def compare():
    import torch

    def theirs(x, w_in, b_in, w_out, b_out):
        x = x.transpose(0, 1)  # (T, B, C)
        sizes = {"embed_dim_to_check": 8, "num_heads": 2}
        weights_in = {"in_proj_weight": w_in, "in_proj_bias": b_in}
        weights_out = {"out_proj_weight": w_out, "out_proj_bias": b_out}
        unused = {"bias_k": None, "bias_v": None, "add_zero_attn": False, "dropout_p": 0.0, "need_weights": False}
        attend = torch.nn.functional.multi_head_attention_forward
        result, _ = attend(x, x, x, **sizes, **weights_in, **weights_out, **unused)
        return result.transpose(0, 1)  # (B, T, C)

    errors = mt.compare_with_torch(multi_head, theirs, [sequence, *weights])
    return f"largest difference: values {errors['value']:.0e}, gradients {errors['gradient']:.0e}"


beside_pytorch(compare, shipped="largest difference: values 3e-16, gradients 2e-15")

# %% [markdown]
# `mt.nn.MultiheadAttention` (`minitransformer/nn/attention.py`) is this layer with its weights inside, under
# PyTorch's names. Unless you ask for the maps of all heads with `average_attn_weights=False`, it returns their mean.
# The mean hides what each head looks at:

# %%
averaged = learned[2][0](places, places, with_numbers)[1].numpy()[0]  # (T, T)
figures.maps({"mean": averaged, "head 0": maps[2][0], "head 1": maps[2][1]})

# %% [markdown]
# ## Summary
#
# - One attention gives one mean. Several heads have several queries, and their results are put side by side.
# - First reshape $C$ into $(H, d)$, then swap the axes. The heads are a batch axis, and no number is copied.
# - What only moves numbers moves their gradients back: split and merge are each other's gradients, and a
#   concatenation's gradient is a cut.
# - Scores are divided by $\sqrt d$ with $d = C/H$. The output projection adds up what the heads contribute.
# - The attention maps of trained heads show where they look, but not what difference it makes.
#
# **Further reading.** Vaswani et al., *Attention is all you need*, NeurIPS 2017, section 3.2.2. Voita, Talbot,
# Moiseev, Sennrich and Titov, *Analyzing multi-head self-attention: specialized heads do the heavy lifting, the rest
# can be pruned*, ACL 2019. Michel, Levy and Neubig, *Are sixteen heads really better than one?*, NeurIPS 2019. Clark,
# Khandelwal, Levy and Manning, *What does BERT look at? An analysis of BERT's attention*, BlackboxNLP 2019.
#
# **Next:** 08, the block around it: residual connections, normalization, and a small network for each token.

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | head | one attention with its own queries, keys and values | |
# | multi-head attention | several heads, put side by side and mixed by the output projection | `nn.MultiheadAttention` |
# | output projection | the matrix $W_O$ that mixes the results of the heads | `out_proj` |
# | view | an array that reads the memory of another one in another order | `view`, `transpose` |
# | concatenation | arrays put side by side along one axis | `torch.cat` |
# | padding mask | a table that hides the places behind the end of a text | `key_padding_mask` |
