# %% [markdown]
# # 13 Which explanation to believe
#
# After this lesson you can put an explanation to the test: take words away and watch the score, destroy the model and see
# whether the explanation notices, give it a task whose answer you know, and compare it with what people marked. And you can
# say what each of these tests does *not* show.
#
# *About 110 minutes with the exercises. Builds on lessons 09 (learning), 11 (relevance propagation) and 12 (LIME).*

# %% [markdown]
# ## Why
#
# Ask four methods which words made a classifier say yes, and you get four answers. All of them look convincing: coloured words
# always do, as we are good at finding a story for them. The article that this course grew from presents LRP and LIME as the way
# to see how a Transformer decides, and stops there. The question that is left is the one that matters: *is it true?*
#
# Let us have the disagreement before our eyes. We train the classifier of lesson 11 and explain one review that it has not
# seen.

# %%
import copy
import math
from functools import partial

import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer import explain
from minitransformer.course import check, hint, saved, solution
from minitransformer.models import ClassifierConfig, SequenceClassifier
from minitransformer.models.classifier import predict_proba
from minitransformer.recipes import ClassifierRecipe
from minitransformer.recipes.classifier import accuracy

BLUE, ORANGE, GREEN, PURPLE, GREY = "#2166AC", "#E66101", "#009E73", "#7B3294", "#777777"
rng = np.random.default_rng(0)
mt.manual_seed(0)
recipe = ClassifierRecipe(steps=300, num_layers=2)
trainer, tokenizer = recipe.trainer()
trainer.run()
model = trainer.model.eval()
test = recipe.split()[2]
predict = partial(predict_proba, model, tokenizer)

# %% [markdown]
# `explain.lrp` gives relevance (lesson 11), `gradient_x_input` the slope times the input, summed over the channels of each word.
# The target 0 is the score for "bad".

# %%
review = test[0]
ids, tokens = np.array(tokenizer.encode(review.text)), tokenizer.tokens(review.text)


def lengths(text):
    """How many letters each token has, (T,)."""
    return np.array([len(token.strip()) for token in tokenizer.tokens(text)], dtype=float)


methods = {
    "LRP": lambda ids: explain.lrp(model, ids, target=0).relevance,
    "gradient x input": lambda ids: explain.gradient_x_input(model, ids, target=0).relevance,
    "word length": lambda ids: lengths(review.text),
    "random": lambda ids: rng.normal(size=len(ids)),
}
colours = dict(zip(methods, (ORANGE, BLUE, PURPLE, GREY), strict=True))
found = {name: method(ids) for name, method in methods.items()}

figure, axes = plt.subplots(1, 4, figsize=(9.5, 3.8), layout="constrained", sharey=True)
for axis, (name, relevance) in zip(axes, found.items(), strict=True):
    axis.barh(range(len(ids)), relevance / abs(relevance).max(), color=colours[name])
    axis.axvline(0, color="black", lw=0.8)
    axis.set_title(name)
axes[0].set_yticks(range(len(ids)), tokens, fontsize=8)
axes[0].invert_yaxis()
plt.show()

# %% [markdown]
# All four explain the score for "a bad review". The last two are jokes. *Word length* does not look at the model at all: long
# words count much. *Random* draws lots. We keep them in the race on purpose, for a test that cannot tell a joke from an
# explanation is worth nothing. (Each picture has a scale of its own, so that 1 is the largest relevance in it.)
#
# ## Judge 1: the model. Take words away
#
# If *confusing* is why the model says "bad", then without *confusing* it should say so less. So take the words away one after
# the other, the most relevant first, and watch the score. It should fall at once. That is the **MoRF** curve (most relevant
# first). Then the other way round: **LeRF**, least relevant first. Now the score should stay up for long, or even rise, as
# words that spoke *against* go first.
#
# First we need the texts with words missing, as masks. All of them at once: a model is much faster on one batch of 20 texts
# than on 20 texts one by one.
#
# ### Your turn: the masks

