"""What only a device can show: the same numbers as NumPy's, no hidden waiting, few launches, kernels that compile everywhere.

Run with `pytest --backend cupy`, on a GPU or an emulated one; every other test then runs on the device too.
"""

import gc
import itertools
import json

import numpy
import pytest
import small_run
from helpers import assert_close
from lrp_models import IDS, MODELS
from lrp_models import language_model as random_language_model
from on_device import RTOL, counted, no_waiting, on_both
from test_training import assert_same

import minitransformer as mt
from minitransformer import amp, bench, checkpoint, cli, explain, nn
from minitransformer.bench.works import device_growth
from minitransformer.generation import generate
from minitransformer.kernels import cupy as cupy_kernels
from minitransformer.kernels import sources
from minitransformer.models import GPT, GPTConfig
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.optim import SGD, Adam, AdamW
from minitransformer.utils.data import DataLoader, TensorDataset

CONFIG = LanguageModelConfig(
    vocab_size=13, d_model=12, nhead=3, num_layers=2, dim_feedforward=20, dropout=0.2, max_len=9
)


def lesson_in_steps(dtype, optimizer=AdamW, steps=20):
    """Weights before, losses, first gradients, and weights after some steps with dropout on shuffled data."""
    model = LanguageModel(CONFIG).to(dtype)
    before = [p.numpy().copy() for p in model.parameters()]
    data = DataLoader(TensorDataset(mt.randint(0, 13, (30, 7))), 5, shuffle=True)
    learner, losses, gradients = optimizer(model.parameters(), lr=1e-2, weight_decay=0.1), [], []
    batches = [batch for _ in range(-(-steps // len(data))) for (batch,) in data]
    for batch in batches[:steps]:
        losses.append(step(model, learner, batch).item())
        gradients = gradients or [p.grad.numpy().copy() for p in model.parameters()]
    return before, batches[0].numpy(), losses, gradients, [p.numpy() for p in model.parameters()]


def without_key_biases(parameters):
    """Their gradient is zero but for rounding noise, which Adam makes large."""
    d = CONFIG.d_model
    return [numpy.delete(p, slice(d, 2 * d)) if p.shape == (3 * d,) else p for p in parameters]


def step(model, optimizer, ids):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(
        model(ids[:, :-1]).reshape(-1, model.config.vocab_size), ids[:, 1:].reshape(-1)
    )
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("optimizer", [AdamW, Adam, SGD])
def test_training_gives_the_same_numbers(dtype, optimizer):
    """Initial weights, data order and dropout masks are the same, so all else is, up to rounding."""
    (before, batch, losses, gradients, after), theirs = on_both(lambda: lesson_in_steps(dtype, optimizer))
    assert all((ours == other).all() for ours, other in zip(before, theirs[0], strict=True))
    assert (batch == theirs[1]).all()
    assert_close(numpy.array(losses), numpy.array(theirs[2]), RTOL[dtype])
    largest = max(abs(g).max() for g in theirs[3])
    for got, expected in zip(gradients, theirs[3], strict=True):
        assert_close(got, expected, RTOL[dtype], least=largest)
    largest = max(abs(p).max() for p in theirs[4])
    for got, expected in zip(without_key_biases(after), without_key_biases(theirs[4]), strict=True):
        assert_close(got, expected, RTOL[dtype], least=largest)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("form", explain.walk.FORMS)
def test_relevance_is_the_same(name, form):
    ours, theirs = on_both(lambda: explain.lrp(MODELS[name](), IDS, form=form))
    assert_close(theirs.relevance, ours.relevance, 1e-10)


SAMPLING = [{"temperature": 0}, {"seed": 1, "top_k": 5}, {"seed": 2, "top_p": 0.8, "use_cache": False}]


@pytest.mark.parametrize("options", SAMPLING, ids=str)
def test_generation_gives_the_same_tokens(options):
    ours, theirs = on_both(lambda: generate(random_language_model(max_len=16), [1, 2, 3], 12, **options))
    assert ours == theirs and len(ours) == 12


def test_a_training_step_never_waits():
    model, ids = LanguageModel(CONFIG), mt.randint(0, 13, (4, 8))
    for optimizer in (AdamW(model.parameters(), lr=1e-3), SGD(model.parameters(), lr=1e-3, momentum=0.9)):
        step(model, optimizer, ids)
        with no_waiting():
            step(model, optimizer, ids)


def test_half_precision_waits_for_nothing_but_an_overflow():
    model, ids, scaler = LanguageModel(CONFIG), mt.randint(0, 13, (4, 8)), amp.GradScaler()
    optimizer = AdamW(model.parameters(), lr=1e-3)

    def forward_and_backward():
        with amp.autocast():
            loss = nn.functional.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        scaler.scale(loss).backward()

    forward_and_backward()
    with no_waiting():
        forward_and_backward()
    assert counted("device_to_host", lambda: scaler.unscale_(optimizer)) == 1


def test_half_precision_learns_alike():
    ours, theirs = on_both(lambda: small_run.trainer(steps=8, amp=True, evaluate=None))
    for backend, run in (("numpy", ours), ("cupy", theirs)):
        with mt.backend(backend):
            mt.manual_seed(4)
            run.run()
    assert_close(numpy.array(theirs.losses), numpy.array(ours.losses), 2e-2)
    assert theirs.scaler.state_dict() == ours.scaler.state_dict()


def test_a_step_of_generation_with_a_cache_never_waits():
    model, cache = LanguageModel(CONFIG).eval(), None
    with mt.no_grad():
        cache = model.new_cache()
        model(mt.tensor([[1, 2, 3]]), cache=cache)
        with no_waiting():
            model(mt.tensor([[4]]), cache=cache)


@pytest.mark.parametrize("form", explain.walk.FORMS)
def test_a_walk_of_relevance_never_waits(form, monkeypatch):
    run, walks = explain.walk.Walk.run, []

    def quiet(self, *arguments):
        walks.append(self)
        if len(walks) > 1:  # a walk inside a walk
            return run(self, *arguments)
        with no_waiting():
            return run(self, *arguments)

    monkeypatch.setattr(explain.walk.Walk, "run", quiet)
    explain.lrp(random_language_model(), IDS, form=form)
    assert walks


def launches(layers, dropout):
    """How many kernels a training step starts, besides cuBLAS's products. Sizes do not matter, but for the number of layers."""
    model = LanguageModel(LanguageModelConfig(9, 8, 2, layers, 16, dropout, max_len=8))
    optimizer, ids = AdamW(model.parameters(), lr=1e-3), mt.randint(0, 9, (2, 8))
    step(model, optimizer, ids)
    return counted("launches", lambda: step(model, optimizer, ids))


@pytest.mark.parametrize("dropout, each_layer", [(0.0, 33), (0.1, 46)])
def test_launches_of_a_training_step(dropout, each_layer):
    """Forward, backward, clipping and AdamW of the char model, which has six layers and no dropout."""
    few, more = launches(6, dropout), launches(7, dropout)
    assert more - few <= each_layer, (few, more)
    assert few - 6 * (more - few) <= 38, (few, more)  # what belongs to no layer


class NothingKept:
    """A cache of compiled kernels that is always empty."""

    load = staticmethod(lambda name: None)
    save = staticmethod(lambda name, binary, source: None)


@pytest.mark.parametrize("arch", ["75", "90"])
def test_kernels_compile_for_old_and_new_devices(arch, monkeypatch):
    """Whatever is compiled here when a kernel is first launched compiles for another architecture too."""
    cupy, compiler = pytest.importorskip("cupy"), pytest.importorskip("cupy.cuda.compiler")
    compile_one, compiled = compiler._compile_using_nvrtc_no_warning, []

    def for_another_too(source, options=(), this_arch=None, filename="", names=None, *others, **more):
        program = compiler._NVRTCProgram(source, name_expressions=names)
        assert program.compile((f"-arch=compute_{arch}", *options))[0]
        compiled.extend(names or [source])
        return compile_one(source, options, this_arch, filename, names, *others, **more)

    monkeypatch.setattr(compiler, "_compile_using_nvrtc_no_warning", for_another_too)
    monkeypatch.setattr(compiler, "_kernel_cache_backend", NothingKept)
    cupy.clear_memo()
    for cached in (sources._module, sources._kernel, cupy_kernels._elementwise):
        cached.cache_clear()
    for dtype in (mt.float16, mt.float32, mt.float64):
        for file in sources.KERNELS if dtype.itemsize > 2 else ("rows", "dropout"):
            sources._module(file, dtype).compile()
        x = cupy.ones((2, 3), dtype)
        cupy_kernels.embedding(x, cupy.zeros(2, int))
        for name in ("gelu", "gelu_tanh"):
            getattr(cupy_kernels, name)(x)
            getattr(cupy_kernels, f"{name}_vjp")(x, x, x)
    assert len(compiled) >= 3 * (len(sources.KERNELS["rows"]) + 1 + 5) + 2 * len(sources.KERNELS["many"])


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(RuntimeError, match="there is no cuda:99; this machine's last one is cuda:"):
        mt.ones(2).to("cuda:99")


def test_out_of_memory_says_what_to_do_and_the_process_goes_on():
    cupy = pytest.importorskip("cupy")
    pool = cupy.get_default_memory_pool()
    x = mt.ones(1024, 1024, requires_grad=True)
    gc.collect()
    pool.free_all_blocks()
    pool.set_limit(size=pool.used_bytes() + 10 * 2**20)
    try:
        with pytest.raises(
            MemoryError, match=r"Exp: Out of memory allocating .* MiB are free on the device.* smaller batch"
        ):
            [mt.exp(x) for _ in range(9)]
        with pytest.raises(MemoryError, match=r"the gradient of Mul: Out of memory .* amp.autocast"):
            y = x * x
            y.backward(y.detach())
        assert (x[:9] * 2).sum().item() == 18 * 1024
    finally:
        pool.set_limit(size=0)


def test_each_step_of_a_backward_walk_says_what_to_do_when_memory_is_out():
    cupy = pytest.importorskip("cupy")
    pool = cupy.get_default_memory_pool()
    said = set()
    walks = {"backward": lambda x, y, g: y.backward(g), "grad": lambda x, y, g: mt.autograd.grad(y, x, g)}
    # from too little for the first gradient to enough for all
    for kib, walk in itertools.product(range(4096, 17 * 1024, 512), walks.values()):
        x = mt.ones(1024, 1024, requires_grad=True)
        y = x * x
        seed = mt.ones(1024, 1024)
        gc.collect()
        pool.free_all_blocks()
        pool.set_limit(size=pool.used_bytes() + kib * 1024 - 4096 * 1024 + 1)
        try:
            walk(x, y, seed)
        except MemoryError as error:
            assert "To need less: " in str(error) and str(error).count("Out of memory") == 1
            said.add(str(error).split(": Out of memory")[0])
        finally:
            pool.set_limit(size=0)
    assert said == {"the gradient of Mul", "backward"}


def test_bench_says_what_it_would_need_and_goes_on(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for name in ("training", "generation", "memory"):
        (row,) = bench.rows(name, 1)
        assert (
            row.ratio is None and "PyTorch sees no GPU here. It needs one, and a build for CUDA" in row.note
        )


def test_bench_ends_honestly(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(
        "sys.argv", ["minitransformer", "bench", "--backend", "cupy", "--only", "op", "--json"]
    )
    with pytest.raises(SystemExit) as stop:
        cli.main()
    told = json.loads(capsys.readouterr().out)
    assert stop.value.code == 1 and told["device"] and "PyTorch sees no GPU here" in told["rows"][0]["note"]


def test_the_peak_of_device_memory_is_seen():
    kept = mt.ones(256, 1024)  # 1 MiB
    peak = device_growth(lambda: [mt.exp(mt.exp(kept)) for _ in range(3)])
    assert 3 * 2**20 <= peak <= 6 * 2**20


@pytest.mark.parametrize("here, there", [("numpy", "cupy"), ("cupy", "numpy")])
def test_a_run_goes_on_on_the_other_backend(here, there, tmp_path):
    """A checkpoint is the same bits on both; what follows is the same up to rounding."""
    with mt.backend(here):
        small_run.trainer(tmp_path, steps=6).run()
        whole = small_run.trainer(steps=12)
        whole.run()
    with mt.backend(there):
        rest = small_run.trainer(tmp_path, steps=12)
        assert rest.resume() and rest.model.head.weight.device.type == mt.ones(1).device.type
        kept = checkpoint.load(tmp_path / "last.safetensors")
        assert_same(rest.state_dict() | {"kernels": whole.kernels}, kept)
        rest.run()
    assert_close(numpy.array(rest.losses), numpy.array(whole.losses), RTOL[mt.float32])


def test_a_module_moves_whole_and_comes_back():
    with mt.backend("numpy"):
        model = GPT(GPTConfig(13, 9, 12, 1, 3))
        before = {name: t.numpy().copy() for name, t in model.state_dict().items()}
        model(mt.tensor([[1, 2, 3]])).sum().backward()
        model.to("cuda")
        there = [*model.parameters(), *model.buffers(), *(p.grad for p in model.parameters())]
        assert {t.device for t in there} == {"cuda:0"} and model.head.weight is model.words.weight
        model.cpu()
    assert {p.grad.device for p in model.parameters()} == {"cpu"}
    assert all((t.numpy() == before[name]).all() for name, t in model.state_dict().items())
