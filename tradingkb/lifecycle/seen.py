"""Was this very experiment run already?"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Protocol

import polars as pl

from tradingkb.domain import Workspace
from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers import read_trials
from tradingkb.ports import SelectionStore, SpecStore

#: Where both sides say something about these, they must say the same.
_OPTIONAL: Final = ("strategy_version", "engine", "cost_bps")
_FOUND: Final = (
    "trial_id",
    "source_type",
    "source_id",
    "kb_status",
    "known_at",
    "run_id",
    "withdrawn",
)


class SeenStore(SelectionStore, SpecStore, Protocol):
    """What is asked of a store."""


def seen(
    store: SeenStore, workspace: Workspace, experiments: Any, mapping: Any, now: datetime
) -> pl.DataFrame:
    """Looks up experiments by strategy, parameters and window.

    Args:
        store: the truth.
        workspace: whose trials.
        experiments: as for an ingest; scores are not needed and not looked at.
        mapping: as for an ingest.
        now: aware UTC time.

    Returns:
        One row per experiment, in order: `row` (1-based), `seen`, and of the newest stored trial
        of it trial_id, source_type, source_id, kb_status, known_at, run_id, withdrawn; `times`
        says how many stored trials are of it.

    Raises:
        InvalidTrialError: a table or a row that cannot be used.
    """
    specs = store.specs(workspace.id)
    batch = read_trials(experiments, mapping=mapping, now=now, specs=specs, scored=False)
    if batch.rejects.height:
        first = batch.rejects.row(0, named=True)
        raise InvalidTrialError(
            first["message"], row=first["row"], field=first["field"], remedy=first["remedy"]
        )
    asked = batch.trials.rename({"__row__": "row"})
    key = ["strategy_name", "params_hash", "window_key"]
    stored = store.find_experiments(workspace.id, asked.select("params_hash", "window_key"))
    pairs = asked.select("row", *key, *_OPTIONAL).join(stored, on=key, suffix="_stored")
    same = [_agree(name) for name in _OPTIONAL]
    found = (
        pairs.filter(pl.all_horizontal(same))
        .sort("known_at", "trial_id", descending=True)
        .group_by("row")
        .agg(*(pl.col(c).first() for c in _FOUND), pl.len().cast(pl.Int64).alias("times"))
    )
    table = asked.select("row").join(found, on="row", how="left", maintain_order="left")
    return table.select(
        "row",
        pl.col("trial_id").is_not_null().alias("seen"),
        *_FOUND,
        pl.col("times").fill_null(0),
    ).sort("row")


def _agree(name: str) -> pl.Expr:
    asked, stored = pl.col(name), pl.col(f"{name}_stored")
    return asked.is_null() | stored.is_null() | (asked == stored)
