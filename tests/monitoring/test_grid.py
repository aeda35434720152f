"""What a strategy earned over two of its parameters."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import tradingkb as tkb
from tradingkb.domain import Question, get_objective
from tradingkb.exceptions import InvalidInputError, NotFoundError, UnknownStrategyError
from tradingkb.monitoring.grid import make_cells
from tradingkb.monitoring.levels import levels
from tradingkb.ranking import t_quantile
from tradingkb.sql import writing
from tradingkb.stores import schema

SHARPE = get_objective("sharpe")
SETS = [{"fast": f, "slow": s} for f in (5, 10) for s in (50, 100, 200)]
OBSERVED = st.lists(
    st.tuples(
        st.integers(0, len(SETS) - 1),
        st.integers(0, 6),
        st.floats(-5, 5, allow_nan=False),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


def frame(rows):
    schema = {"set": pl.Int64, "window": pl.Int64, "score": pl.Float64, "idle": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def cells_of(rows, sets=SETS, p="fast", q="slow", objective=SHARPE):
    return make_cells(levels(p, sets), levels(q, sets), frame(rows), objective)


def by_hand(rows):
    """The same by loops: cell to (value, over the others, trials, windows, sets, idle)."""
    pairs = defaultdict(list)
    for one, window, score, _ in rows:
        pairs[one, window].append(score)
    mean = {pair: sum(scores) / len(scores) for pair, scores in pairs.items()}
    found = {}
    for number, cell in enumerate(SETS):
        mine = {one for one, _ in pairs if one == number}
        if not mine:
            continue
        windows = sorted({window for one, window in pairs if one == number})
        value = [mean[number, window] for window in windows]
        over = []
        for window, score in zip(windows, value, strict=True):
            others = [mean[o, w] for o, w in pairs if w == window and o != number]
            if others:
                over.append(score - sum(others) / len(others))
        trials = [row for row in rows if row[0] == number]
        found[cell["fast"], cell["slow"]] = (value, over, len(trials), sum(r[3] for r in trials))
    return found


@given(OBSERVED)
def test_cells_are_means_over_windows_and_hold_every_trial_once(rows):
    found = cells_of(rows)
    assert found["n_trials"].sum() == len(rows)
    wanted = by_hand(rows)
    assert set(found.select("p", "q").rows()) == set(wanted)
    for row in found.to_dicts():
        value, over, trials, idle = wanted[row["p"], row["q"]]
        assert row["value"] == pytest.approx(np.mean(value), abs=1e-9)
        assert (row["n_windows"], row["n_trials"], row["n_sets"]) == (len(value), trials, 1)
        assert row["idle"] == pytest.approx(idle / trials)
        if over:
            assert row["over_others"] == pytest.approx(np.mean(over), abs=1e-9)
        else:
            assert row["over_others"] is None
        if len(value) < 2:
            assert row["low"] is None and row["high"] is None
            continue
        half = t_quantile(0.95, len(value) - 1) * np.std(value, ddof=1) / math.sqrt(len(value))
        assert row["low"] == pytest.approx(np.mean(value) - half, abs=1e-9)
        assert row["high"] == pytest.approx(np.mean(value) + half, abs=1e-9)


@given(OBSERVED, st.randoms(use_true_random=False))
def test_the_order_in_which_trials_came_in_changes_nothing(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = cells_of(rows), cells_of(shuffled)
    exact = ("p", "q", "n_trials", "n_windows", "n_sets")
    assert one.select(exact).equals(other.select(exact))
    for name in ("value", "low", "high", "over_others"):
        for a, b in zip(one[name], other[name], strict=True):
            assert a == pytest.approx(b, abs=1e-9)


@given(OBSERVED)
def test_one_parameter_alone_holds_every_trial_once_too(rows):
    found = make_cells(levels("fast", SETS), levels(None, SETS), frame(rows), SHARPE)
    assert found["n_trials"].sum() == len(rows)
    assert found["q"].null_count() == found.height
    assert found["p"].is_sorted()


def test_many_trials_of_one_window_are_one_observation():
    one, many = (cells_of([(0, 0, 1.0, False)] * n) for n in (1, 50))
    assert many["value"].to_list() == one["value"].to_list() == [1.0]
    assert many["n_windows"].to_list() == [1]
    assert many["low"].to_list() == [None]


def test_an_interval_ends_where_the_objective_does():
    rows = [(0, window, score, False) for window, score in enumerate((0.0, 0.9, 0.1))]
    found = cells_of(rows, objective=get_objective("max_drawdown"))
    assert found["low"].to_list() == [0.0]
    assert found["high"][0] <= 1.0


def test_a_windows_luck_does_not_make_a_cell_better_than_others():
    # Set 0 was tried on the good window alone, and was the worse one there.
    rows = [(0, 0, 2.0, False), (1, 0, 3.0, False), (1, 1, -1.0, False)]
    found = cells_of(rows).sort("q")
    assert found["value"].to_list() == [2.0, 1.0]
    assert found["over_others"].to_list() == [-1.0, 1.0]


def test_the_trials_are_those_that_a_recommendation_judges_by(the_sample: tkb.KnowledgeBase):
    for name in ("sma_cross", "rsi_reversion"):
        answer = the_sample.recommend(name, timeframe="1d", mode="debug").to_dict()
        by_timeframe = [the_sample.param_grid("default", name, timeframe=t) for t in ("1d", "1h")]
        scored = answer["debug"]["funnel"]["scored"]
        assert sum(grid.n_trials for grid in by_timeframe) == scored
        for grid in by_timeframe:
            assert grid.cells["n_trials"].sum() == grid.n_trials


def judged(kb: tkb.KnowledgeBase, strategy: str, objective: str, timeframe: str) -> pl.DataFrame:
    """The mean score of each set and window as recommendations see it."""
    asked = kb.use_cases
    question = Question(strategy_name=strategy, objective_type=objective)
    pool = asked.asking.recommender.read(asked.workspaces.named("default"), question).pool
    view = pool.view
    rows = pl.DataFrame({"set": view.pset, "window": view.window, "score": pool.scores})
    mine = pl.Series(view.windows.timeframe[view.window] == timeframe)
    return rows.filter(mine & rows["score"].is_finite()).group_by("set", "window").mean(), view


def check(kb: tkb.KnowledgeBase, strategy: str, objective: str, timeframe: str = "1d") -> int:
    """Holds the cells against what recommendations see; how many trials there are."""
    grid = kb.param_grid("default", strategy, "n", None, objective)
    rows, view = judged(kb, strategy, objective, timeframe)
    names = [name for name in (grid.p, grid.q) if name]
    sets = [{name: float(one[name]) for name in names} for one in view.psets]
    values = pl.DataFrame(
        [sets[one] for one in rows["set"]], schema=dict.fromkeys(names, pl.Float64)
    )
    wanted = (
        rows.hstack(values)
        .group_by(*names, "window")
        .mean()
        .group_by(names)
        .agg(pl.col("score").mean(), pl.len().cast(pl.Int64))
        .sort(names)
    )
    shown = ["p", "q"][: len(names)]
    assert grid.cells.select(*shown, "n_windows").rows() == wanted.select(*names, "len").rows()
    assert grid.cells["value"].to_list() == pytest.approx(wanted["score"].to_list(), rel=1e-9)
    return grid.n_trials


def test_scores_are_those_that_a_recommendation_judges_by(the_sample: tkb.KnowledgeBase):
    for strategy in ("bb_reversal", "rsi_reversion"):
        counts = [check(the_sample, strategy, objective.name) for objective in tkb.objectives()]
        assert sum(count > 0 for count in counts) > 5


@pytest.mark.parametrize("windows", [2, 5])
def test_scores_of_either_sample_are_those_that_a_recommendation_judges_by(open_kb, windows):
    kb = open_kb()
    kb.ingest(told_by_scores(windows))
    assert check(kb, "own", "sortino") > 0
    assert check(kb, "own", "sharpe") > 0
    # A release before schema 0006 did not say of which sample a score is.
    with writing(kb.use_cases.store.engine) as connection:
        connection.execute(sa.update(schema.trials).values(objective_sample=None))
    kb.use_cases.asking.recommender.forget()
    assert check(kb, "own", "sortino") > 0
    assert check(kb, "own", "sharpe") > 0


def told_by_scores(windows: int) -> pl.DataFrame:
    """Trials of few metrics: some with in-sample ones alone, some with a stored score alone."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    rows = [
        {
            "source_type": "own",
            "source_id": f"{n}/{w}",
            "strategy_name": "own",
            "params": json.dumps({"n": n}),
            "symbol": "A",
            "timeframe": "1d",
            "is_start": start + timedelta(days=90 * w),
            "is_end": start + timedelta(days=90 * w + 60),
            "oos_start": start + timedelta(days=90 * w + 60) if w % 2 else None,
            "oos_end": start + timedelta(days=90 * w + 90) if w % 2 else None,
            "objective_type": ("sortino", "sharpe")[n % 2],
            "objective_score": n / 10 + w,
            "sharpe_is": n / 7 if n % 3 else None,
            "sharpe_oos": n / 9 - w if w % 2 and n % 2 == 0 else None,
        }
        for n in range(6)
        for w in range(windows)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def test_means_are_of_the_stored_metric(the_sample: tkb.KnowledgeBase):
    grid = the_sample.param_grid("default", "sma_cross", "fast", "slow")
    rows = the_sample.trials(strategy_name="sma_cross", timeframe="1d")
    params = pl.col("params").str.json_decode(pl.Struct({"fast": pl.Float64, "slow": pl.Float64}))
    rows = rows.with_columns(params.alias("at")).unnest("at")
    window = ["symbol", "oos_start"]
    wanted = (
        rows.group_by("fast", "slow", *window)
        .agg(pl.col("sharpe_oos").mean())
        .group_by("fast", "slow")
        .agg(pl.col("sharpe_oos").mean(), pl.len())
        .sort("fast", "slow")
    )
    assert grid.cells.select("p", "q").rows() == wanted.select("fast", "slow").rows()
    assert grid.cells["value"].to_list() == pytest.approx(wanted["sharpe_oos"].to_list())
    assert grid.cells["n_windows"].to_list() == wanted["len"].to_list()


