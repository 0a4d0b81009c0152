"""Vectors of words from their neighbours."""

import numpy
import pytest

from minitransformer.data.word_vectors import leading, neighbours, positive_information, word_vectors


def test_neighbours_are_counted_by_their_distance():
    counts = neighbours([[1, 2, 3, 1], [2], []], 5, window=2)
    expected = numpy.zeros((5, 5))
    # (1, 2), (2, 3), (3, 1) at distance 1, and (1, 3), (2, 1) at distance 2
    expected[1, 2] = expected[2, 1] = expected[1, 3] = expected[3, 1] = 1.5
    expected[2, 3] = expected[3, 2] = 1
    assert (counts == expected).all()
    assert neighbours([[2, 2]], 3, window=4)[2, 2] == 2


def test_information_is_more_than_by_chance_and_never_negative():
    counts = numpy.array([[0.0, 8, 1, 0], [8, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
    p = numpy.array([9, 9, 2]) / 20
    q = numpy.array([9, 9, 2]) ** 0.75
    q = q / q.sum()
    found = positive_information(counts)
    assert found[0, 1] == pytest.approx(numpy.log(8 / 20 / (p[0] * q[1])))
    assert found[2, 0] == pytest.approx(max(0, numpy.log(1 / 20 / (p[2] * q[0]))))
    assert (found >= 0).all() and (found[3] == 0).all() and found[0, 0] == 0
    assert (positive_information(numpy.zeros((3, 3))) == 0).all()


def test_the_leading_vectors_are_those_of_the_svd():
    random = numpy.random.default_rng(1)
    matrix = random.normal(size=(60, 4)) @ random.normal(size=(4, 60))
    left, values = leading(matrix, 3)
    expected, sizes, _ = numpy.linalg.svd(matrix)
    numpy.testing.assert_allclose(values, sizes[:3])
    numpy.testing.assert_allclose(abs((left * expected[:, :3]).sum(axis=0)), 1)


def test_words_in_like_places_have_like_vectors():
    random = numpy.random.default_rng(0)
    # 2 and 3 stand between 4 and 5, 6 and 7 between 8 and 9
    texts = [[4, random.choice([2, 3]), 5] for _ in range(50)] + [
        [8, random.choice([6, 7]), 9] for _ in range(50)
    ]
    vectors = word_vectors(texts, 11, 4)
    assert vectors.shape == (11, 4) and (vectors[[0, 1, 10]] == 0).all()
    numpy.testing.assert_allclose(
        word_vectors(texts, 11, 13), numpy.pad(word_vectors(texts, 11, 11), [(0, 0), (0, 2)])
    )
    unit = vectors[2:10] / numpy.linalg.norm(vectors[2:10], axis=1, keepdims=True)
    cosine = unit @ unit.T
    assert cosine[0, 1] > 0.99 and cosine[4, 5] > 0.99 and abs(cosine[0, 4]) < 0.01
