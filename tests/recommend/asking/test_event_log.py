"""Recording answers: it never fails or delays one, and loses nothing within its bounds."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.recommend.shelf import Shelf
from tests.recommend.worlds import TARGET, USUAL, question
from tests.small_store import events as logged
from tradingkb.ports import TrialStore
from tradingkb.recommend.asking.event_log import BATCH, QUEUE_LIMIT, EventLog


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(USUAL)


@pytest.fixture
def log(shelf: Shelf) -> EventLog:
    return EventLog(cast(TrialStore, shelf), "host")


def rows(n: int, first: int = 0) -> list[dict[str, Any]]:
    return [{"request_id": f"{first + i}"} for i in range(n)]


def written(shelf: Shelf) -> list[str]:
    return [str(event["request_id"]) for event in shelf.events]


def names(n: int, first: int = 0) -> list[str]:
    return [row["request_id"] for row in rows(n, first)]


def test_an_answer_is_stored_with_who_asked_and_who_answered(shelf: Shelf, log: EventLog) -> None:
    asked = question(request_id="r", caller="probe")
    answer = replace(USUAL.answer(request_id="r"), timings={"total_ms": 1.0})
    log.record(answer, TARGET, asked)
    (event,) = shelf.events
    assert (event["request_id"], event["source"], event["replica"]) == ("r", "probe", "host")
    assert (event["workspace_id"], event["status"]) == ("space", "ok")


def test_what_cannot_be_written_waits_and_goes_before_what_comes_later(
    shelf: Shelf, log: EventLog
) -> None:
    shelf.busy = True
    log.save(rows(3))
    assert (shelf.events, log.flush()) == ([], 3)
    shelf.busy = False
    log.save(rows(2, first=3))
    assert written(shelf) == names(5)
    assert (log.flush(), log.dropped) == (0, 0)


def test_a_full_queue_drops_the_oldest_and_counts_them(shelf: Shelf, log: EventLog) -> None:
    shelf.busy = True
    log.save(rows(QUEUE_LIMIT + 7))
    assert (log.flush(), log.dropped) == (QUEUE_LIMIT, 7)
    shelf.busy = False
    assert log.flush() == 0
    assert written(shelf) == names(QUEUE_LIMIT, first=7)


@pytest.mark.parametrize(
    ("n", "batches"),
    [(1, [1]), (2, [2]), (BATCH, [BATCH]), (BATCH + 1, [BATCH, 1]), (2 * BATCH, [BATCH, BATCH])],
)
def test_many_events_are_written_in_few_transactions(
    shelf: Shelf, log: EventLog, n: int, batches: list[int]
) -> None:
    log.save(rows(n))
    assert shelf.batches == batches
    assert written(shelf) == names(n)


@pytest.mark.parametrize("refused", [[0], [4], [0, 1, 2, 3, 4], [1, 3]])
def test_an_event_that_is_refused_for_good_takes_no_other_with_it(
    shelf: Shelf, log: EventLog, refused: list[int]
) -> None:
    shelf.refused = {str(n) for n in refused}
    log.save(rows(5))
    assert written(shelf) == [name for name in names(5) if name not in shelf.refused]
    assert (log.flush(), log.dropped) == (0, len(refused))


def test_nothing_is_written_twice_when_the_database_goes_away_in_between(
    shelf: Shelf, log: EventLog
) -> None:
    """The batch is refused, so its events go one by one; after the second nobody answers."""
    shelf.refused = {"3"}
    once = shelf.save_event

    def write(event: Any) -> None:
        shelf.busy = len(shelf.events) >= 2
        once(event)

    shelf.save_event = write  # type: ignore[method-assign]
    log.save(rows(5))
    assert (written(shelf), log.flush()) == (names(2), 3)
    shelf.save_event = once  # type: ignore[method-assign]
    shelf.busy, shelf.refused = False, set()
    assert log.flush() == 0
    assert written(shelf) == names(5)


def test_closing_writes_what_it_can_and_counts_the_rest(
    shelf: Shelf, log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.busy = True
    log.save(rows(3))
    with caplog.at_level(logging.INFO, "tradingkb"):
        log.close()
    assert (log.dropped, log.flush()) == (3, 0)
    (dropped,) = logged(caplog, "kb_event_dropped")
    assert dropped == {"waiting": 3, "dropped": 3, "error": "closed"}
    shelf.busy = False
    assert (log.flush(), shelf.events) == (0, [])


def test_waiting_and_dropping_are_logged_with_their_numbers(
    shelf: Shelf, log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.refused = {"0"}
    with caplog.at_level(logging.INFO, "tradingkb"):
        log.save(rows(1))
        shelf.busy = True
        log.save(rows(2, first=1))
    assert [e["dropped"] for e in logged(caplog, "kb_event_dropped")] == [1]
    assert logged(caplog, "kb_event_queued")[-1] == {
        "waiting": 2,
        "dropped": 1,
        "error": "another process is writing",
    }


def test_nothing_to_save_writes_nothing(shelf: Shelf, log: EventLog) -> None:
    log.save([])
    assert (shelf.batches, log.flush()) == ([], 0)


# --- a full disk ----------------------------------------------------------------------------------


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def telling(shelf: Shelf, told: list[str]) -> EventLog:
    return EventLog(cast(TrialStore, shelf), "host", tell=told.append)


@pytest.mark.parametrize("n", [1, 3])
def test_on_a_full_disk_events_wait_and_somebody_is_told_once(
    shelf: Shelf, telling: EventLog, told: list[str], n: int
) -> None:
    shelf.full = True
    telling.save(rows(n))
    telling.save(rows(n, first=n))
    assert told == ["recommend events wait to be written, 1,000 at most: the disk has no room"]
    assert (telling.flush(), telling.dropped) == (2 * n, 0)
    shelf.full = False
    assert (telling.flush(), written(shelf)) == (0, names(2 * n))
    shelf.full = True
    telling.save(rows(1))
    assert len(told) == 2


def test_of_another_process_that_is_writing_nobody_is_told(
    shelf: Shelf, telling: EventLog, told: list[str]
) -> None:
    shelf.busy = True
    telling.save(rows(3))
    shelf.busy = False
    telling.save(rows(1))
    assert told == []


def test_of_an_event_that_is_refused_for_good_somebody_is_told(
    shelf: Shelf, telling: EventLog, told: list[str]
) -> None:
    shelf.refused = {"0", "1"}
    telling.save(rows(2))
    assert told == ["recommend events are not kept: no such column"]


def test_of_what_is_lost_at_the_end_somebody_is_told(
    shelf: Shelf, telling: EventLog, told: list[str]
) -> None:
    shelf.full = True
    telling.save(rows(3))
    telling.close()
    assert told[1:] == ["3 recommend events could not be written and are lost"]
