"""What this package is compared with."""

from tradingkb.bench.peers import numpy_limit, optuna_rdb, postgres_server, qdrant_local
from tradingkb.bench.peers.hashing import read_and_hash
from tradingkb.bench.peers.raw_sqlite import insert_again, insert_flat

__all__ = [
    "insert_again",
    "insert_flat",
    "numpy_limit",
    "optuna_rdb",
    "postgres_server",
    "qdrant_local",
    "read_and_hash",
]
