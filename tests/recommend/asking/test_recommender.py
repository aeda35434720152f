"""From a question to an answer: what is read and searched, and what a deadline leaves behind."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from tests.recommend.shelf import Embedder, Index, Shelf
from tests.recommend.worlds import (
    CONFIG,
    NOW,
    START,
    TARGET,
    USUAL,
    World,
    calibrated,
    question,
    spec,
)
from tests.small_store import events as logged
from tradingkb.domain import Deadline, Question
from tradingkb.exceptions import DeadlineExceededError, InvalidInputError
from tradingkb.ports import EmbedderFactory, TrialStore, VectorIndex
from tradingkb.recommend.asking.asking import Asking, GivenQuestion
from tradingkb.recommend.asking.event_log import EventLog
from tradingkb.recommend.asking.market import GivenMarket
from tradingkb.recommend.asking.recommender import Recommender
from tradingkb.workspaces import Workspaces

SPACE = USUAL.under(spec(default=5))
KEYS = USUAL.view().windows.frame["window_key"].to_list()
LAPS = ("load_ms", "filter_ms", "retrieve_ms", "judge_ms", "rank_ms", "choose_ms")


def recommender(
    world: World = USUAL, index: Index | None = None
) -> tuple[Shelf, Index, Recommender]:
    shelf, found = Shelf(world), index or Index(KEYS)
    made = Recommender(
        cast(TrialStore, shelf),
        cast(VectorIndex, found),
        cast(EmbedderFactory, Embedder()),
        CONFIG,
        clock=lambda: NOW,
    )
    return shelf, found, made


class Seconds:
    """A clock that moves a second per reading."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def asking(monotonic: Callable[[], float], world: World = USUAL) -> tuple[Shelf, Asking]:
    shelf, _, made = recommender(world)
    store = cast(TrialStore, shelf)
    spaces = Workspaces(
        store,
        embed_model="regime-v1",
        collection=None,
        clock=lambda: NOW,
        new_id=lambda: "id",
    )
    events = EventLog(store, "host")
    named = iter(f"request {n}" for n in range(99))
    return shelf, Asking(
        spaces,
        store,
        made,
        events,
        clock=lambda: NOW,
        monotonic=monotonic,
        new_id=lambda: next(named),
        progress=False,
    )


