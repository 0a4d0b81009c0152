"""What `minitransformer verify` checks: every op, every layer and every model, as one table.

A line reads: name, what is done with tensors (`lib` is minitransformer, then PyTorch), the inputs. What stands after them is
how PyTorch does it where it has no such function.
"""

from __future__ import annotations

import numpy

import minitransformer
from minitransformer.backends import float32, float64
from minitransformer.cli.checked import LayerCase, ModelCase, OpCase, given, ids, normal, positive
from minitransformer.cli.torch_twin import torch_twin
from minitransformer.models.bert import Bert, BertConfig
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.models.t5 import T5, T5Config
from minitransformer.nn.position import apply_rotary
from minitransformer.ops.attention import clear_attention
from minitransformer.ops.convert import Cast, ToDevice
from minitransformer.ops.heads import merge_heads, split_heads
from minitransformer.randomness import manual_seed

# (T, S) = (3, 4)
BLOCKED = given([[False, True, True, False], [False, False, True, True], [True, False, False, True]])
# (T, T): True is not allowed
SQUARE = given([[False, True, False], [False, False, True], [True, False, False]])
PADDING = given([[False, False, True], [False, True, True]])  # (B, T)
FIRST_ROW_BLOCKED = given([[True, True, True, True], [False, False, True, True], [True, False, False, True]])

# ---- ops ----


def _attention(lib, *tensors, **options):
    return lib.nn.functional.scaled_dot_product_attention(*tensors, **options)


def _dropped(lib, x):
    manual_seed(0)  # the same units each time it is called
    return lib.nn.functional.dropout(x, 0.3)


def _dropped_by_hand(torch, x):
    key = numpy.random.default_rng(0).integers(1 << 63)
    even = numpy.random.Generator(numpy.random.Philox(key=key)).random(tuple(x.shape), dtype=float32)
    return x * torch.tensor(even >= 0.3) / 0.7


def _turned(torch, x, interleaved: bool):
    """Rotary positions by complex numbers: a pair of channels is one, and turning it is multiplying by e^(i theta)."""
    length, d = x.shape[-2:]
    # (.., T, d/2, 2)
    pairs = x.unflatten(-1, (-1, 2)) if interleaved else x.unflatten(-1, (2, -1)).transpose(-1, -2)
    theta = torch.arange(length).double()[:, None] / 10000 ** (torch.arange(0, d, 2).double() / d)  # (T, d/2)
    turn = torch.complex(theta.cos().float().to(x.dtype), theta.sin().float().to(x.dtype))
    turned = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * turn)
    return turned.flatten(-2) if interleaved else turned.transpose(-1, -2).flatten(-2)


def _sinusoids(torch, x, exponents):
    """Angles of each position and channel. (B, T, C) -> (T, len(exponents))."""
    return torch.arange(x.shape[1]).double()[:, None] / 10000 ** (
        torch.tensor(exponents).double() / x.shape[2]
    )


def _sin_cos_interleaved(torch, x):
    theta = _sinusoids(torch, x, range(0, x.shape[2], 2))
    return x + torch.stack([theta.sin(), theta.cos()], -1).flatten(-2).float()


def _sin_plus_cos(torch, x):
    theta = _sinusoids(torch, x, range(0, 2 * x.shape[2], 2))
    return x + (theta.sin() + theta.cos()).float()


def _written(lib, x, row, column):
    """x, scaled in place, a part of it overwritten, and the rest of that row added to through a view."""
    y = x * 1
    y.mul_(2)
    y.T[1:3, 0] = row
    y[0].unsqueeze(1)[2:] += column[:2]
    return y


