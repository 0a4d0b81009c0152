"""Losses of numbers, probabilities and vectors against PyTorch and finite differences, and their mistakes."""

from functools import partial

import numpy
import pytest
from helpers import array, check_op, check_values
from later import torch

import minitransformer as mt
from minitransformer import nn

F = nn.functional


def asked(name, **settings):
    return lambda lib, *tensors: getattr(lib.nn.functional, name)(*tensors, **settings)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_of_numbers(reduction):
    for shape in ((3, 4), (1,), ()):
        check_op(asked("l1_loss", reduction=reduction), shape, shape)
        check_op(asked("smooth_l1_loss", reduction=reduction, beta=0.4), shape, shape)
        check_op(asked("huber_loss", reduction=reduction, delta=0.6), shape, shape)
    check_op(asked("smooth_l1_loss", beta=0.0), (3,), (3,))
    weighted = lambda name: lambda lib, x, y, w: getattr(lib.nn.functional, name)(x, y, weight=w)  # noqa: E731
    for name in ("l1_loss", "huber_loss"):
        values = array(3, 2), array(3, 2, seed=1), array(3, 2, seed=2, low=0.5)
        check_values(weighted(name), *values, differences=False)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # PyTorch's advice to take batchmean
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_of_probabilities(reduction):
    target = array(3, 4, low=0.0, high=1.0)
    target[0, :2] = 0, 1
    check_values(asked("kl_div", reduction=reduction, log_target=True), array(3, 4), array(3, 4, seed=1))
    positive = array(3, 4, seed=2, low=0.1, high=1.0)
    check_values(asked("kl_div", reduction=reduction), array(3, 4), positive)
    check_values(asked("kl_div", reduction="batchmean"), array(3, 4), positive)
    check_values(
        partial(of_sigmoid, reduction), array(3, 4), target, array(4, seed=3, low=0.5), differences=False
    )
    logits = asked("binary_cross_entropy_with_logits", reduction=reduction)
    check_values(logits, 20 * array(3, 4), target, differences=False)
    check_values(
        partial(of_logits, reduction), array(3, 4), target, array(4, seed=4, low=0.5), differences=False
    )


def of_sigmoid(reduction, lib, x, y, w):
    return lib.nn.functional.binary_cross_entropy(lib.sigmoid(x), y, w.detach(), reduction=reduction)


def of_logits(reduction, lib, x, y, w):
    return lib.nn.functional.binary_cross_entropy_with_logits(
        x, y, reduction=reduction, pos_weight=w.detach()
    )


