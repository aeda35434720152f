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


def test_the_verdict_says_where_symbols_dates_and_quarters_disagree(evaluation):
    # -0.02 to the average reaches 0.01 by symbol, 0.03 by date and 0.05 by quarter.
    text = verdict(evaluation)
    assert "better than the plain average by symbol, but not by window date or quarter" in text
    assert "95 % intervals over 2 symbols, 45 window dates and 40 quarters" in text


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


def test_few_clusters_are_named(evaluation):
    assert caution(evaluation).startswith("Few clusters: 2 symbols.")
    many = {"symbol": 30, "as_of": 45, "quarter": 40}
    assert caution({**evaluation, "n_clusters": many}) == ""


def test_outcomes_of_near_sets_are_counted_beside_the_exact_ones(evaluation):
    assert "exact" not in evaluation_text(evaluation)
    mine(evaluation).update(
        exact=0.2,
        exact_n=18,
        exact_vs_average=-0.03,
        exact_vs_average_low_symbol=-0.05,
        exact_vs_average_high_symbol=-0.01,
    )
    said = "-0.030 (-0.050 to -0.010; 18 decisions of 2 symbols)"
    for shown in (evaluation_text, evaluation_markdown, evaluation_card):
        text = shown(evaluation).replace("\u00a0", " ").replace("\u2212", "-").replace("\u2060", "")
        assert "18 of 90" in text
        assert said in text


def test_without_a_decision_where_both_are_exact_nothing_is_claimed_of_them(evaluation):
    mine(evaluation).update(exact=0.0, exact_n=0, exact_n_symbol=0, exact_vs_average=None)
    line = next(t for t in evaluation_text(evaluation).splitlines() if t.startswith("tradingkb"))
    assert line.endswith("0 of 90")


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


def test_the_head_of_an_interval_says_how_many_clusters_it_is_over(evaluation):
    for shown in (evaluation_text, evaluation_markdown, evaluation_card):
        assert "vs average (95 % over 2 symbols)" in shown(evaluation).replace("\u00a0", " ")


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
