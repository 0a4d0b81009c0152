# %% [markdown]
# # 10 Generating
#
# After this lesson you can make text with a language model: draw the next token in every way that is in use, say what
# temperature, top-k and top-p do to what comes out, search for the likeliest text with a beam, and write the cache that
# makes all of it fast.
#
# *About 130 minutes with the exercises. Builds on lessons 06 (attention and its mask) and 09 (a trained language model).*

# %% [markdown]
# ## Why
#
# A language model reads some tokens and gives a share to every token that could come next. That is all it does. A text has
# to be made out of that, one token after the other:
#
# 1. let the model read the text so far,
# 2. choose a token by the shares,
# 3. append it, and begin again.
#
# Each chosen token becomes part of what is read next. That is called **autoregressive** generation. The article that this
# course grew from stops after the first round ("the word with the highest probability becomes the first word $y_1$"). How
# the second comes about, and whether "the highest" is a good choice at all, is what this lesson is about.
#
# First we need a model. It is that of lesson 09, with two changes so that it gets on faster: tokens are pieces of words
# (byte pair encoding, lesson 04), and the text is only the plain sentences of Python's help, from which everything is cut but
# letters, spaces, and the signs `. , ( ) ' -`. So there are no digits and no double quotes in it, and what the model writes has
# gaps where they stood. The loop of lesson 09 is now the library's `Trainer`, and `DataLoader` hands it the pieces of text in
# random order, twelve at a time. Some seconds of training make a model that knows many words and little sense. That is just
# right here: you will *see* what each way of choosing does.

# %%
import math
import re
import textwrap
import time

import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer.course import check, hint, saved, solution
from minitransformer.data.corpus import python_topics
from minitransformer.generation import generate, stream
from minitransformer.generation import next_token_probabilities as shares_of
from minitransformer.models import LanguageModel, LanguageModelConfig
from minitransformer.recipes.language_model import next_token_loss
from minitransformer.recipes.schedule import warm_up_and_cosine
from minitransformer.recipes.text import Windows
from minitransformer.tokenization import BPETokenizer
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"  # told apart by every kind of eye

paragraphs = [p for p in python_topics().split("\n\n") if p[:1].isupper() and p.endswith(".")]
text = re.sub(r"[^A-Za-z.,()' -]", "", " ".join(" ".join(paragraphs).split()))
tokenizer = BPETokenizer.train(text, vocab_size=1024)
windows = Windows(tokenizer.encode(text), 64)  # pieces of 64 + 1 tokens: each of 64 is to foretell the next

mt.manual_seed(0)
V = tokenizer.vocab_size
model = LanguageModel(LanguageModelConfig(V, d_model=64, nhead=4, num_layers=1, dim_feedforward=256, dropout=0.0, max_len=128))
optimizer = mt.optim.Adam(model.parameters(), lr=8e-3)
schedule = warm_up_and_cosine(optimizer, 300)
trainer = Trainer(model, next_token_loss, DataLoader(windows, 12, shuffle=True), optimizer, schedule, steps=300, max_norm=1.0)
trainer.run()  # the loop of lesson 09: next-token cross-entropy, Adam, warm-up and cosine, clipping
print(f"{len(windows) * 64} tokens of {V} kinds; the loss went from {trainer.losses[0]:.1f} to {np.mean(trainer.losses[-20:]):.1f}")


def logits_after(ids):
    """The model's scores of what comes after a text. (T,) -> (V,)"""
    with mt.no_grad():
        return model(mt.tensor([ids])).numpy()[0, -1]


# %% [markdown]
# ## Greedy
#
# The nearest idea: always take the token with the largest share.

# %%
prompt = "The value of"
ids = tokenizer.encode(prompt)
for _ in range(60):
    ids.append(int(logits_after(ids).argmax()))
print(textwrap.fill(tokenizer.decode(ids), 100))

# %% [markdown]
# (What `argmax` gives is the id with the largest score, which is the one with the largest share.) Sooner or later it goes
# in circles. That is no accident: what has been said once makes its own repetition likelier, and greedy choice seldom
# finds a way out, since the way out is hardly ever the likeliest. (Large models do this too, only later.) And look at what
# people write: not the most likely word each time. Half the point of a sentence is in the words that were *not* to be
# expected.
#
# So **draw**: take each token as often as its share says.
#
# ## Drawing
#
# Lay the shares end to end on a line from 0 to 1, and throw a point $u$ on it. It hits a piece as often as the piece is
# long. In a formula, the drawn id is the first $i$ with
#
# $$u < p_0 + p_1 + \dots + p_i$$
#
# The sums on the right, $p_0$, $p_0 + p_1$, and so on, are where the pieces end. `np.cumsum(p)` gives all of them.

