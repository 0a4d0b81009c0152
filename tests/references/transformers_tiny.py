"""Outputs and gradients of small random models by transformers: writes `transformers_tiny.npz` beside this file.

Run by hand, in an environment of its own:

    python3 -m venv env && env/bin/pip install torch transformers==4.52.4
    env/bin/python tests/references/transformers_tiny.py bert

The weights are those that `weights` of `lxt_efficient.py` draws by name and shape. Gradients are of the sum of the
outputs times `cotangent`, and kept by their names there in float32.
"""

import sys
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).parent))
from lxt_efficient import weights  # noqa: E402

FILE = Path(__file__).with_suffix(".npz")
VOCAB, WIDTH, HEADS, LAYERS, INNER, LENGTH = 23, 12, 3, 2, 20, 16
IDS = numpy.array([[3, 14, 15, 9, 2, 6, 5], [8, 9, 7, 9, 0, 0, 0]])  # 0 fills up
REAL = IDS != 0
SEGMENTS = numpy.array([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0]])


def cotangent(shape) -> numpy.ndarray:
    """The weights of the outputs in the sum whose gradient is taken; nothing of what stands at padding."""
    g = numpy.random.default_rng(1).normal(size=shape)
    return g * REAL[..., None] if shape[:2] == REAL.shape else g


def bert():
    """The logits of a masked-language-model head, for two segments."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(
        vocab_size=VOCAB, hidden_size=WIDTH, num_attention_heads=HEADS, num_hidden_layers=LAYERS, intermediate_size=INNER,
        max_position_embeddings=LENGTH,
    )  # fmt: skip
    ids, real, segments = (torch.tensor(a) for a in (IDS, REAL, SEGMENTS))
    return BertForMaskedLM(config), lambda model: model(ids, real, segments).logits


def run(make) -> dict[str, numpy.ndarray]:
    """The outputs, and the gradient of each parameter."""
    import torch

    model, outputs = make()
    model = model.double().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.tensor(weights(name, tuple(p.shape))))
    y = outputs(model)
    (y * torch.tensor(cotangent(tuple(y.shape)))).sum().backward()
    gradients = {name: p.grad.numpy().astype("float32") for name, p in model.named_parameters() if p.grad is not None}
    return {"outputs": y.detach().numpy(), **gradients}


MODELS = {"bert": bert}

if __name__ == "__main__":
    kept = dict(numpy.load(FILE)) if FILE.exists() else {}
    for case in sys.argv[1:]:
        kept = {name: array for name, array in kept.items() if not name.startswith(f"{case} ")}
        kept.update({f"{case} {name}": array for name, array in run(MODELS[case]).items()})
    numpy.savez_compressed(FILE, **kept)
