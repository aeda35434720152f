"""Subscribers are told of every event, whatever is logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tradingkb.observability import emit, subscribe


@pytest.fixture
def told() -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
    found: list[tuple[str, Mapping[str, Any]]] = []
    end = subscribe(lambda event, fields: found.append((event, fields)))
    yield found
    end()


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "CRITICAL"])
def test_a_subscriber_is_told_of_an_event_at_every_level_of_the_log(told, level):
    logger = logging.getLogger("tradingkb")
    before = logger.level
    logger.setLevel(level)
    try:
        emit("kb_something", count=1)
    finally:
        logger.setLevel(before)
    assert told == [("kb_something", {"count": 1})]


def test_a_subscriber_that_has_ended_is_told_nothing_more():
    found: list[str] = []
    end = subscribe(lambda event, _: found.append(event))
    emit("first")
    end()
    end()
    emit("second")
    assert found == ["first"]


def test_a_subscriber_that_fails_keeps_no_event_from_the_others_or_from_the_log(told, caplog):
    def fails(event: str, fields: Mapping[str, Any]) -> None:
        raise OSError("no room")

    end = subscribe(fails)
    try:
        with caplog.at_level("INFO", "tradingkb"):
            emit("kb_something")
    finally:
        end()
    assert [event for event, _ in told] == ["kb_something"]
    assert [r.message for r in caplog.records] == [
        "a subscriber of events failed",
        "kb_something",
    ]
