"""Vector indexes: embedded (exact, in NumPy over tables of the store) and Qdrant."""

from tradingkb.ports import VectorIndex
from tradingkb.vectors.embedded import EmbeddedVectorIndex


def qdrant_index(
    url: str,
    api_key: str | None = None,
    *,
    shard_number: int | None = None,
    replication_factor: int | None = None,
    write_consistency_factor: int | None = None,
) -> VectorIndex:
    """The index on a Qdrant server (or `:memory:`).

    Args:
        url: of the server.
        api_key: that it asks for.
        shard_number: of new collections; None for the server's default.
        replication_factor: copies of each shard of new collections, likewise.
        write_consistency_factor: how many copies must confirm a write, likewise.

    Raises:
        ConfigurationError: qdrant-client is not installed.
        BackendUnavailableError: the server does not answer.
    """
    # Its client is heavy, and most installations have none.
    from tradingkb.vectors.qdrant import QdrantVectorIndex
    from tradingkb.vectors.qdrant_connection import connect_qdrant

    return QdrantVectorIndex(
        connect_qdrant(url, api_key),
        api_key=api_key,
        shard_number=shard_number,
        replication_factor=replication_factor,
        write_consistency_factor=write_consistency_factor,
    )


__all__ = ["EmbeddedVectorIndex", "qdrant_index"]
