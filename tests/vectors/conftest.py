from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from tradingkb.sql.engine import open_engine
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
