"""What stands behind an answer, and what stood in its way, as frames and texts for the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import polars as pl

from tradingkb.domain import FEATURE_INFO
from tradingkb.presentation import facts
from tradingkb.presentation import format as fmt

Answer = Mapping[str, Any]
Row = Mapping[str, Any]

#: What decided a place among the nominations, in the order in which the rules are asked.
TIE_BREAKS: Final = {
    "score": "its score is better by more than the tolerance",
    "status": "promoted goes before candidate",
    "schema": "its regime is measured by the current schema",
    "promoted_at": "promoted more recently",
    "created_at": "newer",
    "source_id": "the order of names: nothing else tells the two apart",
}
#: The share of windows that counts as the neighbourhood of the regime.
_NEAREST: Final = 0.25


@dataclass(frozen=True)
class Relaxing:
    """A change of one filter alone.

    Attributes:
        filter: its name.
        text: the change and what it yields, in words.
        risk: what is given up.
        value: what to ask with; None where no value is enough.
        sufficient: whether the change is enough alone.
    """

    filter: str
    text: str
    risk: str
    value: Any
    sufficient: bool


def sentence(text: str) -> str:
    """A text that begins with a capital, and without the marks of code that Markdown has."""
    return (text[:1].upper() + text[1:]).replace("`", "")


def windows(answer: Answer) -> pl.DataFrame:
    """Every window that tried the recommended parameters, newest first.

    Columns: market, start, end (UTC dates), score (the objective, per window), rank (within its
    window, 1 is best), own, distance (of regimes, robust standard deviations), likeness (0 to 1),
    tags.
    """
    rows = [
        {
            "market": fmt.market(row["symbol"], row["timeframe"]) or fmt.UNKNOWN,
            "start": _day(row["start"]),
            "end": _day(row["end"]),
            "score": fmt.finite(row["objective"]),
            "rank": fmt.finite(row["rank_in_window"]),
            "own": bool(row["own"]),
            "distance": fmt.finite(row["regime_distance"]),
            "likeness": fmt.finite(row["weight"]),
            "tags": ", ".join(row["tags"] or ()),
        }
        for row in answer["evidence"]
    ]
    return pl.DataFrame(rows, schema=_WINDOWS).sort("end", descending=True, nulls_last=True)


_WINDOWS: Final = {
    "market": pl.String,
    "start": pl.String,
    "end": pl.String,
    "score": pl.Float64,
    "rank": pl.Float64,
    "own": pl.Boolean,
    "distance": pl.Float64,
    "likeness": pl.Float64,
    "tags": pl.String,
}


def caption(answer: Answer) -> str:
    """What the figure of the evidence shows: measure, unit, sample, and how to read its marks."""
    unit = facts.unit_label(answer)
    n = fmt.count(len(answer["evidence"]), "window")
    measure = f"{answer['objective_type']}{f' ({unit})' if unit else ''}"
    told = sentence(f"{measure} in each of {n} that tried these parameters")
    if not nearest(answer["evidence"]):
        return f"{told}; times UTC."
    return f"{told}; larger marks: their regime is closer to the question's; times UTC."


def nominations(answer: Answer) -> pl.DataFrame:
    """The trials that nominated parameters, best first, with the rule that decided each place."""
    rows = [
        {
            "rank": row["rank"],
            "trial": row["source_id"],
            "score": fmt.finite(row["score"]),
            "objective": fmt.finite(row["objective"]),
            "distance": fmt.finite(row["regime_distance"]),
            "status": row["kb_status"],
            "filters": "relaxed" if row["relaxed"] else "strict",
            "decided by": row["tie_break"],
            "chosen set": bool(row["chosen"]),
            "parameters": row["params"],
        }
        for row in answer["trials"]
    ]
    return pl.DataFrame(rows, schema=_NOMINATIONS)


_NOMINATIONS: Final = {
    "rank": pl.Int64,
    "trial": pl.String,
    "score": pl.Float64,
    "objective": pl.Float64,
    "distance": pl.Float64,
    "status": pl.String,
    "filters": pl.String,
    "decided by": pl.String,
    "chosen set": pl.Boolean,
    "parameters": pl.String,
}


def tie_breaks(answer: Answer) -> pl.DataFrame:
    """How many places each rule decided, in the order of the rules."""
    counts = answer["tie_break_counts"]
    names = [*TIE_BREAKS, *(name for name in counts if name not in TIE_BREAKS)]
    rows = [
        {"rule": name, "places": counts[name], "meaning": TIE_BREAKS.get(name, "")}
        for name in names
        if counts.get(name)
    ]
    schema = {"rule": pl.String, "places": pl.Int64, "meaning": pl.String}
    return pl.DataFrame(rows, schema=schema)


def spreads(answer: Answer) -> pl.DataFrame:
    """Per parameter, how far the best-supported sets agree, beside what is recommended."""
    chosen = answer["params"] or {}
    rows = [
        {
            "parameter": name,
            "recommended": fmt.literal(chosen[name]) if name in chosen else fmt.NONE,
            "best-supported sets": text.removeprefix(name).strip(),
        }
        for name, text in zip(answer["spreads"], facts.agreement(answer), strict=True)
    ]
    columns = ("parameter", "recommended", "best-supported sets")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def neighbour_tags(answer: Answer) -> pl.DataFrame:
    """Which tags the question's regime has, and the share of windows that have each.

    Columns: tag, asked, nearest (share of the nearest quarter of windows by regime distance, 0 to
    1; null where no distance is known), all (share of all windows of the evidence).
    """
    regime, rows = answer["regime"], answer["evidence"]
    near = nearest(rows)
    mine = list(regime["tags"]) if regime else []
    seen = sorted({tag for row in rows for tag in row["tags"] or ()} - set(mine))
    found = [
        {
            "tag": tag,
            "asked": tag in mine,
            "nearest": _share(tag, near),
            "all": _share(tag, rows),
        }
        for tag in (*mine, *seen)
    ]
    schema = {"tag": pl.String, "asked": pl.Boolean, "nearest": pl.Float64, "all": pl.Float64}
    return pl.DataFrame(found, schema=schema)


def nearest(rows: Sequence[Row]) -> list[Row]:
    """The nearest quarter of windows by regime distance, at least one; none without distances."""
    known = [row for row in rows if fmt.finite(row["regime_distance"]) is not None]
    ordered = sorted(known, key=lambda row: float(row["regime_distance"]))
    return ordered[: max(1, round(_NEAREST * len(ordered)))] if ordered else []


def _share(tag: str, rows: Sequence[Row]) -> float | None:
    return sum(tag in (row["tags"] or ()) for row in rows) / len(rows) if rows else None


def neighbourhood(answer: Answer) -> str:
    """How near the evidence is to the question's regime, as a sentence; "" where unknown."""
    rows = answer["evidence"]
    near = nearest(rows)
    if not near or answer["regime"] is None:
        return ""
    distances = [d for row in rows if (d := fmt.finite(row["regime_distance"])) is not None]
    return (
        f"The nearest window is {min(distances):.2f} away, half of all {len(distances):,} within "
        f"{median(distances):.2f}, in robust standard deviations per feature: 0 is the same "
        f"regime. The nearest quarter is {fmt.count(len(near), 'window')}."
    )


