"""Health and readiness: what is said of dependencies, and within which time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from polars.exceptions import PanicException

import tradingkb as tkb
from tradingkb.exceptions import BackendUnavailableError, ConfigurationError
from tradingkb.testing.faults import FaultyServer, hanging
from tradingkb.testing.ollama_server import OllamaServer
from tradingkb.upkeep import Checks

OpenKb = Callable[..., tkb.KnowledgeBase]


def checks_of(kb: tkb.KnowledgeBase, **changes: Any) -> Checks:
    uses = kb.use_cases
    parts = {
        "store": uses.store,
        "vectors": uses.indexer.vectors,
        "embedders": uses.indexer.embedders,
        "workspaces": uses.workspaces,
        "breakers": uses.breakers,
    }
    return Checks(**{**parts, **changes})


def trials(n: int = 3) -> list[tkb.Trial]:
    return [tkb.Trial("sma", {"fast": i}, sharpe_oos=1.0) for i in range(1, n + 1)]


def test_a_fresh_store_is_ready_and_says_that_nothing_is_indexed_yet(open_kb: OpenKb) -> None:
    ready = open_kb().ready()
    assert ready.ready
    assert set(ready.checks) == {"database", "qdrant_collection", "embed_service"}
    found = ready.checks["qdrant_collection"]
    assert found.detail == "active: kb_regime_v1_v1; empty as yet: kb_regime_v1_v1"
    assert found.facts["missing"] == ["kb_regime_v1_v1"]


def test_what_a_readiness_says_as_json(sample: tkb.KnowledgeBase) -> None:
    told = sample.ready().to_dict()
    assert told["ready"] is True
    assert told["checks"]["embed_service"].pop("duration_ms") >= 0
    assert told["checks"]["embed_service"] == {
        "ok": True,
        "detail": "regime-v1 makes 64 numbers",
        "model": "regime-v1",
        "dimension": 64,
    }
    assert told["checks"]["qdrant_collection"]["collections"] == ["kb_regime_v1_v1"]
    assert told["checks"]["qdrant_collection"]["missing"] == []


def test_a_dimension_that_is_not_the_embedders_is_named(open_kb: OpenKb) -> None:
    kb = open_kb()
    kb.use_cases.indexer.vectors.ensure_collection("kb_regime_v1_v1", 768)
    ready = kb.ready()
    assert not ready.ready
    assert ready.checks["qdrant_collection"].detail == (
        "dimension mismatch: collection kb_regime_v1_v1 has 768, embedder makes 64"
    )
    assert ready.checks["database"].ok


def test_every_workspaces_collection_is_looked_at(open_kb: OpenKb) -> None:
    kb = open_kb()
    kb.create_workspace("desk", embed_model="regime-cosine-v1", collection="theirs")
    kb.create_workspace("odd", embed_model="unknown-model", collection="odd")
    kb.use_cases.indexer.vectors.ensure_collection("theirs", 64)
    kb.use_cases.indexer.vectors.ensure_collection("odd", 64)
    detail = kb.ready().checks["qdrant_collection"].detail
    assert detail == "dimension mismatch: collection theirs has 64, embedder makes 32"


def test_every_model_that_is_not_known_is_told_once_and_is_no_fault_of_its_collection(
    open_kb: OpenKb,
) -> None:
    kb = open_kb()
    for name in ("first", "second"):
        kb.create_workspace(name, embed_model=f"{name}-model", collection=name)
        kb.use_cases.indexer.vectors.ensure_collection(name, 64)
    checks = kb.ready().checks
    assert checks["qdrant_collection"].ok
    told = checks["embed_service"]
    assert not told.ok
    for name in ("first", "second"):
        assert f"model '{name}-model' is not known here" in told.detail
    # The choice is the workspace's, whatever the environment says.
    assert "`tradingkb activate` for a workspace, else EMBED_MODEL" in told.detail
    assert [problem.code for problem in kb.problems("first").open] == ["EmbedderNotReady"]


def test_a_collection_that_was_deleted_after_trials_were_indexed_is_missed(
    open_kb: OpenKb,
) -> None:
    pytest.importorskip("qdrant_client")
    kb = open_kb(qdrant_url=":memory:")
    kb.ingest(trials())
    assert kb.ready().ready
    kb.use_cases.indexer.vectors.index.client.delete_collection("kb_regime_v1_v1")
    found = kb.ready().checks["qdrant_collection"]
    assert not found.ok
    assert "kb_regime_v1_v1 does not exist, and trials were indexed into it" in found.detail


def test_a_vector_server_that_is_down_is_told_without_its_address(sample_copy: Path) -> None:
    with FaultyServer() as server:
        server.refuse()
        with tkb.connect(sample_copy, qdrant_url=server.url, progress=False) as kb:
            ready = kb.ready()
    assert not ready.ready
    found = ready.checks["qdrant_collection"]
    assert not found.ok
    assert "127.0.0.1" not in found.detail
    assert ready.checks["database"].ok
    assert ready.checks["embed_service"].ok


def test_an_embedder_that_cannot_be_made_is_told(open_kb: OpenKb) -> None:
    def refuse(model: str, scaler: Any) -> Any:
        raise ConfigurationError("model 'x' is not known here")

    found = checks_of(open_kb(), embedders=refuse).ready().checks["embed_service"]
    assert (found.ok, found.detail) == (False, "model 'x' is not known here")


def test_a_dimension_that_a_servers_model_does_not_make_is_told_and_never_raised(
    open_kb: OpenKb,
) -> None:
    with OllamaServer() as server:
        kb = open_kb(ollama_host=server.url, embed_model="nomic-embed-text", embed_dim=64)
        kb.use_cases.indexer.vectors.ensure_collection("kb_nomic_embed_text_v1", 64)
        checks = kb.ready().checks
        told = "dimension mismatch: EMBED_DIM is 64, but EMBED_MODEL 'nomic-embed-text' makes"
        assert not checks["embed_service"].ok
        assert checks["embed_service"].detail.startswith(told)
        # Whether the collection fits is not known: that is no fault of it.
        assert checks["qdrant_collection"].ok
        kb.close()


def test_an_embedding_server_that_is_down_is_told_once(open_kb: OpenKb) -> None:
    """Of a collection it cannot be told whether it fits: that is no fault of the collection."""

    def away(model: str, scaler: Any) -> Any:
        raise BackendUnavailableError("the Ollama server did not answer")

    kb = open_kb()
    kb.use_cases.indexer.vectors.ensure_collection("kb_regime_v1_v1", 768)
    checks = checks_of(kb, embedders=away).ready().checks
    assert checks["qdrant_collection"].ok
    assert not checks["embed_service"].ok


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (BackendUnavailableError("the database at host1 did not answer"), "no answer: "),
        (OSError(5, "Input/output error", "/secret/path"), "OSError 5"),
        (PanicException("in /secret/path of host1"), "PanicException"),
    ],
)
def test_whatever_a_check_raises_is_told_without_what_it_says(
    open_kb: OpenKb, error: BaseException, detail: str
) -> None:
    class Broken:
        def workspaces(self) -> Any:
            raise error

    checks = checks_of(open_kb(), store=Broken())
    for _ in range(2):  # it is looked at anew each time
        found = checks.ready().checks["database"]
        assert not found.ok
        assert found.detail.startswith(detail)
        assert "host1" not in found.detail
        assert "secret" not in found.detail


def test_checks_run_side_by_side_and_a_hanging_one_keeps_one_thread(open_kb: OpenKb) -> None:
    release = threading.Event()
    started: list[int] = []

    class Hanging:
        def workspaces(self) -> list[Any]:
            started.append(1)
            release.wait(10)
            return []

    class HangingVectors:
        def dimension(self, name: str) -> int:
            started.append(1)
            release.wait(10)
            return 64

    checks = checks_of(open_kb(), store=Hanging(), vectors=HangingVectors(), timeout_s=0.2)
    began = time.monotonic()
    first = checks.ready()
    assert time.monotonic() - began < 0.5
    assert {name: check.ok for name, check in first.checks.items()} == {
        "database": False,
        "qdrant_collection": False,
        "embed_service": True,
    }
    assert first.checks["database"].detail == "no answer within 0.2 s"
    again = checks.ready()
    assert len(started) == 2
    assert again.checks["database"].detail.startswith("no answer since 0.")
    release.set()
    deadline = time.monotonic() + 5
    while not checks.ready().ready and time.monotonic() < deadline:
        pass
    assert checks.ready().ready


def test_health_has_the_names_of_the_mission_document_and_asks_nobody(open_kb: OpenKb) -> None:
    health = open_kb().health()
    assert set(health.circuit_breakers) == {"supabase", "qdrant", "ollama"}
    assert {name: b["in_use"] for name, b in health.circuit_breakers.items()} == {
        "supabase": True,
        "qdrant": False,
        "ollama": False,
    }
    assert health.circuit_breakers["supabase"] == {
        "failures": 0,
        "is_open": False,
        "state": "closed",
        "in_use": True,
        "open_since": None,
        "last_error": None,
    }
    assert str(health) == "every circuit is closed"


def test_an_embedding_server_that_hangs_does_not_make_the_vector_index_look_down(
    open_kb: OpenKb,
) -> None:
    with FaultyServer(hanging()) as server:
        kb = open_kb(ollama_host=server.url)
        kb.use_cases.indexer.vectors.ensure_collection("kb_nomic_v1", 768)
        kb.create_workspace("desk", embed_model="nomic", collection="kb_nomic_v1")
        ready = checks_of(kb, timeout_s=0.4).ready()
        assert ready.checks["qdrant_collection"].ok
        assert not ready.checks["embed_service"].ok
