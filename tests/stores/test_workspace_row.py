"""The runbook's UPDATE of a workspace's row, as it is written there, while a service runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

import tradingkb as tkb
from tests.survival.workload import OHLCV, sample
from tradingkb.domain import IndexTarget

#: "Embedding Model Rotation", step 3.
RUNBOOK = """
-- Via Supabase SQL Editor or psql
UPDATE workspaces
SET
  default_embed_model = 'mxbai-embed-large',
  default_collection = 'kb_mxbai_embed_large_v1',
  config = config || '{"chunking": {"embed_model": "mxbai-embed-large"}}'::jsonb
WHERE slug = 'trading';
"""
#: The same with a model that is built in.
BUILT_IN = RUNBOOK.replace("mxbai-embed-large", "regime-cosine-v1").replace(
    "kb_mxbai_embed_large_v1", "kb_regime_cosine_v1_v1"
)
MARKET = {"regime": ["uptrend"]}


@pytest.fixture
def database(with_tables: Callable[[str], str]) -> str:
    return with_tables("postgresql")


@pytest.fixture
def psql(database: str) -> Callable[..., None]:
    """Somebody else's connection, without anything of ours."""

    def run(text: str) -> None:
        engine = sa.create_engine(database)
        with engine.begin() as connection:
            assert connection.exec_driver_sql(text).rowcount == 1
        engine.dispose()

    return run


def target(kb: tkb.KnowledgeBase) -> IndexTarget:
    return kb.use_cases.workspaces.named("trading")


def test_the_runbooks_update_is_in_force_for_the_next_question_and_ingest(
    database: str, psql: Callable[..., None], tmp_path: Path
) -> None:
    with tkb.connect(tmp_path, progress=False, database_url=database) as kb:
        kb.create_workspace("trading")
        kb.ingest(sample([0, 1]), workspace="trading", ohlcv=OHLCV)
        before = target(kb)
        assert (before.model, before.collection) == ("regime-v1", "kb_regime_v1_v1")
        kb.recommend("sma_cross", workspace="trading", **MARKET)
        psql(RUNBOOK)
        now = target(kb)
        assert (now.model, now.collection) == ("mxbai-embed-large", "kb_mxbai_embed_large_v1")
        answer = kb.recommend("sma_cross", workspace="trading", **MARKET)
        assert answer.metadata_only
        assert "no_embedding_available" in answer.reasons
        with pytest.raises(tkb.ConfigurationError, match="mxbai-embed-large"):
            kb.ingest(sample([2]), workspace="trading")
        assert kb.workspaces()["embed_model"].to_list() == ["mxbai-embed-large"]


def test_a_model_that_is_there_is_used_by_the_next_ingest_and_found_by_the_next_question(
    database: str, psql: Callable[..., None], tmp_path: Path
) -> None:
    with tkb.connect(tmp_path, progress=False, database_url=database) as kb:
        kb.create_workspace("trading")
        kb.ingest(sample([0, 1]), workspace="trading", ohlcv=OHLCV)
        assert not kb.recommend("sma_cross", workspace="trading", **MARKET).metadata_only
        psql(BUILT_IN)
        assert kb.recommend("sma_cross", workspace="trading", **MARKET).metadata_only
        kb.reembed(workspace="trading")
        assert not kb.recommend("sma_cross", workspace="trading", **MARKET).metadata_only
        assert kb.ingest(sample([2]), workspace="trading", ohlcv=OHLCV).inserted > 0
        vectors = kb.use_cases.indexer.vectors
        assert vectors.count("kb_regime_cosine_v1_v1") > vectors.count("kb_regime_v1_v1")


def test_the_row_comes_before_the_environment_and_its_columns_before_its_config(
    database: str, psql: Callable[..., None], tmp_path: Path
) -> None:
    given = {"embed_model": "regime-cosine-v1", "embed_dim": 32, "collection": "kb_mine"}
    with tkb.connect(tmp_path, progress=False, database_url=database, **given) as kb:
        kb.create_workspace("trading")
        assert (target(kb).model, target(kb).collection) == ("regime-cosine-v1", "kb_mine")
        psql("""UPDATE workspaces SET config = config || '{"chunking": {"embed_model": "a"}}'""")
        assert (target(kb).model, target(kb).collection) == ("a", "kb_mine")
        psql(RUNBOOK)
        assert target(kb).model == "mxbai-embed-large"
        psql("UPDATE workspaces SET default_embed_model = 'b' WHERE slug = 'trading'")
        assert (target(kb).model, target(kb).collection) == ("b", "kb_mxbai_embed_large_v1")
