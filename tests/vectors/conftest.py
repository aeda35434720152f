from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tradingkb.sql.engine import open_engine
from tradingkb.vectors import tables
from tradingkb.vectors.embedded import EmbeddedVectorIndex
from tradingkb.vectors.qdrant import QdrantVectorIndex
from tradingkb.vectors.qdrant_connection import connect_qdrant


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'kb.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = open_engine(url)
    tables.metadata.create_all(engine)
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
