"""The ingester of the operations runbook, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

import tradingkb as tkb
from tests.ingest.few_trials import few
from tradingkb.ingest.trial_ingester import IngestConfig, KBTrialIngester

Open = Callable[..., tkb.KnowledgeBase]


def test_a_dry_run_shows_what_would_happen_and_writes_nothing(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(few(4))
    workspace_id = kb.workspaces()["id"][0]
    changed = few(6).with_columns(sharpe_oos=few(6)["sharpe_oos"].replace(0.1, 9.0))

    async def preview() -> tkb.IngestReport:
        config = IngestConfig(dry_run=True)
        ingester = KBTrialIngester(kb, config=config)
        return await ingester.ingest_workspace(workspace_id, changed)

    result = asyncio.run(preview())
    assert (result.inserted, result.updated, result.skipped) == (2, 1, 3)
    assert result.dry_run
    assert kb.trials().height == 4
    assert kb.runs().height == 1


def test_without_trials_everything_stored_and_eligible_is_indexed(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(few(4))
    kb.archive("t1")
    kb.reject("t2", reason="x")
    result = asyncio.run(KBTrialIngester(kb).ingest_workspace("default"))
    assert (result.inserted, result.updated, result.skipped, result.unarchived) == (0, 0, 2, 1)
    assert result.not_eligible == 1


def test_the_settings_are_those_of_an_ingest(open_kb: Open) -> None:
    kb = open_kb()
    run = kb.ingest(few(2)).run_id
    kb.withdraw(run, reason="x")
    ingester = KBTrialIngester(kb, IngestConfig(readmit=True, mapping={"sharpe_oos": "score"}))
    result = asyncio.run(
        ingester.ingest_workspace("default", few(2).rename({"sharpe_oos": "score"}))
    )
    assert result.unarchived == 2
    strict = KBTrialIngester(kb, IngestConfig(strict=True))
    with pytest.raises(tkb.InvalidTrialError):
        asyncio.run(strict.ingest_workspace("default", few(2, win_rate_oos=55.0)))


def test_the_event_loop_goes_on_while_an_ingest_runs(open_kb: Open) -> None:
    kb = open_kb()

    async def both() -> tuple[tkb.IngestReport, tkb.IngestReport]:
        kb.create_workspace("other")
        ingester = KBTrialIngester(kb)
        one = asyncio.create_task(ingester.ingest_workspace("default", few(3)))
        two = asyncio.create_task(ingester.ingest_workspace("other", few(3)))
        await asyncio.sleep(0)
        assert not one.done()
        return await one, await two

    assert [r.inserted for r in asyncio.run(both())] == [3, 3]
    assert kb.trials().height == 3


def test_an_unknown_workspace_is_refused(open_kb: Open) -> None:
    with pytest.raises(tkb.UnknownWorkspaceError):
        asyncio.run(KBTrialIngester(open_kb()).ingest_workspace("nowhere", few()))
