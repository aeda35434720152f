"""The index derived from SQL: plan, apply, compare, repair, re-embed, switch."""

from tradingkb.indexing.activate import ActivationReport, activate
from tradingkb.indexing.apply import BATCH
from tradingkb.indexing.collection_reports import (
    DroppedSnapshot,
    DropReport,
    RecoveryReport,
    SnapshotReport,
)
from tradingkb.indexing.collection_verbs import Collections
from tradingkb.indexing.collections import next_version
from tradingkb.indexing.contents import ContentCheck, Contents, DeepReconciliation
from tradingkb.indexing.indexer import Indexer, stored_plans, without_hashes_of
from tradingkb.indexing.lost import LossWatch, lost_trials
from tradingkb.indexing.neighbours import (
    CHANCE,
    NOWHERE,
    Estimate,
    Floats,
    NeighbourQuality,
    judge_neighbours,
    lost_more,
)
from tradingkb.indexing.plan import IDENTITY, Recipe, make_plan, only
from tradingkb.indexing.probes import (
    Probe,
    Sample,
    neighbour_quality,
    read_sample,
    similarities,
)
from tradingkb.indexing.reconcile import Reconciler, Reconciliation
from tradingkb.indexing.reembed import Reembedder, ReembedReport
from tradingkb.indexing.staleness import made_alike, made_in_part, made_otherwise

__all__ = [
    "BATCH",
    "CHANCE",
    "IDENTITY",
    "NOWHERE",
    "ActivationReport",
    "Collections",
    "ContentCheck",
    "Contents",
    "DeepReconciliation",
    "DropReport",
    "DroppedSnapshot",
    "Estimate",
    "Floats",
    "Indexer",
    "LossWatch",
    "NeighbourQuality",
    "Probe",
    "Recipe",
    "Reconciler",
    "Reconciliation",
    "RecoveryReport",
    "ReembedReport",
    "Reembedder",
    "Sample",
    "SnapshotReport",
    "activate",
    "judge_neighbours",
    "lost_more",
    "lost_trials",
    "made_alike",
    "made_in_part",
    "made_otherwise",
    "make_plan",
    "neighbour_quality",
    "next_version",
    "only",
    "read_sample",
    "similarities",
    "stored_plans",
    "without_hashes_of",
]
