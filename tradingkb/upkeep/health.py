"""Health: what a knowledge base depends on, and whether it could answer now."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from tradingkb.domain import IndexTarget, Regime
from tradingkb.exceptions import BackendUnavailableError, ConfigurationError
from tradingkb.indexing import made_in_part, made_otherwise
from tradingkb.ports import (
    EmbedderFactory,
    IndexStore,
    VectorIndex,
    WorkspaceStore,
    patience,
)
from tradingkb.reports import Report
from tradingkb.resilience import Breakers, told_of
from tradingkb.workspaces import Workspaces

#: The mission document's name of a service in /health, where it is another than in the log.
SHOWN_AS: Final = {"db": "supabase"}
CHECK_TIMEOUT_S: Final = 2.0
#: Collections that are named in one line.
_NAMED: Final = 3


@dataclass(frozen=True, repr=False)
class Health(Report):
    """How the dependencies were when they were last used; nothing is asked for it.

    Attributes:
        circuit_breakers: of "supabase" (the database), "qdrant" and "ollama", and of "redis" in a
            service that counts requests there: failures (in a row), is_open, state, in_use,
            open_since (UTC), last_error.
    """

    circuit_breakers: Mapping[str, Mapping[str, Any]]

    def summary(self) -> str:
        """One line."""
        open_ones = [name for name, b in self.circuit_breakers.items() if b["is_open"]]
        return f"open: {', '.join(open_ones)}" if open_ones else "every circuit is closed"


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes:
        ok: whether questions can be answered as far as this is concerned.
        detail: why, or why not, in a sentence.
        duration_ms: how long it took.
        facts: what else it found.
    """

    ok: bool
    detail: str
    duration_ms: float
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form; facts beside the rest."""
        return {
            "ok": self.ok,
            "detail": self.detail,
            "duration_ms": self.duration_ms,
            **self.facts,
        }


@dataclass(frozen=True, repr=False)
class Readiness(Report):
    """Whether questions can be answered now.

    Attributes:
        checks: "database", "qdrant_collection" and "embed_service".
    """

    checks: Mapping[str, Check]

    @property
    def ready(self) -> bool:
        """Whether every check is ok."""
        return all(check.ok for check in self.checks.values())

    def summary(self) -> str:
        """One line."""
        return "ready" if self.ready else "not ready"

    def details(self) -> list[str]:
        """One line per check."""
        return [
            f"{name}: {'ok' if check.ok else 'NOT OK'}, {check.detail}"
            for name, check in self.checks.items()
        ]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        checks = {name: check.to_dict() for name, check in self.checks.items()}
        return {"ready": self.ready, "checks": checks}


class CheckedStore(WorkspaceStore, IndexStore, Protocol):
    """What checks read of a store."""


#: (whether it is ok, a sentence, facts)
Found = tuple[bool, str, Mapping[str, Any]]


class Checks:
    """Looks after the dependencies of one knowledge base."""

    def __init__(
        self,
        store: CheckedStore,
        vectors: VectorIndex,
        embedders: EmbedderFactory,
        workspaces: Workspaces,
        breakers: Breakers,
        *,
        timeout_s: float = CHECK_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what is checked.

        Args:
            store: the database.
            vectors: the vector index.
            embedders: makes embedders.
            workspaces: say which collections and models are active.
            breakers: of these.
            timeout_s: seconds that each check has.
            clock: seconds that only grow.
        """
        self._store = store
        self._vectors = vectors
        self._embedders = embedders
        self._workspaces = workspaces
        self._breakers = breakers
        self._timeout_s = timeout_s
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}

    def health(self) -> Health:
        """The circuit breakers, without asking anyone."""
        states = self._breakers.states()
        return Health({SHOWN_AS.get(name, name): s.to_dict() for name, s in states.items()})

    def ready(self) -> Readiness:
        """Checks side by side; none takes longer than its time, and none raises."""
        checks: dict[str, Callable[[], Found]] = {
            "database": self._database,
            "qdrant_collection": self._collections,
            "embed_service": self._embedder,
        }
        started = self._clock()
        waiting = {name: self._begun(name, check) for name, check in checks.items()}
        return Readiness({name: self._ended(name, q, started) for name, q in waiting.items()})

    def _begun(self, name: str, check: Callable[[], Found]) -> queue.SimpleQueue[Check] | None:
        """Begins a check in a thread; None where an earlier one has not ended yet.

        A dependency that hangs keeps one thread, however often it is looked at.
        """
        with self._lock:
            if name in self._running:
                return None
            self._running[name] = self._clock()
        found: queue.SimpleQueue[Check] = queue.SimpleQueue()
        threading.Thread(
            target=self._run, args=(name, check, found), name=f"check of {name}", daemon=True
        ).start()
        return found

    def _run(self, name: str, check: Callable[[], Found], found: queue.SimpleQueue[Check]) -> None:
        started = self._clock()
        try:
            ok, detail, facts = check()
        except BaseException as error:  # whatever it is, a panic too: nobody is answered then
            ok, detail, facts = False, told_of(error), {}
        with self._lock:
            self._running.pop(name, None)
        found.put(Check(ok, detail, self._since(started), facts))

    def _ended(self, name: str, found: queue.SimpleQueue[Check] | None, started: float) -> Check:
        if found is None:
            with self._lock:
                since = self._running.get(name, self._clock())
            detail = f"no answer since {self._clock() - since:.1f} s"
            return Check(False, detail, self._since(started))
        left = self._timeout_s - (self._clock() - started)
        try:
            return found.get(timeout=max(left, 0.001))
        except queue.Empty:
            return Check(False, f"no answer within {self._timeout_s:g} s", self._since(started))

    def _since(self, started: float) -> float:
        return round((self._clock() - started) * 1000, 3)

    def _database(self) -> Found:
        n = len(self._store.workspaces())
        return True, "the database answers", {"workspaces": n}

    def _collections(self) -> Found:
        targets = self._targets()
        by_collection = _by_collection(targets)
        held = {name: self._vectors.dimension(name) for name in by_collection}
        missing = [name for name, dimension in held.items() if dimension is None]
        problems = []
        # A model server that hangs must not make the vector index look as if it did.
        with patience(self._timeout_s / 2):
            for name, dimension in held.items():
                if dimension is not None:
                    models = {target.model for target in by_collection[name]}
                    problems += self._mismatches(name, dimension, models)
        for name in missing:
            if any(
                name in self._store.index_collections(t.workspace.id) for t in by_collection[name]
            ):
                problems.append(
                    f"collection {name} does not exist, and trials were indexed into it: "
                    "re-embed the workspace"
                )
        names = sorted(by_collection)
        facts = {"collections": names, "missing": missing}
        if problems:
            return False, "; ".join(problems), facts
        detail = f"active: {_listed(names)}"
        return True, f"{detail}; empty as yet: {_listed(missing)}" if missing else detail, facts

    def _mismatches(self, name: str, held: int, models: set[str]) -> list[str]:
        """What is wrong with the embedders of a collection."""
        problems = []
        for model in sorted(models):
            try:
                made = self._embedders(model, None).dimension
            except (BackendUnavailableError, ConfigurationError):
                continue  # nothing is known of it, and "embed_service" tells why
            if made != held:
                problems.append(
                    f"dimension mismatch: collection {name} has {held}, embedder makes {made}"
                )
        return problems

    def _embedder(self) -> Found:
        """Of every model that a workspace or the environment asks for.

        A tag that was pulled anew is told; questions are answered by metadata until the windows
        are embedded again, so that it is no reason to ask nobody.
        """
        made, problems = {}, []
        targets = self._targets()
        for model in sorted({target.model for target in targets}):
            try:
                embedder = self._embedders(model, None)
                embedder.embed_query(Regime({}), "before")
                made[model] = embedder.dimension
            except ConfigurationError as error:
                problems.append(told_of(error))
        if problems:
            return False, "; ".join(problems), {}
        model = self._workspaces.default_target().model
        detail = ", ".join(f"{name} makes {n} numbers" for name, n in made.items())
        stale = self._stale(targets)
        facts: dict[str, Any] = {"model": model, "dimension": made[model]}
        if stale:
            facts |= {"stale": list(stale), "outdated": _different(stale.values())}
        return True, "; ".join((detail, *stale)), facts

    def _stale(self, targets: list[IndexTarget]) -> dict[str, Mapping[str, str]]:
        """Collections whose vectors were made by a model that has changed since.

        Returns:
            By the sentence that says so: model, collection and pipeline (as vectors are made now).
        """
        found: dict[str, Mapping[str, str]] = {}
        for target in targets:
            if self._embedders.is_remote(target.model):
                embedder = self._embedders(target.model, None)
                held = self._store.pipelines(target.workspace.id, target.collection)
                for why in (made_otherwise, made_in_part):
                    said = why(embedder, target.collection, held)
                    if said is not None:
                        found[said] = {
                            "model": target.model,
                            "collection": target.collection,
                            "pipeline": embedder.pipeline,
                        }
        return dict(sorted(found.items()))

    def _targets(self) -> list[IndexTarget]:
        return [self._workspaces.default_target(), *self._workspaces.targets(None)]


def _different(found: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Without those that are there twice."""
    return list({tuple(one.items()): one for one in found}.values())


def _by_collection(targets: list[IndexTarget]) -> dict[str, list[IndexTarget]]:
    found: dict[str, list[IndexTarget]] = {}
    for target in targets:
        found.setdefault(target.collection, []).append(target)
    return found


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
