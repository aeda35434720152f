"""Reconciliation: every difference between SQL and the vector index is counted and repaired."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tradingkb as tkb
from tests.small_store import (
    COSINE_V1,
    REGIME_V1,
    entries,
    failed_deletes,
    flaky,
    nominated,
    pointed,
    space_id,
    sql,
    trials,
)
from tradingkb.indexing import Reconciler
from tradingkb.ports import PAYLOAD, Points
from tradingkb.sql import counted

Open = Callable[..., tkb.KnowledgeBase]
CLEAN = {"missing": 0, "orphaned": 0, "stale": 0, "unfinished": 0}


@pytest.fixture(params=["embedded", "qdrant"])
def kb(request: pytest.FixtureRequest, open_kb: Open, small_home: Path) -> tkb.KnowledgeBase:
    """Eight trials, all indexed, on either vector index."""
    if request.param == "embedded":
        return open_kb(like=small_home)
    pytest.importorskip("qdrant_client")
    kb = open_kb(qdrant_url=":memory:")
    kb.ingest(trials())
    return kb


def faults(kb: tkb.KnowledgeBase, **more: Any) -> dict[str, int]:
    """The counts of the default workspace's active collection."""
    found = kb.reconcile(**more)
    row = found.before.filter((pl.col("workspace") == "default") & pl.col("active"))
    return row.select(list(CLEAN)).row(0, named=True)


def point_of(kb: tkb.KnowledgeBase, name: str) -> str:
    return str(entries(kb)[name]["point_id"])


def foreign_points(kb: tkb.KnowledgeBase, *ids: str, like: str = "0:5") -> Points:
    """Points of the default workspace under ids of their own, with the payload of a trial."""
    held = kb.use_cases.indexer.vectors.points(REGIME_V1, space_id(kb))
    row = held.filter(pl.col("point_id") == point_of(kb, like))
    vectors = np.zeros((len(ids), 64), dtype=np.float32)
    vectors[:, 0] = 1.0
    return Points(ids, vectors, pl.concat([row.select(PAYLOAD)] * len(ids)))


# --- each kind of difference ----------------------------------------------------------------------


def lose_points(kb: tkb.KnowledgeBase) -> None:
    kb.use_cases.indexer.vectors.delete(REGIME_V1, [point_of(kb, "0:5"), point_of(kb, "1:5")])


def add_orphans(kb: tkb.KnowledgeBase) -> None:
    strangers = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(3)]
    kb.use_cases.indexer.vectors.upsert(REGIME_V1, foreign_points(kb, *strangers))


def change_hash(kb: tkb.KnowledgeBase) -> None:
    sql(
        kb,
        "UPDATE kb_trial_index SET content_hash = 'x' WHERE point_id = :p",
        p=point_of(kb, "0:5"),
    )


def change_payload(kb: tkb.KnowledgeBase) -> None:
    there = foreign_points(kb, point_of(kb, "0:5"))
    payload = there.payload.with_columns(max_drawdown=pl.lit(0.11))
    kb.use_cases.indexer.vectors.upsert(REGIME_V1, Points(there.ids, there.vectors, payload))


def leave_unfinished(kb: tkb.KnowledgeBase, marked: str = "0:5", gone: str = "1:5") -> None:
    sql(
        kb,
        "UPDATE kb_trial_index SET content_hash = '' WHERE point_id = :p",
        p=point_of(kb, marked),
    )
    sql(kb, "DELETE FROM kb_trial_index WHERE point_id = :p", p=point_of(kb, gone))


def make_ghost(kb: tkb.KnowledgeBase) -> None:
    sql(kb, "UPDATE trials SET kb_status = 'rejected' WHERE source_id = '0:5'")


def fail_deletes(kb: tkb.KnowledgeBase) -> None:
    index = flaky(kb)
    index.down = True
    kb.reject(["0:5", "1:5"], reason="x")
    index.down = False


DIFFERENCES = {
    "points that are missing": (lose_points, {"missing": 2}),
    "points that nobody knows": (add_orphans, {"orphaned": 3}),
    "a content hash of another content": (change_hash, {"stale": 1}),
    "a payload of another trial": (change_payload, {"stale": 1}),
    # The point of the trial whose entry is gone is an orphan until it is indexed again.
    "entries that are unfinished or missing": (leave_unfinished, {"unfinished": 2, "orphaned": 1}),
    "an entry of a rejected trial": (make_ghost, {"unfinished": 1}),
    # No standing entry names these points, and nobody knows that they are gone.
    "deletions that failed": (fail_deletes, {"unfinished": 2, "orphaned": 2}),
}


