# %% [markdown]
# # 04 Tokens and embeddings
#
# After this lesson you can say how a text becomes numbers. You can train the method by which most large language models cut texts
# into pieces, by hand and in code. And you can look vectors up in a table, and carry a gradient back into that table without
# losing any of it.
#
# *About 20 minutes to read, and 60 for the exercises. Builds on lessons 01 (why gradients add, gradient descent) and 02 (arrays,
# and how to check a gradient).*

# %% [markdown]
# ## Why
#
# A model multiplies and adds. It cannot multiply "cat". So before anything else a text must become numbers, in two steps:
#
# 1. Cut the text into pieces, the **tokens**, and give each different piece a number, its *id*. All pieces that have one are the
#    **vocabulary**, and the program that does this is a **tokenizer**. How to cut is the first half of this lesson.
# 2. Give each id a list of numbers, its *vector*, which the model can learn. That is the second half.
#
# "the cat" $\;\to\;$ `the`, ` cat` $\;\to\; 17, 4 \;\to\;$ two vectors.

# %%
import re
from collections import Counter

import numpy as np

import minitransformer as mt
from minitransformer.course import beside_pytorch, check, hint, saved, solution
from minitransformer.course.figures import lesson_04_tokens_and_embeddings as figures
from minitransformer.data.corpus import python_topics
from minitransformer.tokenization import BPETokenizer, CharTokenizer, WordTokenizer

rng = np.random.default_rng(0)
mt.manual_seed(0)

# %% [markdown]
# ## Characters
#
# The simplest way is to take every character as a token. List the different characters of a text, and number them. Two ids have a
# special use in this course. Id 0 fills up short texts, so that several texts of different lengths fit into one array; this is
# called **padding**. Id 1 stands for everything that is not in the list.

# %%
characters = sorted(set("banana"))
id_of = {character: i for i, character in enumerate(characters, start=2)}
print(id_of)
print("banana ->", [id_of.get(character, 1) for character in "banana"])
print("bandit ->", [id_of.get(character, 1) for character in "bandit"], " d, i and t were never seen")

# %% [markdown]
# This is short and it works; lesson 09 trains on it. Its price is *length*. Attention, which lesson 06 teaches, compares every
# token with every other. Twice as many tokens are four times as many comparisons.
#
# ## Words
#
# One could also take every word as a token. Then texts are short, but how many words are there? Here is a text of almost half a
# million characters that is a part of every Python, the chapters behind `help()`, and how often its words occur:

# %%
text = re.sub(r"[-=*+|\s]{2,}|\s", " ", python_topics())  # ruled lines and line ends become one space
counts = Counter(re.findall(r"[a-z]+", text.lower()))
numbers = sorted(counts.values(), reverse=True)
once = numbers.count(1) / len(numbers)
print(f"{len(text)} characters, {sum(numbers)} words, {len(numbers)} different ones; {once:.0%} of these occur once")
print("the most frequent:", ", ".join(f"{word} {number}" for word, number in counts.most_common(5)))
figures.word_frequencies(numbers)

# %% [markdown]
# About every fourth of the different words occurs only once. From one occurrence a model learns little, and in tomorrow's text
# there will be words that it has never met at all:

# %%
words = WordTokenizer.train("The soup was good. The service was slow.")
sentence = "The soups were slow."
print(words.tokens(sentence), "->", words.encode(sentence), "->", words.decode(words.encode(sentence)))

# %% [markdown]
# Both new words became id 1, *unknown*, although *soups* has nearly all letters of *soup*. The way back from ids to text shows a
# question mark for each of them.
#
# ## In between: byte pair encoding
#
# We would like frequent words to be one token, and rare words a few, down to single letters if there is no other way. **Byte pair
# encoding** (BPE) learns such pieces from a text with one rule:
#
# > Take the pair of neighbours that occurs most often. Make it a new token. Repeat.
#
# Each repetition is called a **merge**. One begins with letters, or better with *bytes*: a file of text is a row of bytes, one
# for an English letter and up to four for other signs. There are only 256 different bytes, numbers from 0 to 255. With these as
# the first tokens, *no* text is unknown:

# %%
for word in ("the", "thé", "茶"):
    print(word, list(word.encode("utf-8")))
print("different bytes:", 2**8, "numbers, from 0 to", 2**8 - 1)

# %% [markdown]
# Pairs are counted within words, each with the space before it: a token "of␣th" would be frequent, and of little use. So a text
# is first cut into words, and each *different* word is kept once, with the number of times it occurs.
#
# Here is the rule at work on a text of eleven words. Each line shows the same sentence after one more merge, with a bar between
# its tokens.
#
# **Predict, then run.** Which pair of letters is merged first in `small`, and which pair comes next?
#
# <details><summary>Answer</summary>
#
# `t` and `h`: they stand side by side nine times. Next comes the space with `th`, as seven of the words begin with `th` and have
# a space before it.
#
# </details>

