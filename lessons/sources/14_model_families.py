# %% [markdown]
# # 14 Model families
#
# After this lesson you can say what BERT, GPT, T5 and Llama are made of, how each learns from plain text, what newer models
# changed and why, and compute how many numbers a model has and how much memory its cache takes.
#
# *About 110 minutes with the exercises. Builds on lessons 05 (rotary positions), 06 to 08 (attention, heads, the encoder),
# 09 (cross-entropy) and 10 (the cache).*

# %% [markdown]
# ## Why
#
# The article that this course grew from names BERT, GPT-3 and T5, and says no more of them than that they are Transformers. You
# have built a Transformer. So how far is it from there to these? Not far, and this lesson goes the rest of the way.
#
# ## Three ways to look
#
# The first Transformer had two halves: an encoder that reads a sentence, and a decoder that writes its translation. The decoder
# has one part more than the blocks that you know: besides looking back at what it has written, each of its tokens looks at the
# sentence that was read. This is **cross-attention**, lesson 06's formula with queries from one text, and keys and values from
# another:
#
# $$\mathrm{attention}(X W_q^\top,\; M W_k^\top,\; M W_v^\top)$$
#
# where $X$ (T, C) are the tokens of the answer, $M$ (S, C) is what the encoder has made of the text, and nothing is masked. Later
# people kept what they needed:
#
# | family | keeps | learns by | good at |
# |---|---|---|---|
# | **BERT** (2018) | the encoder | guessing words that were hidden from it | understanding: classes, search, comparing sentences |
# | **GPT** (2018; GPT-3: 2020) | the decoder, without an encoder to consult | guessing the next word | writing |
# | **T5** (2020) | both | writing the spans that were cut out of a text | turning a text into another: translation, summary |
#
# All are built of the same blocks, those of lesson 08. What differs is *who may look at whom*, and that we can measure. Take a
# model that has learned nothing, change one token, and see which of the results move. (T5 takes two texts: the one it reads, and
# what it has written so far.)

# %%
import textwrap

import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer import nn
from minitransformer.course import check, hint, saved, solution
from minitransformer.models.bert import Bert, BertConfig
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.llama import LlamaConfig
from minitransformer.models.t5 import T5, T5Config, buckets

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
rng = np.random.default_rng(0)
mt.manual_seed(0)

V, T = 50, 8  # words, tokens
bert = Bert(BertConfig(V, 16, 2, 2, 32, dropout=0.0)).eval()
gpt = GPT(GPTConfig(V, 64, 16, 2, 2, dropout=0.0)).eval()
t5 = T5(T5Config(V, 16, 8, 32, 2, 2, 2, dropout=0.0)).eval()
ids = rng.integers(1, V, (1, T))


def influence(run):  # a function of ids (1, T) with results (1, n, ..) -> (n, T)
    """How far each result moves when one token is replaced."""
    with mt.no_grad():
        before, moved = run(mt.tensor(ids)).numpy(), []
        for j in range(T):
            other = ids.copy()
            other[0, j] = 1 + other[0, j] % (V - 1)
            moved.append(abs(run(mt.tensor(other)).numpy() - before).sum(-1)[0])  # (n,)
    return np.array(moved).T


answer = mt.tensor(rng.integers(1, V, (1, 5)))
panels = {
    "BERT": influence(bert),
    "GPT": influence(gpt),
    "T5: the answer (rows)\nlooks at the text": influence(lambda x: t5(x, answer)),  # reads x
}
figure, axes = plt.subplots(1, 3, figsize=(8, 2.9), layout="constrained")
for axis, (name, moved) in zip(axes, panels.items(), strict=True):
    axis.imshow(moved > 0, cmap="Blues", vmin=0, vmax=1.6)
    axis.set(title=name, xlabel="token that is replaced", xticks=range(T), yticks=range(len(moved)))
axes[0].set_ylabel("result that moves")
plt.show()

