"""What users of the package write. `mypy --strict` finds nothing in it: tests/test_types.py."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, assert_type

import numpy

import minitransformer as mt
import minitransformer.nn as nn
import minitransformer.nn.functional as F
from minitransformer import explain
from minitransformer.nn import TransformerEncoder, TransformerEncoderLayer
from minitransformer.utils.data import DataLoader, TensorDataset


def tensors() -> None:
    x = mt.randn(2, 3, requires_grad=True)
    assert_type(x * 2 + x, mt.Tensor)
    assert_type(1 - x / 2, mt.Tensor)
    assert_type(-(x**2), mt.Tensor)
    assert_type(x @ x.T, mt.Tensor)
    assert_type(x.T, mt.Tensor)
    assert_type(x.sum(), mt.Tensor)
    assert_type(x.mean(dim=-1, keepdim=True), mt.Tensor)
    assert_type(x.exp().log_(), mt.Tensor)
    assert_type(x.view(3, 2).transpose(0, 1), mt.Tensor)
    assert_type(x[0, 1:], mt.Tensor)
    assert_type(x[x > 0], mt.Tensor)
    assert_type(x == 1, mt.Tensor)
    assert_type((x > 0) & (x < 1), mt.Tensor)
    assert_type(x.shape, tuple[int, ...])
    assert_type(x.size(0), int)
    assert_type(x.numpy(), numpy.ndarray)
    assert_type(x.float().to("cpu").masked_fill(x > 0, 0.0), mt.Tensor)
    assert_type(x.grad, mt.Tensor | None)
    assert_type([row for row in x], list[mt.Tensor])
    values, indices = x.max(dim=1)
    assert_type(mt.cat([values, values]), mt.Tensor)
    assert_type(F.softmax(x, dim=-1), mt.Tensor)
    assert_type(mt.where(x > 0, x, 0.0), mt.Tensor)
    with mt.no_grad():
        x += 1
        x[0] = 0
    (x * x).sum().backward()
    print(f"{x.sum():.3f}", len(x), x.sum().item())


class Classifier(nn.Module):
    def __init__(self, vocabulary: int, classes: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, 8)
        layer = TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = TransformerEncoder(layer, 2)
        self.out = nn.Linear(8, classes)

    def forward(self, ids: mt.Tensor) -> mt.Tensor:
        x = self.encoder(self.embed(ids))  # (B, T, 8)
        return self.out(x.mean(dim=1))


class Running(nn.Module):
    """Buffers, parameters and lists of layers keep their types: what strangers reported of other packages."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", mt.zeros(4))
        self.weight = nn.Parameter(mt.randn(4, 4))
        self.blocks = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

    def update(self, x: mt.Tensor) -> None:
        self.mean.add_(x.mean(dim=0))
        self.weight.data.fill_(0)

    def forward(self, x: mt.Tensor) -> tuple[mt.Tensor, mt.Tensor]:
        for block in self.blocks:
            x = x + block(x)
        return x, self.blocks[0](x) @ self.weight


@dataclass
class Holder:
    net: nn.Module

    def run(self, x: mt.Tensor) -> Any:
        return self.net(x)


def layers() -> None:
    assert_type(nn.Linear(2, 3)(mt.ones(2)), mt.Tensor)
    assert_type(nn.Sequential(nn.Linear(2, 3), nn.ReLU()).parameters(), Iterator[nn.Parameter])
    x = mt.ones(1, 4, 8)
    attended, weights = nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
    assert_type(attended, mt.Tensor)
    assert_type(weights, mt.Tensor | None)


def training() -> None:
    mt.manual_seed(0)
    model = Classifier(10, 2)
    optimizer = mt.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = mt.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    data = TensorDataset(mt.randint(0, 10, (8, 5)), mt.randint(0, 2, (8,)))
    for ids, labels in DataLoader(data, batch_size=4, shuffle=True):
        loss = F.cross_entropy(model(ids), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    assert_type(model(mt.randint(0, 10, (1, 5))), mt.Tensor)
    other = Classifier(10, 2)
    other.load_state_dict(model.state_dict())
    other.eval().double()


def explaining(model: mt.models.LanguageModel, ids: list[int]) -> None:
    answer = explain.lrp(model, ids)
    assert_type(answer.relevance, numpy.ndarray)
    assert_type(answer.ledger.gap, float)
    answer.show()
    weights = explain.lime(lambda texts: numpy.ones((len(texts), 2)), "good film")
    assert_type(weights.as_list(), list[tuple[str, float]])
    explain.lime(lambda texts: [[0.1, 0.9] for _ in texts], "good film", num_samples=10)
    print(mt.gradcheck(lambda x: x.exp(), [mt.randn(2)]))
