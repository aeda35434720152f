"""Ingestion: trials into the store, and the store into the vector index."""

from tradingkb.ingest.ingester import Ingester
from tradingkb.ingest.job import IngestJob
from tradingkb.ingest.report import IngestReport
from tradingkb.ingest.request import IngestRequest
from tradingkb.ingest.storing import WRITE_BATCH
from tradingkb.ingest.trial_ingester import IngestConfig, KBTrialIngester

__all__ = [
    "WRITE_BATCH",
    "IngestConfig",
    "IngestJob",
    "IngestReport",
    "IngestRequest",
    "Ingester",
    "KBTrialIngester",
]
