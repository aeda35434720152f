"""What Ollama, or what stands in its place, may do over the network: nothing comes out raw."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tradingkb.embedding.ollama import OllamaEmbedder
from tradingkb.embedding.ollama_connection import ModelInfo, OllamaConnection
from tradingkb.exceptions import BackendUnavailableError, ConfigurationError
from tradingkb.ports import patience
from tradingkb.testing.embedder import CALM, DOCUMENTS
from tradingkb.testing.faults import (
    Behaviour,
    FaultyServer,
    answering,
    dripping,
    hanging,
    http,
    resetting,
    saying,
    slow,
)
from tradingkb.testing.ollama_server import OllamaServer

MODEL = "nomic-embed-text"
#: Seconds that one request may take in these tests.
LIMIT_S = 0.15
VECTOR = b'{"model": "x", "embeddings": [[0.6, 0.8]]}'
CALLS: dict[str, Callable[[OllamaConnection], Any]] = {
    "digest": lambda c: c.digest(MODEL),
    "info": lambda c: c.info(MODEL),
    "embed": lambda c: c.embed(MODEL, ["text"]),
    "pull": lambda c: c.pull(MODEL, lambda *_: None),
}
NO_ANSWER: dict[str, Behaviour] = {
    "resets": resetting(),
    "hangs": hanging(),
    "drips": dripping(http(200, VECTOR), every_s=0.05),
    "garbage": saying(b"\x00\xff\x17 this is no HTTP"),
    "nothing": saying(b""),
    "cut short": saying(http(200, b'{"models":', {"Content-Length": "99"})),
    "500": answering(500, b'{"error": "llama runner process has terminated"}'),
    "502": answering(502, b"<html>bad gateway</html>"),
    "503": answering(503, b'{"error": "server busy, please try again."}'),
    "429": answering(429),
    "the model's program died": answering(
        400, b'{"error": "do embedding request: Post \\"http://127.0.0.1:1/embedding\\": EOF"}'
    ),
}
FOREIGN: dict[str, Behaviour] = {
    "null": answering(200, b"null"),
    "another's JSON": answering(200, b'{"hello": [1, 2]}'),
    "a list": answering(200, b"[1, 2]"),
    "a number": answering(200, b"7"),
    "wrong types": answering(200, b'{"models": "x", "embeddings": {"a": 1}, "status": []}'),
    "truncated JSON": answering(200, b'{"models": [{"mod'),
    "HTML": answering(200, b"<html>welcome</html>", {"Content-Type": "text/html"}),
    "no body": answering(200, b""),
    "no text": answering(200, b"\xff\xfe\x00"),
    "not gzip": answering(200, b"{}", {"Content-Encoding": "gzip"}),
    "sends elsewhere": answering(302, b"", {"Location": "http://127.0.0.1:1/"}),
    "no route": answering(404, b"404 page not found", {"Content-Type": "text/plain"}),
    "a list of errors": answering(418, b'["teapot"]'),
    "an error object": answering(418, b'{"error": {"code": 7}}'),
}


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        yield server


@pytest.fixture
def connection(server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[OllamaConnection]:
    module = "tradingkb.embedding.ollama_connection"
    monkeypatch.setattr(f"{module}.QUESTION_S", LIMIT_S)
    monkeypatch.setattr(f"{module}.PULL_SILENCE_S", LIMIT_S)
    connection = OllamaConnection(server.url, timeout_s=LIMIT_S)
    yield connection
    connection.close()


@pytest.fixture
def patient(server: FaultyServer) -> Iterator[OllamaConnection]:
    """A connection that waits for longer than any of these tests may take."""
    connection = OllamaConnection(server.url, timeout_s=30.0)
    yield connection
    connection.close()


@pytest.mark.parametrize("behaviour", NO_ANSWER.values(), ids=NO_ANSWER)
def test_no_answer_is_transient_and_comes_in_time(
    server: FaultyServer, connection: OllamaConnection, behaviour: Behaviour
) -> None:
    server.behave(behaviour)
    for name, call in CALLS.items():
        if name == "pull" and behaviour is NO_ANSWER["drips"]:
            continue  # a pull may take hours: its limit is on silence
        started = time.monotonic()
        with pytest.raises(BackendUnavailableError, match="Ollama did not answer"):
            call(connection)
        assert time.monotonic() - started < LIMIT_S + 0.5


@pytest.mark.parametrize("behaviour", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_answer_is_a_wrong_setting(
    server: FaultyServer, patient: OllamaConnection, behaviour: Behaviour
) -> None:
    server.behave(behaviour)
    for name, call in CALLS.items():
        expected: type[Exception] = ConfigurationError
        if name == "pull" and behaviour in (FOREIGN["another's JSON"], FOREIGN["no body"]):
            expected = BackendUnavailableError  # lines of it, or none, that say no success
        with pytest.raises(expected):
            call(patient)


def test_a_foreign_answer_names_the_setting(
    server: FaultyServer, patient: OllamaConnection
) -> None:
    server.behave(FOREIGN["HTML"])
    with pytest.raises(ConfigurationError, match="answers at OLLAMA_HOST is not Ollama"):
        patient.info(MODEL)


def test_a_server_that_refuses_is_no_answer_until_it_is_back(
    server: FaultyServer, connection: OllamaConnection
) -> None:
    server.refuse()
    with pytest.raises(BackendUnavailableError, match="refused"):
        connection.embed(MODEL, ["text"])
    server.behave(answering(200, VECTOR))
    assert connection.embed(MODEL, ["text"], 30.0) == [[0.6, 0.8]]


def test_a_caller_with_less_patience_waits_less(
    server: FaultyServer, patient: OllamaConnection
) -> None:
    server.behave(hanging())
    started = time.monotonic()
    with patience(0.05), pytest.raises(BackendUnavailableError):
        patient.embed(MODEL, ["text"])
    assert time.monotonic() - started < 5.0


def test_a_slow_answer_in_time_is_an_answer(
    server: FaultyServer, patient: OllamaConnection
) -> None:
    server.behave(slow(answering(200, VECTOR), 0.05))
    assert patient.embed(MODEL, ["text"]) == [[0.6, 0.8]]


@pytest.mark.parametrize("status", [401, 403])
def test_refused_access_says_where_the_password_goes(
    server: FaultyServer, patient: OllamaConnection, status: int
) -> None:
    server.behave(answering(status, b"who are you?"))
    with pytest.raises(ConfigurationError, match="user:password@host"):
        patient.digest(MODEL)


def test_the_password_of_the_address_is_sent_and_never_shown() -> None:
    with OllamaServer() as server:
        connection = OllamaConnection(f"http://me:sesame@127.0.0.1:{server.port}", timeout_s=1.0)
        connection.digest(MODEL)
        assert server.asked[-1].headers["authorization"] == "Basic bWU6c2VzYW1l"
        for behaviour in (*NO_ANSWER.values(), *FOREIGN.values()):
            if behaviour not in (NO_ANSWER["hangs"], NO_ANSWER["drips"]):
                server.behave(behaviour)
                with pytest.raises((BackendUnavailableError, ConfigurationError)) as error:
                    connection.digest(MODEL)
                assert "sesame" not in str(error.value)
        connection.close()


def test_a_question_that_ran_out_of_time_lets_the_server_load_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its client going away ends the loading: a question alone would never have the model."""
    monkeypatch.setattr("tradingkb.embedding.ollama.QUESTION_S", 0.1)
    loaded = threading.Event()
    with OllamaServer() as server:
        connection = OllamaConnection(server.url, timeout_s=5.0)
        embedder = OllamaEmbedder(connection, ModelInfo(MODEL, "0" * 64, 768, 2048), batch=4)

        def load(line: Any) -> None:
            """As a model that is not loaded yet: who waits long enough gets an answer."""
            line.ended.wait(0.3)
            line.socket.sendall(http(200, b'{"model": "x", "embeddings": []}'))
            loaded.set()

        server.fail(load, n=2)
        with pytest.raises(BackendUnavailableError):
            embedder.embed_query(CALM, "before")
        assert loaded.wait(5.0)
        monkeypatch.setattr("tradingkb.embedding.ollama.QUESTION_S", 5.0)
        assert embedder.embed_query(CALM, "before").vector.shape == (768,)
        assert any(one.body["input"] == [] for one in server.asked if one.path == "/api/embed")
        connection.close()


def test_a_look_up_of_a_host_that_nobody_knows_is_no_answer() -> None:
    connection = OllamaConnection("no-such-host.invalid", timeout_s=3.0)
    with pytest.raises(BackendUnavailableError):
        connection.digest(MODEL)
    connection.close()


def test_a_batch_that_takes_longer_than_a_question_may_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with OllamaServer({MODEL: 768}) as server:
        connection = OllamaConnection(server.url, timeout_s=5.0)
        embedder = OllamaEmbedder(connection, connection.info(MODEL), batch=8)
        monkeypatch.setattr("tradingkb.embedding.ollama.QUESTION_S", 0.1)
        server.fail(slow(server.answer, 0.3), n=2)
        with pytest.raises(BackendUnavailableError):
            embedder.embed_query(CALM, "before")
        assert embedder.embed_documents(DOCUMENTS)[0].any()
        connection.close()
