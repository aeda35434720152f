"""The overview's shaping: problems as cards, how things stand, and rates of answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl
import pytest

from dashboard.views import html, problems, rate_figures, rates, state
from tradingkb.monitoring import SHARES

NOW = datetime(2026, 1, 10, 3, 5, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIME = pl.Datetime("us", "UTC")
INK = "#31333f"
PART = rates.Part("hour", HOUR)
NASTY = '<script>alert("1")</script>|**b**'


def problem(**changes: Any) -> dict[str, Any]:
    told = {
        "code": "KbStatusNone",
        "severity": "critical",
        "title": "78 % of the answers of the last hour are none (limit 50 %)",
        "since": "2026-01-10T02:39:00.000000Z",
        "evidence": {
            "answers": 50,
            "none": 39,
            "share": 0.78,
            "threshold": 0.5,
            "window_s": 3600,
            "last": {"answers": 10, "none": 9, "window_s": 300},
            "strategies": {"bb_reversal": 30, "sma_cross": 9},
            "reasons": {"a": 4, "b": 3, "c": 2, "d": 1},
            "reasons_of_answers": 4,
            "held_until": "2026-01-10T03:05:30.000000Z",
            "since_or_earlier": False,
            "since_resolution": "minute",
        },
        "what_to_do": "the filters are narrower than the trials",
        "runbook": "04_kb_status_none_triage",
        "parameters": {"workspace": "default", "strategy": "bb reversal"},
    }
    return {**told, **changes}


# --- problems -------------------------------------------------------------------------------------


def test_a_card_says_what_since_when_why_what_to_do_and_which_runbook():
    (card,) = problems.cards([problem()], NOW)
    assert (card.severity, card.code) == ("critical", "KbStatusNone")
    assert card.since == "Since 02:39 UTC (26 minutes ago, to the minute)"
    assert card.why == (
        "39 of 50 answers in 60 minutes, 9 of 10 in 5 minutes (limit 50 % of both)",
        "Strategies: bb_reversal (30), sma_cross (9)",
        "Reasons, in the newest 4 of them: a (4), b (3), c (2) and 1 more",
    )
    assert card.first == "The filters are narrower than the trials"
    assert card.runbook == "04_kb_status_none_triage"
    assert card.parameters == "-p workspace=default -p strategy='bb reversal'"


@pytest.mark.parametrize(
    ("since", "evidence", "told"),
    [
        (None, {}, "Since when is not known"),
        (
            "2026-01-08T01:00:00.000000Z",
            {"since_resolution": "hour", "since_or_earlier": True},
            "Since 2026-01-08 01:00 UTC or earlier (2 days ago, to the hour)",
        ),
        ("2026-01-10T03:05:00.000000Z", {}, "Since 03:05 UTC (30 seconds ago)"),
    ],
)
def test_since_when_is_said_as_exactly_as_it_is_known(since, evidence, told):
    (card,) = problems.cards([problem(since=since, evidence=evidence)], NOW)
    assert card.since == told


def test_other_evidence_is_listed_without_what_is_said_already():
    evidence = {
        "service": "qdrant",
        "replicas": ["a", "b"],
        "of_replicas": 3,
        "last_error": None,
        "last_ingest": "2026-01-08T01:00:00.000000Z",
        "limit_s": 172800,
        "retries_per_s": 0.8,
        "since_resolution": "second",
    }
    (card,) = problems.cards([problem(evidence=evidence)], NOW)
    assert card.why == (
        "Replicas: a, b",
        "Last ingest: 2026-01-08 01:00 UTC",
        "Limit: 2 days",
        "Retries a second: 0.8",
    )


def test_the_headline_says_how_bad_it_is_and_since_when():
    later = problem(since="2026-01-10T03:00:00.000000Z")
    milder = problem(severity="info", since="2026-01-01T00:00:00.000000Z")
    assert problems.headline([], NOW).healthy
    assert problems.headline([problem()], NOW).text == (
        "Not healthy: 1 open problem, critical, since 02:39 UTC"
    )
    assert problems.headline([later, problem(), milder], NOW).text == (
        "Not healthy: 3 open problems, the worst critical, since 02:39 UTC"
    )
    assert problems.headline([problem(since=None)], NOW).text == (
        "Not healthy: 1 open problem, critical"
    )


def test_a_problem_leads_to_the_page_that_tells_more_of_it():
    assert [page for page, _ in problems.ways_on([problem(), problem()])] == ["rejections"]
    assert [page for page, _ in problems.ways_on([problem(code="HighRetryRate")])] == ["breakers"]
    assert problems.ways_on([problem(code="KbIngestStale")]) == []


def test_that_nobody_answers_is_a_problem_like_any_other():
    (card,) = problems.cards([problems.no_answer("refused", NOW - HOUR)], NOW)
    assert (card.severity, card.runbook) == ("critical", "07_service_restart")
    assert card.since == "Since 02:05 UTC (60 minutes ago)"
    assert card.why == ("Error: refused",)


def test_nothing_from_data_becomes_markup():
    nasty = problem(
        title=NASTY,
        code=NASTY,
        what_to_do=NASTY,
        runbook=NASTY,
        parameters={"strategy": NASTY},
        evidence={"last_error": NASTY, "replicas": [NASTY]},
    )
    (card,) = problems.cards([nasty], NOW)
    line = state.Line("✖", state.BAD, NASTY, NASTY, NASTY)
    told = html.card(card) + html.groups([(NASTY, [line], "")]) + html.table([NASTY], [[NASTY]])
    assert "<script" not in told
    assert told.count("&lt;script&gt;") >= 9


# --- how things stand -----------------------------------------------------------------------------


def test_a_check_that_fails_is_told_with_its_detail():
    ready = {
        "ready": False,
        "checks": {
            "database": {"ok": True, "detail": "the database answers"},
            "qdrant_collection": {"ok": False, "detail": "dimension mismatch"},
        },
    }
    good, bad = state.check_lines(ready)
    assert (good.name, good.told, good.colour) == ("Database", "ready", state.GOOD)
    assert (bad.name, bad.told, bad.more) == ("Vector index", "not ready", "dimension mismatch")
    assert bad.sign != good.sign


def circuits(*rows: tuple[str, str, str, timedelta | None]) -> pl.DataFrame:
    told = [
        (r, s, state_, 5 if ago else 0, ago and NOW - ago, ago and "ReadTimeout", NOW - HOUR, NOW)
        for r, s, state_, ago in rows
    ]
    schema = {
        "replica": pl.String,
        "service": pl.String,
        "state": pl.String,
        "failures": pl.Int64,
        "open_since": TIME,
        "last_error": pl.String,
        "changed_at": TIME,
        "heartbeat_at": TIME,
    }
    return pl.DataFrame(told, schema, orient="row")


def test_circuits_that_are_not_closed_come_first():
    rows = circuits(
        ("a", "db", "closed", None), ("a", "qdrant", "half_open", HOUR), ("b", "db", "open", HOUR)
    )
    lines = state.circuit_lines(rows, {}, NOW)
    assert [(line.name, line.told) for line in lines] == [
        ("Database · b", "open"),
        ("Vector index · a", "half-open"),
        ("Database · a", "closed"),
    ]
    assert lines[0].more == "since 02:05 UTC, ReadTimeout"
    assert lines[2].more == ""


def test_without_replicas_the_circuits_are_those_of_whoever_answers():
    breaker = {"state": "closed", "open_since": None, "last_error": None}
    health = {
        "circuit_breakers": {
            "supabase": {**breaker, "in_use": True},
            "qdrant": {**breaker, "in_use": False},
        }
    }
    (line,) = state.circuit_lines(circuits(), health, NOW)
    assert (line.name, line.told) == ("Database · this process", "closed")


def test_last_times_say_what_has_to_happen_and_never_did():
    never = dict.fromkeys(
        (
            "last_ingest",
            "last_failed_ingest",
            "last_calibration",
            "last_backup",
            "last_event",
            "newest_trial",
        )
    )
    told = {line.name: (line.sign, line.told) for line in state.fresh_lines(never, NOW)}
    assert told["Last backup"] == told["Last ingest"] == ("!", "never")
    assert told["Last calibration"] == ("·", "never")
    assert "Last ingest that failed" not in told


@pytest.mark.parametrize(("failed", "told"), [("02", True), ("04", False)])
def test_a_failed_ingest_is_told_of_until_one_succeeds(failed: str, told: bool):
    freshness = {
        "last_ingest": "2026-01-10T01:00:00.000000Z",
        "last_failed_ingest": f"2026-01-10T0{int(failed) - 1 if told else 0}:30:00.000000Z",
        "last_calibration": None,
        "last_backup": "2026-01-10T03:05:45.000000Z",
        "last_event": "2026-01-10T05:05:30.000000Z",
        "newest_trial": None,
    }
    lines = {line.name: line.told for line in state.fresh_lines(freshness, NOW)}
    assert ("Last ingest that failed" in lines) == told
    assert lines["Last backup"] == "just now"  # the page's time is rounded down
    assert lines["Last answer"] == "2 hours ahead of this clock"


# --- rates ----------------------------------------------------------------------------------------


def asked(*rows: tuple[int, str, int]) -> pl.DataFrame:
    """Rates by hours ago, status and count, each answer in 40 ms."""
    told = [
        {
            "at": NOW.replace(minute=0, second=0) - ago * HOUR,
            "status": status,
            "count": n,
            "seconds": 0.04 * n,
            **{f"le_{b}_ms": n if b >= 100 else 0 for b in (10, 30, 100, 300, 1000, 3000)},
        }
        for ago, status, n in rows
    ]
    schema = {"at": TIME, "status": pl.String, "count": pl.Int64, "seconds": pl.Float64}
    schema |= {f"le_{b}_ms": pl.Int64 for b in (10, 30, 100, 300, 1000, 3000)}
    return pl.DataFrame(told, schema)


def test_answers_are_counted_by_bucket_and_status():
    counts = rates.by_part(asked((1, "ok", 3), (1, "none", 1), (0, "degraded", 2)), PART)
    assert counts.select("n", "ok", "degraded", "none").rows() == [(4, 3, 0, 1), (2, 0, 2, 0)]
    assert rates.by_part(asked(), PART).columns == counts.columns


@pytest.mark.parametrize(
    ("bucket", "hours", "name", "minutes"),
    [
        ("minute", 1, "5 minutes", 5),
        ("minute", 6, "15 minutes", 15),
        ("hour", 24, "hour", 60),
        ("day", 720, "day", 1440),
    ],
)
def test_minutes_are_taken_together(bucket: str, hours: int, name: str, minutes: int):
    found = rates.part_of(bucket, hours * HOUR)
    assert (found.name, found.length) == (name, timedelta(minutes=minutes))
    at = [NOW.replace(minute=m, second=0) for m in (0, 4, 5, 14, 15)]
    schema = {"at": TIME, "status": pl.String, "count": pl.Int64}
    by_minute = pl.DataFrame([(a, "ok", 1) for a in at], schema, orient="row")
    counts = {5: [2, 1, 1, 1], 15: [4, 1]}.get(minutes, [5])
    assert rates.by_part(by_minute, found)["n"].to_list() == counts


def test_totals_are_shares_and_how_long_answers_took():
    found = rates.totals(asked((1, "ok", 3), (0, "none", 1)))
    assert (found.n, found.shares["none"], found.shares["degraded"]) == (4, 0.25, 0.0)
    assert (found.mean_ms, found.most_ms) == (pytest.approx(40.0), 100)
    assert rates.totals(asked()).n == 0
    by_minute = asked((0, "ok", 1)).with_columns(pl.lit(None, pl.Float64).alias("seconds"))
    assert rates.totals(by_minute).mean_ms is None


def test_the_table_has_a_dash_where_nothing_is_known_and_no_column_of_dashes():
    nothing = rates.totals(asked())
    slow = rates.Totals(2000, {"ok": 0.5, "degraded": 0.495, "none": 0.005}, 5000.0, None)
    assert rates.compared([("now", nothing), ("before", slow)]) == (
        ["", "answers", "ok", "degraded", "none", "mean time", "95 % within"],
        [
            ["now", "0", "–", "–", "–", "–", "–"],
            ["before", "2 000", "50 %", "50 %", "0.5 %", "5,000 ms", "> 3,000 ms"],
        ],
    )
    assert rates.compared([("now", nothing)]) == (["", "answers"], [["now", "0"]])


@pytest.mark.parametrize(
    ("length", "names"),
    [
        (timedelta(hours=1), ["a day before", "a week before"]),
        (timedelta(days=1), ["a day before", "a week before"]),
        (timedelta(days=7), ["a week before"]),
        (timedelta(days=90), ["the 90 days before"]),
    ],
)
def test_a_range_is_compared_with_one_that_it_does_not_overlap(length, names):
    found = rates.befores(length)
    assert [before.name for before in found] == names
    assert all(before.shift >= length for before in found)


def changes(*whats: str) -> pl.DataFrame:
    rows = [(NOW - HOUR, "ingest", what, "mira", "{}") for what in whats]
    schema = {
        "at": TIME,
        "kind": pl.String,
        "what": pl.String,
        "actor": pl.String,
        "facts": pl.String,
    }
    return pl.DataFrame(rows, schema, orient="row")


def test_the_figure_has_shares_thresholds_marks_and_its_sample_size():
    counts = rates.by_part(asked((1, "ok", 3), (1, "none", 1), (0, "degraded", 2)), PART)
    figure = rate_figures.over_time(counts, PART, (NOW - HOUR, NOW), changes("80 trials"), INK)
    go.Figure(figure)  # refuses what Plotly does not know
    none, degraded, ok, volume, marks = figure["data"]
    assert (none["name"], none["y"]) == ("none", [25.0, 0.0])
    assert (degraded["y"], ok["y"], volume["y"]) == ([0.0, 100.0], [75.0, 0.0], [4, 2])
    assert marks["text"] == ["ingest: 80 trials"]
    assert "n = 6" in figure["layout"]["title"]["text"]
    assert "UTC" in figure["layout"]["title"]["text"]
    heights = [s["y0"] for s in figure["layout"]["shapes"] if s.get("xref") == "paper"]
    assert heights == [100 * r.threshold for r in SHARES if r.status == "none"]


def test_text_from_data_is_no_markup_in_a_figure():
    counts = rates.by_part(asked((0, "ok", 1)), PART)
    figure = rate_figures.over_time(counts, PART, (NOW - HOUR, NOW), changes("<b>x</b>&"), INK)
    assert figure["data"][-1]["text"] == ["ingest: &lt;b&gt;x&lt;/b&gt;&amp;"]


def test_what_was_before_lies_over_the_present_and_stops_where_nobody_asked():
    present = rates.by_part(asked((0, "none", 1), (3, "ok", 1)), PART)
    before = rates.by_part(asked((24, "ok", 1), (27, "none", 3)), PART)
    series = [("now", present), ("a day before", rates.moved(before, 24 * HOUR))]
    figure = rate_figures.against(series, "none", PART, (NOW - HOUR, NOW), INK)
    go.Figure(figure)
    now, day = figure["data"]
    assert now["x"] == day["x"]
    assert now["y"] == [0.0, None, None, 100.0]
    assert day["y"] == [100.0, None, None, 0.0]


def test_what_a_figure_says_is_said_in_words_too():
    counts = rates.by_part(asked((1, "ok", 3), (1, "none", 1)), PART)
    assert rates.finding(counts, PART) == (
        "4 answers: 75 % ok, 0 % degraded, 25 % none. Most without a recommendation in the hour "
        "from 2026-01-10 02:00 UTC: 1 of 4."
    )
    told = rates.finding_against([("now", counts), ("before", counts.clear())], "none")
    assert told == "Share of none answers. now: 25 %; before: no answers."


def test_one_answer_is_enough_for_every_figure():
    counts = rates.by_part(asked((0, "ok", 1)), PART)
    go.Figure(rate_figures.over_time(counts, PART, (NOW - HOUR, NOW), changes(), INK))
    go.Figure(
        rate_figures.against(
            [("now", counts), ("before", counts.clear())], "none", PART, (NOW - HOUR, NOW), INK
        )
    )


def test_changes_are_rows_of_text_the_newest_first():
    assert rates.change_rows(changes("a" * 300))[0][:2] == ("2026-01-10 02:05", "ingest")
    assert len(rates.change_rows(changes("a" * 300))[0][2]) == 120
    assert rates.change_rows(pl.DataFrame()) == []
