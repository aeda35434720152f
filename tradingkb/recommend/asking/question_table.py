"""Reading many questions: rows of a table, and strategies times markets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import polars as pl

from tradingkb.domain import Caller, Market, Overrides, Question, as_moment, near_names
from tradingkb.exceptions import InvalidInputError
from tradingkb.importers import from_pandas, is_pandas
from tradingkb.recommend.asking.many import Asked
from tradingkb.recommend.asking.market import GivenMarket, RegimeLike, checked_tags
from tradingkb.recommend.asking.markets import Markets
from tradingkb.regimes import is_file

FILTERS: Final = tuple(field.name for field in fields(Overrides))
#: What a row of questions may say; `market` names one of the markets.
COLUMNS: Final = (
    "strategy_name",
    "objective_type",
    "market",
    "ohlcv",
    "regime",
    "symbol",
    "timeframe",
    "as_of",
    "strategy_version",
    *FILTERS,
)
#: What an answer's row repeats of its question.
_SHOWN: Final = ("strategy_name", "objective_type", "market", "symbol", "timeframe")
_MARKETS: Final = ("market", "ohlcv", "regime")


def question_rows(questions: Any) -> list[dict[str, Any]]:
    """The rows of a frame, of a file, or of a list of mappings, without what they do not say.

    Raises:
        InvalidInputError: none of these, or a column that means nothing, with near names.
    """
    if questions is None:
        return []
    if is_pandas(questions):
        # pandas has no other way to leave a number out.
        questions = from_pandas(questions)[0].with_columns(pl.selectors.float().fill_nan(None))
    if isinstance(questions, str | Path):
        questions = _file(Path(questions))
    rows = questions.to_dicts() if isinstance(questions, pl.DataFrame) else questions
    if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows):
        raise InvalidInputError(
            f"{type(questions).__name__} is no table of questions",
            field="questions",
            remedy="give a frame, a .csv or .parquet file, or a list of dicts",
        )
    for name in dict.fromkeys(name for row in rows for name in row):
        _check_column(str(name))
    return [{k: v for k, v in row.items() if v is not None} for row in rows]


def product_rows(strategies: Sequence[str] | str, markets: Markets) -> Iterator[dict[str, Any]]:
    """Every strategy on every market, strategy by strategy; without markets, each one once."""
    for strategy in [strategies] if isinstance(strategies, str) else strategies:
        if not markets.names:
            yield {"strategy_name": strategy}
        for market in markets.names:
            yield {"strategy_name": strategy, "market": market}


class RowReader:
    """Turns rows into questions."""

    def __init__(
        self,
        shared: Mapping[str, Any],
        markets: Markets,
        caller: Caller,
        new_id: Callable[[], str],
    ) -> None:
        """Takes what rows have in common.

        Args:
            shared: what all questions have in common, None where nothing is said.
            markets: that rows may name.
            caller: who asks.
            new_id: makes request ids.
        """
        self._shared = {name: value for name, value in shared.items() if value is not None}
        self._markets = markets
        self._caller = caller
        self._new_id = new_id

    def read(self, row: int, said: Mapping[str, Any]) -> Asked:
        """One question; where its row is bad, with the error in its place.

        Args:
            row: its place, from 1.
            said: what it says, which comes before what is shared.
        """
        merged = {**self._shared, **said}
        shown: dict[str, Any] = {name: _shown(merged[name]) for name in _SHOWN if name in merged}
        try:
            question = self._question(merged)
            market = question.market
            placed = {"symbol": market.symbol, "timeframe": market.timeframe}
            return Asked(row, {**shown, **placed}, question)
        except InvalidInputError as error:
            return Asked(row, shown, error=error)

    def _question(self, said: Mapping[str, Any]) -> Question:
        market = _market(said, self._markets)
        filters = {name: said.get(name) for name in FILTERS}
        filters["regime_tags"] = checked_tags(_tags(filters["regime_tags"]))
        return Question(
            strategy_name=said.get("strategy_name", ""),
            objective_type=said["objective_type"],
            market=market,
            as_of=as_moment(said.get("as_of")),
            overrides=Overrides(**filters),
            strategy_version=said.get("strategy_version"),
            caller=self._caller,
            request_id=self._new_id(),
        )


def _market(said: Mapping[str, Any], markets: Markets) -> Market:
    given = [name for name in _MARKETS if said.get(name) is not None]
    if len(given) > 1:
        raise InvalidInputError(
            f"{given[0]} and {given[1]} are both given",
            field=given[1],
            remedy="give the market once",
        )
    symbol, timeframe = said.get("symbol"), said.get("timeframe")
    Market(symbol=symbol, timeframe=timeframe)  # refuses what is no text
    moment = as_moment(said.get("as_of"))
    if given == ["market"]:
        return markets.named(said["market"], symbol, timeframe, moment)
    if given == ["ohlcv"]:
        return markets.of(said["ohlcv"], symbol, timeframe, moment)
    regime = _regime(said["regime"]) if given else None
    return GivenMarket(None, regime, symbol, timeframe).read(moment, markets.now)


def _regime(said: Any) -> RegimeLike:
    """A regime as tables hold it: JSON text, tags with commas, a list, or a struct."""
    if isinstance(said, str) and said.lstrip()[:1] in ("{", "["):
        try:
            said = json.loads(said)
        except ValueError as error:
            raise InvalidInputError(
                f"{said[:60]!r} is no JSON ({error})",
                field="regime",
                remedy='give {"volatility_annual": 0.2}, or tags such as uptrend,low_volatility',
            ) from None
    if isinstance(said, Mapping):
        return {k: v for k, v in said.items() if v is not None}
    found: RegimeLike = _tags(said)
    return found


def _tags(said: Any) -> Any:
    if isinstance(said, str):
        return [tag.strip() for tag in said.split(",") if tag.strip()]
    return said


def _check_column(name: str) -> None:
    if name not in COLUMNS:
        near = near_names(name, COLUMNS)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise InvalidInputError(
            f"unknown column {name!r}",
            field="questions",
            remedy=f"{hint}a question may say {', '.join(COLUMNS)}",
        )


def _file(path: Path) -> pl.DataFrame:
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet") or not is_file(path):
        raise InvalidInputError(
            f"{path} is no table of questions",
            field="questions",
            remedy="name a .csv or .parquet file that exists",
        )
    try:
        return pl.read_csv(path) if suffix == ".csv" else pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", field="questions") from None


def _shown(value: Any) -> str:
    """A value as a column of texts can hold it, whatever is wrong with it."""
    return str(value).encode("utf-8", "backslashreplace").decode()
