"""Optimizers and learning-rate schedules, under PyTorch's names."""

from minitransformer.optim import lr_scheduler
from minitransformer.optim.adadelta import Adadelta
from minitransformer.optim.adagrad import Adagrad
from minitransformer.optim.adam import Adam, AdamW
from minitransformer.optim.optimizer import Optimizer
from minitransformer.optim.rmsprop import RMSprop
from minitransformer.optim.sgd import SGD

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
