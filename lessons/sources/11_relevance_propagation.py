# %% [markdown]
# # 11 Layer-wise relevance propagation
#
# After this lesson you can say why a gradient does not tell what an answer is made of, share out an output among the inputs
# layer by layer, right through attention and LayerNorm, and keep a ledger in which nothing goes missing. Then you will ask
# a classifier that you have just trained which words made it say no.
#
# *About 140 minutes with the exercises. Builds on lessons 01 (walking back), 06 (softmax attention), 08 (the Transformer
# encoder) and 09 (learning).*

# %% [markdown]
# ## Why
#
# A model reads "the lectures are confusing, the slides are full of mistakes" and says: a bad review, by a margin of 3. Which
# words made it say so? If it was *confusing* and *mistakes*, we begin to trust it. If it was *slides*, then it has learned
# that people who mention slides complain, and it will fail us on a good course.
#
# So we want to take the number 3 apart: so much of it comes from *confusing*, so much from *slides*, some of it perhaps speaks
# against. The parts should add up to the whole, else we do not know what we have. Such parts are called **relevance**, and
# this is a question about accounts, not about slopes.

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.colors import LinearSegmentedColormap

import minitransformer as mt
from minitransformer import explain
from minitransformer.course import check, hint, saved, solution

BLUE, ORANGE, GREY = "#2166AC", "#E66101", "#777777"  # against, for: told apart by every kind of eye
SIGNED = LinearSegmentedColormap.from_list("against and for", [BLUE, "white", ORANGE])
rng = np.random.default_rng(0)
mt.manual_seed(0)

# %% [markdown]
# ## Gradients answer another question
#
# A gradient says *what would happen if* an input moved a little. Slope times input, $x_i\,\partial y / \partial x_i$, looks like
# a contribution, and for a plain weighted sum it is one. Let us see whether the parts add up to $y$ for the operations that
# a Transformer is made of.


# %%
def gradient_times_input(f, x):
    """y = f(x), and x times its slope, for an array x."""
    t = mt.tensor(x, dtype=mt.float64, requires_grad=True)
    y = f(t)
    y.backward()
    return y.item(), x * t.grad.numpy()


w = mt.tensor([1.0, 0.5, -2.0, 1.0], dtype=mt.float64)
cases = {
    "weighted sum": (lambda t: (t * w).sum(), np.array([1.0, 2.0, -0.5, 1.0])),
    "tanh": (lambda t: t.sum().tanh(), np.array([2.0, 1.0])),
    "product": (lambda t: t[0] * t[1], np.array([2.0, 1.5])),
    "LayerNorm, then a sum": (
        lambda t: (mt.nn.functional.layer_norm(t, (4,)) * w).sum(),
        np.array([1.0, 2.0, -0.5, 1.0]),
    ),
}
figure, axis = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
for i, (name, (f, x)) in enumerate(cases.items()):
    y, parts = gradient_times_input(f, x)
    print(f"{name:<22} y = {y:6.3f}   the parts add up to {parts.sum():6.3f}")
    axis.bar([i - 0.2], [y], 0.38, color=GREY, label="" if i else "the output y")
    axis.bar([i + 0.2], [parts.sum()], 0.38, color=BLUE, label="" if i else "sum of gradient x input")
axis.set_xticks(range(len(cases)), cases)
axis.axhline(0, color="black", lw=0.8)
axis.legend(frameon=False)
axis.set_title("the same only for the weighted sum")
plt.show()

