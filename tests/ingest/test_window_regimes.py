"""Windows of trials get their regimes once, and a scaler its windows when they have doubled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tests.ingest.scopes import CALM, WILD, incoming, stored, windows
from tradingkb.domain import FEATURES, Regime, RegimeScaler, regime_from_json, regime_to_json
from tradingkb.ingest.window_regimes import (
    WINDOW_COLUMNS,
    changed_windows,
    count_fresh,
    current_scaler,
    feature_matrix,
    measure_missing,
    merge_windows,
    refit_at,
)

START = datetime(2020, 1, 1, tzinfo=UTC)


def regimes_of(frame: pl.DataFrame) -> list[tuple[str, str | None, str | None]]:
    return frame.select("window_key", "regime_is", "regime_oos").rows()


# --- merging --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "known", "merged"),
    [
        ((None, None), None, (None, None)),
        ((None, None), (CALM, WILD), (CALM, WILD)),
        ((WILD, None), (CALM, CALM), (WILD, CALM)),
        ((WILD, CALM), None, (WILD, CALM)),
        ((None, WILD), (CALM, None), (CALM, WILD)),
    ],
)
def test_a_regime_that_comes_with_a_trial_comes_before_the_stored_one(
    given: tuple[str | None, str | None],
    known: tuple[str | None, str | None] | None,
    merged: tuple[str | None, str | None],
) -> None:
    trials = incoming("t1", "t2", regime_is=given[0], regime_oos=given[1])
    here = stored(("w1", *known)) if known else stored()
    assert regimes_of(merge_windows(trials, here)) == [("w1", *merged)]


def test_merged_windows_are_those_of_the_trials_each_once_by_key() -> None:
    trials = pl.concat(
        [incoming(n, window_key=w) for n, w in [("a", "w3"), ("b", "w1"), ("c", "w3")]]
    )
    merged = merge_windows(trials, stored(("w1", CALM, None), ("w2", CALM, CALM)))
    assert regimes_of(merged) == [("w1", CALM, None), ("w3", None, None)]
    assert tuple(merged.columns) == WINDOW_COLUMNS


def test_neither_the_order_of_the_trials_nor_who_brings_a_regime_makes_a_difference() -> None:
    parts = [incoming("a"), incoming("b", regime_is=CALM), incoming("c", regime_is=WILD)]
    merged = [
        merge_windows(pl.concat([parts[i] for i in order]), stored())
        for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2))
    ]
    assert all(frame.equals(merged[0]) for frame in merged)
    assert merged[0]["regime_is"][0] is not None


# --- measuring ------------------------------------------------------------------------------------


def dated(**facts: object) -> pl.DataFrame:
    """One window with both samples, of 100 days each."""
    at = {n: START + timedelta(days=d) for n, d in DAYS.items()}
    return (
        windows(("w1", None, None))
        .with_columns(
            pl.lit(value).cast(pl.Datetime("us", "UTC")).alias(name) for name, value in at.items()
        )
        .with_columns(**{n: pl.lit(v, dtype=pl.String) for n, v in facts.items()})
    )


DAYS = {"is_start": 0, "is_end": 100, "oos_start": 100, "oos_end": 200}


def prices(days: int = 200) -> pl.DataFrame:
    close = 100 + np.sin(np.arange(days) / 5) + np.arange(days) / 50
    return pl.DataFrame(
        {
            "ts": [START + timedelta(days=i) for i in range(days)],
            "open": close,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": np.full(days, 10.0),
        }
    )


def test_what_is_missing_is_measured_and_what_is_there_is_kept() -> None:
    both, n, notes = measure_missing(dated(), prices())
    assert (n, notes) == (1, ())
    half, n, _ = measure_missing(dated(regime_is=CALM), prices())
    assert (n, half["regime_is"][0]) == (1, CALM)
    assert half["regime_oos"][0] == both["regime_oos"][0]
    assert both["regime_oos"].null_count() == 0


def test_nothing_is_measured_twice() -> None:
    measured, _, _ = measure_missing(dated(), prices())
    again, n, notes = measure_missing(measured, prices())
    assert (n, notes) == (0, ())
    assert again is measured


@pytest.mark.parametrize("which", ["no prices", "no dates"])
def test_without_prices_or_dates_nothing_is_measured(which: str) -> None:
    here = dated() if which == "no prices" else windows(("w1", None, None))
    assert measure_missing(here, None if which == "no prices" else prices()) == (here, 0, ())


def test_windows_that_cannot_be_measured_are_told_by_cause_with_their_number() -> None:
    late = dated().with_columns(pl.col(list(DAYS)) + timedelta(days=5000))
    both = pl.concat([late, late.with_columns(window_key=pl.lit("w2"))])
    merged, n, notes = measure_missing(both, prices())
    assert n == 0
    assert regimes_of(merged) == [("w1", None, None), ("w2", None, None)]
    assert all(note.startswith("no regime: ") for note in notes)
    assert sum(int(note.rpartition("[")[2].split()[0]) for note in notes) == 4
    assert list(notes) == sorted(set(notes))


# --- what changes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "before", "changed"),
    [
        ((CALM, None), (CALM, None), False),
        ((None, None), (None, None), False),
        ((CALM, None), (WILD, None), True),
        ((CALM, WILD), (CALM, None), True),
        ((CALM, None), None, True),
    ],
)
def test_a_window_changes_when_it_is_new_or_has_other_regimes(
    now: tuple[str | None, str | None], before: tuple[str | None, str | None] | None, changed: bool
) -> None:
    here = stored(("w1", *before)) if before else stored()
    found = changed_windows(windows(("w1", *now)), here)
    assert found["window_key"].to_list() == (["w1"] if changed else [])


@pytest.mark.parametrize(
    ("trials", "here", "measuring", "n"),
    [
        (incoming("a", "b"), stored(), False, 0),
        (incoming("a", "b"), stored(), True, 1),
        (incoming("a", regime_is=CALM), stored(), False, 1),
        (incoming("a", regime_oos=CALM), stored(("w1", None, None)), False, 1),
        (incoming("a", regime_oos=CALM), stored(("w1", CALM, None)), False, 0),
        (incoming("a"), stored(("w1", None, WILD)), True, 0),
        (incoming("a", regime_is=CALM), stored(("w2", CALM, None)), False, 1),
    ],
)
def test_windows_count_as_fresh_when_they_get_their_first_regime(
    trials: pl.DataFrame, here: pl.DataFrame, measuring: bool, n: int
) -> None:
    assert count_fresh(trials, here, measuring=measuring) == n


# --- the scaler -----------------------------------------------------------------------------------


def market(drift: float) -> str:
    return regime_to_json(Regime(features={"drift": drift}))


def many(n: int) -> pl.DataFrame:
    return windows(*((f"w{i}", market(i / 100), None) for i in range(n)))


def test_features_of_regimes_are_rows_and_unknown_ones_are_nan() -> None:
    matrix = feature_matrix([CALM, None, ""])
    assert matrix.shape == (3, len(FEATURES))
    np.testing.assert_array_equal(matrix[0], regime_from_json(CALM).vector())
    assert np.isnan(matrix[1:]).all()
    assert feature_matrix([]).shape == (0, len(FEATURES))


@pytest.mark.parametrize(("fitted_on", "again_at"), [(None, 1), (1, 2), (3, 6), (10, 20)])
def test_a_scaler_is_fitted_anew_when_the_windows_have_doubled(
    fitted_on: int | None, again_at: int
) -> None:
    width = (1.0,) * len(FEATURES)
    known = RegimeScaler(3, width, width, fitted_on) if fitted_on else None
    assert refit_at(known) == again_at
    assert current_scaler(known, many(again_at - 1)) == known
    fitted = current_scaler(known, many(again_at))
    assert fitted is not None
    assert (fitted.version, fitted.n_windows) == (4 if known else 1, again_at)


def test_windows_without_a_regime_count_for_nothing() -> None:
    assert current_scaler(None, windows(("w1", None, None), ("w2", None, None))) is None
    fitted = current_scaler(None, pl.concat([many(3), windows(("x", None, None))]))
    assert fitted == current_scaler(None, many(3))


def test_a_window_with_two_regimes_counts_once_and_both_are_fitted() -> None:
    two = current_scaler(None, windows(("w1", market(0.1), market(0.3))))
    assert two is not None
    assert two.n_windows == 1
    assert two.center[FEATURES.index("drift")] == pytest.approx(0.2)


def test_the_order_of_the_windows_does_not_change_the_scaler() -> None:
    frame = many(7)
    assert current_scaler(None, frame) == current_scaler(None, frame.reverse())
