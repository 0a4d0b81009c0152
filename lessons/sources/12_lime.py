# %% [markdown]
# # 12 LIME
#
# After this lesson you can explain the answer of any classifier without looking inside it: perturb the text, weigh the samples,
# fit a small linear model. You can say how far to trust what comes out, and how it is related to the fair shares of game
# theory, which are computed by the same fit.
#
# *About 140 minutes with the exercises. Builds on lessons 01 (slopes) and 09 (learning); lesson 11 has the other way to
# explain.*

# %% [markdown]
# ## Why
#
# Relevance propagation (lesson 11) opens the model and follows the numbers back. Often we cannot do that. The model may run on
# somebody else's computer, be a forest of decision trees, or be ten models with a vote. All that we can do is *ask*:
# here is a text, what do you say?
#
# But we may ask as often as we like. "The film is slow but good": 0.8. And without *good*? 0.2. Aha. Without *slow*? 0.9. With
# enough such questions we find out what each word is worth, *around this text*. This is LIME, for *local interpretable
# model-agnostic explanations* (Ribeiro, Singh and Guestrin, 2016). Local: around one text. Interpretable: the result is a short
# list of words with numbers. Model-agnostic: it does not matter what is inside.

# %%
import math
from functools import partial
from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display

import minitransformer as mt
from minitransformer import explain
from minitransformer.course import check, hint, saved, solution
from minitransformer.explain import surrogate
from minitransformer.models.classifier import predict_proba
from minitransformer.recipes import ClassifierRecipe

BLUE, ORANGE, GREEN, GREY = "#2166AC", "#E66101", "#009E73", "#777777"  # told apart by every eye
rng = np.random.default_rng(0)

# %% [markdown]
# ## The idea, with numbers
#
# A complicated curve looks straight if one comes close enough. So do not try to explain the whole model $f$. Take the
# neighbourhood of one point $x$, and imitate $f$ there by something simple: a straight line for one number, a plane for two, in
# general
#
# $$g(z) = b + c_1 z_1 + \dots + c_n z_n$$
#
# Ask $f$ about many random points $z$ near $x$. Give each sample $z$ a weight $\pi(z)$, large if it is near $x$. Then
# find the $g$ whose *weighted* squared error is least:
#
# $$\sum_z \pi(z)\,\big(f(z) - g(z)\big)^2 \;\to\; \text{as small as can be}$$
#
# The numbers $c_i$ are the explanation: if $z_i$ grows, this is what becomes of $f$, around here. (How to find them comes
# below. Here NumPy does it.)


# %%
def fit(samples, answers, weight):
    """b and c of the plane of least weighted squared error. samples (N, n); answers, weight (N,)."""
    columns = np.column_stack([np.ones(len(samples)), samples])  # (N, 1 + n)
    root = np.sqrt(weight)
    b, *c = np.linalg.lstsq(columns * root[:, None], answers * root, rcond=None)[0]
    return b, np.array(c)


def curve(x):
    return np.tanh(2 * x) + 0.35 * np.sin(5 * x)


x0, xs = 0.65, np.linspace(-2, 2, 200)
z = rng.normal(x0, 0.8, (120, 1))  # (N, 1)
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
for axis, width in zip(axes, (0.15, 1.0), strict=True):
    weight = np.exp(-((z[:, 0] - x0) ** 2) / width**2)
    b, c = fit(z, curve(z[:, 0]), weight)
    axis.plot(xs, curve(xs), color=GREY, label="the model f")
    label = "samples, larger = more weight"
    axis.scatter(z[:, 0], curve(z[:, 0]), s=3 + 60 * weight, color=BLUE, alpha=0.4, label=label)
    axis.plot(xs, b + c[0] * xs, color=ORANGE, label=f"the imitation g, slope {c[0]:.2f}")
    axis.plot(x0, curve(x0), "o", color="black", ms=5)
    axis.set(ylim=(-2, 2), xlabel="x", title=f"neighbourhood of width {width}")
    axis.legend(frameon=False, fontsize=8, loc="lower right")
