"""What training needs beside the layers: limits for gradients, parameters as one vector, and sequences of different lengths."""

from minitransformer.nn.utils import rnn
from minitransformer.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_, get_total_norm
from minitransformer.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "get_total_norm",
    "parameters_to_vector",
    "rnn",
    "vector_to_parameters",
]
