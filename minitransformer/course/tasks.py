"""Small computations with the library, one for each exercise whose piece the models of a tour do not use."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy

from minitransformer import backends, gradients, nn
from minitransformer.autograd import Tensor, grad, no_grad
from minitransformer.devices import to_device
from minitransformer.explain import (
    deletion_curves,
    perturbation,
    rationales,
    sanity,
    shapley,
    surrogate,
    walk,
)
from minitransformer.generation import beam, sampling
from minitransformer.models import t5
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.nn import functional as F
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.creation.random import randn
from minitransformer.optim.adam import Adam
from minitransformer.optim.optimizer import Optimizer
from minitransformer.optim.sgd import SGD
from minitransformer.randomness import manual_seed
from minitransformer.recipes import masked_lm, span_corruption
from minitransformer.tokenization import BPETokenizer

Array = numpy.ndarray
A, B = 0.7, -1.3
RELEVANCE = numpy.random.default_rng(0).normal(size=9)
LOGITS = numpy.random.default_rng(1).normal(size=20)
Q, K, V = numpy.random.default_rng(2).normal(size=(3, 4, 5, 8))  # four heads, five tokens
X = Tensor(Q, requires_grad=True)
LAYERS = [
    (Q[0, :, :3], Q[1, :, 0]),
    (K[0, :2, :5], K[1, :2, 0]),
]  # weights and biases, from 3 units to 5 to 2
TABLE = nn.SinusoidalPositionalEncoding(16, max_len=40).table().numpy()
IDS = numpy.arange(5, 14)
TEXT = "the slowest and the lowest rower rows low, lower and slower"
WORDS = ["a", "good", "slow", "film", "with", "songs"]


# ---- derivatives ----


def every_operation(a, b):
    """A formula with the five operations of lesson 01.

    Args:
        a: a number of any kind that has these operations.
        b: another one.

    Returns:
        Its value.
    """
    return (a * b + a**3).tanh() * b.exp()


def two_paths(a, b):
    """A formula that uses the product a b twice.

    Args:
        a: a number of any kind that has these operations.
        b: another one.

    Returns:
        Its value.
    """
    return (a * b) * (a * b) + b


def derivatives(formula: Callable) -> list[float]:
    """The value of a formula at (A, B), and its derivatives.

    Args:
        formula: a function of two tensors.

    Returns:
        The value, the derivative in a, the derivative in b.
    """
    a, b = (Tensor(numpy.array(v), requires_grad=True) for v in (A, B))
    end = formula(a, b)
    return [end.item(), *(g.item() for g in grad(end, [a, b]))]


def rotated_back() -> Array:
    """The gradient of a rotation of four times five vectors.

    Returns:
        (4, 5, 8).
    """
    (g,) = grad(nn.RotaryEmbedding(8)(X, start=3), [X], Tensor(K))
    return g.numpy()


# ---- tokens ----


def word_pieces() -> list[int]:
    """The ids of a text, by pieces of words that were learned from it.

    Returns:
        One id for each piece.
    """
    return BPETokenizer.train(TEXT, vocab_size=270).encode(TEXT)


# ---- layers ----


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


def encoder_layer() -> nn.Module:
    """One encoder layer for vectors of size 8, with its layer norms after the residual sums.

    Returns:
        The layer, in evaluation mode and in float64.
    """
    manual_seed(0)
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).double().eval()


@no_grad()
def encoded() -> Array:
    """The output of the encoder layer for four sequences of five vectors.

    Returns:
        (4, 5, 8).
    """
    return encoder_layer()(Tensor(Q)).numpy()


def causal(q: Array, k: Array, v: Array) -> Array:
    """Causal attention.

    Args:
        q: queries (.., T, d).
        k: keys (.., T, d).
        v: values (.., T, d).

    Returns:
        (.., T, d).
    """
    return F.scaled_dot_product_attention(Tensor(q), Tensor(k), Tensor(v), is_causal=True).numpy()


# ---- training and generating ----


def descent(make: Callable[[list[nn.Parameter]], Optimizer]) -> Array:
    """The point after ten steps on a^2 + 10 b^2, from (3, -2).

    Args:
        make: makes the optimizer of the parameters.

    Returns:
        (2,).
    """
    w = nn.Parameter(tensor([3.0, -2.0]))
    optimizer = make([w])
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
    best = beam.beam_search(writer(), [3, 1], 6, beams=4)[0]
    return numpy.array([*best.tokens, best.log_probability])


def writer() -> LanguageModel:
    """A language model of eleven tokens.

    Returns:
        The model, always with the same weights.
    """
    manual_seed(0)
    return LanguageModel(LanguageModelConfig(11, 16, 2, 1, 32)).eval()


# ---- explanations ----


def explained() -> Array:
    """The relevance of the inputs of a small network, by the epsilon rule.

    Returns:
        (3,).
    """
    first, last = ([Tensor(p) for p in layer] for layer in LAYERS)
    x = Tensor(RELEVANCE[:3], requires_grad=True)
    output = F.linear(F.relu(F.linear(x, *first)), *last)[1]
    return walk.relevance(output, [x], "epsilon", "explicit")[0]


def frequencies(masks: Array) -> list[float]:
    """How often each word is left, and how often none is.

    Args:
        masks: bool (N, T), True where a word is left.

    Returns:
        T + 1 numbers from 0 to 1.
    """
    return [*masks.mean(0), (~masks).all(1).mean()]


def mood(texts: list[str]) -> Array:
    """A classifier of texts by two words.

    Args:
        texts: N texts.

    Returns:
        The probability that each text is a good review, (N,).
    """
    return numpy.array([0.5 + 0.3 * ("good" in text) - 0.2 * ("slow" in text) for text in texts])


def lime_weights() -> list[float]:
    """The weights that LIME gives to the words of a text.

    Returns:
        One number for each word.
    """
    found = surrogate.lime(
        lambda texts: numpy.stack([1 - mood(texts), mood(texts)], axis=1), " ".join(WORDS), num_samples=3000
    )
    weights = dict(found.as_list())
    return [weights[word] for word in WORDS]


def score(ids: Tensor) -> Array:
    """A score that depends on the tokens of a text.

    Args:
        ids: (N, T).

    Returns:
        (N,).
    """
    return ids.numpy() @ RELEVANCE**2


def without(keep: Array) -> Array:
    """The score of `IDS` without some of its tokens.

    Args:
        keep: bool (N, T), True where a token is left.

    Returns:
        (N,).
    """
    return perturbation.masked_logits(score, IDS, keep, "unk")


def deleted() -> deletion_curves.Faithfulness:
    """The score of `IDS` while tokens are removed in the order of `RELEVANCE`.

    Returns:
        The curves and their measures.
    """
    return deletion_curves.faithfulness(score, IDS, RELEVANCE, "unk", orders=2)


def curves() -> Array:
    """The same curves: the most relevant tokens first, and the least relevant first.

    Returns:
        (2, 10).
    """
    return numpy.stack([deleted().morf, deleted().lerf])


def linear_model() -> nn.Module:
    """Two linear layers without biases, from nine numbers to one.

    Returns:
        The model, always with the same weights.
    """
    manual_seed(0)
    return nn.Sequential(nn.Linear(9, 5, bias=False), nn.Linear(5, 1, bias=False)).double()


def gradient_x_input(layers: list[Array]) -> Array:
    """The relevance of the inputs `RELEVANCE` in a model of two linear layers.

    Args:
        layers: the two weights.

    Returns:
        (9,).
    """
    return (layers[1] @ layers[0])[0] * RELEVANCE


def randomised() -> list[float]:
    """What is left of that relevance while the two layers are randomised.

    Returns:
        The rank correlation after each layer.
    """

    def method(model, ids):
        return SimpleNamespace(relevance=gradient_x_input([p.numpy() for p in model.parameters()]))

    return [signed for _, signed, _ in sanity.randomisation_check(method, linear_model(), None).steps]


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


def hidden() -> Array:
    """Hide 40 tokens in 4 rows, as masked language modelling does.

    Returns:
        The ids to read and the targets, (2, 4, 10).
    """
    rng = numpy.random.default_rng(0)
    ids, others = rng.integers(5, 100, (2, 4, 10))
    return numpy.stack(masked_lm.hidden(ids, rng.random((4, 10)) < 0.5, rng.random((4, 10)), others, 4))


TASKS: dict[str, Callable[[], Any]] = {
    "Value": lambda: derivatives(every_operation),
    "most_frequent_pair": word_pieces,
    "merge_pair": word_pieces,
    "bpe_encode": word_pieces,
    "sum_over_paths": lambda: derivatives(two_paths)[1:],
    "backward": lambda: derivatives(two_paths)[1:],
    # the error of a right gradient, and of one that is twice the right one
    "gradcheck": lambda: [gradients.gradcheck(lambda x: x.sin(), [X]), 1.0],
    "namespace": lambda: backends.namespace(Q) is numpy,
    "move": lambda: to_device(Q, "cpu") is Q,
    "shift_matrix": lambda: TABLE[3:],
    "rotary": rotated,
    "rotary_vjp": rotated_back,
    "encoder_block": encoded,
    "SGD": lambda: descent(lambda w: SGD(w, lr=0.02, momentum=0.5)),
    "Adam": lambda: descent(lambda w: Adam(w, lr=0.1)),  # the recipes train with AdamW
    "keep_top_k": lambda: sampling.next_token_probabilities(LOGITS, 0.8, top_k=5),
    "keep_top_p": lambda: sampling.next_token_probabilities(LOGITS, 0.8, top_p=0.7),
    "beam_search": likeliest,
    "attention_step": lambda: causal(Q, K, V)[:, 3:],
    "explain_mlp": explained,
    "sample_masks": lambda: frequencies(surrogate.perturb(6, 5000, 0)),
    "lime": lime_weights,
    "shapley_values": shares,
    "prefixes": curves,
    "removal_curves": curves,
    "erased": lambda: [deleted().comprehensiveness, deleted().sufficiency],
    "randomisation_test": randomised,
    "auroc": lambda: numpy.array(rationales.auroc(RELEVANCE.round(), RELEVANCE**2 > 0.5)),
    "mask_tokens": hidden,
    "span_corruption": spans,
    "relative_buckets": lambda: numpy.stack(
        [t5.buckets(numpy.arange(-300, 301), both_ways) for both_ways in (False, True)]
    ),
    "rotary_pairs": llama,
    "grouped_attention": lambda: causal(Q, K[:2].repeat(2, axis=0), V[:2].repeat(2, axis=0)),
}
