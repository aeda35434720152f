"""Rates of answers by status: over time, now against before, with the thresholds of the alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from dashboard.shared.look import GREY, STATUS, STATUS_ORDER, STATUS_PATTERN, layout
from dashboard.shared.text import shortened
from dashboard.views.labels import in_figure, percent, thousands
from tradingkb.monitoring import SHARES

BUCKET: Final = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
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


def by_bucket(rates: pl.DataFrame) -> pl.DataFrame:
    """Answers by bucket: at, n, ok, degraded, none (counts), in order."""
    if rates.is_empty():
        return pl.DataFrame(schema={"at": pl.Datetime("us", "UTC"), "n": pl.Int64, **_COUNTS})
    of = [pl.col("count").filter(pl.col("status") == s).sum().alias(s) for s in STATUS_ORDER]
    return rates.group_by("at").agg(pl.col("count").sum().alias("n"), *of).sort("at")


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
            "–" if t.mean_ms is None else f"≤ {t.most_ms:,} ms" if t.most_ms else "> 3,000 ms",
        )
        for name, t in named
    ]


COMPARED: Final = ("", "answers", "ok", "degraded", "none", "mean time", "95 % of them")


def over_time(
    counts: pl.DataFrame,
    bucket: str,
    within: tuple[datetime, datetime],
    changes: pl.DataFrame,
    ink: str,
) -> dict[str, Any]:
    """The figure of the shares by status, above how many answers they are of.

    Args:
        counts: `by_bucket`.
        bucket: "minute", "hour" or "day".
        within: what is shown, from when to when.
        changes: at, kind, what, of what may have changed answers.
        ink: colour of what is written.
    """
    n = int(counts["n"].sum())
    width = BUCKET[bucket] / timedelta(milliseconds=1)
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
            title=f"Share of answers by status, % per {bucket} (n = {thousands(n)}, UTC)",
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
        "marker": {
            "color": STATUS[status],
            "pattern": {"shape": STATUS_PATTERN[status], "size": 5},
        },
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
        }
        for rule in rules
    ]
    return shapes, notes


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
    series: Sequence[tuple[str, pl.DataFrame]], status: str, bucket: str, ink: str
) -> dict[str, Any]:
    """The figure of one status's share now, and at the same times before.

    Args:
        series: name and `by_bucket`, moved to the present; the present first.
        status: whose share.
        bucket: of the counts.
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
            _share_line(name, counts, status, bucket, look)
            for (name, counts), look in zip(series, looks, strict=False)
        ],
        "layout": layout(
            290,
            title=f"{status.capitalize()}, % of the answers per {bucket} (n = {thousands(n)}, UTC)",
            shapes=shapes,
            annotations=notes,
            xaxis={"type": "date", "hoverformat": "%Y-%m-%d %H:%M"},
            yaxis={"range": [0, 104], "title": {"text": "share, %"}},
        ),
    }


def _share_line(
    name: str, counts: pl.DataFrame, status: str, bucket: str, line: Mapping[str, Any]
) -> dict[str, Any]:
    counts = with_gaps(counts, bucket)
    shares = counts.select(100 * pl.col(status) / pl.col("n")).to_series()
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "marker": {"size": 4},
        # From the middle of the bucket, so that a line lies over its bars.
        "x": [at + BUCKET[bucket] / 2 for at in counts["at"].to_list()],
        "y": shares.to_list(),
        "customdata": counts.select(status, "n").rows(),
        "name": name,
        "line": dict(line),
        "hovertemplate": f"{name}: %{{y:.0f}} % "
        "(%{customdata[0]} of %{customdata[1]})<extra></extra>",
    }


def with_gaps(counts: pl.DataFrame, bucket: str) -> pl.DataFrame:
    """A row without counts for each bucket between the first and the last that has no answers."""
    every = {"minute": "1m", "hour": "1h", "day": "1d"}[bucket]
    return counts.upsample("at", every=every) if counts.height > 1 else counts


def moved(counts: pl.DataFrame, shift: timedelta) -> pl.DataFrame:
    """Counts of an earlier time as if they were of the present."""
    return counts.with_columns(pl.col("at") + shift)


def finding(counts: pl.DataFrame, bucket: str) -> str:
    """What the figure says, for those who do not see it."""
    if counts.is_empty():
        return "No answers."
    n = int(counts["n"].sum())
    shares = ", ".join(f"{percent(int(counts[s].sum()) / n)} {s}" for s in STATUS_ORDER)
    worst = counts.sort(pl.col("none") / pl.col("n"), descending=True).row(0, named=True)
    told = f"{thousands(n)} answers: {shares}."
    if worst["none"]:
        told += (
            f" Most without a recommendation in the {bucket} of {worst['at']:%Y-%m-%d %H:%M} UTC: "
            f"{worst['none']} of {worst['n']}."
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
