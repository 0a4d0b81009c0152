# %% [markdown]
# # 09 Learning
#
# After this lesson you can say in one number how wrong a model is, derive the gradient of that number, write the optimizers
# that train nearly everything, say what schedules and clipping are for, train a small Transformer on real text, see when a
# model learns by heart, and measure what helps against that.
#
# *About 50 minutes to read, and 95 for the exercises. Builds on lessons 02 (gradients), 06 (softmax) and 08 (the Transformer
# encoder).*

# %% [markdown]
# ## Why
#
# A Transformer with random weights predicts noise. Nobody knows good weights, but we can *recognise* them: a model is better if
# it is less wrong about real text. So training is four steps, again and again:
#
# 1. take some text and let the model predict it,
# 2. say in one number, the **loss**, how wrong that was,
# 3. walk back for the gradient of the loss in every weight (lessons 01 and 02),
# 4. move every weight a little against its gradient.
#
# Steps 1 and 3 you know. This lesson is about 2 and 4. The article that this course grew from has one line about each, with the
# names of two losses and of two optimizers. Here is what these four are.

# %%
import math

import numpy as np

import minitransformer as mt
from minitransformer.course import beside_pytorch, check, hint, saved, solution
from minitransformer.course.figures import lesson_09_learning as figures

rng = np.random.default_rng(0)

# %% [markdown]
# ## How wrong is a number?
#
# If the model predicts a number $x$ and $t$ is right, the difference $x - t$ is the error. Its square has no sign, and large
# errors count more. The mean over $n$ predictions is the **mean squared error**. Its gradient is the error itself, times $2/n$:
#
# $$\mathrm{MSE} = \frac{1}{n} \sum_i (x_i - t_i)^2, \qquad \frac{\partial\,\mathrm{MSE}}{\partial x_i} = \frac{2}{n}\,(x_i - t_i)$$

# %%
predicted, right = np.array([2.0, 5.0, 1.0]), np.array([2.5, 5.0, 4.0])  # (3,), (3,)
x = mt.tensor(predicted, requires_grad=True)
loss = mt.nn.functional.mse_loss(x, mt.tensor(right))
loss.backward()
print("by hand:    ", ((predicted - right) ** 2).mean(), 2 / 3 * (predicted - right))
print("the library:", loss.item(), x.grad.numpy())

# %% [markdown]
# ## How wrong is a guess among many?
#
# A language model does not predict a number. It gives a share to every class, that is to every token that could come next, and
# one of them comes. (The shares add up to 1; all of them together are a distribution over the classes, lesson 06.) What should
# it cost to have given the share $p$ to the token that came? It should cost 0 for $p = 1$, and much where $p$ is close to 0.
# And being right about two things, one after the other, should cost the *sum* of the two costs, though the two shares multiply.
# One function does that, the logarithm. It undoes $e^x$, and makes sums of products, $\ln(pq) = \ln p + \ln q$:
#
# $$\text{cost} = -\ln p$$
#
# The mean of this cost over all predictions is the **cross-entropy**. One value of it is known beforehand: a model that knows
# nothing gives each of $V$ classes the share $1/V$ and pays $\ln V$. A model with fresh random weights should pay about that;
# if it pays much more, its first weights are too large.

# %%
for share in (0.9, 1 / 2, 1 / 100, 1 / 1000):
    print(f"the share {share:5.3f} costs {-math.log(share):.2f}")

# %% [markdown]
# Could one not take the squared error of the shares instead? One can, and the model learns badly. Look at the slope in the
# score $x$ where the model is *sure and wrong*, at the left of the picture. (There are two classes only, so the share of the
# right one is $p = \frac{e^x}{e^x + e^0} = \frac{1}{1 + e^{-x}}$, and its slope is $p\,(1 - p)$, by lesson 06. The slopes of
# the squared error and of cross-entropy follow by the chain rule:)
#
# $$\left((1 - p)^2\right)' = -2\,(1 - p) \cdot p\,(1 - p), \qquad (-\ln p)' = -\frac1p \cdot p\,(1 - p) = p - 1$$

# %%
x = np.linspace(-8, 8, 201)  # the right class has the score x, the only other class the score 0
p = 1 / (1 + np.exp(-x))  # its share
names = (r"cross-entropy $-\ln p$", r"squared error $(1 - p)^2$", r"$p - 1$", r"$-2 (1 - p)^2 p$")
figures.two_losses(x, (-np.log(p), (1 - p) ** 2), (p - 1, -2 * (1 - p) ** 2 * p), names)

