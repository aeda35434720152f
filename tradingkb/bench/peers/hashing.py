"""The least that a repeated ingest could do: read the file and hash its rows."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl


def read_and_hash(path: Path) -> set[str]:
    """SHA-256 of the text of each row."""
    rows = pl.read_parquet(path).iter_rows()
    return {hashlib.sha256(repr(row).encode()).hexdigest() for row in rows}
