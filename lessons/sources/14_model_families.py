# %% [markdown]
# # 14 Model families
#
# After this lesson you can say what BERT, GPT, T5 and Llama are made of, how each learns from plain text, what newer models
# changed and why, write the attention that joins two texts, and compute how many numbers a model has and how much memory its
# cache takes.
#
# *About 25 minutes to read, and 100 for the exercises. Builds on lessons 05 (rotary positions), 06 to 08 (attention, heads, the
# encoder), 09 (cross-entropy) and 10 (the cache).*

# %% [markdown]
# ## Why
#
# The article that this course grew from names BERT, GPT-3 and T5, and says only that they are Transformers. You have built a
# Transformer. How far is it from there to these? Not far, and this lesson goes the rest of the way.
#
# ## Two halves
#
# The first Transformer had two halves: an encoder that reads a sentence, and a decoder that writes its translation. A model of
# this kind is called an **encoder-decoder**. Here are both, without the residual connections and norms, which are as in lesson 08:

# %%
import textwrap

import numpy as np

import minitransformer as mt
from minitransformer import nn
from minitransformer.course import beside_pytorch, check, hint, saved, solution
from minitransformer.course.figures import lesson_14_model_families as figures
from minitransformer.models.bert import Bert, BertConfig
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.llama import LlamaConfig
from minitransformer.models.t5 import T5, T5Config, buckets

figures.encoder_and_decoder()

# %% [markdown]
# The encoder is what you know. It runs once, and leaves a vector for each token that it has read: its *memory*. The decoder has
# one part more. Each of its tokens looks back at what is written so far, and then at the memory. The second look is lesson 06's
# cross-attention, with queries from the answer, and keys and values from the memory:
#
# $$\mathrm{attention}(X W_q^\top,\; M W_k^\top,\; M W_v^\top)$$
#
# where $X$ (T, C) are the tokens of the answer and $M$ (S, C) is the memory. No place is hidden from any query, as the text
# was read whole. Only padding is: texts in one batch are filled up to the same length, and what fills them is no text.
#
# ### Your turn: look at what was read

# %% exercise cross_attention

# %% [markdown]
# ## Three ways to look
#
# Later models kept of the two halves what they needed:
#
# | family | keeps | learns by | good at |
# |---|---|---|---|
# | **BERT** (2018) | the encoder | guessing words that were hidden from it | understanding: classes, search, comparing sentences |
# | **GPT** (2018; GPT-3: 2020) | the decoder, without cross-attention | guessing the next word | writing |
# | **T5** (2020) | both | writing the spans that were cut out of a text | turning a text into another: translation, summary |
#
# They are also called **encoder-only**, decoder-only (lesson 08) and encoder-decoder models. All learn from plain text first, of
# which there is plenty, and nobody has to label it. This is their **pre-training**. What they have learned then serves for a task
# of which there are few examples: a little more training on these, the **fine-tuning**, is enough.
#
# All are built of the same layers. What differs is *which results depend on which tokens*, and that we can measure. Take a
# model that has learned nothing, replace one token, and see which of the results move. (T5 takes two texts: the one it reads,
# and the answer so far.)
#
# **Predict, then run.** Token 3 of 8 is replaced. Which results move in BERT, which in GPT, and which tokens of T5's answer?
#
# <details><summary>Answer</summary>
#
# In BERT all. In GPT those from place 3 on: no result depends on what follows it. In T5 the whole answer, because each of its
# tokens looks at the whole text.
#
# </details>

# %%
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
figures.influences({
    "BERT": influence(bert),
    "GPT": influence(gpt),
    "T5: the answer (rows)\nlooks at the text": influence(lambda x: t5(x, answer)),  # reads x
})

# %% [markdown]
# In BERT every result depends on every token. In GPT a result depends only on its own token and those before: the mask of
# lesson 06. In T5 every token of the answer depends on the whole text, by cross-attention; how the tokens of the answer depend
# on each other is not in the picture, and is as in GPT.
#
# ## BERT's exercise: hidden words
#
# This decides what a model can learn from. GPT is asked for the next word at every place in one pass; before each place stand
# the true words, not its own guesses (teacher forcing, lesson 09). BERT cannot be asked for the next word, because its result
# depends on it. So it is asked for words that are *not there*. This is **masked language modelling**:
#
# - In the paper, 15 % of the tokens are chosen, of which 80 % are replaced by a mark, `[MASK]`, and 10 % by some other token;
#   10 % stay as they are.
# - The loss of lesson 09 is taken at the chosen tokens alone, whatever is read there.
#
# Why not hide all of them? In later use no text has marks. A model that is asked at marks alone need not compute anything
# useful at other places; so it must expect to be asked anywhere.
#
# ### Your turn: hide words

