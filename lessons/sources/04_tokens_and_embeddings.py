# %% [markdown]
# # 04 Tokens and embeddings
#
# After this lesson you can say how a text becomes numbers, train byte pair encoding, the tokenizer of most large language
# models, by hand and in code, look vectors up in a table, and carry a gradient back into that table without losing any of it.
#
# *About 90 minutes with the exercises. Builds on lessons 01 (why gradients add), 02 (arrays, and how to check a gradient) and 03
# (adding where it came from).*

# %% [markdown]
# ## Why
#
# A model multiplies and adds. It cannot multiply "cat". So before anything else a text has to become numbers, in two steps:
#
# 1. Cut the text into pieces, the **tokens**, and give each different piece a number, its **id**. How to cut is the first half of
#    this lesson.
# 2. Give each id a list of numbers, its **vector**, that the model can learn. That is the second half.
#
# "the cat" $\;\to\;$ `the`, ` cat` $\;\to\;$ 17, 4 $\;\to\;$ two vectors.

# %%
import re
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer.course import check, hint, saved, solution
from minitransformer.data.corpus import python_topics
from minitransformer.tokenization import BPETokenizer, CharTokenizer, WordTokenizer

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
rng = np.random.default_rng(0)
mt.manual_seed(0)

# %% [markdown]
# ## Characters
#
# The simplest cut is no cut: every character is a token. List the different characters of a text, and number them. Two ids are
# set aside in this course: 0 fills up short texts where several of different lengths go into one array (*padding*), 1 stands for
# whatever the list does not hold.

# %%
characters = sorted(set("banana"))
id_of = {character: i for i, character in enumerate(characters, start=2)}
print(id_of)
print("banana ->", [id_of.get(character, 1) for character in "banana"])
print("bandit ->", [id_of.get(character, 1) for character in "bandit"], " d, i and t were never seen")

# %% [markdown]
# It is short and it works; lesson 09 trains on it. Its price is *length*. Attention, which lesson 06 teaches, compares every
# token with every other. Twice as many tokens are four times as many comparisons.
#
# ## Words
#
# The other extreme: every word is a token. Then texts are short, but how many words are there? Here is a text of almost half a
# million characters that every Python brings along, the chapters behind `help()`, and how often its words occur:

# %%
text = re.sub(r"[-=*+|\s]{2,}|\s", " ", python_topics())  # ruled lines and line ends become one space
counts = Counter(re.findall(r"[a-z]+", text.lower()))
numbers = sorted(counts.values(), reverse=True)
figure, axis = plt.subplots(figsize=(4.5, 2.8), layout="constrained")
axis.loglog(range(1, len(numbers) + 1), numbers, color=BLUE)
axis.set(xlabel="rank of the word", ylabel="how often it occurs", title="few are frequent, most are rare")
plt.show()
once = numbers.count(1) / len(numbers)
print(f"{sum(numbers)} words, {len(numbers)} different ones; {once:.0%} of these occur once")
print("the most frequent:", ", ".join(f"{word} {number}" for word, number in counts.most_common(5)))

# %% [markdown]
# Every fourth or so of the different words occurs only once. From one occurrence a model learns little, and in tomorrow's text
# there will be words that it has never met at all:

# %%
words = WordTokenizer.train("The soup was good. The service was slow.")
sentence = "The soups were slow."
print(words.tokens(sentence), "->", words.encode(sentence), "->", words.decode(words.encode(sentence)))

# %% [markdown]
# Both strangers became id 1, *unknown*, though *soups* has nearly everything of *soup*.
#
# ## In between: byte pair encoding
#
# We would like frequent words to be one token and rare ones to be a few, down to single letters if need be. **Byte pair
# encoding** (BPE) learns such pieces from a text with one rule:
#
# > Take the pair of neighbours that occurs most often. Make it a new token. Repeat.
#
# It begins with letters, or better with **bytes**: a file of text is a row of bytes, numbers from 0 to 255, one for an English
# letter and up to four for other signs. With 256 tokens to begin with, *no* text is unknown:

# %%
for word in ("the", "thé", "茶"):
    print(word, list(word.encode("utf-8")))

# %% [markdown]
# Learning goes on within words, each taken with the space before it: a token "of␣th" would be frequent, and of little use. So a
# text is first cut into words, and each *different* word is kept once, with the number of times it occurs. Watch the rule at
# work on a text of eleven words. A line shows the same sentence after one merge more, and the bar stands between tokens:

