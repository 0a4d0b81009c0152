# %% [markdown]
# # 11 Layer-wise relevance propagation
#
# After this lesson you can say why a gradient does not tell what an answer is made of, divide an output among the inputs
# layer by layer, also through attention and LayerNorm, and keep a ledger in which every part is written down. Then you will
# ask a classifier that you have just trained which words made it say no.
#
# *About 40 minutes to read, and 95 for the exercises. Builds on lessons 01 (walking back), 06 (softmax attention), 08 (the
# Transformer encoder) and 09 (learning).*

# %% [markdown]
# ## Why
#
# A model reads "the lectures are confusing, the slides are full of mistakes" and says: a bad review, by a margin of 3. Which
# words made it say so? If it was *confusing* and *mistakes*, we begin to trust it. If it was *slides*, then it has learned
# that people who mention slides complain, and it will fail us on a good course.
#
# So we want to take the number 3 apart: how much of it comes from *confusing*, how much from *slides*, and which words speak
# against it. The parts should add up to the whole, since otherwise we do not know what is missing. Such parts are called
# **relevance**, and any method that gives each input such a number is an **attribution** method.

# %%
import numpy as np
from IPython.display import display

import minitransformer as mt
from minitransformer import explain
from minitransformer.course import beside_pytorch, check, hint, saved, slide, solution
from minitransformer.course.figures import lesson_11_relevance_propagation as figures

rng = np.random.default_rng(0)
mt.manual_seed(0)

# %% [markdown]
# ## Gradients answer another question
#
# A gradient says *what would happen if* an input moved a little. Slope times input, $x_i\,\partial y / \partial x_i$, looks like
# a contribution, and for a plain weighted sum it is one. Let us see whether the parts add up to $y$ for the operations that
# a Transformer is made of.
#
# **Predict, then run.** The next cell computes tanh(2 + 1), which is nearly 1. What is the sum of slope times input?
#
# <details><summary>Answer</summary>
#
# Nearly 0. At 3 the curve of tanh is flat, so its slope is about 0.01, and 3 times 0.01 is 0.03.
#
# </details>


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
sums = {}
for name, (f, x) in cases.items():
    y, parts = gradient_times_input(f, x)
    sums[name] = (y, parts.sum())
    print(f"{name:<22} y = {y:6.3f}   the parts add up to {parts.sum():6.3f}")
figures.sums(sums)

# %% [markdown]
# - tanh shows **saturation** at 3: it is nearly 1 there, and a small change of its input changes nothing. The slope is about
#   0, so the inputs get nearly nothing, although the output is large because of them.
# - In a product each factor is counted for the whole: 3 and 3 make 6, although the product is only 3.
# - LayerNorm divides by the spread $\sigma$. If all inputs become larger by 1 %, the output stays the same, so slope times
#   input adds up to 0, whatever the output is.
#
# A Transformer is made of these operations. Its gradients are right, but gradient times input does not add up.
# **Layer-wise relevance propagation** (**LRP**; Bach et al., 2015) walks back along the same tape (lesson 01), but at every
# operation it asks another question: *how is the relevance of the output divided among the inputs?* Each kind of operation
# has a rule, and each rule must satisfy one equation, **conservation**:
#
# $$\sum_i R_i \;+\; \text{what no input gets} \;=\; \sum_j R_j$$
#
# $R_j$ is the relevance of output $j$, $R_i$ that of input $i$. The walk begins at the number to be explained, whose
# relevance is its own value. At the end of the walk back, the relevance of a word is the sum over the numbers in its
# embedding.

# %% [markdown]
# ## The linear layer: divide by what each input added
#
# One output of a linear layer is a sum, $z_j = \sum_i x_i w_{ji} + b_j$, where $w_{ji}$ leads from input $i$ to output $j$.
# An input that added much gets much:
#
# $$R_i = \sum_j \frac{x_i\,w_{ji}}{z_j}\,R_j$$
#
# The relevance of each $z_j$ is divided among the terms *of its own sum*. An input then adds up what it gets from all outputs.
# By hand, for two inputs and one output:

