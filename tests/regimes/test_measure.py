from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradingkb.domain.regime import FEATURE_INFO, FEATURES, Regime
from tradingkb.exceptions import InvalidInputError, InvalidOHLCVError
from tradingkb.regimes import measure_regime, measure_windows, read_ohlcv
from tradingkb.regimes.bars import Bars

START = datetime(2020, 1, 1, tzinfo=UTC)
moves = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-4, 0.2), st.floats(-0.2, -1e-4)), min_size=60, max_size=120
)


def bars_of(returns: list[float], scale: float = 1.0) -> Bars:
    close = 100 * np.exp(np.cumsum(returns)) * scale
    opens = np.concatenate([close[:1], close[:-1]])
    ts = np.datetime64("2020-01-01", "us") + np.arange(len(close)) * np.timedelta64(1, "D")
    high, low = np.maximum(opens, close) * 1.01, np.minimum(opens, close) * 0.99
    return Bars(ts, opens, high, low, close, None, None, "1d")


@settings(max_examples=60, deadline=None)
@given(moves)
def test_features_are_finite_and_inside_their_bounds(returns: list[float]) -> None:
    for name, value in measure_regime(bars_of(returns)).features.items():
        assert FEATURE_INFO[name].low <= value <= FEATURE_INFO[name].high


@settings(max_examples=60, deadline=None)
@given(moves, st.floats(1e-13, 1e9))
def test_the_price_level_does_not_matter(returns: list[float], scale: float) -> None:
    here, there = measure_regime(bars_of(returns)), measure_regime(bars_of(returns, scale))
    assert np.allclose(here.vector(), there.vector(), rtol=1e-6, atol=1e-6, equal_nan=True)


def test_a_steady_rise_has_known_features(make) -> None:
    frame = make(1.01 ** np.arange(100), spread=0.0)
    regime = measure_regime(read_ohlcv(frame, symbol="UP"))
    expected = {
        "efficiency_ratio": 1.0,
        "efficiency_ratio_20": 1.0,
        "trend_strength": 1.0,
        "trend_direction": 1.0,
        "drift": 30.0,
        "rsi": 100.0,
        "adx": 100.0,
        "max_drawdown_frac": 0.0,
        "range_position": 1.0,
    }
    assert {name: regime.features[name] for name in expected} == pytest.approx(expected)
    # True range: close - previous close = close x (1 - 1/1.01); Wilder's mean lags behind it.
    assert 0 < regime.features["atr_pct"] < 1 - 1 / 1.01
    assert "volatility_annual" not in regime.features
    assert regime.tags == ("overbought", "trending", "uptrend")


def test_a_zigzag_has_known_features(make) -> None:
    close = np.where(np.arange(101) % 2 == 0, 100.0, 110.0)
    regime = measure_regime(read_ohlcv(make(close, spread=0.0)))
    step = math.log(1.1)
    assert regime.features["volatility_annual"] == pytest.approx(
        step * math.sqrt(100 / 99) * math.sqrt(365.25)
    )
    assert regime.features["volatility_ratio"] == pytest.approx(math.sqrt(20 / 19 * 99 / 100))
    assert regime.features["autocorrelation_1"] == pytest.approx(-0.99)
    assert regime.features["efficiency_ratio"] == 0.0
    assert regime.features["efficiency_ratio_20"] == 0.0
    assert regime.features["max_drawdown_frac"] == pytest.approx(1 - 100 / 110)
    assert regime.features["range_position"] == 0.0
    assert regime.features["zscore"] == pytest.approx(-1.0)
    assert regime.features["bb_width"] == pytest.approx(4 * 5 / 105)
    assert regime.features["drift"] == pytest.approx(0.0, abs=1e-9)
    assert {"choppy", "high_volatility", "ranging"} <= set(regime.tags)


def test_a_fall_mirrors_a_rise(make) -> None:
    features = measure_regime(read_ohlcv(make(0.99 ** np.arange(100), spread=0.0))).features
    assert features["trend_direction"] == pytest.approx(-1.0)
    assert features["drift"] == -30.0
    assert features["rsi"] == pytest.approx(0.0)
    assert features["max_drawdown_frac"] == pytest.approx(1 - 0.99**99)


def test_volatility_that_tripled_at_the_end_is_expanding() -> None:
    returns = [0.01, -0.01] * 40 + [0.03, -0.03] * 10
    regime = measure_regime(bars_of([0.0, *returns]))
    short, long = math.sqrt(20 * 9 / 19), math.sqrt((80 * 1 + 20 * 9) / 99)
    assert regime.features["volatility_ratio"] == pytest.approx(short / long)
    assert "volatility_expanding" in regime.tags


