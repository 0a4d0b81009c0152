# %% [markdown]
# # 10 Generating
#
# After this lesson you can make text with a language model: draw the next token in the usual ways, say what each of them does
# to the text, end a text and keep it from repeating itself, search for the likeliest text, and write the cache that makes all
# of it fast.
#
# *About 30 minutes to read, and 95 for the exercises. Builds on lessons 06 (attention and its mask) and 09 (a trained language
# model).*

# %% [markdown]
# ## Why
#
# A language model reads some tokens and gives a share to every token that could come next. That is all it does. A text has to
# be made out of that, one token after the other:
#
# 1. let the model read the text so far,
# 2. choose a token by the shares,
# 3. append it, and begin again.
#
# Each chosen token becomes part of what is read next. That is called **autoregressive** generation; and to use a model after
# its training, without changing it any more, is called **inference**. The article that this course grew from stops after the
# first round ("the word with the highest probability becomes the first word $y_1$"). How the second comes about, and whether
# "the highest" is a good choice at all, is what this lesson is about.
#
# First we need a model. It is that of lesson 09, with two changes so that it learns faster: tokens are pieces of words (byte
# pair encoding, lesson 04), and the text is only the paragraphs of prose in Python's help. After each of them there is a line
# break, which tells where a paragraph ends. The loop of lesson 09 is now the library's `Trainer`, and `DataLoader` gives it
# pieces of the text in random order, twelve at a time. Some seconds of training make a model that knows many words and writes
# little sense. That is good enough here, since it shows what each way of choosing does.

# %%
import math
import textwrap
import time

import numpy as np

import minitransformer as mt
from minitransformer.course import beside_pytorch, check, hint, saved, slide, solution
from minitransformer.course.figures import lesson_10_generating as figures
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

paragraphs = [p for p in python_topics().split("\n\n") if p[:1].isupper() and p.endswith(".") and "__" not in p]
text = "".join(" ".join(p.split()) + "\n" for p in paragraphs)  # one paragraph a line; *stars* mark emphasis
tokenizer = BPETokenizer.train(text, vocab_size=1024)
windows = Windows(tokenizer.encode(text), 64)  # pieces of 64 + 1 tokens: after each of 64 the next is predicted
V = tokenizer.vocab_size
print(f"{len(windows) * 64} tokens of {V} kinds; the first ones:", [tokenizer.decode([i]) for i in windows.ids[:5].tolist()])

# %%
mt.manual_seed(0)
model = LanguageModel(LanguageModelConfig(V, d_model=64, nhead=4, num_layers=1, dim_feedforward=256, dropout=0.0, max_len=128))
optimizer = mt.optim.Adam(model.parameters(), lr=8e-3)
schedule = warm_up_and_cosine(optimizer, 300)
trainer = Trainer(model, next_token_loss, DataLoader(windows, 12, shuffle=True), optimizer, schedule, steps=300, max_norm=1.0)
trainer.run()  # the loop of lesson 09: next-token cross-entropy, Adam, warm-up and cosine, clipping
print(f"the loss went from {trainer.losses[0]:.1f} to {np.mean(trainer.losses[-20:]):.1f}")


def logits_after(ids):
    """The model's logits for the token after a text. (T,) -> (V,)"""
    with mt.no_grad():
        return model(mt.tensor([ids])).numpy()[0, -1]


prompt = "The value of"
scores = logits_after(tokenizer.encode(prompt))
best = np.argsort(-scores)[:8]  # ids of the likeliest tokens
names = [repr(tokenizer.decode([int(i)])) for i in best]
figures.what_may_follow(names, shares_of(scores)[best])

# %% [markdown]
# These are the eight likeliest tokens after *The value of*, with their shares. Which one shall the loop choose?
#
# ## Greedy
#
# The simplest way is to take the token with the largest share each time: **greedy decoding**.
#
# **Predict, then run.** The next cell takes the likeliest token sixty times. What will the text be like?
#
# <details><summary>Answer</summary>
#
# It repeats itself: after some tokens the same group of words comes again and again.
#
# </details>

# %%
ids = tokenizer.encode(prompt)
for _ in range(60):
    ids.append(int(logits_after(ids).argmax()))
print(textwrap.fill(tokenizer.decode(ids), 90))

