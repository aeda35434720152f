from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ranking.contenders import Contender, contest, rank
from tradingkb.ranking.tiebreak import RULES, rank_contest

EPSILON = 0.02


def contender(source_id: str, score: float = 0.5, **facts: object) -> Contender:
    plain = Contender(score, False, True, None, 0, source_id)
    return replace(plain, **facts)


def contests() -> st.SearchStrategy[list[Contender]]:
    one = st.builds(
        Contender,
        score=st.integers(0, 30).map(lambda n: n / 200),
        promoted=st.booleans(),
        current_schema=st.booleans(),
        promoted_at=st.none() | st.integers(0, 3),
        created_at=st.integers(0, 3),
        source_id=st.text("abc", min_size=1, max_size=4),
    )
    return st.lists(one, min_size=1, max_size=12, unique_by=lambda c: c.source_id)


def order(contenders: list[Contender], epsilon: float = EPSILON) -> list[tuple[str, str, int]]:
    places = rank(contenders, epsilon)
    return [(contenders[p.index].source_id, p.rule, p.band) for p in places]


BETTER_BY_RULE = [
    ("score", contender("z", 0.53), contender("a", 0.5, promoted=True)),
    ("status", contender("z", promoted=True, current_schema=False), contender("a")),
    ("schema", contender("z"), contender("a", current_schema=False, promoted_at=9)),
    ("promoted_at", contender("z", promoted_at=2), contender("a", promoted_at=1, created_at=9)),
    ("promoted_at", contender("z", promoted_at=1), contender("a", created_at=9)),
    ("created_at", contender("z", created_at=2), contender("a", created_at=1)),
    ("source_id", contender("a"), contender("b")),
]


@pytest.mark.parametrize(("rule", "better", "worse"), BETTER_BY_RULE)
def test_a_rule_decides_only_where_every_earlier_rule_ties(
    rule: str, better: Contender, worse: Contender
) -> None:
    for pair in ([better, worse], [worse, better]):
        found = order(pair)
        assert [name for name, _, _ in found] == [better.source_id, worse.source_id]
        assert found[0][1] == rule


def test_the_rules_have_the_order_of_the_runbooks() -> None:
    assert RULES == ("score", "status", "schema", "promoted_at", "created_at", "source_id")


@pytest.mark.parametrize("best", [n / 100 for n in range(2, 101)])
def test_a_difference_of_exactly_epsilon_is_a_tie_and_one_just_above_is_not(best: float) -> None:
    top = contender("z", best)
    low = round(best - EPSILON, 2)
    assert order([top, contender("a", low, promoted=True)])[0] == ("a", "status", 0)
    assert order([top, contender("a", low - 1e-9, promoted=True)])[0] == ("z", "score", 0)


def test_with_epsilon_zero_only_equal_scores_are_tied() -> None:
    top, equal = contender("z", 0.5), contender("b", 0.5, promoted=True)
    below = contender("a", 0.499, promoted=True)
    assert [n for n, _, _ in order([top, below, equal], 0.0)] == ["b", "z", "a"]


def test_a_band_reaches_down_from_its_best_score_and_not_from_neighbour_to_neighbour() -> None:
    chain = [
        contender("top", 0.54),
        contender("mid", 0.525),
        contender("low", 0.51, promoted=True),
        contender("end", 0.495),
    ]
    assert order(chain) == [
        ("mid", "source_id", 0),
        ("top", "score", 0),
        ("low", "status", 1),
        ("end", "score", 1),
    ]


def test_an_empty_contest_has_no_places() -> None:
    assert rank([], EPSILON) == []


@given(contests(), st.randoms(use_true_random=False))
def test_the_ranking_is_the_same_for_every_permutation_of_the_input(
    contenders: list[Contender], rng: random.Random
) -> None:
    shuffled = contenders.copy()
    rng.shuffle(shuffled)
    assert order(shuffled) == order(contenders)


@given(contests())
def test_every_contender_gets_one_place_and_bands_descend(contenders: list[Contender]) -> None:
    places = rank(contenders, EPSILON)
    assert sorted(p.index for p in places) == list(range(len(contenders)))
    bands = [p.band for p in places]
    assert bands == sorted(bands)
    assert set(bands) == set(range(max(bands) + 1))
    for band in set(bands):
        scores = [contenders[p.index].score for p in places if p.band == band]
        assert max(scores) - min(scores) <= EPSILON + 1e-9


@given(contests())
def test_a_recorded_rule_is_the_first_that_tells_a_place_from_the_next(
    contenders: list[Contender],
) -> None:
    places = rank(contenders, EPSILON)
    for place, following in itertools.pairwise(places):
        a, b = contenders[place.index], contenders[following.index]
        facts = {
            "status": (not a.promoted, not b.promoted),
            "schema": (not a.current_schema, not b.current_schema),
            "promoted_at": (-_when(a.promoted_at), -_when(b.promoted_at)),
            "created_at": (-a.created_at, -b.created_at),
            "source_id": (a.source_id, b.source_id),
        }
        first = next(rule for rule, (x, y) in facts.items() if x != y)
        assert place.rule == ("score" if place.band != following.band else first)
        if place.band == following.band:
            assert facts[first][0] < facts[first][1]
    assert places[-1].rule == "score"


def _when(promoted_at: int | None) -> float:
    return float("-inf") if promoted_at is None else promoted_at


@given(contests())
def test_a_strictly_worse_contender_added_at_the_end_never_changes_the_ranking_before_it(
    contenders: list[Contender],
) -> None:
    worst = Contender(-1.0, False, False, None, -1, "~")
    assert order([*contenders, worst])[:-1] == order(contenders)


@pytest.mark.parametrize(
    ("contenders", "epsilon"),
    [
        ([contender("a")], -0.01),
        ([contender("a")], float("nan")),
        ([contender("a", float("nan"))], EPSILON),
        ([contender("a", float("inf"))], EPSILON),
        ([contender("a"), contender("a", 0.1)], EPSILON),
    ],
)
def test_a_contest_without_a_total_order_is_refused(
    contenders: list[Contender], epsilon: float
) -> None:
    with pytest.raises(ValueError, match=r"epsilon|finite|differ"):
        rank(contenders, epsilon)


@given(contests(), st.integers(1, 5))
def test_the_first_places_are_those_of_the_whole_ranking(
    contenders: list[Contender], top: int
) -> None:
    assert rank_contest(contest(contenders), EPSILON, top) == rank(contenders, EPSILON)[:top]
