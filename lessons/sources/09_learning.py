# %% [markdown]
# # 09 Learning
#
# After this lesson you can say in one number how wrong a model is, derive the gradient of that number, write the two
# optimizers that train nearly everything, say what schedules, clipping and dropout are for, and train a small Transformer
# on real text.
#
# *About 130 minutes with the exercises. Builds on lessons 02 (gradients), 06 (softmax) and 08 (the Transformer encoder).*

# %% [markdown]
# ## Why
#
# A Transformer with random weights predicts noise. Nobody knows good weights, but we can *recognise* them: a model is
# better if it is less wrong about real text. So training is four lines, again and again:
#
# 1. take some text and let the model predict it,
# 2. say in one number, the **loss**, how wrong that was,
# 3. walk back for the gradient of the loss in every weight (lessons 01 and 02),
# 4. move every weight a little against its gradient.
#
# Lines 1 and 3 you have. This lesson is about 2 and 4. The article that this course grew from gives one line to each:
# losses are "cross-entropy and mean squared error", optimizers "SGD and Adam". Here is what these four are.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer.course import check, hint, saved, solution

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"  # told apart by every kind of eye
rng = np.random.default_rng(0)

# %% [markdown]
# ## How wrong is a number?
#
# If the model says a number $x$ and $t$ is right, the difference $x - t$ is the error. Squared, it has no sign and large
# errors count more. The mean over $n$ predictions is the **mean squared error**, and its gradient is the error itself, but for
# the factor $2/n$:
#
# $$\mathrm{MSE} = \frac{1}{n} \sum_i (x_i - t_i)^2, \qquad \frac{\partial\,\mathrm{MSE}}{\partial x_i} = \frac{2}{n}\,(x_i - t_i)$$

# %%
said, right = np.array([2.0, 5.0, 1.0]), np.array([2.5, 5.0, 4.0])  # (3,), (3,)
x = mt.tensor(said, requires_grad=True)
loss = mt.nn.functional.mse_loss(x, mt.tensor(right))
loss.backward()
print("by hand:    ", ((said - right) ** 2).mean(), 2 / 3 * (said - right))
print("the library:", loss.item(), x.grad.numpy())

# %% [markdown]
# ## How wrong is a guess among many?
#
# A language model does not say a number. It gives a share to every class, that is to every token that could come next, and
# one of them comes. (The shares add up to 1; all of them together are a *probability distribution* over the classes.) What does
# it cost to have given it the share $p$? We want 0 for $p = 1$, and much where $p$ is close to 0. And being right about two
# things, one after the other, should cost the *sum*, though the shares multiply. One function does that, the logarithm, which
# undoes $e^x$ and makes sums of products, $\ln(pq) = \ln p + \ln q$:
#
# $$\text{cost} = -\ln p$$
#
# A share of 1/2 costs 0.69, a share of 1/1000 costs 6.9. The mean of this cost over all predictions is the
# **cross-entropy**. It has a fixed point to compare with: a model that knows nothing gives each of $V$ classes the share
# $1/V$ and pays $\ln V$. That is what a fresh model should pay; if it pays much more, its first weights are too large.
#
# Could one not take the squared error of the shares instead? One can, and it learns badly. Look at the slope in the score $x$
# when the model is *sure and wrong*, at the left of the picture. (There are two classes only, so the right one's share is
# $p = \frac{e^x}{e^x + e^0} = \frac{1}{1 + e^{-x}}$, and its slope $p\,(1 - p)$, by lesson 06. By the chain rule the squared
# error $(1 - p)^2$ has the slope $-2(1 - p) \cdot p\,(1 - p)$, and $-\ln p$ has $-\frac1p \cdot p\,(1 - p) = p - 1$.)

