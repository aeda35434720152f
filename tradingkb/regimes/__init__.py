"""OHLCV bars in, market regimes out."""

from tradingkb.regimes.bars import MIN_BARS, Bars, Gap, as_datetime
from tradingkb.regimes.features import compute_features
from tradingkb.regimes.measure import (
    LOOKBACK,
    WindowNote,
    WindowRegimes,
    measure_regime,
    measure_windows,
)
from tradingkb.regimes.paths import is_file, is_folder
from tradingkb.regimes.read import bar_columns, read_ohlcv, series_of
from tradingkb.regimes.times import bar_length

__all__ = [
    "LOOKBACK",
    "MIN_BARS",
    "Bars",
    "Gap",
    "WindowNote",
    "WindowRegimes",
    "as_datetime",
    "bar_columns",
    "bar_length",
    "compute_features",
    "is_file",
    "is_folder",
    "measure_regime",
    "measure_windows",
    "read_ohlcv",
    "series_of",
]
