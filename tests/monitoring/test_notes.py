"""Notes of what was done; they never fail the work."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tradingkb.exceptions import BackendUnavailableError
from tradingkb.monitoring import Notes
from tradingkb.settings import load_settings, shown_settings

Open = Callable[..., tkb.KnowledgeBase]
TRIALS = [tkb.Trial("s", {"fast": n}, sharpe_oos=1.0) for n in (1, 2)]


@pytest.fixture
def kb(open_kb: Open) -> tkb.KnowledgeBase:
    kb = open_kb()
    kb.ingest(TRIALS)
    return kb


def told(kb: tkb.KnowledgeBase, kind: str) -> list[dict[str, Any]]:
    """The facts of the changes of a kind, newest first."""
    found = kb.recent_changes().filter(pl.col("kind") == kind)
    return [json.loads(text) for text in found["facts"]]


def test_what_may_alter_answers_and_what_has_to_be_done_now_and_then_is_noted(
    kb: tkb.KnowledgeBase, clock: Any, tmp_path: Path
) -> None:
    step = timedelta(minutes=1)
    done: list[Callable[[], Any]] = [
        lambda: kb.register_strategy(tkb.StrategySpec("s", (), "1")),
        lambda: kb.promote(strategy_name="s", actor="ada"),
        lambda: kb.archive(strategy_name="s", actor="ada", reason="old"),
        lambda: kb.reembed(target_model="regime-cosine-v1"),
        lambda: kb.activate("regime-cosine-v1", force=True),
        kb.calibrate,
        lambda: kb.prune(dry_run=False),
        lambda: kb.backup(tmp_path / "backup.db"),
    ]
    for do in done:
        clock.now += step
        do()
    kinds = ["ingest", "strategy", "status", "status", "reembed"]
    kinds += ["activate", "calibrate", "prune", "backup"]
    found = kb.recent_changes()
    assert found["kind"].to_list() == kinds[::-1]
    minutes = found["at"].dt.truncate("1m")
    assert minutes.to_list() == [minutes[0] - step * n for n in range(9)]
    assert found["what"][5] == "2 trials archived: old"
    assert set(found["actor"][5:7]) == {"ada"}
    assert kb.recent_changes(since=clock.now - 1.5 * step, limit=9)["kind"].to_list() == [
        "backup",
        "prune",
    ]
    assert kb.recent_changes(until=clock.now - 7.5 * step)["kind"].to_list() == ["ingest"]


def test_what_only_looks_and_what_changes_nothing_is_not_noted(kb: tkb.KnowledgeBase) -> None:
    before = kb.recent_changes()
    kb.prune()
    kb.archive(strategy_name="s", dry_run=True)
    kb.archive(strategy_name="nobody")
    assert kb.recent_changes().equals(before)


def test_a_restored_store_says_so_itself(
    kb: tkb.KnowledgeBase, tmp_path: Path, open_kb: Open
) -> None:
    kb.backup(tmp_path / "backup.db")
    other = open_kb("other")
    other.restore(tmp_path / "backup.db")
    assert other.recent_changes()["kind"].to_list() == ["restore", "ingest"]
    assert told(other, "restore")[0]["trials"] == 2
    assert told(kb, "backup")[0]["trials"] == 2


def test_a_service_notes_what_has_changed_since_its_last_start(kb: tkb.KnowledgeBase) -> None:
    notes = kb.use_cases.notes
    notes.started("one", "1", {"A": 1, "GONE": True})
    notes.started("two", "1", {"A": 5})
    notes.started("one", "2", {"A": 2, "NEW": "x"})
    notes.started("one", "2", {"A": 2, "NEW": "x"})
    again, changed, other, first = told(kb, "start")
    assert [one["changed"] for one in (first, other, again)] == [[], [], []]
    assert (first["version_before"], changed["version_before"]) == (None, "1")
    assert changed["changed"] == [
        {"setting": "A", "before": 1, "now": 2},
        {"setting": "GONE", "before": True, "now": None},
        {"setting": "NEW", "before": None, "now": "x"},
    ]


def test_no_secret_no_url_and_no_path_is_among_the_settings_that_are_noted(tmp_path: Path) -> None:
    settings = load_settings(
        home=tmp_path,
        database_url="postgresql+psycopg://ada:geheim@db/kb",
        qdrant_url="http://ada:geheim@qdrant:6333",
        qdrant_api_key="geheim-key",
        admin_token="geheim-token",
        workspace_tokens={"desk": "geheim-desk"},
        sentry_dsn="https://geheim@sentry/1",
        threads=3,
    )
    shown = shown_settings(settings)
    assert shown["TRADINGKB_THREADS"] == 3
    assert "geheim" not in json.dumps(shown)
    assert "***" not in json.dumps(shown)
    assert str(tmp_path) not in json.dumps(shown)


@pytest.fixture
def logged() -> Iterator[list[logging.LogRecord]]:
    found: list[logging.LogRecord] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record)

    logger, kept = logging.getLogger("tradingkb"), Kept()
    level = logger.level
    logger.addHandler(kept)
    logger.setLevel(logging.INFO)
    yield found
    logger.removeHandler(kept)
    logger.setLevel(level)


@pytest.mark.parametrize("error", [BackendUnavailableError("down"), RuntimeError("a bug")])
def test_a_note_that_cannot_be_written_is_logged_and_fails_nothing(
    kb: tkb.KnowledgeBase,
    monkeypatch: pytest.MonkeyPatch,
    logged: list[logging.LogRecord],
    error: Exception,
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(kb.use_cases.store, "note_change", fail)
    monkeypatch.setattr(kb.use_cases.store, "last_start", fail)
    assert kb.prune(dry_run=False).events == 0
    kb.use_cases.notes.started("one", "1", {})
    names = [r.getMessage() for r in logged]
    assert names.count("kb_change_not_noted") == 2
    assert kb.recent_changes()["kind"].to_list() == ["ingest"]


def test_a_name_that_is_too_long_for_its_column_is_cut(kb: tkb.KnowledgeBase) -> None:
    Notes(kb.use_cases.store, clock=kb.use_cases.indexer.clock).note(
        "prune", {"events": 0, "runs": 0, "jobs": 0}, actor="a" * 500
    )
    assert kb.recent_changes()["actor"].to_list()[0] == "a" * 128
