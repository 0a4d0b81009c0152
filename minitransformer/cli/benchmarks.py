"""What `bench` measures: our work against the same work done by another, or against less of our own."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy

import minitransformer
from minitransformer.cli import bench_memory, bench_published
from minitransformer.cli.bench_models import SIZES, both_steps, twin
from minitransformer.cli.pairs import REST, SHORT, Ratio, cores, in_turn, ratio_of
from minitransformer.cli.torch_twin import INSTALL
from minitransformer.data.reviews import load_reviews
from minitransformer.defaults import default_device
from minitransformer.explain import lime, lrp
from minitransformer.generation import generate
from minitransformer.models import published
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier, predict_proba
from minitransformer.ops.creation import randint
from minitransformer.tokenization import WordTokenizer

CHAIN = 100_000  # ops
NEW_TOKENS = 64
FIRST_TOKENS = 3  # times


@dataclass(frozen=True)
class Row:
    """One line: what was compared with what, the ratio of times or memory, the target, and whether it is met.

    Without a `ratio`, `note` says why; without a target, `target` is "" and `met` is None.
    """

    name: str
    against: str
    ratio: Ratio | None
    target: str = ""
    met: bool | None = None
    note: str = ""


def held_to(name: str, against: str, ratio: Ratio, limit: float | None = None) -> Row:
    """A row whose ratio should be at most `limit`, if there is one."""
    return (
        Row(name, against, ratio)
        if limit is None
        else Row(name, against, ratio, f"<= {limit:.3g}", ratio.median <= limit)
    )


def training(pairs: int) -> Iterator[Row]:
    """Forward, loss, backward and Adam."""
    for (name, size), limit in zip(SIZES.items(), (0.9, 0.9, 1.2), strict=True):
        few = pairs if size.d_model < 256 else max(pairs // 2, 3)
        yield held_to(
            f"training step, {name} size", "PyTorch eager", in_turn(*both_steps(size), few, REST), limit
        )


def _multiply_and_back(lib) -> Callable[[], None]:
    a, b = (lib.tensor([x], requires_grad=True, device=str(default_device())) for x in (2.0, 3.0))

    def run() -> None:
        (a * b).backward()
        a.grad = b.grad = None

    return run


def op(pairs: int) -> Iterator[Row]:
    """What an op costs when there is nothing to compute."""
    import torch

    ratio = in_turn(_multiply_and_back(minitransformer), _multiply_and_back(torch), pairs, REST)
    yield held_to("one-element multiply + backward", "PyTorch eager", ratio, 1.5)


def chain_of_ops(lib) -> Callable[[], None]:
    """100,000 ops, each on the result of the one before, and backward."""
    x = lib.tensor([1.0], requires_grad=True, device=str(default_device()))

    def run() -> None:
        y = x
        for _ in range(CHAIN):
            y = y * 1.00001
        y.backward()
        x.grad = None

    return run


def chain(pairs: int) -> Iterator[Row]:
    """A long tape."""
    import torch

    ratio = in_turn(chain_of_ops(minitransformer), chain_of_ops(torch), max(pairs // 3, 3), REST)
    yield Row(f"chain of {CHAIN:,} ops + backward", "PyTorch eager", ratio, "ours < 3 s", ratio.ours < 3)


def generation(pairs: int) -> Iterator[Row]:
    """New tokens, one by one."""
    import torch

    size = SIZES["tiny"]
    model = size.model()
    reference = twin(model).eval()
    prompt = randint(0, size.vocab, (size.length - NEW_TOKENS,)).tolist()

    def without_cache() -> None:
        text = list(prompt)
        with torch.no_grad():
            for _ in range(NEW_TOKENS):
                logits = reference(torch.tensor([text], device=reference.positions.pe.device))
                text.append(int(logits[0, -1].argmax()))

    ratio = in_turn(
        lambda: generate(model, prompt, NEW_TOKENS, temperature=0), without_cache, max(pairs // 2, 3), REST
    )
    yield held_to(
        f"generation, {NEW_TOKENS} tokens, with our cache",
        "PyTorch's TransformerEncoder, which has none",
        ratio,
    )


def _forward_and_backward(model, ids: numpy.ndarray) -> None:
    model.zero_grad()
    logits = model(minitransformer.tensor(ids))  # (1, T, V)
    top = logits[0, -1].max()
    top.backward()
    top.item()  # waits for a device to be done


def relevance(pairs: int) -> Iterator[Row]:
    """An explanation beside what it walks back through. One sequence."""
    for name, size in SIZES.items():
        model, ids = size.model(), randint(0, size.vocab, (1, size.length)).numpy()
        ratio = in_turn(
            partial(lrp, model, ids), partial(_forward_and_backward, model, ids), 4 * pairs, turn=SHORT
        )
        yield held_to(f"LRP of one sequence, {name} size", "our own forward + backward", ratio, 1.2)


def _classifier() -> Callable[[list[str]], numpy.ndarray]:
    """Class probabilities of texts by a Transformer that has learned nothing, which takes as long as one that has."""
    tokenizer = WordTokenizer.train([review.text for review in load_reviews()])
    model = SequenceClassifier(ClassifierConfig(tokenizer.vocab_size)).eval()
    return partial(predict_proba, model, tokenizer)


def _instantly(texts: list[str]) -> numpy.ndarray:
    """Class probabilities that cost nothing: what is left is the time outside of predict."""
    return numpy.tile([[0.25, 0.75], [0.5, 0.5]], (len(texts) // 2 + 1, 1))[: len(texts)]


def text_of(words: int) -> str:
    """A text of so many different words."""
    every = re.findall(r"[a-z]+", " ".join(review.text for review in load_reviews()).lower())
    return " ".join(list(dict.fromkeys(every))[:words])


def _lime_package(predict: Callable, text: str, num_features: int, num_samples: int) -> None:
    from lime.lime_text import LimeTextExplainer

    explainer = LimeTextExplainer(random_state=0)
    explainer.explain_instance(text, predict, labels=(1,), num_features=num_features, num_samples=num_samples)


def surrogate(pairs: int) -> Iterator[Row]:
    """LIME, outside of predict and with a Transformer to ask: 1,000 samples, and as many as the package takes unless told."""
    package = f"lime {importlib.metadata.version('lime')}"
    classifier, few = _classifier(), max(pairs // 3, 3)
    for samples, predict, what, limits in (
        (1000, _instantly, "outside predict", dict.fromkeys((8, 15, 25, 40), 1 / 5)),
        (1000, classifier, "end to end", {8: 1 / 3, 15: None, 25: None, 40: None}),
        (5000, _instantly, "outside predict", {8: 1 / 5, 40: 1 / 5}),
        (5000, classifier, "end to end", {8: 1.0, 40: 1.0}),
    ):
        for words, limit in limits.items():
            for k in (6, 10):
                ours = partial(lime, predict, text_of(words), num_features=k, num_samples=samples)
                theirs = partial(_lime_package, predict, text_of(words), k, samples)
                ratio = in_turn(ours, theirs, few if samples == 1000 else 3)
                yield held_to(
                    f"LIME {what}, {words} words, k = {k}, {samples:,} samples", package, ratio, limit
                )


def memory(pairs: int) -> Iterator[Row]:
    """Peak memory beyond what importing and building takes, on the device in use."""
    name = "peak memory of training, char size"
    if default_device().type == "cpu" and bench_memory.resident() is None:
        yield Row(
            name,
            "PyTorch eager",
            None,
            note="not measured: this system does not tell a process its peak memory",
        )
        return
    sides = [
        [bench_memory.measure(package) / 2**20 for _ in range(max(pairs // 6, 1))]
        for package in ("minitransformer", "torch")
    ]
    yield held_to(name, "PyTorch eager", ratio_of(*sides, unit="MiB"), 1.5)


def smollm2(pairs: int) -> Iterator[Row]:
    """A published model: token by token, 256 tokens at once, why the next one, until the first, and the memory of writing."""
    started = ratio_of([bench_published.first_token() for _ in range(FIRST_TOKENS)], [2.0] * FIRST_TOKENS)
    yield held_to("SmolLM2's first token, from the cache", "two seconds", started, 1.0)
    model, tokenizer = published.load("smollm2")
    theirs, few = bench_published.reference(model), max(pairs // 2, 3)
    writing = bench_published.writing(model, theirs, tokenizer.encode(bench_published.PROMPT))
    yield held_to(
        f"SmolLM2 writes {bench_published.NEW_TOKENS} tokens",
        "transformers",
        in_turn(*writing, few, REST),
        1.0,
    )
    reading = in_turn(*bench_published.reading(model, theirs), few, REST)
    yield held_to(f"SmolLM2 reads {bench_published.LENGTH} tokens", "transformers", reading, 1.3)
    explaining = in_turn(*bench_published.explaining(model), few)
    yield held_to(
        f"LRP of SmolLM2's next token, {bench_published.EXPLAINED} tokens", "one forward", explaining, 3.0
    )
    if default_device().type == "cpu" and bench_memory.resident() is not None:
        command = [sys.executable, "-m", "minitransformer.cli.bench_published"]
        peak, least = map(
            int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        )
        ratio = ratio_of([peak / 2**20], [least / 2**20], unit="MiB")
        yield held_to("peak memory of SmolLM2 writing", "its weights and cache", ratio, 1.2)


BENCHMARKS: dict[str, tuple[Callable[[int], Iterator[Row]], str | None]] = {  # and the package it needs
    "op": (op, "torch"),
    "training": (training, "torch"),
    "memory": (memory, "torch"),
    "chain": (chain, "torch"),
    "generation": (generation, "torch"),
    "lrp": (relevance, None),
    "smollm2": (smollm2, "transformers"),
    "lime": (surrogate, "lime"),
}


def rows(name: str, pairs: int) -> Iterator[Row]:
    """The rows of one benchmark, or one that says what to install for it."""
    function, needed = BENCHMARKS[name]
    if note := _lacking(needed):
        return iter([Row(name, needed, None, note=note)])
    if needed in ("torch", "transformers"):
        _same_threads()
    return function(pairs)


def _lacking(needed: str | None) -> str | None:
    """What must be there to measure beside `needed`, and is not."""
    if needed and importlib.util.find_spec(needed) is None:
        return f"{needed} is not installed: {_install(needed)}"
    if needed in ("torch", "transformers") and default_device().type == "cuda" and not _torch_has_gpu():
        return "not measured: PyTorch sees no GPU here. It needs one, and a build for CUDA: https://pytorch.org/get-started"
    return None


def _torch_has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _install(package: str) -> str:
    """What to type for a package; transformers is no dependency of ours, for tests need none of it."""
    return "pip install transformers 'minitransformer[models]'" if package == "transformers" else INSTALL


def _same_threads() -> None:
    """As many threads for PyTorch as for NumPy."""
    import torch

    torch.set_num_threads(cores())
