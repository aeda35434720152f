"""The alert rules ask for metrics that are there, and lead to pages that are there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tradingkb.service.metric_table import METRICS
from tradingkb.service.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "data" / "monitoring"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
#: The notebooks of the operating procedures.
RUNBOOKS = {
    "01_multi_replica_check",
    "02_qdrant_collection_rebuild",
    "03_embedding_model_rotation",
    "04_kb_status_none_triage",
    "05_kb_status_degraded_triage",
    "06_trial_ingestion",
    "07_service_restart",
    "08_failure_modes_recovery",
    "09_reconcile_and_health",
}
FUNCTIONS = {"absent", "increase", "max", "rate", "sum", "time"}
WORDS = {"and", "by", "on", "or", "unless"}
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<duration>\[\d+[smhd]\])|(?P<matcher>\{[^{}]*\})|(?P<number>\d+(\.\d+)?)"""
    r"""|(?P<name>[a-zA-Z_:][\w:]*)|(?P<operator>>=|<=|==|!=|[-+*/<>])|(?P<bracket>[()])|(?P<comma>,)"""
)

every_rule = pytest.mark.parametrize(
    "rule", RULES, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}"
)


def tokens(expr: str) -> list[tuple[str, str]]:
    """Kinds and texts; AssertionError where something is none."""
    found, place = [], 0
    while place < len(expr):
        token = _TOKEN.match(expr, place)
        assert token, expr[place:]
        if token.lastgroup != "space":
            found.append((str(token.lastgroup), token[0]))
        place = token.end()
    return found


def metric_names(expr: str) -> set[str]:
    """Names that are neither a function, nor a word of the language, nor a label in `by (...)`."""
    without_labels = re.sub(r"\b(by|on)\s*\([^)]*\)", "", expr)
    names = {text for kind, text in tokens(without_labels) if kind == "name"}
    return names - FUNCTIONS - WORDS


def exposed() -> dict[str, dict[str, set[str]]]:
    """Name of every metric that /metrics has, with the values of its labels."""
    found: dict[str, dict[str, set[str]]] = {}
    metrics = Metrics(version="1")
    metrics.request("GET", "/kb/trials", 200, 0.1)
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


@pytest.mark.parametrize(
    ("alert", "rule"),
    [
        (
            "CircuitBreakerOpen",
            {"expr": "circuit_breaker_state > 0", "for": "1m", "labels": {"severity": "warning"}},
        ),
        (
            "HighRetryRate",
            {
                "expr": "rate(resilience_retries_total[5m]) > 0.5",
                "for": "5m",
                "labels": {"severity": "warning"},
            },
        ),
    ],
)
def test_the_two_rules_of_the_runbooks_are_as_written(alert, rule):
    (found,) = (r for r in RULES if r["alert"] == alert)
    assert {k: found[k] for k in found if k != "annotations"} == {"alert": alert, **rule}


@every_rule
def test_an_alert_asks_only_for_metrics_and_labels_that_are_exposed(rule):
    known = exposed()
    assert metric_names(rule["expr"])
    assert metric_names(rule["expr"]) <= known.keys()
    for name, matcher in re.findall(r"(\w+)\{([^}]*)\}", rule["expr"]):
        for label, value in re.findall(r'(\w+)="([^"]*)"', matcher):
            assert value in known[name][label]


@every_rule
def test_an_expression_is_well_formed(rule):
    """As far as it can be told without Prometheus; with promtool all of it is checked below."""
    depth, found = 0, tokens(rule["expr"])
    for (kind, text), (next_kind, next_text) in zip(found, [*found[1:], ("end", "")], strict=True):
        depth += {"(": 1, ")": -1}.get(text, 0)
        assert depth >= 0
        if kind == "name" and text in FUNCTIONS:
            assert next_text in ("(", "by")
        if kind == "duration":
            assert next_text == ")"
        if kind == "operator":
            assert next_kind in ("name", "number") or next_text == "("
    assert depth == 0


@every_rule
def test_an_alert_says_how_bad_it_is_what_happened_and_where_to_read_on(rule):
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"].keys() == {"summary", "runbook", "runbook_url"}
    assert rule["annotations"]["summary"].strip()


@every_rule
def test_an_alert_leads_to_a_runbook_and_to_a_heading_of_its_own_name(rule):
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.*)$", (ROOT / path).read_text("utf-8"), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
    assert anchor == rule["alert"].lower()
    assert rule["annotations"]["runbook"] in RUNBOOKS


def test_every_heading_of_the_page_is_an_alert():
    page = (ROOT / "notebooks" / "reference" / "alerts.md").read_text("utf-8")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == list(
        dict.fromkeys(rule["alert"] for rule in RULES)
    )


def test_every_answer_that_is_not_ok_is_watched_over_two_windows_with_a_minimum_of_traffic():
    for status in ("none", "degraded"):
        rules = [r for r in RULES if f'status="{status}"' in r["expr"]]
        assert len(rules) == 2
        for rule in rules:
            share = rf'kb_recommend_total\{{status="{status}"\}}\[(\w+)\]'
            assert len(set(re.findall(share, rule["expr"]))) == 2
            assert re.search(r"sum\(increase\(kb_recommend_total\[\w+\]\)\) >= \d+", rule["expr"])


def test_times_of_a_last_success_are_watched_where_there_was_one():
    beats = [m.name for m in METRICS if m.name.endswith("_last_success_timestamp_seconds")]
    watched = [name for name in beats for rule in RULES if f"max({name}) > 0" in rule["expr"]]
    assert watched == [
        "kb_ingest_last_success_timestamp_seconds",
        "kb_scheduler_last_success_timestamp_seconds",
    ]


def test_series_that_should_raise_an_alarm_do():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: the rules are read here, and not evaluated")
    for what in ("check rules alerts.yaml", "test rules alerts_test.yaml alerts_days_test.yaml"):
        done = subprocess.run(
            [promtool, *what.split()], cwd=MONITORING, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
