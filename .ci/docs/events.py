"""Log events, found where the package emits them, and the columns of stored answers."""

from __future__ import annotations

import ast
import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

from pages import ROOT, code, table

#: What each event says. `--check` names an entry whose event is gone, a test an event without one.
MEANINGS = {
    "circuit_closed": "a service answered again: calls pass",
    "circuit_half_open": "a service was left alone for long enough: one call is let through",
    "circuit_opened": "a service failed so often that it is left alone for a while; `error` is why",
    "db_retry": "the database did not answer, and is asked again after `wait_s` seconds",
    "http_request": "a request was answered; 499 is a client that left before",
    "http_unexpected_error": "the service failed in a way that nobody foresaw, at that place",
    "kb_admin_status_change_total": "trials changed their status, per kind of change",
    "kb_archive_qdrant_failed": "the vector index did not delete a point of an archived trial; "
    "the next ingest tries again. After the first of one failure a line counts the rest (`more`)",
    "kb_archive_total": "trials were archived",
    "kb_backup_complete": "a backup is complete and on disk",
    "kb_calibrated": "the confidence of answers was fitted",
    "kb_change_not_noted": "something was done, and could not be noted among the changes",
    "kb_collection_dropped": "a collection of the vector index was dropped; whether a workspace "
    "searched it",
    "kb_collection_kept": "a snapshot of a collection was taken",
    "kb_collection_recovered": "a new collection was made of a snapshot",
    "kb_content_damaged": "stored trials are not what was given, or the store's file is damaged",
    "kb_event_dropped": "a recorded answer was lost: refused, or still waiting at the end",
    "kb_event_queued": "a recorded answer waits in memory: another process writes, or no room",
    "kb_explain": "parameters were explained",
    "kb_index_pending": "changed trials could not be indexed at once; the next ingest does it",
    "kb_ingest_action_total": "an ingest has ended: one line per action",
    "kb_job_ended": "a job is no longer run here, and its state (queued: it was given back or "
    "waits for another attempt; lost: another process has it, or it is gone)",
    "kb_job_started": "a job was begun, or taken over from a process that died (attempt > 1)",
    "kb_job_submitted": "somebody asked for a job",
    "kb_lease_broken": "a lease was taken from its holder, which stops at its next progress",
    "kb_lease_wait": "a run waits for another one of the same workspace to end",
    "kb_metrics_unread": "a scrape lacks metrics: what they are read from did not answer",
    "runbook_start": "a runbook was started, by whom and on which workspace",
    "runbook_cell": "a cell of a runbook was executed: number, title, milliseconds",
    "runbook_complete": "a runbook came to its end: its outcome, and why it failed",
    "runbook_unrecorded": "the end of a runbook could not be written into the store",
    "runbook_failure_untold": "RUNBOOK_ON_FAILURE was not to be reached, or failed itself",
    "kb_prune_complete": "old recorded answers and runs were deleted",
    "kb_recommend_complete": "a question was answered",
    "kb_recommend_start": "a question was asked",
    "kb_reconcile_repaired": "a collection was repaired: what was found in it",
    "kb_reembed_complete": "every eligible trial of a workspace is in the collection",
    "kb_restore_complete": "a store was replaced by a backup; its index is made next",
    "kb_rollups_rebuilt": "sums of recorded answers were made anew: `mended` hours were not right, "
    "`kept` ones count events that were pruned",
    "kb_run_reinstate": "a withdrawn run was brought back",
    "kb_run_withdraw": "a run was taken back",
    "kb_schedule_refused": "an entry of the file of schedules, or all of it, is not in force: "
    "`error` is why",
    "kb_schedule_tick": "it was decided what becomes of a time at which a schedule was due",
    "kb_scheduler_failed": "a turn of the scheduler failed, and is tried again; nothing is lost",
    "kb_scheduler_started": "a scheduler has begun",
    "kb_scheduler_stopped": "a scheduler has ended, and what it ran has",
    "kb_schedules_read": "the file of schedules was read: how many are in force and are refused",
    "kb_snapshot_dropped": "a snapshot of a collection was deleted",
    "kb_store_moved": "everything was moved to another place, and both were compared",
    "kb_tiebreak_applied_total": "how often a rule decided a place among the nominations",
    "kb_workspace_activated": "a workspace was switched to a model and a collection",
    "library_warning": "a library warned, of values that it could not calculate with, say",
    "ollama_retry": "the embedding server did not answer, and is asked again",
    "qdrant_retry": "the vector server did not answer, and is asked again",
    "service_listens": "the service takes connections at a port",
    "service_started": "the service answers",
    "service_stopped": "the service has ended what it had begun, and given back what it held",
    "service_waits": "the database did not answer when the service started; it tries again",
}


