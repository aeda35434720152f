"""Problems of answers: too many that are none, or degraded."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import polars as pl

from tradingkb.monitoring.advice import first_of
from tradingkb.monitoring.facts import Facts, Problem, evidence, parameters
from tradingkb.monitoring.rules import HOUR_S, MINUTE_S, SHARES, ShareRule
from tradingkb.monitoring.shares import Held, held, onset
from tradingkb.monitoring.wording import percent

#: A strategy that has this share of the answers in question is what the runbook is run for.
_MAINLY: Final = 0.5
#: Strategies that are named.
_NAMED: Final = 5


def answer_problems(facts: Facts, now: datetime) -> Iterator[Problem]:
    """Too many answers of a status, each status once."""
    told: set[str] = set()
    for rule in SHARES:
        found = held(facts.minutes, rule, now) if rule.status not in told else None
        if found is not None:
            told.add(rule.status)
            yield _share_problem(facts, rule, found, now)


def _share_problem(facts: Facts, rule: ShareRule, found: Held, now: datetime) -> Problem:
    began = onset(facts, rule, found.until)
    those = _those(facts.minutes, rule.status, found)
    strategies = _sums(those)
    examples = _those(facts.examples.get(rule.status, pl.DataFrame()), rule.status, found)
    reasons = _reasons(examples)
    counts = {
        **_counts(rule, found),
        "strategies": dict(islice(strategies.items(), _NAMED)),
        "reasons": reasons,
        "reasons_of_answers": examples.height,
        "since_or_earlier": began.earlier,
    }
    top = next(iter(strategies), "")
    mainly = strategies.get(top, 0) >= _MAINLY * found.long.found
    return Problem(
        rule.alert,
        rule.severity,
        _title(rule, found, now),
        began.at,
        evidence(counts, began.at, began.resolution),
        first_of(reasons),
        rule.runbook,
        parameters(facts, began.at, **({"strategy": top} if mainly else {})),
    )


def _title(rule: ShareRule, found: Held, now: datetime) -> str:
    share, hours = percent(found.long.share), rule.long_s // HOUR_S
    window = "hour" if hours == 1 else f"{hours} hours"
    limit = f"{rule.status} (limit {percent(rule.threshold)})"
    if now - found.until < timedelta(seconds=MINUTE_S):
        return f"{share} of the answers of the last {window} are {limit}"
    return f"{share} of the answers of the {window} before {found.until:%H:%M} UTC were {limit}"


def _counts(rule: ShareRule, found: Held) -> dict[str, Any]:
    return {
        "answers": found.long.answers,
        rule.status: found.long.found,
        "share": round(found.long.share, 4),
        "threshold": rule.threshold,
        "window_s": rule.long_s,
        "last": {
            "answers": found.short.answers,
            rule.status: found.short.found,
            "window_s": rule.short_s,
        },
        "held_until": found.until,
    }


def _those(frame: pl.DataFrame, status: str, found: Held) -> pl.DataFrame:
    """What is in question: the answers of the status, in the long window."""
    if frame.is_empty():
        return frame
    return frame.filter(
        (pl.col("status") == status) & pl.col("at").is_between(found.begin, found.until)
    )


def _sums(those: pl.DataFrame) -> dict[str, int]:
    """Strategies with their answers, the most frequent first."""
    rows = those.group_by("strategy_name").agg(pl.col("count").sum()).iter_rows()
    return dict(sorted(rows, key=lambda row: (-row[1], row[0])))


def _reasons(examples: pl.DataFrame) -> dict[str, int]:
    """Reasons with their numbers of answers, the most frequent first."""
    if examples.is_empty():
        return {}
    counted = Counter(
        reason for text in examples["reasons"] for reason in dict.fromkeys(json.loads(text or "[]"))
    )
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
