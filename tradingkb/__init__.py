"""tradingkb: a knowledge base of your own backtests.

The front door: `connect()` opens a `KnowledgeBase`; its `ingest` takes trials in, its `recommend`
answers with a `Recommendation`.
"""

from tradingkb.domain import Objective, ParamSpec, Regime, StrategySpec, Trial, objectives
from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    DeadlineExceededError,
    EmptyCollectionError,
    InvalidInputError,
    InvalidOHLCVError,
    InvalidRegimeError,
    InvalidSpecError,
    InvalidTrialError,
    NotFoundError,
    StoreTooNewError,
    TradingKBError,
    UnknownObjectiveError,
    UnknownStrategyError,
    UnknownWorkspaceError,
    WorkspaceBusyError,
)
from tradingkb.importers import const
from tradingkb.ingest import IngestReport
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.presentation import regime_card
from tradingkb.recommend import Explanation, Recommendation
from tradingkb.settings import Settings
from tradingkb.wiring import connect

__version__ = "0.1.0"

Regime.card = regime_card

__all__ = [
    "BackendUnavailableError",
    "ConfigurationError",
    "DeadlineExceededError",
    "EmptyCollectionError",
    "Explanation",
    "IngestReport",
    "InvalidInputError",
    "InvalidOHLCVError",
    "InvalidRegimeError",
    "InvalidSpecError",
    "InvalidTrialError",
    "KnowledgeBase",
    "NotFoundError",
    "Objective",
    "ParamSpec",
    "Recommendation",
    "Regime",
    "Settings",
    "StoreTooNewError",
    "StrategySpec",
    "TradingKBError",
    "Trial",
    "UnknownObjectiveError",
    "UnknownStrategyError",
    "UnknownWorkspaceError",
    "WorkspaceBusyError",
    "connect",
    "const",
    "objectives",
]
