"""Small stores of trials with regimes, and a vector index that fails when told to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

import tradingkb as tkb
from tradingkb.domain import RegimeScaler
from tradingkb.embedding.regime_embedder import RegimeEmbedder
from tradingkb.ports import Floats32, Points, VectorIndex, WindowDocument

MARKET = {"volatility_annual": 0.3}
REGIME_V1, COSINE_V1 = "kb_regime_v1_v1", "kb_regime_cosine_v1_v1"


def regime(volatility: float, tags: tuple[str, ...] = ()) -> str:
    """A measured regime as JSON, told apart by its volatility."""
    features = {"volatility_annual": volatility, "atr_pct": volatility / 20}
    return json.dumps(tkb.Regime(features=features, tags=tags).to_dict())


def trials(
    n_windows: int = 4, fasts: Iterable[int] = (5, 20), scores: dict[str, float] | None = None
) -> pl.DataFrame:
    """Trials "0:5", "0:20", "1:5", ... of strategy "s", told by window and parameter.

    Args:
        n_windows: on so many windows.
        fasts: one trial per window and value.
        scores: out-of-sample Sharpe ratios by source_id; otherwise fast / 10.
    """
    rows = []
    for w in range(n_windows):
        start = datetime(2015, 1, 1) + timedelta(days=91 * w)
        found = regime(0.1 + 0.1 * w)
        for fast in fasts:
            name = f"{w}:{fast}"
            rows.append(
                {
                    "source_id": name,
                    "strategy_name": "s",
                    "symbol": "X",
                    "timeframe": "1d",
                    "params": json.dumps({"fast": fast}),
                    "oos_start": start,
                    "oos_end": start + timedelta(days=90),
                    "sharpe_oos": (scores or {}).get(name, fast / 10),
                    "max_drawdown_frac_oos": 0.1,
                    "n_trades_oos": 20,
                    "regime_is": found,
                    "regime_oos": found,
                }
            )
    return pl.DataFrame(rows)


def nominated(kb: tkb.KnowledgeBase, **more: Any) -> set[str]:
    """Source ids of the trials that a recommendation nominates, with a market to search for."""
    return set(kb.recommend("s", regime=MARKET, **more).trials["source_id"])


def counted(kb: tkb.KnowledgeBase) -> int:
    """How many trials pass the filters of a recommendation."""
    return kb.recommend("s", regime=MARKET).after_strict


def statuses(kb: tkb.KnowledgeBase) -> dict[str, str]:
    """Statuses by source id."""
    rows = kb.trials()
    return dict(zip(rows["source_id"], rows["kb_status"], strict=True))


def ids(kb: tkb.KnowledgeBase) -> dict[str, int]:
    """Trial ids by source id."""
    rows = kb.trials()
    return dict(zip(rows["source_id"], rows["trial_id"], strict=True))


def space_id(kb: tkb.KnowledgeBase, slug: str = "default") -> str:
    """The id of a workspace."""
    rows = kb.workspaces()
    return str(rows.filter(pl.col("slug") == slug)["id"].item())


def entries(kb: tkb.KnowledgeBase, collection: str = REGIME_V1) -> dict[str, dict[str, Any]]:
    """Index entries of one collection by source id."""
    names = {number: name for name, number in ids(kb).items()}
    rows = kb.use_cases.store.index_rows(space_id(kb), collection).to_dicts()
    return {names[row["trial_id"]]: row for row in rows}


def pointed(kb: tkb.KnowledgeBase, collection: str = REGIME_V1) -> set[str]:
    """Source ids of the trials that have a point in the vector index; others by point id."""
    names = {row["point_id"]: name for name, row in entries(kb, collection).items()}
    held = kb.use_cases.indexer.vectors.points(collection, space_id(kb))["point_id"]
    return {names.get(point, point) for point in held}


def sql(kb: tkb.KnowledgeBase, text: str, **values: Any) -> list[tuple[Any, ...]]:
    """Runs SQL as an operator would, by hand."""
    with kb.use_cases.store.engine.begin() as connection:
        result = connection.execute(sa.text(text), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def failed_deletes(kb: tkb.KnowledgeBase) -> list[tuple[Any, ...]]:
    """The runbook's query."""
    return sql(
        kb,
        "SELECT id, reason, archived_at FROM kb_trial_index "
        "WHERE reason LIKE '%qdrant_delete_failed%'",
    )


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    """The fields of the events of that name."""
    return [r.tradingkb_fields for r in caplog.records if r.getMessage() == name]


class Batches(RegimeEmbedder):
    """The built-in embedder as one that takes its time: in batches, of which the last may fail.

    Attributes:
        calls: windows of each call, of all that were made of one list.
        left: how many more calls succeed, None for any number.
    """

    model = "in-batches"

    def __init__(
        self, scaler: RegimeScaler, calls: list[int], batch: int, left: int | None = None
    ) -> None:
        super().__init__(scaler)
        self.calls, self.batch, self.left = calls, batch, left

    def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
        if self.left is not None and len(self.calls) >= self.left:
            raise tkb.BackendUnavailableError("the embedding server is away")
        self.calls.append(len(documents))
        return super().embed_documents(documents)


class Flaky:
    """Makes `upsert` and `delete` of a vector index fail when told to.

    Attributes:
        down: whether both fail.
        upserts_left: how many more upserts succeed, None for any number.
        embedded: how many points were written.
    """

    def __init__(self, index: VectorIndex) -> None:
        self.down = False
        self.upserts_left: int | None = None
        self.embedded = 0
        self._upsert, self._delete = index.upsert, index.delete
        index.upsert, index.delete = self.upsert, self.delete  # type: ignore[method-assign]

    def upsert(self, name: str, points: Points) -> None:
        if self.down or self.upserts_left == 0:
            raise tkb.BackendUnavailableError("the vector index is away")
        if self.upserts_left is not None:
            self.upserts_left -= 1
        self.embedded += len(points.ids)
        self._upsert(name, points)

    def delete(self, name: str, point_ids: Any) -> None:
        if self.down:
            raise tkb.BackendUnavailableError("the vector index is away")
        self._delete(name, point_ids)


def flaky(kb: tkb.KnowledgeBase) -> Flaky:
    """The switch that makes the vector index of a knowledge base fail."""
    return Flaky(kb.use_cases.indexer.vectors)