# %%
x, weight, bias = np.array([2.0, 1.0]), np.array([3.0, -2.0]), 1.0
terms = x * weight  # (2,)
z = terms.sum() + bias
print("terms", terms, "and the bias", bias, "make z =", z)
print("relevance of x, if z has relevance 10:", terms / z * 10, "and the bias keeps", bias / z * 10)

# %% [markdown]
# The parts are 12, -4 and 2: together 10. The second input gets *negative* relevance: it speaks against the output. And there is
# a part that no input gets. The bias is added whatever the input, so its part stays with it. Such a place is called a **sink**.
# Sinks are no flaw, as long as we write down what is in them.
#
# The article that this course began with gives this rule as $R_i = \sum_j \frac{z_{ij}}{\sum_k z_{kj}} R_j$ and calls $z_{ij}$
# "the weights and biases" of the layer. That is a mistake. $z_{ij}$ is the *activation times the weight*, $x_i w_{ji}$. The weights
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
# $z_j$ can be small although its terms are large, if they nearly cancel. Then $1 / z_j$ is huge, and so are all parts. The cure
# is a small number $\varepsilon$ that moves $z_j$ away from zero:
#
# $$S(z) = z + \varepsilon\,\mathrm{sign}(z), \qquad \mathrm{sign}(0) = +1, \qquad R_i = \sum_j \frac{x_i\,w_{ji}}{S(z_j)}\,R_j$$
#
# This is the **epsilon rule**. The sign matters: adding $\varepsilon$ to a small *negative* $z$ moves it towards zero, or
# past it, and then the relevance changes its sign. The picture shows it for $\varepsilon = 0.1$.

# %%
figures.stabilisers(0.1)

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
# Between linear layers stand activations such as $\max(0, z)$. One number goes in, one comes out, and there is nothing to divide:
# the input gets all the relevance of the output. That is also the answer to the saturated tanh: its input gets all of it. (A unit
# that $\max(0, z)$ has set to 0 added nothing to any sum after it, so its relevance is 0.)
#
# Here is relevance on its way through a small network: three inputs, layers of four and two units, one output. The number in a
# circle is its relevance. The thickness of a line is the relevance that goes along it, orange for the explained output and
# blue against it.

# %%
sizes = (3, 4, 2, 1)
layers = [(rng.normal(size=(m, n)), 0.1 * rng.normal(size=m)) for n, m in zip(sizes, sizes[1:], strict=False)]
values, sums = [np.array([1.0, 0.5, -1.0])], []
for i, (weight, bias) in enumerate(layers):
    sums.append(weight @ values[-1] + bias)
    values.append(np.maximum(sums[-1], 0) if i + 1 < len(layers) else sums[-1])

r = values[-1]
levels, messages, kept = [r], [], []
for (weight, bias), x, z in zip(layers[::-1], values[-2::-1], sums[::-1], strict=True):
    message = x * weight * (r / z)[:, None]  # (n_out, n_in): what output j gives to input i
    kept.append((bias / z * r).sum())  # what the biases of this layer get
    r = message.sum(0)
    messages.insert(0, message)
    levels.insert(0, r)
figures.walk(levels, messages)
print("sums, from right to left:    ", *(f"{level.sum():7.4f}" for level in reversed(levels)))
print("the biases in between get:   ", *(f"{amount:7.4f}" for amount in kept))

# %% [markdown]
# ## The ledger
#
# The sums in the picture are not equal, and now we can say why: the biases of every layer get a part. Where such a part is
# negative, the biases speak against the output, and the inputs together get *more* than the output. Each sum is the next one to
# the left plus what the biases between them get. A **ledger** lists all parts, as in bookkeeping:
#
# $$\text{output} = \text{inputs} + \text{bias} + \text{epsilon}$$
#
# where *inputs* is the sum of what the inputs got, and *bias* and *epsilon* are the sinks of all layers together.
#
# Each entry is computed by its own formula, and none as "the rest". Then the sum is a *test*: the ledger **closes** if the
# entries add up to the output, and if it does not, some rule is wrong. If "the rest" were added to the bias, no mistake would
# ever be seen.
#
# ### Your turn: explain a network, and keep its ledger

# %% exercise explain_mlp

