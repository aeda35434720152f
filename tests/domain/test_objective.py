from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tradingkb.domain.objective import (
    get_objective,
    objectives,
    same_score,
    score,
    stayed_out,
)
from tradingkb.exceptions import UnknownObjectiveError

NAN = math.nan


def metrics(**known: float) -> dict[str, np.ndarray]:
    names = (
        *("sharpe", "return_frac", "max_drawdown_frac", "n_trades", "win_rate", "profit_factor"),
        "years",
    )
    return {name: np.array([known.get(name, NAN)]) for name in names}


def value(name: str, stored: float = NAN, **known: float) -> float:
    return float(score(get_objective(name), metrics(**known), np.array([stored]))[0])


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("sharpe", {"sharpe": 1.5}, 1.5),
        ("return", {"return_frac": -0.1}, -0.1),
        ("max_drawdown", {"max_drawdown_frac": 0.25}, 0.25),
        ("profit_factor", {"profit_factor": 1.8}, 1.8),
        ("win_rate", {"win_rate": 0.55}, 0.55),
        ("sharpe_dd_penalty", {"sharpe": 1.5, "max_drawdown_frac": 0.25}, 1.0),
        # 21 % in two years are 10 % a year; over a drawdown of 20 % that is 0.5.
        ("calmar", {"return_frac": 0.21, "max_drawdown_frac": 0.2, "years": 2.0}, 0.5),
        # Half a year: (1.1 ** 2 - 1) / 0.1.
        ("calmar", {"return_frac": 0.1, "max_drawdown_frac": 0.1, "years": 0.5}, 2.1),
        ("calmar", {"return_frac": -1.0, "max_drawdown_frac": 1.0, "years": 1.0}, -1.0),
        ("calmar", {"return_frac": -1.5, "max_drawdown_frac": 1.0, "years": 1.0}, -1.0),
    ],
)
def test_scores_follow_their_formulas(name: str, known: dict[str, float], expected: float) -> None:
    assert value(name, **known) == pytest.approx(expected)


@pytest.mark.parametrize(
    "known",
    [
        {"return_frac": 0.1, "max_drawdown_frac": 0.0, "years": 1.0},
        {"return_frac": 0.1, "max_drawdown_frac": 0.0009, "years": 1.0},
        {"return_frac": 0.1, "max_drawdown_frac": 0.1},
        {"return_frac": 0.1, "max_drawdown_frac": 0.1, "years": 0.0},
        {"return_frac": 9.0, "max_drawdown_frac": 0.1, "years": 1e-4},
    ],
    ids=["no drawdown", "hardly any", "no dates", "no time", "a fortune in an hour"],
)
def test_a_calmar_ratio_that_means_nothing_is_unknown(known: dict[str, float]) -> None:
    assert math.isnan(value("calmar", **known))


def test_the_formula_comes_before_the_stored_score_which_fills_its_gaps() -> None:
    assert value("sharpe", stored=9.0, sharpe=1.0) == 1.0
    assert value("sharpe", stored=9.0) == 9.0
    assert math.isnan(value("sharpe"))


def test_a_sortino_ratio_can_only_be_stored() -> None:
    assert value("sortino", stored=2.0, sharpe=1.0) == 2.0


def test_only_the_drawdown_is_better_when_smaller() -> None:
    assert {o.name for o in objectives() if o.direction == "min"} == {"max_drawdown"}
    assert {o.sign for o in objectives() if o.direction == "max"} == {1.0}
    assert get_objective("max_drawdown").sign == -1.0


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("sharpe", "annualised"),
        ("sortino", "annualised"),
        ("calmar", "ratio"),
        ("return", "fraction"),
        ("max_drawdown", "fraction"),
        ("profit_factor", "ratio"),
        ("win_rate", "fraction"),
        ("sharpe_dd_penalty", "annualised"),
    ],
)
def test_every_objective_names_its_unit(name: str, unit: str) -> None:
    assert get_objective(name).unit == unit