# %% [markdown]
# (`argmax` gives the id with the largest logit, which is the one with the largest share.) Why the circles? What stands in a
# text makes its own repetition likelier, since words do come again in real texts. Greedy decoding seldom finds a way out, as
# the way out is hardly ever the likeliest token. (Large models do this too, only later.) And people do not write the likeliest
# word each time either: what is worth saying is what was *not* to be expected.
#
# So **draw** at random: take each token as often as its share says.
#
# ## Drawing
#
# Lay the shares end to end on a line from 0 to 1, and throw a point $u$ on it. It hits a piece as often as the piece is long.
# This is called **sampling**. In a formula, the drawn id is the first $i$ with
#
# $$u < p_0 + p_1 + \dots + p_i$$
#
# The sums on the right, $p_0$, $p_0 + p_1$, and so on, are where the pieces end. `np.cumsum(p)` gives all of them.

# %%
p = np.array([0.15, 0.4, 0.05, 0.3, 0.1])
figures.throws_on_a_line(p, np.random.default_rng(1).random(12))

# %% [markdown]
# Two details matter. A token whose share is 0 must never come, also if $u$ is exactly where two pieces meet. And rounded shares
# may have a sum a little below 1, so that a throw can land beyond the end of the line.

# %% [markdown]
# ### Your turn: draw

# %% exercise sample

# %% [markdown]
# ## Temperature
#
# Drawing follows the model's shares, its worst guesses included. The **temperature** $\tau$ says how much the shares count:
#
# $$p = \mathrm{softmax}(x / \tau)$$
#
# Below 1 it makes large shares larger, towards greedy decoding for $\tau \to 0$. Above 1 it makes them more alike, towards pure
# chance for $\tau \to \infty$. For two tokens one sees it in the formula: the ratio of their shares is $e^{(x_i - x_j)/\tau}$,
# so half the temperature squares the ratio. (`shares_of(scores, temperature=...)` is the library's version of what you will
# write a little further down.)

# %%
def candidates(temperature):
    """The eight best tokens at a temperature, beside those at 1."""
    figures.at_temperature(names, shares_of(scores, temperature=temperature)[best], shares_of(scores)[best], temperature)


slide(candidates, temperature=(0.1, 5.0, 0.5))
for tau in (0.5, 1.0, 2.0):
    print(f"temperature {tau:g}: the likeliest has {shares_of(scores, temperature=tau).max():.0%}")

# %% [markdown]
# And here are texts, by the library's loop: `generate(model, ids, 30, ...)` reads the ids, draws 30 more, and returns these.
# The same `seed` gives the same random numbers each time, so that your texts are those on this page.

# %%
for tau in (0, 0.5, 1.0, 2.0):
    found = tokenizer.decode(generate(model, tokenizer.encode(prompt), 30, temperature=tau, seed=2))
    print(textwrap.fill(f"temperature {tau}:{found}", 90), "\n")

# %% [markdown]
# (A � stands for a byte that is not a whole character. Such tokens never occur in this text, and each has a tiny share all the
# same.)
#
# ## Cutting the tail
#
# At temperature 1 each of a thousand tokens has a little share. Most of them are nonsense here, and *together* they have a good
# part of the line. So sooner or later one of them comes, and all that follows depends on it. A low temperature makes that
# rarer, but makes the text repeat itself more as well. It is better to cut the tail off and draw from the rest:
#
# - **top-k** keeps the $k$ largest shares,
# - **top-p**, or *nucleus sampling*, keeps the fewest that together reach $p$, the largest first.
#
# Both then divide by the sum, so that the rest has the sum 1 again. They differ where the model is sure in one place, and
# unsure in the next:

# %%
starts = ("the follow", "is not")
ranked = {start: np.sort(shares_of(logits_after(tokenizer.encode(start))))[::-1] for start in starts}
figures.tails(ranked, k=10, p=0.7)

# %% [markdown]
# ### Your turn: the filters, and all of it together

# %% exercise keep_top_k

# %% exercise keep_top_p

# %% exercise next_token_probabilities

