"""Runs of runbooks as they are shown: how far one is, what it found and did, and what is next."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from dashboard.shared.look import BAD, GOOD, GREY, HINT, SERIES, SEVERITY_SIGN
from dashboard.shared.text import shortened
from dashboard.views.labels import clock, moment, span
from dashboard.views.numbers import NONE
from dashboard.views.problems import Headline
from dashboard.views.runbooks import Opens, of_command, said_text
from dashboard.views.state import Line

#: Outcomes, and states that have none: sign, colour, and what they are called.
_TOLD: Final[Mapping[str, tuple[str, str, str]]] = {
    "starting": ("◌", SERIES[0], "starting"),
    "running": ("◐", SERIES[0], "running"),
    "lost": ("✖", BAD, "lost"),
    "done": ("✔", GOOD, "done"),
    "nothing_to_do": ("✔", GOOD, "nothing to do"),
    "needs_decision": ("▲", HINT, "needs a decision"),
    "failed": ("✖", BAD, "failed"),
}
_UNKNOWN: Final = ("?", GREY, "of an unknown kind")
FINDINGS: Final = ("", "Finding", "Evidence")
ACTIONS: Final = ("Step", "State", "Expected", "Actual", "Differs", "Took", "How to undo")
HISTORY: Final[Mapping[str, pl.DataType]] = {
    "started": pl.Datetime("us", "UTC"),
    **dict.fromkeys(
        ("runbook", "outcome", "dry run", "who", "schedule", "cells", "took", "run"), pl.String()
    ),
}
_LONGEST: Final = 400


@dataclass(frozen=True)
class Step:
    """What to do next.

    Attributes:
        why: a sentence.
        command: that does it; None where there is none.
        opens: what it opens here; None where it is none that runs a runbook.
    """

    why: str
    command: str | None
    opens: Opens | None


def standing(run: Mapping[str, Any]) -> str:
    """How a run stands: its outcome, or its state while it has none."""
    return str(run["outcome"] or run["state"])


def active(run: Mapping[str, Any]) -> bool:
    """Whether more may come of it."""
    return run["state"] in ("starting", "running")


def headline(run: Mapping[str, Any], now: datetime) -> Headline:
    """What became of a run, or how far it is, in one line."""
    sign, colour, told = _TOLD.get(standing(run), _UNKNOWN)
    how = ", a dry run" if run["dry_run"] else ""
    text = f"{run['runbook']}{how}: {told}"
    if active(run):
        text += f" for {span(_seconds(run, now))}"
    return Headline(told in ("done", "nothing to do"), text, colour, sign)


def done_share(run: Mapping[str, Any]) -> float:
    """How much of a run's cells is done, 0 to 1."""
    done, total = run["progress"]["done"], run["progress"]["total"]
    return min(max(done / total, 0.0), 1.0) if total else 0.0


def progress_text(run: Mapping[str, Any]) -> str:
    """Which cell is at work, of how many."""
    done, total = run["progress"]["done"], run["progress"]["total"]
    if not total:
        return "The kernel is starting"
    at = min(done + 1, total) if active(run) else done
    title = f": {shortened(str(run['cell']))}" if run["cell"] else ""
    return f"Cell {at} of {total}{title}"


def facts(run: Mapping[str, Any], now: datetime) -> list[Line]:
    """What is known of a run beside what it found and did."""
    return [Line("", GREY, name, told, more) for name, told, more in _facts(run, now)]


def _facts(run: Mapping[str, Any], now: datetime) -> Iterator[tuple[str, str, str]]:
    started = moment(run["started_at"])
    yield "Started", clock(started, now) if started else NONE, ""
    if not active(run):
        yield "Took", span(_seconds(run, now)), ""
    if run["state"] == "lost":
        seen = moment(run["heartbeat_at"])
        told = clock(seen, now) if seen else NONE
        yield "Last sign of life", told, "its process is gone, or cannot reach the database"
    yield "Asked for by", str(run["actor"]), _schedule(run)
    yield "Workspace", str(run["workspace"]), ""
    if not active(run):
        yield "Cells", *_cells(run)
    yield "Parameters", said_text(run["parameters"]) or "none", ""
    yield "Notebook", f"version {run['version']}", f"tradingkb {run['release']}"
    if run["notebook"]:
        yield "Executed notebook", str(run["notebook"]), "in the folder of the outputs"


