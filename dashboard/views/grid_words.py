"""What a parameter grid says in words: its title, its notes, and what is read aloud; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dashboard.views.grid import AGAINST, Grid, Mark, cell_name
from dashboard.views.numbers import count, params_text, score_text


def title_text(report: Mapping[str, Any], shown: Grid) -> str:
    """What the picture shows, with unit and sample size."""
    unit = "percent" if shown.unit == "fraction" else shown.unit
    sample = "in-sample where there is no other" if report["in_sample"] else "out-of-sample"
    windows = count(int(report["n_windows"]), "window")
    what = "Difference in" if shown.measure == AGAINST else "Mean"
    frame = f" of {report['timeframe']} bars" if report["timeframe"] else ""
    return f"{what} {report['objective_type']} ({unit}), {sample}, {windows}{frame}"


def explained(
    report: Mapping[str, Any],
    shown: Grid,
    marks: Sequence[Mark],
    answered: Mapping[str, Any] | None,
    *,
    counted: bool = True,
) -> list[str]:
    """What the picture is made of, in sentences: nothing here needs a pointer.

    Args:
        report: of `param_grid`.
        shown: its grid.
        marks: what the grid points out.
        answered: the recorded answer that is marked as recommended; None where there is none.
        counted: whether each cell says how many windows stand behind it.
    """
    lines = [
        f"{count(int(report['n_trials']), 'trial')} of {count(int(report['n_sets']), 'set')} on "
        f"{count(int(report['n_windows']), 'window')}; n is the number of windows of a cell, "
        "because trials of one window share its luck.",
        shown.measure.meaning,
    ]
    others = [str(name) for name in report["params"] if name not in (shown.p, shown.q)]
    if others:
        lines.append(
            f"Averaged over the other parameters ({', '.join(others)}); pick another pair to see "
            "them apart."
        )
    if shown.centre is not None:
        zero = "no difference" if shown.measure == AGAINST else "break-even"
        lines.append(f"White is {zero}; bold values have a 90 % interval that leaves it out.")
    if _one_sided(shown):
        lines.append(f"All values are on one side of it: {AGAINST.title!r} shows how they differ.")
    if not counted:
        lines.append("The cells are too small for n: it stands in the table.")
    if len(shown.tried()) < len(shown.columns) * len(shown.rows):
        lines.append("An empty cell was never tried.")
    lines += [_said_of(mark, answered) for mark in marks]
    if answered is None:
        lines.append(
            "No answer of the last 30 days is recorded for this strategy and objective: the page "
            "Recommend gives one."
        )
    return lines


def _one_sided(shown: Grid) -> bool:
    """Whether one half of the colours is all that there is to see."""
    if shown.centre is None or shown.measure == AGAINST:
        return False
    above = {(shown.value[y][x] or 0.0) > shown.centre for x, y in shown.tried()}
    return len(above) == 1 and len(shown.tried()) > 1


def _said_of(mark: Mark, answered: Mapping[str, Any] | None) -> str:
    where = "" if mark.place is not None else "; it lies in no cell of this grid"
    if mark.name != "recommended" or answered is None:
        return f"{mark.name.capitalize()}: {params_text(mark.params)}{where}."
    market = " ".join(str(answered[k]) for k in ("symbol", "timeframe") if answered[k])
    at = answered["at"]
    when = f"{at:%Y-%m-%d %H:%M} UTC" if isinstance(at, datetime) else str(at)
    return (
        f"Recommended last: {params_text(mark.params)}, at {when}"
        f"{f' for {market}' if market else ''}, with status {answered['status']}{where}."
    )


def alt_text(shown: Grid, marks: Sequence[Mark]) -> str:
    """The finding, for those who do not see the picture."""
    places = shown.tried()
    if not places:
        return "No cell has a value."
    values = {place: shown.value[place[1]][place[0]] or 0.0 for place in places}
    sign = 1.0 if shown.direction == "max" else -1.0
    best = max(places, key=lambda place: sign * values[place])
    solid = count(len(places) - len(shown.thin()), "cell")
    return (
        f"{shown.measure.title} over {shown.p}{f' and {shown.q}' if shown.q else ''}: best "
        f"{score_text(values[best], shown.unit)} at {cell_name(shown, best)}, from "
        f"{count(shown.n_windows[best[1]][best[0]], 'window')}; {solid} of {len(places)} have "
        "enough windows. "
        + " ".join(
            f"{mark.name.capitalize()} at {cell_name(shown, mark.place)}."
            for mark in marks
            if mark.place is not None
        )
    ).strip()
