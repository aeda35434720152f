"""Ingestion: trials into the store, and the store into the vector index."""

from tradingkb.ingest.job import IngestJob
from tradingkb.ingest.report import IngestReport
from tradingkb.ingest.service import IngestConfig, KBTrialIngester

__all__ = ["IngestConfig", "IngestJob", "IngestReport", "KBTrialIngester"]
