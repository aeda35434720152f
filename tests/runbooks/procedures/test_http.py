"""Requests of procedures: bounded, told of in words, and never with a secret."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tradingkb.exceptions import BackendUnavailableError, InvalidInputError
from tradingkb.runbooks.procedures.http import (
    Answer,
    Tokens,
    ask,
    checked_urls,
    samples,
    why_not_ready,
)
from tradingkb.testing.faults import FaultyServer, answering, hanging, resetting


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    with FaultyServer(hanging()) as server:
        yield server


def test_an_answer_that_does_not_come_has_a_reason_and_no_address(server: FaultyServer):
    server.behave(hanging())
    hung = ask(server.url, "/health", timeout_s=0.05)
    server.behave(resetting())
    cut = ask(server.url, "/health")
    assert (hung.status, cut.status) == (0, 0)
    assert hung.error == "TimeoutError"
    assert "127.0.0.1" not in hung.told + cut.told
    with pytest.raises(BackendUnavailableError, match="no answer"):
        cut.checked()


def test_a_refusal_is_told_in_the_words_of_the_problem(server: FaultyServer):
    body = b'{"detail": "no such workspace", "remedy": "create it", "code": "not_found"}'
    server.behave(answering(404, body))
    found = ask(server.url, "/kb/trials/recommend", {"workspace_id": "x"})
    with pytest.raises(InvalidInputError, match="status 404; no such workspace; create it"):
        found.checked()


def test_a_redirect_is_followed_by_nobody(server: FaultyServer):
    server.behave(answering(302, b"", {"Location": f"{server.url}/elsewhere"}))
    before = server.accepted
    assert ask(server.url, "/health", tokens=Tokens("a-secret")).status == 302
    assert server.accepted == before + 1


@pytest.mark.parametrize("text", ["ftp://host", "host:8000", "http://", "http://ada:pw@host"])
def test_what_is_no_address_or_holds_a_password_is_refused(text: str):
    with pytest.raises(InvalidInputError, match="replica_urls") as refused:
        checked_urls(f"http://one:1,{text}")
    assert "pw" not in str(refused.value)


def test_addresses_are_divided_by_commas_and_named_once():
    assert checked_urls(" http://a:1/ ,http://b:2,, http://a:1") == ("http://a:1", "http://b:2")
    assert checked_urls("") == ()


def test_tokens_come_from_the_environment_and_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_TOKEN", "a-secret")
    tokens = Tokens.of("MY_TOKEN", "NOT_SET")
    assert tokens.headers() == {"X-Admin-Token": "a-secret"}
    assert "a-secret" not in repr(tokens)


def test_samples_of_a_metric_are_read_with_their_labels():
    text = '# HELP x\nx_total{service="db",of="a"} 2.0\nx_total{service="qdrant"} 1e3\nxs 3\ny 4\n'
    assert list(samples(text, "x_total")) == [
        ({"service": "db", "of": "a"}, 2.0),
        ({"service": "qdrant"}, 1000.0),
    ]
    assert list(samples(text, "y")) == [({}, 4.0)]


def test_readiness_says_which_check_fails():
    checks = {"database": {"ok": True}, "embed_service": {"ok": False, "detail": "no answer"}}
    assert why_not_ready(Answer(503, {"checks": checks})) == "embed_service: no answer"
    assert why_not_ready(Answer(503, {"draining": True})) == "it is about to stop"
    assert why_not_ready(Answer(200, {"checks": {}})) == ""
    assert why_not_ready(Answer(0, error="TimeoutError")) == "no answer (TimeoutError)"
