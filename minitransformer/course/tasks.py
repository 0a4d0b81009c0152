"""Small computations with the library, one for each exercise whose piece the models of a tour do not use."""

from __future__ import annotations

from collections.abc import Callable

import numpy

from minitransformer import nn
from minitransformer.autograd import no_grad
from minitransformer.explain import deletion_curves, rationales, shapley
from minitransformer.generation import beam, sampling
from minitransformer.models import t5
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.ops.creation import randn, tensor
from minitransformer.optim.sgd import SGD
from minitransformer.randomness import manual_seed
from minitransformer.recipes import span_corruption

Array = numpy.ndarray
RELEVANCE = numpy.random.default_rng(0).normal(size=9)
LOGITS = numpy.random.default_rng(1).normal(size=20)


@no_grad()
def rotated() -> Array:
    """Five vectors, rotated by angles that depend on their positions.

    Returns:
        (5, 8).
    """
    manual_seed(0)
    return nn.RotaryEmbedding(8, interleaved=True)(randn(5, 8), start=3).numpy()


@no_grad()
def llama() -> Array:
    """The logits of a small Llama with two query heads for each key head.

    Returns:
        (1, 6, 11).
    """
    manual_seed(0)
    return Llama(LlamaConfig(11, 16, 24, 2, 4, 2, 32)).eval()(tensor([[3, 1, 4, 1, 5, 9]])).numpy()


@no_grad()
def layer() -> Array:
    """The output of one encoder layer, with its layer norms after the residual sums, for six vectors.

    Returns:
        (1, 6, 8).
    """
    manual_seed(0)
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()(randn(1, 6, 8)).numpy()


def descent() -> Array:
    """The point after ten steps of SGD with momentum on a^2 + 10 b^2, from (3, -2).

    Returns:
        (2,).
    """
    w = nn.Parameter(tensor([3.0, -2.0]))
    optimizer = SGD([w], lr=0.02, momentum=0.5)
    for _ in range(10):
        optimizer.zero_grad()
        (w * w * tensor([1.0, 10.0])).sum().backward()
        optimizer.step()
    return w.detach().numpy()


def likeliest() -> Array:
    """The best text that beam search with four beams finds, and its log-probability.

    Returns:
        (7,).
    """
    manual_seed(0)
    best = beam.beam_search(LanguageModel(LanguageModelConfig(11, 16, 2, 1, 32)).eval(), [3, 1], 6, beams=4)[
        0
    ]
    return numpy.array([*best.tokens, best.log_probability])


def curves() -> Array:
    """A score while tokens are removed, the most relevant first and the least relevant first.

    Returns:
        (2, 10).
    """
    found = deletion_curves.faithfulness(
        lambda ids: ids.numpy() @ RELEVANCE**2, numpy.arange(5, 14), RELEVANCE, "unk", orders=2
    )
    return numpy.stack([found.morf, found.lerf])


def shares() -> Array:
    """The Shapley values of a game of five players.

    Returns:
        (5,).
    """
    return shapley.shapley_values(lambda masks: (masks @ RELEVANCE[:5]) ** 2, 5)[0]


def spans() -> Array:
    """The ids of a text with spans cut out, and the ids of the answer with the spans, in one array.

    Returns:
        A vector of ids.
    """
    return numpy.concatenate(span_corruption.corrupted(range(40), 100, numpy.random.default_rng(0)))


TASKS: dict[str, Callable[[], Array]] = {
    "rotary": rotated,
    "feed_forward": layer,
    "SGD": descent,
    "keep_top_k": lambda: sampling.next_token_probabilities(LOGITS, 0.8, top_k=5),
    "keep_top_p": lambda: sampling.next_token_probabilities(LOGITS, 0.8, top_p=0.7),
    "beam_search": likeliest,
    "shapley_values": shares,
    "prefixes": curves,
    "removal_curves": curves,
    "auroc": lambda: numpy.array(rationales.auroc(RELEVANCE.round(), RELEVANCE**2 > 0.5)),
    "span_corruption": spans,
    "relative_buckets": lambda: numpy.stack(
        [t5.buckets(numpy.arange(-300, 301), both_ways) for both_ways in (False, True)]
    ),
    "rotary_pairs": llama,
}
