"""What is asked in memory is what a store answers: the laboratory measures the public API."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tradingkb as tkb
from tests.conftest import Clock
from tradingkb.testing.worlds import NOW
from tradingkb.testing.worlds.row import plain_case
from tradingkb.testing.worlds.scene import HALF_YEARS, Scene

OpenKb = Callable[..., tkb.KnowledgeBase]


def test_a_store_gives_the_answer_that_is_asked_for_in_memory(
    open_kb: OpenKb, clock: Clock
) -> None:
    rng = np.random.default_rng(1)
    scene = Scene(HALF_YEARS, n_symbols=2, grid=(2, 3))
    case = plain_case(rng, scene, scene.luck(rng), np.zeros(scene.n_sets))
    clock.now = NOW
    kb = open_kb()
    assert kb.ingest(case.world.given).inserted == case.world.rows.height
    stored, in_memory = kb.recommend("s", **case.asked).to_dict(), case.answer().to_dict()
    for name in ("status", "params", "reasons", "warnings", "windows_used", "after_strict"):
        assert stored[name] == in_memory[name], name
    # Windows have other keys, and so their sums another order.
    for name in ("expected", "overfitting"):
        assert _flat(stored[name]) == pytest.approx(_flat(in_memory[name]), rel=1e-9)


def _flat(part: dict[str, object]) -> dict[str, object]:
    """The numbers of a part of an answer, those of its own parts included."""
    found: dict[str, object] = {}
    for name, value in part.items():
        if isinstance(value, dict):
            found |= {f"{name}.{inner}": v for inner, v in _flat(value).items()}
        elif isinstance(value, int | float):
            found[name] = value
    return found