# %%
small = "the other, the third of the things that they thought of"
learned = BPETokenizer.train(small, vocab_size=300)
sentence = "the other moth"
for n in range(len(learned.merges) + 1):
    pieces = BPETokenizer(learned.merges[:n]).tokens(sentence)
    new = repr(learned.vocabulary[257 + n].decode()) if n else "bytes"  # 2 to 257 are bytes, 258 is the first merge
    print(f"{n}  {new:8s} {len(pieces):2d} tokens   {'|'.join(pieces)}")

# %% [markdown]
# Some merges change nothing here: ` th` begins with a space, and no word of this sentence begins with ` th`. *moth* was never seen,
# and comes out as a space and `m`, `o`, `th`. Nothing is lost: the pieces side by side are the text.
#
# ### Your turn: a merge, and which pair comes next
#
# Ids in place of letters from here on: a word is a tuple such as `(118, 106, 103)`, the bytes of *the*, each plus 2, as 0 and 1
# are set aside. Equal neighbours are the one trap of a merge. In `1 1 1` the pair `(1, 1)` stands at two places that overlap.
# Go from the left, and what is used is used up.

# %% exercise merge_pair

# %% exercise most_frequent_pair

# %% [markdown]
# ## Encoding: in the same order
#
# What training leaves behind is the list of its merges. A new word is merged in the *order of that list*. Does it matter? Say
# that training met `other` often, and that it learned, in this order,
#
# | new id | 10 | 11 | 12 |
# |---|---|---|---|
# | pair | `t` `h` | `o` `t` | `th` `e` |
# | piece | `th` | `ot` | `the` |
#
# Now encode `othe`. In order: `th` first, so `o|th|e`, and then `o|the`. From the left: `ot` first, so `ot|h|e`, and there it
# ends. The model has met `o|the` a hundred times in training and `ot|h|e` never: the same word, but a stranger.
#
# ### Your turn: encode

# %% exercise bpe_encode

# %% [markdown]
# ## How many merges?
#
# Each merge makes texts shorter and the table of vectors, which comes next, longer. We train 1000 merges on the first nine
# tenths of our text and measure on the last, which training has not seen. The first merges save most.

# %%
cut = len(text) * 9 // 10
bpe = BPETokenizer.train(text[:cut], vocab_size=258 + 1000)
held_out = text[cut:]
merges = [0, 30, 100, 300, 1000]
per_token = [len(held_out) / len(BPETokenizer(bpe.merges[:n]).encode(held_out)) for n in merges]
whole = WordTokenizer.train(text[:cut], vocab_size=10**6)
word_ids = np.array(whole.encode(held_out))

figure, axis = plt.subplots(figsize=(5.2, 3), layout="constrained")
axis.plot([258 + n for n in merges], per_token, "o-", color=BLUE, label="byte pairs")
axis.plot(CharTokenizer.train(text).vocab_size, 1, "s", color=GREEN, label="characters")
axis.plot(whole.vocab_size, len(held_out) / len(word_ids), "^", color=ORANGE, label="words")
axis.set(xscale="log", xlabel="size of the vocabulary", ylabel="characters per token")
axis.set_title("short texts or a short list")
axis.legend(frameon=False)
plt.show()
print("some of the pieces:", [bpe.vocabulary[i].decode() for i in (258, 260, 280, 400, 700, 1000, 1200)])
print("|".join(bpe.tokens("The tokenizer tokenizes tokens")))
print(f"words never seen in training: {np.mean(word_ids == whole.unk_id):.1%}; unknown to byte pairs: nothing")

# %% [markdown]
# The models in use have 30 000 to 250 000 tokens. The pieces need no meaning, and have what the text made frequent: this text
# being about Python, its pieces are too. A model pays for every token, in time and often in money, so a language that was rare
# in the tokenizer's text is dear to use, with more tokens for the same sentence.

# %%
for said in ("Good morning, how are you?", "Guten Morgen, wie geht es dir?", "早上好，你好吗？"):
    print(f"{len(said):2d} characters, {len(bpe.encode(said)):2d} tokens: {said}")

# %% [markdown]
# ## From ids to vectors
#
# An id is a name, not a quantity. Token 6 is not twice token 3, and it is no closer to 7 than to 700. If we fed ids to a model
# as numbers, it would have to unlearn that first. What says "number 2 of 4" and nothing else is a **one-hot** vector, 1 at its
# place and 0 elsewhere. Multiply it with a matrix $W$ and look what comes out:

# %%
W = np.arange(4)[:, None] + np.array([0.1, 0.2, 0.3])  # (V, C): 4 ids, 3 channels
ids = np.array([2, 0, 2])  # (T,)
one_hot = (ids[:, None] == np.arange(len(W))).astype(float)  # (T, V)
print(one_hot)
print(one_hot @ W)  # (T, V) @ (V, C) -> (T, C)

