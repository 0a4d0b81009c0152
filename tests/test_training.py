"""The training loop: it learns, stops where it should, and goes on to the same bits."""

import concurrent.futures
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest
import small_run

import minitransformer as mt
from minitransformer import checkpoint
from minitransformer.checkpoint import CheckpointError
from minitransformer.disk import Busy
from minitransformer.progress import progress_bar

SCRIPT = Path(small_run.__file__)


def leaves(state, path="state"):
    """Every value of a nest with its place."""
    if isinstance(state, dict):
        return [leaf for k, v in state.items() for leaf in leaves(v, f"{path}[{k!r}]")]
    if isinstance(state, (list, tuple)):
        return [leaf for i, v in enumerate(state) for leaf in leaves(v, f"{path}[{i}]")]
    return [(path, state)]


def assert_same(a, b):
    """Two states are equal, bit for bit."""
    ours, theirs = dict(leaves(a)), dict(leaves(b))
    assert ours.keys() == theirs.keys()
    for place, value in ours.items():
        same = (
            numpy.asarray(value).tobytes() == numpy.asarray(theirs[place]).tobytes()
            if hasattr(value, "shape")
            else None
        )
        assert value == theirs[place] if same is None else same, place


def test_the_loss_falls_and_everything_is_counted(tmp_path):
    run = small_run.trainer(tmp_path, steps=200)
    assert run.run() and run.step == 200 == len(run.losses)
    assert numpy.mean(run.losses[-20:]) < 0.7 * numpy.mean(run.losses[:20])
    assert [step for step, _ in run.evaluations] == list(range(5, 201, 5))
    assert not run.model.training


@pytest.mark.parametrize("setting", ["steps", "evaluate_every", "save_every"])
def test_never_is_no_interval(setting):
    with pytest.raises(ValueError, match=f"{setting}=0"):
        small_run.trainer(None, **{"steps": 2, setting: 0})


def test_best_is_kept_at_the_lowest_figure(tmp_path):
    figures = iter([3.0, 1.0, 2.0])
    run = small_run.trainer(tmp_path, steps=12, evaluate=lambda model: next(figures))
    run.run()
    assert run.evaluations == [(5, 3.0), (10, 1.0), (12, 2.0)]
    assert len(checkpoint.load(tmp_path / "best.safetensors")["losses"]) == 10
    assert len(checkpoint.load(tmp_path / "last.safetensors")["losses"]) == 12


@pytest.mark.parametrize("stop", [1, 6, 7, 8, 11])  # in an epoch, at its end, and after it
def test_resumes_bit_for_bit(tmp_path, stop):
    whole = small_run.trainer(steps=12)
    whole.run()
    small_run.trainer(tmp_path, steps=stop).run()
    mt.manual_seed(99)
    rest = small_run.trainer(tmp_path, steps=12)
    mt.manual_seed(98)
    assert rest.resume() and rest.step == stop
    rest.run()
    if stop % 5:  # the shorter run also judged its last step
        rest.evaluations = [pair for pair in rest.evaluations if pair[0] != stop]
    assert_same(rest.state_dict(), whole.state_dict())


def test_without_a_checkpoint_there_is_nothing_to_resume(tmp_path):
    assert not small_run.trainer(tmp_path).resume()
    assert not small_run.trainer().resume()


def test_a_damaged_checkpoint_is_refused_and_kept(tmp_path):
    small_run.trainer(tmp_path, steps=3).run()
    path = tmp_path / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CheckpointError, match="last.safetensors"):
        small_run.trainer(tmp_path).resume()
    assert path.exists()