# %% exercise mask_tokens

# %% [markdown]
# The library draws which tokens are chosen, and what becomes of them. Here they are for a long text, counted:

# %%
from minitransformer.recipes.masked_lm import NOT_ASKED, masked
from minitransformer.tokenization import WordPieceTokenizer

sentence = "the soup was cold and the waiter did not come so we left and ate at home"
pieces = WordPieceTokenizer.train([sentence] * 2)  # twice, so that each word becomes one token
text = np.array([pieces.encode(sentence) * 1000])  # (1, T)
read, targets = masked(text, pieces, rng)
asked = targets != NOT_ASKED
mark = pieces.id_of("[MASK]")
print(f"asked:     {asked.mean():.3f} of all tokens")
print(f"mark:      {(read[asked] == mark).mean():.3f} of these")
print(f"another:   {((read != text) & (read != mark))[asked].mean():.3f}")
print(f"as it was: {(read == text)[asked].mean():.3f}")
print("read:     ", pieces.decode(read[0, :17]))

# %% [markdown]
# So BERT learns from about 15 % of the tokens that it reads, and GPT from each. This is one reason that people give for the
# success of models that write.

# %% [markdown]
# ## T5's exercise: spans
#
# T5 hides words too, but whole spans, and it *writes* them. This is **span corruption**:
#
# | | |
# |---|---|
# | the text | the soup was cold and the waiter did not come |
# | what it reads | the soup `<X>` and the waiter `<Y>` come |
# | what it writes | `<X>` was cold `<Y>` did not `<Z>` |
#
# Each mark stands for one span, so that each piece of the answer says where it belongs. The last mark ends the answer. The
# answer is short, because what was kept is not written again. (The paper cuts out 15 % of the tokens, in spans of 3 on average.)
#
# ### Your turn: cut spans out

# %% exercise span_corruption

# %% [markdown]
# The library draws the spans at random, so some are short and some long, and trains a T5 of any size on them: `minitransformer
# train t5`, or in Python:

# %%
from minitransformer.recipes.span_corruption import corrupted

rng = np.random.default_rng(3)
words = (
    "the soup was cold and the waiter did not come so we left and ate at home with some bread and cheese "
    "and a glass of the wine that my sister brought from Spain"
).split()
cut, wanted = corrupted(range(len(words)), 100, rng)
for what, tokens in (("reads ", cut), ("writes", wanted)):
    line = " ".join(words[t] if t < 100 else f"<{'XYZ'[t - 100]}>" for t in tokens)
    print(textwrap.fill(f"{what} {line}", 100, subsequent_indent="       "))

# %% [markdown]
# ## T5's positions: how far apart, roughly
#
# T5 adds nothing to its embeddings. Instead each head adds a learned number $b$ to the *score* of a query at place $t$ and a
# key at place $s$, which depends only on how far apart they are: a **relative position bias**. (It also leaves out the division
# by $\sqrt d$; its first weights are chosen smaller instead.)
#
# $$\mathrm{score}_{ts} = q_t \cdot k_s + b_{\,\mathrm{bucket}(s - t)}$$
#
# A number for every distance would be too many, and far distances are rare. So distances share **buckets**. Say there are $n$
# buckets for one direction, $e = n / 2$ of them exact: each distance $f < e$ has the bucket $f$ for itself. Beyond these the
# buckets grow wider, evenly on a logarithmic scale, and all distances from `furthest` on share the last:
#
# $$\mathrm{bucket}(f) = \min\left(e + \left\lfloor (n - e)\,\frac{\ln (f / e)}{\ln (\mathrm{furthest} / e)} \right\rfloor,
# \; n - 1\right) \qquad (f \ge e)$$
#
# The half brackets round down. Take $n = 16$ and furthest $= 128$: distances 0 to 7 have buckets of their own; 8 has bucket 8, as
# $\ln 1 = 0$; and 16 has $8 + \lfloor 8 \cdot \ln 2 / \ln 16 \rfloor = 10$. In the encoder, keys that follow have $n$ buckets
# of their own, counted on from $n$. In the decoder they are hidden. The numbers $b$ are learned, one for each bucket and head,
# and all layers share them.
#
# ### Your turn: the buckets

# %% exercise relative_buckets

