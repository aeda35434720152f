"""A decision sees nothing that was not known when it was made."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tradingkb as tkb
from tests.evaluate.replayed_store import (
    HINDSIGHT,
    aware,
    decisions,
    fill,
    place,
    regime,
    replay,
    start_of,
    trials,
)
from tradingkb.domain import canonical_params
from tradingkb.domain.objective import get_objective
from tradingkb.evaluate.decisions import list_donors
from tradingkb.evaluate.methods import METHODS
from tradingkb.evaluate.replay import Replay
from tradingkb.evaluate.result import Evaluation

Open = Callable[..., tkb.KnowledgeBase]

SIGHTED = [m for m in METHODS if m not in HINDSIGHT]
SEEN = ("params", "status", "relaxed", "expected", "window_low", "window_high", "n_windows")


def choices(replayed: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """What every method chose until a time, by strategy, window and method."""
    key = ("strategy", "window_key", "method")
    rows = replayed.filter((pl.col("as_of") <= aware(until)) & pl.col("method").is_in(SIGHTED))
    return rows.select(*key, *SEEN).sort(key)


def another_future(frame: pl.DataFrame, until: datetime, seed: int = 1) -> pl.DataFrame:
    """The same trials with everything else after `until`, more of it, and some of it gone.

    What a window's in-sample part held stays where that part ended by then.
    """
    rng = np.random.default_rng(seed)
    n, later = frame.height, pl.col("oos_end") > until
    unseen = pl.col("is_end") > until

    def column(name: str, when: pl.Expr, values: list[object]) -> pl.Expr:
        return pl.when(when).then(pl.Series(name, values, frame[name].dtype)).otherwise(name)

    changed = frame.with_columns(
        column(
            "sharpe_oos", later, np.where(rng.random(n) < 0.2, None, rng.normal(size=n)).tolist()
        ),
        column("return_frac_oos", later, rng.normal(size=n).tolist()),
        column("max_drawdown_frac_oos", later, rng.uniform(0, 0.9, n).tolist()),
        column("n_trades_oos", later, rng.integers(0, 99, n).tolist()),
        column("sharpe_is", unseen, rng.normal(size=n).tolist()),
        column("n_trades_is", unseen, rng.integers(0, 99, n).tolist()),
        # A window has one regime: the same for all its trials.
        pl.when(later).then(pl.lit(regime(rng, True))).otherwise("regime_oos").alias("regime_oos"),
        pl.when(unseen).then(pl.lit(regime(rng, False))).otherwise("regime_is").alias("regime_is"),
    )
    more = trials(30, seed=5, symbols=("AAA", "DDD")).filter(pl.col("oos_start") > until)
    finer = more.with_columns(
        pl.col("params").str.replace('"fast": 5,', '"fast": 7,').str.replace('"n": 5}', '"n": 6}'),
        source_id="more:" + pl.col("source_id"),
    )
    return pl.concat([changed, finer])


@pytest.mark.parametrize("n_known", [3, 7, 10])
def test_another_future_changes_no_choice_and_no_expectation(
    evaluation: Evaluation, open_kb: Open, n_known: int
) -> None:
    until = start_of(n_known)
    other = replay(fill(open_kb(), another_future(trials(), until)), until)
    mine, theirs = choices(evaluation.decisions, until), choices(other, until)
    assert mine.height == 2 * 3 * (n_known + 1) * len(SIGHTED)
    assert mine.equals(theirs)
    # That future differs: what was chosen earned something else.
    earned = [
        frame.filter(pl.col("as_of") == aware(until))["objective"].to_list()
        for frame in (evaluation.decisions, other)
    ]
    assert earned[0] != earned[1]


def test_what_admins_do_later_changes_no_choice(
    evaluation: Evaluation, past_copy: tkb.KnowledgeBase
) -> None:
    ids = past_copy.trials(limit=None).sort("source_id")["source_id"].to_list()
    past_copy.promote(ids[::7])
    past_copy.reject(ids[::5], reason="a bug was found")
    past_copy.promote(ids[::35], reason="it was none")
    past_copy.archive(ids[1::9])
    until = start_of(99)
    mine, theirs = (choices(e.decisions, until) for e in (evaluation, past_copy.evaluate()))
    assert mine.equals(theirs)


def test_another_past_changes_the_choices(evaluation: Evaluation, open_kb: Open) -> None:
    """The leak test can fail: it would see what went from a known result into a choice."""
    until, seen = start_of(7), start_of(6)
    frame = trials().with_columns(
        pl.when(pl.col("oos_start") < seen).then(-pl.col("sharpe_oos")).otherwise("sharpe_oos"),
        pl.when(pl.col("oos_start") == until).then(-pl.col("sharpe_is")).otherwise("sharpe_is"),
    )
    other = replay(fill(open_kb(), frame), until)
    mine, theirs = choices(evaluation.decisions, until), choices(other, until)
    differs = mine.filter(mine["params"].ne_missing(theirs["params"]))["method"].unique()
    assert set(differs) == set(SIGHTED) - {"defaults"}
    assert not mine["expected"].equals(theirs["expected"])


def test_the_tunings_own_results_do_not_depend_on_what_became_of_them(open_kb: Open) -> None:
    frame = trials(3).filter(pl.col("strategy_name") == "trend")
    lost = frame.with_columns(
        pl.when(pl.col("source_id").str.ends_with(":4"))
        .then(None)
        .otherwise("sharpe_oos")
        .alias("sharpe_oos")
    )
    mine, theirs = (decisions(fill(open_kb(n), f)) for n, f in (("a", frame), ("b", lost)))
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a.inside, b.inside)
        np.testing.assert_array_equal(a.trades, b.trades)
        known, left = np.isfinite(a.utility), np.isfinite(b.utility)
        assert (left <= known).all()
        assert known.sum() - left.sum() <= 1
    results = [sum(int(np.isfinite(d.utility).sum()) for d in found) for found in (mine, theirs)]
    assert results[0] - results[1] == frame["source_id"].str.ends_with(":4").sum() > 0


def test_a_market_that_was_measured_only_in_the_window_is_not_known_at_its_start(
    past: tkb.KnowledgeBase,
) -> None:
    found = decisions(past)
    unmeasured = [d for d in found if d.symbol == "CCC"]
    assert len(unmeasured) == 12
    assert all(d.measured is None and d.stated is not None for d in unmeasured)
    assert all(d.measured is not None for d in found if d.symbol != "CCC")


def test_a_market_that_was_not_measured_in_the_window_cannot_be_stated(open_kb: Open) -> None:
    frame = trials(3, symbols=("AAA",)).with_columns(regime_oos=pl.lit(None, pl.String))
    found = decisions(fill(open_kb(), frame))
    assert [d.stated for d in found] == [None] * 3
    assert all(d.measured is not None for d in found)


def test_a_placebo_borrows_the_regime_of_another_window_that_was_known_by_then(
    past: tkb.KnowledgeBase,
) -> None:
    view = Replay(past.use_cases.asking.recommender, place(past), get_objective("sharpe")).view(
        "trend"
    )
    donors = list_donors(view)
    assert len(donors.window) == 24  # CCC was not measured
    assert (np.diff(donors.as_of) >= 0).all()
    for d in decisions(past):
        for seed in range(5):
            drawn = donors.draw(d, np.random.default_rng(seed))
            assert drawn is not None
            vectors = [view.windows.before[w].vector for w in donors.window.tolist()]
            k = next(i for i, v in enumerate(vectors) if np.array_equal(v, drawn.vector(), True))
            assert donors.window[k] != d.window
            assert view.windows.frame["oos_start"][int(donors.window[k])] <= d.as_of
            assert drawn.source == "measured"


def test_a_placebo_has_no_regime_to_borrow_for_the_first_window(open_kb: Open) -> None:
    kb = fill(open_kb(), trials(2, symbols=("AAA",)))
    view = Replay(kb.use_cases.asking.recommender, place(kb), get_objective("sharpe")).view("trend")
    first, second = decisions(kb)
    donors = list_donors(view)
    assert donors.draw(first, np.random.default_rng(0)) is None
    assert donors.draw(second, np.random.default_rng(0)) is not None


@pytest.mark.parametrize("again", ["0:5", "1:20"])
def test_a_promotion_counts_from_its_time_even_after_it_was_taken_back_and_repeated(
    open_kb: Open, clock: object, again: str
) -> None:
    """Both promoted trials nominate equally good sets; the one promoted last by then wins."""
    rows = [
        {
            "source_id": f"{w}:{fast}",
            "strategy_name": "s",
            "symbol": "X",
            "timeframe": "1d",
            "params": json.dumps({"fast": fast}),
            "oos_start": start_of(w),
            "oos_end": start_of(w) + timedelta(days=90),
            "sharpe_oos": 1.0,
            "max_drawdown_frac_oos": 0.1,
            "n_trades_oos": 20,
        }
        for w in range(5)
        for fast in (5, 20)
    ]
    kb = open_kb()
    kb.ingest(pl.DataFrame(rows))

    def at(day: int) -> datetime:
        return datetime(2012, 1, day, tzinfo=UTC)

    clock.now = at(1)  # type: ignore[attr-defined]
    kb.promote(["0:5"])
    clock.now = at(2)  # type: ignore[attr-defined]
    kb.promote(["1:20"])
    asked = {"symbol": "X", "timeframe": "1d", "as_of": at(3)}
    before = kb.recommend("s", **asked).trials.select("source_id", "tie_break").rows()
    clock.now = at(4)  # type: ignore[attr-defined]
    kb.reject([again], reason="a bug")
    kb.promote([again], reason="it was none")
    assert kb.recommend("s", **asked).trials.select("source_id", "tie_break").rows() == before
    assert before[0] == ("1:20", "promoted_at")


def test_a_strategy_whose_trials_were_all_withdrawn_has_no_past_to_replay(
    past_copy: tkb.KnowledgeBase, tmp_path: Path
) -> None:
    past_copy.promote(past_copy.trials(limit=3)["source_id"].to_list())
    (run,) = past_copy.runs().filter(pl.col("kind") == "ingest")["run_id"].to_list()
    past_copy.withdraw(run, reason="a bug")
    assert past_copy.recommend("trend", as_of=start_of(9)).status == "none"
    with pytest.raises(tkb.InvalidInputError, match="no window has out-of-sample results"):
        past_copy.evaluate()


def test_without_own_history_an_instrument_is_asked_about_as_a_stranger(
    past: tkb.KnowledgeBase,
) -> None:
    recommender = past.use_cases.asking.recommender
    wanted = frozenset({"tradingkb", "no_own_history"})
    mine = Replay(recommender, place(past), get_objective("sharpe"), wanted=wanted)
    found = [d for d in decisions(past) if d.as_of >= start_of(9).replace(tzinfo=UTC)]
    for one in mine.run([d for d in found if d.strategy_name == "trend"]):
        d = one.decision
        trades = d.own_trades(mine.view(d.strategy_name)) or {}
        stranger = past.recommend(
            d.strategy_name,
            symbol="never seen",
            timeframe=d.timeframe,
            regime=d.measured,
            own_trials=pl.DataFrame(
                {
                    "source_id": list(trades),
                    "params": list(trades),
                    "is_end": [d.as_of.replace(tzinfo=None)] * len(trades),
                    "symbol": [d.symbol] * len(trades),
                    "timeframe": [d.timeframe] * len(trades),
                    "n_trades_is": list(trades.values()),
                    "sharpe_is": [0.0] * len(trades),
                }
            ),
            as_of=d.as_of,
        )
        text = None if stranger.params is None else canonical_params(stranger.params)
        assert one.chosen["no_own_history"] == text
