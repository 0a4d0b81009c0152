"""09 Learning. Replace each `raise NotImplementedError`, then run `minitransformer check`."""

import math

import numpy as np


def cross_entropy(logits, targets):
    """How surprised a model is by what really came: the mean of -ln p(right class).

        p = softmax(logits),    L = -1/N  sum_n  ln p[n, targets[n]]

    logits: (N, V), scores of any size; targets: (N,), class ids 0 .. V - 1. Returns one number. The
    logarithm of softmax can be had without ever making a share that is 0:

        ln p_i = x_i - m - ln sum_j exp(x_j - m),    m the largest score of the row

    >>> print(round(float(cross_entropy(np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([0, 1]))), 4))
    0.6931
    """
    raise NotImplementedError


def cross_entropy_vjp(g, logits, targets):
    """The gradient of `cross_entropy` in the logits.

        dL/dlogits[n, i] = g / N  (p[n, i] - [i is targets[n]]),    p = softmax(logits)

    g: a number, how much the end result moves with L; logits: (N, V); targets: (N,). Returns
    (N, V). The bracket is 1 where what it says is true, else 0.

    >>> cross_entropy_vjp(1.0, np.array([[0.0, 0.0]]), np.array([1]))
    array([[ 0.5, -0.5]])
    """
    raise NotImplementedError


class SGD:
    """Steps against the gradient, with a memory of the steps before.

    params: a list of arrays, the model's own: `step` writes into them, so that the model changes.
    lr: the learning rate, which may be set anew between two steps (`optimizer.lr = 0.01`).
    momentum: how much of the last velocity is kept.

    >>> w = np.array([1.0])
    >>> optimizer = SGD([w], lr=0.1, momentum=0.5)
    >>> optimizer.step([np.array([2.0])])
    >>> optimizer.step([np.array([2.0])])
    >>> print(w.round(6))
    [0.5]
    """

    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = params, lr, momentum
        self.velocities = [np.zeros_like(p) for p in params]

    def step(self, grads):
        """Change every parameter in place. Returns nothing.

            v <- momentum v + g,    p <- p - lr v

        grads: one array for each of self.params, of its shape; leave them as they are. Each
        parameter has its own v, in self.velocities.
        """
        raise NotImplementedError


class Adam:
    """A step size for each weight on its own: about lr, however large or small its gradients are.

    params: a list of arrays that `step` writes into; lr: the learning rate, which may be set anew
    between two steps; betas: how much the two running means keep; eps: keeps the division from
    being one by 0.

    >>> w = np.array([1.0, 1.0])
    >>> Adam([w], lr=0.1).step([np.array([1000.0, -0.001])])
    >>> print(w.round(4))
    [0.9 1.1]
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        """Keep what was given, under the same names, and make what is to be remembered.

        At the start t = 0, and m = v = 0 for each parameter.
        """
        raise NotImplementedError

    def step(self, grads):
        """Change every parameter in place. Returns nothing; leaves the gradients as they are.

            t <- t + 1
            m <- b1 m + (1 - b1) g,    v <- b2 v + (1 - b2) g^2
            p <- p - lr  (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)

        grads: one array for each parameter, of its shape. (b1, b2) are the betas.
        """
        raise NotImplementedError


def clip_grad_norm(grads, max_norm):
    """Shorten the gradient of all parameters, read as one long vector, to `max_norm` if it is longer.

        norm = sqrt(sum of the squares of all entries of all arrays)
        each g <- g min(1, max_norm / norm)

    grads: a list of arrays, changed in place. Returns the norm *before*, a number, also where
    nothing was changed. Gradients of zeros stay zeros.

    >>> grads = [np.array([3.0]), np.array([[4.0]])]
    >>> print(clip_grad_norm(grads, 1.0))
    5.0
    >>> [g.round(6).tolist() for g in grads]
    [[0.6], [[0.8]]]
    """
    raise NotImplementedError


class AdamW:
    """Adam, and beside it every weight becomes a little smaller in each step: decoupled weight decay.

    params: a list of arrays that `step` writes into; lr: the learning rate, which may be set anew
    between two steps; betas and eps: those of Adam; weight_decay: times lr, the share of itself
    that a weight loses in each step.

    >>> w = np.array([10.0])
    >>> AdamW([w], lr=0.1, weight_decay=0.5).step([np.array([3.0])])
    >>> print(w.round(4))
    [9.4]
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        """Keep what was given, under the same names, and make what is to be remembered, as in Adam."""
        raise NotImplementedError

    def step(self, grads):
        """Change every parameter in place. Returns nothing; leaves the gradients as they are.

            p <- p - lr weight_decay p,    and then Adam's step:
            t <- t + 1
            m <- b1 m + (1 - b1) g,    v <- b2 v + (1 - b2) g^2
            p <- p - lr  (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)

        grads: one array for each parameter, of its shape; no decay is added to them.
        """
        raise NotImplementedError