ELEMENTWISE = [
    OpCase("add", lambda lib, a, b: a + b, [normal(2, 3, 4), normal(3, 1)]),
    OpCase("sub", lambda lib, a, b: a - b, [normal(3, 1), normal(2, 3, 4)]),
    OpCase("sub, from a number", lambda lib, x: 2 - x, [normal(3, 4)]),
    OpCase("mul", lambda lib, a, b: a * b, [normal(2, 3, 4), normal(4)]),
    OpCase("mul, by itself", lambda lib, x: x * x, [normal(3, 4)]),
    OpCase("div", lambda lib, a, b: a / b, [normal(2, 3, 4), positive(3, 1)]),
    OpCase("div, of a number", lambda lib, x: 1 / x, [positive(3, 4)]),
    OpCase("neg", lambda lib, x: -x, [normal(3, 4)]),
    OpCase("pow", lambda lib, a, b: a**b, [positive(3, 4), normal(4)]),
    OpCase("pow, to a number", lambda lib, x: x**3, [normal(3, 4)]),
    OpCase("exp", lambda lib, x: lib.exp(x), [normal(3, 4)]),
    OpCase("log", lambda lib, x: lib.log(x), [positive(3, 4)]),
    OpCase("log2", lambda lib, x: lib.log2(x), [positive(3, 4)]),
    OpCase("log10", lambda lib, x: lib.log10(x), [positive(3, 4)]),
    OpCase("log1p", lambda lib, x: lib.log1p(x), [positive(3, 4)]),
    OpCase("expm1", lambda lib, x: lib.expm1(x), [normal(3, 4)]),
    OpCase("erf", lambda lib, x: lib.erf(x), [normal(3, 4)]),
    OpCase("square", lambda lib, x: lib.square(x), [normal(3, 4)]),
    OpCase("rsqrt", lambda lib, x: lib.rsqrt(x), [positive(3, 4)]),
    OpCase("sqrt", lambda lib, x: lib.sqrt(x), [positive(3, 4)]),
    OpCase("sin", lambda lib, x: lib.sin(x), [normal(3, 4)]),
    OpCase("cos", lambda lib, x: lib.cos(x), [normal(3, 4)]),
    OpCase("abs", lambda lib, x: lib.abs(x), [normal(3, 4)]),
    OpCase("maximum", lambda lib, a, b: lib.maximum(a, b), [normal(3, 4), normal(4)]),
    OpCase("minimum", lambda lib, a, b: lib.minimum(a, b), [normal(3, 4), normal(4)]),
    OpCase("where", lambda lib, a, b, c: lib.where(c, a, b), [normal(3, 4), normal(4), BLOCKED]),
    OpCase("clip", lambda lib, x: lib.clip(x, -0.5, 0.7), [normal(3, 4)]),
    OpCase(
        "clip, between tensors",
        lambda lib, a, b, c: lib.clip(a, b, c),
        [normal(3, 4), normal(4), positive(3, 1)],
    ),
    OpCase(
        "div, rounded", lambda lib, a, b: lib.div(a, b, rounding_mode="trunc"), [normal(3, 4), positive(4)]
    ),
    OpCase(
        "floor_divide",
        lambda lib, a, b: lib.floor_divide(a, b),
        [normal(3, 4), positive(4)],
        # which has the gradient that its floor_divide lacks
        theirs=lambda torch, a, b: torch.div(a, b, rounding_mode="floor"),
    ),
    OpCase("remainder", lambda lib, a, b: lib.remainder(a, b), [normal(3, 4), positive(4)]),
    OpCase("floor", lambda lib, x: lib.floor(x), [normal(3, 4)]),
    OpCase("ceil", lambda lib, x: lib.ceil(x), [normal(3, 4)]),
    OpCase("trunc", lambda lib, x: lib.trunc(x), [normal(3, 4)]),
    OpCase("round", lambda lib, x: lib.round(x), [normal(3, 4)]),
    OpCase("clone", lambda lib, x: lib.clone(x), [normal(3, 4)]),
    OpCase("to, another dtype", lambda lib, x: Cast(float64)(x), [normal(3, 4)], lambda torch, x: x.double()),
    OpCase("to, another device", lambda lib, x: ToDevice("cpu")(x), [normal(3, 4)], lambda torch, x: x.cpu()),
]
REDUCTIONS = [
    OpCase("sum", lambda lib, x: lib.sum(x, dim=(0, 2)), [normal(2, 3, 4)]),
    OpCase("mean", lambda lib, x: lib.mean(x, dim=1, keepdim=True), [normal(2, 3, 4)]),
    OpCase("var", lambda lib, x: lib.var(x, dim=1), [normal(2, 3, 4)]),
    OpCase("std", lambda lib, x: lib.std(x, dim=-1, correction=0), [normal(2, 3, 4)]),
    OpCase("max", lambda lib, x: lib.max(x), [normal(2, 3, 4)]),
    OpCase("max, along a dimension", lambda lib, x: lib.max(x, 1)[0], [normal(2, 3, 4)]),
    OpCase("min", lambda lib, x: lib.min(x), [normal(2, 3, 4)]),
    OpCase("min, along a dimension", lambda lib, x: lib.min(x, 1)[0], [normal(2, 3, 4)]),
    OpCase("amax", lambda lib, x: lib.amax(x, dim=(0, 2)), [normal(2, 3, 4)]),
    OpCase("amin", lambda lib, x: lib.amin(x, dim=1, keepdim=True), [normal(2, 3, 4)]),
    OpCase("cumsum", lambda lib, x: lib.cumsum(x, 1), [normal(2, 3, 4)]),
    OpCase("softmax", lambda lib, x: lib.softmax(x, -1), [normal(3, 5)]),
    OpCase("softmax, along the first", lambda lib, x: lib.softmax(x, 0), [normal(3, 5)]),
    OpCase("log_softmax", lambda lib, x: lib.log_softmax(x, -1), [normal(3, 5)]),
    OpCase("logsumexp", lambda lib, x: lib.logsumexp(x, (0, 1)), [normal(2, 3, 4)]),
]
SHAPES = [
    OpCase("reshape", lambda lib, x: lib.reshape(x, (4, -1)), [normal(2, 3, 4)]),
    OpCase("flatten", lambda lib, x: lib.flatten(x, 1), [normal(2, 3, 4)]),
    OpCase("permute", lambda lib, x: lib.permute(x, (2, 0, 1)), [normal(2, 3, 4)]),
    OpCase("transpose", lambda lib, x: lib.transpose(x, 0, -1), [normal(2, 3, 4)]),
    OpCase("t", lambda lib, x: lib.t(x), [normal(3, 4)]),
    OpCase("expand", lambda lib, x: x.expand(2, -1, 4), [normal(3, 1)]),
    OpCase("squeeze", lambda lib, x: lib.squeeze(x, 1), [normal(3, 1, 4)]),
    OpCase("unsqueeze", lambda lib, x: lib.unsqueeze(x, 1), [normal(3, 4)]),
    OpCase("flip", lambda lib, x: lib.flip(x, (0, 2)), [normal(2, 3, 4)]),
    OpCase("roll", lambda lib, x: lib.roll(x, (1, -2), (0, 1)), [normal(3, 4)]),
    OpCase("repeat", lambda lib, x: x.repeat(2, 1, 3), [normal(3, 4)]),
    OpCase("tile", lambda lib, x: lib.tile(x, (2,)), [normal(3, 4)]),
    OpCase("repeat_interleave", lambda lib, x: lib.repeat_interleave(x, 2, 1), [normal(3, 4)]),
    OpCase("index_select", lambda lib, x: lib.index_select(x, 1, lib.tensor([2, 0, 2])), [normal(3, 4)]),
    OpCase("sort", lambda lib, x: lib.sort(x, 0, True)[0], [normal(3, 4)]),
    OpCase("topk", lambda lib, x: lib.topk(x, 2)[0], [normal(3, 4)]),
    OpCase("cat", lambda lib, a, b: lib.cat([a, b, a], 1), [normal(3, 4), normal(3, 2)]),
    OpCase("stack", lambda lib, a, b: lib.stack([a, b], -1), [normal(3, 4), normal(3, 4)]),
    OpCase("split", lambda lib, x: lib.cat(lib.split(x, 3, 1)[::-1], 1), [normal(2, 7)]),
    OpCase("split, a part unused", lambda lib, x: x.split([1, 4, 2], 1)[1], [normal(2, 7)]),
    OpCase("chunk", lambda lib, x: lib.cat(lib.chunk(x, 3, 0)[::-1], 0), [normal(7, 2)]),
    OpCase("unbind", lambda lib, x: lib.unbind(x, 1)[2] * lib.unbind(x, 1)[0], [normal(2, 3)]),
    OpCase(
        "split into heads",
        lambda lib, x: split_heads(x, 2, 3)[2],  # (B, T, P H d) -> (B, H, T, d)
        [normal(2, 3, 12)],
        theirs=lambda torch, x: x.unflatten(-1, (3, 2, 2))[:, :, 2].transpose(1, 2),
    ),
    OpCase(
        "merge heads",
        lambda lib, x: merge_heads(x),  # (B, H, T, d) -> (B, T, H d)
        [normal(2, 3, 4, 2)],
        theirs=lambda torch, x: x.transpose(1, 2).flatten(2),
    ),
]
INDICES = [
    OpCase("getitem, slices", lambda lib, x: x[1:, None, ::2, -1], [normal(3, 4, 2)]),
    OpCase("getitem, ids that repeat", lambda lib, x, i: x[i], [normal(4, 3), ids(4, 2, 5)]),
    OpCase("getitem, a mask", lambda lib, x, mask: x[mask], [normal(3, 4), BLOCKED]),
    OpCase("gather", lambda lib, x, i: lib.gather(x, 1, i), [normal(3, 4), ids(4, 3, 6)]),
    OpCase("pad", lambda lib, x: lib.nn.functional.pad(x, (1, 2, 0, 1), value=0.5), [normal(2, 3, 4)]),
    OpCase(
        "scatter",
        lambda lib, x, src, i: lib.scatter(x, 1, i, src),
        [normal(3, 4), normal(2, 2), given([[2, 0], [1, 3]])],
    ),
    OpCase(
        "scatter_add",
        lambda lib, x, src, i: lib.scatter_add(x, 1, i, src),
        [normal(3, 4), normal(3, 6), ids(4, 3, 6)],
    ),
    OpCase(
        "index_add",
        lambda lib, x, rows, i: lib.index_add(x, 1, i, rows, alpha=3),
        [normal(3, 4), normal(3, 6), ids(4, 6)],
    ),
    OpCase(
        "index_copy",
        lambda lib, x, rows, i: lib.index_copy(x, 1, i, rows),
        [normal(3, 4), normal(3, 2), given([2, 0])],
    ),
    OpCase(
        "index_fill",
        lambda lib, x, value, i: lib.index_fill(x, 0, i, value),
        [normal(3, 4), normal(), given([2, 0])],
    ),
    OpCase("setitem, in a view", _written, [normal(3, 4), normal(2), normal(3, 1)]),
    OpCase("masked_fill", lambda lib, x, mask: lib.masked_fill(x, mask, 7.0), [normal(2, 3, 4), BLOCKED]),
    OpCase("tril", lambda lib, x: lib.tril(x, 1), [normal(2, 4, 4)]),
    OpCase("triu", lambda lib, x: lib.triu(x, -1), [normal(2, 4, 3)]),
    OpCase("embedding", lambda lib, w, i: lib.nn.functional.embedding(i, w), [normal(5, 3), ids(5, 2, 6)]),
]
PRODUCTS = [
    OpCase("mm", lambda lib, a, b: lib.mm(a, b), [normal(3, 4), normal(4, 2)]),
    OpCase("bmm", lambda lib, a, b: lib.bmm(a, b), [normal(2, 3, 4), normal(2, 4, 2)]),
    OpCase("dot", lambda lib, a, b: lib.dot(a, b), [normal(4), normal(4)]),
    OpCase("outer", lambda lib, a, b: lib.outer(a, b), [normal(3), normal(4)]),
    OpCase(
        "addmm",
        lambda lib, x, a, b: lib.addmm(x, a, b, beta=0.5, alpha=2),
        [normal(2), normal(3, 4), normal(4, 2)],
    ),
    OpCase("matmul", lambda lib, a, b: a @ b, [normal(3, 4), normal(4, 2)]),
    OpCase("matmul, broadcast", lambda lib, a, b: a @ b, [normal(2, 1, 3, 4), normal(5, 4, 2)]),
    OpCase("matmul, vector and matrices", lambda lib, a, b: a @ b, [normal(4), normal(2, 4, 3)]),
    OpCase("matmul, matrices and vector", lambda lib, a, b: a @ b, [normal(2, 3, 4), normal(4)]),
    OpCase("matmul, vectors", lambda lib, a, b: a @ b, [normal(4), normal(4)]),
    OpCase(
        "linear", lambda lib, *t: lib.nn.functional.linear(*t), [normal(2, 3, 4), normal(5, 4), normal(5)]
    ),
    OpCase("linear, no bias", lambda lib, *t: lib.nn.functional.linear(*t), [normal(2, 3, 4), normal(5, 4)]),
    OpCase(
        "scaled_dot_product_attention",
        _attention,
        [normal(2, 2, 3, 4), normal(2, 2, 5, 4), normal(2, 2, 5, 6)],
    ),
    OpCase(
        "scaled_dot_product_attention, causal",
        lambda lib, *t: _attention(lib, *t, is_causal=True),
        [normal(2, 2, 4, 3)] * 3,
    ),
    OpCase(
        "scaled_dot_product_attention, bool mask",
        lambda lib, q, k, v, blocked: _attention(lib, q, k, v, ~blocked),
        [normal(2, 2, 3, 4), normal(2, 2, 4, 4), normal(2, 2, 4, 5), BLOCKED],
    ),
    OpCase(
        "scaled_dot_product_attention, float mask",
        lambda lib, q, k, v, mask: _attention(lib, q, k, v, mask.to(q.dtype)),
        [normal(2, 2, 3, 4), normal(2, 2, 4, 4), normal(2, 2, 4, 5), ids(4, 3, 4)],
    ),
    OpCase(
        "scaled_dot_product_attention, learned mask",
        lambda lib, q, k, v, mask: _attention(lib, q, k, v, mask),
        [normal(2, 2, 3, 4), normal(2, 2, 4, 4), normal(2, 2, 4, 5), normal(3, 4)],
    ),
    OpCase(
        "scaled_dot_product_attention, nothing allowed in a row",
        lambda lib, q, k, v, blocked: _attention(lib, q, k, v, ~blocked),
        [normal(2, 2, 3, 4), normal(2, 2, 4, 4), normal(2, 2, 4, 5), FIRST_ROW_BLOCKED],
    ),
    OpCase(
        "clear_attention",
        lambda lib, *t: clear_attention(*t, is_causal=True)[0],
        [normal(2, 2, 4, 3)] * 3,
        lambda torch, *t: _attention(torch, *t, is_causal=True),
    ),
]
ACTIVATIONS = [
    OpCase("tanh", lambda lib, x: lib.tanh(x), [normal(3, 4)]),
    OpCase("sigmoid", lambda lib, x: lib.sigmoid(x), [normal(3, 4)]),
    OpCase("relu", lambda lib, x: lib.relu(x), [normal(3, 4)]),
    OpCase("gelu", lambda lib, x: lib.nn.functional.gelu(x), [normal(3, 4)]),
    OpCase("gelu, tanh form", lambda lib, x: lib.nn.functional.gelu(x, approximate="tanh"), [normal(3, 4)]),
    OpCase("silu", lambda lib, x: lib.nn.functional.silu(x), [normal(3, 4)]),
    OpCase("dropout", _dropped, [normal(3, 4)], _dropped_by_hand),
]
NORMALIZATIONS = [
    OpCase(
        "layer_norm",
        lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (5,), w, b),
        [normal(2, 3, 5), normal(5), normal(5)],
    ),
    OpCase(
        "layer_norm, two dimensions",
        lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (3, 5), w, b),
        [normal(2, 3, 5), normal(3, 5), normal(3, 5)],
    ),
    OpCase("layer_norm, no weight", lambda lib, x: lib.nn.functional.layer_norm(x, (5,)), [normal(2, 3, 5)]),
    OpCase(
        "rms_norm", lambda lib, x, w: lib.nn.functional.rms_norm(x, (5,), w), [normal(2, 3, 5), normal(5)]
    ),
]
LOSSES = [
    OpCase(
        "cross_entropy", lambda lib, x, y: lib.nn.functional.cross_entropy(x, y), [normal(4, 5), ids(5, 4)]
    ),
    OpCase(
        "cross_entropy, smoothed, some ignored",
        lambda lib, x, y: lib.nn.functional.cross_entropy(
            x, y, ignore_index=0, reduction="sum", label_smoothing=0.1
        ),
        [normal(4, 5), given([3, 0, 4, 0])],
    ),
    OpCase(
        "cross_entropy, each place",
        lambda lib, x, y: lib.nn.functional.cross_entropy(x, y, reduction="none"),
        [normal(2, 5, 3), ids(5, 2, 3)],
    ),
    OpCase(
        "cross_entropy, classes weighted",
        lambda lib, x, y: lib.nn.functional.cross_entropy(
            x, y, lib.arange(1, 6).to(x.dtype), label_smoothing=0.1
        ),
        [normal(4, 5), ids(5, 4)],
    ),
    OpCase(
        "cross_entropy, of probabilities",
        lambda lib, x, p: lib.nn.functional.cross_entropy(x, lib.softmax(p, 1)),
        [normal(2, 5, 3), normal(2, 5, 3)],
    ),
    OpCase(
        "nll_loss",
        lambda lib, x, y: lib.nn.functional.nll_loss(x, y, reduction="none"),
        [normal(2, 5, 3), ids(5, 2, 3)],
    ),
    OpCase("mse_loss", lambda lib, x, y: lib.nn.functional.mse_loss(x, y), [normal(3, 4), normal(3, 4)]),
]
ROTARY = [
    OpCase(
        "apply_rotary",
        lambda lib, x, cos, sin: apply_rotary(x, cos, sin),
        [normal(2, 3, 4), normal(3, 2), normal(3, 2)],
        lambda torch, x, cos, sin: torch.view_as_real(
            torch.view_as_complex(x.unflatten(-1, (-1, 2))) * torch.complex(cos, sin)
        ).flatten(-2),
    ),
]