def regime_features(regime: Mapping[str, Any]) -> pl.DataFrame:
    """The question's regime feature by feature, each with its unit and meaning."""
    rows = []
    for name, value in regime["features"].items():
        info = FEATURE_INFO.get(name)
        told = (info.unit, info.meaning) if info else ("", "")
        rows.append({"feature": name, "value": value, "unit": told[0], "meaning": told[1]})
    schema = {"feature": pl.String, "value": pl.Float64, "unit": pl.String, "meaning": pl.String}
    return pl.DataFrame(rows, schema=schema)


def rejections(answer: Answer) -> pl.DataFrame:
    """Per filter in force, how many trials fail it and how many fail it alone."""
    return rejected(answer["filter_rejections"])


def rejected(filters: Sequence[Row]) -> pl.DataFrame:
    """The same of rejections alone, as an event holds them."""
    rows = [
        {
            "filter": row["filter"],
            "threshold": threshold(row["value"]),
            "fail it": row["fails"],
            "fail only it": row["fails_only"],
            "not known": row["unknown"],
        }
        for row in filters
    ]
    counts = dict.fromkeys(("fail it", "fail only it", "not known"), pl.Int64)
    return pl.DataFrame(rows, schema={"filter": pl.String, "threshold": pl.String, **counts})


def threshold(value: Any) -> str:
    """A filter's value in words."""
    if value is None:
        return "off"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(str(v) for v in value) or "none"
    return fmt.threshold(value)


def relaxations(settings: Sequence[Row]) -> list[Relaxing]:
    """Single-filter changes in words, those that are enough first.

    Args:
        settings: `recommended_relaxed_settings` of an answer.
    """
    return [
        Relaxing(
            filter=row["filter"],
            text=sentence(facts.relaxation(row).replace("->", "→")),
            risk=row["risk"],
            value=widened(row["suggested"]),
            sufficient=row["sufficient"],
        )
        for row in sorted(settings, key=lambda row: not row["sufficient"])
    ]


def widened(value: Any) -> Any:
    """A suggested value as it is asked with: rounded as shown, which lets as many through."""
    if isinstance(value, float):
        return float(fmt.threshold(value))
    return value


def _day(text: str | None) -> str | None:
    return None if not text else fmt.day(text)
