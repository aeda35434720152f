"""Questions beside `recommend`: about parameters that one runs, and many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from tradingkb.exceptions import InvalidInputError
from tradingkb.market import RegimeLike, as_moment, read_market, read_own_trades
from tradingkb.operations.base import Shared
from tradingkb.operations.markets import Markets
from tradingkb.operations.question_table import ask, product_rows, question_rows
from tradingkb.progress import progress_bar
from tradingkb.recommend import Explanation, RecommendJob, RecommendRequest
from tradingkb.recommend.explain import explain
from tradingkb.recommend.many import answer_many
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
            strategy_name=strategy_name,
            objective_type=objective_type,
            regime=market.regime,
            symbol=market.symbol,
            timeframe=market.timeframe,
            own_trades=read_own_trades(own_trials, strategy_name, self._clock()),
            as_of=moment,
            strategy_version=strategy_version,
            caller=caller,
            warnings=market.warnings,
            notes=market.notes,
        )
        active = self._workspaces.active(space)
        return explain(self._recommend_job, space, active, request, params)

    def recommend_many(
        self,
        questions: Any = None,
        *,
        strategies: Sequence[str] | str | None = None,
        markets: Any = None,
        objective_type: str = "sharpe",
        workspace: str = DEFAULT_WORKSPACE,
        as_of: datetime | date | str | None = None,
        require_oos: bool | None = None,
        max_drawdown: float | None = None,
        min_trades: int | None = None,
        max_overfit_gap: float | None = None,
        regime_tags: Sequence[str] | None = None,
        strict: bool = False,
        caller: Caller = "python",
    ) -> pl.DataFrame:
        """Many recommendations as one table: `recommend_many(strategies=[...], markets="prices/")`.

        Answers are those of `recommend`, one by one, and recorded alike. Prices are read and
        measured once per market. First come the rows of `questions`, then every strategy of
        `strategies` on every market.

        Args:
            questions: a frame, a .csv or .parquet file, or a list of dicts with strategy_name and
                any of objective_type, symbol, timeframe, as_of, strategy_version, a filter, and one
                of market (a name in `markets`), ohlcv (as for `recommend`) or regime (as for
                `recommend`; in a file tags with commas, or JSON). What a row leaves out or leaves
                null is as below.
            strategies: names; with `markets` and neither `questions` nor this, all strategies.
            markets: a folder of <symbol>_<timeframe>.parquet or .csv, such a file or a list of
                them, each named by its stem; or {name: file, folder, frame or stated regime}. A
                frame named as files are ("AAPL_1d") is of that symbol and timeframe.
            objective_type: what to be good at.
            workspace: slug or id.
            as_of: answer with what was knowable then; naive times are UTC.
            require_oos: this and the next ones are filters, as for `recommend`.
            max_drawdown: largest drawdown of a nominating trial, positive fraction.
            min_trades: fewest trades of a nominating trial.
            max_overfit_gap: largest overfit gap of a nominating trial.
            regime_tags: nominate only from regimes with these tags.
            strict: raise the first bad question's error, and record nothing.
            caller: who asks, recorded with the events.

        Returns:
            One row per question, in the order asked: strategy_name, objective_type, market, symbol,
            timeframe, status ("ok", "degraded", "none", or "error" for a question without an
            answer), params (JSON text), expected, low and high (of its 90 % interval), confidence
            with confidence_low and confidence_high, baseline_expected (the regime-agnostic
            choice's), defaults_expected, windows, quarters, own_windows, reasons, warnings,
            request_id, error (with the number of the row, from 1).

        Raises:
            NotFoundError: an unknown workspace, with near names.
            InvalidInputError: nothing is asked; an unknown column; markets that are none; with
                `strict`, what is wrong with a question.
        """
        space = self._workspaces.find(workspace)
        named = Markets(markets)
        rows = question_rows(questions)
        if strategies is None and named.names:
            if questions is None:
                strategies = sorted(self._known_strategies(space.id))
            elif rows and not any("market" in row for row in rows):
                raise InvalidInputError(
                    "no question names a market",
                    field="markets",
                    remedy=f"name them in the column market, such as {named.names[0]!r}",
                )
        rows += product_rows(strategies or [], named)
        if not rows and questions is None:
            raise InvalidInputError(
                "nothing is asked",
                field="questions",
                remedy="name strategies, markets or both, or give a table of questions",
            )
        shared = {
            "objective_type": objective_type,
            "as_of": as_of,
            "require_oos": require_oos,
            "max_drawdown": max_drawdown,
            "min_trades": min_trades,
            "max_overfit_gap": max_overfit_gap,
            "regime_tags": regime_tags,
        }
        asked = [ask(k, row, shared, named, caller) for k, row in enumerate(rows, 1)]
        with progress_bar(self._progress, "questions") as progress:
            return answer_many(
                self._recommend_job,
                space,
                self._workspaces.active(space),
                asked,
                strict=strict,
                progress=progress,
            )

    def _known_strategies(self, workspace_id: str) -> set[str]:
        specs = {s.name for s in self._store.specs(workspace_id)}
        return specs | set(self._store.strategy_names(workspace_id))
