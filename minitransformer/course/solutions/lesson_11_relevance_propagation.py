"""11 Layer-wise relevance propagation. Replace each `raise NotImplementedError`, then run `minitransformer check`.

Relevance R has the shape of the numbers it belongs to. A rule gets R of what came out of an
operation and returns R of what went in, and how much stayed behind in each sink, a sink being what
nobody asked about: a bias, the stabiliser, ...

Where the task shows an array, return an array, not a list, and where it names several results, a tuple of them.
"""

import numpy as np


def stabilised(z, eps=1e-6):
    """Move every number away from zero by eps, so that one can divide by it.

        S(z) = z + eps sign(z), with sign(0) = +1

    z: any shape. Returns the same shape and dtype; z stays as it is.

    >>> stabilised(np.array([2.0, 0.0, -2.0]), eps=0.5)
    array([ 2.5,  0.5, -2.5])
    """
    return z + np.where(z < 0, -eps, eps).astype(z.dtype)


def epsilon_rule(r, x, weight, bias, eps=1e-6):
    """The epsilon rule for a linear layer z = x W^T + b: each input gets its share of each sum.

        z_j = sum_i x_i w_ji + b_j        R_i = sum_j  x_i w_ji R_j / S(z_j)

    r: (N, n_out), relevance of z; x: (N, n_in); weight: (n_out, n_in); bias: (n_out,). Returns
    three things: the relevance of x, (N, n_in); what the biases keep, one number, the sum of
    b_j R_j / S(z_j); what the stabiliser keeps, one number, the sum of (S(z_j) - z_j) R_j / S(z_j).
    Together they are the sum of r. `stabilised` above is yours to use.

    >>> x, w, b = np.array([[2.0, 1.0]]), np.array([[3.0, -2.0]]), np.array([1.0])  # z = 6 - 2 + 1 = 5
    >>> epsilon_rule(np.array([[10.0]]), x, w, b, eps=0.0)[0]
    array([[12., -4.]])
    """
    z = x @ weight.T + bias  # (N, n_out)
    stable = stabilised(z, eps)
    share = r / stable  # (N, n_out): relevance for each unit of the sum
    return x * (share @ weight), (share * bias).sum(), (share * (stable - z)).sum()


def explain_mlp(x, layers, target, eps=1e-6):
    """Explain one output of a small network, and account for every bit of it.

    x: (n,), one input. layers: a list of (weight, bias), weight (n_out, n_in), bias (n_out,).
    Forward, each layer is x W^T + b, with max(0, .) after every layer but the last. target: the
    index of the output to explain. Walk back with the epsilon rule; R passes through max(0, .) as
    it is.

    Returns the relevance of x, (n,), and the ledger, a dictionary of four numbers: "inputs", what
    the inputs got together; "bias" and "epsilon", what stayed behind in all layers; "total", the
    output that is explained. The first three add up to the fourth. `epsilon_rule` above is yours.

    >>> layers = [(np.array([[1.0, 1.0]]), np.array([-1.0])), (np.array([[2.0]]), np.array([0.5]))]
    >>> r, ledger = explain_mlp(np.array([3.0, 2.0]), layers, target=0, eps=0.0)  # 2 (3 + 2 - 1) + 0.5
    >>> r, ledger["bias"], ledger["total"]
    (array([6., 4.]), -1.5, 8.5)
    """
    inputs = []
    z = x[None]  # (1, n)
    for i, (weight, bias) in enumerate(layers):
        inputs.append(z if i == 0 else np.maximum(z, 0))
        z = inputs[-1] @ weight.T + bias  # (1, n_out)
    r = np.zeros_like(z)
    r[0, target] = z[0, target]
    ledger = {"inputs": 0.0, "bias": 0.0, "epsilon": 0.0, "total": float(z[0, target])}
    for value, (weight, bias) in zip(reversed(inputs), reversed(layers), strict=True):
        r, to_bias, to_epsilon = epsilon_rule(r, value, weight, bias, eps)
        ledger["bias"] += float(to_bias)
        ledger["epsilon"] += float(to_epsilon)
    ledger["inputs"] = float(r.sum())
    return r[0], ledger


