"""Names that programs touch on their way to a GPU or to speed: there, with PyTorch's answers on a machine like this one."""

import importlib

import numpy
import pytest
from later import torch

import minitransformer as mt
from minitransformer import devices


def has_gpu():
    return mt.ones(1).device.type == "cuda"


def test_the_way_programs_choose_a_device():
    device = mt.device("cuda" if mt.cuda.is_available() else "cpu")
    assert mt.ones(2, device=device).device == device
    if not has_gpu() and not mt.cuda.is_available():
        assert device == "cpu" and mt.cuda.device_count() == 0
    for name in ("mps", "cudnn", "cuda"):
        assert importlib.import_module(f"minitransformer.backends.{name}") is getattr(mt.backends, name)
    assert not mt.backends.mps.is_available() and not mt.backends.mps.is_built()
    assert not mt.backends.cudnn.is_available() and mt.backends.cudnn.version() is None


@pytest.mark.parametrize("name", "enabled benchmark deterministic allow_tf32".split())
def test_settings_can_be_set_and_are_kept(name, monkeypatch):
    assert isinstance(getattr(mt.backends.cudnn, name), bool) and hasattr(torch.backends.cudnn, name)
    monkeypatch.setattr(mt.backends.cudnn, name, True)
    monkeypatch.setattr(mt.backends.cuda.matmul, "allow_tf32", True)
    assert mt.backends.cuda.matmul.allow_tf32 and getattr(mt.backends.cudnn, name)
    with mt.backends.cuda.sdp_kernel(enable_flash=False):
        assert mt.ones(2).sum().item() == 2


@pytest.mark.host("about a machine without a GPU")
def test_without_a_gpu_the_answers_are_pytorch_s(monkeypatch):
    def missing():
        raise ImportError("the device 'cuda' needs CuPy, which is not installed")

    monkeypatch.setattr(devices, "cupy", missing)
    devices.gpu.cache_clear()
    names = "is_available device_count memory_allocated memory_reserved max_memory_allocated max_memory_reserved is_bf16_supported"
    for name in names.split():
        expected = getattr(torch.cuda, name)() if not torch.cuda.is_available() else 0
        assert getattr(mt.cuda, name)() == expected, name
    mt.manual_seed(1)
    before = mt.rand(2).tolist()
    mt.manual_seed(1)
    (
        mt.cuda.manual_seed(7),
        mt.cuda.manual_seed_all(7),
        mt.cuda.empty_cache(),
        mt.cuda.reset_peak_memory_stats(),
    )
    assert mt.rand(2).tolist() == before
    for (
        name
    ) in "current_device synchronize get_device_name get_device_capability get_device_properties".split():
        with pytest.raises(ImportError, match="needs CuPy"):
            getattr(mt.cuda, name)()
    devices.gpu.cache_clear()


def test_with_a_gpu_it_is_described():
    if not has_gpu():
        return
    assert mt.cuda.is_available() and mt.cuda.device_count() >= 1
    mt.cuda.set_device(0)
    mt.cuda.synchronize(), mt.cuda.synchronize("cuda:0")
    assert mt.cuda.current_device() == 0 and mt.cuda.get_device_name()
    assert mt.cuda.get_device_capability() == (
        mt.cuda.get_device_properties().major,
        mt.cuda.get_device_properties().minor,
    )
    mt.cuda.reset_peak_memory_stats()
    held = mt.zeros(1000)
    assert mt.cuda.memory_allocated() >= 4000 and held is not None
    assert mt.cuda.max_memory_allocated() >= mt.cuda.memory_allocated()
    mt.cuda.manual_seed(3)
    first = mt.rand(2).tolist()
    mt.manual_seed(3)
    assert mt.rand(2).tolist() == first


def test_compile_gives_back_what_it_is_given():
    layer = mt.nn.Linear(2, 3)
    assert mt.compile(layer) is layer and mt.compile(mode="reduce-overhead")(layer) is layer

    @mt.compile
    def double(x):
        return 2 * x

    assert double(mt.ones(2)).tolist() == [2, 2]


def test_scripted_functions_are_the_functions_themselves():
    class Doubled(mt.jit.ScriptModule):
        @mt.jit.script_method
        def forward(self, x):
            return self.twice(x)

        @mt.jit.ignore
        def twice(self, x):
            return mt.jit.annotate(mt.Tensor, 2 * x)

        @mt.jit.ignore(drop=True)
        def printed(self, x):
            return "" if mt.jit.is_scripting() else str(x)

    @mt.jit.script
    def clipped(x):
        return x if x.sum() > 2 else x * 0

    layer = Doubled()
    x = mt.ones(3)
    assert (
        mt.jit.trace(layer, (x,))
        is mt.jit.script(layer, optimize=True)
        is mt.jit.freeze(layer.eval())
        is layer
    )
    assert layer(x).tolist() == [2, 2, 2] and clipped(mt.ones(2)).tolist() == [0, 0] and layer.printed(x)
    for refused, instead in (
        (lambda: mt.jit.save(layer, "f"), "state_dict"),
        (lambda: mt.jit.load("f"), "a program"),
    ):
        with pytest.raises(NotImplementedError, match=instead):
            refused()


def test_settings_of_speed(monkeypatch):
    monkeypatch.setattr("minitransformer.tuning._Chosen.threads", None)
    assert mt.get_float32_matmul_precision() == torch.get_float32_matmul_precision() == "highest"
    mt.set_float32_matmul_precision("high")
    assert mt.get_float32_matmul_precision() == "high"
    mt.set_float32_matmul_precision("highest")
    with pytest.raises(ValueError, match="expected one of .*, got 'low'"):
        mt.set_float32_matmul_precision("low")
    assert mt.get_num_threads() >= 1
    mt.set_num_threads(3)
    assert mt.get_num_threads() == 3
    for wrong in (0, True, 1.5):
        with pytest.raises(ValueError, match="an integer >= 1"):
            mt.set_num_threads(wrong)


def test_the_older_names_of_mixed_precision():
    from minitransformer.cuda.amp import GradScaler, autocast

    x = mt.ones(2, 3)
    with autocast():
        assert (x @ x.t()).dtype == mt.float16
    with mt.autocast("cuda", mt.float16), mt.cuda.amp.autocast(enabled=False):
        assert (x @ x.t()).dtype == mt.float32
    scaler = GradScaler(8.0, enabled=True)
    assert scaler.get_scale() == 8 and isinstance(scaler, mt.amp.GradScaler)
    assert numpy.array_equal(scaler.scale(x).numpy(), 8 * x.numpy())
