"""Importers: other people's files and frames to canonical trials."""

from tradingkb.importers.frames import Batch, read_trials, refuse
from tradingkb.importers.objects import from_pandas, is_pandas
from tradingkb.importers.source import Const, const
from tradingkb.importers.specs import read_specs
from tradingkb.importers.standing import HASHED, standing

__all__ = [
    "HASHED",
    "Batch",
    "Const",
    "const",
    "from_pandas",
    "is_pandas",
    "read_specs",
    "read_trials",
    "refuse",
    "standing",
]