# %%
small = "the other, the third of the things that they thought of"
learned = BPETokenizer.train(small, vocab_size=300)
sentence = "the other moth"
for n in range(len(learned.merges) + 1):
    pieces = BPETokenizer(learned.merges[:n]).tokens(sentence)
    new = repr(learned.vocabulary[257 + n].decode()) if n else "bytes"  # 2 to 257 are bytes, 258 is the first merge
    print(f"{n}  {new:8s} {len(pieces):2d} tokens   {'|'.join(pieces)}")

# %% [markdown]
# Some merges change nothing here: ` th` begins with a space, and no word of this sentence begins with ` th`. *moth* was never
# seen, and is cut into a space, `m`, `o` and `th`. Nothing is lost: the pieces side by side are the text.
#
# ### Your turn: a merge, and which pair comes next
#
# From here on there are ids in place of letters: a word is a tuple such as `(118, 106, 103)`, the bytes of *the*, each plus 2, as
# 0 and 1 have their special use. Equal neighbours are the one trap of a merge. In `1 1 1` the pair `(1, 1)` stands at two places
# that overlap. Go from the left: an id that has become part of a merge cannot be used again.

# %% exercise merge_pair

# %% exercise most_frequent_pair

# %% [markdown]
# ## Encoding: in the same order
#
# The result of training is the list of its merges. A new word is merged in the *order of that list*. Does the order matter? Let
# us say that training met `other` often, and that it learned, in this order,
#
# | new id | 10 | 11 | 12 |
# |---|---|---|---|
# | pair | `t` `h` | `o` `t` | `th` `e` |
# | piece | `th` | `ot` | `the` |
#
# Now encode `othe`. In order: `th` first, so `o|th|e`, and then `o|the`. From the left: `ot` first, so `ot|h|e`, and no other
# merge fits. The model has met `o|the` a hundred times in training and `ot|h|e` never: it is the same word, but the model does
# not know it.
#
# ### Your turn: encode

# %% exercise bpe_encode

# %% [markdown]
# ## How many merges?
#
# Each merge makes texts shorter, and the table of vectors, which comes next, longer. We train 1000 merges on the first nine
# tenths of our text and measure on the last tenth, which training has not seen.

# %%
cut = len(text) * 9 // 10
bpe = BPETokenizer.train(text[:cut], vocab_size=258 + 1000)
held_out = text[cut:]
pieces = []
for n in (0, 30, 100, 300, 1000):
    per_token = len(held_out) / len(BPETokenizer(bpe.merges[:n]).encode(held_out))
    pieces.append((258 + n, per_token))
    print(f"{n:4d} merges: {per_token:.2f} characters for each token")
whole = WordTokenizer.train(text[:cut], vocab_size=10**6)
word_ids = np.array(whole.encode(held_out))
print(f"words never seen in training: {np.mean(word_ids == whole.unk_id):.1%}; unknown to byte pairs: nothing")
print("some of the pieces:", [bpe.vocabulary[i].decode() for i in (258, 260, 280, 400, 700, 1000, 1200)])
print("|".join(bpe.tokens("The tokenizer tokenizes tokens")))
figures.lengths(
    pieces,
    characters=(CharTokenizer.train(text).vocab_size, 1),
    words=(whole.vocab_size, len(held_out) / len(word_ids)),
)

# %% [markdown]
# The first merges save most. Language models that are published have 30,000 to 250,000 tokens. The pieces need no meaning: they
# are what is frequent in the text of training. This text is about Python, and so are its pieces.
#
# **Predict, then run.** The three sentences below mean the same. Which one takes the fewest tokens of `bpe`, and which the most?
#
# <details><summary>Answer</summary>
#
# The English one takes the fewest, because the text of training was English. The Chinese one has the fewest characters but takes
# the most tokens: each sign is three bytes, and not one pair of them was ever merged. A model pays for every token, in time and
# often in money, so a language that was rare in the training of the tokenizer is expensive to use.
#
# </details>

# %%
for said in ("Good morning, how are you?", "Guten Morgen, wie geht es dir?", "早上好，你好吗？"):
    print(f"{len(said):2d} characters, {len(bpe.encode(said)):2d} tokens: {said}")

# %% [markdown]
# ## From ids to vectors
#
# An id is a name, not a quantity. Token 6 is not twice token 3, and it is no closer to 7 than to 700. If a model got ids as
# numbers, it would have to unlearn that first. What says "number 2 of 4" and nothing else is a **one-hot** vector: 1 at its
# place, and 0 elsewhere. Multiply it by a matrix $W$, and look at the result:

