"""Windows and questions become vectors on a server that speaks Ollama's protocol."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tradingkb.domain import TEXT_FORM, Regime, query_text, window_text
from tradingkb.embedding.ollama import OllamaEmbedder, OllamaEmbedders, cut
from tradingkb.embedding.ollama_connection import ModelInfo
from tradingkb.exceptions import ConfigurationError, NotReadyError, UnembeddableError
from tradingkb.ports import PAYLOAD_VERSION, WindowDocument
from tradingkb.testing.embedder import CALM, DOCUMENTS, NEARLY_CALM, WILD
from tradingkb.testing.faults import answering
from tradingkb.testing.ollama_faults import (
    Change,
    none_at_all,
    one_too_few,
    one_too_many,
    shorter,
    with_nan,
    zeros,
)
from tradingkb.testing.ollama_server import OllamaServer

NOMIC, MXBAI = "nomic-embed-text", "mxbai-embed-large"
#: Eight with a text each.
WINDOWS = [
    WindowDocument(Regime({"rsi": rsi, "adx": adx}), None)
    for adx in (10.0, 40.0)
    for rsi in (20.0, 40.0, 65.0, 90.0)
]


@pytest.fixture(scope="module")
def shared() -> Iterator[OllamaServer]:
    with OllamaServer({NOMIC: 768, MXBAI: 1024, "all-minilm": 384}) as server:
        yield server


@pytest.fixture(scope="module")
def embedders(shared: OllamaServer) -> Iterator[OllamaEmbedders]:
    embedders = OllamaEmbedders(shared.url, timeout_s=2.0, batch=8)
    yield embedders
    embedders.close()


@pytest.fixture
def server(shared: OllamaServer) -> Iterator[OllamaServer]:
    shared.asked.clear()
    yield shared
    shared.recover()


@pytest.fixture
def nomic(server: OllamaServer, embedders: OllamaEmbedders) -> OllamaEmbedder:
    info = ModelInfo(NOMIC, server.digest(NOMIC), 768, 2048)
    return OllamaEmbedder(embedders.connection, info, batch=8)


def test_dimension_and_digest_are_asked_from_the_server(
    embedders: OllamaEmbedders, server: OllamaServer
) -> None:
    made = {name: embedders(name, None) for name in (NOMIC, MXBAI, f"{NOMIC}:latest")}
    assert [one.dimension for one in made.values()] == [768, 1024, 768]
    assert made[NOMIC].pipeline == made[f"{NOMIC}:latest"].pipeline
    parts = made[NOMIC].pipeline.split("/")
    assert parts[:4] == ["ollama-1", server.digest(NOMIC)[:12], PAYLOAD_VERSION, TEXT_FORM]
    assert server.texts == []


def test_a_server_that_does_not_say_the_dimension_is_asked_for_a_vector(
    embedders: OllamaEmbedders, server: OllamaServer
) -> None:
    server.fail(answering(200, b'{"model_info": {}}'), path="/api/show")
    assert embedders(NOMIC, None).dimension == 768
    assert server.texts == ["market"]


def test_texts_are_those_of_the_domain_with_the_prompts_of_the_model(
    nomic: OllamaEmbedder, server: OllamaServer
) -> None:
    nomic.embed_documents([WindowDocument(CALM, WILD)])
    nomic.embed_query(CALM, "during")
    assert server.texts == [
        f"search_document: {window_text(CALM, WILD)}",
        f"search_query: {query_text(CALM, 'during')}",
    ]
    assert all(one.body["truncate"] is False for one in server.asked if one.texts)


def test_a_stated_regime_finds_what_happened_during_a_window(nomic: OllamaEmbedder) -> None:
    first, second = nomic.embed_documents([WindowDocument(CALM, WILD), WindowDocument(WILD, CALM)])
    before, during = (nomic.embed_query(CALM, side).vector for side in ("before", "during"))
    assert first @ before > second @ before
    assert second @ during > first @ during


def test_windows_are_embedded_in_batches_and_windows_without_a_regime_not_at_all(
    embedders: OllamaEmbedders, server: OllamaServer
) -> None:
    embedder = OllamaEmbedder(embedders.connection, embedders.connection.info(NOMIC), batch=3)
    embedder.embed_documents([*WINDOWS, WindowDocument(None, None)])
    assert [len(one.texts) for one in server.asked if one.texts] == [3, 3, 2]


def test_a_text_is_cut_to_what_the_model_reads_on_both_sides_alike() -> None:
    with OllamaServer({NOMIC: 8}, context=60) as server:
        embedders = OllamaEmbedders(server.url)
        embedders(NOMIC, None).embed_documents([WindowDocument(CALM, NEARLY_CALM)])
        embedders.close()
    sent = server.texts[0]
    assert len(sent) <= 58 * 2.9
    before, during = sent.removeprefix("search_document: ").split("\n")
    whole = window_text(CALM, NEARLY_CALM).split("\n")
    assert whole[0].startswith(before)
    assert whole[1].startswith(during)
    assert abs(len(before) - len(during)) <= 1


@pytest.mark.parametrize(
    ("text", "room", "left"),
    [("abc", 3, "abc"), ("abc", 2, "ab"), ("abc\ndef", 5, "ab\nde"), ("abc\ndef", 1, "\n")],
)
def test_cutting_keeps_as_much_of_each_line(text: str, room: int, left: str) -> None:
    assert cut(text, room) == left


def test_a_text_that_is_too_long_all_the_same_is_an_error(embedders: OllamaEmbedders) -> None:
    with OllamaServer({NOMIC: 8}, context=40) as server:
        told = answering(200, b'{"model_info": {"general.architecture": "x"}}')
        server.fail(told, path="/api/show")
        embedders = OllamaEmbedders(server.url)
        with pytest.raises(UnembeddableError, match="exceeds the context length"):
            embedders(NOMIC, None).embed_documents([WINDOWS[0], WindowDocument(CALM, WILD)])
        embedders.close()


@pytest.mark.parametrize("status", [400, 500])
def test_bad_texts_are_named_by_their_place_and_cost_few_requests(
    nomic: OllamaEmbedder, server: OllamaServer, status: int
) -> None:
    nan = "failed to encode response: json: unsupported value: NaN"
    server.refuse_text("deeply oversold, oversold, directional", status, nan)
    server.refuse_text("deeply overbought, directional", status, nan)
    with pytest.raises(UnembeddableError, match=r"text 6, text 9: .*NaN") as error:
        nomic.embed_documents([WindowDocument(None, None), *WINDOWS])
    assert set(error.value.refused) == {5, 8}
    assert sum(1 for one in server.asked if one.texts) < 12


def test_a_model_that_makes_no_vectors_of_anything_is_not_blamed_on_a_text(
    nomic: OllamaEmbedder, server: OllamaServer
) -> None:
    server.refuse_text("", 400, "this model does not support embeddings")
    with pytest.raises(ConfigurationError, match="makes no vectors at all: this model") as error:
        nomic.embed_documents(WINDOWS)
    assert not isinstance(error.value, UnembeddableError)
    assert sum(1 for one in server.asked if one.texts) == 2


@pytest.mark.parametrize("change", [one_too_few, one_too_many, none_at_all, with_nan, zeros])
def test_an_answer_that_was_wrong_once_is_asked_again_by_halves(
    nomic: OllamaEmbedder, server: OllamaServer, change: Change
) -> None:
    expected = nomic.embed_documents(WINDOWS)
    server.spoil(change)
    assert np.allclose(nomic.embed_documents(WINDOWS), expected)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (one_too_few, "made [01] vectors of [12] texts"),
        (none_at_all, "made 0 vectors of [12] texts"),
        (with_nan, "NaN or an infinite number"),
        (zeros, "is zero"),
    ],
)
def test_an_answer_that_stays_wrong_is_an_error_and_never_a_vector(
    nomic: OllamaEmbedder, server: OllamaServer, change: Change, why: str
) -> None:
    server.spoil(change, n=50)
    with pytest.raises(ConfigurationError, match=why):
        nomic.embed_documents(WINDOWS[:2])
    with pytest.raises(ConfigurationError, match=rf"question's regime: .*{why}"):
        nomic.embed_query(CALM, "before")


def test_vectors_of_another_dimension_than_the_model_has_are_refused(
    nomic: OllamaEmbedder, server: OllamaServer
) -> None:
    server.spoil(shorter)
    with pytest.raises(ConfigurationError, match="said to make 768 dimensions and makes 767"):
        nomic.embed_documents(WINDOWS)


def test_a_model_that_is_not_there_says_how_to_pull_it(
    embedders: OllamaEmbedders, nomic: OllamaEmbedder, server: OllamaServer
) -> None:
    told = "no model 'other': `tradingkb pull-model other`, or there `ollama pull other`"
    with pytest.raises(ConfigurationError, match=told):
        embedders("other", None)
    removed = server.remove(NOMIC)
    with pytest.raises(ConfigurationError, match=f"ollama pull {NOMIC}"):
        nomic.embed_query(CALM, "before")
    server.add(NOMIC, removed)


def test_vectors_of_a_tag_that_is_pulled_anew_meanwhile_are_given_to_nobody(
    embedders: OllamaEmbedders, server: OllamaServer
) -> None:
    embedder = embedders("all-minilm", None)
    embedder.embed_documents(DOCUMENTS)
    server.pull_again("all-minilm")
    with pytest.raises(NotReadyError, match="pulled anew while it embedded"):
        embedder.embed_documents(DOCUMENTS)
    again = embedders("all-minilm", None)
    assert again.pipeline != embedder.pipeline
    again.embed_documents(DOCUMENTS)


def test_threads_share_one_client(nomic: OllamaEmbedder) -> None:
    expected = nomic.embed_query(CALM, "before").vector
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: nomic.embed_query(CALM, "before").vector, range(16)))
    assert all((vector == expected).all() for vector in found)
