# %% [markdown]
# # 12 LIME
#
# After this lesson you can explain the answer of any classifier without looking inside it: change the text at random, weigh the
# samples, fit a small linear model. You can say how far to trust the result, and how the same fit divides a gain among players
# fairly, in the sense of game theory.
#
# *About 35 minutes to read, and 90 for the exercises. Builds on lessons 01 (slopes) and 09 (learning); lesson 11 has the other way
# to explain.*

# %% [markdown]
# ## Why
#
# Relevance propagation (lesson 11) follows the numbers inside the model back to the words. Often we cannot do that: the model may
# run on somebody else's computer, or consist of decision trees. Such a model is a **black box**: all that we can do is give it a
# text and read its answer.
#
# But we may ask as often as we like. What does it say of the same text without *good*? And without *slow*? With enough such
# questions we find out what each word adds, for texts like this one. A method that works so is **model-agnostic**: it does not
# matter what is inside the model. This one is **LIME**, for *local interpretable model-agnostic explanations* (Ribeiro, Singh and
# Guestrin, 2016). Local: around one text. Interpretable: the result is a short list of words with numbers.

# %%
import math
from functools import partial
from itertools import permutations

import numpy as np
from IPython.display import display

import minitransformer as mt
from minitransformer import explain
from minitransformer.course import beside_pytorch, check, hint, saved, slide, solution
from minitransformer.course.figures import lesson_12_lime as figures
from minitransformer.explain import surrogate
from minitransformer.installing import install_line
from minitransformer.models.classifier import predict_proba
from minitransformer.recipes import ClassifierRecipe

rng = np.random.default_rng(0)

# %% [markdown]
# ## The idea, with numbers
#
# A small part of a smooth curve is nearly straight. So do not try to explain the whole model $f$. Take the neighbourhood of one
# point $x$, and approximate $f$ there by something simple, a **surrogate model**: a straight line for one number, a plane for two,
# in general
#
# $$g(z) = b + c_1 z_1 + \dots + c_n z_n$$
#
# Ask $f$ about many random points $z$ near $x$. Give each sample $z$ a weight $\pi(z)$, large if it is near $x$. Then
# find the $g$ whose *weighted* squared error is least:
#
# $$\sum_z \pi(z)\,\big(f(z) - g(z)\big)^2 \;\to\; \text{as small as can be}$$
#
# The numbers $c_i$ are the explanation: near $x$, $f$ grows by about $c_i$ if $z_i$ grows by 1. (How to find them comes below.
# Here NumPy does it.)
#
# **Predict, then run.** The next cell fits two lines to one curve at one point, with samples in a narrow neighbourhood and in a
# wide one. Can the two slopes have different signs?
#
# <details><summary>Answer</summary>
#
# Yes. Near the point the curve falls; over a wider range it rises.
#
# </details>


# %%
def fit(samples, answers, weight):
    """b and c of the plane of least weighted squared error. samples (N, n); answers, weight (N,)."""
    columns = np.column_stack([np.ones(len(samples)), samples])  # (N, 1 + n)
    root = np.sqrt(weight)
    b, *c = np.linalg.lstsq(columns * root[:, None], answers * root, rcond=None)[0]
    return b, np.array(c)


def curve(x):
    return np.tanh(2 * x) + 0.35 * np.sin(5 * x)


x0 = 0.65
z = rng.normal(x0, 0.8, 120)  # (N,)
fits = {}
for width in (0.15, 1.0):
    weight = np.exp(-((z - x0) ** 2) / width**2)  # (N,)
    b, (slope,) = fit(z[:, None], curve(z), weight)
    fits[width] = (weight, b, slope)
figures.neighbourhoods(curve, x0, z, fits)

# %% [markdown]
# The same point, the same model, and two explanations with *opposite signs*. Both are right, for their neighbourhoods. So the
# size of the neighbourhood is part of the question, and one must say which one was taken.
#
# With two numbers the surrogate is a plane. The classifier below says "yes" in the orange region, whose border is a wave. Around
# the black point with the white rim the plane follows it: the green line on the left is where the plane is 0.5. On the right
# you see the same from the side, with the probability as the height.