# %%
W = np.arange(4)[:, None] + np.array([0.1, 0.2, 0.3])  # (V, C): 4 ids, 3 channels
ids = np.array([2, 0, 2])  # (T,)
one_hot = (ids[:, None] == np.arange(len(W))).astype(float)  # (T, V)
print(one_hot)
print(one_hot @ W)  # (T, V) @ (V, C) -> (T, C)

# %% [markdown]
# Each row of the product is the row of $W$ with the number of the id, because all other rows are multiplied by 0. So do not
# multiply, *look up*:
#
# $$y_t = \mathrm{onehot}(x_t)\,W = W_{x_t}$$
#
# $W$ has one row for each id, $V$ rows of $C$ numbers, and these numbers are learned like all others. The row is the
# **embedding** of the token; its entries are called **channels**. Two tokens that are used alike can get rows that are alike.
#
# ### Your turn: the lookup

# %% exercise embedding

# %% [markdown]
# ## The gradient of a table
#
# In the example above id 2 was looked up twice. You know since lesson 01 what that means: where a number is used twice, the
# gradients of both uses *add*. A row that was not looked up has no part in the result, and its gradient is 0. With $g_t$ for the
# gradient that arrives at place $t$,
#
# $$\frac{\partial L}{\partial W_v} = \sum_{t\,:\,x_t = v} g_t$$
#
# It agrees with lesson 02: for $Y = A W$ the law was $\partial L/\partial W = A^\top g$, and with one-hot rows in $A$ this sum is
# what $A^\top g$ gives.

# %%
g = np.array([[1.0, 1.0, 1.0], [5.0, 5.0, 5.0], [20.0, 20.0, 20.0]])  # (T, C), what arrives
dW = one_hot.T @ g  # (V, T) @ (T, C) -> (V, C)
print(dW)
figures.into_the_table(ids, g[:, 0], dW[:, 0])

# %% [markdown]
# One would like to write this without the one-hot matrix, as `dW[ids] += g`. It looks right, and it is wrong without an error.
# NumPy reads `dW[ids]` once, adds, and writes back. Where an id occurs twice, it writes twice, and only the later one stays. So
# the most frequent tokens would lose most of their gradients. `np.add.at(dW, ids, g)` makes one addition after the other:

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
# `mt.nn.functional.embedding(ids, weight)` is the lookup, and `minitransformer/ops/index/lookup.py` has its law. It is checked with
# finite differences and beside PyTorch, with an id that occurs three times and one that never does:

# %%
batch = mt.tensor([[1, 4, 1], [0, 1, 2]])  # (B, T): B texts of T tokens; row 3 is never used
weight = mt.randn(5, 3, dtype=mt.float64)  # (V, C)


def lookup(weight):
    return mt.nn.functional.embedding(batch, weight)  # (B, T, C)


def compare():
    import torch

    ids = torch.tensor(batch.numpy())
    off = mt.compare_with_torch(lookup, lambda w: torch.nn.functional.embedding(ids, w), [weight.numpy()])
    return f"largest difference of the results {off['value']:.1g}, of the gradients {off['gradient']:.1g}"


print("largest error:", mt.gradcheck(lookup, [weight]))
beside_pytorch(compare, shipped="largest difference of the results 0, of the gradients 5e-17")

# %% [markdown]
# ## What rows learn
#
# The rows begin as random numbers. How do they get a meaning? From the tokens that stand near them. For an example, let every
# letter have two numbers, a point in the plane, which shall tell one thing only: which letter *follows*. Multiply the numbers of
# two rows one by one and add the products; this is called the **dot product** of the two. One row is from a table $E$ for the
# first letter, the other from a table $F$ for the second.
#
# Count how often letter $b$ follows letter $a$: $n_{ab}$. The dot product shall be close to $\ln(1 + n_{ab})$. From these wanted
# numbers the mean of each row and of each column is subtracted first, as the means tell only how frequent a letter is. Then we
# make three hundred steps of gradient descent, as at the end of lesson 01, with the learning rate 3.

# %%
letters = " abcdefghijklmnopqrstuvwxyz"
plain = re.sub(r"[^a-z]+", " ", text.lower())
number = {letter: i for i, letter in enumerate(letters)}
sequence = np.array([number[letter] for letter in plain])
follows = np.zeros((27, 27))
np.add.at(follows, (sequence[:-1], sequence[1:]), 1)  # the trap again: += would count every pair once
target = np.log1p(follows)
target = target - target.mean(0) - target.mean(1, keepdims=True) + target.mean()

