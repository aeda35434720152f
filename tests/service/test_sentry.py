"""Sentry is told of what somebody should look at, and never of a secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

import tradingkb as tkb
from tradingkb.exceptions import CircuitOpenError, ConfigurationError
from tradingkb.observability import emit
from tradingkb.service.sentry import Sentry, start_sentry
from tradingkb.settings import load_settings

DSN = "https://0123456789abcdef@sentry.example/7"


class Recorder(Transport):
    """Keeps envelopes instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)

    @property
    def events(self) -> list[Any]:
        return [envelope.get_event() for envelope in self.envelopes]

    @property
    def text(self) -> str:
        return b"\n".join(envelope.serialize() for envelope in self.envelopes).decode()


Start = Callable[..., tuple[Sentry, Recorder]]


@pytest.fixture
def start(monkeypatch, tmp_path) -> Iterator[Start]:
    """Starts Sentry with a transport that sends nothing."""
    monkeypatch.chdir(tmp_path)
    started: list[Sentry] = []

    def begin(random: Callable[[], float] = lambda: 0.0, **given: Any) -> tuple[Sentry, Recorder]:
        recorder = Recorder()
        settings = load_settings(sentry_dsn=DSN, **given)
        sentry = start_sentry(settings, version="1.2.3", transport=recorder, random=random)
        assert sentry is not None
        started.append(sentry)
        return sentry, recorder

    yield begin
    for sentry in started:
        sentry.end()


ANSWER = {
    "request_id": "r-1",
    "workspace_id": "w-1",
    "strategy": "bb_reversal",
    "objective": "sharpe",
    "status": "degraded",
    "confidence": 0.61234,
    "confidence_band": "medium",
    "reasons": ["few_windows"],
    "warnings": ["missing_regime_context"],
    "strict_to_relaxed": True,
    "metadata_only": False,
    "embed_model": "regime-v1",
    "collection": "kb_regime_v1_v1",
    "source": "http",
    "replica": "local",
    "repaired_params": False,
    "total_ms": 12.5,
}


def answered(**fields: Any) -> None:
    emit("kb_recommend_complete", **(ANSWER | fields))


def test_nothing_is_started_without_a_dsn(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SENTRY_DSN", raising=False)
    assert start_sentry(load_settings()) is None


def test_a_malformed_dsn_is_named_and_not_repeated(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="SENTRY_DSN") as raised:
        start_sentry(load_settings(sentry_dsn="hunter2-no-dsn"))
    assert "hunter2" not in str(raised.value)


# --- answers --------------------------------------------------------------------------------------


def test_a_degraded_answer_is_a_message_with_the_tags_and_the_context_of_the_runbooks(start):
    _, sent = start()
    answered()
    (event,) = sent.events
    assert event["message"] == "answered with status degraded"
    assert event["level"] == "info"
    assert event["tags"] == {
        "kb_status": "degraded",
        "kb_confidence": "0.61",
        "strategy": "bb_reversal",
        "workspace_id": "w-1",
        "embed_model": "regime-v1",
        "collection": "kb_regime_v1_v1",
        "objective": "sharpe",
        "strict_to_relaxed": "true",
    }
    assert event["contexts"]["tradingkb"] == {
        "request_id": "r-1",
        "reasons": ["few_windows"],
        "warnings": ["missing_regime_context"],
        "confidence_band": "medium",
        "replica": "local",
        "total_ms": 12.5,
    }
    assert (event["release"], event["server_name"]) == ("tradingkb@1.2.3", "local")


def test_a_flag_is_a_tag_only_where_it_is_true(start):
    _, sent = start()
    answered(strict_to_relaxed=False, metadata_only=True, repaired_params=True)
    flags = {"strict_to_relaxed", "metadata_only", "repaired_params"} & set(sent.events[0]["tags"])
    assert flags == {"metadata_only", "repaired_params"}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"status": "none", "confidence": None}, 1),
        ({"status": "degraded"}, 1),
        ({"status": "ok"}, 0),
        ({"status": "none", "source": "probe"}, 0),
    ],
)
def test_answers_that_are_none_or_degraded_are_told_and_no_probes(start, fields, told):
    _, sent = start()
    answered(**fields)
    assert len(sent.events) == told


def test_answers_of_one_status_and_strategy_are_one_issue(start):
    _, sent = start()
    for strategy, request_id in (("a", "1"), ("a", "2"), ("b", "3")):
        answered(strategy=strategy, request_id=request_id)
    marks = [tuple(event["fingerprint"]) for event in sent.events]
    assert (marks[0] == marks[1], marks[0] == marks[2]) == (True, False)


