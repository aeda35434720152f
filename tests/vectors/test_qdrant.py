"""What a Qdrant server does that the in-memory client does not: refusals, faults, few groups."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from qdrant_client import models

from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    EmptyCollectionError,
)
from tradingkb.ports import VectorFilter
from tradingkb.testing.qdrant_server import QdrantServer
from tradingkb.testing.sample_points import (
    DIMENSION,
    EAST,
    EVERYTHING,
    NORTH,
    WORKSPACE,
    points,
    uid,
    windows,
)
from tradingkb.vectors import qdrant_index
from tradingkb.vectors.qdrant import BATCH, FEWEST, QdrantVectorIndex, batch_size
from tradingkb.vectors.qdrant_connection import connect_qdrant
from tradingkb.vectors.qdrant_filter import filter_json

CALLS: dict[str, Callable[[QdrantVectorIndex], Any]] = {
    "count": lambda i: i.count("kb"),
    "search": lambda i: i.nearest_windows("kb", EAST, EVERYTHING, 3),
    "upsert": lambda i: i.upsert("kb", points((1, EAST, {}))),
    "delete": lambda i: i.delete("kb", [uid(1)]),
    "dimension": lambda i: i.dimension("kb"),
    "alias": lambda i: i.alias("kb_trials"),
    "describe": lambda i: i.describe("kb"),
    "drop": lambda i: i.drop("kb"),
    "snapshot": lambda i: i.snapshot("kb"),
    "snapshots": lambda i: i.snapshots("kb"),
}
#: What the document's curl makes a collection of.
BY_CURL = {"vectors": {"size": DIMENSION, "distance": "Cosine"}, "on_disk_payload": True}


@pytest.fixture
def kb(served):
    """A collection of ours with two windows."""
    served.ensure_collection("kb", DIMENSION)
    served.upsert("kb", points((1, EAST, {"window_key": "a"}), (2, NORTH, {"window_key": "b"})))
    return served


def by_curl(server: QdrantServer, name: str = "kb", **made: Any) -> None:
    server.state.create(name, models.CreateCollection.model_validate(made or BY_CURL))


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (500, {}, BackendUnavailableError),
        (503, {}, BackendUnavailableError),
        (408, {}, BackendUnavailableError),
        (429, {}, BackendUnavailableError),
        (429, {"Retry-After": "3"}, BackendUnavailableError),
        (401, {}, ConfigurationError),
        (403, {}, ConfigurationError),
    ],
)
def test_an_answer_that_is_an_error_says_what_to_do(server, kb, status, headers, error):
    for call in CALLS.values():
        server.fail(status, headers=headers)
        with pytest.raises(error):
            call(kb)
        assert kb.count("kb") == 2


def test_a_collection_that_the_server_does_not_have_is_empty(served):
    with pytest.raises(EmptyCollectionError, match="'kb'"):
        served.count("kb")
    assert served.dimension("kb") is None


def test_a_server_that_is_not_there_is_unavailable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        index = QdrantVectorIndex(connect_qdrant(f"http://127.0.0.1:{taken.getsockname()[1]}"))
        for call in CALLS.values():
            with pytest.raises(BackendUnavailableError):
                call(index)
        index.close()


def test_a_server_that_answers_too_late_is_unavailable(server):
    index = QdrantVectorIndex(connect_qdrant(server.url), timeout_s=0.1)
    server.hang()
    started = time.monotonic()
    with pytest.raises(BackendUnavailableError):
        index.count("kb")
    assert time.monotonic() - started < 1
    index.close()


def test_another_web_server_at_that_address_is_a_wrong_setting(server, served):
    server.fail(200, body=b"<html>welcome</html>")
    with pytest.raises(ConfigurationError, match="QDRANT_URL"):
        served.count("kb")


def test_a_url_that_is_none_is_a_wrong_setting():
    with pytest.raises(ConfigurationError, match="QDRANT_URL"):
        connect_qdrant("ftp://somewhere:6333")


# what is wrong, the state says


def test_vectors_of_another_dimension_are_told_by_the_collection_not_by_the_words(server, kb):
    server.fail(400, body=b'{"status": {"error": "something"}}', path="/points")
    with pytest.raises(ConfigurationError, match="dimension 4, the vectors have 3"):
        kb.upsert("kb", points((3, EAST[:3], {})))
    server.fail(400, body=b'{"status": {"error": "dimension error"}}', path="/points")
    with pytest.raises(ConfigurationError, match=r"status 400 \(dimension error\)"):
        kb.upsert("kb", points((3, EAST, {})))


@pytest.mark.parametrize("status", [400, 404, 409])
def test_a_collection_that_is_gone_when_it_is_looked_at_is_empty(server, served, status):
    server.fail(status, body=b"{}")
    with pytest.raises(EmptyCollectionError):
        served.upsert("kb", points((1, EAST, {})))


def test_a_server_that_is_too_old_to_search_by_groups_is_named_as_that(server, kb):
    server.version = "1.9.7"
    with pytest.raises(ConfigurationError, match=r"version has to be 1\.10 or later"):
        kb.nearest_windows("kb", EAST, EVERYTHING, 3)
    assert kb.count("kb") == 2


# writes whose fate is not known


@pytest.mark.parametrize("applied", [True, False])
def test_a_write_that_timed_out_is_read_again(server, kb, applied):
    server.time_out_writes(1, applied=applied)
    change = points((1, NORTH, {"window_key": "moved"}), (3, EAST, {"window_key": "c"}))
    if applied:
        kb.upsert("kb", change)
    else:
        with pytest.raises(BackendUnavailableError, match="not applied"):
            kb.upsert("kb", change)
    assert kb.count("kb") == (3 if applied else 2)
    kb.upsert("kb", change)  # the next run converges
    assert kb.count("kb") == 3


@pytest.mark.parametrize("applied", [True, False])
def test_a_deletion_that_timed_out_is_read_again(server, kb, applied):
    server.time_out_writes(1, applied=applied)
    if applied:
        kb.delete("kb", [uid(1)])
    else:
        with pytest.raises(BackendUnavailableError, match="not applied"):
            kb.delete("kb", [uid(1)])
    assert kb.count("kb") == (1 if applied else 2)


def test_a_write_that_timed_out_over_older_points_is_not_taken_as_done(server, kb):
    for change in (points((1, NORTH, {"window_key": "a"})), points((1, EAST, {"n_trades": 7}))):
        server.time_out_writes(1, applied=False)
        with pytest.raises(BackendUnavailableError, match="not applied"):
            kb.upsert("kb", change)


# how it writes and asks


def test_writes_wait_and_searches_are_exact(server, kb):
    kb.nearest_windows("kb", EAST, EVERYTHING, 3)
    kb.delete("kb", [uid(9)])
    kb.count("kb")
    asked = {request.path: request for request in server.requests}
    assert asked["/collections/kb/points/count"].body["exact"] is True
    assert asked["/collections/kb/points/query/groups"].body["params"]["exact"] is True
    assert asked["/collections/kb/points/query/groups"].body["group_by"] == "window_key"
    for path in ("/points", "/points/delete", "/index"):
        assert asked[f"/collections/kb{path}"].query["wait"] == "true"


def test_counts_are_exact_where_the_server_estimates(server, kb):
    server.off_by = 1000
    assert kb.count("kb") == 2
    assert kb.describe("kb").points == 2
    server.off_by = 0


def test_batches_hold_64_to_256_points_by_their_bytes(server, kb):
    sizes = [batch_size(dimension) for dimension in (4, 64, 768, 1024, 4096)]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[1], sizes[-1]) == (BATCH, BATCH, FEWEST) == (256, 256, 64)
    server.requests.clear()
    kb.upsert("kb", points(*((n, EAST, {}) for n in range(100, 700))))
    written = [r for r in server.requests if r.path == "/collections/kb/points"]
    assert [len(r.body["batch"]["ids"]) for r in written] == [256, 256, 88]
    assert max(r.n_bytes for r in written) < 1_000_000


def test_a_collection_is_made_with_the_settings_and_an_index_per_payload_field(server):
    index = qdrant_index(
        server.url, shard_number=3, replication_factor=2, write_consistency_factor=2
    )
    index.ensure_collection("kb", DIMENSION)
    made = next(r for r in server.requests if r.method == "PUT").body
    assert made["vectors"] == {"size": DIMENSION, "distance": "Cosine"}
    settings = ("on_disk_payload", "shard_number", "replication_factor", "write_consistency_factor")
    assert [made[key] for key in settings] == [True, 3, 2, 2]
    info = index.describe("kb")
    assert (info.shards, info.replicas) == (3, 2)
    assert info.payload_indexes == (
        "has_oos",
        "max_drawdown",
        "n_trades",
        "overfit_gap",
        "strategy_name",
        "window_key",
        "workspace_id",
    )
    index.close()


def test_what_the_settings_leave_open_is_left_to_the_server(server, served):
    served.ensure_collection("kb", DIMENSION)
    made = next(r for r in server.requests if r.method == "PUT").body
    assert {k for k, v in made.items() if v is not None} == {"vectors", "on_disk_payload"}


def test_a_collection_made_by_hand_gets_its_indexes_before_its_points(server, served):
    by_curl(server)
    served.ensure_collection("kb", DIMENSION)
    served.upsert("kb", points((1, EAST, {})))
    written = [r.path.rpartition("/")[2] for r in server.requests if r.method == "PUT"]
    assert written == ["index"] * 7 + ["points"]
    server.requests.clear()
    served.ensure_collection("kb", DIMENSION)
    assert [r for r in server.requests if r.method == "PUT"] == []


@pytest.mark.parametrize("version", ["1.16.0", "1.7.4"])
def test_a_collection_that_another_process_made_first_is_used(server, served, version):
    server.version = version
    by_curl(server)
    server.fail(404, path="/collections/kb$")  # to who looks first
    served.ensure_collection("kb", DIMENSION)
    assert served.dimension("kb") == DIMENSION


def test_a_collection_that_another_process_makes_with_another_dimension_is_refused(server, served):
    by_curl(server, **{**BY_CURL, "vectors": {"size": 9, "distance": "Cosine"}})
    server.fail(404, path="/collections/kb$")
    with pytest.raises(ConfigurationError, match="dimension 9"):
        served.ensure_collection("kb", DIMENSION)


@pytest.mark.parametrize("most", [1, 2, 5])
@pytest.mark.parametrize("limit", [1, 3, 8, 20])
def test_a_server_that_returns_fewer_groups_than_asked_for_is_asked_again(
    server, served, most, limit
):
    served.ensure_collection("kb", DIMENSION)
    rows = [(n, EAST, {"window_key": f"w{n:02}"}) for n in range(12)]
    served.upsert("kb", points(*reversed(rows)))
    server.most_groups = most
    hits = served.nearest_windows("kb", EAST, EVERYTHING, limit)
    assert windows(hits) == [f"w{n:02}" for n in range(12)][:limit]


# aliases


def test_an_alias_of_a_server_stays_when_its_new_collection_is_missing(kb):
    kb.set_alias("al", "kb")
    with pytest.raises(EmptyCollectionError):
        kb.set_alias("al", "none")
    assert kb.alias("al") == "kb"


def test_a_collection_with_the_name_of_the_alias_is_named(server, kb):
    by_curl(server, "al")
    with pytest.raises(ConfigurationError, match="'al' is the name of a collection"):
        kb.set_alias("al", "kb")


def test_what_is_dropped_is_a_collection_not_what_an_alias_leads_to(kb):
    kb.set_alias("al", "kb")
    kb.drop("al")
    assert (kb.count("kb"), kb.alias("al")) == (2, "kb")


# collections of other programs

COSINE = {"size": DIMENSION, "distance": "Cosine"}
THEIRS: dict[str, dict[str, Any]] = {
    "named": {"vectors": {"text": COSINE}},
    "dot": {"vectors": {"size": DIMENSION, "distance": "Dot"}},
    "sparse": {"vectors": COSINE, "sparse_vectors": {"words": {}}},
    "only sparse": {"sparse_vectors": {"words": {}}},
    "many": {"vectors": {**COSINE, "multivector_config": {"comparator": "max_sim"}}},
    "payload": {"vectors": COSINE},
}


@pytest.mark.parametrize("kind", THEIRS)
def test_a_collection_of_another_program_is_refused_and_never_touched(server, served, kind):
    by_curl(server, "theirs", **THEIRS[kind])
    if kind == "payload":
        theirs = models.PointStruct(id=7, vector=[1.0, 0, 0, 0], payload={"text": "a recipe"})
        server.state.local.upsert("theirs", [theirs])
    before = server.state.described("theirs")
    for refused in (
        lambda: served.ensure_collection("theirs", DIMENSION),
        lambda: served.drop("theirs"),
        lambda: served.snapshot("theirs"),
    ):
        with pytest.raises(ConfigurationError, match="another program"):
            refused()
    assert served.describe("theirs").foreign
    assert server.state.described("theirs") == before
    assert server.state.snapshots("theirs") == []


def test_a_collection_that_another_program_shares_is_not_dropped(server, served):
    served.ensure_collection("kb", DIMENSION)
    served.upsert("kb", points(*((n, EAST, {}) for n in range(20))))
    theirs = models.PointStruct(id="f" * 32, vector=[1.0, 0, 0, 0], payload={"text": "a recipe"})
    server.state.local.upsert("kb", [theirs])
    with pytest.raises(ConfigurationError, match="1 of its points are of no trial"):
        served.drop("kb")
    assert served.count("kb") == 21


def test_the_in_memory_client_refuses_them_too(qdrant):
    dot = models.VectorParams(size=4, distance=models.Distance.DOT)
    qdrant.client.create_collection("theirs", vectors_config=dot)
    qdrant.client.create_collection("named", vectors_config={"text": dot})
    for name in ("theirs", "named"):
        with pytest.raises(ConfigurationError, match="another program"):
            qdrant.ensure_collection(name, 4)


# servers of the neighbouring versions


def without(*fields: str) -> Callable[[str, Any], Any]:
    def reshape(path: str, said: Any) -> Any:
        if path == "/collections/kb":
            for field in fields:
                said["result"].pop(field)
        return said

    return reshape


def later(path: str, said: Any) -> Any:
    """Fields and values that this release's client does not know."""
    if path == "/collections/kb":
        params = said["result"]["config"]["params"]
        params["vectors"] |= {"placement": "moon"}
        params |= {"gravity": 0.16}
        said["result"] |= {"status": "violet", "optimizer_status": {"tides": 1}}
    return {**said, "usage": {"quanta": 3}}


@pytest.mark.parametrize(
    "reshape",
    [without("payload_schema", "status"), without("points_count", "segments_count"), later],
    ids=["few fields", "no counts", "more fields"],
)
def test_a_server_that_says_more_or_less_than_the_client_knows_is_understood(server, kb, reshape):
    server.reshape = reshape
    kb.ensure_collection("kb", DIMENSION)
    info = kb.describe("kb")
    assert (info.dimension, info.points, info.foreign) == (DIMENSION, 2, None)
    assert windows(kb.nearest_windows("kb", EAST, EVERYTHING, 1)) == ["a"]
    assert kb.points("kb", WORKSPACE).height == 2


def test_infinite_bounds_are_finite_in_json():
    where = VectorFilter("w", "s", max_drawdown=float("inf"), max_overfit_gap=float("inf"))
    assert "Infinity" not in json.dumps(filter_json(where))
