"""PyTorch's names of the engine: `autograd.Function`, `grad`, `backward`, `Variable`, and what the tape shows of itself."""

import gc
import weakref

import pytest
from helpers import array, assert_close
from test_hooks import X, leaf, same

import minitransformer as mt
from minitransformer import autograd, explain


def cube_of(lib):
    class Cube(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x)
            ctx.scale = scale
            return scale * x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * ctx.scale * x**2 * g, None

    return Cube


def halves_of(lib):
    class Halves(lib.autograd.Function):
        @staticmethod
        def forward(x, weight):
            y = x * weight
            return y, x + weight, (x > 0)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs, output[0])
            ctx.mark_non_differentiable(output[2])

        @staticmethod
        def backward(ctx, g_y, g_sum, _):
            x, weight, y = ctx.saved_tensors
            assert y.shape == x.shape
            return g_y * weight + g_sum, (g_y * x + g_sum if ctx.needs_input_grad[1] else None)

    return Halves


def a_function_of_one_s_own(lib):
    x = leaf(lib)
    y = cube_of(lib).apply(x * 2, 0.5)
    y.sum().backward()
    return y, x.grad, y.requires_grad, y.is_leaf


def several_results(lib):
    x, w = leaf(lib), leaf(lib, X + 1)
    y, s, positive = halves_of(lib).apply(x, w)
    (y * 3 + s.exp()).sum().backward()
    return y, s, positive.requires_grad, x.grad, w.grad


def a_result_without_a_gradient_gets_zeros(lib):
    x, w = leaf(lib), leaf(lib, X + 1)
    halves_of(lib).apply(x, w)[0].sum().backward()
    return x.grad, w.grad


def an_argument_that_needs_no_gradient(lib):
    x, w = leaf(lib), lib.tensor(X)
    halves_of(lib).apply(x, w)[1].sum().backward()
    return x.grad, w.grad is None


def nothing_is_made_of_what_is_missing(lib):
    class Pair(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            assert a is None
            return b * 2

    x = leaf(lib)
    Pair.apply(x)[1].sum().backward()
    return x.grad


def an_input_returned_as_it_is(lib):
    class Straight(lib.autograd.Function):  # a straight-through estimator's back
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    x = leaf(lib)
    y = Straight.apply(x)
    y.sum().backward()
    return y, y is x, x.grad


def without_a_tape(lib):
    with lib.no_grad():
        y = cube_of(lib).apply(leaf(lib), 1.0)
    return y, y.requires_grad, cube_of(lib).apply(lib.tensor(X), 1.0).requires_grad


def gradients_of_several_outputs(lib):
    x, w = leaf(lib), leaf(lib, X + 1)
    h = x * w
    outputs = [h.sum(), (h * h), h.sum()]
    weights = [None, lib.tensor(array(2, 3, seed=3)), lib.tensor(2.0, dtype=lib.float64)]
    found = lib.autograd.grad(outputs, (x, h), weights, retain_graph=True)
    one = lib.autograd.grad(h.sum(), x)
    return found, isinstance(found, tuple), one, x.grad is None


def an_unused_input(lib):
    x, w = leaf(lib), leaf(lib)
    return [g is None for g in lib.autograd.grad((x * 2).sum(), [x, w], allow_unused=True)]


def backward_from_several(lib):
    x = leaf(lib)
    h = x * 2
    lib.autograd.backward([h.sum(), h * h], [None, lib.tensor(array(2, 3, seed=3))])
    lib.autograd.backward((x * 3).sum())
    return x.grad


def variables(lib):
    from_tensor = lib.autograd.Variable(lib.tensor(X), requires_grad=True)
    (from_tensor * 2).sum().backward()
    return (
        from_tensor.grad,
        isinstance(leaf(lib), lib.autograd.Variable),
        isinstance(3, lib.autograd.Variable),
    )


def the_tape_shows_itself(lib):
    x = leaf(lib)
    y = (x * 2).sum()
    names = y.grad_fn.name(), y.grad_fn.next_functions[0][0].name(), repr(y.grad_fn).split(" ")[0].strip("<>")
    return names, x.grad_fn is None, y.grad_fn == y.grad_fn, len(y.grad_fn.next_functions)


@pytest.mark.parametrize(
    "program",
    [
        a_function_of_one_s_own,
        several_results,
        a_result_without_a_gradient_gets_zeros,
        an_argument_that_needs_no_gradient,
        nothing_is_made_of_what_is_missing,
        an_input_returned_as_it_is,
        without_a_tape,
        gradients_of_several_outputs,
        an_unused_input,
        backward_from_several,
        variables,
        the_tape_shows_itself,
    ],
    ids=lambda program: program.__name__,
)
def test_a_program_sees_what_it_sees_in_pytorch(program):
    same(program)


def test_finite_differences_judge_a_function_too():
    mt.gradcheck(lambda x: cube_of(mt).apply(x, 0.5), [mt.tensor(X)])

    class Wrong(cube_of(mt)):
        @staticmethod
        def backward(ctx, g):
            return g, None

    with pytest.raises(AssertionError, match="gradient of input 0 is wrong"):
        mt.gradcheck(lambda x: Wrong.apply(x, 0.5), [mt.tensor(X)])


def of(backward):
    """The result of a function of two arguments with that backward."""
    given = backward

    class Sum(autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a)
            return a + b

        @staticmethod
        def backward(ctx, g):
            return given(ctx, g)

    x = leaf(mt)
    return x, Sum.apply(x, 1.0)


REFUSED = {
    "one gradient for two arguments": (lambda ctx, g: g, "Sum.backward: expected 2 results.*got 1"),
    "another shape": (
        lambda ctx, g: (g.sum(), None),
        r"Sum.backward, result 0: expected the argument's shape \(2, 3\), got \(\)",
    ),
}


@pytest.mark.parametrize("backward, message", REFUSED.values(), ids=REFUSED)
def test_a_wrong_backward_is_named(backward, message):
    with pytest.raises(RuntimeError, match=message):
        of(backward)[1].sum().backward()


def test_what_was_saved_is_watched_and_released():
    x, y = of(lambda ctx, g: (g * ctx.saved_tensors[0], None))
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="released by an earlier backward"):
        y.sum().backward()
    x, y = of(lambda ctx, g: (g * ctx.saved_tensors[0], None))
    with mt.no_grad():
        x.mul_(2)
    with pytest.raises(RuntimeError, match="saved_tensors: one was edited in place"):
        y.sum().backward()


