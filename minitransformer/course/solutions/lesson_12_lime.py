"""12 LIME: perturb, weigh, fit. Replace each `raise NotImplementedError`, then run `minitransformer check`.

A text has T words. A sample is a mask (T,) of booleans that says which of them are left: True stays, False is taken
away. The classifier is a function that takes a list of N texts and returns one probability for each, (N,).

Where the task shows an array, return an array, not a list, and where it names several results, a tuple of them.
"""

import math

import numpy as np


def sample_masks(T, num_samples, rng):
    """Perturb: draw masks that take words away at random.

    The first row is the text itself: all True. For each of the other rows, draw first *how many* words
    go, each of 1, 2, ..., T being as likely as any other; then draw *which*, all sets of that size
    being equally likely.

    T: how many words. num_samples: how many rows. rng: a NumPy generator, such as
    np.random.default_rng(0), the only source of chance. Returns (num_samples, T) of booleans, True
    where a word is left.

    >>> masks = sample_masks(4, 100, np.random.default_rng(0))
    >>> masks.shape, bool(masks[0].all()), bool(masks[1:].all(axis=1).any())
    ((100, 4), True, False)
    """
    masks = np.ones((num_samples, T), dtype=bool)
    for row in masks[1:]:
        gone = rng.integers(1, T + 1)  # 1 .. T; the upper end of `integers` is left out
        row[rng.choice(T, gone, replace=False)] = False
    return masks


def kernel_weights(masks, width=25.0):
    """Weigh: how much does each sample count? More, the more of the text is left.

    With k of T words left, the distance to the whole text, and the weight, are

        d = 100 (1 - sqrt(k / T))        weight = sqrt(exp(-d^2 / width^2))

    masks: (N, T) of booleans. Returns (N,): 1 for the text itself, and close to 0 where all words are
    gone.

    >>> kernel_weights(np.array([[True, True, True, True], [True, False, False, False]])).round(4)
    array([1.    , 0.1353])
    """
    distance = 100 * (1 - np.sqrt(masks.mean(axis=1)))  # (N,): the mean of a row of booleans is k / T
    return np.sqrt(np.exp(-(distance**2) / width**2))


def weighted_ridge(x, y, weight, alpha):
    """Fit: the linear model b + x c that is nearest to y, where samples with more weight count more.

    It makes  sum_n w_n (y_n - b - x_n c)^2 + alpha |c|^2  as small as can be. The penalty is on c
    alone, not on b. So b can be settled first: take the *weighted* means off all columns of x, and off
    y. With what is left, X and Y,

        (X^T W X + alpha I) c = X^T W Y        b = mean(y) - mean(x) c

    W being the table with the weights on its diagonal. How good is the fit? The weighted R^2 says: 1 is
    perfect, 0 is no better than a constant.

        R^2 = 1 - sum_n w_n (y_n - b - x_n c)^2 / sum_n w_n (y_n - mean(y))^2

    x: (N, k); y: (N,); weight: (N,), positive; alpha: a number >= 0. Returns c (k,), b, R^2. If all
    y are equal, R^2 is 0.

    >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0])
    >>> c, b, r2 = weighted_ridge(x, y, np.ones(3), 0.0)
    >>> c.round(6), round(b, 6), round(r2, 6)
    (array([2.]), 1.0, 1.0)
    """
    x_mean = weight @ x / weight.sum()  # (k,)
    y_mean = weight @ y / weight.sum()
    xc = x - x_mean  # (N, k)
    yc = y - y_mean  # (N,)
    c = np.linalg.solve(xc.T * weight @ xc + alpha * np.eye(x.shape[1]), xc.T * weight @ yc)  # (k,)
    total = weight @ yc**2
    left = weight @ (yc - xc @ c) ** 2
    return c, float(y_mean - x_mean @ c), float(1 - left / total) if total else 0.0


def lime(predict, words, num_features, num_samples, rng):
    """LIME: perturb, weigh, fit.

    1. Draw num_samples masks. The text of each is the words that are left, " ".join(...), with a space
       between. No word left is the text "".
    2. Ask `predict` about all these texts, in one call. Weigh the samples.
    3. Fit all words with alpha = 0.01, and keep the num_features words with the largest |c|.
    4. Fit these words alone, with alpha = 1. Their c are the explanation; every other word gets 0.

    predict: list of N texts -> (N,). words: list of T strings. rng: a NumPy generator. Returns three
    things: the weights of the words (T,), *signed*, positive where a word speaks for; b; and R^2 of the
    last fit. `sample_masks`, `kernel_weights` and `weighted_ridge` above are yours to use.

    >>> mood = lambda texts: np.array([0.5 + 0.3 * ("good" in t) - 0.2 * ("slow" in t) for t in texts])
    >>> c, b, r2 = lime(mood, ["a", "good", "slow", "film"], 2, 500, np.random.default_rng(0))
    >>> c.round(1), round(b, 1), round(r2, 2)
    (array([ 0. ,  0.3, -0.2,  0. ]), 0.5, 1.0)
    """
    masks = sample_masks(len(words), num_samples, rng)  # (N, T)
    texts = [" ".join(word for word, left in zip(words, row, strict=True) if left) for row in masks]
    y = predict(texts)  # (N,)
    weight = kernel_weights(masks)  # (N,)
    every, _, _ = weighted_ridge(masks.astype(float), y, weight, 0.01)
    chosen = np.argsort(-abs(every))[:num_features]
    c, b, score = weighted_ridge(masks[:, chosen].astype(float), y, weight, 1.0)
    found = np.zeros(len(words))
    found[chosen] = c
    return found, b, score


def shapley_values(game, n):
    """Share out fairly: the exact Shapley values of a game of n players.

    A coalition is a set S of players, and game says what it is worth, v(S). Player i, when it joins S,
    adds v(S with i) - v(S). Its Shapley value is the mean of that over all orders in which the players
    could have come:

        phi_i = sum over all S without i of  |S|! (n - 1 - |S|)! / n!  (v(S with i) - v(S))

    game: masks (N, n) of booleans, one coalition in each row, -> (N,), what each is worth. n: at most
    about 12, as there are 2^n coalitions. Returns (n,). They add up to v(all) - v(nobody).

    >>> pair = lambda masks: 6.0 * (masks[:, 0] & masks[:, 1]) + 1.0 * masks[:, 2]  # 0 needs 1
    >>> shapley_values(pair, 3).round(6)
    array([3., 3., 1.])
    """
    numbers = np.arange(2**n)  # coalition number s holds player i if bit i of s is set
    masks = (numbers[:, None] >> np.arange(n)) % 2 == 1  # (2^n, n)
    worth = np.asarray(game(masks), dtype=float)  # (2^n,)
    size = masks.sum(axis=1)  # (2^n,)
    f = [math.factorial(k) for k in range(n + 1)]
    share = np.array([f[k] * f[n - 1 - k] / f[n] for k in range(n)])
    phi = np.zeros(n)
    for i in range(n):
        without = numbers[~masks[:, i]]  # (2^(n-1),)
        phi[i] = share[size[without]] @ (worth[without + 2**i] - worth[without])
    return phi
