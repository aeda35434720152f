"""How fresh a workspace is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import tradingkb as tkb
from tests.conftest import Clock
from tradingkb.exceptions import UnknownWorkspaceError

OpenKb = Callable[..., tkb.KnowledgeBase]


def test_of_a_fresh_store_nothing_ever_happened(open_kb: OpenKb):
    found = open_kb().freshness()
    times = {name: at for name, at in found.to_dict().items() if name not in ("workspace", "at")}
    assert set(times.values()) == {None}
    assert str(found).splitlines()[1] == "  last ingest: never"


def test_what_was_done_last_is_told_with_its_age(open_kb: OpenKb, clock: Clock, tmp_path: Path):
    kb = open_kb()
    trial = tkb.Trial("sma", {"fast": 1}, sharpe_oos=1.0, known_at=datetime(2025, 5, 1, tzinfo=UTC))
    kb.ingest([trial])
    ingested = clock.now
    kb.recommend("sma")
    clock.now += timedelta(hours=1)
    kb.calibrate()
    kb.backup(tmp_path / "one.tkb")
    backed_up = clock.now
    clock.now += timedelta(hours=3)
    found = kb.freshness()
    second = timedelta(seconds=1)
    assert found.last_ingest is not None
    assert abs(found.last_ingest - ingested) < second
    assert found.last_event is not None
    assert abs(found.last_event - ingested) < second
    assert found.last_backup is not None
    assert abs(found.last_backup - backed_up) < second
    assert found.last_calibration is not None
    assert found.newest_trial == trial.known_at
    assert "last backup: 2026-01-01 01:00:00 UTC, 3 hours ago" in str(found)


def test_a_clock_that_is_ahead_is_named(open_kb: OpenKb, clock: Clock):
    kb = open_kb()
    kb.ingest([tkb.Trial("sma", {"fast": 1}, sharpe_oos=1.0)])
    clock.now -= timedelta(hours=1)
    assert "by a clock ahead of this one" in str(kb.freshness())


def test_an_unknown_workspace_is_refused(open_kb: OpenKb):
    with pytest.raises(UnknownWorkspaceError):
        open_kb().freshness("dsk")
