"""Writes the generated parts of the README and of the pages in notebooks/reference.

`python .ci/docs` writes them, `--check` only says whether they are up to date.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import alerts
import architecture
import commands
import errors
import events
import markets
import metrics
import python_verbs
import runbooks
import service
import settings
import trials
from pages import REFERENCE, ROOT, Blocks, filled

PAGES: dict[str, Blocks] = {
    "answers.md": {"codes": errors.answer_codes},
    "architecture.md": {"architecture": architecture.architecture, "parts": architecture.parts},
    "commands.md": {
        "commands": commands.command_list,
        "shared-options": commands.shared_options,
        "exit-codes": commands.exit_codes,
        "command-details": commands.command_details,
    },
    "errors.md": {"errors": errors.tree, "exit-codes": commands.exit_codes},
    "events.md": {"log-events": events.log_events, "event-columns": events.event_columns},
    "how_it_works.md": {"rows": architecture.rows},
    "markets.md": {"features": markets.features, "tags": markets.tags},
    "python.md": {
        "front-door": python_verbs.front_door,
        "verbs": python_verbs.verbs,
        "answer": python_verbs.answer_fields,
        "explanation": python_verbs.explanation_fields,
        "parts": python_verbs.part_fields,
        "reports": python_verbs.report_fields,
    },
    "runbooks.md": {"catalogue": runbooks.catalogue, "details": runbooks.details},
    "service.md": {
        "routes": service.routes,
        "recommend-fields": service.recommend_fields,
        "ingest-fields": service.ingest_fields,
        "statuses": service.statuses,
        "metrics": metrics.metrics,
        "alerts": alerts.alerts,
    },
    "settings.md": {"settings": settings.settings},
    "trials.md": {
        "columns": trials.accepted,
        "stored-columns": trials.stored,
        "objectives": trials.objectives,
    },
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when stale")
    check = parser.parse_args(arguments).check
    stale = [name for name, blocks in PAGES.items() if _renew(REFERENCE / name, blocks, check)]
    if check and stale:
        print(f"not up to date: {', '.join(stale)}: run `make docs`", file=sys.stderr)
    gone = events.gone()
    if gone:
        print(f"emitted no more, so not in .ci/docs/events.py: {', '.join(gone)}", file=sys.stderr)
    return int(check and bool(stale or gone))


def _renew(path: Path, blocks: Blocks, check: bool) -> bool:
    """Whether the page was stale; it is written unless that is only asked."""
    before = path.read_text(encoding="utf-8")
    after = filled(before, blocks, path.name)
    if before != after and not check:
        path.write_text(after, encoding="utf-8")
    return before != after


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
