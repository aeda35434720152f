"""Which questions are put to both sides of a move."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from tests.small_store import regime
from tradingkb.domain import Market
from tradingkb.upkeep.move_answers import markets_of

_START = datetime(2020, 1, 1, tzinfo=UTC)


def windows(*rows: tuple[str | None, int, float | None]) -> pl.DataFrame:
    """Windows by symbol, year of their end, and volatility of their regime."""
    return pl.DataFrame(
        [
            {
                "symbol": symbol,
                "timeframe": "1d",
                "window_key": f"{symbol}{year}",
                "is_end": _START,
                "oos_end": _START.replace(year=year),
                "regime_is": None,
                "regime_oos": None if volatility is None else regime(volatility),
            }
            for symbol, year, volatility in rows
        ],
        schema_overrides={"regime_is": pl.String, "regime_oos": pl.String},
    )


def volatility(market: Market) -> float | None:
    return market.regime.features["volatility_annual"] if market.regime else None


def test_an_instrument_is_asked_about_as_it_was_last_measured() -> None:
    found = markets_of(windows(("X", 2022, 0.2), ("X", 2024, 0.4), ("X", 2023, 0.3)))
    assert list(found) == ["X 1d", "stated", "no regime"]
    assert (found["X 1d"].symbol, volatility(found["X 1d"])) == ("X", 0.4)
    assert (found["stated"].kind, found["no regime"].kind) == ("stated", "none")


def test_of_many_instruments_three_that_are_far_apart_are_asked_about() -> None:
    found = markets_of(windows(*((name, 2020, 0.1) for name in "EABDC")))
    assert list(found) == ["A 1d", "C 1d", "E 1d", "stated", "no regime"]


def test_windows_without_a_regime_ask_for_none() -> None:
    assert list(markets_of(windows(("X", 2020, None)))) == ["stated", "no regime"]
    assert list(markets_of(windows((None, 2020, 0.1)))) == ["None 1d", "stated", "no regime"]
