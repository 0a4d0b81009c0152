"""What training needs beside the layers: limits for gradients, and sequences of different lengths."""

from minitransformer.nn.utils import rnn
from minitransformer.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_, get_total_norm

__all__ = ["clip_grad_norm_", "clip_grad_value_", "get_total_norm", "rnn"]
