from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tradingkb.memo import Memo


class Counted:
    """Makes a value and counts how often."""

    def __init__(self, value: object = "value") -> None:
        self.value = value
        self.made = 0

    def __call__(self) -> object:
        self.made += 1
        return self.value


def test_a_known_value_is_not_made_again() -> None:
    memo, make = Memo(3), Counted()
    assert [memo.get("key", make) for _ in range(3)] == ["value"] * 3
    assert make.made == 1


def test_another_stamp_makes_the_value_anew_in_its_place() -> None:
    memo, make = Memo(3), Counted()
    for stamp in (1, 1, 2, 2, 1):
        memo.get("key", make, stamp=stamp)
    assert (make.made, len(memo)) == (3, 1)


def test_nothing_is_a_value_too() -> None:
    memo, make = Memo(3), Counted(None)
    assert [memo.get("key", make) for _ in range(2)] == [None, None]
    assert make.made == 1


def test_the_value_that_was_used_longest_ago_is_forgotten_first() -> None:
    memo, again = Memo(2), Counted()
    for key in ("a", "b", "a", "c"):
        memo.get(key, Counted())
    memo.get("a", again)
    memo.get("c", again)
    assert again.made == 0
    memo.get("b", again)
    assert again.made == 1


@pytest.mark.parametrize(("weights", "kept"), [((4, 5), 2), ((4, 7), 1), ((99,), 1), ((1, 99), 1)])
def test_weights_bound_what_is_kept_but_the_newest_always_is(
    weights: tuple[int, ...], kept: int
) -> None:
    memo = Memo(10, lambda weight: weight)
    for weight in weights:
        memo.get(weight, lambda weight=weight: weight)
    assert len(memo) == kept
    last = Counted()
    memo.get(weights[-1], last)
    assert last.made == 0


def test_threads_that_ask_at_once_share_one_value() -> None:
    memo, make, ready = Memo(3), Counted(), threading.Barrier(8)

    def ask() -> object:
        ready.wait()
        return memo.get("key", make)

    with ThreadPoolExecutor(8) as pool:
        found = [f.result() for f in [pool.submit(ask) for _ in range(8)]]
    assert (found, make.made) == (["value"] * 8, 1)


def test_a_value_that_could_not_be_made_is_tried_again() -> None:
    memo = Memo(3)
    with pytest.raises(ZeroDivisionError):
        memo.get("key", lambda: 1 // 0)
    assert memo.get("key", Counted()) == "value"


def test_a_value_of_another_stamp_is_renewed_and_one_that_is_not_known_is_made() -> None:
    memo, make = Memo(3), Counted()
    renewed = lambda value: f"{value}, renewed"  # noqa: E731
    found = [memo.get("key", make, stamp=stamp, renew=renewed) for stamp in (1, 1, 2, 2)]
    assert (found, make.made) == (["value", "value", "value, renewed", "value, renewed"], 1)
