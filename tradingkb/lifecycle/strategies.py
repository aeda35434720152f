"""Which strategies a workspace knows."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from tradingkb.domain import canonical_params
from tradingkb.ports import ListingStore, SpecStore


class _Store(SpecStore, ListingStore, Protocol):
    """What a listing needs of a store."""


def strategy_table(store: _Store, workspace_id: str) -> pl.DataFrame:
    """Strategies with trials or a spec: counts, registered version, defaults as JSON text."""
    specs = {s.name: s for s in store.specs(workspace_id)}
    defaults = [
        canonical_params(s.defaults) if s.defaults is not None else None for s in specs.values()
    ]
    table = pl.DataFrame(
        {
            "strategy_name": list(specs),
            "spec_version": [s.version for s in specs.values()],
            "defaults": defaults,
        },
        schema={"strategy_name": pl.String, "spec_version": pl.String, "defaults": pl.String},
    )
    return (
        store.strategy_counts(workspace_id)
        .join(table, on="strategy_name", how="full", coalesce=True)
        .with_columns(pl.col("n_trials", "n_windows", "n_param_sets").fill_null(0))
        .sort("strategy_name")
    )
