"""The filters' arithmetic against plain loops over trials, with arbitrary thresholds."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.domain.filters import (
    RELAXED,
    STRICT,
    FilterColumns,
    Filters,
    Relaxation,
    failures,
    passing,
    rejections,
    relaxations,
    resolve,
)

METRIC = {"max_drawdown": "drawdown", "min_trades": "trades", "max_overfit_gap": "gap"}


@dataclass(frozen=True)
class One:
    """One trial as the filters see it, None where unknown."""

    oos: bool
    drawdown: float | None
    trades: int | None
    gap: float | None
    tagged: bool
    window: int


def around(threshold: float) -> list[float]:
    """A threshold, its neighbours in binary, and numbers further off."""
    edges = [math.nextafter(threshold, -1), threshold, math.nextafter(threshold, 2)]
    return [*edges, threshold / 3, threshold + 0.01, threshold + 1 / 3, threshold + 0.7]


#: What may be wrong with a trial; single-filter relaxations are about those with one flaw.
FLAWS: list[dict[str, Any]] = [
    {"oos": False},
    {"tagged": False},
    *({"drawdown": value} for value in (None, *around(0.25))),
    *({"gap": value} for value in (None, *around(0.3))),
    *({"trades": value} for value in (None, 0, 1, 3, 4, 4, 5, 6)),
]
FINE = One(oos=True, drawdown=0.0, trades=12, gap=0.0, tagged=True, window=0)
POOL = [replace(FINE, **one) for one in FLAWS]
POOL += [replace(FINE, **{**one, **other}) for one, other in zip(FLAWS, FLAWS[9:], strict=False)]
POOL = [replace(t, window=w) for t in [FINE, *POOL] for w in range(4)]
trials_of_one_strategy = st.lists(st.sampled_from(POOL), max_size=40) | st.lists(
    st.sampled_from(POOL), min_size=15, max_size=40
)
filters_of_a_pass = st.builds(
    Filters,
    require_oos=st.booleans(),
    max_drawdown=st.sampled_from([0.25, 0.25, 0.0]) | st.floats(0.0, 1.0),
    min_trades=st.integers(0, 9),
    max_overfit_gap=st.sampled_from([0.3, 0.3, math.inf]) | st.floats(0.0, 4.0),
    regime_tags=st.sampled_from([(), ("uptrend",)]),
    unknown_passes=st.booleans(),
)
#: More trials and windows than pass already.
more = st.sampled_from([(1, 0), (2, 0), (3, 0), (0, 1), (2, 1), (5, 2)])
Counts = tuple[int, int]


def columns(trials: list[One]) -> FilterColumns:
    def floats(name: str) -> np.ndarray[Any, Any]:
        values = [getattr(t, name) for t in trials]
        return np.array([math.nan if v is None else v for v in values], dtype=np.float64)

    return FilterColumns(
        has_oos=np.array([t.oos for t in trials], dtype=bool),
        max_drawdown=floats("drawdown"),
        n_trades=floats("trades"),
        overfit_gap=floats("gap"),
        has_tags=np.array([t.tagged for t in trials], dtype=bool),
        window=np.array([t.window for t in trials], dtype=np.int64),
    )


def faults(f: Filters, t: One) -> set[str]:
    """The filters that one trial fails."""
    found = set()
    if f.require_oos and not t.oos:
        found.add("require_oos")
    if not f.unknown_passes if t.drawdown is None else t.drawdown > f.max_drawdown:
        found.add("max_drawdown")
    if not f.unknown_passes if t.trades is None else t.trades < f.min_trades:
        found.add("min_trades")
    if t.gap is not None and t.gap > f.max_overfit_gap:
        found.add("max_overfit_gap")
    if f.regime_tags and not t.tagged:
        found.add("regime_tags")
    return found


def counts(f: Filters, trials: list[One]) -> Counts:
    """Trials and distinct windows that pass."""
    windows = [t.window for t in trials if not faults(f, t)]
    return len(windows), len(set(windows))


def suffices(found: Counts, wanted: Counts) -> bool:
    return found[0] >= wanted[0] and found[1] >= wanted[1]


def wish(f: Filters, trials: list[One], extra: Counts) -> Counts:
    candidates, windows = counts(f, trials)
    return candidates + extra[0], windows + extra[1]


def relaxed_alone(f: Filters, trials: list[One], wanted: Counts) -> list[Relaxation]:
    return relaxations(f, columns(trials), min_candidates=wanted[0], min_windows=wanted[1])


def one_step_tighter(r: Relaxation) -> Any:
    """The next value on the way back to the threshold in force."""
    if r.filter == "min_trades":
        return r.suggested + 1
    return math.nextafter(r.suggested, -math.inf)


def widest(name: str, trials: list[One]) -> Any:
    """A threshold that turns no known value away."""
    if name in ("require_oos", "regime_tags"):
        return {"require_oos": False, "regime_tags": ()}[name]
    known = [v for t in trials if (v := getattr(t, METRIC[name])) is not None]
    return min(known, default=0) if name == "min_trades" else max(known, default=1.0)


@given(filters_of_a_pass, trials_of_one_strategy, more)
def test_a_suggested_value_gives_exactly_the_promised_number_and_one_step_less_is_too_little(
    f: Filters, trials: list[One], extra: Counts
) -> None:
    wanted = wish(f, trials, extra)
    for r in relaxed_alone(f, trials, wanted):
        if not r.sufficient:
            continue
        value = tuple(r.suggested) if r.filter == "regime_tags" else r.suggested
        assert counts(replace(f, **{r.filter: value}), trials) == (r.candidates, r.windows)
        assert suffices((r.candidates, r.windows), wanted)
        if r.filter in METRIC:
            tighter = replace(f, **{r.filter: one_step_tighter(r)})
            assert not suffices(counts(tighter, trials), wanted)


@given(filters_of_a_pass, trials_of_one_strategy, more)
def test_a_filter_is_called_insufficient_exactly_when_its_widest_value_is(
    f: Filters, trials: list[One], extra: Counts
) -> None:
    wanted = wish(f, trials, extra)
    found = {r.filter: r for r in relaxed_alone(f, trials, wanted)}
    for name, r in found.items():
        most = counts(replace(f, **{name: widest(name, trials)}), trials)
        assert r.sufficient == (r.suggested is not None) == suffices(most, wanted)
        if not r.sufficient:
            assert (r.candidates, r.windows) == most
    # No filter that is left out could have helped.
    if not suffices(counts(f, trials), wanted):
        for name in {x.filter for x in rejections(f, columns(trials))} - set(found):
            assert not any(faults(f, t) == {name} for t in trials)


@given(trials_of_one_strategy, more)
def test_a_suggestion_sent_back_as_json_is_accepted_and_gives_the_promised_number(
    trials: list[One], extra: Counts
) -> None:
    f = replace(STRICT, regime_tags=("uptrend",))
    wanted = wish(f, trials, extra)
    for r in relaxed_alone(f, trials, wanted):
        if r.sufficient:
            request = json.loads(json.dumps({"regime_tags": ["uptrend"], r.filter: r.suggested}))
            followed = failures(resolve(STRICT, {}, request), columns(trials))
            assert passing(followed, len(trials)).sum() == r.candidates


@given(filters_of_a_pass, trials_of_one_strategy, more)
def test_the_unknown_of_a_relaxation_are_those_that_no_threshold_lets_in(
    f: Filters, trials: list[One], extra: Counts
) -> None:
    for r in relaxed_alone(f, trials, wish(f, trials, extra)):
        widened = replace(f, **{r.filter: widest(r.filter, trials)})
        assert r.unknown == sum(faults(f, t) == faults(widened, t) == {r.filter} for t in trials)


@given(filters_of_a_pass, trials_of_one_strategy)
def test_counts_of_rejections_agree_with_a_loop_over_the_trials(
    f: Filters, trials: list[One]
) -> None:
    found = {r.filter: r for r in rejections(f, columns(trials))}
    failed = [faults(f, t) for t in trials]
    assert {name for names in failed for name in names} <= set(found)
    for name, r in found.items():
        metric = METRIC.get(name)
        assert r.fails == sum(name in names for names in failed)
        assert r.fails_only == sum(names == {name} for names in failed)
        assert r.unknown == sum(
            name in names and metric is not None and getattr(t, metric) is None
            for t, names in zip(trials, failed, strict=True)
        )


@given(filters_of_a_pass, trials_of_one_strategy, more, st.randoms(use_true_random=False))
def test_neither_the_order_of_the_trials_nor_the_numbers_of_their_windows_matter(
    f: Filters, trials: list[One], extra: Counts, rng: random.Random
) -> None:
    wanted = wish(f, trials, extra)
    renamed = list(range(4))
    rng.shuffle(renamed)
    shuffled = [replace(t, window=renamed[t.window]) for t in trials]
    rng.shuffle(shuffled)
    assert relaxed_alone(f, shuffled, wanted) == relaxed_alone(f, trials, wanted)
    assert rejections(f, columns(shuffled)) == rejections(f, columns(trials))


@given(filters_of_a_pass, trials_of_one_strategy, more, trials_of_one_strategy)
def test_trials_that_fail_two_filters_change_no_relaxation(
    f: Filters, trials: list[One], extra: Counts, others: list[One]
) -> None:
    wanted = wish(f, trials, extra)
    hopeless = [t for t in others if len(faults(f, t)) > 1]
    assert relaxed_alone(f, [*trials, *hopeless], wanted) == relaxed_alone(f, trials, wanted)


@given(filters_of_a_pass, filters_of_a_pass, trials_of_one_strategy)
def test_a_wider_filter_never_turns_away_a_trial_that_passed(
    f: Filters, g: Filters, trials: list[One]
) -> None:
    wider = Filters(
        require_oos=f.require_oos and g.require_oos,
        max_drawdown=max(f.max_drawdown, g.max_drawdown),
        min_trades=min(f.min_trades, g.min_trades),
        max_overfit_gap=max(f.max_overfit_gap, g.max_overfit_gap),
        regime_tags=f.regime_tags if g.regime_tags else (),
        unknown_passes=f.unknown_passes or g.unknown_passes,
    )
    passed = passing(failures(f, columns(trials)), len(trials))
    assert (passing(failures(wider, columns(trials)), len(trials)) | ~passed).all()


@given(trials_of_one_strategy)
def test_what_passes_the_strict_filters_passes_the_relaxed_ones(trials: list[One]) -> None:
    strict, relaxed = (
        passing(failures(f, columns(trials)), len(trials)) for f in (STRICT, RELAXED)
    )
    assert (relaxed | ~strict).all()


@given(filters_of_a_pass, trials_of_one_strategy, more)
def test_asking_for_less_never_needs_a_larger_change(
    f: Filters, trials: list[One], extra: Counts
) -> None:
    wanted = wish(f, trials, extra)
    less = {r.filter: r for r in relaxed_alone(f, trials, (wanted[0] - 1, wanted[1]))}
    for r in relaxed_alone(f, trials, wanted):
        if r.sufficient and r.filter in METRIC and r.filter in less:
            sign = -1 if r.filter == "min_trades" else 1
            assert less[r.filter].sufficient
            assert sign * less[r.filter].suggested <= sign * r.suggested


@given(filters_of_a_pass, trials_of_one_strategy, more, st.data())
def test_what_is_stored_under_several_ids_counts_once(
    f: Filters, trials: list[One], extra: Counts, data: st.DataObject
) -> None:
    places = list(range(len(trials)))
    stored = places + data.draw(
        st.lists(st.sampled_from(places), max_size=20) if places else st.just([])
    )
    again = replace(columns([trials[k] for k in stored]), tried=np.array(stored, dtype=np.int64))
    assert rejections(f, again) == rejections(f, columns(trials))
    enough = wish(f, trials, extra)
    wanted = {"min_candidates": enough[0], "min_windows": enough[1]}
    assert relaxations(f, again, **wanted) == relaxations(f, columns(trials), **wanted)
