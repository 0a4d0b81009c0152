"""What training needs beside the layers: limits for gradients, normalized weights, and sequences of different lengths."""

from minitransformer.nn.utils import parametrizations, parametrize, rnn
from minitransformer.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    get_total_norm,
)
from minitransformer.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from minitransformer.nn.utils.spectral_norm import remove_spectral_norm, spectral_norm
from minitransformer.nn.utils.weight_norm import remove_weight_norm, weight_norm

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]
