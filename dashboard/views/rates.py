"""Rates of answers by status: over time, now against before, with the thresholds of the alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from dashboard.shared.look import GREY, STATUS, STATUS_ORDER, STATUS_PATTERN, layout
from dashboard.shared.text import shortened
from dashboard.views.labels import hatched, in_figure, legend_below, percent, thousands
from tradingkb.monitoring import SHARES

#: Upper bounds of the counts by duration, in milliseconds.
_BOUNDS: Final = (10, 30, 100, 300, 1000, 3000)
#: Marks that a figure has room for.
_MARKS: Final = 40
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Before:
    """A range that the present one is compared with."""

    name: str
    shift: timedelta


def befores(length: timedelta) -> tuple[Before, ...]:
    """What a range is compared with: the same time of other days, or the range before."""
    week = Before("a week before", 7 * _DAY)
    if length <= _DAY:
        return Before("a day before", _DAY), week
    if length <= 7 * _DAY:
        return (week,)
    return (Before(f"the {length.days} days before", length),)


@dataclass(frozen=True)
class Part:
    """Of what length the parts of a figure are.

    Attributes:
        name: as in "per hour".
        length: of it.
    """

    name: str
    length: timedelta


def part_of(bucket: str, length: timedelta) -> Part:
    """The parts of a range: few enough minutes together that a share of them says something."""
    if bucket != "minute":
        return Part(bucket, {"hour": timedelta(hours=1), "day": _DAY}[bucket])
    minutes = 5 if length <= timedelta(hours=1) else 15
    return Part(f"{minutes} minutes", timedelta(minutes=minutes))


def by_part(rates: pl.DataFrame, part: Part) -> pl.DataFrame:
    """Answers by part: at, n, ok, degraded, none (counts), in order."""
    if rates.is_empty():
        return pl.DataFrame(schema={"at": pl.Datetime("us", "UTC"), "n": pl.Int64, **_COUNTS})
    of = [pl.col("count").filter(pl.col("status") == s).sum().alias(s) for s in STATUS_ORDER]
    parts = rates.with_columns(pl.col("at").dt.truncate(part.length)).group_by("at")
    return parts.agg(pl.col("count").sum().alias("n"), *of).sort("at")


_COUNTS: Final = dict.fromkeys(STATUS_ORDER, pl.Int64)


@dataclass(frozen=True)
class Totals:
    """The answers of a range.

    Attributes:
        n: how many.
        shares: by status, fractions; empty without answers.
        mean_ms: how long they took on average; None where it is not known.
        most_ms: within how many milliseconds nineteen of twenty were answered, as a bound of the
            histogram; None where it is not known or above the last bound.
    """

    n: int
    shares: Mapping[str, float]
    mean_ms: float | None
    most_ms: int | None


def totals(rates: pl.DataFrame) -> Totals:
    """The answers of a range, from its rates."""
    n = int(rates["count"].sum()) if rates.height else 0
    if not n:
        return Totals(0, {}, None, None)
    counts = {s: int(rates.filter(pl.col("status") == s)["count"].sum()) for s in STATUS_ORDER}
    shares = {s: count / n for s, count in counts.items()}
    if rates["seconds"].null_count() == rates.height:
        return Totals(n, shares, None, None)
    within = [(b, int(rates[f"le_{b}_ms"].sum() or 0)) for b in _BOUNDS]
    most = next((bound for bound, count in within if count >= 0.95 * n), None)
    return Totals(n, shares, 1000 * float(rates["seconds"].sum()) / n, most)


def compared(named: Sequence[tuple[str, Totals]]) -> list[tuple[str, ...]]:
    """Rows of a table: range, answers, shares by status, mean time, and what 95 % took at most."""
    return [
        (
            name,
            thousands(t.n),
            *(percent(t.shares.get(s)) for s in STATUS_ORDER),
            "–" if t.mean_ms is None else f"{t.mean_ms:,.0f} ms",
            "–" if t.mean_ms is None else f"{t.most_ms:,} ms" if t.most_ms else "> 3,000 ms",
        )
        for name, t in named
    ]


COMPARED: Final = ("", "answers", "ok", "degraded", "none", "mean time", "95 % within")


def over_time(
    counts: pl.DataFrame,
    part: Part,
    within: tuple[datetime, datetime],
    changes: pl.DataFrame,
    ink: str,
) -> dict[str, Any]:
    """The figure of the shares by status, above how many answers they are of.

    Args:
        counts: `by_part`.
        part: of what length its parts are.
        within: what is shown, from when to when.
        changes: at, kind, what, of what may have changed answers.
        ink: colour of what is written.
    """
    n = int(counts["n"].sum())
    width = part.length / timedelta(milliseconds=1)
    bars = [_share_bars(counts, status, width) for status in ("none", "degraded", "ok")]
    volume = {
        "type": "bar",
        "x": counts["at"].to_list(),
        "y": counts["n"].to_list(),
        "name": "answers",
        "marker": {"color": GREY},
        "width": width,
        "offset": 0,
        "yaxis": "y2",
        "showlegend": False,
        "hovertemplate": "%{y} answers<extra></extra>",
    }
    shapes, notes = thresholds("none", ink)
    marks = _marks(changes, ink)
    return {
        "data": [*bars, volume, *marks],
        "layout": layout(
            380,
            title=f"Share of answers by status, % per {part.name} (n = {thousands(n)}, UTC)",
            barmode="stack",
            shapes=[*shapes, *_lines(changes, ink)],
            annotations=notes,
            xaxis={
                "type": "date",
                "range": list(within),
                "anchor": "y2",
                "hoverformat": "%Y-%m-%d %H:%M",
            },
            yaxis={
                "domain": [0.3, 1],
                "range": [0, 108],
                "title": {"text": "share, %"},
                "tickvals": [0, 25, 50, 75, 100],
            },
            legend=legend_below(280),
            yaxis2={"domain": [0, 0.22], "title": {"text": "answers"}, "rangemode": "tozero"},
        ),
    }


def _share_bars(counts: pl.DataFrame, status: str, width: float) -> dict[str, Any]:
    shares = counts.select(100 * pl.col(status) / pl.col("n")).to_series()
    return {
        "type": "bar",
        "x": counts["at"].to_list(),
        "y": shares.to_list(),
        "customdata": counts.select(status, "n").rows(),
        "name": status,
        "marker": {"color": STATUS[status], "pattern": hatched(STATUS_PATTERN[status])},
        "width": width,
        "offset": 0,
        "hovertemplate": "%{y:.0f} % "
        + status
        + " (%{customdata[0]} of %{customdata[1]})<extra></extra>",
    }


def thresholds(status: str, ink: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines at the shares above which an alert fires, and what is written at them."""
    rules = [rule for rule in SHARES if rule.status == status]
    shapes = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": 100 * rule.threshold,
            "y1": 100 * rule.threshold,
            "line": {"color": ink, "width": 1.2, "dash": "dash"},
        }
        for rule in rules
    ]
    notes = [
        {
            "xref": "paper",
            "x": 1,
            "y": 100 * rule.threshold,
            "xanchor": "right",
            "yanchor": "bottom",
            "showarrow": False,
            "text": f"{status}: {rule.severity} above {percent(rule.threshold)} "
            f"in {rule.long_s // 3600} h",
            "font": {"size": 11, "color": ink},
            "bgcolor": behind(ink),
        }
        for rule in rules
    ]
    return shapes, notes


