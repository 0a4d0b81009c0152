# %% [markdown]
# # 13 Which explanation to believe
#
# After this lesson you can test an explanation: remove words and watch the score, destroy the model and see whether the
# explanation changes, give it a task whose answer you know, and compare it with what people marked. And you can say what each
# of these tests does *not* show.
#
# *About 25 minutes to read, and 80 for the exercises. Builds on lessons 09 (learning), 11 (relevance propagation) and 12 (LIME).*

# %% [markdown]
# ## Why
#
# Ask four methods which words made a classifier say yes, and you get four answers. All of them look convincing: people easily
# find a reason for any coloured words. The article that this course began with presents LRP and LIME as the way to see how a
# Transformer decides, and stops there. It does not ask the next question: *is the explanation true?*
#
# Let us look at such a disagreement. We train the classifier of lesson 11 and explain one review that it has not seen.

# %%
import copy
import math
from functools import partial

import numpy as np

import minitransformer as mt
from minitransformer import explain
from minitransformer.course import check, hint, saved, solution
from minitransformer.course.figures import lesson_13_which_to_believe as figures
from minitransformer.installing import install_line
from minitransformer.models import ClassifierConfig, SequenceClassifier
from minitransformer.models.classifier import predict_proba
from minitransformer.recipes import ClassifierRecipe
from minitransformer.recipes.classifier import accuracy

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
found = {name: method(ids) for name, method in methods.items()}

figures.methods(tokens, found)

# %% [markdown]
# All four explain the score for "a bad review". The last two are no explanations: *word length* does not look at the model at all,
# and gives long words much; *random* gives random numbers. They are the **baselines**. We compare with them on purpose: a test
# that cannot tell them from an explanation is worth nothing. (Each picture has a scale of its own, so that 1 is the largest
# relevance in it.)
#
# ## Test 1: remove words, and ask the model
#
# If *confusing* is why the model says "bad", then its score should be lower without *confusing*. So remove the words one after
# the other, the most relevant first, and watch the score. It should fall at once. That is the **MoRF** curve (most relevant
# first). Then the other way round: **LeRF**, least relevant first. Now the score should stay high for long, or even rise, as
# words that speak *against* are removed first.
#
# First we need the texts without some of the words, as masks. All of them at once: a model is much faster on one batch of
# twenty texts than on twenty texts one by one.
#
# ### Your turn: the masks

# %% exercise prefixes

# %% [markdown]
# What does "remove" mean? One can set the word's embedding to zero, put the unknown word in its place, or delete it and close
# the gap. Each makes a text that the model has rarely or never seen, an **out-of-distribution** input, and each makes another
# one. So *always say which one it was*. Our classifier had words hidden by the unknown word while it learned, so for it "unknown"
# is the natural one. Below, words are removed from the end of the review, in three ways. (`logit_of(model, 0)` is the score for
# class 0, and `masked_logits` computes it for the text under each mask.)

# %%
keep = np.tri(len(ids) + 1, len(ids), -1)[:, ::-1] == 0  # (T + 1, T): in row k the last k words are removed
bad = explain.logit_of(model, 0)
ways = {"zero": "zero", "unk": "the unknown word", "delete": "nothing"}
figures.replacements({what: explain.masked_logits(bad, ids, keep, way) for way, what in ways.items()})

# %% [markdown]
# ### The area between
#
# To turn two curves into one number, take the area between them. Let $f_k$ be the score after $k$ of $T$ words are removed. The
# **area under the curve (AUC)** over the *share* of words removed, from 0 to 1, consists of $T$ pieces, each $\frac1T$ wide and as
# high as the mean of its two ends:
#
# $$\mathrm{AUC} = \frac1T \sum_{k=0}^{T-1} \frac{f_k + f_{k+1}}{2}, \qquad
# \text{area between} = \mathrm{AUC}(\mathrm{LeRF}) - \mathrm{AUC}(\mathrm{MoRF})$$
#
# Large is good, and a random order gives about zero.
#
# ### Your turn: the curves and the area

# %% exercise removal_curves

# %% [markdown]
# **Predict, then run.** The grey lines in the next picture are random orders of removal. Where will the MoRF curve of a good
# explanation lie: above them, among them or below them?
#
# <details><summary>Answer</summary>
#
# Below them: the words that raise the score are removed first. The LeRF curve lies above them.
#
# </details>

# %%
judged = {name: explain.faithfulness(bad, ids, relevance, "unk") for name, relevance in found.items()}
figures.removal({name: judged[name] for name in ("LRP", "gradient x input")})

