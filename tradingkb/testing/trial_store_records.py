"""The part of the `TrialStore` contract about runs, workspaces and events."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest

from tradingkb.ports import RunRecord, TrialStore
from tradingkb.testing.stored import (
    ADA,
    NOON,
    OTHER_WORKSPACE,
    RUN_ID,
    WORKSPACE,
    event,
    run_record,
    workspace,
)


def _run(store: TrialStore) -> str:
    store.save_run(run_record())
    return RUN_ID


class RecordContract:
    """Part of `TrialStoreContract`."""

    # runs and events

    def test_a_run_is_stored_once_and_brought_up_to_date(self, kb: TrialStore) -> None:
        first, second = (
            RunRecord(str(uuid.UUID(int=n)), WORKSPACE, NOON + timedelta(hours=n), "file.csv")
            for n in (1, 2)
        )
        for run in (first, second):
            kb.save_run(run)
        kb.save_run(first.ended("done", NOON + timedelta(hours=3), {"inserted": 7}))
        rows = kb.runs(WORKSPACE, 10)
        assert rows["run_id"].to_list() == [second.run_id, first.run_id]
        assert rows["status"].to_list() == ["running", "done"]
        assert rows["finished_at"].to_list() == [None, NOON + timedelta(hours=3)]
        assert [json.loads(text) for text in rows["counts"]] == [{}, {"inserted": 7}]
        assert kb.runs(WORKSPACE, 1)["run_id"].to_list() == [second.run_id]
        assert kb.runs(OTHER_WORKSPACE, 10).is_empty()

    def test_the_last_ingest_is_the_last_that_was_completed_in_any_workspace(
        self, kb: TrialStore
    ) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        assert kb.last_ingest() is None
        for hours, changes in (
            (1, {"workspace_id": OTHER_WORKSPACE}),
            (3, {}),
            (2, {}),
            (4, {"kind": "reembed"}),
        ):
            run = run_record(str(hours), **changes)
            kb.save_run(run.ended("completed", NOON + timedelta(hours=hours), {}))
        kb.save_run(run_record("5").ended("failed", NOON + timedelta(hours=5), {}))
        kb.save_run(run_record("6"))
        assert kb.last_ingest() == NOON + timedelta(hours=3)

    def test_runs_that_nobody_runs_any_more_are_closed(self, kb: TrialStore) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        for run in (
            run_record("1"),
            run_record("2", status="completed"),
            run_record("3", workspace_id=OTHER_WORKSPACE),
        ):
            kb.save_run(run)
        kb.close_runs(WORKSPACE, NOON + timedelta(hours=1))
        rows = {r["run_id"]: r for r in kb.runs(WORKSPACE, None).to_dicts()}
        assert (rows["1"]["status"], rows["2"]["status"]) == ("interrupted", "completed")
        assert rows["1"]["finished_at"] == NOON + timedelta(hours=1)
        assert kb.runs(OTHER_WORKSPACE, None)["status"].to_list() == ["running"]

    def test_saving_a_run_again_keeps_what_is_known_of_its_withdrawal(self, kb: TrialStore) -> None:
        kb.withdraw_run(WORKSPACE, _run(kb), ADA, NOON)
        kb.save_run(run_record(status="completed"))
        row = kb.runs(WORKSPACE, 1).row(0, named=True)
        assert (row["status"], row["withdrawn_by"], row["withdrawn_reason"]) == (
            "completed",
            "ada",
            "look-ahead",
        )
        assert row["withdrawn_at"] == NOON

    def test_a_workspace_says_what_it_searches_and_gives_it_back(self, kb: TrialStore) -> None:
        kb.set_active(WORKSPACE, "m2", "kb2")
        (space,) = kb.workspaces()
        assert (space.default_embed_model, space.default_collection) == ("m2", "kb2")
        assert space.config == {"chunking": {"embed_model": "m2"}}
        kb.set_active(WORKSPACE, None, None)
        (space,) = kb.workspaces()
        assert (space.default_embed_model, space.default_collection, space.config) == (
            None,
            None,
            {},
        )

    def test_events_are_newest_first_and_filtered(self, kb: TrialStore) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        sent: tuple[tuple[int, dict[str, Any]], ...] = (
            (1, {"status": "degraded"}),
            (3, {}),
            (2, {"source": "probe"}),
            (4, {"workspace_id": OTHER_WORKSPACE}),
        )
        for hour, changes in sent:
            kb.save_event(event(at=NOON + timedelta(hours=hour), **changes))

        def hours(workspace_id: str | None, limit: int = 9, **where: Any) -> list[int]:
            found = kb.events(workspace_id, limit, where)
            return [round((at - NOON).total_seconds() / 3600) for at in found["at"]]

        assert hours(None) == [4, 3, 2, 1]
        assert hours(WORKSPACE) == [3, 2, 1]
        assert hours(WORKSPACE, 2) == [3, 2]
        assert hours(WORKSPACE, status="ok", source="python") == [3]

    def test_an_event_comes_back_as_it_was(self, kb: TrialStore) -> None:
        sent = event(params=None, confidence=None)
        kb.save_event(sent)
        (row,) = kb.events(WORKSPACE, 1, {}).to_dicts()
        texts = {
            "reasons",
            "warnings",
            "repaired_params",
            "filter_rejections",
            "relaxations",
            "regime_tags",
            "timings",
            "weights",
            "regime",
            "filters",
            "question",
        }
        assert {k: json.loads(v) if k in texts else v for k, v in row.items()} == sent

    def test_an_event_of_an_earlier_release_says_nothing_of_its_question(
        self, kb: TrialStore
    ) -> None:
        told = event()
        unsaid = list(told)[list(told).index("symbol") :]
        kb.save_event({name: told[name] for name in told if name not in unsaid})
        (row,) = kb.events(WORKSPACE, 1, {}).to_dicts()
        assert {name: row[name] for name in unsaid} == dict.fromkeys(unsaid)

    def test_each_answer_to_a_request_that_is_tried_again_is_an_event(self, kb: TrialStore) -> None:
        name = "ü" * 64
        first = event(request_id=name)
        kb.save_events([first, event(request_id=name, at=NOON + timedelta(microseconds=1))])
        assert kb.events(WORKSPACE, 9, {"request_id": name}).height == 2
        with pytest.raises(Exception, match=r"(?i)unique"):
            kb.save_event(first)

    def test_several_events_are_stored_once_each(self, kb: TrialStore) -> None:
        sent = [event(at=NOON + timedelta(hours=hour)) for hour in (3, 1, 2)]
        kb.save_events(sent)
        kb.save_events([])
        ids = [e["request_id"] for e in sorted(sent, key=lambda e: e["at"], reverse=True)]
        assert kb.events(WORKSPACE, 9, {})["request_id"].to_list() == ids

    def test_events_that_come_together_are_as_if_each_had_come_alone(self, kb: TrialStore) -> None:
        params = [None, {"fast": 5}, {"fast": 10.5, "kind": "ema"}]
        sent = [
            event(at=NOON, params=p, confidence=c)
            for p, c in zip(params, (0.25, None, 1.0), strict=True)
        ]
        kb.save_events(sent)
        for one in sent:
            kb.save_event({**one, "request_id": str(uuid.uuid4()), "source": "probe"})
        apart, together = (
            kb.events(WORKSPACE, 9, {"source": s}).drop("request_id", "source").sort("confidence")
            for s in ("probe", "python")
        )
        assert apart.to_dicts() == together.to_dicts()

    def test_of_events_that_come_together_and_one_is_refused_none_is_stored(
        self, kb: TrialStore
    ) -> None:
        kb.save_event(known := event())
        with pytest.raises(Exception, match=r"(?i)unique"):
            kb.save_events([event(), known, event()])
        assert kb.events(WORKSPACE, 9, {})["request_id"].to_list() == [known["request_id"]]