def test_what_is_not_there_is_refused_by_name():
    x = leaf(mt)
    for call in (lambda y: y.backward(create_graph=True), lambda y: autograd.grad(y, x, create_graph=True)):
        with pytest.raises(NotImplementedError, match="create_graph=True: .*a gradient has no gradient"):
            call((x * x).sum())
    with pytest.raises(NotImplementedError, match="create_graph"):
        autograd.backward((x * x).sum(), create_graph=True)
    with pytest.raises(RuntimeError, match=r"does not depend on inputs \[1\]; pass allow_unused=True"):
        autograd.grad(x.sum(), [x, leaf(mt)])

    class Dirty(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)

    with pytest.raises(NotImplementedError, match="mark_dirty"):
        Dirty.apply(x)


@pytest.mark.host("what Python keeps alive")
def test_a_function_s_graph_dies_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:

        class Kept(autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = x * 2
                ctx.save_for_backward(x, y)
                return y

            @staticmethod
            def backward(ctx, g):
                return g * 2

        y = Kept.apply(leaf(mt))
        dead = weakref.ref(y), weakref.ref(y.op)
        del y
        assert dead[0]() is None and dead[1]() is None
    finally:
        gc.enable()


class Scaled(autograd.Function):
    """y = 3 x with its laws of relevance."""

    @staticmethod
    def forward(ctx, x):
        return 3 * x

    @staticmethod
    def backward(ctx, g):
        return 3 * g

    @staticmethod
    def relprop(ctx, r):
        return r

    @staticmethod
    def modified(ctx, g):
        return 3 * g


@pytest.mark.parametrize("form", ["explicit", "gradient"])
def test_relevance_passes_a_function_by_its_own_laws_alone(form):
    x = leaf(mt)
    (found,), ledger = explain.account((Scaled.apply(x) * mt.tensor(X)).sum(), [x], form=form, eps=0.0)
    assert_close(found, 3 * X * X)
    assert ledger.closes and abs(ledger.gap) < 1e-10
    with pytest.raises(NotImplementedError, match="relevance at Cube: no relevance rule"):
        explain.relevance(cube_of(mt).apply(x, 1.0).sum(), [x], form=form)


# ---- a module as a function of its parameters ----


def parameters_as_a_vector(lib):
    layer = lib.nn.Linear(3, 2).double()
    parameters = list(layer.parameters())
    lib.nn.utils.vector_to_parameters(lib.tensor(array(8)), parameters)
    vector = lib.nn.utils.parameters_to_vector(parameters)
    (vector * lib.tensor(array(8, seed=1))).sum().backward()
    return vector, layer.weight, layer.weight.grad, layer.bias.grad


def a_call_with_other_parameters_and_buffers(lib):
    class Shifted(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = lib.nn.Linear(3, 2).double()
            self.register_buffer("shift", lib.zeros(2, dtype=lib.float64))

        def forward(self, x):
            return self.linear(x) + self.shift

    module, weight = Shifted(), leaf(lib, array(2, 3, seed=1))
    given = {
        "linear.weight": weight,
        "linear.bias": lib.tensor(array(2)),
        "shift": lib.tensor(array(2, seed=2)),
    }
    y = lib.func.functional_call(module, given, lib.tensor(X))
    y.sum().backward()
    parts = {"shift": given.pop("shift")}
    return y, weight.grad, module.shift, lib.func.functional_call(module, (given, parts), (lib.tensor(X),))


@pytest.mark.parametrize("program", [parameters_as_a_vector, a_call_with_other_parameters_and_buffers])
def test_parameters_are_given_as_in_pytorch(program):
    same(program)


def test_a_vector_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"expected shape \(8,\), got \(7,\)"):
        mt.nn.utils.vector_to_parameters(mt.ones(7), mt.nn.Linear(3, 2).parameters())
