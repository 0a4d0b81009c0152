"""Optimizers and learning-rate schedules, under PyTorch's names."""

from minitransformer.optim import lr_scheduler
from minitransformer.optim.adam import Adam, AdamW
from minitransformer.optim.optimizer import Optimizer
from minitransformer.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
