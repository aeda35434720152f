"""Notes of what was done that no other table tells of: it may be why answers have changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tradingkb.jobs import user_name
from tradingkb.masking import anonymous
from tradingkb.observability import emit
from tradingkb.plain import plain
from tradingkb.ports import ReportStore


class Notes:
    """Writes notes. What goes wrong is logged: the work that is noted has been done."""

    def __init__(self, store: ReportStore, *, clock: Callable[[], datetime]) -> None:
        """Takes where they are kept; `clock` gives aware UTC time."""
        self._store = store
        self._clock = clock

    def note(
        self,
        kind: str,
        facts: Mapping[str, Any],
        *,
        workspace_id: str | None = None,
        actor: str | None = None,
    ) -> None:
        """Notes that something was done, now.

        Args:
            kind: "activate", "calibrate", "backup", "restore", "prune", "recover", "drop",
                "start" or "status".
            facts: what of it is worth knowing, without secrets.
            workspace_id: of which workspace; None for the whole store.
            actor: who did it; default the name of the user.
        """
        self._tried(kind, lambda: self._write(kind, facts, workspace_id, actor))

    def activated(self, workspace_id: str, report: Any) -> None:
        """Notes that a workspace searches another collection."""
        names = "embed_model", "collection", "previous_model", "previous_collection", "quality"
        self.note("activate", _of(report, *names), workspace_id=workspace_id)

    def calibrated(self, workspace_id: str, report: Any) -> None:
        """Notes that the confidence was fitted."""
        facts = _of(report, "objective_type", "n_outcomes", "base_rate", "low", "high")
        self.note("calibrate", facts, workspace_id=workspace_id)

    def backed_up(self, report: Any) -> None:
        """Notes that a backup is complete."""
        facts = _of(report, "made_at", "size_bytes", "duration_s")
        self.note("backup", {**facts, "trials": report.rows["trials"]})

    def restored(self, report: Any) -> None:
        """Notes that everything was replaced, in what it was replaced by."""
        self.note("restore", {"made_at": report.made_at, "trials": report.rows["trials"]})

    def pruned(self, report: Any) -> None:
        """Notes that old records were deleted."""
        names = "events", "events_before", "runs", "runs_before", "jobs"
        self.note("prune", _of(report, *names))

    def recovered(self, report: Any) -> None:
        """Notes that a collection was made of a snapshot."""
        self.note("recover", _of(report, "snapshot", "collection", "into", "points", "current"))

    def dropped(self, report: Any) -> None:
        """Notes that a collection was dropped."""
        self.note("drop", _of(report, "collection", "points", "searched_by"))

    def started(self, replica: str, version: str, settings: Mapping[str, Any]) -> None:
        """Notes that a service was started, and what of its settings is not what it was.

        Args:
            replica: its name; its last start is that of the same name.
            version: of the release.
            settings: value by name, without secrets.
        """

        def write() -> None:
            known = self._store.last_start(replica) or {}
            now, before = plain(dict(settings)), known.get("settings")
            facts = {
                "replica": replica,
                "version": version,
                "version_before": known.get("version"),
                "changed": [] if before is None else changed_settings(before, now),
                "settings": now,
            }
            self._write("start", facts, None, None)

        self._tried("start", write)

    def _write(
        self, kind: str, facts: Mapping[str, Any], workspace_id: str | None, actor: str | None
    ) -> None:
        who = actor or user_name()
        self._store.note_change(workspace_id, self._clock(), kind, who[:128], plain(facts))

    def _tried(self, kind: str, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception as error:  # whatever it is, the work is done
            emit("kb_change_not_noted", kind=kind, error=_told(error))


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {anonymous(str(error))}"


def _of(report: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(report, name) for name in names}


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """setting, before, now of the settings that differ, by name; null where there was none."""
    names = sorted({*before, *now})
    return [
        {"setting": name, "before": before.get(name), "now": now.get(name)}
        for name in names
        if before.get(name) != now.get(name)
    ]