# %%
x = np.linspace(-8, 8, 201)  # the right class has the score x, the only other class the score 0
p = 1 / (1 + np.exp(-x))  # its share
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
axes[0].plot(x, -np.log(p), color=BLUE, label=r"cross-entropy $-\ln p$")
axes[0].plot(x, (1 - p) ** 2, color=ORANGE, ls="--", label=r"squared error $(1 - p)^2$")
axes[0].set(xlabel="score of the right class", title="loss")
axes[1].plot(x, p - 1, color=BLUE, label=r"$p - 1$")
axes[1].plot(x, -2 * (1 - p) ** 2 * p, color=ORANGE, ls="--", label=r"$-2 (1 - p)^2 p$")
axes[1].set(xlabel="score of the right class", title="its slope in the score")
for axis in axes:
    axis.legend(frameon=False)
plt.show()

# %% [markdown]
# The squared error is flat there: softmax has run into its corner (lesson 06), and the slope of a corner is 0. The
# logarithm undoes the exponential in softmax, so cross-entropy pulls at full strength where it is needed most. Use squared
# errors for quantities, cross-entropy for choices.
#
# One trap. A hopeless class may get a share so small that the computer rounds it to 0, and $\ln 0 = -\infty$. Take the
# logarithm on paper first, then nothing can round to 0. With $m$ the largest score of the row:
#
# $$\ln p_i = \ln \frac{e^{x_i - m}}{\sum_j e^{x_j - m}} = x_i - m - \ln \sum_j e^{x_j - m}$$

# %%
scores = np.array([0.0, 1000.0])
shifted = scores - scores.max()
with np.errstate(divide="ignore"):
    print("ln of softmax:   ", np.log(np.exp(shifted) / np.exp(shifted).sum()))
print("the formula above:", shifted - np.log(np.exp(shifted).sum()))

# %% [markdown]
# One thing from NumPy: `table[rows, columns]`, with two lists of numbers of the same length, picks one entry for each pair. So
# `table[np.arange(N), targets]` takes of each row the entry of its right class.
#
# ### Your turn: cross-entropy

# %% exercise cross_entropy

# %% [markdown]
# ## Guess minus truth
#
# The gradient is a small wonder. For one row, with $t$ the right class, $L = -\ln p_t = -x_t + \ln \sum_j e^{x_j}$. The slope
# of $\ln z$ is $1/z$, so by the chain rule the slope of the second part in $x_i$ is $e^{x_i} / \sum_j e^{x_j}$, which is $p_i$.
# So
#
# $$\frac{\partial L}{\partial x_i} = p_i - [i = t]$$
#
# where $[i = t]$ is 1 for the right class and 0 for all others: guess minus truth. The score of the right class is pushed
# up by what its share lacks, every other one is pushed down by the share it took. (The loss is a mean over $N$ rows, so each row
# has this divided by $N$, and times whatever gradient arrives at the loss.)

# %%
logits = np.array([[2.0, 1.0, 0.1, -1.0]])  # (N, V)
x = mt.tensor(logits, requires_grad=True)
mt.nn.functional.cross_entropy(x, mt.tensor([1])).backward()
p = np.exp(logits) / np.exp(logits).sum()
figure, axis = plt.subplots(figsize=(4.5, 2.6), layout="constrained")
axis.bar(np.arange(4) - 0.2, p[0], 0.4, color=BLUE, label="share")
axis.bar(np.arange(4) + 0.2, x.grad.numpy()[0], 0.4, color=ORANGE, hatch="//", label="gradient")
axis.axhline(0, color=GREY, lw=0.8)
axis.set(xticks=range(4), xlabel="class; 1 is right", title="guess minus truth")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# ### Your turn: the gradient of cross-entropy

# %% exercise cross_entropy_vjp

# %% [markdown]
# ## Down the slope
#
# Think of the loss as the height of a landscape, with one direction for each weight. The gradient $g$ points straight
# uphill. **Gradient descent** takes a step the other way, $p \leftarrow p - \eta\, g$, where $\eta$, the **learning rate**,
# says how long a step is.
#
# The true gradient is the mean over all the text there is: too much for one step. The gradient of a small random part, a
# **batch**, is right on average, and cheap. That is the *stochastic* in stochastic gradient descent, **SGD**. One pass
# over all the text, batch by batch, is an *epoch*. A batch four times as large is only half as noisy:

