"""Leases are shown and broken."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

import tradingkb as tkb
from tests.conftest import NOW
from tests.recommend.sweeps import grid
from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.ingest import storing
from tradingkb.jobs import lease
from tradingkb.jobs.holder import own_name
from tradingkb.observability import subscribe

Open = Callable[..., tkb.KnowledgeBase]


@pytest.fixture
def kb(open_kb: Open) -> tkb.KnowledgeBase:
    kb = open_kb()
    kb.create_workspace("desk")
    return kb


def held(kb: tkb.KnowledgeBase, holder: str, slug: str = "desk") -> str:
    """The name of a lease that somebody has."""
    name = f"index:{kb.use_cases.workspaces.find(slug).id}"
    assert kb.use_cases.store.acquire_lease(name, holder, NOW, NOW + timedelta(days=30)) is None
    return name


def dead() -> str:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return own_name("x").replace(f":{own_name('x').split(':')[1]}:", f":{process.pid}:")


def test_leases_say_who_works_on_which_workspace_and_whether_they_live(
    kb: tkb.KnowledgeBase,
) -> None:
    assert kb.leases().is_empty()
    kb.create_workspace("alpha")
    names = [held(kb, "mercury:4711:1:abc"), held(kb, dead(), "alpha")]
    rows = {row["workspace"]: row for row in kb.leases().to_dicts()}
    assert [rows[slug]["name"] for slug in ("desk", "alpha")] == names
    assert (rows["desk"]["holder"], rows["desk"]["state"]) == ("process 4711 on mercury", "held")
    assert rows["alpha"]["state"] == "dead"
    assert rows["desk"]["expires_at"] == NOW + timedelta(days=30)


@pytest.mark.parametrize("by", ["name", "slug", "id"])
def test_a_broken_lease_lets_the_next_one_work_at_once(kb: tkb.KnowledgeBase, by: str) -> None:
    name = held(kb, "mercury:4711:1:abc")
    given = {"name": name, "slug": "desk", "id": name.removeprefix("index:")}[by]
    events: list[tuple[str, object]] = []
    end = subscribe(lambda event, fields: events.append((event, dict(fields))))
    report = kb.break_lease(given, reason="mercury was switched off", actor="ada")
    end()
    assert "process 4711 on mercury" in str(report)
    fields = {
        "lease": name,
        "holder": "process 4711 on mercury",
        "actor": "ada",
        "reason": "mercury was switched off",
    }
    assert ("kb_lease_broken", fields) in events
    assert kb.leases().is_empty()
    assert kb.ingest(grid(1), workspace="desk").inserted > 0


def test_what_nobody_holds_cannot_be_broken(kb: tkb.KnowledgeBase) -> None:
    with pytest.raises(NotFoundError, match="unknown lease 'desk'"):
        kb.break_lease("desk", reason="x")
    held(kb, "mercury:4711:1:abc")
    with pytest.raises(NotFoundError, match="did you mean desk"):
        kb.break_lease("desc", reason="x")


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_lease_is_broken_with_a_reason(kb: tkb.KnowledgeBase, reason: str) -> None:
    held(kb, "mercury:4711:1:abc")
    with pytest.raises(InvalidInputError, match="reason"):
        kb.break_lease("desk", reason=reason)
    assert kb.leases().height == 1


def test_an_ingest_whose_lease_is_broken_stops_and_the_next_one_finishes_it(
    kb: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.01)
    write = storing.WRITE_BATCH
    monkeypatch.setattr(storing, "WRITE_BATCH", 2)
    stored = kb.use_cases.store.write_trials
    calls = 0

    def slowly(*arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            kb.break_lease("desk", reason="it takes too long")
            for thread in [t for t in threading.enumerate() if t.name == "lease"]:
                thread.join(30)  # it has noticed
        return stored(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(kb.use_cases.store, "write_trials", slowly)
    with pytest.raises(tkb.exceptions.WorkspaceBusyError, match="broken or taken over"):
        kb.ingest(grid(4), workspace="desk")
    assert kb.runs("desk")["status"].to_list() == ["failed"]
    monkeypatch.setattr(storing, "WRITE_BATCH", write)
    report = kb.ingest(grid(4), workspace="desk")
    assert report.error == 0
    assert kb.reconcile().clean


def test_the_lease_of_a_runbook_is_shown_and_broken_like_that_of_an_ingest(kb: tkb.KnowledgeBase):
    space = kb.use_cases.workspaces.find("desk")
    name = f"runbook:{space.id}"
    held_until = NOW + timedelta(days=1)
    assert kb.use_cases.store.acquire_lease(name, own_name("a"), NOW, held_until) is None
    assert kb.leases().select("name", "workspace").rows() == [(name, "desk")]
    assert kb.break_lease(name, reason="it hangs").workspace == "desk"
    assert kb.leases().is_empty()
