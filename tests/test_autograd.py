"""The engine: what backward does, what it detects, and what it leaves behind."""

import gc
import weakref

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import autograd
from minitransformer.anomaly import nan_origin


def leaf(*values):
    return mt.tensor(list(values), requires_grad=True)


def test_gradients_add_up_until_they_are_forgotten():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    (x * x).sum().backward()
    assert x.grad.tolist() == [4.0, 8.0]


def test_gradients_never_share_memory():
    a, b, seed = leaf(1.0), leaf(2.0), mt.ones(1)
    (a + b).backward(seed)
    a.grad.add_(5.0)
    assert b.grad.tolist() == [1.0] and seed.tolist() == [1.0]


def test_a_shared_part_is_visited_once(monkeypatch):
    calls = []
    right = mt.ops.elementwise.arithmetic.Mul.vjp
    monkeypatch.setattr(
        mt.ops.elementwise.arithmetic.Mul, "vjp", lambda self, *a: calls.append(1) or right(self, *a)
    )
    x = leaf(1.0)
    y = x * 1.0
    for _ in range(18):
        y = y + y
    y.backward()
    assert x.grad.item() == 2**18 and len(calls) == 1


def test_a_second_backward_needs_retain_graph():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph"):
        y.backward()


def test_backward_needs_a_tape_and_a_gradient():
    with pytest.raises(RuntimeError, match="no_grad"):
        mt.ones(1).backward()
    with pytest.raises(RuntimeError, match="gradient"):
        (leaf(1.0, 2.0) * 2).backward()
    with mt.no_grad():
        assert not (leaf(1.0) * 2).requires_grad


@pytest.mark.parametrize(
    "edit",
    [
        lambda t: t.add_(1.0),
        lambda t: t.data.mul_(2.0),
        lambda t: t.__setitem__(0, 9.0),
        lambda t: t[:1].zero_(),
        lambda t: t.detach().fill_(0.0),
    ],
)
def test_an_edit_of_what_backward_needs_is_detected(edit):
    x = leaf(1.0, 2.0) * 1.0
    y = (x * x).sum()
    with mt.no_grad():
        edit(x)
    with pytest.raises(RuntimeError, match="Mul.*edited in place"):
        y.backward()


def test_an_edit_of_one_element_is_detected():
    w, x = leaf(1.0, 2.0), mt.tensor([3.0, 4.0])
    y, z = (w * x).sum(), (w * x[0]).sum()
    x[0].fill_(5.0)
    assert x.tolist() == [5.0, 4.0]
    for result in (y, z):
        with pytest.raises(RuntimeError, match="Mul: an array it needs was edited in place"):
            result.backward()


def test_an_edit_that_backward_does_not_need_is_allowed():
    x = leaf(1.0, 2.0) * 1.0
    y = (x + 1).sum()
    x.data.add_(1.0)
    y.backward()
    z = (leaf(1.0) * 1.0).exp()
    z.data.zero_()
    with pytest.raises(RuntimeError, match="Exp"):
        z.backward()


def test_relevance_needs_what_backward_does_not():
    """A result that was edited is computed again; a leaf cannot be."""
    x, unedited = leaf(1.0, 2.0) * 1.0, leaf(1.0, 2.0) * 1.0
    y = (x + 1).sum()
    x.data.add_(1.0)
    expected = mt.explain.relevance((unedited + 1).sum(), [unedited])
    np.testing.assert_array_equal(mt.explain.relevance(y, [x]), expected)
    x = leaf(1.0, 2.0)
    y = (x + 1).sum()
    x.data.add_(1.0)
    with pytest.raises(RuntimeError, match="Add: an array it needs was edited in place"):
        mt.explain.relevance(y, [x])


def test_an_edit_of_a_leaf_on_the_tape_raises():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="leaf"):
        x.add_(1.0)
    with pytest.raises(RuntimeError, match="a view of a leaf"):
        x[:1].zero_()


def test_anomalies_are_named():
    with mt.detect_anomaly(), pytest.raises(FloatingPointError, match="Log"):
        mt.tensor([float("nan")], requires_grad=True).log()
    x = leaf(float("nan"), 1.0)
    assert nan_origin((x * 2).sum()) == "an input of Mul"
    y = leaf(float("inf"), 1.0)
    with np.errstate(invalid="ignore"):
        assert nan_origin((y - y).exp().sum()) == "Sub"


def test_a_hundred_thousand_ops():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1.0


def test_graphs_die_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = (x * x).exp().sum()
        op = weakref.ref(y.op)
        del y
        assert op() is None
    finally:
        gc.enable()


