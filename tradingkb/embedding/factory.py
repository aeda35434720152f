"""The embedders of one installation: those that are built in, and those of its Ollama server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from tradingkb.domain import FEATURES, RegimeScaler
from tradingkb.embedding import cosine, regime_embedder
from tradingkb.embedding.ollama_host import ollama_host as read_host
from tradingkb.exceptions import ConfigurationError
from tradingkb.ports import Embedder, EmbedderFactory

#: The embedder of each model that needs no server.
BUILT_IN: Final[dict[str, Callable[[RegimeScaler], Embedder]]] = {
    regime_embedder.MODEL: regime_embedder.RegimeEmbedder,
    cosine.MODEL: cosine.CosineRegimeEmbedder,
}
#: Without any regime there is nothing to embed; the embedder still has a name and a dimension.
_NEUTRAL: Final = RegimeScaler(0, (0.0,) * len(FEATURES), (1.0,) * len(FEATURES), 0)


class Embedders:
    """The `EmbedderFactory` port; safe to use from several threads."""

    def __init__(
        self,
        *,
        ollama_host: str | None = None,
        timeout_s: float = 60.0,
        batch: int = 32,
        demanded: tuple[str, int | None] | None = None,
    ) -> None:
        """Asks nobody yet.

        Args:
            ollama_host: OLLAMA_HOST, where all other models are; None: there is no server.
            timeout_s: seconds that one batch may take there.
            batch: texts in one request.
            demanded: EMBED_MODEL and its EMBED_DIM (None: whatever the model makes).

        Raises:
            ConfigurationError: the demanded model is built in and makes another dimension, or the
                host cannot be read.
        """
        if ollama_host is not None:
            read_host(ollama_host)
        self._host = ollama_host
        self._timeout_s = timeout_s
        self._batch = batch
        self._demanded = demanded
        self._lock = threading.Lock()
        self._server: EmbedderFactory | None = None
        if demanded is not None and demanded[0] in BUILT_IN:
            self(demanded[0], None)

    def __call__(self, model: str, scaler: RegimeScaler | None) -> Embedder:
        """The embedder of a model; see the port."""
        if model in BUILT_IN:
            embedder = BUILT_IN[model](scaler or _NEUTRAL)
        else:
            embedder = self._of_server(model)(model, scaler)
        self._check_dimension(embedder)
        return embedder

    def is_remote(self, model: str) -> bool:
        """Whether it is not built in."""
        return model not in BUILT_IN

    def pull(self, model: str, progress: Callable[[str, int, int], object]) -> None:
        """Lets the server download a model; see the port."""
        if model not in BUILT_IN:
            self._of_server(model).pull(model, progress)

    def close(self) -> None:
        """Releases the connections to the server."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.close()

    def _of_server(self, model: str) -> EmbedderFactory:
        """What makes the embedders of the server: one client for all of them."""
        if self._host is None:
            raise ConfigurationError(
                f"model {model!r} is not known here: built in are {', '.join(BUILT_IN)}, and "
                "OLLAMA_HOST names no Ollama server that may have others: set it, or choose "
                "another model where this one was chosen (`tradingkb activate` for a workspace, "
                "else EMBED_MODEL)"
            )
        with self._lock:
            if self._server is None:
                self._server = _server(self._host, self._timeout_s, self._batch)
            return self._server

    def _check_dimension(self, embedder: Embedder) -> None:
        """Refuses a model that does not make what EMBED_DIM says of it."""
        model, dimension = self._demanded or (None, None)
        if dimension is None or embedder.model != model or embedder.dimension == dimension:
            return
        raise ConfigurationError(
            f"dimension mismatch: EMBED_DIM is {dimension}, but EMBED_MODEL {model!r} makes "
            f"{embedder.dimension} dimensions: set EMBED_DIM={embedder.dimension}, or leave it "
            "empty"
        )


def _server(host: str, timeout_s: float, batch: int) -> EmbedderFactory:
    """What makes the embedders of a server.

    Raises:
        ConfigurationError: Ollama's client is not installed, or `host` cannot be read.
    """
    try:
        # Only here: an installation without a server need not have its client.
        from tradingkb.embedding.ollama import OllamaEmbedders
    except ImportError as error:
        raise ConfigurationError(
            "models of an Ollama server need its client: pip install 'tradingkb[server]'"
        ) from error
    return OllamaEmbedders(host, timeout_s=timeout_s, batch=batch)
