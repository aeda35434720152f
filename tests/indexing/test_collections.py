"""Collections: listed, kept, dropped and recovered; SQL stays the truth, and answers as before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import tradingkb as tkb
from tests.small_store import (
    COSINE_V1,
    MARKET,
    REGIME_V1,
    entries,
    events,
    ids,
    nominated,
    pointed,
    trials,
)
from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    EmptyCollectionError,
    InvalidInputError,
    NotFoundError,
)
from tradingkb.testing.qdrant_server import QdrantServer

Open = Callable[..., tkb.KnowledgeBase]
COSINE = "regime-cosine-v1"
NEXT = "kb_regime_v1_v2"


@pytest.fixture(scope="module")
def running() -> Iterator[QdrantServer]:
    with QdrantServer() as server:
        yield server


@pytest.fixture
def server(running: QdrantServer, clock: Any) -> Iterator[QdrantServer]:
    """A Qdrant server that keeps nothing yet, with the time of the knowledge base."""
    running.state.empty()
    running.clock = lambda: clock.now
    yield running
    running.restore()


@pytest.fixture(params=["embedded", "qdrant"])
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Where the vectors are."""
    if request.param == "embedded":
        return {}
    return {"qdrant_url": request.getfixturevalue("server").url}


@pytest.fixture
def kb(open_kb: Open, settings: dict[str, Any], clock: Any, small_home: Path) -> tkb.KnowledgeBase:
    """Eight trials, ten minutes old."""
    kb = open_kb(**settings) if settings else open_kb(like=small_home)
    if settings:
        kb.ingest(trials())
    clock.now += timedelta(minutes=10)
    return kb


def answer(kb: tkb.KnowledgeBase) -> dict[str, Any]:
    """What must be the same whichever collection holds the points."""
    found = kb.recommend("s", regime=MARKET).to_dict()
    moving = ("request_id", "at", "timings", "collection")
    return {k: v for k, v in found.items() if k not in moving}


def row(kb: tkb.KnowledgeBase, name: str) -> dict[str, Any]:
    return kb.collections().row(by_predicate=tkb_column(name), named=True)


def tkb_column(name: str) -> Any:
    import polars as pl

    return pl.col("collection") == name


# --- listed ---------------------------------------------------------------------------------------


def test_collections_are_listed_with_who_searches_them(kb: tkb.KnowledgeBase) -> None:
    kb.create_workspace("other", collection="kb_elsewhere")
    kb.reembed(target_model=COSINE)
    assert kb.collections()["collection"].to_list() == [COSINE_V1, REGIME_V1]
    ours = row(kb, REGIME_V1)
    expected = {
        "model": "regime-v1",
        "dimension": 64,
        "points": 8,
        "state": "green",
        "foreign": None,
    }
    assert {k: ours[k] for k in expected} == expected
    assert ours["aliases"] == ["kb_trials"]
    assert ours["active_for"] == ["default", "(environment)"]
    theirs = row(kb, COSINE_V1)
    assert (theirs["model"], theirs["active_for"], theirs["aliases"]) == (COSINE, [], [])


# --- dropped --------------------------------------------------------------------------------------


def test_a_collection_that_is_searched_is_only_dropped_by_force_and_heals(
    kb: tkb.KnowledgeBase, caplog: pytest.LogCaptureFixture
) -> None:
    before = answer(kb)
    with pytest.raises(ConfigurationError, match=r"searched by default, \(environment\)"):
        kb.drop_collection(REGIME_V1)
    assert answer(kb) == before
    with caplog.at_level("INFO", "tradingkb"):
        dropped = kb.drop_collection(REGIME_V1, force=True)
    assert (dropped.points, dropped.searched_by) == (8, ("default", "(environment)"))
    assert events(caplog, "kb_collection_dropped") == [
        {"collection": REGIME_V1, "points": 8, "searched": True}
    ]
    assert kb.recommend("s", regime=MARKET).status == "degraded"
    assert not kb.ready().ready
    assert kb.ingest().updated == 8
    assert answer(kb) == before
    assert kb.ready().ready


def test_a_collection_that_nobody_searches_leaves_no_difference_behind(
    kb: tkb.KnowledgeBase,
) -> None:
    kb.reembed(target_model=COSINE)
    assert kb.drop_collection(COSINE_V1).searched_by == ()
    assert kb.reconcile().clean
    assert kb.collections()["collection"].to_list() == [REGIME_V1]
    assert kb.recent_changes()["what"][0] == f"collection {COSINE_V1} dropped"
    assert kb.reembed(target_model=COSINE).embedded == 8


def test_a_collection_that_is_not_there_is_named_with_its_neighbours(kb: tkb.KnowledgeBase) -> None:
    with pytest.raises(NotFoundError) as raised:
        kb.drop_collection("kb_regime_v1_v9")
    assert REGIME_V1 in raised.value.suggestions


