"""What problems are told from: read by `gathering`, judged by `problems`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Protocol

import polars as pl

from tradingkb.plain import plain, time_text


class Check(Protocol):
    """What a check of readiness found."""

    @property
    def ok(self) -> bool:
        """Whether questions can be answered as far as this is concerned."""

    @property
    def detail(self) -> str:
        """Why, or why not, in a sentence."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What else it found."""


@dataclass(frozen=True)
class Outdated:
    """Vectors that were made by another version of their model than it is now.

    Attributes:
        model: its name.
        collection: that holds them.
        entries: how many trials have one, by slug of the workspace; None where it could not be
            counted.
    """

    model: str
    collection: str
    entries: Mapping[str, int] | None


@dataclass(frozen=True)
class Facts:
    """What was found of one workspace and of what the store depends on; times are aware UTC.

    What could not be read is empty here, and named in `unread`.

    Attributes:
        workspace: slug.
        checks: of readiness, by name.
        breakers: replica, service, state, failures, open_since, last_error, changed_at.
        reached: by service the replicas that are known to have had an answer of it while these
            facts were read.
        silent: replicas that have stopped writing without an end: when each wrote last.
        retries: at, replica, service, state, changed (whether it is a change of state), retries
            (calls made again since the row before), error.
        minutes: at, strategy_name, status, count: answers by minute.
        minutes_from: since when there are counts by minute.
        hours: at, status, count by hour over days, where some status has too many answers.
        hours_from: since when there are counts by hour.
        examples: by status the newest answers of it: at, status, reasons (JSON text).
        waits: by state, "queued" and "running": since when the oldest such job waits or is silent.
        running: how many jobs are running.
        outdated: vectors that questions cannot be compared with.
        last_ingest: when the last ingest of any workspace was completed.
        last_turn: when a scheduler last did what was due; None where nothing is scheduled.
        failing: name, scheduled, count, first_at, last_at, run_id, runbook, error: schedules, and
            runbooks that changed things, that have failed since they last succeeded.
        unread: what could not be read, and why.
    """

    workspace: str
    checks: Mapping[str, Check] = field(default_factory=dict)
    breakers: pl.DataFrame = field(default_factory=pl.DataFrame)
    reached: Mapping[str, frozenset[str]] = field(default_factory=dict)
    silent: Mapping[str, datetime] = field(default_factory=dict)
    retries: pl.DataFrame = field(default_factory=pl.DataFrame)
    minutes: pl.DataFrame = field(default_factory=pl.DataFrame)
    minutes_from: datetime | None = None
    hours: pl.DataFrame = field(default_factory=pl.DataFrame)
    hours_from: datetime | None = None
    examples: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    waits: Mapping[str, datetime] = field(default_factory=dict)
    running: int = 0
    outdated: tuple[Outdated, ...] = ()
    last_ingest: datetime | None = None
    last_turn: datetime | None = None
    failing: pl.DataFrame = field(default_factory=pl.DataFrame)
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """Something that is wrong now.

    Attributes:
        code: the name of the alert, or of the check that fails.
        severity: "critical", "warning" or "info".
        title: what is wrong, in a sentence.
        since: since when, UTC; None where nothing tells.
        evidence: what it is told from, counts above all. `since_resolution` says how exactly
            `since` is known: "second", "minute" or "hour".
        what_to_do: first.
        runbook: the notebook that leads through it.
        parameters: of that notebook.
    """

    code: str
    severity: str
    title: str
    since: datetime | None
    evidence: Mapping[str, Any]
    what_to_do: str
    runbook: str
    parameters: Mapping[str, str]

    def lines(self) -> list[str]:
        """As text: what, since when, what to do, and the command that runs its runbook."""
        options = "".join(
            f" -p {shlex.quote(f'{name}={value}')}" for name, value in self.parameters.items()
        )
        return [
            f"{self.severity.upper()} {self.code}: {self.title}",
            f"  since {self.since_text()}",
            f"  first: {self.what_to_do}",
            f"  tradingkb runbook run {self.runbook}{options}",
        ]

    def since_text(self) -> str:
        """Since when, as exactly as it is known."""
        if self.since is None:
            return "an unknown time"
        resolution = self.evidence.get("since_resolution")
        earlier = " or earlier" if self.evidence.get("since_or_earlier") else ""
        exact = {"hour": " (to the hour)", "minute": " (to the minute)"}.get(str(resolution), "")
        return f"{self.since:%Y-%m-%d %H:%M} UTC{exact}{earlier}"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}


def evidence(found: Mapping[str, Any], since: datetime | None, resolution: str) -> dict[str, Any]:
    """What was found, and how exactly it is known since when: "second", "minute" or "hour"."""
    return {**found, "since_resolution": resolution if since is not None else None}


def parameters(facts: Facts, since: datetime | None = None, **more: str) -> dict[str, str]:
    """Of a runbook, as texts: what `-p key=value` takes.

    Args:
        facts: which workspace.
        since: from when on a runbook is to look, where it looks back.
        **more: further parameters.
    """
    began = {} if since is None else {"since": time_text(since)}
    return {"workspace": facts.workspace, **began, **more}
