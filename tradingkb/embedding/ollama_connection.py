"""The client of an Ollama server, and what its errors mean."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpcore
import httpx
from ollama import Client, ResponseError, ShowResponse

from tradingkb.embedding.halving import RefusedTextsError
from tradingkb.embedding.ollama_host import ollama_host
from tradingkb.exceptions import BackendUnavailableError, ConfigurationError, TradingKBError
from tradingkb.masking import masked
from tradingkb.ports import patience
from tradingkb.resilience import patient_transport

T = TypeVar("T")
#: Seconds that a question, and what is asked about a model, may take in all.
QUESTION_S: Final = 5.0
#: Seconds of a pull in which nothing is said; a large file is verified in silence.
PULL_SILENCE_S: Final = 600.0
#: What the network does, and what a transport of ours raises over it.
_NO_ANSWER: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.ConnectionNotAvailable,
    httpx.TransportError,
    ConnectionError,
)
#: What Ollama's client raises over answers that are no answers of Ollama: it takes them apart
#: unseen.
_UNFORESEEN: Final = (
    httpx.DecodingError,
    ValueError,
    AttributeError,
    KeyError,
    TypeError,
)
#: Errors under 400 that are of the program that runs the model, which died or is not up yet.
_RUNNER: Final = re.compile(
    r"do embedding request|\bEOF\b|runner|connection re(?:fused|set)|out of memory", re.IGNORECASE
)
#: Errors under 500 that are of a text: before 0.13 a NaN could not be written into the answer.
_OF_TEXT: Final = re.compile(r"\bNaN\b|\bInf\b|unsupported value|context length|too large", re.I)


@dataclass(frozen=True)
class ModelInfo:
    """What the server says of a model.

    Attributes:
        name: as it was asked for.
        digest: of its files, hexadecimal; another one after another pull.
        dimension: of its vectors; None where the server does not say.
        context: tokens that it reads; None likewise.
    """

    name: str
    digest: str
    dimension: int | None
    context: int | None


class OllamaConnection:
    """One client of one server; safe to use from several threads."""

    def __init__(self, host: str, *, timeout_s: float = 60.0) -> None:
        """Asks nobody yet.

        Args:
            host: OLLAMA_HOST.
            timeout_s: seconds that one batch of texts may take in all.

        Raises:
            ConfigurationError: `host` cannot be read.
        """
        self._host = ollama_host(host)
        self._timeout_s = timeout_s
        self._client = self._connect(timeout_s)
        self._warming = threading.Lock()

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    def digest(self, model: str) -> str:
        """Of the model that has this name now.

        Raises:
            ConfigurationError: no model has, or what answers is no Ollama.
            BackendUnavailableError: nobody answered.
        """
        listed = self._asked(model, lambda: self._client.list().models, QUESTION_S)
        for one in listed:
            if one.digest and full_name(one.model or "") == full_name(model):
                return str(one.digest)
        raise missing(model)

    def info(self, model: str) -> ModelInfo:
        """What the server says of a model; raises as `digest` does."""
        digest = self.digest(model)
        shown = self._asked(model, lambda: self._client.show(model), QUESTION_S)
        return ModelInfo(model, digest, _number(shown, "embedding_length"), _context(shown))

    def embed(
        self, model: str, texts: Sequence[str], limit_s: float | None = None
    ) -> Sequence[Sequence[float]]:
        """The server's vectors, unchecked; a text that is too long is an error and not cut.

        Args:
            model: its name.
            texts: in one request.
            limit_s: seconds in all; None: those of a batch.

        Raises:
            RefusedTextsError: it makes none of these texts together.
            ConfigurationError, BackendUnavailableError: as of `digest`.
        """

        def ask() -> Sequence[Sequence[float]]:
            return self._client.embed(model, list(texts), truncate=False).embeddings

        limit = self._timeout_s if limit_s is None else limit_s
        return self._asked(model, ask, limit, of_texts=True)

    def warm(self, model: str) -> None:
        """Lets the server load a model, and does not wait for it.

        A client that goes away ends the loading (Ollama's llm/llama_server.go): a model that takes
        longer than a question may would never be loaded by questions.
        """
        if self._warming.acquire(blocking=False):
            threading.Thread(
                target=self._warm, args=(model,), name="loading of a model", daemon=True
            ).start()

    def pull(self, model: str, progress: Callable[[str, int, int], object]) -> None:
        """Downloads a model; one that is there already costs a moment.

        Args:
            model: its name.
            progress: told of each file how many bytes of how many are there.

        Raises:
            ConfigurationError: there is no such model, or the pull failed for another reason that
                waiting does not mend.
            BackendUnavailableError: the download broke off; what has come is kept by the server.
        """
        # The library's client has one limit for all that it asks; this one is silent for long.
        with self._connect(PULL_SILENCE_S) as client:
            last = self._asked(model, lambda: _followed(client, model, progress), None)
        if last != "success":
            raise BackendUnavailableError(
                f"the pull of {model!r} ended after {last!r}, and not with success: pull it again"
            )

    def _warm(self, model: str) -> None:
        try:
            with contextlib.suppress(Exception):  # whoever needs it will be told
                self.embed(model, [])
        finally:
            self._warming.release()

    def _connect(self, timeout_s: float) -> Client:
        host = self._host
        return Client(
            host.url,
            timeout=timeout_s,
            auth=host.auth,
            follow_redirects=False,
            transport=patient_transport(host.url),
        )

    def _asked(
        self, model: str, ask: Callable[[], T], limit_s: float | None, *, of_texts: bool = False
    ) -> T:
        """What the server says, with errors that say what to do next."""
        try:
            with contextlib.nullcontext() if limit_s is None else patience(limit_s):
                return ask()
        except ResponseError as error:
            if of_texts and _is_of_texts(error):
                raise RefusedTextsError(_said(error)) from error
            told = _without_words(error, model)
            if told is not None:
                raise told from None
            raise _of_status(error, model) from error
        except _NO_ANSWER as error:
            raise BackendUnavailableError(
                f"Ollama did not answer: {masked(repr(error))}"
            ) from error
        except _UNFORESEEN:
            raise _not_ollama("its answer cannot be read") from None


def full_name(name: str) -> str:
    """A model's name as Ollama lists it: with its tag, without its own registry."""
    short = name.lower().removeprefix("registry.ollama.ai/").removeprefix("library/")
    return short if ":" in short.rpartition("/")[2] else f"{short}:latest"


def missing(model: str) -> ConfigurationError:
    """The error of a model that is not there."""
    return ConfigurationError(
        f"the Ollama server has no model {model!r}: `tradingkb pull-model {model}`, or there "
        f"`ollama pull {model}`"
    )


def _followed(client: Client, model: str, progress: Callable[[str, int, int], object]) -> str:
    """The last status of a pull."""
    last = ""
    for step in client.pull(model, stream=True):
        last = step.status or last
        if step.total:
            progress(last, step.completed or 0, step.total)
    return last


def _is_of_texts(error: ResponseError) -> bool:
    """Whether an error is of what was to be embedded: 413 is of a proxy that finds it too long."""
    if error.status_code in (400, 413, 422):
        return not _RUNNER.search(_said(error))
    return error.status_code == 500 and _OF_TEXT.search(_said(error)) is not None


def _said(error: ResponseError) -> str:
    """The server's words, which need not be a text."""
    return masked(str(error.error)).strip()[:200]


def _without_words(error: ResponseError, model: str) -> TradingKBError | None:
    """An error that repeats nothing of the server's, so that anyone may read it; None: another."""
    status, said = error.status_code, _said(error)
    if status == 404 and "not found" in said and "page" not in said:
        return missing(model)
    if status == 404:
        return _not_ollama("it knows none of the routes (Ollama does since version 0.3)")
    if status in (401, 403):
        return ConfigurationError(
            f"Ollama refused access (status {status}): put user and password into OLLAMA_HOST, as "
            "http://user:password@host:11434"
        )
    if 300 <= status < 400:
        return _not_ollama(f"it answers by sending elsewhere (status {status})")
    return None


def _of_status(error: ResponseError, model: str) -> TradingKBError:
    status, said = error.status_code, _said(error)
    if status == -1:  # in a stream, under 200
        return _of_pull(said, model)
    if status in (429, 499) or status >= 500 or (status == 400 and _RUNNER.search(said)):
        return BackendUnavailableError(f"Ollama did not answer: status {status}, {said}")
    return ConfigurationError(f"Ollama refused a request about model {model!r}: {said}")


def _of_pull(said: str, model: str) -> TradingKBError:
    if "does not exist" in said or "not found" in said:
        return ConfigurationError(
            f"there is no model {model!r} to pull: see https://ollama.com/library ({said})"
        )
    if re.search(r"no space left|permission denied|unauthorized|requires", said, re.IGNORECASE):
        return ConfigurationError(f"the pull of {model!r} failed on the server: {said}")
    return BackendUnavailableError(f"the pull of {model!r} broke off: {said}")


def _not_ollama(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"what answers at OLLAMA_HOST is not Ollama: {why}; check the address"
    )


def _number(shown: ShowResponse, name: str) -> int | None:
    """A property of the model's architecture, such as "nomic-bert.embedding_length"."""
    info: Any = shown.modelinfo or {}
    found = info.get(f"{info.get('general.architecture')}.{name}")
    return found if isinstance(found, int) and found > 0 else None


def _context(shown: ShowResponse) -> int | None:
    """Tokens that it reads: what it was made for, or less where its Modelfile says so."""
    set_to = re.search(r"^num_ctx\s+(\d+)", shown.parameters or "", re.MULTILINE)
    limits = (_number(shown, "context_length"), int(set_to[1]) if set_to else None)
    return min((limit for limit in limits if limit), default=None)