def test_an_unknown_objective_suggests_a_near_name() -> None:
    with pytest.raises(UnknownObjectiveError, match="did you mean sharpe") as caught:
        get_objective("sharp")
    assert caught.value.field == "objective_type"
    with pytest.raises(UnknownObjectiveError, match="known: calmar"):
        get_objective("xyzzy")


#: A sample in which nothing was traded, as tools report it.
IDLE = [
    {"n_trades": 0.0},
    {"n_trades": 0.0, "sharpe": 0.0, "return_frac": 0.0, "max_drawdown_frac": 0.0},
    {"n_trades": 0.0, "win_rate": 0.0, "profit_factor": 0.0},
]


@pytest.mark.parametrize("known", IDLE, ids=["nothing else", "zeros", "zeros of ratios"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sharpe", 0.0),
        ("sortino", 0.0),
        ("calmar", 0.0),
        ("return", 0.0),
        ("sharpe_dd_penalty", 0.0),
        ("profit_factor", 1.0),
        ("win_rate", 0.0),
        ("max_drawdown", NAN),
    ],
)
def test_no_trade_is_a_result_and_no_drawdown_is_none(
    name: str, expected: float, known: dict[str, float]
) -> None:
    assert value(name, **known) == pytest.approx(expected, nan_ok=True)
    assert value(name, stored=0.25, **known) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"n_trades": 1.0},
        {"n_trades": 0.0, "return_frac": 0.03},
        {"n_trades": 0.0, "max_drawdown_frac": 0.1},
        {"n_trades": 0.0, "sharpe": -0.5},
    ],
    ids=["unknown", "one trade", "an open position that gained", "drew down", "lost"],
)
def test_only_a_sample_without_any_position_counts_as_no_trade(known: dict[str, float]) -> None:
    assert not stayed_out(metrics(**known))[0]
    assert value("profit_factor", **known) != 1.0


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"profit_factor": 9.5}, 9.5),
        ({"profit_factor": 36_034.0}, 10.0),
        ({"win_rate": 1.0}, 10.0),
        ({"win_rate": 0.0}, 0.0),
        ({"win_rate": 1.0, "profit_factor": 3.0}, 3.0),
        ({"win_rate": 0.6}, NAN),
        ({}, NAN),
    ],
)
def test_a_profit_factor_without_losing_or_winning_trades_is_bounded_and_known(
    known: dict[str, float], expected: float
) -> None:
    assert value("profit_factor", n_trades=5.0, **known) == pytest.approx(expected, nan_ok=True)


def test_a_stored_score_stays_inside_what_the_objective_can_be() -> None:
    assert value("profit_factor", stored=300.0) == 10.0
    assert value("win_rate", stored=1.5) == 1.0


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("sharpe", (-math.inf, math.inf)),
        ("max_drawdown", (0.0, 1.0)),
        ("profit_factor", (0.0, 10.0)),
        ("win_rate", (0.0, 1.0)),
    ],
)
def test_an_objective_says_what_it_can_be(name: str, bounds: tuple[float, float]) -> None:
    found = get_objective(name)
    assert (found.low, found.high) == bounds


@pytest.mark.parametrize(
    ("stored", "value", "same"),
    [
        (1.2345, 1.2345, True),
        (1.23, 1.2345, True),
        (1.2, 1.2345, True),
        (1.0, 1.02, True),
        (1.24, 1.2345, False),
        (1.0, 1.2345, False),
        (0.12345678, 0.1234, False),
        (float(np.float32(1.2345)), 1.2345, True),
        (NAN, 1.0, False),
        (1.0, NAN, False),
    ],
)
def test_a_score_is_the_value_that_it_is_rounded_from(
    stored: float, value: float, same: bool
) -> None:
    assert same_score(np.array([stored]), np.array([value])).tolist() == [same]


def test_the_facts_of_an_objective_are_json_without_its_formula() -> None:
    facts = get_objective("max_drawdown").to_dict()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert (facts["name"], facts["direction"], facts["low"]) == ("max_drawdown", "min", 0.0)
    assert get_objective("sharpe").to_dict()["high"] is None
    assert "formula" not in facts
