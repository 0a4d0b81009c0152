"""Two checkouts beside each other: what is compared, and how sure it is."""

import pytest

from minitransformer.bench import checkouts, works
from minitransformer.cli import main
from minitransformer.statistics import median_interval

pytestmark = pytest.mark.host("times processes of its own")


def test_a_folder_that_is_no_checkout_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["minitransformer", "bench", "--beside", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code and "expected a checkout of minitransformer" in capsys.readouterr().err


def test_a_name_that_no_benchmark_has_is_refused_beside_a_checkout_too(monkeypatch, capsys):
    asked = ["--beside", str(checkouts.HERE), "--only", "wrong"]
    monkeypatch.setattr("sys.argv", ["minitransformer", "bench", *asked])
    monkeypatch.setattr(checkouts, "_in_a_process", lambda name, checkout: 1.0)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code and "only: expected one of op," in capsys.readouterr().err


SIGN_TEST = [([3, 1, 2], 1, 3), (range(5), 0, 4), (range(6), 0, 5), (range(9), 1, 7), (range(20), 5, 14)]


@pytest.mark.parametrize("values, low, high", SIGN_TEST)
def test_the_interval_of_a_median(values, low, high):
    """The order statistics of tables of the sign test at 95 %."""
    assert median_interval(list(values))[::2] == (low, high)


def test_each_checkout_goes_first_every_other_time(tmp_path, monkeypatch):
    (tmp_path / "minitransformer").mkdir()
    (tmp_path / "minitransformer" / "__init__.py").touch()
    order = []

    def measured(name, checkout):
        order.append(checkout == tmp_path)
        return 1.0 if checkout == tmp_path else 2.0

    monkeypatch.setattr(checkouts, "_in_a_process", measured)
    rows = list(checkouts.beside(tmp_path, 3))
    assert [row.name for row in rows] == [*works.WORKS, works.MEMORY]
    assert order[:6] == [False, True, True, False, False, True]
    assert {(row.ratio.low, row.ratio.median, row.ratio.high, row.met) for row in rows} == {
        (2.0, 2.0, 2.0, False)
    }


def test_a_work_is_measured_in_a_process_of_its_own():
    assert 0 < checkouts._in_a_process("one-element multiply + backward", checkouts.HERE) < 1