plt.show()

# %% [markdown]
# The same point, the same model, and two explanations with *opposite signs*. Close up, the curve falls; seen from further
# away, it rises. Both are true. So the size of the neighbourhood is part of the question, and we shall have to say which one we
# took.
#
# With two numbers there is a plane. The classifier below says "yes" in the orange region. Its border is a wave. Around the
# black point with the white rim the plane follows it: the green line on the left is the border as the plane has it. On the
# right you see the same thing from the side, with the answer as the height.


# %%
def wavy(points):
    """The probability of yes, (N, 2) -> (N,)."""
    return 1 / (1 + np.exp(-2.5 * (points[:, 1] - np.sin(1.5 * points[:, 0]))))


x0 = np.array([0.5, 0.7])
z = x0 + rng.normal(size=(300, 2))  # (N, 2)
weight = np.exp(-((z - x0) ** 2).sum(1) / 0.5**2)
b, c = fit(z, wavy(z), weight)
print(f"g(z) = {b:.2f} {c[0]:+.2f} z1 {c[1]:+.2f} z2")

axis1, axis2 = np.meshgrid(np.linspace(-2, 3, 60), np.linspace(-2, 3, 60))
surface = wavy(np.column_stack([axis1.ravel(), axis2.ravel()])).reshape(60, 60)
figure = plt.figure(figsize=(9.5, 3.8), layout="constrained")
flat = figure.add_subplot(1, 2, 1)
flat.contourf(axis1, axis2, surface, levels=np.linspace(0, 1, 11), cmap="PuOr_r", alpha=0.6)
flat.scatter(*z.T, s=2 + 60 * weight, color="black", alpha=0.5)
flat.contour(axis1, axis2, b + c[0] * axis1 + c[1] * axis2, levels=[0.5], colors=GREEN, linewidths=2.5)
flat.plot(*x0, "o", color="black", ms=9, mec="white")
flat.set(xlim=(-2, 3), ylim=(-2, 3), xlabel="z1", ylabel="z2")
flat.set_title("samples; green: where the plane says 0.5")
tall = figure.add_subplot(1, 2, 2, projection="3d")
close = np.s_[12:41, 10:50]  # the part of the grid around x0
tall.plot_wireframe(axis1[close], axis2[close], surface[close], color="#999999", lw=0.5, rcount=20, ccount=20)
near1, near2 = np.meshgrid(x0[0] + np.array([-0.7, 0.7]), x0[1] + np.array([-0.7, 0.7]))
tall.plot_surface(near1, near2, b + c[0] * near1 + c[1] * near2, color=GREEN, alpha=0.75, shade=False)
near = (weight > 0.05) & (abs(z - x0) < 1).all(1)
tall.scatter(*z[near].T, wavy(z[near]), s=40 * weight[near], color="black", depthshade=False)
tall.set(xlabel="z1", ylabel="z2", zlim=(0, 1), title="the model (grey) and its plane (green)")
tall.set(xticks=[-1, 0, 1, 2], yticks=[-1, 0, 1], zticks=[0, 0.5, 1])
tall.view_init(20, -115)
tall.set_box_aspect((1, 1, 0.7), zoom=1.15)
plt.show()

# %% [markdown]
# ## Perturb: with words
#
# **The article** that this course grew from says that LIME perturbs its input by $x' = x + \xi$, with $\xi$ a small random
# number. For numbers one does that, as we just did. For text one cannot. Words are no numbers: what would *good* plus 0.01
# be? (One could add noise to the embedding. But then the samples are no texts, nobody could read them, and we should have
# to open the model.)
#
# What LIME does with text is to **leave words out**. A sample is a mask $z$ with a 1 for each word that stays and a 0 for
# each that goes. The text itself is all ones. So $c_i$ gets a clear meaning: *what word $i$ adds by being there*.
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
# lines are all that we know of the classifier: masks, and how bad it thinks each text is. (Spaces
# and commas stay, a word that occurs twice is one feature and goes as a whole, and *They* and *they* are two: these are
# conventions.)
#
# How many words should go? The obvious way is to toss a coin for each word. But then nearly all samples have about half of
# the words, and none is close to the text. LIME draws the *number* first: 1, 2, ..., T words go, each number as often as the
# others. Then it draws which.