def test_drift_is_the_t_statistic_of_the_mean_log_return() -> None:
    regime = measure_regime(bars_of([0.0, *[0.03, -0.01] * 50]))
    standard_error = 0.02 * math.sqrt(100 / 99) / 10
    assert regime.features["drift"] == pytest.approx(0.01 / standard_error)


def test_prices_that_never_move_are_neutral_and_have_no_volatility(make) -> None:
    regime = measure_regime(read_ohlcv(make(np.full(60, 3.3), spread=0.0)))
    assert dict(regime.features) == {
        "efficiency_ratio": 0.0,
        "efficiency_ratio_20": 0.0,
        "trend_strength": 0.0,
        "trend_direction": 0.0,
        "drift": 0.0,
        "zscore": 0.0,
        "rsi": 50.0,
        "adx": 0.0,
        "max_drawdown_frac": 0.0,
        "range_position": 0.5,
    }
    assert regime.warnings[0].startswith("flat_prices")


def test_only_the_trailing_lookback_is_measured(make, walk) -> None:
    whole = measure_regime(read_ohlcv(make(walk)), lookback=250)
    other = walk.copy()
    other[:149] *= 3
    assert measure_regime(read_ohlcv(make(other)), lookback=250) == whole
    assert (whole.bars, whole.start) == (250, START + timedelta(days=150))
    assert whole.end == START + timedelta(days=399)


def test_bars_after_the_cut_change_nothing(make, walk) -> None:
    cut = START + timedelta(days=300)
    other = walk.copy()
    other[300:] *= np.linspace(1, 5, 100)
    past = measure_regime(read_ohlcv(make(walk[:300])))
    assert measure_regime(read_ohlcv(make(walk)).before(cut)) == past
    assert measure_regime(read_ohlcv(make(other)).before(cut)) == past


def test_only_the_bars_after_the_last_gap_are_measured(make, walk) -> None:
    frame = make(walk[:200])
    blank = pl.when(pl.int_range(pl.len()) == 99).then(None).otherwise(pl.col("close"))
    regime = measure_regime(read_ohlcv(frame.with_columns(close=blank)))
    after = measure_regime(read_ohlcv(frame[100:]))
    assert dict(regime.features) == pytest.approx(dict(after.features), rel=1e-2)
    assert regime.bars == 100
    assert regime.warnings == (
        "ohlcv_gap: row 100 (2020-04-09 00:00 UTC) has no price;"
        " only the 100 bars after it are measured",
    )


def test_a_gap_before_the_lookback_is_no_warning(make, walk) -> None:
    frame = make(walk)
    blank = pl.when(pl.int_range(pl.len()) == 99).then(None).otherwise(pl.col("close"))
    assert measure_regime(read_ohlcv(frame.with_columns(close=blank))).warnings == ()


def test_too_few_bars_are_refused_with_their_number_and_the_reason(make, walk) -> None:
    with pytest.raises(InvalidOHLCVError, match="only 49 bars of AAPL 1d; a regime needs 50"):
        measure_regime(read_ohlcv(make(walk[:49]), symbol="AAPL"))
    blank = pl.when(pl.int_range(pl.len()) == 60).then(None).otherwise(pl.col("close"))
    with pytest.raises(InvalidOHLCVError, match=r"only 39 bars .* after the last gap .row 61") as e:
        measure_regime(read_ohlcv(make(walk[:100]).with_columns(close=blank)))
    assert "fill the gap" in (e.value.remedy or "")
    with pytest.raises(InvalidInputError, match="lookback: 20 is too short"):
        measure_regime(read_ohlcv(make(walk)), lookback=20)


def test_a_few_days_of_intraday_bars_warn_about_the_trading_week(make, walk) -> None:
    regime = measure_regime(read_ohlcv(make(walk, step=timedelta(minutes=5))))
    assert regime.warnings[0].startswith("short_history: periods_per_year 105192 comes from 1.4")


def window(key: str, symbol: str = "AA", timeframe: str = "1d", **times: int | None) -> dict:
    days = {"is_start": 0, "is_end": 200, "oos_start": 200, "oos_end": 300, **times}
    at = {k: None if d is None else START + timedelta(days=d) for k, d in days.items()}
    return {"window_key": key, "symbol": symbol, "timeframe": timeframe, **at}


def test_windows_get_the_regimes_of_their_own_bars(make, walk, tmp_path: Path) -> None:
    make(walk).write_parquet(tmp_path / "AA_1d.parquet")
    windows = pl.DataFrame([window("a"), window("b", oos_end=None)])
    result = measure_windows(tmp_path, windows)
    bars = read_ohlcv(make(walk), symbol="AA")
    inside = measure_regime(bars.between(START, START + timedelta(days=200)))
    after = measure_regime(bars.cut(200, 300))
    assert result.regimes == {"a": (inside, after), "b": (inside, None)}
    assert (inside.bars, after.bars) == (200, 100)
    assert result.notes == []