# %% [markdown]
# In BERT every result hears of every token. In GPT a result hears only of its own token and those before: the mask of lesson
# 06. In T5 every token of the answer hears of the whole text, by cross-attention; the answer itself (not in the picture) is
# written as GPT writes.
#
# This decides what a model can learn from. BERT cannot be asked for the next word, for it sees it. So it is asked for words
# that are *not there*: *masked language modelling*. Of a text 15 % of the tokens are chosen. Of these, 80 % are replaced by a
# mark, 10 % by some other token, and 10 % are left as they are, so that the model cannot rely on marks to tell it where it will
# be asked. The loss of lesson 09 is taken at the chosen places alone. GPT is asked for the next word at every place, 100 % of
# the tokens, in one pass; before each place stand the true words, not its own guesses (*teacher forcing*, lesson 09). So it
# learns something from every token it reads, which is one reason that people give for the success of models that write.

# %% [markdown]
# ## T5's exercise: spans
#
# T5 hides words too, but whole spans, and it *writes* them:
#
# | | |
# |---|---|
# | the text | the soup was cold and the waiter did not come |
# | what it reads | the soup `<X>` and the waiter `<Y>` come |
# | what it writes | `<X>` was cold `<Y>` did not `<Z>` |
#
# Every mark is used once, so each piece says where it belongs. The last mark says: that is all. What is written is short,
# as what was kept is not written again. (The paper cuts out 15 % of the tokens, in spans of 3 on average.)
#
# ### Your turn: cut spans out

# %% exercise span_corruption

# %% [markdown]
# The library draws the spans at random, so some are short and some long, and trains a T5 of any size on them: `minitransformer
# train t5`, or in Python:

# %%
from minitransformer.recipes.span_corruption import corrupted

words = (
    "the soup was cold and the waiter did not come so we left and ate at home with some bread and cheese "
    "and a glass of the wine that my sister brought from Spain"
).split()
text, asked = corrupted(range(len(words)), 100, np.random.default_rng(3))
for what, tokens in (("reads ", text), ("writes", asked)):
    line = " ".join(words[t] if t < 100 else f"<{'XYZ'[t - 100]}>" for t in tokens)
    print(textwrap.fill(f"{what} {line}", 100, subsequent_indent="       "))

# %% [markdown]
# ## T5's places: how far apart, roughly
#
# T5 adds nothing to its embeddings. Instead each head adds a learned number $b$ to the *score* of a query at place $t$ and a
# key at place $s$, which depends only on how far apart they are. (It also leaves out the division by $\sqrt d$; its first weights
# are chosen smaller instead.)
#
# $$\mathrm{score}_{ts} = q_t \cdot k_s + b_{\,\mathrm{bucket}(s - t)}$$
#
# A number for every distance would be too many, and far distances are rare. So distances share **buckets**. Say there are $n$
# buckets for one direction, $e = n / 2$ of them exact. A key at distance $f < e$ has bucket $f$ to itself. Beyond, buckets grow
# wider and wider, evenly on a logarithmic scale, until all from `furthest` on share the last:
#
# $$\mathrm{bucket}(f) = \min\left(e + \left\lfloor (n - e)\,\frac{\ln (f / e)}{\ln (\mathrm{furthest} / e)} \right\rfloor,
# \; n - 1\right) \qquad (f \ge e)$$
#
# The half brackets round down. Take $n = 16$ and furthest $= 128$: distances 0 to 7 have buckets of their own; 8 has bucket 8, as
# $\ln 1 = 0$; 16 has $8 + \lfloor 8 \cdot \ln 2 / \ln 16 \rfloor = 10$; and from 91 on all have 15. In the encoder, keys ahead
# have $n$ buckets of their own, counted on from $n$. In the decoder nobody looks ahead. The numbers $b$ are learned, one for each
# bucket and head, and all layers share them.
#
# ### Your turn: the buckets

# %% exercise relative_buckets

# %% [markdown]
# Here they are for 48 tokens, with 32 buckets in all, as in T5. Every diagonal has one colour, as only the distance counts.
# Near the middle each distance has its own shade, farther out the bands grow wide.

# %%
distances = np.arange(48)[None, :] - np.arange(48)[:, None]  # (T, S): key less query
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
for axis, both_ways in zip(axes, (True, False), strict=True):
    shown = np.ma.masked_where(np.logical_and(not both_ways, distances > 0), buckets(distances, both_ways))
    image = axis.imshow(shown, cmap="cividis", vmin=0, vmax=31, interpolation="nearest")
    axis.set(title="encoder: both ways" if both_ways else "decoder: back only", xlabel="key", ylabel="query")
figure.colorbar(image, ax=axes, label="bucket")
plt.show()

