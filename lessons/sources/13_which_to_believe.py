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
import math
from functools import partial

import matplotlib.pyplot as plt
import numpy as np

import minitransformer as mt
from minitransformer import explain
from minitransformer.course import check
from minitransformer.models import ClassifierConfig, SequenceClassifier
from minitransformer.models.classifier import predict_proba
from minitransformer.recipes import ClassifierRecipe

BLUE, ORANGE, GREEN, PURPLE, GREY = "#2166AC", "#E66101", "#009E73", "#7B3294", "#777777"
rng = np.random.default_rng(0)
mt.manual_seed(0)
recipe = ClassifierRecipe(steps=300, num_layers=2)
trainer, tokenizer = recipe.trainer()
trainer.run()
model = trainer.model.eval()
test = recipe.split()[2]
predict = partial(predict_proba, model, tokenizer)

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
# explanation is worth nothing.
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

# %% exercise prefixes

# %% [markdown]
# What does "take away" mean? One can set the word's embedding to zero, put the unknown word in its place, or delete it and
# close the gap. Each makes a text that the model has rarely or never seen, and each makes another one. There is no innocent
# choice. So **always say which one it was**. Our classifier had words hidden by the unknown word while it learned, so for it
# "unknown" is the natural one.

# %%
keep = np.tri(len(ids) + 1, len(ids), -1)[:, ::-1] == 0  # (T + 1, T): words go from the right
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
# To turn two curves into one number, take the area between them: AUC(LeRF) - AUC(MoRF), where AUC is the mean height of a
# curve. Large is good, and a random order gives about zero.

# %% exercise removal_curves

# %%
judged = {name: explain.faithfulness(bad, ids, relevance, "unk") for name, relevance in found.items()}
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
share = np.linspace(0, 1, len(ids) + 1)
for axis, name in zip(axes, ("LRP", "gradient x input"), strict=True):
    axis.plot(share, judged[name].random_curves[:, 0].T, color="#DDDDDD", lw=0.8)
    axis.plot(share, judged[name].morf, color=ORANGE, label="MoRF: most relevant first")
    axis.plot(share, judged[name].lerf, color=BLUE, ls="--", label="LeRF: least relevant first")
    axis.fill_between(share, judged[name].morf, judged[name].lerf, color=GREY, alpha=0.15)
    axis.set(title=f"{name}: area {judged[name].delta_auc:.2f}", xlabel="share of words made unknown")
axes[0].set_ylabel('score for "bad"')
axes[0].legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# The grey lines are random orders. They belong in every such picture: they show what falling means for *this* text and *this*
# replacement. An explanation whose curve lies among them has said nothing.
#
# ### Needed, and enough
#
# The curves use the whole order. But people read the first few words only, so there is a second pair of numbers, for the most
# relevant 1, 5, 10, 20 and 50 % of the words. **Comprehensiveness**: how much is lost without them? **Sufficiency**: how much
# is lost if only they are left? Large and small, respectively, is good. (DeYoung et al., 2020.)

# %%
for percent in (1, 5, 10, 20, 50):  # a share is rounded up, so that at least one word goes
    print(f"{percent} % of {len(ids)} words: {math.ceil(percent / 100 * len(ids))}", end="   ")

# %% exercise erased

# %% [markdown]
# ### One review is no evidence
#
# Now for forty reviews, and with LIME (lesson 12) in the race. The line is the range that holds the mean with 95 %
# probability, found by drawing the forty reviews again and again, with replacement: the *bootstrap*.

# %%
cases = [case for case in explain.review_cases(test, tokenizer) if case.marked is not None][:40]
standard = explain.standard_methods(model, tokenizer, predict, replace="unk", samples=300)
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
# So replace numbers by ranks and take the correlation: **Spearman's rank correlation**, 1 for the same order, -1 for the
# opposite, about 0 for unrelated ones.

# %%
a = np.array([0.9, 0.1, 0.5, -0.2])
b = np.array([40.0, 2.0, 11.0, 1.0])
ranks = [np.argsort(np.argsort(v)) + 1 for v in (a, b)]
print("ranks", *ranks, "the same order, so the rank correlation is 1")
print("the plain correlation is", np.corrcoef(a, b)[0, 1].round(3))

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
# What this judge does not show: to pass is *necessary*, not *sufficient*. Lots drawn with the weights as a seed would pass too.
#
# ## Judge 3: a task whose answer is known
#
# With real text nobody knows the true explanation. So make a task where we do: sequences of noise words, and at one random
# place a *signal* word that decides the class. A model that is right on sequences it has never seen must use that
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
# Gradient times input does about as well as drawing lots, which is right in one of twelve. This is lesson 11 in the wild. It
# says how the score changes when the signal word's vector is made a little longer, and the score hardly does, as LayerNorm
# divides by that length. So the word that decides everything gets next to nothing. (Attention rollout multiplies the attention
# tables of all layers, to see where the model looks on the whole. On this task that is enough. It has no signs, though: it
# cannot say what speaks against.)
#
# What this judge does not show: the task is easy and has one reason. Real reasons are many and hang together.
#
# ## Judge 4: people
#
# In the shipped reviews the words that are the reason are marked. Do explanations point at them? The number for it
# is the **AUROC**: the chance that a marked word has more relevance than one that is not.

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
# Does that make the others bad? Not at all, and here is the trap. People marked *why the review is bad*. The explanations say
# *why the model said so*. This model learned from a few hundred reviews and leans on little words that no person would mark;
# an honest explanation of it must disagree with people. An explanation that people like is **plausible**; one that is true of
# the model is **faithful**. They are two things (Jacovi and Goldberg, 2020), and judge 4 knows only the first. To have both,
# one needs a better model.
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
    from minitransformer.explain.sanity import rank_correlation as library

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
# and Goldberg, *Towards faithfully interpretable NLP systems: how should we define and evaluate faithfulness?*, ACL 2020.
#
# **Next:** 14, the relatives: what makes a BERT, a GPT, a T5 or a Llama of the Transformer you have built.
