"""`KnowledgeBase`: the one object that notebooks, the command line and services call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from tradingkb.domain.regime import Regime
from tradingkb.domain.strategy import StrategySpec
from tradingkb.domain.trial import canonical_params
from tradingkb.importers.source import Const
from tradingkb.importers.specs import read_specs
from tradingkb.ingest import IngestJob, IngestReport
from tradingkb.ingest.request import IngestRequest
from tradingkb.market import (
    RegimeLike,
    as_moment,
    checked_tags,
    read_market,
    read_own_trades,
)
from tradingkb.operations import Curation, Quality, Questions, Recovery
from tradingkb.ports import EmbedderFactory, TrialStore, VectorIndex
from tradingkb.progress import progress_bar
from tradingkb.recommend import Recommendation, RecommendJob, RecommendRequest
from tradingkb.recommend.request import Caller, Mode
from tradingkb.regimes import measure_regime, read_ohlcv
from tradingkb.settings import Settings
from tradingkb.workspaces import DEFAULT_WORKSPACE, Workspaces


class KnowledgeBase(Questions, Curation, Recovery, Quality):
    """Trials in, recommendations out. Open one with `tradingkb.connect()`.

    Safe to use from several threads; any number of processes may share one embedded store.
    """

    def __init__(
        self,
        *,
        store: TrialStore,
        vectors: VectorIndex,
        embedders: EmbedderFactory,
        ingest_job: IngestJob,
        recommend_job: RecommendJob,
        settings: Settings,
        clock: Callable[[], datetime],
        progress: bool | None = None,
    ) -> None:
        self.settings = settings
        self._store = store
        self._vectors = vectors
        self._embedders = embedders
        self._ingest_job = ingest_job
        self._recommend_job = recommend_job
        self._clock = clock
        self._workspaces = Workspaces(store, settings, clock=clock)
        self._progress = progress

    # --- trials in --------------------------------------------------------------------------------

    def ingest(
        self,
        trials: Any = None,
        workspace: str = DEFAULT_WORKSPACE,
        ohlcv: Any = None,
        mapping: Mapping[str, str | Const] | None = None,
        dry_run: bool = False,
        strict: bool = False,
        readmit: bool = False,
    ) -> IngestReport:
        """Takes trials in and indexes them; safe to repeat.

        Args:
            trials: a path (.parquet, .csv, .ndjson), a Polars or pandas frame, or `Trial`
                objects; None indexes what is stored and eligible.
            workspace: slug or id; "default" is created when missing.
            ohlcv: a folder of <symbol>_<timeframe>.parquet, a path or a frame, from which the
                regimes of the trials' windows are measured once per window.
            mapping: canonical column to your column, or to a constant as `tkb.const("sharpe")`.
            dry_run: say what would happen and write nothing.
            strict: refuse everything when one row is bad; otherwise the good rows go in and the
                bad ones into a rejects file, to be corrected and ingested with the same arguments.
            readmit: take rows that equal trials of a withdrawn run; otherwise they stay out.

        Raises:
            InvalidTrialError: the source cannot be used, or has bad rows and `strict` is set.
            UnknownWorkspaceError: no such workspace.
            WorkspaceBusyError: another ingest of the workspace did not end in time.
        """
        space = self._workspaces.find(workspace, create_default=not dry_run)
        request = IngestRequest(trials, ohlcv, mapping, dry_run, strict, readmit)
        model, collection = self._workspaces.active(space)
        with progress_bar(self._progress) as progress:
            report = self._ingest_job.run(space, model, collection, request, progress)
        if not dry_run:
            self._set_alias()
        return report

    def register_strategy(
        self, spec: StrategySpec | str | Path, workspace: str = DEFAULT_WORKSPACE
    ) -> None:
        """Declares parameters, constraints and defaults; replaces the spec of the same version.

        Args:
            spec: a spec, a TOML file with one, or a folder of TOML files.
            workspace: slug or id.

        Raises:
            InvalidSpecError: a file that cannot be read, or a spec that contradicts itself.
        """
        space = self._workspaces.find(workspace, create_default=True)
        for one in [spec] if isinstance(spec, StrategySpec) else read_specs(spec):
            self._store.save_spec(space.id, one, self._clock())

    # --- answers out ------------------------------------------------------------------------------

    def recommend(
        self,
        strategy_name: str,
        objective_type: str = "sharpe",
        workspace: str = DEFAULT_WORKSPACE,
        ohlcv: Any = None,
        regime: RegimeLike | None = None,
        symbol: str | None = None,
        timeframe: str | None = None,
        own_trials: Any = None,
        as_of: datetime | date | str | None = None,
        require_oos: bool | None = None,
        max_drawdown: float | None = None,
        min_trades: int | None = None,
        max_overfit_gap: float | None = None,
        regime_tags: Sequence[str] | None = None,
        mode: Mode = "full",
        *,
        min_deflated_sharpe: float | None = None,
        max_pbo: float | None = None,
        strategy_version: str | None = None,
        caller: Caller = "python",
    ) -> Recommendation:
        """Which parameters have the evidence behind them, and how far to trust them.

        Args:
            strategy_name: which strategy.
            objective_type: what to be good at; see `tradingkb.objectives()`.
            workspace: slug or id.
            ohlcv: the market as it is: a frame or path of price bars, up to now (or `as_of`).
            regime: instead of `ohlcv`: a measured `Regime`, or one that you state, as
                `Regime.stated(...)`, {feature: value} or a list of tags.
            symbol: the instrument; its own history weighs more. Taken from `ohlcv` if it says it.
            timeframe: of the instrument, likewise.
            own_trials: in-sample results of your current tuning (as for `ingest`).
            as_of: answer with what was knowable then; naive times are UTC.
            require_oos: nominate only trials with an out-of-sample result.
            max_drawdown: largest drawdown of a nominating trial, positive fraction.
            min_trades: fewest trades of a nominating trial, both samples together.
            max_overfit_gap: largest max(0, sharpe_is - sharpe_oos) of a nominating trial.
            regime_tags: nominate only trials that earned their score in a regime with these tags.
            mode: "debug" adds the funnel and every parameter set's evidence.
            min_deflated_sharpe: choose no parameters of a lower deflated Sharpe ratio, in [0, 1].
            max_pbo: choose nothing where the probability of backtest overfitting is higher or
                unknown, in [0, 1].
            strategy_version: whose evidence; default the registered one, else the newest.
            caller: who asks, recorded with the event.

        Raises:
            NotFoundError: an unknown strategy, objective or workspace, with near names.
            InvalidInputError: what is wrong with bars, regime, trials or filters, and the remedy.
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
            filters={
                "require_oos": require_oos,
                "max_drawdown": max_drawdown,
                "min_trades": min_trades,
                "max_overfit_gap": max_overfit_gap,
                "regime_tags": checked_tags(regime_tags),
            },
            min_deflated_sharpe=min_deflated_sharpe,
            max_pbo=max_pbo,
            strategy_version=strategy_version,
            mode=mode,
            caller=caller,
            warnings=market.warnings,
            notes=market.notes,
        )
        return self._recommend_job.run(space, *self._workspaces.active(space), request)

    def regime(self, ohlcv: Any, timeframe: str | None = None, symbol: str | None = None) -> Regime:
        """The regime of the last bars: features, tags and the evidence for each tag.

        Raises:
            InvalidOHLCVError: what is wrong with the bars, with row, field and remedy.
        """
        return measure_regime(read_ohlcv(ohlcv, symbol=symbol, timeframe=timeframe))

    # --- looking around ---------------------------------------------------------------------------

    def trials(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        strategy_name: str | None = None,
        symbol: str | None = None,
        timeframe: str | None = None,
        kb_status: str | None = None,
        source_id: str | None = None,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Stored trials as a frame, newest known first; params and regimes as JSON text."""
        where = {
            "strategy_name": strategy_name,
            "symbol": symbol,
            "timeframe": timeframe,
            "kb_status": kb_status,
            "source_id": source_id,
        }
        given = {name: value for name, value in where.items() if value is not None}
        return self._store.trial_rows(self._workspaces.find(workspace).id, given, limit)

    def strategies(self, workspace: str = DEFAULT_WORKSPACE) -> pl.DataFrame:
        """Strategies with trials or a spec: counts, registered version, defaults as JSON text."""
        space = self._workspaces.find(workspace)
        counts = self._store.strategy_counts(space.id)
        specs = {s.name: s for s in self._store.specs(space.id)}
        table = pl.DataFrame(
            {
                "strategy_name": list(specs),
                "spec_version": [s.version for s in specs.values()],
                "defaults": [_json(s.defaults) for s in specs.values()],
            },
            schema={"strategy_name": pl.String, "spec_version": pl.String, "defaults": pl.String},
        )
        return (
            counts.join(table, on="strategy_name", how="full", coalesce=True)
            .with_columns(pl.col("n_trials", "n_windows", "n_param_sets").fill_null(0))
            .sort("strategy_name")
        )

    def strategy(self, name: str, workspace: str = DEFAULT_WORKSPACE) -> StrategySpec | None:
        """The spec of a strategy, the version registered last; None when there is none."""
        specs = self._store.specs(self._workspaces.find(workspace).id, name)
        return specs[-1] if specs else None

    def events(
        self,
        workspace: str | None = DEFAULT_WORKSPACE,
        limit: int = 100,
        status: str | None = None,
        strategy_name: str | None = None,
    ) -> pl.DataFrame:
        """Recorded recommendations, newest first; structures as JSON text."""
        self._recommend_job.events.flush()
        where = {"status": status, "strategy_name": strategy_name}
        given = {name: value for name, value in where.items() if value is not None}
        space = self._workspaces.find(workspace).id if workspace is not None else None
        return self._store.events(space, limit, given)

    def runs(self, workspace: str = DEFAULT_WORKSPACE, limit: int = 100) -> pl.DataFrame:
        """Ingest runs, newest first."""
        return self._store.runs(self._workspaces.find(workspace).id, limit)

    def workspaces(self) -> pl.DataFrame:
        """All workspaces: id, slug, embedding model and collection in force, creation time."""
        return self._workspaces.table()

    def create_workspace(
        self, slug: str, *, embed_model: str | None = None, collection: str | None = None
    ) -> str:
        """Creates a workspace and returns its id.

        Raises:
            InvalidInputError: the slug is malformed or taken.
        """
        return self._workspaces.create(slug, embed_model, collection)

    def close(self) -> None:
        """Writes what is queued and releases connections."""
        self._recommend_job.events.close()
        self._vectors.close()
        self._store.close()

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _json(value: Any) -> str | None:
    return canonical_params(value) if value is not None else None
