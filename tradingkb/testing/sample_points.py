"""Points for the contract of `VectorIndex`: small, complete, and changed by what a test states."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from tradingkb.ports import Floats32, Points, VectorFilter, WindowHit

WORKSPACE: Final = "7d9f4a52-0000-4000-8000-000000000001"
OTHER_WORKSPACE: Final = "7d9f4a52-0000-4000-8000-000000000002"
STRATEGY: Final = "sma_cross"
EVERYTHING: Final = VectorFilter(WORKSPACE, STRATEGY)
DIMENSION: Final = 4
#: Vectors of length 1 in every arithmetic: their similarities, and ties, are exact.
EAST, NORTH, UP, AWAY = np.eye(DIMENSION, dtype=np.float32)
BETWEEN: Final = np.full(DIMENSION, 0.5, dtype=np.float32)

_SCHEMA: Final[dict[str, Any]] = {
    "workspace_id": pl.String,
    "strategy_name": pl.String,
    "window_key": pl.String,
    "has_oos": pl.Boolean,
    "max_drawdown": pl.Float64,
    "n_trades": pl.Int64,
    "overfit_gap": pl.Float64,
}
_DEFAULTS: Final = {
    "workspace_id": WORKSPACE,
    "strategy_name": STRATEGY,
    "window_key": "w",
    "has_oos": True,
    "max_drawdown": 0.1,
    "n_trades": 50,
    "overfit_gap": 0.1,
}


def uid(name: object) -> str:
    """A point id that sorts like a small number."""
    return (
        str(uuid.UUID(int=name))
        if isinstance(name, int)
        else str(uuid.uuid5(uuid.NAMESPACE_OID, str(name)))
    )


def points(*rows: tuple[object, Floats32, Mapping[str, Any]]) -> Points:
    """Points from (name, vector, payload that differs from the defaults)."""
    payload = pl.DataFrame([{**_DEFAULTS, **row[2]} for row in rows], schema=_SCHEMA)
    vectors = np.array([row[1] for row in rows], dtype=np.float32)
    return Points([uid(row[0]) for row in rows], vectors, payload)


def windows(hits: Iterable[WindowHit]) -> list[str]:
    """The windows of hits, in their order."""
    return [hit.window_key for hit in hits]