# %% [markdown]
# What are the texts like? Read their beginnings, and look at two numbers. The first is the mean surprise, $-\ln p$ of the
# tokens chosen, by the model's own shares at temperature 1: the cross-entropy of lesson 09. The second is the share of groups
# of three tokens that are new, so that they did not stand before in the same text. Both are means over four texts of 60 tokens.
#
# **Predict, then run.** Which way to choose comes closest to real text in its surprise?
#
# <details><summary>Answer</summary>
#
# Drawing by the shares as they are, at temperature 1: the model was trained to give each token the share with which it comes in
# real text. It is a little more surprising than real text, since the model also has to continue its own errors.
#
# </details>

# %%
ways = {
    "greedy": {"temperature": 0},
    "temperature 0.5": {"temperature": 0.5},
    "top-p 0.7": {"top_p": 0.7},
    "top-k 10": {"top_k": 10},
    "temperature 1": {},
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
    print(f"{name:18s}{prompt + tokenizer.decode(ids[len(begun) : len(begun) + 14])!r}")
real = [windows.ids[i : i + 63].tolist() for i in range(0, len(windows.ids) - 63, 1000)]  # more pieces: real texts vary more
points["real text"] = np.mean([(surprise(ids, 3), new_threes(ids)) for ids in real], 0)

figures.ways(points, ("mean surprise", "share of new threes"), real="real text")

# %% [markdown]
# Greedy text is far less surprising than real text, since it repeats itself. A high temperature is more surprising than what
# people write. Drawing by the shares as they are comes closest to real text; but with a weak model that includes its errors,
# broken words among them. Cutting the tail avoids the worst of them, and does not go in circles as greedy text does. Which
# numbers are best depends on the model and on the purpose: for a calculation take temperature 0, for a poem do not.
#
# ## Not the same again
#
# One can also make the circles expensive. The **repetition penalty** (Keskar and others, *CTRL*, 2019) divides the logits of
# all tokens that stand in the text already by a number $\theta > 1$:
#
# $$p_i = \frac{\exp\left(x_i / (\tau\, I_i)\right)}{\sum_j \exp\left(x_j / (\tau\, I_j)\right)}, \qquad
# I_i = \theta \text{ if token } i \text{ stands in the text, else } 1$$
#
# Their paper recommends $\theta \approx 1.2$. The formula has a catch: a negative logit that is divided by $\theta$ *rises*.
# Libraries therefore multiply negative logits by $\theta$ and divide only the others, and so do we.


# %%
def penalized(x, ids, theta):
    """The logits, lower for the tokens that stand in `ids`. (V,) -> (V,)"""
    x, old = x.copy(), np.unique(ids)
    x[old] = np.where(x[old] > 0, x[old] / theta, x[old] * theta)
    return x


for theta in (1.0, 1.2, 1.5):
    ids = tokenizer.encode(prompt)
    for _ in range(60):
        ids.append(int(penalized(logits_after(ids), ids, theta).argmax()))
    print(textwrap.fill(f"theta {theta}, {new_threes(ids):.0%} of threes are new: {tokenizer.decode(ids)!r}", 90), "\n")

# %% [markdown]
# The circles are gone, and the text is still greedy. But the penalty does not know which repetitions are right: real texts
# repeat *the*, and full stops. With a large $\theta$ the model has to avoid them. So keep it small, or leave it out where
# drawing is enough.
#
# ## When to stop
#
# Our loop ends after a fixed number of tokens, in the middle of a sentence. A model can learn where a text ends, if the texts
# that it learns from contain a sign for it: a **stop token**. Ours contain the line break after each paragraph. It is one
# token, and the model gives it a share like any other. The loop ends when it is drawn, and leaves it out of the text. (Other
# models have a token of their own for this, often called *end of sequence*, EOS. `stop_id` may also be several ids.)

# %%
(end,) = tokenizer.encode("\n")
for seed in range(3):
    drawn = generate(model, tokenizer.encode(prompt), 100, top_p=0.7, seed=seed, stop_id=end)
    print(textwrap.fill(f"{len(drawn)} tokens: {prompt}{tokenizer.decode(drawn)}", 90), "\n")
for start in ("The value of the", "This is the end."):
    print(f"the share of the end after {start!r}: {shares_of(logits_after(tokenizer.encode(start)))[end]:.4f}")

# %% [markdown]
# Some of the texts end by themselves, others are cut off after 100 tokens. Within a sentence the share of the end is close to
# 0; after a full stop it is large.
#
# ## The likeliest text: beam search
#
# Some tasks have a right answer, a translation for instance, and one wants the text with the largest share of all. The share of
# a text is the product of the shares of its tokens, so its logarithm is a sum:
#
# $$\ln p(y_1, \dots, y_n) = \sum_{t} \ln p(y_t \mid y_1, \dots, y_{t-1})$$
#
# (Read the bar as "given": the share that $y_t$ has after the tokens before it.)
#
# Does greedy decoding find the largest? No: a good first step may lead to bad second ones.

# %%
share = {"a": 0.6, "b": 0.4, "aa": 0.5, "ab": 0.5, "ba": 0.95, "bb": 0.05}
figures.two_steps(share, greedy=("a", "aa"), best=("b", "ba"))
for path in ("aa", "ba"):
    print(f"{path}: {share[path[0]]} x {share[path]} = {share[path[0]] * share[path]:.2f}")

# %% [markdown]
# The numbers at the lines are shares, those at the ends their products. Greedy decoding takes `a` first, since 0.6 is more than
# 0.4, and then has no good second step.
#
# One cannot try all: $V^n$ texts are too many. **Beam search** keeps the `width` best beginnings. In each round it extends each
# of them by every token, and of *all* these keeps the `width` best. Width 1 is greedy decoding, and a beam as wide as there are
# texts finds the best of all. In between it mostly finds better texts than greedy decoding, for `width` times the price.

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
    print(f"width {width:2d}: ln p = {score:6.1f}\n    {tokenizer.decode(found)!r}")

# %% [markdown]
# A wide beam finds likelier texts than a narrow one, as a rule. It is not certain: a beam may drop the beginning that would
# have been the best in the end. (*Changed in version 3.* is no error: many paragraphs of this text are such notes.) And
# likelier is not better to read: the likeliest texts of a language model are common phrases, one after the other. So draw where
# a text should be new, and search where there is one right answer. (Beams also prefer *short* texts, since each further token
# makes a text less likely. Where a stop token can end them, scores are divided by the length or a power of it.)

# %% [markdown]
# ## Not twice: the cache
#
# For each further token our loop lets the model read the whole text so far again, almost all of it for the second time or more.
# What of that is needed? No token looks ahead (lesson 06): what is computed at a place depends only on that place and those
# before it, and *does not change* when others follow. The new token's query needs the keys and values of all earlier tokens,
# and nothing else of them. So keep these, in a **KV cache**, and compute only the new token:
#
# $$\mathrm{out}_t = \mathrm{softmax}\!\left(\frac{q_t\, [k_1, \dots, k_t]^\top}{\sqrt d}\right) [v_1, \dots, v_t]$$
#
# (The brackets stack the vectors as rows.) The queries of earlier tokens are not kept: no later token needs them. If several
# tokens come at once, as a prompt does, the mask must take into account that the first of them does not stand at place 0, but
# after all that is in the cache. In the picture a query may look where it is dark:

# %%
S, T = 4, 3
seen = np.arange(S + T) <= np.arange(S, S + T)[:, None]  # (T, S + T)
figures.may_look(seen)

# %% [markdown]
# ### Your turn: a step of attention with a cache

# %% exercise attention_step

# %% [markdown]
# What does it save? Without a cache, the model reads $1 + 2 + \dots + n \approx n^2 / 2$ tokens to write a text of $n$, with it
# $n$. (A query still looks at all keys in the cache. In a small model that is little beside the rest.) In the library it is
# `model.encoder.new_cache()`, and `generate` uses it, except with `use_cache=False`. The next cell writes 200 tokens both ways,
# with a model of three layers that is not trained: the time does not depend on the values of the weights.
#
# **Predict, then run.** What will the two curves of the time over the number of tokens look like? Will the tokens be the same?
#
# <details><summary>Answer</summary>
#
# With a cache each token costs the same, and the curve is nearly a straight line. Without it each token costs more than the one
# before, and the curve gets steeper and steeper. The tokens are the same: a cache changes what is computed again, and no
# result.
#
# </details>

# %%
mt.manual_seed(1)
config = LanguageModelConfig(V, d_model=64, nhead=4, num_layers=3, dim_feedforward=256, dropout=0.0, max_len=256)
deeper = LanguageModel(config).eval()
written, seconds = [], {}
for name, use_cache in {"all again for each token": False, "with a cache": True}.items():
    times = [time.perf_counter()]
    for token in stream(deeper, [5], 200, use_cache=use_cache, seed=0):  # `generate`, token by token
        written.append(token)
        times.append(time.perf_counter())
    seconds[name] = np.array(times) - times[0]
figures.prices(seconds)
print("the same tokens:", written[:200] == written[200:])

# %% [markdown]
# The price is memory: two vectors for each token and layer, for each text that is being written. For large models and long
# texts that is gigabytes, so there is much research on smaller caches. One more condition: a token's place must not change.
# When a text gets longer than the model can read, its beginning is dropped, all places shift, and `generate` goes on without a
# cache.

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


def compare():
    """A step with the cache against all at once, and the shares at temperature 0.7 with top-k 5, in PyTorch."""
    import torch

    whole = [torch.tensor(np.concatenate([old, now], 1)) for old, now in zip(cached, new, strict=True)]
    theirs = torch.nn.functional.scaled_dot_product_attention(*whole, is_causal=True)[:, -3:].numpy()
    x = torch.tensor(logits_after(tokenizer.encode(prompt)), dtype=torch.float64)
    kept, top = torch.full_like(x, -math.inf), x.topk(5)
    kept[top.indices] = top.values / 0.7
    difference = abs(shares_of(x.numpy(), temperature=0.7, top_k=5) - kept.softmax(-1).numpy()).max()
    return (
        f"a step with the cache against all at once in PyTorch: largest difference {abs(ours - theirs).max():.0e}\n"
        f"temperature 0.7 and top-k 5: largest difference {difference:.0e}"
    )


beside_pytorch(
    compare,
    shipped="""a step with the cache against all at once in PyTorch: largest difference 3e-16
temperature 0.7 and top-k 5: largest difference 1e-16""",
)

# %% [markdown]
# ## Summary
#
# - A model gives shares for the next token. A text is made by choosing one, appending it, and asking again, until a stop token
#   comes.
# - Always taking the likeliest token runs in circles. Drawing follows the shares; temperature makes them sharper or more alike;
#   top-k and top-p cut off the tail; a repetition penalty makes tokens that stand in the text less likely.
# - Beam search looks for the likeliest text, with `width` beginnings at a time. The likeliest is not the most interesting.
# - Since no token looks ahead, keys and values do not change: keep them, and each token costs one token.
#
# ## Harder, if you like
#
# These are not judged.
#
# - Write *min-p*: keep the tokens whose share is at least a tenth of the largest share. Where does it keep more than top-p, where
#   less? Put it into `ways`.
# - Let `widest` stop at the line break: a text that ends leaves the beam, and at the end the one with the largest mean of
#   $\ln p$ per token is taken. How long are the texts with the sum instead of the mean?

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | autoregressive | each token is chosen after all tokens before it have been read | |
# | inference | using a model after its training, without changing it | `torch.inference_mode()` |
# | greedy decoding | the likeliest token each time | `Tensor.argmax` |
# | sampling | drawing a token at random, by the shares | `torch.multinomial` |
# | temperature | the number by which logits are divided before softmax | |
# | top-k | only the $k$ likeliest tokens are left | `torch.topk` |
# | top-p | only the fewest tokens are left that together reach $p$; *nucleus sampling* | |
# | repetition penalty | lower logits for the tokens that stand in the text already | |
# | stop token | the token that ends a text; EOS | |
# | beam search | a search for the likeliest text that keeps a few beginnings at a time | |
# | KV cache | the keys and values of all earlier tokens, kept | |

# %% [markdown]
# **Further reading.** Holtzman, Buys, Du, Forbes and Choi, *The curious case of neural text degeneration*, ICLR 2020, for top-p
# and why likely texts are dull. Fan, Lewis and Dauphin, *Hierarchical neural story generation*, ACL 2018, for top-k. Sutskever,
# Vinyals and Le, *Sequence to sequence learning with neural networks*, NeurIPS 2014, where a beam translates. Keskar, McCann,
# Varshney, Xiong and Socher, *CTRL: a conditional Transformer language model for controllable generation*, 2019,
# arXiv:1909.05858, for the repetition penalty. Shazeer, *Fast Transformer decoding: one write-head is all you need*, 2019,
# arXiv:1911.02150, for smaller caches.
#
# **Next:** 11, why did the model say that? Relevance, from the output back to the words.