def start(directory, steps, save_every=1):
    command = [sys.executable, str(SCRIPT), str(directory), str(steps), str(save_every)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill_until_done(directory, steps, rng, longest):
    """Start, kill -9 a random time after the first step, and again, until it is done; returns the number of kills."""
    for kills in range(1000):
        process = start(directory, steps)
        for line in process.stdout:
            if not line.startswith("at"):
                break
        time.sleep(rng.random() * longest)
        process.kill()
        process.stdout.close()
        if process.wait() == 0:
            return kills
    raise AssertionError("it never ends")


def check_kills(tmp_path, steps, at_least):
    """A run of `steps` steps killed at random gives the bits of one that was not; the time of a kill adapts to the machine."""
    whole = small_run.trainer(steps=steps)
    begun = time.perf_counter()
    whole.run()
    longest = (time.perf_counter() - begun) / at_least
    kills = kill_until_done(tmp_path, steps, random.Random(0), longest)
    assert kills >= at_least, f"only {kills} kills"
    assert_same(checkpoint.load(tmp_path / "last.safetensors"), whole.state_dict())
    assert {path.name for path in tmp_path.iterdir()} >= {"last.safetensors", "best.safetensors"}


@pytest.mark.host("whether a file survives a kill is the host's affair")
def test_survives_a_kill(tmp_path):
    check_kills(tmp_path, 60, 1)


@pytest.mark.slow
@pytest.mark.host("whether a file survives a kill is the host's affair")
def test_survives_twenty_kills(tmp_path):
    check_kills(tmp_path, 1200, 20)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to whole process groups only")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_stops_with_a_checkpoint_and_goes_on_to_the_same_bits(tmp_path, number):
    process = start(tmp_path, 400, save_every=1000)
    for line in process.stdout:
        if line.strip() == "20":
            process.send_signal(getattr(signal, number))
    process.stdout.close()
    assert process.wait() == 130
    stopped = len(checkpoint.load(tmp_path / "last.safetensors")["losses"])
    assert 20 <= stopped < 400
    rest = small_run.trainer(tmp_path, stopped + 5)
    assert rest.resume() and rest.run()
    resumed = rest.state_dict()
    whole = small_run.trainer(steps=stopped + 5)
    whole.run()
    assert_same(resumed, whole.state_dict())


@pytest.fixture
def python_s_handler():
    """Ctrl-C with Python's default handler: a program that is started in the background may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_lets_the_step_end_and_restores_the_handler(python_s_handler):
    before = signal.getsignal(signal.SIGINT)

    def press(t):
        if t.step == 3:
            signal.raise_signal(signal.SIGINT)

    run = small_run.trainer(steps=12)
    assert run.run(press) is False and run.step == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_stops_at_once(python_s_handler):
    def press(t):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        small_run.trainer(steps=12).run(press)


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signals")
def test_signals_while_the_state_is_kept_do_not_spoil_it(tmp_path, monkeypatch, python_s_handler, number):
    fsync = os.fsync

    def press(handle):
        signal.raise_signal(getattr(signal, number))
        fsync(handle)

    run = small_run.trainer(tmp_path, steps=12, save_every=3)
    # of the file, then of its folder: the second comes during the save too
    monkeypatch.setattr(os, "fsync", press)
    assert not run.run()
    monkeypatch.undo()
    assert run.stopped_by == signal.Signals[number] and run.step == 3
    assert [path.name for path in tmp_path.iterdir()] == ["last.safetensors"]
    assert_same(checkpoint.load(tmp_path / "last.safetensors"), run.state_dict())


def test_a_report_that_fails_loses_no_step(tmp_path):
    def press(t):
        if t.step == 5:
            raise OSError("the terminal is gone")

    with pytest.raises(OSError, match="gone"):
        small_run.trainer(tmp_path, steps=12, save_every=100, evaluate_every=100).run(press)
    assert len(checkpoint.load(tmp_path / "last.safetensors")["losses"]) == 5


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signal")
def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert small_run.trainer(steps=3).run(lambda t: signal.raise_signal(signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("seconds_a_step", "kept"),
    [(3, [3, 6, 9, 12]), (9, range(1, 13)), (20, range(1, 13)), (0.5, [12]), (1.5, [6, 12])],
)
def test_the_state_is_kept_within_ten_seconds(tmp_path, monkeypatch, seconds_a_step, kept):
    run, now, steps = small_run.trainer(tmp_path, steps=12, save_every=1000), [0.0], []
    monkeypatch.setattr("minitransformer.training.time.monotonic", lambda: now[0])
    take_step = run._take_step
    monkeypatch.setattr(
        run, "_take_step", lambda batch: (take_step(batch), now.__setitem__(0, now[0] + seconds_a_step))
    )
    monkeypatch.setattr(
        run, "_save", lambda name: steps.append(run.step) if name == "last.safetensors" else None
    )
    run.run()
    assert steps == list(kept)


def test_a_costly_state_is_kept_less_often(tmp_path, monkeypatch):
    run, now, steps = small_run.trainer(tmp_path, steps=100, save_every=1000), [0.0], []
    monkeypatch.setattr("minitransformer.training.time.monotonic", lambda: now[0])
    take_step = run._take_step

    def save(name):
        steps.append(run.step)
        now[0] += 2

    monkeypatch.setattr(run, "_take_step", lambda batch: (take_step(batch), now.__setitem__(0, now[0] + 1)))
    monkeypatch.setattr(run, "_save", lambda name: save(name) if name == "last.safetensors" else None)
    run.run()
    assert steps == [10, 50, 90, 100], "two seconds of twenty more than two"


def test_one_directory_holds_one_run(tmp_path):
    def another(t):
        if t.step == 3:
            with pytest.raises(
                Busy, match=f"{re.escape(str(tmp_path))}: process {os.getpid()} works here; wait until"
            ):
                elsewhere(small_run.trainer(tmp_path, steps=3).run)

    assert small_run.trainer(tmp_path, steps=4).run(another)
    assert elsewhere(small_run.trainer(tmp_path, steps=3).run)


def elsewhere(call):
    """What a call gives or raises in another thread, which holds no lock of this one."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def spoiled(run, step, value):
    """A loss that goes through log(value) at the given step."""
    honest = run.loss

    def loss(model, batch):
        poison = mt.tensor(value if run.step + 1 == step else 1.0).log()
        return honest(model, batch) + poison

    run.loss = loss
    return run


def test_a_nan_loss_stops_with_the_op_and_keeps_the_parameters(tmp_path):
    run = spoiled(small_run.trainer(tmp_path, steps=12), 4, -1.0)
    with pytest.raises(FloatingPointError, match=r"step 4: the loss is nan.*\bAdd\b|an input"):
        run.run()
    assert run.step == 3 and all(numpy.isfinite(p.numpy()).all() for p in run.model.parameters())
    assert len(checkpoint.load(tmp_path / "last.safetensors")["losses"]) == 3


def test_a_nan_made_inside_the_model_is_named():
    run = small_run.trainer(steps=12)
    run.loss = lambda model, batch: (small_run.loss(model, batch) * 0 - 1).log()
    with pytest.raises(FloatingPointError, match="step 1: the loss is nan.* Log"):
        run.run()


def test_an_infinite_loss_stops():
    with pytest.raises(FloatingPointError, match="the loss is -inf"):
        spoiled(small_run.trainer(steps=12), 2, 0.0).run()


def test_an_infinite_gradient_stops_before_the_step():
    run = small_run.trainer(steps=12)
    run.loss = lambda model, batch: (small_run.loss(model, batch) * 0).sqrt()
    before = {name: p.numpy().copy() for name, p in run.model.named_parameters()}
    with pytest.raises(FloatingPointError, match="norm of the gradients is"):
        run.run()
    assert all((before[name] == p.numpy()).all() for name, p in run.model.named_parameters())


def in_half_precision(directory=None, scale=2.0**16, **options):
    """A run with `amp` that begins with a factor as large as given."""
    run = small_run.trainer(directory, amp=True, **options)
    run.scaler.load_state_dict({"scale": scale, "good_steps": 0, "skipped": 0})
    return run


TOO_LARGE = 2.0**40  # for float16: a dozen halvings from what fits


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy tells of an overflow, too
def test_an_overflow_in_half_precision_costs_a_step_and_no_more(tmp_path, capsys):
    run, untouched = in_half_precision(tmp_path, scale=TOO_LARGE, steps=3), small_run.trainer().model
    with progress_bar(run) as report:
        run.run(report)
    assert (
        run.scaler.skipped == 3
        and run.scaler.get_scale() == TOO_LARGE / 8
        and "3 skipped" in capsys.readouterr().out
    )
    assert all(
        (p.numpy() == q.numpy()).all()
        for p, q in zip(run.model.parameters(), untouched.parameters(), strict=True)
    )
    run.steps = 70
    run.run()
    assert 3 < run.scaler.skipped < 30 and numpy.mean(run.losses[-20:]) < 0.9 * numpy.mean(run.losses[:20])
    assert all(p.dtype == mt.float32 for p in run.model.parameters())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("stop", [2, 18, 30])  # among the overflows, at their end, after them
def test_half_precision_resumes_bit_for_bit(tmp_path, stop):
    whole = in_half_precision(scale=TOO_LARGE, steps=35, evaluate=None)
    whole.run()
    in_half_precision(tmp_path, scale=TOO_LARGE, steps=stop, evaluate=None).run()
    rest = in_half_precision(tmp_path, steps=35, evaluate=None)
    assert rest.resume() and rest.run() and 2 < rest.scaler.skipped < 30
    assert_same(rest.state_dict(), whole.state_dict())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_gradient_that_is_infinite_at_any_factor_stops_half_precision_too():
    run = in_half_precision(scale=4.0, steps=12)
    run.loss = lambda model, batch: (small_run.loss(model, batch) * 0).sqrt()
    with pytest.raises(FloatingPointError, match="step 3: the norm of the gradients is"):
        run.run()
    assert run.scaler.skipped == 2


def test_a_full_disk_is_told_and_the_last_checkpoint_stays(tmp_path, monkeypatch):
    run = small_run.trainer(tmp_path, steps=12)

    def full(t):
        if t.step == 3:
            monkeypatch.setattr(
                os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device"))
            )

    with pytest.raises(CheckpointError, match="No space left"):
        run.run(full)
    assert len(checkpoint.load(tmp_path / "last.safetensors")["losses"]) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["last.safetensors"]


def test_the_progress_bar_shows_the_loss(capsys):
    run = small_run.trainer(steps=12)
    with progress_bar(run) as report:
        run.run(report)
    shown = capsys.readouterr().out
    assert "12/12" in shown and f"loss {numpy.mean(run.losses[-20:]):.3f}" in shown and "held out" in shown
    assert not math.isnan(run.losses[-1])
