"""The table says what is wanted, what was found, and whether that is it."""

from __future__ import annotations

import pytest

from tradingkb.testing.worlds.__main__ import main
from tradingkb.testing.worlds.row import Row, Wanted
from tradingkb.testing.worlds.run import Mean, Result
from tradingkb.testing.worlds.table import HEAD, line, summary

WANTED = (Wanted("covers", 0.86, 0.94), Wanted("raised", high=0.0))


def result(**means: Mean) -> Result:
    return Result(Row("a:b", lambda _: None, WANTED), means, repeats=9, seconds=2.0)  # type: ignore[arg-type,return-value]


def test_a_line_has_a_cell_for_every_title() -> None:
    assert line(result()).count("|") == HEAD.splitlines()[0].count("|")


def test_a_line_shows_what_was_found_beside_what_is_wanted() -> None:
    shown = line(result(covers=Mean(0.9, 0.01, 9), raised=Mean(0.0, 0.0, 9)))
    assert "covers 0.86 to 0.94: 0.9 ± 0.01; raised ≤ 0: 0 ± 0 | yes |" in shown


def test_a_line_marks_what_misses_and_what_more_repeats_might_say_otherwise() -> None:
    shown = line(result(covers=Mean(0.85, 0.02, 8), raised=Mean(1.0, 0.1, 9)))
    assert "0.85 ± 0.02 of 8 ~ ✗; raised ≤ 0: 1 ± 0.1 ✗ | no |" in shown
    assert "covers 0.86 to 0.94: unknown" in line(result())


def test_an_absurd_figure_takes_no_more_room_than_another() -> None:
    assert "| 2.8e+11 ± 7.8e+10 |" in line(result(bias=Mean(280872041714.4, 77702153742.3, 9)))


def test_the_summary_counts_rows() -> None:
    good = result(covers=Mean(0.9, 0.01, 9), raised=Mean(0.0, 0.0, 9))
    assert summary([good, result()]) == "1 of 2 rows met; 4 s of processor time"


def test_the_command_prints_the_rows_that_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "copies:few trials twice", "--repeats", "1", "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(HEAD)
    assert out.count("| copies:few trials twice | 1 |") == 1
    assert "of 1 rows met" in out


def test_the_command_names_families_when_a_row_is_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "roling"])
    assert "no row roling; families are noise, rolling" in capsys.readouterr().err
