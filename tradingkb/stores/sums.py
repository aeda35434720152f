"""What recommend events add to the sums that reports read; pure.

Migration 0008 fills the sums by this: a sum that a later release adds to the tables is filled by
its own migration, and must not be among these when 0008 runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

#: Upper bounds of the counts of answers by how long they took, in milliseconds; cumulative, as the
#: buckets of Prometheus are.
LATENCY_MS: Final = (10, 30, 100, 300, 1000, 3000)
EVENT_KEY: Final = (
    *("workspace_id", "hour", "strategy_name", "objective_type"),
    *("status", "source", "replica"),
)
EVENT_SUMS: Final = (
    *("count", "strict_to_relaxed", "metadata_only", "repaired_params", "low_count", "seconds"),
    *(f"le_{bound}_ms" for bound in LATENCY_MS),
)
REJECTION_KEY: Final = ("workspace_id", "hour", "strategy_name", "filter")
REJECTION_SUMS: Final = (
    *("asked", "requests", "requests_only"),
    *("trials", "trials_only", "saved"),
)
#: Columns of an event that its sums are made from.
SUMMED: Final = (
    *("at", "workspace_id", "strategy_name", "objective_type", "status", "source", "replica"),
    *("strict_to_relaxed", "metadata_only", "repaired_params", "reasons", "warnings", "timings"),
    *("filter_rejections", "relaxations"),
)
#: Codes which say that too little stood behind an answer.
_LOW: Final = frozenset({"few_candidates", "few_windows"})
#: Source of events that count for no rate.
PROBE: Final = "probe"

Event = Mapping[Any, Any]
#: Rows of a table by their key, in the order of the key.
Sums = list[tuple[Any, ...]]
_Key = tuple[Any, ...]


def hour_of(at: datetime) -> datetime:
    """The start of its hour, UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def sums_of(events: Iterable[Event]) -> tuple[Sums, Sums]:
    """What events add to both tables, in one pass.

    Returns:
        Rows of `event_rollups` (EVENT_KEY and EVENT_SUMS), and of `rejection_rollups`
        (REJECTION_KEY and REJECTION_SUMS; probes are left out), each by key. The order is the same
        for whoever writes, so that of two that change the same rows none waits for the other in a
        circle.
    """
    answers: dict[_Key, list[Any]] = {}
    rejected: dict[_Key, list[Any]] = {}
    for event in events:
        hour = hour_of(event["at"])
        _add(answers, _event_key(event, hour), _event_row(event))
        if event["source"] != PROBE:
            for key, row in _rejection_rows(event, hour):
                _add(rejected, key, row)
    return _ordered(answers), _ordered(rejected)


def _add(sums: dict[_Key, list[Any]], key: _Key, row: list[Any]) -> None:
    known = sums.get(key)
    sums[key] = row if known is None else [a + b for a, b in zip(known, row, strict=True)]


def _ordered(sums: dict[_Key, list[Any]]) -> Sums:
    return [(*key, *sums[key]) for key in sorted(sums)]


def _event_key(event: Event, hour: datetime) -> _Key:
    return tuple(hour if name == "hour" else event[name] for name in EVENT_KEY)


def _event_row(event: Event) -> list[Any]:
    taken = _number(_mapping(event["timings"]).get("total_ms"))
    return [
        1,
        int(bool(event["strict_to_relaxed"])),
        int(bool(event["metadata_only"])),
        int(bool(event["repaired_params"])),
        int(_is_low(event)),
        taken / 1000.0,
        *(int(taken <= bound) for bound in LATENCY_MS),
    ]


def _is_low(event: Event) -> bool:
    codes = *_list(event["reasons"]), *_list(event["warnings"])
    return any(isinstance(code, str) and code in _LOW for code in codes)


def _rejection_rows(event: Event, hour: datetime) -> Iterator[tuple[_Key, list[Any]]]:
    saved = _saved_by(event)
    for said in _list(event["filter_rejections"]):
        name = _mapping(said).get("filter")
        if not isinstance(name, str):  # of a form that no release writes
            continue
        fails, only = (int(_number(said.get(k))) for k in ("fails", "fails_only"))
        key = event["workspace_id"], hour, event["strategy_name"], name
        yield key, [1, int(fails > 0), int(only > 0), fails, only, int(name in saved)]


def _saved_by(event: Event) -> set[str]:
    """Filters of which one change alone would have let enough through."""
    if event["status"] == "ok":
        return set()
    told = map(_mapping, _list(event["relaxations"]))
    return {str(r.get("filter")) for r in told if r.get("sufficient")}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