# %% exercise prefixes

# %% [markdown]
# What does "take away" mean? One can set the word's embedding to zero, put the unknown word in its place, or delete it and
# close the gap. Each makes a text that the model has rarely or never seen, and each makes another one. There is no innocent
# choice. So **always say which one it was**. Our classifier had words hidden by the unknown word while it learned, so for it
# "unknown" is the natural one. Below, words go from the end of the review, in three ways. (`logit_of(model, 0)` is the score
# for class 0, and `masked_logits` asks it about the text under each mask.)

# %%
keep = np.tri(len(ids) + 1, len(ids), -1)[:, ::-1] == 0  # (T + 1, T): in row k the last k words are gone
bad = explain.logit_of(model, 0)
ways = {"zero": ("zero", BLUE), "unk": ("the unknown word", ORANGE), "delete": ("nothing", GREEN)}
figure, axis = plt.subplots(figsize=(5, 2.8), layout="constrained")
for replace, (what, colour) in ways.items():
    axis.plot(explain.masked_logits(bad, ids, keep, replace), color=colour, label=f"becomes {what}")
axis.set(xlabel="words gone, from the end", ylabel='score for "bad"', title="gone, in three ways")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# ### The area between
#
# To turn two curves into one number, take the area between them. With $f_k$ for the score after $k$ of $T$ words are gone, the
# area under a curve (AUC) over the *share* of words gone, from 0 to 1, is made of $T$ pieces, each $\frac1T$ wide and as high as
# the mean of its two ends, and
#
# $$\mathrm{AUC} = \frac1T \sum_{k=0}^{T-1} \frac{f_k + f_{k+1}}{2}, \qquad
# \text{area between} = \mathrm{AUC}(\mathrm{LeRF}) - \mathrm{AUC}(\mathrm{MoRF})$$
#
# Large is good, and a random order gives about zero.
#
# ### Your turn: the curves and the area

# %% exercise removal_curves

# %%
judged = {name: explain.faithfulness(bad, ids, relevance, "unk") for name, relevance in found.items()}
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
share = np.linspace(0, 1, len(ids) + 1)
for axis, name in zip(axes, ("LRP", "gradient x input"), strict=True):
    axis.plot(share, judged[name].random_curves[:, 0].T, color="#AAAAAA", lw=0.6)
    axis.plot(share, judged[name].morf, color=ORANGE, label="MoRF: most relevant first")
    axis.plot(share, judged[name].lerf, color=BLUE, ls="--", label="LeRF: least relevant first")
    axis.fill_between(share, judged[name].morf, judged[name].lerf, color=GREY, alpha=0.08)
    axis.set(title=f"{name}: area {judged[name].delta_auc:.2f}", xlabel="share of words made unknown")
axes[0].set_ylabel('score for "bad"')
figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, fontsize=8, ncols=2, loc="outside lower center")
plt.show()

# %% [markdown]
# The grey lines are random orders. They belong in every such picture: they show what falling means for *this* text and *this*
# replacement. An explanation whose curve lies among them has said nothing.
#
# ### Needed, and enough
#
# The curves use the whole order. But people read the first few words only, so there is a second pair of numbers, for the most
# relevant 1, 5, 10, 20 and 50 % of the words. **Comprehensiveness**: how much is lost without them? **Sufficiency**: how much
# is lost if only they are left? With $f$ for the score, and the mean over the five shares,
#
# $$\text{comprehensiveness} = \text{mean of } f(\text{all}) - f(\text{all but these}), \qquad
# \text{sufficiency} = \text{mean of } f(\text{all}) - f(\text{these alone})$$
#
# The first should be large, the second small. (DeYoung et al., 2020.)

# %%
for percent in (1, 5, 10, 20, 50):  # a share is rounded up, so that at least one word goes
    print(f"{percent} % of {len(ids)} words: {math.ceil(percent / 100 * len(ids))}", end="   ")

# %% [markdown]
# ### Your turn: needed, and enough

