"""SQL plumbing that stores and the embedded vector index share: engines, types, bulk access."""

from tradingkb.sql.bulk import MOST_PARAMETERS, read, read_in, upsert
from tradingkb.sql.counters import counter, moved, only_added
from tradingkb.sql.counting import Asked, counted
from tradingkb.sql.engine import open_engine, reading, shown_url, together, writing
from tradingkb.sql.forks import refuse_dead_threads
from tradingkb.sql.sqlite import cut_log
from tradingkb.sql.sqlite_errors import code_of, named
from tradingkb.sql.sqlite_file import identity
from tradingkb.sql.types import Json, Key, UtcTime

__all__ = [
    "MOST_PARAMETERS",
    "Asked",
    "Json",
    "Key",
    "UtcTime",
    "code_of",
    "counted",
    "counter",
    "cut_log",
    "identity",
    "moved",
    "named",
    "only_added",
    "open_engine",
    "read",
    "read_in",
    "reading",
    "refuse_dead_threads",
    "shown_url",
    "together",
    "upsert",
    "writing",
]
