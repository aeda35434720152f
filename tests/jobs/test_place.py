"""Progress only grows, over parts and attempts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.jobs.place import Place

Report = tuple[str, int, int]


@pytest.mark.parametrize(
    ("resumed", "reports", "whole"),
    [
        (None, [], (0, None)),
        (None, [("index", 3, 9)], (3, 9)),
        (None, [("index", 3, 9), ("index", 9, 9)], (9, 9)),
        # an ingest reports each portion of what it reads by itself
        (None, [("index", 4, 4), ("index", 1, 3)], (5, 7)),
        (None, [("index", 4, 4), ("index", 4, 5)], (8, 9)),
        (None, [("store", 9, 9), ("index", 2, 9)], (11, 18)),
        (None, [("store", 0, 0)], (0, None)),
        # an attempt that was killed said for the last time that it had done 3 of 9, and had done 5
        ((3, 9), [], (3, 9)),
        ((3, 9), [("index", 1, 4)], (6, 9)),
        ((3, 9), [("index", 1, 4), ("index", 4, 4)], (9, 9)),
        ((3, 9), [("store", 0, 0), ("index", 1, 4)], (6, 9)),
        # meanwhile there is more to do
        ((3, 9), [("index", 1, 20)], (4, 23)),
        ((3, None), [("index", 1, 20)], (4, 23)),
    ],
)
def test_what_is_done_is_counted_over_parts_and_attempts(
    resumed: tuple[int, int | None] | None, reports: list[Report], whole: tuple[int, int | None]
) -> None:
    place = Place(resumed=resumed)
    for report in reports:
        place = place.moved(*report)
    assert place.whole == whole


_PART = st.tuples(st.sampled_from(["store", "index"]), st.integers(0, 5), st.integers(0, 5))


@given(st.none() | st.tuples(st.integers(0, 9), st.none() | st.integers(9, 20)), st.lists(_PART))
def test_progress_never_goes_back_and_never_beyond_the_total(
    resumed: tuple[int, int | None] | None, parts: list[tuple[str, int, int]]
) -> None:
    place = Place(resumed=resumed)
    before = place.whole[0]
    for what, steps, rest in parts:
        for done in range(steps + 1):
            place = place.moved(what, done, steps + rest)
            done_now, total = place.whole
            assert done_now >= before
            assert total is None or done_now <= total
            before = done_now
