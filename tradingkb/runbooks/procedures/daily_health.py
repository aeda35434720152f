"""Runbook 09: every day, is all well, do SQL and the index agree, and is there a backup?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import BackendUnavailableError
from tradingkb.monitoring import SHARES, STALE
from tradingkb.runbooks.procedures.index_state import FAILURES, FAULTS, differences

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.indexing import Reconciliation
    from tradingkb.runbooks.book import Run

NAME: Final = "09_reconcile_and_health"
INGESTION: Final = "06_trial_ingestion"
#: A backup is older than it should be after so many days: one was missed, and the next is due.
BACKUP_DAYS: Final = 2.0
_DAY_S: Final = 86400.0


@dataclass(frozen=True)
class Age:
    """When something last happened.

    Attributes:
        what: it is.
        at: UTC; None for never.
        days: since then; None for never.
        limit_days: more is late; None where nothing says so.
    """

    what: str
    at: datetime | None
    days: float | None
    limit_days: float | None

    @property
    def late(self) -> bool:
        """Whether it is too long ago, or never was."""
        return self.limit_days is not None and (self.days is None or self.days > self.limit_days)


@dataclass(frozen=True)
class Share:
    """How the answers stand beside one threshold.

    Attributes:
        rule: alert and severity.
        status: of the answers that count.
        hours: of the long window.
        answers, found: in it, and of them with the status.
        short_answers, short_found: the same in the short window.
        threshold: the share, 0 to 1, above which the alert holds in both windows.
        enough: whether the long window has as many answers as the alert asks for.
    """

    rule: str
    status: str
    hours: float
    answers: int
    found: int
    short_answers: int
    short_found: int
    threshold: float
    enough: bool

    @property
    def holds(self) -> bool:
        """Whether both shares are above the threshold, of enough answers."""
        shares = (_share(self.found, self.answers), _share(self.short_found, self.short_answers))
        return self.enough and min(shares) > self.threshold

    def row(self) -> dict[str, Any]:
        """As people read it."""
        return {
            "alert": self.rule,
            "status": self.status,
            "window_h": self.hours,
            "answers": self.answers,
            "share": round(_share(self.found, self.answers), 3),
            "share_now": round(_share(self.short_found, self.short_answers), 3),
            "threshold": self.threshold,
            "verdict": "holds" if self.holds else "well" if self.enough else "too few to tell",
        }


def problems(run: Run) -> pl.DataFrame:
    """What is wrong now, each a finding, with the runbook that treats it.

    Returns:
        severity, code, title, since, runbook.
    """
    import polars as pl

    rows = []
    for one in run.kb.problems(run.workspace).open:
        severity: Any = one.severity
        run.find(one.title, severity, code=one.code, since=one.since_text())
        given = {name: value for name, value in one.parameters.items() if name != "workspace"}
        run.next(f"{one.code}: {one.what_to_do}", run.command(one.runbook, **given))
        rows.append((one.severity, one.code, one.title, one.since_text(), one.runbook))
    if not rows:
        run.find("no alert and no check tells of a problem")
    names = ("severity", "code", "title", "since", "runbook")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def readiness(run: Run) -> pl.DataFrame:
    """What readiness checks: check, ok, detail. What fails is among the problems already."""
    import polars as pl

    rows = [(name, one.ok, one.detail) for name, one in run.kb.ready().checks.items()]
    schema = {"check": pl.String, "ok": pl.Boolean, "detail": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def shares(run: Run) -> list[Share]:
    """Rates of none and degraded answers beside the alerts' thresholds; probes left out."""
    now = run.kb.use_cases.indexer.clock()
    longest = max(rule.long_s for rule in SHARES)
    begin = now - timedelta(seconds=longest)
    rates = run.kb.event_rates(run.workspace, begin, bucket="minute")
    found = []
    for rule in SHARES:
        answers, of_status = _counted(rates, rule.status, now - timedelta(seconds=rule.long_s))
        short = _counted(rates, rule.status, now - timedelta(seconds=rule.short_s))
        found.append(
            Share(
                f"{rule.alert} ({rule.severity})",
                rule.status,
                rule.long_s / 3600,
                answers,
                of_status,
                *short,
                rule.threshold,
                answers >= rule.least,
            )
        )
    return found


