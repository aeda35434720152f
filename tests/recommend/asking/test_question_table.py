"""Reading many questions: rows of a table, and strategies times markets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.recommend.worlds import MARKET, NOW, START
from tradingkb.domain import Market, Regime
from tradingkb.exceptions import InvalidInputError
from tradingkb.recommend.asking.many import Asked
from tradingkb.recommend.asking.markets import Markets
from tradingkb.recommend.asking.question_table import RowReader, product_rows, question_rows

ROWS = [{"strategy_name": "s", "min_trades": 5}, {"strategy_name": "t", "symbol": "X"}]


def read(said: dict[str, Any], shared: dict[str, Any] | None = None, markets: Any = None) -> Asked:
    named = iter(f"id {n}" for n in range(9))
    base = {"objective_type": "sharpe", **(shared or {})}
    return RowReader(base, Markets(markets, NOW), "cli", lambda: next(named)).read(3, said)


def market(said: dict[str, Any], shared: dict[str, Any] | None = None, markets: Any = None) -> Any:
    asked = read({"strategy_name": "s", **said}, shared, markets)
    assert asked.question is not None, asked.error
    return asked.question.market


@pytest.mark.parametrize("name", ["symbol", "timeframe", "strategy_version"])
def test_a_row_of_a_wrong_type_is_told_by_name_and_raises_nothing(name: str) -> None:
    asked = read({"strategy_name": "s", name: 5})
    assert asked.question is None
    assert str(asked.error).startswith(f"{name}: 5 is no text")


@pytest.mark.parametrize("form", ["list", "frame", "csv", "parquet", "pandas"])
def test_a_table_says_the_same_in_each_of_its_forms(form: str, tmp_path: Path) -> None:
    frame = pl.DataFrame(ROWS)
    path = tmp_path / f"asked.{form}"
    given: Any = {"list": ROWS, "frame": frame, "pandas": None}.get(form, path)
    if form == "csv":
        frame.write_csv(path)
    elif form == "parquet":
        frame.write_parquet(path)
    elif form == "pandas":
        given = frame.to_pandas()
    assert question_rows(given) == ROWS


def test_what_a_row_leaves_out_it_does_not_say() -> None:
    assert question_rows([{"strategy_name": "s", "symbol": None}]) == [{"strategy_name": "s"}]
    assert question_rows(None) == question_rows([]) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"strategy": "s"}], "did you mean strategy_name"),
        ([{"deadline_s": 5}], "unknown column 'deadline_s'"),
        (5, "int is no table"),
        (["s"], "list is no table"),
        ("asked.txt", "is no table of questions"),
        ("missing.csv", "is no table of questions"),
        ("x" * 300 + ".csv", "is no table of questions"),
    ],
)
def test_what_is_no_table_or_has_a_column_that_means_nothing_is_refused(
    given: Any, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        question_rows(given)


@pytest.mark.parametrize(
    ("strategies", "markets", "rows"),
    [
        (["s", "t"], {"A": MARKET, "B": MARKET}, ["s A", "s B", "t A", "t B"]),
        (["s", "t"], None, ["s", "t"]),
        ("s", {"A": MARKET}, ["s A"]),
        ([], {"A": MARKET}, []),
    ],
)
def test_every_strategy_is_asked_about_every_market_strategy_by_strategy(
    strategies: Any, markets: Any, rows: list[str]
) -> None:
    found = product_rows(strategies, Markets(markets, NOW))
    assert [" ".join(row.values()) for row in found] == rows


def test_what_a_row_says_comes_before_what_is_said_for_all() -> None:
    shared = {"symbol": "A", "min_trades": 9, "strategy_version": "1", "timeframe": None}
    asked = read({"strategy_name": "s", "symbol": "B", "as_of": "2010-02-15"}, shared)
    question = asked.question
    assert question is not None
    assert (question.market.symbol, question.market.timeframe) == ("B", None)
    assert (question.overrides.given, question.strategy_version) == ({"min_trades": 9}, "1")
    assert (question.as_of, question.caller, question.request_id) == (START, "cli", "id 0")


@pytest.mark.parametrize(
    ("spelling", "regime"),
    [
        ("uptrend, low_volatility", Regime.stated(tags=["uptrend", "low_volatility"])),
        (["uptrend"], Regime.stated(tags=["uptrend"])),
        ('["uptrend"]', Regime.stated(tags=["uptrend"])),
        ('{"volatility_annual": 0.2}', Regime.stated(features={"volatility_annual": 0.2})),
        # A struct column has every field, null where a row says nothing.
        (
            {"volatility_annual": 0.2, "adx": None},
            Regime.stated(features={"volatility_annual": 0.2}),
        ),
        (MARKET, MARKET),
    ],
)
def test_a_regime_in_a_table_has_its_spellings(spelling: Any, regime: Regime) -> None:
    assert market({"regime": spelling}) == Market(regime)


def test_a_market_is_named_or_given_once() -> None:
    assert market({"market": "calm"}, markets={"calm": MARKET}).regime == MARKET
    both = {"strategy_name": "s", "market": "calm", "regime": "uptrend"}
    asked = read(both, markets={"calm": MARKET})
    assert asked.question is None
    assert "market and regime are both given" in str(asked.error)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "strategy_name"),
        ({"strategy_name": "s", "as_of": "soon"}, "as_of"),
        ({"strategy_name": "s", "regime": "{x"}, "is no JSON"),
        ({"strategy_name": "s", "regime": "up"}, "tag"),
        ({"strategy_name": "s", "regime_tags": "up"}, "tag"),
        ({"strategy_name": "s", "market": "none"}, "none"),
    ],
)
def test_a_bad_row_keeps_its_place_with_its_error_and_what_it_said(
    said: dict[str, Any], message: str
) -> None:
    asked = read(said)
    assert (asked.row, asked.question) == (3, None)
    assert message in str(asked.error)
    shown = {k: v for k, v in said.items() if k in ("strategy_name", "market", "timeframe")}
    assert asked.said == {"objective_type": "sharpe", **shown}


@pytest.mark.parametrize("tags", ["uptrend,low_volatility", ["uptrend", "low_volatility"]])
def test_tags_of_a_filter_are_a_list_or_a_text_with_commas(tags: Any) -> None:
    asked = read({"strategy_name": "s", "regime_tags": tags})
    assert asked.question is not None
    assert asked.question.overrides.regime_tags == ("uptrend", "low_volatility")


def test_a_row_shows_the_instrument_that_its_market_says() -> None:
    known = Regime(features=dict(MARKET.features), symbol="X", timeframe="1d")
    asked = read({"strategy_name": "s", "regime": known})
    assert asked.said == {
        "strategy_name": "s",
        "objective_type": "sharpe",
        "symbol": "X",
        "timeframe": "1d",
    }
