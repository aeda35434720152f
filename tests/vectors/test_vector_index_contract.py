"""Every vector index keeps the same promises."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

import pytest

from tradingkb.resilience import Doors
from tradingkb.testing.vector_index import VectorIndexContract
from tradingkb.vectors.qdrant import QdrantVectorIndex
from tradingkb.vectors.qdrant_connection import connect_qdrant

QDRANT_URL = os.environ.get("QDRANT_URL")


class TestEmbedded(VectorIndexContract):
    @pytest.fixture
    def index(self, embedded):
        return embedded


class TestQdrantInMemory(VectorIndexContract):
    keeps_snapshots = False

    @pytest.fixture
    def index(self, qdrant):
        return qdrant


class TestQdrantProtocol(VectorIndexContract):
    """Over real HTTP, with what a server does."""

    @pytest.fixture
    def index(self, served):
        return served


class TestGuarded(VectorIndexContract):
    @pytest.fixture
    def index(self, served):
        doors = Doors({"qdrant": True}, monotonic=time.monotonic, clock=lambda: datetime.now(UTC))
        yield doors.vectors(served)
        state = doors.breakers["qdrant"].state()
        assert (state.state, state.calls["failure"]) == ("closed", 0)


if QDRANT_URL:

    class TestQdrantServer(VectorIndexContract):
        @pytest.fixture
        def index(self):
            key = os.environ.get("QDRANT_API_KEY")
            client = connect_qdrant(QDRANT_URL, key)
            yield QdrantVectorIndex(client, api_key=key)
            for collection in client.get_collections().collections:
                if collection.name.startswith("contract_"):
                    for kept in client.list_snapshots(collection.name):
                        client.delete_snapshot(collection.name, kept.name)
                    client.delete_collection(collection.name)
            client.close()
else:

    @pytest.mark.skip("A REAL QDRANT IS NOT TESTED: set QDRANT_URL to the address of one")
    def test_a_real_qdrant_server_keeps_the_contract():
        raise AssertionError("never runs")
