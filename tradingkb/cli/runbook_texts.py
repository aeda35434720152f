"""Runs of runbooks as text: what came of one, one whole, and a list of them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tradingkb.cli.wording import as_parameters

#: Figures of an action are broken into lines of so many columns.
_WIDTH: Final = 100
#: A structure among them that is longer is counted.
_LONGEST: Final = 60
#: So much of a run's id tells it from others.
_ID: Final = 8


def ended_lines(run: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """What came of a run: outcome, findings, actions, what to do next, files and its id.

    Args:
        run: `RunbookRun.to_dict()`.
        folder: of the outputs.
    """
    yield _ending(run)
    yield from _result(run["result"] or {})
    yield from _files(run, folder)
    yield f"run {run['run_id']}"


def whole_lines(run: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """All that is kept of a run but its notebook; arguments as for `ended_lines`."""
    yield f"{run['runbook']} on workspace {run['workspace']}, {_how(run)}"
    yield f"run {run['run_id']}, by {_who(run)}, tradingkb {run['release']}"
    ended = f", ended {_time(run['ended_at'])} UTC" if run["ended_at"] else ""
    cells = f"cells {run['progress']['done']} of {run['progress']['total']}"
    yield f"started {_time(run['started_at'])} UTC{ended}, {cells}"
    yield _ending(run)
    yield "parameters:"
    yield from (f"  {name}={_given(value)}" for name, value in run["parameters"].items())
    yield from _result(run["result"] or {})
    yield from _files(run, folder)


def history_lines(rows: Sequence[Mapping[str, Any]], columns: int) -> Iterator[str]:
    """Runs as a list of lines: nothing but the errors below them is shortened.

    Args:
        rows: of `kb.runbook_runs()`, JSON-ready.
        columns: that an error may take.
    """
    if not rows:
        yield "no runs"
        return
    cells = [("run", "started (UTC)", "runbook", "how", "outcome", "by")]
    cells += [
        (
            row["run_id"][:_ID],
            _time(row["started_at"])[:16],
            row["runbook"],
            "dry" if row["dry_run"] else "applied",
            _outcome(row),
            _who(row),
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    errors = [None, *(row["error"] for row in rows)]
    for line, error in zip(cells, errors, strict=True):
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()
        if error:
            yield f"    {_shortened(as_parameters(error), max(columns, 40) - 4)}"


def _outcome(run: Mapping[str, Any]) -> str:
    """How it ended; of one that has not, or that nobody runs any more, its state."""
    return str(run["outcome"] or run["state"])


def _ending(run: Mapping[str, Any]) -> str:
    error = f": {as_parameters(run['error'])}" if run["error"] else ""
    return f"{_outcome(run)}{error}"


def _how(run: Mapping[str, Any]) -> str:
    return "dry run" if run["dry_run"] else "applied"


def _who(run: Mapping[str, Any]) -> str:
    return f"schedule {run['schedule']}" if run["schedule"] else str(run["actor"])


def _result(result: Mapping[str, Any]) -> Iterator[str]:
    for one in result.get("findings", ()):
        yield f"  {one['severity']}: {as_parameters(one['what'])}"
    for one in result.get("actions", ()):
        yield from _action(one)
    for one in result.get("next_steps", ()):
        yield f"next: {as_parameters(one['why'])}"
        if one["command"]:
            yield f"  {one['command']}"


def _action(one: Mapping[str, Any]) -> Iterator[str]:
    """An action; of one that was planned alone there are no figures, and nothing to undo."""
    why = f" ({as_parameters(one['error'])})" if one["error"] else ""
    yield f"  {one['state']}: {one['what']}{why}"
    if one["state"] not in ("done", "failed"):
        return
    figures = dict(one["actual"] or {})
    rejects = figures.pop("rejects_path", None)
    said = ", ".join(f"{name} {_value(value)}" for name, value in figures.items())
    yield from (f"    {line}" for line in _wrapped(said))
    yield from (f"    differs: {text}" for text in one["differs"])
    if rejects:
        yield f"    refused rows: {rejects}"
    if one["undo"]:
        yield f"    undo: {one['undo']}"


def _given(value: Any) -> str:
    """The value of a parameter as `-p` takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _shortened(text: str, columns: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= columns else f"{text[: columns - 4]} ..."


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH - 4, break_long_words=False, break_on_hyphens=False)


def _value(value: Any) -> str:
    from tradingkb.presentation import shown

    if value is None or isinstance(value, str):
        return value or ""
    text = shown(value)
    counted = isinstance(value, Mapping | list) and len(text) > _LONGEST
    return f"({len(value)} entries)" if counted else text


def _files(run: Mapping[str, Any], folder: Path) -> Iterator[str]:
    yield from (str(folder / name) for name in (run["report"], run["notebook"]) if name)


def _time(text: str) -> str:
    """An ISO time to the second."""
    return text[:19].replace("T", " ")