# %%
slopes = rng.normal(1.0, 2.0, 100_000)  # what each sample says about one weight
for size in (4, 16, 64, 256):
    means = slopes[: 390 * size].reshape(390, size).mean(1)  # 390 batches
    print(f"batches of {size:3d}: the mean slope is {means.mean():.2f}, and varies by {means.std():.2f}")

# %% [markdown]
# Landscapes have valleys: steep across, nearly flat along. Descent zigzags from wall to wall, while what is wanted is the
# slow drift along the floor. A longer step would fly off the walls. **Momentum** remembers: it keeps a velocity $v$, to
# which each gradient is added, and which fades by a factor $\mu$ a step.
#
# $$v \leftarrow \mu\, v + g, \qquad p \leftarrow p - \eta\, v$$
#
# Steps across the valley alternate in sign and cancel. Steps along it all agree and add up:
# $1 + \mu + \mu^2 + \dots = \frac{1}{1 - \mu}$ times as far, ten times for $\mu = 0.9$.
#
# A word on arrays. The model and the optimizer must hold *the same* array, so that the model changes when a step is taken:
# `p -= change` writes into it, `p = p - change` makes another array that the model never sees.

# %% [markdown]
# ### Your turn: SGD with momentum

# %% exercise SGD

# %% [markdown]
# ## A step size for each weight: Adam
#
# One learning rate must fit all weights. Yet the vector of a rare word gets a gradient in one batch of a hundred, and the last
# layer's gradients may be a thousand times those of the first. **Adam** keeps two running means for *each* weight, one, $m$, of
# the gradient and one, $v$, of its square, and divides. (In this section $v$ is that mean, as in the paper, and no velocity.)
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2$$
#
# $$p \leftarrow p - \eta\, \frac{\hat m}{\sqrt{\hat v} + \epsilon}, \qquad
# \hat m = \frac{m}{1 - \beta_1^t}, \quad \hat v = \frac{v}{1 - \beta_2^t}$$
#
# A running mean keeps most of what it was and takes in a little of what is new. Usual are $\beta_1 = 0.9$ and
# $\beta_2 = 0.999$: means over about the last 10 and the last 1000 steps. $\sqrt{\hat v}$ is the typical size of this weight's
# gradient. So the fraction is about $\pm 1$ where gradients agree, and close to 0 where they contradict each other; multiply
# the loss by 1000 and nothing changes. The learning rate now says *how far a weight moves in a step*.
#
# The hats repair the start. $m$ and $v$ begin at 0 and are too small at first. After $t$ steps the newest gradient counts
# $1 - \beta$, the one before it $(1 - \beta)\,\beta$, the one before that $(1 - \beta)\,\beta^2$, and so on: together
# $1 - \beta^t$, and not 1 as in a true mean. So divide by that. $\epsilon = 10^{-8}$ keeps us from dividing by 0. Remember it;
# it comes back at the end of this lesson.

# %%
steps = np.arange(1, 41)
m, means = 0.0, []
for _ in steps:
    m = 0.9 * m + (1 - 0.9) * 1.0  # the gradient is always 1
    means.append(m)
figure, axis = plt.subplots(figsize=(4.5, 2.4), layout="constrained")
axis.plot(steps, means, color=ORANGE, ls="--", label="m, begun at 0")
axis.plot(steps, np.array(means) / (1 - 0.9**steps), color=BLUE, label=r"$m / (1 - \beta_1^t)$")
axis.set(xlabel="step t", ylim=(0, 1.1), title="the mean of a gradient that is always 1")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# ### Your turn: Adam

# %% exercise Adam

# %% [markdown]
# ## The landscape
#
# Now watch all three, from `mt.optim`, in a valley thirty times as steep across as along. The grey lines join places of the
# same height, as on a map; the star is the bottom. Left, the valley lies along an axis, which is a weight. Right, it is the
# same valley, turned by 45 degrees. (A model keeps its gradients in `.grad`, and `zero_grad()` forgets those of the step
# before, to which the new ones would be added.)


# %%
def height(w, turned):
    """A valley: 30 times as steep across as along. (2,) -> ()"""
    a, b = w[0], w[1]
    if turned:
        a, b = (a + b) / math.sqrt(2), (b - a) / math.sqrt(2)
    return (a * a + 30.0 * b * b) / 2