def behind(ink: str) -> str:
    """What makes that colour readable upon any other: most of the page's own."""
    light = int(ink[1:3], 16) > 127
    return "rgba(14,17,23,.72)" if light else "rgba(255,255,255,.78)"


def _lines(changes: pl.DataFrame, ink: str) -> list[dict[str, Any]]:
    line = {"color": ink, "width": 1, "dash": "dot"}
    return [
        {
            "type": "line",
            "yref": "paper",
            "x0": at,
            "x1": at,
            "y0": 0.3,
            "y1": 1,
            "line": line,
            "opacity": 0.55,
        }
        for at in _marked(changes)
    ]


def _marked(changes: pl.DataFrame) -> list[datetime]:
    return [] if changes.is_empty() else changes["at"].head(_MARKS).to_list()


def _marks(changes: pl.DataFrame, ink: str) -> list[dict[str, Any]]:
    if changes.is_empty():
        return []
    shown = changes.head(_MARKS)
    texts = [
        f"{in_figure(kind)}: {in_figure(what, 90)}"
        for kind, what in shown.select("kind", "what").iter_rows()
    ]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": shown["at"].to_list(),
            "y": [104] * shown.height,
            "text": texts,
            "name": "something changed",
            "marker": {"symbol": "triangle-down", "size": 10, "color": ink},
            "hovertemplate": "%{text}<extra></extra>",
        }
    ]


