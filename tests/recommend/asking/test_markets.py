"""Named markets: where they come from, and how often each is read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.recommend.asking.bars import FIRST, bars
from tests.recommend.worlds import MARKET, NOW
from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.recommend.asking import markets as module
from tradingkb.recommend.asking.markets import Markets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two series, and files that are none."""
    for name in ("MSFT_1d.parquet", "AAPL_1d.parquet"):
        bars().write_parquet(tmp_path / name)
    (tmp_path / "AAPL_1d.txt").write_text("no series")
    bars().write_parquet(tmp_path / "readme.parquet")
    return tmp_path


def test_a_folder_names_its_series_and_other_files_are_left_out(folder: Path) -> None:
    assert Markets(folder, NOW).names == Markets(str(folder), NOW).names == ["AAPL_1d", "MSFT_1d"]


@pytest.mark.parametrize("spelling", [str, Path])
def test_a_path_a_list_of_paths_and_a_mapping_name_markets(folder: Path, spelling: Any) -> None:
    path = spelling(folder / "MSFT_1d.parquet")
    assert Markets(path, NOW).names == Markets([path], NOW).names == ["MSFT_1d"]
    named = Markets({"mine": path, ("A", "1d"): bars(), "all": spelling(folder)}, NOW)
    assert named.names == ["mine", "A_1d", "all/AAPL_1d", "all/MSFT_1d"]
    assert Markets("x" * 300, NOW).names == ["x" * 300]  # which the reader refuses
    assert Markets(None, NOW).names == Markets({}, NOW).names == []


def test_a_name_that_looks_like_a_series_says_symbol_and_timeframe() -> None:
    found = Markets({"X_1d": bars(), "calm": MARKET}, NOW)
    market = found.named("X_1d", None, None, None)
    assert (market.symbol, market.timeframe, market.kind) == ("X", "1d", "measured")
    assert found.named("X_1d", "Y", None, None).symbol == "Y"
    calm = found.named("calm", None, None, None)
    assert (calm.regime, calm.symbol, calm.timeframe) == (MARKET, None, None)


def test_a_series_is_read_once_and_measured_once_per_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[Any] = []
    measured: list[Any] = []
    reading, measuring = module.read_ohlcv, module.measured_market

    def count_read(source: Any, **more: Any) -> Any:
        read.append(source)
        return reading(source, **more)

    def count_measured(given: Any, as_of: Any, now: Any) -> Any:
        measured.append(as_of)
        return measuring(given, as_of, now)

    monkeypatch.setattr(module, "read_ohlcv", count_read)
    monkeypatch.setattr(module, "measured_market", count_measured)
    named = Markets({"X_1d": bars()}, NOW)
    early = FIRST + timedelta(days=90)
    found = [named.named("X_1d", None, None, moment) for moment in (None, early, None, early)]
    assert (len(read), measured) == (1, [None, early])
    assert found[0] is found[2]
    assert found[1] is found[3]


def test_what_is_wrong_with_a_market_is_said_with_its_name_each_time() -> None:
    named = Markets({"short": bars(9)}, NOW)
    for _ in range(2):
        with pytest.raises(InvalidInputError, match=r"^market short: "):
            named.named("short", None, None, None)


def test_a_market_of_no_such_name_is_refused_with_near_ones() -> None:
    with pytest.raises(NotFoundError, match="AAPL_1d"):
        Markets({"AAPL_1d": bars()}, NOW).named("APPL_1d", None, None, None)


@pytest.mark.parametrize("given", [5, [5], [bars()], bars(), 0.5])
def test_what_names_no_market_is_refused(given: Any) -> None:
    with pytest.raises(InvalidInputError, match="names no market"):
        Markets(given, NOW)


def test_a_folder_without_series_and_a_name_twice_are_refused(folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InvalidInputError, match="holds no series"):
        Markets(empty, NOW)
    path = folder / "AAPL_1d.parquet"
    with pytest.raises(InvalidInputError, match="two markets are named 'AAPL_1d'"):
        Markets([path, path], NOW)


def test_bars_mean_the_same_from_a_frame_and_from_a_file(folder: Path) -> None:
    file = Markets(folder, NOW).named("AAPL_1d", None, None, None)
    frame = Markets({"AAPL_1d": pl.read_parquet(folder / "AAPL_1d.parquet")}, NOW)
    assert frame.named("AAPL_1d", None, None, None) == file
