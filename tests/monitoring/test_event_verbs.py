"""The verbs about what happened, on a knowledge base."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.plain import plain
from tradingkb.resilience import ALIVE_S
from tradingkb.sql import writing
from tradingkb.stores import schema

Open = Callable[..., tkb.KnowledgeBase]
HOUR = timedelta(hours=1)


@pytest.fixture
def kb(open_kb: Open, clock: Any) -> tkb.KnowledgeBase:
    """Three answers, one an hour: none pass the second one's filter, and a probe asks."""
    kb = open_kb()
    rows = ({"fast": f} for f in range(20))
    kb.ingest([tkb.Trial("s", one, sharpe_oos=1.0, n_trades_oos=50) for one in rows])
    for given in ({}, {"min_trades": 9999, "caller": "cli"}, {"caller": "probe"}):
        kb.recommend("s", request_id=f"r{given.get('caller', '')}", **given)
        clock.now += HOUR
    return kb


def test_rates_are_those_of_the_recorded_answers_without_probes(
    kb: tkb.KnowledgeBase, clock: Any
) -> None:
    hourly = kb.event_rates(by="source")
    answers = kb.events().filter(pl.col("source") != "probe").sort("at")
    assert hourly["at"].to_list() == answers["at"].dt.truncate("1h").to_list()
    assert hourly.select("source", "status").rows() == answers.select("source", "status").rows()
    assert hourly["count"].to_list() == [1, 1]
    assert kb.event_rates(bucket="all")["count"].sum() == 2
    assert kb.event_rates(bucket="day")["count"].sum() == 2
    assert kb.event_rates(bucket="minute")["count"].sum() == 2
    assert kb.event_rates(since=clock.now - 2 * HOUR)["count"].sum() == 1
    assert kb.event_rates(until=clock.now - 2.5 * HOUR)["count"].sum() == 1
    summary = kb.event_summary()
    total = kb.event_rates(bucket="all", by=("strategy_name", "objective_type"))
    assert total.select(summary.columns).equals(summary)


def test_the_hour_in_which_a_time_begins_is_counted_whole(
    kb: tkb.KnowledgeBase, clock: Any
) -> None:
    since = clock.now - 3 * HOUR + timedelta(minutes=59)
    assert kb.event_rates(since=since, bucket="all")["count"].sum() == 2
    assert kb.event_rates(since=since, bucket="minute")["count"].sum() == 1


def test_rejections_are_those_that_the_answers_tell_of(kb: tkb.KnowledgeBase) -> None:
    found = kb.rejections()
    strict = found.filter(pl.col("filter") == "min_trades").row(0, named=True)
    told = [
        one
        for text in kb.events().filter(pl.col("source") != "probe")["filter_rejections"]
        for one in json.loads(text)
        if one["filter"] == "min_trades"
    ]
    assert strict["asked"] == 2
    assert strict["trials"] == sum(one["fails"] for one in told) > 0
    assert strict["requests"] == sum(one["fails"] > 0 for one in told)
    assert kb.rejections(by=()).height == 1
    with pytest.raises(InvalidInputError, match=r"^bucket: 'minute' is no part"):
        kb.rejections(bucket="minute")


def test_an_event_is_read_whole(kb: tkb.KnowledgeBase) -> None:
    one = kb.event("r")
    (row,) = kb.events().filter(pl.col("request_id") == "r").to_dicts()
    assert one["at"] == row["at"]
    assert one["at"].utcoffset() == timedelta(0)
    assert isinstance(one["params"], dict)
    assert one["filter_rejections"] == json.loads(row["filter_rejections"])
    assert list(one) == list(row)
    assert kb.event("r", at=one["at"]) == kb.event("r", at=plain(one["at"])) == one


def test_an_event_that_is_not_there_may_have_been_pruned(kb: tkb.KnowledgeBase) -> None:
    for name, when in (("nobody", None), ("r", "2020-01-01")):
        with pytest.raises(NotFoundError, match=rf"'{name}.*was pruned"):
            kb.event(name, at=when)
    kb.create_workspace("other")
    with pytest.raises(NotFoundError):
        kb.event("r", "other")


def test_pages_of_events_are_of_a_time_and_of_flags(kb: tkb.KnowledgeBase, clock: Any) -> None:
    def names(**given: Any) -> list[str]:
        return kb.event_page(**given).rows["request_id"].to_list()

    assert names(since=clock.now - 2.5 * HOUR) == ["rprobe", "rcli"]
    assert names(until=plain(clock.now - 2.5 * HOUR)) == ["r"]
    relaxed = kb.events().filter("strict_to_relaxed")["request_id"].to_list()
    assert names(where={"strict_to_relaxed": "true"}) == relaxed
    assert names(where={"repaired_params": "True"}) == []
    assert len(names(where={"metadata_only": "false", "repaired_params": "false"})) == 3
    with pytest.raises(InvalidInputError, match=r"^metadata_only: 'perhaps' is neither"):
        names(where={"metadata_only": "perhaps"})
    with pytest.raises(InvalidInputError, match=r"^since: 'soon' is no time"):
        names(since="soon")


