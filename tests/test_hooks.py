"""Hooks of tensors and of modules: each program is run with our names and with PyTorch's, and must see and change the same."""

import copy
import gc
import warnings
import weakref

import numpy as np
import pytest
from helpers import array, assert_close
from later import torch

import minitransformer as mt
from minitransformer import explain, nn

X = array(2, 3)
BOTH = pytest.mark.parametrize("lib", [mt, pytest.param(None, id="torch")])


def leaf(lib, values=X):
    return lib.tensor(values, requires_grad=True)


def flat(value):
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in flat(item)]
    return [value]


def same(program):
    """Run it with both libraries and hold all that it returns, tensors and other things, to each other."""
    got, expected = (flat(program(lib)) for lib in (mt, torch))
    assert len(got) == len(expected) and got
    for i, (g, e) in enumerate(zip(got, expected, strict=True)):
        if isinstance(e, torch.Tensor):
            assert_close(g, e, what=f"result {i}")
        else:
            assert g == e, i


# ---- of tensors ----


def hooks_of_leaves_and_results_in_order(lib):
    x, seen = leaf(lib), []
    h = x * x
    h.register_hook(lambda g: seen.append(g) or g * 2)
    h.register_hook(lambda g: seen.append(g))
    x.register_hook(lambda g: seen.append(g) or g + 1)
    y = (h * 3 + h.exp()).sum()
    y.register_hook(lambda g: g * 10)
    y.backward()
    return seen, x.grad


def a_removed_hook(lib):
    x, seen = leaf(lib), []
    handle = x.register_hook(seen.append)
    x.sum().backward()
    handle.remove()
    handle.remove()
    with x.register_hook(seen.append):
        pass
    x.sum().backward()
    return len(seen), x.grad


def one_hook_at_a_part_of_several_results(lib):
    x, seen = leaf(lib), []
    a, b, c = x.unbind(1)
    b.register_hook(lambda g: seen.append(g) or -g)
    (a * 2 + b * 3).sum().backward()
    return seen, x.grad


def a_hook_that_edits_its_gradient(lib):
    x = leaf(lib)

    def freeze(g):
        g[0] = 0

    x.register_hook(freeze)
    (x * lib.tensor(X)).sum().backward()
    return x.grad


def a_hook_before_an_edit_in_place_sees_the_old_values(lib):
    x, seen = leaf(lib), []
    h = x * 2
    h.register_hook(seen.append)
    h.mul_(5)
    h.register_hook(seen.append)
    h.sum().backward()
    return seen, x.grad


def retained_gradients_add_up(lib):
    x = leaf(lib)
    h = x * 2
    h.retain_grad()
    h.retain_grad()
    y = (h * h).sum()
    y.backward(retain_graph=True)
    y.backward()
    return h.grad, x.grad, h.retains_grad, x.retains_grad


def a_retained_gradient_is_that_of_the_values_after_an_edit(lib):
    x = leaf(lib)
    h = x * 2
    h.retain_grad()
    h.mul_(5)
    (h * h).sum().backward()
    return h.grad, x.grad


def a_retained_gradient_after_hooks(lib):
    x = leaf(lib)
    h = x * 2
    h.retain_grad()
    h.register_hook(lambda g: g * 7)
    h.sum().backward()
    return h.grad, x.grad


def a_retained_gradient_of_a_view(lib):
    x = leaf(lib)
    base = x * 2
    view = base[0]
    view.retain_grad()
    base.retain_grad()
    (base * base).sum().backward()
    return view.grad is None, base.grad


def a_retained_gradient_of_a_view_whose_base_is_edited(lib):
    x = leaf(lib)
    base = x * 2
    view = base[0]
    base.mul_(3)
    view.retain_grad()
    (view * view).sum().backward()
    return view.grad, x.grad


def a_retained_gradient_of_a_base_whose_view_is_edited(lib):
    x = leaf(lib)
    base = x * 2
    base.retain_grad()
    base[0].mul_(3)
    (base * base).sum().backward()
    return base.grad, x.grad


def a_view_made_before_its_base_was_edited(lib):
    x = lib.ones(4, requires_grad=True).clone()
    view = x[2:]
    part = view[1]
    view.retain_grad()
    x[0] += 0
    part.backward()
    return part, view.grad is None


def backward_from_a_view_whose_base_was_edited(lib):
    x = leaf(lib)
    base = x * 2
    part = base[0, 1]
    base.mul_(3)
    found = lib.autograd.grad(part, [base, x], retain_graph=True)
    part.backward()
    return found, x.grad


def hooks_around_an_edit_of_a_copy(lib):
    a, seen = leaf(lib).clone(), []
    a.register_hook(seen.append)
    a.retain_grad()
    a.mul_(2)
    b = a.clone()
    b.register_hook(seen.append)
    (b + 1).sum().backward()
    return seen, a.grad


