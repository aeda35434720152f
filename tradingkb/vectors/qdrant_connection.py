"""Clients of Qdrant, and what their errors mean."""

from __future__ import annotations

import math
from json import JSONDecodeError

from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import (
    ApiException,
    ResponseHandlingException,
    UnexpectedResponse,
)

from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    EmptyCollectionError,
    TradingKBError,
)
from tradingkb.masking import masked, masked_url


def connect_qdrant(url: str, api_key: str | None = None, timeout_s: float = 10.0) -> QdrantClient:
    """A client whose calls end after `timeout_s`; `:memory:` needs no server.

    Raises:
        ConfigurationError: the URL cannot be read.
    """
    if url == ":memory:":
        return QdrantClient(location=url)
    try:
        # Its compatibility check asks the server in a thread and only warns.
        return QdrantClient(
            url=url, api_key=api_key, timeout=math.ceil(timeout_s), check_compatibility=False
        )
    except ValueError:  # its text may hold a part of a password
        raise ConfigurationError(
            f"QDRANT_URL {masked_url(url)!r} cannot be used: give it as http://host:6333, with / "
            "as %2F, # as %23 and @ as %40 in a user or password, and the key as QDRANT_API_KEY"
        ) from None


def translated(error: Exception, name: str) -> TradingKBError | None:
    """The error that says what to do next; None for one that nobody foresaw."""
    text = str(error).lower()
    status = error.status_code if isinstance(error, UnexpectedResponse) else None
    if status == 404 or "not found" in text:
        return EmptyCollectionError(f"vector collection {name!r} does not exist: run an ingest")
    if "dimension error" in text or "not aligned" in text:  # the server and the in-memory client
        return ConfigurationError(f"collection {name!r} has another dimension: {error}")
    if status in (401, 403):
        return ConfigurationError(f"Qdrant refused access: set QDRANT_API_KEY ({error})")
    source = error.source if isinstance(error, ResponseHandlingException) else None
    if isinstance(error, JSONDecodeError) or isinstance(source, ValueError):
        return ConfigurationError("what answers at QDRANT_URL is not Qdrant: check the address")
    no_answer = status is None and isinstance(error, ApiException | QdrantException)
    if no_answer or (status is not None and (status == 429 or status >= 500)):
        return BackendUnavailableError(f"Qdrant did not answer: {masked(repr(error))}")
    return None
