"""What an ingest is asked to do, and what is refused before anything is read or written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tradingkb.domain import StrategySpec
from tradingkb.exceptions import InvalidOHLCVError, InvalidTrialError
from tradingkb.importers import Batch, Const
from tradingkb.regimes import is_file, is_folder


@dataclass(frozen=True)
class IngestRequest:
    """What to ingest, and how.

    Attributes:
        trials: a path, frame or `Trial` objects; None indexes what is stored.
        ohlcv: prices from which missing regimes are measured.
        mapping: canonical column to the user's column or constant.
        dry_run: plan only, write nothing.
        strict: refuse the whole source when any row is bad.
        readmit: take rows that equal withdrawn trials; otherwise they stay out.
        replace: take rows whose id belongs to another experiment, in the place of that one.
        specs: what strategies declare of the parameters.
    """

    trials: Any = None
    ohlcv: Any = None
    mapping: Mapping[str, str | Const] | None = None
    dry_run: bool = False
    strict: bool = False
    readmit: bool = False
    replace: bool = False
    specs: Sequence[StrategySpec] = ()


def check_prices(ohlcv: Any) -> None:
    """Raises InvalidOHLCVError when prices are named that do not exist."""
    if isinstance(ohlcv, str | Path) and not (is_file(ohlcv) or is_folder(ohlcv)):
        raise InvalidOHLCVError(
            f"{ohlcv} does not exist",
            field="ohlcv",
            remedy="name a folder of <symbol>_<timeframe>.parquet, or one such file",
        )


def refuse_bad_rows(batch: Batch) -> NoReturn:
    """Raises InvalidTrialError for the first bad row of a source that must have none."""
    first = batch.rejects.row(0, named=True)
    rows = batch.rejects["row"].n_unique()
    more = f"; {rows - 1} more rows are bad" if rows > 1 else ""
    raise InvalidTrialError(
        f"{first['message']}{more}",
        row=first["row"],
        field=first["field"],
        remedy=f"{first['remedy']}; nothing was written, strict=False takes the good rows",
    )
