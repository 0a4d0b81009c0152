"""A small training run with dropout, a schedule and shuffled data: `python small_run.py DIRECTORY STEPS SAVE_EVERY` goes on."""

import sys

import numpy

import minitransformer as mt
from minitransformer.models import ClassifierConfig, SequenceClassifier
from minitransformer.optim import AdamW
from minitransformer.optim.lr_scheduler import CosineAnnealingLR
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader, TensorDataset

CONFIG = ClassifierConfig(vocab_size=20, d_model=8, nhead=2, dim_feedforward=16, dropout=0.2, max_len=8)


def loss(model, batch):
    ids, labels = batch
    return mt.nn.functional.cross_entropy(model(ids), labels)


def trainer(directory=None, steps=12, **options):
    """Seven batches an epoch, so that steps and epochs do not fall together."""
    mt.manual_seed(7)
    data = numpy.random.default_rng(0).integers(2, 20, (40, 6))
    dataset = TensorDataset(mt.tensor(data), mt.tensor((data[:, 0] > 10).astype("int64")))
    model = SequenceClassifier(CONFIG)
    optimizer = AdamW(model.parameters(), lr=1e-2)
    settings = {"max_norm": 1.0, "save_every": 1, "evaluate": judge, "evaluate_every": 5} | options
    loader, schedule = DataLoader(dataset, 6, shuffle=True), CosineAnnealingLR(optimizer, 50)
    return Trainer(model, loss, loader, optimizer, schedule, steps=steps, directory=directory, **settings)


def judge(model):
    return abs(model.head.weight.numpy()).sum()


if __name__ == "__main__":
    run = trainer(sys.argv[1], int(sys.argv[2]), save_every=int(sys.argv[3]))
    run.resume()
    print("at", run.step, flush=True)
    done = run.run(lambda t: print(t.step, flush=True))
    sys.exit(0 if done else 130)