# %%
T, N = 20, 5000
drawn = rng.integers(1, T + 1, N)  # how many go
tossed = (rng.random((N, T)) < 0.5).sum(1)
figure, axis = plt.subplots(figsize=(5.5, 2.6), layout="constrained")
bins = np.arange(-0.5, T + 1)
axis.hist(tossed, bins, color=GREY, alpha=0.6, label="a coin for each word")
axis.hist(drawn, bins, histtype="step", color=ORANGE, lw=2, label="the number first")
axis.set(xlabel=f"how many of {T} words are gone", ylabel="samples")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# ### Your turn: draw the samples

# %% exercise sample_masks

# %% [markdown]
# ## Weigh
#
# How far is a mask from the whole text? Take both as arrows, and the cosine of the angle between them, which is their dot
# product divided by both lengths. With $k$ of $T$ words left, the dot product with the row of ones is $k$, and the lengths are
# $\sqrt k$ and $\sqrt T$. With a width $w = 25$:
#
# $$\cos = \frac{k}{\sqrt{k}\,\sqrt{T}} = \sqrt{k / T}, \qquad d = 100\,(1 - \cos), \qquad \pi = \sqrt{\exp(-d^2 / w^2)}$$
#
# Do not look for deep reasons in the 100, the outer root or the 25: these are the defaults of the authors' program. But
# do look at what they do.

# %%
left = np.linspace(0, 1, 200)
distance = 100 * (1 - np.sqrt(left))
figure, axis = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
for width, colour in ((10, BLUE), (25, ORANGE), (100, GREY)):
    axis.plot(left, np.sqrt(np.exp(-(distance**2) / width**2)), color=colour, label=f"width {width}")
axis.set(xlabel="share of the words left", ylabel="weight of the sample")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# With the default width, texts with half of their words still weigh about 0.5. "Local" is a generous word here.
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
# The last term is a **penalty**, and a fit with it is called *ridge regression*. If two words always go together, the samples
# cannot tell which of them matters: one could have $+100$ and the other $-100$. The penalty prefers the small solution, a half
# each. It leaves $b$ alone: $b$ is only where we start from.
#
# At the minimum all slopes are zero (lesson 01). The slope in $b$ is $-2 \sum_n w_n (y_n - b - x_n c)$. It is zero if
#
# $$b = \bar y - \bar x\, c, \qquad \bar y = \frac{\sum_n w_n y_n}{\sum_n w_n}, \quad \bar x = \frac{\sum_n w_n x_n}{\sum_n w_n}$$
#
# So take the weighted means off, $Y = y - \bar y$ and $X = x - \bar x$, and $b$ is gone. What is left are the slopes in
# $c$. That in $c_i$ is $-2 \sum_n w_n X_{ni} (Y_n - X_n c) + 2 \alpha c_i$. Let $W$ be a table that has the weights on its
# diagonal and zeros elsewhere, and $I$ one with ones there. Then all these slopes together are
# $-2 X^\top W (Y - X c) + 2 \alpha c$, and setting them to zero gives as many linear equations as there are words:
#
# $$(X^\top W X + \alpha I)\, c = X^\top W Y$$
#
# No training, no steps: `np.linalg.solve` finds the $c$. With one column it is just a division. By hand:

# %%
x, y, w = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.2, 0.3, 0.8, 0.9]), np.array([1.0, 1.0, 2.0, 2.0])
X, Y = x - w @ x / w.sum(), y - w @ y / w.sum()
for alpha in (0.0, 1.0, 10.0):
    c = (w * X) @ Y / ((w * X) @ X + alpha)
    print(f"alpha {alpha:4}: c = {c:.3f}, b = {w @ y / w.sum() - w @ x / w.sum() * c:.3f}")