# %%
def wavy(points):
    """The probability of yes, (N, 2) -> (N,)."""
    return 1 / (1 + np.exp(-2.5 * (points[:, 1] - np.sin(1.5 * points[:, 0]))))


x0 = np.array([0.5, 0.7])
z = x0 + rng.normal(size=(300, 2))  # (N, 2)
weight = np.exp(-((z - x0) ** 2).sum(1) / 0.5**2)
b, c = fit(z, wavy(z), weight)
print(f"g(z) = {b:.2f} {c[0]:+.2f} z1 {c[1]:+.2f} z2")

figures.plane(wavy, x0, z, weight, b, c)

# %% [markdown]
# ## Perturb: with words
#
# Changing an input at random is called **perturbation**. The article that this course began with says that LIME perturbs its
# input by $x' = x + \xi$, with $\xi$ a small random number. For numbers one does that, as we just did. For text one cannot:
# there is no word near *good*. (One could add noise to the embedding. But then the samples are no texts that one could read, and
# one needs to know the inside of the model.)
#
# With text, LIME *leaves words out*. A sample is a mask $z$ with a 1 for each word that stays and a 0 for each that is left out.
# The text itself is all ones. So $c_i$ has a clear meaning: *what word $i$ adds by being there*.
#
# We need a model to question. It is the classifier of lesson 11, trained anew on short reviews.

# %%
mt.manual_seed(0)
recipe = ClassifierRecipe(steps=300, num_layers=2)
trainer, tokenizer = recipe.trainer()
trainer.run()
model = trainer.model.eval()
predict = partial(predict_proba, model, tokenizer)  # N texts -> (N, 2): probability of bad, of good
text = "They look nice, but they hurt my feet so badly I returned them."
print("bad, good:", predict([text])[0].round(2))

pieces = surrogate.split_words(text)
ids = surrogate.number_features(pieces, bow=True)  # which word each piece is, -1 for spaces and commas
masks = surrogate.perturb(ids.max() + 1, 8, seed=0)
samples = surrogate.write_texts(pieces, ids, masks, bow=True)
for row, sample, (bad, _) in zip(masks, samples, predict(samples), strict=True):
    print("".join("#" if left else "." for left in row), f"{bad:.2f}", sample)

# %% [markdown]
# A line has the mask, # for a word that stays, then the probability of "bad", then what is left of the text. From now on such
# lines are all that we know of the classifier: masks, and the probability of "bad" for each text. (Spaces and commas stay; a
# word that occurs twice is one **feature**, and is left out at both places; *They* and *they* are two features: these are
# conventions.)
#
# How many words should be left out? One could toss a coin for each word. But then nearly all samples have about half of the
# words, and none is close to the text. LIME draws the *number* first: 1, 2, ..., T words are left out, each number equally
# often. Then it draws which.

# %%
T, N = 20, 5000
numbers = rng.integers(1, T + 1, N)  # how many are left out
coins = (rng.random((N, T)) < 0.5).sum(1)
figures.words_gone(coins, numbers, T)

# %% [markdown]
# ### Your turn: draw the samples

# %% exercise sample_masks

# %% [markdown]
# ## Weigh
#
# How far is a mask from the whole text? Take both as vectors, and the cosine of the angle between them, which is their dot
# product divided by both lengths: their **cosine similarity**. With $k$ of $T$ words left, the dot product with the row of ones
# is $k$, and the lengths are $\sqrt k$ and $\sqrt T$. With a width $w = 25$:
#
# $$\cos = \frac{k}{\sqrt{k}\,\sqrt{T}} = \sqrt{k / T}, \qquad d = 100\,(1 - \cos), \qquad \pi = \sqrt{\exp(-d^2 / w^2)}$$
#
# A function that turns a distance into a weight is a **kernel**, and $w$ is its width. The 100, the outer root and the 25 have no
# deeper reason: these are the defaults of the authors' program. But look at what they do.
#
# **Predict, then run.** With the default width of 25, is the weight of a text with half of its words nearly 0, or about one half?
#
# <details><summary>Answer</summary>
#
# About one half: 0.50. The distance is about 29.
#
# </details>

