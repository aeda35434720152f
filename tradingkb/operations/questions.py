"""Questions beside `recommend`: about parameters that one runs, and many at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from tradingkb.market import RegimeLike, as_moment, read_market, read_own_trades
from tradingkb.operations.base import Shared
from tradingkb.recommend import Explanation, RecommendJob, RecommendRequest
from tradingkb.recommend.explain import explain
from tradingkb.recommend.request import Caller
from tradingkb.workspaces import DEFAULT_WORKSPACE


class Questions(Shared):
    """Part of `KnowledgeBase`: questions beside `recommend`."""

    _recommend_job: RecommendJob

    def explain(
        self,
        strategy_name: str,
        params: Mapping[str, Any] | str,
        objective_type: str = "sharpe",
        workspace: str = DEFAULT_WORKSPACE,
        ohlcv: Any = None,
        regime: RegimeLike | None = None,
        symbol: str | None = None,
        timeframe: str | None = None,
        own_trials: Any = None,
        as_of: datetime | date | str | None = None,
        strategy_version: str | None = None,
        *,
        caller: Caller = "python",
    ) -> Explanation:
        """The evidence of an answer for parameters that you run already.

        Nothing is nominated, chosen or stored; all else is as in `recommend`, whose answer to the
        same question stands beside it.

        Args:
            strategy_name: which strategy.
            params: a mapping, or JSON text of one; what is missing is the declared default.
            objective_type: what to be good at.
            workspace: slug or id.
            ohlcv: the market as it is, as for `recommend`.
            regime: instead of `ohlcv`: a measured regime, or one that you state.
            symbol: the instrument; taken from `ohlcv` if it says it.
            timeframe: of the instrument, likewise.
            own_trials: in-sample results of your current tuning.
            as_of: explain with what was knowable then; naive times are UTC.
            strategy_version: whose evidence; default the registered one, else the newest.
            caller: who asks, logged with it.

        Raises:
            NotFoundError: an unknown strategy, objective or workspace, with near names.
            InvalidInputError: an unknown parameter, with near names; a value of the wrong type; a
                missing parameter without a default; what is wrong with bars, regime or trials.
        """
        space = self._workspaces.find(workspace)
        moment = as_moment(as_of)
        market = read_market(ohlcv, regime, symbol, timeframe, moment)
        request = RecommendRequest(
            strategy_name=strategy_name, objective_type=objective_type, regime=market.regime,
            symbol=market.symbol, timeframe=market.timeframe,
            own_trades=read_own_trades(own_trials, strategy_name, self._clock()), as_of=moment,
            strategy_version=strategy_version, caller=caller,
            warnings=market.warnings, notes=market.notes,
        )  # fmt: skip
        active = self._workspaces.active(space)
        return explain(self._recommend_job, space, active, request, params)
