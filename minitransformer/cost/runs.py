"""Small training runs of one's own, to which a scaling law is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from minitransformer.cost.flops import FlopCounter
from minitransformer.nn import Embedding, Module
from minitransformer.randomness import manual_seed
from minitransformer.recipes import LanguageModelRecipe

WIDTHS = 8, 16, 32, 64
STEPS = 200


@dataclass(frozen=True)
class SmallRun:
    """What one run took, and what came of it.

    Attributes:
        width: of the model.
        parameters: N, without the embeddings, which are looked up and not multiplied.
        tokens: D, those read.
        flops: the operations of all its products, counted.
        loss: on held-out text, in nats per token.
    """

    width: int
    parameters: int
    tokens: int
    flops: int
    loss: float


def small_runs(widths: Sequence[int] = WIDTHS, steps: int = STEPS, seed: int = 0) -> Iterator[SmallRun]:
    """Train a language model of each width on the chapters of Python's help: same text, same batches, same tokenizer.

    Args:
        widths: multiples of 2.
        steps: batches of 16 windows of 64 tokens.
        seed: of the weights and batches.

    Yields:
        Each run, as it ends.
    """
    for width in widths:
        manual_seed(seed)
        recipe = LanguageModelRecipe(d_model=width, nhead=2, steps=steps, vocab_size=512)
        trainer, _ = recipe.trainer()
        evaluate, trainer.evaluate = trainer.evaluate, None
        with FlopCounter() as counter:
            trainer.run()
        assert evaluate is not None  # the recipe has one
        tokens = steps * recipe.batch_size * recipe.length
        flops = counter.total.products
        yield SmallRun(width, multiplied(trainer.model), tokens, flops, evaluate(trainer.model))


def multiplied(model: Module) -> int:
    """The number of parameters without those of embeddings.

    Args:
        model: the model.

    Returns:
        N, as Kaplan et al., arXiv 2001.08361, 2020, count.
    """
    tables = {id(m.weight) for m in model.modules() if isinstance(m, Embedding)}
    return sum(p.numel() for p in model.parameters() if id(p) not in tables)