def test_a_collection_of_another_program_is_not_dropped_by_force_either(
    open_kb: Open, server: QdrantServer
) -> None:
    kb = open_kb(qdrant_url=server.url, collection="theirs")
    dot = {"vectors": {"size": 64, "distance": "Dot"}}
    httpx.put(f"{server.url}/collections/theirs", json=dot)
    with pytest.raises(ConfigurationError, match="another program"):
        kb.drop_collection("theirs", force=True)
    assert row(kb, "theirs")["foreign"] == "its vectors are not compared by cosine"
    assert kb.collections().height == 1
    with pytest.raises(ConfigurationError, match="another program"):
        kb.ingest(trials())


# --- kept and recovered ---------------------------------------------------------------------------


def test_a_snapshot_that_is_recovered_answers_as_before(
    kb: tkb.KnowledgeBase, caplog: pytest.LogCaptureFixture
) -> None:
    before = answer(kb)
    with caplog.at_level("INFO", "tradingkb"):
        kept = kb.snapshot()
        assert kb.snapshots()["snapshot"].to_list() == [kept.snapshot]
        kb.drop_collection(REGIME_V1, force=True)
        done = kb.recover(kept.snapshot)
    assert (done.collection, done.into, done.embed_model) == (REGIME_V1, NEXT, "regime-v1")
    assert (done.points, done.current, done.dimension, done.fits) == (8, 8, 64, True)
    assert f"activate regime-v1 with {NEXT}" in str(done)
    (told,) = events(caplog, "kb_collection_recovered")
    assert told == {
        "collection": NEXT,
        "snapshot": kept.snapshot,
        "points": 8,
        "current": 8,
    }
    assert kb.use_cases.indexer.vectors.alias("kb_trials") is None, "nobody was switched"
    kb.activate("regime-v1", NEXT)
    assert kb.use_cases.indexer.vectors.alias("kb_trials") == NEXT
    assert answer(kb) == before
    assert kb.ready().ready
    assert kb.ingest().skipped == 8
    assert "recovered from" in " ".join(kb.recent_changes()["what"])


def test_a_recovered_collection_that_lacks_trials_is_healed(
    kb: tkb.KnowledgeBase, clock: Any
) -> None:
    """What came, changed or went since the snapshot is not taken for what is there."""
    kept = kb.snapshot()
    clock.now += timedelta(minutes=10)
    kb.ingest(trials(5, scores={"0:5": 9.0}))
    kb.reject([ids(kb)["1:5"]], actor="ada", reason="a bug")
    before = answer(kb)
    kb.drop_collection(REGIME_V1, force=True)
    done = kb.recover(kept.snapshot, REGIME_V1, "kb_again")
    assert (done.points, done.current) == (8, 6)
    with pytest.raises(ConfigurationError, match="3 trials are not in collection"):
        kb.activate("regime-v1", "kb_again")
    kb.activate("regime-v1", "kb_again", force=True)
    assert not kb.reconcile(workspace="default").clean
    healed = kb.reconcile(repair=True, workspace="default")
    after = healed.after.filter(tkb_column("kb_again")).row(0, named=True)
    assert [after[fault] for fault in ("missing", "orphaned", "stale", "unfinished")] == [0] * 4
    assert pointed(kb, "kb_again") == set(trials(5)["source_id"]) - {"1:5"}
    assert answer(kb) == before
    assert kb.ingest().skipped == 9


def test_an_ingest_heals_it_too(kb: tkb.KnowledgeBase, clock: Any) -> None:
    kept = kb.snapshot()
    clock.now += timedelta(minutes=10)
    kb.ingest(trials(5))
    before = answer(kb)
    done = kb.recover(kept.snapshot)
    kb.activate("regime-v1", done.into, force=True)
    assert kb.ingest().counts()["inserted"] == 2
    assert answer(kb) == before
    assert nominated(kb) == set(trials(5)["source_id"])


def test_points_that_the_snapshot_lacks_are_not_taken_over(
    kb: tkb.KnowledgeBase, clock: Any
) -> None:
    lost = entries(kb)["2:5"]["point_id"]
    kb.use_cases.indexer.vectors.delete(REGIME_V1, [lost])
    clock.now += timedelta(minutes=10)
    done = kb.recover(kb.snapshot().snapshot)
    assert (done.points, done.current) == (7, 7)
    assert entries(kb, NEXT)["2:5"]["content_hash"] == ""


def test_the_next_free_version_is_taken_and_names_are_checked(kb: tkb.KnowledgeBase) -> None:
    kept = kb.snapshot()
    assert [kb.recover(kept.snapshot).into for _ in range(2)] == [NEXT, "kb_regime_v1_v3"]
    with pytest.raises(ConfigurationError, match="exists"):
        kb.recover(kept.snapshot, into=NEXT)
    with pytest.raises(InvalidInputError, match="no name of a collection"):
        kb.recover(kept.snapshot, into="a/b")
    assert kb.collections().height == 3


