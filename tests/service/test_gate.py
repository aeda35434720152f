"""Who may ask what, and how much at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

import tradingkb as tkb
from tests.service.conftest import ADMIN, TOKENS, UNLIMITED, Serve, bearer
from tradingkb.exceptions import ConfigurationError
from tradingkb.service import create_app
from tradingkb.settings import load_settings

RECOMMEND = "/kb/trials/recommend"
ADMIN_ROUTES = (
    "/kb/trials/ingest",
    "/kb/reembed",
    "/kb/jobs/x/cancel",
    "/kb/trials/1/promote",
    "/kb/trials/1/reject",
    "/kb/trials/1/archive",
    "/kb/trials/curate",
    "/kb/runbooks/x/runs",
)


@pytest.mark.parametrize("path", ADMIN_ROUTES)
def test_admin_routes_are_closed_without_an_admin_token(serve: Serve, path):
    closed = serve(admin_token=None)
    answer = closed.post(path, json={}, headers=ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (403, "admin_closed")
    assert "ADMIN_TOKEN" in answer.json()["remedy"]


@pytest.mark.parametrize("path", ADMIN_ROUTES)
@pytest.mark.parametrize("token", [None, "", "a-secret-toke", "a-secret-tokenn", "A-SECRET-TOKEN"])
def test_admin_routes_take_the_whole_token_and_nothing_else(served, path, token):
    headers = {} if token is None else {"X-Admin-Token": token}
    answer = served.post(path, json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "no_admin_token")


def test_a_token_of_any_bytes_is_refused_and_breaks_nothing(served):
    answer = served.post("/kb/reembed", json={}, headers={"X-Admin-Token": b"\xff\xc3\x28"})
    assert answer.status_code == 401


@pytest.fixture(scope="module")
def two_desks(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[TestClient]:
    """Two workspaces with a token each; `desk` has trials of sma_cross, `lab` of bb_reversal.

    Whoever asks leaves events and nothing else: all tests of this module ask the same service.
    """
    home = tmp_path_factory.mktemp("two") / "home"
    trials = pl.read_parquet(data / "trials.parquet").filter(pl.col("symbol") == "AAPL")
    with tkb.connect(home, progress=False) as kb:
        for slug, strategy in (("desk", "sma_cross"), ("lab", "bb_reversal")):
            kb.create_workspace(slug)
            kb.ingest(trials.filter(pl.col("strategy_name") == strategy), workspace=slug)
    given = load_settings(
        home=home, admin_token=ADMIN["X-Admin-Token"], workspace_tokens=TOKENS, **UNLIMITED
    )
    open_kb = partial(tkb.connect, settings=given, progress=False)
    with TestClient(create_app(open_kb, given, monotonic=time.monotonic)) as client:
        yield client


LISTS = (
    *("/kb/trials", "/kb/events", "/kb/events/summary", "/kb/jobs"),
    *("/kb/trials/count", "/kb/strategies", "/kb/strategies/any"),
    *("/kb/events/rates", "/kb/events/rejections"),
    *("/kb/changes", "/kb/problems", "/kb/freshness", "/kb/runbooks/runs"),
)


@pytest.mark.parametrize("path", LISTS)
def test_a_token_opens_its_own_workspace_and_no_other(two_desks, path):
    own = two_desks.get(f"{path}?workspace_id=desk", headers=bearer(TOKENS["desk"]))
    assert own.status_code == 200
    for headers, status in (
        ({}, 401),
        (bearer("nobody's"), 401),
        ({"Authorization": TOKENS["desk"]}, 401),
        ({"Authorization": f"Basic {TOKENS['desk']}"}, 401),
        (bearer(TOKENS["lab"]), 403),
    ):
        assert two_desks.get(f"{path}?workspace_id=desk", headers=headers).status_code == status


def test_a_workspace_that_does_not_exist_looks_like_one_of_another(two_desks):
    answers = [
        two_desks.get(f"/kb/trials?workspace_id={name}", headers=bearer(TOKENS["lab"]))
        for name in ("desk", "nowhere")
    ]
    first, second = (
        {k: v for k, v in a.json().items() if k != "request_id"} | {"code": a.status_code}
        for a in answers
    )
    assert first == second
    assert first["code"] == 403


def test_an_administrator_needs_no_token_of_a_workspace(two_desks):
    for slug in TOKENS:
        assert two_desks.get(f"/kb/trials?workspace_id={slug}", headers=ADMIN).status_code == 200


@settings(max_examples=25)
@given(
    slug=st.sampled_from(("desk", "lab")),
    strategy=st.sampled_from(("sma_cross", "bb_reversal")),
    tags=st.sampled_from(([], ["uptrend"], ["high_volatility"])),
)
def test_no_request_sees_trials_counts_or_events_of_another_workspace(
    two_desks, slug, strategy, tags
):
    own = {"desk": "sma_cross", "lab": "bb_reversal"}[slug]
    asked = {"workspace_id": slug, "strategy_name": strategy, "regime": tags or None}
    headers = bearer(TOKENS[slug])
    answer = two_desks.post(f"{RECOMMEND}?include=trials,evidence", json=asked, headers=headers)
    assert answer.status_code == (200 if strategy == own else 404)
    if strategy != own:
        other = {"desk": "bb_reversal", "lab": "sma_cross"}[slug]
        assert other not in str(answer.json()["remedy"])
    listed = two_desks.get(f"/kb/trials?workspace_id={slug}&limit=1000", headers=headers).json()
    assert {row["strategy_name"] for row in listed["trials"]} == {own}
    events = two_desks.get(f"/kb/events?workspace_id={slug}&limit=1000", headers=headers).json()
    assert {row["strategy_name"] for row in events["events"]} <= {own}


def list_something(served):
    return served.get("/kb/events/summary")


def ask_for_nobody(served):
    return served.post(RECOMMEND, json={"strategy_name": "nobody"})


#: A share: its settings, its policy, and a request of it with the status of its answer.
SHARES = {
    "asking": ("rate_limit", "workspace", ask_for_nobody, 404),
    "reading": ("rate_limit_reads", "workspace-reads", list_something, 200),
}


@pytest.mark.parametrize("share", SHARES)
def test_a_workspace_asks_so_often_a_minute_and_is_told_when_it_may_again(
    serve: Serve, kept_home: Path, share
):
    limit, policy, ask, status = SHARES[share]
    now = [0.0]
    served = serve(kept_home, monotonic=lambda: now[0], **{f"{limit}_per_minute": 3})
    answers = [ask(served) for _ in range(4)]
    assert [a.status_code for a in answers] == [status, status, status, 429]
    assert all(a.headers["ratelimit-policy"].startswith(f'"{policy}";q=3;w=60') for a in answers)
    refused = answers[-1]
    assert refused.json()["code"] == "too_many_requests"
    now[0] += float(refused.headers["retry-after"])
    assert ask(served).status_code == status


def test_who_reads_uses_up_nothing_of_what_may_be_asked_and_the_other_way_round(
    serve: Serve, kept_home: Path
):
    served = serve(kept_home, rate_limit_per_minute=1, rate_limit_reads_per_minute=2)
    assert [list_something(served).status_code for _ in range(3)] == [200, 200, 429]
    assert [ask_for_nobody(served).status_code for _ in range(2)] == [404, 429]
    served = serve(kept_home, rate_limit_per_minute=1, rate_limit_reads_per_minute=1)
    assert [ask_for_nobody(served).status_code for _ in range(2)] == [404, 429]
    assert list_something(served).status_code == 200


def test_what_is_of_no_workspace_counts_in_the_share_of_the_workspace_whose_token_asks(
    serve: Serve, tmp_path: Path
):
    """Tokens name workspaces by slug or by id."""
    with tkb.connect(tmp_path / "home", progress=False) as kb:
        kb.create_workspace("desk")
        workspace_id = kb.workspaces().row(by_predicate=pl.col("slug") == "desk", named=True)["id"]
    for name in ("desk", workspace_id):
        tokens = {name: TOKENS["desk"]}
        served = serve("home", workspace_tokens=tokens, rate_limit_reads_per_minute=2)
        served.headers.update(bearer(TOKENS["desk"]))
        paths = ("/kb/breakers", "/kb/strategies?workspace_id=desk", "/kb/breakers")
        assert [served.get(path).status_code for path in paths] == [200, 200, 429]
    unborn = serve("home", workspace_tokens={"later": TOKENS["lab"]}, rate_limit_reads_per_minute=1)
    unborn.headers.update(bearer(TOKENS["lab"]))
    assert [unborn.get("/kb/breakers").status_code for _ in range(2)] == [200, 429]


def test_probes_and_administrators_are_never_held_up(serve: Serve, kept_home: Path):
    served = serve(kept_home, rate_limit_per_minute=1, rate_limit_reads_per_minute=1)
    for _ in range(3):
        for path in ("/health", "/ready", "/metrics"):
            assert served.get(path).status_code == 200
        assert served.get("/kb/events/summary", headers=ADMIN).status_code == 200


def test_a_workspace_has_so_many_requests_at_once_and_gets_its_share_back(
    serve: Serve, kept_home: Path, monkeypatch
):
    served = serve(kept_home, rate_limit_reads_concurrent=1)
    inside, go_on = threading.Event(), threading.Event()
    original = tkb.KnowledgeBase.event_summary

    def slow(self, *args):
        inside.set()
        go_on.wait(10)
        return original(self, *args)

    monkeypatch.setattr(tkb.KnowledgeBase, "event_summary", slow)
    first: list[int] = []
    thread = threading.Thread(
        target=lambda: first.append(served.get("/kb/events/summary").status_code)
    )
    thread.start()
    assert inside.wait(10)
    second = served.get("/kb/trials?limit=1")
    go_on.set()
    thread.join()
    assert (first, second.status_code) == ([200], 429)
    assert served.get("/kb/trials?limit=1").status_code == 200


def test_a_request_that_fails_gives_its_share_back(serve: Serve, kept_home: Path):
    served = serve(kept_home, rate_limit_concurrent=1, rate_limit_reads_concurrent=1)
    for _ in range(3):
        assert ask_for_nobody(served).status_code == 404
        assert served.get("/kb/trials?cursor=none").status_code == 422
    assert served.get("/kb/trials?limit=1").status_code == 200


def test_names_of_workspaces_that_do_not_exist_leave_nothing_behind(serve: Serve, kept_home: Path):
    served = serve(kept_home, rate_limit_per_minute=5, rate_limit_reads_per_minute=5)
    for n in range(20):
        assert served.get(f"/kb/trials?workspace_id=no-{n}").status_code == 404
    assert served.app.state.service.ids == {}


def test_a_token_of_a_workspace_that_is_not_there_yet_finds_it_missing(serve: Serve):
    served = serve(workspace_tokens={"later": "token-of-later"})
    answer = served.get("/kb/trials?workspace_id=later", headers=bearer("token-of-later"))
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_workspace")


def test_without_a_token_no_body_is_read_and_no_job_is_looked_up(two_desks):
    assert two_desks.post(RECOMMEND, content=b"x" * 100).status_code == 401
    assert two_desks.get("/kb/jobs/nobody").status_code == 401


@pytest.mark.parametrize(
    "tokens",
    [{"desk": "short"}, {"desk": "same-token", "lab": "same-token"}, {"desk": "tökenöken"}],
)
def test_tokens_that_guard_nothing_are_refused(serve: Serve, tokens):
    with pytest.raises(ConfigurationError, match="WORKSPACE_TOKENS"):
        serve(workspace_tokens=tokens)
