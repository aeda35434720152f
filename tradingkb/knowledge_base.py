"""`KnowledgeBase`: the one object that notebooks, the command line and services call.

Each verb is its docstring and a delegation: what it does is done by the use case that it names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from tradingkb.domain import (
    Caller,
    Mode,
    Overrides,
    Regime,
    StrategySpec,
)
from tradingkb.evaluate import (
    CalibrationReport,
    Calibrator,
    ComparedModels,
    Evaluation,
    EvaluationRequest,
    Evaluator,
    names,
)
from tradingkb.exceptions import ForkedError, InvalidInputError
from tradingkb.importers import Const, specs_to_register
from tradingkb.indexing import (
    ActivationReport,
    Collections,
    Contents,
    DeepReconciliation,
    Indexer,
    Reconciler,
    Reconciliation,
    Reembedder,
    ReembedReport,
    activate,
)
from tradingkb.ingest import Ingester, IngestReport, IngestRequest
from tradingkb.jobs import JobRunner, Jobs, Leases, LongWork
from tradingkb.lifecycle import (
    Curation,
    Curator,
    strategy_table,
)
from tradingkb.monitoring import (
    EventReports,
    Notes,
    Page,
    RunbookHistory,
    Schedules,
    TrialReports,
    Watching,
    event_page,
    event_summary,
)
from tradingkb.ports import Again, TrialStore
from tradingkb.progress import progress_bar
from tradingkb.recommend import (
    AnsweredAgain,
    Asking,
    Explanation,
    GivenMarket,
    GivenQuestion,
    Recommendation,
    RegimeLike,
)
from tradingkb.regimes import measure_regime, read_ohlcv
from tradingkb.resilience import BreakerJournal, Breakers
from tradingkb.settings import Settings
from tradingkb.upkeep import (
    BackupCheck,
    BackupReport,
    Backups,
    Checks,
    Health,
    PruneReport,
    PullReport,
    Readiness,
    RestoreReport,
    Retention,
    pull_model,
)
from tradingkb.verbs import only_reads, takes_long
from tradingkb.workspaces import DEFAULT_WORKSPACE, Workspaces, collection_name


@dataclass(frozen=True)
class UseCases:
    """What a knowledge base delegates to; made by the wiring."""

    store: TrialStore
    workspaces: Workspaces
    ingester: Ingester
    asking: Asking
    curator: Curator
    indexer: Indexer
    reconciler: Reconciler
    contents: Contents
    reembedder: Reembedder
    backups: Backups
    retention: Retention
    jobs: Jobs
    job_runner: Callable[[], JobRunner]
    set_alias: Callable[[], None]
    evaluator: Evaluator
    calibrator: Calibrator
    checks: Checks
    breakers: Breakers
    journal: BreakerJournal
    notes: Notes
    leases: Leases
    again: Again


class KnowledgeBase(
    Curation,
    ComparedModels,
    Collections,
    LongWork,
    EventReports,
    TrialReports,
    RunbookHistory,
    Schedules,
    Watching,
):
    """Trials in, recommendations out. Open one with `tradingkb.connect()`.

    Safe to use from several threads; any number of processes may share one embedded store.
    """

    settings: Settings

    def __init__(
        self, use_cases: UseCases, settings: Settings, *, progress: bool | None = None
    ) -> None:
        """Takes what it delegates to; `progress` None shows bars where a person looks on."""
        self.settings = settings
        self._use_cases = use_cases
        self._opened_by = os.getpid()
        self._progress = progress

    @property
    def use_cases(self) -> UseCases:
        """What every verb delegates to.

        Raises:
            ForkedError: this process was forked from the one that opened it.
        """
        # Before any verb, because Polars may hang in such a process before a connection is asked.
        if os.getpid() != self._opened_by:
            raise ForkedError
        return self._use_cases

    # --- trials in --------------------------------------------------------------------------------

    @takes_long
    def ingest(
        self,
        trials: Any = None,
        workspace: str = DEFAULT_WORKSPACE,
        ohlcv: Any = None,
        mapping: Mapping[str, str | Const] | None = None,
        dry_run: bool = False,
        strict: bool = False,
        readmit: bool = False,
        replace: bool = False,
    ) -> IngestReport:
        """Takes trials in and indexes them; safe to repeat.

        Args:
            trials: a path (.parquet, .csv, .ndjson), a Polars or pandas frame, `Trial` objects or
                a list of dicts; None indexes what is stored and eligible.
            workspace: slug or id; "default" is created when missing.
            ohlcv: a folder of <symbol>_<timeframe>.parquet, a path or a frame, from which the
                regimes of the trials' windows are measured once per window.
            mapping: canonical column to your column, or to a constant as `tkb.const("sharpe")`.
            dry_run: say what would happen and write nothing.
            strict: refuse everything when one row is bad; otherwise the good rows go in and the
                bad ones into a rejects file, to be corrected and ingested with the same arguments.
            readmit: take rows that equal trials of a withdrawn run; otherwise they stay out.
            replace: take rows whose id belongs to another experiment (another strategy, other
                parameters or another window), in the place of what is stored; otherwise they are
                refused, because trial numbers start at 0 in every study.

        Raises:
            InvalidTrialError: the source cannot be used, or has bad rows and `strict` is set.
            UnknownWorkspaceError: no such workspace.
            WorkspaceBusyError: another ingest of the workspace did not end in time.
        """
        with self.use_cases.store.reading():
            target = self.use_cases.workspaces.named(workspace)
            specs = self.use_cases.store.specs(target.workspace.id)
        if not (target.workspace.id or dry_run):
            target = self.use_cases.workspaces.named(workspace, create_default=True)
        how = (dry_run, strict, readmit, replace)
        request = IngestRequest(trials, ohlcv, mapping, *how, specs=specs)
        with progress_bar(self._progress) as progress:
            report = self.use_cases.ingester.run(target, request, progress)
        if not dry_run:
            self.use_cases.set_alias()
        return report

    def register_strategy(
        self, spec: StrategySpec | str | Path, workspace: str = DEFAULT_WORKSPACE
    ) -> None:
        """Declares parameters, constraints and defaults; replaces the spec of the same version.

        Args:
            spec: a spec, a TOML file with one, or a folder of TOML files.
            workspace: slug or id.

        Raises:
            InvalidSpecError: a file that cannot be read, a spec that contradicts itself, or a
                parameter whose name is none.
        """
        space = self.use_cases.workspaces.find(workspace, create_default=True)
        for one in specs_to_register(spec):
            self.use_cases.store.save_spec(space.id, one, self.use_cases.indexer.clock())

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
        request_id: str | None = None,
        deadline_s: float | None = None,
    ) -> Recommendation:
        """Which parameters have the evidence behind them, and how far to trust them.

        Args:
            strategy_name: which strategy.
            objective_type: what to be good at; see `tradingkb.objectives()`.
            workspace: slug or id.
            ohlcv: the market as it is: a frame or path of price bars, up to now (or `as_of`).
            regime: instead of `ohlcv`: a measured `Regime`, or one that you state, as
                `Regime.stated(...)`, {feature: value} or a list of tags.
            symbol: the instrument; its own history speaks too, as far as instruments differ. Taken
                from `ohlcv` if it says it.
            timeframe: of the instrument, likewise.
            own_trials: in-sample results of your current tuning (as for `ingest`). Their trade
                counts alone are used: a set that never traded in it is not chosen. In-sample scores
                were measured, and do not help.
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
            request_id: under which name the answer is logged and stored, up to 64 printable
                characters; made where none is given. Asked again under the same name, it is
                answered again, and each answer is an event.
            deadline_s: seconds after which no answer is wanted any more; None waits for it.

        Raises:
            NotFoundError: an unknown strategy, objective or workspace, with near names.
            InvalidInputError: what is wrong with bars, regime, trials or filters, and the remedy.
            DeadlineExceededError: the answer was not ready in time.
        """
        given = GivenQuestion(
            strategy_name,
            objective_type,
            GivenMarket(ohlcv, regime, symbol, timeframe),
            own_trials,
            as_of,
            Overrides(require_oos, max_drawdown, min_trades, max_overfit_gap, regime_tags),
            min_deflated_sharpe,
            max_pbo,
            strategy_version,
            mode,
            caller,
            request_id,
            deadline_s,
        )
        return self.use_cases.asking.recommend(workspace, given)

    def answer_again(
        self,
        request_id: str,
        workspace: str = DEFAULT_WORKSPACE,
        at: datetime | date | str | None = None,
        own_trades: Mapping[str, float] | None = None,
    ) -> AnsweredAgain:
        """Asks a recorded question again with what was knowable then, beside what was answered.

        What differs has changed since: trials that came in late, were rejected or withdrawn, a
        spec, the calibration, settings or the release. Nothing is recorded.

        Args:
            request_id: the name of its request.
            workspace: slug or id.
            at: which of its answers; default the newest.
            own_trades: trade counts by canonical parameters, where the question had those of more
                sets than an event keeps.

        Raises:
            NotFoundError: no such event, it may have been pruned; or its strategy is gone.
            InvalidInputError: the event says too little to be asked again.
        """
        event = self.event(request_id, workspace, at)
        return self.use_cases.asking.answer_again(workspace, event, own_trades)

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
        request_id: str | None = None,
        deadline_s: float | None = None,
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
            own_trials: in-sample results of your current tuning; their trade counts alone are used.
            as_of: explain with what was knowable then; naive times are UTC.
            strategy_version: whose evidence; default the registered one, else the newest.
            caller: who asks, logged with it.
            request_id: under which name it is logged; made where none is given.
            deadline_s: as for `recommend`.

        Raises:
            NotFoundError: an unknown strategy, objective or workspace, with near names.
            InvalidInputError: an unknown parameter, with near names; a value of the wrong type; a
                missing parameter without a default; what is wrong with bars, regime or trials.
        """
        given = GivenQuestion(
            strategy_name,
            objective_type,
            GivenMarket(ohlcv, regime, symbol, timeframe),
            own_trials,
            as_of,
            strategy_version=strategy_version,
            caller=caller,
            request_id=request_id,
            deadline_s=deadline_s,
        )
        return self.use_cases.asking.explain(workspace, given, params)

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
            with confidence_low and confidence_high, baseline_expected (the plain
            average's choice), defaults_expected, windows, quarters, own_windows, reasons, warnings,
            request_id, error (with the number of the row, from 1).

        Raises:
            NotFoundError: an unknown workspace, with near names.
            InvalidInputError: nothing is asked; an unknown column; markets that are none; with
                `strict`, what is wrong with a question.
        """
        shared = {
            "objective_type": objective_type,
            "as_of": as_of,
            "require_oos": require_oos,
            "max_drawdown": max_drawdown,
            "min_trades": min_trades,
            "max_overfit_gap": max_overfit_gap,
            "regime_tags": regime_tags,
        }
        return self.use_cases.asking.recommend_many(
            workspace, questions, strategies, markets, shared, strict=strict, caller=caller
        )

    def regime(self, ohlcv: Any, timeframe: str | None = None, symbol: str | None = None) -> Regime:
        """The regime of the last bars: features, tags and the evidence for each tag.

        Bars that have not closed yet are left out, and named in its warnings.

        Raises:
            InvalidOHLCVError: what is wrong with the bars, with row, field and remedy.
        """
        bars = read_ohlcv(ohlcv, symbol=symbol, timeframe=timeframe)
        return measure_regime(bars.finished(self.use_cases.indexer.clock()))

    # --- the derived index ------------------------------------------------------------------------

    @takes_long
    def reconcile(
        self, repair: bool = False, workspace: str | None = None, deep: bool = False
    ) -> Reconciliation:
        """Compares SQL, which is right, with the vector index, per workspace and collection.

        Args:
            repair: embed what is missing or stale, delete what is orphaned.
            workspace: slug or id; None for all.
            deep: also look whether every stored trial, rejected and withdrawn ones too, still is
                what its source said: a `DeepReconciliation`, whose `content` names those that are
                not. No repair knows what was given: it marks them, so that the next ingest of
                their source takes them anew.

        Raises:
            BackendUnavailableError: the database or the vector index does not answer.
            StoreDamagedError: something cannot even be read.
        """
        targets = self.use_cases.workspaces.targets(workspace)
        content = self.use_cases.contents.check(targets, repair=repair) if deep else None
        found = self.use_cases.reconciler.run(targets, repair=repair)
        if repair:
            self.use_cases.set_alias()
        return found if content is None else DeepReconciliation.of(found, content)

    @takes_long
    def reembed(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        target_model: str | None = None,
        target_collection: str | None = None,
        restart: bool = False,
    ) -> ReembedReport:
        """Embeds every eligible trial anew, for a rebuild or a rotation; safe to kill and repeat.

        Args:
            workspace: slug or id.
            target_model: default the active model.
            target_collection: default the active one, or that of `target_model` when it is given;
                created when missing. No other collection is touched.
            restart: begin anew even where an interrupted run could be resumed.

        Raises:
            ConfigurationError: an unknown model, or a collection of another dimension.
            InvalidInputError: no name of a collection.
            WorkspaceBusyError: an ingest of the workspace did not end in time.
        """
        active = self.use_cases.workspaces.named(workspace, create_default=True)
        target = self.use_cases.workspaces.chosen(active, target_model, target_collection)
        with progress_bar(self._progress) as progress:
            report = self.use_cases.reembedder.run(target, restart=restart, progress=progress)
        self.use_cases.set_alias()
        return report

    @takes_long
    def activate(
        self,
        embed_model: str | None = None,
        collection: str | None = None,
        workspace: str = DEFAULT_WORKSPACE,
        force: bool = False,
    ) -> ActivationReport:
        """Switches a workspace to a model and a collection that it was re-embedded into.

        The report names the way back: activating what was in force before. Nothing is deleted. How
        good the neighbours are that the model finds is measured as by `compare_models`, which takes
        seconds with a language model.

        Args:
            embed_model: with `collection` None, its collection is the model's own; both None give
                the choice back to the environment.
            collection: which collection.
            workspace: slug or id.
            force: switch although trials are missing in the collection (the next ingest embeds
                them), or the model may find what chance finds: its loss, of which 0 is exact search
                and 1 chance, has an interval that reaches 0.9.

        Raises:
            ConfigurationError: an unknown model; a collection that does not exist or has another
                dimension; without `force` one that lacks trials, or neighbours that may be those of
                chance. Too few windows to judge a model by refuse none.
            BackendUnavailableError: the model's server does not answer.
            InvalidInputError: no name of a collection.
        """
        before = self.use_cases.workspaces.named(workspace, create_default=True)
        if embed_model is not None and collection is None:
            collection = collection_name(embed_model)
        after = self.use_cases.workspaces.would_be_target(before.workspace, embed_model, collection)
        store, indexer = self.use_cases.store, self.use_cases.indexer
        stored = (embed_model, collection)
        with progress_bar(self._progress, "markets") as progress:
            report = activate(
                store, indexer, before, after, stored=stored, force=force, progress=progress
            )
        self.use_cases.notes.activated(before.workspace.id, report)
        self.use_cases.set_alias()
        return report

    # --- keeping a store for years ----------------------------------------------------------------

    @takes_long
    def backup(self, path: str | Path, replace: bool = False) -> BackupReport:
        """Writes everything but vectors and leases to one file, while others read and write.

        The file is one consistent snapshot, and restores into SQLite and PostgreSQL alike. It
        gets its name when it is complete, checked and on disk.

        Args:
            path: the file, in a folder that exists.
            replace: whether a file of that name may be replaced.

        Raises:
            InvalidInputError: the file exists (without `replace`), or cannot be one.
            ConfigurationError: it cannot be written: no room, no permission.
        """
        self.use_cases.asking.events.flush()
        with progress_bar(self._progress, unit="rows") as progress:
            report = self.use_cases.backups.backup(
                _own_path(path), replace=replace, progress=progress
            )
        self.use_cases.notes.backed_up(report)
        return report

    @takes_long
    def check_backup(self, path: str | Path) -> BackupCheck:
        """Reads a backup whole, by its checksums: whether it could be restored. Changes nothing.

        Args:
            path: a backup, or the file of an embedded store.

        Raises:
            InvalidBackupError: the file is missing, no backup, or damaged.
            StoreTooNewError: a newer release with another major schema wrote it.
        """
        return self.use_cases.backups.check(_own_path(path))

    @takes_long
    def restore(self, path: str | Path, replace: bool = False) -> RestoreReport:
        """Replaces everything by the content of a backup, then makes the index again.

        All of it or nothing: killed anywhere, the old content stays. Others go on reading the old
        content until the new one is complete, and see the new one then.

        Args:
            path: a backup, or the file of an embedded store, of this or an older schema.
            replace: whether what is stored may be replaced. Workspaces without content always may.

        Raises:
            InvalidBackupError: the file is missing, no backup, or damaged.
            StoreTooNewError: a newer release with another major schema wrote it.
            InvalidInputError: the store is not empty, without `replace`.
            WorkspaceBusyError: an ingest does not finish.
        """
        self.use_cases.asking.events.flush()  # they belong to the old content
        with progress_bar(self._progress, unit="rows") as progress:
            report = self.use_cases.backups.restore(
                _own_path(path), replace=replace, progress=progress
            )
        self.use_cases.notes.restored(report)
        self.use_cases.set_alias()
        return report

    @takes_long
    def prune(
        self,
        events_older_than_days: int | None = None,
        runs_older_than_days: int | None = None,
        dry_run: bool = True,
        compact: bool = False,
    ) -> PruneReport:
        """Forgets old recommend events, finished runs and ended jobs; trials stay.

        Runs of runbooks go with their notebooks and reports, and so does what schedules decided,
        by the age of TRADINGKB_RUNBOOKS_RETENTION_DAYS.

        Args:
            events_older_than_days: default TRADINGKB_EVENTS_RETENTION_DAYS.
            runs_older_than_days: default TRADINGKB_RUNS_RETENTION_DAYS. Runs that stored trials
                came from are kept: withdrawing one needs it. Jobs go by the same age.
            dry_run: count only; False deletes.
            compact: give the room that deleting left in SQLite's file back; it takes room for a
                copy while it works, and writers wait.

        Raises:
            InvalidInputError: an age below one day.
            ConfigurationError: no room to compact in.
        """
        report = self.use_cases.retention.prune(
            events_older_than_days, runs_older_than_days, dry_run=dry_run, compact=compact
        )
        if not dry_run:
            self.use_cases.notes.pruned(report)
        return report

    @takes_long
    def pull_model(self, name: str) -> PullReport:
        """Lets the Ollama server download an embedding model; one that is there is looked up only.

        Nothing uses it before EMBED_MODEL, `reembed` or `activate` names it.

        Args:
            name: as in Ollama's library, such as "nomic-embed-text" or "mxbai-embed-large:335m".

        Raises:
            ConfigurationError: OLLAMA_HOST names no Ollama server, or there is no such model.
            BackendUnavailableError: the server did not answer, or the download broke off; what has
                come is kept there.
        """
        with progress_bar(self._progress, "MB") as progress:
            return pull_model(self.use_cases.indexer.embedders, name, progress)

    # --- is it well? ------------------------------------------------------------------------------

    def health(self) -> Health:
        """How the database, the vector index and the embedder were when they were last used.

        Asks nobody. `health().circuit_breakers` has one entry for each of "supabase" (the
        database), "qdrant" and "ollama", and of "redis" in a service that counts requests there:
        failures in a row, whether calls are rejected, since when, and after which error.
        """
        return self.use_cases.checks.health()

    def ready(self) -> Readiness:
        """Whether questions can be answered now: asks database, vector index and embedder.

        Side by side, each within 2 s. What is down is told by `ready().checks`, never raised.
        """
        return self.use_cases.checks.ready()

    # --- measured quality -------------------------------------------------------------------------

    @takes_long
    def evaluate(
        self,
        strategies: Sequence[str] | str | None = None,
        objective_type: str = "sharpe",
        workspace: str = DEFAULT_WORKSPACE,
        symbols: Sequence[str] | str | None = None,
        max_decisions: int | None = None,
        controls: bool = True,
        seed: int = 0,
    ) -> Evaluation:
        """Replays history: what would have been recommended at each window's start, and its result.

        Point in time: a decision sees only what was knowable by then. Beside the recommender, other
        ways to choose are given the same knowledge. Nothing is written.

        Args:
            strategies: names; None for all.
            objective_type: what is judged.
            workspace: slug or id.
            symbols: instruments whose windows are decided; evidence comes from all.
            max_decisions: draw this many at random where there are more.
            controls: also replay a placebo regime and random neighbours, which should add nothing.
            seed: of every draw: the same seed and store give the same figures.

        Raises:
            UnknownStrategyError, UnknownObjectiveError, UnknownWorkspaceError: with near names.
            InvalidInputError: nothing can be replayed, with what is missing.
        """
        request = EvaluationRequest(
            objective_type, names(strategies), names(symbols), max_decisions, controls, seed
        )
        with progress_bar(self._progress, "decisions") as progress:
            return self.use_cases.evaluator.run(
                self.use_cases.workspaces.named(workspace), request, progress
            )

    @takes_long
    def calibrate(
        self,
        objective_type: str = "sharpe",
        workspace: str = DEFAULT_WORKSPACE,
        restart: bool = False,
    ) -> CalibrationReport:
        """Fits the confidence of answers: how often past decisions beat the defaults.

        Decisions whose outcome is known already are not replayed again, so repeat it whenever
        trials have come in. Too few outcomes leave answers uncalibrated.

        Args:
            objective_type: of the answers whose confidence it is.
            workspace: slug or id.
            restart: replay every decision again, as after trials were rejected or withdrawn.

        Raises:
            UnknownObjectiveError, UnknownWorkspaceError: with near names.
        """
        target = self.use_cases.workspaces.named(workspace, create_default=True)
        with progress_bar(self._progress, "strategies") as progress:
            report = self.use_cases.calibrator.run(
                target, objective_type, restart=restart, progress=progress
            )
        self.use_cases.notes.calibrated(target.workspace.id, report)
        return report

    # --- looking around ---------------------------------------------------------------------------

    @only_reads
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
        return self.use_cases.store.trial_rows(
            self.use_cases.workspaces.find(workspace).id, _given(where), limit
        )

    @only_reads
    def strategies(self, workspace: str = DEFAULT_WORKSPACE) -> pl.DataFrame:
        """Strategies with trials or a spec: counts, registered version, defaults as JSON text."""
        return strategy_table(self.use_cases.store, self.use_cases.workspaces.find(workspace).id)

    @only_reads
    def strategy(self, name: str, workspace: str = DEFAULT_WORKSPACE) -> StrategySpec | None:
        """The spec of a strategy, the version registered last; None when there is none."""
        specs = self.use_cases.store.specs(self.use_cases.workspaces.find(workspace).id, name)
        return specs[-1] if specs else None

    @only_reads
    def events(
        self,
        workspace: str | None = DEFAULT_WORKSPACE,
        limit: int = 100,
        status: str | None = None,
        strategy_name: str | None = None,
    ) -> pl.DataFrame:
        """Recorded recommendations, newest first; structures as JSON text.

        `tradingkb.recommend.EVENT_FIELDS` says what each column means, and `question_of` there
        gives the question of a row back, to be asked again.
        """
        self.use_cases.asking.events.flush()
        where = _given({"status": status, "strategy_name": strategy_name})
        space = self.use_cases.workspaces.find(workspace).id if workspace is not None else None
        return self.use_cases.store.events(space, limit, where)

    @only_reads
    def event_page(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        where: Mapping[str, str] | None = None,
        limit: int = 100,
        after: str | None = None,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
    ) -> Page:
        """Recorded recommendations page by page, newest first; columns as of `events`.

        Args:
            workspace: slug or id.
            where: status, strategy_name, objective_type, request_id, source or replica to the value
                that it has to have; strict_to_relaxed, metadata_only or repaired_params to "true"
                or "false".
            limit: most rows of the page.
            after: `next` of the page before; None for the first one.
            since: only those at this time or later; naive times are UTC.
            until: only those before it.

        Raises:
            InvalidInputError: as for `trial_page`.
        """
        self.use_cases.asking.events.flush()
        space = self.use_cases.workspaces.find(workspace)
        return event_page(self.use_cases.store, space.id, where or {}, limit, after, since, until)

    @only_reads
    def event_summary(
        self, workspace: str = DEFAULT_WORKSPACE, hours: float = 24.0
    ) -> pl.DataFrame:
        """How many recommendations of the last hours were ok, degraded and none; probes left out.

        Returns:
            strategy_name, objective_type, status, count, and of them strict_to_relaxed,
            metadata_only, repaired_params; by name.

        Raises:
            InvalidInputError: hours that are none.
        """
        self.use_cases.asking.events.flush()
        space = self.use_cases.workspaces.find(workspace)
        return event_summary(self.use_cases.store, space.id, hours, self.use_cases.indexer.clock())

    @only_reads
    def runs(self, workspace: str = DEFAULT_WORKSPACE, limit: int = 100) -> pl.DataFrame:
        """Ingest runs, newest first."""
        return self.use_cases.store.runs(self.use_cases.workspaces.find(workspace).id, limit)

    def workspaces(self) -> pl.DataFrame:
        """All workspaces: id, slug, embedding model and collection in force, creation time."""
        return self.use_cases.workspaces.table()

    def create_workspace(
        self, slug: str, *, embed_model: str | None = None, collection: str | None = None
    ) -> str:
        """Creates a workspace and returns its id.

        Raises:
            InvalidInputError: the slug is malformed or taken, or no name of a collection.
        """
        return self.use_cases.workspaces.create(slug, embed_model, collection)

    def close(self) -> None:
        """Writes what is queued and releases connections; those of another process stay its own."""
        if os.getpid() != self._opened_by:
            return
        self.use_cases.asking.events.close()
        self.use_cases.indexer.vectors.close()
        self.use_cases.indexer.embedders.close()
        self.use_cases.store.close()

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _given(where: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in where.items() if value is not None}


def _own_path(path: str | Path) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:  # ~somebody who has no home
        raise InvalidInputError(str(error), field="path", remedy="name another file") from None
