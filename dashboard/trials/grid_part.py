"""The parameter grid: what a strategy earned over two of its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.shared import data, look
from dashboard.shared.parts import empty, guarded
from dashboard.shared.text import say
from dashboard.trials.choose import figure_look, objective_of, pick, wanted
from dashboard.trials.notes import notes
from dashboard.views.grid import (
    MEASURES,
    Grid,
    Mark,
    declared_numbers,
    grid,
    grid_table,
    in_order,
    mark,
    spec_defaults,
)
from dashboard.views.grid_figure import grid_figure, size
from dashboard.views.grid_words import alt_text, explained, title_text
from dashboard.views.numbers import read_params
from tradingkb.exceptions import InvalidInputError, TradingKBError

KEYS: Final = ("x", "y", "objective", "bars", "shown")
#: Pixels of a page of usual width; a grid that leaves fewer of them has its table below.
_PAGE: Final = 990
_TABLE: Final = 420
#: Rows that are shown without a scroll bar.
_WHOLE: Final = 12
#: Recorded answers that are looked at for the last one with parameters, and how far back: of a
#: strategy that nobody asks about, the store would look through every answer that there is.
_RECENT: Final = 20
RECENT: Final = timedelta(days=30)


def grid_part(workspace: str, strategy: str) -> None:
    """Pickers, heat map, table."""
    with guarded("The parameter grid"):
        objectives = data.ask("objectives")
        places = st.columns(4)
        with places[0]:
            name = pick("Objective", [o["name"] for o in objectives], "objective")
        spec = data.ask("strategy", name=strategy, workspace=workspace)
        declared = declared_numbers(spec)
        report = _report(workspace, strategy, name, declared)
        if report["p"] is None:
            empty(
                "No grid",
                "No parameter of this strategy varies in trials with a score for this objective.",
            )
            return
        report = _picked(places, workspace, strategy, report, declared)
        measure = st.segmented_control(
            "Shown",
            [m.title for m in MEASURES],
            default=MEASURES[0].title,
            required=True,
            key="shown",
            bind="query-params",
        )
        chosen = next(m for m in MEASURES if m.title == measure)
        of = objective_of(objectives, name)
        _show(workspace, report, grid(report, chosen, of.get("break_even")), spec)


def _report(
    workspace: str, strategy: str, objective: str, declared: Sequence[str]
) -> Mapping[str, Any]:
    """With what was picked, else what is declared first, as far as the trials have it."""
    p = wanted("x") or next(iter(declared), None)
    q = wanted("y")
    if q is None or q == p:
        q = next((name for name in declared if name != p), None)
    asked = {"p": p, "q": q, "timeframe": wanted("bars")}
    same = {"workspace": workspace, "strategy_name": strategy, "objective_type": objective}
    try:
        found: Mapping[str, Any] = data.ask("param_grid", **same, **asked)
    except InvalidInputError:
        # Another strategy's parameters, say: the grid begins with its own.
        found = data.ask("param_grid", **same, p=None, q=None, timeframe=None)
    return found


def _picked(
    places: Sequence[Any],
    workspace: str,
    strategy: str,
    report: Mapping[str, Any],
    declared: Sequence[str],
) -> Mapping[str, Any]:
    """The report of what the pickers say; they offer what varies.

    What each begins with hangs on the trials alone, not on the link: a link leaves out what a
    picker would begin with anyway.
    """
    names = in_order([str(name) for name in report["params"]], declared)
    with places[1]:
        p = pick("Parameter across", names, "x")
    others = [name for name in names if name != p]
    q = timeframe = None
    with places[2]:
        if others:
            q = pick("Parameter upwards", others, "y")
    with places[3]:
        frames = [str(name) for name in report["timeframes"] if name]
        if frames:
            timeframe = pick("Bars", frames, "bars")
    if (p, q, timeframe) == (report["p"], report["q"], report["timeframe"]):
        return report
    found: Mapping[str, Any] = data.ask(
        "param_grid",
        workspace=workspace,
        strategy_name=strategy,
        objective_type=report["objective_type"],
        p=p,
        q=q,
        timeframe=timeframe,
    )
    return found


def _show(
    workspace: str, report: Mapping[str, Any], shown: Grid, spec: Mapping[str, Any] | None
) -> None:
    strategy = str(report["strategy_name"])
    answered = _last_answer(workspace, strategy, str(report["objective_type"]))
    found = (
        mark("recommended", answered and read_params(answered["params"]), shown),
        mark("defaults", spec_defaults(spec), shown),
    )
    marks = [m for m in found if m is not None]
    sizes = size(shown, marks)
    room = _PAGE - sizes.width
    # On a narrow page the grid keeps its size and is moved inside its frame: cells stay square.
    say(
        "<style>.st-key-grid_frame {{overflow-x: auto}} "
        ".st-key-grid_inner {{min-width: {width}px}}</style>",
        width=sizes.width,
    )
    say('<p style="margin:0"><strong>{title}</strong></p>', title=title_text(report, shown))
    with st.container(horizontal=True):
        with (
            st.container(key="grid_frame", width=sizes.width),
            st.container(key="grid_inner", width=sizes.width),
        ):
            figure = grid_figure(shown, marks, figure_look())
            look.draw(figure, alt=alt_text(shown, marks), key="grid_chart")
        if room >= _TABLE:
            with st.container(width=room):
                _table(shown, marks)
    if room < _TABLE:
        _table(shown, marks)
    notes(explained(report, shown, marks, answered, counted=sizes.counts))


def _table(shown: Grid, marks: Sequence[Mark]) -> None:
    column = st.column_config
    percent = shown.unit == "fraction"
    unit, number = (", %", "%.1f") if percent else ("", "%.3f")
    table = grid_table(shown, marks)
    if shown.q is None:
        table = table.drop("q")
    if not any(table["note"]):
        table = table.drop("note")
    if table["idle"].null_count() == table.height:
        table = table.drop("idle")
    st.dataframe(
        table,
        hide_index=True,
        height="content" if table.height <= _WHOLE else 480,
        column_config={
            "p": column.TextColumn(shown.p, width="small"),
            "q": column.TextColumn(shown.q, width="small"),
            "note": column.TextColumn("note", width=96),
            "mean": column.NumberColumn(f"mean{unit}", format=number),
            "low": column.NumberColumn(f"90 % from{unit}", format=number),
            "high": column.NumberColumn(f"to{unit}", format=number),
            "idle": column.NumberColumn("no trade, %", format="%.0f"),
        },
        alt="The same grid as a table, the best first.",
        key="grid_table",
    )


def _last_answer(workspace: str, strategy: str, objective: str) -> dict[str, Any] | None:
    """The last recorded answer that had parameters; None where there is none, or none is known."""
    where = {"strategy_name": strategy, "objective_type": objective}
    today = data.now().replace(hour=0, minute=0, second=0)
    try:
        events, _ = data.ask(
            "event_page", workspace=workspace, where=where, limit=_RECENT, since=today - RECENT
        )
    except TradingKBError:
        return None  # the grid stands without its star
    usable = events.filter(pl.col("params").is_not_null() & (pl.col("source") != "probe"))
    return None if usable.is_empty() else usable.row(0, named=True)
