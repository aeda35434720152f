"""Rotating the embedding model: re-embed, verify, switch, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tests.small_store import (
    COSINE_V1,
    MARKET,
    REGIME_V1,
    Batches,
    counted,
    entries,
    flaky,
    nominated,
    pointed,
    regime,
    space_id,
    sql,
    trials,
)
from tradingkb.embedding import BUILT_IN
from tradingkb.indexing import apply, indexer
from tradingkb.workspaces import collection_name

Open = Callable[..., tkb.KnowledgeBase]
COSINE = "regime-cosine-v1"
ALL = set(trials()["source_id"])


@pytest.fixture
def kb(open_kb: Open, small_home: Path) -> tkb.KnowledgeBase:
    """Eight trials in the collection of the default model."""
    return open_kb(like=small_home)


@pytest.fixture
def two_per_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight trials make four batches."""
    monkeypatch.setattr(apply, "BATCH", 2)
    monkeypatch.setattr(indexer, "BATCH", 2)


def bits(kb: tkb.KnowledgeBase, collection: str) -> list[tuple[Any, ...]]:
    """Every byte that the embedded index holds of a collection."""
    return sql(
        kb,
        "SELECT v.* FROM kb_vectors v JOIN kb_vector_collections c ON c.id = v.collection_id "
        "WHERE c.name = :name ORDER BY v.point_id",
        name=collection,
    )


def answer(kb: tkb.KnowledgeBase) -> dict[str, Any]:
    """What must be the same after a rotation and back."""
    found = kb.recommend("s", regime=MARKET).to_dict()
    return {k: v for k, v in found.items() if k not in ("request_id", "at", "timings")}


# --- there and back -------------------------------------------------------------------------------


def test_a_rotation_leaves_the_old_collection_untouched_and_rolls_back(
    kb: tkb.KnowledgeBase,
) -> None:
    before, stored, rows = answer(kb), bits(kb, REGIME_V1), entries(kb)
    done = kb.reembed(target_model=COSINE)
    assert (done.embed_model, done.collection, done.dimension) == (COSINE, COSINE_V1, 32)
    assert (done.embedded, done.points, done.resumed) == (8, 8, False)
    assert answer(kb) == before, "a re-embedding alone switches nothing"
    assert kb.use_cases.indexer.vectors.alias("kb_trials") == REGIME_V1

    switched = kb.activate(COSINE)
    assert (switched.collection, switched.points, switched.missing) == (COSINE_V1, 8, 0)
    assert kb.use_cases.indexer.vectors.alias("kb_trials") == COSINE_V1
    rec = kb.recommend("s", regime=MARKET)
    assert (rec.embed_model, rec.collection) == (COSINE, COSINE_V1)
    assert not rec.metadata_only
    assert nominated(kb) <= ALL

    back = kb.activate(switched.previous_model, switched.previous_collection)
    assert (back.embed_model, back.collection) == ("regime-v1", REGIME_V1)
    assert answer(kb) == before
    assert bits(kb, REGIME_V1) == stored
    assert entries(kb) == rows
    assert kb.use_cases.indexer.vectors.alias("kb_trials") == REGIME_V1
    assert kb.reconcile().clean


def test_another_open_knowledge_base_searches_the_new_collection_at_once(
    kb: tkb.KnowledgeBase, open_kb: Open
) -> None:
    neighbour = open_kb()
    neighbour.recommend("s", regime=MARKET)
    kb.reembed(target_model=COSINE)
    kb.activate(COSINE)
    assert neighbour.recommend("s", regime=MARKET).collection == COSINE_V1


def test_ingests_go_to_the_active_collection_and_the_way_back_says_what_it_lacks(
    kb: tkb.KnowledgeBase,
) -> None:
    kb.reembed(target_model=COSINE)
    kb.activate(COSINE)
    more = trials(5).filter(pl.col("source_id").str.starts_with("4:"))
    assert kb.ingest(more).collection == COSINE_V1
    kb.reject("0:5", reason="x")
    assert pointed(kb, REGIME_V1) == ALL - {"0:5"}, "rejected trials leave every collection"
    with pytest.raises(tkb.ConfigurationError, match=r"2 trials are not in .*kb\.reembed\("):
        kb.activate("regime-v1")
    assert kb.reembed(target_model="regime-v1").points == 9
    assert kb.activate("regime-v1").missing == 0
    assert kb.reconcile().clean