def walk(make, turned, steps=60):
    """The way down: where each step leads to, (steps + 1, 2), and how high that is."""
    start = np.array([-3.0, 1.2])
    if turned:
        start = np.array([start[0] - start[1], start[0] + start[1]]) / math.sqrt(2)
    w = mt.tensor(start, requires_grad=True)
    optimizer, places, heights = make([w]), [start], []
    for _ in range(steps):
        optimizer.zero_grad()
        h = height(w, turned)
        h.backward()
        optimizer.step()
        places.append(w.numpy().copy())
        heights.append(h.item())
    return np.array(places), heights


walkers = [
    ("SGD", lambda w: mt.optim.SGD(w, lr=0.06), ORANGE, ":"),
    ("SGD, momentum 0.8", lambda w: mt.optim.SGD(w, lr=0.03, momentum=0.8), GREEN, "--"),
    ("Adam", lambda w: mt.optim.Adam(w, lr=0.3, betas=(0.8, 0.99)), BLUE, "-"),
]
grid = np.meshgrid(np.linspace(-4, 2, 81), np.linspace(-3.5, 2.5, 81))
figure, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained", height_ratios=(2, 1))
for column, turned in enumerate((False, True)):
    axes[0, column].contour(*grid, height(grid, turned), levels=[0.3, 1, 3, 10, 30, 80], colors=GREY, linewidths=0.6)
    for name, make, colour, line in walkers:
        places, heights = walk(make, turned)
        axes[0, column].plot(*places.T, line, color=colour, marker=".", ms=4, lw=1.3, label=name)
        axes[1, column].semilogy(heights, line, color=colour)
    axes[0, column].plot(0, 0, "k*", ms=10)
    axes[0, column].set(title="turned by 45 degrees" if turned else "along an axis", xlabel="weight 0", ylabel="weight 1")
    axes[1, column].set(xlabel="step", ylabel="height", ylim=(1e-8, 100))
axes[0, 0].legend(frameon=False, fontsize=8, loc="lower right")
plt.show()

# %% [markdown]
# SGD bounces from wall to wall. Momentum swings wider, and is down sooner. Adam sees on the left that weight 1 has large
# gradients and weight 0 small ones, evens them out, and heads for the bottom almost as if there were no valley. On the
# right both weights have gradients of the same size, so there is nothing to even out: it runs straight across, and then
# creeps along the floor like plain SGD. Adam rescales weights one by one; it cannot turn the landscape. In a
# smooth bowl such as this one, as you see, momentum alone does as well.
#
# And in a Transformer? Its weights differ a lot in the size of their gradients, which Adam evens out. The model that comes
# below was trained with all three, 300 steps each and with several learning rates, and its loss measured on text held back:
#
# | | learning rate: loss |
# |---|---|
# | SGD | 0.3: 2.51, 1: 2.37, 3: 2.32 |
# | SGD, momentum 0.9 | 0.03: 2.52, 0.1: 2.37, 0.3: 2.26, 1: 2.22 |
# | Adam | 0.001: 2.52, 0.002: 2.30, 0.005: 2.18, 0.01: 2.12, 0.02: 2.26 |
#
# Adam gets lowest, though not by far in this small model. And whichever one takes, the learning rate matters more.

# %% [markdown]
# ## Long and short steps: schedules
#
# Far from the bottom long steps are good, near it they only make noise. So the learning rate falls towards the end, often
# along half a cosine. At the very start it is small too: the **warm-up**. The first gradients of a random model are wild,
# and Adam has hardly seen any to know their size from.

# %%
w = mt.zeros(1, requires_grad=True)
optimizer = mt.optim.Adam([w], lr=5e-3)
rise = mt.optim.lr_scheduler.LinearLR(optimizer, 0.01, 1.0, total_iters=30)
fall = mt.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=270)
schedule = mt.optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[30])
rates = []
for _ in range(300):
    rates.append(schedule.get_last_lr()[0])
    schedule.step()
figure, axis = plt.subplots(figsize=(4.5, 2.2), layout="constrained")
axis.plot(rates, color=BLUE)
axis.set(xlabel="step", ylabel="learning rate", title="warm-up, then half a cosine")
plt.show()

