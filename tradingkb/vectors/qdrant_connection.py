"""Clients of Qdrant, and what their errors mean: by class and status, never by text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

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
#: Statuses of requests that a server understood and will not do: what is wrong, its state says.
UNSUITABLE: Final = frozenset({400, 404, 405, 409, 422})
#: The first version that searches by groups as it is asked here.
OLDEST: Final = "1.10"
#: Of a server's own words, so many.
_LONGEST_WORDS: Final = 200


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
        # Its compatibility check asks the server in a thread and only warns. As a header the key
        # is sent without a warning that there is no TLS, which a network of containers has not.
        return QdrantClient(
            url=url,
            timeout=math.ceil(timeout_s),
            check_compatibility=False,
            transport=patient_transport(url),
            headers={"api-key": api_key} if api_key else None,
        )
    except ValueError:  # its text may hold a part of a password
        raise ConfigurationError(
            f"QDRANT_URL {masked_url(url)!r} cannot be used: give it as http://host:6333, with / "
            "as %2F, # as %23 and @ as %40 in a user or password, and the key as QDRANT_API_KEY"
        ) from None


def translated(error: Exception, name: str | None) -> TradingKBError:
    """The error that says what to do next, by class and status.

    Args:
        error: of qdrant_client.
        name: of the collection that was asked for; None where none was.
    """
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


def status_of(error: Exception) -> int | None:
    """The HTTP status that an error tells of."""
    return error.status_code if isinstance(error, UnexpectedResponse) else None


def no_collection(name: str) -> EmptyCollectionError:
    """The error of a collection that does not exist."""
    return EmptyCollectionError(f"vector collection {name!r} does not exist: run an ingest")


def other_dimension(name: str, held: int, sent: int) -> ConfigurationError:
    """The error of vectors that do not fit a collection."""
    return ConfigurationError(
        f"collection {name!r} has dimension {held}, the vectors have {sent}: check the embedding "
        "model and the collection, or re-embed into a new one"
    )


def unknown_request(name: str, status: int) -> ConfigurationError:
    """The error of a request that a server does not know, about a collection that it has."""
    return ConfigurationError(
        f"Qdrant has collection {name!r}, but does not know what is asked of it (status {status}): "
        f"its version has to be {OLDEST} or later"
    )


def dimension_of(info: Mapping[str, Any]) -> int | None:
    """The dimension in the description of a collection with one vector per point."""
    vectors = info["config"]["params"].get("vectors")
    size = vectors.get("size") if isinstance(vectors, Mapping) else None
    return size if isinstance(size, int) else None


def foreign_kind(info: Mapping[str, Any]) -> str | None:
    """Why a collection of such a description is none of tradingkb's; None where it may be."""
    params = info["config"]["params"]
    vectors = params.get("vectors")
    if dimension_of(info) is None or params.get("sparse_vectors"):
        return "it does not hold one unnamed vector per point"
    if vectors.get("multivector_config"):
        return "it holds several vectors per point"
    if vectors.get("distance") != "Cosine":
        return "its vectors are not compared by cosine"
    return None


def _of_status(error: UnexpectedResponse, status: int, name: str | None) -> TradingKBError:
    if status == 404 and _said(error) is None:
        return _not_qdrant("it knows no such route (status 404)")
    if status == 404 and name is not None:
        return no_collection(name)
    if status in (401, 403):
        return ConfigurationError(
            f"Qdrant refused access: status {status}{_words(error)}; set QDRANT_API_KEY to a key "
            "that may write, unless the server says otherwise"
        )
    if status in (408, 429) or status >= 500:
        return BackendUnavailableError(f"Qdrant did not answer: status {status}{_words(error)}")
    if 300 <= status < 400:
        return _not_qdrant(f"it answers by sending elsewhere (status {status})")
    about = "" if name is None else f" about collection {name!r}"
    return ConfigurationError(
        f"Qdrant refused a request{about}: status {status}{_words(error)}; check that its version "
        "is one that qdrant-client supports"
    )


def _said(error: UnexpectedResponse) -> str | None:
    """What a Qdrant server says of an error; None of what is no answer of one."""
    try:
        said = json.loads(error.content)["status"]["error"]
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    return said if isinstance(said, str) else None


def _words(error: UnexpectedResponse) -> str:
    """What the server says of it, without what may be secret."""
    said = _said(error)
    return f" ({masked(said)[:_LONGEST_WORDS]})" if said else ""


def _not_qdrant(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"what answers at QDRANT_URL is not Qdrant, or of another version: {why}; check the address"
    )
