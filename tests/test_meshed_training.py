"""`train --tensor T --pipeline P`: what one process trains, whatever the layout; and checkpoints that any layout goes on from."""

import json
import signal
import subprocess
import time

import numpy
import pytest
from test_ranks import SMALL, begun, check_alike, command_line, is_rank, none_is_left, with_mpi

import minitransformer as mt
from minitransformer import checkpoint, distributed
from minitransformer.meshed import ONE, Layout, chosen
from minitransformer.recipes import RECIPES
from minitransformer.settings import setting

pytestmark = pytest.mark.host("processes that share out the cores; a device is one")


def settings(kind, tmp_path, **more):
    if kind not in ("dates", "classifier"):
        text = tmp_path / "text.txt"
        text.write_text("the cat sat on the mat and the dog lay by the door of the old house\n" * 60)
        more = {"data": str(text), "vocab_size": 270, **more}
    return {**SMALL, "num_layers": 2, **more}


def trained(kind, directory, until, **sizes):
    mt.manual_seed(1)
    trainer = RECIPES[kind].of(**sizes).trainer(directory)[0]
    trainer.evaluate_every = 2
    trainer.resume()
    trainer.steps = until
    trainer.run()
    return trainer


def run(kind, directory, until, ranks, layout, **sizes):
    def work(rank):
        distributed.init_process_group("local", timeout=60)
        with setting(chosen, layout):
            return trained(kind, directory, until, **sizes).losses

    return distributed.spawn(work, nprocs=ranks)


def forms(state, name=""):
    """The names in a checkpoint, with dtypes and shapes of arrays."""
    if isinstance(state, dict):
        return {k: forms(v) for k, v in state.items() if k not in ("losses", "evaluations", "random")}
    array = numpy.asarray(state) if hasattr(state, "dtype") else None
    return type(state).__name__ if array is None else (str(array.dtype), array.shape)


@pytest.mark.parametrize(
    ("kind", "layouts"),
    [
        ("dates", [(4, Layout(2, 2)), (2, Layout(1, 2)), (1, ONE)]),
        ("gpt", [(1, ONE), (4, Layout(2, 2)), (2, Layout(2, 1))]),
        ("language-model", [(2, ONE), (2, Layout(1, 2)), (4, Layout(2, 1))]),
        (
            "bert-masked-lm",
            [(2, Layout(2, 1)), (1, ONE), (4, Layout(2, 1))],
        ),  # the loss itself draws which words are hidden
        ("classifier", [(2, Layout(2, 1)), (1, ONE), (4, Layout(2, 1))]),
    ],
)
def test_a_run_goes_on_in_any_layout_as_if_one_process_had_done_it_all(kind, layouts, tmp_path):
    """Two steps in each of three layouts. As asked of others: https://github.com/pytorch/pytorch/issues/65650."""
    sizes = settings(kind, tmp_path)
    alone = trained(kind, tmp_path / "alone", 6, **sizes)
    for steps, (ranks, layout) in zip((2, 4, 6), layouts, strict=True):
        losses = run(kind, tmp_path / "run", steps, ranks, layout, **sizes)
        assert all(found == losses[0] for found in losses)
    states = [checkpoint.load(tmp_path / name / "last.safetensors") for name in ("alone", "run")]
    check_alike(*states)
    assert forms(states[0]) == forms(states[1])
    assert numpy.allclose(alone.evaluations, states[1]["evaluations"], rtol=1e-3)
    assert (tmp_path / "run" / "best.safetensors").exists()


def test_an_error_of_the_first_ranks_report_is_said_at_once(tmp_path):
    """Such as a terminal that is closed: no checkpoint can be written by one rank alone."""

    def closed(trainer):
        raise BrokenPipeError("closed")

    def work(rank):
        distributed.init_process_group("local", timeout=60)
        with setting(chosen, Layout(2, 1)):
            RECIPES["dates"].of(**SMALL).trainer(tmp_path)[0].run(closed if rank == 0 else None)

    begun = time.monotonic()
    with pytest.raises(distributed.DistError, match="^rank 0: BrokenPipeError: closed"):
        distributed.spawn(work, nprocs=2)
    assert time.monotonic() - begun < 30


def test_models_that_are_no_row_of_blocks_are_refused(tmp_path):
    with pytest.raises(distributed.DistError, match="expected a GPT, LanguageModel or Seq2Seq"):
        run("classifier", tmp_path / "run", 2, 2, Layout(1, 2), **SMALL)


def test_models_without_layers_to_cut_are_refused(tmp_path):
    with pytest.raises(distributed.DistError, match="expected a model with a TransformerEncoderLayer"):
        run("t5", tmp_path / "run", 2, 2, Layout(2, 1), **settings("t5", tmp_path))


def test_a_number_of_ranks_that_does_not_fit_is_refused(command):
    code, printed = command("train", "dates", "--ranks", "3", "--tensor", "2")
    assert code == 1 and "--ranks: expected a multiple of 2, the product" in printed


@pytest.mark.slow
@with_mpi
def test_four_processes_on_a_mesh_and_any_of_them_killed(tmp_path):
    """The run goes on in another layout, and on one process."""
    process, started = begun(tmp_path / "run", "--tensor", 2, "--pipeline", 2, count=4)
    [p for p in started if is_rank(p)][-1].kill()
    process.communicate(timeout=60)
    assert process.returncode and none_is_left(started)
    step = len(checkpoint.load(tmp_path / "run" / "last.safetensors")["losses"])
    for more, layout in ((2, ["--pipeline", 2]), (4, [])):
        options = ["--out", tmp_path / "run", "--resume", "--steps", step + more, "--json", *layout]
        done = subprocess.run(command_line(*options), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["step"] == step + more


@pytest.mark.slow
@with_mpi
def test_ctrl_c_stops_a_mesh_with_one_checkpoint(tmp_path):
    process, started = begun(tmp_path / "run", "--tensor", 2, count=2)
    process.send_signal(signal.SIGINT)
    printed = process.communicate(timeout=60)[0]
    assert process.returncode == 130 and printed.count("Stopped; resume with") == 1 and none_is_left(started)