# %% [markdown]
# Without the word (x = 0) the answers were 0.2 and 0.3, with it 0.8 and 0.9: it adds 0.6. The penalty pulls this towards zero,
# and the fewer samples there are, the more it does. With thousands of samples $\alpha = 1$ is hardly felt.
#
# How good is the imitation? The weighted $R^2$ compares its errors with those of the best constant, $\bar y$:
#
# $$R^2 = 1 - \frac{\sum_n w_n (y_n - b - x_n c)^2}{\sum_n w_n (y_n - \bar y)^2}$$
#
# 1 is perfect; at 0 a constant would do as well, and the explanation is worth nothing.
#
# ### Your turn: weighted ridge regression

# %% exercise weighted_ridge

# %% [markdown]
# Here is the library's, before the judges. By finite differences: at the minimum, no nudge of $b$ or of a $c_i$ changes $L$. By
# PyTorch: the same least squares problem, with the penalty written as extra samples.

# %%
x, y, w, alpha = (rng.random((50, 4)) < 0.6).astype(float), rng.normal(size=50), rng.random(50), 1.0
c, b, score = surrogate.weighted_ridge(x, y, w, alpha)


def loss(nudge):
    at = c + nudge[1:]
    return w @ (y - (b + nudge[0]) - x @ at) ** 2 + alpha * at @ at


print("slopes of L at the minimum:", [f"{(loss(d) - loss(-d)) / 2e-5:.0e}" for d in 1e-5 * np.eye(5)])
try:
    import torch
except ImportError:
    print("PyTorch is not installed; to install it, run in a cell: %pip install torch")
    print("When this page was made, the largest difference to PyTorch was 2e-16")
else:
    columns = np.column_stack([np.ones(50), x])
    rows = np.vstack([columns * np.sqrt(w)[:, None], math.sqrt(alpha) * np.eye(5)[1:]])
    right = np.concatenate([y * np.sqrt(w), np.zeros(4)])[:, None]
    theirs = torch.linalg.lstsq(torch.tensor(rows), torch.tensor(right)).solution[:, 0].numpy()
    print("largest difference to PyTorch:", f"{abs(np.array([b, *c]) - theirs).max():.0e}")

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
# Do you agree with it? *badly* is what one expects. But when this page was made, *look* came first, and *feet* spoke against: a
# surprise. That is a finding about the *model*, which has read a few hundred reviews and picked up what it could: explaining is
# for such finds. If only we knew that the finding is true. (Lesson 13.)
#
# ### Signed, and no true label
#
# **The article** ends its account of LIME with two more slips. It scores a word by $|f'(x) - f'(x \text{ without } i)|$,
# with $f'$ for the imitation. But the imitation is linear! Take word $i$ out of $b + \sum_j c_j z_j$, and what is lost is
# $c_i$. So this is $|c_i|$, computed in a roundabout way, *with its sign gone*. A word for and a word against become the
# same:


# %%
def g(z):
    """The imitation, z (6,) saying which of the six words are there."""
    return found.intercept + z @ found.weights


whole = np.ones(len(found.words))
roundabout = [abs(g(whole) - g(whole - row)) for row in np.eye(len(whole))]
figure, axes = plt.subplots(1, 2, figsize=(8, 2.5), layout="constrained", sharey=True)
axes[0].barh(found.words, found.weights, color=np.where(found.weights > 0, ORANGE, BLUE))
axes[0].set_title("LIME: the signed c")
axes[1].barh(found.words, roundabout, color=GREY)
axes[1].set_title("the article: the sign is lost")
for axis in axes:
    axis.axvline(0, color="black", lw=0.8)
axes[0].invert_yaxis()
plt.show()

# %% [markdown]
# And it speaks of the *true label* of $x$. LIME does not know it and does not ask for it. It explains what the model
# *says*, and that is most useful where the model is wrong. Here is a friendly review. When this page was made, the model took
# it for a bad one:

