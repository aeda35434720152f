"""Retrieval: asking the vector index for the windows whose market is nearest to the question's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Set
from typing import Final

import numpy as np

from tradingkb.domain import Deadline
from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    DeadlineExceededError,
    EmptyCollectionError,
)
from tradingkb.indexing import made_otherwise
from tradingkb.ports import (
    Embedder,
    EmbedderFactory,
    QueryVector,
    VectorFilter,
    VectorIndex,
    WindowHit,
    patience,
)
from tradingkb.recommend.judging import Filtered, Retrieved
from tradingkb.recommend.known import Context, side_of

#: How much more is asked for when too many of the nearest windows are not allowed.
_WIDEN: Final = 4
#: Seconds before its deadline that are kept to answer a question by metadata alone.
_RESERVE_S: Final = 2.0


class IndexSearch:
    """Asks the vector index; only the windows that SQL allows count.

    The index knows nothing of tags, versions, statuses and archives. So it is asked for more until
    `limit` allowed windows are found, or it has no more.
    """

    def __init__(
        self,
        vectors: VectorIndex,
        embedders: EmbedderFactory,
        limit: int,
        pipelines: Callable[[str, str], Set[str]] = lambda *_: frozenset(),
    ) -> None:
        """Takes what is asked.

        Args:
            vectors: the index.
            embedders: make the question's vector.
            limit: windows that are wanted.
            pipelines: how the vectors of a workspace's collection were made.
        """
        self._vectors = vectors
        self._embedders = embedders
        self._limit = limit
        self._pipelines = pipelines

    def __call__(self, c: Context, filtered: Filtered) -> Retrieved:
        """The nearest windows, or why there is no similarity; a server that is down is no error.

        An index within the database is the database: without it there is no answer.

        Args:
            c: a question with a regime.
            filtered: the windows in which a trial may nominate, by SQL.
        """
        regime = c.question.market.regime
        assert regime is not None
        held, searching = self._held(c), False
        try:
            with patience(_time_for(c.question.deadline)):
                embedder = self._embedder(c)
                otherwise = made_otherwise(embedder, c.target.collection, held)
                if otherwise is not None:
                    return Retrieved(None, "vectors_outdated", otherwise)
                query = embedder.embed_query(regime, side_of(regime))
                searching = True
                found = self._search(c, filtered, query)
        except EmptyCollectionError as error:
            return Retrieved(None, "collection_empty", str(error))
        except (BackendUnavailableError, ConfigurationError, DeadlineExceededError) as error:
            lost = isinstance(error, BackendUnavailableError)
            if lost and searching and not self._vectors.remote:
                raise
            return Retrieved(None, "no_embedding_available", str(error))
        if not found:
            return Retrieved(
                None, "collection_empty", "the vector index holds no trial that passes"
            )
        windows = c.view.windows
        similarity = np.full(len(windows), np.nan)
        scaled = np.array([hit.similarity for hit in found]) * query.scale
        similarity[[windows.place_of[h.window_key] for h in found]] = np.clip(scaled, -1.0, 1.0)
        return Retrieved(similarity)

    def _held(self, c: Context) -> Set[str]:
        """How the vectors of the collection were made, where that may not be as now: on a server.

        What is built in fits its vectors, or else an ingest has been told so by the scaler.
        """
        if not self._embedders.is_remote(c.target.model):
            return frozenset()
        return self._pipelines(c.target.workspace.id, c.target.collection)

    def _embedder(self, c: Context) -> Embedder:
        """The embedder; a server's as it is now, whatever was kept with the trials."""
        model, scaler = c.target.model, c.view.scaler
        if self._embedders.is_remote(model):
            return self._embedders(model, scaler)
        return c.view.kept.get("embedder", model, lambda: self._embedders(model, scaler))

    def _search(self, c: Context, filtered: Filtered, query: QueryVector) -> Sequence[WindowHit]:
        where = _filter(c, filtered)
        place, wanted = c.view.windows.place_of, filtered.windows
        enough, ask = min(self._limit, int(wanted.sum())), self._limit
        while True:
            hits = self._vectors.nearest_windows(c.target.collection, query.vector, where, ask)
            known = (hit for hit in hits if hit.window_key in place)
            found = [hit for hit in known if wanted[place[hit.window_key]]][: self._limit]
            if len(found) >= enough or len(hits) < ask:
                return found
            ask *= _WIDEN


def _time_for(deadline: Deadline | None) -> float:
    """Seconds that a search may take, so that time is left to answer without it."""
    if deadline is None:
        return math.inf
    left = max(deadline.left(), 0.0)
    return left - min(_RESERVE_S, left / 2)


def _filter(c: Context, filtered: Filtered) -> VectorFilter:
    filters = filtered.filters
    gap = filters.max_overfit_gap
    return VectorFilter(
        workspace_id=c.target.workspace.id,
        strategy_name=c.question.strategy_name,
        require_oos=filters.require_oos,
        max_drawdown=filters.max_drawdown,
        min_trades=filters.min_trades,
        max_overfit_gap=gap if math.isfinite(gap) else None,
        unknown_passes=filters.unknown_passes,
    )
