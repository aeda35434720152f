"""Everything that an answer rests on, short of the choice; pure but for the search it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking import EvidenceWeights, Query, regime_kernel
from tradingkb.recommend.judging.answer_tables import Ranking, rank_nominations, score_nominations
from tradingkb.recommend.judging.judge import Evidence, Judged, judge
from tradingkb.recommend.judging.nominate import Filtered, filter_trials
from tradingkb.recommend.judging.similarity import Retrieved, Search
from tradingkb.recommend.known import Context, side_of, to_micros

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
#: Told the name of each step when it ends.
Lap = Callable[[str], None]
_NO_REGIMES: Final = Retrieved(None, "collection_empty", "no stored window has a regime")


@dataclass(frozen=True)
class RecommendConfig:
    """What answers are made with; see `tradingkb.settings` for the meaning of each."""

    top_k: int = 50
    neighbour_windows: int = 100
    tie_epsilon: float = 0.02
    embargo_s: float = 0.0
    weights: EvidenceWeights = field(default_factory=EvidenceWeights)

    @property
    def recorded(self) -> dict[str, Any]:
        """What is kept with each answer."""
        return {
            **vars(self.weights),
            "tie_epsilon": self.tie_epsilon,
            "neighbour_windows": self.neighbour_windows,
            "top_k": self.top_k,
        }


@dataclass(frozen=True)
class Findings:
    """What the steps before the choice found.

    Attributes:
        rows: nominated trials; `ranking` has the best of them in order.
        rank: ranks the nominated trials.
        compare: compares the query's regime with every window's.
    """

    filtered: Filtered
    found: Retrieved
    evidence: Evidence
    judged: Judged
    rows: Ints
    rank: Callable[[], Ranking]
    compare: Callable[[], tuple[Floats | None, Floats | None]]

    @cached_property
    def ranking(self) -> Ranking:
        """The best nominations: an answer shows them, a choice hardly ever needs them."""
        return self.rank()

    @cached_property
    def _compared(self) -> tuple[Floats | None, Floats | None]:
        return self.compare()

    @property
    def distance(self) -> Floats | None:
        """Regime distance of every window, shape (w,); None without a regime."""
        return self._compared[0]

    @property
    def kernel(self) -> Floats | None:
        """How like each window's regime is, in [0, 1], shape (w,); None without a regime."""
        return self._compared[1]

    @property
    def metadata_only(self) -> bool:
        """Whether a wanted similarity could not be computed."""
        return self.found.reason is not None


def find(c: Context, config: RecommendConfig, search: Search, lap: Lap) -> Findings:
    """Filters, retrieves, judges and ranks; raises as `gather`."""
    found = gather(c, config, search, lap)
    _ = found.ranking
    lap("rank_ms")
    return found


def gather(c: Context, config: RecommendConfig, search: Search, lap: Lap) -> Findings:
    """Filters, retrieves and judges; nominations are ranked when that is asked for.

    Args:
        c: what is known.
        config: what answers are made with.
        search: finds the windows nearest to the question's regime.
        lap: told when each step ends; what it raises ends the answer.

    Raises:
        InvalidInputError: a filter value out of its range.
    """
    query = Query(c.own, _features(c))
    evidence = Evidence(c.pool, query, c.pool.standing(c.near, c.spec, config.weights))
    filtered = filter_trials(c)
    lap("filter_ms")
    found = Retrieved(None)
    if c.question.market.regime is not None and filtered.nominating.any():
        found = search(c, filtered) if c.pool.scaler is not None else _NO_REGIMES
    lap("retrieve_ms")
    traits, regime = None, c.question.market.regime
    if query.features is not None and regime is not None:
        side = side_of(regime)
        traits = c.pool.traits(c.near, c.spec, config.weights, side)
    judged = judge(evidence, config.weights, traits, c.question.own_trades)
    lap("judge_ms")
    rows = _nominated(c, filtered, found)

    def rank() -> Ranking:
        return _rank(c, rows, filtered, found, config)

    return Findings(filtered, found, evidence, judged, rows, rank, lambda: _regime(c, config))


def _regime(c: Context, config: RecommendConfig) -> tuple[Floats | None, Floats | None]:
    """Distance and kernel of every window, shape (w,); None without a regime on either side."""
    regime = c.question.market.regime
    scaler = c.pool.scaler if regime is not None else None
    if regime is None or scaler is None:
        return None, None
    distance = c.pool.distances(regime, scaler)
    return distance, regime_kernel(distance, config.weights.bandwidth(stated=c.stated))


def _features(c: Context) -> Floats | None:
    """The regime's features as the pool scales them, shape (16,); None without any."""
    regime, scaler = c.question.market.regime, c.pool.scaler
    return scaler.transform(regime.vector()) if regime is not None and scaler is not None else None


def _rank(
    c: Context, rows: Ints, filtered: Filtered, found: Retrieved, config: RecommendConfig
) -> Ranking:
    scores = score_nominations(
        c.pool,
        rows,
        regime=c.question.market.regime,
        similarity=found.similarity,
        relaxed=filtered.relaxed,
        metadata_only=found.reason is not None,
    )
    return rank_nominations(
        c.view,
        rows,
        scores,
        c.statuses,
        epsilon=config.tie_epsilon,
        top=config.top_k,
        as_of_micros=to_micros(c.question.as_of) if c.question.as_of else None,
    )


def _nominated(c: Context, filtered: Filtered, found: Retrieved) -> Ints:
    """Trials that pass the filters, in the windows that the search found (if it ran)."""
    if found.similarity is None:
        return np.flatnonzero(filtered.nominating)
    rows = c.view.of_windows(np.isfinite(found.similarity))
    return rows[filtered.nominating[rows]]
