"""Ingestion: trials into the store, and the store into the vector index."""

from tradingkb.ingest.job import IngestJob
from tradingkb.ingest.report import IngestReport

__all__ = ["IngestJob", "IngestReport"]