# ---- layers ----


def _self_attention(**options):
    return lambda lib: lib.nn.MultiheadAttention(4, 2, batch_first=True, **options)


def _attend(lib, layer, x, **options):
    """Outputs and weights of self-attention in one tensor."""
    output, weights = layer(x, x, x, **options)
    return lib.cat([output.flatten(), weights.flatten()])


def _attend_fast(lib, layer, x, **options):
    """Outputs only: the path that keeps no weights."""
    return layer(x, x, x, need_weights=False, **options)[0]


def _causal(lib, x, dim: int = 1):
    """PyTorch's causal mask for the tokens along `dim`."""
    return lib.nn.Transformer.generate_square_subsequent_mask(x.shape[dim]).to(x.dtype)


def _encoder_layer(lib, **options):
    return lib.nn.TransformerEncoderLayer(4, 2, 6, 0.0, batch_first=True, **options)


def _decoder_layer(lib, **options):
    return lib.nn.TransformerDecoderLayer(4, 2, 6, 0.0, batch_first=True, **options)


def _article(lib):
    """The article's model: normalized after each block, with ReLU."""
    model = LanguageModel(
        LanguageModelConfig(7, 4, 2, 2, 6, dropout=0.0, activation="relu", norm_first=False, max_len=9)
    )
    return model if lib is minitransformer else torch_twin(model)


