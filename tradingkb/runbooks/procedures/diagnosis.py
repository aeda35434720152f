"""What an error says of a backend: whether it may pass by itself, and what to look at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

#: Names that /health and the checks of /ready have for what is called by its metric's label here.
SERVICE_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "supabase": "db",
        "database": "db",
        "qdrant_collection": "qdrant",
        "embed_service": "ollama",
        "rate_limits": "redis",
    }
)
#: What to look at, by backend.
LOOK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "db": "docker compose ps postgres; docker compose logs postgres --since 15m; embedded: the "
        "room on the disk of TRADINGKB_HOME",
        "qdrant": "docker compose ps qdrant; docker compose logs qdrant --since 15m; QDRANT_URL",
        "ollama": "docker compose ps ollama; docker exec ollama ollama list; OLLAMA_HOST",
        "redis": "docker compose ps redis; REDIS_URL; RATE_LIMIT_FAIL says what happens meanwhile",
    }
)


@dataclass(frozen=True)
class Kind:
    """A kind of error.

    Attributes:
        name: what it is.
        transient: whether calls are made again, and failures open the circuit.
        pattern: what the error's name, code or sentence matches.
        do: what to do about it.
    """

    name: str
    transient: bool
    pattern: str
    do: str


#: By the operating procedures, the first that matches. A call that fails for another reason than
#: these was answered: it is not made again, and opens no circuit.
KINDS: Final = (
    Kind(
        "missing collection",
        False,
        r"no collection|collection .*(missing|not exist|not there)|does not exist|\b404\b",
        "make it again: re-embed",
    ),
    Kind(
        "another dimension",
        False,
        r"dimension",
        "the collection is of another model: rebuild it, or correct EMBED_MODEL and EMBED_DIM",
    ),
    Kind(
        "authentication failure",
        False,
        r"\b(28P01|28000|401|403)\b|[Aa]uthentication|WRONGPASS|NOAUTH|password|api.?key",
        "correct the password or key in .env, and restart",
    ),
    Kind(
        "constraint violation",
        False,
        r"\b23\d{3}\b|IntegrityError|SQLITE_CONSTRAINT",
        "two writers disagree, or a bug: look at the log",
    ),
    Kind(
        "SQL syntax error",
        False,
        r"\b42\w{3}\b|ProgrammingError|SyntaxError",
        "a schema that does not fit the release, or a bug: look at the log",
    ),
    Kind(
        "pool exhausted",
        True,
        r"\b53300\b|QueuePool|PoolTimeout|too many (clients|connections)",
        "more is asked than connections allow: TRADINGKB_THREADS, max_connections",
    ),
    Kind(
        "connection refused",
        True,
        r"ConnectionRefused|\b(57P03|08001|08006)\b|ConnectError|[Rr]efused",
        "the backend does not run, or listens elsewhere: start it",
    ),
    Kind(
        "overloaded",
        True,
        r"\b(429|500|502|503|504)\b|SQLITE_(BUSY|LOCKED)",
        "the backend answers that it cannot: its own log says why",
    ),
    Kind(
        "connection reset",
        True,
        r"ConnectionReset|ConnectionAborted|BrokenPipe|RemoteProtocol|RemoteDisconnected"
        r"|\b(57P01|08003)\b|closed the connection|\bOperationalError\b",
        "the backend restarts or was killed: look why",
    ),
    Kind(
        "timeout",
        True,
        r"[Tt]ime(d )?[Oo]ut|\b57014\b|ReadTimeout|no answer (since|within)|\bslow\b",
        "the backend hangs or has too much to do: its load, its disk, the network to it",
    ),
    Kind(
        "network error",
        True,
        r"gaierror|Network|Unreachable|\bOSError\b|No route|ConnectTimeout|ConnectionError",
        "the way to the backend is cut: its name, its network, a firewall",
    ),
)
_UNKNOWN: Final = Kind("unknown", True, "", "look at the log of the replica")


def kind_of(error: str | None) -> Kind:
    """The kind of an error, told by its name, code or sentence."""
    found = (kind for kind in KINDS if error and re.search(kind.pattern, error))
    return next(found, _UNKNOWN)
