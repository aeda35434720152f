"""Embedders of an Ollama server: language models that read how a market was.

Windows and questions become text in the same words (`tradingkb.domain.window_text`), with the
prompts that the model was trained with, and the server makes a vector of each. What makes a vector
is part of `pipeline`: the digest of the model's files, because a tag can be pulled anew without a
word, the form of the text, the prompts, and how a text is cut.

How well a model tells numeric regimes apart differs: `kb.compare_models` measures it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import httpcore
import httpx
import numpy as np

from tradingkb.domain import TEXT_FORM, Regime, RegimeScaler, Side, query_text, window_text
from tradingkb.embedding.halving import Floats, RefusedTextsError, in_halves, unit_vectors
from tradingkb.embedding.ollama_connection import QUESTION_S, ModelInfo, OllamaConnection
from tradingkb.embedding.prompts import prompts_of
from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    NotReadyError,
    UnembeddableError,
)
from tradingkb.ports import PAYLOAD_VERSION, Embedder, Floats32, QueryVector, WindowDocument

#: Of this adapter: another one cuts texts otherwise.
_VERSION: Final = "ollama-1"
#: Characters of our texts that make a token at least. Measured on 833 windows: 3.75 with BERT's
#: word pieces (167 tokens at most), 2.94 where a token has four letters at most.
_CHARS_PER_TOKEN: Final = 2.9
#: Tokens that a model puts around a text.
_OWN_TOKENS: Final = 2
#: A text that every model reads: where it is refused too, no text is at fault.
_CONTROL: Final = "market"


class OllamaEmbedder:
    """The `Embedder` port over one model of a server."""

    remote = True

    def __init__(self, connection: OllamaConnection, info: ModelInfo, *, batch: int = 32) -> None:
        """Takes what is known of the model.

        Args:
            connection: to its server.
            info: what that says of it.
            batch: texts in one request.

        Raises:
            BackendUnavailableError, ConfigurationError: the server does not say the dimension, and
                did not make a vector either.
        """
        self._connection = connection
        self._info = info
        self._prompts = prompts_of(info.name)
        self.model: str = info.name
        self.batch: int | None = batch
        self.pipeline: str = "/".join(
            (_VERSION, info.digest[:12], PAYLOAD_VERSION, TEXT_FORM, self._prompts.version)
        )
        self.dimension: int = info.dimension or len(
            connection.embed(info.name, [_CONTROL], QUESTION_S)[0]
        )

    def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
        """Unit vectors, shape (n, dimension); zeros where no regime of a window is known.

        Raises:
            UnembeddableError: the model makes no vectors of some of them.
            ConfigurationError: it is missing, or its vectors have another dimension.
            NotReadyError: its tag was pulled anew meanwhile: vectors of two models do not go
                together.
            BackendUnavailableError: the server did not answer.
        """
        found = np.zeros((len(documents), self.dimension), dtype=np.float32)
        texts = [window_text(one.before, one.during) for one in documents]
        told = [place for place, text in enumerate(texts) if text]
        if not told:
            return found
        step, refused = self.batch or len(told), {}
        for start in range(0, len(told), step):
            places = told[start : start + step]
            vectors, bad = self._vectors([texts[place] for place in places])
            refused.update({places[place]: why for place, why in bad.items()})
            if len(vectors):
                found[[place for n, place in enumerate(places) if n not in bad]] = vectors
        if self._connection.digest(self.model) != self._info.digest:
            raise NotReadyError(
                f"model {self.model!r} was pulled anew while it embedded: run it again"
            )
        if refused:
            raise UnembeddableError(self.model, refused)
        return found

    def embed_query(self, regime: Regime, side: Side) -> QueryVector:
        """The vector of a question; of a regime without features, one of no market in particular.

        Raises:
            ConfigurationError, BackendUnavailableError: as of `embed_documents`.
        """
        text = query_text(regime, side) or _CONTROL
        try:
            vector = self._asked([self._prompted(self._prompts.query, text)], QUESTION_S)[0]
        except RefusedTextsError as error:
            raise ConfigurationError(
                f"model {self.model!r} makes no vector of the question's regime: {error}"
            ) from error
        except BackendUnavailableError as error:
            if isinstance(error.__cause__, httpcore.TimeoutException | httpx.TimeoutException):
                self._connection.warm(self.model)
            raise
        return QueryVector(vector.astype(np.float32))

    def _vectors(self, texts: Sequence[str]) -> tuple[Floats, dict[int, str]]:
        """Vectors of windows' texts, and why there are none of some, by their place."""
        prompted = [self._prompted(self._prompts.document, text) for text in texts]
        return in_halves(prompted, self._asked, self._check_model)

    def _check_model(self, why: str) -> None:
        """Refuses a model that makes no vectors of any text."""
        try:
            self._asked([_CONTROL])
        except RefusedTextsError as error:
            raise ConfigurationError(
                f"model {self.model!r} makes no vectors at all: {why}"
            ) from error

    def _asked(self, texts: Sequence[str], limit_s: float | None = None) -> Floats:
        vectors = unit_vectors(self._connection.embed(self.model, texts, limit_s), len(texts))
        if vectors.shape[1] != self.dimension:
            raise ConfigurationError(
                f"model {self.model!r} was said to make {self.dimension} dimensions and makes "
                f"{vectors.shape[1]}: pull it again"
            )
        return vectors

    def _prompted(self, prompt: str, text: str) -> str:
        """What the model reads: its prompt, and as much of the text as it has room for."""
        if self._info.context is None:
            return prompt + text
        room = int((self._info.context - _OWN_TOKENS) * _CHARS_PER_TOKEN) - len(prompt)
        return prompt + cut(text, room)


def cut(text: str, room: int) -> str:
    """A text of at most `room` characters: of each line as much as of the others."""
    if len(text) <= room:
        return text
    lines = text.split("\n")
    share = max((room + 1) // len(lines) - 1, 0)
    return "\n".join(line[:share] for line in lines)


class OllamaEmbedders:
    """The `EmbedderFactory` port over all models of one server, by one client."""

    def __init__(
        self,
        host: str,
        *,
        timeout_s: float = 60.0,
        batch: int = 32,
    ) -> None:
        """Asks nobody yet.

        Args:
            host: OLLAMA_HOST.
            timeout_s: seconds that one batch may take in all.
            batch: texts in one request.

        Raises:
            ConfigurationError: `host` cannot be read.
        """
        self.connection = OllamaConnection(host, timeout_s=timeout_s)
        self._batch = batch

    def __call__(self, model: str, scaler: RegimeScaler | None) -> Embedder:  # noqa: ARG002
        """The embedder of a model as it is now; texts need no scaler.

        Raises:
            ConfigurationError: the server has no such model, or is none of Ollama.
            BackendUnavailableError: it did not answer.
        """
        return OllamaEmbedder(self.connection, self.connection.info(model), batch=self._batch)

    def is_remote(self, model: str) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def pull(self, model: str, progress: Callable[[str, int, int], object]) -> None:
        """Lets the server download a model; see the port."""
        self.connection.pull(model, lambda what, *sizes: progress(what, *map(_megabytes, sizes)))

    def close(self) -> None:
        """Closes its connections."""
        self.connection.close()


def _megabytes(n_bytes: int) -> int:
    return -(-n_bytes // 1_000_000)