def against(
    series: Sequence[tuple[str, pl.DataFrame]], status: str, part: Part, ink: str
) -> dict[str, Any]:
    """The figure of one status's share now, and at the same times before.

    Args:
        series: name and `by_part`, moved to the present; the present first.
        status: whose share.
        part: of the counts.
        ink: colour of what is written.
    """
    shapes, notes = thresholds(status, ink)
    looks = (
        {"color": STATUS[status], "width": 3},
        {"color": GREY, "width": 1.8, "dash": "dash"},
        {"color": GREY, "width": 1.8, "dash": "dot"},
    )
    n = int(series[0][1]["n"].sum())
    return {
        "data": [
            _share_line(name, counts, status, part, look)
            for (name, counts), look in zip(series, looks, strict=False)
        ],
        "layout": layout(
            230,
            title=f"{status.capitalize()}, % of answers per {part.name} (n = {thousands(n)}, UTC)",
            shapes=shapes,
            annotations=notes,
            xaxis={"type": "date", "hoverformat": "%Y-%m-%d %H:%M"},
            yaxis={"range": [0, 104], "title": {"text": "share, %"}},
            legend=legend_below(150),
        ),
    }


def _share_line(
    name: str, counts: pl.DataFrame, status: str, part: Part, line: Mapping[str, Any]
) -> dict[str, Any]:
    counts = with_gaps(counts, part)
    shares = counts.select(100 * pl.col(status) / pl.col("n")).to_series()
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "marker": {"size": 4},
        # From the middle of the part, so that a line lies over its bars.
        "x": [at + part.length / 2 for at in counts["at"].to_list()],
        "y": shares.to_list(),
        "customdata": counts.select(status, "n").rows(),
        "name": name,
        "line": dict(line),
        "hovertemplate": f"{name}: %{{y:.0f}} % "
        "(%{customdata[0]} of %{customdata[1]})<extra></extra>",
    }


def with_gaps(counts: pl.DataFrame, part: Part) -> pl.DataFrame:
    """A row without counts for each part between the first and the last that has no answers."""
    return counts.upsample("at", every=part.length) if counts.height > 1 else counts


def moved(counts: pl.DataFrame, shift: timedelta) -> pl.DataFrame:
    """Counts of an earlier time as if they were of the present."""
    return counts.with_columns(pl.col("at") + shift)


def finding(counts: pl.DataFrame, part: Part) -> str:
    """What the figure says, for those who do not see it."""
    if counts.is_empty():
        return "No answers."
    n = int(counts["n"].sum())
    shares = ", ".join(f"{percent(int(counts[s].sum()) / n)} {s}" for s in STATUS_ORDER)
    worst = counts.sort(pl.col("none") / pl.col("n"), descending=True).row(0, named=True)
    told = f"{thousands(n)} answers: {shares}."
    if worst["none"]:
        told += (
            f" Most without a recommendation in the {part.name} from "
            f"{worst['at']:%Y-%m-%d %H:%M} UTC: {worst['none']} of {worst['n']}."
        )
    return told


def finding_against(series: Sequence[tuple[str, pl.DataFrame]], status: str) -> str:
    """What the comparison says, for those who do not see it."""
    told = []
    for name, counts in series:
        n = int(counts["n"].sum()) if counts.height else 0
        share = percent(int(counts[status].sum()) / n) if n else "no answers"
        told.append(f"{name}: {share}")
    return f"Share of {status} answers. {'; '.join(told)}."


def change_rows(changes: pl.DataFrame, most: int = 8) -> list[tuple[str, str, str, str]]:
    """The newest changes as texts: when, kind, what, who."""
    return (
        [
            (
                f"{at:%Y-%m-%d %H:%M}",
                str(kind),
                shortened(str(what), 120),
                shortened(str(actor or ""), 40),
            )
            for at, kind, what, actor in changes.head(most)
            .select("at", "kind", "what", "actor")
            .iter_rows()
        ]
        if changes.height
        else []
    )