def test_giving_the_choice_back_to_the_environment(kb: tkb.KnowledgeBase) -> None:
    kb.reembed(target_model=COSINE)
    kb.activate(COSINE)
    assert kb.activate().collection == REGIME_V1
    row = sql(kb, "SELECT default_embed_model, default_collection FROM workspaces")
    assert row == [(None, None)]


def test_a_second_collection_of_the_same_model(kb: tkb.KnowledgeBase) -> None:
    done = kb.reembed(target_collection="kb_regime_v1_v2")
    assert (done.embed_model, done.collection) == ("regime-v1", "kb_regime_v1_v2")
    kb.activate("regime-v1", "kb_regime_v1_v2")
    assert pointed(kb, "kb_regime_v1_v2") == ALL


# --- re-embedding ---------------------------------------------------------------------------------


def test_default_arguments_rebuild_the_active_collection(kb: tkb.KnowledgeBase) -> None:
    stored = bits(kb, REGIME_V1)
    sql(kb, "UPDATE kb_vectors SET vector = zeroblob(256)")
    done = kb.reembed()
    assert (done.collection, done.embedded, done.points) == (REGIME_V1, 8, 8)
    assert bits(kb, REGIME_V1) == stored
    run = kb.runs().row(0, named=True)
    assert (run["kind"], run["collection"], run["status"]) == ("reembed", REGIME_V1, "completed")
    assert kb.reembed().embedded == 8, "a run that has ended is not resumed"


def test_rejected_withdrawn_and_archived_trials_are_not_embedded(kb: tkb.KnowledgeBase) -> None:
    run = kb.ingest(trials(5).filter(pl.col("source_id") == "4:5")).run_id
    kb.withdraw(run, reason="x")
    kb.reject("0:5", reason="x")
    kb.archive("1:5")
    assert kb.reembed().embedded == 6
    assert pointed(kb) == ALL - {"0:5", "1:5"}
    assert kb.reembed(target_model=COSINE).embedded == 7, "archives are of one collection"
    assert pointed(kb, COSINE_V1) == ALL - {"0:5"}


@pytest.mark.usefixtures("two_per_batch")
@pytest.mark.parametrize("target", [None, COSINE], ids=["rebuild", "rotation"])
def test_an_interrupted_re_embedding_resumes_and_embeds_only_the_rest(
    kb: tkb.KnowledgeBase, target: str | None
) -> None:
    index = flaky(kb)
    index.upserts_left = 3
    with pytest.raises(tkb.BackendUnavailableError):
        kb.reembed(target_model=target)
    run = kb.runs().row(0, named=True)
    assert run["status"] == "failed"
    assert "the vector index is away" in run["error"]
    index.upserts_left, index.embedded = None, 0
    done = kb.reembed(target_model=target)
    assert (done.resumed, done.run_id) == (True, run["run_id"])
    assert (done.embedded, index.embedded, done.points) == (2, 2, 8)
    assert kb.runs().row(0, named=True)["status"] == "completed"
    assert kb.runs().filter(pl.col("kind") == "reembed").height == 1
    if target:
        kb.activate(target)
    assert kb.reconcile().clean


@pytest.mark.usefixtures("two_per_batch")
def test_restart_embeds_everything_again(kb: tkb.KnowledgeBase) -> None:
    index = flaky(kb)
    index.upserts_left = 3
    with pytest.raises(tkb.BackendUnavailableError):
        kb.reembed()
    index.upserts_left = None
    done = kb.reembed(restart=True)
    assert (done.resumed, done.embedded) == (False, 8)


@pytest.mark.usefixtures("two_per_batch")
def test_an_interrupted_run_of_another_pipeline_is_not_resumed(kb: tkb.KnowledgeBase) -> None:
    index = flaky(kb)
    index.upserts_left = 1
    with pytest.raises(tkb.BackendUnavailableError):
        kb.reembed()
    index.upserts_left = None
    kb.ingest(trials(9))  # the windows double: another scaler
    assert not kb.reembed().resumed


