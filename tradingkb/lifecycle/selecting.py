"""Which trials an administrator means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any, Final

import polars as pl

from tradingkb.domain import Selection, Workspace, point_id
from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.ports import SelectionStore

_UUID: Final = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
#: Columns by which a frame may name trials, the best one first.
_KEYS: Final = ("trial_id", "source_id", "point_id")


def conditions(selection: Selection) -> dict[str, Any]:
    """The conditions of a selection, by column.

    Raises:
        InvalidInputError: nothing is selected by anything, or ids of several kinds.
    """
    if selection.trials is None:
        return selection.filters
    return {**selection.filters, **_by_id(selection.trials)}


def select(store: SelectionStore, workspace: Workspace, where: Mapping[str, Any]) -> pl.DataFrame:
    """The trials that are meant; see `SelectionStore.select` for the columns.

    Raises:
        InvalidInputError: without any condition every trial would be meant.
        NotFoundError: an id that no trial of the workspace has.
    """
    if not where:
        raise InvalidInputError(
            "no trials are named",
            field="trials",
            remedy="give ids, a frame with trial_id, or a filter such as strategy_name",
        )
    found = store.select(workspace.id, where)
    key = next((k for k in _KEYS if k in where), None)
    if key is None:
        return found
    unknown = _unknown(store, workspace, key, where[key], found)
    if unknown and key == "point_id":  # a source may have named its trials by UUIDs, too
        others = {name: value for name, value in where.items() if name != key}
        more = store.select(workspace.id, {**others, "source_id": unknown})
        found = pl.concat([found, more]).unique("trial_id").sort("trial_id")
        unknown = _unknown(store, workspace, "source_id", unknown, more)
    if unknown:
        raise NotFoundError(
            key, str(unknown[0]), None, remedy=f"kb.trials(workspace={workspace.slug!r}) lists them"
        )
    return found


def _by_id(trials: Any) -> dict[str, list[Any]]:
    if isinstance(trials, pl.LazyFrame):
        trials = trials.collect()
    if hasattr(trials, "columns"):  # a Polars or pandas frame
        return _by_column(trials)
    single = isinstance(trials, str) or not isinstance(trials, Iterable)
    ids: list[Any] = [trials] if single else list(trials)
    if ids and all(isinstance(i, Integral) and not isinstance(i, bool) for i in ids):
        return {"trial_id": [int(i) for i in ids]}
    if ids and all(isinstance(i, str) for i in ids):
        return {"point_id" if all(_UUID.fullmatch(i) for i in ids) else "source_id": ids}
    raise InvalidInputError(
        "trials are named by nothing, or by ids of several kinds",
        field="trials",
        remedy="give trial_id numbers, or source_id texts, or point ids",
    )


def _by_column(frame: Any) -> dict[str, list[Any]]:
    for key in _KEYS:
        if key in frame.columns:
            values = pl.Series(frame[key]).drop_nulls().unique().to_list()
            return {key: values}
    raise InvalidInputError(
        "the frame names no trials", field="trials", remedy=f"give a column {_KEYS[0]}"
    )


def _unknown(
    store: SelectionStore, workspace: Workspace, key: str, ids: list[Any], found: pl.DataFrame
) -> list[Any]:
    """The ids that no trial of the workspace has; filters may have left out those of others."""
    missing = set(ids) - _named(workspace, key, found)
    if missing:
        missing -= _named(workspace, key, store.select(workspace.id, {key: list(missing)}))
    return sorted(missing)


def _named(workspace: Workspace, key: str, found: pl.DataFrame) -> set[Any]:
    if key != "point_id":
        return set(found[key])
    identities = found.select("source_type", "source_id").rows()
    return {point_id(workspace.id, *identity) for identity in identities}
