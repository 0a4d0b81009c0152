"""`minitransformer tour`: check, train, generate, classify, explain, and write a page about it."""

from __future__ import annotations

import html
import io
import time
from base64 import b64encode
from pathlib import Path
from typing import Annotated

import numpy
import typer

from minitransformer import recipes
from minitransformer.cli.options import Backend, Json, Seed, console, prepare, print_json
from minitransformer.data.corpus import python_topics
from minitransformer.data.naive_bayes import NaiveBayes, majority
from minitransformer.data.reviews import load_reviews, train_test_split
from minitransformer.explain import lrp, rendering
from minitransformer.generation import generate
from minitransformer.gradients import gradcheck
from minitransformer.nn import functional as F
from minitransformer.ops.creation import randn

PROMPT = "The "
CHECKS = {
    "matmul": (lambda a, b: a @ b, [(3, 4), (4, 2)]),
    "linear": (F.linear, [(2, 3), (4, 3), (4,)]),
    "softmax": (F.softmax, [(3, 5)]),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (5,), w, b), [(3, 5), (5,), (5,)]),
    "gelu": (F.gelu, [(3, 5)]),
    "attention": (F.scaled_dot_product_attention, [(2, 5, 4), (2, 6, 4), (2, 6, 4)]),
}


def tour(
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("tour.html"),
    steps: Annotated[int, typer.Option(help="Training steps of the language model.")] = 400,
    epochs: Annotated[int, typer.Option(help="Times the classifier reads all reviews.")] = 15,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """The main job: check gradients, train two models on real text, explain one decision, and write a page about it."""
    prepare(seed, backend)
    console.quiet = json
    report = {"gradients": check_gradients(), **speak(steps, seed), **judge(epochs)}
    out.write_text(rendering.page("minitransformer tour", page_body(report)), encoding="utf-8")
    console.print(f"\n[bold]Page written:[/bold] {out}", soft_wrap=True)
    console.quiet = False
    if json:
        print_json({k: v for k, v in report.items() if k != "explanation"})


def check_gradients() -> dict[str, float]:
    """The largest error of a few central ops against finite differences."""
    console.print("[bold]1  Gradients against finite differences[/bold]")
    errors = {}
    for name, (fn, shapes) in CHECKS.items():
        errors[name] = gradcheck(fn, [randn(*shape) for shape in shapes])
        console.print(f"   {name:12} {errors[name]:.1e}")
    return errors


def announce(steps: int):
    """Progress in a few lines."""
    start = time.perf_counter()

    def progress(step: int, loss: float) -> None:
        if step % max(steps // 5, 1) == 0:
            console.print(f"   step {step:5}  loss {loss:.3f}  {time.perf_counter() - start:5.1f} s")

    return progress


def speak(steps: int, seed: int) -> dict:
    """Train the language model on English prose; a sample before and after."""
    console.print("\n[bold]2  A language model learns English prose[/bold]")
    text = python_topics()
    model, tokenizer = recipes.language_model(text)

    def sample() -> str:
        ids = tokenizer.encode(PROMPT)
        return tokenizer.decode(ids + generate(model, ids, 60, temperature=0.8, top_k=40, seed=seed))

    before = sample()
    losses = recipes.train_language_model(model, tokenizer.encode(text), steps, announce(steps))
    after = sample()
    console.print(f"   before: {before!r}\n   after:  {after!r}", markup=False, soft_wrap=True)
    return {"losses": losses, "before": before, "after": after}


def judge(epochs: int) -> dict:
    """Train the classifier on reviews; accuracy beside simpler ways, and one decision explained."""
    console.print("\n[bold]3  A classifier learns what praise is[/bold]")
    train, test = train_test_split(load_reviews(), held_out=0.2)
    model, tokenizer, losses = recipes.train_classifier(train, epochs, announce(epochs * (len(train) // 32 + 1)))
    truth = numpy.array([r.label for r in test])
    bayes = NaiveBayes.fit([r.text for r in train], [r.label for r in train]).predict([r.text for r in test])
    scores = {
        "majority": float((truth == majority([r.label for r in train])).mean()),
        "naive Bayes": float((bayes == truth).mean()),
        "Transformer": recipes.accuracy(model, tokenizer, test),
    }
    for name, score in scores.items():
        console.print(f"   {name:12} {score:.1%} of {len(test)} reviews it never saw")
    console.print("\n[bold]4  Why? Layer-wise relevance propagation, with its ledger[/bold]")
    text = test[0].text
    explanation = lrp(model, tokenizer.encode(text), tokens=tokenizer.tokens(text))
    if not console.quiet:
        explanation.show()
    relevance = dict(zip(explanation.tokens, map(float, explanation.relevance), strict=True))
    return {"accuracy": scores, "relevance": relevance, "ledger": dict(explanation.ledger), "explanation": explanation}


def curve_picture(losses: list[float]) -> str:
    """The loss curve as an inline picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss (nats per token)")
    axes.plot(losses, color="#2166ac", linewidth=1)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return f'<img alt="loss curve" style="max-width:100%" src="data:image/png;base64,{b64encode(buffer.getvalue()).decode()}">'


def page_body(report: dict) -> str:
    """The report as HTML."""
    rows = "".join(f"<tr><td>{name}</td><td>{error:.1e}</td></tr>" for name, error in report["gradients"].items())
    scores = "".join(f"<tr><td>{name}</td><td>{score:.1%}</td></tr>" for name, score in report["accuracy"].items())
    return (
        "<h1>minitransformer</h1>"
        f"<h2>Gradients</h2><p>Largest error against finite differences.</p><table cellpadding=4>{rows}</table>"
        f"<h2>A language model</h2>{curve_picture(report['losses'])}"
        f"<h3>Before</h3><pre style='white-space:pre-wrap'>{html.escape(report['before'])}</pre>"
        f"<h3>After</h3><pre style='white-space:pre-wrap'>{html.escape(report['after'])}</pre>"
        f"<h2>A classifier</h2><table cellpadding=4>{scores}</table>"
        f"<h2>Why?</h2>{report['explanation'].to_html()}"
    )
