"""An answer as a value: one JSON form, one line, and nothing that moves in either."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.recommend.worlds import NOW, USUAL, World, calibrated, findings, spec
from tradingkb.domain import GivenParams
from tradingkb.recommend import Explanation, Recommendation
from tradingkb.recommend.answer import ANSWER_SCHEMA_VERSION
from tradingkb.recommend.judging import assemble, explain_params
from tradingkb.recommend.judging.findings import RecommendConfig

SPACE = USUAL.under(spec(default=5))
ANSWERS: dict[str, Recommendation] = {
    "ok": SPACE.answer(calibration=calibrated(), request_id="r"),
    "degraded": USUAL.answer(regime=None, symbol=None, timeframe=None),
    "none": USUAL.answer(min_trades=1000),
    "infinite": USUAL.answer(max_overfit_gap=float("inf"), mode="debug", as_of=NOW),
}


def explained(value: int, world: World = SPACE) -> Explanation:
    c = world.context()
    f = findings(c)
    answer = assemble(c, f, RecommendConfig())
    return explain_params(c, f, GivenParams({"fast": value}), answer, 0.0)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_json_form_is_json_and_reads_back_equal(name: str) -> None:
    form = ANSWERS[name].to_dict()
    assert json.loads(json.dumps(form, allow_nan=False)) == form
    assert form["schema_version"] == ANSWER_SCHEMA_VERSION
    assert set(form["meanings"]) == {*form["reasons"], *form["warnings"]}
    assert form["uncalibrated"] == (form["confidence"] is None)
    assert ("debug" in form) == (name == "infinite")


def test_times_have_one_form_and_what_is_not_finite_is_null() -> None:
    form = ANSWERS["infinite"].to_dict()
    assert form["at"] == form["as_of"] == "2024-01-01T00:00:00.000000Z"
    assert form["filters"]["max_overfit_gap"] is None
    assert form["evidence"][0]["start"] == "2010-02-15T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("ok", "<Recommendation s: ok, {'fast': 20}, expected 1.5>"),
        (
            "degraded",
            "<Recommendation s: degraded, {'fast': 20}, expected 1.5, missing_regime_context>",
        ),
        (
            "none",
            "<Recommendation s: none, None, no_matches_after_strict_filters, "
            "no_matches_after_relaxed_filters>",
        ),
    ],
)
def test_an_answer_is_one_line_that_is_the_same_everywhere(name: str, line: str) -> None:
    answer = ANSWERS[name]
    assert repr(answer) == line
    later = replace(answer, at=datetime(2099, 1, 1, tzinfo=UTC), request_id="other", timings={})
    assert repr(later) == line


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (20, "<Explanation s: {'fast': 20}, place 1 of 2, expected 1.5>"),
        (7, "<Explanation s: {'fast': 7}, never tried>"),
    ],
)
def test_an_explanation_is_one_line_too(value: int, line: str) -> None:
    assert repr(explained(value)) == line


@pytest.mark.parametrize("value", [20, 5, 7])
def test_the_json_form_of_an_explanation_reads_back_equal(value: int) -> None:
    form = explained(value).to_dict()
    assert json.loads(json.dumps(form, allow_nan=False)) == form
    assert set(form["meanings"]) == {*form["reasons"], *form["warnings"]}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_cannot_be_written_to(name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        ANSWERS[name].status = "ok"  # type: ignore[misc]
    with pytest.raises(TypeError):
        ANSWERS[name].reasons[0] = "x"  # type: ignore[index]


def test_what_stands_beside_is_known_where_it_is_expected() -> None:
    ok, degraded, none = (ANSWERS[name] for name in ("ok", "degraded", "none"))
    assert ok.baseline is not None
    assert ok.baseline.defaults is not None
    assert ok.baseline.defaults.expected is not None
    assert ok.defaults_expected == ok.baseline.defaults.expected.value
    assert (degraded.defaults_expected, none.defaults_expected) == (None, None)
    assert (degraded.baseline_expected is None, none.baseline_expected) == (False, None)


@pytest.mark.parametrize("name", ANSWERS)
def test_text_and_card_are_made_of_the_json_form(name: str) -> None:
    answer = ANSWERS[name]
    shown: list[Any] = [str(answer), answer._repr_html_()]
    for text in shown:
        assert answer.status in text.lower()
        for code in answer.reasons:
            assert code in text
