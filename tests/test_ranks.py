"""Training by several ranks: the command beside one process, and what happens when a rank is stopped or killed. Needs MPI."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest

import minitransformer as mt
from minitransformer import checkpoint, distributed
from minitransformer.cli import ranks
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.installing import install_line
from minitransformer.recipes import RECIPES

MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
with_mpi = pytest.mark.skipif(MPIEXEC is None, reason="needs mpi4py and mpich: the extra [mpi]")
pytestmark = pytest.mark.host("processes that share out the cores; a device is one")
SMALL = {"steps": 6, "d_model": 8, "nhead": 2, "batch_size": 7, "dropout": 0.2}


def trained(kind, directory):
    """The state of a short run of a recipe."""
    mt.manual_seed(1)
    trainer = RECIPES[kind].of(**SMALL).trainer(directory)[0]
    trainer.evaluate = None
    trainer.run()
    return trainer.state_dict()


def check_alike(one, other):
    """Losses, parameters, the position in the data and the random numbers of two runs.

    The bias of keys changes no softmax: its gradient is rounding, and Adam steps by the sign of that.
    """
    assert numpy.allclose(one["losses"], other["losses"], rtol=1e-4)
    assert one["random"] == other["random"] and one["loader"]["given"] == other["loader"]["given"]
    for name, values in one["model"].items():
        found = numpy.asarray(other["model"][name], float)
        assert "in_proj_bias" in name or numpy.allclose(
            numpy.asarray(values, float), found, rtol=1e-3, atol=1e-4
        ), name


@pytest.mark.parametrize("kind", ["classifier", pytest.param("dates", marks=pytest.mark.slow)])
def test_ranks_train_what_one_process_trains(kind, tmp_path):
    """Shares of 2, 2 and 3 rows; the first rank writes."""
    alone = trained(kind, None)

    def work(rank):
        distributed.init_process_group("local", timeout=60)
        return trained(kind, tmp_path)

    for state in distributed.spawn(work, nprocs=3):
        check_alike(alone, state)
    check_alike(alone, checkpoint.load(tmp_path / "last.safetensors"))


def test_a_signal_that_comes_while_ranks_agree_stops_them_after_the_next_step(tmp_path, monkeypatch):
    distributed.init_process_group("local", timeout=60)
    try:
        trainer = RECIPES["classifier"].of(**SMALL).trainer(tmp_path)[0]
        reduce, sent = trainer.engine.all_reduce, []

        def interrupted(array, op):
            reduce(array, op)
            if op == ReduceOp.MAX and trainer.step == 2 and not sent:
                sent.append(signal.SIGTERM)
                signal.raise_signal(signal.SIGTERM)

        monkeypatch.setattr(trainer.engine, "all_reduce", interrupted)
        assert not trainer.run() and trainer.step == 3 and trainer.stopped_by == signal.SIGTERM
        assert len(checkpoint.load(tmp_path / "last.safetensors")["losses"]) == 3
    finally:
        distributed.destroy_process_group()


def test_a_missing_launcher_says_what_to_install(monkeypatch, command):
    monkeypatch.setattr(ranks.shutil, "which", lambda name: None)
    monkeypatch.setattr(ranks.sys, "executable", "/nowhere/python")
    code, printed = command("train", "dates", "--ranks", "2")
    assert code == 1 and "--ranks needs mpi4py and mpich" in printed and "[mpi]" in printed
    assert install_line("[mpi]") in " ".join(printed.split())


def test_products_take_one_thread_on_each_rank_before_numpy_is_imported(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert ranks.environment()["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")  # who says more gets more
    assert ranks.environment()["OPENBLAS_NUM_THREADS"] == "3"


def command_line(*arguments):
    return [sys.executable, "-c", ranks.AGAIN, "train", "dates", *map(str, arguments)]


def begun(directory, *arguments, count=2):
    """A long run on several ranks, once it has written a checkpoint; and the numbers of its ranks' processes."""
    options = [
        "--out",
        directory,
        "--d-model",
        8,
        "--nhead",
        2,
        "--steps",
        100_000,
        "--ranks",
        count,
        *arguments,
    ]
    process = subprocess.Popen(
        command_line(*options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    end = time.monotonic() + 120
    while not (directory / "last.safetensors").exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    return process, below(process.pid)


def below(pid):
    """The processes that a process has started, and theirs."""
    import psutil

    return psutil.Process(pid).children(recursive=True) if psutil.pid_exists(pid) else []


def is_rank(process):
    return "python" in process.name()


def none_is_left(processes):
    import psutil

    _, alive = psutil.wait_procs(processes, timeout=10)
    return not alive


@pytest.mark.slow
@with_mpi
def test_two_processes_train_what_one_trains(tmp_path):
    found = []
    for count in (1, 2):
        options = ["--out", tmp_path / str(count), "--steps", 5, "--d-model", 8, "--nhead", 2, "--json"]
        done = subprocess.run(command_line(*options, "--ranks", count), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))  # printed once
    assert found[0]["loss"] == pytest.approx(found[1]["loss"], rel=1e-5)
    states = [checkpoint.load(Path(f["last"])) for f in found]
    check_alike(*states)


@pytest.mark.slow
@with_mpi
def test_ctrl_c_stops_all_after_one_step_and_any_number_of_ranks_goes_on(tmp_path):
    process, started = begun(tmp_path / "run")
    process.send_signal(signal.SIGINT)
    printed = process.communicate(timeout=60)[0]
    assert process.returncode == 130, printed
    assert printed.count("Stopped; resume with") == 1 and none_is_left(started)
    step = len(checkpoint.load(tmp_path / "run" / "last.safetensors")["losses"])
    done = subprocess.run(
        command_line("--out", tmp_path / "run", "--resume", "--steps", step + 3),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and f"Resuming at step {step}" in done.stdout, done.stderr


@pytest.mark.slow
@with_mpi
def test_a_killed_rank_ends_all_and_the_run_resumes(tmp_path):
    process, started = begun(tmp_path / "run")
    next(p for p in started if is_rank(p)).kill()
    begin = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode and time.monotonic() - begin < 15 and none_is_left(started)
    step = len(checkpoint.load(tmp_path / "run" / "last.safetensors")["losses"])
    options = ["--out", tmp_path / "run", "--resume", "--steps", step + 3, "--ranks", 3]
    done = subprocess.run(command_line(*options), capture_output=True, text=True)
    assert done.returncode == 0 and f"Resuming at step {step}" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
@with_mpi
@pytest.mark.parametrize("number", ["SIGTERM", "SIGKILL"])
def test_whatever_ends_the_command_stops_all_ranks_with_a_checkpoint(number, tmp_path):
    process, started = begun(tmp_path / "run")
    before = (tmp_path / "run" / "last.safetensors").stat().st_mtime
    process.send_signal(getattr(signal, number))
    process.communicate(timeout=30)
    assert process.returncode == (143 if number == "SIGTERM" else -9) and none_is_left(started)
    assert (tmp_path / "run" / "last.safetensors").stat().st_mtime > before


@pytest.mark.slow
@with_mpi
def test_a_killed_launcher_leaves_no_rank(tmp_path):
    process, started = begun(tmp_path / "run")
    next(p for p in started if "mpiexec" in p.name()).kill()
    process.communicate(timeout=30)
    assert process.returncode and none_is_left(started)


@pytest.mark.slow
@with_mpi
def test_an_error_of_the_run_is_said_once(tmp_path):
    (tmp_path / "last.safetensors").write_text("no checkpoint")
    done = subprocess.run(
        command_line("--out", tmp_path, "--ranks", 2, "--resume"), capture_output=True, text=True, timeout=60
    )
    assert done.returncode and (done.stdout + done.stderr).count("error:") == 1, done.stderr


PROGRAM = """
import sys, time
import minitransformer as mt
from minitransformer import distributed as dist
dist.init_process_group("mpi", timeout=2)
rank = dist.get_rank()
exec(sys.argv[1])
dist.barrier()
"""


def on_ranks(code, count=3):
    """Run a program on MPI's ranks: exit code, what it printed, seconds."""
    begin = time.monotonic()
    command = [MPIEXEC, "-n", str(count), sys.executable, "-c", PROGRAM, code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=ranks.environment())
    return done.returncode, done.stdout + done.stderr, time.monotonic() - begin


@pytest.mark.slow
@with_mpi
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("if rank == 1: raise KeyError('weights')", "error: rank 1: KeyError: 'weights'"),
        ("dist.all_reduce(mt.ones(2 + rank))", "rank 0 calls all_reduce(float32 (2,), SUM), rank 1 calls all_reduce(float32 (3,)"),
        ("time.sleep(100 if rank == 1 else 0)", "in barrier(): rank 1 did not come within 2 seconds"),
        ("if rank == 1: dist.recv(mt.ones(2), 0)", "rank 1"),
        ("if rank == 1: sys.exit(3)", "in barrier(): rank 1 has ended without coming to it"),
        ("if rank == 1: sys.exit()\nif rank == 0: dist.recv(mt.ones(2), 1)", "rank 1 has ended"),
    ],
)  # fmt: skip
def test_errors_of_a_rank_end_all(code, said):
    status, printed, seconds = on_ranks(code)
    assert status and said in printed and printed.count("error:") == 1 and seconds < 20, printed


