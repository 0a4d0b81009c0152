"""LoRA: nothing has changed at first, only its own numbers learn, and merged it is one matrix again."""

import numpy as np
import pytest
import torch

import minitransformer as mt
from minitransformer import nn
from minitransformer.models.bert import BertClassifier, BertClassifierConfig
from minitransformer.nn.lora import LoRALinear, add_lora, merge_lora


def small(rank=0):
    return BertClassifier(BertClassifierConfig(20, 8, 2, 2, 12, 10, dropout=0.0, lora_rank=rank)).double()


def test_values_and_gradients_by_hand():
    linear = nn.Linear(5, 3).double()
    weight, bias = linear.weight.numpy().copy(), linear.bias.numpy().copy()
    lora = LoRALinear(linear, rank=2, alpha=6.0)
    with mt.no_grad():
        lora.up.normal_()
    x, g = np.random.default_rng(0).normal(size=(4, 5)), np.random.default_rng(1).normal(size=(4, 3))
    y = lora(mt.tensor(x))
    y.backward(mt.tensor(g))
    down, up = (torch.tensor(p.numpy(), requires_grad=True) for p in (lora.down, lora.up))
    expected = torch.tensor(x) @ (torch.tensor(weight) + 3.0 * up @ down).T + torch.tensor(bias)
    expected.backward(torch.tensor(g))
    assert np.allclose(y.numpy(), expected.detach().numpy(), rtol=0, atol=1e-12)
    assert np.allclose(lora.down.grad.numpy(), down.grad.numpy(), rtol=0, atol=1e-12)
    assert np.allclose(lora.up.grad.numpy(), up.grad.numpy(), rtol=0, atol=1e-12)
    assert lora.linear.weight.grad is None and lora.linear.bias.grad is None
    assert np.allclose(lora.merged()(mt.tensor(x)).numpy(), y.numpy(), rtol=0, atol=1e-12)


def test_nothing_has_changed_at_first():
    model, ids = small(), mt.tensor([[2, 3, 4]])
    before = model.eval()(ids).numpy()
    add_lora(model.bert, rank=2)
    assert np.array_equal(model(ids).numpy(), before)


def test_only_its_own_numbers_learn():
    model = small(rank=2)
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    parts = {name.rpartition(".")[2] for name in learning if not name.startswith("head")}
    assert parts == {"down", "up"} and {"head.weight", "head.bias"} <= learning
    assert len(learning) == 2 + 2 * 3 * 2  # the head; down and up of three linear layers in each of two


def test_merging_gives_the_plain_model_back():
    model, ids = small(rank=2), mt.tensor([[2, 3, 4]])
    with mt.no_grad():
        for module in model.modules():
            if isinstance(module, LoRALinear):
                module.up.normal_()
    before = model.eval()(ids).numpy()
    merge_lora(model)
    plain = small().eval()
    plain.load_state_dict(model.state_dict())
    assert np.allclose(plain(ids).numpy(), before, rtol=0, atol=1e-12)
    assert all(p.requires_grad for name, p in model.named_parameters() if "linear" in name)


def test_no_rank():
    with pytest.raises(ValueError, match="rank of at least 1"):
        LoRALinear(nn.Linear(2, 2), rank=0)
