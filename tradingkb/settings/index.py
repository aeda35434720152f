"""What the vector index reads."""

from __future__ import annotations

from pydantic import Field, field_validator

from tradingkb.settings.environment import EnvironmentSettings
from tradingkb.settings.urls import check_web_url


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
    qdrant_shard_number: int | None = Field(
        None,
        alias="QDRANT_SHARD_NUMBER",
        gt=0,
        description="shards of a new collection; default: the server's",
    )
    qdrant_replication_factor: int | None = Field(
        None,
        alias="QDRANT_REPLICATION_FACTOR",
        gt=0,
        description="copies of each shard of a new collection; default: the server's",
    )
    qdrant_write_consistency_factor: int | None = Field(
        None,
        alias="QDRANT_WRITE_CONSISTENCY_FACTOR",
        gt=0,
        description="copies that must confirm a write into a new collection; default: the server's",
    )
    embed_model: str = Field(
        "regime-v1",
        alias="EMBED_MODEL",
        description="active embedding model: one that is built in, or one of the Ollama server",
    )
    embed_dim: int | None = Field(
        None,
        alias="EMBED_DIM",
        gt=0,
        description="dimension that its vectors must have; default: whatever the model makes",
    )
    embed_batch: int = Field(
        32,
        alias="EMBED_BATCH",
        gt=0,
        description="texts in one request to the Ollama server; each batch is stored before the "
        "next one",
    )
    ollama_host: str | None = Field(
        None,
        alias="OLLAMA_HOST",
        description="Ollama server, such as http://127.0.0.1:11434; needed by an EMBED_MODEL that "
        "is not built in",
    )
    ollama_timeout_s: float = Field(
        60.0,
        alias="OLLAMA_TIMEOUT_S",
        gt=0,
        description="seconds that one batch of texts may take on the Ollama server; a question "
        "waits 5 at most",
    )
    collection: str | None = Field(
        None,
        alias="QDRANT_COLLECTION_ACTIVE",
        description="active vector collection; default: kb_<model>_v1",
    )

    @field_validator("qdrant_url")
    @classmethod
    def _address_that_ends(cls, url: str | None) -> str | None:
        if url is not None:
            check_web_url(url)
        return url
