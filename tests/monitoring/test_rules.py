"""The thresholds of problems are those of the alerts: what pages somebody is what they see."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tradingkb.monitoring.rules import (
    BREAKER,
    CHECKS,
    NOT_WATCHED,
    OUTDATED,
    RETRIES,
    RETRY_WINDOW_S,
    SCHEDULER,
    SEVERITIES,
    SHARES,
    STALE,
    STUCK,
    LimitRule,
    ShareRule,
)

ROOT = Path(__file__).resolve().parents[2]
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "data/monitoring/alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
RUNBOOKS = {rule["annotations"]["runbook"] for rule in ALERTS} | {
    "02_qdrant_collection_rebuild",
    "03_embedding_model_rotation",
}
_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    return int(text[:-1]) * _S[text[-1]]


def alert(name: str, severity: str | None = None) -> dict[str, Any]:
    (found,) = (
        a for a in ALERTS if a["alert"] == name and severity in (None, a["labels"]["severity"])
    )
    return found


def of_share(found: dict[str, Any]) -> ShareRule:
    """The rule that an alert about answers states, read from its expression."""
    shares = re.findall(
        r'increase\(kb_recommend_total\{status="(\w+)"\}\[(\w+)\]\)\)'
        r" / sum\(increase\(kb_recommend_total\[(\w+)\]\)\) > (\d+) \* ([\d.]+)",
        found["expr"],
    )
    (least,) = re.findall(
        r"and sum\(increase\(kb_recommend_total\[(\w+)\]\)\) >= (\d+)", found["expr"]
    )
    (long, short) = shares
    assert long[0] == short[0]
    assert long[3:] == short[3:]
    assert (long[1], short[1]) == (long[2], short[2])
    assert least[0] == long[1]
    return ShareRule(
        found["alert"],
        found["labels"]["severity"],
        long[0],
        found["annotations"]["runbook"],
        float(long[4]),
        float(long[3]),
        seconds(long[1]),
        seconds(short[1]),
        int(least[1]),
        seconds(found["keep_firing_for"]),
    )


def test_every_rule_about_answers_is_that_of_its_alert():
    stated = [of_share(a) for a in ALERTS if "kb_recommend_total" in a["expr"]]
    assert list(SHARES) == stated


def limits(rule: LimitRule) -> tuple[str, str, str, int]:
    return rule.alert, rule.severity, rule.runbook, rule.hold_s


@pytest.mark.parametrize("rule", [BREAKER, RETRIES, STALE, SCHEDULER, *STUCK.values()])
def test_a_limit_is_held_as_long_and_is_as_bad_as_in_its_alert(rule: LimitRule):
    found = alert(rule.alert)
    assert limits(rule) == (
        found["alert"],
        found["labels"]["severity"],
        found["annotations"]["runbook"],
        seconds(found["for"]),
    )


def test_limits_are_those_of_the_expressions():
    assert alert("CircuitBreakerOpen")["expr"] == f"circuit_breaker_state > {BREAKER.limit:g}"
    window = f"{RETRY_WINDOW_S // 60}m"
    assert (
        alert("HighRetryRate")["expr"]
        == f"rate(resilience_retries_total[{window}]) > {RETRIES.limit:g}"
    )
    for state, rule in STUCK.items():
        assert (
            f'kb_job_wait_seconds{{state="{state}"}}) > {rule.limit:g}' in alert(rule.alert)["expr"]
        )
    (days,) = re.findall(r"timestamp_seconds\) > (\d+) \* 86400", alert(STALE.alert)["expr"])
    assert int(days) * 86400 == STALE.limit
    (quiet_s,) = re.findall(r"time\(\) - max\(\w+\) > (\d+)\n", alert(SCHEDULER.alert)["expr"])
    assert int(quiet_s) == SCHEDULER.limit


def test_every_alert_is_watched_here_or_it_is_said_why_it_cannot_be():
    rules = (*SHARES, BREAKER, RETRIES, STALE, SCHEDULER, *STUCK.values())
    watched = {rule.alert for rule in rules}
    assert watched | set(NOT_WATCHED) == {a["alert"] for a in ALERTS}
    assert not watched & set(NOT_WATCHED)


def test_of_two_rules_about_one_status_the_more_severe_comes_first():
    for status in ("none", "degraded"):
        places = [SEVERITIES.index(rule.severity) for rule in SHARES if rule.status == status]
        assert places == sorted(places)


def test_a_check_that_fails_leads_to_a_runbook_that_there_is():
    assert {failing.runbook for failing in (*CHECKS.values(), OUTDATED)} <= RUNBOOKS
