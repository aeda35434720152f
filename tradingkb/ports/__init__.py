"""Ports: what the jobs need from stores, vector indexes and embedders, and what each guarantees.

SQL is the truth; the vector index is derived. A search returns ids and similarities only; every
candidate is then read from SQL, and payloads of a vector index are never trusted.
"""

from tradingkb.ports.backup import BackupContents, BackupStore, Restored
from tradingkb.ports.calibration import Calibration
from tradingkb.ports.embedders import (
    PAYLOAD_VERSION,
    Embedder,
    EmbedderFactory,
    QueryVector,
    Side,
    TrialDocument,
)
from tradingkb.ports.store import TrialStore
from tradingkb.ports.values import Partition, PartitionNews, RunRecord
from tradingkb.ports.vectors import PAYLOAD, Floats32, Points, VectorFilter, VectorIndex, WindowHit

__all__ = [
    "PAYLOAD",
    "PAYLOAD_VERSION",
    "BackupContents",
    "BackupStore",
    "Calibration",
    "Embedder",
    "EmbedderFactory",
    "Floats32",
    "Partition",
    "PartitionNews",
    "Points",
    "QueryVector",
    "Restored",
    "RunRecord",
    "Side",
    "TrialDocument",
    "TrialStore",
    "VectorFilter",
    "VectorIndex",
    "WindowHit",
]
