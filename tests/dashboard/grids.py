"""Reports of parameter grids as the client answers them, and how they are drawn."""

from __future__ import annotations

import polars as pl

from dashboard.views.grid import EARNED, grid
from dashboard.views.grid_figure import Look

LOOK = Look(
    ink="#333333",
    diverging=((0.0, "#d55e00"), (0.5, "#f7f7f7"), (1.0, "#0072b2")),
    sequential=((0.0, "#deebf7"), (1.0, "#003f6b")),
    marks={
        "recommended": {"color": "#0072b2", "symbol": "star"},
        "defaults": {"color": "#cc79a7", "symbol": "diamond"},
    },
)

#: p, q, value, low, high, n_windows of cells.
Cell = tuple[object, object, float | None, float | None, float | None, int]
PLAIN: tuple[Cell, ...] = (
    (20.0, 5.0, 0.5, 0.1, 0.9, 40),
    (100.0, 5.0, -0.2, -0.5, 0.1, 40),
    (9.0, 5.0, 0.1, -0.3, 0.5, 40),
    (9.0, 10.0, 3.0, None, None, 1),
)


def report(cells: tuple[Cell, ...] = PLAIN, **more: object) -> dict[str, object]:
    rows = [
        {
            "p": p,
            "p_low": p if isinstance(p, float) else None,
            "p_high": p if isinstance(p, float) else None,
            "q": q,
            "q_low": q if isinstance(q, float) else None,
            "q_high": q if isinstance(q, float) else None,
            "value": value,
            "low": low,
            "high": high,
            "over_others": None if value is None else value - 0.1,
            "over_others_low": low,
            "over_others_high": high,
            "n_trials": 2 * n,
            "n_windows": n,
            "n_sets": 2,
            "idle": 0.25,
        }
        for p, q, value, low, high, n in cells
    ]
    found = {
        "strategy_name": "sma_cross",
        "objective_type": "sharpe",
        "p": "slow",
        "q": "fast",
        "params": ["slow", "fast", "exit"],
        "timeframe": "1d",
        "in_sample": False,
        "unit": "annualised",
        "direction": "max",
        "n_trials": 242,
        "n_sets": 6,
        "n_windows": 40,
        "cells": pl.DataFrame(rows, infer_schema_length=None),
    }
    return {**found, **more}


def shown(cells: tuple[Cell, ...] = PLAIN, **more: object):
    return grid(report(cells, **more), EARNED, 0.0)