# %% [markdown]
# The grey lines belong in every such picture: they show how the score falls by chance, for *this* text and *this* replacement.
# An explanation whose curve lies among them is no better than chance.
#
# ### Needed, and enough
#
# The curves use the whole order. But people read the first few words only, so there is a second pair of numbers, for the most
# relevant 1, 5, 10, 20 and 50 % of the words. **Comprehensiveness**: how much of the score is lost without them?
# **Sufficiency**: how much is lost if only they are left? With $f$ for the score, and the mean over the five shares,
#
# $$\text{comprehensiveness} = \text{mean of } f(\text{all}) - f(\text{all but these}), \qquad
# \text{sufficiency} = \text{mean of } f(\text{all}) - f(\text{these alone})$$
#
# The first should be large, the second small. (DeYoung et al., 2020.)

# %%
for percent in (1, 5, 10, 20, 50):  # a share is rounded up, so that at least one word is removed
    print(f"{percent} % of {len(ids)} words: {math.ceil(percent / 100 * len(ids))}", end="   ")

# %% [markdown]
# ### Your turn: needed, and enough

# %% exercise erased

# %% [markdown]
# ### One review is no evidence
#
# Now for forty reviews, and with LIME (lesson 12) too. With forty others the mean would be a little different; the line says how
# much. Draw forty of the forty reviews *with replacement*, so that some come twice and some not at all, and take the mean; do
# so again and again. The line contains 95 % of these means. This is the **bootstrap**, and the line is a **confidence interval**.

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
print("each line: a 95 % confidence interval of the mean over", len(cases), "reviews")
figures.intervals(titles, result.table)

# %% [markdown]
# LRP and LIME are far better than the baselines. Sufficiency below zero says: with these words alone the model is *more* certain
# than with all of them, as the words that speak against are removed.
#
# What this test does not show: texts without some of their words are unusual, and a model may treat them unusually. And it favours
# methods that are made the same way: LIME removes words to explain.
#
# ## Test 2: destroy the model
#
# An explanation of a model must depend on the model. That sounds too obvious to test. Yet Adebayo et al. (2018) found
# well-known methods for pictures that give nearly the same explanation when the model's weights are replaced by noise: they
# show the picture, not the decision. Their **sanity check**: replace the weights by noise, layer by layer from the output down,
# and compare each new explanation with the first.
#
# To compare two explanations we look at the order only. One method's numbers may be ten times another's, and mean the same.
# So replace numbers by ranks, 1 for the smallest, and give equal numbers the mean of their ranks. Subtract the mean, which gives
# $a'_i$ and $b'_i$, and then take the cosine of the angle between the two (lesson 12). This is **Spearman's rank correlation**,
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
layers = ["(as learned)"] + [name for name, _, _ in checks["LRP"].steps]
lines = {name: [1.0] + [signed for _, signed, _ in each.steps] for name, each in checks.items()}
figures.randomisation(layers, lines)

# %% [markdown]
# *Word length* stays at 1 to the end, so the test shows that it does not depend on the model. The lines of the others fall as more
# layers become noise. (One text and one draw of noise make an uneven line; noise in the head may also change the sign of an
# explanation, then the correlation is negative. A report would take the mean over many.)
#
# An order that hardly changes while a layer is destroyed may have two reasons: the explanation does not see what that layer does,
# or the layer does nothing. Ask the model itself: destroy one part alone, and count how often it is still right.
#
# **Predict, then run.** Noise in which part costs most: the second layer, the first layer, or the embedding?
#
# <details><summary>Answer</summary>
#
# The embedding: without it the words cannot be told apart, and the model is right about as often as by chance.
#
# </details>


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
# A layer whose noise costs little adds little to the sum that the head reads (lesson 08). Then an explanation is right not to
# change with it. One number from one test can mislead.
#
# What this test does not show: to pass is *necessary*, not *sufficient*. Random numbers drawn with the weights as a seed would
# pass too.
#
# ## Test 3: a task whose answer is known
#
# With real text nobody knows the true explanation. So make a task where we know it, the **ground truth**: sequences of twelve
# noise words, and at one random place a *signal* word instead that decides the class. A model that is right on sequences it has
# never seen must use that word, and an explanation must point at it.

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
# "Right" is an explanation whose largest relevance is at the signal. Gradient times input does about as well as chance, which is
# right in one of twelve. Lesson 11 said why: it tells how the score changes when the signal word's vector is made a little longer,
# and the score hardly changes, as LayerNorm divides by that length. So the word that decides everything gets nearly nothing.
# (**Attention rollout**, of Abnar and Zuidema, multiplies the attention tables of all layers. On this task that is enough. It
# has no signs, though: it cannot say what speaks against.)
#
# What this test does not show: the task is easy and has one reason. Real decisions have many, which depend on each other.
#
# ## Test 4: people
#
# In the shipped reviews the words that are the reason are marked, their **rationale**. Do explanations point at them? The number
# for it is the **AUROC**: the probability that a marked word has more relevance than one that is not. Let $M$ be the marked words,
# $U$ the others, $|M|$ and $|U|$ how many they are, and $[\ldots]$ 1 where it is true, else 0:
#
# $$\mathrm{AUROC} = \frac{1}{|M|\,|U|} \sum_{i \in M} \sum_{j \in U} \big([R_i > R_j] + \tfrac12 [R_i = R_j]\big)$$
#
# Chance gives 1/2. (The name, area under the receiver operating characteristic, comes from another way to compute
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
# Look at *word length*: it agrees with people well, and it has never seen the model. Marked words tend to be long.
#
# Does that make the others bad? No. People marked *why the review is bad*, or good. The explanations say *why the model said so*.
# This model learned from about a thousand reviews and uses small words that no person would mark; an honest explanation of it must
# disagree with people. An explanation that people agree with is **plausible**; one that is true of the model is **faithful**.
# These are two things (Jacovi and Goldberg, 2020), and test 4 measures only the first. To have both, one needs a better model.
#
# ## Against other libraries
#
# Rank correlation and AUROC are standard in statistics. Where SciPy is installed, it gives the same:

