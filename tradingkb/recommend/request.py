"""What a recommendation is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from tradingkb.domain.regime import Regime
from tradingkb.exceptions import InvalidInputError

Mode = Literal["full", "debug"]
#: Who asked; probes are left out of the rates.
Caller = Literal["python", "cli", "http", "dashboard", "runbook", "probe"]


@dataclass(frozen=True)
class RecommendRequest:
    """One question.

    Attributes:
        strategy_name: which strategy.
        objective_type: what a trial is judged by.
        regime: the market: measured, stated, or None.
        symbol, timeframe: the query's instrument; its own history weighs more.
        own_trades: canonical params to in-sample trade counts of the user's current tuning.
        as_of: only what was knowable then counts; None for now.
        filters: overrides of the filters, those not None.
        min_deflated_sharpe: parameter sets of a lower deflated Sharpe ratio are not chosen, in
            [0, 1]; None for no limit.
        max_pbo: nothing is chosen where the probability of backtest overfitting is higher or
            unknown, in [0, 1]; None for no limit.
        strategy_version: which version's evidence; None for the registered or newest one.
        mode: "debug" adds the funnel, the weights and every parameter set's evidence.
        caller: recorded with the event.
        warnings: codes that reading the query's market raised already.
    """

    strategy_name: str
    objective_type: str = "sharpe"
    regime: Regime | None = None
    symbol: str | None = None
    timeframe: str | None = None
    own_trades: Mapping[str, float] | None = None
    as_of: datetime | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)
    min_deflated_sharpe: float | None = None
    max_pbo: float | None = None
    strategy_version: str | None = None
    mode: Mode = "full"
    caller: Caller = "python"
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.mode not in ("full", "debug"):
            raise InvalidInputError(
                f"{self.mode!r} is not a mode", field="mode", remedy="use full or debug"
            )
        for name in ("min_deflated_sharpe", "max_pbo"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise InvalidInputError(
                    f"{value!r} is no probability", field=name, remedy="give a number from 0 to 1"
                )
        if not self.strategy_name or not isinstance(self.strategy_name, str):
            raise InvalidInputError(
                f"{self.strategy_name!r} is no strategy name",
                field="strategy_name",
                remedy="name a strategy; kb.strategies() lists them",
            )
