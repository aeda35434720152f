"""The sixteen numbers that describe a market regime: names, units, sources and bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from tradingkb.exceptions import InvalidRegimeError

REGIME_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class FeatureInfo:
    """What one regime feature means.

    Attributes:
        name: The feature's name, one of `FEATURES`.
        unit: The unit of its values.
        meaning: One line for a reader; states the sign convention where there is one.
        source: Where the formula comes from.
        low: The smallest valid value (inclusive). Above 0 for a log-scaled feature.
        high: The largest valid value (inclusive). It catches percent given for a fraction.
        believable: The range in which people state it, narrower than the valid one where a value in
            another unit (percent for a fraction, a fraction for 0..100) would still be valid.
        log_scaled: True for a positive, heavy-tailed feature whose logarithm is to be taken
            before it is scaled or compared.
    """

    name: str
    unit: str
    meaning: str
    source: str
    low: float
    high: float
    log_scaled: bool = False
    believable: tuple[float, float] | None = None


_INFOS = (
    FeatureInfo(
        "atr_pct",
        "fraction of price",
        "mean of the 14-bar average true range over the close",
        "Wilder 1978, New Concepts in Technical Trading Systems (ATR); TA-Lib ATR",
        1e-7,
        1.0,
        log_scaled=True,
        believable=(0.0, 0.25),
    ),
    FeatureInfo(
        "volatility_annual",
        "fraction per year",
        "sample standard deviation of log returns x sqrt(periods_per_year)",
        "realised close-to-close volatility, Hull, Options Futures and Other Derivatives",
        1e-5,
        20.0,
        log_scaled=True,
        believable=(0.0, 4.0),
    ),
    FeatureInfo(
        "volatility_ratio",
        "ratio",
        "volatility of the last 20 returns over that of all returns; above 1 it is expanding",
        "ratio of two realised volatilities",
        0.01,
        20.0,
        log_scaled=True,
    ),
    FeatureInfo(
        "volatility_of_volatility",
        "ratio",
        "standard deviation of the rolling 20-bar volatility over its mean",
        "coefficient of variation of realised volatility",
        0.001,
        10.0,
        log_scaled=True,
    ),
    FeatureInfo(
        "bb_width",
        "fraction of price",
        "mean of (upper - lower) / middle of the 20-bar, 2-sd Bollinger bands",
        "Bollinger 2001, Bollinger on Bollinger Bands (BandWidth)",
        1e-7,
        4.0,
        log_scaled=True,
        believable=(0.0, 1.5),
    ),
    FeatureInfo(
        "efficiency_ratio",
        "0..1",
        "net move over the sum of absolute moves, whole lookback; shrinks with its length",
        "Kaufman 1995, Smarter Trading (efficiency ratio)",
        0.0,
        1.0,
    ),
    FeatureInfo(
        "efficiency_ratio_20",
        "0..1",
        "mean of the 20-bar efficiency ratio; a random walk has about 0.2",
        "Kaufman 1995, Smarter Trading (efficiency ratio)",
        0.0,
        1.0,
    ),
    FeatureInfo(
        "trend_strength",
        "0..1",
        "R squared of the log close on time",
        "ordinary least squares",
        0.0,
        1.0,
    ),
    FeatureInfo(
        "trend_direction",
        "-1..1",
        "trend_strength with the sign of the slope; positive is up",
        "ordinary least squares",
        -1.0,
        1.0,
    ),
    FeatureInfo(
        "drift",
        "t statistic",
        "mean log return over its standard error; positive is up",
        "Student's t of the mean",
        -30.0,
        30.0,
    ),
    FeatureInfo(
        "zscore",
        "standard deviations",
        "last close against the mean of the last 20 closes; positive is above",
        "Bollinger 2001 (%b, centred), population standard deviation",
        -math.sqrt(19.0),
        math.sqrt(19.0),
    ),
    FeatureInfo(
        "rsi",
        "0..100",
        "14-bar relative strength index at the last bar; 50 is neutral",
        "Wilder 1978 (RSI); TA-Lib RSI",
        0.0,
        100.0,
        believable=(1.5, 100.0),
    ),
    FeatureInfo(
        "adx",
        "0..100",
        "mean of the 14-bar average directional index; it has no sign",
        "Wilder 1978 (ADX); TA-Lib ADX",
        0.0,
        100.0,
        believable=(1.5, 100.0),
    ),
    FeatureInfo(
        "autocorrelation_1",
        "-1..1",
        "correlation of a log return with the one before; negative means reversal",
        "first-order sample autocorrelation, Box and Jenkins 1970",
        -1.0,
        1.0,
    ),
    FeatureInfo(
        "max_drawdown_frac",
        "fraction of peak",
        "largest fall of the close from its running peak, as a positive fraction",
        "Magdon-Ismail and Atiya 2004, Maximum Drawdown",
        0.0,
        1.0,
    ),
    FeatureInfo(
        "range_position",
        "0..1",
        "last close inside the lookback's low (0) to high (1)",
        "Lane's stochastic %K over the whole lookback",
        0.0,
        1.0,
    ),
)

FEATURE_INFO: Mapping[str, FeatureInfo] = MappingProxyType({info.name: info for info in _INFOS})
"""The description of each feature, in the order of `FEATURES`."""

FEATURES: tuple[str, ...] = tuple(FEATURE_INFO)
"""The sixteen feature names; the order of `Regime.vector()`. A change of it, or of a formula,
needs a new `REGIME_SCHEMA_VERSION`."""


def check_names(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a name that is not known, and suggest a near one.

    Args:
        kind: What the names are, for the message ("feature", "tag").
        names: The names to check.
        known: The names that exist.

    Raises:
        InvalidRegimeError: for the first unknown name.
    """
    known = tuple(known)
    for name in names:
        if name not in known:
            near = get_close_matches(str(name), known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
            raise InvalidRegimeError(
                f"unknown regime {kind} {name!r}",
                field=kind,
                remedy=f"{hint}{kind}s are: {', '.join(known)}",
            )


def check_feature_values(features: Mapping[str, float]) -> dict[str, float]:
    """Validated features as floats, in the order of `FEATURES`.

    Raises:
        InvalidRegimeError: for an unknown name, a value that is no finite number, or one outside
            the feature's bounds.
    """
    check_names("feature", features, FEATURES)
    found: dict[str, float] = {}
    for name in FEATURES:
        if name in features:
            found[name] = _checked(FEATURE_INFO[name], name, features[name])
    return found


def _checked(info: FeatureInfo, name: str, raw: object) -> float:
    try:
        # Texts that read as numbers are no numbers, and float() would take them.
        value = math.nan if isinstance(raw, bool | str | bytes) else float(raw)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise InvalidRegimeError(
            f"{raw!r} is not a finite number",
            field=name,
            remedy="give a number, or leave the feature out when it is not known",
        )
    if not info.low <= value <= info.high:
        raise InvalidRegimeError(
            f"{value!r} is outside {info.low:g} to {info.high:g}",
            field=name,
            remedy=f"give it in its unit ({info.unit}): {info.meaning}",
        )
    return value