# %% [markdown]
# ## Other rules for linear layers
#
# The epsilon rule divides by $z_j$. If large terms of both signs nearly cancel, $z_j$ is small and the relevance of the inputs is
# large, with both signs, however similar two inputs are. In deep networks for pictures such relevance looks like noise. Two
# rules are calmer, because they count helping terms more than opposing ones. The **gamma rule** (Montavon et al., 2019) makes
# positive weights $1 + \gamma$ times as large, here for inputs that are not negative:
#
# $$R_i = \sum_j \frac{x_i\,(w_{ji} + \gamma\,w_{ji}^+)}{\sum_k x_k\,(w_{jk} + \gamma\,w_{jk}^+)}\,R_j,
# \qquad w^+ = \max(0, w)$$
#
# The **alpha-beta rule** (Bach et al., 2015) divides the helping and the opposing terms separately, and weighs them by $\alpha$
# and $\beta$. With $\alpha - \beta = 1$ nothing is lost:
#
# $$R_i = \sum_j \Big(\alpha\,\frac{(x_i w_{ji})^+}{\sum_k (x_k w_{jk})^+}
# - \beta\,\frac{(x_i w_{ji})^-}{\sum_k (x_k w_{jk})^-}\Big) R_j$$
#
# **Predict, then run.** The terms of the next cell are 3, -2.5, 0.5 and -0.8, and their sum is 0.2. How large are the parts of
# the epsilon rule, if the output has relevance 1?
#
# <details><summary>Answer</summary>
#
# Each term divided by 0.2: 15, -12.5, 2.5 and -4. They add up to 1, but each is many times larger than what is explained.
#
# </details>

# %%
four = np.ones(4)  # (n_in,) activations
four_weights = np.array([3.0, -2.5, 0.5, -0.8])
terms = four * four_weights  # (4,)


def gamma_rule(gamma):
    raised = four * (four_weights + gamma * np.maximum(four_weights, 0))
    return raised / raised.sum()


def alpha_beta_rule(alpha):
    helping = np.maximum(terms, 0)
    opposing = np.minimum(terms, 0)
    return alpha * helping / helping.sum() - (alpha - 1) * opposing / opposing.sum()


parts = {
    "epsilon": terms / terms.sum(),
    "gamma = 0.25": gamma_rule(0.25),
    "gamma = 100": gamma_rule(100.0),
    "alpha 2, beta 1": alpha_beta_rule(2.0),
    "alpha 1, beta 0": alpha_beta_rule(1.0),
}
for name, relevance in parts.items():
    print(f"{name:<16} {relevance.round(2)}   sum {relevance.sum():.2f}")
figures.rules(parts)

# %% [markdown]
# The larger $\gamma$ is, the less the opposing inputs get; at the end only helping inputs get something, as with $\alpha = 1$ and
# $\beta = 0$. This is the price: an input that speaks against the output gets nothing, or a share that does not depend on how
# strong it is beside the helping ones. Which rule suits which layer is a choice, and a list of such choices is called a
# *composite*. Montavon's overview advises, for networks that read pictures, the gamma rule near the input, the epsilon rule in
# the middle, and no stabiliser near the output. For text, where a layer adds fewer terms, the epsilon rule is usual, and we use
# it. In the library the rules are `explain.Gamma` and `explain.AlphaBeta`. Move the slider:

# %%
slide(lambda gamma: figures.rules({f"gamma = {gamma:.3g}": gamma_rule(gamma)}), gamma=(0.01, 100.0, 0.25))

# %% [markdown]
# ## The product of two
#
# In $y = a \cdot b$, which factor made the 6 of $2 \cdot 3$? Without $a$ it would be 0, and without $b$ too. There is no reason
# to prefer one, so each gets half. A matrix product is a sum of products, $O_{ij} = \sum_k A_{ik} B_{kj}$. So share $R_{ij}$
# out by terms as before, $\frac{A_{ik} B_{kj}}{O_{ij}} R_{ij}$, and then halve each term's part. What $A_{ik}$ gets from all
# the terms it stands in is $A_{ik} \sum_j \frac{R_{ij}}{2\,O_{ij}} B_{kj}$, and for all of $A$ and $B$ at once that is
#
# $$R_A = A * \Big(\frac{R}{S(2\,O)}\,B^\top\Big), \qquad R_B = B * \Big(A^\top \frac{R}{S(2\,O)}\Big)$$
#
# with $*$ for element by element, as the fraction is too. This holds where *both* factors depend on the words: queries with keys,
# and attention weights with values. A weight matrix does not depend on the words, so there the input gets all of it, by the
# epsilon rule. In recurrent networks one factor of a product is often a gate: a sigmoid, which says how much of the other factor
# may pass. There all relevance may go to the other factor, the signal (Arras et al., 2017); in the library this is the rule
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
# **CP-LRP** (Ali et al., 2022) treats the attention weights as *constants*: all the relevance goes through the values, and none
# to queries and keys. It is simple, nothing is lost, and it does not show *why* a word got a large attention weight.
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
# For scores of zero the tangent has *nothing but* its constant: the shares are equal whatever the words, so no score gets
# relevance for that.