@pytest.mark.slow
@with_mpi
def test_a_rank_that_leaves_after_its_last_call_keeps_nobody():
    code = """
if rank == 1:
    dist.send(mt.ones(200_000), 0)
    dist.barrier()
    sys.exit()
if rank == 0:
    time.sleep(1)
    dist.recv(mt.ones(200_000), 1)
dist.barrier()
sys.exit()
"""
    assert on_ranks(code)[0] == 0


@pytest.mark.slow
@with_mpi
def test_collectives_of_processes():
    code = """
assert dist.get_backend() == "mpi"
x = mt.ones(3, dtype=mt.float16) * (rank + 1)
dist.all_reduce(x)
b = mt.tensor([rank == 1])
dist.all_reduce(b, dist.ReduceOp.MAX)
each = mt.zeros(3, 2)
dist.all_gather_into_tensor(each, mt.ones(2) * rank)
own, swapped = mt.zeros(1), mt.zeros(3)
dist.reduce_scatter_tensor(own, mt.arange(3.0))
dist.all_to_all_single(swapped, mt.arange(3.0) + 10 * rank)
dist.broadcast(y := mt.tensor([rank]), 2)
objects = [None] * 3
dist.all_gather_object(objects, "x" * rank)
pair = dist.new_group([0, 2])
if rank == 1:
    assert pair is dist.group.NON_GROUP_MEMBER
else:
    dist.all_reduce(z := mt.tensor([rank]), group=pair)
    assert z.item() == 2
sent = dist.isend(mt.ones(200_000) * rank, (rank + 1) % 3)
got = mt.zeros(200_000)
assert dist.recv(got) == (rank - 1) % 3 and sent.wait() and got[0].item() == (rank - 1) % 3
assert x.tolist() == [6.0] * 3 and b.tolist() == [True] and each.tolist() == [[0, 0], [1, 1], [2, 2]]
assert own.tolist() == [3.0 * rank] and swapped.tolist() == [rank, 10 + rank, 20 + rank]
assert y.tolist() == [2] and objects == ["", "x", "xx"]
sys.stdout.write("right\\n")
"""
    status, printed, _ = on_ranks(code)
    assert status == 0 and printed.count("right") == 3, printed


def test_without_the_extra_the_backend_says_what_to_install(monkeypatch):
    import minitransformer.collectives.mpi as mpi

    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(mpi.importlib, "import_module", missing)
    with pytest.raises(ImportError, match="mpi4py and mpich, which are not installed: .*mpi"):
        mpi.library()
