"""Rates of answers by status: by parts of a range, as a table, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import polars as pl

from dashboard.shared.look import STATUS_ORDER
from dashboard.shared.text import shortened
from dashboard.views.labels import percent, thousands

#: Upper bounds of the counts by duration, in milliseconds.
_BOUNDS: Final = (10, 30, 100, 300, 1000, 3000)
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


_COLUMNS: Final = ("", "answers", "ok", "degraded", "none", "mean time", "95 % within")


def compared(named: Sequence[tuple[str, Totals]]) -> tuple[list[str], list[list[str]]]:
    """A table of ranges: answers, shares by status, mean time, and what 95 % took at most.

    Returns:
        Header and rows, without the columns of which nothing is known.
    """
    rows = [
        (
            name,
            thousands(t.n),
            *(percent(t.shares.get(s)) for s in STATUS_ORDER),
            "–" if t.mean_ms is None else f"{t.mean_ms:,.0f} ms",
            "–" if t.mean_ms is None else f"{t.most_ms:,} ms" if t.most_ms else "> 3,000 ms",
        )
        for name, t in named
    ]
    known = [n for n in range(len(_COLUMNS)) if any(row[n] != "–" for row in rows)]
    return [_COLUMNS[n] for n in known], [[row[n] for n in known] for row in rows]


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