# %%
p = np.array([0.15, 0.4, 0.05, 0.3, 0.1])
ends = np.cumsum(p)
figure, axis = plt.subplots(figsize=(7, 1.5), layout="constrained")
for i, (end, share) in enumerate(zip(ends, p, strict=True)):
    axis.barh(0, share, left=end - share, color=(BLUE, ORANGE)[i % 2], alpha=0.6, edgecolor="white")
    axis.text(end - share / 2, 0, str(i), ha="center", va="center")
for u in np.random.default_rng(1).random(12):
    axis.plot(u, 0.55, "v", color="black", ms=5)
axis.set(yticks=[], xlim=(0, 1), ylim=(-0.45, 0.7), title="twelve throws on the line of five shares")
plt.show()

# %% [markdown]
# Two details matter. A token whose share is 0 must never come, also if $u$ is exactly where two pieces meet. And rounded
# shares may sum to 0.9999999, so that a throw can land beyond the end of the line.

# %% [markdown]
# ### Your turn: draw

# %% exercise sample

# %% [markdown]
# ## Temperature
#
# Drawing follows the model's shares, its wildest ideas included. The **temperature** $\tau$ says how far to trust them:
#
# $$p = \mathrm{softmax}(x / \tau)$$
#
# Below 1 it spreads the scores and sharpens the shares, towards greedy at $\tau \to 0$. Above 1 it makes them more alike,
# towards pure chance at $\tau \to \infty$. For two tokens it is plain to see: their shares stand in the ratio
# $e^{(x_i - x_j)/\tau}$, so halving $\tau$ squares the ratio. (`shares_of(scores, temperature=...)` is the library's
# version of what you will write a little further down.)

# %%
scores = logits_after(tokenizer.encode(prompt))
best = np.argsort(-scores)[:8]
names = [repr(tokenizer.decode([int(i)])) for i in best]
figure, axis = plt.subplots(figsize=(8, 2.8), layout="constrained")
for j, (tau, colour, hatch) in enumerate(((0.5, BLUE, ""), (1.0, GREEN, "//"), (2.0, ORANGE, ".."))):
    p = shares_of(scores, temperature=tau)
    label = f"temperature {tau:g}: the others have {1 - p[best].sum():.0%}"
    axis.bar(np.arange(8) + 0.27 * (j - 1), p[best], 0.25, color=colour, hatch=hatch, edgecolor="white", label=label)
axis.set(xticks=range(8), xticklabels=names, title=f"what may follow {prompt!r}")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# And here are texts, by the library's loop: `generate(model, ids, 30, ...)` reads the ids, draws 30 more, and returns these.
# Chance begins at `seed`, so that you see what the next lines speak of.

# %%
for tau in (0, 0.5, 1.0, 2.0):
    found = tokenizer.decode(generate(model, tokenizer.encode(prompt), 30, temperature=tau, seed=2))
    print(textwrap.fill(f"temperature {tau}:{found}", 100), "\n")

# %% [markdown]
# (A � stands for a byte that is not a whole character. Such tokens never occur in this text, and each has a tiny share all
# the same. Empty brackets or quotes come from the text: what stood between them was cut out.)
#
# ## Cutting the tail
#
# At temperature 1 each of a thousand tokens has a little share. Most of them are nonsense here, and *together* they have a
# good part of the line. So sooner or later one of them comes, and what follows is built on it. A low temperature makes that
# rarer, but makes the text dull as well. Better to cut the tail off and draw from the rest:
#
# - **top-k** keeps the $k$ largest shares,
# - **top-p**, or nucleus sampling, keeps the fewest that together reach $p$, the largest first.
#
# Both then divide by the sum, so that the rest is 1 again. The difference shows when the model is sure in one place, and
# wavers in the next:

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained", sharey=True)
for axis, start in zip(axes, ("the follow", "is not"), strict=True):
    p = np.sort(shares_of(logits_after(tokenizer.encode(start))))[::-1]
    stays = int((np.cumsum(p) - p < 0.7).sum())
    axis.bar(range(40), p[:40], color=[BLUE if i < stays else GREY for i in range(40)])
    axis.axvline(9.5, color=ORANGE, ls="--", label="top-k, k = 10")
    axis.plot([], [], "s", color=BLUE, label=f"top-p, p = 0.7: {stays} tokens")
    axis.set(title=f"after {start!r}", xlabel="tokens by rank", ylim=(0, 0.7))
    axis.legend(frameon=False)