def a_hook_is_seen_by_grad(lib):
    x = leaf(lib)
    h = x * 2
    h.register_hook(lambda g: g * 3)
    y = (h * h).sum()
    x.register_hook(lambda g: g + 1)
    return lib.autograd.grad(y, h, retain_graph=True), lib.autograd.grad(y, x)


@pytest.mark.parametrize(
    "program",
    [
        hooks_of_leaves_and_results_in_order,
        a_removed_hook,
        one_hook_at_a_part_of_several_results,
        a_hook_that_edits_its_gradient,
        a_hook_before_an_edit_in_place_sees_the_old_values,
        retained_gradients_add_up,
        a_retained_gradient_is_that_of_the_values_after_an_edit,
        a_retained_gradient_after_hooks,
        a_retained_gradient_of_a_view,
        a_retained_gradient_of_a_view_whose_base_is_edited,
        a_retained_gradient_of_a_base_whose_view_is_edited,
        a_view_made_before_its_base_was_edited,
        backward_from_a_view_whose_base_was_edited,
        hooks_around_an_edit_of_a_copy,
        a_hook_is_seen_by_grad,
    ],
    ids=lambda program: program.__name__,
)
def test_hooks_of_tensors(program):
    same(program)


def test_an_edit_of_a_gradient_in_a_hook_reaches_no_other_tensor():
    """In PyTorch it would: a sum gives both of its inputs the same gradient."""
    x, z = leaf(mt), leaf(mt)
    x.register_hook(lambda g: None if g.zero_().ndim else g)
    (x + z).sum().backward()
    assert not x.grad.numpy().any() and z.grad.numpy().all()


def test_what_a_tensor_s_hook_may_not_do():
    with pytest.raises(RuntimeError, match="register_hook: expected a tensor that requires a gradient"):
        mt.ones(2).register_hook(print)
    with pytest.raises(RuntimeError, match="retain_grad: expected"):
        mt.ones(2).retain_grad()
    x = leaf(mt)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(
        RuntimeError, match=r"a hook returned \(\); expected None or a gradient of shape \(2, 3\)"
    ):
        x.sum().backward()


