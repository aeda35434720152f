"""What a strategy earned over two of its parameters, as a grid with its marks: pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from dashboard.views.numbers import literal, score_text

#: A cell with fewer windows than this says nothing, whatever its mean (as an answer is degraded).
MIN_WINDOWS: Final = 3
#: So is one with fewer than this share of the windows of the cell that most windows tried.
_FEW_SHARE: Final = 0.25

Numbers = tuple[tuple[float | None, ...], ...]
Counts = tuple[tuple[int, ...], ...]
Place = tuple[int, int]


@dataclass(frozen=True)
class Level:
    """One place along a parameter: a value, or a bin of many.

    Attributes:
        low, high: the bounds of a bin, both inclusive; the value itself where it is none.
        label: as it is shown.
    """

    low: Any
    high: Any
    label: str

    def holds(self, value: Any) -> bool:
        """Whether a parameter with this value lies here: 20 is 20.0, but True is not 1."""
        if _is_number(value) and _is_number(self.low) and _is_number(self.high):
            return bool(self.low <= value <= self.high)
        return type(value) is type(self.low) and bool(value == self.low)


@dataclass(frozen=True)
class Grid:
    """The cells of a parameter grid as rows (along q) of columns (along p).

    Attributes:
        p, q: names of the parameters.
        columns, rows: their levels, in numeric order.
        value, low, high: the mean per cell with its 90 % interval, in `unit`; None where nothing
            was tried.
        n_windows, n_trials, n_sets: how much stands behind each cell.
        few: cells with fewer windows than this are marked.
        unit: of the objective.
        direction: "max" when more is better, "min" when less is.
        centre: the value of a strategy that neither earns nor loses; None where there is none.
    """

    p: str
    q: str
    columns: tuple[Level, ...]
    rows: tuple[Level, ...]
    value: Numbers
    low: Numbers
    high: Numbers
    n_windows: Counts
    n_trials: Counts
    n_sets: Counts
    few: int
    unit: str
    direction: str
    centre: float | None

    def tried(self) -> list[Place]:
        """(column, row) of the cells with a value."""
        places = ((x, y) for y in range(len(self.rows)) for x in range(len(self.columns)))
        return [(x, y) for x, y in places if self.value[y][x] is not None]

    def thin(self) -> list[Place]:
        """Those with few windows."""
        return [(x, y) for x, y in self.tried() if self.n_windows[y][x] < self.few]

    def clear(self, place: Place) -> bool:
        """Whether the interval of a cell leaves the break-even value out."""
        x, y = place
        low, high = self.low[y][x], self.high[y][x]
        if self.centre is None or low is None or high is None:
            return False
        return low > self.centre or high < self.centre

    def limits(self) -> tuple[float, float]:
        """The ends of the colour scale: symmetrical around the centre where there is one.

        Cells with few windows do not stretch it: one lucky window would fade all the others.
        """
        thin = set(self.thin())
        solid = [self.value[y][x] for x, y in self.tried() if (x, y) not in thin]
        found = [v for v in solid or [self.value[y][x] for x, y in self.tried()] if v is not None]
        if not found:
            return (0.0, 1.0)
        if self.centre is None:
            low, high = min(found), max(found)
            return (low, high) if high > low else (low - 0.5, high + 0.5)
        reach = max(abs(v - self.centre) for v in found) or 1.0
        return self.centre - reach, self.centre + reach


@dataclass(frozen=True)
class Mark:
    """A parameter set that the grid points out.

    Attributes:
        name: what it is: "recommended" or "defaults".
        params: the whole set.
        place: (column, row) of its cell; None where the grid has none.
    """

    name: str
    params: Mapping[str, Any]
    place: Place | None


def grid(report: Mapping[str, Any], centre: float | None) -> Grid:
    """The grid of a report of `param_grid`.

    Args:
        report: p, q, unit, direction, and `cells` with p, q (or p_low, p_high, and so on, where
            values were binned), value, low, high, n_trials, n_windows, n_sets.
        centre: break-even of the objective, in its unit; None where it has none.
    """
    cells: pl.DataFrame = report["cells"]
    across, along = _levels(cells, "p"), _levels(cells, "q")
    places = list(zip(_codes(cells, "p", across), _codes(cells, "q", along), strict=True))
    shape = (len(along), len(across))
    windows = _table(cells, "n_windows", places, shape, 0)
    return Grid(
        p=str(report["p"]),
        q=str(report["q"]),
        columns=across,
        rows=along,
        value=_table(cells, "value", places, shape, None),
        low=_table(cells, "low", places, shape, None),
        high=_table(cells, "high", places, shape, None),
        n_windows=windows,
        n_trials=_table(cells, "n_trials", places, shape, 0),
        n_sets=_table(cells, "n_sets", places, shape, 0),
        few=few_windows(n for row in windows for n in row),
        unit=str(report.get("unit") or ""),
        direction=str(report.get("direction") or "max"),
        centre=centre,
    )


def few_windows(counts: Iterable[int]) -> int:
    """Below how many windows a cell is marked, from the windows of every cell."""
    return max(MIN_WINDOWS, math.ceil(_FEW_SHARE * max(counts, default=0)))


def mark(name: str, params: Mapping[str, Any] | None, shown: Grid) -> Mark | None:
    """Where a parameter set lies on the grid; None when there is no set."""
    if not params:
        return None
    x = _index(shown.columns, params.get(shown.p))
    y = _index(shown.rows, params.get(shown.q))
    return Mark(name, dict(params), None if x is None or y is None else (x, y))


def grid_table(shown: Grid, marks: Sequence[Mark]) -> pl.DataFrame:
    """The same as rows, the best mean first, for those who read numbers."""
    places = shown.tried()
    names = {place: ", ".join(m.name for m in marks if m.place == place) for place in places}
    frame = pl.DataFrame(
        {
            "p": [shown.columns[x].label for x, _ in places],
            "q": [shown.rows[y].label for _, y in places],
            "mean": [shown.value[y][x] for x, y in places],
            "low": [shown.low[y][x] for x, y in places],
            "high": [shown.high[y][x] for x, y in places],
            "windows": [shown.n_windows[y][x] for x, y in places],
            "trials": [shown.n_trials[y][x] for x, y in places],
            "sets": [shown.n_sets[y][x] for x, y in places],
            "note": [_note(shown, place, names[place]) for place in places],
        },
        schema_overrides=dict.fromkeys(("mean", "low", "high"), pl.Float64),
    )
    return frame.sort("mean", descending=shown.direction == "max", nulls_last=True)


def _note(shown: Grid, place: Place, marked: str) -> str:
    few = "few windows" if shown.n_windows[place[1]][place[0]] < shown.few else ""
    return ", ".join(part for part in (marked, few) if part)


def hover_text(shown: Grid, place: Place, marks: Sequence[Mark]) -> str:
    """What a cell says of itself, in lines."""
    x, y = place
    lines = [f"{shown.p} = {shown.columns[x].label}, {shown.q} = {shown.rows[y].label}"]
    lines.append(f"mean {score_text(shown.value[y][x], shown.unit)}")
    low, high = shown.low[y][x], shown.high[y][x]
    if low is None or high is None:
        lines.append("no interval: a single window")
    else:
        bounds = f"{score_text(low, shown.unit)} to {score_text(high, shown.unit)}"
        lines.append(f"90 % interval {bounds}")
    lines.append(
        f"{shown.n_windows[y][x]:,} windows, {shown.n_trials[y][x]:,} trials, "
        f"{shown.n_sets[y][x]:,} parameter sets"
    )
    note = _note(shown, place, ", ".join(m.name for m in marks if m.place == place))
    return "\n".join([*lines, note] if note else lines)


def param_names(spec: Mapping[str, Any] | None, varying: Sequence[str]) -> list[str]:
    """The parameters to choose from: as the spec declares them, then others by name.

    Args:
        spec: of the strategy, as a dict; None where none is registered.
        varying: names of those that vary in the trials; none while that is not known.
    """
    declared = [str(p["name"]) for p in (spec or {}).get("params", ())]
    if not varying:
        return declared
    return [n for n in declared if n in varying] + sorted(set(varying) - set(declared))


def first_pair(names: Sequence[str], spec: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """The two parameters that are shown first: numbers before choices; None for fewer than two."""
    if len(names) < 2:
        return None
    types = {str(p["name"]): p.get("type") for p in (spec or {}).get("params", ())}
    order = sorted(names, key=lambda n: types.get(n, "float") not in ("int", "float"))
    return order[0], order[1]


def spec_defaults(spec: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The declared defaults of a spec; None where a parameter has none, or there is no spec."""
    declared = list((spec or {}).get("params", ()))
    if not declared:
        return None
    found = {str(p["name"]): p.get("default") for p in declared}
    return {n: v for n, v in found.items() if v is not None} or None