@pytest.mark.parametrize(
    ("rate", "told"), [(0.0, []), (0.1, [0.0, 0.05]), (0.5, [0.0, 0.05, 0.1]), (1.0, None)]
)
def test_a_sample_is_told(start, rate, told):
    draws = [0.0, 0.05, 0.1, 0.5, 0.999]
    _, sent = start(random=iter(draws).__next__, sentry_sample_rate=rate)
    for draw in draws:
        answered(request_id=str(draw))
    found = [float(event["contexts"]["tradingkb"]["request_id"]) for event in sent.events]
    assert found == (draws if told is None else told)


def test_a_name_that_no_tag_can_hold_is_made_one(start):
    _, sent = start()
    answered(strategy="two\nlines" + "x" * 300, collection="")
    tags = sent.events[0]["tags"]
    assert tags["strategy"] == ("two lines" + "x" * 300)[:200]
    assert tags["collection"] == "none"


def test_a_knowledge_base_that_knows_nothing_is_told_of(start, tmp_path):
    _, sent = start()
    with tkb.connect(tmp_path / "home", progress=False) as kb:
        kb.ingest([tkb.Trial("sma", {"fast": n}, sharpe_oos=1.0) for n in (1, 2)])
        status = kb.recommend("sma").status
    assert [event["tags"]["kb_status"] for event in sent.events] == [status]
    assert status != "ok"


def test_nothing_is_told_after_the_end(start):
    sentry, sent = start()
    sentry.end()
    answered()
    assert sent.events == []


# --- errors ---------------------------------------------------------------------------------------

PASSWORD, ADMIN, DESK = "hunter2-pw", "admin-token-9", "desk-token-9"
SECRETS = {
    "ollama_host": "me:llama-secret@ollama",
    "admin_token": ADMIN,
    "workspace_tokens": {"desk": DESK},
    "database_url": f"postgresql+psycopg://desk:{PASSWORD}@db/kb",
}


def raised(message: str) -> Exception:
    token = ADMIN  # a local variable of the frame
    try:
        raise RuntimeError(message if token else "")
    except RuntimeError as error:
        return error


def test_an_unexpected_error_is_told_with_where_it_was_raised(start):
    sentry, sent = start()
    sentry.unexpected(raised("it broke"), request_id="r-9")
    (event,) = sent.events
    (error,) = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("RuntimeError", "it broke")
    assert error["stacktrace"]["frames"][-1]["function"] == "raised"
    assert event["contexts"]["tradingkb"] == {"request_id": "r-9"}


class RefusedError(Exception):
    status_code = 404


@pytest.mark.parametrize(
    "error",
    [
        tkb.InvalidInputError("no"),
        tkb.BackendUnavailableError("down"),
        CircuitOpenError("db", 12.0),
        RefusedError(),
    ],
)
def test_errors_that_say_what_to_do_and_responses_below_500_are_left_out(start, error):
    sentry, sent = start()
    sentry.unexpected(error)
    assert sent.events == []


@pytest.mark.parametrize(
    "message",
    [
        f"no way to {SECRETS['database_url']}",
        f"password {PASSWORD} was refused",
        "llama-secret was refused",
        f"X-Admin-Token: {ADMIN}",
        f"Bearer {DESK}",
        f"dsn {DSN}",
        "IntegrityError [parameters: {'score': 'secret-row'}]\nmore of secret-row",
        "duplicate key\nDETAIL: Key (source_id)=(secret-row) already exists",
        "redis://:other-secret@cache:6379",
    ],
)
def test_no_secret_leaves_the_process(start, message):
    sentry, sent = start(**SECRETS)
    sentry.unexpected(raised(message))
    answered(reasons=[message], strategy=message)
    assert len(sent.events) == 2
    for secret in (
        PASSWORD,
        ADMIN,
        DESK,
        "0123456789abcdef",
        "secret-row",
        "other-secret",
        "llama-secret",
    ):
        assert secret not in sent.text


def test_no_request_no_variable_no_source_and_no_path_leaves_the_process(start):
    sentry, sent = start()
    sentry.unexpected(raised("it broke"))
    (event,) = sent.events
    assert not {"request", "user", "breadcrumbs", "modules", "extra"} & set(event)
    frames = event["exception"]["values"][0]["stacktrace"]["frames"]
    unsent = {"vars", "abs_path", "context_line", "pre_context", "post_context"}
    assert not unsent & {key for frame in frames for key in frame}


def test_what_cannot_be_scrubbed_is_not_sent(start, monkeypatch):
    sentry, sent = start()

    def fails(text: str) -> str:
        raise ValueError("no way to mask it")

    monkeypatch.setattr("tradingkb.service.sentry.masked", fails)
    sentry.unexpected(raised("it broke"))
    assert sent.envelopes == []


def test_nothing_of_the_process_is_patched(start):
    sentry, _ = start()
    assert sentry._client.integrations == {}


def test_what_is_sent_is_json(start):
    sentry, sent = start()
    sentry.unexpected(raised("it broke"))
    assert json.loads(sent.envelopes[0].items[0].payload.get_bytes())["level"] == "error"
