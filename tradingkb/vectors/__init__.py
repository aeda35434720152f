"""Vector indexes: embedded (exact, in NumPy over tables of the store) and Qdrant."""

from tradingkb.ports import VectorIndex
from tradingkb.vectors.embedded import EmbeddedVectorIndex


def qdrant_index(url: str, api_key: str | None) -> VectorIndex:
    """The index on a Qdrant server (or `:memory:`).

    Raises:
        ConfigurationError: qdrant-client is not installed.
        BackendUnavailableError: the server does not answer.
    """
    # Its client is heavy, and most installations have none.
    from tradingkb.vectors.qdrant import QdrantVectorIndex
    from tradingkb.vectors.qdrant_connection import connect_qdrant

    return QdrantVectorIndex(connect_qdrant(url, api_key))


__all__ = ["EmbeddedVectorIndex", "qdrant_index"]