# %% [markdown]
# The squared error is flat there: the share is close to 0, and where a share of softmax is close to 0 or 1, its slope is close
# to 0 (lesson 06). The logarithm undoes the exponential in softmax, so the slope of cross-entropy is largest where the model is
# most wrong. Use squared errors for quantities, cross-entropy for choices.
#
# One trap: a class may get a share so small that the computer rounds it to 0, and $\ln 0 = -\infty$. Simplify the logarithm on
# paper first, then nothing can round to 0. With $m$ the largest score of the row:
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
# The gradient is surprisingly simple. For one row, with $t$ the right class, $L = -\ln p_t = -x_t + \ln \sum_j e^{x_j}$. The
# slope of $\ln z$ is $1/z$, so by the chain rule the slope of the second part in $x_i$ is $e^{x_i} / \sum_j e^{x_j}$, which is
# $p_i$. So
#
# $$\frac{\partial L}{\partial x_i} = p_i - [i = t]$$
#
# where $[i = t]$ is 1 for the right class and 0 for all others: guess minus truth. A step against the gradient raises the score
# of the right class by what its share lacks, and lowers every other score by the share that this class got. (The loss is a mean
# over $N$ rows, so in each row this is divided by $N$. It is also multiplied by the gradient $g$ that arrives at the loss.)

# %%
logits = np.array([[2.0, 1.0, 0.1, -1.0]])  # (N, V)
x = mt.tensor(logits, requires_grad=True)
mt.nn.functional.cross_entropy(x, mt.tensor([1])).backward()
p = np.exp(logits) / np.exp(logits).sum()
figures.guess_minus_truth(p[0], x.grad.numpy()[0], right=1)

# %% [markdown]
# ### Your turn: the gradient of cross-entropy

# %% exercise cross_entropy_vjp

# %% [markdown]
# ## Down the slope
#
# Think of the loss as the height of a landscape, with one direction for each weight. The gradient $g$ points straight uphill.
# Gradient descent (lesson 01) takes a step the other way, $p \leftarrow p - \eta\, g$, where $p$ is a weight and the learning
# rate $\eta$ is the length of a step.
#
# The true gradient is the mean over all the text there is: too much for one step. The gradient of a small random part, a batch,
# is right on average, and cheap. That is why the method is called **stochastic gradient descent**, SGD. One pass over all the
# text, batch by batch, is an **epoch**.
#
# **Predict, then run.** The next cell draws batches of 4, 16, 64 and 256 samples, and measures how much their mean slopes vary.
# Each size is four times the one before. Does the mean of a batch four times as large vary a quarter as much?
#
# <details><summary>Answer</summary>
#
# No, half as much. The mean of $n$ random numbers varies by their own variation divided by $\sqrt n$. Four times the work makes
# a gradient twice as exact, so large batches soon cost more than they gain.
#
# </details>

# %%
slopes = rng.normal(1.0, 2.0, 100_000)  # the slope of each sample's loss in one weight
for size in (4, 16, 64, 256):
    means = slopes[: 390 * size].reshape(390, size).mean(1)  # 390 batches
    print(f"batches of {size:3d}: the mean slope is {means.mean():.2f}, and varies by {means.std():.2f}")

# %% [markdown]
# Landscapes have valleys: steep across, nearly flat along. Gradient descent zigzags from wall to wall, and moves only slowly
# along the floor, where it should go. With longer steps the zigzag would grow at every step. **Momentum** helps: it keeps a
# velocity $v$ for each weight. In each step the velocity is multiplied by a factor $\mu$ below 1, and the gradient is added.
#
# $$v \leftarrow \mu\, v + g, \qquad p \leftarrow p - \eta\, v$$
#
# Gradients across the valley alternate in sign and cancel. Gradients along it agree and add up: to $1 + \mu + \mu^2 + \dots =
# \frac{1}{1 - \mu}$ times one of them, ten times for $\mu = 0.9$.
#
# Something about arrays. The model and the optimizer must hold *the same* array, so that the model changes when a step is
# taken: `p -= change` writes into it, `p = p - change` makes another array that the model never sees.

# %% [markdown]
# ### Your turn: SGD with momentum

# %% exercise SGD

