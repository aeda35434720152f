"""Calls that are made again: how many a second, for how long already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from tradingkb.monitoring.rules import MINUTE_S, RETRIES, RETRY_WINDOW_S

_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Retrying:
    """A service to which calls are made again too often.

    Attributes:
        service: "db", "qdrant" or "ollama".
        replicas: that do, by name.
        per_s: retries a second of the busiest of them, over the last minutes.
        since: since when without a pause, as far as the rows reach.
        error: what its last row says.
    """

    service: str
    replicas: tuple[str, ...]
    per_s: float
    since: datetime
    error: str | None


def retrying(rows: pl.DataFrame, now: datetime) -> list[Retrying]:
    """Services that some replica asks again too often, and has for the time of the rule.

    Args:
        rows: at, replica, service, retries (since the row before), error, of some time before now.
        now: aware UTC.
    """
    if rows.is_empty():
        return []
    found: dict[str, list[Retrying]] = {}
    for (service, replica), mine in rows.sort("at").group_by(
        "service", "replica", maintain_order=True
    ):
        per_s = _rates(mine, now)
        last = _unbroken(per_s > RETRIES.limit)
        if last * MINUTE_S > RETRIES.hold_s:
            errors = mine["error"].drop_nulls().to_list()
            one = Retrying(
                str(service),
                (str(replica),),
                float(per_s[-1]),
                now - (last - 1) * _MINUTE,
                errors[-1] if errors else None,
            )
            found.setdefault(one.service, []).append(one)
    return [_together(found[service]) for service in sorted(found)]


def _rates(rows: pl.DataFrame, now: datetime) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Retries a second over the window that ends at each minute, now last."""
    oldest: datetime = rows["at"].min()  # type: ignore[assignment]
    size = max(1, int((now - oldest) / _MINUTE) + 1)
    ends = [now - back * _MINUTE for back in range(size - 1, -1, -1)]
    window = timedelta(seconds=RETRY_WINDOW_S)
    at, retries = rows["at"].to_list(), rows["retries"].to_list()
    sums = [
        sum(n for moment, n in zip(at, retries, strict=True) if end - window < moment <= end)
        for end in ends
    ]
    return np.array(sums, float) / RETRY_WINDOW_S


def _unbroken(over: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """How many of the last ones are true."""
    below = np.flatnonzero(~over[::-1])
    return int(below[0]) if below.size else len(over)


def _together(found: list[Retrying]) -> Retrying:
    worst = max(found, key=lambda one: one.per_s)
    names = tuple(name for one in found for name in one.replicas)
    return Retrying(worst.service, names, worst.per_s, min(o.since for o in found), worst.error)