# %%
x0, other = 2.0, 1.0  # two scores, of which the second one is held
s0 = 1 / (1 + np.exp(other - x0))  # the share of the first one
mine = s0 * (1 - s0) * x0  # slope times score
others = -s0 * (1 - s0) * other  # slope times the other score
constant = s0 * (1 - x0 + s0 * x0 + (1 - s0) * other)  # c of the formula
figures.tangent(x0, other)
print(f"share {s0:.3f} = this score {mine:.3f} + other score {others:.3f} + constant {constant:.3f}")
print(f"the rest: {s0 - mine:.3f} = {others:.3f} + {constant:.3f}")

# %% [markdown]
# (Two scores, of which one is held at 1. The share at $x = 2$ is the height of the dot. The orange part goes to this score. The
# blue part is the rest: what the other score gets, which is negative, and the constant $c$, which is therefore larger than the
# blue part.) So AttnLRP does *not* give everything to the words, by design. What stays at softmax is often as large as what
# the words get. A method that does not show this is easy to misread; the ledger has a row for it.
#
# Masked scores are $-\infty$, and $0 \cdot \infty$ is no number. Such a place gets no attention, so its score counts as 0.
#
# ### Your turn: the rule of softmax

# %% exercise softmax_rule

# %% [markdown]
# ## LayerNorm
#
# $z_j = g_j\,(x_j - \text{mean}) / \sigma + b_j$. If $\sigma$ were a constant, this would be a linear map: subtract the mean,
# multiply, add. So we *treat $\sigma$ as a constant*, and the epsilon rule applies. The weight from $x_i$ to $z_j$ is
# $g_j (\delta_{ij} - \frac{1}{n}) / \sigma$, as each $x_i$ is also in the mean.
#
# Is that right? $\sigma$ does depend on the words. But it divides all of them by the same number, so it does not change how
# they compare. We saw what happens with its slope: everything cancels.

# %%
x, w4 = np.array([1.0, 2.0, -0.5, 1.0]), np.array([1.0, 0.5, -2.0, 1.0])
sigma = np.sqrt(x.var() + 1e-5)
frozen = x * (w4 - w4.mean()) / sigma  # slope of sum_j w_j (x_j - mean) / sigma, sigma a constant
y, live = gradient_times_input(cases["LayerNorm, then a sum"][0], x)
print(f"y = {y:.4f}   sigma a constant: {frozen.round(3)}, sum {frozen.sum():.4f}")
print(f"              sigma with slope: {live.round(3)}, sum {live.sum():.4f}")

# %% [markdown]
# ### Your turn: the rule of LayerNorm

# %% exercise layer_norm_rule