# %%
wrong = "I'm not usually a fan of audiobooks, but the narrator is wonderful "
wrong += "and the story kept me hooked on my commute."
print(explain.lime(predict, wrong, label=0, num_features=6, num_samples=2000))

# %% [markdown]
# It has noticed *wonderful*, which speaks against "bad". But *story* and *kept* outvote it, words that say nothing. Why? Now that
# we know where to look, we can count in how many of the reviews that it learned from these words are. A text is split into
# words as LIME splits it; the classifier's own tokens would not do, since most of them begin with a space:

# %%
for word in ("wonderful", "story", "kept", "look", "badly"):
    having = [review.label for review in recipe.split()[0] if word in surrogate.split_words(review.text)]
    print(f"{word:10s}complaints: {having.count(0)}, praises: {having.count(1)}")

# %% [markdown]
# *story* and *kept*: four complaints against two praises. That is nothing to learn from, and it did. Such a find is worth more
# than a percentage: it says what reviews the model lacks.
#
# ## How far to trust it
#
# ### Chance
#
# The samples are random. With other samples, would it say the same? We ask ten times, with ten seeds:

# %%
words = [pieces[i] for i in np.unique(ids, return_index=True)[1][1:]]  # in order of first appearance, without -1
remembered = explain.stability.remembering(predict)  # asks about each text once
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.2), layout="constrained", sharex=True, sharey=True)
for axis, N in zip(axes, (50, 500, 5000), strict=True):
    options = {"label": 0, "num_features": 20, "num_samples": N}
    runs = [explain.lime(remembered, text, seed=seed, **options) for seed in range(10)]
    table = np.array([[dict(run.as_list())[word] for word in words] for run in runs])  # (10, T)
    for weights in table:
        axis.plot(weights, range(len(words)), "o", color=BLUE, ms=4, alpha=0.35, mec="none")
    axis.axvline(0, color="black", lw=0.8)
    axis.set_title(f"{N} samples: spread {table.std(0, ddof=1).mean():.3f}")
axes[0].set_yticks(range(len(words)), words, fontsize=8)
axes[0].invert_yaxis()
axes[1].set_xlabel("weight of the word, ten seeds")
plt.show()

# %% [markdown]
# With 50 samples some words cannot even be sure of their sign. (They are also smaller: with few samples the penalty pulls.) A
# hundred times as many samples give about a tenth of the spread, as always with means of random draws (lesson 09): the square
# root. So repeat it, and report the spread. The library does both, and counts how often two runs name the same three words (its
# spread is the mean over spaces and commas too, which never get a weight):

# %%
print(explain.lime_stability(remembered, text, 0, sizes=(50, 500, 5000), top=3, num_features=20))

# %% [markdown]
# ### The neighbourhood
#
# More samples do *not* help against the other choice that we made: the width of the kernel.

# %%
masks = surrogate.perturb(len(words), 5000, seed=0)  # (N, T)
answers = remembered(surrogate.write_texts(pieces, ids, masks, bow=True))[:, 0]  # (N,)
figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
for width, colour, shift in ((5, BLUE, -0.25), (25, ORANGE, 0.0), (100, GREY, 0.25)):
    weight = surrogate.kernel(surrogate.cosine_distance(masks), width)
    c, b, score = surrogate.weighted_ridge(masks.astype(float), answers, weight, 1.0)
    label = f"width {width}, $R^2$ {score:.2f}"
    axis.barh(np.arange(len(words)) + shift, c, 0.24, color=colour, label=label)
axis.set_yticks(range(len(words)), words, fontsize=8)
axis.axvline(0, color="black", lw=0.8)
axis.invert_yaxis()
axis.legend(frameon=False, fontsize=8, loc="lower right")
axis.set_title("the same samples, three widths")
plt.show()

# %% [markdown]
# The order is much the same, but the numbers are not: *badly* counts for half as much again far away as it does close to the
# text. What a word adds depends on which others are there, and on how sure the model already is: a probability is a curve that
# gets flat at both ends (lesson 03).
#
# ### Words that work together
#
# A sum cannot say "*good*, unless *not* is there". Here is a toy classifier that knows just that, and what LIME makes of it:


