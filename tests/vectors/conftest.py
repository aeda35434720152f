from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from tradingkb.sql.engine import open_engine
from tradingkb.testing.qdrant_server import QdrantServer
from tradingkb.vectors.embedded import EmbeddedVectorIndex
from tradingkb.vectors.qdrant import QdrantVectorIndex
from tradingkb.vectors.qdrant_connection import connect_qdrant


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, with_tables: Callable[[str], str]) -> str:
    return with_tables(request.param)


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def embedded(engine: sa.Engine) -> EmbeddedVectorIndex:
    return EmbeddedVectorIndex(engine)


@pytest.fixture
def qdrant() -> Iterator[QdrantVectorIndex]:
    index = QdrantVectorIndex(connect_qdrant(":memory:"))
    yield index
    index.close()


@pytest.fixture(scope="module")
def running() -> Iterator[QdrantServer]:
    with QdrantServer() as server:
        yield server


@pytest.fixture
def server(running: QdrantServer) -> Iterator[QdrantServer]:
    """A Qdrant server that keeps nothing yet, and does as it is told until the test ends."""
    running.state.empty()
    running.requests.clear()
    yield running
    running.restore()
    running.version, running.reshape, running.most_groups = "1.16.0", None, None


@pytest.fixture(scope="module")
def client(running: QdrantServer) -> Iterator[QdrantVectorIndex]:
    index = QdrantVectorIndex(connect_qdrant(running.url))
    yield index
    index.close()


@pytest.fixture
def served(server: QdrantServer, client: QdrantVectorIndex) -> QdrantVectorIndex:
    """An index on that server; it keeps nothing, so tests share it."""
    assert client.collections() == []
    server.requests.clear()
    return client
