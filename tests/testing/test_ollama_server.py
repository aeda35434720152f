"""The stand-in for Ollama answers as Ollama answers, over HTTP and to Ollama's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import ollama
import pytest

from tradingkb.testing.faults import answering
from tradingkb.testing.ollama_faults import (
    none_at_all,
    one_too_few,
    one_too_many,
    shorter,
    zeros,
)
from tradingkb.testing.ollama_server import OllamaServer

MODEL = "nomic-embed-text"
CALM = "market before: small ranges, tiny ranges, quiet, no trend"
NEAR = "market before: small ranges, quiet, no trend"
FAR = "market before: enormous ranges, volatile, strong trend, relentless trend, deeply oversold"


@pytest.fixture(scope="module")
def shared() -> Iterator[OllamaServer]:
    with OllamaServer({MODEL: 768}, library={MODEL: 768, "all-minilm": 384}) as server:
        yield server


@pytest.fixture
def server(shared: OllamaServer) -> Iterator[OllamaServer]:
    yield shared
    shared.recover()


@pytest.fixture
def client(server: OllamaServer) -> Iterator[ollama.Client]:
    with ollama.Client(server.url) as client:
        yield client


def vectors(client: ollama.Client, *texts: str, model: str = MODEL, **options: Any) -> np.ndarray:
    return np.array(client.embed(model, list(texts), **options).embeddings)


def test_vectors_are_unit_vectors_in_the_order_of_the_texts(client: ollama.Client) -> None:
    found = vectors(client, CALM, FAR, CALM)
    assert found.shape == (3, 768)
    assert np.linalg.norm(found, axis=1) == pytest.approx([1.0] * 3, abs=1e-5)
    assert (found[0] == found[2]).all()


def test_near_markets_are_near_to_a_good_model_only(client: ollama.Client) -> None:
    calm, near, far = vectors(client, CALM, NEAR, FAR)
    assert calm @ near > 0.95
    assert calm @ far < 0.8
    with OllamaServer(quality="random") as server, ollama.Client(server.url) as other:
        calm, near, again = vectors(other, CALM, NEAR, CALM)
    assert abs(calm @ near) < 0.2
    assert calm @ again == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("nothing", ["", []])
def test_an_empty_input_is_answered_without_vectors(client: ollama.Client, nothing: Any) -> None:
    assert client.embed(MODEL, nothing).embeddings == []


def test_one_bad_text_fails_its_whole_request(client: ollama.Client, server: OllamaServer) -> None:
    server.refuse_text("NaN here")
    with pytest.raises(ollama.ResponseError, match="NaN or Inf") as error:
        vectors(client, CALM, "a NaN here", FAR)
    assert error.value.status_code == 400


def test_a_text_that_is_too_long_is_an_error_or_cut_as_asked(client: ollama.Client) -> None:
    long = "1 " * 3000
    with pytest.raises(ollama.ResponseError, match="exceeds the context length"):
        vectors(client, long, truncate=False)
    assert vectors(client, long).shape == (1, 768)


@pytest.mark.parametrize(("asked", "made"), [(2000, 768), (768, 768), (100, 100)])
def test_dimensions_above_those_of_the_model_are_ignored(
    client: ollama.Client, asked: int, made: int
) -> None:
    found = vectors(client, CALM, dimensions=asked)
    assert found.shape == (1, made)
    assert float(np.linalg.norm(found)) == pytest.approx(1.0, abs=1e-5)


def test_a_missing_model_is_404(client: ollama.Client) -> None:
    for ask in (lambda: vectors(client, CALM, model="other"), lambda: client.show("other")):
        with pytest.raises(ollama.ResponseError, match="model 'other' not found") as error:
            ask()
        assert error.value.status_code == 404


def test_a_name_without_a_tag_is_the_latest(client: ollama.Client, server: OllamaServer) -> None:
    listed = client.list().models
    assert [one.model for one in listed] == [f"{MODEL}:latest"]
    assert listed[0].digest == server.digest(MODEL)
    said = client.show(f"{MODEL}:latest").modelinfo or {}
    assert said["nomic-bert.embedding_length"] == 768


def test_a_model_that_was_pulled_again_has_another_digest_and_other_vectors() -> None:
    with OllamaServer() as server, ollama.Client(server.url) as client:
        digest, before = server.digest(MODEL), vectors(client, CALM)
        server.pull_again(MODEL)
        assert server.digest(MODEL) != digest
        assert float((vectors(client, CALM) @ before.T).item()) < 0.5


def test_keep_alive_0_unloads_the_model(client: ollama.Client) -> None:
    vectors(client, CALM)
    assert [one.model for one in client.ps().models] == [f"{MODEL}:latest"]
    vectors(client, CALM, keep_alive=0)
    assert client.ps().models == []


def test_a_pull_ends_with_success_and_the_model_is_there() -> None:
    with OllamaServer({}) as server, ollama.Client(server.url) as client:
        steps = [step.status for step in client.pull("all-minilm", stream=True)]
        assert (steps[0], steps[-1]) == ("pulling manifest", "success")
        assert vectors(client, CALM, model="all-minilm").shape == (1, 384)


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("error", ollama.ResponseError),
        ("cut", httpx.RemoteProtocolError),
        ("garbage", ValueError),
        ("no success", None),
    ],
)
def test_a_pull_goes_wrong_under_status_200(
    client: ollama.Client, server: OllamaServer, fault: Any, raised: type[Exception] | None
) -> None:
    server.fail_pull(fault)
    steps = client.pull("all-minilm", stream=True)
    if raised is None:
        assert [step.status for step in steps][-1] != "success"
    else:
        with pytest.raises(raised):
            list(steps)
    assert [one.model for one in client.list().models] == [f"{MODEL}:latest"]


@pytest.mark.parametrize(
    ("change", "shape"),
    [(one_too_few, (1, 768)), (one_too_many, (3, 768)), (shorter, (2, 767)), (zeros, (2, 768))],
)
def test_an_answer_is_spoilt_once(
    client: ollama.Client, server: OllamaServer, change: Any, shape: tuple[int, int]
) -> None:
    server.spoil(change)
    assert vectors(client, CALM, FAR).shape == shape
    assert np.linalg.norm(vectors(client, CALM, FAR), axis=1) == pytest.approx([1.0] * 2, abs=1e-5)


def test_other_faults_come_as_often_as_told(client: ollama.Client, server: OllamaServer) -> None:
    server.spoil(none_at_all)
    assert vectors(client, CALM).size == 0
    server.fail(answering(500, b'{"error": "out of memory"}'), n=2)
    for _ in range(2):
        with pytest.raises(ollama.ResponseError, match="out of memory"):
            vectors(client, CALM)
    assert vectors(client, CALM).size == 768


def test_it_knows_what_it_was_asked_to_embed(client: ollama.Client, server: OllamaServer) -> None:
    before = len(server.texts)
    vectors(client, CALM, FAR)
    assert server.texts[before:] == [CALM, FAR]


def test_ollama_is_running(server: OllamaServer) -> None:
    assert httpx.get(f"{server.url}/").text == "Ollama is running"
    assert httpx.head(f"{server.url}/").status_code == 200
    assert httpx.get(f"{server.url}/api/other").status_code == 404
