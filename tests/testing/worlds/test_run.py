"""A row is the means over its worlds, each of which a seed draws again."""

from __future__ import annotations

import numpy as np
import pytest

from tradingkb.testing.worlds.row import Row, Wanted
from tradingkb.testing.worlds.run import ROWS, Mean, Result, repeat, run, run_row

NAME = "copies:few trials twice"


def found(**means: Mean) -> Result:
    row = Row("a:b", lambda _: None, (Wanted("covers", 0.85), Wanted("moved", high=0.1)))  # type: ignore[arg-type,return-value]
    return Result(row, means, repeats=4, seconds=0.0)


def test_a_repeat_draws_the_same_world_again() -> None:
    assert repeat(NAME, 3)[0] == repeat(NAME, 3)[0]
    assert repeat(NAME, 3)[0] != repeat(NAME, 4)[0]


def test_a_mean_counts_the_repeats_that_know_the_figure() -> None:
    result = run_row(NAME, 3)
    known = [f["dsr"] for f, _ in (repeat(NAME, n) for n in range(3)) if "dsr" in f]
    assert result.repeats == 3
    assert result.means["dsr"].n == len(known)
    assert result.means["dsr"].value == pytest.approx(np.mean(known))


def test_other_processes_draw_the_same_worlds() -> None:
    (found,) = run([NAME], repeats=1, jobs=2)
    assert found.means == run_row(NAME, 1).means


def test_everything_that_is_wanted_must_hold_and_what_is_unknown_does_not() -> None:
    assert found(covers=Mean(0.9, 0.1, 4), moved=Mean(0.1, 0.0, 4)).all_met
    assert not found(covers=Mean(0.84, 0.1, 4), moved=Mean(0.1, 0.0, 4)).all_met
    assert not found(covers=Mean(0.9, 0.1, 4)).all_met


def test_a_bound_within_two_standard_errors_is_told() -> None:
    result = found(covers=Mean(0.9, 0.03, 4), moved=Mean(0.5, 0.1, 4))
    assert [result.within_noise(w) for w in result.row.wanted] == [True, False]


def test_rows_have_names_of_their_own() -> None:
    assert all(":" in name and row.name == name for name, row in ROWS.items())
    assert len({row.family for row in ROWS.values()}) >= 12