# %% [markdown]
# ## Steps that are too long: clipping
#
# Some places of the landscape are cliffs: one strange batch, a huge gradient, and a single step throws away an hour of
# training. Clipping shortens the gradient when it is longer than a limit $c$. Read the gradients of *all* parameters as one
# long vector $g$. Its length $\lVert g \rVert$ is the root of the sum of the squares of all its entries:
#
# $$g \leftarrow g \cdot \min\!\left(1, \frac{c}{\lVert g \rVert}\right)$$
#
# One factor for all of them, so that the step gets shorter and keeps its direction.

# %% [markdown]
# ### Your turn: clipping

# %% exercise clip_grad_norm

# %% [markdown]
# ## Not by heart: dropout
#
# With many weights and little text, a model can learn the text by heart. **Dropout** makes that hard: in training every
# number is set to 0 with probability $p$, drawn anew each time, so that no number can rely on a single other one. What is
# left is divided by $1 - p$:
#
# $$y_i = \frac{b_i}{1 - p}\, x_i, \qquad b_i = 0 \text{ with probability } p, \text{ else } 1$$
#
# so that the mean of $y_i$ is $x_i$, and nothing needs to change when the model is used (at *inference*): then dropout does
# nothing at all.
# A layer has to know which of the two it is doing. `model.train()` and `model.eval()` tell it, and forgetting `eval()` is a
# classic mistake: the model answers, but worse, and differently each time.

# %%
mt.manual_seed(0)
layer, ones = mt.nn.Dropout(0.25), mt.ones(40_000)
print("training:", layer.train()(ones).numpy()[:8].round(2), " mean", round(layer(ones).mean().item(), 2))
print("in use:  ", layer.eval()(ones).numpy()[:8])

# %% [markdown]
# The article's listing sets `dropout=0.5`, half of everything. For Transformers 0.1 is usual (it is what *Attention is all
# you need* took for its base model), and 0 where the text is so large that no piece of it is seen many times.
#
# How do you know whether a model learns by heart? Hold some text back, never train on it, and measure the loss there too.
# As long as both losses fall together, it is learning something about the language. When only the training loss falls, it
# is memorising. The field calls this *overfitting*.

# %% [markdown]
# ## All of it, on real text
#
# Every Python brings half a million characters of English prose along, its own help. We cut off the last tenth of a part of
# it to hold back, make each character a token (lesson 04), and take a Transformer of one layer (lesson 08) that may only
# look back (lesson 06). At each position it predicts the next character. What stands before the position is always the true
# text, also where the model would have guessed otherwise. This is *teacher forcing*: all positions can be learned from in one
# pass.

# %%
from minitransformer.data.corpus import python_topics, split
from minitransformer.models import LanguageModel, LanguageModelConfig
from minitransformer.tokenization import CharTokenizer

text = python_topics()[:200_000]
tokenizer = CharTokenizer.train(text)
V, T, B, STEPS = tokenizer.vocab_size, 32, 32, 300
known, unseen = (np.array(tokenizer.encode(part)) for part in split(text))
print(f"{len(known)} characters to learn from, {len(unseen)} held back, {V} different ones")
print(f"{STEPS} steps read {STEPS * B * T} characters: {STEPS * B * T / len(known):.1f} epochs")


def windows(ids, starts):
    """Pieces of T + 1 characters. (B,) -> (B, T + 1)"""
    return ids[starts[:, None] + np.arange(T + 1)]


def loss_of(model, batch):
    """The mean cross-entropy of each character given those before it. (B, T + 1) -> ()"""
    logits = model(mt.tensor(batch[:, :-1]))  # (B, T, V)
    return mt.nn.functional.cross_entropy(logits.reshape(-1, V), mt.tensor(batch[:, 1:].reshape(-1)))


# %% [markdown]
# Two simple opponents tell us what a loss is worth: knowing only how *frequent* each character is, and knowing which
# character follows which, by counting pairs.

