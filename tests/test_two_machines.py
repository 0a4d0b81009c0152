"""Ranks on two machines, which are two network namespaces of one: what they send goes over a cable, and nothing else joins them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from test_ranks import MPIEXEC, with_mpi

from minitransformer import checkpoint
from minitransformer.cli import ranks

pytestmark = [pytest.mark.host("processes that share out the cores; a device is one"), pytest.mark.slow]
HOSTS = {"10.77.0.1": "mt-one", "10.77.0.2": "mt-two"}
# in place of ssh: options, the host, the command
REMOTE = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
case $1 in 10.77.0.1) name=mt-one;; *) name=mt-two;; esac
shift
exec ip netns exec $name sh -c "$*"
"""


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


@pytest.fixture(scope="module")
def machines():
    """Two namespaces, joined by a cable."""
    if shutil.which("ip") is None or ip("netns", "add", "mt-one", check=False).returncode:
        pytest.skip("needs `ip netns`, and the right to use it")
    try:
        ip("netns", "add", "mt-two")
        ip(*"link add mt1 netns mt-one type veth peer name mt2 netns mt-two".split())
        for (address, name), link in zip(HOSTS.items(), ("mt1", "mt2"), strict=True):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", link)
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", link, "up")
        yield
    finally:
        for name in HOSTS.values():
            ip("netns", "del", name, check=False)


def on_both(tmp_path, count, *command):
    """Run a command by mpiexec, which stands on the first machine."""
    remote = tmp_path / "remote"
    remote.write_text(REMOTE)
    remote.chmod(0o755)
    launcher = ["-launcher", "ssh", "-launcher-exec", str(remote), "-iface", "mt1"]
    hosts = ["-hosts", ",".join(HOSTS), "-n", str(count)]
    line = ["ip", "netns", "exec", "mt-one", MPIEXEC, *launcher, *hosts, *map(str, command)]
    variables = {name: value for name, value in ranks.environment().items() if name != ranks.HELD}
    return subprocess.run(line, capture_output=True, text=True, timeout=120, env=variables)


PROGRAM = """
import subprocess, sys
import minitransformer as mt
from minitransformer import distributed as dist
dist.init_process_group("mpi", timeout=20)
x = mt.ones(1_000_000) * (dist.get_rank() + 1)
dist.all_reduce(x)
seen = subprocess.run(["ip", "-4", "-o", "addr"], capture_output=True, text=True).stdout
if sys.argv[1:] == ["fail"] and dist.get_rank() == 1:
    raise KeyError("weights")
dist.barrier()
sys.stdout.write(f"{dist.get_rank()} {x[0].item()} {'10.77.0.1' in seen} {'10.77.0.2' in seen}\\n")
"""


@with_mpi
def test_ranks_on_two_machines_add_up(machines, tmp_path):
    done = on_both(tmp_path, 2, sys.executable, "-c", PROGRAM)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split("\n")) == ["", "0 3.0 True False", "1 3.0 False True"]
    assert not done.stderr  # no message is left over


@with_mpi
def test_an_error_on_one_machine_ends_the_other(machines, tmp_path):
    done = on_both(tmp_path, 2, sys.executable, "-c", PROGRAM, "fail")
    assert done.returncode and "error: rank 1: KeyError: 'weights'" in done.stderr


@with_mpi
def test_a_mesh_over_two_machines_trains_what_one_process_trains(machines, tmp_path):
    train = [sys.executable, "-c", ranks.AGAIN, "train", "dates"]
    small = ["--d-model", 8, "--nhead", 2, "--steps", 4, "--json"]
    done = on_both(tmp_path, 4, *train, "--out", tmp_path / "two", *small, "--tensor", 2, "--pipeline", 2)
    assert done.returncode == 0, done.stderr
    line = [*map(str, [*train, "--out", tmp_path / "one", *small])]
    alone = subprocess.run(
        line, capture_output=True, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    )
    two, one = (checkpoint.load(Path(json.loads(text.stdout)["last"])) for text in (done, alone))
    assert numpy.allclose(two["losses"], one["losses"], rtol=1e-4)
