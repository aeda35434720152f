"""Asking for jobs through the front door, looking at them, cancelling them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import tradingkb as tkb
from tradingkb.exceptions import InvalidInputError, NotFoundError, UnknownWorkspaceError

Open = Callable[..., tkb.KnowledgeBase]


@pytest.fixture
def kb(open_kb: Open) -> tkb.KnowledgeBase:
    return open_kb()


def test_a_job_says_what_was_asked_for(kb: tkb.KnowledgeBase) -> None:
    job = kb.submit_job(
        "reembed",
        arguments={"target_model": "regime-cosine-v1"},
        actor="ada",
        request_id="r-1",
    )
    assert kb.job(job.job_id) == job
    told = job.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["arguments"] == {
        "target_model": "regime-cosine-v1",
        "target_collection": None,
        "restart": False,
    }
    assert (told["state"], told["actor"], told["request_id"]) == ("queued", "ada", "r-1")
    assert told["progress"] == {"done": 0, "total": None}
    assert told["workspace_id"] == kb.workspaces()["id"][0]
    assert not {"holder", "expires_at", "idempotency_key"} & told.keys()


def test_one_key_is_one_job(kb: tkb.KnowledgeBase) -> None:
    kb.create_workspace("desk")
    job = kb.submit_job("reembed", idempotency_key="tonight")
    same = {"restart": False, "target_model": None}
    assert kb.submit_job("reembed", arguments=same, idempotency_key="tonight") == job
    others = [
        kb.submit_job("reembed", "desk", idempotency_key="tonight"),
        kb.submit_job("ingest", idempotency_key="tonight"),
        kb.submit_job("reembed"),
        kb.submit_job("reembed"),
    ]
    assert len({job.job_id, *(other.job_id for other in others)}) == 5


def test_a_key_of_another_job_is_refused_with_what_differs(kb: tkb.KnowledgeBase) -> None:
    job = kb.submit_job("reembed", idempotency_key="tonight")
    with pytest.raises(InvalidInputError, match=f"{job.job_id}.*restart is False and not True"):
        kb.submit_job("reembed", arguments={"restart": True}, idempotency_key="tonight")
    assert kb.jobs().height == 1


@pytest.mark.parametrize(
    ("kind", "arguments", "more", "field"),
    [
        ("reembedd", {}, {}, "kind"),
        ("reembed", {"model": "x"}, {}, "argument"),
        ("ingest", {"target_model": "regime-v1"}, {}, "argument"),
        ("reembed", {"restart": "yes"}, {}, "restart"),
        ("reembed", {"restart": 1}, {}, "restart"),
        ("reembed", {"target_model": 7}, {}, "target_model"),
        ("reembed", {"target_model": "no-such-model"}, {}, "target_model"),
        ("reembed", {"target_collection": "x" * 129}, {}, "target_collection"),
        ("reembed", {"target_collection": "../x"}, {}, "target_collection"),
        ("ingest", {}, {"idempotency_key": ""}, "idempotency_key"),
        ("ingest", {}, {"idempotency_key": "x" * 129}, "idempotency_key"),
        ("ingest", {}, {"idempotency_key": "a\nb"}, "idempotency_key"),
        ("ingest", {}, {"idempotency_key": 7}, "idempotency_key"),
        ("ingest", {}, {"request_id": "x" * 65}, "request_id"),
    ],
)
def test_what_cannot_be_run_is_refused_by_the_name_of_the_field(
    kb: tkb.KnowledgeBase, kind: str, arguments: Any, more: Any, field: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        kb.submit_job(kind, arguments=arguments, **more)
    assert caught.value.field == field
    assert kb.jobs().is_empty()


def test_near_names_are_suggested(kb: tkb.KnowledgeBase) -> None:
    with pytest.raises(NotFoundError, match="did you mean reembed"):
        kb.submit_job("reembedd")
    with pytest.raises(NotFoundError, match="did you mean target_model"):
        kb.submit_job("reembed", arguments={"target_modle": "x"})
    with pytest.raises(UnknownWorkspaceError):
        kb.submit_job("reembed", "nowhere")


def test_jobs_are_listed_newest_first_by_workspace_and_state_and_page(
    kb: tkb.KnowledgeBase,
) -> None:
    kb.create_workspace("desk")
    first = [kb.submit_job("ingest").job_id for _ in range(3)]
    desk = kb.submit_job("ingest", "desk").job_id
    kb.cancel_job(first[0])

    def listed(**where: Any) -> list[str]:
        return kb.jobs(**where)["job_id"].to_list()

    assert listed() == [desk, *reversed(first)]
    assert listed(workspace="desk") == [desk]
    assert listed(state="queued", limit=2) == [desk, first[2]]
    assert listed(state="queued", limit=2, before=first[2]) == [first[1]]
    assert kb.use_cases.jobs.counts()["cancelled"] == 1


@pytest.mark.parametrize(
    ("where", "field"),
    [({"state": "runing"}, "state"), ({"before": "x"}, "job"), ({"limit": 0}, "limit")],
)
def test_what_cannot_be_listed_is_refused(
    kb: tkb.KnowledgeBase, where: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        kb.jobs(**where)
    assert caught.value.field == field


@pytest.mark.parametrize("call", ["job", "cancel_job"])
def test_a_job_that_there_is_not_is_named(kb: tkb.KnowledgeBase, call: str) -> None:
    with pytest.raises(NotFoundError, match="unknown job 'x'"):
        getattr(kb, call)("x")


def test_a_queued_job_is_cancelled_at_once_and_never_run(kb: tkb.KnowledgeBase) -> None:
    job = kb.submit_job("ingest")
    assert kb.cancel_job(job.job_id).state == "cancelled"
    assert kb.job_runner().run_next() is None
    assert kb.cancel_job(job.job_id) == kb.job(job.job_id)
