"""Codes of an answer: what each means, what to do about it, and how steps add up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tradingkb.recommend import answer
from tradingkb.recommend.answer import CODES, Said, actions_for
from tradingkb.recommend.answer.codes import meanings


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_a_name_with_a_sentence_and_an_action_that_is_another_one(code: str) -> None:
    found = CODES[code]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+|uncalibrated", code)
    assert len(found.meaning) > 10
    assert found.meaning[0].islower()
    assert not found.meaning.endswith(".")
    assert found.action != found.meaning


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_said_by_a_step(code: str) -> None:
    """By its name in the code of a step, or of the reading of a market that it passes on."""
    package = Path(answer.__file__).parents[2]
    told = [
        p for room in ("recommend", "regimes", "domain") for p in (package / room).rglob("*.py")
    ]
    texts = [p.read_text("utf-8") for p in told if p.name != "codes.py"]
    assert any(re.search(rf'["\']{code}["\':]', text) for text in texts)


def test_an_action_is_named_once_in_the_order_of_the_codes() -> None:
    grid = ["few_windows", "few_candidates", "few_windows", "metadata_only"]
    assert actions_for(grid) == (CODES["few_windows"].action, CODES["few_candidates"].action)
    assert actions_for(["few_in_sample_trades"]) == ()  # nothing removes it
    assert actions_for(["code_of_a_later_release"]) == actions_for([]) == ()


def test_a_code_that_this_release_does_not_know_means_itself() -> None:
    found = meanings(["one_quarter", "code_of_a_later_release"])
    assert found["code_of_a_later_release"] == "code_of_a_later_release"
    assert found["one_quarter"] == CODES["one_quarter"].meaning


def test_what_steps_said_is_added_up_in_their_order() -> None:
    first, second = Said(("r1",), ("w1",), ("n1",)), Said(("r2",), (), ("n2",))
    third = Said(warnings=("w3",))
    assert first + second == Said(("r1", "r2"), ("w1",), ("n1", "n2"))
    assert (first + second) + third == first + (second + third)
    assert first + Said() == Said() + first == first
    assert first == Said(("r1",), ("w1",), ("n1",))
