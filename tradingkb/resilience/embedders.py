"""The door of embedders that are servers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from tradingkb.domain import Regime, RegimeScaler, Side
from tradingkb.exceptions import ConfigurationError, NotReadyError
from tradingkb.ports import Embedder, EmbedderFactory, Floats32, QueryVector, WindowDocument
from tradingkb.resilience.guards import Guard

#: Seconds for which it is believed what a server said of a model. To ask costs two short requests;
#: a tag that is pulled anew meanwhile is neither told nor minded until then.
KEPT_S: Final = 5.0


class GuardedEmbedder:
    """The `Embedder` port over another one that asks a server."""

    remote = True

    def __init__(self, embedder: Embedder, guard: Guard, forget: Callable[[], object]) -> None:
        """Stands before an embedder; `forget` is called once it is not what it was made for."""
        self.embedder = embedder
        self.model: str = embedder.model
        self.dimension: int = embedder.dimension
        self.pipeline: str = embedder.pipeline
        self.batch: int | None = embedder.batch
        self._guard = guard
        self._forget = forget

    def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
        """Unit vectors, shape (n, dimension); a row of zeros where nothing can be embedded."""
        with self._believed():
            return self._guard.call(lambda: self.embedder.embed_documents(documents), bulk=True)

    def embed_query(self, regime: Regime, side: Side) -> QueryVector:
        """The query's vector."""
        with self._believed():
            return self._guard.call(lambda: self.embedder.embed_query(regime, side))

    @contextmanager
    def _believed(self) -> Iterator[None]:
        """Whoever is told to run it again must not meet the same embedder again."""
        try:
            yield
        except (ConfigurationError, NotReadyError):
            self._forget()
            raise


class GuardedEmbedders:
    """The `EmbedderFactory` port over another one; those that are built in ask nobody.

    What a server said of a model is kept for seconds, here and not behind the guard: an answer
    that nobody was asked for says nothing of the server, and would end its failures in a row.
    """

    def __init__(self, make: EmbedderFactory, guard: Guard) -> None:
        """Stands before a factory."""
        self._make = make
        self._guard = guard
        self._kept: dict[tuple[str, int | None], tuple[float, Embedder]] = {}

    def __call__(self, model: str, scaler: RegimeScaler | None) -> Embedder:
        """The embedder; a server is asked about its model, so the question is guarded too."""
        if not self.is_remote(model):
            return self._make(model, scaler)
        key = (model, scaler.version if scaler is not None else None)
        until, kept = self._kept.get(key, (-math.inf, None))
        if kept is not None and self._guard.monotonic() < until:
            return kept
        embedder = self._guard.call(lambda: self._make(model, scaler))
        made = GuardedEmbedder(embedder, self._guard, lambda: self._kept.pop(key, None))
        self._kept[key] = (self._guard.monotonic() + KEPT_S, made)
        return made

    def is_remote(self, model: str) -> bool:
        """Whether a model of that name would be a server's."""
        return self._make.is_remote(model)

    def pull(self, model: str, progress: Callable[[str, int, int], object]) -> None:
        """Pulls a model, and forgets what was kept; it takes long and says nothing of questions."""
        try:
            self._make.pull(model, progress)
        finally:
            self._kept.clear()

    def close(self) -> None:
        """Closes what it stands before."""
        self._make.close()
