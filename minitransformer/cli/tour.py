"""`minitransformer tour`: check, train, generate, classify, explain, and write a page about it."""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy
import typer
from rich.progress import Progress

from minitransformer.autograd import no_grad
from minitransformer.cli.options import Backend, Json, Seed, console, prepare, print_json
from minitransformer.cli.tour_page import tour_page
from minitransformer.cli.tour_story import Judgement, Learned, Speech, Story, agreement
from minitransformer.cli.verify import Result, summary, verify_all
from minitransformer.data.naive_bayes import NaiveBayes, majority
from minitransformer.data.reviews import Review
from minitransformer.explain import Explanation, gradient_x_input, lime, lrp
from minitransformer.generation import generate
from minitransformer.models.classifier import SequenceClassifier, predict_proba
from minitransformer.nn.attention import record_attention
from minitransformer.ops.creation import tensor
from minitransformer.progress import progress_bar
from minitransformer.recipes import ClassifierRecipe, LanguageModelRecipe
from minitransformer.recipes.classifier import DATA, accuracy
from minitransformer.tokenization import Tokenizer
from minitransformer.training import Trainer

PROMPT, LOOKED_AT = "The ", "The value of the expression is a list"
AGREEMENT = ("method", "other", "rank_correlation", "top_words")
GAP = 1e-4  # of the largest relevance: what float32 leaves


def tour(
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("tour.html"),
    data: Annotated[str, typer.Option(help="What the classifier reads: " + " or ".join(DATA) + ".")] = "reviews",
    steps: Annotated[int, typer.Option(min=1, help="Training steps of the language model.")] = LanguageModelRecipe.steps,
    classifier_steps: Annotated[int | None, typer.Option(min=1, help="Training steps of the classifier.")] = None,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """The main job: check every gradient, train two models on real text, explain one decision, and write a page about it."""
    prepare(seed, backend)
    console.quiet = json
    seconds: dict[str, float] = {}
    with _timed(seconds, "gradients"):
        gradients = check_gradients(seed)
    with _timed(seconds, "language model"):
        speech = speak(steps, seed)
    with _timed(seconds, "classifier"):
        recipe = ClassifierRecipe(data) if classifier_steps is None else ClassifierRecipe(data, classifier_steps)
        judgement = judge(recipe, seed)
    story = Story(gradients, speech, judgement, seconds)
    out.write_text(tour_page(story), encoding="utf-8")
    console.print(f"\n[bold]Page written:[/bold] {out}  ({sum(seconds.values()):.0f} s)", soft_wrap=True)
    console.quiet = False
    if json:
        print_json(plain(story))
    if not all(r.passed for r in gradients) or not _closes(judgement.explanations[0]):
        sys.exit(1)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], part: str):
    start = time.perf_counter()
    yield
    seconds[part] = round(time.perf_counter() - start, 1)


def _closes(explanation: Explanation) -> bool:
    return abs(explanation.ledger.gap) <= GAP * max(abs(explanation.output), float(numpy.abs(explanation.relevance).sum()))


def check_gradients(seed: int) -> list[Result]:
    """Every op and layer against finite differences, and against PyTorch where it is installed."""
    console.print("[bold]1  Gradients, held against finite differences and PyTorch[/bold]")
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("")
        results = verify_all(None, seed, lambda i, n, name: bar.update(task, completed=i, total=n, description=name))
    console.print(f"   {summary(results)}", soft_wrap=True)
    for result in results:
        if not result.passed:
            console.print(f"   {result.name}, {result.dtype}: {result.message}", markup=False, soft_wrap=True)
    prepare(seed, None)
    return results


def _train(trainer: Trainer, name: str) -> Learned:
    with progress_bar(trainer, console, f"   {name}") as report:
        if not trainer.run(report):
            raise KeyboardInterrupt
    return Learned(trainer.losses, trainer.evaluations)


