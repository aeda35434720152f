"""The parameter grid: what a strategy earned over two of its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.shared import data, look
from dashboard.shared.parts import clock_text, empty, guarded
from dashboard.shared.text import say
from dashboard.trials.choose import figure_look, objective_of, pick
from dashboard.views.grid import (
    Grid,
    Mark,
    first_pair,
    grid,
    grid_table,
    mark,
    param_names,
    spec_defaults,
)
from dashboard.views.grid_figure import grid_figure, size
from dashboard.views.numbers import count, params_text, read_params
from tradingkb.exceptions import TradingKBError

#: A grid that is wider leaves no room for the table beside it.
_WIDE: Final = 620
#: Recorded answers that are looked at for the last one with parameters.
_RECENT: Final = 20


def grid_part(workspace: str, strategy: str) -> None:
    """Pickers, heat map, table."""
    with guarded("The parameter grid"):
        spec = data.ask("strategy", name=strategy, workspace=workspace)
        names = param_names(spec, ()) or _tried_names(workspace, strategy)
        pair = first_pair(names, spec)
        if pair is None:
            empty(
                "No grid: this strategy has fewer than two parameters",
                "The list of all trials shows what each value earned.",
            )
            return
        p, q, objective = _pick(names, pair)
        if p == q:
            empty("The same parameter twice", "Choose two different ones.")
            return
        report = data.ask(
            "param_grid",
            workspace=workspace,
            strategy_name=strategy,
            p=p,
            q=q,
            objective_type=objective["name"],
        )
        _show(workspace, strategy, report, objective, spec)


def _pick(names: Sequence[str], pair: tuple[str, str]) -> tuple[str, str, Mapping[str, Any]]:
    objectives = data.ask("objectives")
    across, along, scored = st.columns(3)
    with across:
        p = pick("Parameter across", names, pair[0], "x")
    with along:
        q = pick("Parameter upwards", names, pair[1], "y")
    with scored:
        name = pick("Objective", [o["name"] for o in objectives], "sharpe", "objective")
    return p, q, objective_of(objectives, name)


def _show(
    workspace: str,
    strategy: str,
    report: Mapping[str, Any],
    objective: Mapping[str, Any],
    spec: Mapping[str, Any] | None,
) -> None:
    if report["cells"].is_empty():
        empty(
            "No trial of this strategy has both parameters and a score for this objective",
            "Choose other parameters, or another objective.",
        )
        return
    shown = grid(report, objective.get("break_even"))
    answered = _last_answer(workspace, strategy, str(objective["name"]))
    found = (
        mark("recommended", answered and read_params(answered["params"]), shown),
        mark("defaults", spec_defaults(spec), shown),
    )
    marks = [m for m in found if m is not None]
    sizes = size(shown)
    beside = sizes.width <= _WIDE
    places = st.columns([sizes.width, 1100 - sizes.width]) if beside else (st.container(),) * 2
    with places[0], st.container(width=sizes.width):
        look.draw(
            grid_figure(shown, marks, figure_look()), alt=_alt(shown, marks), key="grid_chart"
        )
    with places[1]:
        _table(shown, marks)
    _explain(report, shown, marks, answered)


def _table(shown: Grid, marks: Sequence[Mark]) -> None:
    number = "percent" if shown.unit == "fraction" else "%.2f"
    column = st.column_config
    st.dataframe(
        grid_table(shown, marks),
        hide_index=True,
        height=420,
        column_config={
            "p": column.TextColumn(shown.p),
            "q": column.TextColumn(shown.q),
            "mean": column.NumberColumn("mean", format=number),
            "low": column.NumberColumn("90 % from", format=number),
            "high": column.NumberColumn("to", format=number),
        },
        alt="The same grid as a table, the best mean first.",
        key="grid_table",
    )


def _explain(
    report: Mapping[str, Any],
    shown: Grid,
    marks: Sequence[Mark],
    answered: Mapping[str, Any] | None,
) -> None:
    """What the picture is made of, in words: nothing here needs a pointer."""
    others = [str(name) for name in report.get("params", ()) if name not in (shown.p, shown.q)]
    lines = [
        f"{count(int(report['n_trials']), 'trial')} of "
        f"{count(int(report['n_windows']), 'window')}; n is the number of windows of a cell, "
        "because trials of one window share its luck.",
        "Each value is the mean of what windows earned, with a 90 % interval in the table and "
        "under the pointer; an answer shrinks it towards its neighbours.",
    ]
    if others:
        lines.append(f"Averaged over the other parameters: {', '.join(others)}.")
    if shown.centre is not None:
        lines.append("Bold: the interval leaves break-even out. White in the scale is break-even.")
    if len(shown.tried()) < len(shown.columns) * len(shown.rows):
        lines.append("An empty cell was never tried.")
    lines += [_said_of(m, answered) for m in marks]
    if answered is None:
        lines.append(
            "No recorded answer for this strategy and objective: the page Recommend gives one."
        )
    for line in lines:
        say('<p style="margin:0;font-size:.9rem;opacity:.85">{line}</p>', line=line)


def _said_of(shown: Mark, answered: Mapping[str, Any] | None) -> str:
    where = "" if shown.place is not None else "; it lies in no cell of this grid"
    if shown.name != "recommended" or answered is None:
        return f"{shown.name.capitalize()}: {params_text(shown.params)}{where}."
    market = " ".join(str(answered[k]) for k in ("symbol", "timeframe") if answered[k])
    return (
        f"Recommended last: {params_text(shown.params)}, at {clock_text(answered['at'])}"
        f"{' for ' + market if market else ''} ({answered['status']}){where}."
    )


def _alt(shown: Grid, marks: Sequence[Mark]) -> str:
    best = grid_table(shown, marks).row(0, named=True)
    return (
        f"Heat map of the mean over {shown.p} and {shown.q}, {len(shown.tried())} cells. Best mean "
        f"{best['mean']:.3g} at {shown.p} {best['p']}, {shown.q} {best['q']}, from "
        f"{best['windows']} windows. {len(shown.thin())} cells have few windows."
    )


def _tried_names(workspace: str, strategy: str) -> list[str]:
    """The parameters of a strategy without a spec, as its last trials have them."""
    rows, _ = data.ask(
        "trial_page", workspace=workspace, where={"strategy_name": strategy}, limit=50
    )
    return sorted({name for text in rows["params"] for name in read_params(text)})


def _last_answer(workspace: str, strategy: str, objective: str) -> dict[str, Any] | None:
    """The last recorded answer that had parameters; None where there is none, or none is known."""
    where = {"strategy_name": strategy, "objective_type": objective}
    try:
        events, _ = data.ask("event_page", workspace=workspace, where=where, limit=_RECENT)
    except TradingKBError:
        return None  # the grid stands without its star
    usable = events.filter(pl.col("params").is_not_null() & (pl.col("source") != "probe"))
    return None if usable.is_empty() else usable.row(0, named=True)
