"""PyTorch's room of the same name: a module as a function of its parameters."""

from minitransformer.nn.stateless import functional_call

__all__ = ["functional_call"]
