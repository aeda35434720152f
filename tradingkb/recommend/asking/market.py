"""Reading what a question says about the market: bars, a regime, own results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import polars as pl

from tradingkb.domain import (
    TAGS,
    TIMEFRAME_REMEDY,
    Market,
    Regime,
    canonical_timeframe,
    check_names,
    is_no_timeframe,
)
from tradingkb.exceptions import (
    InvalidInputError,
    InvalidOHLCVError,
    InvalidRegimeError,
    InvalidTrialError,
)
from tradingkb.importers import const, read_trials
from tradingkb.recommend.answer import CODES
from tradingkb.regimes import Bars, as_datetime, bar_length, measure_regime, read_ohlcv

RegimeLike: TypeAlias = Regime | Mapping[str, Any] | Sequence[str]


@dataclass(frozen=True)
class GivenMarket:
    """What a user says of the market: prices or a regime, and the instrument.

    Attributes:
        ohlcv: a frame or path of price bars.
        regime: instead of `ohlcv`: measured, or stated in one of its spellings.
        symbol, timeframe: of the instrument; taken from `ohlcv` or `regime` if they say it.
    """

    ohlcv: Any = None
    regime: RegimeLike | None = None
    symbol: str | None = None
    timeframe: str | None = None

    def read(self, as_of: datetime | None, now: datetime) -> Market:
        """Measures the regime from bars, or takes the given one.

        Args:
            as_of: only bars that had closed by then are used.
            now: the same where there is no `as_of`.

        Raises:
            InvalidInputError: both are given.
            InvalidOHLCVError, InvalidRegimeError: what is wrong with either.
        """
        if self.ohlcv is not None and self.regime is not None:
            raise InvalidInputError(
                "ohlcv and regime are both given",
                field="regime",
                remedy="give the market once: measured from ohlcv, or as a regime",
            )
        Market(symbol=self.symbol, timeframe=self.timeframe)  # refuses what is no text
        if self.timeframe and is_no_timeframe(self.timeframe):
            raise InvalidInputError(
                f"{self.timeframe!r} is no time that a bar can last",
                field="timeframe",
                remedy=TIMEFRAME_REMEDY,
            )
        timeframe = canonical_timeframe(self.timeframe) if self.timeframe else None
        if self.ohlcv is not None:
            bars = read_ohlcv(self.ohlcv, symbol=self.symbol, timeframe=timeframe)
            return measured_market(bars, as_of, now)
        if self.regime is None:
            return Market(None, self.symbol, timeframe)
        given = as_regime(self.regime)
        _refuse_later(given, as_of)
        symbol, timeframe = self.symbol or given.symbol, timeframe or given.timeframe
        return Market(given, symbol, timeframe, _codes(given), given.warnings)


def _refuse_later(regime: Regime, as_of: datetime | None) -> None:
    if regime.source != "measured" or as_of is None or regime.end is None:
        return
    if regime.end + _length(regime.timeframe) > as_of:
        raise InvalidInputError(
            f"the regime was measured on bars up to the one of {regime.end:%Y-%m-%d %H:%M} UTC, "
            "which closes after as_of",
            field="regime",
            remedy="measure it on earlier bars, or pass ohlcv= and let as_of cut them",
        )


def _length(timeframe: str | None) -> timedelta:
    """How long a bar lasts; nothing where its timeframe is no time, as of a chart of ticks."""
    try:
        return timedelta() if timeframe is None else bar_length(timeframe)
    except InvalidOHLCVError:
        return timedelta()


def measured_market(bars: Bars, as_of: datetime | None, now: datetime) -> Market:
    """The market of bars, as far as they had closed by `as_of`, or else by now.

    Raises:
        InvalidOHLCVError: too few bars.
    """
    cut: tuple[str, ...] = ()
    if as_of is None or as_of >= now:  # what is in progress is not known because a later time is
        bars = bars.finished(now)
    elif len(past := bars.before(as_of)) < len(bars):
        if not len(past):
            first = as_datetime(bars.ts[0])
            raise InvalidOHLCVError(
                f"no bar had closed by {as_of:%Y-%m-%d %H:%M} UTC: the first one is of "
                f"{first:%Y-%m-%d %H:%M}",
                field="as_of",
                remedy="give a later as_of, or bars from further back",
            )
        bars, cut = past, ("ohlcv_cut_at_as_of",)
    regime = measure_regime(bars)
    return Market(regime, bars.symbol, bars.timeframe, cut + _codes(regime), regime.warnings)


def _codes(regime: Regime) -> tuple[str, ...]:
    """Codes of what weakens a regime; texts that are of no known code stay sentences."""
    codes = (text.split(":", 1)[0] for text in regime.warnings)
    return tuple(code for code in codes if code in CODES)


def as_regime(regime: RegimeLike) -> Regime:
    """A `Regime` from its several spellings: itself, its dict, {feature: value}, tags.

    Raises:
        InvalidRegimeError: none of these, or names that do not exist.
    """
    if isinstance(regime, Regime):
        return regime
    if isinstance(regime, Mapping):
        return Regime.from_dict(regime) if "features" in regime else Regime.stated(features=regime)
    if isinstance(regime, str):
        return Regime.stated(tags=[regime])
    if isinstance(regime, Sequence):
        return Regime.stated(tags=regime)
    raise InvalidRegimeError(
        f"{type(regime).__name__} is no regime",
        field="regime",
        remedy="give kb.regime(ohlcv), Regime.stated(...), {feature: value} or a list of tags",
    )


def checked_tags(tags: Sequence[str] | str | None) -> tuple[str, ...] | None:
    """Tags of a filter.

    Raises:
        InvalidRegimeError: an unknown tag; near names are suggested.
    """
    if tags is None:
        return None
    names = (tags,) if isinstance(tags, str) else tuple(tags)
    check_names("tag", names, TAGS)
    return names


def read_own_trades(own_trials: Any, strategy_name: str, now: datetime) -> dict[str, float] | None:
    """In-sample trade counts of the user's own tuning, by canonical parameters.

    Raises:
        InvalidTrialError: the table cannot be used, a row is bad, or n_trades_is is missing.
    """
    if own_trials is None:
        return None
    try:
        batch = read_trials(own_trials, mapping={"strategy_name": const(strategy_name)}, now=now)
    except InvalidTrialError as error:
        raise InvalidTrialError(f"own_trials: {error}") from None
    if batch.rejects.height:
        first = batch.rejects.row(0, named=True)
        raise InvalidTrialError(
            f"own_trials: {first['message']}",
            row=first["row"],
            field=first["field"],
            remedy=first["remedy"],
        )
    counts = batch.trials.filter(pl.col("n_trades_is").is_not_null())
    if counts.is_empty():
        raise InvalidTrialError(
            "own_trials says no number of in-sample trades",
            field="n_trades_is",
            remedy="give the column n_trades_is: it is what own results are used for",
        )
    # Several rows of one set are its several windows.
    means = counts.group_by("params").agg(pl.col("n_trades_is").mean())
    return {params: float(n) for params, n in means.rows()}
