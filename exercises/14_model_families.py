"""14 Model families. Replace each `raise NotImplementedError`, then run `minitransformer check`.

Where the task shows an array, return an array, not a list, and where it names several results, a tuple of them.
"""

import numpy as np


def cross_attention(x, memory, w_q, w_k, w_v, padding):
    """Attention of one text to another: each token of x looks at all tokens of the memory.

    x: (T, C), the answer as far as it is written. memory: (S, C), what the encoder has made of the
    text. w_q, w_k: (d, C) and w_v: (e, C), as PyTorch has them: x @ w_q.T are the queries.
    padding: (S,) bool, True where the memory holds no token but padding; no query sees it.
    Returns softmax(q k^T / sqrt(d)) v, (T, e), with the queries of x, the keys and values of memory.

    >>> one = np.ones((1, 1))
    >>> memory = np.array([[4.0], [8.0], [99.0]])
    >>> cross_attention(np.zeros((2, 1)), memory, one, one, one, np.array([False, False, True]))
    array([[6.],
           [6.]])
    """
    raise NotImplementedError


def mask_tokens(ids, chosen, fate, others, mask):
    """BERT's exercise for itself: hide tokens, and ask for them.

    ids: (B, T) integers, the text. chosen: (B, T) bool, which tokens are asked. fate: (B, T)
    numbers in [0, 1). others: (B, T), another token for each place. mask: the id of the mark.
    A chosen token is read as the mark if its fate is below 0.8, as the other token if its fate is
    0.9 or above, and as it is between them. What is not chosen is read as it is.
    Returns (read, targets), (B, T) each: the targets are the chosen tokens of ids, and -100 elsewhere.

    >>> chosen, fate = np.array([[True, True, False]]), np.array([[0.5, 0.95, 0.5]])
    >>> mask_tokens(np.array([[7, 8, 9]]), chosen, fate, np.array([[5, 6, 5]]), 4)
    (array([[4, 6, 9]]), array([[   7,    8, -100]]))
    """
    raise NotImplementedError


def span_corruption(ids, spans, first_mark):
    """T5's exercise for itself: cut spans out of a text, and ask for them.

    ids: a list of tokens. spans: (start, length) of each cut, in order; no two touch. The first
    span goes by the mark `first_mark`, the next by first_mark + 1, and so on.
    Returns (text, answer): the text with each span replaced by its mark; and the answer, which has
    each mark followed by the tokens it stands for, and one more mark at the end: this is all.

    >>> span_corruption([1, 2, 3, 4, 5, 6], [(1, 2), (4, 1)], 90)
    ([1, 90, 4, 91, 6], [90, 2, 3, 91, 5, 92])
    """
    raise NotImplementedError


def relative_buckets(distances, both_ways, count=32, furthest=128):
    """T5's buckets: which learned number goes with a distance.

    distances: integers of any shape, the key's place less the query's; negative where the key
    comes before. Of n buckets for one direction the first e = n // 2 hold one distance each:
    0, 1, 2, ... A distance f of e or more falls in bucket

        e + floor( (n - e) ln(f / e) / ln(furthest / e) )    but never beyond n - 1.

    both_ways: n = count // 2 for keys that come before, and for the query itself; as many buckets,
    counted on from n, for keys that follow. Otherwise n = count, and keys that follow, which are
    hidden anyway, count as distance 0. Returns integers of the shape of distances.

    >>> relative_buckets(np.array([-3, 0, 2]), both_ways=True)
    array([ 3,  0, 18])
    """
    raise NotImplementedError


def rotary_pairs(x, positions, base=10000.0, interleaved=False):
    """Rotary positions, as the paper has them and as Llama has them.

    Pair i, of the channels (a, b), turns by the angle positions[t] / base^(2i / d), i = 0 .. d/2 - 1:

        (x_a, x_b)  becomes  (x_a cos - x_b sin,  x_a sin + x_b cos)

    interleaved: pair i is the channels 2i and 2i + 1, as in the paper and in lesson 05. Otherwise
    it is the channels i and i + d/2, as in Llama.
    x: (..., T, d), d even; positions: (T,). Returns (..., T, d) of x's dtype.

    >>> rotary_pairs(np.array([[1.0, 2.0, 0.0, 0.0]]), np.array([1])).round(4)
    array([[0.5403, 1.9999, 0.8415, 0.02  ]])
    """
    raise NotImplementedError


def grouped_attention(q, k, v):
    """Attention whose heads share keys and values, and look only back.

    q: (H, T, d); k, v: (G, T, d), H a multiple of G. The first H / G heads share the first keys
    and values, the next H / G the second, and so on. Head by head it is softmax(q k^T / sqrt(d)) v,
    in which a query sees its own place and those before. Returns (H, T, d).

    >>> one = np.ones((1, 2, 1))
    >>> grouped_attention(np.ones((2, 2, 1)), one, np.array([[[4.0], [8.0]]]))[:, :, 0]
    array([[4., 6.],
           [4., 6.]])
    """
    raise NotImplementedError
