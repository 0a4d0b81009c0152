"""Energy from stand-ins of the hardware's files, the cost of a step, the laws of large models, and the command."""

import ctypes
import json
import math
import subprocess
import sys

import pytest

import minitransformer as mt
from minitransformer.cost import (
    MT_NLG,
    Measured,
    Meter,
    energy,
    fit,
    iteration_flops,
    step_cost,
    training_flops,
)
from minitransformer.cost.energy import Nvml, Rapl, Unreadable
from minitransformer.cost.runs import multiplied, small_runs
from minitransformer.cost.words import amount, duration, told
from minitransformer.models import (
    GPT,
    Bert,
    BertConfig,
    ClassifierConfig,
    GPTConfig,
    Seq2Seq,
    Seq2SeqConfig,
    SequenceClassifier,
    T5Config,
)
from minitransformer.models.t5 import T5
from minitransformer.training import LAST


def powercap(folder, **domains):
    """Files as Linux shows them: `domains` is name -> (energy, range or None), under the number of each."""
    for number, (name, counted, most) in domains.items():
        place = folder / number.replace("_", ":")
        place.mkdir(parents=True)
        (place / "name").write_text(f"{name}\n")
        (place / "energy_uj").write_text(f"{counted}\n")
        if most is not None:
            (place / "max_energy_range_uj").write_text(f"{most}\n")
    return folder


TWO_SOCKETS = {
    "intel-rapl_0": ("package-0", 1_000_000, 5_000_000),
    "intel-rapl_0_0": ("core", 900_000, 5_000_000),
    "intel-rapl_0_1": ("dram", 0, 5_000_000),
    "intel-rapl_1": ("package-1", 4_000_000, 5_000_000),
    "intel-rapl_2": ("psys", 7_000_000, 9_000_000),
    "intel-rapl-mmio_0": ("package-0", 1_000_000, 5_000_000),
}


def count(folder, number, value):
    (folder / number.replace("_", ":") / "energy_uj").write_text(f"{value}\n")


def test_packages_and_memory_are_added_and_nothing_twice(tmp_path):
    rapl = Rapl(powercap(tmp_path, **TWO_SOCKETS))
    for number in TWO_SOCKETS:
        count(tmp_path, number, TWO_SOCKETS[number][1] + 500_000)
    assert rapl.joules() == 1.5 and rapl.source == "RAPL: dram, package-0, package-1, all programs"


def test_a_counter_that_begins_again(tmp_path):
    rapl = Rapl(powercap(tmp_path, **TWO_SOCKETS))
    count(tmp_path, "intel-rapl_1", 200_000)  # from 4 J up to the range of 5 J, and on
    assert rapl.joules() == pytest.approx(1.2)
    count(tmp_path, "intel-rapl_1", 300_000)
    assert rapl.joules() == pytest.approx(1.3)


@pytest.mark.host("about a meter of the CPU's; one of a GPU has a test of its own")
@pytest.mark.parametrize("most", [None, 3_000_000])
def test_a_fall_that_no_range_explains_is_no_energy(tmp_path, most):
    """A number below zero that is added to a total is worse than none."""
    folder = powercap(tmp_path, **{"intel-rapl_0": ("package-0", 4_000_000, most)})
    with Meter(watts=7.0, folder=folder) as meter:
        count(folder, "intel-rapl_0", 10_000)
    assert meter.joules == 7.0 * meter.cpu_seconds >= 0
    assert meter.joules_source.startswith("estimate: 7 W a busy core, assumed, x ")
    assert "range" in meter.problems[0] or "fell from 4000000 to 10000" in meter.problems[0]


@pytest.mark.host("about a meter of the CPU's; one of a GPU has a test of its own")
def test_a_meter_reads_what_the_hardware_tells(tmp_path):
    with Meter(folder=powercap(tmp_path, **TWO_SOCKETS)) as meter:
        count(tmp_path, "intel-rapl_0", 3_000_000)
    assert meter.joules == 2.0 and meter.joules_source.startswith("RAPL") and not meter.problems


