from __future__ import annotations

import pytest

from tradingkb.presentation.evaluation import (
    evaluation_card,
    evaluation_markdown,
    evaluation_text,
)
from tradingkb.presentation.evaluation_facts import caution, change, share, verdict

NAN = float("nan")


def mine(evaluation):
    return evaluation["table"][0]


def test_the_verdict_says_where_the_ways_of_resampling_disagree(evaluation):
    # -0.02 to the average reaches 0.01 by symbol, 0.03 by date and 0.05 by quarter.
    text = verdict(evaluation)
    assert "better than the plain average by symbol, but not by window date or quarter" in text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.03, -0.01, "better than the plain average;"),
        (-0.03, 0.01, "not told apart from the plain average;"),
        (0.01, 0.03, "worse than the plain average;"),
        (-0.01, 0.0, "not told apart from the plain average;"),
    ],
)
def test_an_interval_that_reaches_zero_tells_nothing_apart(evaluation, low, high, said):
    for cluster in ("symbol", "as_of", "quarter"):
        mine(evaluation)[f"vs_average_low_{cluster}"] = low
        mine(evaluation)[f"vs_average_high_{cluster}"] = high
    assert said in verdict(evaluation)


def test_without_any_interval_nothing_is_claimed(evaluation):
    for key in mine(evaluation):
        if "_low_" in key or "_high_" in key:
            mine(evaluation)[key] = NAN
    assert verdict(evaluation) == "There are too few symbols and dates to tell the methods apart."
    assert verdict({**evaluation, "table": []}) == verdict(evaluation)


def test_intervals_from_few_clusters_are_called_too_narrow(evaluation):
    assert caution(evaluation).startswith("Intervals from 2 symbols are too narrow")
    assert caution({**evaluation, "n_symbols": 30}) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "+0.012"), (-0.0123, "-0.012"), (-0.0001, "0.000"), (NAN, ""), (None, "")],
)
def test_a_difference_carries_its_sign_unless_it_rounds_to_zero(value, text):
    assert change(value) == text


def test_a_share_that_is_unknown_is_an_empty_text():
    assert [share(v) for v in (0.554, None, NAN)] == ["55 %", "", ""]


def test_every_method_has_a_line_with_its_interval_and_hindsight_is_marked(evaluation):
    lines = {line.split()[0]: line for line in evaluation_text(evaluation).splitlines() if line}
    for method in evaluation["methods"]:
        assert method in lines
    assert "-0.020 (-0.030 to -0.010)" in lines["tradingkb"]
    assert lines["stated"].startswith("stated (hindsight)")
    assert lines["oracle"].startswith("oracle (hindsight)")
    assert "(hindsight)" not in lines["tradingkb"]


def test_the_head_of_an_interval_names_what_is_resampled(evaluation):
    for shown in (evaluation_text, evaluation_markdown, evaluation_card):
        assert "vs average (95 % by symbol)" in shown(evaluation).replace("\u00a0", " ")


def test_markdown_has_as_many_cells_in_every_row(evaluation):
    lines = evaluation_markdown(evaluation).splitlines()
    assert {line.count("|") for line in lines} == {8}
    assert len(lines) == 2 + len(evaluation["table"])


def test_the_card_says_what_a_method_means_and_escapes_it(evaluation):
    evaluation["methods"]["tradingkb"] = 'a "<b>'
    card = evaluation_card(evaluation)
    assert 'title="a &quot;&lt;b&gt;"' in card
    assert "<script" not in card


def test_an_evaluation_of_a_fraction_is_shown_in_percent(evaluation):
    text = evaluation_text({**evaluation, "objective": "return", "unit": "fraction"})
    assert "+50.00 %" in text


def test_an_unknown_number_is_never_printed_as_nan(evaluation):
    mine(evaluation).update(regret=NAN, objective=NAN, beats_defaults=NAN, vs_average=NAN)
    assert "nan" not in evaluation_text(evaluation).lower()
    assert "nan" not in evaluation_card(evaluation).lower()
