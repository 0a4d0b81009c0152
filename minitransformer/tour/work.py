"""The work of a tour: each part does what it says, shows how far it is, and returns what it found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

import numpy
from rich.console import Console
from rich.progress import Progress

from minitransformer.autograd import no_grad
from minitransformer.data.naive_bayes import NaiveBayes, majority
from minitransformer.data.reviews import Review
from minitransformer.explain import Explanation, gradient_x_input, lime, lrp
from minitransformer.generation import generate
from minitransformer.models.classifier import predict_proba
from minitransformer.nn import Module
from minitransformer.nn.hooks import record_attention
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation import tensor
from minitransformer.progress import progress_bar
from minitransformer.randomness import manual_seed
from minitransformer.recipes import ClassifierRecipe, LanguageModelRecipe
from minitransformer.recipes.classifier import accuracy
from minitransformer.tokenization import Tokenizer
from minitransformer.tour.story import Judgement, Learned, Speech
from minitransformer.training import Trainer
from minitransformer.verify import Result, verify_all

PROMPT, NEW_TOKENS = "The", 90
LOOKED_AT = "the name of the class is the value of the object"  # words that are one token each
GLANCE = range(8, 19)  # words in a review that can be taken in at a glance
SURE = 0.95
SHOWN = 3  # mistakes


def check_gradients(seed: int, console: Console) -> list[Result]:
    """Every op and layer against finite differences, and against PyTorch where it is installed."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("")
        results = verify_all(
            None, seed, lambda i, n, name: bar.update(task, completed=i, total=n, description=f"   {name}")
        )
    manual_seed(seed)
    return results


def _train(trainer: Trainer, console: Console) -> Learned:
    with progress_bar(trainer, console, "   reading") as report:
        if not trainer.run(report):
            raise KeyboardInterrupt
    return Learned(trainer.losses, trainer.evaluations)


def speak(steps: int, seed: int, console: Console) -> Speech:
    """Train the language model on English prose; a sample before and after, and where its heads look."""
    trainer, tokenizer = LanguageModelRecipe(steps=steps).trainer()

    def sample() -> str:
        ids = tokenizer.encode(PROMPT)
        return printable(
            tokenizer.decode(
                ids + generate(trainer.model, ids, NEW_TOKENS, temperature=0.7, top_k=40, seed=seed)
            )
        )

    before = sample()
    learned = _train(trainer, console)
    attention = attention_of(trainer.model, tokenizer, LOOKED_AT)
    return Speech(learned, tokenizer.vocab_size, before, sample(), tokenizer.tokens(LOOKED_AT), attention)


def printable(text: str) -> str:
    """The text with a dot for each sign that cannot be shown, as untrained models write them, and no two empty lines in a row."""
    shown = "".join(c if c == "\n" or (c.isprintable() and c != "\ufffd") else "\u00b7" for c in text)
    return re.sub(r"\n\s*\n", "\n\n", shown)


def attention_of(model: Module, tokenizer: Tokenizer, text: str) -> list[numpy.ndarray]:
    """The attention of each layer on a text, (H, T, T)."""
    with no_grad(), in_use(model), record_attention() as weights:
        model(tensor([tokenizer.encode(text)]))
    return [w.numpy()[0] for w in weights]


def judge(recipe: ClassifierRecipe, seed: int, console: Console, form: str = "gradient") -> Judgement:
    """Train the classifier on reviews, and explain one of its decisions.

    Args:
        recipe: of the classifier.
        seed: of LIME's samples.
        console: where the progress is shown.
        form: of LRP, "gradient" or "explicit".

    Returns:
        Its accuracy beside that of simpler methods, and one decision explained by three methods.
    """
    trainer, tokenizer = recipe.trainer()
    learned = _train(trainer, console)
    model = trainer.model
    train, validation, test = recipe.split()
    scores = {**simpler(train + validation, test), "Transformer": accuracy(model, tokenizer, test)}
    probabilities = predict_proba(model, tokenizer, [r.text for r in test])  # (N, 2)
    chosen = choose(test, probabilities)
    label = int(probabilities[chosen].argmax())
    return Judgement(
        learned,
        scores,
        len(test),
        test[chosen],
        label,
        float(probabilities[chosen].max()),
        explain(model, tokenizer, test[chosen].text, label, seed, form),
        attention_of(model, tokenizer, test[chosen].text),
        mistakes(test, probabilities),
    )


def simpler(train: Sequence[Review], test: Sequence[Review]) -> dict[str, float]:
    """The accuracy of saying always the same, and of counting words."""
    truth = numpy.array([r.label for r in test])
    bayes = NaiveBayes.fit([r.text for r in train], [r.label for r in train]).predict([r.text for r in test])
    return {
        "majority": float((truth == majority([r.label for r in train])).mean()),
        "naive Bayes": float((bayes == truth).mean()),
    }


def choose(reviews: Sequence[Review], probabilities: numpy.ndarray) -> int:
    """Which review is judged rightly with most certainty, among those of a length to be read at a glance.

    Beyond `SURE`, no single word can change the answer any more, and there is little to explain.
    """
    short = [i for i, r in enumerate(reviews) if len(r.text.split()) in GLANCE] or range(len(reviews))
    right = {i: probabilities[i, reviews[i].label] for i in short}
    return max([i for i in short if right[i] <= SURE] or short, key=lambda i: right[i])


def mistakes(reviews: Sequence[Review], probabilities: numpy.ndarray) -> list[tuple[Review, float]]:
    """The reviews judged wrongly with most certainty, and that certainty."""
    wrong = [
        (r, float(p.max())) for r, p in zip(reviews, probabilities, strict=True) if p.argmax() != r.label
    ]
    return sorted(wrong, key=lambda pair: -pair[1])[:SHOWN]


def explain(
    model: Module, tokenizer: Tokenizer, text: str, label: int, seed: int, form: str = "gradient"
) -> list[Explanation]:
    """The decision by LRP, by LIME and by gradient x input, each on the same tokens."""
    ids = tokenizer.encode(text)
    tokens = tokenizer.tokens(text)
    predict = partial(predict_proba, model, tokenizer)
    margin = (label, 1 - label)  # what decides is by how much one logit is larger than the other
    return [
        lrp(model, ids, margin, tokens=tokens, form=form),
        lime(predict, text, label, len(tokens), 1000, seed, tokenizer=tokenizer.tokens),
        gradient_x_input(model, ids, margin, tokens=tokens),
    ]
