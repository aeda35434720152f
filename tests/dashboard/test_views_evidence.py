"""What stands behind an answer and in its way, as rows."""

from __future__ import annotations

import pytest

from dashboard.views import evidence
from tests.presentation.conftest import build, build_degraded, build_none
from tradingkb.ranking.tiebreak import RULES


def test_every_window_of_the_evidence_has_a_row_newest_first():
    ok = build()
    frame = evidence.windows(ok)
    assert frame.height == len(ok["evidence"])
    ends = [end for end in frame["end"].to_list() if end]
    assert ends == sorted(ends, reverse=True)


def test_without_evidence_the_tables_are_empty_and_keep_their_columns():
    none = build_none()
    assert evidence.windows(none).columns[:3] == ["market", "start", "end"]
    tables = (evidence.windows, evidence.nominations, evidence.tie_breaks, evidence.spreads)
    assert [table(none).height for table in tables] == [0, 0, 0, 0]
    assert evidence.neighbourhood(none) == ""


def test_a_nomination_says_by_which_filters_and_which_rule():
    degraded = build_degraded()
    frame = evidence.nominations(degraded)
    assert frame["rank"].to_list() == list(range(1, 8))
    assert frame["filters"].to_list() == [
        "relaxed" if row["relaxed"] else "strict" for row in degraded["trials"]
    ]
    assert set(frame["decided by"]) <= set(RULES)


def test_every_rule_of_a_tie_break_has_its_meaning_in_the_order_of_the_rules():
    assert tuple(evidence.TIE_BREAKS) == RULES
    answer = build(tie_break_counts={"source_id": 2, "score": 5, "newer_rule": 1})
    frame = evidence.tie_breaks(answer)
    assert frame["rule"].to_list() == ["score", "source_id", "newer_rule"]
    assert frame["places"].to_list() == [5, 2, 1]


def test_the_spread_of_each_parameter_stands_beside_what_is_recommended():
    ok = build()
    rows = {row["parameter"]: row for row in evidence.spreads(ok).to_dicts()}
    assert rows["fast"]["recommended"] == "20"
    assert rows["fast"]["best-supported sets"] == "10 to 30 (median 20)"


def window(distance, *tags):
    return {"regime_distance": distance, "tags": list(tags)}


def test_the_neighbourhood_is_the_nearest_quarter_of_windows_with_a_distance():
    rows = [window(d) for d in (4.0, 1.0, 3.0, 2.0, None)]
    assert evidence.nearest(rows) == [window(1.0)]
    assert evidence.nearest([window(None)]) == []


def test_tags_of_the_question_come_first_with_their_shares_near_and_in_all():
    answer = {
        "regime": {"tags": ["uptrend"]},
        "evidence": [window(1.0, "uptrend"), *(window(d, "choppy") for d in (2.0, 3.0, 4.0))],
    }
    assert evidence.neighbour_tags(answer).rows() == [
        ("uptrend", True, 1.0, 0.25),
        ("choppy", False, 0.0, 0.75),
    ]
    assert "nearest window is 1.00 away, half of all 4 within 2.50" in evidence.neighbourhood(
        answer
    )


def test_the_caption_of_the_figure_says_unit_sample_and_how_to_read_the_marks():
    said = evidence.caption(build())
    assert said.startswith("Sharpe (annualised) in each of 156 windows that tried these parameters")
    assert "larger marks" in said
    assert said.endswith("times UTC.")
    alone = [{**row, "regime_distance": None} for row in build()["evidence"]]
    assert "larger marks" not in evidence.caption({**build(), "evidence": alone})


def test_a_regime_is_shown_with_units_and_an_unknown_feature_without():
    frame = evidence.regime_features({"features": {"rsi": 61.0, "of_a_later_release": 1.0}})
    assert frame["unit"].to_list() == ["0..100", ""]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "off"),
        (True, "yes"),
        (False, "no"),
        ([], "none"),
        (["uptrend", "oversold"], "uptrend, oversold"),
        (0.30001, "0.3001"),
        (5, "5"),
    ],
)
def test_a_threshold_reads_as_a_person_would_say_it(value, text):
    assert evidence.threshold(value) == text


def test_the_filters_say_how_many_trials_fail_them_and_them_alone():
    degraded = build_degraded()
    rows = {row["filter"]: row for row in evidence.rejections(degraded).to_dicts()}
    assert rows["max_drawdown"] == {
        "filter": "max_drawdown",
        "threshold": "0.25",
        "fail it": 57,
        "fail only it": 22,
        "not known": 3,
    }


def test_a_relaxation_is_asked_with_the_value_that_is_shown_and_never_a_tighter_one():
    degraded = build_degraded()
    settings = degraded["recommended_relaxed_settings"]
    first, second = evidence.relaxations(settings[::-1])
    assert (first.filter, first.value, first.sufficient) == ("max_drawdown", 0.3099, True)
    assert "0.3099 → 12 trials from 4 windows" in first.text
    assert first.value >= settings[0]["suggested"]
    assert (second.value, second.sufficient) == (None, False)
