"""What tests of published architectures share: transformers' outputs and gradients for small models of random weights."""

import numpy
from references.lxt_efficient import weights
from references.transformers_tiny import FILE, REAL, cotangent

import minitransformer as mt


def reference(case):
    """(outputs, gradients by published name)."""
    kept = {
        name.partition(" ")[2]: array
        for name, array in numpy.load(FILE).items()
        if name.startswith(f"{case} ")
    }
    return kept.pop("outputs"), kept


def drawn(gradients):
    """The parameters to which the gradients belong, by the same names."""
    return {name: weights(name, gradient.shape) for name, gradient in gradients.items()}


def hold(model, outputs, case, ours, rtol=1e-6):
    """Load the drawn weights; outputs and the gradient of every parameter are the reference's.

    `ours` gives what goes by published names the names that it has here.
    """
    expected, gradients = reference(case)
    model.double().eval().load_state_dict(ours(drawn(gradients)))
    y = outputs(model)
    real = REAL[..., None] if y.shape[:2] == REAL.shape else True
    numpy.testing.assert_allclose(y.numpy() * real, expected * real, rtol=0, atol=rtol * abs(expected).max())
    (y * mt.tensor(cotangent(y.shape))).sum().backward()
    scale, slopes = max(abs(g).max() for g in gradients.values()), ours(gradients)
    for name, p in model.named_parameters():
        numpy.testing.assert_allclose(p.grad.numpy(), slopes[name], rtol=0, atol=rtol * scale, err_msg=name)
