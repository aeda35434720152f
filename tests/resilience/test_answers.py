"""Answers while the vector server or the embedder is down: by metadata alone, and in time."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time as clock
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tradingkb as tkb
from tests.resilience.conftest import Time
from tradingkb import places
from tradingkb.domain import RegimeScaler
from tradingkb.embedding import Embedders
from tradingkb.exceptions import BackendUnavailableError
from tradingkb.ports import Embedder
from tradingkb.resilience import Policy, doors
from tradingkb.testing.faults import (
    Behaviour,
    FaultyServer,
    answering,
    dripping,
    hanging,
    http,
    resetting,
)

REGIME = ["uptrend"]
#: Seconds that one call of Qdrant may take in these tests.
LIMIT_S = 0.2


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    policies = {**doors.POLICIES, "qdrant": Policy(total_s=LIMIT_S)}
    monkeypatch.setattr(doors, "POLICIES", policies)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        yield server


@pytest.fixture
def ask(
    sample_copy: Path, server: FaultyServer
) -> Iterator[Callable[..., tuple[tkb.Recommendation, float]]]:
    """Asks the sample store, whose vectors are said to be on the server; answer and seconds."""
    with tkb.connect(sample_copy, qdrant_url=server.url, progress=False) as kb:

        def asked(**given: Any) -> tuple[tkb.Recommendation, float]:
            started = clock.perf_counter()
            answer = kb.recommend("sma_cross", regime=REGIME, **given)
            return answer, clock.perf_counter() - started

        asked.kb = kb  # type: ignore[attr-defined]
        yield asked


@pytest.mark.parametrize(
    "behaviour",
    [
        resetting(),
        hanging(),
        dripping(http(200, b"{}" * 500), every_s=0.02),
        answering(503),
        answering(200, b'{"result": null, "status": "ok", "time": 0}'),
        answering(302, b"", {"Location": "http://127.0.0.1:1/"}),
    ],
    ids=["resets", "hangs", "drips", "503", "null", "302"],
)
def test_an_answer_without_vectors_rests_on_metadata_and_says_so(
    ask: Any, server: FaultyServer, behaviour: Behaviour
) -> None:
    server.behave(behaviour)
    answer, _ = ask()
    assert answer.status == "degraded"
    assert "no_embedding_available" in answer.reasons
    assert answer.metadata_only
    assert answer.params is not None
    assert any("Qdrant" in note or "QDRANT" in note for note in answer.notes), answer.notes


def test_a_server_that_hangs_costs_five_questions_their_time_and_the_others_nothing(
    ask: Any, server: FaultyServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.behave(hanging())
    ask()  # reads the trials
    with caplog.at_level(logging.INFO, "tradingkb"):
        for _ in range(4):
            ask()
        assert server.accepted == 5
        told, seconds = ask()
    assert server.accepted == 5
    assert seconds < LIMIT_S
    assert any("qdrant: circuit breaker is open" in note for note in told.notes), told.notes
    assert told.metadata_only
    shown = ask.kb.health().circuit_breakers["qdrant"]
    assert (shown["is_open"], shown["in_use"], shown["failures"]) == (True, True, 5)
    assert [r.getMessage() for r in caplog.records].count("circuit_opened") == 1


@pytest.mark.parametrize(("total_s", "retries"), [(10.0, 2), (1.0, 1), (0.2, 0)])
def test_a_refused_connection_is_tried_again_as_long_as_there_is_time(
    sample_copy: Path,
    server: FaultyServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    total_s: float,
    retries: int,
) -> None:
    monkeypatch.setitem(doors.POLICIES, "qdrant", Policy(total_s=total_s))
    server.refuse()
    with (
        tkb.connect(sample_copy, qdrant_url=server.url, progress=False) as kb,
        caplog.at_level(logging.INFO, "tradingkb"),
    ):
        assert kb.recommend("sma_cross", regime=REGIME).metadata_only
        assert kb.health().circuit_breakers["qdrant"]["failures"] == 1
    assert [r.getMessage() for r in caplog.records].count("qdrant_retry") == retries


def test_a_question_keeps_time_to_be_answered_without_vectors(
    ask: Any, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behave(hanging())
    ask()
    answer, seconds = ask(deadline_s=0.3)
    assert answer.metadata_only
    assert seconds < 0.3


class RemoteEmbedder:
    """The built-in one, behind a server that may be down."""

    remote = True

    def __init__(self, embedder: Embedder, down: list[int]) -> None:
        self._embedder, self._down = embedder, down
        self.model, self.dimension = embedder.model, embedder.dimension
        self.pipeline, self.batch = embedder.pipeline, embedder.batch
        self.calls = 0

    def embed_documents(self, documents: Any) -> Any:
        return self._embedder.embed_documents(documents)

    def embed_query(self, regime: Any, side: Any) -> Any:
        if self._down:
            self._down[0] += 1
            raise BackendUnavailableError("the embedding server did not answer")
        return self._embedder.embed_query(regime, side)


def test_a_remote_embedder_is_guarded_and_a_built_in_one_is_not(
    sample_copy: Path, monkeypatch: pytest.MonkeyPatch, time: Time
) -> None:
    down = [0]

    class Remote(Embedders):
        def __call__(self, model: str, scaler: RegimeScaler | None) -> Any:
            return RemoteEmbedder(super().__call__(model, scaler), down)

        def is_remote(self, model: str) -> bool:
            return True

    monkeypatch.setattr(places, "Embedders", Remote)
    with tkb.connect(sample_copy, monotonic=time, progress=False) as kb:
        for _ in range(7):
            answer = kb.recommend("sma_cross", regime=REGIME)
            assert answer.metadata_only
            assert "no_embedding_available" in answer.reasons
        assert down == [15]  # five calls of three attempts, and none since
        assert any("ollama: circuit breaker is open" in note for note in answer.notes)
        assert not kb.ready().checks["embed_service"].ok
        down.clear()
        time.s += 30
        assert not kb.recommend("sma_cross", regime=REGIME).metadata_only
        assert kb.health().circuit_breakers["ollama"]["state"] == "closed"


def test_events_that_another_writer_keeps_waiting_are_no_failure_of_the_database(
    sample_copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        tkb.connect(sample_copy, progress=False) as kb,
        contextlib.closing(sqlite3.connect(sample_copy / "tradingkb.db")) as other,
        caplog.at_level(logging.INFO, "tradingkb"),
    ):
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        for _ in range(7):
            assert kb.recommend("sma_cross").params is not None
        names = [r.getMessage() for r in caplog.records]
        assert (names.count("kb_event_queued"), names.count("db_retry")) == (7, 0)
        state = kb.use_cases.breakers.states()["db"]
        assert (state.state, state.failures, state.calls["failure"]) == ("closed", 0, 0)
        other.execute("ROLLBACK")
        assert kb.events(limit=10).height == 7
