"""What is new of a source becomes rows: in one transaction where it is little, else in several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.ingest.scopes import (
    CALM,
    NOW,
    REJECTS,
    RUN,
    batch,
    before,
    incoming,
    known,
    refused,
    scope,
    stored,
    windows,
)
from tradingkb.domain import FEATURES, RegimeScaler
from tradingkb.importers.rejects import Refused
from tradingkb.ingest import storing
from tradingkb.ingest.scope import Scope, Written
from tradingkb.ports import RunRecord

SINCE = pl.DataFrame({"strategy_name": ["s"], "generation": [7]})
ONES = (1.0,) * len(FEATURES)


class Pages:
    """A store that keeps what is written, and says what was written together."""

    def __init__(self) -> None:
        self.written: list[tuple[str, int, bool]] = []
        self.trials: list[pl.DataFrame] = []
        self.sets = pl.DataFrame()
        self.known_windows = stored(("w1", None, None), ("w2", None, None))
        self.known_scaler: RegimeScaler | None = None
        self._together = 0

    @contextmanager
    def writing(self) -> Iterator[None]:
        self._together += 1
        yield
        self._together -= 1

    def in_one(self, write: Callable[[], Any]) -> Any:
        with self.writing():
            return write()

    def _note(self, what: str, n: int) -> None:
        self.written.append((what, n, self._together > 0))

    def close_runs(self, space: str, at: Any) -> None:
        self._note("closed runs", 1)

    def save_run(self, run: RunRecord) -> None:
        assert run == RUN
        self._note("run", 1)

    def write_windows(self, space: str, frame: pl.DataFrame) -> None:
        self._note("windows", frame.height)

    def save_scaler(self, space: str, scaler: RegimeScaler, at: Any) -> None:
        self._note("scaler", scaler.version)
        self.known_scaler = self.known_scaler or scaler  # a stored version is never changed

    def scaler(self, space: str) -> RegimeScaler | None:
        return self.known_scaler

    def write_param_sets(self, space: str, sets: pl.DataFrame) -> None:
        self._note("sets", sets.height)
        self.sets = sets

    def window_rows(self, space: str, *, keys: pl.Series) -> pl.DataFrame:
        return self.known_windows.filter(pl.col("window_key").is_in(keys.implode()))

    def param_set_rows(self, space: str, name: None, among: pl.DataFrame) -> pl.DataFrame:
        return among.with_row_index("param_set_id", 100)

    def write_trials(self, space: str, rows: pl.DataFrame) -> pl.DataFrame:
        self._note("trials", rows.height)
        self.trials.append(rows)
        return SINCE

    def trial_ids(self, space: str, fresh: pl.DataFrame) -> pl.DataFrame:
        return fresh.select("source_type", "source_id").with_row_index("trial_id")


def store_trials(store: Any, run: Scope) -> tuple[Written, list[tuple[str, int, int]]]:
    told: list[tuple[str, int, int]] = []
    return storing.store_trials(store, run, NOW, lambda *step: told.append(step)), told


def what(store: Pages) -> list[str]:
    return [name for name, _, _ in store.written]


def rows_of(store: Pages) -> list[str]:
    return [name for part in store.trials for name in part["source_id"]]


# --- what is new ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "readmit", "written"),
    [
        (known(), False, ["t1", "t2"]),
        (known("t1"), False, ["t2"]),
        (known("t1", "t2"), False, []),
        (known("t1", row_hash="said before"), False, ["t1", "t2"]),
        (known("t1", source_type="optuna"), False, ["t1", "t2"]),
        (known("t1", withdrawn=True), False, ["t2"]),
        (known("t1", withdrawn=True), True, ["t1", "t2"]),
        (known("t1", "t2"), True, []),
    ],
)
def test_what_is_new_or_says_something_new_is_written(
    here: pl.DataFrame, readmit: bool, written: list[str]
) -> None:
    store = Pages()
    run = scope(incoming("t1", "t2"), before=before(known=here), readmit=readmit)
    store_trials(store, run)
    assert sorted(rows_of(store)) == written


def test_a_second_run_of_the_same_source_writes_its_record_and_nothing_else() -> None:
    store = Pages()
    run = scope(incoming("t1"), before=before(known=known("t1")))
    written, told = store_trials(store, run)
    assert what(store) == ["closed runs", "run"]
    assert (written.ids, written.since, told) == (None, None, [])


def test_a_run_over_what_is_stored_writes_changed_windows_and_no_trial() -> None:
    store = Pages()
    store_trials(
        store, scope(before=before(known=known("t1")), changed=windows(("w1", CALM, None)))
    )
    assert what(store) == ["closed runs", "run", "windows"]


# --- rows -----------------------------------------------------------------------------------------


def test_a_row_has_its_window_and_parameter_set_by_number_and_not_their_texts() -> None:
    store = Pages()
    here = windows(("w1", None, None), ("w2", None, None))
    trials = pl.concat([incoming("a", params_hash="p9"), incoming("b", window_key="w2")])
    store_trials(store, scope(trials, windows=here))
    (rows,) = store.trials
    assert rows.select("source_id", "window_id", "param_set_id").rows() == [
        ("a", 1, 101),
        ("b", 2, 100),
    ]
    gone = {"params", "params_hash", "window_key", "symbol", "timeframe", "regime_is", "__row__"}
    assert not gone & set(rows.columns)
    assert set(rows["run_id"]) == {"run1"}
    assert set(rows["ingested_at"]) == {NOW}


def test_a_trial_that_comes_in_promoted_was_promoted_when_it_became_known() -> None:
    store = Pages()
    store_trials(store, scope(pl.concat([incoming("a", kb_status="promoted"), incoming("b")])))
    assert store.trials[0]["promoted_at"].to_list() == [NOW, None]


def test_a_parameter_set_is_written_once_by_strategy_and_hash() -> None:
    store = Pages()
    parts = [("a", "s2", "p1"), ("b", "s1", "p2"), ("c", "s1", "p1"), ("d", "s1", "p2")]
    trials = pl.concat([incoming(n, strategy_name=s, params_hash=p) for n, s, p in parts])
    store_trials(store, scope(trials))
    assert store.sets.select("strategy_name", "params_hash").rows() == [
        ("s1", "p1"),
        ("s1", "p2"),
        ("s2", "p1"),
    ]


def test_the_order_of_the_source_makes_no_difference_to_a_row() -> None:
    trials = pl.concat([incoming("a", params_hash="p9"), incoming("b"), incoming("c")])
    rows = []
    for frame in (trials, trials.reverse()):
        store = Pages()
        store_trials(store, scope(frame))
        rows.append(store.trials[0].sort("source_id"))
    assert rows[0].equals(rows[1])


# --- transactions ---------------------------------------------------------------------------------


def test_few_rows_are_written_in_one_transaction_with_their_run() -> None:
    store = Pages()
    run = scope(incoming("t1", "t2"), changed=windows(("w1", CALM, None)))
    written, told = store_trials(store, run)
    assert what(store) == ["closed runs", "run", "windows", "sets", "trials"]
    assert all(together for _, _, together in store.written)
    assert written.since is SINCE
    assert written.ids is not None
    assert written.ids["source_id"].to_list() == ["t1", "t2"]
    assert told == [("store", 2, 2)]


def test_many_rows_are_written_a_batch_at_a_time_and_nobody_waits_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storing, "WRITE_BATCH", 2)
    store = Pages()
    written, told = store_trials(store, scope(incoming("a", "b", "c", "d", "e")))
    assert [n for name, n, _ in store.written if name == "trials"] == [2, 2, 1]
    assert not any(together for name, _, together in store.written if name == "trials")
    assert told == [("store", 2, 5), ("store", 4, 5), ("store", 5, 5)]
    assert (written.ids, written.since) == (None, None)


@pytest.mark.parametrize(("n", "together"), [(18, True), (19, False)])
def test_windows_sets_and_trials_count_together_as_rows(
    n: int, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "WRITE_BATCH", 20)
    store = Pages()
    trials = incoming(*(f"t{i}" for i in range(n)))
    store_trials(store, scope(trials, changed=windows(("w1", CALM, None))))
    assert {t for name, _, t in store.written if name == "trials"} == {together}


# --- the scaler -----------------------------------------------------------------------------------


def test_the_scaler_that_is_stored_holds_when_another_process_fitted_the_same_version_first() -> (
    None
):
    store = Pages()
    mine, theirs = RegimeScaler(1, ONES, ONES, 4), RegimeScaler(1, ONES, ONES, 5)
    store.known_scaler = theirs
    written, _ = store_trials(store, scope(incoming("a"), scaler=mine, refit=True))
    assert written.scope.scaler == theirs


def test_a_scaler_is_written_only_by_the_run_that_fits_it() -> None:
    store = Pages()
    known_one = RegimeScaler(1, ONES, ONES, 4)
    written, _ = store_trials(store, scope(incoming("a"), scaler=known_one))
    assert "scaler" not in what(store)
    assert written.scope.scaler == known_one
    store_trials(store, scope(incoming("a"), scaler=known_one, refit=True))
    assert "scaler" in what(store)


# --- refused rows ---------------------------------------------------------------------------------


def test_refused_rows_go_as_they_came_into_a_file_named_for_the_run(tmp_path: Path) -> None:
    rows = refused(pl.DataFrame({"source_id": ["a"], "sharpe": ["many"]}))
    rejects = pl.DataFrame({"row": [1]}).with_columns(pl.lit("x").alias(n) for n in REJECTS)
    bad = batch(incoming(), rejects=rejects, refused=rows)
    path, notes = storing.save_rejects(replace(scope(), batch=bad), tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "run1.csv"
    assert notes == ()
    assert pl.read_csv(path).rows() == rows.table().rows()


def test_half_a_file_of_refused_rows_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Refused, path: Path) -> None:
        path.write_text("source_id")
        raise OSError("no space left on device")

    monkeypatch.setattr(Refused, "write", full)
    rejects = pl.DataFrame({"row": [1]}).with_columns(pl.lit("x").alias(n) for n in REJECTS)
    bad = batch(incoming(), rejects=rejects, refused=refused(pl.DataFrame({"source_id": ["a"]})))
    path, (note,) = storing.save_rejects(replace(scope(), batch=bad), tmp_path)
    assert path is None
    assert "no space left" in note
    assert list(tmp_path.iterdir()) == []


def test_without_refused_rows_there_is_no_file(tmp_path: Path) -> None:
    assert storing.save_rejects(scope(), tmp_path) == (None, ())
    assert storing.save_rejects(scope(incoming("a")), tmp_path) == (None, ())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_note_because_the_good_rows_are_stored(
    tmp_path: Path,
) -> None:
    rejects = pl.DataFrame({"row": [1]}).with_columns(pl.lit("x").alias(n) for n in REJECTS)
    bad = batch(incoming(), rejects=rejects, refused=refused(pl.DataFrame({"source_id": ["a"]})))
    (tmp_path / "rejects").write_text("in the way")
    path, (note,) = storing.save_rejects(replace(scope(), batch=bad), tmp_path / "rejects")
    assert path is None
    assert "could not be written" in note
    assert "make the folder writable" in note