def test_a_long_block_is_sampled_so_that_no_round_is_missed(tmp_path, monkeypatch):
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(energy.time, "perf_counter", lambda: next(clock))
    with Meter(folder=powercap(tmp_path, **TWO_SOCKETS)) as meter:
        for reading in (4_000_000, 3_000_000, 2_000_000):  # two rounds
            count(tmp_path, "intel-rapl_0", reading)
            meter.sample()
    assert meter.joules == 3.0 + 4.0 + 4.0


def test_no_permission_is_told_with_what_mends_it(tmp_path, monkeypatch):
    folder = powercap(tmp_path, **TWO_SOCKETS)

    def refused(path):
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return path.read_text().strip()

    monkeypatch.setattr(energy, "_word", refused)
    with pytest.raises(Unreadable, match=r"no permission to read .*energy_uj; .* chmod a\+r"):
        Rapl(folder)
    with Meter(folder=folder) as meter:
        pass
    assert meter.joules_source.startswith("estimate") and "chmod" in meter.problems[0]


def test_a_machine_without_counters(tmp_path):
    with pytest.raises(Unreadable, match="no energy counter under"):
        Rapl(tmp_path)
    with Meter(watts=20.0, folder=tmp_path) as meter:
        sum(range(100_000))
    words, seconds = meter.joules_source, f"{meter.cpu_seconds:.3g}"
    assert meter.joules == 20.0 * meter.cpu_seconds and "20 W" in words and f"{seconds} CPU seconds" in words
    with pytest.raises(ValueError, match="watts: expected a number above 0, got 0"):
        Meter(watts=0)


class StandIn:
    """NVML's functions, as far as they are called, with 250 J on the second reading."""

    def __init__(self, code=0):
        self.code, self.millijoules, self.asked = code, iter([1_000_000, 1_250_000]), []

    def nvmlInit_v2(self):
        return 0

    def nvmlDeviceGetHandleByPciBusId_v2(self, bus_id, handle):
        self.asked.append(bus_id)
        handle._obj.value = 0xBEEF
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle, energy):
        assert handle.value == 0xBEEF and type(energy._obj) is ctypes.c_ulonglong
        if not self.code:
            energy._obj.value = next(self.millijoules)
        return self.code


def test_nvml_by_a_stand_in(monkeypatch):
    stand_in = StandIn()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: stand_in)
    assert Nvml("0000:3B:00.0").joules() == 250.0 and stand_in.asked == [b"0000:3B:00.0"]
    monkeypatch.setattr(ctypes, "CDLL", lambda name: StandIn(code=3))
    with pytest.raises(Unreadable, match="nvmlDeviceGetTotalEnergyConsumption gave error 3"):
        Nvml("0000:3B:00.0")


def test_no_driver():
    with pytest.raises(Unreadable, match="comes with NVIDIA's driver"):
        Nvml("0000:3B:00.0", library="libno-such-thing.so.9")


