"""Attention is found on the tape whoever wrote it: as the fused function, as softmax and product, or by hand."""

import math

import numpy as np
import pytest
from lrp_models import IDS, VOCAB, gated, randomize

import minitransformer as mt
import minitransformer.nn.functional as F
from minitransformer import explain, nn
from minitransformer.utils.checkpoint import checkpoint


def fused(q, k, v, causal):
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)


def scores(q, k, causal):
    x = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    later = mt.triu(mt.ones(x.shape[-2], x.shape[-1]), 1).bool()
    return x.masked_fill(later, -math.inf) if causal else x


def written(q, k, v, causal):
    return F.dropout(F.softmax(scores(q, k, causal), dim=-1), 0.5, training=False) @ v


def by_hand(q, k, v, causal):
    e = mt.exp(scores(q, k, causal))
    return (e / e.sum(-1, keepdim=True)) @ v


def summed(q, k, v, causal):
    weights = F.softmax(scores(q, k, causal), dim=-1)
    return mt.einsum("bhts,bhsd->bthd", weights, v).transpose(1, 2)


WAYS = {"fused": fused, "written": written, "by hand": by_hand, "einsum": summed}


class OwnAttention(nn.Module):
    """A module of one's own: heads, and no nn.MultiheadAttention."""

    def __init__(self, attend, causal, heads=2, c=8):
        super().__init__()
        self.attend, self.causal, self.heads = attend, causal, heads
        self.qkv, self.out = nn.Linear(c, 3 * c), nn.Linear(c, c)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (h.view(b, t, self.heads, -1).transpose(1, 2) for h in self.qkv(x).chunk(3, -1))
        return self.out(self.attend(q, k, v, self.causal).transpose(1, 2).reshape(b, t, c))


class Own(nn.Module):
    """Two layers of it, for one answer, or for one a token."""

    def __init__(self, attend, causal, c=8):
        super().__init__()
        self.embedding, self.head = nn.Embedding(VOCAB, c), nn.Linear(c, VOCAB)
        self.layers = nn.ModuleList([OwnAttention(attend, causal) for _ in range(2)])

    def forward(self, ids):
        x = self.embedding(ids)
        for layer in self.layers:
            x = x + layer(x)
        return self.head(x if self.layers[0].causal else x.mean(1))


class Known(Own):
    """The same with nn.MultiheadAttention and the same weights."""

    def __init__(self, own, causal):
        super().__init__(None, causal)
        self.layers = nn.ModuleList([nn.MultiheadAttention(8, 2, batch_first=True) for _ in range(2)])
        self.double().load_state_dict(
            {
                name.replace("qkv.", "in_proj_").replace("out.", "out_proj."): values
                for name, values in own.state_dict().items()
            }
        )
        self.causal = causal

    def forward(self, ids):
        x, mask = self.embedding(ids), None
        if self.causal:
            mask = mt.triu(mt.ones(ids.shape[1], ids.shape[1]), 1).bool()
        for layer in self.layers:
            x = x + layer(x, x, x, need_weights=False, attn_mask=mask, is_causal=self.causal)[0]
        return self.head(x if self.causal else x.mean(1))


def own(way, causal):
    return randomize(Own(WAYS[way], causal))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ids", [IDS, [IDS, IDS[::-1]]])
def test_a_module_of_ones_own_is_explained_as_the_one_we_know(ids, way, causal):
    model = own(way, causal)
    known = Known(model, causal)
    assert np.allclose(model(mt.tensor([IDS])).numpy(), known(mt.tensor([IDS])).numpy(), rtol=0, atol=1e-12)
    for method in (explain.attention_rollout, explain.generic_attention):
        found, expected = (method(m, ids, 1).relevance for m in (model, known))
        assert np.allclose(found, expected, rtol=0, atol=1e-12) and found.any()
    found, expected = (explain.head_relevance(m, ids, 1) for m in (model, known))
    assert list(found) == list(expected) == ["layers.0", "layers.1"]
    for name in found:
        assert found[name].shape == (*np.shape(ids)[:-1], 2, len(IDS)) and found[name].any()
        assert np.allclose(found[name], expected[name], rtol=0, atol=1e-12)


def test_slopes_are_those_of_a_tensor_on_the_tape():
    """Of the fused op they are computed, of the other ways they are on the tape."""
    slopes = []
    for way in WAYS:
        asked = explain.Question(own(way, False), IDS, 1)
        slopes.append(explain.attention_flow.attention_slopes(asked))
    for each in slopes[1:]:
        for a, b in zip(slopes[0], each, strict=True):
            assert np.allclose(a, b, rtol=0, atol=1e-13) and abs(a).max() > 1e-4


def test_rotary_attention_with_a_bias_is_found_too():
    model = gated(num_layers=2)
    heads = explain.head_relevance(model, IDS, target=1)
    assert [h.shape for h in heads.values()] == [(2, len(IDS))] * 2
    assert explain.attention_rollout(model, IDS).relevance.sum() == pytest.approx(1, abs=1e-12)
    assert explain.generic_attention(model, IDS, 1).relevance.shape == (len(IDS),)


class OneHead(nn.Module):
    """Attention without a dimension for heads, over the tokens as they are."""

    def __init__(self, hidden=False):
        super().__init__()
        self.embedding, self.head, self.hidden = nn.Embedding(VOCAB, 8), nn.Linear(8, 2), hidden

    def forward(self, ids):
        x = self.embedding(ids)
        mixed = checkpoint(self.mix, x) if self.hidden else self.mix(x)
        return self.head(mixed.mean(1))

    def mix(self, x):
        return F.scaled_dot_product_attention(x, x, x)


def test_one_head_without_a_dimension():
    model = randomize(OneHead())
    (heads,) = explain.head_relevance(model, IDS, target=1).values()
    assert heads.shape == (1, len(IDS))
    assert explain.attention_rollout(model, IDS).relevance.sum() == pytest.approx(1)


def test_without_attention_or_behind_a_checkpoint_it_is_told():
    model = randomize(OneHead(hidden=True))
    with pytest.raises(ValueError, match="expected a model with attention: F.scaled"):
        explain.head_relevance(model, IDS)
    with pytest.raises(ValueError, match="expected self-attention only, .* got none"):
        explain.attention_rollout(model, IDS)


def test_a_product_of_softmax_over_other_dimensions_is_no_attention():
    x = mt.tensor(np.random.default_rng(0).standard_normal((3, 3)), requires_grad=True)
    weights = F.softmax(x, -1)
    others = [mt.einsum("ts,td->sd", weights, x), mt.einsum("ts,sd->t", weights, x), F.softmax(x, 0) @ x]
    for y in (*others, x @ x, x @ weights, weights.view(9, 1) @ x[:1]):
        assert explain.attention_maps.attention_maps(mt.autograd.tape(y.sum())) == []
