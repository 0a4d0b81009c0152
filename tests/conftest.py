"""What every test starts from: a backend, a seed, and pictures without a screen."""

import os

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
# Before NumPy and PyTorch are imported: products of these sizes lose by a second thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser):
    parser.addoption(
        "--backend", choices=("numpy", "cupy"), default="numpy", help="the array library to test on"
    )


def pytest_ignore_collect(collection_path, config):
    """What only a device can show needs one."""
    return (
        True
        if collection_path.name.startswith("test_cupy") and config.getoption("--backend") == "numpy"
        else None
    )


def pytest_collection_modifyitems(config, items):
    """On a device, a test marked `host` says nothing new; its reason is listed."""
    for item in items:
        if config.getoption("--backend") != "numpy" and (mark := item.get_closest_marker("host")):
            item.add_marker(pytest.mark.skip(reason=mark.args[0]))


@pytest.fixture(autouse=True)
def _backend_and_seed(request, monkeypatch):
    import minitransformer as mt

    # for the programs that a test starts
    monkeypatch.setenv("MINITRANSFORMER_BACKEND", request.config.getoption("--backend"))
    with mt.backend(request.config.getoption("--backend")):
        mt.manual_seed(0)
        yield


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs the command as a user would; returns the exit code and what was printed."""
    from minitransformer import cli

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["minitransformer", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        printed = capsys.readouterr()
        return stop.value.code or 0, printed.out + printed.err

    return run