def test_a_missing_snapshot_is_named_with_near_ones(kb: tkb.KnowledgeBase) -> None:
    kept = kb.snapshot()
    for ask in (kb.recover, kb.drop_snapshot):
        with pytest.raises(NotFoundError) as raised:
            ask(kept.snapshot[:-3])
        assert raised.value.suggestions == [kept.snapshot]
    assert kb.drop_snapshot(kept.snapshot).collection == REGIME_V1
    assert kb.snapshots().is_empty()


def test_an_empty_store_has_nothing_to_keep(open_kb: Open, settings: dict[str, Any]) -> None:
    kb = open_kb(**settings)
    with pytest.raises(EmptyCollectionError):
        kb.snapshot()
    assert kb.collections().is_empty()
    assert kb.snapshots().is_empty()


def test_the_in_memory_qdrant_says_that_it_keeps_none(open_kb: Open) -> None:
    kb = open_kb(qdrant_url=":memory:")
    kb.ingest(trials())
    with pytest.raises(ConfigurationError, match="keeps no snapshots"):
        kb.snapshot()
    assert kb.snapshots().is_empty()
    assert kb.collections()["points"].to_list() == [8]


# --- a server that fails --------------------------------------------------------------------------


def test_a_recovery_whose_answer_is_lost_says_where_to_look(
    open_kb: Open, server: QdrantServer, clock: Any
) -> None:
    kb = open_kb(qdrant_url=server.url)
    kb.ingest(trials())
    clock.now += timedelta(minutes=10)
    kept = kb.snapshot()
    server.requests.clear()
    server.fail(502, path="/recover")
    with pytest.raises(BackendUnavailableError, match=rf"{NEXT}.*kb\.collections\(\)"):
        kb.recover(kept.snapshot)
    asked = [r for r in server.requests if r.path.endswith("/recover")]
    assert len(asked) == 1, "not tried again: it may have been done"
    qdrant = kb.health().circuit_breakers["qdrant"]
    assert (qdrant["failures"], qdrant["state"]) == (1, "closed")
    assert kb.recover(kept.snapshot).current == 8


def test_the_clocks_of_server_and_store_may_differ_a_little(
    open_kb: Open, server: QdrantServer, clock: Any
) -> None:
    """What was indexed within the minute before a snapshot may not be in it."""
    kb = open_kb(qdrant_url=server.url)
    kb.ingest(trials())
    kept = kb.snapshot()
    done = kb.recover(kept.snapshot)
    assert (done.points, done.current) == (8, 0)
    kb.activate("regime-v1", NEXT, force=True)
    assert kb.ingest().counts()["inserted"] == 8
    assert kb.reconcile(workspace="default").before.filter(tkb_column(NEXT))["missing"][0] == 0


# --- the document's rebuild -----------------------------------------------------------------------


def test_the_rebuild_of_the_runbook_goes_through_a_dimension_mismatch_and_back(
    open_kb: Open, server: QdrantServer, clock: Any
) -> None:
    """Drop and recreate as by curl, /ready says what is wrong, rebuild, /ready is well."""
    kb = open_kb(qdrant_url=server.url)
    kb.ingest(trials())
    clock.now += timedelta(minutes=10)
    before = answer(kb)
    place = f"{server.url}/collections/{REGIME_V1}"
    with httpx.Client() as curl:
        kept = curl.post(f"{place}/snapshots").json()["result"]["name"]
        curl.delete(place)
        missing = kb.ready().checks["qdrant_collection"]
        assert (missing.ok, "does not exist" in missing.detail) == (False, True)
        made = {"vectors": {"size": 768, "distance": "Cosine"}, "on_disk_payload": True}
        assert curl.put(place, content=json.dumps(made)).json()["result"] is True
        wrong = kb.ready().checks["qdrant_collection"]
        assert not wrong.ok
        assert "dimension mismatch" in wrong.detail
        for change in (kb.reembed, kb.ingest):
            with pytest.raises(ConfigurationError, match="dimension 768"):
                change()
        assert kb.recommend("s", regime=MARKET).status == "degraded"
        curl.delete(place)
        right = {**made, "vectors": {"size": 64, "distance": "Cosine"}}
        curl.put(place, content=json.dumps(right))
        assert kb.reembed().embedded == 8
        assert kb.ready().ready
        assert len(row(kb, REGIME_V1)["payload_indexes"]) == 7
        assert answer(kb) == before
        assert kb.reconcile().clean
        # and its rollback
        asked = {"location": f"{place}/snapshots/{kept}"}
        assert curl.put(f"{place}/snapshots/recover", json=asked).json()["result"] is True
    assert kb.ready().ready
    assert answer(kb) == before