# %%
left = np.linspace(0, 1, 200)
distance = 100 * (1 - np.sqrt(left))


def weights(width):
    return np.sqrt(np.exp(-(distance**2) / width**2))


half = 100 * (1 - math.sqrt(0.5))
print(f"half of the words: distance {half:.0f}, weight {math.exp(-(half**2) / (2 * 25**2)):.2f}")
figures.kernels(left, {width: weights(width) for width in (10, 25, 100)})

# %%
slide(lambda width: figures.kernels(left, {width: weights(width)}), width=(2.0, 100.0, 25.0))

# %% [markdown]
# With the default width, texts with half of their words still have a weight of about 0.5. So the neighbourhood is large.
#
# ### Your turn: the weights

# %% exercise kernel_weights

# %% [markdown]
# ## Fit
#
# Find $b$ and $c$ that make this small, $x_n$ being the mask of sample $n$, $y_n$ the answer and $w_n$ the weight:
#
# $$L(b, c) = \sum_n w_n\,(y_n - b - x_n c)^2 + \alpha \sum_i c_i^2$$
#
# The last term is a penalty for large $c_i$, and a fit with it is called **ridge regression**. If two words are always left out
# together, the samples cannot tell which of them matters: one could have a large positive and the other a large negative number.
# The penalty prefers the small solution, a half each. $b$ has no penalty, since it belongs to no word.
#
# At the minimum all slopes are zero (lesson 01). The slope in $b$ is $-2 \sum_n w_n (y_n - b - x_n c)$. It is zero if
#
# $$b = \bar y - \bar x\, c, \qquad \bar y = \frac{\sum_n w_n y_n}{\sum_n w_n}, \quad \bar x = \frac{\sum_n w_n x_n}{\sum_n w_n}$$
#
# So subtract the weighted means, $Y = y - \bar y$ and $X = x - \bar x$, and $b$ drops out. What is left are the slopes in
# $c$. That in $c_i$ is $-2 \sum_n w_n X_{ni} (Y_n - X_n c) + 2 \alpha c_i$. Let $W$ be a table that has the weights on its
# diagonal and zeros elsewhere, and $I$ one with ones there. Then all these slopes together are
# $-2 X^\top W (Y - X c) + 2 \alpha c$, and setting them to zero gives as many linear equations as there are words:
#
# $$(X^\top W X + \alpha I)\, c = X^\top W Y$$
#
# No training is needed: `np.linalg.solve` finds $c$. With one column it is just a division. By hand:

# %%
x, y, w = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.2, 0.3, 0.8, 0.9]), np.array([1.0, 1.0, 2.0, 2.0])
X, Y = x - w @ x / w.sum(), y - w @ y / w.sum()
for alpha in (0.0, 1.0, 10.0):
    c = (w * X) @ Y / ((w * X) @ X + alpha)
    print(f"alpha {alpha:4}: c = {c:.3f}, b = {w @ y / w.sum() - w @ x / w.sum() * c:.3f}")

# %% [markdown]
# Without the word (x = 0) the answers were 0.2 and 0.3, with it 0.8 and 0.9: it adds 0.6. The penalty makes this smaller, and
# the fewer samples there are, the more it does. With thousands of samples $\alpha = 1$ changes hardly anything.
#
# How good is the surrogate? The weighted **coefficient of determination** $R^2$ compares its errors with those of the best
# constant, $\bar y$:
#
# $$R^2 = 1 - \frac{\sum_n w_n (y_n - b - x_n c)^2}{\sum_n w_n (y_n - \bar y)^2}$$
#
# 1 is perfect; at 0 a constant would do as well, and the explanation is worth nothing.
#
# ### Your turn: weighted ridge regression

# %% exercise weighted_ridge

# %% [markdown]
# Here is the library's, compared with finite differences: at the minimum, the slope of $L$ is 0 in $b$ and in each $c_i$. And
# with PyTorch: the same least squares problem, with the penalty written as extra samples.

# %%
x, y, w, alpha = (rng.random((50, 4)) < 0.6).astype(float), rng.normal(size=50), rng.random(50), 1.0
c, b, score = surrogate.weighted_ridge(x, y, w, alpha)