# %%
frequency = np.bincount(known, minlength=V) + 1.0  # (V,), one more than counted: nothing is impossible
pairs = np.full((V, V), 0.1)
np.add.at(pairs, (known[:-1], known[1:]), 1)
levels = {
    "every character alike, ln V": math.log(V),
    "frequencies": -np.log(frequency / frequency.sum())[unseen].mean(),
    "pairs": -np.log(pairs / pairs.sum(1, keepdims=True))[unseen[:-1], unseen[1:]].mean(),
}
for name, level in levels.items():
    print(f"{level:.2f}  {name}")

# %% [markdown]
# And here is training, with everything from above in it.

# %%
mt.manual_seed(0)
size = LanguageModelConfig(V, d_model=64, nhead=4, num_layers=1, dim_feedforward=256, dropout=0.0, max_len=64)
model = LanguageModel(size)  # embedding, places, one block with a mask, and a map to V logits: lesson 08's model
optimizer = mt.optim.Adam(model.parameters(), lr=5e-3)
rise = mt.optim.lr_scheduler.LinearLR(optimizer, 0.01, 1.0, total_iters=30)
fall = mt.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS - 30)
schedule = mt.optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[30])

test = windows(unseen, np.arange(0, len(unseen) - T, T))  # all of the text held back
losses, held_back = [], []
for step in range(STEPS + 1):
    if step % 50 == 0:
        model.eval()
        with mt.no_grad():
            held_back.append((step, loss_of(model, test).item()))
        model.train()
    batch = windows(known, rng.integers(0, len(known) - T, B))  # random pieces
    loss = loss_of(model, batch)  # 1, 2: predict, and say how wrong it was
    losses.append(loss.item())
    optimizer.zero_grad()  # forget the gradients of the step before: they would add up
    loss.backward()  # 3: walk back
    mt.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()  # 4: move
    schedule.step()

figure, axis = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
axis.plot(losses, color=BLUE, lw=0.8, label="each batch")
axis.plot(*zip(*held_back, strict=True), "o-", color=ORANGE, label="text held back")
for name, level in levels.items():
    axis.axhline(level, color=GREY, ls=":", lw=1)
    axis.text(STEPS, level + 0.03, name, color=GREY, ha="right", va="bottom", fontsize=8)
axis.set(xlabel="step", ylabel="loss", title="a small Transformer reads Python's help", ylim=(1.9, 5.0))
axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, 0.88))
plt.show()

# %% [markdown]
# It starts at $\ln V$, as a model should that knows nothing. It first learns the frequencies, then which character follows
# which, and then passes below the pairs, to somewhere between 2.1 and 2.3: it uses more than one character of the past,
# which is what attention is for. Both curves fall together, so nothing is learned by heart yet. (The text held back may
# even cost a little less: some chapters are easier than others.) $e^{\text{loss}}$ is called the **perplexity**: among how
# many equally likely characters the model still wavers. Ask it what comes next:

# %%
model.eval()
print(f"perplexity {math.exp(held_back[-1][1]):.1f}")
for start in ("this is a functio", "the value of th", "objec", "metho"):
    with mt.no_grad():
        scores = model(mt.tensor([tokenizer.encode(start)])).numpy()[0, -1]  # (V,)
    p = np.exp(scores - scores.max())
    p /= p.sum()
    print(repr(start), "->", ", ".join(f"{tokenizer.decode([i])!r} {p[i]:.2f}" for i in np.argsort(-p)[:4]))

# %% [markdown]
# Three answers are right, and the last is wrong: *metho* goes on with *d*, which the model puts after other letters. What
# does the text say? Let us count what follows the last characters of *metho*, taking more and more of them:

# %%
learned = tokenizer.decode(known.tolist())
for end in ("o", "ho", "tho", "etho"):
    places = [i + len(end) for i in range(len(learned) - len(end)) if learned.startswith(end, i)]
    letters, counts = np.unique([learned[i] for i in places], return_counts=True)
    print(repr(end), "->", ", ".join(f"{str(letters[i])!r} {counts[i] / len(places):.2f}" for i in np.argsort(-counts)[:4]))

