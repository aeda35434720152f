from __future__ import annotations

import numpy as np

from tradingkb.ranking.spreads import ChoiceSpread, NumberSpread, spreads


def test_spreads_summarise_the_best_allowed_sets_per_parameter() -> None:
    psets = [{"n": 10, "m": "a"}, {"n": 20, "m": "b"}, {"n": 90, "m": "b"}, {"n": 30, "m": "b"}]
    score, allowed = np.array([0.9, 0.8, 0.95, 0.7]), np.array([True, True, False, True])
    assert spreads(psets, score, allowed, top=2) == {
        "m": ChoiceSpread(counts={"a": 1, "b": 1}, n=2),
        "n": NumberSpread(min=10, median=15.0, max=20, n=2),
    }
    assert spreads(psets, score, allowed)["m"]["counts"] == {"b": 2, "a": 1}
    assert spreads([], np.zeros(0), np.zeros(0, dtype=bool)) == {}


def test_spreads_are_over_the_ten_best_sets_and_the_earlier_of_equal_ones() -> None:
    psets = [{"n": n} for n in range(40)]
    everything = np.ones(40, dtype=bool)
    assert spreads(psets, np.zeros(40), everything) == {"n": NumberSpread(0, 4.5, 9, 10)}
    odd_ones_first = spreads(psets, np.arange(40) % 2 * 1.0, everything)
    assert odd_ones_first == {"n": NumberSpread(1, 10.0, 19, 10)}
    rising = spreads(psets, np.arange(40.0), everything, top=3)
    assert rising == {"n": NumberSpread(37, 38.0, 39, 3)}


def test_values_stand_in_the_order_of_their_counts_and_then_of_their_names() -> None:
    psets = [{"m": m} for m in ("b", "d", "c", "c", "b", "a", "c")]
    found = spreads(psets, np.zeros(7), np.ones(7, dtype=bool))["m"]
    assert list(found["counts"].items()) == [("c", 3), ("b", 2), ("a", 1), ("d", 1)]
