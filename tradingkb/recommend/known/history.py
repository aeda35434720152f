"""Statuses as they were at an earlier time, from the history of their changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking import NEVER
from tradingkb.recommend.known.view import STATUS, Statuses, View

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def statuses_as_of(view: View, as_of_micros: int) -> Statuses:
    """Each trial's status at a time: the last change before it, else what it was before its first.

    Args:
        view: the trials.
        as_of_micros: microseconds since 1970 UTC.
    """
    then = view.statuses.copy()
    history = view.history
    if history.is_empty():
        return then
    row, mine = _changed(view)
    before, after = (
        history[name].fill_null("candidate").cast(STATUS).to_physical().to_numpy()
        for name in ("from_status", "to_status")
    )
    past = history["at"].to_physical().to_numpy() <= as_of_micros
    firsts = np.flatnonzero(mine)[::-1]  # assigned backwards, the first row of a trial stays
    then[row[firsts]] = before[firsts]
    lasts = np.flatnonzero(mine & past)
    then[row[lasts]] = after[lasts]
    return then


def promoted_as_of(view: View, as_of_micros: int) -> Ints:
    """When each trial had been promoted last by a time, microseconds; `NEVER` where it had not."""
    found = np.where(view.promoted_at <= as_of_micros, view.promoted_at, NEVER)
    if view.history.is_empty():
        return found
    row, mine = _changed(view)
    at = view.history["at"].to_physical().to_numpy()
    promotion = (view.history["to_status"] == "promoted").to_numpy()
    known = np.flatnonzero(mine & promotion & (at <= as_of_micros))
    found[row[known]] = at[known]  # ordered by time, the last one stays
    return found


def _changed(view: View) -> tuple[Ints, Bools]:
    """The trial of each row of the history, and whether it is one of this view at all."""
    ids = view.frame["trial_id"].to_numpy()
    order = np.argsort(ids)
    trial = view.history["trial_id"].to_numpy()
    if not len(ids):  # every trial of the strategy is withdrawn; the history of its trials stays
        return np.zeros(len(trial), dtype=np.int64), np.zeros(len(trial), dtype=bool)
    # A row of a trial that moved to another strategy since has no place here.
    place = np.minimum(np.searchsorted(ids[order], trial), len(ids) - 1)
    return order[place], ids[order][place] == trial
