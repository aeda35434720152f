"""Rules for every runbook in notebooks/runbooks, and for the alerts that lead to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tradingkb.monitoring import rules
from tradingkb.runbooks import Runbook, runbooks

ROOT = Path(__file__).resolve().parents[2]
BOOKS = runbooks()
NAMES = [book.name for book in BOOKS]
#: Parameters that the problems of `kb.problems()` fill in, by runbook; `workspace` in all.
LINKED = {
    "04_kb_status_none_triage": {"since", "strategy"},
    "05_kb_status_degraded_triage": {"since", "strategy"},
    "08_failure_modes_recovery": {"since", "service"},
}


def leading() -> set[tuple[str, str]]:
    """Alert or problem, and the runbook that it names."""
    found = yaml.safe_load((ROOT / "data/monitoring/alerts.yaml").read_text("utf-8"))
    alerts = [rule for group in found["groups"] for rule in group["rules"]]
    named = {(rule["alert"], rule["annotations"]["runbook"]) for rule in alerts}
    return named | {(one.code, one.runbook) for one in (*rules.CHECKS.values(), rules.OUTDATED)}


def cells(book: Runbook) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(book.path.read_text("utf-8"))["cells"]
    return found


def test_there_is_one_for_each_section_of_the_operating_procedures_and_one_for_every_day():
    assert [name[:2] for name in NAMES] == [f"{n:02}" for n in range(1, 10)]


def test_each_alert_leads_to_the_runbook_that_names_it():
    told = {(alert, book.name) for book in BOOKS for alert in book.alerts}
    assert told >= leading()
    # Beside them a runbook may name problems that no alert and no check is called after.
    assert {alert for alert, _ in told - leading()} <= {"NotRead", "ReplicaSilent"}


@pytest.mark.parametrize("book", BOOKS, ids=NAMES)
def test_a_runbook_takes_what_the_problems_that_lead_to_it_fill_in(book: Runbook):
    names = {one.name for one in book.parameters}
    assert LINKED.get(book.name, set()) <= names


@pytest.mark.parametrize("book", BOOKS, ids=NAMES)
def test_a_runbook_is_dry_by_default_and_holds_no_secret(book: Runbook):
    given = {one.name: one for one in book.parameters}
    assert given["dry_run"].default is True
    assert given["workspace"].default == "default"
    secret = [n for n in given if any(w in n for w in ("token", "password", "secret", "key"))]
    assert all(name.endswith("_env") for name in secret)


@pytest.mark.parametrize("book", BOOKS, ids=NAMES)
def test_a_runbook_is_kept_without_outputs_and_holds_no_logic_in_its_cells(book: Runbook):
    code = [cell for cell in cells(book) if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    _, guard, *rest = ["".join(cell["source"]) for cell in code]
    assert "parameters" in code[0]["metadata"]["tags"]
    assert f'begin("{book.name}", globals())' in guard
    assert rest[-1] == "run.finish()"
    words = ("def ", "for ", "while ", "if ", "try:", "lambda")
    assert not [line for cell in rest for line in cell.splitlines() if line.startswith(words)]
    assert max(len(cell.splitlines()) for cell in rest) <= 8
