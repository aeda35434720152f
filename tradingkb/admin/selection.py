"""Which trials an administrator means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from tradingkb.domain.trial import point_id
from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.ports import TrialStore, Workspace

_UUID: Final = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
#: Columns by which a frame may name trials, the best one first.
_KEYS: Final = ("trial_id", "source_id", "point_id")


def conditions(trials: Any, filters: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions of a selection.

    Args:
        trials: one or several ids (trial_id as int, source_id or point id as text), or a frame
            with one of these columns; None for filters alone.
        filters: column to value; None means no condition.

    Raises:
        InvalidInputError: nothing is selected by anything, or ids of several kinds.
    """
    where = {name: value for name, value in filters.items() if value is not None}
    return where if trials is None else {**where, **_by_id(trials)}


def select(store: TrialStore, workspace: Workspace, where: Mapping[str, Any]) -> pl.DataFrame:
    """The trials that are meant; see `TrialStore.select` for the columns.

    Raises:
        InvalidInputError: without any condition every trial would be meant.
        NotFoundError: an id that no trial of the workspace has.
    """
    if not where:
        raise InvalidInputError(
            "no trials are named", field="trials",
            remedy="give ids, a frame with trial_id, or a filter such as strategy_name",
        )  # fmt: skip
    found = store.select(workspace.id, where)
    for key in _KEYS:
        if key in where:
            _refuse_unknown(store, workspace, key, where[key])
    return found


def _by_id(trials: Any) -> dict[str, list[Any]]:
    if isinstance(trials, pl.LazyFrame):
        trials = trials.collect()
    if hasattr(trials, "columns"):  # a Polars or pandas frame
        return _by_column(trials)
    ids: list[Any] = [trials] if isinstance(trials, str | int) else list(trials)
    if ids and all(isinstance(i, int) and not isinstance(i, bool) for i in ids):
        return {"trial_id": ids}
    if ids and all(isinstance(i, str) for i in ids):
        return {"point_id" if all(_UUID.fullmatch(i) for i in ids) else "source_id": ids}
    raise InvalidInputError(
        "trials are named by nothing, or by ids of several kinds", field="trials",
        remedy="give trial_id numbers, or source_id texts, or point ids",
    )  # fmt: skip


def _by_column(frame: Any) -> dict[str, list[Any]]:
    for key in _KEYS:
        if key in frame.columns:
            values = pl.Series(frame[key]).drop_nulls().unique().to_list()
            return {key: values}
    raise InvalidInputError(
        "the frame names no trials", field="trials", remedy=f"give a column {_KEYS[0]}"
    )


def _refuse_unknown(store: TrialStore, workspace: Workspace, key: str, ids: list[Any]) -> None:
    found = store.select(workspace.id, {key: ids})
    if key == "point_id":
        identities = found.select("source_type", "source_id").rows()
        known = {point_id(workspace.id, *identity) for identity in identities}
    else:
        known = set(found[key])
    if unknown := sorted(set(ids) - known):
        raise NotFoundError(
            key, str(unknown[0]), [], remedy=f"kb.trials(workspace={workspace.slug!r}) lists them"
        )
