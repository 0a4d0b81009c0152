"""`minitransformer explain --compare`: which method to believe, on reviews that the classifier never saw."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from rich.table import Table
from rich.text import Text

from minitransformer.cli.options import console, print_json
from minitransformer.data.lexicon import word_ratings
from minitransformer.explain.comparison import Comparison, compare, review_cases, standard_methods
from minitransformer.explain.perturbation import logit_of
from minitransformer.explain.pictures import comparison_table, mean_curves
from minitransformer.explain.rendering import save_page
from minitransformer.models import BertClassifier, SequenceClassifier
from minitransformer.models.classifier import predict_proba
from minitransformer.nn import Module
from minitransformer.plain import escaped
from minitransformer.recipes import ClassifierRecipe
from minitransformer.tokenization import Tokenizer

MEANING = {
    "delta_auc": "area between the curves: tokens taken away from the least and from the most relevant on; larger is better",
    "aopc": "mean fall of the logit while the most relevant tokens go; larger is better",
    "comprehensiveness": "fall of the logit without the most relevant tokens; larger is better",
    "sufficiency": "fall of the logit with nothing but them; smaller is better",
    "precision_at_k": "share of the most relevant tokens that are marked as the reason",
    "auroc": "how often a marked token is above one that is not; 0.5 is chance",
    "token_f1": "agreement of the top fifth with the marked tokens",
    "lexicon": "rank correlation with how good or bad people say each word is by itself; 0 is chance",
    "seconds": "for one explanation",
}
PARTS = ("mean", "low", "high")
NARROW = ("delta_auc", "auroc", "lexicon", "seconds")  # what a terminal of 80 columns has room for


def compare_methods(
    model: Module,
    tokenizer: Tokenizer,
    data: str,
    limit: int,
    replace: str,
    samples: int,
    lexicon: bool,
    seed: int,
) -> Comparison:
    """Every method on the first `limit` held-out reviews. Raises ValueError if the model is no classifier."""
    if not isinstance(model, SequenceClassifier | BertClassifier):
        raise ValueError("--compare: expected a classifier, as the methods are judged on labelled reviews")
    cases = review_cases(ClassifierRecipe.of(data).split()[2][:limit], tokenizer)
    methods = standard_methods(
        model,
        tokenizer,
        partial(predict_proba, model, tokenizer),
        replace=replace,
        num_samples=samples,
        seed=seed,
    )
    return compare(
        methods,
        partial(logit_of, model),
        cases,
        replace=replace,
        ratings=word_ratings() if lexicon else None,
    )


def show(comparison: Comparison, html: Path | None, json: bool) -> None:
    """Print the table, and write it as a page if asked."""
    scores = comparison.table
    metrics = [name for name in MEANING if any(name in row for row in scores.values())]
    if html:
        save_page(html, "Explanations compared", _body(comparison, metrics))
    if json:
        print_json(
            {
                method: {name: dict(zip(PARTS, row[name], strict=True)) for name in row}
                for method, row in scores.items()
            }
        )
    else:
        _print(scores, [name for name in metrics if name in NARROW], comparison.replace)


def _body(comparison: Comparison, metrics: list[str]) -> str:
    """The table with its points and intervals, what the columns mean, and the mean curves of every method."""
    notes = "".join(f"<li>{escaped(name)}: {escaped(MEANING[name])}</li>" for name in metrics)
    pictures = comparison_table(comparison, metrics).to_html() + mean_curves(comparison).to_html()
    return f"<h1>Which explanation to believe</h1>{pictures}<ul>{notes}</ul>"


def _print(scores: dict[str, dict], metrics: list[str], replace: str) -> None:
    shown = Table(
        "method", *metrics, title=f"mean [95 % interval]; a token taken away becomes: {replace}", box=None
    )
    for method, row in scores.items():
        shown.add_row(method, *(_cell(row.get(name)) for name in metrics))
    console.print(shown)
    for name in metrics:
        console.print(Text.assemble((name, "bold"), f": {MEANING[name]}"), soft_wrap=True)
    console.print("--html and --json tell the other metrics too.")


def _cell(score: tuple[float, float, float] | None) -> str:
    return "" if score is None else "{:.2g} [{:.2g}, {:.2g}]".format(*score)
