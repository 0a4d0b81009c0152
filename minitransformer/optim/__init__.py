"""Optimizers and learning-rate schedules, under PyTorch's names."""

from minitransformer.optim import lr_scheduler
from minitransformer.optim.adadelta import Adadelta
from minitransformer.optim.adagrad import Adagrad
from minitransformer.optim.adam import Adam, AdamW
from minitransformer.optim.adamax import Adamax
from minitransformer.optim.asgd import ASGD
from minitransformer.optim.lbfgs import LBFGS
from minitransformer.optim.nadam import NAdam
from minitransformer.optim.optimizer import Optimizer
from minitransformer.optim.radam import RAdam
from minitransformer.optim.rmsprop import RMSprop
from minitransformer.optim.rprop import Rprop
from minitransformer.optim.sgd import SGD

__all__ = [
    "ASGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "LBFGS",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
    "lr_scheduler",
]
