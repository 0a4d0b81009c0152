"""What the tests of the course's commands share."""

import pytest

from minitransformer import cli


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run the `minitransformer` command in an empty folder; its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["minitransformer", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        printed = capsys.readouterr()
        return stop.value.code or 0, printed.out + printed.err

    return run