# %% [markdown]
# Here they are for 48 tokens, with 32 buckets in all, as in T5. Every diagonal has one colour, because only the distance counts.
# Near the middle each distance has its own shade; farther out the bands grow wide.

# %%
distances = np.arange(48)[None, :] - np.arange(48)[:, None]  # (T, S): key less query
figures.buckets(buckets(distances, True), buckets(distances, False))

far = np.arange(200)
numbers = buckets(-far, True)
print("the first distance of each bucket:", *(far[numbers == n][0] for n in range(16)))

# %% [markdown]
# ## What newer models changed
#
# Llama (February 2023) is a GPT with three parts replaced, and without biases: its linear layers only multiply. Llama 2 (July
# 2023) replaced a fourth part in its largest models: the published one of 70 thousand million numbers has grouped heads, the two
# smaller published ones do not. Many open language models since have all four changes. SmolLM2, which runs on a laptop, is one
# of them. (GPT-2 and Llama are pre-norm, BERT is post-norm: lesson 08.)
#
# **1. RMSNorm for LayerNorm.** The mean is not subtracted, and nothing is added. The vector is only scaled, so that the mean of
# its squares is 1: $y = w \, x / \sqrt{\mathrm{mean}(x^2) + \varepsilon}$. It is cheaper, and works as well.
#
# **2. A gate in the feed-forward part.** Lesson 08 has $W_2 \, \mathrm{relu}(W_1 x)$. BERT and GPT-2 round the corner off: their
# **GELU** is $z$ times the chance that a number from a bell curve lies below $z$. Llama takes the **SiLU**, $z / (1 + e^{-z})$,
# which looks nearly the same, and multiplies by a second product, the *gate*, which says channel by channel how much passes:
# $W_2 \, (\mathrm{silu}(W_1 x) \odot W_3 x)$, with $\odot$ for the product element by element. The whole is called **SwiGLU**.
#
# **3. Rotary positions**, those of lesson 05, but with other pairs of channels.
#
# **4. Grouped heads**, for a smaller cache: **grouped-query attention**.
#
# The first two are a few lines, which are checked against finite differences:

# %%
z = np.linspace(-4, 4, 161)
names = ("relu", "gelu", "silu")
figures.rounded_corners(z, {name: getattr(nn.functional, name)(mt.tensor(z)).numpy() for name in names})

norm, x = nn.RMSNorm(6), rng.normal(size=(2, 3, 6))
by_hand = x / np.sqrt((x**2).mean(-1, keepdims=True))
difference = abs(norm(mt.tensor(x, dtype=mt.float32)).numpy() - by_hand).max()
print(f"RMSNorm, by hand and in float32: largest difference {difference:.0e}")
wrong = mt.gradcheck(lambda x, w: nn.functional.rms_norm(x, (6,), w), [x, rng.normal(size=6)])
print(f"its gradient, largest error:     {wrong:.0e}")


def gated(x, w1, w3, w2):  # (.., C), (F, C), (F, C), (C, F) -> (.., C)
    return nn.functional.linear(nn.functional.silu(nn.functional.linear(x, w1)) * nn.functional.linear(x, w3), w2)


sizes = [(2, 3, 6), (8, 6), (8, 6), (6, 8)]
print(f"the gate's:                      {mt.gradcheck(gated, [rng.normal(size=size) for size in sizes]):.0e}")

# %% [markdown]
# ## Which channels are a pair
#
# A rotation turns channels in pairs. The paper pairs neighbours: 0 with 1, 2 with 3. Llama's weights, as they are mostly
# published, pair each channel with the one half a vector further: 0 with $d/2$, 1 with $d/2 + 1$.

# %%
figures.pairs({
    "neighbours (the paper)": [(0, 1), (2, 3), (4, 5), (6, 7)],
    "half a vector apart (Llama)": [(0, 4), (1, 5), (2, 6), (3, 7)],
})

# %% [markdown]
# Neither is better: a model learns its weights with the pairs that it has. But *loaded* weights fit only their own pairs. With
# the other ones a model writes nonsense, and no error is raised.
#
# ### Your turn: both ways

# %% exercise rotary_pairs

# %% [markdown]
# If all that differs is the order of channels, then reordering the rows of a query and a key matrix turns weights of one kind
# into the other.
#
# **Predict, then run.** Weights that were made for halves run with neighbours as pairs, once with their rows reordered and once
# without. How large are the differences of the scores?
#
# <details><summary>Answer</summary>
#
# With the rows reordered each pair turns as before, so that the scores differ by rounding errors only. Without that, channels
# turn by the wrong angles, and the scores are others altogether.
#
# </details>