axes[0].set(ylabel="share")
plt.show()

# %% [markdown]
# ### Your turn: the filters, and all of it together

# %% exercise keep_top_k

# %% exercise keep_top_p

# %% exercise next_token_probabilities

# %% [markdown]
# How does it sound? Read the beginnings of the texts, and look at two numbers. The first is the mean surprise, $-\ln p$ of
# the tokens chosen, by the model's own shares at temperature 1 (lesson 09). The second says how many of the groups of three
# tokens, which overlap, are new ones, and not said before in the same text. Both are means over four texts of 60 tokens.

# %%
ways = {
    "greedy": {"temperature": 0},
    "temperature 0.5": {"temperature": 0.5},
    "top-p 0.7": {"top_p": 0.7},
    "top-k 10": {"top_k": 10},
    "as the model says": {},
    "temperature 1.5": {"temperature": 1.5},
}


def surprise(ids, start):
    """The mean of -ln p over ids[start:], each given what stands before it."""
    with mt.no_grad():
        logits = model(mt.tensor([ids[:-1]]))[0]  # (T - 1, V)
        return mt.nn.functional.cross_entropy(logits[start - 1 :], mt.tensor(ids[start:])).item()


def new_threes(ids):
    """The share of groups of three tokens that are there for the first time."""
    threes = list(zip(ids, ids[1:], ids[2:], strict=False))
    return len(set(threes)) / len(threes)


points = {}
for name, options in ways.items():
    begun, found = tokenizer.encode(prompt), []
    for seed in range(4):
        ids = begun + generate(model, begun, 60, seed=seed, **options)
        found.append((surprise(ids, len(begun)), new_threes(ids)))
    points[name] = np.mean(found, 0)
    print(f"{name:18s}{prompt}{tokenizer.decode(ids[len(begun) : len(begun) + 20])}")
real = [windows.ids[i : i + 63].tolist() for i in range(0, 40_000, 1000)]  # 40 pieces: real texts vary more
points["real text"] = np.mean([(surprise(ids, 3), new_threes(ids)) for ids in real], 0)

figure, axes = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained", sharey=True)
colours = [ORANGE if name == "real text" else BLUE for name in points]
for axis, values, title in zip(axes, zip(*points.values(), strict=True), ("mean surprise", "share of new threes"), strict=True):
    axis.barh(list(points), values, color=colours)
    for i, value in enumerate(values):
        axis.text(value, i, f" {value:.2f}", va="center", fontsize=9)
    axis.set(title=title, xlim=(0, 1.15 * max(values)))
axes[0].invert_yaxis()
plt.show()

# %% [markdown]
# Greedy text is far less surprising than real text, by repeating itself. A high temperature is more surprising than what
# people write. Drawing as the model says comes closest to real text in both numbers, as it should, the model having been
# taught to share out as the text does; but with a weak model that includes its accidents, broken words among them. Cutting
# the tail gives up some surprise to be rid of the worst of them, and still does not go in circles. Which numbers are best
# is a matter of the model and of the purpose: a calculator wants temperature 0, a poet does not.

# %% [markdown]
# ## The likeliest text: beam search
#
# For some tasks there *is* a right answer, a translation for instance, and one wants the text with the largest share of
# all. The share of a text is the product of the shares of its tokens, so its logarithm is a sum:
#
# $$\ln p(y_1, \dots, y_n) = \sum_{t} \ln p(y_t \mid y_1, \dots, y_{t-1})$$
#
# (Read the bar as "given": the share that $y_t$ has after the tokens before it.)
#
# Does greedy choice find the largest? No: a good first step may lead to a bad neighbourhood.

# %%
places = {"": (0, 1.5), "a": (1, 2.4), "b": (1, 0.4), "aa": (2, 2.9), "ab": (2, 1.9), "ba": (2, 0.8), "bb": (2, 0)}
share = {"a": 0.6, "b": 0.4, "aa": 0.5, "ab": 0.5, "ba": 0.95, "bb": 0.05}
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
for name, s in share.items():
    (x0, y0), (x1, y1) = places[name[:-1]], places[name]
    colour, line = (ORANGE, "--") if name in ("a", "aa") else (BLUE, "-") if name in ("b", "ba") else (GREY, ":")
    axis.plot([x0, x1], [y0, y1], line, color=colour, lw=2, zorder=0)
    axis.text((x0 + x1) / 2, (y0 + y1) / 2 + 0.12, f"{s:g}", ha="center", color=colour)
    axis.plot(x1, y1, "o", ms=22, mfc="white", mec=colour)
    axis.text(x1, y1, name[-1], ha="center", va="center")
    if len(name) == 2:
        axis.text(x1 + 0.15, y1, f"{s * share[name[0]]:.2f}", va="center", color=colour)