# %% exercise erased

# %% [markdown]
# ### One review is no evidence
#
# Now for forty reviews, and with LIME (lesson 12) in the race. With forty others, the mean would be a little different; the line
# says by how much. Draw forty of the forty reviews, *with replacement*, so that some come twice and some not at all, and take the
# mean; do so again and again. The line holds 95 % of these means. It is called the *bootstrap*.

# %%
cases = [case for case in explain.review_cases(test, tokenizer) if case.marked is not None][:40]
standard = explain.standard_methods(model, tokenizer, predict, replace="unk", num_samples=300)
race = {name: standard[name] for name in ("lrp, attnlrp", "lime", "gradient x input", "random")}
race["word length"] = lambda case: lengths(case.text)
result = explain.compare(race, partial(explain.logit_of, model), cases, replace="unk")

titles = {
    "delta_auc": "area (large is good)",
    "comprehensiveness": "comprehensiveness (large)",
    "sufficiency": "sufficiency (small is good)",
}
figure, axes = plt.subplots(1, 3, figsize=(9.5, 2.6), layout="constrained", sharey=True)
for axis, (metric, title) in zip(axes, titles.items(), strict=True):
    for i, scores in enumerate(result.table.values()):
        mean, low, high = scores[metric]
        axis.plot([low, high], [i, i], color=GREY)
        axis.plot(mean, i, "o", color=ORANGE)
    axis.axvline(0, color="black", lw=0.8)
    axis.set_title(title)
axes[0].set_yticks(range(len(race)), race)
axes[0].invert_yaxis()
plt.show()

# %% [markdown]
# LRP and LIME are far ahead of the jokes; gradient times input lies between. Sufficiency below zero says: with nothing but
# these words the model is *more* sure than with all of them, as the words that spoke against are gone.
#
# What this judge does not show: the mutilated texts are odd, and a model may do odd things on them. And it favours methods that
# are made the same way: LIME takes words away to explain, so it has been practising for this very test.
#
# ## Judge 2: destroy the model
#
# An explanation of a model must depend on the model. That sounds too obvious to test. Yet Adebayo et al. (2018) found
# well-known methods for pictures that give nearly the same explanation when the model's weights are replaced by noise: they
# show the picture, not the decision. The test: replace the weights by noise, layer by layer from the output down, and compare
# each new explanation with the first.
#
# To compare two explanations we look at the order only. One method's numbers may be ten times another's, and mean the same.
# So replace numbers by ranks, 1 for the smallest, and let those that are equal share the mean of their ranks. Take the mean off,
# which leaves $a'_i$ and $b'_i$, and then the cosine of the angle between the two (lesson 12). This is **Spearman's rank
# correlation**,
#
# $$\rho = \frac{\sum_i a'_i\, b'_i}{\sqrt{\sum_i a_i'^2 \, \sum_i b_i'^2}},$$
#
# 1 for the same order, -1 for the opposite, about 0 for unrelated ones.

# %%
a = np.array([0.9, 0.1, 0.5, -0.2])
b = np.array([40.0, 2.0, 11.0, 1.0])
ranks = [np.argsort(np.argsort(v)) + 1 for v in (a, b)]  # where no two are equal, this gives ranks
print("ranks", *ranks, "the same order, so the rank correlation is 1")
print("the plain correlation is", np.corrcoef(a, b)[0, 1].round(3))

# %% [markdown]
# ### Your turn: compare two orders, and destroy a model

# %% exercise rank_correlation

# %% exercise randomisation_test


# %%
def check_of(method):
    return explain.randomisation_check(method, model, ids, seed=1)


class Lengths:
    """What `randomisation_check` asks for: something with `.relevance`."""

    relevance = found["word length"]


checks = {
    "LRP": check_of(lambda m, ids: explain.lrp(m, ids, target=0)),
    "gradient x input": check_of(lambda m, ids: explain.gradient_x_input(m, ids, target=0)),
    "word length": check_of(lambda m, ids: Lengths),
}
figure, axis = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for name, result_of in checks.items():
    line = [1.0] + [signed for _, signed, _ in result_of.steps]
    axis.plot(line, "o-", ms=4, color=colours[name], label=name)