def test_the_parameters_with_most_values_are_shown_when_none_is_named(
    the_sample: tkb.KnowledgeBase,
):
    grid = the_sample.param_grid("default", "sma_cross")
    assert (grid.p, grid.q) == ("fast", "slow")
    assert grid.params == ("fast", "slow", "allow_short")
    swapped = the_sample.param_grid("default", "sma_cross", "slow")
    assert (swapped.p, swapped.q) == ("slow", "fast")
    assert grid.timeframe == "1d"
    assert grid.timeframes == {"1d": 76, "1h": 8}


def test_a_rejected_trial_is_not_counted_and_an_archived_one_is(sample: tkb.KnowledgeBase):
    before = sample.param_grid("default", "sma_cross")
    ids = sample.trials(strategy_name="sma_cross", timeframe="1d", limit=2)["trial_id"].to_list()
    sample.archive(ids[0])
    assert sample.param_grid("default", "sma_cross").n_trials == before.n_trials
    sample.reject(ids[1], reason="look-ahead")
    assert sample.param_grid("default", "sma_cross").n_trials == before.n_trials - 1


def test_what_becomes_known_later_is_not_counted_yet(sample: tkb.KnowledgeBase):
    known = sample.param_grid("default", "sma_cross").n_trials
    tomorrow = sample.use_cases.indexer.clock() + timedelta(days=1)
    rows = sample.trials(strategy_name="sma_cross", timeframe="1d").head(1)
    late = rows.select(
        *("strategy_name", "strategy_version", "params", "symbol", "timeframe"),
        *("sharpe_oos", "n_trades_oos"),
        pl.lit("late").alias("source_type"),
        pl.lit("late").alias("source_id"),
        pl.lit("sharpe").alias("objective_type"),
        *("oos_start", "oos_end"),
        pl.lit(tomorrow).alias("known_at"),
    )
    assert sample.ingest(late).inserted == 1
    assert sample.param_grid("default", "sma_cross").n_trials == known


