"""Tables of an answer: the ranked nominations, and the windows behind the chosen parameters."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain.regime import Regime
from tradingkb.ranking.evidence import rank_within
from tradingkb.ranking.rerank import jaccard, nomination_scores
from tradingkb.ranking.tiebreak import Contender, band_floor, rank
from tradingkb.recommend.judge import Evidence, quoted_windows
from tradingkb.recommend.retrieve import side_of
from tradingkb.recommend.view import View, row_facts

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def score_nominations(
    view: View,
    rows: Ints,
    evidence: Evidence,
    *,
    regime: Regime | None,
    similarity: Floats | None,
    relaxed: Bools,
    metadata_only: bool,
) -> Floats:
    """Scores of nominated trials in [0, 1], shape (len(rows),).

    Args:
        view: the strategy's trials.
        rows: the nominated ones.
        evidence: for the rank of each score within its window.
        regime: the query's, or None.
        similarity: shape (w,), or None.
        relaxed: shape (n,), nominated by the relaxed filters only.
        metadata_only: whether a wanted similarity could not be computed.
    """
    utility = evidence.sign * evidence.scores
    known = np.isfinite(utility)
    ranks = np.full(len(utility), 0.5)
    ranks[known] = rank_within(utility[known], view.window[known])[0]
    overlap = np.zeros(len(view.windows))
    if regime is not None:
        overlap = jaccard(frozenset(regime.tags), view.windows.tags(side_of(regime)))
    near = similarity[view.window[rows]] if similarity is not None else None
    return nomination_scores(
        similarity=near,
        tag_overlap=overlap[view.window[rows]],
        rank=ranks[rows],
        relaxed=relaxed[rows],
        metadata_only=metadata_only,
    )


def rank_nominations(
    view: View,
    rows: Ints,
    scores: Floats,
    statuses: list[str],
    *,
    epsilon: float,
    top: int,
    as_of_micros: int | None = None,
) -> tuple[Ints, list[str]]:
    """The best nominations in banded order, and the rule that decided each place.

    Args:
        view: the strategy's trials.
        rows: the nominated ones.
        scores: shape (len(rows),).
        statuses: shape (n,), as of the question's time.
        epsilon: width of a band.
        top: how many places.
        as_of_micros: promotions after it are not known; None for now.
    """
    if len(rows) > top:
        # Bands reach down epsilon from a score at or above the last place: nothing lower counts.
        last = np.partition(scores, -top)[-top]
        keep = scores >= band_floor(float(last), epsilon)
        rows, scores = rows[keep], scores[keep]
    promoted_at, created_at = view.micros("promoted_at"), view.micros("created_at")
    unknown = np.iinfo(np.int64).min
    if as_of_micros is not None:  # a later promotion was not known then
        promoted_at = np.where(promoted_at <= as_of_micros, promoted_at, unknown)
    kinds, ids = view.frame["source_type"], view.frame["source_id"]
    contenders = [
        Contender(
            score=float(score),
            promoted=statuses[row] == "promoted",
            current_schema=bool(view.tie_schema[row]),
            promoted_at=int(promoted_at[row]) if promoted_at[row] != unknown else None,
            created_at=int(created_at[row]),
            source_id=f"{ids[int(row)]}\x00{kinds[int(row)]}",
        )
        for row, score in zip(rows, scores, strict=True)
    ]
    places = rank(contenders, epsilon)[:top]
    order = np.array([p.index for p in places], dtype=np.int64)
    return (rows[order] if len(order) else rows[:0]), [p.rule for p in places]


def nomination_table(
    view: View,
    ranked: Ints,
    rules: list[str],
    scores: dict[int, float],
    evidence: Evidence,
    *,
    statuses: list[str],
    similarity: Floats | None,
    distance: Floats | None,
    relaxed: Bools,
    tags: list[frozenset[str]],
    chosen: int | None,
) -> pl.DataFrame:
    """The ranked nominations as a frame; see `Recommendation.trials`."""
    windows = view.window[ranked]
    frame = pl.DataFrame(
        {
            "rank": np.arange(1, len(ranked) + 1),
            "source_id": view.frame["source_id"].gather(ranked.tolist()),
            "score": [scores[int(r)] for r in ranked],
            "objective": _nullable(evidence.scores[ranked]),
            "similarity": _nullable(similarity[windows]) if similarity is not None else None,
            "regime_distance": _nullable(distance[windows]) if distance is not None else None,
            "tags": [sorted(tags[w]) for w in windows],
            "kb_status": [statuses[r] for r in ranked],
            "relaxed": relaxed[ranked],
            "tie_break": rules,
            "chosen": view.pset[ranked] == (-1 if chosen is None else chosen),
        },
        schema_overrides={
            "tags": pl.List(pl.String), "similarity": pl.Float64, "regime_distance": pl.Float64,
            "score": pl.Float64, "rank": pl.Int64,
        },
    )  # fmt: skip
    return frame.hstack(row_facts(view, ranked))


def evidence_table(
    view: View, evidence: Evidence, pset: int | None, distance: Floats | None, kernel: Floats | None
) -> pl.DataFrame:
    """Every quoted window that tried a parameter set; see `Recommendation.evidence`.

    `weight` is the regime kernel in [0, 1], 1 without a regime; `rank_in_window` 1 is best.
    """
    cells = evidence.cells
    mine = (cells.pset == (-1 if pset is None else pset)) & quoted_windows(evidence)[cells.window]
    windows = cells.window[mine]
    facts: pl.DataFrame = view.windows.frame.select(
        "window_key", "symbol", "timeframe",
        pl.coalesce("oos_start", "is_start").alias("start"),
        pl.coalesce("oos_end", "is_end").alias("end"),
    )[windows.tolist()]  # fmt: skip
    tags = view.windows.tags("during")
    values = pl.DataFrame(
        {
            "objective": evidence.sign * cells.utility[mine],
            "rank_in_window": cells.rank[mine],
            "own": evidence.query.own[windows],
            "regime_distance": _nullable(distance[windows]) if distance is not None else None,
            "weight": kernel[windows] if kernel is not None else np.ones(len(windows)),
            "tags": [sorted(tags[w]) for w in windows],
        },
        schema_overrides={"tags": pl.List(pl.String), "regime_distance": pl.Float64},
    )
    return facts.hstack(values).sort("start", "symbol", "timeframe", "window_key")


def count_rules(rules: list[str]) -> dict[str, int]:
    """How often each rule decided a place."""
    return dict(sorted(Counter(rules).items()))


def _nullable(values: Floats) -> pl.Series:
    return pl.Series(values).fill_nan(None)
