"""Runbook 08: who is left alone and why, waiting until it answers, and a question as proof."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tests.client.conftest import TOKEN, listening
from tests.indexing.markets import market_trials
from tests.runbooks.cells import Ran
from tests.service.process import free_port
from tradingkb.exceptions import InvalidInputError
from tradingkb.resilience import Thresholds
from tradingkb.runbooks.procedures.failures_chart import segments
from tradingkb.runbooks.procedures.failures_found import Failures, failed_requests
from tradingkb.runbooks.procedures.http import Answer, ask
from tradingkb.runbooks.procedures.recovery import half_open_in
from tradingkb.testing.proxy import FaultyProxy
from tradingkb.testing.qdrant_server import QdrantServer

NAME = "08_failure_modes_recovery"
NOW = datetime(2026, 11, 28, 22, 0, tzinfo=UTC)
Recover = Callable[..., Ran]


@pytest.fixture
def recovered(played: Recover, monkeypatch: pytest.MonkeyPatch) -> Recover:
    """Plays the runbook; circuits are left alone for a tenth of a second."""
    quick = partial(Thresholds, reset_s=0.1)
    monkeypatch.setattr("tradingkb.resilience.breakers.Thresholds", quick)
    monkeypatch.setattr("tradingkb.runbooks.procedures.recovery.RESET_S", 0.1)
    monkeypatch.setattr("tradingkb.runbooks.procedures.recovery._LOOK_S", 0.02)
    monkeypatch.setenv("ADMIN_TOKEN", TOKEN)
    return lambda **given: played(NAME, **given)


@pytest.fixture
def qdrant(monkeypatch: pytest.MonkeyPatch) -> Iterator[QdrantServer]:
    with QdrantServer() as server:
        monkeypatch.setenv("QDRANT_URL", server.url)
        yield server


@pytest.fixture
def url(recovered: Recover, qdrant: QdrantServer, home: Path) -> Iterator[str]:
    """A replica whose vectors are in Qdrant."""
    with tkb.connect(home, progress=False) as kb:
        kb.ingest(market_trials(20))
        kb.reembed()
    with listening(home, replica="one", rate_limit_per_minute=0) as url:
        yield url


def question(url: str) -> Answer:
    body = {"strategy_name": "s", "regime": ["uptrend"], "source": "probe"}
    return ask(url, "/kb/trials/recommend", body)


def opened(url: str) -> None:
    for _ in range(5):
        assert question(url).body["metadata_only"]
    assert circuit(url)["is_open"]


def circuit(url: str) -> dict[str, Any]:
    found: dict[str, Any] = ask(url, "/health").body["circuit_breakers"]["qdrant"]
    return found


def test_where_all_is_well_there_is_nothing_to_do(recovered: Recover):
    found = recovered(dry_run=False)
    assert found.result.outcome == "nothing_to_do"
    assert found.found("verified: the store answers").evidence == {"status": "ok"}
    titles = [figure.layout.title.text for figure in found.figures]
    assert [title.partition("(n = ")[2] for title in titles] == ["0 states)", "0)"]


def test_a_dry_run_says_which_circuit_is_open_by_which_error_and_waits_for_nothing(
    recovered: Recover, url: str, qdrant: QdrantServer
):
    qdrant.refuse()
    opened(url)
    found = recovered(replica_urls=url, service="qdrant")
    assert found.result.outcome == "needs_decision"
    assert found.states == {"wait": "planned"}
    told = found.found("qdrant is left alone by one").evidence
    assert (told["kind"], told["failures"]) == ("connection refused", 5)
    (first, *_) = found.rows("Circuits (1 of 1 not closed)")
    assert (first["replica"], first["service"], first["state"]) == ("one", "qdrant", "open")
    assert "docker compose ps qdrant" in str(found.result.next_steps)
    assert circuit(url)["is_open"]
    (counted,) = found.rows("Since each replica started")
    # Here a call is let through after a tenth of a second, and fails, too.
    assert counted["service"] == "qdrant"
    assert counted["circuit_breaker_trips_total"] >= 1
    assert counted["circuit_breaker_failures_total"] >= 5


def test_the_journal_says_who_opened_a_circuit_where_no_address_is_given(
    recovered: Recover, url: str, qdrant: QdrantServer, home: Path
):
    qdrant.refuse()
    opened(url)
    _until(home, lambda kb: not kb.breaker_changes().is_empty())
    found = recovered(wait_s=0, dry_run=False)
    trips = found.rows("Since 2")
    assert [(r["replica"], r["service"], r["opened"], r["kind"]) for r in trips] == [
        ("one", "qdrant", 1, "connection refused")
    ]
    assert found.result.outcome == "failed"
    assert "qdrant of one: its circuit is open" in (found.result.actions[0].error or "")
    assert found.figures[0].layout.yaxis.categoryarray == ("one: qdrant",)


def test_a_circuit_is_waited_for_until_it_closes_and_answers_have_vectors_again(
    recovered: Recover, url: str, qdrant: QdrantServer
):
    qdrant.refuse()
    opened(url)
    threading.Timer(0.3, qdrant.listen).start()
    found = recovered(replica_urls=url, dry_run=False, wait_s=30)
    assert found.result.outcome == "done", found.result
    actual = found.result.actions[0].actual or {}
    assert actual["qdrant of one"] == "closed"
    assert not circuit(url)["is_open"]
    assert found.found(f"verified: {url} answers a question").evidence == {"status": "ok"}
    assert not found.result.next_steps


def test_a_backend_that_stays_away_fails_the_run_and_says_what_to_look_at(
    recovered: Recover, url: str, qdrant: QdrantServer
):
    qdrant.refuse()
    opened(url)
    found = recovered(replica_urls=url, dry_run=False, wait_s=0)
    assert found.result.outcome == "failed"
    assert "still away after 0 s" in (found.result.actions[0].error or "")
    assert "docker compose ps qdrant" in str(found.result.next_steps)
    assert found.found(f"NOT VERIFIED: {url}").severity == "critical"


def test_a_circuit_that_is_open_though_its_backend_answers_here_is_that_replicas_own_trouble(
    recovered: Recover, url: str, qdrant: QdrantServer, home: Path
):
    port = int(qdrant.url.rpartition(":")[2])
    with FaultyProxy(("127.0.0.1", port)) as proxy:
        through = f"http://127.0.0.1:{proxy.port}"
        with listening(home, replica="two", qdrant_url=through) as two:
            assert question(two).body["status"] == "ok"
            proxy.refuse()
            proxy.cut()
            opened(two)
            found = recovered(replica_urls=f"{url},{two}", dry_run=False, wait_s=0)
    assert found.result.outcome == "failed"
    assert found.found(f"verified: {url} answers").severity == "info"
    assert found.found(f"NOT VERIFIED: {two} answers").severity == "critical"
    (restart,) = found.commands
    assert restart.startswith("tradingkb runbook run 07_service_restart")
    assert f"replica_urls={two}" in restart


def test_requests_that_failed_are_counted_by_route_and_probes_are_not():
    text = (
        'kb_http_requests_total{method="POST",route="/kb/trials/ingest",status="503"} 12.0\n'
        'kb_http_requests_total{method="POST",route="/kb/trials/ingest",status="200"} 8.0\n'
        'kb_http_requests_total{method="GET",route="/ready",status="503"} 40.0\n'
    )
    assert failed_requests("one", text) == [
        {"replica": "one", "route": "/kb/trials/ingest", "failed": 12, "of": 20, "share": 0.6}
    ]


def test_it_runs_while_the_database_itself_is_away(
    recovered: Recover, monkeypatch: pytest.MonkeyPatch
):
    address = f"postgresql+psycopg://kb:s3cret-pw@127.0.0.1:{free_port()}/kb"
    monkeypatch.setenv("DATABASE_URL", address)
    found = recovered(dry_run=False, wait_s=0)
    assert found.result.outcome == "failed"
    assert found.found("db does not answer this run").severity == "critical"
    assert "docker compose ps postgres" in str(found.result.next_steps)
    assert "s3cret-pw" not in found.result.model_dump_json()


def test_it_goes_on_where_the_database_comes_back_meanwhile(
    recovered: Recover, monkeypatch: pytest.MonkeyPatch
):
    address = f"postgresql+psycopg://kb:pw@127.0.0.1:{free_port()}/kb"
    monkeypatch.setenv("DATABASE_URL", address)
    back = partial(monkeypatch.delenv, "DATABASE_URL")
    timer = threading.Timer(0.5, back)
    timer.start()
    found = recovered(dry_run=False, wait_s=30)
    timer.join()
    assert (found.result.actions[0].actual or {})["db of this run"] == "closed"
    assert found.result.outcome == "done", found.result


def test_a_time_that_is_none_is_refused(recovered: Recover):
    with pytest.raises(InvalidInputError, match="since"):
        recovered(since="yesterday")


@pytest.mark.parametrize(
    ("opened_at", "wait_s"),
    [
        (None, 0.0),
        (NOW - timedelta(seconds=10), 20.0),
        (NOW - timedelta(hours=1), 0.0),
        (NOW + timedelta(seconds=30), 30.0),  # a clock that is ahead
    ],
)
def test_an_open_circuit_lets_a_call_through_after_thirty_seconds(
    opened_at: datetime | None, wait_s: float
):
    assert half_open_in(opened_at, NOW) == wait_s


def test_states_reach_from_change_to_change_and_begin_with_what_the_first_one_implies():
    rows = [
        (NOW - timedelta(minutes=50), "one", "qdrant", "open"),
        (NOW - timedelta(minutes=49), "one", "qdrant", "half_open"),
        (NOW - timedelta(minutes=48), "one", "qdrant", "closed"),
    ]
    changes = pl.DataFrame(rows, ["at", "replica", "service", "state"], orient="row")
    found = Failures(NOW - timedelta(hours=1), changes=changes.with_columns(changed=True))
    told = [(state, (end - begin).total_seconds()) for _, state, begin, end in segments(found, NOW)]
    # Nothing tells whether a replica that is gone was closed for longer than a moment.
    assert told == [("closed", 600), ("open", 60), ("half_open", 60), ("closed", 1)]


def _until(home: Path, holds: Callable[[tkb.KnowledgeBase], bool]) -> None:
    """The journal writes in its own time."""
    with tkb.connect(home, progress=False) as kb:
        for _ in range(500):
            if holds(kb):
                return
            threading.Event().wait(0.01)
    raise AssertionError("the journal says nothing")