def test_a_bar_that_closes_after_a_window_is_not_measured_in_it(make, walk) -> None:
    """The day of an exchange is named by its midnight; the window ends at noon."""
    crash = make(walk).with_columns(
        pl.when(pl.int_range(pl.len()) == 200).then(pl.col(c) * 0.5).otherwise(c).alias(c)
        for c in ("low", "close")
    )
    noon = window("a", is_end=None)
    noon |= {"is_end": START + timedelta(days=200, hours=12), "oos_end": None}
    windows = pl.DataFrame([noon])
    found = [measure_windows(frame, windows).regimes["a"][0] for frame in (make(walk), crash)]
    assert found[0] is not None
    assert found[0] == found[1]
    assert found[0].end == START + timedelta(days=199)


def test_empty_rows_are_counted_where_they_stand_between_the_measured_bars(make, walk) -> None:
    names = ("open", "high", "low", "close")
    empty = pl.int_range(pl.len()).is_in([10, 300, 390])
    frame = make(walk).with_columns(pl.when(~empty).then(pl.col(c)).alias(c) for c in names)
    bars = read_ohlcv(frame)
    text = "ohlcv_empty_rows: 2 row(s) between the measured bars have no price at all"
    assert measure_regime(bars).warnings == (text,)
    assert measure_regime(bars.before(START + timedelta(days=250)), lookback=200).warnings == ()


def test_a_folder_a_path_a_frame_and_a_dict_give_the_same(make, walk, tmp_path: Path) -> None:
    path = tmp_path / "AA_1d.parquet"
    make(walk).write_parquet(path)
    windows = pl.DataFrame([window("a")])
    sources = [tmp_path, str(tmp_path), path, make(walk), {("AA", "1d"): make(walk)}]
    assert len({measure_windows(source, windows).regimes["a"] for source in sources}) == 1


def test_what_could_not_be_measured_is_noted_with_a_remedy(make, walk, tmp_path: Path) -> None:
    make(walk).write_parquet(tmp_path / "AA_1d.parquet")
    windows = pl.DataFrame([window("short", oos_end=230), window("gone", "ETH/BTC")])
    result = measure_windows(tmp_path, windows)
    assert result.regimes["short"][1] is None
    assert result.regimes["gone"] == (None, None)
    assert [(note.window_key, note.part) for note in result.notes] == [
        ("short", "oos"),
        ("gone", "is"),
        ("gone", "oos"),
    ]
    assert "only 30 bars" in result.notes[0].message
    assert "ETH_BTC_1d.parquet" in result.notes[1].message
    assert all(note.remedy for note in result.notes)


def test_a_symbol_whose_file_could_not_be_named_has_no_bars(make, walk, tmp_path: Path) -> None:
    """128 letters, as many as a symbol may have, are 384 bytes in this script."""
    result = measure_windows(tmp_path, pl.DataFrame([window("a", "\u65e5" * 128)]))
    assert result.regimes["a"] == (None, None)
    assert all("no bars for" in note.message for note in result.notes)


def test_a_symbol_cannot_leave_the_folder(make, walk, tmp_path: Path) -> None:
    make(walk).write_parquet(tmp_path / "AA_1d.parquet")
    (tmp_path / "inner").mkdir()
    result = measure_windows(tmp_path / "inner", pl.DataFrame([window("a", "../AA")]))
    assert result.regimes["a"] == (None, None)


def test_malformed_windows_are_refused(make, walk) -> None:
    windows = pl.DataFrame([window("a")])
    with pytest.raises(InvalidInputError, match="no column is_end"):
        measure_windows(make(walk), windows.drop("is_end"))
    with pytest.raises(InvalidInputError, match=r"row 1, window_key: .*more than once"):
        measure_windows(make(walk), pl.concat([windows, windows]))
    with pytest.raises(InvalidOHLCVError, match="windows of 2 series"):
        measure_windows(make(walk), pl.DataFrame([window("a"), window("b", "BB")]))


def test_a_measured_regime_names_its_source_and_all_features(make, walk) -> None:
    regime = measure_regime(read_ohlcv(make(walk), symbol="AA"))
    assert tuple(regime.features) == FEATURES
    assert (regime.source, regime.symbol, regime.timeframe) == ("measured", "AA", "1d")
    assert Regime.from_dict(regime.to_dict()) == regime


def test_importing_the_package_loads_neither_pandas_nor_talib() -> None:
    code = "import sys, tradingkb.regimes; print({'pandas', 'talib', 'plotly'} & set(sys.modules))"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "set()"