# %%
a, b, marks = rng.integers(0, 5, 20) * 1.0, rng.normal(size=20), rng.random(20) < 0.4
ours = explain.auroc(a, marks)
try:
    from scipy.stats import mannwhitneyu, spearmanr
except ImportError:
    print("SciPy is not installed; in a run with it the differences were below 1e-15")
    print(f"To compare it yourself, type this in a terminal, and run the cell again: {install_line('scipy')}")
else:
    from minitransformer.statistics import rank_correlation as library

    print("Spearman:", library(a, b), "SciPy", spearmanr(a, b).statistic)
    theirs = mannwhitneyu(a[marks], a[~marks]).statistic / (marks.sum() * (~marks).sum())
    print("AUROC:   ", ours, "SciPy", theirs)

# %% [markdown]
# **Harder, if you like** (nobody judges it). Repeat test 1 with `replace="delete"`: does the order of the methods change? And find
# a review on which LRP and LIME disagree most, by `rank_correlation`. Which of the two is right about it, by the curves?
#
# ## Summary
#
# | test | asks | does not show |
# |---|---|---|
# | remove words (curves, comprehensiveness, sufficiency) | does the model need these words? | how it treats whole texts |
# | destroy the model | does the explanation depend on the model? | that it sees the right thing |
# | a planted task | does it find what is known to decide? | that it does so where reasons are many |
# | people's marks | is it plausible? | that it is true of the model |
#
# Report them beside a random order, over many texts, with a range, and say what replaces a word that is removed. The more tests an
# explanation passes, the more you may believe it.

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | baseline | a method so simple that every serious one must be better | |
# | MoRF | the score while the most relevant words are removed first; LeRF: the least relevant first | |
# | out-of-distribution | unlike anything the model has learned from | |
# | area under the curve (AUC) | a curve as one number | `torch.trapezoid` |
# | comprehensiveness | how much of the score is lost without the most relevant words | |
# | sufficiency | how much of it is lost with these words alone | |
# | bootstrap | draw from the same examples again and again, to see how much a mean depends on them | |
# | confidence interval | a range that holds 95 % of such means | |
# | sanity check | an explanation must change when the model is destroyed | |
# | Spearman's rank correlation | how far two orders agree, from -1 to 1 | |
# | ground truth | what is known to be right | |
# | attention rollout | the product of the attention tables of all layers | |
# | rationale | the words that people marked as the reason | |
# | AUROC | the probability that a marked word has more relevance than another | |
# | plausible | people agree with it | |
# | faithful | it is true of the model | |

# %% [markdown]
# **Further reading.** Samek, Binder, Montavon, Lapuschkin and Müller, *Evaluating the visualization of what a deep neural
# network has learned*, IEEE Transactions on Neural Networks and Learning Systems 28, 2017. Adebayo et al., *Sanity checks for
# saliency maps*, NeurIPS 2018. DeYoung et al., *ERASER: a benchmark to evaluate rationalized NLP models*, ACL 2020. Jacovi
# and Goldberg, *Towards faithfully interpretable NLP systems: how should we define and evaluate faithfulness?*, ACL 2020. Abnar
# and Zuidema, *Quantifying attention flow in Transformers*, ACL 2020, for rollout.
#
# **Next:** 14, model families: what makes a BERT, a GPT, a T5 or a Llama of the Transformer you have built.
