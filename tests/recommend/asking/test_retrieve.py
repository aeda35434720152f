"""Asking the vector index: what SQL allows counts, and an index that is silent is no error."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pytest

from tests.recommend.shelf import Embedder, Index
from tests.recommend.worlds import CONFIG, MARKET, USUAL, World, findings, window
from tradingkb.domain import Regime, RegimeScaler
from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    DeadlineExceededError,
    EmptyCollectionError,
)
from tradingkb.ports import EmbedderFactory, VectorIndex
from tradingkb.recommend.asking.retrieve import IndexSearch
from tradingkb.recommend.judging import Retrieved
from tradingkb.recommend.judging.nominate import filter_trials

KEYS = USUAL.view().windows.frame["window_key"].to_list()


def search(index: Index, limit: int = 3, embedder: Any = None) -> IndexSearch:
    return IndexSearch(
        cast(VectorIndex, index), cast(EmbedderFactory, embedder or Embedder()), limit
    )


def found(world: World, index: Index, limit: int = 3, embedder: Any = None, **asked: Any) -> Any:
    c = world.context(**asked)
    return search(index, limit, embedder)(c, filter_trials(c))


def places(retrieved: Retrieved) -> list[int]:
    assert retrieved.similarity is not None
    return np.flatnonzero(np.isfinite(retrieved.similarity)).tolist()


def test_the_nearest_windows_are_those_of_the_index_with_their_similarity() -> None:
    index = Index([KEYS[7], KEYS[2], KEYS[5], KEYS[0]])
    similarity = found(USUAL, index).similarity
    assert {w: float(similarity[w]) for w in (7, 2, 5)} == {7: 1.0, 2: 0.99, 5: 0.98}
    assert places(found(USUAL, index)) == [2, 5, 7]


def test_more_is_asked_for_until_enough_windows_may_nominate() -> None:
    """The index knows nothing of statuses: of its nearest eight, one may nominate."""
    index = Index(KEYS)
    world = USUAL.but(window(*range(7)), kb_status="rejected")
    assert places(found(world, index, limit=2)) == [7, 8]
    assert [limit for _, _, limit in index.asked] == [2, 8, 32]


@pytest.mark.parametrize(
    ("keys", "limit", "asked"),
    [
        (KEYS, 3, [3]),
        (KEYS[:2], 3, [3]),  # it has no more
        (KEYS, 99, [99]),
        (["elsewhere", *KEYS], 2, [2, 8]),  # of a window that this strategy never had
    ],
)
def test_no_more_is_asked_for_than_is_wanted_or_there(
    keys: list[str], limit: int, asked: list[int]
) -> None:
    index = Index(keys)
    assert len(places(found(USUAL, index, limit))) == min(limit, sum(k in KEYS for k in keys))
    assert [limit for _, _, limit in index.asked] == asked


def test_fewer_windows_than_the_limit_may_nominate_and_then_those_are_enough() -> None:
    index = Index(KEYS)
    world = USUAL.but(~window(0, 1), kb_status="rejected")
    assert places(found(world, index, limit=5)) == [0, 1]
    assert [limit for _, _, limit in index.asked] == [5]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (EmptyCollectionError("there is no collection"), "collection_empty"),
        (BackendUnavailableError("it does not answer"), "no_embedding_available"),
        (DeadlineExceededError("it took too long"), "no_embedding_available"),
        (ConfigurationError("no such model"), "no_embedding_available"),
    ],
)
def test_an_index_that_does_not_answer_is_a_reason_and_no_error(
    error: Exception, reason: str
) -> None:
    retrieved = found(USUAL, Index(KEYS, error))
    assert (retrieved.similarity, retrieved.reason) == (None, reason)
    assert retrieved.detail == str(error)
    c = USUAL.context()
    assert findings(c, CONFIG, search(Index(KEYS, error))).metadata_only


def test_an_index_within_a_database_that_does_not_answer_is_no_reason_but_the_error() -> None:
    index = Index(KEYS, BackendUnavailableError("the database did not answer"))
    index.remote = False
    with pytest.raises(BackendUnavailableError):
        found(USUAL, index)
    index.error = ConfigurationError("a collection of another dimension")
    assert found(USUAL, index).reason == "no_embedding_available"


def test_an_embedder_that_is_not_there_is_a_reason_and_no_error() -> None:
    class Missing(Embedder):
        def __call__(self, model: str, scaler: RegimeScaler | None) -> Embedder:
            raise ConfigurationError(f"no embedder of the name {model}")

    retrieved = found(USUAL, Index(KEYS), embedder=Missing())
    assert retrieved.reason == "no_embedding_available"
    assert retrieved.detail == "no embedder of the name regime-v1"


def test_an_error_that_is_no_outage_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        found(USUAL, Index(KEYS, ZeroDivisionError()))


@pytest.mark.parametrize("keys", [[], ["elsewhere"]])
def test_an_index_without_any_window_of_these_is_empty(keys: list[str]) -> None:
    retrieved = found(USUAL, Index(keys))
    assert (retrieved.similarity, retrieved.reason) == (None, "collection_empty")


@pytest.mark.parametrize(
    ("asked", "conditions"),
    [
        ({}, (True, 0.25, 5, 0.30, False)),
        ({"max_overfit_gap": math.inf}, (True, 0.25, 5, None, False)),
        ({"max_drawdown": 0.2, "require_oos": False}, (False, 0.2, 5, 0.30, False)),
    ],
)
def test_the_index_is_asked_with_the_filters_in_force(
    asked: dict[str, Any], conditions: tuple[Any, ...]
) -> None:
    index = Index(KEYS)
    found(USUAL, index, **asked)
    ((name, where, _),) = index.asked
    assert (name, where.workspace_id, where.strategy_name) == ("kb_regime_v1_v1", "space", "s")
    told = (where.require_oos, where.max_drawdown, where.min_trades, where.max_overfit_gap)
    assert (*told, where.unknown_passes) == conditions


def test_relaxed_filters_ask_the_index_likewise() -> None:
    index = Index(KEYS)
    found(USUAL.but(max_drawdown_frac_oos=0.4), index)
    where = index.asked[0][1]
    assert (where.max_drawdown, where.max_overfit_gap, where.unknown_passes) == (0.5, None, True)


@pytest.mark.parametrize(
    ("scale", "similarity"), [(1.0, [1.0, 0.99]), (0.5, [0.5, 0.495]), (3.0, [1.0, 1.0])]
)
def test_dot_products_become_similarities_between_minus_one_and_one(
    scale: float, similarity: list[float]
) -> None:
    retrieved = found(USUAL, Index(KEYS[:2]), embedder=Embedder(scale=scale))
    assert retrieved.similarity[:2].tolist() == pytest.approx(similarity)


@pytest.mark.parametrize(
    ("regime", "side"), [(MARKET, "before"), (Regime.stated(tags=["uptrend"]), "during")]
)
def test_an_embedder_is_given_the_side_of_windows_that_the_question_is_about(
    regime: Regime, side: str
) -> None:
    embedder = Embedder()
    found(USUAL, Index(KEYS), embedder=embedder, regime=regime)
    assert embedder.asked == [(regime, side)]


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        (set(), 1),
        ({"ollama-1/new/form-1"}, 1),
        ({"ollama-1/new/form-1", "ollama-1/old/form-1"}, 1),
        ({"ollama-1/old/form-1"}, 0),
    ],
)
def test_vectors_of_another_model_are_not_compared_with_a_question(
    held: set[str], asked: int
) -> None:
    """A tag that was pulled anew makes vectors of the same length that mean something else."""
    embedder, index = Embedder(pipeline="ollama-1/new/form-1"), Index(KEYS)
    c = USUAL.context()
    search = IndexSearch(
        cast(VectorIndex, index), cast(EmbedderFactory, embedder), 3, lambda *_: held
    )
    retrieved = search(c, filter_trials(c))
    assert len(index.asked) == len(embedder.asked) == asked
    if not asked:
        assert (retrieved.similarity, retrieved.reason) == (None, "vectors_outdated")
        assert "whose tag was pulled anew: run an ingest, or reembed" in retrieved.detail


def test_a_database_that_does_not_say_how_vectors_were_made_is_no_reason_but_the_error() -> None:
    def lost(*_: str) -> set[str]:
        raise BackendUnavailableError("the database did not answer")

    c, embedder = USUAL.context(), Embedder(pipeline="p")
    search = IndexSearch(cast(VectorIndex, Index(KEYS)), cast(EmbedderFactory, embedder), 3, lost)
    with pytest.raises(BackendUnavailableError):
        search(c, filter_trials(c))
