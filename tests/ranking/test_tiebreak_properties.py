"""The banded order against a reference that knows no floor and no sort key: pairs and fractions."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.ranking.contenders import Contender, rank
from tradingkb.ranking.tiebreak import RULES

EPSILON = 0.02
epsilons = st.sampled_from([0.0, 0.02, 0.1]) | st.floats(0.0, 0.5)
#: Far from 1970 too: microseconds of the year 2300 have no exact float.
moments = st.integers(0, 3) | st.integers(2**53, 2**53 + 3)


def contests(scores: st.SearchStrategy[float]) -> st.SearchStrategy[list[Contender]]:
    one = st.builds(
        Contender,
        score=scores,
        promoted=st.booleans(),
        current_schema=st.booleans(),
        promoted_at=st.none() | moments,
        created_at=moments,
        source_id=st.text("abé", min_size=1, max_size=3),
    )
    return st.lists(one, min_size=1, max_size=10, unique_by=lambda c: c.source_id)


grid = contests(st.integers(0, 60).map(lambda n: n / 300))
anywhere = contests(st.floats(0.0, 1.0))
either = grid | anywhere


def beats(a: Contender, b: Contender) -> str | None:
    """The rule by which `a` goes before `b` when their scores are equal; None when it does not."""
    if a.promoted != b.promoted:
        return "status" if a.promoted else None
    if a.current_schema != b.current_schema:
        return "schema" if a.current_schema else None
    if a.promoted_at != b.promoted_at:
        recent = a.promoted_at is not None
        recent = recent and (b.promoted_at is None or a.promoted_at > b.promoted_at)
        return "promoted_at" if recent else None
    if a.created_at != b.created_at:
        return "created_at" if a.created_at > b.created_at else None
    return "source_id" if a.source_id < b.source_id else None


def reference(contenders: list[Contender], epsilon: float) -> list[tuple[str, str, int]]:
    """(source_id, rule, band) of each place, by comparing every pair."""
    left, found, band = list(contenders), [], 0
    while left:
        best = max(Fraction(c.score) for c in left)
        # Rounding counts as equal; a contest that turns on less is not drawn (`decided`).
        limit = Fraction(epsilon) + Fraction(1, 10**12)
        tied = [c for c in left if best - Fraction(c.score) <= limit]
        placed = sorted(tied, key=lambda c: sum(beats(d, c) is not None for d in tied))
        for c, following in itertools.zip_longest(placed, placed[1:]):
            rule = beats(c, following) if following else "score"
            assert rule is not None
            found.append((c.source_id, rule, band))
        left, band = [c for c in left if c not in tied], band + 1
    return found


def decided(contenders: list[Contender], epsilon: float) -> bool:
    """Whether no pair is epsilon apart to within the rounding of the rounding."""
    gaps = (
        abs(Fraction(a.score) - Fraction(b.score)) - Fraction(epsilon)
        for a, b in itertools.combinations(contenders, 2)
    )
    return not any(Fraction(9, 10**13) < gap < Fraction(11, 10**13) for gap in gaps)


def order(contenders: list[Contender], epsilon: float = EPSILON) -> list[tuple[str, str, int]]:
    places = rank(contenders, epsilon)
    return [(contenders[p.index].source_id, p.rule, p.band) for p in places]


def place_of(source_id: str, contenders: list[Contender], epsilon: float) -> int:
    return [name for name, _, _ in order(contenders, epsilon)].index(source_id)


@given(either, epsilons)
def test_the_order_its_bands_and_its_rules_are_those_of_a_reference_that_compares_every_pair(
    contenders: list[Contender], epsilon: float
) -> None:
    assume(decided(contenders, epsilon))
    assert order(contenders, epsilon) == reference(contenders, epsilon)


@given(either, epsilons, st.randoms(use_true_random=False))
def test_every_permutation_gives_the_same_places_bands_and_rules(
    contenders: list[Contender], epsilon: float, rng: random.Random
) -> None:
    shuffled = contenders.copy()
    rng.shuffle(shuffled)
    assert order(shuffled, epsilon) == order(contenders, epsilon)


@given(either, epsilons, st.data())
def test_a_higher_score_never_costs_a_place(
    contenders: list[Contender], epsilon: float, data: st.DataObject
) -> None:
    k = data.draw(st.integers(0, len(contenders) - 1))
    mine = contenders[k]
    higher = data.draw(st.floats(mine.score, 1.5))
    raised = [*contenders[:k], replace(mine, score=higher), *contenders[k + 1 :]]
    before = place_of(mine.source_id, contenders, epsilon)
    assert place_of(mine.source_id, raised, epsilon) <= before


@given(either, epsilons, st.data())
def test_a_contender_that_is_worse_by_every_rule_never_changes_the_winner(
    contenders: list[Contender], epsilon: float, data: st.DataObject
) -> None:
    winner = contenders[rank(contenders, epsilon)[0].index]
    worse = replace(
        winner,
        score=winner.score - data.draw(st.floats(0.0, 0.2)),
        promoted=winner.promoted and data.draw(st.booleans()),
        created_at=winner.created_at - data.draw(st.integers(0, 2)),
        source_id=winner.source_id + "~",
    )
    for contest in ([*contenders, worse], [worse, *contenders]):
        found = order(contest, epsilon)
        assert found[0][0] == winner.source_id


@given(either, epsilons)
def test_leaving_out_a_contender_that_opened_no_band_keeps_the_order_of_the_others(
    contenders: list[Contender], epsilon: float
) -> None:
    places = rank(contenders, epsilon)
    for left_out in places:
        rivals = [p for p in places if p.band == left_out.band and p.index != left_out.index]
        if any(contenders[p.index].score >= contenders[left_out.index].score for p in rivals):
            rest = [c for k, c in enumerate(contenders) if k != left_out.index]
            kept = [contenders[p.index].source_id for p in places if p is not left_out]
            assert [name for name, _, _ in order(rest, epsilon)] == kept


@given(st.floats(0.0, 1.0), st.floats(0.0, 0.5))
def test_exactly_epsilon_and_its_neighbours_in_binary_are_ties_and_a_billionth_more_is_none(
    best: float, epsilon: float
) -> None:
    top = Contender(best, False, True, None, 0, "z")
    exact = best - epsilon
    for score in (exact, math.nextafter(exact, 2.0), math.nextafter(exact, -2.0)):
        other = Contender(min(score, best), True, True, None, 0, "a")
        assert order([top, other], epsilon)[0] == ("a", "status", 0)
    beyond = Contender(exact - 1e-9, True, True, None, 0, "a")
    assert order([top, beyond], epsilon) == [("z", "score", 0), ("a", "score", 1)]


@given(either)
def test_with_an_epsilon_above_every_difference_the_score_decides_nothing(
    contenders: list[Contender],
) -> None:
    found = order(contenders, 1.0)
    assert {band for _, _, band in found} == {0}
    assert "score" not in {rule for _, rule, _ in found[:-1]}
    flat = [replace(c, score=0.5) for c in contenders]
    assert order(flat, 0.0) == found


@given(grid)
def test_with_epsilon_zero_scores_never_rise_along_the_ranking(
    contenders: list[Contender],
) -> None:
    scores = [contenders[p.index].score for p in rank(contenders, 0.0)]
    assert scores == sorted(scores, reverse=True)


@given(either, epsilons)
def test_each_recorded_rule_is_a_rule_and_only_the_last_place_and_ends_of_bands_say_score(
    contenders: list[Contender], epsilon: float
) -> None:
    found = order(contenders, epsilon)
    assert {rule for _, rule, _ in found} <= set(RULES)
    for (_, rule, band), (_, _, following) in itertools.pairwise(found):
        assert (rule == "score") == (band != following)