# %% [markdown]
# After *etho* the text has nothing but *d*. After *o* alone it has mostly *n* and *r*, and after *ho* also *u*. So the model does
# not yet use all four characters: its answer looks like a mixture of what follows the shorter ends. So few steps were enough
# for *function*, and not yet for *method*.
#
# How to make whole texts out of that is the next lesson. The library's `minitransformer.training.Trainer` is this loop with
# what long runs need besides: checkpoints, stopping and going on at any step, and an alarm when a loss is no longer a
# number.

# %% [markdown]
# ## A riddle: the bias of the keys
#
# When you train the same attention layer here and in PyTorch and compare the weights, all agree, except a few: the bias
# that is added to all *keys*. Neither side has an error. Look at what that bias, $b$, does to the scores of a query $q$:
#
# $$q \cdot (k_j + b) = q \cdot k_j + q \cdot b$$
#
# The second part is the same for every key $j$, and softmax does not notice when all scores rise by the same amount (lesson
# 06). So this bias does nothing, for any input, and its gradient is 0. On paper. The computer adds thousands of rounded
# numbers that should cancel, and some dust is left, around $10^{-10}$. SGD multiplies it by the learning rate, and nothing
# moves. But Adam divides it *by its own size*:

# %%
kinds = {
    "SGD": lambda w: mt.optim.SGD(w, lr=0.1),
    "Adam": lambda w: mt.optim.Adam(w, lr=0.01),
    "Adam, eps 1e-12": lambda w: mt.optim.Adam(w, lr=0.01, eps=1e-12),
}
moved = {}
for name, make in kinds.items():
    mt.manual_seed(0)
    layer = mt.nn.MultiheadAttention(16, 2, batch_first=True)  # float32
    x, wanted = mt.randn(8, 10, 16), mt.randn(8, 10, 16)  # (B, T, C)
    optimizer, sizes = make(layer.parameters()), []
    for _ in range(100):
        optimizer.zero_grad()
        y, _ = layer(x, x, x, need_weights=False)
        mt.nn.functional.mse_loss(y, wanted).backward()
        optimizer.step()
        sizes.append(abs(layer.in_proj_bias.grad.numpy()).reshape(3, -1).mean(1))
    moved[name] = abs(layer.in_proj_bias.numpy()).reshape(3, -1).mean(1)  # it began at zero: q, k, v
    print(f"{name:16} mean gradient of the biases of q, k, v:", *(f"{size:.0e}" for size in np.mean(sizes, 0)))

figure, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
for i, (name, colour, hatch) in enumerate(zip(moved, (ORANGE, GREEN, BLUE), ("", "//", ".."), strict=True)):
    places = np.arange(3) + 0.27 * (i - 1)
    axis.bar(places, moved[name], 0.25, color=colour, hatch=hatch, label=name, edgecolor="white")
axis.set(yscale="log", xticks=range(3), xticklabels=["queries", "keys", "values"], ylim=(1e-11, 3))
axis.set(ylabel="moved", title="how far each bias moved in 100 steps")
figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=3)
plt.show()

# %% [markdown]
# With $\epsilon = 10^{-8}$ the dust is held down to some hundredths of a full step, and still moves the bias millions of
# times as far as SGD does. With a smaller $\epsilon$, or a larger loss, it moves like any other weight, but at random. It
# does no harm, as it does nothing. But it says something about Adam: it cannot tell a small signal from noise, and
# $\epsilon$ is the size below which it should not try. And it says how to compare training runs: by their losses, not
# weight by weight.

# %% [markdown]
# ## The same in the library, and against PyTorch
#
# `minitransformer/ops/loss.py` and `minitransformer/optim` are your exercises for tensors. Finite differences first, then
# PyTorch: the loss and its gradient, and ten steps of each optimizer.

# %%
targets = np.array([1, 0, 3, 3])
guess = [mt.randn(4, 5, dtype=mt.float64)]
error = mt.gradcheck(lambda x: mt.nn.functional.cross_entropy(x, mt.tensor(targets)), guess)
print(f"largest error against finite differences: {error:.0e}")


