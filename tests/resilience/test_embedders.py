"""The door of remote embedders: what is kept of a server says nothing of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.resilience.conftest import Time
from tradingkb.domain import RegimeScaler
from tradingkb.embedding.ollama import OllamaEmbedders
from tradingkb.exceptions import BackendUnavailableError, CircuitOpenError, ConfigurationError
from tradingkb.ports import Embedder, EmbedderFactory
from tradingkb.resilience import Doors
from tradingkb.resilience.embedders import KEPT_S
from tradingkb.testing.embedder import CALM, DOCUMENTS, SCALER
from tradingkb.testing.ollama_server import OllamaServer

MODEL = "nomic-embed-text"


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture
def doors(time: Time) -> Doors:
    return Doors({"ollama": True}, monotonic=time, clock=time.of_day)


@pytest.fixture
def embedders(server: OllamaServer, doors: Doors) -> Iterator[EmbedderFactory]:
    embedders = doors.embedders(OllamaEmbedders(server.url, timeout_s=2.0))
    yield embedders
    embedders.close()


def paths(server: OllamaServer) -> list[str]:
    return [one.path for one in server.asked]


def test_a_server_is_asked_about_a_model_once_in_some_seconds(
    server: OllamaServer, embedders: EmbedderFactory, time: Time
) -> None:
    first = embedders(MODEL, None)
    time.s += KEPT_S - 1
    assert embedders(MODEL, None) is first
    assert paths(server) == ["/api/tags", "/api/show"]
    server.pull_again(MODEL)
    time.s += 1
    assert embedders(MODEL, None).pipeline != first.pipeline


def test_an_embedder_is_kept_for_its_scaler_only(embedders: EmbedderFactory) -> None:
    with_scaler = embedders(MODEL, SCALER)
    assert embedders(MODEL, SCALER) is with_scaler
    assert embedders(MODEL, None) is not with_scaler
    other = RegimeScaler(SCALER.version + 1, SCALER.center, SCALER.width, 84)
    assert embedders(MODEL, other) is not with_scaler


def test_five_questions_without_an_answer_open_the_circuit_whatever_is_kept(
    server: OllamaServer, embedders: EmbedderFactory, doors: Doors, time: Time
) -> None:
    """A factory that answers from memory is no answer of the server."""
    embedders(MODEL, None).embed_query(CALM, "before")
    server.refuse()
    for _ in range(5):
        with pytest.raises(BackendUnavailableError, match="refused"):
            embedders(MODEL, None).embed_query(CALM, "before")
    with pytest.raises(CircuitOpenError):
        embedders(MODEL, None).embed_query(CALM, "before")
    assert doors.breakers["ollama"].state().is_open
    time.s += 31  # half open by now
    server.listen()
    embedders(MODEL, None).embed_query(CALM, "before")
    assert doors.breakers["ollama"].state().state == "closed"


def test_an_open_circuit_is_not_closed_by_what_is_kept(
    server: OllamaServer, embedders: EmbedderFactory, doors: Doors, time: Time
) -> None:
    kept: Embedder = embedders(MODEL, None)
    server.refuse()
    for _ in range(5):
        with pytest.raises(BackendUnavailableError):
            kept.embed_query(CALM, "before")
    time.s += KEPT_S - 1
    assert embedders(MODEL, None) is kept
    assert doors.breakers["ollama"].state().state == "open"
    time.s += 31  # half open by now
    with pytest.raises(BackendUnavailableError, match="refused"):
        kept.embed_query(CALM, "before")
    with pytest.raises(CircuitOpenError):
        kept.embed_query(CALM, "before")


def test_a_model_that_is_missing_is_an_answer_of_a_living_server(
    embedders: EmbedderFactory, doors: Doors
) -> None:
    for _ in range(6):
        with pytest.raises(ConfigurationError, match="ollama pull other"):
            embedders("other", None)
    state = doors.breakers["ollama"].state()
    assert (state.state, state.failures) == ("closed", 0)


def test_batches_go_on_once_the_server_is_back(
    server: OllamaServer, embedders: EmbedderFactory
) -> None:
    embedder = embedders(MODEL, None)
    server.refuse()
    with pytest.raises(BackendUnavailableError):
        embedder.embed_documents(DOCUMENTS)
    server.listen()
    assert embedder.embed_documents(DOCUMENTS)[0].any()
