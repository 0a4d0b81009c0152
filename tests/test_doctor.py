"""`doctor` names what is missing, with a command that can be copied."""

import importlib.metadata
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

import minitransformer as mt
from minitransformer import cli
from minitransformer import devices as devices_module
from minitransformer.bench import Row
from minitransformer.bench.smollm2 import needed
from minitransformer.cli import bench as bench_command
from minitransformer.installing import install_line
from minitransformer.models.llama import LlamaConfig
from minitransformer.verify import Result

doctor = sys.modules["minitransformer.cli.doctor"]
verify = sys.modules["minitransformer.cli.verify"]


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["minitransformer", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    printed = capsys.readouterr()
    return stop.value.code or 0, " ".join((printed.out + printed.err).split())


def test_all_is_there(monkeypatch, capsys):
    code, out = run(monkeypatch, capsys, "doctor")
    assert code == 0 and "backend numpy: works" in out


def test_commands_can_be_copied(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("MINITRANSFORMER_BACKEND", raising=False)
    monkeypatch.setattr(doctor, "cupy_state", lambda: "not installed: pip install 'minitransformer[cuda12]'")
    code, out = run(monkeypatch, capsys, "doctor")
    assert code == 0 and "minitransformer[test]" in out and "minitransformer[cuda12]" in out


class Runtime:
    """A CUDA runtime as CuPy shows it: versions, the number of devices, or the error that asking for it gives."""

    class CUDARuntimeError(RuntimeError):
        def __init__(self, status):
            super().__init__(f"cudaError {status}")
            self.status = status

    def __init__(self, driver, devices):
        self.driverGetVersion, self.runtimeGetVersion = lambda: driver, lambda: 13020
        self.devices = devices

    def getDeviceCount(self):
        if isinstance(self.devices, int):
            return self.devices
        raise self.CUDARuntimeError(*self.devices)


STATES = [
    (0, [35], "there is no NVIDIA driver: install one"),
    (
        12040,
        [35],
        r"the NVIDIA driver supports CUDA 12.4, CuPy needs 13.2: update the driver, or install 'minitransformer\[cuda12\]'",
    ),
    (13020, [100], "shows no GPU: is one there, and visible .CUDA_VISIBLE_DEVICES."),
    (13020, 0, "shows no GPU"),
    (13020, [999], "CUDA reports: cudaError 999"),
]


@pytest.mark.parametrize("driver, devices, problem", STATES)
def test_what_is_wrong_with_a_gpu_is_told_apart(monkeypatch, driver, devices, problem):
    runtime = Runtime(driver, devices)
    monkeypatch.setattr(
        "minitransformer.devices.cupy", lambda: SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    )
    devices_module.gpu.cache_clear()
    assert re.search(f"installed, but .*{problem}", doctor.cupy_state())
    for use in (lambda: mt.use_backend("cupy"), lambda: mt.ones(1, device="cpu").to("cuda")):
        with pytest.raises(RuntimeError, match=f"the device 'cuda' cannot be used: .*{problem}"):
            use()
    devices_module.gpu.cache_clear()


def test_without_cupy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    devices_module.gpu.cache_clear()
    assert re.search(r"not installed, .*minitransformer\[cuda13\]", doctor.cupy_state())
    with pytest.raises(ImportError, match=r"needs CuPy, which is not installed: .*pip install .*cuda12"):
        mt.use_backend("cupy")
    devices_module.gpu.cache_clear()


def test_a_missing_package_is_an_error(monkeypatch, capsys):
    def version(name):
        if name == "safetensors":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(importlib.metadata, "version", version)
    code, out = run(monkeypatch, capsys, "doctor", "--json")
    assert code == 1 and json.loads(out)["packages"]["safetensors"] is None


def test_verify_without_pytorch_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr("minitransformer.verify.report.has_torch", lambda: False)
    verify._print([Result("add", "op", "float64", "cpu", 1e-9, None, True)])
    assert "minitransformer[test]" in capsys.readouterr().out


def test_bench_without_a_package_says_what_to_install(capsys):
    sys.modules["minitransformer.cli.bench"]._print(
        [Row("lime", "lime", None, note="pip install 'minitransformer[test]'")]
    )
    assert "minitransformer[test]" in "".join(capsys.readouterr().out.split())
    assert callable(bench_command)


def test_every_command_has_help():
    names = [command.callback.__name__ for command in cli.app.registered_commands]
    assert {
        "tour",
        "train",
        "generate",
        "explain",
        "verify",
        "bench",
        "fetch",
        "doctor",
        "start",
        "check",
    } <= set(names)
    for command in typer.main.get_command(cli.app).commands.values():
        assert {"seed", "backend"} <= {param.name for param in command.params} and command.help, command.name
    for name in ("train", "check"):
        command = [sys.executable, "-c", "from minitransformer.cli import main; main()", name, "--help"]
        done = subprocess.run(command, capture_output=True)
        assert done.returncode == 0 and b"--seed" in done.stdout


def test_the_shared_options_are_seen_to_first(monkeypatch, capsys):
    code, out = run(monkeypatch, capsys, "progress", "--backend", "abacus")
    assert code == 1 and "expected 'numpy' or 'cupy', got 'abacus'" in out


def test_doctor_is_asked_for_a_backend(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "cupy_state", lambda: "installed, but no driver")
    code, out = run(monkeypatch, capsys, "doctor", "--backend", "cupy")
    assert code == 1 and "installed, but no driver" in out
    assert run(monkeypatch, capsys, "doctor", "--backend", "numpy")[0] == 0


def test_what_smollm2_needs_to_write():
    config = LlamaConfig(13, 16, 20, 2, 4, 2)
    # keys and values, bytes, tokens, layers, groups, sizes
    assert needed(config, 1000, 5) == 1000 + 2 * 4 * 5 * 2 * 2 * 4


# ---- lines that install ----


def test_a_line_that_installs_names_the_python_that_runs():
    line = install_line("lime", "[lessons]")
    assert line == f"{shlex.quote(sys.executable)} -m pip install lime 'minitransformer[lessons]'"


def test_a_clone_that_is_not_installed_is_installed_from_where_it_is(monkeypatch, tmp_path):
    def not_there(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", not_there)
    monkeypatch.setattr("minitransformer.installing.ROOT", clone := tmp_path / "my clone")
    assert "install 'minitransformer[test]'" in install_line("[test]")
    clone.mkdir()
    (clone / "pyproject.toml").touch()
    assert install_line("[test]").endswith(f"install '{clone}[test]'")


def test_an_environment_without_pip_gets_it_first(monkeypatch):
    monkeypatch.setattr("minitransformer.installing.PathFinder", SimpleNamespace(find_spec=lambda name: None))
    assert "-m ensurepip && " in install_line("lime")


def test_to_look_for_pip_leaves_setuptools_as_it_is():
    """Before Python 3.12, a search for pip that passes setuptools' own finder makes a later `import setuptools` fail."""
    code = "from minitransformer.installing import install_line; install_line('lime'); import setuptools"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_other_line_installs():
    """Every suggestion goes through that one function."""
    package = Path(mt.__file__).parent
    elsewhere = [p for p in package.rglob("*.py") if p.name not in ("installing.py", "pip.py")]
    assert not [p.name for p in elsewhere if "pip install" in p.read_text("utf-8")]


@pytest.mark.slow
def test_the_line_needs_no_index_where_minitransformer_is_installed():
    """pip takes the extras of the installed one: nothing is looked up, even where no index is to be had."""
    command = [*shlex.split(install_line("[models]")), "--dry-run", "--no-index"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert "Could not find a version that satisfies the requirement minitransformer" not in ran.stderr, (
        ran.stderr
    )