# %% [markdown]
# Each row of the product is the row of $W$ that the id names: all other rows are multiplied by 0. So do not multiply, *look
# up*:
#
# $$y_t = \mathrm{onehot}(x_t)\,W = W_{x_t}$$
#
# $W$ holds one row for each id, $V$ rows of $C$ numbers, and these numbers are learned like all others. The row is the token's
# **embedding**; its entries are often called channels. Two tokens that are used alike can get rows that are alike.
#
# ### Your turn: the lookup

# %% exercise embedding

# %% [markdown]
# ## The gradient of a table
#
# In the example above id 2 was looked up twice. You know since lesson 01 what that means: a number that is used twice hears
# from both uses, and the two *add*. A row that nobody looked up has no part in the result, and its gradient is 0. With $g_t$
# for the gradient that arrives at place $t$,
#
# $$\frac{\partial L}{\partial W_v} = \sum_{t\,:\,x_t = v} g_t$$
#
# It agrees with lesson 02: for $Y = A W$ the law was $\partial L/\partial W = A^\top g$, and with one-hot rows in $A$ this sum
# is what $A^\top g$ gives.

# %%
g = np.array([[1.0, 1.0, 1.0], [5.0, 5.0, 5.0], [20.0, 20.0, 20.0]])  # (T, C), what arrives
print(one_hot.T @ g)  # (V, T) @ (T, C) -> (V, C)
figure, axis = plt.subplots(figsize=(5, 2.6), layout="constrained")
arrow, centre = {"arrowstyle": "-|>", "color": ORANGE}, {"ha": "center", "va": "center"}
for t, v in enumerate(ids):
    axis.annotate("", (0.27, 3 - v), (1.62, 2.5 - t), arrowprops=arrow)
for v in range(4):
    total = g[ids == v, 0].sum()
    axis.text(0, 3 - v, f"row {v}: {total:g}", color=BLUE, bbox={"fc": "white", "ec": BLUE}, **centre)
for t in range(3):
    axis.text(2, 2.5 - t, f"place {t}, id {ids[t]}: {g[t, 0]:g}", bbox={"fc": "white", "ec": GREY}, **centre)
axis.set(xlim=(-0.5, 2.6), ylim=(-0.5, 3.5), title="each place speaks to its row; row 2 hears twice")
axis.axis("off")
plt.show()

# %% [markdown]
# It is the scatter-add of lesson 03, and its trap: `dW[ids] += g` looks right, and is wrong without a word. NumPy reads `dW[ids]`
# once, adds, and writes back: where an id comes twice it writes twice, and the later write wins. `np.add.at` adds one after the
# other. The loss of a frequent token's gradient does not crash a model. It makes the most frequent tokens learn the worst.

# %%
lossy, right = np.zeros_like(W), np.zeros_like(W)
lossy[ids] += g
np.add.at(right, ids, g)
print("row 2 with +=:       ", lossy[2])
print("row 2 with np.add.at:", right[2])

# %% [markdown]
# ### Your turn: the gradient of the table

# %% exercise embedding_vjp

# %% [markdown]
# ## The same in the library, and against PyTorch
#
# `mt.nn.functional.embedding(ids, weight)` is the lookup, `minitransformer/ops/index.py` has its law. Finite differences judge
# it, with an id that comes three times and one that never does:

# %%
batch = mt.tensor([[1, 4, 1], [0, 1, 2]])  # (B, T): B texts of T tokens; row 3 is never used
weight = mt.randn(5, 3, dtype=mt.float64)  # (V, C)
print("largest error:", mt.gradcheck(lambda weight: mt.nn.functional.embedding(batch, weight), [weight]))

# %% [markdown]
# and PyTorch, where it is installed:

# %%
try:
    import torch
except ImportError:
    print("PyTorch is not installed: pip install torch")
else:
    theirs = torch.tensor(batch.numpy())
    print(
        mt.compare_with_torch(
            lambda weight: mt.nn.functional.embedding(batch, weight),
            lambda weight: torch.nn.functional.embedding(theirs, weight),
            [weight.numpy()],
        )
    )

# %% [markdown]
# ## What rows learn
#
# The rows begin as random numbers. Where does any meaning come from? From the company that a token keeps. Let us give every
# letter two numbers, a point in the plane, and ask of them one thing only: that they tell which letter *follows*. We count how
# often each letter follows each, $n_{ab}$, and want the dot product of two rows (their numbers multiplied one by one, and added
# up), one from a table $E$ for the first letter and one from a table $F$ for the second, to be near $\ln(1 + n_{ab})$. What a
# letter's mere frequency explains is taken off first: the means of the rows and columns of that table. Then three hundred steps
# of gradient descent, as at the end of lesson 01, with the learning rate 3.

