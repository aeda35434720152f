"""What every store must do with sums of events, notes of changes and single events."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl
import pytest

from tradingkb.domain import Actor, StrategySpec
from tradingkb.ports import TrialStore
from tradingkb.testing.stored import (
    ADA,
    NOON,
    OTHER_WORKSPACE,
    RUN_ID,
    STRATEGY,
    WORKSPACE,
    event,
    fill,
    rejection,
    run_record,
    trial_frame,
    workspace,
)

HOUR: Final = datetime(2024, 3, 31, 12, tzinfo=UTC)
_DAY: Final = (HOUR, HOUR + timedelta(days=1))
_SUMS: Final = ("count", "strict_to_relaxed", "metadata_only", "repaired_params", "low_count")


def at(hours: float) -> datetime:
    """So many hours after noon and some microseconds."""
    return NOON + timedelta(hours=hours)


class ReportContract:
    """Part of `TrialStoreContract`."""

    def test_answers_are_counted_by_hour_and_by_what_is_asked_for(self, kb: TrialStore) -> None:
        few = {"status": "degraded", "reasons": ["few_windows"], "warnings": ["few_candidates"]}
        for changes in (
            {"timings": {"total_ms": 10.0}},
            {"timings": {"total_ms": 250.5}, "source": "http", "metadata_only": True},
            {**few, "strict_to_relaxed": True, "repaired_params": {"fast": "2.5 became 3"}},
            {"at": at(1), "timings": {"total_ms": 99_999.0}},
        ):
            kb.save_event(event(**changes))
        found = kb.event_rates(WORKSPACE, *_DAY, "hour", ())
        assert found.select("at", "status", *_SUMS).rows() == [
            (HOUR, "degraded", 1, 1, 0, 1, 1),
            (HOUR, "ok", 2, 0, 1, 0, 0),
            (HOUR + timedelta(hours=1), "ok", 1, 0, 0, 0, 0),
        ]
        assert found["seconds"].to_list() == pytest.approx([0.0085, 0.2605, 99.999])
        bounds = [c for c in found.columns if c.startswith("le_")]
        assert bounds == [f"le_{b}_ms" for b in (10, 30, 100, 300, 1000, 3000)]
        assert found.select(bounds).rows() == [(1,) * 6, (1, 1, 1, 2, 2, 2), (0,) * 6]
        by = kb.event_rates(WORKSPACE, *_DAY, "all", ("source",))
        assert by.select("source", "status", "count").rows() == [
            ("http", "ok", 1),
            ("python", "degraded", 1),
            ("python", "ok", 2),
        ]

    def test_days_and_minutes_begin_where_those_of_utc_do(self, kb: TrialStore) -> None:
        for hours in (0, 11.99, 12.01):
            kb.save_event(event(at=at(hours)))
        span = HOUR, HOUR + timedelta(days=2)
        days = kb.event_rates(WORKSPACE, *span, "day", ())
        midnight = datetime(2024, 3, 31, tzinfo=UTC)
        assert days.select("at", "count").rows() == [
            (midnight, 2),
            (midnight + timedelta(days=1), 1),
        ]
        minutes = kb.event_rates(WORKSPACE, *span, "minute", ("strategy_name",))
        assert minutes.select("at", "strategy_name", "status", "count").rows() == [
            (HOUR, STRATEGY, "ok", 1),
            (HOUR + timedelta(hours=11, minutes=59), STRATEGY, "ok", 1),
            (HOUR + timedelta(hours=12), STRATEGY, "ok", 1),
        ]
        assert minutes.columns == ["at", "strategy_name", *days.columns[1:]]
        assert minutes.schema["seconds"] == days.schema["seconds"]
        assert minutes.select(days.columns[3:]).null_count().row(0) == (3,) * 11

    def test_sums_are_of_the_hours_asked_for_of_one_workspace_and_leave_probes_out(
        self, kb: TrialStore
    ) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        for changes in (
            {"at": at(-1)},
            {"at": at(0)},
            {"at": at(1)},
            {"at": at(0), "source": "probe"},
            {"at": at(0), "workspace_id": OTHER_WORKSPACE},
        ):
            kb.save_event(event(**changes))
        hour = HOUR, HOUR + timedelta(hours=1)
        assert kb.event_rates(WORKSPACE, *hour, "all", ())["count"].to_list() == [1]
        assert kb.event_rates(WORKSPACE, *hour, "minute", ())["count"].to_list() == [1]
        assert kb.rejections(WORKSPACE, *hour, "all", ())["asked"].to_list() == [1]
        empty = kb.event_rates(
            WORKSPACE, HOUR + timedelta(days=9), HOUR + timedelta(days=10), "all", ()
        )
        assert empty.is_empty()

    def test_rejections_say_what_failed_what_failed_alone_and_what_would_have_helped(
        self, kb: TrialStore
    ) -> None:
        helps = {"filter": "min_trades", "sufficient": True}
        harms = {"filter": "max_drawdown", "sufficient": False}
        both = [rejection("min_trades", fails=9, fails_only=4), rejection("max_drawdown", fails=2)]
        for changes in (
            {"filter_rejections": both, "status": "none", "relaxations": [helps, harms]},
            {"filter_rejections": both, "status": "ok", "relaxations": [helps], "at": at(1)},
            {"filter_rejections": [rejection("min_trades")], "status": "degraded"},
            {"filter_rejections": {"min_trades": 3}},
        ):
            kb.save_event(event(**changes))
        found = kb.rejections(WORKSPACE, *_DAY, "all", ("strategy_name", "filter"))
        names = ("asked", "requests", "requests_only", "trials", "trials_only", "saved")
        assert found.columns == ["strategy_name", "filter", *names]
        assert found.rows() == [
            (STRATEGY, "max_drawdown", 2, 2, 0, 4, 0, 0),
            (STRATEGY, "min_trades", 3, 2, 2, 18, 8, 1),
        ]
        hourly = kb.rejections(WORKSPACE, *_DAY, "hour", ())
        assert hourly.select("at", "asked").rows() == [(HOUR, 3), (HOUR + timedelta(hours=1), 2)]

    def test_sums_outlive_the_events_that_they_are_of(self, kb: TrialStore) -> None:
        kb.save_events([event(), event(at=at(1))])
        before = kb.event_rates(WORKSPACE, *_DAY, "hour", ())
        kb.delete_events(kb.old_events(at(9)))
        assert kb.events(WORKSPACE, 9, {}).is_empty()
        assert kb.event_rates(WORKSPACE, *_DAY, "hour", ()).equals(before)

    def test_an_event_that_is_refused_adds_nothing_to_the_sums(self, kb: TrialStore) -> None:
        kb.save_event(known := event())
        with pytest.raises(Exception, match=r"(?i)unique"):
            kb.save_events([event(), known])
        assert kb.event_rates(WORKSPACE, *_DAY, "all", ())["count"].to_list() == [1]

    def test_events_that_were_written_without_their_sums_are_added_and_pruned_hours_are_left(
        self, kb: TrialStore
    ) -> None:
        kb.save_events([event(at=at(h), source=s) for h in (0, 1) for s in ("cli", "http")])
        right = kb.event_rates(WORKSPACE, *_DAY, "hour", ("source",))
        hours = kb.event_hours(WORKSPACE).rows()
        assert hours == [(WORKSPACE, HOUR), (WORKSPACE, HOUR + timedelta(hours=1))]
        assert kb.event_hours(None).rows() == hours
        assert kb.event_hours(OTHER_WORKSPACE).is_empty()
        assert [kb.rebuild_hour(*hour) for hour in hours] == [(2, False), (2, False)]
        kb.delete_events(kb.old_events(at(2)).head(1))
        assert [kb.rebuild_hour(*hour) for hour in hours] == [None, (2, False)]
        assert kb.event_rates(WORKSPACE, *_DAY, "hour", ("source",)).equals(right)

    def test_a_single_event_is_the_newest_of_its_name_or_that_of_a_time(
        self, kb: TrialStore
    ) -> None:
        kb.save_events([event(request_id="r", at=at(h), windows_used=h) for h in (1, 2)])

        def found(when: datetime | None = None, space: str = WORKSPACE) -> list[int]:
            return kb.event(space, "r", when)["windows_used"].to_list()

        assert (found(), found(at(1)), found(at(3))) == ([2], [1], [])
        assert found(space=OTHER_WORKSPACE) == []
        assert kb.event(WORKSPACE, "r", None).columns == kb.events(WORKSPACE, 1, {}).columns

    def test_a_page_of_events_is_of_a_time_and_of_flags(self, kb: TrialStore) -> None:
        sent: list[dict[str, Any]] = [
            {"repaired_params": {"fast": "3"}},
            {"repaired_params": {}, "metadata_only": True},
            {"repaired_params": []},
        ]
        kb.save_events([event(at=at(h), request_id=str(h), **one) for h, one in enumerate(sent)])

        def names(where: dict[str, Any], *span: datetime | None) -> list[str]:
            return kb.event_page(WORKSPACE, where, 9, None, *span)["request_id"].to_list()

        assert names({}, at(1), at(2)) == ["1"]
        assert names({}, None, at(1)) == ["0"]
        assert names({"repaired_params": True}) == ["0"]
        assert names({"repaired_params": False}) == ["2", "1"]
        assert names({"metadata_only": True, "repaired_params": False}, at(0)) == ["1"]

    def test_what_was_changed_is_told_newest_first_one_act_as_one_row(self, kb: TrialStore) -> None:
        fill(kb)
        kb.write_trials(WORKSPACE, trial_frame(kb, *({"source_id": f"t{n}"} for n in range(3))))
        ids = kb.identities(WORKSPACE)["trial_id"]
        kb.save_run(run_record().ended("completed", at(1), {"inserted": 3}))
        kb.save_spec(WORKSPACE, StrategySpec(STRATEGY, (), "2"), at(2))
        kb.change_status(WORKSPACE, ids, "rejected", ADA, at(3))
        kb.note_change(WORKSPACE, at(4), "activate", "bob", {"collection": "kb2"})
        kb.note_change(None, at(5), "backup", "bob", {"trials": 3})
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        kb.note_change(OTHER_WORKSPACE, at(5), "activate", "eve", {})
        kb.withdraw_run(WORKSPACE, RUN_ID, Actor("eve", reason="a bug"), at(6))
        found = kb.change_rows(WORKSPACE, None, None, 9)
        assert found.columns == ["at", "kind", "actor", "facts"]
        assert found.select("at", "kind", "actor").rows() == [
            (at(6), "withdrawal", "eve"),
            (at(5), "backup", "bob"),
            (at(4), "activate", "bob"),
            (at(3), "status", "ada"),
            (at(2), "strategy", ""),
            (at(1), "ingest", ""),
        ]
        facts = [json.loads(text) for text in found["facts"]]
        assert facts[0] == {"run_id": RUN_ID, "reason": "a bug"}
        assert facts[3] == {"to_status": "rejected", "trials": 3, "reason": "look-ahead"}
        assert facts[4] == {"strategy_name": STRATEGY, "version": "2"}
        assert (facts[5]["status"], facts[5]["counts"]) == ("completed", {"inserted": 3})
        assert kb.change_rows(WORKSPACE, at(2), at(4), 9).equals(found.slice(3, 2))
        assert kb.change_rows(WORKSPACE, None, None, 2).equals(found.head(2))
        assert kb.change_rows(OTHER_WORKSPACE, at(6), None, 2).is_empty()

    def test_the_last_start_of_a_replica_is_found_by_its_name(self, kb: TrialStore) -> None:
        for hours, replica in ((1, "a"), (3, "a"), (2, "b")):
            kb.note_change(None, at(hours), "start", "", {"replica": replica, "n": hours})
        kb.note_change(None, at(4), "backup", "", {"replica": "a"})
        assert kb.last_start("a") == {"replica": "a", "n": 3}
        assert kb.last_start("b") == {"replica": "b", "n": 2}
        assert kb.last_start("c") is None

    def test_what_breakers_did_is_kept_until_it_is_deleted(self, kb: TrialStore) -> None:
        def did(hours: float, **changes: Any) -> dict[str, Any]:
            told = {"at": at(hours), "service": "db", "state": "open", "changed": True}
            return {**told, "failures": 5, "retries": 2, "error": "ReadTimeout", **changes}

        closed = did(2, state="closed", changed=False, failures=0, error=None)
        kb.save_breakers("one", [], at(3), 3600.0, [did(1), closed])
        kb.save_breakers("two", [], at(3), 3600.0, [did(3)])
        found = kb.breaker_changes(None, None, 9)
        names = ("at", "replica", "service", "state", "changed", "failures", "retries", "error")
        assert found.columns == list(names)
        assert found.to_dicts()[1] == {"replica": "one", **closed}
        assert found["replica"].to_list() == ["two", "one", "one"]
        assert kb.breaker_changes(at(1), at(3), 9).equals(found.tail(2))
        assert kb.breaker_changes(None, None, 1).equals(found.head(1))
        assert kb.count_breaker_changes(at(3)) == 2
        assert [kb.delete_breaker_changes(at(3), 1) for _ in range(3)] == [1, 1, 0]
        assert kb.breaker_changes(None, None, 9).equals(found.head(1))

    def test_a_table_of_nothing_has_the_columns_of_one_of_something(self, kb: TrialStore) -> None:
        def tables() -> list[pl.DataFrame]:
            return [
                kb.event_rates(WORKSPACE, *_DAY, "minute", ("replica",)),
                kb.event_rates(WORKSPACE, *_DAY, "day", ("replica",)),
                kb.rejections(WORKSPACE, *_DAY, "day", ("filter",)),
                kb.change_rows(WORKSPACE, None, None, 9),
            ]

        before = [table.schema for table in tables()]
        kb.save_event(event())
        kb.note_change(None, NOON, "backup", "ada", {"trials": 3})
        assert [table.schema for table in tables()] == before
        assert all(table.height for table in tables())