@pytest.mark.usefixtures("two_per_batch")
def test_a_killed_process_leaves_a_run_that_is_resumed(kb: tkb.KnowledgeBase) -> None:
    index = flaky(kb)
    index.upserts_left = 2
    with pytest.raises(tkb.BackendUnavailableError):
        kb.reembed(target_model=COSINE)
    # What a kill leaves behind: a run that says that it is running.
    sql(kb, "UPDATE ingest_runs SET status = 'running', finished_at = NULL WHERE kind = 'reembed'")
    index.upserts_left = None
    done = kb.reembed(target_model=COSINE)
    assert (done.resumed, done.embedded) == (True, 4)


def test_a_re_embedding_refuses_a_collection_of_another_dimension_or_model(
    kb: tkb.KnowledgeBase,
) -> None:
    with pytest.raises(tkb.ConfigurationError, match="dimension 64"):
        kb.reembed(target_model=COSINE, target_collection=REGIME_V1)
    with pytest.raises(tkb.ConfigurationError, match="not known here"):
        kb.reembed(target_model="nomic-embed-text")
    assert kb.runs().height == 1
    assert kb.reconcile().clean


def test_an_empty_home_can_be_re_embedded_and_activated(open_kb: Open) -> None:
    kb = open_kb()
    assert kb.reembed(target_model=COSINE).embedded == 0
    assert kb.activate(COSINE).points == 0
    assert kb.ingest(trials()).collection == COSINE_V1
    assert len(pointed(kb, COSINE_V1)) == 8


def test_re_embedding_one_workspace_leaves_the_others(kb: tkb.KnowledgeBase) -> None:
    kb.create_workspace("other")
    kb.ingest(trials(2), workspace="other")
    kb.reembed("other", COSINE)
    kb.activate(COSINE, workspace="other")
    assert kb.recommend("s", regime=MARKET).collection == REGIME_V1
    assert kb.use_cases.indexer.vectors.points(COSINE_V1, space_id(kb)).is_empty()
    assert kb.use_cases.indexer.vectors.alias("kb_trials") == REGIME_V1, (
        "where workspaces differ, the default's"
    )


# --- activation -----------------------------------------------------------------------------------


def test_a_collection_that_does_not_exist_is_refused_and_nothing_switches(
    kb: tkb.KnowledgeBase,
) -> None:
    for force in (False, True):
        with pytest.raises(tkb.ConfigurationError, match=r"does not exist: .*kb\.reembed"):
            kb.activate(COSINE, force=force)
    assert kb.recommend("s").collection == REGIME_V1


def test_a_collection_of_another_dimension_is_refused_whatever_force_says(
    kb: tkb.KnowledgeBase,
) -> None:
    for force in (False, True):
        with pytest.raises(tkb.ConfigurationError, match="has dimension 64"):
            kb.activate(COSINE, REGIME_V1, force=force)
    assert kb.recommend("s").embed_model == "regime-v1"


@pytest.mark.usefixtures("two_per_batch")
def test_an_incomplete_collection_is_refused_unless_forced_and_the_next_ingest_fills_it(
    kb: tkb.KnowledgeBase,
) -> None:
    index = flaky(kb)
    index.upserts_left = 3
    with pytest.raises(tkb.BackendUnavailableError):
        kb.reembed(target_model=COSINE)
    index.upserts_left = None
    with pytest.raises(tkb.ConfigurationError, match="2 trials are not in collection"):
        kb.activate(COSINE)
    report = kb.activate(COSINE, force=True)
    assert (report.missing, report.points) == (2, 6)
    assert "run an ingest" in str(report)
    assert counted(kb) == 8
    filled = kb.ingest(trials(5).filter(pl.col("source_id") == "4:5"))
    assert filled.inserted == 3
    assert pointed(kb, COSINE_V1) == ALL | {"4:5"}
    assert kb.reconcile().clean


def test_a_collection_that_lost_its_points_is_refused(kb: tkb.KnowledgeBase) -> None:
    kb.reembed(target_model=COSINE)
    lost = [row["point_id"] for row in list(entries(kb, COSINE_V1).values())[:3]]
    kb.use_cases.indexer.vectors.delete(COSINE_V1, lost)
    with pytest.raises(tkb.ConfigurationError, match="3 trials are not in collection"):
        kb.activate(COSINE)
    assert kb.activate(COSINE, force=True).missing == 3
    kb.ingest()
    assert kb.reconcile().clean


