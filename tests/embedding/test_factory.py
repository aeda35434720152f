"""The embedders of an installation: built-in ones by name, all others of its server."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tradingkb.embedding import BUILT_IN, Embedders
from tradingkb.exceptions import ConfigurationError
from tradingkb.testing.ollama_server import OllamaServer


@pytest.mark.parametrize(("model", "dimension"), [("regime-v1", 64), ("regime-cosine-v1", 32)])
def test_a_built_in_model_needs_no_server(model: str, dimension: int) -> None:
    embedders = Embedders()
    embedder = embedders(model, None)
    assert (embedder.model, embedder.dimension) == (model, dimension)
    assert (embedder.remote, embedder.batch, embedders.is_remote(model)) == (False, None, False)


def test_another_model_without_a_server_is_refused_with_what_there_is() -> None:
    embedders = Embedders()
    assert embedders.is_remote("nomic-embed-text")
    with pytest.raises(ConfigurationError) as caught:
        embedders("nomic-embed-text", None)
    for name in ("nomic-embed-text", *BUILT_IN, "OLLAMA_HOST"):
        assert name in str(caught.value)


@pytest.mark.parametrize(("model", "dimension"), [("regime-v1", 32), ("regime-cosine-v1", 64)])
def test_a_dimension_that_a_built_in_model_does_not_make_is_refused_at_once(
    model: str, dimension: int
) -> None:
    with pytest.raises(ConfigurationError, match=rf"EMBED_DIM is {dimension}, .*'{model}' makes"):
        Embedders(demanded=(model, dimension))


def test_the_dimension_is_demanded_of_that_model_alone() -> None:
    embedders = Embedders(demanded=("regime-v1", 64))
    assert embedders("regime-cosine-v1", None).dimension == 32
    assert Embedders(demanded=("regime-v1", None))("regime-v1", None).dimension == 64


# --- models of a server ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[OllamaServer]:
    with OllamaServer({"nomic-embed-text": 768, "all-minilm": 384}) as server:
        yield server


def test_all_models_of_a_server_share_one_client_that_is_closed_with_them(
    server: OllamaServer,
) -> None:
    embedders = Embedders(ollama_host=server.url, batch=7)
    assert embedders("regime-v1", None).batch is None
    assert embedders._server is None, "nobody has been asked"
    found = [embedders(name, None) for name in ("nomic-embed-text", "all-minilm")]
    assert [(e.dimension, e.batch, e.remote) for e in found] == [(768, 7, True), (384, 7, True)]
    assert embedders._server is not None
    embedders.close()
    assert embedders._server is None
    embedders.close()


def test_a_dimension_that_a_servers_model_does_not_make_is_refused_when_it_is_made(
    server: OllamaServer,
) -> None:
    embedders = Embedders(ollama_host=server.url, demanded=("nomic-embed-text", 64))
    with pytest.raises(ConfigurationError) as caught:
        embedders("nomic-embed-text", None)
    assert str(caught.value) == (
        "dimension mismatch: EMBED_DIM is 64, but EMBED_MODEL 'nomic-embed-text' makes 768 "
        "dimensions: set EMBED_DIM=768, or leave it empty"
    )
    assert embedders("all-minilm", None).dimension == 384
    embedders.close()


def test_a_server_without_its_client_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tradingkb.embedding.ollama", None)
    embedders = Embedders(ollama_host="ollama")
    assert embedders("regime-v1", None).dimension == 64
    with pytest.raises(ConfigurationError, match=r"pip install 'tradingkb\[server\]'"):
        embedders("nomic-embed-text", None)