def _cells(run: Mapping[str, Any]) -> tuple[str, str]:
    done, total = run["progress"]["done"], run["progress"]["total"]
    stopped = done < total and run["cell"]
    return f"{done} of {total}", f"it stopped at: {shortened(str(run['cell']))}" if stopped else ""


def _schedule(run: Mapping[str, Any]) -> str:
    if not run["schedule"]:
        return ""
    slot = str(run["slot"] or "")[:16].replace("T", " ")
    return f"schedule {run['schedule']}" + (f", due {slot} UTC" if slot else "")


def _seconds(run: Mapping[str, Any], now: datetime) -> float:
    """How long it has taken so far; of a lost one until its last sign of life."""
    until = run["ended_at"] if run["ended_at"] else None
    if until is None and run["state"] == "lost":
        until = run["heartbeat_at"]
    started, ended = moment(run["started_at"]), moment(until) or now
    return (ended - started).total_seconds() if started else 0.0


def without_result(run: Mapping[str, Any]) -> str:
    """What there is to say of a run that left no result."""
    if run["state"] == "lost":
        return "Its runner died or lost the store; its kernel has ended. Run it again."
    places = [("above", run["error"]), ("in its executed notebook", run["notebook"])]
    told = " and ".join(place for place, there in places if there)
    return f"Why it ended stands {told}." if told else "Nothing tells why. Run it again."


def finding_rows(run: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What was found, in the order of the run."""
    return [
        (
            f"{SEVERITY_SIGN.get(one['severity'], '')} {one['severity']}",
            str(one["what"]),
            facts_text(one["evidence"]),
        )
        for one in _of(run, "findings")
    ]


def action_rows(run: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What was planned or done."""
    return [
        (
            f"{one['what']}",
            str(one["state"]) + (f": {one['error']}" if one["error"] else ""),
            facts_text(one["expected"]),
            facts_text(one["actual"]),
            "; ".join(one["differs"]) or NONE,
            NONE if one["seconds"] is None else span(one["seconds"]),
            str(one["undo"] or NONE),
        )
        for one in _of(run, "actions")
    ]


def steps(run: Mapping[str, Any]) -> list[Step]:
    """What to do next."""
    return [
        Step(
            str(one["why"]), one["command"], of_command(one["command"]) if one["command"] else None
        )
        for one in _of(run, "next_steps")
    ]


def _of(run: Mapping[str, Any], part: str) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = (run["result"] or {}).get(part, ())
    return found


def facts_text(facts: Mapping[str, Any] | None) -> str:
    """Figures and names on one line."""
    told = (f"{name} {_value(value)}" for name, value in (facts or {}).items())
    return shortened(", ".join(told), _LONGEST) or NONE


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def history(rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The list of runs as it is shown; a lost run is called lost."""
    shown = [_row(row, now) for row in rows.iter_rows(named=True)]
    return pl.DataFrame(shown, schema=dict(HISTORY), orient="row")


def _row(row: Mapping[str, Any], now: datetime) -> tuple[Any, ...]:
    sign, _, told = _TOLD.get(standing(row), _UNKNOWN)
    return (
        row["started_at"],
        row["runbook"],
        f"{sign} {told}",
        "dry" if row["dry_run"] else "",
        row["actor"],
        row["schedule"] or "",
        f"{row['cell_done']} of {row['cell_total']}",
        span(_seconds(row, now)),
        row["run_id"],
    )


def last_dry(
    rows: pl.DataFrame, runbook: str, parameters: Mapping[str, Any], now: datetime
) -> str | None:
    """What the newest dry run of these parameters came to; None where there is none.

    Args:
        rows: runs, newest first.
        runbook: its name.
        parameters: all that the form says, dry_run apart.
        now: this moment.
    """
    wanted = _without_dry(parameters)
    for row in rows.iter_rows(named=True):
        if row["runbook"] != runbook or not row["dry_run"] or row["state"] != "ended":
            continue
        had = _without_dry(json.loads(row["parameters"]))
        if all(had.get(name) == value for name, value in wanted.items()):
            at = clock(row["started_at"], now)
            return f"{_TOLD.get(standing(row), _UNKNOWN)[2]}, at {at}"
    return None


def _without_dry(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name != "dry_run"}
