"""Losses against PyTorch: reductions, ignored targets, smoothing, more dimensions, mistakes."""

import itertools
import math

import numpy
import pytest
from helpers import against_torch, array, as_numpy, check_op, check_values, ids_checked, run_ours

import minitransformer as mt

F = mt.nn.functional
REDUCTIONS = ("mean", "sum", "none")


def classes(high, *shape, seed=0):
    return numpy.random.default_rng(seed).integers(0, high, shape)


@pytest.mark.parametrize("reduction, smoothing", list(itertools.product(REDUCTIONS, [0.0, 0.1, 1.0])))
def test_cross_entropy(reduction, smoothing):
    options = dict(reduction=reduction, label_smoothing=smoothing)
    for shape, targets in [
        ((5, 3), (5,)),
        ((1, 4), (1,)),
        ((4,), ()),
        ((2, 3, 4), (2, 4)),
        ((2, 3, 4, 2), (2, 4, 2)),
    ]:
        ids = classes(shape[min(1, len(shape) - 1)], *targets)
        check_values(
            lambda lib, x, t: lib.nn.functional.cross_entropy(x, t, **options),
            array(*shape, low=-4, high=4),
            ids,
        )


@pytest.mark.parametrize("reduction, smoothing", list(itertools.product(REDUCTIONS, [0.0, 0.2])))
@pytest.mark.parametrize("ignored", [-100, 0, 2])
def test_cross_entropy_ignores(reduction, smoothing, ignored):
    options = dict(reduction=reduction, label_smoothing=smoothing, ignore_index=ignored)
    ids = numpy.array([ignored, 1, 2, ignored, 1])
    check_values(lambda lib, x, t: lib.nn.functional.cross_entropy(x, t, **options), array(5, 3), ids)
    check_values(
        lambda lib, x, t: lib.nn.functional.cross_entropy(x, t, **options),
        array(5, 3, 2),
        numpy.stack([ids, ids[::-1]], 1),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_all_targets_ignored(reduction):
    """The mean of nothing is NaN, as in PyTorch, and without a warning; the others are zero."""
    against_torch(
        lambda lib, x, t: lib.nn.functional.cross_entropy(x, t, reduction=reduction),
        array(3, 4),
        numpy.full(3, -100),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_no_targets_at_all(reduction):
    against_torch(
        lambda lib, x, t: lib.nn.functional.cross_entropy(x, t, reduction=reduction),
        numpy.zeros((0, 4)),
        numpy.zeros(0, "int64"),
    )


def test_what_is_ignored_may_be_anything():
    """The logits of an ignored row reach neither the loss nor another row's gradient, were they infinite."""
    x = array(3, 4)
    x[1, 0], x[1, 2] = -math.inf, 50
    ids = numpy.array([1, -100, 3])
    for reduction in REDUCTIONS:
        against_torch(
            lambda lib, x, t, r=reduction: lib.nn.functional.cross_entropy(x, t, reduction=r), x, ids
        )
    x[1] = math.nan
    (loss,), (g,) = run_ours(lambda lib, x: lib.nn.functional.cross_entropy(x, lib.tensor(ids)), [x])
    (alone,), (h,) = run_ours(
        lambda lib, x: lib.nn.functional.cross_entropy(x, lib.tensor(ids[[0, 2]])), [x[[0, 2]]]
    )
    assert loss.item() == pytest.approx(alone.item(), rel=1e-12)
    assert as_numpy(g)[[0, 2]] == pytest.approx(as_numpy(h), rel=1e-12)


def test_impossible_and_certain_classes():
    x = numpy.array([[0.0, -math.inf, 1.0], [1000.0, 0.0, -1000.0]])
    for target in ([2, 0], [0, 1]):
        against_torch(
            lambda lib, x, t: lib.nn.functional.cross_entropy(x, t, reduction="none"), x, numpy.array(target)
        )
    against_torch(
        lambda lib, x, t: lib.nn.functional.cross_entropy(x, t, reduction="none"), x, numpy.array([1, 2])
    )


@pytest.mark.parametrize("dtype", ["int32", "uint8", "int64"])
def test_integer_targets(dtype):
    x, ids = array(4, 3), classes(3, 4)
    against_torch(lambda lib, x, t: lib.nn.functional.cross_entropy(x, t.long()), x, ids.astype(dtype))
    assert (
        F.cross_entropy(mt.tensor(x), mt.tensor(ids.astype(dtype))).item()
        == F.cross_entropy(mt.tensor(x), mt.tensor(ids)).item()
    )


def test_half_precision_is_added_up_in_single():
    x, ids = (array(3000, 5) * 3).astype("float16"), classes(5, 3000)
    against_torch(lambda lib, x, t: lib.nn.functional.cross_entropy(x, t), x, ids, rtol=5e-3)


def test_cross_entropy_of_a_language_model():
    """(B, T, V) as people write it: flattened, or with the classes moved to dimension 1."""
    x, ids = array(2, 5, 7), classes(7, 2, 5)
    against_torch(lambda lib, x, t: lib.nn.functional.cross_entropy(x.view(-1, 7), t.view(-1)), x, ids)
    against_torch(lambda lib, x, t: lib.nn.functional.cross_entropy(x.transpose(1, 2), t), x, ids)


def test_later_edits_of_targets_do_not_reach_the_gradient():
    x, ids = mt.tensor(array(2, 3), requires_grad=True), mt.tensor([1, 2])
    loss = F.cross_entropy(x, ids, reduction="sum")
    ids.fill_(0)
    loss.backward()
    assert (as_numpy(x.grad) < 0).tolist() == [[False, True, False], [False, False, True]]


def test_a_single_class_leaves_nothing_to_learn():
    check_values(lambda lib, x, t: lib.nn.functional.cross_entropy(x, t), array(3, 1), classes(1, 3))


def test_cross_entropy_mistakes():
    x = mt.ones(4, 3)
    with pytest.raises(
        ValueError, match=r"logits \(4, 3\) do not fit targets \(3,\); expected \(N, V\) and \(N,\)"
    ):
        F.cross_entropy(x, mt.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match=r"do not fit targets \(2, 5\)"):
        F.cross_entropy(mt.ones(2, 5, 7), mt.zeros(2, 5, dtype=mt.int64))
    with pytest.raises(
        ValueError,
        match=r"expected probabilities of the logits' shape \(4, 3\), got float32 \(4,\); if they are",
    ):
        F.cross_entropy(x, mt.ones(4))
    with pytest.raises(
        TypeError, match="expected floating-point logits and integer class ids .*, got int64, int64"
    ):
        F.cross_entropy(x.long(), mt.tensor([0, 1, 2, 2]))
    with ids_checked(), pytest.raises(IndexError, match=r"class 3 is outside 0\.\.2"):
        F.cross_entropy(x, mt.tensor([0, 1, 2, 3]))
    with ids_checked(), pytest.raises(IndexError, match="class -1 is outside"):
        F.cross_entropy(x, mt.tensor([0, 1, 2, -1]))
    with pytest.raises(ValueError, match="expected one of mean, sum, none, got 'max'"):
        F.cross_entropy(x, mt.tensor([0, 1, 2, 2]), reduction="max")


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(3, 4), (1,), (), (0, 2), (2, 3, 4)], ids=str)
def test_mse(shape, reduction):
    check_op(lambda lib, x, y: lib.nn.functional.mse_loss(x, y, reduction=reduction), shape, shape)


def test_mse_refuses_to_broadcast():
    with pytest.raises(ValueError, match=r"mse_loss: expected equal shapes, got \(3, 1\) and \(3,\)"):
        F.mse_loss(mt.ones(3, 1), mt.ones(3))
    with pytest.raises(ValueError, match="expected one of mean, sum, none"):
        F.mse_loss(mt.ones(3), mt.ones(3), reduction="average")
