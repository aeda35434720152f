"""Parts of an answer: typed values that read like the JSON that they become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any

import pytest

from tests.recommend.worlds import USUAL, calibrated, findings, spec, sweep
from tradingkb.domain import GivenParams, Part
from tradingkb.plain import plain
from tradingkb.recommend.answer import Lead
from tradingkb.recommend.judging import assemble, explain_params
from tradingkb.recommend.judging.findings import RecommendConfig

WORLD = USUAL.under(spec(default=5))


def parts(value: Any) -> Iterator[Part]:
    """Every part that a value holds, at any depth."""
    if isinstance(value, Part):
        yield value
    if is_dataclass(value):
        for field in fields(value):
            yield from parts(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from parts(one)


def every_part() -> dict[str, Part]:
    """One of each kind, as answers and explanations of real questions hold them."""
    c = WORLD.context(mode="debug")
    f = findings(c)
    answer = assemble(c, f, RecommendConfig(), calibrated())
    few = sweep(2, {5: 0.5, 20: 1.5}).but(max_drawdown_frac_oos=0.4).answer()
    near, same = (
        explain_params(c, f, GivenParams({"fast": value}), answer, 0.0) for value in (7, 20)
    )
    found = [part for value in (answer, few, near, same) for part in parts(value)]
    return {type(part).__name__: part for part in found}


EVERY = every_part()


def test_the_questions_here_meet_every_kind_of_part() -> None:
    assert set(EVERY) == {
        "AgainstDefaults",
        "BacktestOverfitting",
        "Baseline",
        "CalibrationBasis",
        "Debug",
        "DeflatedSharpe",
        "Expectation",
        "Lead",
        "NearSet",
        "NumberSpread",
        "Option",
        "Overfitting",
        "Recommended",
        "Rejection",
        "Relaxation",
    } - {"NumberSpread"}


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.5, 1.5, True),
        (-1.5, -0.5, True),
        (-0.5, 2.5, False),
        (0.0, 2.0, False),
        (None, None, False),
    ],
)
def test_a_lead_whose_interval_reaches_zero_does_not_tell_two_sets_apart(
    low: float | None, high: float | None, told: bool
) -> None:
    assert Lead(1.0, low, high, 0.9).told_apart == told


@pytest.mark.parametrize("name", EVERY)
def test_a_part_reads_like_a_mapping_of_its_fields_in_their_order(name: str) -> None:
    part = EVERY[name]
    names = [field.name for field in fields(part)]  # type: ignore[arg-type]
    assert list(part) == names
    assert len(part) == len(names)
    for one in names:
        assert part[one] is getattr(part, one)
    assert dict(part) == {one: getattr(part, one) for one in names}
    with pytest.raises(KeyError):
        part["to_dict"]


@pytest.mark.parametrize("name", EVERY)
def test_a_part_cannot_be_written_to(name: str) -> None:
    part = EVERY[name]
    first = next(iter(part))
    with pytest.raises(FrozenInstanceError):
        setattr(part, first, None)
    with pytest.raises(TypeError):
        part[first] = None  # type: ignore[index]


@pytest.mark.parametrize("name", EVERY)
def test_a_part_becomes_json_whichever_way_it_is_written(name: str) -> None:
    form = plain(EVERY[name])
    assert json.loads(json.dumps(form, allow_nan=False)) == form
    assert list(form) == list(EVERY[name])
