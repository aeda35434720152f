"""An ingest into a Qdrant server that fails: nothing is lost, and the next run finishes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tradingkb as tkb
from tests.small_store import REGIME_V1, pointed, trials
from tradingkb.exceptions import BackendUnavailableError, ConfigurationError, TradingKBError
from tradingkb.testing.qdrant_server import QdrantServer

Open = Callable[..., tkb.KnowledgeBase]
ALL = set(trials()["source_id"])
POINTS = "/points$"


@pytest.fixture(scope="module")
def running() -> Iterator[QdrantServer]:
    with QdrantServer() as server:
        yield server


@pytest.fixture
def server(running: QdrantServer) -> Iterator[QdrantServer]:
    running.state.empty()
    yield running
    running.restore()


#: What goes wrong, what an ingest says of it, and what the breaker counts: failures and retries.
FAULTS: dict[str, tuple[Callable[[QdrantServer], Any], type[TradingKBError] | None, int, int]] = {
    "503 once": (lambda s: s.fail(503, path=POINTS), None, 0, 1),
    "503": (lambda s: s.fail(503, 3, path=POINTS), BackendUnavailableError, 1, 2),
    "429": (lambda s: s.fail(429, 3, path=POINTS), BackendUnavailableError, 1, 2),
    "applied late": (lambda s: s.time_out_writes(3, applied=True), None, 0, 0),
    "applied at last": (lambda s: s.time_out_writes(2, applied=False), None, 0, 2),
    "never applied": (lambda s: s.time_out_writes(3, applied=False), BackendUnavailableError, 1, 2),
    "refused": (lambda s: s.refuse(), BackendUnavailableError, 1, 2),
    "no key": (lambda s: s.fail(401, path=POINTS), ConfigurationError, 0, 0),
    "not Qdrant": (lambda s: s.fail(200, body=b"<html>", path=POINTS), ConfigurationError, 0, 0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_nothing_is_lost_and_the_next_run_converges(
    open_kb: Open, server: QdrantServer, fault: str
) -> None:
    breaks, error, failures, retries = FAULTS[fault]
    kb = open_kb(qdrant_url=server.url)
    kb.ingest(trials(1))
    breaks(server)
    if error is None:
        kb.ingest(trials())
    else:
        with pytest.raises(error):
            kb.ingest(trials())
    stored = set(kb.trials()["source_id"])
    assert stored == ALL or (error and stored == set(trials(1)["source_id"])), "whole, or refused"
    breaker = kb.use_cases.breakers["qdrant"].state()
    told = (breaker.state, breaker.failures, breaker.retries)
    assert told == ("closed", failures, retries)
    server.restore()
    assert kb.ingest(trials() if stored != ALL else None).counts()["error"] == 0
    assert pointed(kb) == ALL
    assert kb.reconcile().clean
    assert kb.use_cases.indexer.vectors.describe(REGIME_V1).points == len(ALL)


def test_a_server_that_is_gone_is_left_alone_until_it_is_back(
    open_kb: Open, server: QdrantServer, time: Any
) -> None:
    kb = open_kb(qdrant_url=server.url, monotonic=time)
    kb.ingest(trials())
    before = kb.recommend("s", regime={"volatility_annual": 0.3})
    server.refuse()
    for _ in range(5):
        assert kb.recommend("s", regime={"volatility_annual": 0.3}).metadata_only
    with pytest.raises(BackendUnavailableError, match="circuit breaker is open"):
        kb.collections()
    server.listen()
    time.s += 30
    assert kb.collections()["points"].to_list() == [8]
    again = kb.recommend("s", regime={"volatility_annual": 0.3})
    assert (again.params, again.status) == (before.params, before.status)


def test_keys_and_passwords_are_shown_nowhere(
    open_kb: Open, server: QdrantServer, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "s3cr3t"
    url = server.url.replace("//", f"//user:{secret}@")
    with caplog.at_level("DEBUG"):
        kb = open_kb(qdrant_url=url, qdrant_api_key=f"key-{secret}")
        kb.ingest(trials())
        words = f'{{"status": {{"error": "no route to {url}"}}}}'.encode()
        server.fail(503, 9, body=words)
        told = [str(kb.ready().to_dict()), str(kb.health().to_dict())]
        answer = kb.recommend("s", regime={"volatility_annual": 0.3})
        server.restore()
        server.refuse()
        told += [str(kb.ready().to_dict()), str(answer.to_dict()), repr(kb.settings)]
        with pytest.raises(BackendUnavailableError) as raised:
            kb.collections()
    told += [str(raised.value), caplog.text, *(str(r.__dict__) for r in caplog.records)]
    assert [text for text in told if secret in text] == []
