"""Retrieval: the windows whose market is nearest to the query's."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain.document import query_text
from tradingkb.domain.filters import Filters
from tradingkb.domain.regime import Regime
from tradingkb.domain.scaling import (
    STATED_WEIGHTS,
    RegimeScaler,
    regime_distance,
    regime_similarity,
)
from tradingkb.exceptions import BackendUnavailableError, ConfigurationError, EmptyCollectionError
from tradingkb.ports import Embedder, VectorFilter, VectorIndex
from tradingkb.recommend.pool import Pool
from tradingkb.recommend.view import View
from tradingkb.recommend.windows import side_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


#: How much more is asked for when too many of the nearest windows are not allowed.
_WIDEN = 4


@dataclass(frozen=True)
class Retrieved:
    """The neighbourhood.

    Attributes:
        similarity: shape (w,), NaN for windows that were not found; None when none was computed.
        reason: why a wanted similarity is missing: "no_embedding_available", "collection_empty".
        detail: the sentence behind the reason.
    """

    similarity: Floats | None
    reason: str | None = None
    detail: str | None = None


def search_index(
    view: View,
    regime: Regime,
    filters: Filters,
    wanted: Bools,
    *,
    vectors: VectorIndex,
    make_embedder: Callable[[], Embedder],
    collection: str,
    workspace_id: str,
    strategy_name: str,
    limit: int,
) -> Retrieved:
    """Asks the vector index for the nearest windows; only those that SQL allows count.

    The index knows nothing of tags, versions, statuses and archives. So it is asked for more until
    `limit` allowed windows are found, or it has no more.

    Args:
        view: the strategy's trials.
        regime: the query.
        filters: those in force.
        wanted: shape (w,), windows in which a trial may nominate, by SQL.
        vectors: the index.
        make_embedder: makes the query's embedder.
        collection: the active one.
        workspace_id: whose points.
        strategy_name: of which strategy.
        limit: how many windows.
    """
    where = VectorFilter(
        workspace_id=workspace_id,
        strategy_name=strategy_name,
        require_oos=filters.require_oos,
        max_drawdown=filters.max_drawdown,
        min_trades=filters.min_trades,
        max_overfit_gap=filters.max_overfit_gap if math.isfinite(filters.max_overfit_gap) else None,
        unknown_passes=filters.unknown_passes,
    )
    place, n_wanted = view.windows.place_of, int(wanted.sum())
    try:
        text = query_text(strategy_name, regime)
        query = make_embedder().embed_query(regime, text, side_of(regime))
        ask, found = limit, []
        while True:
            hits = vectors.nearest_windows(collection, query.vector, where, ask)
            known = (hit for hit in hits if hit.window_key in place)
            found = [hit for hit in known if wanted[place[hit.window_key]]][:limit]
            if len(found) >= min(limit, n_wanted) or len(hits) < ask:
                break
            ask *= _WIDEN
    except EmptyCollectionError as error:
        return Retrieved(None, "collection_empty", str(error))
    except (BackendUnavailableError, ConfigurationError) as error:
        return Retrieved(None, "no_embedding_available", str(error))
    if not found:
        return Retrieved(None, "collection_empty", "the vector index holds no trial that passes")
    similarity = np.full(len(view.windows), np.nan)
    scaled = np.array([hit.similarity for hit in found]) * query.scale
    similarity[[place[hit.window_key] for hit in found]] = np.clip(scaled, -1.0, 1.0)
    return Retrieved(similarity)


def distances(pool: Pool, regime: Regime, scaler: RegimeScaler) -> Floats:
    """Regime distance of every window, shape (w,), in robust standard deviations; NaN unknown."""
    scaled = pool.scaled(side_of(regime), scaler)
    weights = STATED_WEIGHTS if regime.source == "stated" else None
    return regime_distance(scaler.transform(regime.vector()), scaled, weights)


def search_exact(
    pool: Pool, regime: Regime, scaler: RegimeScaler, wanted: Bools, limit: int
) -> Retrieved:
    """The nearest windows from SQL alone: point in time, where the index knows only today.

    Args:
        pool: the trials that count.
        regime: the query.
        scaler: fitted on what was known then.
        wanted: shape (w,), windows with a trial that passes the filters.
        limit: how many windows.
    """
    scaled = pool.scaled(side_of(regime), scaler)
    found = regime_similarity(scaler.transform(regime.vector()), scaled)
    similarity = np.where(wanted, found, np.nan)
    if not np.isfinite(similarity).any():
        return Retrieved(None, "collection_empty", "no window known by then has a regime")
    rounded = np.where(np.isfinite(similarity), np.round(similarity, 6), -np.inf)
    order = np.argsort(-rounded, kind="stable")
    similarity[order[limit:]] = np.nan
    return Retrieved(similarity)