layers = ["(as learned)"] + [name for name, _, _ in checks["LRP"].steps]
axis.set_xticks(range(len(layers)), layers, rotation=60, ha="right", fontsize=8)
axis.axhline(0, color="black", lw=0.8)
axis.set(ylabel="rank correlation", title="noise from the output down to ...", ylim=(-1.05, 1.1))
axis.legend(frameon=False, fontsize=9)
plt.show()

# %% [markdown]
# *Word length* stays at 1 to the end: caught. The others leave it as the layers go. (One text and one draw of noise make a
# bumpy line; noise in the head may also turn an explanation round, then the correlation is negative. A report would take the
# mean over many.)
#
# But look at LRP. Until the first layer goes, `encoder.layers.0`, its order hardly changes, with half of the model destroyed! Is
# it blind for what the second layer does? Or is there nothing to see? Ask the model itself: destroy one part alone, and count how
# often it is still right.


# %%
def still_right(part, seed):
    """How often a model is right in which one part is noise of the same size."""
    ruined, noise = copy.deepcopy(model), np.random.default_rng(seed)
    for name, p in ruined.named_parameters():
        if name.startswith(part):
            weights = p.numpy()  # the model's own memory
            weights[...] = noise.normal(weights.mean(), weights.std(), weights.shape)
    return accuracy(ruined, tokenizer, test)


print(f"as learned: right on {accuracy(model, tokenizer, test):.0%}")
for part in ("encoder.layers.1", "encoder.layers.0", "embedding"):
    print(f"noise in {part:17s} right on {np.mean([still_right(part, seed) for seed in range(3)]):.0%}")

# %% [markdown]
# The second layer adds next to nothing to the residual stream (lesson 08) that the head would listen to: without it the model is
# as good as before. So LRP is right not to care. One number from one judge would have misled us.
#
# What this judge does not show: to pass is *necessary*, not *sufficient*. Lots drawn with the weights as a seed would pass too.
#
# ## Judge 3: a task whose answer is known
#
# With real text nobody knows the true explanation. So make a task where we do: sequences of twelve noise words, and at one random
# place a *signal* word in their stead that decides the class. A model that is right on sequences it has never seen must use that
# word. Whoever explains has to point at it.

# %%
task = explain.PlantedTask()
mt.manual_seed(0)
config = ClassifierConfig(task.vocab_size, task.num_classes, num_layers=2, dropout=0.0)
small = SequenceClassifier(config)
print(f"right on {explain.learn_planted(small, task, steps=300):.0%}")
planted, classes, places = task.sample(100, seed=5)  # (100, T), (100,), (100,)
targets = classes.tolist()
answers = {
    "LRP": explain.lrp(small, planted, targets).relevance,
    "gradient x input": explain.gradient_x_input(small, planted, targets).relevance,
    "attention rollout": explain.attention_rollout(small, planted, targets).relevance,
    "random": rng.normal(size=planted.shape),
}
for name, relevance in answers.items():
    at_signal = relevance[np.arange(100), places].mean()
    right = explain.evidence_found(relevance, places)
    print(f"{name:<17} right in {right:4.0%}, mean at the signal {at_signal:+.2f}")

