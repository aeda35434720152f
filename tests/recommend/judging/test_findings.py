"""The steps before the choice: what each is told, and when the search is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.recommend.worlds import CONFIG, MARKET, START, USUAL, fast, findings, question, window
from tradingkb.domain import Deadline, Regime
from tradingkb.exceptions import DeadlineExceededError, InvalidInputError
from tradingkb.recommend.judging import Filtered, Retrieved
from tradingkb.recommend.judging.findings import RecommendConfig
from tradingkb.recommend.known import Context

STEPS = ["filter_ms", "retrieve_ms", "judge_ms", "rank_ms"]


class Search:
    """Finds what it is told to, and counts how often it is asked."""

    def __init__(self, found: Retrieved) -> None:
        self.found = found
        self.asked = 0

    def __call__(self, c: Context, filtered: Filtered) -> Retrieved:
        self.asked += 1
        return self.found


def nothing() -> Search:
    return Search(Retrieved(None, "no_embedding_available", "the model is away"))


def test_every_step_is_told_when_it_ends_in_their_order() -> None:
    told: list[str] = []
    findings(USUAL.context(), lap=told.append)
    assert told == STEPS


@pytest.mark.parametrize("step", range(4))
def test_what_a_lap_raises_ends_the_answer_between_two_steps(step: int) -> None:
    told: list[str] = []

    def lap(name: str) -> None:
        told.append(name)
        if len(told) > step:
            raise KeyboardInterrupt

    search = nothing()
    with pytest.raises(KeyboardInterrupt):
        findings(USUAL.context(), search=search, lap=lap)
    assert told == STEPS[: step + 1]
    assert search.asked == (step > 0)


@pytest.mark.parametrize(
    ("allowed", "after"), [(0, "filter"), (1, "retrieve"), (2, "judge"), (3, "rank"), (4, None)]
)
def test_a_deadline_that_passes_is_said_after_the_step_that_was_done_last(
    allowed: int, after: str | None
) -> None:
    """A clock that moves a second per reading: each step takes one."""
    ticks = iter(range(1, 100))
    asked = question(deadline=Deadline(allowed + 0.5, lambda: float(next(ticks))))

    def lap(name: str) -> None:
        asked.check_deadline(name.removesuffix("_ms"))

    if after is None:
        assert len(findings(USUAL.context(), lap=lap).rows)
        return
    with pytest.raises(DeadlineExceededError, match=f"0.5 s late after {after}"):
        findings(USUAL.context(), lap=lap)


@pytest.mark.parametrize(
    ("asked", "times"),
    [({}, 1), ({"regime": None}, 0), ({"min_trades": 1000}, 0), ({"as_of": START}, 0)],
)
def test_the_index_is_asked_only_where_a_regime_and_a_nomination_are(
    asked: dict[str, Any], times: int
) -> None:
    search = nothing()
    findings(USUAL.context(**asked), search=search)
    assert search.asked == times


def test_where_no_window_has_a_regime_the_search_is_not_asked_and_that_is_said() -> None:
    search = nothing()
    found = findings(USUAL.but(regime_is=None, regime_oos=None).context(), search=search)
    assert (search.asked, found.found.reason, found.metadata_only) == (0, "collection_empty", True)
    assert (found.distance, found.kernel) == (None, None)
    assert len(found.rows) == 20


def test_a_search_that_fails_takes_no_nomination_away() -> None:
    found = findings(USUAL.context(), search=nothing())
    assert (found.metadata_only, len(found.rows)) == (True, 20)
    without = findings(USUAL.context(regime=None))
    assert (without.metadata_only, len(without.rows)) == (False, 20)
    # The evidence is that of the regime all the same: distances are SQL's.
    assert found.judged.score.tolist() == findings(USUAL.context()).judged.score.tolist()


@pytest.mark.parametrize("limit", [1, 3, 10, 100])
def test_only_windows_that_the_search_found_nominate(limit: int) -> None:
    c = USUAL.context()
    found = findings(c, RecommendConfig(neighbour_windows=limit))
    assert len(np.unique(c.view.window[found.rows])) == min(limit, 10)
    assert found.judged.score.tolist() == findings(c).judged.score.tolist()


def test_the_evidence_counts_what_may_not_nominate() -> None:
    """Filters nominate, all evidence judges: a deep drawdown speaks against a set as loudly."""
    world = USUAL.but(fast(20) & window(0, 1, 2), sharpe_oos=-9.0, max_drawdown_frac_oos=0.9)
    c = world.context()
    found = findings(c)
    assert len(found.rows) == 17
    assert found.evidence.cells.of_pset(c.view.pset_index['{"fast":20}']).size == 10


def test_the_kernel_falls_with_the_distance_and_is_one_at_the_same_market() -> None:
    found = findings(USUAL.context(regime=Regime(features={"volatility_annual": 0.3})))
    assert found.distance is not None
    assert found.kernel is not None
    order = np.argsort(found.distance)
    assert found.distance[order[0]] == pytest.approx(0.0, abs=1e-9)
    assert found.kernel[order[0]] == pytest.approx(1.0)
    assert (np.diff(found.kernel[order]) <= 0).all()
    width = CONFIG.weights.bandwidth_measured
    assert found.kernel == pytest.approx(np.exp(-(found.distance**2) / (2 * width**2)))


@pytest.mark.parametrize(
    "asked", [{"max_drawdown": 1.5}, {"min_trades": -1}, {"max_overfit_gap": -0.1}]
)
def test_a_filter_value_out_of_its_range_is_refused_by_name(asked: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(asked))):
        findings(USUAL.context(**asked))


def test_the_ranking_is_no_longer_than_the_configured_top() -> None:
    found = findings(USUAL.context(), RecommendConfig(top_k=7))
    whole = findings(USUAL.context())
    assert found.ranking.rows.tolist() == whole.ranking.rows[:7].tolist()
    assert found.ranking.rules == whole.ranking.rules[:7]
    assert len(found.rows) == 20


def test_promotions_after_as_of_do_not_rank() -> None:
    late = START + timedelta(days=1200)
    world = USUAL.but(fast(5) & window(0), kb_status="promoted", promoted_at=late)
    (trial,) = world.ids(pl.col("kb_status") == "promoted")
    world = world.since((trial, "candidate", "promoted", late))
    asked: dict[str, Any] = {"regime": MARKET, "as_of": late - timedelta(days=1)}
    ranked = findings(world.context(**asked)).ranking
    assert ranked.rows.tolist() == findings(USUAL.context(**asked)).ranking.rows.tolist()
    assert ranked.rules == findings(USUAL.context(**asked)).ranking.rules
