"""Methods side by side: each explains the same texts, the judges score them, and the bootstrap says how sure the scores are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy

from minitransformer.data.reviews import Review
from minitransformer.explain.answer import Explanation
from minitransformer.explain.attention_flow import attention_rollout, generic_attention
from minitransformer.explain.deletion_curves import deletion_curves, metrics, ranking
from minitransformer.explain.gradient_methods import gradient_x_input, integrated_gradients, smooth_grad
from minitransformer.explain.perturbation import logit_of, masked_logits, occlusion
from minitransformer.explain.rationales import auroc, marked_tokens, precision_at_k, token_f1
from minitransformer.explain.renamed import renamed
from minitransformer.explain.shapley import shapley_values
from minitransformer.explain.surrogate import lime
from minitransformer.explain.walk import lrp
from minitransformer.explain.word_ratings import lexicon_agreement, rated_words
from minitransformer.nn import Module
from minitransformer.statistics import bootstrap_interval
from minitransformer.tokenization import Tokenizer

Array = numpy.ndarray
AGREEMENT = {"precision_at_k": precision_at_k, "auroc": auroc, "token_f1": token_f1}


@dataclass(frozen=True)
class Case:
    """One text to explain: its ids (T,), the class or token to explain, and which tokens are marked (T,), if any are.

    `tokens` make up the text; `praise` says whether the target speaks for good, which ratings of words are held against.
    """

    text: str
    ids: Array
    target: int
    marked: Array | None = None
    tokens: Sequence[str] = ()
    praise: bool = True


def review_cases(reviews: Sequence[Review], tokenizer: Tokenizer) -> list[Case]:
    """Reviews as cases: explain the true label; marked are the tokens of the rationale, None if that is no token or all."""
    return [_review_case(review, tokenizer) for review in reviews]


def _review_case(review: Review, tokenizer: Tokenizer) -> Case:
    tokens = tokenizer.tokens(review.text)
    marked = marked_tokens(tokens, review.rationale)
    told = marked if marked.any() and not marked.all() else None
    return Case(
        review.text,
        numpy.array(tokenizer.encode(review.text)),
        review.label,
        told,
        tokens,
        bool(review.label),
    )


Method = Callable[[Case], Array]  # -> relevance (T,)


@dataclass(frozen=True)
class Comparison:
    """`values[method][metric]` (N,): the score of each text (NaN where it has none), and `seconds`, what it cost.

    `curves[method]` holds the (morf, lerf) curves of each text, of its own length. `table` has the mean and its 95 %
    interval for each method and metric. `replace` says what a token that is taken away becomes.
    """

    replace: str
    values: dict[str, dict[str, Array]]
    curves: dict[str, list[tuple[Array, Array]]] = field(repr=False)

    @property
    def table(self) -> dict[str, dict[str, tuple[float, float, float]]]:
        """method -> metric -> (mean, low, high)."""
        return {
            method: {
                metric: bootstrap_interval(v[~numpy.isnan(v)])
                for metric, v in scores.items()
                if not numpy.isnan(v).all()
            }
            for method, scores in self.values.items()
        }

    def difference(self, method: str, other: str, metric: str = "delta_auc") -> tuple[float, float, float]:
        """How much higher one method scores than another on the same texts: (mean, low, high) of the paired difference."""
        paired = self.values[method][metric] - self.values[other][metric]
        return bootstrap_interval(paired[~numpy.isnan(paired)])

    def __str__(self) -> str:
        table = self.table
        columns = list(next(iter(table.values())))
        head = " ".join([f"{'method':22s}", *(f"{name:>25s}" for name in columns)])
        rows = [
            " ".join(
                [
                    f"{method:22s}",
                    *("{:9.4f} [{:6.3f},{:6.3f}]".format(*scores[name]).rjust(25) for name in columns),
                ]
            )
            for method, scores in table.items()
        ]
        return "\n".join([f"tokens taken away become: {self.replace}; mean [95 % interval]", head, *rows])


def compare(
    methods: Mapping[str, Method],
    logit: Callable[[int], Callable],
    cases: Sequence[Case],
    replace: str = "zero",
    ratings: Mapping[str, float] | None = None,
) -> Comparison:
    """Let each method explain each case, and judge it: faithfulness, agreement with people, and seconds.

    People marked tokens as the reason, and rated words, if `ratings` are given; the latter give "lexicon", the rank
    correlation of `lexicon_agreement` within each text that has two rated words or more.

    `methods` map a name to a function of a case that gives its relevance (T,), as `standard_methods` makes them; `logit` of
    a target gives the function of ids to judge by, e.g. `partial(logit_of, model)`. Raises ValueError without methods or
    cases, and as `faithfulness` does.
    """
    if not methods or not cases:
        raise ValueError(f"expected methods and cases, got {len(methods)} and {len(cases)}")
    judge = partial(_judge, logit=logit, replace=replace, ratings=ratings)
    judged = {name: [judge(method, case) for case in cases] for name, method in methods.items()}
    names = list(next(iter(judged.values()))[0][0])
    values = {
        m: {name: numpy.array([score[name] for score, _ in rows]) for name in names}
        for m, rows in judged.items()
    }
    return Comparison(
        replace, values, {method: [curves for _, curves in rows] for method, rows in judged.items()}
    )


def _judge(
    method: Method, case: Case, logit, replace, ratings
) -> tuple[dict[str, float], tuple[Array, Array]]:
    start = time.perf_counter()
    relevance = method(case)
    seconds = time.perf_counter() - start
    # (T + 1,) each
    ((morf, lerf),) = deletion_curves(logit(case.target), case.ids, [ranking(case.ids, relevance)], replace)
    agrees = {
        name: numpy.nan if case.marked is None else judge(relevance, case.marked)
        for name, judge in AGREEMENT.items()
    }
    hears = {"lexicon": _lexicon(case, relevance, ratings)} if ratings else {}
    faithful = {name: float(value) for name, value in metrics(morf, lerf).items()}
    return {**faithful, **agrees, **hears, "seconds": seconds}, (morf, lerf)


def _lexicon(case: Case, relevance: Array, ratings: Mapping[str, float]) -> float:
    """NaN where a text has too few rated words to order."""
    few = len(rated_words(case.tokens, relevance, ratings)[0]) < 2
    return numpy.nan if few else lexicon_agreement([(case.tokens, relevance)], ratings, case.praise)[0]


def token_weights(found: Explanation, tokens: Sequence[str]) -> Array:
    """What an explanation of a text's words says of the tokens (T,): each has its word's; marks that are no text have 0."""
    text = "".join(found.tokens).lower()
    weight_at = numpy.repeat(found.relevance, [len(word) for word in found.tokens])  # of each character
    weights, end = numpy.zeros(len(tokens)), 0
    for i, token in enumerate(tokens):
        if (start := text.find(piece := token.removeprefix("##").lower(), end)) >= 0:
            weights[i], end = weight_at[start], start + len(piece)
    return weights


INSIDE = {  # the methods that open the model, with their defaults
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
    predict: Callable[[list[str]], Array] | None = None,
    *,
    replace: str = "zero",
    num_samples: int = 1000,
    position: int = -1,
    seed: int = 0,
) -> dict[str, Method]:
    """Every method of this room as a function of a case, and a random one to beat.

    Those that take tokens away replace them as the judge does. LIME needs `predict` and `tokenizer` and is left out without
    them. `num_samples` is what LIME and KernelSHAP may ask.
    """
    random = numpy.random.default_rng(seed)
    methods: dict[str, Method] = {
        name: lambda case, explain=explain: explain(model, case.ids, case.target, position=position).relevance
        for name, explain in {**INSIDE, "occlusion": partial(occlusion, replace=replace)}.items()
    }

    def kernel_shap(case: Case) -> Array:
        logit = logit_of(model, case.target, position)
        return shapley_values(
            lambda keep: masked_logits(logit, case.ids, keep, replace), len(case.ids), num_samples, seed
        )[0]

    def imitation(case: Case) -> Array:
        tokens = tokenizer.tokens(case.text)
        # those of WordPiece do not make up the text
        pieces = tokenizer if "".join(tokens) == case.text else None
        asked = dict(num_samples=num_samples, num_features=len(case.ids), seed=seed)
        how = dict(bow=False, tokenizer=pieces, replacement=" UNKWORDZ")
        found = lime(predict, case.text, case.target, **asked, **how)
        return found.relevance if pieces else token_weights(found, tokens)

    methods["kernel shap"] = kernel_shap
    if predict is not None and tokenizer is not None:
        methods["lime"] = imitation
    return methods | {"random": lambda case: random.standard_normal(len(case.ids))}
