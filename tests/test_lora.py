"""LoRA: nothing has changed at first, only its own numbers learn, and merged it is one matrix again."""

import numpy as np
import pytest
from later import torch

import minitransformer as mt
from minitransformer import nn
from minitransformer.models.bert import BertClassifier, BertClassifierConfig
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.llama import Llama, LlamaConfig
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


class Twice(nn.Module):
    def __init__(self, linear):
        super().__init__()
        self.linear, self.again = linear, linear

    def forward(self, x):
        return self.linear(x) + self.again(x * 2)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.head = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
        self.head.weight = self.words.weight

    def forward(self, ids):
        return self.head(self.words(ids))


def one_weight():
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    return nn.Sequential(first, second)


def two_adapters():
    linear = nn.Linear(4, 4)
    return nn.Sequential(LoRALinear(linear, 2), LoRALinear(linear, 2))


SHARED = {
    "a head tied to the embedding": (Tied, [[1, 2]]),
    "GPT": (lambda: GPT(GPTConfig(20, 16, 8, 1, 2)), [[1, 2, 3]]),
    "Llama": (lambda: Llama(LlamaConfig(20, 8, 12, 1, 2, 1, 32)), [[1, 2, 3]]),
    "a layer twice in one module": (lambda: Twice(nn.Linear(4, 4)), np.ones((2, 4))),
    "a layer in two modules": (
        lambda: nn.Sequential(*[nn.Sequential(m) for m in [nn.Linear(4, 4)] * 2]),
        np.ones((2, 4)),
    ),
    "a weight in two layers": (one_weight, np.ones((2, 4))),
    "two adapters of one layer": (two_adapters, np.ones((2, 4))),
}


@pytest.mark.parametrize("name", SHARED)
def test_merging_changes_nothing_that_is_said_where_weights_are_shared(name):
    make, x = SHARED[name]
    mt.manual_seed(0)
    model, x = make().double().eval(), mt.tensor(np.array(x))
    if name != "two adapters of one layer":
        add_lora(model, 2)
    with mt.no_grad():
        for parameter, p in model.named_parameters():
            if parameter.endswith(".up"):
                p.normal_()
        before = model(x).numpy()
        embedding = [p.numpy() for p in model.parameters() if not p.requires_grad]
        apart = {id(m): m.merged()(mt.ones(2, m.linear.in_features, dtype=mt.float64)) for m in loras(model)}
        again = {id(m): m.merged()(mt.ones(2, m.linear.in_features, dtype=mt.float64)) for m in loras(model)}
        # merged twice by itself
        assert all(np.array_equal(apart[k].numpy(), again[k].numpy()) for k in apart)
        assert np.array_equal(model(x).numpy(), before)
        assert merge_lora(model) is model and not loras(model)
        assert np.allclose(model(x).numpy(), before, rtol=0, atol=1e-12)
    assert embedding and not np.array_equal(before, make().double().eval()(x).numpy())
    with pytest.raises(ValueError, match="that contains a LoRALinear, got a .* without any"):
        merge_lora(model)


def loras(model):
    return [m for m in model.modules() if isinstance(m, LoRALinear)]


def test_a_layer_in_two_places_learns_as_one():
    model = add_lora(Twice(nn.Linear(4, 4)), 2)
    assert model.linear is model.again and len(loras(model)) == 1
    assert merge_lora(model).linear is model.again


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: nn.Linear(3, 3), r"a Linear: use LoRALinear\(linear\)"),
        (lambda: nn.Sequential(nn.LayerNorm(3)), "a Sequential without any"),
        (lambda: add_lora(nn.Sequential(nn.Linear(3, 3)), 2), "was adapted before; call merge_lora first"),
        (lambda: nn.Sequential(LoRALinear(nn.Linear(3, 3)), nn.Linear(3, 3)), "was adapted before"),
    ],
)
def test_what_would_learn_nothing_is_refused_and_left_as_it_was(make, message):
    model = make()
    learning = [p.requires_grad for p in model.parameters()]
    with pytest.raises(ValueError, match=message):
        add_lora(model)
    assert [p.requires_grad for p in model.parameters()] == learning and any(learning)


def test_a_lora_merges_itself():
    with pytest.raises(ValueError, match=r"a LoRALinear: use its merged\(\)"):
        merge_lora(LoRALinear(nn.Linear(3, 3)))


def test_no_rank():
    with pytest.raises(ValueError, match="rank of at least 1"):
        LoRALinear(nn.Linear(2, 2), rank=0)
    with pytest.raises(ValueError, match="rank of at least 1"):
        add_lora(nn.Sequential(nn.Linear(2, 2)), rank=0)
