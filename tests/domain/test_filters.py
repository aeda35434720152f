from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.domain.filters import (
    RELAXED,
    STRICT,
    FilterColumns,
    Filters,
    failures,
    passing,
    rejections,
    relaxations,
    resolve,
)
from tradingkb.exceptions import InvalidInputError

Row = tuple[bool, float, float, float, bool, int]
NAN = math.nan


def columns_of(rows: list[Row]) -> FilterColumns:
    """Columns of (has_oos, max_drawdown, n_trades, overfit_gap, has_tags, window) rows."""
    kinds = (bool, float, float, float, bool, np.int64)
    return FilterColumns(
        *(np.array([row[i] for row in rows], dtype=kind) for i, kind in enumerate(kinds))
    )


def or_unknown(values: st.SearchStrategy[float]) -> st.SearchStrategy[float]:
    return st.just(NAN) | values


rows = st.lists(
    st.tuples(
        st.booleans(),
        or_unknown(st.integers(0, 12).map(lambda n: n / 20)),
        or_unknown(st.integers(0, 9).map(float)),
        or_unknown(st.integers(0, 8).map(lambda n: n / 10)),
        st.booleans(),
        st.integers(0, 4),
    ),
    max_size=30,
)
settings_of_filters = st.builds(
    Filters,
    require_oos=st.booleans(),
    max_drawdown=st.sampled_from([0.1, 0.25, 0.5, 1.0]),
    min_trades=st.integers(0, 6),
    max_overfit_gap=st.sampled_from([0.0, 0.3, math.inf]),
    regime_tags=st.sampled_from([(), ("uptrend",)]),
    unknown_passes=st.booleans(),
)


def failing(filters: Filters, row: Row) -> set[str]:
    """The rules, one row at a time."""
    has_oos, drawdown, trades, gap, tagged, _ = row
    unknown = not filters.unknown_passes
    failed = {
        "require_oos": filters.require_oos and not has_oos,
        "max_drawdown": unknown if math.isnan(drawdown) else drawdown > filters.max_drawdown,
        "min_trades": unknown if math.isnan(trades) else trades < filters.min_trades,
        "max_overfit_gap": not math.isnan(gap) and gap > filters.max_overfit_gap,
        "regime_tags": bool(filters.regime_tags) and not tagged,
    }
    return {name for name, fails in failed.items() if fails}


ALL_BUT_TAGS = {"require_oos", "max_drawdown", "min_trades", "max_overfit_gap"}
GOOD: Row = (True, 0.1, 10.0, 0.0, True, 0)


@pytest.mark.parametrize(
    ("row", "failed"),
    [
        (GOOD, set()),
        ((True, 0.25, 5.0, 0.3, True, 0), set()),
        ((False, 0.1, 10.0, 0.0, True, 0), {"require_oos"}),
        ((True, 0.2500001, 10.0, 0.0, True, 0), {"max_drawdown"}),
        ((True, 0.1, 4.0, 0.0, True, 0), {"min_trades"}),
        ((True, 0.1, 10.0, 0.31, True, 0), {"max_overfit_gap"}),
        ((False, 0.9, 0.0, 9.0, True, 0), ALL_BUT_TAGS),
    ],
)
def test_the_strict_thresholds_are_inclusive(row: Row, failed: set[str]) -> None:
    masks = failures(STRICT, columns_of([row]))
    assert {name for name, mask in masks.items() if mask[0]} == failed


@pytest.mark.parametrize("row", [(True, NAN, 9.0, 0.0, True, 0), (True, 0.1, NAN, 0.0, True, 0)])
def test_an_unknown_metric_fails_the_strict_filters_and_passes_the_relaxed_ones(row: Row) -> None:
    columns = columns_of([row])
    assert not passing(failures(STRICT, columns), 1).any()
    assert passing(failures(RELAXED, columns), 1).all()


def test_an_unknown_overfit_gap_is_the_business_of_require_oos() -> None:
    masks = failures(STRICT, columns_of([(True, 0.1, 9.0, NAN, True, 0)]))
    assert not masks["max_overfit_gap"].any()


def test_the_relaxed_filters_let_everything_through_that_the_strict_ones_do() -> None:
    columns = columns_of([GOOD, (True, 0.25, 5.0, 0.3, True, 0)])
    assert passing(failures(STRICT, columns), 2).all()
    assert passing(failures(RELAXED, columns), 2).all()


@given(settings_of_filters, rows)
def test_rejections_count_who_fails_a_filter_and_who_fails_nothing_else(
    filters: Filters, trials: list[Row]
) -> None:
    failed = [failing(filters, row) for row in trials]
    for found in rejections(filters, columns_of(trials)):
        assert found.fails == sum(found.filter in names for names in failed)
        assert found.fails_only == sum(names == {found.filter} for names in failed)
        metric = {"max_drawdown": 1, "min_trades": 2}.get(found.filter)
        unknown = [
            metric is not None and math.isnan(row[metric]) and found.filter in names
            for row, names in zip(trials, failed, strict=True)
        ]
        assert found.unknown == sum(unknown)
        current = getattr(filters, found.filter)
        assert found.value == (list(current) if isinstance(current, tuple) else current)
    passed = passing(failures(filters, columns_of(trials)), len(trials))
    assert passed.tolist() == [not names for names in failed]


