"""The confidence of an answer: when it is said, and why it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.recommend.worlds import NOW, START, USUAL, World, calibrated, spec
from tradingkb.ranking import EvidenceWeights
from tradingkb.recommend.known import Calibrated

SPACE = USUAL.under(spec(default=5))
OTHER = EvidenceWeights(neutral=1.0)
FITTED = calibrated()
EARLIER = replace(FITTED, rate=None)


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
        "the calibration is of other weights, or of another way to choose: fit it again",
    ),
    "another release": (
        SPACE,
        {},
        EARLIER,
        "the calibration is of another release: fit it again",
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
    ("value", "low", "band"),
    [
        (0.7, 0.6, "high"),
        (0.7, 0.599, "medium"),
        (0.55, 0.501, "medium"),
        (0.55, 0.5, "low"),  # luck beats the defaults every other time
        (0.9, 0.2, "low"),
        (0.3, 0.2, "low"),
    ],
)
def test_bands_follow_the_lower_end_of_the_interval(value: float, low: float, band: str) -> None:
    found = SPACE.answer(calibration=calibrated(value, low))
    assert found.confidence == value
    assert found.confidence_band == band
    assert not found.uncalibrated


def test_the_confidence_says_what_it_rests_on() -> None:
    basis = SPACE.answer(calibration=calibrated(0.6)).calibration
    assert basis is not None
    assert (basis.value, basis.low, basis.high) == (0.6, pytest.approx(0.55), pytest.approx(0.65))
    assert (basis.n, basis.n_quarters, basis.level) == (200, 40, 0.9)
    assert (basis.fitted_at, basis.known_until) == (NOW, START)


@pytest.mark.parametrize(
    ("moment", "said"), [(NOW, True), (START, True), (START - timedelta(microseconds=1), False)]
)
def test_a_calibration_that_ends_by_as_of_may_speak(moment: Any, said: bool) -> None:
    """The trials are those of the usual world, known long before."""
    early = SPACE.but(known_at=START - timedelta(days=9999))
    found = early.answer(as_of=moment, calibration=calibrated(known_until=START))
    assert (found.confidence is not None) == said


@pytest.mark.parametrize(("windows", "stale"), [(7, True), (8, False), (10, False), (0, True)])
def test_a_calibration_is_stale_when_a_quarter_more_windows_came_in(
    windows: int, stale: bool
) -> None:
    found = SPACE.answer(calibration=calibrated(windows=windows))
    assert ("calibration_stale" in found.warnings) == stale
    assert found.confidence is not None


def test_the_rate_is_of_all_strategies_so_one_that_is_new_has_it_too_and_makes_it_stale() -> None:
    stored = replace(FITTED.stored, strategies=[{"name": "t", "windows": 9}])
    found = SPACE.answer(calibration=replace(FITTED, stored=stored))
    assert found.confidence == 0.6
    assert "calibration_stale" in found.warnings