# %% [markdown]
# The other operations are simpler. In a residual connection $a + b$ the two get their parts as the terms of a sum,
# $\frac{a}{S(a + b)} R$ and $\frac{b}{S(a + b)} R$. Where numbers are only moved (splitting heads, transposing), their relevance
# is moved with them. Positional encodings are added to the words: their part is a sink of its own, "positions".
#
# ## The same thing as a gradient
#
# Look at the rules again: each says "input times something that comes back from the output". For a linear layer,
# $R_i = x_i \sum_j w_{ji} \frac{R_j}{z_j}$. So do not walk back with $R$ but with relevance *per unit*, $q = R / \text{value}$:
# then $q_i = \sum_j w_{ji}\, q_j$, which is how a gradient goes back through a linear layer (lesson 02). So $q$ is *nearly* the
# gradient. Take the ordinary walk back of lesson 01 and change three things (Arras et al., 2025):
#
# 1. an activation's slope becomes $f(x)/x$, so that its input gets all the relevance,
# 2. $\sigma$ is a constant,
# 3. after a product in which both factors depend on the words, the gradient is halved.
#
# Softmax needs no change, as its rule is input times slope already. Relevance anywhere is then the number there times this
# **modified gradient**, and there is no small $z$ to divide by. It costs one walk back. The library does this by default, and
# goes rule by rule with `form="explicit"`. `explain.account(y, [x])` walks back from one number $y$ and gives
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
# The two forms may differ in the last digit, since only one of them has a stabiliser. There are no biases and no positions in
# this example, so these rows are 0. So are two new ones: "tangent" is the constant of a tangent, as "softmax" is, for other
# curves that are not 0 at 0, such as a sigmoid or an exponential; "dropped" is for rules that leave something out on purpose.
# See how much stays at softmax.
#
# Now compared with others, rule by rule: the tangent of softmax with finite differences, and LayerNorm with PyTorch, where a
# tensor is made a constant by `detach`.

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

values, weight, bias = rng.normal(size=(3, 6)), rng.normal(size=6), rng.normal(size=6)


