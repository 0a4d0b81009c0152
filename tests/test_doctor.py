"""`doctor`: what is missing is told, with a command that can be copied as it stands."""

import importlib.metadata
import json
import subprocess
import sys

import pytest

from minitransformer import cli
from minitransformer.cli import bench as bench_command
from minitransformer.cli.benchmarks import Row
from minitransformer.cli.verify import Result

doctor = sys.modules["minitransformer.cli.doctor"]
verify = sys.modules["minitransformer.cli.verify"]


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["minitransformer", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0, " ".join(capsys.readouterr().out.split())


def test_all_is_there(monkeypatch, capsys):
    code, out = run(monkeypatch, capsys, "doctor")
    assert code == 0 and "backend numpy: works" in out


def test_commands_can_be_copied(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(doctor, "cupy_state", lambda: "not installed: pip install 'minitransformer[cuda12]'")
    code, out = run(monkeypatch, capsys, "doctor")
    assert code == 0 and "minitransformer[test]" in out and "minitransformer[cuda12]" in out


def test_a_missing_package_is_an_error(monkeypatch, capsys):
    def version(name):
        if name == "safetensors":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(importlib.metadata, "version", version)
    code, out = run(monkeypatch, capsys, "doctor", "--json")
    assert code == 1 and json.loads(out)["packages"]["safetensors"] is None


def test_verify_without_pytorch_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(verify, "has_torch", lambda: False)
    verify._print([Result("add", "op", "float64", "cpu", 1e-9, None, True)])
    assert "minitransformer[test]" in capsys.readouterr().out


def test_bench_without_a_package_says_what_to_install(capsys):
    sys.modules["minitransformer.cli.bench"]._print([Row("lime", "lime", None, note="pip install 'minitransformer[test]'")])
    assert "minitransformer[test]" in "".join(capsys.readouterr().out.split())
    assert callable(bench_command)


def test_every_command_has_help():
    names = [command.callback.__name__ for command in cli.app.registered_commands]
    assert {"tour", "train", "generate", "explain", "verify", "bench", "fetch", "doctor", "start", "check"} <= set(names)
    for name in ("train", "explain"):
        command = [sys.executable, "-c", "from minitransformer.cli import main; main()", name, "--help"]
        done = subprocess.run(command, capture_output=True)
        assert done.returncode == 0 and b"--seed" in done.stdout
