"""Many questions in one call: a row for each, and an event for each answer."""

from __future__ import annotations

from typing import Any, cast

import polars as pl
import pytest

from tests.recommend.shelf import Embedder, Index, Shelf
from tests.recommend.worlds import CONFIG, NOW, START, TARGET, USUAL, calibrated, question, spec
from tradingkb.exceptions import BackendUnavailableError, InvalidInputError
from tradingkb.ports import EmbedderFactory, TrialStore, VectorIndex
from tradingkb.recommend.asking.event_log import EventLog
from tradingkb.recommend.asking.many import SCHEMA, Asked, answer_many
from tradingkb.recommend.asking.recommender import Recommender

WORLD = USUAL.under(spec(default=5))
KEYS = WORLD.view().windows.frame["window_key"].to_list()


class Desk:
    """A recommender over one world, and what it wrote."""

    def __init__(self) -> None:
        self.shelf = Shelf(WORLD)
        store = cast(TrialStore, self.shelf)
        self.recommender = Recommender(
            store,
            cast(VectorIndex, Index(KEYS)),
            cast(EmbedderFactory, Embedder()),
            CONFIG,
            clock=lambda: NOW,
        )
        self.events = EventLog(store, "host")
        self.told: list[tuple[int, int]] = []

    def ask(self, asked: list[Asked], *, strict: bool = False) -> pl.DataFrame:
        return answer_many(
            self.recommender,
            self.events,
            TARGET,
            asked,
            strict=strict,
            progress=lambda _, done, total: self.told.append((done, total)),
        )


def asked(row: int, **more: Any) -> Asked:
    name = more.get("strategy_name", "s")
    return Asked(row, {"strategy_name": name}, question(request_id=f"{row}", **more))


def bad(row: int) -> Asked:
    error = InvalidInputError("no time", field="as_of")
    return Asked(row, {"strategy_name": "s", "objective_type": "sharpe"}, error=error)


FOUR = [
    asked(1, symbol="MSFT"),
    asked(2, as_of=START.replace(year=2012)),
    asked(3, regime=None),
    asked(4, objective_type="max_drawdown"),
]


def test_answers_come_in_the_order_asked_and_are_those_of_single_questions() -> None:
    desk = Desk()
    table = desk.ask(FOUR)
    assert table.schema == pl.Schema(SCHEMA)
    assert table["request_id"].to_list() == ["1", "2", "3", "4"]
    for row, one in zip(table.to_dicts(), FOUR, strict=True):
        assert one.question is not None
        alone = Desk().recommender.answer(TARGET, one.question)
        assert alone.expected is not None
        assert (row["status"], row["reasons"], row["warnings"]) == (
            alone.status,
            list(alone.reasons),
            list(alone.warnings),
        )
        assert (row["expected"], row["low"]) == (alone.expected.value, alone.expected.low)
        assert (row["baseline_expected"], row["defaults_expected"]) == (
            alone.baseline_expected,
            alone.defaults_expected,
        )
        assert (row["windows"], row["quarters"]) == (
            alone.windows_used,
            alone.expected.n_quarters,
        )


def test_the_order_of_the_questions_changes_no_answer() -> None:
    turned = [Asked(5 - one.row, one.said, one.question) for one in reversed(FOUR)]
    first, second = Desk().ask(FOUR), Desk().ask(turned)
    assert second["request_id"].to_list() == ["4", "3", "2", "1"]
    assert second.reverse().equals(first)


def test_every_answer_has_one_event_in_the_order_asked_in_one_batch() -> None:
    desk = Desk()
    desk.ask(FOUR)
    assert [event["request_id"] for event in desk.shelf.events] == ["1", "2", "3", "4"]
    assert desk.shelf.batches == [4]
    assert desk.told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_questions_of_one_strategy_read_its_trials_once_and_a_calibration_once_each() -> None:
    desk = Desk()
    desk.shelf.newest = calibrated(0.6).stored
    table = desk.ask([asked(n, symbol=s) for n, s in enumerate(("A", "B", "C"), 1)])
    assert (desk.shelf.reads["partition"], desk.shelf.reads["calibration"]) == (1, 1)
    assert table["confidence"].to_list() == pytest.approx([0.6] * 3)
    assert (table["confidence_low"] < table["confidence_high"]).all()


def test_a_question_without_an_answer_has_its_row_and_costs_no_other() -> None:
    desk = Desk()
    table = desk.ask([bad(1), asked(2), asked(3, strategy_name="ss")])
    assert table["status"].to_list() == ["error", "ok", "error"]
    errors = table["error"].to_list()
    assert errors[0] == "row 1: as_of: no time"
    assert errors[1] is None
    assert errors[2].startswith("row 3: strategy_name: ")
    assert table["strategy_name"].to_list() == ["s", "s", "ss"]
    assert [event["request_id"] for event in desk.shelf.events] == ["2"]


def test_with_strict_the_first_bad_question_is_raised_and_nothing_is_recorded() -> None:
    desk = Desk()
    questions = [asked(1), asked(2, strategy_name="zz"), asked(3, strategy_name="ss")]
    with pytest.raises(InvalidInputError, match=r"^row 2: strategy_name"):
        desk.ask(questions, strict=True)
    assert desk.shelf.events == []
    assert desk.ask(questions[:1], strict=True)["status"].to_list() == ["ok"]


def test_a_store_that_is_away_is_told_apart_from_a_bad_question() -> None:
    desk = Desk()

    def away(*_: Any) -> int:
        raise BackendUnavailableError("the store does not answer")

    desk.shelf.generation = away  # type: ignore[method-assign]
    assert desk.ask([asked(1)])["error"].to_list() == ["row 1: the store does not answer"]
    with pytest.raises(BackendUnavailableError, match=r"^row 1: the store"):
        desk.ask([asked(1)], strict=True)


def test_nothing_asked_gives_no_rows_of_the_same_columns() -> None:
    table = Desk().ask([])
    assert (table.height, table.schema) == (0, pl.Schema(SCHEMA))


def test_an_answer_of_nothing_has_counts_of_zero_and_no_values() -> None:
    (row,) = Desk().ask([asked(1, min_trades=1000)]).to_dicts()
    assert (row["status"], row["params"], row["expected"]) == ("none", None, None)
    assert (row["windows"], row["quarters"], row["own_windows"]) == (0, 0, 0)
    assert row["reasons"][0] == "no_matches_after_strict_filters"