# %%
def mood(texts):
    """Good is good, not good is bad, and not alone is nothing: (N, 2)."""
    good, negated = (np.array([word in t.split() for t in texts]) for word in ("good", "not"))
    p = 0.5 + 0.4 * good - 0.8 * (good & negated)
    return np.column_stack([1 - p, p])


print(explain.lime(mood, "the film was not good", label=1, num_samples=2000))

# %% [markdown]
# *not* gets a negative weight, which makes sense: wherever it matters it makes things worse. *good* gets one number, too,
# and it is small. It harms when negated and helps when alone, and a straight line can but say something in between. $R^2$
# warns us: it is well below 1. And the imitation does not even give the right answer for the text itself, 0.1. Look at
# these two numbers before you look at the words.

# %% [markdown]
# ## Fair shares
#
# If *not* and *good* do something together, how should it be shared? This is an old question of game theory. Some players win
# something together. A coalition $S$ of some of them would have won $v(S)$. Who has earned what?
#
# (In the end the players will be words, and $v(S)$ what the model says of a text with only the words of $S$ in it.) Let the
# players enter a room one after the other. Each, on entering, adds something: $v$ with it less $v$ without it. That depends on
# who was there before. So take the **mean over all orders** in which they could have come. These are the **Shapley values**
# (Shapley, 1953). One can prove that they are the only way to share that
#
# - gives out everything: the shares add up to $v(\text{all}) - v(\text{nobody})$;
# - treats equals equally;
# - gives nothing to a player who never adds anything;
# - and, for the sum of two games, gives the sum of the shares.
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
# *not* gets all of the blame: it turns the text from 0.5 to 0.1, and *good*, which harms as much as it helps, nothing.
#
# With $n$ players there are $n! = 1 \cdot 2 \cdots n$ orders, for 10 players 3.6 million. But what a player adds depends only on
# *who* was there before, not on their order. With $|S|$ for how many players there are in $S$, all of them come before $i$, and
# the others after it, in $|S|!\,(n - 1 - |S|)!$ of the orders. So, as a sum over all $S$ without $i$,
#
# $$\varphi_i = \sum_{S \not\ni i} \frac{|S|!\,(n - 1 - |S|)!}{n!}\,\big(v(S \cup \{i\}) - v(S)\big)$$
#
# ### Your turn: share out fairly

# %% exercise shapley_values

# %% [markdown]
# ## KernelSHAP: the same fit, another kernel
#
# There are $2^n$ coalitions, and even $2^n$ questions are too many for 30 words. Lundberg and Lee (2017) found a surprise.
# Shapley values are what *LIME's fit* finds, if one makes three changes. The weight of a sample with $k$ of $n$ words is
#
# $$\pi(k) = \frac{n - 1}{\binom{n}{k}\, k\,(n - k)},$$
#
# where $\binom{n}{k}$ is in how many ways one can choose $k$ of $n$ words; there is no penalty, and the imitation must be
# *exact* for the whole text and for the empty one (where the formula would divide by zero): $b = v(\text{nobody})$, and
# $\sum_i \varphi_i = v(\text{all}) - v(\text{nobody})$. Let us see it happen. Exactness is made by giving these two samples a
# huge weight:

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
    "KernelSHAP": (shap * draws, GREEN),
    "LIME": (np.sqrt(np.exp(-((100 * (1 - np.sqrt(ks / T))) ** 2) / 25**2)), ORANGE),
}
figure, axis = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
for name, (total, colour) in totals.items():
    axis.plot(ks, total / total.sum(), "o-", ms=4, color=colour, label=name)