def test_names_that_are_unknown_are_refused_with_near_ones(the_sample: tkb.KnowledgeBase):
    with pytest.raises(UnknownStrategyError, match="sma_cross"):
        the_sample.param_grid("default", "sma_cros")
    with pytest.raises(NotFoundError, match="did you mean fast"):
        the_sample.param_grid("default", "sma_cross", "fst")
    with pytest.raises(NotFoundError, match="1d"):
        the_sample.param_grid("default", "sma_cross", timeframe="2d")
    with pytest.raises(InvalidInputError, match="both parameters"):
        the_sample.param_grid("default", "sma_cross", "fast", "fast")
    with pytest.raises(NotFoundError, match="objective_type"):
        the_sample.param_grid("default", "sma_cross", objective_type="sharp")


def test_a_strategy_with_a_spec_and_no_trials_has_no_cells(open_kb):
    kb = open_kb()
    spec = tkb.StrategySpec("idle", (tkb.ParamSpec("n", "int", 1, 5, default=2),), "1")
    kb.register_strategy(spec)
    grid = kb.param_grid("default", "idle")
    assert (grid.n_trials, grid.cells.height, grid.params, grid.p) == (0, 0, (), None)
    assert grid.to_dict()["cells"] == []


def test_a_grid_turns_into_json(the_sample: tkb.KnowledgeBase):
    told = the_sample.param_grid("default", "sma_cross").to_dict()
    assert told["cells"][0]["p"] == 3.0
    assert told["params"] == ["fast", "slow", "allow_short"]
