"""Layers, under PyTorch's names."""

from minitransformer.nn import functional
from minitransformer.nn.containers import ModuleList, Sequential
from minitransformer.nn.module import Module, Parameter

__all__ = ["Module", "ModuleList", "Parameter", "Sequential", "functional"]