# %% [markdown]
# ## A step size for each weight: Adam
#
# One learning rate must fit all weights. Yet the vector of a rare word gets a gradient in few of the batches, and the gradients
# of one layer may be far larger than those of another. **Adam** (Kingma and Ba, 2015) keeps two running means for *each*
# weight: $m$ of the gradient and $v$ of its square. (In this section $v$ is that mean, as in the paper, and not the velocity.)
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2$$
#
# $$p \leftarrow p - \eta\, \frac{\hat m}{\sqrt{\hat v} + \epsilon}, \qquad
# \hat m = \frac{m}{1 - \beta_1^t}, \quad \hat v = \frac{v}{1 - \beta_2^t}$$
#
# A running mean is mostly the mean so far, plus a little of the new value. Usual are $\beta_1 = 0.9$ and $\beta_2 = 0.999$:
# means over about the last $\frac{1}{1 - \beta}$ steps. $\sqrt{\hat v}$ is the typical size of this weight's gradient. So the
# fraction is about $\pm 1$ where the gradients of many steps have the same sign, and close to 0 where their signs change.
# Multiply the loss by any number, and the fraction stays the same: the learning rate now says *how far a weight moves in a
# step*.
#
# The hats correct the start. $m$ and $v$ begin at 0 and are too small at first. After $t$ steps the newest gradient counts $1 -
# \beta$, the one before it $(1 - \beta)\,\beta$, the one before that $(1 - \beta)\,\beta^2$, and so on: together $1 - \beta^t$,
# and not 1 as in a true mean. So divide by that. $\epsilon = 10^{-8}$ avoids a division by 0. Remember it; the end of this
# lesson needs it again.

# %%
steps = np.arange(1, 41)
m, means = 0.0, []
for _ in steps:
    m = 0.9 * m + (1 - 0.9) * 1.0  # the gradient is always 1
    means.append(m)
figures.running_mean(steps, np.array(means), np.array(means) / (1 - 0.9**steps))

# %% [markdown]
# ### Your turn: Adam

# %% exercise Adam

# %% [markdown]
# ## The landscape
#
# The next cell runs all three, from `mt.optim`, in a valley thirty times as steep across as along. The grey lines join places
# of the same height, as on a map; the star is the bottom. Left, the valley lies along an axis, which is a weight. Right, it is
# the same valley, turned by half a right angle. (A tensor keeps its gradient in `.grad`. `zero_grad()` removes that of the step
# before, to which the new one would be added.)
#
# **Predict, then run.** Adam divides the step of each weight by the typical size of its gradient. In which of the two valleys
# does that help?
#
# <details><summary>Answer</summary>
#
# In the left one only. There one weight has large gradients and the other small ones. In the turned valley both weights have
# gradients of the same size, so that dividing by it changes nothing.
#
# </details>


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


optimizers = {
    "SGD": lambda w: mt.optim.SGD(w, lr=0.06),
    "SGD, momentum 0.8": lambda w: mt.optim.SGD(w, lr=0.03, momentum=0.8),
    "Adam": lambda w: mt.optim.Adam(w, lr=0.3, betas=(0.8, 0.99)),
}
walks = {turned: {name: walk(make, turned) for name, make in optimizers.items()} for turned in (False, True)}
figures.valleys(height, walks)

# %% [markdown]
# SGD goes from wall to wall. Momentum goes further to the sides at first, and reaches the bottom sooner. On the left, weight 1
# has large gradients and weight 0 small ones. Adam makes the steps of both alike, and goes to the bottom almost as if there
# were no valley. On the right it runs straight across, and then moves slowly along the floor like plain SGD: Adam rescales
# weights one by one, and cannot turn the landscape. In a smooth valley such as this one momentum alone does as well.
#
# Which of them is best for a Transformer, we shall measure below.

# %% [markdown]
# ## Long and short steps: schedules
#
# Far from the bottom long steps are good, near it they only make noise. So the learning rate falls towards the end, often along
# half a cosine (Loshchilov and Hutter, 2017). At the very start it is small too: the **warm-up**. The first gradients of a
# random model are large and change quickly, and Adam's running means have seen too few of them to know their typical size.

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
figures.schedule(rates)

# %% [markdown]
# ## Steps that are too long: clipping
#
# Some places of the landscape are cliffs: one unusual batch has a huge gradient, and a single step undoes many good ones.
# **Gradient clipping** (Pascanu, Mikolov and Bengio, 2013) shortens the gradient when it is longer than a limit $c$. Read the
# gradients of *all* parameters as one long vector $g$. Its length $\lVert g \rVert$ is the root of the sum of the squares of
# all its entries:
#
# $$g \leftarrow g \cdot \min\!\left(1, \frac{c}{\lVert g \rVert}\right)$$
#
# One factor for all of them, so that the step gets shorter and keeps its direction.

# %% [markdown]
# ### Your turn: clipping

# %% exercise clip_grad_norm