axis.plot(0, 1.5, "o", ms=22, mfc="white", mec=GREY)
axis.set(xlim=(-0.2, 2.5), ylim=(-0.3, 3.3), title="greedy (dashed) finds 0.30; there is 0.38")
axis.axis("off")
plt.show()

# %% [markdown]
# The numbers at the lines are shares, those at the ends their products. Greedy takes `a` first, 0.6 being more than 0.4,
# and then has no good way on.
#
# One cannot try all: $V^n$ texts are too many. **Beam search** keeps the `width` best beginnings in sight. In each round it
# extends every one of them by every token, and of *all* these keeps the `width` best. Width 1 is greedy, and a beam as wide
# as there are texts finds the best of all. In between it finds good texts for `width` times the price, with no promise.

# %% [markdown]
# ### Your turn: beam search

# %% exercise beam_search

# %% [markdown]
# For our model all candidates can be read at once, as one batch, with arrays instead of lists. `grown` is a table with a row
# for each candidate and a column for each token; `argsort` ranks all its places as one long row, and `unravel_index` tells
# which row and column a place is.


# %%
def widest(ids, width, length):
    """The likeliest continuation in a beam, and its logarithm."""
    beam, scores = np.array([ids]), np.zeros(1)  # (W, T), (W,)
    for _ in range(length):
        with mt.no_grad():
            logits = model(mt.tensor(beam))[:, -1]  # (W, V)
            grown = scores[:, None] + mt.nn.functional.log_softmax(logits, dim=-1).numpy()
        best = np.argsort(-grown, axis=None, kind="stable")[:width]
        rows, tokens = np.unravel_index(best, grown.shape)
        beam, scores = np.column_stack([beam[rows], tokens]), grown[rows, tokens]
    return beam[0].tolist(), scores[0]


for width in (1, 2, 8, 32):
    found, score = widest(tokenizer.encode(prompt), width, 16)
    print(f"width {width:2d}: ln p = {score:6.1f} {tokenizer.decode(found)!r}")

# %% [markdown]
# The wider the beam, the likelier the text, as a rule. There is no promise: a beam may drop the very beginning that would
# have paid off later. (*Changed in version .* is no slip of the beam: the digits were cut from the text that the model learned
# from, so it has seen these very words many times.) And likelier is not better to read. The likeliest texts of a language model
# are stock phrases, strung together: for stories draw, for answers search. (Beams also prefer *short* texts, as every further
# token costs; where texts may end by themselves, scores are divided by the length or a power of it.)

# %% [markdown]
# ## Not twice: the cache
#
# To make token 100, our loop lets the model read 99 tokens; for token 101 it reads 100, almost all of them for the second
# time. What of that is needed? Nobody looks ahead (lesson 06): what is computed at a place depends only on that place
# and those before it, and *does not change* when others follow. The new token's query needs the keys and values of all earlier
# tokens, and nothing else of them. So keep these, the **KV cache**, and compute the new token alone:
#
# $$\mathrm{out}_t = \mathrm{softmax}\!\left(\frac{q_t\, [k_1, \dots, k_t]^\top}{\sqrt d}\right) [v_1, \dots, v_t]$$
#
# (The brackets stack the vectors as rows.) The queries of earlier tokens are not kept: they have been answered. If several
# tokens come at once, as a prompt does, the mask must know that the first of them does not stand at place 0, but after all
# that is in the cache. Dark is where a query may look:

# %%
S, T = 4, 3
seen = np.arange(S + T) <= np.arange(S, S + T)[:, None]  # (T, S + T)
figure, axis = plt.subplots(figsize=(4.5, 2.2), layout="constrained")
axis.imshow(seen, cmap="Blues", vmin=0, vmax=1.5)
axis.axvline(S - 0.5, color=ORANGE, lw=2, ls="--")
axis.set(xticks=range(S + T), yticks=range(T), yticklabels=range(S, S + T), xlabel="key at place", ylabel="query at place")
axis.set_title("4 tokens in the cache, 3 new ones")
plt.show()

# %% [markdown]
# ### Your turn: a step of attention with a cache

# %% exercise attention_step

