"""The columns of a trial: what an ingest accepts, what a store shows, and what it is judged by."""

from __future__ import annotations

import dataclasses
from typing import Any

from docstrings import meanings
from pages import code, table

#: What a stored trial has beside what an ingest accepts.
STORED = {
    "trial_id": ("count", "number of the trial in this store; other commands name it by this"),
    "promoted_at": ("time", "when it was promoted last; empty where it never was"),
    "ingested_at": ("time", "when it was stored or changed last"),
    "run_id": ("text", "the run that wrote it last; `kb.runs()` lists them"),
    "withdrawn_at": (
        "time",
        "since when every run that brought it is withdrawn: it counts no more",
    ),
}
#: Units of numbers: of a metric by its name without its sample.
_UNITS = {
    "objective_score": "that of the objective",
    "sharpe": "annualised",
    "return_frac": "fraction",
    "max_drawdown_frac": "fraction",
    "n_trades": "trades",
    "win_rate": "fraction",
    "profit_factor": "ratio",
    "cost_bps": "basis points",
}


def accepted() -> str:
    """A table of the columns that an ingest accepts: kind, unit, bounds, default, meaning."""
    from tradingkb.domain import Trial
    from tradingkb.importers.columns import COLUMNS

    said = meanings(Trial)
    fields = [f.name for f in dataclasses.fields(Trial)]
    names = [*fields, *(name for name in COLUMNS if name not in fields)]
    rows = [_row(name, COLUMNS.get(name), said.get(name, "")) for name in names]
    return table(("column", "kind", "unit", "values", "when missing", "meaning"), rows)


def stored() -> str:
    """A table of the columns that `kb.trials()` shows beside those."""
    rows = [(code(name), kind, meaning) for name, (kind, meaning) in STORED.items()]
    return table(("column", "kind", "meaning"), rows)


def objectives() -> str:
    """A table of the objectives."""
    from tradingkb.domain import objectives

    better = {"max": "more", "min": "less"}
    rows = [(code(o.name), o.unit, better[o.direction], o.description) for o in objectives()]
    return table(("objective_type", "unit", "better is", "formula"), rows)


def _row(name: str, column: Any, meaning: str) -> tuple[str, ...]:
    if column is None:
        return code(name), "", "", "", "", meaning
    default = {"strategy_name": "refused", "params": "refused"}.get(name, code(column.default))
    return code(name), column.kind, _unit(column), _values(column), default, meaning


def _unit(column: Any) -> str:
    if column.kind == "time":
        return "UTC"
    name = column.name
    return _UNITS.get(name, _UNITS.get(name.removesuffix("_is").removesuffix("_oos"), ""))


def _values(column: Any) -> str:
    if column.allowed:
        return ", ".join(code(a) for a in column.allowed)
    if column.kind == "text":
        return f"up to {column.longest} characters"
    if column.low is not None and column.high is not None:
        return f"{column.low:g} to {_short(column.high)}"
    if column.low is not None:
        return f"{column.low:g} or more"
    return "JSON" if column.kind in ("params", "regime") else ""


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 1e6 else f"{number:g}"