# %% [markdown]
# - **tanh** is *saturated* at 3: it is nearly 1 there, and moving its input changes nothing. The slope is about 0, so nobody
#   gets anything, though the output is large and somebody has made it so.
# - In a **product** each factor is counted for the whole: 3 and 3 make 6, where only 3 came out.
# - **LayerNorm** divides by the spread $\sigma$. Make all inputs larger by 1 % and nothing changes, so slope times input adds
#   up to *nothing*, whatever comes out.
#
# A Transformer is made of exactly these. Its gradients are right, they just do not add up. **Layer-wise relevance propagation**
# (LRP; Bach et al., 2015) walks the same tape back (lesson 01), but at every operation it asks another question: *how shall the
# relevance of what came out be shared among what went in?* Each kind of operation gets a rule, and each rule must be fair in
# one respect:
#
# $$\sum_i R_i \;+\; \text{what stays behind} \;=\; \sum_j R_j \qquad\text{(conservation)}$$
#
# $R_j$ is the relevance of what came out, $R_i$ that of what went in. The walk begins at the number to be explained, whose
# relevance is its own value. At the end of the walk back, the relevance of a word is the sum over the numbers in its
# embedding.

# %% [markdown]
# ## The linear layer: share by what you added
#
# One output of a linear layer is a sum, $z_j = \sum_i x_i w_{ji} + b_j$, where $w_{ji}$ leads from input $i$ to output $j$.
# Who added much gets much:
#
# $$R_i = \sum_j \frac{x_i\,w_{ji}}{z_j}\,R_j$$
#
# Each $z_j$ is shared out among the terms *of its own sum*. Then an input collects from all the outputs that it went into. By
# hand, for two inputs and one output:

# %%
x, weight, bias = np.array([2.0, 1.0]), np.array([3.0, -2.0]), 1.0
terms = x * weight  # (2,)
z = terms.sum() + bias
print("terms", terms, "and the bias", bias, "make z =", z)
print("relevance of x, if z has relevance 10:", terms / z * 10, "and the bias keeps", bias / z * 10)

# %% [markdown]
# 12 - 4 + 2 = 10. The second input gets *negative* relevance: it spoke against. And there is a part that no input gets. The
# bias was added whatever the input, so what it added stays behind. It is a **sink**. Sinks are no flaw, as long as we
# write down what is in them.
#
# **The article** that this course grew from gives this rule as $R_i = \sum_j \frac{z_{ij}}{\sum_k z_{kj}} R_j$ and calls $z_{ij}$
# "the weights and biases" of the layer. That is a slip. $z_{ij}$ is the *activation times the weight*, $x_i w_{ji}$. The weights
# alone are the same for all texts, so all texts would get the same explanation:

# %%
W = rng.normal(size=(3, 4))  # (n_out, n_in)
texts = {"one input": np.array([1.0, 0.2, 0.0, 2.0]), "another": np.array([0.0, 1.5, 1.0, 0.1])}
for name, text in texts.items():
    r_out = np.array([1.0, 0.0, 0.0])  # explain output 0, with one unit of relevance
    weights_only = (W / W.sum(1, keepdims=True)).T @ r_out
    products = (text * W / (W @ text)[:, None]).T @ r_out
    print(f"{name:<10} weights only {weights_only.round(2)}   activation x weight {products.round(2)}")

# %% [markdown]
# (In the first row the third input is 0. It added nothing, and gets nothing; by weights alone it gets a share all the same.)
# Two smaller things: the sum in the denominator runs over the inputs $k$ of *one* output $j$, and the bias belongs in it. And
# where a model has several outputs, one starts with the one score that is to be explained, all others being zero.

# %% [markdown]
# ## The stabiliser
#
# $z_j$ can be small although its terms are large, as 5 - 4.9999 is. Then $1 / z_j$ is huge, and so are all shares. The cure is a
# small number $\varepsilon$ that moves $z_j$ away from zero:
#
# $$S(z) = z + \varepsilon\,\mathrm{sign}(z), \qquad \mathrm{sign}(0) = +1, \qquad R_i = \sum_j \frac{x_i\,w_{ji}}{S(z_j)}\,R_j$$
#
# This is the **epsilon rule**. The sign matters: just adding $\varepsilon$ to a small *negative* $z$ moves it towards zero, or
# past it, and the relevance turns round. The picture shows it for $\varepsilon = 0.1$.

