"""What circuit breakers did: states over time, retries, and what opened them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from dashboard.shared.look import BREAKER
from dashboard.shared.text import shortened
from dashboard.views.labels import in_figure, span, thousands
from dashboard.views.problems import Headline
from dashboard.views.state import SERVICES, Line
from tradingkb.monitoring import RETRIES

#: What a circuit must have been before a change that is the first one known.
_BEFORE: Final = {"half_open": "open", "closed": "half_open"}
_TIME: Final = pl.Datetime("us", "UTC")
_SEGMENTS: Final[dict[str, Any]] = {
    "replica": pl.String,
    "service": pl.String,
    "state": pl.String,
    "begin": _TIME,
    "end": _TIME,
    "error": pl.String,
}
#: Length of the parts of the figure of retries, by the length of the range.
_PARTS: Final = (
    (timedelta(hours=1), timedelta(minutes=1)),
    (timedelta(hours=6), timedelta(minutes=5)),
    (timedelta(days=1), timedelta(minutes=15)),
    (timedelta(days=7), timedelta(hours=2)),
)
MEANINGS: Final = (
    ("closed", "Calls pass.", "Nothing."),
    (
        "open",
        "Five calls in a row failed, each after its retries. No call is made for 30 seconds: "
        "answers come without this service, or not at all where it is the database.",
        "Bring the service back, or the network to it. Nothing has to be reset.",
    ),
    (
        "half-open",
        "The 30 seconds are over and one call is let through. If it succeeds the circuit closes, "
        "else it opens again.",
        "Wait for it. Closed on other replicas it proves nothing: they may not have asked. If it "
        "opens again although others have had answers since, the network or the credentials of "
        "this replica are at fault.",
    ),
)

RUNBOOKS: Final = (
    ("08_failure_modes_recovery", "a circuit is open, or calls are repeated too often"),
    ("02_qdrant_collection_rebuild", "the vector index answers, and is not what it should be"),
    ("07_service_restart", "a circuit stays open although its service is back"),
)


def headline(lines: Sequence[Line]) -> Headline:
    """How many circuits are not closed."""
    bad = [line for line in lines if line.told != "closed"]
    if not bad:
        return Headline(True, "Every circuit is closed", BREAKER["closed"], "✔")
    text = f"{len(bad)} of {len(lines)} circuits are not closed: {bad[0].name}"
    return Headline(
        False, text + (f" and {len(bad) - 1} more" if bad[1:] else ""), BREAKER["open"], "✖"
    )


def segments(
    changes: pl.DataFrame, breakers: pl.DataFrame, since: datetime, until: datetime
) -> pl.DataFrame:
    """In which state each circuit was from when to when.

    Before the first known change of a circuit nothing is said, but for what that change implies;
    after the last one of a replica that does not live any more neither.

    Args:
        changes: at, replica, service, state, changed, error, newest first.
        breakers: replica, service, state, changed_at, heartbeat_at, of the replicas that live.
        since: begin of the range.
        until: its end.

    Returns:
        replica, service, state, begin, end, error; by replica, service and time.
    """
    told = [
        *_of_changes(changes, breakers, since, until),
        *_unchanged(changes, breakers, since, until),
    ]
    kept = sorted((row for row in told if row[3] < row[4]), key=lambda row: (*row[:2], row[3]))
    return pl.DataFrame(_joined(kept), _SEGMENTS, orient="row")


_Segment = tuple[str, str, str, datetime, datetime, str | None]


def _of_changes(
    changes: pl.DataFrame, breakers: pl.DataFrame, since: datetime, until: datetime
) -> Iterator[_Segment]:
    if changes.is_empty():
        return
    living = _living(breakers)
    real = _oldest_first(changes)
    for (replica, service), rows in real.group_by("replica", "service", maintain_order=True):
        name, what = str(replica), str(service)
        told = list(rows.select("at", "state", "error").iter_rows())
        first = told[0]
        if first[1] in _BEFORE:
            yield name, what, _BEFORE[first[1]], since, min(first[0], until), None
        ends = [at for at, _, _ in told[1:]]
        # How long the state of a replica that is gone lasted nobody knows.
        last = until if (name, what) in living else told[-1][0] + timedelta(seconds=1)
        for (at, state, error), end in zip(told, [*ends, last], strict=True):
            yield name, what, state, max(at, since), min(end, until), error


def _oldest_first(changes: pl.DataFrame) -> pl.DataFrame:
    """Changes of state; of those of one time the first one first."""
    real = changes.filter(pl.col("changed"))
    return real.reverse().sort("at", maintain_order=True)


def _joined(rows: list[_Segment]) -> list[_Segment]:
    """One for those that follow each other in one state: a try that failed took no time."""
    found: list[_Segment] = []
    for row in rows:
        last = found[-1] if found else None
        if last is not None and last[:3] == row[:3] and last[4] == row[3]:
            found[-1] = (*last[:4], row[4], row[5] or last[5])
        else:
            found.append(row)
    return found


def _unchanged(
    changes: pl.DataFrame, breakers: pl.DataFrame, since: datetime, until: datetime
) -> Iterator[_Segment]:
    """Living circuits without a change in the range: what they are now they were since."""
    known = set()
    if not changes.is_empty():
        known = set(changes.filter(pl.col("changed")).select("replica", "service").rows())
    for row in breakers.to_dicts():
        if (row["replica"], row["service"]) not in known:
            begin = max(since, row["changed_at"])
            yield row["replica"], row["service"], row["state"], begin, until, row["last_error"]


def _living(breakers: pl.DataFrame) -> set[tuple[str, str]]:
    return set() if breakers.is_empty() else set(breakers.select("replica", "service").rows())


def finding(parts: pl.DataFrame, until: datetime) -> str:
    """What the timeline says, for those who do not see it."""
    lanes = parts.select("replica", "service").n_unique() if parts.height else 0
    trouble = parts.filter(pl.col("state") != "closed")
    now = trouble.filter(pl.col("end") >= until).select("replica", "service").unique()
    names = ", ".join(sorted(lane(r, s) for r, s in now.rows())) or "none"
    opened = parts.filter(pl.col("state") == "open").height
    return f"{lanes} circuits; {opened} times open in this range; not closed now: {names}."


def lane(replica: str, service: str) -> str:
    """The name of a circuit in figures."""
    return f"{in_figure(SERVICES.get(service, service), 24)} · {in_figure(replica, 32)}"


def part_of(since: datetime, until: datetime) -> timedelta:
    """How long the parts are into which retries of a range are summed up."""
    length = until - since
    return next((part for most, part in _PARTS if length <= most), timedelta(days=1))


def retries(changes: pl.DataFrame, part: timedelta) -> pl.DataFrame:
    """Calls that were made again, by part of the range and service: at, service, retries, per_s.

    The alert looks at each replica and each service by itself, so `per_s` is that of the replica
    that had most.
    """
    schema: dict[str, Any] = {
        "at": _TIME,
        "service": pl.String,
        "retries": pl.Int64,
        "per_s": pl.Float64,
    }
    if changes.is_empty():
        return pl.DataFrame(schema=schema)
    each = (
        changes.filter(pl.col("retries") > 0)
        .with_columns(pl.col("at").dt.truncate(part))
        .group_by("at", "service", "replica")
        .agg(pl.col("retries").sum())
    )
    most = pl.col("retries").max() / part.total_seconds()
    return (
        each.group_by("at", "service")
        .agg(pl.col("retries").sum(), most.alias("per_s"))
        .sort("at", "service")
    )


def finding_retries(rates: pl.DataFrame) -> str:
    """What the figure of retries says, for those who do not see it."""
    if rates.is_empty():
        return "No call was made again."
    worst = rates.sort("per_s", descending=True).row(0, named=True)
    return (
        f"{thousands(int(rates['retries'].sum()))} calls were made again; most at "
        f"{worst['at']:%Y-%m-%d %H:%M} UTC: {worst['per_s']:.2f} a second to the "
        f"{SERVICES.get(worst['service'], worst['service'])}; the limit is {RETRIES.limit:g}."
    )


TRIPS: Final = ("Opened, UTC", "Service", "Replica", "Lasted", "Failures", "Error")


def trips(changes: pl.DataFrame, breakers: pl.DataFrame, now: datetime) -> list[tuple[str, ...]]:
    """Each time a closed circuit opened, newest first: when, which, how long, why.

    A circuit that is tried and opens again is open all the time.
    """
    if changes.is_empty():
        return []
    living = {(r["replica"], r["service"]): r["state"] for r in breakers.to_dicts()}
    found: list[tuple[datetime, tuple[str, ...]]] = []
    real = _oldest_first(changes)
    for (replica, service), rows in real.group_by("replica", "service", maintain_order=True):
        which = str(replica), str(service)
        for trip in _trips_of(rows.to_dicts()):
            lasted = _lasted(trip, living.get(which), now)
            found.append((trip["at"], _trip_row(which, trip, lasted)))
    return [row for _, row in sorted(found, key=lambda item: item[0], reverse=True)]


def _trips_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that opened a circuit, each with the time `closed` at which it closed, or None."""
    found: list[dict[str, Any]] = []
    is_open = False
    for row in rows:
        if row["state"] == "closed":
            if is_open:
                found[-1]["closed"] = row["at"]
            is_open = False
        elif row["state"] == "open" and not is_open:
            found.append({**row, "closed": None})
            is_open = True
    return found


def _lasted(trip: Mapping[str, Any], state: str | None, now: datetime) -> str:
    if trip["closed"] is not None:
        return span((trip["closed"] - trip["at"]).total_seconds())
    if state is None:
        return "until its replica ended"
    return f"{span((now - trip['at']).total_seconds())} so far"


def _trip_row(which: tuple[str, str], trip: Mapping[str, Any], lasted: str) -> tuple[str, ...]:
    replica, service = which
    return (
        f"{trip['at']:%Y-%m-%d %H:%M:%S}",
        SERVICES.get(service, service),
        shortened(replica, 40),
        lasted,
        str(trip["failures"]),
        shortened(str(trip["error"] or ""), 200),
    )
