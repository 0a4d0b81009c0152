"""The heart's values, each by its formula in NumPy: softmax, attention, normalization, loss, one layer of an encoder."""

import math

import numpy as np
from helpers import array, assert_close, plain

import minitransformer as mt
import minitransformer.nn.functional as F
from minitransformer import nn


def softmax(x):  # (.., n) -> (.., n)
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(q, k, v, hidden):  # (.., T, d), (.., S, d), (.., S, d), (T, S) -> (.., T, d)
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    return softmax(np.where(hidden, -np.inf, scores)) @ v


def layer_norm(x, norm):  # (.., C) -> (.., C)
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + norm.eps)
    return scaled * norm.weight.numpy() + norm.bias.numpy()


def linear(x, weight, bias):  # (.., I), (O, I), (O,) -> (.., O)
    return x @ weight.numpy().T + bias.numpy()


def test_softmax_also_of_large_numbers():
    x = array(2, 5) * 1000
    assert_close(mt.softmax(plain(x), -1), softmax(x))


def test_cross_entropy_is_the_mean_of_minus_log_probability():
    x, target = array(4, 5), np.array([0, 4, 2, 2])
    expected = -np.log(softmax(x)[np.arange(4), target]).mean()
    assert_close(F.cross_entropy(plain(x), plain(target)), np.asarray(expected))


def test_causal_attention():
    q, k, v = array(2, 3, 4, 6), array(2, 3, 4, 6, seed=1), array(2, 3, 4, 6, seed=2)
    later = np.triu(np.ones((4, 4), bool), 1)
    got = F.scaled_dot_product_attention(plain(q), plain(k), plain(v), is_causal=True)
    assert_close(got, attention(q, k, v, later))


def test_a_row_in_which_all_is_hidden_is_zero():
    x = mt.tensor(array(1, 2, 3), requires_grad=True)
    visible = mt.tensor([[False, False], [True, True]])
    out = F.scaled_dot_product_attention(x, x, x, visible)
    out.sum().backward()
    assert not out.numpy()[:, 0].any() and np.isfinite(x.grad.numpy()).all()


def test_one_layer_of_an_encoder():
    layer = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True, norm_first=True).double()
    for i, p in enumerate(layer.parameters()):
        p.data.copy_(plain(array(*p.shape, seed=i)))
    x, own = array(2, 5, 6, seed=9), layer.self_attn
    q, k, v = np.split(linear(layer_norm(x, layer.norm1), own.in_proj_weight, own.in_proj_bias), 3, -1)
    heads = [a.reshape(2, 5, 2, 3).swapaxes(1, 2) for a in (q, k, v)]  # (B, T, C) -> (B, H, T, d)
    merged = attention(*heads, np.zeros((5, 5), bool)).swapaxes(1, 2).reshape(2, 5, 6)
    h = x + linear(merged, own.out_proj.weight, own.out_proj.bias)
    inner = np.maximum(linear(layer_norm(h, layer.norm2), layer.linear1.weight, layer.linear1.bias), 0)
    assert_close(layer(plain(x)), h + linear(inner, layer.linear2.weight, layer.linear2.bias))