def matmul_rule(r, a, b, eps=1e-6):
    """Relevance of a product of two matrices that *both* depend on the input: half of it to each side.

        O = A B        R_A = A * ((R / S(2 O)) B^T)        R_B = B * (A^T (R / S(2 O)))

    where * goes element by element. r: (..., n, m), relevance of O; a: (..., n, k); b: (..., k, m).
    Returns the relevance of a, that of b, and what the stabiliser keeps, one number: the sum of
    (S(2 O) - 2 O) R / S(2 O). Together they are the sum of r. `stabilised` above is yours to use.

    >>> matmul_rule(np.array([[6.0]]), np.array([[1.0, 2.0]]), np.array([[3.0], [0.0]]), eps=0.0)[0]
    array([[3., 0.]])
    """
    twice = 2 * (a @ b)  # (..., n, m)
    stable = stabilised(twice, eps)
    share = r / stable
    r_a = a * (share @ np.swapaxes(b, -1, -2))
    r_b = b * (np.swapaxes(a, -1, -2) @ share)
    return r_a, r_b, (share * (stable - twice)).sum()


def softmax_rule(r, x):
    """Relevance of the scores that softmax turned into shares: softmax by its tangent at x.

        s = softmax(x)    R_i = x_i (r_i - s_i sum_k r_k)    kept: sum_i r_i (1 - x_i + sum_k s_k x_k)

    r: (..., n), relevance of s; x: (..., n), the scores. Softmax goes along the last axis. A score
    may be -inf, where nobody may look: its share is 0, and in both formulas it counts as a score of
    0. No row is all -inf. Returns the relevance of x, (..., n), and what the tangent's constant
    part keeps, one number. Together they are the sum of r.

    >>> softmax_rule(np.array([1.0, 0.0]), np.array([2.0, 2.0]))[0]
    array([ 1., -1.])
    """
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    s = e / e.sum(axis=-1, keepdims=True)  # (..., n), 0 where the score is -inf
    x = np.where(np.isneginf(x), 0, x).astype(x.dtype)
    kept = r * (1 - x + (s * x).sum(axis=-1, keepdims=True))
    return x * (r - s * r.sum(axis=-1, keepdims=True)), kept.sum()


def layer_norm_rule(r, x, weight, bias, eps=1e-6):
    """Relevance through LayerNorm with sigma held still, as then it is a linear map: the epsilon rule.

        z_j = weight_j (x_j - mean) / sigma + bias_j        sigma = sqrt(variance + 1e-5)

    With sigma a constant, x_i is in z_i with weight_i (1 - 1/n) / sigma, and in every other z_j
    with -weight_j / (n sigma), by way of the mean.

    r: (..., n), relevance of z; x: (..., n); weight, bias: (n,). Mean and variance go over the last
    axis; the variance is the mean of (x - mean)^2. Returns the relevance of x, (..., n); what the
    biases keep, one number; what the stabiliser keeps, one number, both as in the epsilon rule.
    Together they are the sum of r. `stabilised` above is yours to use.

    >>> r = layer_norm_rule(np.array([3.0, 3.0]), np.array([2.0, 4.0]), np.ones(2), np.zeros(2))[0]
    >>> r.round(3)
    array([-6., 12.])
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    sigma = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + x.dtype.type(1e-5))
    z = weight * centred / sigma + bias
    stable = stabilised(z, eps)
    share = r / stable  # (..., n)
    slope = share * weight / sigma
    r_x = x * (slope - slope.mean(axis=-1, keepdims=True))  # what the mean takes from all
    return r_x, (share * bias).sum(), (share * (stable - z)).sum()