@pytest.mark.host("what Python keeps alive")
def test_hooks_keep_no_graph_alive():
    """Neither a retained gradient nor a module's hook makes a circle: the tape dies without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        x, layer = leaf(mt), nn.Linear(3, 3).double()
        layer.register_full_backward_hook(lambda *_: None)
        layer.register_forward_hook(lambda *_: None)
        h = layer(x * 2)
        h.retain_grad()
        y = h.sum()
        y.backward()
        dead = [weakref.ref(h.op), weakref.ref(y), weakref.ref(h)]
        del h, y
        assert [r() for r in dead] == [None] * 3
    finally:
        gc.enable()


def test_relevance_and_integrated_gradients_meet_no_hook_of_relevance():
    x, seen = leaf(mt), []
    h = x * 2
    h.register_hook(seen.append)
    explain.relevance((h * h).sum(), [x])
    assert not seen


# ---- of modules ----


def layer_of(lib, bias=0.5):
    layer = lib.nn.Linear(3, 2).double()
    layer.load_state_dict(
        {"weight": lib.tensor(array(2, 3, seed=5)), "bias": lib.tensor(np.array([bias, -bias]))}
    )
    return layer


def forward_hooks_see_and_replace(lib):
    layer, seen = layer_of(lib), []
    layer.register_forward_pre_hook(lambda m, args: seen.append(args) or args[0] * 2)
    layer.register_forward_pre_hook(lambda m, args: seen.append(args), prepend=True)
    layer.register_forward_hook(lambda m, args, out: seen.append((m is layer, args, out)) or out + 1)
    handle = layer.register_forward_hook(lambda m, args, out: 100 * out)
    first = layer(leaf(lib))
    handle.remove()
    return first, layer(leaf(lib)), seen


def forward_hooks_with_keywords(lib):
    layer, seen = layer_of(lib), []

    def before(m, args, kwargs):
        return args, {"input": kwargs["input"] * 3}

    layer.register_forward_pre_hook(before, with_kwargs=True)
    layer.register_forward_hook(
        lambda m, args, kwargs, out: seen.append((args, kwargs["input"], out)), with_kwargs=True
    )
    return layer(input=leaf(lib)), seen


def backward_hooks_see_and_replace(lib):
    layer, x, seen = layer_of(lib), leaf(lib), []
    layer.register_full_backward_pre_hook(lambda m, out: seen.append(out) or (out[0] * 2,))
    layer.register_full_backward_hook(lambda m, into, out: seen.append((into, out)) or (into[0] + 1,))
    layer.register_full_backward_hook(lambda m, into, out: seen.append(into))
    (layer(x) ** 2).sum().backward()
    return seen, x.grad, layer.weight.grad


def a_backward_hook_without_a_gradient_of_the_input(lib):
    layer, seen = layer_of(lib), []
    layer.register_full_backward_hook(lambda m, into, out: seen.append((into[0] is None, len(into), out)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch says that there is no gradient of the input
        layer(lib.tensor(X)).sum().backward()
    return seen, layer.weight.grad


def a_backward_hook_under_no_grad(lib):
    layer, seen = layer_of(lib), []
    layer.register_full_backward_hook(lambda *given: seen.append(given))
    with lib.no_grad():
        return layer(leaf(lib)), len(seen)


def a_module_used_twice(lib):
    layer, x, seen = lib.nn.Tanh(), leaf(lib), []
    layer.register_full_backward_hook(lambda m, into, out: seen.append((into, out)))
    layer(layer(x)).sum().backward()
    return seen, x.grad


def several_inputs_and_outputs(lib):
    class Two(lib.nn.Module):
        def forward(self, a, factor, b):
            return a * b, "text", a * factor

    module, a, b, seen = Two(), leaf(lib), leaf(lib, X + 1), []
    module.register_full_backward_hook(
        lambda m, into, out: seen.append((into[0], into[1], into[2], out[0], out[1], out[2]))
    )
    y, _, z = module(a, 2.0, b)
    (y * 3 + z).sum().backward()
    return seen, a.grad, b.grad


def a_recurrent_layer(lib):
    layer, seen = lib.nn.GRU(3, 2).double(), []
    layer.load_state_dict(
        {k: lib.tensor(array(*v.shape, seed=i)) for i, (k, v) in enumerate(layer.state_dict().items())}
    )
    layer.register_full_backward_hook(lambda m, into, out: seen.append((into, out)))
    layer.register_forward_hook(lambda m, args, out: (out[0] * 2, out[1]))
    x = leaf(lib)
    out, h = layer(x)
    (out.sum() + h.sum()).backward()
    return seen, x.grad


@pytest.mark.parametrize(
    "program",
    [
        forward_hooks_see_and_replace,
        forward_hooks_with_keywords,
        backward_hooks_see_and_replace,
        a_backward_hook_without_a_gradient_of_the_input,
        a_backward_hook_under_no_grad,
        a_module_used_twice,
        several_inputs_and_outputs,
        a_recurrent_layer,
    ],
    ids=lambda program: program.__name__,
)
def test_hooks_of_modules(program):
    same(program)


def test_an_edit_in_place_inside_and_outside_of_a_module_with_backward_hooks():
    """PyTorch refuses both: its hooks stand at views."""

    class Doubled(nn.Module):
        def forward(self, x):
            return x.mul_(2)

    module, x, seen = Doubled(), leaf(mt), []
    module.register_full_backward_hook(lambda m, into, out: seen.append((into[0], out[0])))
    h = x * 3
    y = module(h)
    y.add_(1)
    y.sum().backward()
    assert x.grad.tolist() == [[6.0] * 3] * 2
    assert_close(seen[0][0], np.full((2, 3), 2.0))
    assert_close(seen[0][1], np.ones((2, 3)))


def test_what_a_module_s_hook_may_not_do():
    layer = layer_of(mt)
    with pytest.raises(NotImplementedError, match="always_call=True"):
        layer.register_forward_hook(print, always_call=True)
    handle = layer.register_full_backward_hook(lambda m, into, out: (into[0], into[0]))
    with pytest.raises(RuntimeError, match="returned 2 gradients; expected 1"):
        layer(leaf(mt)).sum().backward()
    handle.remove()
    layer.register_full_backward_hook(lambda m, into, out: into[0].sum())
    with pytest.raises(RuntimeError, match=r"a hook returned \(\)"):
        layer(leaf(mt)).sum().backward()


def test_hooks_go_with_a_copy_of_a_module_and_a_handle_with_its_own():
    layer, seen = layer_of(mt), []
    handle = layer.register_forward_hook(lambda m, args, out: seen.append(m))
    twin = copy.deepcopy(layer)
    handle.remove()
    layer(leaf(mt))
    twin(leaf(mt))
    assert seen == [twin]


@pytest.mark.parametrize("form", ["explicit", "gradient"])
def test_an_explanation_is_of_the_model_with_its_forward_hooks(form):
    mt.manual_seed(0)
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2)).double()
    plain = explain.lrp(model, [1, 2], form=form)
    seen = []
    model[1].register_full_backward_hook(lambda *given: seen.append(given))
    model[1].register_forward_hook(lambda m, args, out: out * 2)
    doubled = explain.lrp(model, [1, 2], form=form)
    assert np.allclose(doubled.relevance, 2 * plain.relevance, rtol=1e-4) and doubled.ledger.closes
    assert not seen