first, second = (mt.tensor(index.ravel()) for index in np.indices((27, 27)))  # (729,) each: all pairs
wanted = mt.tensor(target.ravel(), dtype=mt.float32)  # (729,)
E, F = (0.1 * rng.normal(size=(27, 2)) for _ in range(2))
start, errors = E.copy(), []
for _ in range(300):
    tE, tF = (mt.tensor(table, dtype=mt.float32, requires_grad=True) for table in (E, F))
    e, f = mt.nn.functional.embedding(first, tE), mt.nn.functional.embedding(second, tF)  # (729, 2) each
    error = (((e * f).sum(-1) - wanted) ** 2).mean()  # (729, 2) -> (729,) -> ()
    error.backward()
    E, F = E - 3 * tE.grad.numpy(), F - 3 * tF.grad.numpy()  # a step of gradient descent
    errors.append(error.item())

rises = (np.diff(errors) > 0).sum()
print(f"error {errors[0]:.2f} -> {errors[-1]:.2f}; it rises in {rises} of {len(errors) - 1} steps")
figures.letters(letters, start, E)

# %% [markdown]
# Two numbers cannot tell everything, so an error remains. But nobody said what a vowel is. The vowels (bold) went to one side
# because they are followed by the same letters. The same happens in a language model, with many more channels: rows of tokens
# that are used alike come to lie close together.

# %% [markdown]
# ## What the article says about embeddings
#
# This course grew from an article about Transformers that contains a short program in PyTorch, which we call its *listing*. You
# need not know the article: where it contains a mistake from which one can learn, a lesson quotes it. About embeddings there are
# three:
#
# - It speaks of "word indices" and then of their vectors. But of the models it names, none uses plain words: BERT cuts words into
#   WordPieces, and GPT-3 uses byte pair encoding over bytes.
# - It calls queries, keys and values (lesson 06) "embeddings". They are not looked up. An embedding depends on the id alone.
# - It lets the embedding layer "add position information". The lookup does not know the place: the same id gives the same row
#   everywhere, as you saw. Positions are added afterwards: lesson 05.
#
# Its listing has `src = self.encoder(src) * math.sqrt(self.ninp)`. `self.encoder` is the table, a confusing name beside
# `self.transformer_encoder`; and `math` is never imported, so the line stops with a NameError. The multiplication itself is
# right. It is from the paper that introduced the Transformer (Vaswani et al., 2017, section 3.4). The listing needs it, as its
# table starts with small numbers, even between $-0.1$ and $0.1$:

# %%
for width in (16, 200, 512):  # `ninp` of the listing, the number of channels
    table = rng.uniform(-0.1, 0.1, size=(1000, width))
    scaled = table * width**0.5
    print(f"width {width:3d}: typical size {table.std():.3f}, times the root of the width {scaled.std():.2f}")
print(f"typical size of the numbers that tell the place (lesson 05): {0.5**0.5:.2f}")

# %% [markdown]
# Without the factor, the numbers that tell the place would be many times as large as those of the tokens.
#
# **Harder, if you like** (not judged):
#
# - Train `BPETokenizer` on a text of your own, in another language. How many tokens do the three sentences above take now?
# - Give the letters three channels in place of two. How much smaller does the error become? With how many channels could it
#   become 0?

# %% [markdown]
# ## Summary
#
# - Characters make long texts. Words make long lists, and some words are not in them. Byte pairs lie between: merge the most
#   frequent pair, repeat.
# - Encode in the order of training. Over bytes, no text is unknown.
# - An embedding is a row of a table: a one-hot vector times a matrix, without the multiplying.
# - Back into the table gradients *add*, with `np.add.at`; `+=` loses some of them without an error.
#
# **Further reading.** Sennrich, Haddow and Birch, *Neural machine translation of rare words with subword units*, ACL 2016, where
# byte pair encoding came to language models. Gage, *A new algorithm for data compression*, The C Users Journal 12(2), 1994, where
# it came from. Bengio, Ducharme, Vincent and Jauvin, *A neural probabilistic language model*, Journal of Machine Learning
# Research 3, 2003, on learned vectors. Pennington, Socher and Manning, *GloVe: global vectors for word representation*, EMNLP
# 2014: our letters, for words.
#
# **Next:** 05, which token stands where.

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | token | a piece of a text: a character, a word, or a part of a word | |
# | vocabulary | all tokens that have an id | `num_embeddings` of `nn.Embedding` is their number |
# | tokenizer | the program that cuts texts into tokens, and gives their ids | |
# | padding | ids, here 0, that fill up short texts | `nn.utils.rnn.pad_sequence` |
# | byte pair encoding (BPE) | tokens that are learned from a text: the most frequent pair becomes one, again and again | |
# | merge | one step of byte pair encoding: two neighbours become one new token | |
# | one-hot | a vector with one 1, at the place of the id, and 0 elsewhere | `nn.functional.one_hot` |
# | embedding | the learned vector of a token, a row of a table | `nn.Embedding` |
# | channel | one of the numbers of a vector, at the same place for all tokens | `embedding_dim` is how many |
# | dot product | two vectors, multiplied number by number and added up | `torch.dot` |