# %% [markdown]
# ## What newer models changed
#
# Llama (February 2023) is a GPT with three parts replaced, and without biases: its linear layers only multiply. Llama 2 (July
# 2023) replaced a fourth part in its largest models: the published one of 70 thousand million numbers has grouped heads, the two
# smaller published ones do not. Many open language models since have all four changes. SmolLM2, which runs on a laptop, is one
# of them. (GPT-2 and Llama both have their norms first, *pre-norm*; BERT has them after the sums, *post-norm*: lesson 08.)
#
# **1. RMSNorm for LayerNorm.** No mean is taken off, and nothing is added; the vector is only brought to length:
# $y = w \, x / \sqrt{\mathrm{mean}(x^2) + \varepsilon}$. It is cheaper, and works as well.
#
# **2. A gate in the feed-forward part.** Lesson 08 has $W_2 \, \mathrm{relu}(W_1 x)$. BERT and GPT-2 round the corner off: their
# $\mathrm{gelu}(z)$ is $z$ times the chance that a number from a bell curve lies below $z$. Llama takes
# $\mathrm{silu}(z) = z / (1 + e^{-z})$, which looks nearly the same, and lets a second product decide, channel by channel, how
# much passes: $W_2 \, (\mathrm{silu}(W_1 x) \odot W_3 x)$, with $\odot$ for the product element by element.
#
# **3. Rotary positions**, those of lesson 05, but with other partners.
#
# **4. Grouped heads**, for a smaller cache (*grouped-query attention*; in the Llama family since Llama 2 70B).
#
# The first two are a few lines, and the library holds them against finite differences as everything else:

# %%
z = np.linspace(-4, 4, 161)
figure, axis = plt.subplots(figsize=(4.5, 2.6), layout="constrained")
for name, colour, line in (("relu", GREY, ":"), ("gelu", BLUE, "-"), ("silu", ORANGE, "--")):
    axis.plot(z, getattr(nn.functional, name)(mt.tensor(z)).numpy(), line, color=colour, label=name)
axis.set(xlabel="z", title="the corner, rounded off")
axis.legend(frameon=False)
plt.show()

norm, x = nn.RMSNorm(6), rng.normal(size=(2, 3, 6))
by_hand = x / np.sqrt((x**2).mean(-1, keepdims=True))
difference = abs(norm(mt.tensor(x, dtype=mt.float32)).numpy() - by_hand).max()
print(f"RMSNorm, by hand and in float32: largest difference {difference:.0e}")
print("its gradient, largest error:    ", mt.gradcheck(lambda x, w: nn.functional.rms_norm(x, (6,), w), [x, rng.normal(size=6)]))


def gated(x, w1, w3, w2):  # (.., C), (F, C), (F, C), (C, F) -> (.., C)
    return nn.functional.linear(nn.functional.silu(nn.functional.linear(x, w1)) * nn.functional.linear(x, w3), w2)


sizes = [(2, 3, 6), (8, 6), (8, 6), (6, 8)]
print("the gate's:                     ", mt.gradcheck(gated, [rng.normal(size=size) for size in sizes]))

# %% [markdown]
# ## Partners
#
# A rotation turns channels in pairs. The paper pairs neighbours: 0 with 1, 2 with 3. Llama's weights, as they are mostly
# published, pair each channel with the one half a vector further: 0 with $d/2$, 1 with $d/2 + 1$.

# %%
figure, axes = plt.subplots(2, 1, figsize=(6, 2.4), layout="constrained")
partners = {
    "neighbours (the paper)": [(0, 1), (2, 3), (4, 5), (6, 7)],
    "half a vector apart (Llama)": [(0, 4), (1, 5), (2, 6), (3, 7)],
}
for axis, (name, pairs) in zip(axes, partners.items(), strict=True):
    for (a, b), colour in zip(pairs, (BLUE, ORANGE, GREEN, GREY), strict=True):
        axis.scatter([a, b], [0, 0], s=260, color=colour, zorder=2)
        bend = {"arrowstyle": "-", "color": colour, "connectionstyle": f"arc3,rad={-0.35 if b - a > 1 else -0.8}", "lw": 1.5}
        axis.annotate("", (b, 0.05), (a, 0.05), arrowprops=bend)
        for channel in (a, b):
            axis.text(channel, 0, channel, color="white", ha="center", va="center", fontsize=9)
    axis.set(xlim=(-0.6, 7.6), ylim=(-0.5, 1.4), title=name)
    axis.title.set_fontsize(9)
    axis.axis("off")
