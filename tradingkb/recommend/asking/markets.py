"""The markets of many questions: each series is read once, and measured once per time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tradingkb.domain import Market, Regime
from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.recommend.asking.market import GivenMarket, measured_market
from tradingkb.regimes import Bars, is_folder, read_ohlcv, series_of

_SUFFIXES: Final = (".parquet", ".csv")


class Markets:
    """Named markets: bars, or regimes that are stated."""

    def __init__(self, given: Any, now: datetime) -> None:
        """Takes what `KnowledgeBase.recommend_many` takes as `markets`.

        Args:
            given: the markets.
            now: bars that had not closed by then are left out.

        Raises:
            InvalidInputError: none of these, a folder without series, or a name twice.
        """
        self.now = now
        self._sources: dict[str, Any] = {}
        self._bars: dict[Any, Bars] = {}
        self._read: dict[Any, Market | InvalidInputError] = {}
        for name, source in _named(given):
            if name in self._sources:
                raise InvalidInputError(
                    f"two markets are named {name!r}",
                    field="markets",
                    remedy="give each one a name of its own",
                )
            self._sources[name] = source

    @property
    def names(self) -> list[str]:
        """In the order given; those of a folder sorted."""
        return list(self._sources)

    def named(
        self, name: str, symbol: str | None, timeframe: str | None, as_of: datetime | None
    ) -> Market:
        """The market of that name at a time.

        Raises:
            NotFoundError: no such market; near names are suggested.
            InvalidInputError: what is wrong with it.
        """
        if name not in self._sources:
            raise NotFoundError("market", str(name), self._sources)
        own = series_of(name)
        try:
            return self.of(self._sources[name], symbol or own[0], timeframe or own[1], as_of)
        except InvalidInputError as error:
            raise InvalidInputError(f"market {name}: {error}") from error

    def of(
        self, source: Any, symbol: str | None, timeframe: str | None, as_of: datetime | None
    ) -> Market:
        """The market of bars, or of a regime, at a time.

        Raises:
            InvalidInputError: what is wrong with it.
        """
        if isinstance(source, Regime | Mapping):
            return GivenMarket(None, source, symbol, timeframe).read(as_of, self.now)
        where = str(source) if isinstance(source, str | Path) else id(source)
        key = (where, symbol, timeframe, as_of)
        if key not in self._read:
            self._read[key] = self._measure(source, key)
        found = self._read[key]
        if isinstance(found, InvalidInputError):
            raise found
        return found

    def _measure(self, source: Any, key: tuple[Any, ...]) -> Market | InvalidInputError:
        *series, as_of = key
        _, symbol, timeframe = series
        try:
            if tuple(series) not in self._bars:
                bars = read_ohlcv(source, symbol=symbol, timeframe=timeframe)
                self._bars[tuple(series)] = bars
            return measured_market(self._bars[tuple(series)], as_of, self.now)
        except InvalidInputError as error:
            return error


def _named(given: Any) -> Iterator[tuple[str, Any]]:
    """Name and source of each market; folders are opened."""
    if given is None:
        return
    if isinstance(given, Mapping):
        for key, source in given.items():
            name = "_".join(map(str, key)) if isinstance(key, tuple) else str(key)
            if _is_folder(source):
                yield from ((f"{name}/{stem}", path) for stem, path in _files(Path(source)))
            else:
                yield name, source
    elif _is_folder(given):
        yield from _files(Path(given))
    elif isinstance(given, str | Path):
        yield Path(given).stem, given
    elif isinstance(given, Sequence):
        for source in given:
            yield from _one(source)
    else:
        raise _no_markets(given)


def _one(source: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(source, str | Path):
        raise _no_markets(source)
    yield from _named(source)


def _is_folder(source: Any) -> bool:
    return isinstance(source, str | Path) and is_folder(source)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _SUFFIXES and series_of(path.stem)[0]
    ]
    if not found:
        raise InvalidInputError(
            f"{folder} holds no series",
            field="markets",
            remedy="name files <symbol>_<timeframe>.parquet, such as AAPL_1d.parquet",
        )
    yield from ((path.stem, path) for path in found)


def _no_markets(given: Any) -> InvalidInputError:
    return InvalidInputError(
        f"{type(given).__name__} names no market",
        field="markets",
        remedy="give a folder, a path, a list of paths, or {name: path, frame or regime}",
    )