# %%
zs = np.linspace(-0.4, 0.4, 401)
signed = zs + 0.1 * np.where(zs < 0, -1, 1)
figure, axes = plt.subplots(1, 2, figsize=(8, 2.7), layout="constrained", sharey=True)
titles = "z + eps sign(z): never above 1 / eps", "z + eps: the trouble has moved"
for axis, stable, title in zip(axes, (signed, zs + 0.1), titles, strict=True):
    for side in (zs < -1e-9, zs > 1e-9):
        axis.plot(zs[side], 1 / zs[side], color=GREY, lw=1)
    for side in (stable < -1e-9, stable > 1e-9):
        axis.plot(zs[side], 1 / stable[side], color=ORANGE, lw=2)
    axis.set(ylim=(-40, 40), xlabel="z", title=title)
axes[0].set_ylabel("1 / z (grey), 1 / S(z)")
plt.show()

# %% [markdown]
# It has a price. Of every $z_j$ the stabiliser takes a share for itself, $\varepsilon\,\mathrm{sign}(z_j) / S(z_j)$. So there
# are two sinks, and each has its own formula:
#
# $$\text{bias: } \sum_j \frac{b_j}{S(z_j)} R_j \qquad\qquad \text{epsilon: } \sum_j \frac{S(z_j) - z_j}{S(z_j)} R_j$$
#
# With $\varepsilon = 10^{-6}$ the second is next to nothing, and we shall see that it is.

# %% [markdown]
# ### Your turn: the stabiliser, and the epsilon rule

# %% exercise stabilised

# %% exercise epsilon_rule

# %% [markdown]
# ## Through layers
#
# Between linear layers stand activations such as $\max(0, z)$. One number goes in, one comes out, and there is nothing to share:
# the relevance passes through as it is. That is also the answer to the saturated tanh: its input gets all of it. (A unit that
# $\max(0, z)$ has set to 0 added nothing to any sum after it, so no relevance reaches it in the first place.)
#
# Here is relevance on its way through a small network: three inputs, layers of four and two units, one output. The number in a
# circle is its relevance. The thickness of a line is the amount that is handed along it, orange for the explained output and
# blue against it.

# %%
sizes = (3, 4, 2, 1)
layers = [(rng.normal(size=(m, n)), 0.1 * rng.normal(size=m)) for n, m in zip(sizes, sizes[1:], strict=False)]
values, sums = [np.array([1.0, 0.5, -1.0])], []
for i, (weight, bias) in enumerate(layers):
    sums.append(weight @ values[-1] + bias)
    values.append(np.maximum(sums[-1], 0) if i + 1 < len(layers) else sums[-1])

figure, axis = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
r = values[-1]
levels, kept = [r], []
for i in reversed(range(len(layers))):
    messages = values[i] * layers[i][0] * (r / sums[i])[:, None]  # (n_out, n_in): what j hands to i
    for (j, k), amount in np.ndenumerate(messages):
        ends = [i, i + 1], [k - (sizes[i] - 1) / 2, j - (sizes[i + 1] - 1) / 2]
        colour, width = (ORANGE if amount > 0 else BLUE), 8 * abs(amount / values[-1][0])
        axis.plot(*ends, color=colour, lw=width, alpha=0.6, solid_capstyle="butt")
    kept.append((layers[i][1] / sums[i] * r).sum())  # what the biases of this layer keep
    r = messages.sum(0)
    levels.insert(0, r)
for i, level in enumerate(levels):
    for k, amount in enumerate(level):
        y = k - (sizes[i] - 1) / 2
        axis.plot(i, y, "o", ms=26, mfc="white", mec=GREY)
        axis.text(i, y, f"{amount:.2f}", ha="center", va="center", fontsize=8)
    axis.text(i, 2.0, f"sum {level.sum():.2f}", ha="center", color=GREY)
axis.set(xlim=(-0.3, 3.3), ylim=(-1.9, 2.3))
axis.set_title("relevance, from the output (right) to the inputs (left); the sums differ by the biases")
axis.axis("off")
plt.show()
print("sums, from right to left:     ", *(f"{level.sum():7.4f}" for level in reversed(levels)))
print("kept by the biases in between:", *(f"{amount:7.4f}" for amount in kept))

