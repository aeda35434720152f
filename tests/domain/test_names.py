from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.domain.names import near_names

SYMBOLS = ["AAPL", "BTC/USDT", "BTC/USDC", "brk.b", "BRK.B", "GOOG"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("aapl", ["AAPL"]),
        ("BTCUSDT", ["BTC/USDT", "BTC/USDC"]),
        ("Brk.b", ["BRK.B", "brk.b"]),
        ("googl", ["GOOG"]),
        ("XYZ", []),
        ("", []),
    ],
)
def test_names_are_near_whatever_their_case(name: str, near: list[str]) -> None:
    assert near_names(name, SYMBOLS) == near


@given(st.text(max_size=4), st.lists(st.text(max_size=4)), st.randoms(use_true_random=False))
def test_near_names_are_known_ones_in_an_order_that_does_not_depend_on_theirs(
    name: str, known: list[str], rng: object
) -> None:
    found = near_names(name, known)
    assert set(found) <= set(known) - {name}
    assert len(found) == len(set(found)) <= 3
    rng.shuffle(known)
    assert near_names(name, known) == found


def test_no_more_than_three_near_names_are_suggested_unless_more_are_asked_for() -> None:
    known = [f"name{n}" for n in range(6)]
    assert len(near_names("name", known)) == 3
    assert len(near_names("name", known, n=5)) == 5