def share_table(found: list[Share]) -> pl.DataFrame:
    """The shares, one row for each threshold."""
    import polars as pl

    return pl.DataFrame([one.row() for one in found])


def compared(run: Run, *, repair: bool) -> Reconciliation | None:
    """SQL beside the vector index of the workspace; None, noted, where they cannot be compared.

    Args:
        run: of the runbook.
        repair: whether differences are to be repaired by the plan.
    """
    try:
        found = run.kb.reconcile(workspace=run.workspace)
    except BackendUnavailableError as error:
        run.find("SQL and the vector index cannot be compared", "critical", error=str(error))
        run.next("bring the vector index back first", run.command(FAILURES))
        return None
    if found.clean:
        run.find("SQL and the vector index agree", points=int(found.before["held"].sum()))
    else:
        told = {name: int(found.before[name].sum()) for name in FAULTS}
        run.find(found.summary(), "warning", "repair" if repair else None, **told)
    return found


def index_table(found: Reconciliation | None) -> pl.DataFrame:
    """One row for each collection that the workspace has points in."""
    import polars as pl

    return pl.DataFrame() if found is None else found.before


def ages(run: Run, *, calibration_days: float) -> list[Age]:
    """When things last happened in the workspace, and how long ago they may have.

    Args:
        run: of the runbook.
        calibration_days: how old the confidence of answers may be.
    """
    told = run.kb.freshness(run.workspace)
    limits: Mapping[str, float | None] = {
        "last_ingest": STALE.limit / _DAY_S,
        "last_calibration": calibration_days,
        "last_backup": BACKUP_DAYS,
        "newest_trial": None,
        "last_event": None,
    }
    found = []
    for name, limit in limits.items():
        at = getattr(told, name)
        days = None if at is None else (told.at - at).total_seconds() / _DAY_S
        found.append(Age(name.replace("_", " "), at, days, limit))
    return found


def find_late(run: Run, found: list[Age], *, calibrate: bool, backup: bool) -> pl.DataFrame:
    """Notes what is too long ago; the table of the ages: what, last, days, limit_days.

    Args:
        run: of the runbook.
        found: of `ages`.
        calibrate: whether the plan does that.
        backup: likewise.
    """
    import polars as pl

    # A backup is one once it was read, which is a step of its own.
    healed = {"last calibration": calibrate and "calibrate", "last backup": backup and "read"}
    codes = {finding.evidence.get("code") for finding in run.result().findings}
    for one in found:
        told = one.what == "last ingest" and STALE.alert in codes
        if one.late and not told:
            key = healed.get(one.what) or None
            run.find(_how_late(one), "warning", key, limit_days=one.limit_days)
            if one.what == "last ingest":
                run.next("ingest again: it is safe at any time", run.command(INGESTION))
    rows = [
        {
            "what": one.what,
            "last": None if one.at is None else f"{one.at:%Y-%m-%d %H:%M} UTC",
            "days": None if one.days is None else round(one.days, 2),
            "limit_days": one.limit_days,
        }
        for one in found
    ]
    schema = {"what": pl.String, "last": pl.String, "days": pl.Float64, "limit_days": pl.Float64}
    return pl.DataFrame(rows, schema=schema)


def verified(run: Run) -> None:
    """Whether what was done holds: after a repair SQL and the index agree."""
    states = {action.key: action.state for action in run.result().actions}
    if states.get("repair") == "done":
        table = run.kb.reconcile(workspace=run.workspace).before
        left = differences(table)
        run.verify("SQL and the vector index agree", left == 0, differences=left)
    if run.dry_run or not states:
        run.find("nothing was changed, so that there is nothing to verify")


def _how_late(age: Age) -> str:
    if age.days is None:
        return f"there is no {age.what.removeprefix('last ')} yet"
    return f"the {age.what} is {age.days:.1f} days old"


def _counted(rates: pl.DataFrame, status: str, since: datetime) -> tuple[int, int]:
    """Answers since a time, and those of a status."""
    import polars as pl

    within = rates.filter(pl.col("at") >= since)
    mine = within.filter(pl.col("status") == status)
    return int(within["count"].sum()), int(mine["count"].sum())


def _share(found: int, answers: int) -> float:
    return found / answers if answers else 0.0