CANDIDATES: dict[str, list[Any]] = {
    "require_oos": [False],
    "max_drawdown": [n / 20 for n in range(13)],
    "min_trades": list(range(9, -1, -1)),
    "max_overfit_gap": [n / 10 for n in range(9)],
    "regime_tags": [()],
}


@given(settings_of_filters, rows, st.integers(1, 8), st.integers(1, 4))
def test_a_relaxation_is_the_smallest_change_of_one_filter_and_its_numbers_are_exact(
    filters: Filters, trials: list[Row], min_candidates: int, min_windows: int
) -> None:
    def passes(**change: Any) -> tuple[int, int]:
        changed = Filters(**{**vars(filters), **change})
        windows = [row[5] for row in trials if not failing(changed, row)]
        return len(windows), len(set(windows))

    def enough(counts: tuple[int, int]) -> bool:
        return counts[0] >= min_candidates and counts[1] >= min_windows

    found = relaxations(
        filters, columns_of(trials), min_candidates=min_candidates, min_windows=min_windows
    )
    if enough(passes()):
        assert found == []
        return
    assert {r.filter for r in found} == {
        name for row in trials if len(names := failing(filters, row)) == 1 for name in names
    }
    for r in found:
        steps = [v for v in CANDIDATES[r.filter] if wider(r.filter, v, getattr(filters, r.filter))]
        sufficient = [v for v in steps if enough(passes(**{r.filter: v}))]
        assert r.sufficient == bool(sufficient)
        if r.sufficient:
            suggested = tuple(r.suggested) if r.filter == "regime_tags" else r.suggested
            assert suggested == sufficient[0]
            assert (r.candidates, r.windows) == passes(**{r.filter: suggested})
        else:
            assert r.suggested is None
            widest = steps[-1] if steps else getattr(filters, r.filter)
            assert (r.candidates, r.windows) == passes(**{r.filter: widest})


def wider(name: str, value: Any, current: Any) -> bool:
    if name in ("require_oos", "regime_tags"):
        return True
    return value < current if name == "min_trades" else value > current


def test_relaxations_that_suffice_come_first_and_name_their_risk() -> None:
    trials = [(True, 0.3, 9.0, 0.0, True, w) for w in range(2)]
    trials += [(True, 0.1, 4.0, 0.0, True, w) for w in range(3)]
    found = relaxations(STRICT, columns_of(trials), min_candidates=3, min_windows=3)
    assert [(r.filter, r.suggested, r.sufficient) for r in found] == [
        ("min_trades", 4, True),
        ("max_drawdown", None, False),
    ]
    assert "luck" in found[0].risk
    assert found[0].current == 5


def test_a_request_binds_in_both_passes_and_floors_only_where_they_are_given() -> None:
    request, floors = {"max_drawdown": 0.1, "min_trades": None}, {"min_trades": 20}
    assert resolve(STRICT, floors, request) == Filters(max_drawdown=0.1, min_trades=20)
    relaxed = resolve(RELAXED, {}, request)
    assert (relaxed.max_drawdown, relaxed.min_trades) == (0.1, 3)
    assert resolve(STRICT, floors, {"min_trades": 7}).min_trades == 7


def test_numpy_numbers_are_numbers() -> None:
    found = resolve(STRICT, {}, {"min_trades": np.int64(7), "max_drawdown": np.float32(0.5)})
    assert (found.min_trades, found.max_drawdown) == (7, 0.5)
    assert type(found.min_trades) is int
    assert resolve(STRICT, {}, {"require_oos": np.False_}).require_oos is False


def test_an_infinite_overfit_gap_switches_the_filter_off() -> None:
    filters = resolve(STRICT, {}, {"max_overfit_gap": math.inf})
    assert "max_overfit_gap" not in failures(filters, columns_of([GOOD]))


def test_one_tag_may_be_given_as_a_text() -> None:
    assert resolve(STRICT, {}, {"regime_tags": "uptrend"}).regime_tags == ("uptrend",)
    assert resolve(STRICT, {"regime_tags": ["uptrend"]}, {"regime_tags": []}).regime_tags == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_drawdown", 25),
        ("max_drawdown", -0.1),
        ("max_drawdown", NAN),
        ("max_drawdown", "0.2"),
        ("max_drawdown", True),
        ("min_trades", -1),
        ("min_trades", 2.5),
        ("min_trades", math.inf),
        ("max_overfit_gap", -0.5),
        ("max_overfit_gap", NAN),
        ("require_oos", 1),
        ("require_oos", "no"),
        ("regime_tags", 5),
        ("regime_tags", [1, 2]),
        ("min_trade", 5),
    ],
)
def test_a_bad_value_names_its_field_and_the_remedy(name: str, value: object) -> None:
    for floors, request in (({name: value}, {}), ({}, {name: value})):
        with pytest.raises(InvalidInputError) as caught:
            resolve(STRICT, floors, request)
        assert caught.value.field == name
        assert caught.value.remedy
