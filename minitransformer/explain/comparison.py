"""Methods of explanation compared on the same texts: their scores, and bootstrap intervals of the scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy
from numpy.typing import ArrayLike

from minitransformer.data.reviews import Review
from minitransformer.explain.attention_flow import attention_rollout, generic_attention
from minitransformer.explain.deletion_curves import deletion_curves, metrics, ranking
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.gradient_methods import gradient_x_input, integrated_gradients, smooth_grad
from minitransformer.explain.perturbation import Logit, logit_of, masked_logits, occlusion
from minitransformer.explain.rationales import auroc, marked_tokens, precision_at_k, token_f1
from minitransformer.explain.renamed import renamed
from minitransformer.explain.shapley import shapley_values
from minitransformer.explain.surrogate import HIDDEN, lime
from minitransformer.explain.walk import lrp
from minitransformer.explain.word_ratings import lexicon_agreement, rated_words
from minitransformer.nn import Module
from minitransformer.statistics import bootstrap_interval
from minitransformer.tokenization import Tokenizer

Array = numpy.ndarray
AGREEMENT = {"precision_at_k": precision_at_k, "auroc": auroc, "token_f1": token_f1}


@dataclass(frozen=True)
class Case:
    """One text to explain.

    Args:
        text: the text.
        ids: its ids (T,).
        target: the class or token to explain.
        marked: bool (T,), the tokens that a person marked as the reason, if any.
        tokens: T strings that joined make up the text.
        praise: whether the target means "good", with which the ratings of words are compared.
    """

    text: str
    ids: Array
    target: int
    marked: Array | None = None
    tokens: Sequence[str] = ()
    praise: bool = True


def review_cases(reviews: Sequence[Review], tokenizer: Tokenizer) -> list[Case]:
    """Reviews as cases: the target is the true label.

    Args:
        reviews: texts with a label and marked spans.
        tokenizer: cuts them into tokens.

    Returns:
        A case for each review. `marked` are the tokens of the marked spans; None if these are no tokens or all.
    """
    return [_review_case(review, tokenizer) for review in reviews]


def _review_case(review: Review, tokenizer: Tokenizer) -> Case:
    """One review as a case."""
    tokens = tokenizer.tokens(review.text)
    marked = marked_tokens(tokens, review.rationale)
    reason = marked if marked.any() and not marked.all() else None
    ids = numpy.array(tokenizer.encode(review.text))
    return Case(review.text, ids, review.label, reason, tokens, bool(review.label))


Method = Callable[[Case], Array]  # -> relevance (T,)


@dataclass(frozen=True)
class Comparison:
    """The scores of several methods on the same N texts.

    Attributes:
        replace: what a removed token becomes, as in `masked_logits`.
        values: method -> metric -> the score of each text (N,), NaN where it has none. "seconds" is a metric.
        curves: method -> (morf, lerf) of each text, (T + 1,) each.
    """

    replace: str
    values: dict[str, dict[str, Array]]
    curves: dict[str, list[tuple[Array, Array]]] = field(repr=False)

    @property
    def table(self) -> dict[str, dict[str, tuple[float, float, float]]]:
        """method -> metric -> (mean, low, high), the mean over the texts and its 95 % interval."""
        return {method: _intervals(scores) for method, scores in self.values.items()}

    def difference(self, method: str, other: str, metric: str = "delta_auc") -> tuple[float, float, float]:
        """How much higher one method scores than another on the same texts.

        Args:
            method: the name of a method.
            other: the name of the method that it is compared with.
            metric: the name of a metric.

        Returns:
            (mean, low, high) of the paired difference, with its 95 % interval.
        """
        paired = self.values[method][metric] - self.values[other][metric]
        return bootstrap_interval(paired[~numpy.isnan(paired)])

    def __str__(self) -> str:
        table = self.table
        columns = list(next(iter(table.values())))
        head = " ".join([f"{'method':22s}", *(f"{name:>25s}" for name in columns)])
        cells = {method: [_cell(scores[name]) for name in columns] for method, scores in table.items()}
        rows = [" ".join([f"{method:22s}", *row]) for method, row in cells.items()]
        return "\n".join([f"tokens taken away become: {self.replace}; mean [95 % interval]", head, *rows])


def _intervals(scores: Mapping[str, Array]) -> dict[str, tuple[float, float, float]]:
    """metric -> (mean, low, high), for the metrics that any text has."""
    known = {metric: values[~numpy.isnan(values)] for metric, values in scores.items()}
    return {metric: bootstrap_interval(values) for metric, values in known.items() if values.size}


def _cell(interval: tuple[float, float, float]) -> str:
    """A mean and its interval in 25 columns."""
    return "{:9.4f} [{:6.3f},{:6.3f}]".format(*interval).rjust(25)


def compare(
    methods: Mapping[str, Method],
    logit: Callable[[int], Logit],
    cases: Sequence[Case],
    *,
    replace: str = "zero",
    ratings: Mapping[str, float] | None = None,
) -> Comparison:
    """Let each method explain each case, and score it: faithfulness, agreement with people, and seconds.

    Args:
        methods: name -> function of a case that returns the relevance (T,), as `standard_methods` makes them.
        logit: function of a target that returns a function of ids, such as `partial(logit_of, model)`.
        cases: the texts.
        replace: what a removed token becomes, as in `masked_logits`.
        ratings: people's ratings of words. With them there is a metric "lexicon": `lexicon_agreement` within each text
            that has two rated words or more.

    Returns:
        The scores.

    Raises:
        ValueError: no methods or no cases; and as `faithfulness` does.
    """
    if not methods or not cases:
        raise ValueError(f"expected methods and cases, got {len(methods)} and {len(cases)}")
    judge = partial(_judge, logit=logit, replace=replace, ratings=ratings)
    judged = {name: [judge(method, case) for case in cases] for name, method in methods.items()}
    names = list(next(iter(judged.values()))[0][0])
    values = {
        method: {name: numpy.array([score[name] for score, _ in rows]) for name in names}
        for method, rows in judged.items()
    }
    curves = {method: [pair for _, pair in rows] for method, rows in judged.items()}
    return Comparison(replace, values, curves)


def _judge(
    method: Method,
    case: Case,
    logit: Callable[[int], Logit],
    replace: str,
    ratings: Mapping[str, float] | None,
) -> tuple[dict[str, float], tuple[Array, Array]]:
    """The scores of one method on one text, and its (morf, lerf)."""
    start = time.perf_counter()
    relevance = method(case)
    seconds = time.perf_counter() - start
    order = ranking(case.ids, relevance)
    ((morf, lerf),) = deletion_curves(logit(case.target), case.ids, [order], replace)  # (T + 1,) each
    agrees = {
        name: numpy.nan if case.marked is None else judge(relevance, case.marked)
        for name, judge in AGREEMENT.items()
    }
    rated = {"lexicon": _lexicon(case, relevance, ratings)} if ratings else {}
    faithful = {name: float(value) for name, value in metrics(morf, lerf).items()}
    return {**faithful, **agrees, **rated, "seconds": seconds}, (morf, lerf)


def _lexicon(case: Case, relevance: Array, ratings: Mapping[str, float]) -> float:
    """`lexicon_agreement` within one text, NaN where fewer than two words are rated."""
    few = len(rated_words(case.tokens, relevance, ratings)[0]) < 2
    return numpy.nan if few else lexicon_agreement([(case.tokens, relevance)], ratings, case.praise)[0]


def token_weights(found: Explanation, tokens: Sequence[str]) -> Array:
    """The relevance of each token, from an explanation of the words of the same text.

    Args:
        found: an explanation whose tokens make up the text.
        tokens: T tokens, which may lack white space, be in lower case, or begin with "##".

    Returns:
        (T,), the relevance of the word in which each token begins; 0 for tokens that are not in the text.
    """
    text = "".join(found.tokens).lower()
    weight_at = numpy.repeat(found.relevance, [len(word) for word in found.tokens])  # of each character
    weights = numpy.zeros(len(tokens))
    end = 0
    for i, token in enumerate(tokens):
        if (start := text.find(piece := token.removeprefix("##").lower(), end)) >= 0:
            weights[i] = weight_at[start]
            end = start + len(piece)
    return weights


INSIDE: dict[str, Callable[..., Explanation]] = {  # the methods that read what the model computes inside
    "lrp, attnlrp": lrp,
    "lrp, cp-lrp": partial(lrp, rule="cp-lrp"),
    "gradient x input": gradient_x_input,
    "integrated gradients": integrated_gradients,
    "smoothgrad": smooth_grad,
    "attention rollout": attention_rollout,
    "generic attention": generic_attention,
}


@renamed(samples="num_samples")
def standard_methods(
    model: Module,
    tokenizer: Tokenizer | None = None,
    predict: Callable[[list[str]], ArrayLike] | None = None,
    *,
    replace: str = "zero",
    num_samples: int = 1000,
    position: int = -1,
    seed: int = 0,
) -> dict[str, Method]:
    """Every method of `minitransformer.explain` as a function of a case, and a random one for comparison.

    Args:
        model: what they explain.
        tokenizer: cuts the texts; needed for LIME.
        predict: N texts -> probabilities (N, n_classes); needed for LIME, which is left out without it.
        replace: what a removed token becomes, for the methods that remove tokens.
        num_samples: the number of samples of LIME and KernelSHAP.
        position: the token whose logits are explained; ignored by classifiers.
        seed: of LIME, KernelSHAP and the random method.

    Returns:
        name -> function of a `Case` that returns the relevance (T,).
    """
    random = numpy.random.default_rng(seed)

    def inside(explain: Callable[..., Explanation], case: Case) -> Array:
        return explain(model, case.ids, case.target, position=position).relevance

    methods: dict[str, Method] = {name: partial(inside, explain) for name, explain in INSIDE.items()}
    methods["occlusion"] = partial(inside, partial(occlusion, replace=replace))

    def kernel_shap(case: Case) -> Array:
        logit = logit_of(model, case.target, position=position)
        game = partial(masked_logits, logit, case.ids, replace=replace)
        return shapley_values(game, len(case.ids), num_samples, seed)[0]

    methods["kernel shap"] = kernel_shap
    if predict is not None and tokenizer is not None:
        methods["lime"] = partial(_lime, predict, tokenizer, num_samples, seed)
    return methods | {"random": lambda case: random.standard_normal(len(case.ids))}


def _lime(
    predict: Callable[[list[str]], ArrayLike], tokenizer: Tokenizer, num_samples: int, seed: int, case: Case
) -> Array:
    """LIME's weight of each token of a case, (T,)."""
    tokens = tokenizer.tokens(case.text)
    whole = "".join(tokens) == case.text  # WordPiece's tokens are not
    found = lime(
        predict,
        case.text,
        case.target,
        num_features=len(case.ids),
        num_samples=num_samples,
        seed=seed,
        bow=False,
        tokenizer=tokenizer if whole else None,
        replacement=f" {HIDDEN}",
    )
    return found.relevance if whole else token_weights(found, tokens)