def speak(steps: int, seed: int) -> Speech:
    """Train the language model on English prose; a sample before and after, and where its heads look."""
    console.print("\n[bold]2  A language model learns English prose[/bold]")
    trainer, tokenizer = LanguageModelRecipe(steps=steps).trainer()

    def sample() -> str:
        ids = tokenizer.encode(PROMPT)
        return tokenizer.decode(ids + generate(trainer.model, ids, 60, temperature=0.8, top_k=40, seed=seed))

    before = sample()
    learned = _train(trainer, "reading")
    after = sample()
    console.print(f"   before: {before!r}\n   after:  {after!r}", markup=False, soft_wrap=True)
    return Speech(learned, before, after, tokenizer.tokens(LOOKED_AT), attention_of(trainer, tokenizer))


def attention_of(trainer: Trainer, tokenizer: Tokenizer) -> list[numpy.ndarray]:
    """The attention of each layer on a phrase, (H, T, T)."""
    with no_grad(), record_attention() as weights:
        trainer.model(tensor([tokenizer.encode(LOOKED_AT)]))
    return [w.numpy()[0] for w in weights]


def judge(recipe: ClassifierRecipe, seed: int) -> Judgement:
    """Train the classifier on reviews; its accuracy beside simpler ways, and one decision explained in three ways."""
    console.print("\n[bold]3  A classifier learns what praise is[/bold]")
    trainer, tokenizer = recipe.trainer()
    learned, model = _train(trainer, "reading"), trainer.model
    train, validation, test = recipe.split()
    scores = {**simpler(train + validation, test), "Transformer": accuracy(model, tokenizer, test)}
    for name, score in scores.items():
        console.print(f"   {name:12} {score:.1%} of {len(test)} reviews it never saw")
    review = choose(model, tokenizer, test)
    probability = predict_proba(model, tokenizer, [review.text])[0]
    explanations = explain(model, tokenizer, review, int(probability.argmax()), seed)
    return Judgement(learned, scores, len(test), review, float(probability.max()), explanations)


def simpler(train: list[Review], test: list[Review]) -> dict[str, float]:
    """The accuracy of saying always the same, and of counting words."""
    truth = numpy.array([r.label for r in test])
    bayes = NaiveBayes.fit([r.text for r in train], [r.label for r in train]).predict([r.text for r in test])
    return {"majority": float((truth == majority([r.label for r in train])).mean()), "naive Bayes": float((bayes == truth).mean())}


def choose(model: SequenceClassifier, tokenizer: Tokenizer, reviews: list[Review]) -> Review:
    """The review judged rightly with most certainty, among those of a length to be read at a glance."""
    short = [r for r in reviews if 8 <= len(r.text.split()) <= 18] or reviews
    certainty = predict_proba(model, tokenizer, [r.text for r in short])[range(len(short)), [r.label for r in short]]
    return short[int(certainty.argmax())]


def explain(model: SequenceClassifier, tokenizer: Tokenizer, review: Review, label: int, seed: int) -> list[Explanation]:
    """The decision by LRP, by LIME and by gradient x input."""
    console.print("\n[bold]4  Why? Three explanations of one decision[/bold]")
    ids, tokens = tokenizer.encode(review.text), tokenizer.tokens(review.text)
    predict = partial(predict_proba, model, tokenizer)
    explanations = [
        lrp(model, ids, label, tokens=tokens),
        lime(predict, review.text, label, len(tokens), 1000, seed, tokenizer=tokenizer.tokens),
        gradient_x_input(model, ids, label, tokens=tokens),
    ]
    for explanation in explanations:
        if not console.quiet:
            explanation.show()
    for a, b, correlation, words in agreement(explanations):
        console.print(f"   {a} and {b}: rank correlation {correlation:+.2f}, top words in common: {', '.join(words) or 'none'}")
    return explanations


def plain(story: Story) -> dict:
    """The story for JSON."""
    judgement, speech = story.judgement, story.speech
    return {
        "gradients": {"checks": len(story.gradients), "failed": [r.name for r in story.gradients if not r.passed]},
        "language model": {**asdict(speech.learned), "before": speech.before, "after": speech.after},
        "classifier": {**asdict(judgement.learned), "accuracy": judgement.accuracy, "reviews": judgement.reviews},
        "explanations": {e.method: {"tokens": e.tokens, "relevance": e.relevance.tolist()} for e in judgement.explanations},
        "ledger": dict(judgement.explanations[0].ledger),
        "agreement": [dict(zip(AGREEMENT, row, strict=True)) for row in agreement(judgement.explanations)],
        "seconds": story.seconds,
    }