# %% [markdown]
# ## All of it, on real text
#
# Every Python contains a long English text, the chapters of its own help. We take a part of it, hold its last tenth back, make
# each character a token (lesson 04), and use a Transformer of one layer (lesson 08) that may only look back (lesson 06). At
# each position it predicts the next character. The characters before that position are always those of the true text, also
# where the model would have guessed others. This is called **teacher forcing**: no position has to wait for the model's own
# answer at another one, so that one pass learns from all of them.

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
# Is a loss good or bad? Three simple guesses give us something to compare with: that every character is alike, that each is as
# *frequent* as in the text learned from, and that it depends on the character before it, by counting pairs.

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
# And here is training, with everything from above. A model has to know whether it is being trained; `model.train()` and
# `model.eval()` switch that, for a reason that comes later in this lesson.

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

figures.training(losses, held_back, levels)
print("text held back, every 50 steps:", *(f"{loss:.2f}" for _, loss in held_back))

# %% [markdown]
# The loss starts near $\ln V$, as it should for a model that knows nothing. The model first learns how frequent each character
# is, then which character follows which. In the end its loss is below that of the pairs: it uses more than one character of the
# past, which is what attention is for. On the text held back the loss falls in the same way as on the batches, so the model has
# learned something about the language, and not only this text. (It may even be lower there: some chapters are easier.)
#
# $e^{\text{loss}}$ is called the **perplexity**. A model that is undecided between $n$ equally likely characters has the
# perplexity $n$. What does our model predict after these beginnings?

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
# Three answers are right, and the last is wrong: *metho* goes on with *d*, which the model puts after other letters. What does
# the text say? Let us count what follows the last characters of *metho*, taking more and more of them:

# %%
learned = tokenizer.decode(known.tolist())
for end in ("o", "ho", "tho", "etho"):
    places = [i + len(end) for i in range(len(learned) - len(end)) if learned.startswith(end, i)]
    letters, counts = np.unique([learned[i] for i in places], return_counts=True)
    print(repr(end), "->", ", ".join(f"{str(letters[i])!r} {counts[i] / len(places):.2f}" for i in np.argsort(-counts)[:4]))

# %% [markdown]
# After *etho* the text has nothing but *d*. After *o* alone it has mostly *n* and *r*, and after *ho* also *u*. So the model
# does not yet use all four characters: its answer looks like a mixture of what follows the shorter ends. So few steps were
# enough for *function*, and not yet for *method*.
#
# ## Which optimizer, and which learning rate?
#
# We train a smaller model for fewer steps, so that it takes little time, with each optimizer and three learning rates. For each
# we measure the loss on the text held back.

# %%
def loss_after(make, steps=120):
    """The loss on the text held back of a smaller model, after a short training."""
    mt.manual_seed(0)
    small = LanguageModel(LanguageModelConfig(V, d_model=32, nhead=4, num_layers=1, dim_feedforward=128, dropout=0.0, max_len=64))
    chosen, draw = make(small.parameters()), np.random.default_rng(0)
    warm = mt.optim.lr_scheduler.LinearLR(chosen, 0.01, 1.0, total_iters=12)
    for _ in range(steps):
        cost = loss_of(small, windows(known, draw.integers(0, len(known) - T, 16)))
        chosen.zero_grad()
        cost.backward()
        mt.nn.utils.clip_grad_norm_(small.parameters(), 1.0)
        chosen.step()
        warm.step()
    with mt.no_grad():
        return loss_of(small.eval(), test).item()


tried = {
    "SGD": ((0.3, 1, 3), lambda w, lr: mt.optim.SGD(w, lr)),
    "SGD, momentum 0.9": ((0.1, 0.3, 1), lambda w, lr: mt.optim.SGD(w, lr, momentum=0.9)),
    "Adam": ((0.001, 0.01, 0.03), lambda w, lr: mt.optim.Adam(w, lr)),
}
for name, (tried_rates, make) in tried.items():
    found = (f"{lr:g}: {loss_after(lambda w, make=make, lr=lr: make(w, lr)):.2f}" for lr in tried_rates)
    print(f"{name:18} learning rate: loss  {',  '.join(found)}")

# %% [markdown]
# For each optimizer the best of its three learning rates gives nearly the same loss, and a bad one costs more than a worse
# optimizer. Each optimizer needs its own: for Adam, the learning rates are small, since they say how far a weight moves. So
# choose the learning rate first, by trying a few, each about three times the one before. (In the longer training of the larger
# model above Adam gets lower than the other two, as it mostly does with Transformers. Try it.)

