"""qdrant-client's local mode, in memory, asked as its own documentation does."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from tradingkb.bench.peers.numpy_limit import Arrays
from tradingkb.domain import Filters
from tradingkb.ports import Floats32

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

_BATCH: Final = 1_000
_NAME: Final = "trials"


def fill(points: Arrays, strategy_names: Sequence[str]) -> QdrantClient:
    """A client with those points."""
    from qdrant_client import QdrantClient, models

    client = QdrantClient(":memory:")
    size = points.matrix.shape[1]
    client.create_collection(_NAME, models.VectorParams(size=size, distance=models.Distance.COSINE))
    payloads = [
        {
            "strategy_name": name,
            "has_oos": bool(oos),
            "max_drawdown": float(drawdown),
            "n_trades": float(trades),
            **({} if np.isnan(gap) else {"overfit_gap": float(gap)}),
        }
        for name, oos, drawdown, trades, gap in zip(
            strategy_names,
            points.has_oos,
            points.max_drawdown,
            points.n_trades,
            points.overfit_gap,
            strict=True,
        )
    ]
    with warnings.catch_warnings():  # it warns that 20,000 points are many: that is measured here
        warnings.simplefilter("ignore")
        for start in range(0, len(payloads), _BATCH):
            end = min(start + _BATCH, len(payloads))
            batch = models.Batch(
                ids=list(range(start, end)),
                vectors=points.matrix[start:end].tolist(),
                payloads=payloads[start:end],
            )
            client.upsert(_NAME, batch)
    return client


def nearest(
    client: QdrantClient, strategy_name: str, vector: Floats32, where: Filters, limit: int
) -> list[float]:
    """The similarities of the nearest points that pass, largest first."""
    from qdrant_client import models

    def matches(key: str, value: str | bool) -> models.FieldCondition:
        return models.FieldCondition(key=key, match=models.MatchValue(value=value))

    def within(key: str, **bounds: float | None) -> models.FieldCondition:
        return models.FieldCondition(key=key, range=models.Range(**bounds))

    condition = models.Filter(
        must=[
            matches("strategy_name", strategy_name),
            matches("has_oos", True),
            within("max_drawdown", lte=where.max_drawdown),
            within("n_trades", gte=where.min_trades),
        ],
        must_not=[within("overfit_gap", gt=where.max_overfit_gap)],
    )
    answer = client.query_points(
        _NAME, query=vector.tolist(), query_filter=condition, limit=limit, with_payload=False
    )
    return [point.score for point in answer.points]