def log_events() -> str:
    """A table of the log events with their fields."""
    found = emitted()
    rows = [(code(n), MEANINGS.get(n, ""), ", ".join(map(code, found[n]))) for n in sorted(found)]
    return table(("event", "it says", "fields"), rows)


def event_columns() -> str:
    """A table of the columns of `recommend_events`."""
    from tradingkb.recommend import EVENT_FIELDS  # the columns' meanings, kept with the event
    from tradingkb.stores.schema import metadata

    said = {"id": "number of the row"} | EVENT_FIELDS
    rows = [
        (code(c.name), _kind(c.type), "yes" if c.nullable else "", said.get(c.name, ""))
        for c in metadata.tables["recommend_events"].columns
    ]
    return table(("column", "type", "may be empty", "meaning"), rows)


def gone() -> list[str]:
    """Events that have a meaning here and are emitted no more."""
    return sorted(MEANINGS.keys() - emitted().keys())


def emitted() -> dict[str, list[str]]:
    """Every event that the package emits, with its fields in order."""
    found: dict[str, dict[str, None]] = {}
    for path in sorted((ROOT / "tradingkb").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, fields, complete in _calls(tree):
            known = found.setdefault(name, {})
            known |= dict.fromkeys(fields if complete else _seen().get(name, fields))
    return {name: list(fields) for name, fields in found.items()}


def _calls(tree: ast.Module) -> Iterator[tuple[str, list[str], bool]]:
    """(event, fields, whether these are all) of every call of `emit`."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "emit" and call.args:
                fields = [k.arg for k in call.keywords if k.arg]
                complete = all(k.arg for k in call.keywords)
                for name in _names(call.args[0], function, tree):
                    yield name, fields, complete


def _names(
    said: ast.expr, function: ast.FunctionDef | ast.AsyncFunctionDef, tree: ast.Module
) -> list[str]:
    """The event's name; where it is, or holds, an argument, with every text that is passed."""
    if isinstance(said, ast.Constant):
        return [str(said.value)]
    if isinstance(said, ast.Name):
        return _passed(function.name, _place(function, said.id), tree)
    if isinstance(said, ast.JoinedStr):
        (hole,) = [v.value for v in said.values if isinstance(v, ast.FormattedValue)]
        prefix = "".join(str(v.value) for v in said.values if isinstance(v, ast.Constant))
        place = _place(function, getattr(hole, "id", ""))
        return [prefix + text for text in _passed(function.name, place, tree)]
    raise ValueError(f"line {said.lineno}: an event's name has to be a text or an argument")


def _place(function: ast.FunctionDef | ast.AsyncFunctionDef, argument: str) -> int:
    names = [a.arg for a in function.args.args if a.arg != "self"]
    return names.index(argument)


def _passed(function: str, place: int, tree: ast.Module) -> list[str]:
    """The texts that calls of a function of this module pass as one of its arguments."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    given = (c.args[place] for c in calls if _called(c) == function and len(c.args) > place)
    return sorted({str(g.value) for g in given if isinstance(g, ast.Constant)})


def _called(call: ast.Call) -> str:
    """The name of what is called: `note` of `note(...)` and of `self.note(...)`."""
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _seen() -> Mapping[str, list[str]]:
    """The fields of the events of one answered question, as a logger receives them."""
    if not _SEEN:
        _SEEN.update(_watch())
    return _SEEN


_SEEN: dict[str, list[str]] = {}


def _ask() -> None:
    """A question to a store of two trials, whatever the environment says of other stores."""
    import tradingkb as tkb

    alone = mock.patch.dict(os.environ, clear=True)
    with tempfile.TemporaryDirectory() as home, alone, contextlib.chdir(home):
        kb = tkb.connect(home, progress=False)
        kb.ingest([tkb.Trial("sma", {"fast": n}, sharpe_oos=1.0) for n in (1, 2)])
        kb.recommend("sma")
        kb.close()


def _watch() -> dict[str, list[str]]:
    seen: dict[str, list[str]] = {}

    class Watcher(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen[record.getMessage()] = list(getattr(record, "tradingkb_fields", {}))

    logger, watcher = logging.getLogger("tradingkb"), Watcher()
    level, propagate = logger.level, logger.propagate
    logger.addHandler(watcher)
    logger.setLevel(logging.INFO)
    try:
        _ask()
    finally:
        logger.removeHandler(watcher)
        logger.setLevel(level)
        logger.propagate = propagate
    return seen


def _kind(type_: Any) -> str:
    kind = getattr(type_, "impl", type_)
    names = {
        "UtcTime": "time (UTC)",
        "Json": "JSON",
        "Double": "number",
        "Integer": "count",
        "BigInteger": "count",
        "Boolean": "yes or no",
        "String": "text",
        "Text": "text",
    }
    for candidate in (type(type_).__name__, type(kind).__name__):
        if candidate in names:
            return names[candidate]
    return "JSON" if "JSON" in repr(type_) else type(type_).__name__
