"""The report of a run: what came of it on top, the notebook with its figures below."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tradingkb.presentation.markup import definitions, el, esc, num, prose, wide
from tradingkb.presentation.notebook_cells import cells_html, has_figures
from tradingkb.presentation.page import html_page
from tradingkb.presentation.style import RUNBOOK_CSS
from tradingkb.presentation.tables import shown

_SAID: Final = {
    "done": "Done: what was planned was carried out, and nothing stays open.",
    "nothing_to_do": "Nothing to do.",
    "needs_decision": "Somebody has to decide.",
    "failed": "Failed.",
}


def runbook_report(
    title: str, run: Mapping[str, Any], cells: Sequence[Mapping[str, Any]], *, hidden: str
) -> str:
    """One HTML page that opens offline, with every figure and without any script of others.

    Args:
        title: of the runbook.
        run: `RunbookRun.to_dict()`, ended.
        cells: of the executed notebook, as in its JSON form.
        hidden: mimetype of the output that holds the result, which is on top.
    """
    result = run["result"] or {}
    # What is in the content cannot know it.
    nonce = hashlib.sha256(f"{run['run_id']} {json.dumps(run, default=str)}".encode()).hexdigest()
    sections = (
        _banner(run),
        _section("Findings", _findings(result.get("findings", ()))),
        _section("Actions", _actions(result.get("actions", ()))),
        _section("Next", _next(result.get("next_steps", ()))),
        _section("This run", definitions(_facts(run))),
        _section("Parameters", _parameters(run["parameters"])),
        _section("The notebook", cells_html(_untitled(cells), nonce=nonce, hidden=hidden)),
    )
    main = el("h1", esc(title)) + "".join(sections)
    figures = has_figures(cells)
    return html_page(title, main, figures=figures, css=RUNBOOK_CSS, nonce=nonce)


def _section(title: str, content: str) -> str:
    return el("section", el("h2", esc(title)), content) if content else ""


def _banner(run: Mapping[str, Any]) -> str:
    outcome = str(run["outcome"])
    how = "dry run: nothing was changed" if run["dry_run"] else "changes were allowed"
    where = el("p", esc(f"{run['runbook']} on workspace {run['workspace']}, {how}"), cls="note")
    error = run["error"]
    why = el("p", prose(error)) if error else ""
    link = el("p", el("a", "to the cell that failed", href="#failed")) if error else ""
    said = el("h2", esc(_SAID.get(outcome, outcome)))
    return el("section", said, where, why, link, cls=f"banner {esc(outcome)}")


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    items = (
        el("li", _badge(one["severity"]), " ", prose(one["what"]), _evidence(one["evidence"]))
        for one in findings
    )
    found = "".join(items)
    return el("ul", found, cls="found") if found else ""


def _evidence(evidence: Mapping[str, Any]) -> str:
    said = ", ".join(f"{name} {shown(value)}" for name, value in evidence.items())
    return el("div", num(said), cls="note") if said else ""


def _actions(actions: Sequence[Mapping[str, Any]]) -> str:
    return wide(
        {
            "state": _badge(one["state"]),
            "what": prose(one["what"]) + _remarks(one),
            "planned": esc(_figures(one["expected"])),
            "was": esc(_figures(one["actual"])),
            "seconds": esc("" if one["seconds"] is None else f"{one['seconds']:.1f}"),
            "undo": prose(one["undo"] or ""),
        }
        for one in actions
    )


def _remarks(action: Mapping[str, Any]) -> str:
    said = [action["error"]] if action["error"] else action["differs"]
    return "".join(el("div", prose(text), cls="note") for text in said)


def _figures(found: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in (found or {}).items())


def _next(steps: Sequence[Mapping[str, Any]]) -> str:
    items = (
        el("li", prose(step["why"]), _command(step["command"]) if step["command"] else "")
        for step in steps
    )
    found = "".join(items)
    return el("ul", found, cls="found") if found else ""


def _command(text: str) -> str:
    return el("code", esc(text), cls="command")


def _facts(run: Mapping[str, Any]) -> dict[str, str]:
    facts = {
        "asked for by": run["actor"],
        "schedule": f"{run['schedule']}, due {_time(run['slot'])}" if run["schedule"] else "",
        "started": _time(run["started_at"]),
        "ended": _time(run["ended_at"]),
        "took": _took(run),
        "cells": f"{run['progress']['done']} of {run['progress']['total']}",
        "deadline": f"{run['deadline_s']} s",
        "runbook": f"{run['runbook']}, version {run['version']}",
        "tradingkb": run["release"],
        "run": run["run_id"],
    }
    return {name: str(value) for name, value in facts.items() if value}


def _parameters(parameters: Mapping[str, Any]) -> str:
    return wide(
        {"parameter": el("code", esc(name)), "value": el("code", esc(json.dumps(value)))}
        for name, value in parameters.items()
    )


def _badge(state: str) -> str:
    return el("span", esc(state.replace("_", " ")), cls=f"badge {esc(state)}")


def _time(text: str | None) -> str:
    """An ISO time to the second."""
    return f"{text[:19].replace('T', ' ')} UTC" if text else ""


def _took(run: Mapping[str, Any]) -> str:
    if not run["ended_at"]:
        return ""
    ends = (datetime.fromisoformat(run[name]) for name in ("started_at", "ended_at"))
    began, ended = ends
    return f"{(ended - began).total_seconds():.1f} s"


def _untitled(cells: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The cells without the first one's title, which is the page's."""
    if not cells or cells[0]["cell_type"] != "markdown":
        return list(cells)
    source = cells[0]["source"]
    text = source if isinstance(source, str) else "".join(source)
    title, _, rest = text.lstrip().partition("\n")
    return [{**cells[0], "source": rest if title.startswith("# ") else text}, *cells[1:]]
