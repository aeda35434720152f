"""Clients of Qdrant, and what their errors mean."""

from __future__ import annotations

import math
from typing import Final

import httpx
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
from tradingkb.resilience import patient_transport

#: How long one request may take in all.
TIMEOUT_S: Final = 10.0
#: What qdrant_client raises over answers that are no answers of Qdrant: it takes them apart unseen.
UNFORESEEN: Final = (
    ApiException,
    QdrantException,
    ValueError,
    AssertionError,
    AttributeError,
    KeyError,
    IndexError,
    TypeError,
)


def connect_qdrant(
    url: str, api_key: str | None = None, timeout_s: float = TIMEOUT_S
) -> QdrantClient:
    """A client none of whose waits is longer than `timeout_s`; `:memory:` needs no server.

    A request as a whole ends with the caller's `patience`.

    Raises:
        ConfigurationError: the URL cannot be read.
    """
    if url == ":memory:":
        return QdrantClient(location=url)
    try:
        # Its compatibility check asks the server in a thread and only warns.
        return QdrantClient(
            url=url,
            api_key=api_key,
            timeout=math.ceil(timeout_s),
            check_compatibility=False,
            transport=patient_transport(url),
        )
    except ValueError:  # its text may hold a part of a password
        raise ConfigurationError(
            f"QDRANT_URL {masked_url(url)!r} cannot be used: give it as http://host:6333, with / "
            "as %2F, # as %23 and @ as %40 in a user or password, and the key as QDRANT_API_KEY"
        ) from None


def translated(error: Exception, name: str) -> TradingKBError:
    """The error that says what to do next, by class and status."""
    if isinstance(error, UnexpectedResponse):
        return _of_status(error, error.status_code or 0, name)
    if isinstance(error, QdrantException):  # 429 that says when to come again
        return BackendUnavailableError(f"Qdrant did not answer: {masked(repr(error))}")
    if isinstance(error, ResponseHandlingException):
        source = error.source
        if isinstance(source, ValueError | httpx.DecodingError):  # ValidationError is one
            return _not_qdrant("its answer cannot be read")
        return BackendUnavailableError(f"Qdrant did not answer: {masked(repr(source))}")
    if isinstance(error, ValueError):
        return _not_qdrant("its answer cannot be read")
    return _not_qdrant("it does not answer as Qdrant does")


def translated_local(error: Exception, name: str) -> TradingKBError | None:
    """As `translated`, of the in-memory client, which knows no codes; None for a bug."""
    text = str(error).lower()
    if "not found" in text:
        return _no_collection(name)
    if "not aligned" in text or "dimension error" in text:
        return ConfigurationError(f"collection {name!r} has another dimension: {error}")
    return None


def _of_status(error: UnexpectedResponse, status: int, name: str) -> TradingKBError:
    if status == 404:
        return _no_collection(name)
    if status in (401, 403):
        return ConfigurationError(f"Qdrant refused access: set QDRANT_API_KEY (status {status})")
    if status == 429 or status >= 500:
        return BackendUnavailableError(f"Qdrant did not answer: status {status}")
    if status == 400 and b"dimension error" in error.content.lower():
        return ConfigurationError(f"collection {name!r} has another dimension: {error}")
    if 300 <= status < 400:
        return _not_qdrant(f"it answers by sending elsewhere (status {status})")
    return ConfigurationError(
        f"Qdrant refused a request about collection {name!r}: {error}; "
        "check that its version is one that qdrant-client supports"
    )


def _no_collection(name: str) -> TradingKBError:
    return EmptyCollectionError(f"vector collection {name!r} does not exist: run an ingest")


def _not_qdrant(why: str) -> TradingKBError:
    return ConfigurationError(f"what answers at QDRANT_URL is not Qdrant: {why}; check the address")