def layer_norm_beside_pytorch():
    import torch

    t = torch.tensor(values, requires_grad=True)
    sigma = (t.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt().detach()
    ((t - t.mean(-1, keepdim=True)) / sigma * torch.tensor(weight) + torch.tensor(bias)).sum().backward()
    theirs = (t * t.grad).detach().numpy()
    ours = mt.tensor(values, dtype=mt.float64, requires_grad=True)
    parameters = (mt.tensor(a, dtype=mt.float64) for a in (weight, bias))
    normed = mt.nn.functional.layer_norm(ours, (6,), *parameters)
    (mine,), _ = explain.account(normed.sum(), [ours], form="explicit", eps=1e-12)
    return f"LayerNorm: largest difference to PyTorch: {abs(mine - theirs).max():.0e}"


beside_pytorch(layer_norm_beside_pytorch, shipped="LayerNorm: largest difference to PyTorch: 3e-12")

# %% [markdown]
# ## A classifier, explained
#
# Now a real model. The library ships more than a thousand short reviews, half of them praise. We train a small classifier on
# them: embeddings, two encoder layers (lesson 08), the mean over all words, one linear layer to two scores, for class 0, *bad*,
# and class 1, *good*. It is the training loop of lesson 09 as a recipe, and takes some seconds. The reviews are split in three:
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
# What does it look at? We explain the *margin*, the score of the class it chose less the score of the other:
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
# Then the ledger. What the *words* ("tokens") got is only a part of the margin. *softmax* is the constant part of the tangents,
# the part of the attention weights that no score explains. The gap is rounding (the model computes in float32). The same can be
# shown for each module, from the output down: the relevance of its output, that of its input, and what stays in it.

# %%
print("closes:", found.ledger.closes, f"with a gap of {found.ledger.gap:.0e}")
for row in found.ledger.by_layer(depth=1):
    if row.layer:  # rows without a name are operations between the modules, in which nothing stays
        kept = {sink: round(amount, 3) for sink, amount in row.absorbed.items() if abs(amount) > 5e-4}
        print(f"{row.layer:<10} output {row.received:+.3f}   input {row.passed_on:+.3f}   stays {kept}")

# %% [markdown]
# With CP-LRP the attention weights are constants, and nothing stays at softmax. The two rules answer slightly different
# questions; the ledger says in which part they differ. Gradient times input has no ledger, and its parts together need not
# even have the *sign* of the answer. In the picture each of the three has a scale of its own.
#
# **Predict, then run.** With which of the three do the words together come nearest to the margin?
#
# <details><summary>Answer</summary>
#
# With CP-LRP: nothing stays at softmax, so only biases, positions and the stabiliser keep a part.
#
# </details>

# %%
constant = explain.lrp(model, ids, bad_less_good, rule="cp-lrp", tokens=tokens)
slopes = explain.gradient_x_input(model, ids, bad_less_good, tokens=tokens)
ways = {"AttnLRP": found, "CP-LRP": constant, "gradient x input": slopes}
for name, way in ways.items():
    print(f"{name:<17} the words together: {way.relevance.sum():+.2f} of a margin of {way.output:+.2f}")

figures.ways(tokens, {name: way.relevance for name, way in ways.items()})

# %% [markdown]
# ## Relevance on its way
#
# Relevance exists at every point of the walk. Read the next picture from the top, the last layer, down to the embeddings.
# At the top it is spread over the places: the classifier takes the mean over all of them, and attention has mixed the whole
# text into each. Further down it gathers at the words from which it came.

# %%
everywhere = explain.layer_relevance(model, ids, bad_less_good, pattern="*")
rows = {"after layer 2": "encoder.layers.1", "after layer 1": "encoder.layers.0", "embeddings": "embedding"}
figures.places(tokens, {label: everywhere[name] for label, name in rows.items()})

# %% [markdown]
# The sums change from layer to layer; softmax, biases and positions keep the difference, as the ledger above says.
#
# **Harder, if you like** (nobody judges it). Write `gamma_rule` for inputs of any sign, so that it gives what `explain.Gamma`
# gives: a term helps if it has the sign of $z_j$. And explain the same review with `rule="gamma"`: which words change?
#
# ## Summary
#
# - A gradient says what would change; relevance says what the output is made of. Where things saturate, multiply or are
#   normalised, gradient times input does not add up.
# - Linear: divide by activation times weight, over $S(z)$. Product: half each. Activation: all to its input. Softmax: its tangent,
#   or a constant. LayerNorm: linear, with $\sigma$ a constant.
# - Biases, positions, the stabiliser and the tangent's constant keep a part. The ledger has a row for each, by its own
#   formula, and must close. Conservation is checked, not assumed.
#
# Where the article is wrong on this subject: $z_{ij}$ is not "weights and biases" but activation times weight, and the paper it
# cites for LRP is that of another method, LIME (lesson 12). The right one is the first below.
#
# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | attribution | a number for each input that says how much of the output comes from it; by LRP it is called *relevance* | |
# | saturation | a curve is flat where its input lies, so that its slope is nearly 0 | |
# | layer-wise relevance propagation (LRP) | the output is divided among the inputs, operation by operation, on the walk back | |
# | conservation | what the inputs and the *sinks* get adds up to what the output had | |
# | epsilon rule | divide by activation times weight, over the sum moved away from zero by $\varepsilon$ | |
# | gamma rule | as the epsilon rule, with helping terms $1 + \gamma$ times as large | |
# | alpha-beta rule | helping and opposing terms are divided separately, weighted by $\alpha$ and $-\beta$ | |
# | CP-LRP | attention weights are constants | `Tensor.detach` |
# | AttnLRP | softmax is replaced by its tangent; a product gives half to each factor | |
# | modified gradient | a gradient with changed slopes, whose product with the input is relevance | |

# %% [markdown]
# **Further reading.** Bach, Binder, Montavon, Klauschen, Müller and Samek, *On pixel-wise explanations for non-linear classifier
# decisions by layer-wise relevance propagation*, PLoS ONE 10(7):e0130140, 2015. Montavon, Lapuschkin, Binder, Samek and Müller,
# *Explaining nonlinear classification decisions with deep Taylor decomposition*, Pattern Recognition 65, 2017, on tangents.
# Montavon, Binder, Lapuschkin, Samek and Müller, *Layer-wise relevance propagation: an overview*, LNCS 11700, 2019, on the gamma
# rule and on which rule for which layer. Ali
# et al., *XAI for Transformers: better explanations through conservative propagation*, ICML 2022. Achtibat et al., *AttnLRP:
# attention-aware layer-wise relevance propagation for Transformers*, ICML 2024. Arras et al., *A close look at
# decomposition-based XAI-methods for Transformer language models*, arXiv 2502.15886, 2025, on the modified gradient. Arras,
# Montavon, Müller and Samek, *Explaining recurrent neural network predictions in sentiment analysis*, WASSA 2017, on gates.
#
# **Next:** 12, explaining a model without looking inside: LIME. A ledger that closes shows that nothing is lost on the way.
# Whether to *believe* an explanation is lesson 13.
