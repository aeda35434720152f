"""What a strategy earned over two of its parameters, as a grid with its marks: pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from dashboard.views.numbers import count, literal, score_text

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
        """Whether a parameter with this value lies here: 20 is 20.0, and a category its text."""
        if value is None or self.low is None:
            return value is None and self.low is None
        if _is_number(self.low):
            return _is_number(value) and bool(self.low <= value <= self.high)
        return bool(self.low == (value if isinstance(value, str) else json.dumps(value)))


@dataclass(frozen=True)
class Measure:
    """What a cell shows.

    Attributes:
        column: of the report; its interval stands in two more, with `_low` and `_high` or "low" and
            "high".
        title: in a few words.
        meaning: in a sentence.
    """

    column: str
    title: str
    meaning: str

    @property
    def bounds(self) -> tuple[str, str]:
        """The columns of its interval."""
        if self.column == "value":
            return "low", "high"
        return f"{self.column}_low", f"{self.column}_high"


EARNED: Final = Measure(
    "value",
    "What it earned",
    "Each value is the mean over windows of what the trials of the cell earned; an answer's "
    "expectation is drawn from there towards what is known of all sets.",
)
AGAINST: Final = Measure(
    "over_others",
    "Against the other sets",
    "Each value is the mean difference to all other sets on the same windows: the luck of the "
    "windows cancels out, and what is left belongs to the parameters.",
)
MEASURES: Final = (EARNED, AGAINST)


@dataclass(frozen=True)
class Grid:
    """The cells of a parameter grid as rows (along q) of columns (along p).

    Attributes:
        p, q: names of the parameters; q is None where only one varies.
        measure: what the values are.
        columns, rows: their levels, in numeric order.
        value, low, high: the mean per cell with its 90 % interval, in `unit`; None where nothing
            was tried.
        n_windows, n_trials, n_sets: how much stands behind each cell.
        idle: share of the trials of a cell that made no trade; None where that is not known.
        few: cells with fewer windows than this are marked.
        unit: of the objective.
        direction: "max" when more is better, "min" when less is.
        centre: the value of neither better nor worse: break-even, or no difference; None where
            there is none.
    """

    p: str
    q: str | None
    measure: Measure
    columns: tuple[Level, ...]
    rows: tuple[Level, ...]
    value: Numbers
    low: Numbers
    high: Numbers
    n_windows: Counts
    n_trials: Counts
    n_sets: Counts
    idle: Numbers
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

    def span(self) -> tuple[float, float]:
        """The part of the scale that is needed: from the least value to the most, and the centre.

        A profit factor below 0 is none, and half of a legend of gains alone would be of losses.
        """
        low, high = self.limits()
        found = [self.value[y][x] for x, y in self.tried()]
        known = [v for v in [*found, self.centre] if v is not None]
        if self.centre is None or max(known) <= min(known):
            return low, high
        return max(low, min(known)), min(high, max(known))


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


def grid(
    report: Mapping[str, Any], measure: Measure = EARNED, break_even: float | None = None
) -> Grid:
    """The grid of a report of `param_grid` that has a cell.

    Args:
        report: see `tradingkb.monitoring.grid.ParamGrid`.
        measure: what the cells show.
        break_even: of the objective, in its unit; None where it has none.
    """
    cells: pl.DataFrame = report["cells"]
    across, along = _levels(cells, "p"), _levels(cells, "q")
    places = list(zip(_codes(cells, "p", across), _codes(cells, "q", along), strict=True))
    shape = (len(along), len(across))

    def table(name: str, nothing: Any) -> Any:
        found = cells[name].to_list() if name in cells.columns else [nothing] * cells.height
        rows = [[nothing] * shape[1] for _ in range(shape[0])]
        for (x, y), value in zip(places, found, strict=True):
            rows[y][x] = value
        return tuple(tuple(row) for row in rows)

    windows = table("n_windows", 0)
    low, high = measure.bounds
    return Grid(
        p=str(report["p"]),
        q=None if report["q"] is None else str(report["q"]),
        measure=measure,
        columns=across,
        rows=along,
        value=table(measure.column, None),
        low=table(low, None),
        high=table(high, None),
        n_windows=windows,
        n_trials=table("n_trials", 0),
        n_sets=table("n_sets", 0),
        idle=table("idle", None),
        few=few_windows(n for row in windows for n in row),
        unit=str(report["unit"]),
        direction=str(report["direction"]),
        centre=0.0 if measure == AGAINST else break_even,
    )


def few_windows(counts: Iterable[int]) -> int:
    """Below how many windows a cell is marked, from the windows of every cell."""
    return max(MIN_WINDOWS, math.ceil(_FEW_SHARE * max(counts, default=0)))


def mark(name: str, params: Mapping[str, Any] | None, shown: Grid) -> Mark | None:
    """Where a parameter set lies on the grid; None when there is no set."""
    if not params:
        return None
    x = _index(shown.columns, params.get(shown.p))
    y = 0 if shown.q is None else _index(shown.rows, params.get(shown.q))
    return Mark(name, dict(params), None if x is None or y is None else (x, y))


def grid_table(shown: Grid, marks: Sequence[Mark]) -> pl.DataFrame:
    """The same as rows, the best first, for those who read numbers; shares are in percent."""
    places = shown.tried()
    scale = 100.0 if shown.unit == "fraction" else 1.0
    names = {place: ", ".join(m.name for m in marks if m.place == place) for place in places}
    frame = pl.DataFrame(
        {
            "p": [shown.columns[x].label for x, _ in places],
            "q": [shown.rows[y].label for _, y in places],
            "note": [_note(shown, place, names[place]) for place in places],
            "mean": [_times(shown.value[y][x], scale) for x, y in places],
            "low": [_times(shown.low[y][x], scale) for x, y in places],
            "high": [_times(shown.high[y][x], scale) for x, y in places],
            "windows": [shown.n_windows[y][x] for x, y in places],
            "trials": [shown.n_trials[y][x] for x, y in places],
            "sets": [shown.n_sets[y][x] for x, y in places],
            "idle": [_times(shown.idle[y][x], 100.0) for x, y in places],
        },
        schema_overrides=dict.fromkeys(("mean", "low", "high", "idle"), pl.Float64),
    )
    return frame.sort("mean", descending=shown.direction == "max", nulls_last=True)


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _note(shown: Grid, place: Place, marked: str) -> str:
    few = "few windows" if shown.n_windows[place[1]][place[0]] < shown.few else ""
    return ", ".join(part for part in (marked, few) if part)


def hover_text(shown: Grid, place: Place, marks: Sequence[Mark]) -> str:
    """What a cell says of itself, in lines."""
    x, y = place
    lines = [cell_name(shown, place)]
    lines.append(f"{shown.measure.title.lower()}: {score_text(shown.value[y][x], shown.unit)}")
    low, high = shown.low[y][x], shown.high[y][x]
    if low is None or high is None:
        lines.append("no interval: a single window")
    else:
        bounds = f"{score_text(low, shown.unit)} to {score_text(high, shown.unit)}"
        lines.append(f"90 % interval {bounds}")
    lines.append(
        f"{count(shown.n_windows[y][x], 'window')}, {count(shown.n_trials[y][x], 'trial')}, "
        f"{count(shown.n_sets[y][x], 'parameter set')}"
    )
    idle = shown.idle[y][x]
    if idle:
        lines.append(f"{100 * idle:.0f} % of the trials made no trade")
    note = _note(shown, place, ", ".join(m.name for m in marks if m.place == place))
    return "\n".join([*lines, note] if note else lines)


def cell_name(shown: Grid, place: Place) -> str:
    """Which cell it is: "fast = 12, slow = 26"."""
    x, y = place
    name = f"{shown.p} = {shown.columns[x].label}"
    return name if shown.q is None else f"{name}, {shown.q} = {shown.rows[y].label}"


def declared_numbers(spec: Mapping[str, Any] | None) -> list[str]:
    """The parameters that a spec declares as numbers, in its order; none where there is no spec."""
    declared = list((spec or {}).get("params", ()))
    return [str(p["name"]) for p in declared if p.get("type") in ("int", "float")]


def in_order(varying: Sequence[str], declared: Sequence[str]) -> list[str]:
    """The parameters that vary: those that are declared as numbers first, as they are declared."""
    first = [name for name in declared if name in varying]
    return first + [name for name in varying if name not in first]


def spec_defaults(spec: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The declared defaults of a spec; None where a parameter has none, or there is no spec."""
    declared = list((spec or {}).get("params", ()))
    if not declared:
        return None
    found = {str(p["name"]): p.get("default") for p in declared}
    return {n: v for n, v in found.items() if v is not None} or None


def _levels(cells: pl.DataFrame, axis: str) -> tuple[Level, ...]:
    found = cells.select(axis, f"{axis}_low", f"{axis}_high").unique().rows()
    return tuple(_level(*row) for row in sorted(found, key=lambda row: _order(row[0])))


def _level(value: Any, low: Any, high: Any) -> Level:
    """A number, a bin of numbers, a category, or where trials do not name the parameter."""
    if low is None:
        return Level(value, value, literal(value))
    return Level(low, high, literal(low) if low == high else f"{literal(low)} to {literal(high)}")


def _codes(cells: pl.DataFrame, axis: str, levels: Sequence[Level]) -> list[int]:
    known = {level.low: k for k, level in enumerate(levels)}
    rows = cells.select(axis, f"{axis}_low").rows()
    return [known[value if low is None else low] for value, low in rows]


def _order(value: Any) -> tuple[int, float, str]:
    """Numbers by size, then texts, then what is not set."""
    if value is None:
        return (2, 0.0, "")
    return (0, float(value), "") if _is_number(value) else (1, 0.0, str(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _index(levels: Sequence[Level], value: Any) -> int | None:
    return next((k for k, level in enumerate(levels) if level.holds(value)), None)
