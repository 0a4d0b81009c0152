"""Any commands that run at the same time in a learner's folder, some of them killed: no passed exercise is lost."""

import random
import subprocess
import sys
import threading
import time

import pytest

from minitransformer import disk
from minitransformer.course import catalogue, workspace
from minitransformer.course.report import Report
from minitransformer.course.workspace import Workspace

LESSON = "06_attention"
NAMES = catalogue.lessons()[LESSON]


class Killed(BaseException):
    """What stands for `kill -9` here: nothing of the command goes on."""


class World:
    """A learner's commands, several at once, each in a thread: pauses are drawn from `seed`, and now and then one is killed."""

    def __init__(self, folder, seed, monkeypatch):
        self.folder, self.random, self.told = folder, random.Random(seed), set()
        folder.mkdir()
        (folder / f"{LESSON}.py").write_text("right", encoding="utf-8")
        for name in ("read_progress", "write_progress"):
            monkeypatch.setattr(workspace, name, self.haunted(getattr(workspace, name)))
        monkeypatch.setattr(workspace, "check_file", self.haunted(self.verdict))
        monkeypatch.setattr(disk, "POLL", 0.0002)

    def haunted(self, function):
        """`function` with a pause before and after it, in which the command may be killed."""

        def call(*arguments):
            self.pause()
            result = function(*arguments)
            self.pause()
            return result

        return call

    def pause(self):
        time.sleep(self.random.uniform(0, 0.0005))
        if self.random.random() < 0.04:
            raise Killed

    def verdict(self, name, file):
        """A right answer on a machine that is so busy that one check in five is stopped."""
        return Report(name, self.random.choice(["passed"] * 4 + ["stopped"]))

    def command(self, space):
        """One command, which may be killed. What it has printed counts."""
        name = self.random.choice(NAMES)
        what = self.random.choice(["check"] * 4 + ["hint", "solution", "notebook"])
        if what == "check" and space.check(name).passed:
            self.told.add(name)
        elif what == "notebook":
            space.keep_answer(name, {name: f"{name} = {self.random.random()}\n"})
            self.told.add(name)
        elif what == "hint":
            space.next_hint(name)
        elif what == "solution":
            space.give_up(name)

    def terminal(self):
        """A terminal, in which one command follows the other; some open the folder once, as `watch` does."""
        space = Workspace(self.folder)
        for _ in range(self.random.randint(1, 4)):
            try:
                self.command(space if self.random.random() < 0.5 else Workspace.open(self.folder))
            except Killed:
                space = Workspace(self.folder)  # a new process knows nothing

    def run(self):
        threads = [threading.Thread(target=self.terminal) for _ in range(self.random.randint(2, 4))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def lost(folder, seed):
    """The passed exercises that were printed, but are not in the progress file."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        world = World(folder, seed, monkeypatch)
        world.run()
    assert world.told <= set(NAMES)
    return world.told - set(Workspace.open(folder).passed)


@pytest.mark.parametrize(
    "seeds", [range(60), pytest.param(range(60, 1060), marks=pytest.mark.slow)], ids=["60", "1,000"]
)
def test_no_interleaving_loses_a_pass(tmp_path, seeds):
    assert not {seed: gone for seed in seeds if (gone := lost(tmp_path / str(seed), seed))}


START = """
import sys
from minitransformer.course import workspace
from minitransformer.course.report import Report
workspace.check_file = lambda name, file: Report(name, "passed")
for name in sys.argv[2:]:
    space = workspace.Workspace.open(workspace.Path(sys.argv[1]))
    space.next_hint(name)
    print(name if space.check(name).passed else "", flush=True)
"""


@pytest.mark.parametrize(
    "seeds", [range(2), pytest.param(range(2, 22), marks=pytest.mark.slow)], ids=["2", "20"]
)
def test_no_killed_process_takes_a_pass_along(tmp_path, seeds):
    """Three processes, each with its own exercises, are killed by the system at any moment."""
    for seed in seeds:
        rng, folder, told = random.Random(seed), tmp_path / str(seed), set()
        names = [rng.sample(catalogue.exercise_names(), 12) for _ in range(3)]
        commands = [[sys.executable, "-c", START, str(folder), *some] for some in names]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
        for process in running:
            told.add(process.stdout.readline().strip())
        time.sleep(rng.uniform(0, 0.1))
        for process in running:
            process.kill()
            told |= set(process.communicate()[0].split())
        found = Workspace.open(folder)
        assert told and told <= set(found.passed) and told <= set(found.hints)
