"""What filters turned away, as rows and words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from dashboard.views import rejections as view
from tradingkb.domain import RISKS

AT = datetime(2026, 11, 28, tzinfo=UTC)
ODD = "<script>|$:material/x:"


def counted(strategy, name, asked=10, trials=100, trials_only=0, saved=0, at=AT):
    return {
        "at": at,
        "strategy_name": strategy,
        "filter": name,
        "asked": asked,
        "requests": asked,
        "requests_only": 1,
        "trials": trials,
        "trials_only": trials_only,
        "saved": saved,
    }


def frame(*rows):
    return pl.DataFrame(list(rows))


def rate(strategy, status, count, **flags):
    names = ("strict_to_relaxed", "metadata_only", "repaired_params", "low_count")
    zero = dict.fromkeys(names, 0)
    return {"strategy_name": strategy, "status": status, "count": count, **zero, **flags}


NO_RATES = frame(rate("a", "ok", 1)).clear()
NO_COUNTS = frame(counted("a", "x")).clear()


def test_counts_of_strategies_add_up_per_filter_the_most_helpful_relaxation_first():
    found = view.by_filter(
        frame(
            counted("a", "min_trades", asked=10, trials=50, trials_only=5, saved=1),
            counted("b", "min_trades", asked=30, trials=30, trials_only=5, saved=1),
            counted("a", "max_drawdown", asked=10, trials=10, trials_only=10, saved=3),
        )
    )
    assert found["filter"].to_list() == ["max_drawdown", "min_trades"]
    assert found["fails"].to_list() == [1.0, 2.0]
    assert found["fails_only"].to_list() == [1.0, 0.25]


def test_a_filter_that_no_answer_had_in_force_says_nothing():
    assert view.by_strategy_and_filter(frame(counted("a", "x", asked=0))).is_empty()
    assert view.by_filter(NO_COUNTS).is_empty()


def test_one_strategy_is_its_own_rows_and_none_is_all():
    rows = frame(counted("a", "x"), counted(ODD, "x"))
    assert view.of_strategy(rows, ODD)["strategy_name"].to_list() == [ODD]
    assert view.of_strategy(rows, None).height == 2


@pytest.mark.parametrize(
    ("measure", "values"),
    [
        ("Trials that fail only it", [0.5, 2.0]),
        ("Trials that fail it", [5.0, 4.0]),
        ("Answers that a relaxation of it would have saved", [0.05, 0.1]),
    ],
)
def test_a_trend_is_per_answer_over_all_strategies(measure, values):
    later = AT + timedelta(hours=1)
    rows = frame(
        counted("a", "x", asked=10, trials=60, trials_only=10, saved=1),
        counted("b", "x", asked=10, trials=40, trials_only=0, saved=0),
        counted("a", "x", asked=10, trials=40, trials_only=20, saved=1, at=later),
    )
    found = view.trend(rows, measure)
    assert found["value"].to_list() == values
    assert found["asked"].to_list() == [20, 10]
    assert view.trend(NO_COUNTS, measure).is_empty()


@pytest.mark.parametrize(
    ("rows", "n", "bad", "said"),
    [
        ((), 0, 0, "Nothing was asked in this range."),
        ((), 5, 0, "5 answers were all ok: no filter stood in the way."),
        ((), 1, 0, "1 answer was ok: no filter stood in the way."),
        ((counted("a", "x"),), 1, 1, "1 of 1 answer was degraded or none; relaxing one filter "),
        ((counted("a", "x", saved=1),), 4, 1, "would have given enough trials to it."),
        ((counted("a", "x"),), 5, 2, "relaxing one filter alone would have helped none of them."),
        ((counted("a", "x", saved=2),), 5, 3, "Relaxing x alone would have given enough trials"),
    ],
)
def test_the_finding_is_one_sentence(rows, n, bad, said):
    table = view.by_filter(frame(*rows)) if rows else view.by_filter(NO_COUNTS)
    assert said in view.finding(table, n, bad)


def test_what_was_not_ok_is_degraded_or_none():
    rates = frame(rate("a", "ok", 7), rate("a", "degraded", 2), rate("b", "none", 1))
    assert view.unwell(rates) == (10, 3)
    assert view.unwell(NO_RATES) == (0, 0)


def test_patterns_are_of_degraded_answers_alone_with_the_strategies_that_show_them_most():
    rates = frame(
        rate("a", "degraded", 6, strict_to_relaxed=6),
        rate("b", "degraded", 4, strict_to_relaxed=1, metadata_only=4),
        rate("b", "ok", 90, repaired_params=9),
    )
    rows = {row["pattern"]: row for row in view.patterns(rates).to_dicts()}
    assert [row["answers"] for row in rows.values()] == [7, 4, 0, 0]
    assert rows["Relaxed filters nominated"]["share"] == 0.7
    assert rows["Relaxed filters nominated"]["strategies"] == "a (6), b (1)"
    assert view.patterns(NO_RATES)["share"].to_list() == [None] * len(view.PATTERNS)


def relaxation(name="max_drawdown", suggested=0.31, current=0.25, sufficient=True):
    return {
        "filter": name,
        "current": current,
        "suggested": suggested,
        "candidates": 12,
        "windows": 4,
        "sufficient": sufficient,
        "risk": "r",
        "unknown": 0,
    }


def event(strategy="a", relaxations=(), **more):
    return {
        "at": AT,
        "strategy_name": strategy,
        "objective_type": "sharpe",
        "symbol": "AAPL",
        "timeframe": "1d",
        "status": "none",
        "reasons": json.dumps(["no_matches_after_strict_filters"]),
        "relaxations": json.dumps(list(relaxations)),
        "source": "http",
        "request_id": "r1",
        **more,
    }


def test_thresholds_that_answers_suggested_are_a_range_rounded_so_that_they_suffice():
    events = frame(
        event(relaxations=[relaxation(suggested=0.30001), relaxation("min_trades", 3, 5)]),
        event(relaxations=[relaxation(suggested=0.4), relaxation("min_trades", None, 5, False)]),
        event(relaxations=[relaxation("require_oos", False, True)]),
    )
    assert view.suggestions(events).rows() == [
        ("a", "max_drawdown", "0.25", "0.3001 to 0.4"),
        ("a", "min_trades", "5", "3"),
        ("a", "require_oos", "yes", "no"),
    ]


def test_a_relaxation_says_how_many_answers_it_had_saved_by_how_much_and_what_is_given_up():
    rows = frame(
        counted("a", "max_drawdown", saved=2),
        counted(ODD, "min_trades", saved=5),
        counted("a", "min_trades"),
    )
    suggested = view.suggestions(frame(event(relaxations=[relaxation()])))
    assert view.helps(rows, suggested).rows() == [
        (ODD, "min_trades", 5, "–", "–", RISKS["min_trades"]),
        ("a", "max_drawdown", 2, "0.25", "0.31", RISKS["max_drawdown"]),
    ]
    assert view.helps(NO_COUNTS, suggested).is_empty()


@pytest.mark.parametrize("as_text", [True, False])
def test_a_single_answer_is_a_row_with_why_and_what_would_help(as_text):
    row = event(ODD, [relaxation(), relaxation(suggested=None, sufficient=False)])
    if not as_text:
        row |= {name: json.loads(row[name]) for name in ("reasons", "relaxations")}
    (found,) = view.single(pl.DataFrame([row])).to_dicts()
    assert found == {
        "at": AT,
        "strategy": ODD,
        "objective": "sharpe",
        "market": "AAPL 1d",
        "status": "none",
        "why": "no_matches_after_strict_filters",
        "would help": "max_drawdown 0.25 → 0.31",
        "asked by": "http",
        "request": "r1",
    }


def test_reasons_are_counted_once_per_answer_the_most_frequent_first():
    events = frame(
        event(reasons=json.dumps(["few_windows", "few_windows", "expected_loss"])),
        event(reasons=json.dumps(["few_windows", "of_a_later_release"])),
        event(reasons=json.dumps([])),
        event(reasons=None),
    )
    rows = view.reasons(events).to_dicts()
    assert [(row["reason"], row["answers"], row["share"]) for row in rows] == [
        ("few_windows", 2, 0.5),
        ("expected_loss", 1, 0.25),
        ("of_a_later_release", 1, 0.25),
    ]
    assert rows[0]["action"].startswith("Ingest trials from more windows")
    assert (rows[2]["meaning"], rows[2]["action"]) == ("Of_a_later_release", "")


def test_no_single_answer_is_an_empty_table():
    assert view.single(frame(event()).clear()).is_empty()
    assert view.suggestions(frame(event()).clear()).is_empty()
    assert view.reasons(frame(event()).clear()).is_empty()
