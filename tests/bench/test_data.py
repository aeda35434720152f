"""The made-up trials: the same every time, and of the shape that is measured."""

from __future__ import annotations

import polars as pl
import pytest

from tradingkb.bench.data import counts, make_trials, make_windows, questions, strategies
from tradingkb.domain.trial import regime_from_json


@pytest.fixture(scope="module")
def windows() -> pl.DataFrame:
    return make_windows(60)


@pytest.fixture(scope="module")
def trials(windows: pl.DataFrame) -> pl.DataFrame:
    return make_trials(windows, counts(4_000, 100))


def test_the_same_call_makes_the_same_trials(windows, trials):
    assert make_windows(60).equals(windows)
    assert make_trials(windows, counts(4_000, 100)).equals(trials)


def test_the_first_strategy_has_the_same_trials_whatever_the_others_have(windows, trials):
    name = strategies(1)[0].spec.name
    more = make_trials(windows, counts(8_000, 100))
    mine = [frame.filter(strategy_name=name) for frame in (trials, more)]
    assert mine[0].height == 100
    assert mine[0].equals(mine[1])


def test_the_counts_of_the_strategies_add_up_to_the_total():
    shares = counts(200_003, 10_000)
    assert (sum(shares), shares[0], len(shares)) == (200_003, 10_000, 20)
    assert max(shares[1:]) - min(shares[1:]) <= 1


def test_every_trial_has_an_identity_of_its_own(trials):
    assert trials["source_id"].n_unique() == trials.height == 4_000


def test_every_parameter_set_obeys_the_spec_of_its_strategy():
    for strategy in strategies():
        assert [p for one in strategy.sets for p in strategy.spec.problems(one)] == []


def test_an_ingest_refuses_none_of_them(open_kb, trials):
    report = open_kb().ingest(trials, strict=True)
    assert report.counts()["inserted"] == trials.height


def test_a_regime_stands_in_its_column_as_the_importer_writes_it(windows):
    regime = regime_from_json(windows["regime_oos"][0])
    assert regime.symbol == windows["symbol"][0]
    assert len(regime.features) == 16


def test_a_question_is_about_a_market_that_no_window_had(windows):
    stored = {regime_from_json(text).vector().tobytes() for text in windows["regime_is"]}
    asked = {market.vector().tobytes() for market in questions(20)}
    assert len(asked) == 20
    assert not asked & stored


def test_windows_that_cannot_hold_the_trials_are_refused():
    with pytest.raises(ValueError, match="1 windows hold 48 trials, not 49"):
        make_trials(make_windows(1), [49])