@pytest.mark.parametrize(("damage", "expected"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_difference_is_counted_exactly_and_repaired_exactly(
    kb: tkb.KnowledgeBase, damage: Callable[[tkb.KnowledgeBase], None], expected: dict[str, int]
) -> None:
    assert kb.reconcile().clean
    damage(kb)
    assert faults(kb) == CLEAN | expected
    assert faults(kb) == CLEAN | expected, "looking changes nothing"
    assert not kb.reconcile().clean
    found = kb.reconcile(repair=True)
    assert found.clean
    assert found.before.select(list(CLEAN)).row(0, named=True) == CLEAN | expected
    alive = {k for k, v in entries(kb).items() if v["archived_at"] is None}
    assert pointed(kb) == alive
    rejected = set(kb.trials(kb_status="rejected")["source_id"])
    assert alive == set(trials()["source_id"]) - rejected
    assert failed_deletes(kb) == []
    assert faults(kb) == CLEAN


def test_repairing_embeds_only_what_differs(kb: tkb.KnowledgeBase) -> None:
    change_payload(kb)
    kb.use_cases.indexer.vectors.delete(REGIME_V1, [point_of(kb, "1:5")])
    leave_unfinished(kb, "2:5", "3:5")
    index = flaky(kb)
    assert kb.reconcile(repair=True).clean
    assert index.embedded == 4


def test_everything_at_once_is_repaired_in_one_go(kb: tkb.KnowledgeBase) -> None:
    for damage in (change_hash, add_orphans, fail_deletes, make_ghost):
        damage(kb)
    kb.use_cases.indexer.vectors.delete(REGIME_V1, [point_of(kb, "2:20")])
    assert kb.reconcile(repair=True).clean
    assert pointed(kb) == set(trials()["source_id"]) - {"0:5", "1:5"}
    assert not nominated(kb) & {"0:5", "1:5"}


def test_an_archive_made_by_hand_is_no_difference_and_a_repair_leaves_it(
    kb: tkb.KnowledgeBase,
) -> None:
    kb.archive("0:5")
    assert kb.reconcile().clean
    assert kb.reconcile(repair=True).clean
    assert "0:5" not in pointed(kb)


def test_a_trial_without_a_regime_needs_no_point(kb: tkb.KnowledgeBase) -> None:
    bare = trials(5).filter(pl.col("source_id").str.starts_with("4:"))
    kb.ingest(bare.drop("regime_is", "regime_oos"))
    row = kb.reconcile().before.row(0, named=True)
    assert {k: row[k] for k in CLEAN} == CLEAN
    assert (row["expected"], row["held"]) == (8, 8)


# --- several workspaces and collections -----------------------------------------------------------


def test_workspaces_that_share_a_collection_do_not_touch_each_others_points(
    kb: tkb.KnowledgeBase,
) -> None:
    kb.create_workspace("other")
    kb.ingest(trials(2), workspace="other")
    theirs = kb.use_cases.indexer.vectors.points(REGIME_V1, space_id(kb, "other"))
    lose_points(kb)
    strangers = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(3)]
    kb.use_cases.indexer.vectors.upsert(REGIME_V1, foreign_points(kb, *strangers, like="2:5"))
    table = kb.reconcile().before.select("workspace", *CLEAN)
    assert table.rows() == [("default", 2, 3, 0, 0), ("other", 0, 0, 0, 0)]
    assert kb.reconcile(workspace="other").before["workspace"].to_list() == ["other"]
    assert kb.reconcile(repair=True, workspace="default").clean
    kept = kb.use_cases.indexer.vectors.points(REGIME_V1, space_id(kb, "other"))
    assert kept.sort("point_id").equals(theirs.sort("point_id"))
    assert kb.reconcile().clean


def test_the_collections_that_are_not_active_are_compared_and_cleaned_too(
    kb: tkb.KnowledgeBase,
) -> None:
    kb.reembed(target_model="regime-cosine-v1")
    kb.activate("regime-cosine-v1")
    assert kb.reconcile().clean
    add_orphans(kb)
    make_ghost(kb)
    table = kb.reconcile().before.select("collection", "active", *CLEAN)
    assert table.rows() == [(COSINE_V1, True, 0, 0, 0, 1), (REGIME_V1, False, 0, 3, 0, 1)]
    found = kb.reconcile(repair=True)
    assert found.clean
    assert pointed(kb, COSINE_V1) == pointed(kb, REGIME_V1) == set(trials()["source_id"]) - {"0:5"}


def test_what_is_lost_in_another_collection_is_remembered_for_the_way_back(
    kb: tkb.KnowledgeBase,
) -> None:
    kb.reembed(target_model="regime-cosine-v1")
    kb.activate("regime-cosine-v1")
    lose_points(kb)
    assert kb.reconcile(repair=True).clean
    with pytest.raises(tkb.ConfigurationError, match="2 trials are not in collection"):
        kb.activate("regime-v1")
    kb.activate("regime-v1", force=True)
    kb.ingest()
    assert kb.reconcile().clean


def test_a_collection_that_was_dropped_is_built_again(kb: tkb.KnowledgeBase) -> None:
    index = kb.use_cases.indexer.vectors
    behind = getattr(index, "index", index)  # a server's stands behind a guard
    if hasattr(behind, "client"):
        behind.client.delete_collection(REGIME_V1)
    else:
        for table in ("vector_aliases", "vectors", "vector_generations", "vector_collections"):
            sql(kb, f"DELETE FROM kb_{table}")
    assert faults(kb) == CLEAN | {"missing": 8}
    assert kb.reconcile(repair=True).clean
    assert len(pointed(kb)) == 8
    assert kb.use_cases.indexer.vectors.alias("kb_trials") == REGIME_V1


# --- what it says ---------------------------------------------------------------------------------


def test_an_empty_home_is_clean(open_kb: Open) -> None:
    kb = open_kb()
    assert kb.reconcile().clean
    assert kb.reconcile(repair=True).clean
    assert kb.reconcile(workspace="default", repair=True).clean


def test_the_report_says_what_was_and_what_is(kb: tkb.KnowledgeBase) -> None:
    assert str(kb.reconcile()).startswith("SQL and the vector index agree\n")
    lose_points(kb)
    assert kb.reconcile().summary() == "SQL and the vector index differ in 2 places"
    found = kb.reconcile(repair=True)
    assert found.summary() == "SQL and the vector index agree: repaired"
    assert "8 held (before: 6), 0 missing (before: 2), 0 orphaned" in str(found)
    told = found.to_dict()
    assert told["clean"] is True
    assert told["before"][0]["missing"] == 2
    assert told["after"][0]["missing"] == 0


def test_a_vector_index_that_does_not_answer_is_said_and_nothing_is_written(
    kb: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = kb.use_cases.indexer.vectors

    def away(*_: Any) -> None:
        raise tkb.BackendUnavailableError("the vector index is away")

    before = sql(kb, "SELECT * FROM kb_trial_index ORDER BY id")
    monkeypatch.setattr(index, "points", away)
    with pytest.raises(tkb.BackendUnavailableError):
        kb.reconcile(repair=True)
    assert sql(kb, "SELECT * FROM kb_trial_index ORDER BY id") == before


# --- what it costs --------------------------------------------------------------------------------


def test_workspaces_without_anything_cost_no_query_and_take_no_lease(kb: tkb.KnowledgeBase) -> None:
    for n in range(3):
        kb.create_workspace(f"a{n}")
    for repair in (False, True):
        with counted() as few:
            kb.reconcile(repair)
        for n in range(20):
            kb.create_workspace(f"b{n}{repair}".lower())
        with counted() as many:
            found = kb.reconcile(repair)
        assert (many.statements, many.transactions) == (few.statements, few.transactions)
        assert found.clean
        table = found.before if found.after is None else found.after
        empty = table.filter(pl.col("workspace") != "default")
        assert empty.height >= 23
        assert empty.select(pl.sum_horizontal("expected", "held")).to_series().sum() == 0


def test_points_of_a_workspace_without_a_trial_are_found_and_go(kb: tkb.KnowledgeBase) -> None:
    kb.create_workspace("empty")
    kb.create_workspace("other")
    (space,) = [row[0] for row in sql(kb, "SELECT id FROM workspaces WHERE slug = 'empty'")]
    index = kb.use_cases.indexer.vectors
    stray = foreign_points(kb, "00000000-0000-4000-8000-000000000009")
    payload = stray.payload.with_columns(workspace_id=pl.lit(str(space)))
    index.upsert(REGIME_V1, Points(stray.ids, stray.vectors, payload))
    found = kb.reconcile(repair=True)
    orphaned = found.before.filter(pl.col("orphaned") > 0).select("workspace", "orphaned")
    assert orphaned.rows() == [("empty", 1)]
    assert found.clean
    assert index.count(REGIME_V1) == 8


def test_a_place_where_nothing_differs_is_not_repaired(
    kb: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    repaired: list[str] = []
    monkeypatch.setattr(
        Reconciler, "_repair", lambda _, target, *, active: repaired.append(target.collection)
    )
    kb.ingest(trials(), workspace=kb.create_workspace("clean"))
    lose_points(kb)
    kb.reconcile(repair=True)
    assert repaired == [REGIME_V1]


def test_one_workspace_is_not_looked_for_among_all(
    kb: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = kb.use_cases.store
    for name in ("index_places", "populated"):
        monkeypatch.setattr(store, name, lambda: pytest.fail("all workspaces were read"))
    lose_points(kb)
    found = kb.reconcile(workspace="default", repair=True)
    assert found.clean
    assert found.before["missing"].sum() == 2