#
# How to make whole texts out of that is the next lesson. The library's `minitransformer.training.Trainer` is this loop with
# what long runs need besides: checkpoints, stopping and going on at any step, and an alarm when a loss is no longer a number.

# %% [markdown]
# ## Learning by heart
#
# The model above read hardly any text twice. What if there is little text, and a model reads it again and again? We take 800
# short reviews that come with the library, each of which praises or complains. A small Transformer reads one, word by word, and
# gives two logits, one for each label. It learns from half of the reviews, and the other half is held back. To make more of the
# data, we do this twice, the second time with the halves exchanged, and take the means of both.

# %%
from minitransformer.data.reviews import load_reviews
from minitransformer.models import ClassifierConfig, SequenceClassifier
from minitransformer.tokenization import WordTokenizer

reviews = load_reviews()[:800]
halves = np.random.default_rng(0).permutation(800).reshape(2, 400)  # numbers of reviews


def as_arrays(words, numbers):
    """The ids of some reviews, with zeros after the last word, and their labels. (N,) -> (N, T), (N,)"""
    rows = [words.encode(reviews[i].text) for i in numbers]
    ids = np.zeros((len(rows), max(map(len, rows))), int)
    for place, row in zip(ids, rows, strict=True):
        place[: len(row)] = row
    return ids, np.array([reviews[i].label for i in numbers])


def judged(classifier, ids, labels):
    """Loss and accuracy: the share of labels that got the larger logit."""
    with mt.no_grad():
        logits = classifier.eval()(mt.tensor(ids)).numpy()  # (N, 2)
    loss = mt.nn.functional.cross_entropy(mt.tensor(logits), mt.tensor(labels)).item()
    return loss, (logits.argmax(1) == labels).mean()


# %% [markdown]
# Training is as above, with a fixed learning rate. The arguments `dropout`, `weight_decay` and `change` come later.

# %%
def trained_on(half, dropout=0.0, weight_decay=0.0, change=None):
    """200 steps. Every ten: the loss on this half of the reviews, the loss on the other half, the accuracy there. -> (21, 3)"""
    mt.manual_seed(0)
    draw = np.random.default_rng(0)
    words = WordTokenizer.train([reviews[i].text for i in halves[half]])
    (ids, labels), others = (as_arrays(words, halves[h]) for h in (half, 1 - half))
    classifier = SequenceClassifier(ClassifierConfig(words.vocab_size, 2, 16, 4, 1, 32, dropout))
    adam = mt.optim.AdamW(classifier.parameters(), lr=3e-3, weight_decay=weight_decay)
    curve = []
    for step in range(201):
        if step % 10 == 0:
            curve.append((judged(classifier, ids, labels)[0], *judged(classifier, *others)))
        chosen = draw.integers(0, len(ids), 32)
        batch = change(ids[chosen], draw) if change else ids[chosen]
        adam.zero_grad()
        mt.nn.functional.cross_entropy(classifier.train()(mt.tensor(batch)), mt.tensor(labels[chosen])).backward()
        adam.step()
    return np.array(curve)


def on_both_halves(name, **remedy):
    """The mean of both trainings, kept in `curves`."""
    curves[name] = np.mean([trained_on(half, **remedy) for half in (0, 1)], axis=0)
    _, loss, accuracy = curves[name][-1]
    print(f"{name}: loss {loss:.2f} and accuracy {accuracy:.1%} on reviews held back, after 200 steps")


curves, at_steps = {}, np.arange(0, 201, 10)

# %% [markdown]
# **Predict, then run.** 200 batches of 32 reviews are 16 epochs of 400 reviews. The loss on the reviews trained on will fall.
# What will the loss on the other reviews do?
#
# <details><summary>Answer</summary>
#
# It falls at first, while the model learns which words praise. Then it rises, and in the end it is higher than at the start:
# the model has learned each review by heart, and is very sure of what it says of others, also where it is wrong.
#
# </details>

