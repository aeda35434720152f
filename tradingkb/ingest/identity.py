"""Ids that belong to other experiments, and experiments that stand under other ids.

Trial numbers start at 0 in every study: without a word, a second study would take the place of the
first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import polars as pl

from tradingkb.domain import StrategySpec, canonical_params, parse_params, read_set, spec_for
from tradingkb.importers import Batch
from tradingkb.indexing import IDENTITY
from tradingkb.ports import ContentStore, DocumentStore, SelectionStore

_KEY: Final = ("strategy_name", "params_hash", "window_key")
#: Where both sides say something about these, they must say the same.
_OPTIONAL: Final = ("strategy_version", "engine", "cost_bps")
#: Documents that are read at one time: each has two regimes of 2 kB.
_SLICE: Final = 10_000
#: What is looked at of incoming trials.
_READ: Final = (
    *("__row__", *IDENTITY, "row_hash", "params", "objective_type"),
    *(*_KEY, *_OPTIONAL),
)
_STORED: Final = ("strategy_name", "strategy_version", "params", "window_key")
_REMEDY: Final = (
    "withdraw this run where other rows of it went in, so that none counts twice, and "
    'give each study a source_type of its own, mapping={"source_type": tkb.const("study 2")}, or '
    "ids of its own; replace=True takes these rows in the place of what is stored"
)


class IdentityReads(ContentStore, DocumentStore, SelectionStore, Protocol):
    """What is asked of a store."""


@dataclass(frozen=True)
class Others:
    """What the store says of incoming ids and experiments.

    Attributes:
        strangers: `__row__`, field, message, remedy: rows whose id is another experiment's.
        again: how many new ids bring an experiment that stands under another id.
    """

    strangers: pl.DataFrame
    again: int


def read_others(
    store: IdentityReads,
    workspace_id: str,
    batch: Batch,
    known: pl.DataFrame,
    windows: pl.DataFrame,
    specs: Sequence[StrategySpec],
) -> Others:
    """Looks up what concerns the trials of a source.

    Args:
        store: the trials.
        workspace_id: whose.
        batch: what the source held.
        known: identities of stored trials, at least of those of the source.
        windows: stored windows, at least those of the source.
        specs: of the workspace.
    """
    standing = known.filter(~pl.col("withdrawn"))
    # Of these columns alone: a join copies, and a million trials have forty columns.
    trials = batch.trials.select(_READ).join(
        windows.select("window_key", pl.col("window_id").alias("same_window")),
        on="window_key",
        how="left",
        maintain_order="left",
    )
    columns = [*IDENTITY, "trial_id", "param_set_id", "window_id", "row_hash"]
    both = trials.join(standing.select(columns), on=IDENTITY, suffix="_stored")
    changed = both.filter(pl.col("row_hash") != pl.col("row_hash_stored"))
    new = trials.join(known, on=IDENTITY, how="anti", maintain_order="left")
    return Others(
        _strangers(store, workspace_id, changed, specs),
        _stored_again(store, workspace_id, new) + _twice(new),
    )


def _strangers(
    store: IdentityReads, workspace_id: str, changed: pl.DataFrame, specs: Sequence[StrategySpec]
) -> pl.DataFrame:
    """The rows that are not the experiment whose id they have."""
    suspects = _with_sets(store, workspace_id, changed).filter(
        pl.col("same_set").ne_missing(pl.col("param_set_id"))
        | pl.col("same_window").ne_missing(pl.col("window_id"))
    )
    found: list[tuple[int, str, str, str]] = []
    for part in suspects.iter_slices(_SLICE):
        stored = store.documents(workspace_id, part["trial_id"])
        columns = ("__row__", "source_id", "trial_id", "strategy_name", "window_key", "params")
        beside = part.select(columns).join(
            stored.select("trial_id", *_STORED), on="trial_id", suffix="_there"
        )
        for row in beside.sort("__row__").iter_rows(named=True):
            if differs := _differences(row, specs):
                message = (
                    f"{row['source_id']!r} is the id of another experiment in the store: "
                    f"{', '.join(differs)}"
                )
                found.append((row["__row__"], "source_id", message, _REMEDY))
    schema = {"__row__": pl.UInt32, **dict.fromkeys(("field", "message", "remedy"), pl.String)}
    return pl.DataFrame(found, schema, orient="row")


def _with_sets(store: IdentityReads, workspace_id: str, trials: pl.DataFrame) -> pl.DataFrame:
    """The trials with the number that their parameter set has in the store, null where none."""
    if trials.is_empty():
        return trials.with_columns(same_set=pl.lit(None, dtype=pl.Int64))
    sets = store.param_set_rows(
        workspace_id, None, trials.select("strategy_name", "params_hash").unique()
    )
    numbers = sets.select("strategy_name", "params_hash", pl.col("param_set_id").alias("same_set"))
    return trials.join(numbers, on=["strategy_name", "params_hash"], how="left")


def _differences(row: dict[str, str], specs: Sequence[StrategySpec]) -> list[str]:
    """In what an incoming row differs from the stored trial that has its id."""
    found = []
    if row["strategy_name"] != row["strategy_name_there"]:
        found.append(f"its strategy_name is {row['strategy_name_there']!r}")
    if row["params"] not in (row["params_there"], _as_read_now(row, specs)):
        found.append(f"its params are {row['params_there']}")
    if row["window_key"] != row["window_key_there"]:
        found.append("its window (symbol, timeframe, dates) is another")
    return found


def _as_read_now(row: dict[str, str], specs: Sequence[StrategySpec]) -> str | None:
    """Stored parameters as an ingest reads them now: an earlier version kept "20" for 20."""
    spec = spec_for(specs, row["strategy_name_there"], row["strategy_version"])
    values, unread = read_set(parse_params(row["params_there"]), spec)
    return None if unread else canonical_params(values)


def _stored_again(store: IdentityReads, workspace_id: str, new: pl.DataFrame) -> int:
    """How many new ids bring an experiment that is stored under another one."""
    possible = _with_sets(store, workspace_id, new.filter(pl.col("same_window").is_not_null()))
    possible = possible.filter(pl.col("same_set").is_not_null())
    if possible.is_empty():
        return 0
    experiments = possible.select("params_hash", "window_key").unique()
    stored = store.find_experiments(workspace_id, experiments).filter(~pl.col("withdrawn"))
    pairs = possible.select("__row__", *_KEY, *_OPTIONAL).join(stored, on=_KEY, suffix="_there")
    agree = [
        pl.col(name).is_null()
        | pl.col(f"{name}_there").is_null()
        | (pl.col(name) == pl.col(f"{name}_there"))
        for name in _OPTIONAL
    ]
    return pairs.filter(pl.all_horizontal(agree))["__row__"].n_unique()


def _twice(new: pl.DataFrame) -> int:
    """How many trials of a source repeat an earlier one of it under another id."""
    return new.height - new.select(*_KEY, *_OPTIONAL, "objective_type").n_unique()


def notes_on(others: Others) -> tuple[str, ...]:
    """What the user should know, as sentences."""
    if not others.again:
        return ()
    return (
        f"{others.again:,} trials are the same experiments (strategy, parameters, window) as "
        "others that stand under other ids: a source that is read again has to keep its ids",
    )
