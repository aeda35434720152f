"""How things stand: checks, circuits of every replica, and when things last happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from dashboard.shared.look import BREAKER, GREY
from dashboard.shared.text import shortened
from dashboard.views.labels import clock, moment, span

GOOD: Final = BREAKER["closed"]
BAD: Final = BREAKER["open"]
UNSURE: Final = BREAKER["half_open"]
_CHECKS: Final = {
    "database": "Database",
    "qdrant_collection": "Vector index",
    "embed_service": "Embedder",
    "rate_limits": "Rate limits",
}
#: Services by the names that the health of a replica and its rows give them.
SERVICES: Final = {
    "db": "Database",
    "supabase": "Database",
    "qdrant": "Vector index",
    "ollama": "Embedder",
    "redis": "Rate limits",
}
_STATES: Final = {"closed": ("✔", GOOD), "half_open": ("◐", UNSURE), "open": ("✖", BAD)}
_FRESH: Final = (
    ("last_ingest", "Last ingest"),
    ("last_failed_ingest", "Last ingest that failed"),
    ("last_calibration", "Last calibration"),
    ("last_backup", "Last backup"),
    ("last_event", "Last answer"),
    ("newest_trial", "Newest trial known at"),
)


@dataclass(frozen=True)
class Line:
    """One thing and how it is.

    Attributes:
        sign, colour: both say whether that is good.
        name: of the thing.
        told: how it is.
        more: details, in a smaller type; may be empty.
    """

    sign: str
    colour: str
    name: str
    told: str
    more: str = ""


def check_lines(ready: Mapping[str, Any]) -> list[Line]:
    """What readiness found."""
    return [
        Line(
            "✔" if check["ok"] else "✖",
            GOOD if check["ok"] else BAD,
            _CHECKS.get(name, name),
            "ready" if check["ok"] else "not ready",
            shortened(str(check["detail"]), 240),
        )
        for name, check in ready["checks"].items()
    ]


def circuit_lines(breakers: pl.DataFrame, health: Mapping[str, Any], now: datetime) -> list[Line]:
    """The circuits of every living replica, open ones first; without any, those of whoever answers.

    Args:
        breakers: replica, service, state, open_since, last_error, of the replicas that live.
        health: of the process that answers.
        now: aware UTC.
    """
    if breakers.is_empty():
        own = {n: b for n, b in health["circuit_breakers"].items() if b["in_use"]}
        return [_circuit("this process", name, b, now) for name, b in own.items()]
    order = {"open": 0, "half_open": 1, "closed": 2}
    rows = breakers.to_dicts()
    rows.sort(key=lambda r: (order.get(r["state"], 0), r["replica"], r["service"]))
    return [_circuit(row["replica"], row["service"], row, now) for row in rows]


def _circuit(replica: str, service: str, row: Mapping[str, Any], now: datetime) -> Line:
    sign, colour = _STATES.get(row["state"], ("?", GREY))
    since = moment(row["open_since"])
    more = []
    if since is not None:
        more.append(f"since {clock(since, now)}")
    if row["state"] != "closed" and row["last_error"]:
        more.append(shortened(str(row["last_error"]), 160))
    told = str(row["state"]).replace("_", "-")
    name = f"{SERVICES.get(service, service)} · {shortened(replica, 32)}"
    return Line(sign, colour, name, told, ", ".join(more))


def fresh_lines(freshness: Mapping[str, Any], now: datetime) -> list[Line]:
    """When things last happened; what never happened and has to is not good."""
    lines = []
    for key, name in _FRESH:
        at = moment(freshness[key])
        if key == "last_failed_ingest":
            lines += _failed(at, moment(freshness["last_ingest"]), name, now)
            continue
        never = at is None and key in ("last_ingest", "last_backup")
        told = "never" if at is None else _ago(at, now)
        colour = UNSURE if never else GREY
        lines.append(Line("!" if never else "·", colour, name, told, _exact(at)))
    return lines


def _failed(at: datetime | None, good: datetime | None, name: str, now: datetime) -> list[Line]:
    """Only where none succeeded after it."""
    if at is None or (good is not None and good >= at):
        return []
    return [Line("✖", BAD, name, _ago(at, now), _exact(at))]


def _ago(at: datetime, now: datetime) -> str:
    seconds = (now - at).total_seconds()
    # Answers are asked for at a rounded time, and clocks of replicas differ a little.
    return (
        f"{span(seconds)} ago" if seconds >= 0 else "just now" if seconds > -60 else _ahead(seconds)
    )


def _ahead(seconds: float) -> str:
    return f"{span(-seconds)} ahead of this clock"


def _exact(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