def _article_loss(lib, layer, tokens):
    """The mean cross-entropy of all next tokens, and the logits. (B, T + 1) -> (1 + B T V,)."""
    logits = layer(tokens[:, :-1])
    loss = lib.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    return lib.cat([loss.reshape(1), logits.flatten()])


SIMPLE_LAYERS = [
    LayerCase("Linear", lambda lib: lib.nn.Linear(4, 3), [normal(2, 3, 4)]),
    LayerCase("Linear, no bias", lambda lib: lib.nn.Linear(4, 3, bias=False), [normal(2, 4)]),
    LayerCase("Embedding", lambda lib: lib.nn.Embedding(6, 3), [ids(6, 2, 5)]),
    LayerCase(
        "Embedding, with padding",
        lambda lib: lib.nn.Embedding(6, 3, padding_idx=2),
        [given([[2, 1, 5], [4, 2, 2]])],
        # the row of padding gets no gradient by decree
        lambda lib, layer, i: layer(i) * (i != 2).unsqueeze(-1),
    ),
    LayerCase("LayerNorm", lambda lib: lib.nn.LayerNorm(5), [normal(2, 3, 5)]),
    LayerCase("LayerNorm, no bias", lambda lib: lib.nn.LayerNorm(5, bias=False), [normal(2, 3, 5)]),
    LayerCase("RMSNorm", lambda lib: lib.nn.RMSNorm(5, eps=1e-5), [normal(2, 3, 5)]),
    LayerCase("ReLU", lambda lib: lib.nn.ReLU(), [normal(3, 4)]),
    LayerCase("GELU", lambda lib: lib.nn.GELU(), [normal(3, 4)]),
    LayerCase("GELU, tanh form", lambda lib: lib.nn.GELU(approximate="tanh"), [normal(3, 4)]),
    LayerCase("SiLU", lambda lib: lib.nn.SiLU(), [normal(3, 4)]),
    LayerCase("Tanh", lambda lib: lib.nn.Tanh(), [normal(3, 4)]),
    LayerCase("Sigmoid", lambda lib: lib.nn.Sigmoid(), [normal(3, 4)]),
    LayerCase("Dropout, in use", lambda lib: lib.nn.Dropout(0.4).eval(), [normal(3, 4)]),
    LayerCase(
        "CrossEntropyLoss",
        lambda lib: lib.nn.CrossEntropyLoss(label_smoothing=0.1),
        [normal(4, 5), ids(5, 4)],
    ),
    LayerCase("NLLLoss", lambda lib: lib.nn.NLLLoss(reduction="sum"), [normal(4, 5), ids(5, 4)]),
    LayerCase("MSELoss", lambda lib: lib.nn.MSELoss(), [normal(3, 4), normal(3, 4)]),
    LayerCase(
        "Sequential",
        lambda lib: lib.nn.Sequential(lib.nn.Linear(4, 6), lib.nn.GELU(), lib.nn.Linear(6, 3)),
        [normal(2, 4)],
    ),
]
POSITIONS = [
    LayerCase(
        "SinusoidalPositionalEncoding",
        lambda lib: lib.nn.SinusoidalPositionalEncoding(6, 0.0, 9, batch_first=True),
        [normal(2, 4, 6)],
        theirs=_sin_cos_interleaved,
    ),
    LayerCase(
        "AddedPositionalEncoding",
        lambda lib: lib.nn.AddedPositionalEncoding(6, 0.0, 9, batch_first=True),
        [normal(2, 4, 6)],
        theirs=_sin_plus_cos,
    ),
    LayerCase(
        "LearnedPositionalEncoding",
        lambda lib: lib.nn.LearnedPositionalEncoding(6, 0.0, 5, batch_first=True),
        [normal(2, 4, 6)],
        theirs=lambda torch, x, weight: x + weight[:4],
    ),
    LayerCase(
        "RotaryEmbedding",
        lambda lib: lib.nn.RotaryEmbedding(6, 9),
        [normal(2, 2, 4, 6)],
        theirs=lambda torch, x: _turned(torch, x, interleaved=True),
    ),
    LayerCase(
        "RotaryEmbedding, halves",
        lambda lib: lib.nn.RotaryEmbedding(6, 9, interleaved=False),
        [normal(2, 2, 4, 6)],
        theirs=lambda torch, x: _turned(torch, x, interleaved=False),
    ),
]
ATTENTION = [
    LayerCase("MultiheadAttention", _self_attention(), [normal(2, 3, 4)], _attend),
    LayerCase("MultiheadAttention, no weights asked", _self_attention(), [normal(2, 3, 4)], _attend_fast),
    LayerCase(
        "MultiheadAttention, keys added",
        _self_attention(add_bias_kv=True, add_zero_attn=True),
        [normal(2, 3, 4)],
        _attend,
    ),
    LayerCase("MultiheadAttention, no bias", _self_attention(bias=False), [normal(2, 3, 4)], _attend_fast),
    LayerCase(
        "MultiheadAttention, weights of each head",
        _self_attention(),
        [normal(2, 3, 4)],
        lambda lib, layer, x: _attend(lib, layer, x, average_attn_weights=False),
    ),
    LayerCase(
        "MultiheadAttention, tokens first, keys from elsewhere",
        lambda lib: lib.nn.MultiheadAttention(4, 2),
        [normal(3, 2, 4), normal(5, 2, 4)],
        lambda lib, layer, x, memory: layer(x, memory, memory, need_weights=False)[0],
    ),
    LayerCase(
        "MultiheadAttention, keys and values of other sizes",
        _self_attention(kdim=3, vdim=5),
        [normal(2, 3, 4), normal(2, 6, 3), normal(2, 6, 5)],
        lambda lib, layer, q, k, v: layer(q, k, v, need_weights=False)[0],
    ),
    LayerCase(
        "MultiheadAttention, bool mask",
        _self_attention(),
        [normal(2, 3, 4), SQUARE],
        lambda lib, layer, x, mask: _attend(lib, layer, x, attn_mask=mask),
    ),
    LayerCase(
        "MultiheadAttention, float mask",
        _self_attention(),
        [normal(2, 3, 4), ids(4, 3, 3)],
        lambda lib, layer, x, mask: _attend_fast(lib, layer, x, attn_mask=mask.to(x.dtype)),
    ),
    LayerCase(
        "MultiheadAttention, a mask for each head",
        _self_attention(),
        [normal(2, 3, 4), normal(2 * 2, 3, 3)],
        lambda lib, layer, x, mask: _attend(lib, layer, x, attn_mask=mask),
    ),
    LayerCase(
        "MultiheadAttention, padding",
        _self_attention(),
        [normal(2, 3, 4), PADDING],
        lambda lib, layer, x, padding: _attend_fast(lib, layer, x, key_padding_mask=padding),
    ),
    LayerCase(
        "MultiheadAttention, padding and bool mask",
        _self_attention(),
        [normal(2, 3, 4), PADDING, given(numpy.triu(numpy.ones((3, 3), bool), 1))],
        lambda lib, layer, x, padding, mask: _attend(lib, layer, x, key_padding_mask=padding, attn_mask=mask),
    ),
    LayerCase(
        "MultiheadAttention, causal",
        _self_attention(),
        [normal(2, 3, 4)],
        lambda lib, layer, x: _attend_fast(lib, layer, x, attn_mask=_causal(lib, x), is_causal=True),
    ),
]
TRANSFORMERS = [
    LayerCase("TransformerEncoderLayer", _encoder_layer, [normal(2, 3, 4)]),
    LayerCase(
        "TransformerEncoderLayer, pre-norm",
        lambda lib: _encoder_layer(lib, norm_first=True, activation="gelu"),
        [normal(2, 3, 4)],
    ),
    LayerCase(
        "TransformerEncoderLayer, tokens first, padding",
        lambda lib: lib.nn.TransformerEncoderLayer(4, 2, 6, 0.0),
        [normal(3, 2, 4), PADDING],
        lambda lib, layer, x, padding: layer(x, src_key_padding_mask=padding),
    ),
    LayerCase(
        "TransformerEncoder, pre-norm, causal",
        lambda lib: lib.nn.TransformerEncoder(
            _encoder_layer(lib, norm_first=True), 2, lib.nn.LayerNorm(4), enable_nested_tensor=False
        ),
        [normal(2, 3, 4)],
        lambda lib, layer, x: layer(x, mask=_causal(lib, x), is_causal=True),
    ),
    LayerCase("TransformerDecoderLayer", _decoder_layer, [normal(2, 3, 4), normal(2, 5, 4)]),
    LayerCase(
        "TransformerDecoderLayer, pre-norm, causal",
        lambda lib: _decoder_layer(lib, norm_first=True),
        [normal(2, 3, 4), normal(2, 5, 4)],
        lambda lib, layer, x, memory: layer(x, memory, tgt_mask=_causal(lib, x), tgt_is_causal=True),
    ),
    LayerCase(
        "TransformerDecoder",
        lambda lib: lib.nn.TransformerDecoder(_decoder_layer(lib), 2, lib.nn.LayerNorm(4)),
        [normal(2, 3, 4), normal(2, 5, 4)],
    ),
    LayerCase(
        "Transformer",
        lambda lib: lib.nn.Transformer(4, 2, 1, 1, 6, 0.0),
        [normal(4, 2, 4), normal(3, 2, 4)],
        lambda lib, layer, source, target: layer(source, target, tgt_mask=_causal(lib, target, dim=0)),
    ),
    LayerCase("LanguageModel, the article's", _article, [ids(7, 2, 5)], _article_loss),
]
MODELS = [
    ModelCase(
        "BERT",
        lambda lib: Bert(BertConfig(7, 4, 1, 2, 6, 5, dropout=0.0)),
        [given([[3, 1, 4, 2], [5, 2, 6, 1]])],
    ),
    ModelCase("GPT", lambda lib: GPT(GPTConfig(7, 5, 4, 1, 2, dropout=0.0)), [ids(7, 2, 4)]),
    ModelCase(
        "Llama",
        lambda lib: Llama(LlamaConfig(7, 8, 6, 1, 4, 2, 5, tie_word_embeddings=False)),
        [ids(7, 2, 4)],
    ),
    ModelCase(
        "T5", lambda lib: T5(T5Config(7, 4, 2, 6, 1, 1, 2, 4, 6, dropout=0.0)), [ids(7, 2, 4), ids(7, 2, 3)]
    ),
]

CASES = [
    *(
        ELEMENTWISE
        + REDUCTIONS
        + SHAPES
        + INDICES
        + PRODUCTS
        + ACTIVATIONS
        + NORMALIZATIONS
        + LOSSES
        + ROTARY
    ),
    *(SIMPLE_LAYERS + POSITIONS + ATTENTION + TRANSFORMERS + MODELS),
]
