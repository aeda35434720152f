"""SQL plumbing that stores and the embedded vector index share: engines, types, bulk access."""

from tradingkb.sql.bulk import MOST_PARAMETERS, read, read_in, upsert
from tradingkb.sql.copying import note_growth
from tradingkb.sql.counters import counter, moved, only_added
from tradingkb.sql.counting import Asked, counted
from tradingkb.sql.engine import open_engine, reading, together, writing
from tradingkb.sql.postgres import unhurried
from tradingkb.sql.types import Json, Key, UtcTime

__all__ = [
    "MOST_PARAMETERS",
    "Asked",
    "Json",
    "Key",
    "UtcTime",
    "counted",
    "counter",
    "moved",
    "note_growth",
    "only_added",
    "open_engine",
    "read",
    "read_in",
    "reading",
    "together",
    "unhurried",
    "upsert",
    "writing",
]
