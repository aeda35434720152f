"""A model is pulled with its progress; what goes wrong in the stream is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tradingkb.embedding import Embedders
from tradingkb.exceptions import BackendUnavailableError, ConfigurationError
from tradingkb.testing.ollama_server import OllamaServer

MODEL = "all-minilm"


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer({}, library={MODEL: 384}) as server:
        yield server


@pytest.fixture
def embedders(server: OllamaServer) -> Iterator[Embedders]:
    embedders = Embedders(ollama_host=server.url)
    yield embedders
    embedders.close()


def nothing(*_: Any) -> None:
    """Tells nobody."""


def test_a_pull_tells_megabytes_of_each_file_and_the_model_is_there(
    embedders: Embedders,
) -> None:
    told: list[tuple[str, int, int]] = []
    embedders.pull(MODEL, lambda *step: told.append(step))
    ((what, *_), *_) = told
    assert re.fullmatch("pulling [0-9a-f]{12}", what)
    assert told == [(what, 0, 275), (what, 138, 275), (what, 275, 275)]
    assert embedders(MODEL, None).dimension == 384


def test_a_model_that_is_there_is_pulled_without_an_error(
    embedders: Embedders, server: OllamaServer
) -> None:
    embedders.pull(MODEL, nothing)
    digest = server.digest(MODEL)
    embedders.pull(f"{MODEL}:latest", nothing)
    assert server.digest(MODEL) == digest


def test_a_built_in_model_is_there_without_a_server() -> None:
    Embedders().pull("regime-v1", nothing)
    with pytest.raises(ConfigurationError, match="OLLAMA_HOST"):
        Embedders().pull(MODEL, nothing)


@pytest.mark.parametrize(
    ("fault", "kind", "why"),
    [
        ("error", BackendUnavailableError, "broke off: max retries exceeded"),
        ("no success", BackendUnavailableError, "and not with success"),
        ("cut", BackendUnavailableError, "did not answer"),
        ("garbage", ConfigurationError, "is not Ollama"),
    ],
)
def test_a_pull_that_goes_wrong_can_be_repeated(
    embedders: Embedders, server: OllamaServer, fault: Any, kind: type[Exception], why: str
) -> None:
    server.fail_pull(fault)
    with pytest.raises(kind, match=why):
        embedders.pull(MODEL, nothing)
    with pytest.raises(ConfigurationError, match="has no model"):
        embedders(MODEL, None)
    embedders.pull(MODEL, nothing)
    assert embedders(MODEL, None).dimension == 384


@pytest.mark.parametrize("model", ["no-such-model", "", "with blanks", "../up"])
def test_a_model_that_does_not_exist_is_told(embedders: Embedders, model: str) -> None:
    with pytest.raises(ConfigurationError):
        embedders.pull(model, nothing)
