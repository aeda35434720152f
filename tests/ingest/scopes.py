"""Values that an ingest works on, made by hand: trials, windows, and what is stored of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl

from tradingkb.domain import Regime, Workspace, regime_to_json
from tradingkb.importers import Batch
from tradingkb.importers.columns import ROW
from tradingkb.importers.rejects import Refused
from tradingkb.ingest.before import Before
from tradingkb.ingest.scope import Scope
from tradingkb.ports import RunRecord

NOW = datetime(2024, 1, 1, tzinfo=UTC)
SPACE = Workspace("space", "default", None, None, {}, NOW)
RUN = RunRecord("run1", "space", NOW, "trials.csv")
CALM = regime_to_json(Regime(features={"drift": 0.1}))
WILD = regime_to_json(Regime(features={"drift": 0.2}))
TIMES = dict.fromkeys(("is_start", "is_end", "oos_start", "oos_end"), pl.Datetime("us", "UTC"))
REGIMES = {"regime_is": pl.String, "regime_oos": pl.String}
WINDOW = {"window_key": pl.String, "symbol": pl.String, "timeframe": pl.String, **TIMES, **REGIMES}
INCOMING = {
    "source_type": pl.String,
    "source_id": pl.String,
    "strategy_name": pl.String,
    "strategy_version": pl.String,
    "objective_type": pl.String,
    "engine": pl.String,
    "cost_bps": pl.Float64,
    "params": pl.String,
    "params_hash": pl.String,
    "row_hash": pl.String,
    "kb_status": pl.String,
    "known_at": pl.Datetime("us", "UTC"),
    "sharpe_oos": pl.Float64,
    **WINDOW,
    "__row__": pl.Int64,
}
KNOWN = {
    "trial_id": pl.Int64,
    "source_type": pl.String,
    "source_id": pl.String,
    "strategy_name": pl.String,
    "row_hash": pl.String,
    "kb_status": pl.String,
    "window_id": pl.Int64,
    "param_set_id": pl.Int64,
    "withdrawn": pl.Boolean,
}
REJECTS = dict.fromkeys(("field", "message", "remedy", "values"), pl.String)
NO_REJECTS = pl.DataFrame(schema={"row": pl.Int64, **REJECTS})


def frame(rows: list[dict[str, Any]], schema: dict[str, Any]) -> pl.DataFrame:
    """Rows in which what is missing is null."""
    return pl.DataFrame([{n: row.get(n) for n in schema} for row in rows], schema=schema)


def incoming(*names: str, **facts: Any) -> pl.DataFrame:
    """One trial of the source per name: on window w1, new, a candidate."""
    plain = {
        "source_type": "import",
        "strategy_name": "s",
        "params": '{"fast":3}',
        "params_hash": "p3",
        "kb_status": "candidate",
        "window_key": "w1",
        "symbol": "X",
        "timeframe": "1d",
        "known_at": NOW,
    }
    rows = [
        {**plain, "source_id": name, "row_hash": f"row {name}", "__row__": n, **facts}
        for n, name in enumerate(names)
    ]
    return frame(rows, INCOMING)


def known(*names: str, **facts: Any) -> pl.DataFrame:
    """What is stored of trials t1, t2, ...: the same as the source says, on window 1."""
    plain = {
        "source_type": "import",
        "strategy_name": "s",
        "kb_status": "candidate",
        "window_id": 1,
        "withdrawn": False,
    }
    rows = [
        {**plain, "trial_id": int(n[1:]), "source_id": n, "row_hash": f"row {n}", **facts}
        for n in names
    ]
    return frame(rows, KNOWN)


def windows(*regimes: tuple[str, str | None, str | None]) -> pl.DataFrame:
    """Windows by key with the regimes of both sides."""
    rows = [
        {"window_key": k, "symbol": "X", "timeframe": "1d", "regime_is": a, "regime_oos": b}
        for k, a, b in regimes
    ]
    return frame(rows, WINDOW)


def stored(*regimes: tuple[str, str | None, str | None]) -> pl.DataFrame:
    """The same as the store has them: window w1 has number 1, and so on."""
    frame = windows(*regimes)
    numbers = [int(key[1:]) for key in frame["window_key"]]
    return frame.with_columns(pl.Series("window_id", numbers, dtype=pl.Int64))


def refused(rows: pl.DataFrame | None = None) -> Refused:
    """These rows of a source, each refused for the same reason."""
    rows = pl.DataFrame({"source_id": []}) if rows is None else rows
    numbers = pl.Series(ROW, range(1, rows.height + 1), dtype=pl.UInt32)
    said = [pl.lit("wrong").alias(n) for n in ("field", "message", "remedy")]
    return Refused(pl.DataFrame([numbers]).with_columns(said), rows.with_columns(numbers), {})


def batch(trials: pl.DataFrame, **facts: Any) -> Batch:
    plain: dict[str, Any] = {
        "rejects": NO_REJECTS,
        "refused": refused(),
        "n_rows": trials.height,
        "duplicates": 0,
        "notes": (),
        "source": "trials.csv",
    }
    return Batch(trials, **{**plain, **facts})


def before(**facts: Any) -> Before:
    """Nothing is stored, unless it is said."""
    plain: dict[str, Any] = {
        "known": known(),
        "taken_back": taken_back(),
        "windows": stored(),
        "all_windows": True,
        "scaler": None,
        "index": pl.DataFrame(),
        "lost": pl.Series([], dtype=pl.Int64),
        "pending": pl.DataFrame(),
    }
    return Before(**{**plain, **facts})


def taken_back(*rows: tuple[int, str]) -> pl.DataFrame:
    return pl.DataFrame(
        list(rows), schema={"trial_id": pl.Int64, "row_hash": pl.String}, orient="row"
    )


def scope(trials: pl.DataFrame | None = None, **facts: Any) -> Scope:
    """A run over a source, or over what is stored; window w1 has no regime."""
    plain: dict[str, Any] = {
        "workspace": SPACE,
        "run": RUN,
        "batch": None if trials is None else batch(trials),
        "before": before(),
        "windows": windows(("w1", None, None)),
        "measured": 0,
        "changed": windows(),
        "scaler": None,
        "refit": False,
    }
    return Scope(**{**plain, **facts})