def loss(nudge):
    at = c + nudge[1:]
    return w @ (y - (b + nudge[0]) - x @ at) ** 2 + alpha * at @ at


print("slopes of L at the minimum:", [f"{(loss(d) - loss(-d)) / 2e-5:.0e}" for d in 1e-5 * np.eye(5)])


def least_squares_beside_pytorch():
    import torch

    columns = np.column_stack([np.ones(50), x])  # (N, 1 + T)
    rows = np.vstack([columns * np.sqrt(w)[:, None], math.sqrt(alpha) * np.eye(5)[1:]])
    right = np.concatenate([y * np.sqrt(w), np.zeros(4)])[:, None]
    theirs = torch.linalg.lstsq(torch.tensor(rows), torch.tensor(right)).solution[:, 0].numpy()
    return f"largest difference to PyTorch: {abs(np.array([b, *c]) - theirs).max():.0e}"


beside_pytorch(least_squares_beside_pytorch, shipped="largest difference to PyTorch: 2e-16")

# %% [markdown]
# ## All of it
#
# One step is missing. A list of thirty words with thirty numbers is not *interpretable*. So LIME fits all words with next to no
# penalty, $\alpha = 0.01$, keeps the few with the largest $|c_i|$, and fits these again, alone, with $\alpha = 1$. (The authors'
# program and the library do so too. Only where six words or fewer are asked for, they choose one word after the other, each time
# the one that raises $R^2$ most.)
#
# ### Your turn: LIME

# %% exercise lime

# %% [markdown]
# And the library's, with the same steps. Orange words speak for "a bad review", blue ones against:

# %%
found = explain.lime(predict, text, label=0, num_features=6, num_samples=2000)
print(found)
display(found)

# %% [markdown]
# Do you agree with it? Some of the words are those that one expects, others may be a surprise. A surprise is a finding about the
# *model*, which has read about a thousand reviews: explanations are made for such findings. Whether the finding is true is the
# question of lesson 13.
#
# ### Signed, and no true label
#
# The article ends its account of LIME with two more mistakes. It scores a word by $|f'(x) - f'(x \text{ without } i)|$,
# with $f'$ for the surrogate. But the surrogate is linear: without word $i$, $b + \sum_j c_j z_j$ becomes smaller by $c_i$. So
# this is $|c_i|$, *without its sign*. A word for and a word against become the same:


# %%
def g(z):
    """The surrogate; z (6,) says which of the six words are there."""
    return found.intercept + z @ found.weights


whole = np.ones(len(found.words))
absolute = [abs(g(whole) - g(whole - row)) for row in np.eye(len(whole))]
figures.without_sign(found.words, found.weights, absolute)

# %% [markdown]
# And it speaks of the *true label* of $x$. LIME does not know it and does not need it. It explains what the model *says*, and
# that is most useful where the model is wrong. Here is a review of the test part that the model takes for the other class:

# %%
test = recipe.split()[2]
asked = predict([review.text for review in test])  # (N, 2)
wrong = next(r for r, p in zip(test, asked, strict=True) if p.argmax() != r.label)
said = 1 - wrong.label
why = explain.lime(predict, wrong.text, label=said, num_features=6, num_samples=2000)
print(f"it says {('bad', 'good')[said]!r}, and the reviewer means the other")
print(why)

# %% [markdown]
# Which words speak for the wrong class? Now that we know where to look, we can count in how many of the reviews that the model
# learned from these words are. A text is split into words as LIME splits it; the classifier's own tokens would not do, since most
# of them begin with a space:

# %%
for word in why.words:
    having = [review.label for review in recipe.split()[0] if word in surrogate.split_words(review.text)]
    print(f"{word:14s}complaints: {having.count(0)}, praises: {having.count(1)}")

# %% [markdown]
# Where a word occurs only a few times, the model has learned from chance. Such a finding is worth more than a percentage: it
# says what reviews the training data lack.
#
# ## How far to trust it
#
# ### Chance
#
# The samples are random. Would other samples give the same explanation? We compute it ten times, with ten seeds:

