"""Comparing embedding models: what either loses, and which answers change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tradingkb as tkb
from tests.indexing.markets import Random, Shuffled, market_trials
from tests.small_store import sql
from tradingkb.domain import RegimeScaler
from tradingkb.embedding.factory import Embedders
from tradingkb.evaluate import ModelComparison, models
from tradingkb.ports import Embedder

Open = Callable[..., tkb.KnowledgeBase]


class AlsoBad(Embedders):
    """Knows two models of tests, too: one after a mistake, and one to which nothing has meaning."""

    def __call__(self, model: str, scaler: RegimeScaler | None) -> Embedder:
        known = {"shuffled": Shuffled, "random": Random}
        if model in known and scaler is not None:
            return known[model](scaler)
        return super().__call__(model, scaler)


def opened(open_kb: Open, n_windows: int = 30, **more: Any) -> tkb.KnowledgeBase:
    kb = open_kb()
    kb.ingest(market_trials(n_windows, **more))
    kb.use_cases.indexer.embedders = AlsoBad()
    return kb


@pytest.fixture
def kb(open_kb: Open) -> tkb.KnowledgeBase:
    return opened(open_kb)


def form(found: ModelComparison) -> dict[str, Any]:
    """All of it but how long it took."""
    said = found.to_dict()
    for model in ("a", "b"):
        del said[model]["seconds"]
    return said


def test_a_bad_model_loses_what_chance_loses_and_the_built_in_one_nothing(
    kb: tkb.KnowledgeBase,
) -> None:
    found = kb.compare_models("regime-v1", "random")
    assert (found.a.quality.loss, found.n_windows) == (pytest.approx(0, abs=1e-6), 30)
    assert found.b.quality.as_chance
    assert not found.a.quality.as_chance
    lost = found.difference
    assert lost.low is not None and 0 < lost.low < lost.value
    assert (found.a.dimension, found.a.embedded) == (64, 30 + 60)


def test_a_model_changes_nothing_against_itself(kb: tkb.KnowledgeBase) -> None:
    found = kb.compare_models("shuffled", "shuffled")
    assert found.changes.is_empty()
    assert set(found.changed.values()) == {0}
    assert (found.difference.value, found.difference.low, found.difference.high) == (0, 0, 0)


def test_answers_that_change_are_counted_and_named(kb: tkb.KnowledgeBase) -> None:
    found = kb.compare_models("regime-v1", "shuffled")
    assert (found.n_strategies, found.n_questions) == (2, 10)
    counted = dict(found.changes.group_by("field").len().rows())
    assert {field: n for field, n in found.changed.items() if n} == counted
    named = found.changes.select("strategy_name", "window_key", "side", "field")
    assert named.n_unique() == named.height
    told = found.changes.filter(field="params")
    assert (told["a"] != told["b"]).all()


def test_of_trials_those_are_named_that_the_other_one_does_not_show(
    kb: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = kb.use_cases.asking.recommender
    monkeypatch.setattr(few, "config", few.config.__class__(neighbour_windows=3))
    found = kb.compare_models("regime-v1", "shuffled").changes.filter(field="trials")
    assert found.height == 10
    assert all(
        not set(a.split(", ")) & set(b.split(", ")) for a, b in found.select("a", "b").rows()
    )


def test_the_window_that_is_asked_about_is_no_neighbour_of_itself(
    kb: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = kb.use_cases.asking.recommender
    monkeypatch.setattr(few, "config", few.config.__class__(neighbour_windows=1))
    monkeypatch.setattr(models, "_NAMED", 99)
    joined = "SELECT w.window_key, t.source_id FROM trials t JOIN windows w ON w.id = t.window_id"
    windows = dict(sql(kb, joined))
    found = kb.compare_models("regime-v1", "shuffled").changes.filter(field="trials")
    assert found.height
    for key, *shown in found.select("window_key", "a", "b").rows():
        number = windows[key].split(":")[1]
        assert number not in {name.split(":")[1] for names in shown for name in names.split(", ")}


def test_the_same_store_gives_the_same_comparison(kb: tkb.KnowledgeBase, open_kb: Open) -> None:
    again = open_kb()
    again.use_cases.indexer.embedders = AlsoBad()
    assert form(kb.compare_models("random", "shuffled")) == form(
        again.compare_models("random", "shuffled")
    )


def test_nothing_is_written_and_no_collection_is_needed(kb: tkb.KnowledgeBase) -> None:
    def held() -> list[Any]:
        tables = ("kb_trial_index", "kb_vectors", "kb_vector_collections", "ingest_runs")
        counts = [sql(kb, f"SELECT count(*) FROM {table}") for table in tables]
        return [*counts, kb.events().height, kb.recent_changes().rows()]

    before = held()
    kb.compare_models("random", "shuffled")
    assert held() == before


def test_no_more_is_asked_than_the_limits_say(
    kb: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "STRATEGIES", 1)
    monkeypatch.setattr(models, "QUESTIONS", 2)
    found = kb.compare_models("regime-v1", "regime-cosine-v1")
    assert (found.n_strategies, found.n_questions) == (1, 2)


def test_few_windows_are_compared_and_judge_no_model(open_kb: Open) -> None:
    found = opened(open_kb, 6, strategies=("s",)).compare_models("regime-v1", "random")
    assert not found.a.quality.decided
    assert found.n_questions == 5
    assert found.summary().startswith("neighbours not judged: 6 windows with a regime are too few")


def test_an_empty_workspace_has_nothing_to_compare(open_kb: Open) -> None:
    found = open_kb().compare_models("regime-v1", "regime-cosine-v1")
    assert (found.n_windows, found.n_questions, found.a.embedded) == (0, 0, 0)
    assert found.details()[-1] == "0 of 0 answers have other trials shown"


def test_an_unknown_model_or_workspace_is_named(kb: tkb.KnowledgeBase) -> None:
    with pytest.raises(tkb.ConfigurationError, match="'nobody' is not known here"):
        kb.compare_models("regime-v1", "nobody")
    with pytest.raises(tkb.UnknownWorkspaceError, match="elsewhere"):
        kb.compare_models("regime-v1", "regime-v1", "elsewhere")


def test_on_the_sample_trials_the_other_built_in_model_loses_a_tenth_and_changes_no_choice(
    sample: tkb.KnowledgeBase,
) -> None:
    """The figures of the page of settings."""
    found = sample.compare_models("regime-v1", "regime-cosine-v1")
    assert found.summary() == (
        "regime-v1 loses 0.00, regime-cosine-v1 0.10 (+0.10: +0.02 to +0.18, 95 % over symbols); "
        "0 of 30 answers have other parameters"
    )
    assert found.details()[2:] == [
        "asked: 30 questions about 6 strategies, with the windows that either finds",
        "0 of 30 answers have another status",
        "30 of 30 answers have other trials shown",
    ]