# %% [markdown]
# ## The ledger
#
# The sums in the picture are not equal, and now we can say why: every layer's biases keep a part. Here these parts are negative:
# the biases spoke against the output, so what goes on to the inputs is *more* than the output. Each sum is the next one to the
# left plus what the biases between them keep. A **ledger** writes it all down, as a bookkeeper would:
#
# $$\text{output} = \text{inputs} + \text{bias} + \text{epsilon}$$
#
# where *inputs* is the sum of what the inputs got, and *bias* and *epsilon* are the sinks of all layers together.
#
# The rule of good bookkeeping: each entry is computed by its own formula, and none as "the rest". Then the sum is a *proof*. If
# it does not close, some rule is wrong. If "the rest" went to the bias, every mistake would hide there.
#
# ### Your turn: explain a network, and keep its ledger

# %% exercise explain_mlp

# %% [markdown]
# ## The product of two
#
# In $y = a \cdot b$, who made the 6 of $2 \cdot 3$? Without $a$ it would be 0, and without $b$ too. There is no reason to
# prefer one, so each gets half. A matrix product is a sum of products, $O_{ij} = \sum_k A_{ik} B_{kj}$. So share $R_{ij}$
# out by terms as before, $\frac{A_{ik} B_{kj}}{O_{ij}} R_{ij}$, and then halve each term's part. What $A_{ik}$ gets from all
# the terms it stands in is $A_{ik} \sum_j \frac{R_{ij}}{2\,O_{ij}} B_{kj}$, and for all of $A$ and $B$ at once that is
#
# $$R_A = A * \Big(\frac{R}{S(2\,O)}\,B^\top\Big), \qquad R_B = B * \Big(A^\top \frac{R}{S(2\,O)}\Big)$$
#
# with $*$ for element by element, as the fraction is too. This holds where *both* sides depend on the words: queries with keys,
# and shares with values. A weight matrix does not depend on the words, so there the input gets all of it. That was the epsilon
# rule. In recurrent networks one side of a product is often a gate: a sigmoid, which says how much of the other side may pass.
# There all relevance may go to the other side, the signal (Arras et al., 2017); in the library this is the rule
# `explain.SignalTakesAll`.

# %%
print("a = 2, b = 3, R = 6: halves", 2 * (6 / (2 * 6)) * 3, "and", 3 * 2 * (6 / (2 * 6)))

# %% [markdown]
# ### Your turn: the rule of a product

# %% exercise matmul_rule

# %% [markdown]
# ## Softmax
#
# Softmax is no sum of its inputs, so there are no terms to share by. Two ways out have been proposed.
#
# **CP-LRP** (Ali et al., 2022) does not go there. It takes the attention shares (the *attention weights*) for *constants*: all
# the relevance goes through the values, and none to queries and keys. It is simple, it conserves, and it is blind to *why* a
# word was looked at.
#
# **AttnLRP** (Achtibat et al., 2024) replaces softmax near the point $x$ by its tangent, and a tangent *is* a sum: slopes times
# inputs, and a constant that makes it touch the curve. The slopes are known from lesson 06,
# $\partial s_i/\partial x_j = s_i(\delta_{ij} - s_j)$ (where $\delta_{ij}$ is 1 for $i = j$ and else 0). Slopes times inputs
# are together $\sum_j s_i (\delta_{ij} - s_j)\, x_j = s_i (x_i - \sum_k s_k x_k)$, and the constant is what $s_i$ has beyond
# that:
#
# $$s_i = \sum_j s_i (\delta_{ij} - s_j)\, x_j + c_i, \qquad c_i = s_i \Big(1 - x_i + \sum_k s_k x_k\Big).$$
#
# Now share the relevance of each $s_i$, call it $r_i$, by these terms, as in a linear layer whose bias is $c_i$. Each term is
# divided by $s_i$, which cancels, so this needs no stabiliser. Score $x_j$ gets $x_j (\delta_{ij} - s_j)\, r_i$ of share $i$,
# and from all shares together
#
# $$R_j = x_j \Big(r_j - s_j \sum_k r_k\Big), \qquad \text{kept: } \sum_i \frac{c_i}{s_i} r_i
# = \sum_i r_i \Big(1 - x_i + \sum_k s_k x_k\Big).$$
#
# For scores of zero the tangent has *nothing but* its constant: the shares are
# equal whatever the words, and no score is to be thanked for that.

