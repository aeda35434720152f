"""A server that speaks Ollama's protocol, with models that need no download.

    with OllamaServer({"nomic-embed-text": 768}) as server:
        kb = tradingkb.connect(ollama_host=server.url, embed_model="nomic-embed-text")
        server.fail(answering(500))       # the next request for vectors is answered by an error
        server.spoil(one_too_few)         # the next answer has a vector too few
        server.refuse_text("bad words")   # texts that hold this fail, with all of their request
        server.pull_again("nomic-embed-text")   # the tag is another model now
        server.refuse(); server.listen()  # down, and up again

`python -m tradingkb.testing.ollama_server --port 11434` runs one for a demonstration. What it
answers was read from Ollama's server/routes.go: an empty input is answered by 200 without vectors,
one text that fails fails its whole request, `dimensions` above those of the model is ignored, a
missing model is 404, and a pull reports what went wrong in its stream, under 200.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from tradingkb.testing import ollama_vectors
from tradingkb.testing.faults import Behaviour, Connection, FaultyServer, http
from tradingkb.testing.ollama_faults import Change, Faults, PullFault

#: Dimensions of some models of Ollama's library: what can be pulled.
LIBRARY: Final[Mapping[str, int]] = {
    "all-minilm": 384,
    "bge-m3": 1024,
    "mxbai-embed-large": 1024,
    "nomic-embed-text": 768,
    "nomic-embed-text:v1.5": 768,
    "qwen3-embedding": 4096,
    "snowflake-arctic-embed": 1024,
}
VERSION: Final = "0.12.6"
#: Tokens that a model reads, where nothing else is said; nomic-embed-text reads 2,048.
CONTEXT: Final = 2048
_SENT: Final = 274_302_450


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        method, path: of it.
        body: its JSON; None without one.
        headers: with names in small letters.
    """

    method: str
    path: str
    body: Any
    headers: Mapping[str, str]

    @property
    def texts(self) -> tuple[str, ...]:
        """What it asked to embed."""
        given = self.body.get("input") if self.path == "/api/embed" else None
        return tuple([given] if isinstance(given, str) else given or ())


@dataclass
class _Model:
    dimension: int
    pulled: int = 1