# %%
letters = " abcdefghijklmnopqrstuvwxyz"
plain = re.sub(r"[^a-z]+", " ", text.lower())
number = {letter: i for i, letter in enumerate(letters)}
sequence = np.array([number[letter] for letter in plain])
follows = np.zeros((27, 27))
np.add.at(follows, (sequence[:-1], sequence[1:]), 1)  # the trap again: += would count every pair once
target = np.log1p(follows)
target = target - target.mean(0) - target.mean(1, keepdims=True) + target.mean()

first_letter, second_letter = (mt.tensor(index.ravel()) for index in np.indices((27, 27)))  # (729,) each: all pairs
wanted = mt.tensor(target.ravel(), dtype=mt.float32)  # (729,)
E, F = (0.1 * rng.normal(size=(27, 2)) for _ in range(2))
start, errors = E.copy(), []
for _ in range(300):
    tE, tF = (mt.tensor(table, dtype=mt.float32, requires_grad=True) for table in (E, F))
    e, f = mt.nn.functional.embedding(first_letter, tE), mt.nn.functional.embedding(second_letter, tF)  # (729, 2) each
    error = (((e * f).sum(-1) - wanted) ** 2).mean()  # (729, 2) -> (729,) -> ()
    error.backward()
    E, F = E - 3 * tE.grad.numpy(), F - 3 * tF.grad.numpy()  # a step of gradient descent
    errors.append(error.item())

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for axis, table, title in ((axes[0], start, "before: random"), (axes[1], E, "after 300 steps")):
    for letter, (x, y) in zip(letters, table, strict=True):
        vowel = letter in "aeiou"
        look = {"color": ORANGE, "fontweight": "bold", "fontsize": 14} if vowel else {"color": BLUE}
        axis.text(x, y, "␣" if letter == " " else letter, ha="center", va="center", **look)
    reach = 1.15 * abs(table).max()
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), title=title, xticks=[], yticks=[])
plt.show()
print(f"error {errors[0]:.2f} -> {errors[-1]:.2f}")

# %% [markdown]
# Two numbers cannot tell everything, so an error remains. But nobody said what a vowel is. The vowels (bold) went to one side
# because they are followed by the same letters. In a language model the same happens with many more channels, and rows of
# tokens that are used alike come to lie close together.

# %% [markdown]
# ## What the article says about embeddings
#
# This course grew from an article about Transformers, with a listing in PyTorch. You need not know it: where
# it errs a lesson quotes what it says, as such slips are good to learn from. It speaks of "word indices" and then of their vectors.
# Three remarks:
#
# - Of the models it names, none uses plain words: BERT cuts words into WordPieces, GPT-3 uses byte pair encoding over bytes.
# - It calls queries, keys and values (lesson 06) "embeddings". They are not looked up. An embedding depends on the id alone.
# - It lets the embedding layer "add position information". The lookup does not know the place: the same id gives the same row
#   everywhere, as you saw. Positions come in afterwards: lesson 05.
#
# Its listing has `src = self.encoder(src) * math.sqrt(self.ninp)`. `self.encoder` is the table, a confusing name beside
# `self.transformer_encoder`; and `math` is never imported, so the line stops with a NameError. The multiplication itself is
# right. It is the paper's (section 3.4), and the listing needs it, for its table starts with small numbers, even between $-0.1$
# and $0.1$:

# %%
for width in (16, 200, 512):  # `ninp` of the listing, the number of channels
    table = rng.uniform(-0.1, 0.1, size=(1000, width))
    scaled = table * width**0.5
    print(f"width {width:3d}: typical size {table.std():.3f}, times the root of the width {scaled.std():.2f}")

# %% [markdown]
# What tells the place, in the next lesson, has a typical size of 0.71. Without the factor the tokens would drown in it.

# %% [markdown]
# ## Summary
#
# - Characters make long texts, words make long lists with strangers. Byte pairs lie between: merge the most frequent pair, repeat.
# - Encode in the order of training. Over bytes, no text is unknown.
# - An embedding is a row of a table: a one-hot vector times a matrix, without the multiplying.
# - Back into the table gradients *add*, with `np.add.at`; `+=` loses some of them silently.
#
# **Further reading.** Sennrich, Haddow and Birch, *Neural machine translation of rare words with subword units*, ACL 2016,
# where byte pair encoding came to language models. Gage, *A new algorithm for data compression*, The C Users Journal 12(2),
# 1994, where it came from. Bengio, Ducharme, Vincent and Jauvin, *A neural probabilistic language model*, Journal of Machine
# Learning Research 3, 2003, on learned vectors. Pennington, Socher and Manning, *GloVe: global vectors for word
# representation*, EMNLP 2014: our letters, for words.
#
# **Next:** 05, which token stands where.
