"""The evidence for parameters that a user runs already."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tradingkb as tkb
from tests.recommend.sweeps import STRATEGIES, grid, spec
from tradingkb.recommend.answer.codes import CODES

Open = Callable[..., tkb.KnowledgeBase]
X = {"symbol": "X", "timeframe": "1d"}


def swept(kb: tkb.KnowledgeBase) -> tkb.KnowledgeBase:
    """A sweep of fast = 5, 10, 20, 30, 40 (20 is best; 10 is the default) with slow = 50."""
    kb.register_strategy(spec())
    kb.ingest(grid())
    return kb


@pytest.fixture
def kb(open_kb: Open) -> tkb.KnowledgeBase:
    """A sweep that a test may change."""
    return swept(open_kb())


@pytest.fixture(scope="module")
def the_sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tkb.KnowledgeBase]:
    """The same for tests that only ask."""
    with tkb.connect(tmp_path_factory.mktemp("sweep"), progress=False) as kb:
        yield swept(kb)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_recommended_parameters_have_the_evidence_of_the_recommendation(
    the_sample: tkb.KnowledgeBase, data: Path, strategy: str
) -> None:
    market = data / "ohlcv" / "AAPL_1d.parquet"
    rec = the_sample.recommend(strategy, ohlcv=market)
    found = the_sample.explain(strategy, rec.params or {}, ohlcv=market)
    assert found.expected == rec.expected
    assert found.evidence.equals(rec.evidence)
    assert found.baseline == rec.baseline
    assert (found.windows_used, found.params) == (rec.windows_used, rec.params)
    assert found.recommended["same"]
    assert found.recommended["expected"] == rec.expected
    assert found.weights == rec.weights


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_place_counts_the_sets_with_a_higher_score(
    the_sample: tkb.KnowledgeBase, data: Path, strategy: str
) -> None:
    market = data / "ohlcv" / "IBM_1d.parquet"
    debug = the_sample.recommend(strategy, ohlcv=market, mode="debug").debug
    assert debug is not None
    scores = {s["params"]: s["score"] for s in debug["param_sets"] if np.isfinite(s["score"])}
    for text in (*list(scores)[:3], *list(scores)[-3:]):
        found = the_sample.explain(strategy, text, ohlcv=market)
        assert found.n_sets == len(scores)
        assert found.place == 1 + sum(s > scores[text] + 1e-12 for s in scores.values())
        assert found.score_difference == pytest.approx(scores[text] - max(scores.values()))


def test_window_by_window_the_defaults_are_compared_on_windows_that_tried_both(
    the_sample: tkb.KnowledgeBase, data: Path
) -> None:
    market = data / "ohlcv" / "MSFT_1d.parquet"
    defaults = the_sample.explain("sma_cross", {}, ohlcv=market)
    rec = the_sample.recommend("sma_cross", ohlcv=market)
    assert rec.params != defaults.params
    found = the_sample.explain("sma_cross", rec.params or {}, ohlcv=market)
    both = found.evidence.join(defaults.evidence, on="window_key", suffix="_defaults")
    lead = both["objective"] - both["objective_defaults"]
    assert found.against_defaults is not None
    assert found.against_defaults["n"] == both.height > 20
    assert found.against_defaults["n_better"] == (lead > 0).sum()
    assert found.against_defaults["share"] == pytest.approx((lead > 0).mean())
    assert found.against_defaults["mean_difference"] == pytest.approx(lead.mean())
    assert defaults.against_defaults is None


def test_where_less_is_better_a_positive_difference_still_means_better(
    kb: tkb.KnowledgeBase,
) -> None:
    kb.ingest(
        grid()
        .with_columns(pl.lit(0.3).alias("max_drawdown_frac_oos"))
        .filter(pl.col("params").str.contains('"fast": 10,'))
    )
    found = kb.explain("s", {"fast": 20}, "max_drawdown", **X)
    assert found.against_defaults is not None
    assert found.against_defaults["share"] == 1.0
    assert found.against_defaults["mean_difference"] == pytest.approx(0.2)
    assert kb.explain("s", {"fast": 10}, "max_drawdown", **X).expected["value"] > 0.2


def test_parameters_that_were_never_tried_have_neighbours_in_steps_of_the_grid(
    the_sweep: tkb.KnowledgeBase,
) -> None:
    found = the_sweep.explain("s", {"fast": 12}, **X)
    assert (found.tested, found.expected, found.place) == (False, None, None)
    assert found.evidence.is_empty()
    assert [(n["params"]["fast"], n["steps"]) for n in found.nearest] == [
        (10, 1.0),
        (20, 1.0),
        (5, 2.0),
        (30, 2.0),
        (40, 3.0),
    ]
    twenty = the_sweep.explain("s", {"fast": 20}, **X)
    assert (found.nearest[1]["expected"], found.nearest[1]["place"]) == (twenty.expected, 1)
    assert found.reasons == ("params_not_tested", "missing_regime_context")
    assert "never tried" in str(found)


def test_a_set_of_another_category_is_no_neighbour(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(
        grid()
        .with_columns(pl.lit('{"fast": 5, "side": "long"}').alias("params"))
        .unique("is_start")
        .with_columns(pl.col("source_id") + "l")
    )
    found = kb.explain("s", {"fast": 5, "side": "short"}, **X)
    assert found.nearest == ()
    assert "no set with these categorical values was tried, so none is near" in found.notes


def test_a_missing_parameter_is_its_default_and_said_so(the_sweep: tkb.KnowledgeBase) -> None:
    found = the_sweep.explain("s", '{"fast": 20.0}', **X)
    assert found.params == {"fast": 20, "slow": 50}
    assert found.filled == {"slow": 50}
    assert "not given, so the declared defaults are taken: slow = 50" in found.notes
    assert found.tested


def test_what_breaks_the_spec_is_said_and_the_evidence_given_all_the_same(
    open_kb: Open,
) -> None:
    kb = open_kb()
    kb.register_strategy(spec())
    kb.ingest(grid().with_columns(pl.col("params").str.replace('"fast": 40', '"fast": 61')))
    found = kb.explain("s", {"fast": 61}, **X)
    assert found.problems == ("fast = 61 is above 60",)
    assert (found.tested, found.windows_used) == (True, 12)
    assert "params_break_spec" in found.reasons
    assert kb.explain("s", {"fast": 50}, **X).problems == ("fast < slow does not hold",)


REFUSED: dict[str, tuple[Any, str]] = {
    "an unknown name": ({"fasst": 5}, r"unknown parameter 'fasst' \(did you mean fast\?"),
    "another type": ({"fast": "5O"}, r"fast = '5O' is a text, not a number \(give a number"),
    "a boolean for a number": ({"fast": True}, "fast = True is a boolean, not a number"),
    "no number at all": ({"fast": float("nan")}, "neither a finite number"),
    "no JSON": ("fast=5", "no JSON"),
    "a name twice in JSON": ('{"fast": 5, "fast": 6}', "twice"),
    "JSON of a list": ("[5]", "list is no parameter set"),
    "neither": (5, "int is no parameter set"),
}


@pytest.mark.parametrize(("params", "message"), REFUSED.values(), ids=REFUSED)
def test_parameters_that_cannot_be_meant_are_refused(
    the_sweep: tkb.KnowledgeBase, params: Any, message: str
) -> None:
    with pytest.raises(tkb.InvalidInputError, match=message):
        the_sweep.explain("s", params)


def test_without_a_spec_the_sets_that_were_tried_say_names_and_types(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid())
    assert kb.explain("s", {"fast": 20, "slow": 50}, **X).place == 1
    for params, message in (
        ({"fast": 20}, "slow is missing, and no default is declared"),
        ({"fast": 20, "slow": 50, "fst": 1}, "did you mean fast"),
        ({"fast": 20, "slow": "50"}, "slow = '50' is a text, not a number"),
    ):
        with pytest.raises(tkb.InvalidInputError, match=message):
            kb.explain("s", params)


def test_an_explanation_is_logged_and_leaves_no_event(
    the_sweep: tkb.KnowledgeBase, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "tradingkb"):
        the_sweep.explain("s", {"fast": 20}, **X)
    (record,) = [r for r in caplog.records if r.message.startswith("kb_")]
    assert record.message == "kb_explain"
    assert record.tradingkb_fields["place"] == 1
    assert the_sweep.events().is_empty()


def test_trials_that_were_not_known_by_then_are_no_evidence(kb: tkb.KnowledgeBase) -> None:
    late = (
        grid(1)
        .with_columns(
            pl.lit('{"fast": 25, "slow": 50}').alias("params"),
            pl.lit("late").alias("source_id"),
            pl.lit(datetime(2024, 1, 1)).alias("oos_start"),
            pl.lit(datetime(2024, 3, 1)).alias("oos_end"),
        )
        .head(1)
    )
    kb.ingest(late)
    assert kb.explain("s", {"fast": 25}, **X).tested
    then = kb.explain("s", {"fast": 25}, as_of="2020-01-01", **X)
    assert not then.tested
    assert "params_not_tested" in then.reasons
    assert then.as_of == datetime(2020, 1, 1, tzinfo=UTC)


def test_rejected_trials_are_told_apart_from_none_at_all(kb: tkb.KnowledgeBase) -> None:
    ids = kb.trials(strategy_name="s").filter(pl.col("params").str.contains('"fast":30,'))
    kb.reject(ids["trial_id"], reason="a bug")
    found = kb.explain("s", {"fast": 30}, **X)
    assert not found.tested
    assert "params_without_evidence" in found.reasons
    assert "params_not_tested" not in found.reasons


def test_sets_that_did_not_trade_in_ones_own_tuning_are_not_placed(
    the_sweep: tkb.KnowledgeBase,
) -> None:
    own = grid(1).with_columns(
        n_trades_is=pl.when(pl.col("params").str.contains('"fast": 20,')).then(0).otherwise(40)
    )
    found = the_sweep.explain("s", {"fast": 20}, own_trials=own, **X)
    assert (found.tested, found.place, found.n_sets) == (True, None, 4)
    assert "few_own_trades" in found.reasons


def test_without_any_evidence_the_reasons_are_those_of_the_answer(open_kb: Open) -> None:
    kb = open_kb()
    kb.register_strategy(spec())
    found = kb.explain("s", {})
    assert (found.recommended["status"], found.n_sets, found.nearest) == ("none", 0, ())
    assert found.reasons == kb.recommend("s").reasons
    assert "no parameters have evidence" in str(found)
    with pytest.raises(tkb.UnknownStrategyError, match="did you mean s"):
        kb.explain("ss", {})


@pytest.mark.parametrize("params", [{"fast": 20}, {"fast": 12}, {"fast": 55, "slow": 50}])
def test_every_face_says_the_same(the_sweep: tkb.KnowledgeBase, params: dict[str, int]) -> None:
    found = the_sweep.explain("s", params, regime=["uptrend"], **X)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain == json.loads(
        json.dumps(
            the_sweep.explain("s", params, regime=["uptrend"], **X).to_dict() | {"at": plain["at"]}
        )
    )
    assert set(plain["meanings"]) == {*found.reasons, *found.warnings} <= set(CODES)
    card, text = found._repr_html_(), str(found)
    for problem in found.problems:
        assert problem.replace("<", "&lt;") in card
        assert problem in text
    for code in found.reasons:
        assert code in card
        assert code in text
    assert f"place {found.place}" in text or found.place in (1, None)
    assert "<script" not in card