def _levels(cells: pl.DataFrame, axis: str) -> tuple[Level, ...]:
    if f"{axis}_low" in cells.columns:
        bounds = cells.select(f"{axis}_low", f"{axis}_high").unique().rows()
        return tuple(Level(a, b, _bin(a, b)) for a, b in sorted(bounds, key=lambda r: _order(r[0])))
    values = cells[axis].unique().to_list()
    return tuple(Level(v, v, literal(v)) for v in sorted(values, key=_order))


def _bin(low: Any, high: Any) -> str:
    return literal(low) if low == high else f"{literal(low)} to {literal(high)}"


def _codes(cells: pl.DataFrame, axis: str, levels: Sequence[Level]) -> list[int]:
    binned = f"{axis}_low" in cells.columns
    column = cells[f"{axis}_low" if binned else axis].to_list()
    known = {_order(level.low): k for k, level in enumerate(levels)}
    return [known[_order(value)] for value in column]


def _order(value: Any) -> tuple[int, float, str]:
    """Numbers by size, then flags, then texts, then what is not set."""
    if value is None:
        return (3, 0.0, "")
    if isinstance(value, bool):
        return (1, float(value), "")
    if _is_number(value):
        return (0, float(value), "")
    return (2, 0.0, str(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _index(levels: Sequence[Level], value: Any) -> int | None:
    return next((k for k, level in enumerate(levels) if level.holds(value)), None)


def _table(
    cells: pl.DataFrame, name: str, places: Sequence[Place], shape: tuple[int, int], empty: Any
) -> Any:
    rows = [[empty] * shape[1] for _ in range(shape[0])]
    for (x, y), value in zip(places, cells[name].to_list(), strict=True):
        rows[y][x] = value
    return tuple(tuple(row) for row in rows)
