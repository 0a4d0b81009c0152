"""What the tests of a device share: the same work on both backends, and what it costs the host."""

import contextlib

import pytest

import minitransformer as mt

RTOL = {mt.float32: 1e-5, mt.float64: 1e-10}


def on_both(work):
    """What `work()` gives on NumPy and on CuPy, from the same seed."""
    results = []
    for backend in ("numpy", "cupy"):
        with mt.backend(backend):
            mt.manual_seed(3)
            results.append(work())
    return results


@contextlib.contextmanager
def no_waiting():
    """A block that raises where the host would wait for the device."""
    cupyx = pytest.importorskip("cupyx")
    with pytest.warns(UserWarning, match="not possible to reliably detect"), cupyx.allow_synchronize(False):
        yield


def counted(what, work):
    """How many "launches" or copies "to_host" `work()` asks for. An emulated device counts them; a real one does not."""
    emulated_gpu = pytest.importorskip(
        "emulated_gpu", reason="launches and copies are counted by the emulated device"
    )
    before = emulated_gpu.statistics()[what]
    work()
    return emulated_gpu.statistics()[what] - before
