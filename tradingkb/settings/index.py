"""What the vector index reads."""

from __future__ import annotations

from pydantic import Field

from tradingkb.settings.environment import EnvironmentSettings


class IndexSettings(EnvironmentSettings):
    """Where vectors are kept, and which model makes them."""

    qdrant_url: str | None = Field(
        None,
        alias="QDRANT_URL",
        description="Qdrant server (or :memory:); default: exact search in the store's own tables",
    )
    qdrant_api_key: str | None = Field(
        None, alias="QDRANT_API_KEY", description="API key of the Qdrant server", repr=False
    )
    embed_model: str = Field("regime-v1", alias="EMBED_MODEL", description="active embedding model")
    embed_dim: int = Field(64, alias="EMBED_DIM", gt=0, description="dimension of its vectors")
    collection: str | None = Field(
        None,
        alias="QDRANT_COLLECTION_ACTIVE",
        description="active vector collection; default: kb_<model>_v1",
    )