class OllamaServer(FaultyServer):
    """Ollama's routes on 127.0.0.1.

    Attributes:
        asked: every request, in order.
    """

    def __init__(
        self,
        models: Mapping[str, int] | None = None,
        *,
        quality: Literal["good", "random"] = "good",
        library: Mapping[str, int] = LIBRARY,
        context: int = CONTEXT,
        port: int = 0,
    ) -> None:
        """Starts one.

        Args:
            models: dimensions of those that are there; default nomic-embed-text.
            quality: whether near markets get near vectors.
            library: dimensions of those that can be pulled.
            context: tokens that a model reads.
            port: where it listens; 0 lets the system choose.
        """
        given = {"nomic-embed-text": 768} if models is None else models
        self.models = {_full(name): _Model(n) for name, n in given.items()}
        self.library = {_full(name): n for name, n in library.items()}
        self.context = context
        self.asked: list[Asked] = []
        self._embed = ollama_vectors.understood if quality == "good" else ollama_vectors.random
        self._faults = Faults()
        self._loaded: set[str] = set()
        self._lock = threading.Lock()
        super().__init__(self.answer, port=port)

    @property
    def texts(self) -> list[str]:
        """Every text that it was asked to embed, in order."""
        return [text for one in tuple(self.asked) for text in one.texts]

    def fail(self, behaviour: Behaviour, n: int = 1, path: str = "/api/embed") -> None:
        """Lets the next `n` requests of a path be answered by something else."""
        self._faults.behaviours.setdefault(path, deque()).extend([behaviour] * n)

    def spoil(self, change: Change, n: int = 1) -> None:
        """Changes the vectors of the next `n` answers."""
        self._faults.changes.extend([change] * n)

    def fail_pull(self, fault: PullFault) -> None:
        """Lets the next pull end badly, after it has begun."""
        self._faults.pulls.append(fault)

    def refuse_text(
        self, part: str, status: int = 400, error: str = "embedding contains NaN or Inf values"
    ) -> None:
        """From now on texts that hold `part` fail; before 0.13 Ollama said 500 and a NaN."""
        self._faults.refused[part] = (status, error)

    def recover(self) -> None:
        """Forgets every fault, and listens."""
        self._faults = Faults()
        self.behave(self.answer)

    def pull_again(self, name: str) -> None:
        """Someone pulled a newer model of that name: the digest and every vector are others."""
        self.models[_full(name)].pulled += 1

    def add(self, name: str, dimension: int) -> None:
        """Puts a model there."""
        self.models[_full(name)] = _Model(dimension)

    def remove(self, name: str) -> int:
        """Deletes a model; its dimension."""
        return self.models.pop(_full(name)).dimension

    def digest(self, name: str) -> str:
        """Of a model that is there, 64 digits."""
        model = self.models[_full(name)]
        return hashlib.sha256(f"{_full(name)} {model.pulled}".encode()).hexdigest()

    def answer(self, connection: Connection) -> None:
        """Answers a request as Ollama does, or as the next fault wants it."""
        method, path, raw = connection.request()
        if not method:
            return
        try:
            body = json.loads(raw) if raw else None
        except ValueError as error:
            connection.socket.sendall(_json(400, {"error": str(error)}))
            return
        with self._lock:
            self.asked.append(Asked(method, path, body, dict(connection.headers)))
            waiting = self._faults.behaviours.get(path)
            fault = waiting.popleft() if waiting else None
        if fault is not None:
            fault(connection)
        elif path == "/api/pull" and method == "POST":
            self._pull(connection, body or {})
        else:
            connection.socket.sendall(self._answer(method, path, body or {}))

    def _answer(self, method: str, path: str, body: Mapping[str, Any]) -> bytes:
        routes: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], tuple[int, Any]]] = {
            ("GET", "/api/version"): lambda _: (200, {"version": VERSION}),
            ("GET", "/api/tags"): lambda _: (200, {"models": self._tags(self.models)}),
            ("GET", "/api/ps"): lambda _: (200, {"models": self._tags(self._loaded)}),
            ("POST", "/api/show"): self._show,
            ("POST", "/api/embed"): self._embedded,
        }
        if path == "/":
            text = b"" if method == "HEAD" else b"Ollama is running"
            return http(200, text, {"Content-Type": "text/plain; charset=utf-8"})
        route = routes.get((method, path))
        if route is None:
            return http(404, b"404 page not found", {"Content-Type": "text/plain"})
        status, said = route(body)
        return _json(status, said)

    def _tags(self, names: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "model": name,
                "modified_at": "2026-11-01T00:00:00Z",
                "size": _SENT,
                "digest": self.digest(name),
                "details": {"format": "gguf", "family": _family(name)},
            }
            for name in sorted(names)
            if name in self.models
        ]

    def _show(self, body: Mapping[str, Any]) -> tuple[int, Any]:
        asked = body.get("model") or body.get("name")
        if not asked:
            return 400, {"error": "model is required"}
        model = self.models.get(_full(asked))
        if model is None:
            return 404, {"error": f"model '{asked}' not found"}
        family = _family(asked)
        info = {
            "general.architecture": family,
            f"{family}.context_length": self.context,
            f"{family}.embedding_length": model.dimension,
        }
        details = {"format": "gguf", "family": family, "quantization_level": "F16"}
        return 200, {"details": details, "model_info": info, "capabilities": ["embedding"]}

    def _embedded(self, body: Mapping[str, Any]) -> tuple[int, Any]:
        asked, given = str(body.get("model", "")), body.get("input")
        texts = [given] if isinstance(given, str) and given else given or []
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return 400, {"error": "invalid input type"}
        model = self.models.get(_full(asked))
        if model is None:
            return 404, {"error": f"model '{asked}' not found"}
        with self._lock:
            self._loaded.discard(_full(asked))
            if body.get("keep_alive") not in (0, "0"):
                self._loaded.add(_full(asked))
        if not texts:
            return 200, {"model": asked, "embeddings": []}
        for text in texts:
            refused = self._refused(text, truncate=body.get("truncate") is not False)
            if refused is not None:
                return refused[0], {"error": refused[1]}
        vectors = [self._vector(_full(asked), text, body.get("dimensions") or 0) for text in texts]
        with self._lock:
            change = self._faults.changes.popleft() if self._faults.changes else None
        if change is not None:
            change(vectors)
        tokens = sum(map(ollama_vectors.n_tokens, texts))
        return 200, {"model": asked, "embeddings": vectors, "prompt_eval_count": tokens}

    def _refused(self, text: str, *, truncate: bool) -> tuple[int, str] | None:
        for part, answer in tuple(self._faults.refused.items()):
            if part in text:
                return answer
        # It adds two tokens of its own, at both ends.
        if not truncate and ollama_vectors.n_tokens(text) > self.context - 2:
            return 400, "the input length exceeds the context length"
        return None

    def _vector(self, name: str, text: str, dimensions: int) -> list[float]:
        model = self.models[name]
        read = ollama_vectors.first_tokens(text, self.context - 2)
        vector = self._embed(read, model.dimension)
        if model.pulled > 1:  # another model: it turns every vector the same way
            vector = np.roll(vector, model.pulled - 1)
        cut = vector[:dimensions] if 0 < dimensions < model.dimension else vector
        unit = cut / max(float(np.linalg.norm(cut)), 1e-12)
        return [float(x) for x in unit.astype(np.float32)]

    def _pull(self, connection: Connection, body: Mapping[str, Any]) -> None:
        name = _full(str(body.get("model") or body.get("name") or ""))
        fault = self._faults.pulls.popleft() if self._faults.pulls else None
        if not re.fullmatch(r"[\w./-]+:[\w.-]+", name):
            connection.socket.sendall(_json(400, {"error": "invalid model name"}))
            return
        _send_stream(connection, self._pull_steps(name, fault), cut=fault == "cut")

    def _pull_steps(self, name: str, fault: PullFault | None) -> list[bytes]:
        dimension = self.library.get(name) or (
            self.models[name].dimension if name in self.models else None
        )
        steps: list[Any] = [{"status": "pulling manifest"}]
        if dimension is None:
            missing = "pull model manifest: file does not exist"
            return [_line(step) for step in (*steps, {"error": missing})]
        digest = hashlib.sha256(name.encode()).hexdigest()
        layer = {"status": f"pulling {digest[:12]}", "digest": f"sha256:{digest}", "total": _SENT}
        steps += [layer, {**layer, "completed": _SENT // 2}]
        if fault == "error":
            steps.append({"error": f"max retries exceeded: unexpected EOF of {digest[:12]}"})
        if fault is not None:
            return [_line(step) for step in steps] + [b"<html>\n"] * (fault == "garbage")
        steps += [{**layer, "completed": _SENT}, {"status": "verifying sha256 digest"}]
        self.models.setdefault(name, _Model(dimension))
        steps += [{"status": "writing manifest"}, {"status": "success"}]
        return [_line(step) for step in steps]


def _full(name: str) -> str:
    """A name without a tag means that tag."""
    last = name.rpartition("/")[2]
    return name if ":" in last else f"{name}:latest"


def _family(name: str) -> str:
    return "nomic-bert" if name.startswith("nomic") else "bert"


def _json(status: int, said: Any) -> bytes:
    return http(status, json.dumps(said).encode())


def _line(step: Any) -> bytes:
    return json.dumps(step).encode() + b"\n"


def _send_stream(connection: Connection, lines: list[bytes], *, cut: bool) -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
    chunks = [b"%x\r\n%s\r\n" % (len(line), line) for line in lines]
    end = b"" if cut else b"0\r\n\r\n"
    start = f"{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
    connection.socket.sendall(start + b"".join(chunks) + end)


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(description="Ollama's protocol with models of no download")
    parser.add_argument("--port", type=int, default=11434)
    parser.add_argument("--quality", choices=("good", "random"), default="good")
    given = parser.parse_args()
    with OllamaServer(quality=given.quality, port=given.port) as server:
        print(f"serving {', '.join(server.models)} at {server.url}", flush=True)  # noqa: T201
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