def ten_steps(library, make, start, gradients):
    """Where an optimizer of either library gets to. (5,) -> (5,)"""
    w = library.tensor(start, requires_grad=True)
    optimizer = make(library.optim, [w])
    for g in gradients:
        optimizer.zero_grad()
        (w * library.tensor(g)).sum().backward()  # a loss whose gradient is g
        optimizer.step()
    return w.detach().numpy()


try:
    import torch
except ImportError:
    print("PyTorch is not installed; to install it, run in a cell: %pip install torch")
    print("When this page was made, no difference to PyTorch was above 1e-15: neither in the loss and its gradient,")
    print("nor in the weights after ten steps of SGD and of Adam")
else:
    ours = lambda x: mt.nn.functional.cross_entropy(x, mt.tensor(targets))  # noqa: E731
    theirs = lambda x: torch.nn.functional.cross_entropy(x, torch.tensor(targets))  # noqa: E731
    print("cross-entropy:", mt.compare_with_torch(ours, theirs, [guess[0].numpy()]))
    start, gradients = rng.normal(size=5), rng.normal(size=(10, 5))
    for name, make in {
        "SGD": lambda optim, w: optim.SGD(w, lr=0.1, momentum=0.9),
        "Adam": lambda optim, w: optim.Adam(w, lr=0.1),
    }.items():
        ours, theirs = (ten_steps(library, make, start, gradients) for library in (mt, torch))
        print(f"{name}: largest difference after ten steps {abs(ours - theirs).max():.0e}")

# %% [markdown]
# And the riddle: the same attention layer, begun alike and trained by Adam in both libraries.

# %%
try:
    import torch
except ImportError:
    print("PyTorch is not installed; to install it, run in a cell: %pip install torch")
    print("When this page was made, the biases of q and v differed by less than 0.0001, those of k by about 0.02")
else:
    mt.manual_seed(0)
    ours, theirs = (library.nn.MultiheadAttention(16, 2, batch_first=True) for library in (mt, torch))
    theirs.load_state_dict({name: torch.tensor(p.numpy()) for name, p in ours.state_dict().items()})
    data = [mt.randn(8, 10, 16).numpy() for _ in range(2)]
    for library, layer in ((mt, ours), (torch, theirs)):
        x, wanted = map(library.tensor, data)
        optimizer = library.optim.Adam(layer.parameters(), lr=0.01)
        for _ in range(100):
            optimizer.zero_grad()
            library.nn.functional.mse_loss(layer(x, x, x, need_weights=False)[0], wanted).backward()
            optimizer.step()
    biases = (layer.in_proj_bias.detach().numpy().reshape(3, -1) for layer in (ours, theirs))  # q, k, v
    for name, a, b in zip("qkv", *biases, strict=True):
        print(f"bias of {name}: size {abs(a).max():.3f}, largest difference {abs(a - b).max():.5f}")

# %% [markdown]
# ## Summary
#
# - The loss says in one number how wrong a model is: squared errors for quantities, $-\ln p$ of what came for choices.
# - The gradient of cross-entropy in the scores is guess minus truth. A model that knows nothing pays $\ln V$.
# - Momentum adds up what agrees and cancels what does not. Adam also divides each weight's step by the typical size of its
#   gradient.
# - Warm up, then let the learning rate fall. Clip all gradients by one factor. Judge by text held back, in `eval()`.
# - A weight whose true gradient is 0 still gets rounding noise, and Adam makes steps of it.
#
# **Further reading.** Kingma and Ba, *Adam: a method for stochastic optimization*, ICLR 2015. Sutskever, Martens, Dahl and
# Hinton, *On the importance of initialization and momentum in deep learning*, ICML 2013. Pascanu, Mikolov and Bengio, *On
# the difficulty of training recurrent neural networks*, ICML 2013, for clipping. Srivastava, Hinton, Krizhevsky, Sutskever
# and Salakhutdinov, *Dropout: a simple way to prevent neural networks from overfitting*, Journal of Machine Learning
# Research 15, 2014. Loshchilov and Hutter, *SGDR: stochastic gradient descent with warm restarts*, ICLR 2017, for the
# cosine, and *Decoupled weight decay regularization*, ICLR 2019, for AdamW, the variant most Transformers are trained with.
#
# **Next:** 10, from the shares of the next token to whole texts.
