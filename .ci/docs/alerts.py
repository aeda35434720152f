"""The table of the alert rules."""

from __future__ import annotations

import re
from typing import Any

import yaml
from pages import ROOT, code, table

RULES = ROOT / "data" / "monitoring" / "alerts.yaml"


def alerts() -> str:
    """A table of the alerts, each with a link to what to do."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rows = [_row(rule) for group in groups for rule in group["rules"]]
    return table(("alert", "severity", "it says", "after", "runbook"), rows)


def _row(rule: dict[str, Any]) -> tuple[str, ...]:
    told = rule["annotations"]
    page = told["runbook_url"].removeprefix("notebooks/reference/")
    return (
        f"[{rule['alert']}]({page})",
        rule["labels"]["severity"],
        _plain(told["summary"]),
        rule.get("for", "at once"),
        code(told["runbook"]),
    )


def _plain(summary: str) -> str:
    """The summary with names in place of the templates of Prometheus."""
    named = re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"*\1*", summary)
    return re.sub(r"\{\{ \$value[^}]*\}\}", "*so much*", named)