# %%
xs = np.linspace(-4, 4, 200)
share_of = lambda score: 1 / (1 + np.exp(1.0 - score))  # softmax of (score, 1): the first share  # noqa: E731
x0 = 2.0
s0 = share_of(x0)
slope = s0 * (1 - s0)
figure, axis = plt.subplots(figsize=(5.6, 3), layout="constrained")
axis.plot(xs, share_of(xs), color=GREY, label="share s, the other score being 1")
axis.plot(xs, s0 + slope * (xs - x0), color=ORANGE, ls="--", label=f"its tangent at x = {x0:g}")
axis.plot(x0, s0, "o", color=ORANGE)
axis.annotate("", (0, s0 - slope * x0), (0, 0), arrowprops={"arrowstyle": "<->", "color": BLUE})
axis.text(0.15, 0.1, "the rest: the other\nscore and the constant", color=BLUE, va="center", fontsize=9)
axis.annotate("", (x0, s0), (x0, s0 - slope * x0), arrowprops={"arrowstyle": "<->", "color": ORANGE})
axis.text(x0 + 0.15, s0 - slope * x0 / 2, "slope times x", color=ORANGE, va="center", fontsize=9)
axis.set(xlabel="score x", ylim=(-0.15, 1.15))
axis.legend(frameon=False, loc="upper left", fontsize=9)
plt.show()
other = -s0 * (1 - s0) * 1.0  # slope times the other score, which is 1
constant = s0 * (1 - x0 + s0 * x0 + (1 - s0) * 1.0)  # c of the formula
print(f"share {s0:.3f} = this score {slope * x0:.3f} + other score {other:.3f} + constant {constant:.3f}")
print(f"the rest: {s0 - slope * x0:.3f} = {other:.3f} + {constant:.3f}")

# %% [markdown]
# (Two scores, of which one is held at 1. The share at $x = 2$ is the height of the dot. The orange part goes to this score. The
# blue part is the rest: what the other score gets, which is negative, and the constant $c$, which is therefore larger than the
# blue part.) So AttnLRP does *not* hand everything on to the words, by design. What stays at softmax is often
# as large as what the words get. A method that hides this is easy to misread; a ledger cannot hide it. It has a row for it.
#
# Masked scores are $-\infty$, and $0 \cdot \infty$ is no number. Such a place does not exist, so its score counts as 0.
#
# ### Your turn: the rule of softmax

# %% exercise softmax_rule

# %% [markdown]
# ## LayerNorm
#
# $z_j = g_j\,(x_j - \text{mean}) / \sigma + b_j$. If $\sigma$ were a constant, this would be a linear map: take off the mean,
# multiply, add. So *hold $\sigma$ still*, and the epsilon rule applies. The weight from $x_i$ to $z_j$ is
# $g_j (\delta_{ij} - \frac{1}{n}) / \sigma$, as each $x_i$ is also in the mean.
#
# Is that fair? $\sigma$ does depend on the words. But it scales all of them alike: it says how loud a text is, not what it
# says. We saw what happens if one lets its slope in: everything cancels.

# %%
x, w4 = np.array([1.0, 2.0, -0.5, 1.0]), np.array([1.0, 0.5, -2.0, 1.0])
sigma = np.sqrt(x.var() + 1e-5)
frozen = x * (w4 - w4.mean()) / sigma  # slope of sum_j w_j (x_j - mean) / sigma, sigma held still
y, live = gradient_times_input(cases["LayerNorm, then a sum"][0], x)
print(f"y = {y:.4f}   sigma held still: {frozen.round(3)}, sum {frozen.sum():.4f}")
print(f"              sigma moving:     {live.round(3)}, sum {live.sum():.4f}")