MODELS = {
    "gpt": lambda: GPT(GPTConfig(31, 16, 8, 2, 2)),
    "classifier": lambda: SequenceClassifier(ClassifierConfig(31, 2, 8, 2, 1, 16, 0.1)),
    "encoder and decoder": lambda: Seq2Seq(Seq2SeqConfig(31, 8, 2, dim_feedforward=16)),
    "bert": lambda: Bert(BertConfig(31, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)),
    "t5": lambda: T5(T5Config(vocab_size=31, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_step_of_each_kind_of_model(name):
    model = MODELS[name]()
    cost, counter = step_cost(model, 3, 7, seconds=0)
    assert (cost.flops_forward, cost.flops_backward) == (counter.total.forward, counter.total.backward)
    assert 0 < cost.flops_forward < cost.flops_backward <= 2 * cost.flops_forward
    assert cost.elementwise_forward > 0 and cost.seconds > 0 and cost.joules >= 0 and cost.joules_source
    assert cost.peak_bytes > 2 * sum(p.array.nbytes for p in model.parameters())  # weights and gradients
    assert all(p.grad is None for p in model.parameters())


def test_a_step_of_twice_the_batch_takes_twice_the_operations():
    model = MODELS["gpt"]()
    one, two = (step_cost(model, batch, 7, seconds=0)[0] for batch in (1, 2))
    assert two.flops == 2 * one.flops and two.peak_bytes > one.peak_bytes


def test_frozen_weights_take_no_gradient():
    model = MODELS["gpt"]()
    whole, _ = step_cost(model, 2, 7, seconds=0)
    embedding, *others = model.parameters()
    for p in others:
        p.requires_grad_(False)
    frozen, _ = step_cost(model, 2, 7, seconds=0)
    assert frozen.flops_forward == whole.flops_forward and frozen.flops_backward < whole.flops_backward


def test_what_cannot_be_measured_is_told():
    with pytest.raises(ValueError, match="batch and a length of at least 1, got 0 and 7"):
        step_cost(MODELS["gpt"](), 0, 7)
    with pytest.raises(ValueError, match="16"):  # names the length that the model has
        step_cost(MODELS["gpt"](), 1, 17)
    with pytest.raises(ValueError, match="Linear: expected a model that reads tokens"):
        step_cost(mt.nn.Linear(3, 4), 1, 7)


def test_a_whole_program():
    with Measured() as measured:
        mt.ones(2, 3) @ mt.ones(3, 4)
    mt.ones(2, 3) @ mt.ones(3, 4)
    assert measured.cost.flops_forward == 48 and measured.cost.flops_backward == 0
    assert measured.cost.to_dict()["flops_forward"] == 48


def test_the_iteration_of_mt_nlg_takes_the_seconds_that_were_reported():
    """Smith et al., 2022, section 2.4: 60.1, 50.2 and 44.4 s on 280, 350 and 420 servers of 8 GPUs, at 126, 121, 113 TFLOP/s."""
    for servers, teraflops, seconds in [(280, 126, 60.1), (350, 121, 50.2), (420, 113, 44.4)]:
        computed = MT_NLG.iteration / (servers * 8 * teraflops * 1e12)
        assert computed == pytest.approx(seconds, rel=0.01)
    assert MT_NLG.iteration_seconds == pytest.approx(44.4, rel=0.01)


def test_both_ways_to_count_the_run_of_mt_nlg_agree():
    iterations = MT_NLG.tokens / (MT_NLG.batch * MT_NLG.length)
    assert MT_NLG.computed == pytest.approx(iterations * MT_NLG.iteration, rel=0.02)
    assert MT_NLG.flops == training_flops(530e9, 270e9) == 6 * 530e9 * 270e9
    assert MT_NLG.joules == MT_NLG.gpus * 400 * MT_NLG.days * 86_400
    # 12 l h^2 and the embedding: the parameters
    assert 12 * 105 * 20_480**2 + 51_200 * 20_480 == pytest.approx(530e9, rel=0.01)


def test_the_formula_of_an_iteration_is_what_is_counted():
    """Narayanan's formula against our own count: forward twice, backward once; it leaves out nothing but lookups and norms."""
    layers, width, vocab, batch, length = 3, 32, 40, 2, 16
    model = GPT(GPTConfig(vocab, length, width, layers, 4, dropout=0.0))
    cost, _ = step_cost(model, batch, length, seconds=0)
    again = cost.flops + cost.flops_forward
    head = 2 * batch * length * width * vocab  # which nobody computes a second time
    assert again - head == iteration_flops(batch, length, layers, width, vocab)


def test_a_law_is_found_again():
    sizes = [1e3, 4e3, 2e4, 1e5]
    law = fit(sizes, [1.5 + 30 * n**-0.3 for n in sizes])
    assert law.exponent == pytest.approx(0.3, rel=0.02) and law.floor == pytest.approx(1.5, rel=0.02)
    assert law.loss(1e4) == pytest.approx(1.5 + 30 * 1e4**-0.3, rel=1e-3)
    plain = fit(sizes, [30 * n**-0.3 for n in sizes], floor=0.0)
    assert (plain.floor, plain.factor, plain.exponent) == pytest.approx((0.0, 30.0, 0.3))


@pytest.mark.parametrize(
    ("sizes", "losses", "said"),
    [
        ([1, 2], [3, 2], "expected 3 different sizes"),
        ([5, 5, 5], [3, 2, 1], "expected 3 different sizes"),
        ([1, 2, 3], [3, 2], "with a loss each"),
        ([1, 2, 3], [3, 2, 0], "losses above 0"),
        ([0, 2, 3], [3, 2, 1], "sizes above 0"),
    ],
)
def test_no_law_of_too_little(sizes, losses, said):
    with pytest.raises(ValueError, match=said):
        fit(sizes, losses)
    with pytest.raises(ValueError, match="above 0, got 0"):
        training_flops(0, 1)


def test_small_runs_count_what_they_take():
    (run,) = small_runs(widths=[8], steps=2)
    assert run.tokens == 2 * 16 * 64 and 0 < run.loss < 8
    # 6 N D, and attention, which no parameter stands for: s l h a token and product, two products, three times
    attention = 3 * 2 * 2 * run.tokens * 64 * 2 * 8
    biases = 6 * run.tokens * (run.parameters - weights_of(8))
    assert run.flops == training_flops(run.parameters, run.tokens) + attention - biases


def weights_of(width):
    """The numbers in the matrices of such a model: 12 h^2 a layer, and the head."""
    return 2 * 12 * width**2 + 512 * width


def test_parameters_without_embeddings():
    model = MODELS["gpt"]()
    assert multiplied(model) < sum(p.numel() for p in model.parameters())


def test_words():
    assert [amount(n) for n in (0, 999, 1e3, 1.5e9, 1.14e24)] == ["0 ", "999 ", "1 k", "1.5 G", "1.14 Y"]
    assert [duration(n) for n in (1.5, 86_400 * 3, 86_400 * 3653)] == ["1.5 s", "3 days", "10 years"]
    with Measured() as measured:
        pass
    assert told(measured.cost)[0].startswith("0 FLOP forward, 0 FLOP backward; ")


def command(*arguments):
    run = "from minitransformer.cli import main; main()"
    return subprocess.run([sys.executable, "-c", run, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def run_of_two_steps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "gpt"
    done = command("train", "gpt", "--steps", 2, "--d-model", 8, "--out", folder, "--json")
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.mark.host("the command line")
def test_the_command_measures_a_checkpoint(run_of_two_steps):
    folder, trained = run_of_two_steps
    assert trained["cost"]["flops_backward"] > 0 and trained["cost"]["joules_source"]
    done = command("cost", "-c", folder / LAST, "--batch", 2, "--length", 16, "--json", "--watts", 3)
    found = json.loads(done.stdout)
    model, _ = mt.models.load(folder / LAST)
    cost, _ = step_cost(model, 2, 16, seconds=0)
    assert [found[n] for n in ("flops_forward", "flops_backward")] == [
        cost.flops_forward,
        cost.flops_backward,
    ]
    assert {"cpu_seconds", "peak_bytes", "joules", "joules_source"} < set(found)
    assert sum(row["forward"] for row in found["by_op"].values()) == cost.flops_forward
    shown = command("cost", "--model", folder, "--length", 16).stdout
    assert "FLOP forward" in shown and "CPU seconds" in shown and " J (" in shown and "total" in shown


@pytest.mark.host("the command line")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "expected one of --checkpoint FILE, --model FOLDER"),
        (["--mt-nlg", "--scaling"], "expected one of"),
        (["--mt-nlg", "--batch", "0"], "'--batch'"),
        (["--model", "{tmp}"], "config.json"),
        (["-c", "{tmp}/none.safetensors"], "none.safetensors"),
        (["-c", "{run}", "--length", "4096"], "4095"),
        (["-c", "{run}", "--watts", "-1"], "watts: expected a number above 0"),
    ],
)
def test_the_command_refuses_in_one_line(run_of_two_steps, tmp_path, arguments, said):
    filled = [a.format(tmp=tmp_path, run=run_of_two_steps[0] / LAST) for a in arguments]
    done = command("cost", *filled)
    assert done.returncode in (1, 2) and said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.host("the command line")
def test_the_command_computes_a_large_run():
    found = json.loads(command("cost", "--mt-nlg", "--json").stdout)
    assert found["flops"] == MT_NLG.flops and math.isclose(found["days"], 34.9, rel_tol=0.01)
    assert found["own_seconds"] > found["days"] * 86_400 and "Smith" in found["source"]
    assert "co2" not in json.dumps(found).lower()