def test_trials_that_have_changed_since_the_re_embedding_are_missing(
    kb: tkb.KnowledgeBase,
) -> None:
    kb.reembed(target_model=COSINE)
    kb.ingest(trials(scores={"0:5": 9.0}))
    kb.ingest(
        trials(2, fasts=(20,))
        .filter(pl.col("source_id") == "1:20")
        .with_columns(regime_is=pl.lit(regime(0.9)), regime_oos=pl.lit(regime(0.9)))
    )
    with pytest.raises(tkb.ConfigurationError, match="3 trials are not in collection"):
        kb.activate(COSINE)
    assert kb.reembed(target_model=COSINE).embedded == 8
    assert kb.activate(COSINE).missing == 0


def test_what_an_operator_writes_into_the_workspaces_row_is_in_force(
    kb: tkb.KnowledgeBase,
) -> None:
    """The runbook's UPDATE, by hand, before the re-embedding."""
    sql(
        kb,
        "UPDATE workspaces SET default_embed_model = :m, default_collection = :c WHERE slug = "
        "'default'",
        m=COSINE,
        c=COSINE_V1,
    )
    rec = kb.recommend("s", regime=MARKET)
    assert rec.metadata_only
    assert kb.reembed(target_model=COSINE, target_collection=COSINE_V1).embedded == 8
    assert not kb.recommend("s", regime=MARKET).metadata_only
    assert kb.use_cases.indexer.vectors.alias("kb_trials") == COSINE_V1


def test_the_reports_say_what_happened_in_words_and_in_json(kb: tkb.KnowledgeBase) -> None:
    done = kb.reembed(target_model=COSINE)
    assert str(done) == (
        "8 trials of workspace default embedded by regime-cosine-v1 (32 dimensions) into "
        "kb_regime_cosine_v1_v1, which now holds 8 points of it"
    )
    assert done.to_dict()["embedded"] == 8
    report = kb.activate(COSINE)
    assert "the way back: activate regime-v1 with kb_regime_v1_v1" in str(report)
    assert repr(report).startswith("<ActivationReport: workspace default searches kb_regime_cos")


# --- a model that takes its time ------------------------------------------------------------------


def test_a_rotation_embeds_each_window_of_the_sample_once_though_it_is_killed(
    sample: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """84 texts, not 26,040; of two batches of 32 windows the trials are there when the third fails.

    Trials are read in two lots, the first of which ends in the 65th window.
    """
    killed: list[int] = []
    monkeypatch.setitem(BUILT_IN, "in-batches", partial(Batches, calls=killed, batch=32, left=2))
    with pytest.raises(tkb.BackendUnavailableError):
        sample.reembed(target_model="in-batches")
    assert killed == [32, 32]
    collection = collection_name("in-batches")
    assert sample.use_cases.indexer.vectors.count(collection) == 64 * 310
    resumed: list[int] = []
    monkeypatch.setitem(BUILT_IN, "in-batches", partial(Batches, calls=resumed, batch=32))
    done = sample.reembed(target_model="in-batches")
    assert (done.resumed, done.embedded, done.points) == (True, 20 * 310, 26_040)
    assert resumed == [20]
    sample.activate("in-batches")
    assert sample.recommend("sma_cross", regime=MARKET).collection == collection


def test_an_ingest_whose_embedder_fails_keeps_what_earlier_batches_made(
    open_kb: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[int] = []
    monkeypatch.setitem(BUILT_IN, "in-batches", partial(Batches, calls=failed, batch=2, left=2))
    kb = open_kb(embed_model="in-batches")
    with pytest.raises(tkb.BackendUnavailableError):
        kb.ingest(trials(5))
    assert kb.trials().height == 10
    assert len(pointed(kb, collection_name("in-batches"))) == 8
    again: list[int] = []
    monkeypatch.setitem(BUILT_IN, "in-batches", partial(Batches, calls=again, batch=2))
    done = kb.ingest(trials(5))
    assert (done.inserted, done.skipped) == (2, 8)
    assert (failed, again) == ([2, 2], [1])
    assert kb.reconcile().clean
