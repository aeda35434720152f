"""SQL plumbing that stores and the embedded vector index share: engines, types, bulk access."""

from tradingkb.sql.bulk import MOST_PARAMETERS, read, read_in, upsert
from tradingkb.sql.copying import copy_into, note_growth
from tradingkb.sql.counters import counter, moved, only_added
from tradingkb.sql.counting import Asked, counted
from tradingkb.sql.engine import open_engine, put_door, reading, shown_url, together, writing
from tradingkb.sql.faults import is_contended, of_database
from tradingkb.sql.forks import refuse_dead_threads
from tradingkb.sql.places import identity_of_place
from tradingkb.sql.postgres import unhurried
from tradingkb.sql.space import compact
from tradingkb.sql.sqlite import cut_log
from tradingkb.sql.sqlite_errors import named
from tradingkb.sql.sqlite_head import first_bytes, identity
from tradingkb.sql.types import Json, Key, UtcTime
from tradingkb.sql.undone import redone

__all__ = [
    "MOST_PARAMETERS",
    "Asked",
    "Json",
    "Key",
    "UtcTime",
    "compact",
    "copy_into",
    "counted",
    "counter",
    "cut_log",
    "first_bytes",
    "identity",
    "identity_of_place",
    "is_contended",
    "moved",
    "named",
    "note_growth",
    "of_database",
    "only_added",
    "open_engine",
    "put_door",
    "read",
    "read_in",
    "reading",
    "redone",
    "refuse_dead_threads",
    "shown_url",
    "together",
    "unhurried",
    "upsert",
    "writing",
]