# %%
words = [pieces[i] for i in np.unique(ids, return_index=True)[1][1:]]  # in order of first appearance, without -1
remembered = explain.stability.remembering(predict)  # asks about each text once
tables = {}
for N in (50, 500, 5000):
    options = {"label": 0, "num_features": 20, "num_samples": N}
    runs = [explain.lime(remembered, text, seed=seed, **options) for seed in range(10)]
    tables[N] = np.array([[dict(run.as_list())[word] for word in words] for run in runs])  # (10, T)
figures.seeds(words, tables)

# %% [markdown]
# With 50 samples even the sign of some words is uncertain. (The weights are also smaller, because of the penalty.) A hundred
# times as many samples give about a tenth of the spread, as always with means of random draws (lesson 09): the square root. So
# repeat it, and report the spread. The library does both, and counts how often two runs name the same three words (its spread is
# the mean over spaces and commas too, which never get a weight):

# %%
print(explain.lime_stability(remembered, text, 0, sizes=(50, 500, 5000), top=3, num_features=20))

# %% [markdown]
# ### The neighbourhood
#
# More samples do *not* help against the other choice that we made: the width of the kernel.

# %%
masks = surrogate.perturb(len(words), 5000, seed=0)  # (N, T)
answers = remembered(surrogate.write_texts(pieces, ids, masks, bow=True))[:, 0]  # (N,)
ways = {}
for width in (5, 25, 100):
    weight = surrogate.kernel(surrogate.cosine_distance(masks), width)
    c, b, score = surrogate.weighted_ridge(masks.astype(float), answers, weight, 1.0)
    ways[f"width {width}, $R^2$ {score:.2f}"] = c
figures.beside(words, ways, "the same samples, three widths")

# %% [markdown]
# The order of the words is much the same, but the numbers are not. What a word adds depends on which others are there, and on the
# probability without it: the curve from score to probability is flat at both ends.
#
# ### Words that work together
#
# A sum cannot say "*good*, unless *not* is there": that is an **interaction** of two features. Here is a small classifier that
# consists of such a rule, and what LIME makes of it:


# %%
def mood(texts):
    """Good is good, not good is bad, and not alone is nothing: (N, 2)."""
    good, negated = (np.array([word in t.split() for t in texts]) for word in ("good", "not"))
    p = 0.5 + 0.4 * good - 0.8 * (good & negated)
    return np.column_stack([1 - p, p])


print(explain.lime(mood, "the film was not good", label=1, num_samples=2000))

# %% [markdown]
# *not* gets a negative weight, which makes sense: wherever it matters, the probability falls. *good* gets one number too, and it
# is small: it lowers the probability after *not* and raises it alone, and a linear model can only give a number in between. $R^2$
# warns us: it is well below 1. And the surrogate does not even give the right answer for the text itself, which is 0.1. Look
# at these two numbers before you look at the words.

# %% [markdown]
# ## Shapley values
#
# If *not* and *good* do something together, how is it divided between them? This is an old question of game theory. Some players
# win something together. A **coalition** $S$ of some of them would have won $v(S)$. How much does each deserve?
#
# (For us the players are words, and $v(S)$ is the model's answer for a text with only the words of $S$.) Let the players enter a
# room one after the other. Each adds something when it enters: $v$ with it minus $v$ without it. That depends on who was there
# before. So take the *mean over all orders* in which they could enter. These are the **Shapley values** (Shapley, 1953). One can
# prove that they are the only way to divide it that
#
# - gives out everything: the values add up to $v(\text{all}) - v(\text{nobody})$;
# - treats equals equally;
# - gives nothing to a player who never adds anything;
# - and, for the sum of two games, gives the sum of the values.
#
# Here is "not good" as a game. The players are the two words, and $v$ is what `mood` says:

# %%
worth = {"": 0.5, "good": 0.9, "not": 0.5, "not good": 0.1}
for order in permutations(["not", "good"]):
    here, line = [], []
    for word in order:
        before = worth[" ".join(sorted(here, reverse=True))]
        here.append(word)
        line.append(f"{word} adds {worth[' '.join(sorted(here, reverse=True))] - before:+.1f}")
    print(", ".join(line))
print(f"mean: not {(0.0 - 0.8) / 2:+.1f}, good {(-0.4 + 0.4) / 2:+.1f}, together {0.1 - 0.5:+.1f}")

