"""Tables of an answer: the ranked nominations, and the windows behind the chosen parameters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain import STATUSES, Regime, Side
from tradingkb.ranking import Contest, band_floor, nomination_scores, rank_contest
from tradingkb.recommend.judging.judge import Evidence
from tradingkb.recommend.known import STATUS_CODE, Pool, Statuses, View, promoted_as_of, side_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_STATUS_NAMES: Final = np.array(STATUSES, dtype=object)


@dataclass(frozen=True)
class Ranking:
    """The best nominations in order: trials, their scores, and the rule behind each place."""

    rows: Ints
    scores: Floats
    rules: list[str]


def score_nominations(
    pool: Pool,
    rows: Ints,
    *,
    regime: Regime | None,
    similarity: Floats | None,
    relaxed: Bools,
    metadata_only: bool,
) -> Floats:
    """Scores of nominated trials in [0, 1], shape (len(rows),).

    Args:
        pool: the trials that count, for the rank of each score within its window.
        rows: the nominated ones.
        regime: the query's, or None.
        similarity: shape (w,), or None.
        relaxed: shape (n,), nominated by the relaxed filters only.
        metadata_only: whether a wanted similarity could not be computed.
    """
    windows = pool.view.windows
    window = pool.view.window[rows]
    overlap = np.zeros(len(windows))
    if regime is not None:
        overlap = windows.tags(side_of(regime)).overlap(regime.tags)
    return nomination_scores(
        similarity=similarity[window] if similarity is not None else None,
        tag_overlap=overlap[window],
        rank=pool.ranks[rows],
        relaxed=relaxed[rows],
        metadata_only=metadata_only,
    )


def rank_nominations(
    view: View,
    rows: Ints,
    scores: Floats,
    statuses: Statuses,
    *,
    epsilon: float,
    top: int,
    as_of_micros: int | None = None,
) -> Ranking:
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
    known = view.promoted_at if as_of_micros is None else promoted_as_of(view, as_of_micros)
    contest = Contest(
        score=scores,
        promoted=statuses[rows] == STATUS_CODE["promoted"],
        current_schema=view.windows.current_schema[view.window[rows]],
        promoted_at=known[rows],
        created_at=view.created_at[rows],
        identity=view.identity_order[rows],
    )
    places = rank_contest(contest, epsilon, top)
    order = np.array([p.index for p in places], dtype=np.int64)
    return Ranking(rows[order], scores[order], [p.rule for p in places])


def nomination_table(
    evidence: Evidence,
    ranking: Ranking,
    *,
    statuses: Statuses,
    similarity: Floats | None,
    distance: Floats | None,
    relaxed: Bools,
    side: Side,
    chosen: int | None,
) -> pl.DataFrame:
    """The ranked nominations as a frame; see `Recommendation.trials`."""
    view, ranked = evidence.pool.view, ranking.rows
    window, pset = view.window[ranked], view.pset[ranked]
    columns = [
        pl.Series("rank", np.arange(1, len(ranked) + 1)),
        view.frame["source_id"][ranked],
        pl.Series("score", ranking.scores),
        _nullable("objective", evidence.scores, ranked),
        _nullable("similarity", similarity, window),
        _nullable("regime_distance", distance, window),
        view.windows.tags(side).lists[window],
        pl.Series("kb_status", _STATUS_NAMES[statuses[ranked]], dtype=pl.String),
        pl.Series("relaxed", relaxed[ranked]),
        pl.Series("tie_break", ranking.rules, dtype=pl.String),
        pl.Series("chosen", pset == (-1 if chosen is None else chosen)),
        *_rows(view.windows.dated, window),
        pl.Series("params", [view.pset_texts[p] for p in pset], dtype=pl.String),
    ]
    return pl.DataFrame(columns)


def evidence_table(
    evidence: Evidence, pset: int | None, distance: Floats | None, kernel: Floats | None
) -> pl.DataFrame:
    """Every quoted window that tried a parameter set; see `Recommendation.evidence`.

    `weight` is how like a window's regime is to the query's, in [0, 1], 1 without a regime;
    `rank_in_window` 1 is best.
    """
    cells, windows = evidence.cells, evidence.pool.view.windows
    mine = cells.of_pset(pset) if pset is not None else np.zeros(0, dtype=np.int64)
    mine = mine[evidence.standing.quoted[cells.window[mine]]]
    mine = mine[np.argsort(windows.chronological[cells.window[mine]])]
    window = cells.window[mine]
    columns = [
        *_rows(windows.scored, window),
        pl.Series("objective", evidence.sign * cells.utility[mine]),
        pl.Series("rank_in_window", cells.rank[mine]),
        pl.Series("own", evidence.query.own[window]),
        _nullable("regime_distance", distance, window),
        pl.Series("weight", kernel[window] if kernel is not None else np.ones(len(window))),
        windows.tags("during").lists[window],
    ]
    return pl.DataFrame(columns)


def count_rules(rules: list[str]) -> dict[str, int]:
    """How often each rule decided a place."""
    return dict(sorted(Counter(rules).items()))


def _rows(frame: pl.DataFrame, rows: Ints) -> list[pl.Series]:
    """Some rows of every column; a frame would start its threads for fifty rows."""
    places = pl.Series(rows, dtype=pl.UInt32)
    return [column[places] for column in frame.get_columns()]


def _nullable(name: str, values: Floats | None, rows: Ints) -> pl.Series:
    """Some of the values, null where they are NaN; all null where there are none."""
    if values is None:
        return pl.Series(name, [None] * len(rows), dtype=pl.Float64)
    return pl.Series(name, values[rows], nan_to_null=True)