# %% [markdown]
# What does it save? Without a cache, the model reads $1 + 2 + \dots + n \approx n^2 / 2$ tokens to write a text of $n$, with it
# $n$. (A query still looks at all keys in the cache. In a small model that is little beside the rest.) In the library it is
# `model.encoder.new_cache()`, and `generate` uses it unless told otherwise. The tokens are the same ones. (A model of three
# layers, not trained: the time does not depend on what the weights are.)

# %%
mt.manual_seed(1)
config = LanguageModelConfig(V, d_model=64, nhead=4, num_layers=3, dim_feedforward=256, dropout=0.0, max_len=256)
deeper = LanguageModel(config).eval()
texts, figure = [], plt.figure(figsize=(5, 2.8), layout="constrained")
for use_cache, colour, line in ((False, ORANGE, "--"), (True, BLUE, "-")):
    times = [time.perf_counter()]
    for token in stream(deeper, [5], 200, use_cache=use_cache, seed=0):  # `generate`, token by token
        texts.append(token)
        times.append(time.perf_counter())
    label = "with a cache" if use_cache else "all anew for each token"
    plt.plot(np.array(times) - times[0], color=colour, ls=line, label=label)
plt.xlabel("tokens")
plt.ylabel("seconds")
plt.title("the price of a text")
plt.legend(frameon=False)
plt.show()
print("the same tokens:", texts[:200] == texts[200:])

# %% [markdown]
# The price is memory: two vectors for each token and layer, for each text that is being written. For large models and long
# texts that is gigabytes, and the reason why much thought goes into smaller caches. One more condition: a token's place
# must not change. When a text outgrows the longest the model can read and its beginning is dropped, all places shift, and
# `generate` goes on without a cache.

# %% [markdown]
# ## The same in the library, and against PyTorch
#
# `minitransformer/generation/` has the shares, the loop and the beam, `minitransformer/nn/cache.py` the cache. PyTorch judges a
# step of attention: three new tokens after four cached ones, as one call with a mask.

# %%
new, cached = ([mt.randn(2, n, 8, dtype=mt.float64).numpy() for _ in range(3)] for n in (3, 4))
cache = mt.nn.AttentionCache()
cache.append(mt.tensor(cached[1]), mt.tensor(cached[2]))
keys, values = cache.append(mt.tensor(new[1]), mt.tensor(new[2]))  # (2, 7, 8) each
ours = mt.nn.functional.scaled_dot_product_attention(mt.tensor(new[0]), keys, values, mt.tensor(seen)).numpy()
try:
    import torch
except ImportError:
    print("PyTorch is not installed; to install it, run in a cell: %pip install torch")
    print("When this page was made, no difference to PyTorch was above 1e-15, of the step with the cache and of the shares")
else:
    whole = [torch.tensor(np.concatenate([old, now], 1)) for old, now in zip(cached, new, strict=True)]
    theirs = torch.nn.functional.scaled_dot_product_attention(*whole, is_causal=True)[:, -3:].numpy()
    print(f"a step with the cache against all at once in PyTorch: largest difference {abs(ours - theirs).max():.0e}")

    logits = torch.tensor(logits_after(tokenizer.encode(prompt)), dtype=torch.float64)
    kept = torch.full_like(logits, -math.inf)
    top = logits.topk(5)
    kept[top.indices] = top.values / 0.7
    difference = abs(shares_of(logits.numpy(), temperature=0.7, top_k=5) - kept.softmax(-1).numpy()).max()
    print(f"temperature 0.7 and top-k 5: largest difference {difference:.0e}")

# %% [markdown]
# ## Summary
#
# - A model gives shares for the next token; a text is made by choosing one, appending it, and asking again.
# - Always the likeliest runs in circles. Drawing follows the shares; temperature sharpens or flattens them; top-k and top-p
#   cut off the tail.
# - Beam search looks for the likeliest text, with `width` candidates in sight. The likeliest is not the most interesting.
# - Since nobody looks ahead, keys and values stay true: keep them, and each token costs one token.
#
# **Further reading.** Holtzman, Buys, Du, Forbes and Choi, *The curious case of neural text degeneration*, ICLR 2020, for
# top-p and why likely texts are dull. Fan, Lewis and Dauphin, *Hierarchical neural story generation*, ACL 2018, for top-k.
# Sutskever, Vinyals and Le, *Sequence to sequence learning with neural networks*, NeurIPS 2014, where a beam translates.
# Shazeer, *Fast Transformer decoding: one write-head is all you need*, 2019, arXiv:1911.02150, for smaller caches.
#
# **Next:** 11, why did the model say that? Relevance, from the output back to the words.
