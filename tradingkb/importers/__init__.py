"""Importers: other people's files and frames to canonical trials."""

from tradingkb.importers.frames import Batch, read_trials, refuse
from tradingkb.importers.mappings import read_mapping_file
from tradingkb.importers.objects import from_pandas, is_pandas
from tradingkb.importers.source import Const, const
from tradingkb.importers.specs import specs_to_register
from tradingkb.importers.standing import standing

__all__ = [
    "Batch",
    "Const",
    "const",
    "from_pandas",
    "is_pandas",
    "read_mapping_file",
    "read_trials",
    "refuse",
    "specs_to_register",
    "standing",
]
