from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.exceptions import InvalidInputError
from tradingkb.ranking.confidence import Confidence, correlation, fit_confidence, forward_rates

KNOWN: dict[str, Any] = {"min_outcomes": 100, "min_quarters": 8, "embargo": 2}


def outcomes(
    seed: int = 0,
    *,
    rate: float = 0.55,
    quarters: int = 40,
    per_quarter: int = 30,
    shock: float = 0.03,
    beside: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Decisions whose rate moves with the quarter, and `beside` as much with the one before."""
    rng = np.random.default_rng(seed)
    drawn = rng.normal(0, shock, quarters + 1)
    moved = (drawn[1:] + beside * drawn[:-1]) / (1 + beside**2) ** 0.5
    place = np.repeat(np.arange(quarters), per_quarter)
    p = np.clip(rate + moved, 0.01, 0.99)[place]
    return (rng.random(len(p)) < p) * 1.0, 8000 + place


def fit(past: tuple[np.ndarray, np.ndarray], **options: Any) -> Confidence:
    found = fit_confidence(*past, **options)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("n", "quarters", "speaks"), [(100, 8, True), (99, 8, False), (100, 7, False), (0, 0, False)]
)
def test_too_few_decisions_or_quarters_are_no_confidence(
    n: int, quarters: int, speaks: bool
) -> None:
    quarter = np.arange(n) % max(quarters, 1)
    won = outcomes(per_quarter=100)[0][:n]
    assert (fit_confidence(won, quarter) is not None) is speaks
    small = fit_confidence(won, quarter, min_outcomes=5, min_quarters=3)
    assert (small is not None) is (n > 0)


def test_it_is_the_rate_of_all_with_the_decisions_behind_it() -> None:
    won, quarter = outcomes(1)
    found = fit((won, quarter))
    assert found.value == pytest.approx(won.mean(), abs=0.01)
    assert (found.n, found.n_quarters, found.level) == (1200, 40, 0.9)


def test_a_tie_is_half_a_win() -> None:
    won, quarter = outcomes(2)
    ties = np.where(np.arange(len(won)) % 3 == 0, 0.5, won)
    assert fit((ties, quarter)).value == pytest.approx(ties.mean(), abs=0.01)


@pytest.mark.parametrize("quarters", [8, 20, 60])
@pytest.mark.parametrize(("shock", "beside"), [(0.0, 0.0), (0.2, 0.0), (0.15, 1.0)])
def test_nine_of_ten_intervals_hold_the_true_rate_whatever_quarters_share(
    quarters: int, shock: float, beside: float
) -> None:
    facts = {"quarters": quarters, "shock": shock, "beside": beside}
    found = [
        fit(outcomes(seed, rate=0.5, per_quarter=20, **facts), min_outcomes=1)
        for seed in range(300)
    ]
    assert 0.85 <= np.mean([f.low <= 0.5 <= f.high for f in found]) <= 0.98
    assert np.mean([f.low > 0.5 for f in found]) <= 0.09  # 0.05 but for chance


def test_deciding_the_same_for_more_symbols_makes_nothing_surer() -> None:
    won, quarter = outcomes(3, shock=0.1)
    once, often = (fit((np.tile(won, n), np.tile(quarter, n))) for n in (20, 80))
    assert often.high - often.low > 0.97 * (once.high - once.low)


def test_more_quarters_make_it_surer() -> None:
    few, many = (fit(outcomes(4, shock=0.1, quarters=n)) for n in (10, 160))
    assert many.high - many.low < 0.4 * (few.high - few.low)


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_outcomes_changes_no_bit(random: Any) -> None:
    won, quarter = outcomes(5, quarters=12, shock=0.1)
    order = list(range(len(won)))
    random.shuffle(order)
    assert fit((won[order], quarter[order])) == fit((won, quarter))


@pytest.mark.parametrize("result", [0.0, 0.5, 1.0])
def test_outcomes_without_any_variation_still_leave_room_for_the_other(result: float) -> None:
    won, quarter = outcomes(6)
    found = fit((np.full_like(won, result), quarter))
    assert 0 < found.low < found.value < found.high < 1
    assert found.low <= max(result, 0.05)
    assert found.high >= min(result, 0.95)


def test_a_higher_level_has_a_wider_interval_around_the_same_value() -> None:
    narrow, wide = (fit(outcomes(7), level=level) for level in (0.5, 0.99))
    assert narrow.value == wide.value
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_correlation_of_a_quarter_is_that_of_the_analysis_of_variance_and_its_error() -> None:
    cell = np.repeat(np.arange(3), 2)
    values = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    within, between = 0.5 / 3, 2 * 0.5 / 2
    high = (between - within) / 2 + between / 2
    assert correlation(values, cell) == pytest.approx(high / (high + within))


@pytest.mark.parametrize(
    ("values", "cell"), [([1.0, 0.0], [0, 1]), ([1.0, 0.0], [0, 0]), ([1.0] * 4, [0, 0, 1, 1])]
)
def test_where_it_cannot_be_told_a_quarter_counts_as_one_decision(
    values: list[float], cell: list[int]
) -> None:
    assert correlation(np.array(values), np.array(cell)) == 1.0


def test_a_confidence_comes_back_from_json_bit_by_bit() -> None:
    found = fit(outcomes(8))
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert Confidence.from_dict(json.loads(text)) == found


@pytest.mark.parametrize("version", [1, 3, None])
def test_a_confidence_of_another_version_has_to_be_fitted_again(version: int | None) -> None:
    stored = {**fit(outcomes(9)).to_dict(), "version": version}
    with pytest.raises(InvalidInputError, match=r"not 2 \(fit it again\)"):
        Confidence.from_dict(stored)


def test_a_forecast_knows_nothing_of_its_own_quarters_nor_of_those_under_embargo() -> None:
    won, quarter = outcomes(10, shock=0.1)
    said, came, when = forward_rates(won, quarter, **KNOWN)
    first = int(when.min())
    assert first - int(quarter.min()) >= 8 + 2
    assert came.tolist() == won[quarter >= first].tolist()
    changed = np.where(quarter >= first - 2, 1 - won, won)
    again, _, _ = forward_rates(changed, quarter, **KNOWN)
    # The first group of quarters: nothing that it knew has changed. The last one knew of it.
    now = when == first
    assert said[now].tolist() == again[now].tolist()
    assert (said[-30:] != again[-30:]).all()


def test_a_forecast_is_what_would_have_been_fitted_then() -> None:
    won, quarter = outcomes(11)
    said, _, when = forward_rates(won, quarter, **KNOWN)
    first = int(when.min())
    assert said[0] == fit((won[quarter < first - 2], quarter[quarter < first - 2])).value


def test_a_past_too_short_to_forecast_from_forecasts_nothing() -> None:
    for quarters in (0, 1, 10):
        said, came, when = forward_rates(*outcomes(12, quarters=quarters), **KNOWN)
        assert (len(said), len(came), len(when)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("won", "quarter", "message"),
    [
        ([1.0, 0.7], [0, 1], r"row 2, won: .*an outcome is 0, 0.5 \(a tie\) or 1"),
        ([1.0, 0.0], [1], r"quarter: shape \(1,\) for \(2,\) outcomes \(one quarter per outcome"),
    ],
)
def test_outcomes_that_are_none_are_refused_by_row_and_field(
    won: list[float], quarter: list[int], message: str
) -> None:
    for ask in (fit_confidence, lambda *given: forward_rates(*given, **KNOWN)):
        with pytest.raises(InvalidInputError, match=message):
            ask(np.array(won), np.array(quarter))