# %%
on_both_halves("no remedy")
figures.by_heart(at_steps, curves["no remedy"])
lowest = curves["no remedy"][:, 1].argmin()
for step in (0, at_steps[lowest], 200):
    own, other, accuracy = curves["no remedy"][step // 10]
    print(f"step {step:3d}: loss {own:.3f} on the reviews trained on, {other:.3f} on the others; accuracy {accuracy:.1%}")

# %% [markdown]
# This is **overfitting**: the loss falls on what the model is trained on, and rises on what it is not. So always hold something
# back, never train on it, and measure there too. The field calls it the **validation set** if one makes decisions by it, such
# as when to stop. (What one reports in the end is measured on a third part, the test set, by which nothing was decided.)
#
# The accuracy does not fall here, although the loss rises: the label with the larger share remains the same, but the shares of
# the model's wrong answers get closer and closer to 1, and each of them costs more. Such a model is often right, but its shares
# do not show how often.
#
# ### Early stopping
#
# **Early stopping** means: measure the loss on the validation set from time to time, keep the weights with which it was lowest,
# and stop when it has not become lower for a while. In the left picture that is the triangle. It costs nothing. But look at the
# accuracy there: it is still lower than at the end. The best step depends on the number that one cares about.
#
# ### Weight decay
#
# A model that is very sure has large weights. **Weight decay** makes every weight a little smaller in each step, by a factor
# close to 1, so that only those stay large that the gradients enlarge again and again. With plain SGD this is the same as
# adding $\frac{\lambda}{2} \sum p^2$ to the loss, whose gradient is $\lambda p$ (*L2 regularization*). With Adam it is not:
# there this part would be divided by $\sqrt{\hat v}$ as well, so that the weights with large gradients would hardly decay.
# Loshchilov and Hutter (2019) therefore leave the gradient as it is, and make the weight smaller beside it. This is **AdamW**,
# with which most Transformers are trained:
#
# $$p \leftarrow p - \eta \lambda\, p, \qquad \text{then} \qquad p \leftarrow p - \eta\, \frac{\hat m}{\sqrt{\hat v} + \epsilon}$$

# %%
on_both_halves("weight decay", weight_decay=3.0)

# %% [markdown]
# Here $\eta \lambda = 0.003 \cdot 3 = 0.009$, so each weight loses about one hundredth of itself in each step. That is a lot:
# for large models $\lambda$ is usually some hundredths.
#
# ### Your turn: AdamW

# %% exercise AdamW

# %% [markdown]
# ### Dropout
#
# **Dropout** (Srivastava and others, 2014) sets each number inside the model to 0 with probability $p$, drawn anew in every
# training step, so that no number can rely on a single other one. What is left is divided by $1 - p$:
#
# $$y_i = \frac{b_i}{1 - p}\, x_i, \qquad b_i = 0 \text{ with probability } p, \text{ else } 1$$
#
# so that the mean of $y_i$ is $x_i$. When the model is used, nothing is set to 0. So a layer has to know which of the two it is
# doing: `model.train()` and `model.eval()` switch it. To forget `eval()` is a common mistake: the model then answers worse, and
# differently each time.

# %%
mt.manual_seed(0)
layer, ones = mt.nn.Dropout(0.25), mt.ones(40_000)
print("training:", layer.train()(ones).numpy()[:8].round(2), " mean", round(layer(ones).mean().item(), 2))
print("in use:  ", layer.eval()(ones).numpy()[:8])
on_both_halves("dropout", dropout=0.3)

# %% [markdown]
# Dropout does not help this small model: the loss on the reviews held back is even higher, and the accuracy is about the same.
# A likely reason: a word's vector has 16 numbers, and from those that are left one still sees which word it is. In large models
# dropout did help, and *Attention is all you need* uses $p = 0.1$. (The article's listing sets `dropout=0.5`, half of
# everything.) Where the text is so large that no piece of it is read many times, it is left out. A remedy has to be measured.
#
# ### More data from the same data
#
# The best remedy is more data. **Data augmentation** makes some from what there is: change each sample so that its label should
# stay the same. The mirror image of a picture of a cat still shows a cat. For text it is harder, since a single word can
# decide. Wei and Zou (2019, *EDA*) delete random words, exchange two words, insert words, and replace words by synonyms. *Word
# dropout* replaces random words by the token for an unknown word. Three of these need only a few lines:

# %%
def hide(ids, draw):
    """Word dropout: 40 % of the words become unknown (id 1). (B, T) -> (B, T)"""
    return np.where((ids > 0) & (draw.random(ids.shape) < 0.4), 1, ids)


def delete(ids, draw):
    """30 % of the words are deleted, and the rest moves to the left; the first word stays. (B, T) -> (B, T)"""
    stays = (ids > 0) & (draw.random(ids.shape) > 0.3)
    stays[:, 0] = True
    order = np.argsort(~stays, axis=1, kind="stable")
    return np.take_along_axis(np.where(stays, ids, 0), order, axis=1)


def swap(ids, draw):
    """Two random words of each review are exchanged. (B, T) -> (B, T)"""
    ids, rows, words = ids.copy(), np.arange(len(ids)), (ids > 0).sum(1)
    a, b = (draw.integers(0, words) for _ in range(2))  # (B,)
    ids[rows, a], ids[rows, b] = ids[rows, b], ids[rows, a]
    return ids


for name, change in {"words hidden": hide, "words deleted": delete, "two words exchanged": swap}.items():
    on_both_halves(name, change=change)

# %%
on_both_halves("words hidden, and weight decay", change=hide, weight_decay=3.0)
figures.remedies(at_steps, curves)
print("                                lowest loss   at the end   accuracy, both on reviews held back")
for name, curve in curves.items():
    print(f"{name:32}{curve[:, 1].min():8.2f}{curve[-1, 1]:14.2f}{curve[-1, 2]:13.1%}")
print(f"one standard error of such an accuracy, of 800 reviews: {math.sqrt(0.73 * 0.27 / 800):.1%}")

# %% [markdown]
# What do we see? Hidden words and weight decay help most: with each of them the loss at the end is far lower than without, and
# with both it hardly rises. Deleted and exchanged words do not help here, and dropout does not either. The accuracies differ by
# little more than one or two standard errors, so they do not tell which remedy is better (except that deleting words made this
# model worse); the losses do. In Wei and Zou's own experiments augmentation helped most where there were few samples.

# %% [markdown]
# ## A riddle: the bias of the keys
#
# When you train the same attention layer here and in PyTorch and compare the weights, all agree, except a few: the bias that is
# added to all *keys*. Neither library has an error. Look at what that bias, $b$, does to the scores of a query $q$:
#
# $$q \cdot (k_j + b) = q \cdot k_j + q \cdot b$$
#
# The second part is the same for every key $j$, and softmax does not notice when all scores rise by the same amount (lesson
# 06). So this bias does nothing, for any input, and its gradient is 0: on paper. The computer adds thousands of rounded numbers
# that should cancel, and a tiny rest of rounding noise is left. SGD multiplies it by the learning rate, and nothing moves. But
# Adam divides it *by its own size*:

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

figures.moved(moved)

# %% [markdown]
# With $\epsilon = 10^{-8}$ the noise gives only small parts of a full step, and still moves the bias far more than SGD does.
# With a smaller $\epsilon$, or a larger loss, the bias moves like any other weight, but at random. That does no harm, as this
# bias has no effect. But it shows something about Adam: it cannot distinguish a small gradient from noise, and $\epsilon$ is
# the size below which it should not try. And it shows how to compare training runs: by their losses, not weight by weight.

# %% [markdown]
# ## The same in the library, and against PyTorch
#
# `minitransformer/ops/networks/loss.py` and `minitransformer/optim` are your exercises for tensors. Finite differences first, then
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


def compare():
    """The loss, its gradient, and the weights after ten steps, here and in PyTorch."""
    import torch

    ours = lambda x: mt.nn.functional.cross_entropy(x, mt.tensor(targets))  # noqa: E731
    theirs = lambda x: torch.nn.functional.cross_entropy(x, torch.tensor(targets))  # noqa: E731
    differences = mt.compare_with_torch(ours, theirs, [guess[0].numpy()])
    lines = [f"cross-entropy: largest difference {differences['value']:.0e}, of its gradient {differences['gradient']:.0e}"]
    draw = np.random.default_rng(1)
    start, gradients = draw.normal(size=5), draw.normal(size=(10, 5))
    for name, make in {
        "SGD": lambda optim, w: optim.SGD(w, lr=0.1, momentum=0.9),
        "Adam": lambda optim, w: optim.Adam(w, lr=0.1),
        "AdamW": lambda optim, w: optim.AdamW(w, lr=0.1, weight_decay=0.5),
    }.items():
        ours, theirs = (ten_steps(library, make, start, gradients) for library in (mt, torch))
        lines.append(f"{name}: largest difference after ten steps {abs(ours - theirs).max():.0e}")
    return "\n".join(lines)


beside_pytorch(
    compare,
    shipped="""cross-entropy: largest difference 0e+00, of its gradient 1e-16
SGD: largest difference after ten steps 1e-16
Adam: largest difference after ten steps 2e-16
AdamW: largest difference after ten steps 2e-16""",
)

# %% [markdown]
# And the riddle: the same attention layer, begun alike and trained by Adam in both libraries.

# %%
def compare_biases():
    """Whether the biases of queries, keys and values agree after 100 steps of Adam."""
    import torch

    mt.manual_seed(0)
    ours, theirs = (library.nn.MultiheadAttention(16, 2, batch_first=True) for library in (mt, torch))
    theirs.load_state_dict({name: torch.tensor(p.numpy()) for name, p in ours.state_dict().items()})
    data = [mt.randn(8, 10, 16).numpy() for _ in range(2)]
    for library, trained in ((mt, ours), (torch, theirs)):
        x, wanted = map(library.tensor, data)
        adam = library.optim.Adam(trained.parameters(), lr=0.01)
        for _ in range(100):
            adam.zero_grad()
            library.nn.functional.mse_loss(trained(x, x, x, need_weights=False)[0], wanted).backward()
            adam.step()
    pairs = zip(*(trained.in_proj_bias.detach().numpy().reshape(3, -1) for trained in (ours, theirs)), strict=True)
    return "\n".join(
        f"bias of the {name}: {'equal' if abs(a - b).max() < 0.001 else 'not equal'} to three digits"
        for name, (a, b) in zip(("queries", "keys", "values"), pairs, strict=True)
    )


beside_pytorch(
    compare_biases,
    shipped="""bias of the queries: equal to three digits
bias of the keys: not equal to three digits
bias of the values: equal to three digits""",
)

# %% [markdown]
# ## Summary
#
# - The loss says in one number how wrong a model is: squared errors for quantities, $-\ln p$ of what came for choices.
# - The gradient of cross-entropy in the scores is guess minus truth. A model that knows nothing pays $\ln V$.
# - Momentum adds up gradients that agree and cancels those that do not. Adam also divides each weight's step by the typical size of
#   its gradient. The learning rate matters most.
# - Warm up, then let the learning rate fall. Clip all gradients by one factor.
# - Hold something back, measure there, in `eval()`. When the loss there rises, the model learns by heart: stop, let the weights
#   decay, use dropout, vary the samples, and measure which of these helps.
# - A weight whose true gradient is 0 still gets rounding noise, and Adam makes steps of it.
#
# ## Harder, if you like
#
# These are not judged.
#
# - Nesterov's momentum steps by $g + \mu v$ instead of $v$. Add it to `walk`, or to your `SGD`. Does it swing less?
# - Train the language model with the three optimizers for 300 steps, each with several learning rates. Then train it until it ends
#   *metho* with *d*. Which loss does it have then?
# - Replace some words of a review by other words that stand in the same lists of praise and complaint, which you write. Do
#   synonyms help more than hidden words?

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | cross-entropy | the mean of $-\ln p$, where $p$ is the share of the class that came; from logits | `nn.CrossEntropyLoss` |
# | stochastic gradient descent | steps against the gradient of a small random part of the data, a batch | `optim.SGD` |
# | epoch | one pass over all the data | |
# | momentum | a velocity that adds up the gradients of many steps and forgets them slowly | `optim.SGD(momentum=...)` |
# | Adam | a step size for each weight: the mean gradient, divided by the root of the mean square | `optim.Adam` |
# | gradient clipping | shortening the gradient of all parameters, as one vector, to a limit | `nn.utils.clip_grad_norm_` |
# | teacher forcing | in training, what stands before a position is the true text | |
# | perplexity | $e^{\text{loss}}$: among how many equally likely tokens the model is undecided | |
# | overfitting | the loss falls on what is trained on and rises on what is held back: *learning by heart* | |
# | validation set | what is held back, and decides when to stop or which setting to take | |
# | early stopping | keeping the weights with the lowest loss on the validation set | |
# | weight decay | making each weight a little smaller in each step | `optim.AdamW(weight_decay=...)` |
# | AdamW | Adam with a weight decay that is not part of the gradient | `optim.AdamW` |
# | dropout | random numbers inside the model become 0 in training | `nn.Dropout` |
# | data augmentation | more samples by changes that keep the label | |

# %% [markdown]
# **Further reading.** Kingma and Ba, *Adam: a method for stochastic optimization*, ICLR 2015. Sutskever, Martens, Dahl and
# Hinton, *On the importance of initialization and momentum in deep learning*, ICML 2013. Pascanu, Mikolov and Bengio, *On the
# difficulty of training recurrent neural networks*, ICML 2013, for clipping. Srivastava, Hinton, Krizhevsky, Sutskever and
# Salakhutdinov, *Dropout: a simple way to prevent neural networks from overfitting*, Journal of Machine Learning Research 15
# (2014). Loshchilov and Hutter, *SGDR: stochastic gradient descent with warm restarts*, ICLR 2017, for the cosine, and
# *Decoupled weight decay regularization*, ICLR 2019, for AdamW. Wei and Zou, *EDA: easy data augmentation techniques for
# boosting performance on text classification tasks*, EMNLP 2019.
#
# **Next:** 10, from the shares of the next token to whole texts.
