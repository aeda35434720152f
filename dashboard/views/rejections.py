"""What strict filters turned away, as rows and words for the page; nothing here is markup."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from dashboard.shared.text import shortened
from dashboard.views.evidence import rejected, sentence, threshold, widened
from tradingkb.domain import RISKS
from tradingkb.presentation import format as fmt
from tradingkb.recommend.answer import CODES

#: What can be drawn of a filter, per answer that had it in force: column, name, what it tells.
MEASURES: Final = {
    "Trials that fail only it": (
        "trials_only",
        "trials per answer, mean",
        "Without this filter, so many trials more would have nominated their parameters.",
    ),
    "Trials that fail it": (
        "trials",
        "trials per answer, mean",
        "Trials that fail it, whatever else they fail.",
    ),
    "Answers that a relaxation of it would have saved": (
        "saved",
        "share of answers",
        "Answers that were not ok, for which relaxing this filter alone would have been enough.",
    ),
}
#: Characters of a name among other names.
_NAME: Final = 24
_COUNTS: Final = ("asked", "requests", "requests_only", "trials", "trials_only", "saved")


@dataclass(frozen=True)
class Pattern:
    """A way to be degraded, by the runbook.

    Attributes:
        column: that counts it.
        name, cause, action: for a reader.
        listed: whether single answers can be listed by it.
    """

    column: str
    name: str
    cause: str
    action: str
    listed: bool = True


PATTERNS: Final = (
    Pattern(
        "strict_to_relaxed",
        "Relaxed filters nominated",
        "The strict filters let too few trials through.",
        "Review the thresholds: the relaxations above say which one, and by how much.",
    ),
    Pattern(
        "metadata_only",
        "No similarity, metadata only",
        "The embedder or the vector index did not answer, or the index is empty.",
        "Look at breakers and ready checks; rebuild the index where it is empty.",
    ),
    Pattern(
        "repaired_params",
        "Parameters repaired",
        "What was tried does not obey the strategy's spec.",
        "Data quality: check the trials against the spec, or correct the spec.",
    ),
    Pattern(
        "low_count",
        "Few trials or windows",
        "Too little stands behind the answer.",
        "Ingest more trials of this strategy, from more windows.",
        listed=False,
    ),
)


def of_strategy(frame: pl.DataFrame, strategy: str | None) -> pl.DataFrame:
    """The rows of one strategy; all of them for None."""
    return frame if strategy is None else frame.filter(pl.col("strategy_name") == strategy)


def by_filter(frame: pl.DataFrame) -> pl.DataFrame:
    """Per filter, over all strategies of the frame; what saves most answers first.

    Args:
        frame: `kb.rejections(by=("strategy_name", "filter"))`.

    Returns:
        filter, the counts, and per answer that had it in force: fails, fails_only (trials, means).
    """
    return _per_answer(frame.group_by("filter").agg(pl.col(_COUNTS).sum()), ["filter"])


def by_strategy_and_filter(frame: pl.DataFrame) -> pl.DataFrame:
    """The same per strategy and filter."""
    return _per_answer(frame, ["strategy_name", "filter"])


def _per_answer(frame: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    kept = frame.filter(pl.col("asked") > 0)
    return kept.select(
        *keys,
        *_COUNTS,
        fails=pl.col("trials") / pl.col("asked"),
        fails_only=pl.col("trials_only") / pl.col("asked"),
    ).sort(-pl.col("saved"), -pl.col("fails_only"), *keys)


def trend(frame: pl.DataFrame, measure: str) -> pl.DataFrame:
    """One measure over time: at, filter, value, asked; times without answers are absent.

    Args:
        frame: `kb.rejections(bucket=..., by=("strategy_name", "filter"))`.
        measure: key of `MEASURES`.
    """
    column = MEASURES[measure][0]
    return (
        frame.group_by("at", "filter")
        .agg(pl.col("asked").sum(), pl.col(column).sum().alias("n"))
        .filter(pl.col("asked") > 0)
        .select("at", "filter", value=pl.col("n") / pl.col("asked"), asked=pl.col("asked"))
        .sort("filter", "at")
    )


def finding(frame: pl.DataFrame, n_answers: int, n_unwell: int) -> str:
    """What the page shows, as one sentence.

    Args:
        frame: of `by_filter`.
        n_answers: answers of the range.
        n_unwell: of them, those that were degraded or none.
    """
    if not n_answers:
        return "Nothing was asked in this range."
    asked = fmt.count(n_answers, "answer")
    if not n_unwell:
        was = "was" if n_answers == 1 else "were all"
        return f"{asked} {was} ok: no filter stood in the way."
    unwell = f"{n_unwell:,} of {asked} {'was' if n_unwell == 1 else 'were'} degraded or none"
    if frame.is_empty() or not frame["saved"][0]:
        helped = "not have helped" if n_unwell == 1 else "have helped none of them"
        return f"{unwell}; relaxing one filter alone would {helped}."
    first = frame.row(0, named=True)
    them = "it" if n_unwell == 1 else f"{first['saved']:,} of them"
    return f"{unwell}. Relaxing {first['filter']} alone would have given enough trials to {them}."


def unwell(rates: pl.DataFrame) -> tuple[int, int]:
    """Answers of a range, and of them those that were not ok.

    Args:
        rates: `kb.event_rates(bucket="all", ...)`.
    """
    if rates.is_empty():
        return 0, 0
    bad = rates.filter(pl.col("status") != "ok")
    return int(rates["count"].sum()), int(bad["count"].sum())


def patterns(rates: pl.DataFrame) -> pl.DataFrame:
    """How often degraded answers show each pattern; one may show several, or none of these.

    Args:
        rates: `kb.event_rates(bucket="all", by=("strategy_name",))`.

    Returns:
        pattern, answers, share (of the degraded ones, 0 to 1), strategies (those that show it
        most), cause, action.
    """
    bad = rates.filter(pl.col("status") == "degraded")
    total = int(bad["count"].sum())
    rows = []
    for pattern in PATTERNS:
        counted = bad.group_by("strategy_name").agg(pl.col(pattern.column).sum().alias("n"))
        ranked = counted.filter(pl.col("n") > 0).sort(
            ["n", "strategy_name"], descending=[True, False]
        )
        n = int(ranked["n"].sum())
        rows.append(
            {
                "pattern": pattern.name,
                "answers": n,
                "share": n / total if total else None,
                "strategies": ", ".join(
                    f"{shortened(name, _NAME)} ({k:,})" for name, k in ranked.head(3).rows()
                ),
                "cause": pattern.cause,
                "action": pattern.action,
            }
        )
    return pl.DataFrame(rows, schema=_PATTERN_COLUMNS)


_PATTERN_COLUMNS: Final = {
    "pattern": pl.String,
    "answers": pl.Int64,
    "share": pl.Float64,
    "strategies": pl.String,
    "cause": pl.String,
    "action": pl.String,
}


def reasons(events: pl.DataFrame) -> pl.DataFrame:
    """How often answers give each reason, the most frequent first.

    Args:
        events: rows of `kb.event_page()`.

    Returns:
        reason (code), answers, share (0 to 1), meaning, action.
    """
    counts = Counter(code for value in events["reasons"] for code in set(structure(value) or ()))
    rows = [
        {
            "reason": code,
            "answers": n,
            "share": n / events.height,
            "meaning": sentence(meaning(code)),
            "action": sentence(CODES[code].action) if code in CODES else "",
        }
        for code, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return pl.DataFrame(rows, schema=_REASON_COLUMNS)


_REASON_COLUMNS: Final = {
    "reason": pl.String,
    "answers": pl.Int64,
    "share": pl.Float64,
    "meaning": pl.String,
    "action": pl.String,
}


def helps(frame: pl.DataFrame, suggested: pl.DataFrame) -> pl.DataFrame:
    """Relaxations that would have helped, those that would have saved most answers first.

    Args:
        frame: `kb.rejections(by=("strategy_name", "filter"))`.
        suggested: of `suggestions`.

    Returns:
        strategy, filter, saved (answers), from, to (thresholds, as text; "–" where no recent answer
        says one), risk.
    """
    found = frame.filter(pl.col("saved") > 0).sort(-pl.col("saved"), "strategy_name", "filter")
    told = {(row["strategy_name"], row["filter"]): row for row in suggested.to_dicts()}
    rows = []
    for name, filter_name, saved in found.select("strategy_name", "filter", "saved").rows():
        row = told.get((name, filter_name), {})
        rows.append(
            {
                "strategy": name,
                "filter": filter_name,
                "saved": saved,
                "from": row.get("current", fmt.NONE),
                "to": row.get("suggested", fmt.NONE),
                "risk": RISKS.get(filter_name, ""),
            }
        )
    texts = dict.fromkeys(("from", "to", "risk"), pl.String)
    schema = {"strategy": pl.String, "filter": pl.String, "saved": pl.Int64, **texts}
    return pl.DataFrame(rows, schema=schema)


def suggestions(events: pl.DataFrame) -> pl.DataFrame:
    """What recent answers suggested: per strategy and filter the thresholds, as text.

    Args:
        events: rows of `kb.event_page()`.

    Returns:
        strategy_name, filter, current, suggested: the range over these answers; only suggestions
        that are enough alone.
    """
    seen: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for event in events.select("strategy_name", "relaxations").to_dicts():
        for row in structure(event["relaxations"]) or ():
            if row["sufficient"]:
                seen.setdefault((event["strategy_name"], row["filter"]), []).append(row)
    rows = [
        {
            "strategy_name": name,
            "filter": filter_name,
            "current": _span([row["current"] for row in found]),
            "suggested": _span([widened(row["suggested"]) for row in found]),
        }
        for (name, filter_name), found in sorted(seen.items())
    ]
    columns = ("strategy_name", "filter", "current", "suggested")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def _span(values: Sequence[Any]) -> str:
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values):
        return " or ".join(dict.fromkeys(threshold(v) for v in values))
    low, high = threshold(min(numbers)), threshold(max(numbers))
    return low if low == high else f"{low} to {high}"


def single(events: pl.DataFrame) -> pl.DataFrame:
    """Recorded answers as rows to choose from: at, strategy, market, status, why, filters, by, id.

    Args:
        events: rows of `kb.event_page()`.
    """
    rows = [
        {
            "at": event["at"],
            "strategy": event["strategy_name"],
            "objective": event["objective_type"],
            "market": fmt.market(event["symbol"], event["timeframe"]) or "any",
            "status": event["status"],
            "why": ", ".join(structure(event["reasons"]) or ()),
            "would help": ", ".join(
                f"{row['filter']} {threshold(row['current'])} → {threshold(row['suggested'])}"
                for row in structure(event["relaxations"]) or ()
                if row["sufficient"]
            ),
            "asked by": event["source"],
            "request": event["request_id"],
        }
        for event in events.to_dicts()
    ]
    texts = dict.fromkeys(_SINGLE, pl.String)
    return pl.DataFrame(rows, schema={"at": pl.Datetime("us", "UTC"), **texts})


_SINGLE: Final = (
    "strategy",
    "objective",
    "market",
    "status",
    "why",
    "would help",
    "asked by",
    "request",
)


def rejections_of(event: Mapping[str, Any]) -> pl.DataFrame:
    """How many trials failed each filter of a recorded answer."""
    return rejected(structure(event["filter_rejections"]) or ())


def meaning(code: str) -> str:
    """What a code means; the code itself where this release does not know it."""
    return CODES[code].meaning if code in CODES else code


def structure(value: Any) -> Any:
    """A list or mapping of an event, which frames may hold as JSON text."""
    return json.loads(value) if isinstance(value, str) else value
