"""A `VectorFilter` in Qdrant's words."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from tradingkb.ports import VectorFilter

Json = dict[str, Any]


def filter_json(where: VectorFilter, without: Sequence[str] = ()) -> Json:
    """The `filter` object of a Qdrant request.

    Args:
        where: the conditions.
        without: windows to leave out.
    """
    must = [_is("workspace_id", where.workspace_id), _is("strategy_name", where.strategy_name)]
    must_not: list[Json] = []
    if without:
        must_not.append({"key": "window_key", "match": {"any": list(without)}})
    if where.require_oos:
        must.append(_is("has_oos", True))
    # A range never matches a missing value: asking for "inside" fails it, against "outside" not.
    for key, inside, outside, bound in (
        ("max_drawdown", "lte", "gt", where.max_drawdown),
        ("n_trades", "gte", "lt", where.min_trades),
    ):
        if bound is not None and where.unknown_passes:
            must_not.append(_range(key, outside, bound))
        elif bound is not None:
            must.append(_range(key, inside, bound))
    if where.max_overfit_gap is not None:
        must_not.append(_range("overfit_gap", "gt", where.max_overfit_gap))
    return {"must": must, "must_not": must_not or None}


def workspace_filter(workspace_id: str) -> Json:
    """The `filter` object for all points of a workspace."""
    return {"must": [_is("workspace_id", workspace_id)]}


def _is(key: str, value: str | bool) -> Json:
    return {"key": key, "match": {"value": value}}


def _range(key: str, side: str, bound: float) -> Json:
    largest = sys.float_info.max  # JSON has no infinity, and a bound of null means none
    return {"key": key, "range": {side: min(max(bound, -largest), largest)}}
