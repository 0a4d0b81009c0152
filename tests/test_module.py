"""Modules: names, saving and loading, modes, copies, containers."""

import copy
import pickle

import numpy
import pytest
from later import torch
from twins import shapes

import minitransformer as mt
from minitransformer import nn


class Tied(nn.Module):
    """An embedding whose table is also the output's weight, a buffer of each kind, and a submodule."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5)
        self.head.weight = self.embedding.weight
        self.register_buffer("steps", mt.zeros(2))
        self.register_buffer("scratch", mt.ones(4), persistent=False)

    def forward(self, ids):
        return self.head(self.embedding(ids))


def array(*shape, seed=0):
    return numpy.random.default_rng(seed).standard_normal(shape)


def test_shared_parameter_is_listed_once_and_saved_under_both_names():
    model = Tied()
    assert [name for name, _ in model.named_parameters()] == ["embedding.weight", "head.bias"]
    assert set(model.state_dict()) == {"embedding.weight", "head.weight", "head.bias", "steps"}
    assert model.num_parameters() == 5 * 3 + 5


def test_names_follow_assignment_as_in_torch():
    class Both:
        def __init__(self, lib):
            class Net(lib.Module):
                def __init__(self):
                    super().__init__()
                    self.first = lib.Linear(2, 3)
                    self.blocks = lib.ModuleList([lib.Linear(3, 3, bias=False), lib.LayerNorm(3)])
                    self.tail = lib.Sequential(lib.Linear(3, 1), lib.ReLU())

            self.net = Net()

    ours, theirs = Both(nn).net, Both(torch.nn).net
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert [n for n, _ in ours.named_children()] == [n for n, _ in theirs.named_children()]
    assert shapes(ours) == shapes(theirs)


def test_the_order_of_a_state_is_torch_s_also_after_a_name_is_given_anew():
    def orders(lib, tensors):
        net = lib.Module()
        net.scale, net.shift = (lib.Parameter(tensors.ones(2)) for _ in range(2))
        net.register_buffer("seen", tensors.ones(1))
        net.below = lib.LayerNorm(2)
        net.scale, net.seen, net.below = lib.Parameter(tensors.zeros(2)), tensors.zeros(1), lib.Linear(2, 2)
        net.register_buffer("again", net.seen)
        yield list(net.state_dict()), [name for name, _ in net.named_buffers()]
        net.scale = None
        net.scale = lib.Parameter(tensors.ones(2))
        yield list(net.state_dict())
        del net.scale
        net.scale = lib.Parameter(tensors.ones(2))
        yield list(net.state_dict())

    assert list(orders(nn, mt)) == list(orders(torch.nn, torch))


def test_load_state_dict_is_strict_and_changes_nothing_if_it_fails():
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    wrong = {"0.weight": array(3, 2), "0.bias": array(4), "1.weight": array(3), "other": array(1)}
    with pytest.raises(RuntimeError) as error:
        model.load_state_dict(wrong)
    message = str(error.value)
    assert "missing: 1.bias" in message
    assert "unexpected: other" in message
    assert "0.bias: expected (3,), got (4,)" in message
    assert all((model.state_dict()[name].numpy() == value).all() for name, value in before.items())


def test_load_state_dict_not_strict_takes_what_fits_and_says_what_did_not():
    model = nn.Linear(2, 3)
    bias, weight = model.bias.numpy().copy(), array(3, 2)
    assert model.load_state_dict({"weight": weight, "other": array(1)}, strict=False) == (["bias"], ["other"])
    assert (model.weight.numpy() == weight.astype("float32")).all()
    assert (model.bias.numpy() == bias).all()
    with pytest.raises(RuntimeError, match="wrong shape"):
        model.load_state_dict({"weight": array(2, 2)}, strict=False)


@pytest.mark.parametrize(
    "strange", [numpy.ones((3, 2), complex), numpy.full((3, 2), None), numpy.full((3, 2), "1")]
)
def test_load_state_dict_takes_real_numbers_only(strange):
    with pytest.raises(RuntimeError, match=f"expected a real dtype: weight: got {strange.dtype}"):
        nn.Linear(2, 3).load_state_dict({"weight": strange, "bias": array(3)})
    with pytest.raises(TypeError, match="expected names and tensors, as state_dict.. gives, got list"):
        nn.Linear(2, 3).load_state_dict([array(3)])


@pytest.mark.parametrize(
    "give, error, message",
    [
        (lambda: nn.Sequential(abs), TypeError, "'0': expected a Module or None, got builtin_function"),
        (lambda: nn.ModuleList([1]), TypeError, "'0': expected a Module or None, got int"),
        (lambda: nn.Module().register_buffer("a", 3), TypeError, "'a': expected a Tensor or None, got int"),
        (
            lambda: nn.Module().register_parameter("a", mt.ones(2)),
            TypeError,
            "'a': expected a Parameter or None, got Tensor",
        ),
        (lambda: nn.Module().add_module("a.b", nn.Dropout()), KeyError, "a name without dots.*'a.b'"),
    ],
)
def test_what_a_module_does_not_take(give, error, message):
    with pytest.raises(error, match=message):
        give()


def test_loads_torch_tensors_and_goes_back():
    theirs, ours = torch.nn.Linear(4, 3), nn.Linear(4, 3)
    ours.load_state_dict(theirs.state_dict())
    assert (ours.weight.numpy() == theirs.weight.detach().numpy()).all()
    back = torch.nn.Linear(4, 3)
    back.load_state_dict(mt.to_torch(ours.state_dict()))
    assert torch.equal(back.weight, theirs.weight) and torch.equal(back.bias, theirs.bias)


def test_loads_arrays_and_narrow_torch_tensors():
    weight, bias = array(3, 2).astype("float32"), torch.tensor(array(3)).bfloat16()
    model = nn.Linear(2, 3)
    model.load_state_dict({"weight": weight, "bias": bias})
    weight_before, weight[...] = weight.copy(), 0
    assert (model.weight.numpy() == weight_before).all()
    assert (model.bias.numpy() == bias.float().numpy()).all()


def test_loading_keeps_the_parameter_and_its_dtype():
    model = nn.Linear(2, 2).double()
    weight = model.weight
    model.load_state_dict(torch.nn.Linear(2, 2).state_dict())
    assert model.weight is weight and weight.dtype == mt.float64


def test_buffers_move_and_are_saved_but_are_no_parameters():
    model = Tied()
    assert [name for name, _ in model.named_buffers()] == ["steps", "scratch"]
    assert "scratch" not in model.state_dict()
    model.double()
    assert model.steps.dtype == model.scratch.dtype == mt.float64
    model.steps = mt.ones(2)
    assert "steps" in model.state_dict() and (model.state_dict()["steps"].numpy() == 1).all()
    model.register_buffer("nothing", None)
    assert model.nothing is None and "nothing" not in model.state_dict()


def test_to_changes_dtype_in_place_and_gradients_with_it():
    model = Tied()
    weight = model.embedding.weight
    model(mt.tensor([1, 2])).sum().backward()
    assert model.to(mt.float64) is model
    assert model.embedding.weight is weight is model.head.weight
    assert weight.dtype == weight.grad.dtype == mt.float64
    assert model.float().embedding.weight.dtype == mt.float32
    model.register_buffer("count", mt.tensor([3]))
    assert model.to("cpu", mt.float64).count.dtype == mt.int64


def test_train_and_eval_reach_every_module():
    model = nn.Sequential(nn.Dropout(0.9), nn.Sequential(nn.Dropout(0.9)))
    x = mt.ones(100)
    assert model.training and (model(x).numpy() == 0).any()
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    assert (model(x).numpy() == 1).all()
    assert all(m.training for m in model.train().modules())


def test_zero_grad_and_freezing():
    model = Tied()
    model(mt.tensor([0, 1])).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    model.requires_grad_(False)
    assert not model(mt.tensor([0, 1])).requires_grad


def test_apply_visits_children_first():
    seen = []
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    assert model.apply(lambda m: seen.append(type(m).__name__)) is model
    assert seen == ["Linear", "ReLU", "Sequential", "Sequential"]


class Told(nn.Module):
    """A module whose settings take two lines, with a part that is not there."""

    def __init__(self, lib):
        lib.Module.__init__(self)
        self.layers = lib.ModuleList([lib.ReLU(), lib.ReLU(), lib.Linear(1, 1)])
        self.add_module("nothing", None)

    def extra_repr(self):
        return "one\ntwo"


def test_repr_nests_as_torch_s():
    class Theirs(torch.nn.Module):
        __init__, extra_repr, _get_name = Told.__init__, Told.extra_repr, lambda self: "Told"

    assert repr(Told(nn)) == repr(Theirs(torch.nn))
    assert repr(nn.Sequential(nn.Linear(3, 1000), nn.Dropout(0.5))) == (
        "Sequential(\n  (0): Linear(in_features=3, out_features=1000, bias=True)\n  (1): Dropout(p=0.5, inplace=False)\n)"
    )
    assert repr(nn.ModuleList()) == repr(torch.nn.ModuleList())


def test_deepcopy_shares_nothing_with_the_original_but_keeps_what_is_shared_within():
    model = Tied()
    model(mt.tensor([1])).sum().backward()
    twin = copy.deepcopy(model)
    assert twin.head.weight is twin.embedding.weight
    assert isinstance(twin.embedding.weight, nn.Parameter) and twin.embedding.weight.requires_grad
    for (name, p), (_, q) in zip(model.named_parameters(), twin.named_parameters(), strict=True):
        assert p is not q and (p.numpy() == q.numpy()).all() and (p.grad.numpy() == q.grad.numpy()).all(), (
            name
        )
        assert not numpy.shares_memory(p.numpy(), q.numpy()) and not numpy.shares_memory(
            p.grad.numpy(), q.grad.numpy()
        )
        with mt.no_grad():
            q.zero_()
        assert p.numpy().any() and p.edited != q.edited
    twin.embedding.weight = nn.Parameter(mt.zeros(1, 1))
    assert model.embedding.weight.shape == (5, 3)


def test_deepcopy_keeps_the_role_and_refuses_a_history():
    model = nn.LearnedPositionalEncoding(4, max_len=3)
    assert copy.deepcopy(model).weight.role == "positions"
    with pytest.raises(RuntimeError, match="detach"):
        copy.deepcopy(model.weight * 2)


def test_pickle_round_trip():
    model = Tied()
    twin = pickle.loads(pickle.dumps(model))
    ids = mt.tensor([0, 4])
    assert (twin(ids).numpy() == model(ids).numpy()).all()
    assert list(twin.state_dict()) == list(model.state_dict())


def test_module_list_and_sequential_index_and_slice():
    layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    layers.append(nn.ReLU())
    assert len(layers) == 4 and layers[-1] is list(layers)[3]
    assert isinstance(layers[1:3], nn.ModuleList) and layers[1:3][0] is layers[1]
    chain = nn.Sequential(*layers)
    x = mt.tensor(array(5, 2).astype("float32"))
    expected = layers[3](layers[2](layers[1](layers[0](x))))
    assert (chain(x).numpy() == expected.numpy()).all()
    assert (chain[:2](x).numpy() == layers[1](layers[0](x)).numpy()).all() and len(chain) == 4
    with pytest.raises(NotImplementedError, match="ModuleList"):
        layers(x)


def test_a_slice_has_the_names_that_torch_gives():
    for kind in ("Sequential", "ModuleList"):
        names = []
        for lib in (nn, torch.nn):
            layers = [lib.Linear(1, 1), lib.ReLU(), lib.Linear(1, 1)]
            whole = lib.Sequential(*layers) if kind == "Sequential" else lib.ModuleList(layers)
            names.append(
                [list(whole[part].state_dict()) for part in (slice(1, 3), slice(None, None, -1), slice(0, 0))]
            )
        assert names[0] == names[1]


def test_reassigning_keeps_the_place_as_in_torch():
    def names(lib, make):
        net = lib.Module()
        for name in ("first", "second", "third"):
            setattr(net, name, lib.Linear(1, 1))
            net.register_buffer(f"b_{name}", make(1))
            net.register_parameter(f"p_{name}", lib.Parameter(make(1)))
        net.first, net.p_first, net.b_first = lib.Linear(2, 2, bias=False), lib.Parameter(make(2)), make(2)
        net.register_buffer("b_second", make(2))
        net.third = lib.Parameter(make(3))  # of another kind: last of its new kind
        return [name for name, _ in net.named_parameters()], [name for name, _ in net.named_buffers()]

    assert names(nn, mt.ones) == names(torch.nn, torch.ones)


def test_parts_by_their_dotted_names():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)))
    model[1].register_buffer("mean", mt.ones(2))
    assert model.get_submodule("") is model and model.get_submodule("1.0") is model[1][0]
    assert model.get_parameter("1.0.weight") is model[1][0].weight
    assert model.get_buffer("1.mean") is model[1].mean
    model.register_module("2", nn.ReLU())
    assert isinstance(model[2], nn.ReLU)
    for wrong in ("3", "0.weight"):
        with pytest.raises(AttributeError):
            model.get_submodule(wrong)
    with pytest.raises(AttributeError, match="no buffer 'weight'"):
        model.get_buffer("0.weight")
    with pytest.raises(AttributeError, match="expected a Parameter"):
        model.get_parameter("1.mean")


def test_plain_attributes_may_come_before_super_init():
    class Configured(nn.Module):
        def __init__(self, config):
            self.config, self.scale = config, mt.ones(1)
            super().__init__()
            self.layer = nn.Linear(config["n"], 1)

    model = Configured({"n": 2})
    assert model.config == {"n": 2} and model.scale.item() == 1
    assert [name for name, _ in model.named_parameters()] == ["layer.weight", "layer.bias"]
    assert not list(model.buffers())


def test_mistakes_are_named():
    class Early(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"super\(\).__init__"):
        Early()
    with pytest.raises(AttributeError, match="no attribute 'wieght'"):
        nn.Linear(1, 1).wieght  # noqa: B018
    with pytest.raises(TypeError, match="Linear.bias: expected a Parameter or None, got a float"):
        nn.Linear(1, 1).bias = 0.5


def test_attributes_change_kind():
    model = nn.Module()
    model.x = nn.Linear(1, 1)
    model.x = nn.Parameter(mt.ones(2))
    assert [n for n, _ in model.named_parameters()] == ["x"] and not list(model.children())
    model.x = None
    assert model.x is None and not list(model.parameters())
    model.x = nn.Parameter(mt.ones(2))
    del model.x
    assert not hasattr(model, "x")


class Keeper(nn.Module):
    """Overrides what PyTorch calls on the way down, and keeps a list of it."""

    def __init__(self):
        super().__init__()
        self.weight, self.heard = nn.Parameter(mt.ones(2)), []

    def train(self, mode=True):
        self.heard.append(("train", mode))
        return super().train(mode)

    def _apply(self, fn, recurse=True):
        self.heard.append("apply")
        return super()._apply(fn, recurse)

    def state_dict(self, *args, **kwargs):
        self.heard.append("state_dict")
        return super().state_dict(*args, **kwargs)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "more"] = mt.full((1,), 7.0)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        self.heard.append(("load", prefix, state_dict.pop(prefix + "more").item()))
        if prefix + "old" in state_dict:
            state_dict[prefix + "weight"] = state_dict.pop(prefix + "old")
        super()._load_from_state_dict(state_dict, prefix, *args)


def test_what_a_submodule_overrides_is_called():
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(Keeper()))
    keeper = model[1][0]
    model.eval()
    model.double()
    state = model.state_dict()
    model.load_state_dict(state)
    assert keeper.heard == [("train", False), "apply", "state_dict", ("load", "1.0.", 7.0)]
    assert list(state) == ["0.weight", "0.bias", "1.0.weight", "1.0.more"] and not keeper.training
    state["1.0.old"] = state.pop("1.0.weight") + 4
    model.load_state_dict(state)
    assert keeper.weight.tolist() == [5, 5]


def shared(lib, tensors):
    """One module under two names, in one parent and in two, and a tensor under a third."""
    net = lib.Module()
    net.first = net.second = lib.Linear(2, 2)
    net.below = lib.Sequential(net.first, lib.LayerNorm(2))
    net.below.alone = net.first.weight
    return net


def test_shared_modules_are_listed_and_saved_as_in_torch():
    ours, theirs = shared(nn, mt), shared(torch.nn, torch)
    for listing in ("named_children", "named_modules", "named_parameters"):
        assert [name for name, _ in getattr(ours, listing)()] == [
            name for name, _ in getattr(theirs, listing)()
        ], listing
    for listing in ("named_modules", "named_parameters", "named_buffers"):
        every = [
            [name for name, _ in getattr(m, listing)(prefix="p", remove_duplicate=False)]
            for m in (ours, theirs)
        ]
        assert every[0] == every[1], listing
    assert [n for n, _ in ours.named_parameters(recurse=False)] == [
        n for n, _ in theirs.named_parameters(recurse=False)
    ]
    assert list(ours.state_dict()) == list(theirs.state_dict()) and len(ours.state_dict()) == 9
    assert len(list(ours.children())) == 2 and len(list(ours.parameters())) == 4
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(mt.to_torch(ours.state_dict()))
    assert (ours.second.weight.numpy() == theirs.second.weight.detach().numpy()).all()


def test_a_shared_tensor_needs_one_of_its_names_and_one_value():
    ours = shared(nn, mt)
    whole = ours.state_dict()
    less = {
        name: value + 1
        for name, value in whole.items()
        if name in ("second.weight", "first.bias", "below.1.weight", "below.1.bias")
    }
    assert ours.load_state_dict(less) == ([], [])
    assert (ours.below.alone.numpy() == less["second.weight"].numpy()).all()
    with pytest.raises(RuntimeError, match=r"missing: first.bias; second.bias; below.0.bias$"):
        ours.load_state_dict({name: value for name, value in less.items() if name != "first.bias"})
    parted = {name: value.clone() for name, value in whole.items()}
    parted["below.alone"] += 1
    with pytest.raises(RuntimeError, match="two values for one shared tensor: first.weight and below.alone"):
        ours.load_state_dict(parted)


def test_a_state_can_go_to_another_under_a_prefix():
    model, whole = nn.Linear(2, 1), {"a": 1}
    assert model.state_dict(destination=whole, prefix="p.", keep_vars=True) is whole
    assert list(whole) == ["a", "p.weight", "p.bias"] and whole["p.weight"] is model.weight


def test_to_takes_torch_s_forms():
    for targets, options in [
        ((mt.float64,), {}),
        (("cpu", mt.float64), {}),
        (("cpu", mt.float64, True), {}),
        ((mt.zeros(1, dtype=mt.float64),), {}),
        ((), {"dtype": mt.float64}),
        ((), {"device": "cpu", "dtype": mt.float64, "non_blocking": True}),
        ((None, mt.float64), {}),
    ]:
        model = nn.Linear(1, 1)
        assert model.to(*targets, **options) is model and model.weight.dtype == mt.float64, (targets, options)
    model.to(device="cpu").to()
    assert model.weight.dtype == mt.float64 and model.half().weight.dtype == mt.float16
    for wrong in (mt.int64, mt.bool_):
        with pytest.raises(TypeError, match="Linear.to: expected a floating-point dtype, got"):
            model.to(wrong)


def test_modes_and_gradients_take_what_torch_takes():
    model = nn.Linear(2, 1)
    with pytest.raises(ValueError, match="expected True or False, got 1"):
        model.train(1)
    model(mt.ones(1, 2)).sum().backward()
    model.zero_grad(set_to_none=False)
    assert model.weight.grad.tolist() == [[0, 0]]
    model.zero_grad()
    assert model.weight.grad is None


def test_taking_arrays_leaves_shared_tensors_shared():
    """pytorch/pytorch#188346: with assign=True two names became two parameters, and an optimizer stepped twice."""
    model = Tied()
    for names in (("embedding.weight", "head.weight"), ("head.weight",)):
        values = {name: array(5, 3) for name in names} | {"head.bias": array(5), "steps": array(2)}
        model.load_state_dict(values, assign=True)
        assert model.head.weight is model.embedding.weight and len(list(model.parameters())) == 2
        assert (model.head.weight.numpy() == array(5, 3)).all()