axis.set(xlabel=f"words left, of {T}", ylabel="share of the weight", title="which samples count")
axis.set_xticks([1, 5, 10, 15, 19])
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# The picture shows how much all samples of a size weigh together. LIME listens to texts that are nearly whole. KernelSHAP
# listens to both ends alike: to what one word adds to nothing, and to what is lost when one word leaves. Its authors call the
# result local too, and it is, in one sense: it explains the answer for this one text, by the words of this text. But texts with
# hardly a word left count as much as texts that are nearly whole, so it is not a fit *near* the text, as LIME's is. The two
# answer different questions:

# %%
short = "Nice shoes, but they hurt my feet badly."
lime_found = explain.lime(predict, short, label=0, num_features=20)
shap_found = explain.kernel_shap(predict, short, label=0)
names, places = shap_found.words, np.arange(len(shap_found.words))
weights = [dict(lime_found.as_list())[word] for word in names]
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.barh(places - 0.2, weights, 0.38, color=ORANGE, label="LIME")
axis.barh(places + 0.2, shap_found.values, 0.38, color=GREEN, label="Shapley values")
axis.set_yticks(range(len(names)), names)
axis.invert_yaxis()
axis.axvline(0, color="black", lw=0.8)
axis.legend(frameon=False, loc="upper right")
plt.show()
print(f"exact: {shap_found.exact}; they add up to {shap_found.values.sum():.4f}")
print(f"{shap_found.output:.4f} for the text, less {shap_found.base:.4f} for a text with no words")

# %% [markdown]
# (The model gets this text wrong. That is no matter here: the two explain what it says.) Where a word adds as much among few
# words as among many, the two agree, as for *shoes* and *feet*. Where it adds more among few words, its fair share is larger, as
# for *badly* and *hurt*.
#
# With eight words all $2^8$ coalitions were asked, so these values are exact. With more than eleven the library draws some
# of them, and they are an estimate, though they still add up.
#
# ## Against the original
#
# The authors' program is the Python package `lime`. With the same seed the library draws the same samples, so the numbers must
# be the same:

# %%
try:
    from lime.lime_text import LimeTextExplainer
except ImportError:
    print("The package lime is not installed; to install it, run in a cell: %pip install lime")
    print("When this page was made, the largest difference was below 1e-08")
else:
    options = {"num_features": 10, "num_samples": 500}
    asked = LimeTextExplainer(random_state=0).explain_instance(text, predict, labels=[0], **options)
    theirs = dict(asked.as_list(label=0))
    ours = dict(explain.lime(predict, text, label=0, seed=0, **options).as_list())
    print(f"largest difference: {max(abs(ours[word] - theirs[word]) for word in theirs):.0e}")

# %% [markdown]
# ## Summary
#
# - LIME needs nothing but answers. Perturb: leave words out. Weigh: near samples count more. Fit: a linear model; its
#   signed weights say what each word adds by being there.
# - Before you believe it look at $R^2$, at the imitation's own answer for the text, and at the spread over seeds. The width
#   of the kernel is a choice, and so is what replaces a word that goes.
# - A linear model cannot show that words work together.
# - Shapley values are the mean over all orders of what a word adds. The same fit finds them, with another kernel.
#
# **Where the article errs** on this subject: words are removed, not shifted by $\xi$; the explanation is the *signed*
# weights, and the absolute difference throws the sign away; no true label takes part; and the paper it cites for LIME is
# neither LIME's nor that of relevance propagation. LIME's paper is in its list, under the number given for LRP. It is the
# first below.
#
# **Further reading.** Ribeiro, Singh and Guestrin, *"Why should I trust you?": explaining the predictions of any
# classifier*, KDD 2016. Lundberg and Lee, *A unified approach to interpreting model predictions*, NeurIPS 2017. Shapley, *A
# value for n-person games*, in Contributions to the Theory of Games II, Princeton, 1953. Garreau and von Luxburg,
# *Explaining the explainer: a first theoretical analysis of LIME*, AISTATS 2020. Slack, Hilgard, Jia, Singh and Lakkaraju,
# *Fooling LIME and SHAP: adversarial attacks on post hoc explanation methods*, AIES 2020, on how a model can hide from such
# questions.
#
# **Next:** 13, which explanation to believe. By now we have several, and they do not agree.
