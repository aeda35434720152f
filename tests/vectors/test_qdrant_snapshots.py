"""Snapshots on a Qdrant server, where it does what the contract cannot ask for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from qdrant_client import models

from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    EmptyCollectionError,
    NotFoundError,
)
from tradingkb.testing.qdrant_server import QdrantServer
from tradingkb.testing.sample_points import DIMENSION, EAST, points
from tradingkb.vectors.qdrant import QdrantVectorIndex


@pytest.fixture
def kb(served: QdrantVectorIndex) -> QdrantVectorIndex:
    served.ensure_collection("kb", DIMENSION)
    served.upsert("kb", points((1, EAST, {})))
    return served


def test_the_server_reads_the_snapshot_by_its_own_address_and_takes_it_for_the_truth(
    server: QdrantServer, kb: QdrantVectorIndex
) -> None:
    kept = kb.snapshot("kb")
    kb.recover("kb", kept.name, "kb_2")
    (asked,) = [r for r in server.requests if r.path.endswith("/recover")]
    assert asked.query["wait"] == "true"
    assert asked.body == {
        "location": f"{server.url}/collections/kb/snapshots/{kept.name}",
        "priority": "snapshot",
    }


def test_what_stands_in_for_a_dropped_collection_goes_again(
    server: QdrantServer, kb: QdrantVectorIndex
) -> None:
    kept = kb.snapshot("kb")
    kb.drop("kb")
    with pytest.raises(EmptyCollectionError):
        kb.drop_snapshot("kb", kept.name)
    with pytest.raises(NotFoundError):
        kb.recover("kb", "none", "kb_2")
    server.fail(500, path="/recover")
    with pytest.raises(BackendUnavailableError):
        kb.recover("kb", kept.name, "kb_2")
    assert kb.collections() == []
    kb.recover("kb", kept.name, "kb_2")
    assert (kb.collections(), kb.count("kb_2")) == (["kb_2"], 1)


def test_what_a_killed_recovery_left_behind_is_in_nobodys_way(
    server: QdrantServer, kb: QdrantVectorIndex
) -> None:
    kept = kb.snapshot("kb")
    kb.drop("kb")
    kb._stand_in("kb")  # what a killed process would have deleted next
    kb.recover("kb", kept.name, "kb_2")
    assert kb.collections() == ["kb_2"]
    kb._stand_in("kb")
    kb.ensure_collection("kb", DIMENSION)
    assert kb.dimension("kb") == DIMENSION


@pytest.mark.parametrize("distance", ["Cosine", "Dot"])
def test_an_empty_collection_of_another_program_stays_as_it_is(
    server: QdrantServer, kb: QdrantVectorIndex, distance: str
) -> None:
    theirs = models.VectorParams(size=1, distance=models.Distance(distance))
    server.state.create("theirs", models.CreateCollection(vectors=theirs))
    with pytest.raises(ConfigurationError):
        kb.ensure_collection("theirs", DIMENSION)
    with pytest.raises((ConfigurationError, NotFoundError)):
        kb.recover("theirs", "none", "kb_2")
    held = server.state.described("theirs")
    assert held["config"]["params"]["vectors"] == {"size": 1, "distance": distance}
    assert held["payload_schema"] == {}


def test_snapshots_of_another_program_are_neither_read_nor_dropped(
    server: QdrantServer, kb: QdrantVectorIndex
) -> None:
    theirs = models.VectorParams(size=DIMENSION, distance=models.Distance.DOT)
    server.state.create("theirs", models.CreateCollection(vectors=theirs))
    file = server.state.snapshot("theirs", server.clock())["name"]
    with pytest.raises(ConfigurationError, match="another program"):
        kb.drop_snapshot("theirs", file)
    with pytest.raises(ConfigurationError, match="another program"):
        kb.recover("theirs", file, "kb_2")
    assert [one["name"] for one in server.state.snapshots("theirs")] == [file]
    assert kb.collections() == ["kb", "theirs"]


def test_a_collection_that_is_made_during_a_recovery_stays(
    server: QdrantServer, kb: QdrantVectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kb.snapshot("kb")
    kb.drop("kb")
    recover = kb._recover

    def meanwhile(*asked: Any) -> None:
        recover(*asked)
        kb.ensure_collection("kb", DIMENSION)
        kb.upsert("kb", points((2, EAST, {})))

    monkeypatch.setattr(kb, "_recover", meanwhile)
    kb.recover("kb", kept.name, "kb_2")
    assert (kb.count("kb"), kb.count("kb_2")) == (1, 1)


def test_a_server_that_cannot_reach_itself_says_so(
    server: QdrantServer, kb: QdrantVectorIndex
) -> None:
    kept = kb.snapshot("kb")
    server.fail(404, path="/snapshots/kb-")  # what it reads from itself
    with pytest.raises(ConfigurationError, match="reach itself at QDRANT_URL"):
        kb.recover("kb", kept.name, "kb_2")
    assert kb.collections() == ["kb"]


def test_what_a_server_forbids_that_no_key_opens_is_said_in_its_words(
    server: QdrantServer, kb: QdrantVectorIndex
) -> None:
    kept = kb.snapshot("kb")
    said = "Forbidden: Snapshot recovery from remote URLs is disabled in the configuration"
    server.fail(403, body=json.dumps({"status": {"error": said}}).encode(), path="/recover")
    with pytest.raises(ConfigurationError, match="from remote URLs is disabled"):
        kb.recover("kb", kept.name, "kb_2")


def test_a_part_of_a_collection_is_not_kept(server: QdrantServer, kb: QdrantVectorIndex) -> None:
    def clustered(path: str, said: Any) -> Any:
        if path.endswith("/cluster"):
            said["result"] |= {
                "shard_count": 2,
                "remote_shards": [{"shard_id": 1, "peer_id": 9, "state": "Active"}],
            }
        return said

    server.reshape = clustered
    with pytest.raises(ConfigurationError, match="1 of 2 shards"):
        kb.snapshot("kb")
    assert server.state.snapshots("kb") == []


def test_a_server_that_says_no_time_of_its_snapshots_is_understood(
    server: QdrantServer, kb: QdrantVectorIndex
) -> None:
    def timeless(path: str, said: Any) -> Any:
        if path.endswith("/snapshots") and isinstance(said["result"], dict):
            said["result"].pop("creation_time")
            said["result"].pop("checksum")
        return said

    server.reshape = timeless
    assert kb.snapshot("kb").created_at is None
