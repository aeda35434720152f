"""Calls of Qdrant: one at a time where need be, within their time, their errors translated."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from qdrant_client import QdrantClient
from qdrant_client.local.qdrant_local import QdrantLocal

from tradingkb.exceptions import TradingKBError
from tradingkb.ports import patience
from tradingkb.vectors.qdrant_connection import (
    TIMEOUT_S,
    UNFORESEEN,
    UNSUITABLE,
    dimension_of,
    no_collection,
    other_dimension,
    status_of,
    translated,
    unknown_request,
)

Json = dict[str, Any]


class QdrantCalls:
    """Part of `QdrantVectorIndex`."""

    def __init__(self, client: QdrantClient, timeout_s: float = TIMEOUT_S) -> None:
        """Wraps a client; `timeout_s` is what one request may take in all."""
        self.client = client
        self._timeout_s = timeout_s
        # There is no public way to ask a client whether it is the in-memory one.
        self._local = isinstance(client._client, QdrantLocal)
        # The in-memory client is not thread-safe.
        self._guard: AbstractContextManager[Any] = (
            threading.RLock() if self._local else nullcontext()
        )

    @contextmanager
    def _calling(
        self,
        name: str | None,
        *,
        dimension: int | None = None,
        timeout_s: float | None = None,
        look: bool = True,
    ) -> Iterator[None]:
        """One request, alone if need be, and no longer than its time; errors are translated.

        Args:
            name: the collection that is asked; None where it is none.
            dimension: of the vectors that are sent.
            timeout_s: what it may take in all, where that is more than usual.
            look: whether the collection is looked at when the server refuses.
        """
        try:
            with self._guard, patience(timeout_s or self._timeout_s):
                yield
        except TradingKBError:
            raise
        except UNFORESEEN as error:
            answer = self._meaning(error, name if look else None, dimension, name)
            if answer is None:
                raise
            raise answer from error

    def _meaning(
        self, error: Exception, looked_at: str | None, dimension: int | None, name: str | None
    ) -> TradingKBError | None:
        """What an error means; None for a bug."""
        refused = self._local or status_of(error) in UNSUITABLE
        if looked_at is None or not refused:
            return None if self._local and looked_at is None else translated(error, name)
        try:
            with self._guard, patience(self._timeout_s):
                held = dimension_of(self._info(looked_at))
        except UNFORESEEN as found:
            return no_collection(looked_at) if self._local else translated(found, looked_at)
        if dimension is not None and held is not None and held != dimension:
            return other_dimension(looked_at, held, dimension)
        if self._local:
            return None
        status = status_of(error)
        if status in (404, 405):
            return unknown_request(looked_at, status)
        return translated(error, looked_at)

    def _info(self, name: str) -> Json:
        """What the server says of a collection, as it says it.

        The models of the client refuse fields that later servers add.
        """
        if self._local:
            return self.client.get_collection(name).model_dump(mode="json")
        said = self._asked("GET", "/collections/{name}", {"name": name})
        dimension_of(said)  # raises over what is no description
        found: Json = said
        return found

    def _asked(
        self,
        method: str,
        path: str,
        names: dict[str, str],
        *,
        timeout_s: float | None = None,
        body: Json | None = None,
    ) -> Any:
        """The result of a request that is sent as it is; waited for where `timeout_s` is given."""
        options: Json = {} if body is None else {"json": body}
        if timeout_s is not None:
            options |= {"timeout": timeout_s, "params": {"wait": "true"}}
        said = self.client.http.client.request(
            type_=Json, method=method, url=path, path_params=names, **options
        )
        return said["result"]