# %% [markdown]
# *not* gets the whole difference from 0.5 to 0.1. *good* lowers the probability in one order as much as it raises it in the other,
# and gets nothing.
#
# With $n$ players there are $n! = 1 \cdot 2 \cdots n$ orders, millions for ten players. But what a player adds depends only on
# *who* was there before, not on their order. With $|S|$ for how many players there are in $S$, all of them come before $i$, and
# the others after it, in $|S|!\,(n - 1 - |S|)!$ of the orders. So, as a sum over all $S$ without $i$,
#
# $$\varphi_i = \sum_{S \not\ni i} \frac{|S|!\,(n - 1 - |S|)!}{n!}\,\big(v(S \cup \{i\}) - v(S)\big)$$
#
# ### Your turn: Shapley values

# %% exercise shapley_values

# %% [markdown]
# ## KernelSHAP: the same fit, another kernel
#
# There are $2^n$ coalitions, and $2^n$ questions are too many for thirty words. Lundberg and Lee (2017) found that Shapley values
# are the result of *LIME's fit* with three changes; this is **KernelSHAP**. The weight of a sample with $k$ of $n$ words is
#
# $$\pi(k) = \frac{n - 1}{\binom{n}{k}\, k\,(n - k)},$$
#
# where $\binom{n}{k}$ is in how many ways one can choose $k$ of $n$ words; there is no penalty, and the surrogate must be
# *exact* for the whole text and for the empty one (where the formula would divide by zero): $b = v(\text{nobody})$, and
# $\sum_i \varphi_i = v(\text{all}) - v(\text{nobody})$. Let us see it happen. Exactness is made by giving these two samples a
# very large weight:

# %%
n = 5
everyone = (np.arange(2**n)[:, None] >> np.arange(n)) % 2  # (32, n): all masks
values = rng.normal(size=2**n)  # a random game
size = everyone.sum(1)
kernel = [1e7 if k in (0, n) else (n - 1) / (math.comb(n, k) * k * (n - k)) for k in size]
b, c = fit(everyone, values, np.array(kernel))

by_orders = np.zeros(n)  # and by the definition: the mean over all 120 orders
for order in permutations(range(n)):
    here = 0  # the coalition's number: bit i is set if i has come
    for player in order:
        by_orders[player] += (values[here + 2**player] - values[here]) / math.factorial(n)
        here += 2**player
print("by the fit:   ", c.round(5))
print("over orders:  ", by_orders.round(5))
exact, base, _ = explain.shapley_values(lambda masks: values[masks @ 2 ** np.arange(n)], n)
print("the library:  ", exact.round(5))
print(f"they add up to {exact.sum():.5f}, and v(all) - v(nobody) = {values[-1] - values[0]:.5f}")

# %%
T = 20
ks = np.arange(1, T)
shap = np.array([(T - 1) / (math.comb(T, k) * k * (T - k)) for k in ks])
draws = np.array([math.comb(T, k) for k in ks], dtype=float)
totals = {
    "KernelSHAP": shap * draws,
    "LIME": np.sqrt(np.exp(-((100 * (1 - np.sqrt(ks / T))) ** 2) / 25**2)),
}
figures.weight_of_sizes(ks, totals)

# %% [markdown]
# The picture shows how much all samples of a size weigh together. In LIME texts that are nearly whole have most of the weight.
# In KernelSHAP both ends have the same: what one word adds to an empty text, and what is lost when one word is left out. Its
# authors call the result local too, and it is, in one sense: it explains the answer for this one text, by the words of this
# text. But texts with hardly a word left count as much as texts that are nearly whole, so it is not a fit *near* the text, as
# LIME's is. The two answer different questions:

# %%
short = "Nice shoes, but they hurt my feet badly."
lime_found = explain.lime(predict, short, label=0, num_features=20)
shap_found = explain.kernel_shap(predict, short, label=0)
names = shap_found.words
lime_weights = np.array([dict(lime_found.as_list())[word] for word in names])  # (T,)
figures.beside(names, {"Shapley values": shap_found.values, "LIME": lime_weights})
print(f"exact: {shap_found.exact}; they add up to {shap_found.values.sum():.4f}")
print(f"{shap_found.output:.4f} for the text, less {shap_found.base:.4f} for a text with no words")