def test_only_breakers_of_living_replicas_are_shown(open_kb: Open, clock: Any) -> None:
    kb = open_kb()
    journal = kb.use_cases.journal
    journal.write()
    assert kb.breakers().select("replica", "service", "state").rows() == [("local", "db", "closed")]
    clock.now += timedelta(seconds=ALIVE_S + 1)
    assert kb.breakers().is_empty()
    assert kb.breaker_changes().is_empty()


def test_sums_are_made_anew_after_an_earlier_release_has_written(
    kb: tkb.KnowledgeBase, clock: Any
) -> None:
    right = kb.event_rates()
    store = kb.use_cases.store
    with writing(store.engine) as connection:  # type: ignore[attr-defined]
        for table in (schema.event_rollups, schema.rejection_rollups):
            connection.execute(table.delete())
    assert kb.event_rates().is_empty()
    report = kb.rebuild_rollups("default")
    assert (report.hours, report.events, report.mended, report.kept) == (3, 3, 3, 0)
    assert str(report) == "sums of 3 events in 3 hours made anew: 3 hours were not right"
    assert kb.event_rates().equals(right)
    assert kb.rebuild_rollups().mended == 0
    kb.recommend("s")
    store.delete_events(store.old_events(clock.now - HOUR / 2))
    clock.now -= HOUR
    kb.recommend("s")
    assert "1 hours are left as they were: events of theirs were pruned" in str(
        kb.rebuild_rollups()
    )


def test_rates_outlive_pruned_events(kb: tkb.KnowledgeBase, clock: Any) -> None:
    clock.now += timedelta(days=400)
    before = kb.event_rates(since="2025-01-01")
    assert kb.prune(dry_run=False).events == 3
    assert kb.event_rates(since="2025-01-01").equals(before)
    assert before.height == 2


def test_old_changes_of_breakers_are_pruned_with_the_events(open_kb: Open, clock: Any) -> None:
    kb = open_kb()
    breaker = kb.use_cases.breakers["db"]
    breaker.retried()
    kb.use_cases.journal.write()
    assert kb.breaker_changes().select("service", "changed", "retries").rows() == [("db", False, 1)]
    clock.now += timedelta(days=400)
    assert kb.prune().breaker_changes == 1
    assert kb.breaker_changes().height == 1
    assert kb.prune(dry_run=False).breaker_changes == 1
    assert kb.breaker_changes().is_empty()


@pytest.mark.parametrize("name", ["event_rates", "rejections", "recent_changes", "event_page"])
def test_a_workspace_that_is_not_there_is_named(kb: tkb.KnowledgeBase, name: str) -> None:
    with pytest.raises(NotFoundError, match="unknown workspace 'nobody'"):
        getattr(kb, name)(workspace="nobody")


def test_a_recorded_question_is_answered_alike_and_leaves_no_event(
    kb: tkb.KnowledgeBase, clock: Any
) -> None:
    for name, status in (("r", kb.event("r")["status"]), ("rcli", kb.event("rcli")["status"])):
        again = kb.answer_again(name)
        assert again.differences == ()
        assert again.same
        assert again.now.status == status
        assert again.now.as_of == again.then["at"]
    assert kb.events().height == 3
    form = again.to_dict()
    assert json.loads(json.dumps(form))["then"]["request_id"] == "rcli"
    assert form["now"] == again.now.to_dict()
    assert str(again).endswith("answered alike now")


def test_what_was_learnt_and_decided_since_does_not_count(
    kb: tkb.KnowledgeBase, clock: Any
) -> None:
    later = [
        tkb.Trial("s", {"fast": 99}, sharpe_oos=9.0, n_trades_oos=50, source_id=f"l{n}")
        for n in range(9)
    ]
    kb.ingest(later)
    kb.reject(strategy_name="s", source_type="import", reason="a bug")
    assert kb.recommend("s").params != kb.event("r")["params"]
    assert kb.answer_again("r").differences == ()


def test_what_would_be_answered_otherwise_now_is_named(kb: tkb.KnowledgeBase, clock: Any) -> None:
    chosen = kb.event("r")["params"]
    worse = tkb.Trial("s", {"fast": 0}, sharpe_oos=1.0, n_trades_oos=50)
    assert worse
    with tkb.connect(kb.settings.home, clock=clock, progress=False, tie_epsilon=0.5) as other:
        again = other.answer_again("r")
    assert [d["field"] for d in again.differences] == ["weights"]
    assert again.now.params == chosen
    assert not again.same
    assert "answered otherwise now\n  weights: " in str(again)
