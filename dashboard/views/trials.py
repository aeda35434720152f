"""What the list of trials asks for and shows: pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import polars as pl

from dashboard.views.numbers import NONE, params_text, read_params

#: What trials can be put in order by, with the words for it.
ORDERS: Final = {
    "stored": "last stored",
    "known_at": "known at",
    "sharpe_oos": "Sharpe ratio, out-of-sample",
    "sharpe_is": "Sharpe ratio, in-sample",
    "max_drawdown_frac_oos": "maximum drawdown, out-of-sample",
    "n_trades_oos": "trades, out-of-sample",
    "objective_score": "objective score",
    "strategy_name": "strategy",
    "symbol": "instrument",
    "kb_status": "status",
}
STATUSES: Final = ("candidate", "promoted", "rejected")
PAGE_SIZES: Final = (50, 100, 250)
#: The store counts no further.
MOST_COUNTED: Final = 100_000


@dataclass(frozen=True)
class Column:
    """One column of the list.

    Attributes:
        title: its heading, with its unit.
        kind: "text", "number", "percent", "count" or "time".
        help: what it means.
    """

    title: str
    kind: str
    help: str = ""


#: Columns of the list in their order; `_oos` is out-of-sample, `_is` in-sample.
COLUMNS: Final[Mapping[str, Column]] = {
    "trial_id": Column("trial", "count", "Number of the trial in this store"),
    "kb_status": Column("status", "text", "candidate, promoted or rejected; withdrawn counts not"),
    "strategy_name": Column("strategy", "text"),
    "symbol": Column("instrument", "text"),
    "timeframe": Column("bar", "text", "Length of a bar"),
    "params": Column("parameters", "text"),
    "sharpe_is": Column("Sharpe IS", "number", "Annualised Sharpe ratio, in-sample"),
    "sharpe_oos": Column("Sharpe OOS", "number", "Annualised Sharpe ratio, out-of-sample"),
    "return_frac_oos": Column(
        "return OOS, %", "percent", "Net return over the out-of-sample window"
    ),
    "max_drawdown_frac_oos": Column(
        "max. drawdown OOS, %", "percent", "Largest loss from a peak of equity, out-of-sample"
    ),
    "n_trades_oos": Column("trades OOS", "count", "Closed trades, out-of-sample"),
    "known_at": Column("known at (UTC)", "time", "When the result became knowable"),
    "source_id": Column("id in its source", "text"),
    "source_type": Column("source", "text"),
}


@dataclass(frozen=True)
class Asked:
    """Which trials the list shows, and in which order.

    Attributes:
        where: column to the value that it has to have.
        ranges: column to (least, most), either None.
        order: one of `ORDERS`.
        descending: largest or newest first.
        limit: rows of a page.
    """

    where: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    order: str = "stored"
    descending: bool = True
    limit: int = 100

    def key(self) -> str:
        """The same text for the same list: what a page of it belongs to."""
        parts = (dict(self.where), dict(self.ranges), self.order, self.descending, self.limit)
        return json.dumps(parts, sort_keys=True, default=str)


def asked(
    texts: Mapping[str, str | None],
    bounds: Mapping[str, tuple[Any, Any]],
    order: str = "stored",
    descending: bool = True,
    limit: int = 100,
) -> Asked:
    """Reads what the filters hold: blanks ask for nothing, days become moments in UTC."""
    where = {name: text.strip() for name, text in texts.items() if text and text.strip()}
    ranges = {
        name: (_start(low), _end(high))
        for name, (low, high) in bounds.items()
        if low is not None or high is not None
    }
    return Asked(where, ranges, order, descending, limit)


def empty_range(ranges: Mapping[str, tuple[Any, Any]]) -> str | None:
    """The column whose least value is above its most, so that no trial can fit; None for none."""
    for name, (low, high) in ranges.items():
        if low is not None and high is not None and low > high:
            return COLUMNS[name].title if name in COLUMNS else name
    return None


def _start(value: Any) -> Any:
    return _midnight(value) if type(value) is date else value


def _end(value: Any) -> Any:
    """The last microsecond of a day: a day that is named belongs to the range."""
    if type(value) is not date:
        return value
    return _midnight(value) + timedelta(days=1) - timedelta(microseconds=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def shown_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """The page as it is shown: the columns of `COLUMNS`, fractions in percent."""
    if rows.is_empty():
        return pl.DataFrame({name: [] for name in COLUMNS})
    percent = [name for name, column in COLUMNS.items() if column.kind == "percent"]
    status = pl.when(pl.col("withdrawn_at").is_null()).then("kb_status")
    return rows.with_columns(
        status.otherwise(pl.lit("withdrawn")).alias("kb_status"),
        pl.col(percent) * 100.0,
        pl.col("params").map_elements(params_text, return_dtype=pl.String),
    ).select(list(COLUMNS))


def sort_by(column: str, now: Asked) -> tuple[str, bool] | None:
    """The order after a click on a heading: the other way round at the second click.

    None for a column that the store cannot put in order.
    """
    name = "stored" if column == "trial_id" else column
    if name not in ORDERS:
        return None
    return (name, not now.descending) if name == now.order else (name, True)


@dataclass(frozen=True)
class Pages:
    """Where the pages of a list begin that were turned to reach this one.

    Attributes:
        key: of the list, see `Asked.key`.
        starts: `next` of each page before, oldest first; none on the first page.
    """

    key: str
    starts: tuple[str, ...] = ()

    @property
    def after(self) -> str | None:
        """Where this page begins, None for the first one."""
        return self.starts[-1] if self.starts else None

    @property
    def number(self) -> int:
        """Of this page, from 1."""
        return len(self.starts) + 1

    def forward(self, following: str) -> Pages:
        """The page after."""
        return Pages(self.key, (*self.starts, following))

    def back(self) -> Pages:
        """The page before; the first one stays."""
        return Pages(self.key, self.starts[:-1])


def pages_of(before: Pages | None, wanted: Asked) -> Pages:
    """The page that was looked at, as long as the list is the same; else the first page."""
    key = wanted.key()
    return before if before is not None and before.key == key else Pages(key)


def place_text(page: Pages, limit: int, rows: int, total: int | None) -> str:
    """Which trials of how many these are: "Trials 101 to 200 of 26,040"."""
    if not rows:
        return "No trial fits."
    first = (page.number - 1) * limit + 1
    text = f"Trials {first:,} to {first + rows - 1:,}"
    if total is None:
        return f"{text}."
    more = " or more" if total >= MOST_COUNTED else ""
    return f"{text} of {total:,}{more}."


def chosen_ids(rows: pl.DataFrame, places: Sequence[int]) -> list[int]:
    """The numbers of the trials in these places of the page; places beyond it are none."""
    return [int(rows["trial_id"][place]) for place in places if 0 <= place < rows.height]


#: What the details of a trial show, in groups.
_DETAILS: Final = {
    "Identity": (
        *("trial_id", "source_type", "source_id", "run_id", "experiment_type"),
        *("strategy_name", "strategy_version", "engine", "cost_bps"),
    ),
    "Window": (
        *("symbol", "timeframe", "is_start", "is_end", "oos_start", "oos_end"),
        *("known_at", "created_at", "ingested_at", "promoted_at", "withdrawn_at"),
    ),
}
_METRICS: Final = (
    *("sharpe", "return_frac", "max_drawdown_frac", "n_trades", "win_rate", "profit_factor"),
)


def details(row: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
    """What one trial says, as tables of field and value, by group; unknown values are left out."""
    return {
        title: pl.DataFrame(
            [
                {"field": name, "value": _text(row[name])}
                for name in names
                if row.get(name) is not None
            ],
            schema={"field": pl.String, "value": pl.String},
        )
        for title, names in _DETAILS.items()
    }


def metric_table(row: Mapping[str, Any]) -> pl.DataFrame:
    """The metrics of one trial: in-sample and out-of-sample side by side, as text with units."""
    lines = [
        {
            "metric": name,
            "in-sample": _metric(name, row.get(f"{name}_is")),
            "out-of-sample": _metric(name, row.get(f"{name}_oos")),
        }
        for name in _METRICS
    ]
    return pl.DataFrame(lines)


def regime_table(row: Mapping[str, Any]) -> pl.DataFrame:
    """Tags and features of both windows of a trial, as text; empty where none was measured."""
    found = {name: read_params(row.get(f"regime_{name}")) for name in ("is", "oos")}
    if not any(found.values()):
        return pl.DataFrame()
    features = sorted({f for regime in found.values() for f in regime.get("features") or {}})
    lines = [{"feature": "tags", **{n: ", ".join(r.get("tags") or ()) for n, r in found.items()}}]
    for feature in features:
        values = {n: (r.get("features") or {}).get(feature) for n, r in found.items()}
        lines.append({"feature": feature, **{n: _feature(v) for n, v in values.items()}})
    return pl.DataFrame(lines).rename({"is": "in-sample", "oos": "out-of-sample"})


def _feature(value: Any) -> str:
    return NONE if value is None else f"{value:.4g}"


def trial_params(row: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of one trial."""
    return read_params(row.get("params"))


def history_rows(changes: pl.DataFrame) -> pl.DataFrame:
    """Status changes, newest first, with only what differs from row to row."""
    names = ("at", "from_status", "to_status", "actor", "actor_type", "reason")
    return changes.select([name for name in names if name in changes.columns])


def _metric(name: str, value: Any) -> str:
    if value is None:
        return NONE
    if name == "n_trades":
        return f"{value:,}"
    return (
        f"{100 * value:.1f} %" if name.endswith("_frac") or name == "win_rate" else f"{value:.2f}"
    )


def _text(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if isinstance(value, datetime) else str(value)