plt.show()

# %% [markdown]
# Neither is better. A model learns its weights around whichever it has. But *loaded* weights know only their own: with the wrong
# partners a model talks nonsense, and no error is raised.
#
# ### Your turn: both ways

# %% exercise rotary_pairs

# %% [markdown]
# If all that differs is the order of channels, then reordering the rows of a query and key matrix turns weights of one kind into
# the other, and every score stays. So it is:

# %%
from minitransformer.nn.position import apply_rotary

d, places = 8, 6
order = np.arange(d).reshape(2, d // 2).T.reshape(-1)  # 0 4 1 5 2 6 3 7: halves become neighbours
wq, wk, x = rng.normal(size=(d, d)), rng.normal(size=(d, d)), rng.normal(size=(places, d))
theta = np.arange(places)[:, None] / 10000 ** (np.arange(0, d, 2) / d)  # (T, d/2)
cos, sin = mt.tensor(np.cos(theta)), mt.tensor(np.sin(theta))


def scores(wq, wk, interleaved):  # (d, d), (d, d) -> (T, T)
    q, k = (apply_rotary(mt.tensor(x @ w.T), cos, sin, interleaved) for w in (wq, wk))
    return (q @ k.transpose(0, 1)).numpy()


print("order of rows:", *order)
print("largest difference of scores:", abs(scores(wq, wk, False) - scores(wq[order], wk[order], True)).max())
print("without reordering:          ", abs(scores(wq, wk, False) - scores(wq, wk, True)).max())

# %% [markdown]
# ## Grouped heads
#
# While writing, a model keeps the keys and values of all tokens so far (lesson 10). How many numbers is that? For each
# token, in each layer: a key and a value for each head, each of $d$ numbers.
#
# $$\mathrm{cache} = 2 \times \mathrm{layers} \times \mathrm{heads} \times d \times \mathrm{tokens}$$
#
# For each new token all of it has to be read from memory once, and on a graphics card this takes longer than the arithmetic
# (Shazeer, 2019). That is the cost of *inference*, of a model in use. So let heads **share**: the heads of a group have queries
# of their own and one key and value together. SmolLM2 has 9 heads in 3 groups, so its cache is a third as large.

# %%
smol = LlamaConfig()  # as it stands: SmolLM2-135M
tokens = np.array([1000, 8000])
each = 2 * smol.num_hidden_layers * smol.head_dim * 4 / 2**20  # MiB for one token of one head, in float32
figure, axis = plt.subplots(figsize=(5, 2.6), layout="constrained")
kinds = ((9, "every head alone", GREY), (smol.num_key_value_heads, "3 groups (SmolLM2)", BLUE), (1, "one group", ORANGE))
for i, (heads, name, colour) in enumerate(kinds):
    bars = axis.barh(np.arange(2) + 0.27 * (1 - i), each * heads * tokens, 0.25, color=colour, label=name)
    axis.bar_label(bars, fmt="%.0f", fontsize=8, padding=2)
axis.set(yticks=range(2), yticklabels=[f"{n:,} tokens" for n in tokens], xlabel="MiB of keys and values", xlim=(0, 1500))
axis.legend(fontsize=8)
plt.show()

# %% [markdown]
# With one group, all heads share one key and value. The fewer groups, the less the heads can differ in what they look for; a few
# groups lose little (Ainslie et al., 2023).
#
# ### Your turn: share keys and values

# %% exercise grouped_attention

# %% [markdown]
# PyTorch has it too, under the name of `enable_gqa`. Our library writes it by repeating keys and values, and the gradient of a
# repeated tensor is the sum over its copies, as in lesson 02:

# %%
F = nn.functional


def grouped(q, k, v):  # (H, T, d), (G, T, d), (G, T, d) -> (H, T, d)
    each = len(q) // len(k)
    k, v = (a.unsqueeze(1).expand(len(a), each, *a.shape[1:]).flatten(0, 1) for a in (k, v))  # (H, T, d)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


inputs = [rng.normal(size=(n, 4, 2)) for n in (4, 2, 2)]
print("finite differences, largest error:", mt.gradcheck(grouped, inputs))
try:
    import torch
except ImportError:
    print("PyTorch is not installed; to install it, run in a cell: %pip install torch")
    print("When this page was made, the largest differences to PyTorch were 2e-16 (value) and 7e-16 (gradient)")
else:
    theirs = torch.nn.functional.scaled_dot_product_attention
    print(mt.compare_with_torch(grouped, lambda q, k, v: theirs(q, k, v, is_causal=True, enable_gqa=True), inputs))

# %% [markdown]
# ## How large is it?
#
# Most numbers of a model sit in the matrices of its blocks. In GPT's block, width $C$: attention has 4 matrices of
# $C \times C$, the feed-forward part 2 of $4C \times C$, which count as 8. Together $12 C^2$, and $12 \, L \, C^2$ in $L$
# layers. Add a row of $C$ for each word of the vocabulary.

# %%
for name, layers, width, vocab in (("GPT-2, smallest", 12, 768, 50_257), ("GPT-3", 96, 12_288, 50_257)):
    print(f"{name:<16}{(12 * layers * width**2 + vocab * width) / 1e9:9.3f} thousand million")

small = GPT(GPTConfig(1000, 64, 64, 3, 4))
guess = 12 * 3 * 64**2 + 1000 * 64
print(f"a small one: {sum(p.array.size for p in small.parameters()):,} counted, {guess:,} by the rule")

# %% [markdown]
# GPT-3's 175 thousand million are the published figure. The rest of the small one are places, biases and norms.
#
# The article this course began with names T5 and MT-NLG for models of "billions to trillions" of numbers. The largest T5 has
# 11 thousand million and MT-NLG 530, so neither comes near a trillion, a million million. And size is not the point: all ideas
# of this lesson run in two layers, as you just saw.

# %% [markdown]
# ## The real ones
#
# Published weights run in this library, in the same files you have just seen the parts of. They have to be fetched once, so
# these commands are not run here:
#
# ```
# minitransformer fetch minilm                              (a small BERT, 84 MB)
# minitransformer embed --model minilm                      what is near what
# minitransformer fetch smollm2                             (a Llama, 93 MB)
# minitransformer generate --model smollm2 "The capital of France is"
# minitransformer explain --model smollm2 "The capital of France is"
# minitransformer fetch flan-t5                             (a T5, 69 MB)
# minitransformer translate "The house is wonderful." --to German
# minitransformer train bert-classifier                     MiniLM learns to judge reviews
# ```
#
# `explain` is lesson 11 on a real model: which words made it say *Paris*, and where the rest of the relevance went.

# %% [markdown]
# ## Summary
#
# - BERT reads both ways and learns by filling gaps. GPT looks back and learns by going on. T5 reads with one half and writes with
#   the other, and learns by writing what was cut out.
# - T5 knows places as distances, in buckets that grow with distance. Llama turns queries and keys. Which channels are partners
#   is a convention that weights depend on.
# - Groups of heads that share keys and values make the cache smaller.
# - $12 L C^2$ is most of a model.
#
# **Further reading.** Devlin, Chang, Lee and Toutanova, *BERT: pre-training of deep bidirectional transformers for language
# understanding*, NAACL 2019. Hendrycks and Gimpel, *Gaussian error linear units (GELUs)*, arXiv 1606.08415, 2016. Zhang and
# Sennrich, *Root mean square layer normalization*, NeurIPS 2019. Radford et al., *Language models are unsupervised multitask
# learners*, 2019. Brown et al., *Language models are few-shot learners*, NeurIPS 2020. Raffel et al., *Exploring the limits of
# transfer learning with a unified text-to-text transformer*, Journal of Machine Learning Research 21, 2020. Shazeer, *GLU
# variants improve transformer*, arXiv 2002.05202, 2020, and *Fast Transformer decoding: one write-head is all you need*, arXiv
# 1911.02150, 2019. Touvron et al., *LLaMA: open and efficient foundation language models*, arXiv 2302.13971, 2023, and *Llama 2:
# open foundation and fine-tuned chat models*, arXiv 2307.09288, 2023, with grouped heads. Ainslie et al., *GQA: training
# generalized multi-query transformer models from multi-head checkpoints*, EMNLP 2023.
#
# **Next:** you have built a Transformer, trained it, made it speak, questioned it, and met its relatives. `minitransformer tour`
# shows it all in one go.