# %% [markdown]
# ### Your turn: the rule of LayerNorm

# %% exercise layer_norm_rule

# %% [markdown]
# The rest is easy. In a residual $a + b$ the two share as the terms of a sum, $\frac{a}{S(a + b)} R$ and $\frac{b}{S(a + b)} R$.
# Moving numbers about (splitting heads, transposing) moves their relevance along. Positional encodings are added to the words:
# their share is a sink of its own, "positions".
#
# ## The same thing as a gradient
#
# Look at the rules again: each says "input times (something walked back)". For a linear layer,
# $R_i = x_i \sum_j w_{ji} \frac{R_j}{z_j}$. So do not walk back with $R$ but with relevance *per unit*, $q = R / \text{value}$:
# then $q_i = \sum_j w_{ji}\, q_j$, which is just how a gradient walks through a linear layer (lesson 02). So $q$ is *nearly* the
# gradient. Take the ordinary walk back of lesson 01 and change three things (Arras et al., 2025):
#
# 1. an activation's slope becomes $f(x)/x$, so that it passes on all it has,
# 2. $\sigma$ is a constant,
# 3. after a product of two live sides, halve.
#
# Softmax needs no change, as its rule is input times slope already. Relevance anywhere is then the number there times this
# *modified gradient*, and there is no small $z$ to divide by. It costs one walk back. The library does this by default, and
# does it the long way, rule by rule, with `form="explicit"`. `explain.account(y, [x])` walks back from one number $y$ and gives
# the relevance of each tensor in the list, and the ledger. Here are both forms for one head of attention on random vectors,
# with a residual and a LayerNorm; $y$ is the tanh of a single number that comes out:

# %%
x = mt.randn(5, 4, dtype=mt.float64, requires_grad=True)  # (T, C)
wq, wk, wv = (mt.randn(4, 4, dtype=mt.float64) for _ in range(3))


def head(x):
    weights = mt.nn.functional.softmax((x @ wq) @ (x @ wk).transpose(0, 1) / 2, dim=-1)  # (T, T)
    return mt.nn.functional.layer_norm(x + weights @ (x @ wv), (4,))[0, 0].tanh()  # one number


for form in ("explicit", "gradient"):
    (r,), ledger = explain.account(head(x), [x], form=form)
    print(f"{form:8} relevance of the five tokens:", r.sum(-1).round(5))
print(ledger)

# %% [markdown]
# The two forms differ in the last digit, since only one of them has a stabiliser. There are no biases and no positions in this
# piece, so these rows are empty. So are two that we have not met: "tangent" is what "softmax" is, the constant of a tangent, for
# other curves that are not 0 at 0, such as a sigmoid or an exponential; "dropped" is for rules of other kinds than ours, that
# throw something away. See how much stays at softmax.
#
# And against the judges. Rule by rule: the tangent of softmax by finite differences, and LayerNorm by PyTorch, where holding
# $\sigma$ still is called `detach`.

# %%
scores, r_shares = rng.normal(size=5), rng.normal(size=5)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


t = mt.tensor(scores, dtype=mt.float64, requires_grad=True)
per_unit = r_shares / softmax(scores)  # relevance for each unit of share
shares = mt.nn.functional.softmax(t, dim=-1)
total = (shares * mt.tensor(per_unit, dtype=mt.float64)).sum()
(library,), _ = explain.account(total, [t], form="explicit", eps=1e-12)
nudged = [(per_unit @ (softmax(scores + d) - softmax(scores - d))) / 2e-6 for d in 1e-6 * np.eye(5)]
print("softmax: largest difference to finite differences:", f"{abs(library - scores * nudged).max():.1e}")

try:
    import torch
