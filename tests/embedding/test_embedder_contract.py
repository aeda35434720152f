"""Every embedder keeps the same promises."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tradingkb.embedding.cosine import CosineRegimeEmbedder
from tradingkb.embedding.ollama import OllamaEmbedders
from tradingkb.embedding.regime_embedder import RegimeEmbedder
from tradingkb.ports import Embedder
from tradingkb.resilience import Doors
from tradingkb.testing.embedder import SCALER, EmbedderContract
from tradingkb.testing.ollama_server import OllamaServer

OLLAMA_HOST = os.environ.get("OLLAMA_HOST")
MODEL = os.environ.get("TRADINGKB_TEST_OLLAMA_MODEL", "nomic-embed-text")


class TestRegime(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return RegimeEmbedder(SCALER)


class TestCosine(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return CosineRegimeEmbedder(SCALER)


@pytest.fixture(scope="module")
def server() -> Iterator[OllamaServer]:
    with OllamaServer({"nomic-embed-text": 768, "mxbai-embed-large": 1024}) as server:
        yield server


@pytest.fixture
def ollama(server: OllamaServer) -> Iterator[OllamaEmbedders]:
    embedders = OllamaEmbedders(server.url, batch=2)
    yield embedders
    embedders.close()


class TestOllamaProtocol(EmbedderContract):
    @pytest.fixture
    def embedder(self, ollama: OllamaEmbedders) -> Embedder:
        return ollama("nomic-embed-text", None)


class TestGuarded(EmbedderContract):
    @pytest.fixture
    def embedder(self, ollama: OllamaEmbedders) -> Iterator[Embedder]:
        doors = Doors({"ollama": True}, monotonic=time.monotonic, clock=lambda: datetime.now(UTC))
        yield doors.embedders(ollama)("mxbai-embed-large", None)
        state = doors.breakers["ollama"].state()
        assert (state.state, state.calls["failure"]) == ("closed", 0)


if OLLAMA_HOST:

    class TestOllamaServer(EmbedderContract):
        @pytest.fixture
        def embedder(self) -> Iterator[Embedder]:
            embedders = OllamaEmbedders(OLLAMA_HOST or "")
            yield embedders(MODEL, None)
            embedders.close()
else:

    @pytest.mark.skip("A REAL OLLAMA IS NOT TESTED: set OLLAMA_HOST to the address of one")
    def test_a_real_ollama_server_keeps_the_contract() -> None:
        raise AssertionError("never runs")