def test_grad_of_a_part_on_the_way():
    x = leaf(2.0)
    h = x * x
    y = (h * 3).sum()
    (dh,) = autograd.grad(y, [h])
    assert dh.tolist() == [3.0] and x.grad is None
    with pytest.raises(RuntimeError, match="does not depend"):
        autograd.grad((x * 1).sum(), [h])


def test_numbers_from_tensors():
    t = mt.tensor(2.5)
    assert float(t) == t.item() == 2.5 and int(t) == 2 and bool(t) and len(mt.ones(3)) == 3
    with pytest.raises(ValueError, match="one element"):
        mt.ones(2).item()
    with mt.backend("numpy"):
        assert repr(leaf(1.0)) == "tensor([1.], requires_grad=True)"
        assert isinstance(np.ones(2) * mt.ones(2), mt.Tensor)
    assert [float(v) for v in mt.tensor([1.0, 2.0])] == [1.0, 2.0]


def test_edits_without_a_tape_are_seen_by_all_who_share_the_memory():
    net = mt.nn.Linear(2, 1)
    weight, state = net.weight, net.state_dict()
    alias, row = weight, weight[0]
    with mt.no_grad():
        weight += 1.0
        weight *= 2.0
        net.weight /= 4.0
        row -= 1.0
    assert net.weight is weight is alias and isinstance(weight, mt.nn.Parameter) and weight.requires_grad
    assert state["weight"].tolist() == weight.tolist() == [row.tolist()]


@pytest.mark.parametrize("lib", [mt, pytest.param("torch", id="torch")])
def test_no_grad_holds_inside_and_nowhere_else(lib):
    lib = pytest.importorskip("torch") if lib == "torch" else lib
    on, off = lib.is_grad_enabled, lib.no_grad()
    with off, lib.enable_grad(), off:
        assert not on()
    assert on()

    @lib.no_grad
    def bare():
        return on()

    @off
    def pieces():
        sent = yield on()
        try:
            yield sent, on()
        except ValueError:
            yield "caught"
        return on()

    walk = pieces()
    assert not bare() and not next(walk) and on()
    assert walk.send("hello") == ("hello", False) and walk.throw(ValueError) == "caught" and on()
    with pytest.raises(StopIteration, match="False"):
        next(walk)
    assert on()
    with lib.set_grad_enabled(False):
        assert not on()
    switch = lib.set_grad_enabled(False)
    assert not on()
    with switch:
        assert not on()
    assert on() and lib.inference_mode(on)() is False
    with lib.inference_mode(), lib.inference_mode(False):
        assert on()


def test_the_constructor_is_pytorchs():
    assert mt.Tensor([1, 2]).dtype == mt.Tensor((2, 3)).dtype == mt.Tensor(range(3)).dtype == mt.float32
    assert mt.Tensor(2, 3).shape == (2, 3) and mt.Tensor(5).shape == (5,) and mt.Tensor().shape == (0,)
    assert mt.Tensor(np.arange(3)).dtype == mt.int64 and mt.nn.Parameter(mt.Tensor(4, 3)).shape == (4, 3)
    for wrong in ((3.5,), (True,), (None,), ("a",), ([1.0], 2), (2, 1.5)):
        with pytest.raises(TypeError, match="Tensor: expected sizes, a sequence of numbers or an array"):
            mt.Tensor(*wrong)


def test_a_parameter_gives_its_place_to_none_but_a_parameter():
    layer = mt.nn.Linear(3, 2)
    with pytest.raises(
        TypeError, match="Linear.weight: expected a Parameter or None, got a Tensor; use weight.copy_"
    ):
        layer.weight = mt.ones(2, 3)
    layer.weight, layer.bias = mt.nn.Parameter(mt.ones(2, 3)), None
    assert list(layer.state_dict()) == ["weight"] and layer.weight.tolist() == [[1.0] * 3] * 2


def test_comparisons_with_what_is_no_number_and_bits():
    x = mt.ones(2)
    assert (x == None, x != None, x == "a", None == x, x == [1, 1]) == (False, True, False, False, False)  # noqa: E711
    assert (~mt.tensor([0, 1, 2])).tolist() == [-1, -2, -3] and (~mt.tensor([True, False])).tolist() == [
        False,
        True,
    ]
    assert mt.tensor([10.0, 20.0, 30.0])[mt.tensor([1, 0, 1], dtype=mt.uint8)].tolist() == [10.0, 30.0]
    assert x[True].shape == (1, 2) and x[False].shape == (0, 2)
    for wrong in (lambda: x < None, lambda: ~x, lambda: mt.eq(x, None)):
        with pytest.raises(TypeError):
            wrong()


def test_numbers_are_formatted():
    assert f"{mt.tensor(0.12345):.2f} {mt.tensor(3):>3}" == "0.12   3"
    with pytest.raises(TypeError, match="0-d"):
        format(mt.ones(2), ".2f")
