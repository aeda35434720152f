"""tradingkb: a knowledge base of your own backtests.

The front door: `connect()` opens a `KnowledgeBase`; its `ingest` takes trials in, its `recommend`
answers with a `Recommendation`.

A name is loaded when it is first used: `import tradingkb` alone loads nothing that takes time.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tradingkb.domain import Objective, ParamSpec, StrategySpec, Trial, objectives
    from tradingkb.exceptions import (
        BackendUnavailableError,
        CircuitOpenError,
        ConfigurationError,
        DeadlineExceededError,
        EmptyCollectionError,
        InvalidInputError,
        InvalidOHLCVError,
        InvalidRegimeError,
        InvalidSpecError,
        InvalidTrialError,
        NotFoundError,
        NotReadyError,
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
    from tradingkb.moving import migrate_store
    from tradingkb.presentation import Regime
    from tradingkb.recommend import Explanation, Recommendation
    from tradingkb.settings import Settings
    from tradingkb.wiring import connect

__version__ = "0.1.0"

__all__ = [
    "BackendUnavailableError",
    "CircuitOpenError",
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
    "NotReadyError",
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
    "migrate_store",
    "objectives",
]

#: Where each name is found. The imports above say the same to type checkers; a test compares them.
_NAMES: Final = {
    "tradingkb.domain": ("Objective", "ParamSpec", "StrategySpec", "Trial", "objectives"),
    "tradingkb.exceptions": (
        "BackendUnavailableError",
        "CircuitOpenError",
        "ConfigurationError",
        "DeadlineExceededError",
        "EmptyCollectionError",
        "InvalidInputError",
        "InvalidOHLCVError",
        "InvalidRegimeError",
        "InvalidSpecError",
        "InvalidTrialError",
        "NotFoundError",
        "NotReadyError",
        "StoreTooNewError",
        "TradingKBError",
        "UnknownObjectiveError",
        "UnknownStrategyError",
        "UnknownWorkspaceError",
        "WorkspaceBusyError",
    ),
    "tradingkb.importers": ("const",),
    "tradingkb.ingest": ("IngestReport",),
    "tradingkb.knowledge_base": ("KnowledgeBase",),
    "tradingkb.moving": ("migrate_store",),
    "tradingkb.presentation": ("Regime",),  # where it has its card
    "tradingkb.recommend": ("Explanation", "Recommendation"),
    "tradingkb.settings": ("Settings",),
    "tradingkb.wiring": ("connect",),
}
_MODULES: Final = {name: module for module, names in _NAMES.items() for name in names}


if not TYPE_CHECKING:  # a checker that saw it would take every misspelt name for one of ours

    def __getattr__(name: str) -> Any:
        """The name of that module, loaded now and kept (PEP 562)."""
        if name not in _MODULES:
            text = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(text, name=name, obj=sys.modules[__name__])
        value = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
