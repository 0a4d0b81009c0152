"""What every test starts from: a backend, a seed, and pictures without a screen."""

import os

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_addoption(parser):
    parser.addoption("--backend", choices=("numpy", "cupy"), default="numpy", help="the array library to test on")


@pytest.fixture(autouse=True)
def _backend_and_seed(request):
    import minitransformer as mt

    with mt.backend(request.config.getoption("--backend")):
        mt.manual_seed(0)
        yield
