"""A Transformer from scratch: its engine, its training, and explanations that add up.

`import minitransformer as mt` gives PyTorch's names for tensors and ops; `mt.nn` and `mt.optim` hold the rest. The array
library underneath is NumPy on the CPU and CuPy on a GPU.

On Linux with glibc, the import changes one setting of the whole process: freed memory is kept for the next array
(`minitransformer.kernels.memory`).
"""

import importlib
from math import e, inf, nan, pi

from minitransformer import autograd, backends, nn, ops
from minitransformer.anomaly import detect_anomaly
from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import bool_, float16, float32, float64, int8, int16, int32, int64, uint8
from minitransformer.defaults import backend, use_backend
from minitransformer.devices import Device as device
from minitransformer.gradients import compare_with_torch, gradcheck
from minitransformer.nn.module import to_torch
from minitransformer.ops import *  # noqa: F403
from minitransformer.ops import abs_ as abs
from minitransformer.ops import all_ as all
from minitransformer.ops import any_ as any
from minitransformer.ops import div as divide
from minitransformer.ops import max_ as max
from minitransformer.ops import min_ as min
from minitransformer.ops import sum_ as sum
from minitransformer.randomness import manual_seed
from minitransformer.settings import enable_grad, inference_mode, is_grad_enabled, set_grad_enabled

bool, half, float, double, int, long = bool_, float16, float32, float64, int32, int64
concat = concatenate = cat  # noqa: F405
clamp = clip  # noqa: F405
__version__ = "0.1.0"
# rooms that open when first entered: `mt.optim.Adam`
LATER = "amp explain generation models optim training utils".split()


def __getattr__(name):
    if name in LATER:
        return importlib.import_module(f"minitransformer.{name}")
    raise AttributeError(
        backends.NO_BFLOAT16 if name == "bfloat16" else f"module 'minitransformer' has no attribute {name!r}"
    )
