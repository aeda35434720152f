"""The index derived from SQL: plan, apply, compare, repair, re-embed, switch."""

from tradingkb.indexing.activate import ActivationReport, activate
from tradingkb.indexing.apply import BATCH
from tradingkb.indexing.contents import ContentCheck, Contents, DeepReconciliation
from tradingkb.indexing.indexer import Indexer, stored_plans, without_hashes_of
from tradingkb.indexing.lost import LossWatch, lost_trials
from tradingkb.indexing.plan import IDENTITY, Recipe, make_plan, only
from tradingkb.indexing.reconcile import Reconciler, Reconciliation
from tradingkb.indexing.reembed import Reembedder, ReembedReport

__all__ = [
    "BATCH",
    "IDENTITY",
    "ActivationReport",
    "ContentCheck",
    "Contents",
    "DeepReconciliation",
    "Indexer",
    "LossWatch",
    "Recipe",
    "Reconciler",
    "Reconciliation",
    "ReembedReport",
    "Reembedder",
    "activate",
    "lost_trials",
    "make_plan",
    "only",
    "stored_plans",
    "without_hashes_of",
]
