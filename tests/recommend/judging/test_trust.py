"""The confidence of an answer: when it is said, and why it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.recommend.worlds import (
    CONFIG,
    NOW,
    START,
    USUAL,
    World,
    calibrated,
    fast,
    findings,
    spec,
    sweep,
)
from tradingkb.ranking import EvidenceWeights
from tradingkb.ranking.pooled import Group
from tradingkb.recommend.judging import nominated_sets, pick, stake
from tradingkb.recommend.judging.trust import BANDS, CLEAR_LEAD, Stake, verdict
from tradingkb.recommend.known import Calibrated

SPACE = USUAL.under(spec(default=5))
OTHER = EvidenceWeights(own=1.0)


def staked(world: World, *, ok: bool = True, **asked: Any) -> Stake | None:
    c = world.context(**asked)
    f = findings(c)
    found = pick(c, f, nominated_sets(c, f))
    assert found is not None
    return stake(c, f.evidence, f.judged, found, ok=ok)


#: Why there is none: world, question, calibration, and the sentence.
NONE: dict[str, tuple[World, dict[str, Any], Calibrated | None, str]] = {
    "no spec": (USUAL, {}, calibrated(), "no defaults are declared to compare with"),
    "no defaults": (
        USUAL.under(spec(default=None)),
        {},
        calibrated(),
        "no defaults are declared to compare with",
    ),
    "never tried": (
        USUAL.under(spec(default=7)),
        {},
        calibrated(),
        "the defaults were never tried: nothing compares with them",
    ),
    "never fitted": (SPACE, {}, None, "no calibration is stored"),
    "too few": (SPACE, {}, calibrated(fitted=False), "7 comparable outcomes are too few"),
    "other weights": (
        SPACE,
        {},
        calibrated(weights=OTHER),
        "the calibration is of other weights",
    ),
    "knows the future": (
        SPACE,
        {"as_of": NOW - timedelta(days=1)},
        calibrated(known_until=NOW),
        "the calibration knows outcomes after as_of",
    ),
}


@pytest.mark.parametrize("name", NONE)
def test_where_nothing_can_be_said_the_answer_says_why(name: str) -> None:
    world, asked, calibration, note = NONE[name]
    found = world.answer(calibration=calibration, **asked)
    assert (found.confidence, found.confidence_band, found.calibration) == (None, "none", None)
    assert "uncalibrated" in found.warnings
    assert note in found.notes
    assert found.uncalibrated


def test_where_the_defaults_are_recommended_there_is_nothing_to_compare() -> None:
    found = USUAL.under(spec(default=20)).answer(calibration=calibrated())
    assert (found.confidence, found.warnings) == (None, ("defaults_recommended",))


@pytest.mark.parametrize(
    ("value", "band"), [(0.39, "low"), (0.41, "medium"), (0.69, "medium"), (0.71, "high")]
)
def test_bands_of_the_confidence(value: float, band: str) -> None:
    found = SPACE.answer(calibration=calibrated(value))
    assert found.confidence == pytest.approx(value)
    assert found.confidence_band == band
    assert not found.uncalibrated


def test_the_confidence_says_what_it_rests_on() -> None:
    basis = SPACE.answer(calibration=calibrated(0.6)).calibration
    assert basis is not None
    assert (basis.value, basis.base_rate, basis.kind) == (pytest.approx(0.6), 0.6, "base_rate")
    assert basis.low < basis.value < basis.high
    assert (basis.n, basis.n_quarters, basis.level) == (200, 40, 0.9)
    assert (basis.fitted_at, basis.known_until) == (NOW, START)
    assert basis.evidence_band == "ok, clear lead"


@pytest.mark.parametrize(
    ("moment", "said"), [(NOW, True), (START, True), (START - timedelta(microseconds=1), False)]
)
def test_a_calibration_that_ends_by_as_of_may_speak(moment: Any, said: bool) -> None:
    """The trials are those of the usual world, known long before."""
    early = SPACE.but(known_at=START - timedelta(days=9999))
    found = early.answer(as_of=moment, calibration=calibrated(known_until=START))
    assert (found.confidence is not None) == said


@pytest.mark.parametrize(
    ("lead", "ok", "band"),
    [
        (sweep(10, {5: 0.5, 20: 1.5}), True, 2),
        (sweep(10, {5: 0.5, 20: 1.5}), False, 0),
        (sweep(10, {5: 1.0, 20: 1.0}).but(fast(5), n_trades_is=41), True, 2),
        (sweep(10, {5: 1.0, 20: 1.0}).but(fast(20), kb_status="promoted"), True, 1),
    ],
)
def test_the_band_of_evidence_is_by_status_and_lead(lead: World, ok: bool, band: int) -> None:
    found = staked(lead.under(spec(default=5)), ok=ok)
    assert found is not None
    assert found.band == band
    assert (found.features[0] >= CLEAR_LEAD) == (band == 2 or not ok)


def test_what_is_staked_is_known_when_the_choice_is_made() -> None:
    world = sweep(10, {5: 0.5, 20: 1.5}).but(fast(20), n_trades_is=20).under(spec(default=5))
    found = staked(world)
    assert found is not None
    lead, own, quarters, saved = found.features
    c = world.context()
    score = findings(c).judged.score
    assert lead == pytest.approx(score[0] - score[1])
    assert (own, quarters) == pytest.approx((np.log1p(10), np.log1p(10)))
    assert saved > 0  # it trades less than the defaults
    assert found.defaults == c.view.pset_index['{"fast":5}']


def test_there_is_nothing_at_stake_without_tested_defaults_or_where_they_are_chosen() -> None:
    assert staked(USUAL) is None
    assert staked(USUAL.under(spec(default=7))) is None
    assert staked(USUAL.under(spec(default=20))) is None


@pytest.mark.parametrize(("windows", "stale"), [(7, True), (8, False), (10, False), (0, True)])
def test_a_calibration_is_stale_when_a_quarter_more_windows_came_in(
    windows: int, stale: bool
) -> None:
    found = SPACE.answer(calibration=calibrated(windows=windows))
    assert ("calibration_stale" in found.warnings) == stale
    assert found.confidence is not None


@pytest.mark.parametrize("band", [0, 1, 2])
def test_the_confidence_is_that_of_the_strategy_in_its_band_of_evidence(band: int) -> None:
    known = calibrated(0.6)
    assert known.model is not None
    rates = {(): 0.6, (0,): 0.5, (0, 0): 0.2, (0, 1): 0.45, (0, 2): 0.9, (1, 2): 0.1}
    groups = {
        key: Group(rate, variance=0.001, n=9, n_quarters=9, depth=len(key))
        for key, rate in rates.items()
    }
    pooled = replace(known.model.pooled, groups=groups)
    found = replace(known, model=replace(known.model, rates="pooled", pooled=pooled))
    at_stake = Stake(1, band, (0.1, 1.0, 1.0, 0.0))
    told = verdict(SPACE.context(), CONFIG.weights, found, at_stake, {"fast": 20})
    assert told.value == pytest.approx(rates[0, band])
    assert told.band == ("low", "medium", "high")[band]
    assert told.calibration is not None
    assert told.calibration.evidence_band == BANDS[band]


def test_a_strategy_that_the_calibration_does_not_know_gets_the_base_rate() -> None:
    known = calibrated(0.6)
    other = replace(known, stored=replace(known.stored, strategies=[{"name": "t", "windows": 9}]))
    c = SPACE.context()
    found = verdict(c, CONFIG.weights, other, staked(SPACE), {"fast": 20})
    assert found.value == pytest.approx(0.6)
    assert other.code("s") == -1