except ImportError:
    print("PyTorch is not installed; to install it, run in a cell: %pip install torch")
    print("When this page was made, the largest difference of LayerNorm to PyTorch was 3e-12")
else:
    values, weight, bias = rng.normal(size=(3, 6)), rng.normal(size=6), rng.normal(size=6)
    t = torch.tensor(values, requires_grad=True)
    sigma = (t.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt().detach()
    ((t - t.mean(-1, keepdim=True)) / sigma * torch.tensor(weight) + torch.tensor(bias)).sum().backward()
    theirs = (t * t.grad).detach().numpy()
    ours = mt.tensor(values, dtype=mt.float64, requires_grad=True)
    parameters = (mt.tensor(a, dtype=mt.float64) for a in (weight, bias))
    normed = mt.nn.functional.layer_norm(ours, (6,), *parameters)
    (mine,), _ = explain.account(normed.sum(), [ours], form="explicit", eps=1e-12)
    print("LayerNorm: largest difference to PyTorch:", f"{abs(mine - theirs).max():.1e}")

# %% [markdown]
# ## A classifier, explained
#
# Now in earnest. The library ships 800 short reviews, half of them praise. We train a small classifier on them: embeddings,
# two layers of encoder (lesson 08), the mean over all words, one linear layer to two scores, for class 0, *bad*, and class 1,
# *good*. It is the training loop of lesson 09, packed up as a recipe, and takes some seconds. The reviews are split in three:
# to learn from, to choose by, and to test with; the last part is the one at index 2.

# %%
from minitransformer.recipes import ClassifierRecipe  # noqa: E402
from minitransformer.recipes.classifier import accuracy  # noqa: E402

mt.manual_seed(0)
recipe = ClassifierRecipe(steps=300, num_layers=2)
trainer, tokenizer = recipe.trainer()
trainer.run()
model = trainer.model.eval()
test = recipe.split()[2]
print(f"right on {accuracy(model, tokenizer, test):.0%} of {len(test)} reviews it has not seen")

# %% [markdown]
# About four in five. What does it look at? We explain the *margin*, the score of the class it chose less the score of the other:
# positive relevance speaks for its answer, negative against. The pair $(0, 1)$ says so, score 0 less score 1. Orange is for, blue
# against; hover over a word to see its number.

# %%
text = test[0].text
ids, tokens = tokenizer.encode(text), tokenizer.tokens(text)
bad_less_good = (0, 1)
found = explain.lrp(model, ids, bad_less_good, tokens=tokens)
display(found)

# %% [markdown]
# Read it word by word. Some of it is what you would have marked; some is not, such as little words that happened to be more
# frequent in one kind of review. That need not be a fault of the explanation: a model that learned from a few hundred reviews
# may well lean on such words. Whether it does, one can find out (lesson 13).
#
# Then the ledger. What the *words* ("tokens") got is only a part of the margin. *softmax* is the constant part of the tangents:
# what came through shares that no score accounts for. *positions* and *bias* are smaller than these two, and the gap is rounding
# (the model computes in float32). The same can be had part by part, from the output down: what came in, what went on, and what
# stayed behind.

# %%
print("closes:", found.ledger.closes, f"with a gap of {found.ledger.gap:.0e}")
for row in found.ledger.by_layer(depth=1):
    if row.layer:  # what has no name are operations between the parts, which only hand on
        kept = {sink: round(amount, 3) for sink, amount in row.absorbed.items() if abs(amount) > 5e-4}
        print(f"{row.layer:<10} in {row.received:+.3f}   on {row.passed_on:+.3f}   kept {kept}")

# %% [markdown]
# With CP-LRP the shares of attention are constants, nothing stays at softmax, and the words get nearly all. The two rules answer
# slightly different questions; the ledger says which part they differ about. Plain gradient times input has no ledger at all,
# and its parts together need not even have the *sign* of the answer. In the picture each of the three has a scale of its own:

# %%
constant = explain.lrp(model, ids, bad_less_good, rule="cp-lrp", tokens=tokens)
slopes = explain.gradient_x_input(model, ids, bad_less_good, tokens=tokens)
ways = {"AttnLRP": found, "CP-LRP": constant, "gradient x input": slopes}
for name, way in ways.items():
    print(f"{name:<17} the words together: {way.relevance.sum():+.2f} of a margin of {way.output:+.2f}")

figure, axes = plt.subplots(1, 3, figsize=(9, 3.8), layout="constrained", sharey=True)
for axis, (name, way) in zip(axes, ways.items(), strict=True):
    axis.barh(range(len(tokens)), way.relevance, color=np.where(way.relevance > 0, ORANGE, BLUE))
    axis.axvline(0, color="black", lw=0.8)
    axis.set_title(name)
axes[0].set_yticks(range(len(tokens)), tokens, fontsize=8)
axes[0].invert_yaxis()
plt.show()

# %% [markdown]
# ## Relevance on its way
#
# Relevance exists at every point of the walk. Read the next picture from the top, the last layer, down to the embeddings.
# At the top all places have about the same: the head takes the mean over all places, and by then attention has told every
# place about the whole text. Further down it gathers at the words where it came from.

# %%
everywhere = explain.layer_relevance(model, ids, bad_less_good, pattern="*")
rows = {"after layer 2": "encoder.layers.1", "after layer 1": "encoder.layers.0", "embeddings": "embedding"}
picture = np.stack([everywhere[name] for name in rows.values()])  # (3, T)
limit = abs(picture).max()
figure, axis = plt.subplots(figsize=(8.5, 2.6), layout="constrained")
image = axis.imshow(picture, cmap=SIGNED, vmin=-limit, vmax=limit, aspect="auto")
axis.set_xticks(range(len(tokens)), tokens, rotation=60, ha="right", fontsize=8)
labels = [f"{label}\n(sum {row.sum():+.2f})" for label, row in zip(rows, picture, strict=True)]
axis.set_yticks(range(3), labels, fontsize=8)
figure.colorbar(image, ax=axis, label="relevance")
plt.show()

# %% [markdown]
# The sums change from layer to layer, and the ledger above says where to: softmax, biases and positions keep the difference.
#
# ## Summary
#
# - A gradient says what would change; relevance says what the output is made of. Where things saturate, multiply or are
#   normalised, gradient times input does not add up.
# - Linear: share by activation times weight, over $S(z)$. Product: half each. Activation: pass through. Softmax: its tangent, or
#   a constant. LayerNorm: linear, with $\sigma$ held still.
# - Biases, positions, the stabiliser and the tangent's constant keep a part. The ledger has a row for each, by its own
#   formula, and must close. Conservation is checked, not assumed.
#
# **Where the article errs** on this subject: $z_{ij}$ is not "weights and biases" but activation times weight, and the paper it
# cites for LRP is that of another method, LIME (lesson 12). The right one is the first below.
#
# **Further reading.** Bach, Binder, Montavon, Klauschen, Müller and Samek, *On pixel-wise explanations for non-linear classifier
# decisions by layer-wise relevance propagation*, PLoS ONE 10(7):e0130140, 2015. Montavon, Lapuschkin, Binder, Samek and Müller,
# *Explaining nonlinear classification decisions with deep Taylor decomposition*, Pattern Recognition 65, 2017, on tangents. Ali
# et al., *XAI for Transformers: better explanations through conservative propagation*, ICML 2022. Achtibat et al., *AttnLRP:
# attention-aware layer-wise relevance propagation for Transformers*, ICML 2024. Arras et al., *A close look at
# decomposition-based XAI-methods for Transformer language models*, arXiv 2502.15886, 2025, on the modified gradient. Arras,
# Montavon, Müller and Samek, *Explaining recurrent neural network predictions in sentiment analysis*, WASSA 2017, on gates.
#
# **Next:** 12, explaining a model without looking inside: LIME. A ledger that closes shows that nothing is lost on the way.
# Whether to *believe* an explanation is lesson 13.