# %% [markdown]
# Where a word adds as much among few words as among many, the two agree. Where it adds more among few words, its Shapley value is
# larger.
#
# With eight words the model is asked about all $2^8$ coalitions, so these values are exact. With more than eleven the library
# draws some of them, and the values are an estimate, though they still add up.
#
# ## Against the original
#
# The authors' program is the Python package `lime`. With the same seed the library draws the same samples, so the numbers must
# be the same:

# %%
try:
    from lime.lime_text import LimeTextExplainer
except ImportError:
    print("The package lime is not installed; in a run with it the largest difference was below 1e-08")
    print(f"To compare it yourself, type this in a terminal, and run the cell again: {install_line('lime')}")
else:
    options = {"num_features": 10, "num_samples": 500}
    asked = LimeTextExplainer(random_state=0).explain_instance(text, predict, labels=[0], **options)
    theirs = dict(asked.as_list(label=0))
    ours = dict(explain.lime(predict, text, label=0, seed=0, **options).as_list())
    print(f"largest difference: {max(abs(ours[word] - theirs[word]) for word in theirs):.0e}")

# %% [markdown]
# **Harder, if you like** (nobody judges it). Write LIME for numbers: perturb them by random numbers with the spread of each column
# of a table, and compare with `explain.lime_tabular`. And leave out sentences instead of words: for which texts is that better?
#
# ## Summary
#
# - LIME needs only the answers of a model. Perturb: leave words out. Weigh: near samples count more. Fit: a linear model; its
#   signed weights say what each word adds by being there.
# - Before you believe it, look at $R^2$, at the surrogate's own answer for the text, and at the spread over seeds. The width
#   of the kernel is a choice, and so is what replaces a word that is left out.
# - A linear model cannot show an interaction of words.
# - Shapley values are the mean over all orders of what a word adds. The same fit finds them, with another kernel.
#
# Where the article is wrong on this subject: words are removed, not shifted by $\xi$; the explanation is the *signed*
# weights, and the absolute difference throws the sign away; no true label takes part; and the paper it cites for LIME is
# neither LIME's nor that of relevance propagation. LIME's paper is in its list, under the number given for LRP. It is the
# first below.
#
# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | black box | a model of which only the answers can be seen | |
# | LIME | a linear model, fitted to the answers for texts from which words are left out | |
# | model-agnostic | it needs no knowledge of what is inside the model | |
# | surrogate model | a simple model that approximates another one; in the reports of the library it is the *imitation* | |
# | perturbation | a random change of the input | |
# | feature | what the surrogate has a number for: here a word | |
# | cosine similarity | the dot product of two vectors, divided by both lengths | `nn.functional.cosine_similarity` |
# | kernel | a function that turns a distance into a weight; its *width* says how far the neighbourhood reaches | |
# | ridge regression | least squares with a penalty for large numbers | `optim.SGD(..., weight_decay=...)` |
# | coefficient of determination | $R^2$, the share of the variation that a fit explains | |
# | interaction | what two features do together is not the sum of what each does alone | |
# | coalition | some of the players of a game: here some of the words | |
# | Shapley values | the mean over all orders of what a player adds | |
# | KernelSHAP | Shapley values by a weighted fit | |

# %% [markdown]
# **Further reading.** Ribeiro, Singh and Guestrin, *"Why should I trust you?": explaining the predictions of any
# classifier*, KDD 2016. Lundberg and Lee, *A unified approach to interpreting model predictions*, NeurIPS 2017. Shapley, *A
# value for n-person games*, in Contributions to the Theory of Games II, Princeton, 1953. Garreau and von Luxburg,
# *Explaining the explainer: a first theoretical analysis of LIME*, AISTATS 2020. Slack, Hilgard, Jia, Singh and Lakkaraju,
# *Fooling LIME and SHAP: adversarial attacks on post hoc explanation methods*, AIES 2020, on how a model can hide from such
# questions.
#
# **Next:** 13, which explanation to believe. By now we have several, and they do not agree.