def test_a_target_of_zero_and_certain_probabilities():
    """0 ln 0 is 0, and no logarithm is below -100."""
    for lib, make in ((nn, mt.tensor), (torch.nn, torch.tensor)):
        found = lib.functional.kl_div(make([[-1.0, -2.0]]), make([[0.0, 1.0]]), reduction="none")
        assert found.tolist() == [[0, 2]]
        certain = lib.functional.binary_cross_entropy(
            make([0.0, 1.0, 0.0]), make([0.0, 1.0, 1.0]), reduction="none"
        )
        assert certain.tolist() == [0, 0, 100]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_of_vectors(reduction):
    y = numpy.array([1, -1, -1, 1])
    for margin in (0.0, -0.5):
        loss = asked("cosine_embedding_loss", margin=margin, reduction=reduction)
        check_values(loss, array(4, 3), array(4, 3, seed=1), y)
        loss = asked("margin_ranking_loss", margin=margin, reduction=reduction)
        check_values(loss, array(4), array(4, seed=1), y)
    for settings in ({"margin": 4.0}, {"margin": 4.0, "p": 3.0, "swap": True}):
        check_op(asked("triplet_margin_loss", reduction=reduction, **settings), (4, 3), (4, 3), (4, 3))
    for p, keepdim in ((2.0, True), (1.0, False), (3.0, False)):
        check_op(asked("pairwise_distance", p=p, keepdim=keepdim), (4, 3), (3,))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_of_scores(reduction):
    y = numpy.array([[1, -1, -1], [1, 1, -1]])
    check_values(asked("hinge_embedding_loss", margin=0.7, reduction=reduction), array(2, 3), y)
    check_values(asked("soft_margin_loss", reduction=reduction), 9 * array(2, 3), y)
    check_values(asked("multilabel_soft_margin_loss", reduction=reduction), array(2, 3), (y + 1) // 2)
    for classes, shape in ((numpy.array([2, 0, 1, 2]), (4, 3)), (numpy.array(1), (3,))):
        for p in (1, 2):
            loss = asked("multi_margin_loss", p=p, margin=0.8, reduction=reduction)
            check_values(loss, array(*shape), classes)

    def weighted(name):
        return lambda lib, x, y, w: getattr(lib.nn.functional, name)(
            x, y, weight=w.detach(), reduction=reduction
        )

    weights = array(3, seed=4, low=0.5)
    check_values(weighted("multi_margin_loss"), array(2, 3), numpy.array([2, 0]), weights, differences=False)
    check_values(
        weighted("multilabel_soft_margin_loss"), array(2, 3), (y + 1) // 2, weights, differences=False
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_of_distributions(reduction):
    counts = numpy.array([[0.0, 1, 2], [5, 0, 9]])
    for settings in ({}, {"full": True}, {"log_input": False, "eps": 1e-3}):
        loss = asked("poisson_nll_loss", reduction=reduction, **settings)
        check_values(
            lambda lib, x, y, loss=loss: loss(lib, x, y.detach()),
            array(2, 3, low=0.2),
            counts,
            differences=False,
        )
    for shape in ((2, 3), (2, 1), (2,)):
        for full in (True, False):
            loss = asked("gaussian_nll_loss", reduction=reduction, full=full)
            check_values(loss, array(2, 3), array(2, 3, seed=1), array(*shape, low=0.1, seed=2))
    small = asked("gaussian_nll_loss", reduction=reduction, eps=0.5)
    check_values(small, array(2, 3), array(2, 3, seed=1), numpy.full((2, 3), 0.2), differences=False)


def test_gumbel_softmax_draws_with_the_probabilities_of_softmax():
    mt.manual_seed(0)
    logits = mt.tensor(numpy.tile([0.0, 1.0, -1.0], (4000, 1)), requires_grad=True)
    hard = F.gumbel_softmax(logits, 0.5, hard=True)
    assert set(numpy.unique(hard.numpy().round(12))) == {0, 1} and (hard.numpy().sum(1).round(12) == 1).all()
    expected = logits[0].softmax(-1).detach().numpy()
    numpy.testing.assert_allclose(hard.numpy().mean(0), expected, atol=0.03)
    soft = F.gumbel_softmax(logits, 1.0, dim=0)
    numpy.testing.assert_allclose(soft.detach().numpy().sum(0), 1, rtol=1e-12)
    (hard * mt.tensor(array(4000, 3))).sum().backward()
    assert numpy.isfinite(logits.grad.numpy()).all() and logits.grad.numpy().any()
    mt.manual_seed(0)
    assert (F.gumbel_softmax(logits, 0.5, hard=True).numpy() == hard.numpy()).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda lib: lib.L1Loss(reduction="sum"),
        lambda lib: lib.SmoothL1Loss(beta=0.5),
        lambda lib: lib.HuberLoss(delta=0.5),
        lambda lib: lib.KLDivLoss(reduction="batchmean", log_target=True),
        lambda lib: lib.BCEWithLogitsLoss(),
        lambda lib: lib.PoissonNLLLoss(),
        lambda lib: lib.MultiLabelSoftMarginLoss(),
        lambda lib: lib.CosineSimilarity(0),
        lambda lib: lib.PairwiseDistance(1.0, keepdim=True),
    ],
)
def test_modules_are_torch_s(make):
    values = array(3, 4), array(3, 4, seed=1)
    assert repr(make(nn)) == repr(make(torch.nn))
    check_values(lambda lib, x, y: make(lib.nn)(x, y), *values, differences=False)


def test_weights_of_losses_are_buffers():
    for lib, make in ((nn, mt.ones), (torch.nn, torch.ones)):
        loss = lib.BCEWithLogitsLoss(make(3), pos_weight=2 * make(3))
        assert list(loss.state_dict()) == ["weight", "pos_weight"] and list(lib.BCELoss().state_dict()) == []


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        (lambda x: F.l1_loss(x, x[0]), ValueError, "equal shapes"),
        (lambda x: F.smooth_l1_loss(x, x, beta=-1.0), ValueError, "beta >= 0"),
        (lambda x: F.huber_loss(x, x, delta=0.0), ValueError, "delta > 0"),
        (lambda x: F.kl_div(x, x, reduction="max"), ValueError, "reduction"),
        (lambda x: F.l1_loss(x, x, reduction="batchmean"), ValueError, "reduction"),
        pytest.param(
            lambda x: F.binary_cross_entropy(x + 1, x),
            RuntimeError,
            r"inputs in \[0, 1\]",
            marks=pytest.mark.host("a device is not asked for its numbers"),
        ),
        (lambda x: F.binary_cross_entropy_with_logits(x, x[0]), ValueError, "equal shapes"),
        (lambda x: F.cosine_embedding_loss(x, x, x), ValueError, r"\(N, C\), \(N, C\) and \(N,\)"),
        (lambda x: F.margin_ranking_loss(x, x[0], x), ValueError, "equally many dimensions"),
        (lambda x: F.triplet_margin_loss(x, x, x, margin=0.0), ValueError, "margin > 0"),
        (lambda x: F.multi_margin_loss(x, x[:, 0].long(), p=3), ValueError, "p 1 or 2, got 3"),
        (lambda x: F.multi_margin_loss(x, x[0, :1].long()), ValueError, r"\(N, C\) and \(N,\), got"),
        (lambda x: F.soft_margin_loss(x, x[0]), ValueError, "equal shapes"),
        (lambda x: F.gaussian_nll_loss(x, x, mt.ones(7)), ValueError, "expected variances for"),
        (lambda x: F.gaussian_nll_loss(x, x, -x), ValueError, "variances >= 0"),
        (lambda x: F.triplet_margin_loss(x, x, x[0]), ValueError, "equally many dimensions"),
    ],
)
def test_mistakes_are_named(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong(mt.ones(3, 2))