# %% [markdown]
# "Right" is an explanation whose largest relevance is at the signal. Gradient times input does about as well as drawing lots,
# which is right in one of twelve. This is lesson 11 in the wild. It says how the score changes when the signal word's vector is
# made a little longer, and the score hardly does, as LayerNorm divides by that length. So the word that decides everything gets
# next to nothing. (Attention rollout, of Abnar and Zuidema, multiplies the attention tables of all layers, to see where the
# model looks on the whole. On this task that is enough. It has no signs, though: it cannot say what speaks against.)
#
# What this judge does not show: the task is easy and has one reason. Real reasons are many and hang together.
#
# ## Judge 4: people
#
# In the shipped reviews the words that are the reason are marked. Do explanations point at them? The number for it
# is the **AUROC**: the chance that a marked word has more relevance than one that is not. With $M$ for the marked words, $U$ for
# the others, $|M|$ and $|U|$ for how many they are, and $[\ldots]$ for 1 where it is true, else 0,
#
# $$\mathrm{AUROC} = \frac{1}{|M|\,|U|} \sum_{i \in M} \sum_{j \in U} \big([R_i > R_j] + \tfrac12 [R_i = R_j]\big)$$
#
# 1/2 is what drawing lots gives. (The name, area under the receiver operating characteristic, comes from another way to compute
# the same number.)
#
# ### Your turn: agreement with people

# %% exercise auroc

# %%
marked = explain.marked_tokens(tokens, review.rationale)  # (T,)
print("marked:", *(token.strip() for token, mark in zip(tokens, marked, strict=True) if mark))
for name, scores in result.table.items():
    mean, low, high = scores["auroc"]
    print(f"{name:<17} AUROC {mean:.2f}, between {low:.2f} and {high:.2f}")

# %% [markdown]
# The winner is a joke. *Word length* agrees with people better than LRP and LIME do, and it has never seen the model! Marked
# words tend to be long, and this is all it takes.
#
# Does that make the others bad? Not at all, and here is the trap. People marked *why the review is bad*, or good. The
# explanations say *why the model said so*. This model learned from a few hundred reviews and leans on little words that no
# person would mark; an honest explanation of it must disagree with people. An explanation that people like is **plausible**;
# one that is true of the model is **faithful**. They are two things (Jacovi and Goldberg, 2020), and judge 4 knows only the
# first. To have both, one needs a better model.
#
# ## Against other libraries
#
# Rank correlation and AUROC are old friends of statistics. Where SciPy is installed, it agrees:

# %%
a, b, marks = rng.integers(0, 5, 20) * 1.0, rng.normal(size=20), rng.random(20) < 0.4
ours = explain.auroc(a, marks)
try:
    from scipy.stats import mannwhitneyu, spearmanr
except ImportError:
    print("SciPy is not installed: pip install scipy")
else:
    from minitransformer.statistics import rank_correlation as library

    print("Spearman:", library(a, b), "SciPy", spearmanr(a, b).statistic)
    theirs = mannwhitneyu(a[marks], a[~marks]).statistic / (marks.sum() * (~marks).sum())
    print("AUROC:   ", ours, "SciPy", theirs)

# %% [markdown]
# ## Summary
#
# | judge | asks | does not show |
# |---|---|---|
# | take words away (curves, comprehensiveness, sufficiency) | does the model need these words? | how it treats whole texts |
# | destroy the model | does the explanation look at the model? | that it sees the right thing |
# | a planted task | does it find what is known to decide? | that it does so where reasons are many |
# | people's marks | is it plausible? | that it is true of the model |
#
# Report them beside a random order, over many texts, with a range, and say what replaces a word that is taken away. Believe an
# explanation the more, the more judges it has survived, and no further.
#
# **Further reading.** Samek, Binder, Montavon, Lapuschkin and Müller, *Evaluating the visualization of what a deep neural
# network has learned*, IEEE Transactions on Neural Networks and Learning Systems 28, 2017. Adebayo et al., *Sanity checks for
# saliency maps*, NeurIPS 2018. DeYoung et al., *ERASER: a benchmark to evaluate rationalized NLP models*, ACL 2020. Jacovi
# and Goldberg, *Towards faithfully interpretable NLP systems: how should we define and evaluate faithfulness?*, ACL 2020. Abnar
# and Zuidema, *Quantifying attention flow in Transformers*, ACL 2020, for rollout.
#
# **Next:** 14, the relatives: what makes a BERT, a GPT, a T5 or a Llama of the Transformer you have built.