# %%
from minitransformer.nn.position import apply_rotary

rng = np.random.default_rng(0)
d, places = 8, 6
order = np.arange(d).reshape(2, d // 2).T.reshape(-1)  # 0 4 1 5 2 6 3 7: halves become neighbours
wq, wk, vectors = rng.normal(size=(d, d)), rng.normal(size=(d, d)), rng.normal(size=(places, d))
theta = np.arange(places)[:, None] / 10000 ** (np.arange(0, d, 2) / d)  # (T, d/2)
cos, sin = mt.tensor(np.cos(theta)), mt.tensor(np.sin(theta))


def scores(wq, wk, interleaved):  # (d, d), (d, d) -> (T, T)
    q, k = (apply_rotary(mt.tensor(vectors @ w.T), cos, sin, interleaved) for w in (wq, wk))
    return (q @ k.transpose(0, 1)).numpy()


print("order of rows:", *order)
halves = scores(wq, wk, False)
print(f"largest difference of scores: {abs(halves - scores(wq[order], wk[order], True)).max():.0e}")
print(f"without reordering:           {abs(halves - scores(wq, wk, True)).max():.0f}")

# %% [markdown]
# ## Grouped heads
#
# While writing, a model keeps the keys and values of all tokens so far (lesson 10). How many numbers is that? For each
# token, in each layer: a key and a value for each head, each of $d$ numbers.
#
# $$\mathrm{cache} = 2 \times \mathrm{layers} \times \mathrm{heads} \times d \times \mathrm{tokens}$$
#
# For each new token all of it has to be read from memory once, and on a graphics card this takes longer than the arithmetic
# (Shazeer, 2019). So let heads *share*: the heads of a group have queries of their own, and one key and value together.
# SmolLM2 has 9 heads in 3 groups.
#
# **Predict, then run.** SmolLM2 has 30 layers, and each head has 64 numbers, of four bytes each. How many MiB does its cache take
# for 1,000 tokens?
#
# <details><summary>Answer</summary>
#
# A key and a value, 30 layers, 3 groups and 64 numbers are 11,520 numbers for each token, or 46,080 bytes: 44 MiB for
# 1,000 tokens. Without groups it would be three times as much.
#
# </details>

# %%
smol = LlamaConfig()  # as it stands: SmolLM2-135M
tokens = np.array([1000, 8000])
numbers = 2 * smol.num_hidden_layers * smol.head_dim  # for one token of one head
kinds = {"every head alone": 9, "3 groups (SmolLM2)": smol.num_key_value_heads, "one group": 1}
print(f"layers {smol.num_hidden_layers}, groups {smol.num_key_value_heads}, numbers of a head {smol.head_dim}")
print(f"for one token: {numbers * 3:,} numbers, {numbers * 3 * 4:,} bytes in float32")
figures.cache_sizes(tokens, {name: numbers * heads * tokens * 4 / 2**20 for name, heads in kinds.items()})
print("1,000 tokens, in MiB:", {name: round(numbers * heads * 1000 * 4 / 2**20) for name, heads in kinds.items()})

# %% [markdown]
# With one group, all heads share one key and value. The fewer groups, the less the heads can differ in what they look for; a few
# groups lose little (Ainslie et al., 2023).
#
# ### Your turn: share keys and values

# %% exercise grouped_attention

# %% [markdown]
# PyTorch has it too, under the name of `enable_gqa`. Our library repeats keys and values, and the gradient of a repeated tensor
# is the sum over its copies, as in lesson 02:

# %%
F = nn.functional


def grouped(q, k, v):  # (H, T, d), (G, T, d), (G, T, d) -> (H, T, d)
    each = len(q) // len(k)
    k, v = (a.unsqueeze(1).expand(len(a), each, *a.shape[1:]).flatten(0, 1) for a in (k, v))  # (H, T, d)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


inputs = [rng.normal(size=(n, 4, 2)) for n in (4, 2, 2)]
print(f"finite differences, largest error: {mt.gradcheck(grouped, inputs):.0e}")


def compare():
    from torch.nn.functional import scaled_dot_product_attention

    theirs = lambda q, k, v: scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)  # noqa: E731
    differences = mt.compare_with_torch(grouped, theirs, inputs)
    return "PyTorch, largest difference: {value:.0e} (value), {gradient:.0e} (gradient)".format(**differences)


beside_pytorch(compare, shipped="PyTorch, largest difference: 1e-16 (value), 3e-16 (gradient)")