def moving(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what the search and the machine decide."""
    return {k: v for k, v in answer.items() if k not in ("timings", "trials", "tie_break_counts")}


def test_an_answer_is_the_pure_one_of_what_is_stored() -> None:
    _, _, made = recommender(SPACE)
    found = made.answer(TARGET, question())
    assert moving(found.to_dict()) == moving(SPACE.answer().to_dict())
    assert tuple(found.timings) == (*LAPS, "total_ms")
    assert all(ms >= 0 for ms in found.timings.values())


@pytest.mark.parametrize(
    ("asked", "times"),
    [({}, 1), ({"as_of": NOW}, 0), ({"regime": None}, 0), ({"min_trades": 1000}, 0)],
)
def test_the_index_is_asked_about_today_alone(asked: dict[str, Any], times: int) -> None:
    _, index, made = recommender()
    made.answer(TARGET, question(**asked))
    assert len(index.asked) == times


def test_only_windows_that_the_index_finds_nominate() -> None:
    _, _, made = recommender(index=Index(KEYS[:2]))
    found = made.answer(TARGET, question())
    assert found.trials.height == 4
    assert found.evidence.height == 10  # all evidence judges


def test_the_confidence_is_the_newest_one_stored_or_the_one_given() -> None:
    shelf, _, made = recommender(SPACE)
    shelf.newest = calibrated(0.6).stored
    assert made.answer(TARGET, question()).confidence == pytest.approx(0.6)
    given = made.answer(TARGET, question(), newest=lambda *_: calibrated(0.8))
    assert given.confidence == pytest.approx(0.8)
    assert made.answer(TARGET, question(), newest=lambda *_: None).confidence is None


def test_an_explanation_stands_beside_the_answer_to_the_same_question() -> None:
    shelf, _, made = recommender(SPACE)
    found = made.explain(TARGET, question(), {"fast": 5})
    assert found.recommended.params == made.answer(TARGET, question()).params == {"fast": 20}
    assert (found.place, found.n_sets) == (2, 2)
    assert shelf.events == []
    with pytest.raises(InvalidInputError, match="did you mean fast"):
        made.explain(TARGET, question(), {"fst": 5})


#: Readings of the clock until a question's deadline passes, and the step that was done last; the
#: third one tells the search of the index how long it may take.
DEADLINES = [
    (1, "load"),
    (2, "filter"),
    (4, "retrieve"),
    (5, "judge"),
    (6, "rank"),
    (7, "choosing"),
]


@pytest.mark.parametrize(("readings", "step"), DEADLINES)
def test_a_deadline_that_passes_ends_the_answer_after_the_step_and_names_it(
    readings: int, step: str
) -> None:
    _, index, made = recommender()
    late = question(deadline=Deadline(readings - 0.5, Seconds()))
    with pytest.raises(DeadlineExceededError, match=f"0.5 s late after {step};"):
        made.answer(TARGET, late)
    assert len(index.asked) == (readings > 2)


def test_a_deadline_that_has_not_passed_changes_nothing() -> None:
    _, _, made = recommender()
    in_time = made.answer(TARGET, question(deadline=Deadline(7.0, Seconds())))
    assert moving(in_time.to_dict()) == moving(made.answer(TARGET, question()).to_dict())


@pytest.mark.parametrize(
    ("readings", "step"),
    [(1, "reading the market and own trials"), *((n + 1, step) for n, step in DEADLINES)],
)
def test_a_question_that_is_not_answered_in_time_leaves_no_event(
    readings: int, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    shelf, made = asking(Seconds())
    given = GivenQuestion("s", market=GivenMarket(regime=["uptrend"]), deadline_s=readings - 0.5)
    with (
        caplog.at_level(logging.INFO, "tradingkb"),
        pytest.raises(DeadlineExceededError, match=f"after {step};"),
    ):
        made.recommend("default", given)
    assert shelf.events == []
    assert not logged(caplog, "kb_recommend_complete")
    assert made.recommend("default", GivenQuestion("s")).params == {"fast": 20}
    assert [event["request_id"] for event in shelf.events] == ["request 1"]


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), "5", True])
def test_no_time_to_answer_in_is_refused_by_name(seconds: Any) -> None:
    _, made = asking(Seconds())
    with pytest.raises(InvalidInputError, match="deadline_s"):
        made.recommend("default", GivenQuestion("s", deadline_s=seconds))


def test_a_deadline_holds_for_an_explanation_to_its_last_step() -> None:
    _, _, made = recommender()
    late = question(deadline=Deadline(5.5, Seconds()))
    with pytest.raises(DeadlineExceededError, match="late after explaining;"):
        made.explain(TARGET, late, {"fast": 5})


def test_every_answer_leaves_one_event_and_an_explanation_none() -> None:
    shelf, made = asking(Seconds())
    named = made.recommend("default", GivenQuestion("s", request_id="mine"))
    made.recommend("space", GivenQuestion("s", deadline_s=100.0))
    made.explain("default", GivenQuestion("s"), {"fast": 5})
    assert named.request_id == "mine"
    assert [event["request_id"] for event in shelf.events] == ["mine", "request 0"]


def test_times_and_tags_are_read_before_a_question_is_asked() -> None:
    shelf, made = asking(Seconds())
    moment = START + timedelta(days=400)
    given = GivenQuestion("s", as_of=moment.replace(tzinfo=None).isoformat())
    answer = made.recommend("default", given)
    assert answer.as_of == moment
    assert isinstance(shelf.events[0]["as_of"], datetime)
    with pytest.raises(InvalidInputError, match="as_of"):
        made.recommend("default", GivenQuestion("s", as_of="soon"))
    assert len(shelf.events) == 1


def test_a_question_is_logged_when_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    _, _, made = recommender()
    with caplog.at_level(logging.INFO, "tradingkb"):
        made.answer(TARGET, Question("s", request_id="r"))
    assert logged(caplog, "kb_recommend_start") == [
        {"request_id": "r", "workspace_id": "space", "strategy": "s", "objective": "sharpe"}
    ]
