"""Places: which adapters the settings of a place choose. With the wiring all that knows adapters.

A place is opened by the wiring. Here it can also be looked at, before anything in it is changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa

from tradingkb.embedding import Embedders
from tradingkb.ports import EmbedderFactory, Surveyed, VectorIndex
from tradingkb.resilience import Doors
from tradingkb.settings import IndexSettings, Settings, StoreSettings
from tradingkb.sql import open_engine
from tradingkb.stores import survey
from tradingkb.vectors import EmbeddedVectorIndex, qdrant_index

_QDRANT_PORT: Final = 6333
_HERE: Final = ("127.0.0.1", "::1", "localhost")


def store_url(settings: StoreSettings, home: Path) -> sa.URL:
    """The URL of the database: a file in the home, where none is named."""
    if settings.database_url is not None:
        return sa.make_url(settings.database_url)
    # Built, not formatted: a folder name may hold characters that mean something in a URL.
    return sa.URL.create("sqlite", database=str(home / "tradingkb.db"))


def servers(settings: IndexSettings) -> dict[str, bool]:
    """Which services are used: what is embedded is none."""
    return {
        "db": True,
        "qdrant": settings.qdrant_url is not None,
        "ollama": settings.ollama_host is not None,
    }


def same_server(one: str | None, other: str | None) -> bool:
    """Whether two URLs name one Qdrant server; two names of one address are told apart."""
    return one is not None and other is not None and _address(one) == _address(other)


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        host, port = parts.hostname or "", parts.port or _QDRANT_PORT
    except ValueError:  # whoever connects to it says what is wrong
        return url, 0
    return "localhost" if host in _HERE else host, port


def embedders_of(settings: IndexSettings) -> Embedders:
    """The embedders of an installation: one client for the life of the knowledge base.

    Raises:
        ConfigurationError: EMBED_DIM is not the dimension of a built-in EMBED_MODEL.
    """
    return Embedders(
        ollama_host=settings.ollama_host,
        timeout_s=settings.ollama_timeout_s,
        batch=settings.embed_batch,
        demanded=(settings.embed_model, settings.embed_dim),
    )


def vectors_of(
    settings: IndexSettings, engine: sa.Engine, doors: Doors, clock: Callable[[], datetime]
) -> VectorIndex:
    """The index: in the tables of the database, where no server is named."""
    if settings.qdrant_url is None:
        return EmbeddedVectorIndex(engine, clock)
    return _on_qdrant(settings, settings.qdrant_url, doors)


def _on_qdrant(settings: IndexSettings, url: str, doors: Doors) -> VectorIndex:
    return doors.vectors(
        qdrant_index(
            url,
            settings.qdrant_api_key,
            shard_number=settings.qdrant_shard_number,
            replication_factor=settings.qdrant_replication_factor,
            write_consistency_factor=settings.qdrant_write_consistency_factor,
        )
    )


def _file_of(url: sa.URL) -> Path:
    """The file that SQLite opens, as its driver reads the name."""
    name = url.database or ""
    if name.startswith("file:"):
        name = unquote(urlsplit(name).path)
    return Path(os.path.abspath(name))  # noqa: PTH100 - as the driver: `..` goes before links


@dataclass(frozen=True)
class Sight:
    """A place as it is seen without being opened.

    Attributes:
        database: what it holds; None where there is no file yet.
        vectors: the index; None where there can be none before the tables are made.
        embedders: makes embedders.
    """

    database: Surveyed | None
    vectors: VectorIndex | None
    embedders: EmbedderFactory


@contextmanager
def seen(settings: Settings) -> Iterator[Sight]:
    """Looks at a place, and changes nothing: no table is made, none is upgraded.

    Raises:
        StoreTooNewError, ConfigurationError, BackendUnavailableError: as `connect`.
    """
    with ExitStack() as stack:
        clock = partial(datetime.now, UTC)
        doors = Doors(servers(settings), clock=clock, monotonic=time.monotonic)
        made = embedders_of(settings)
        stack.callback(made.close)
        url = store_url(settings, settings.absolute_home)
        found = index = None
        if url.get_backend_name() != "sqlite" or _file_of(url).exists():
            engine = open_engine(url, pool_size=1)
            stack.callback(engine.dispose)
            found = survey(engine)
            if found.digests is not None:  # else there are no tables that an index could be in
                index = vectors_of(settings, engine, doors, clock)
        if index is None and settings.qdrant_url is not None:
            index = _on_qdrant(settings, settings.qdrant_url, doors)
        if index is not None:
            stack.callback(index.close)
        yield Sight(found, index, doors.embedders(made))
