"""A stored value that is not what was given is found, whichever it is; a sound store is sound."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

import tradingkb as tkb
from tests.small_store import regime, trials
from tests.survival import workload
from tradingkb.exceptions import StoreDamagedError
from tradingkb.importers import standing
from tradingkb.indexing import ContentCheck
from tradingkb.indexing import contents as module
from tradingkb.sql import open_engine
from tradingkb.stores import SqlTrialStore
from tradingkb.testing.stored import WORKSPACE
from tradingkb.testing.trial_store_backup import fill_every_table

FIXTURES = Path(__file__).resolve().parents[1] / "stores/fixtures"
KB = tkb.KnowledgeBase
OpenKb = Callable[..., KB]


@pytest.fixture
def kb(open_kb: OpenKb, small_home: Path) -> KB:
    return open_kb(like=small_home)


def check(kb: KB) -> ContentCheck:
    found = kb.reconcile(deep=True)
    assert found.clean == found.content.sound  # type: ignore[attr-defined]
    content: ContentCheck = found.content  # type: ignore[attr-defined]
    return content


def change(kb: KB, statement: str) -> None:
    """Changes the file as a bad disk would, which tells no index and no counter."""
    with closing(sqlite3.connect(kb.settings.home / "tradingkb.db")) as connection:
        assert connection.execute(statement).rowcount == 1
        connection.commit()


def flip(kb: KB, column: str, trial_id: int, bit: int = 0) -> None:
    """One bit of a stored number."""
    engine = kb.use_cases.store.engine  # type: ignore[attr-defined]
    with closing(sqlite3.connect(engine.url.database)) as connection:
        (before,) = connection.execute(
            f"SELECT {column} FROM trials WHERE id = {trial_id}"
        ).fetchone()
        bits = pl.Series([before], dtype=pl.Float64).to_numpy().view("uint64")
        after = float((bits ^ (1 << bit)).view("float64")[0])
        connection.execute(f"UPDATE trials SET {column} = ? WHERE id = {trial_id}", (after,))
        connection.commit()


# --- what is sound --------------------------------------------------------------------------------


def test_trials_with_regimes_that_were_given_are_sound(kb: KB) -> None:
    found = check(kb)
    assert (found.sound, found.differing, found.doubtful) == (True, 0, 0)
    assert found.checked == kb.trials().height
    assert str(found) == f"all of {found.checked} trials are what was given"


def test_trials_with_regimes_that_were_measured_are_sound(open_kb: OpenKb) -> None:
    kb = open_kb()
    kb.ingest(workload.sample(range(13), per_window=20), ohlcv=workload.OHLCV)
    found = check(kb)
    assert (found.sound, found.doubtful, found.checked) == (True, 0, kb.trials().height)


def test_trials_without_any_date_are_sound(open_kb: OpenKb) -> None:
    kb = open_kb()
    kb.ingest([tkb.Trial(strategy_name="s", params={"p": n}, sharpe_is=1.0 + n) for n in range(3)])
    assert check(kb).sound


@pytest.mark.parametrize("sample", ["is", "oos"])
def test_trials_that_say_of_which_sample_their_score_is_are_sound(
    open_kb: OpenKb, sample: str
) -> None:
    kb = open_kb()
    frame = trials().with_columns(objective_score=pl.lit(2.5), objective_sample=pl.lit(sample))
    kb.ingest(frame)
    assert check(kb).sound
    flip(kb, "objective_score", 2)
    assert check(kb).differing == 1


def test_trials_that_were_restated_rejected_and_withdrawn_are_sound(kb: KB) -> None:
    first = kb.runs()["run_id"][0]
    kb.ingest(trials(scores={"0:5": 9.0}))
    kb.promote(["1:5"])
    kb.reject(["2:5"], reason="a bug in the backtest")
    kb.withdraw(first, reason="a bug in the backtest")
    found = check(kb)
    assert found.sound
    assert found.checked == kb.trials().height + 1


def test_a_regime_that_was_measured_later_makes_no_trial_another(open_kb: OpenKb) -> None:
    kb = open_kb()
    plain = trials().drop("regime_is", "regime_oos", strict=False)
    kb.ingest(plain)
    kb.ingest(trials(fasts=(50,)))
    found = check(kb)
    assert (found.sound, found.doubtful) == (True, 0)


@pytest.mark.parametrize("packed", sorted(FIXTURES.glob("*.db.gz")), ids=lambda p: p.name)
def test_a_store_of_an_earlier_schema_is_sound(tmp_path: Path, packed: Path) -> None:
    (tmp_path / "tradingkb.db").write_bytes(gzip.decompress(packed.read_bytes()))
    with tkb.connect(tmp_path, progress=False) as kb:
        found = check_content_alone(kb)
        assert (found.sound, found.doubtful) == (True, 0)
        assert found.checked >= kb.trials().height > 0
        flip(kb, "objective_score", 7)
        assert check_content_alone(kb).first["trial_id"].to_list() == [7]


def check_content_alone(kb: KB) -> ContentCheck:
    """Of a store whose index an earlier release made."""
    return kb.use_cases.contents.check(kb.use_cases.workspaces.targets(None))


# --- what is not ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bit", [0, 31, 51, 52, 62, 63])
def test_a_flipped_bit_of_a_score_is_found_and_named(kb: KB, bit: int) -> None:
    flip(kb, "objective_score", 3, bit)
    found = kb.reconcile(deep=True)
    assert not found.clean
    assert found.content.first["trial_id"].to_list() == [3]  # type: ignore[attr-defined]
    said = str(found)
    assert "1 of 8 trials are not what was given" in said
    assert "default: trial 3 (import " in said
    assert "have these trials marked by repair=True and ingest their source once more" in said
    assert "restore a backup" in said
    assert found.to_dict()["content"]["differing"] == 1


@pytest.mark.parametrize(
    "what",
    [
        "trials SET source_id = 'other' WHERE id = 1",
        "trials SET strategy_name = 't' WHERE id = 1",
        "trials SET objective_type = 'calmar' WHERE id = 1",
        "trials SET objective_score = NULL WHERE id = 1",
        "trials SET n_trades_oos = 41 WHERE id = 1",
        "trials SET cost_bps = 1 WHERE id = 1",
        "trials SET engine = 'e' WHERE id = 1",
        "trials SET known_at = '2031-01-01T00:00:00.000000Z' WHERE id = 1",
        "trials SET row_hash = '00' WHERE id = 1",
        "trials SET window_id = (SELECT w.id FROM windows w WHERE w.id <> window_id) WHERE id = 1",
        "trials SET window_id = 77 WHERE id = 1",
        "trials SET param_set_id = (SELECT p.id FROM param_sets p WHERE p.id <> param_set_id) "
        "WHERE id = 1",
        "trials SET param_set_id = 77 WHERE id = 1",
    ],
)
def test_whatever_of_a_trial_is_another_it_is_found(kb: KB, what: str) -> None:
    change(kb, f"UPDATE {what}")
    found = check_content_alone(kb)
    assert found.first["trial_id"].to_list() == [1]


@pytest.mark.parametrize(
    ("what", "trials_of_it"),
    [
        ("windows SET symbol = 'other' WHERE id = 1", 2),
        ("windows SET is_start = '2001-01-01T00:00:00.000000Z' WHERE id = 1", 2),
        ("param_sets SET params = '{\"fast\":6}' WHERE id = 1", 4),
    ],
)
def test_what_many_trials_share_is_found_with_all_of_them(
    kb: KB, what: str, trials_of_it: int
) -> None:
    change(kb, f"UPDATE {what}")
    assert check_content_alone(kb).differing == trials_of_it


def test_what_another_run_said_of_a_trial_is_looked_at_too(kb: KB) -> None:
    kb.ingest(trials(scores={"0:5": 9.0}))
    change(kb, "UPDATE trial_versions SET sharpe_oos = 8.5")
    found = check(kb)
    assert found.first.select("trial_id", "stands").rows() == [(1, False)]
    assert "as run" in str(found)


@pytest.mark.parametrize(
    "what",
    [
        "trials SET objective_score = 77 WHERE id = 3",
        "trials SET param_set_id = (SELECT p.id FROM param_sets p WHERE p.id <> param_set_id) "
        "WHERE id = 3",
    ],
)
def test_a_repair_marks_what_the_next_ingest_of_its_source_makes_good(kb: KB, what: str) -> None:
    before = kb.trials().drop("run_id", "ingested_at").sort("trial_id")
    change(kb, f"UPDATE {what}")
    assert kb.ingest(trials(), replace=True).skipped == before.height  # it says nothing new
    found = kb.reconcile(repair=True, deep=True)
    assert not found.clean
    assert "these trials are marked: ingest their source once more" in str(found)
    assert kb.reconcile().clean
    assert not check(kb).sound
    assert kb.ingest(trials(), replace=True).updated == 1
    assert kb.reconcile(deep=True).clean
    assert kb.trials().drop("run_id", "ingested_at").sort("trial_id").equals(before)


def test_what_was_never_said_is_no_version_that_a_withdrawal_brings_back(kb: KB) -> None:
    change(kb, "UPDATE trials SET objective_score = 77 WHERE id = 3")
    kb.reconcile(repair=True, deep=True)
    kb.ingest(trials())
    kb.withdraw(kb.runs()["run_id"][0], reason="a bug in the backtest")
    assert 77 not in kb.trials()["objective_score"].to_list()
    assert check(kb).sound


def test_a_backup_from_before_makes_it_good(kb: KB, tmp_path: Path) -> None:
    kb.backup(tmp_path / "backup")
    flip(kb, "objective_score", 3)
    kb.restore(tmp_path / "backup", replace=True)
    assert check(kb).sound


def test_trials_are_looked_at_slice_by_slice(kb: KB, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(kb, "objective_score", 8)
    whole = check(kb)
    for size in (1, 3, 8):
        monkeypatch.setattr(module, "SLICE", size)
        part = check(kb)
        assert (part.checked, part.first.rows()) == (whole.checked, whole.first.rows())


def test_one_workspace_is_looked_at_where_one_is_named(kb: KB) -> None:
    kb.create_workspace("other")
    kb.ingest(trials(), workspace="other")
    flip(kb, "objective_score", 1)
    assert kb.reconcile(workspace="other", deep=True).clean
    assert not kb.reconcile(workspace="default", deep=True).clean
    assert check(kb).checked == 16


# --- regimes that were said -----------------------------------------------------------------------


def said(volatility: float, fasts: tuple[int, ...]) -> pl.DataFrame:
    """Trials of one window that say its regime."""
    text = regime(volatility)
    return trials(1, fasts).with_columns(regime_is=pl.lit(text), regime_oos=pl.lit(text))


def test_trials_whose_runs_said_another_regime_of_their_window_cannot_be_told(
    open_kb: OpenKb,
) -> None:
    kb = open_kb()
    kb.ingest(said(0.1, (5, 20)))
    kb.ingest(said(0.2, (30, 40)))
    found = check(kb)
    assert (found.sound, found.doubtful) == (True, 2)
    assert "it cannot be told: other runs said another regime" in str(found)


def test_a_trial_whose_run_said_the_regime_that_stands_can_be_told(open_kb: OpenKb) -> None:
    kb = open_kb()
    kb.ingest(said(0.1, (5, 20)))
    kb.ingest(said(0.2, (30, 40)))
    flip(kb, "objective_score", 4)
    found = check(kb)
    assert (found.first["trial_id"].to_list(), found.doubtful) == ([4], 2)


# --- what cannot be read --------------------------------------------------------------------------


def test_a_value_of_another_type_is_damage(kb: KB) -> None:
    change(kb, "UPDATE trials SET objective_score = 'high' WHERE id = 1")
    with pytest.raises(StoreDamagedError, match="of another type than its column"):
        kb.use_cases.store.said(kb.workspaces()["id"][0], pl.Series([1]), versions=False)


def test_an_index_of_the_file_that_disagrees_with_its_table_is_found(kb: KB) -> None:
    with closing(sqlite3.connect(kb.settings.home / "tradingkb.db")) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, '(workspace_id, strategy_name)', "
            "'(workspace_id, engine)') WHERE name = 'ix_trials_workspace_id_strategy_name'"
        )
        connection.commit()
    home = kb.settings.home
    kb.close()
    with tkb.connect(home, progress=False) as again:
        found = check_content_alone(again)
        assert found.faults
        assert str(found).startswith("the store's file is damaged: ")


def test_both_databases_say_the_same(with_tables: Callable[[str], str]) -> None:
    told = {}
    for kind in ("sqlite", "postgresql"):
        store = SqlTrialStore(open_engine(with_tables(kind)))
        fill_every_table(store)
        told[kind] = [
            store.said(WORKSPACE, store.said_ids(WORKSPACE, versions=v), versions=v)
            for v in (False, True)
        ]
        assert [part.height for part in told[kind]] == [3, 1]
        assert store.said(WORKSPACE, pl.Series([77]), versions=False).is_empty()
        assert store.faults() == ()
        store.close()
    for ours, theirs in zip(*told.values(), strict=True):
        assert ours.equals(theirs)
        assert standing(ours).to_list() == standing(theirs).to_list()