# %% [markdown]
# ## How large is it?
#
# Most numbers of a model are in the matrices of its layers. In a layer of GPT, of width $C$, attention has 4 matrices of
# $C \times C$, and the feed-forward part 2 of $4C \times C$, which count as 8. Together these are $12 C^2$, and $12 \, L \, C^2$ in
# $L$ layers. Add a row of $C$ for each word of the vocabulary.

# %%
for name, layers, width, vocab in (("GPT-2, smallest", 12, 768, 50_257), ("GPT-3", 96, 12_288, 50_257)):
    print(f"{name:<16}{(12 * layers * width**2 + vocab * width) / 1e9:9.3f} thousand million")

small = GPT(GPTConfig(1000, 64, 64, 3, 4))
guess = 12 * 3 * 64**2 + 1000 * 64
print(f"a small one: {sum(p.array.size for p in small.parameters()):,} counted, {guess:,} by the rule")

# %% [markdown]
# GPT-3's 175 thousand million are the published figure. The rest of the small one are positions, biases and norms.
#
# The article with which this course began names T5 and MT-NLG for models of "billions to trillions" of numbers. The largest
# published T5 has 11 thousand million, and MT-NLG 530, so neither comes near a trillion, a million million. And size is not the
# point: all ideas of this lesson run in two layers, as you just saw.
#
# ### Harder, if you like
#
# These are not judged.
#
# - Write a layer of a decoder: self-attention that looks back, your `cross_attention`, the feed-forward part, each with its
#   residual connection and its norm. Compare it with `nn.TransformerDecoderLayer` with one head and the same weights.
# - By a rule like the one above, how many numbers has a layer of Llama, with its three matrices in the feed-forward part and its
#   grouped heads? Compare with the parameters of a `Llama` of one layer (`minitransformer.models.llama`).

# %% [markdown]
# ## The real ones
#
# Published weights run in this library, in the files whose parts you have just seen. They have to be fetched once, so these
# commands are not run here:
#
# ```
# minitransformer fetch minilm                              (a small BERT, 84 MB)
# minitransformer embed --model minilm                      what is near what
# minitransformer fetch smollm2                             (a Llama, 93 MB)
# minitransformer generate --model smollm2 "The capital of France is"
# minitransformer explain --model smollm2 "The capital of France is"
# minitransformer fetch flan-t5                             (a T5, 69 MB)
# minitransformer translate "The house is wonderful." --to German
# minitransformer train bert-classifier                     MiniLM is fine-tuned on movie reviews
# ```
#
# `explain` is lesson 11 on a real model: which words led to *Paris*, and where the rest of the relevance went.

# %% [markdown]
# ## Summary
#
# - An encoder-decoder reads with one half and writes with the other; cross-attention joins them. BERT keeps the encoder, GPT the
#   decoder, T5 both.
# - BERT learns by masked language modelling, GPT by the next token, T5 by span corruption; then each is fine-tuned.
# - T5 has a learned bias for each distance, in buckets that grow with distance. Llama turns queries and keys. Which channels are
#   pairs is a convention on which weights depend.
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
# **Next:** you have built a Transformer, trained it, let it write, explained what it does, and seen what other models do
# otherwise. `minitransformer tour` shows all of it, and `minitransformer tour --mine` shows it with your own code.

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | encoder-decoder | a model whose one half reads a text and whose other half writes an answer to it | `nn.Transformer` |
# | encoder-only | a model that reads both ways and does not write, such as BERT | `nn.TransformerEncoder` |
# | pre-training | the first training, on plain text that nobody has labelled | |
# | fine-tuning | a little more training, on few examples of one task | |
# | masked language modelling | learning to guess hidden tokens (*BERT's exercise*) | `ignore_index=-100` in `nn.CrossEntropyLoss` |
# | span corruption | learning to write the spans that were cut out of a text (*T5's exercise*) | |
# | relative position bias | a learned number that is added to a score, one for each distance | `attn_mask`, if it is of floats |
# | buckets | groups of distances that share one learned number, the wider the farther | `torch.bucketize` |
# | RMSNorm | LayerNorm without the mean and without the added vector | `nn.RMSNorm` |
# | GELU | $z$ times the chance that a number from a bell curve lies below $z$ | `nn.GELU` |
# | SiLU | $z / (1 + e^{-z})$ | `nn.SiLU` |
# | SwiGLU | a feed-forward part with a SiLU and a second product, the *gate* | |
# | grouped-query attention | attention in which several heads share keys and values (*grouped heads*) | `enable_gqa=True` |
