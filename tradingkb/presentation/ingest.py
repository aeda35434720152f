"""What an ingest did, for notebooks and for the page of the demo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradingkb.presentation.markup import el, esc, table

_ACTIONS: Final = ("inserted", "updated", "skipped", "unarchived", "error")
#: Problems that are shown; the file of the refused rows has all.
_MOST_PROBLEMS: Final = 5


def ingest_card(report: Mapping[str, Any]) -> str:
    """HTML of `IngestReport.to_dict()`: trials by what happened to them, notes and problems."""
    title = "Ingest (dry run)" if report["dry_run"] else "Ingest"
    counts = (el("b", f"{report[name]:,}") + f" {name}" for name in _ACTIONS)
    cells = (el("td", text, style="padding:0 1em 0 0") for text in counts)
    return el(
        "div",
        f"{el('b', title)}: {esc(report['source'])}, {report['windows']:,} windows",
        el("table", el("tr", *cells)),
        el("ul", *(el("li", esc(note)) for note in report["notes"])) if report["notes"] else "",
        table(map(_problem, report["rejects"][:_MOST_PROBLEMS])),
    )


def _problem(reject: Mapping[str, Any]) -> dict[str, str]:
    return {name: esc(reject[name]) for name in ("row", "field", "message", "remedy")}
