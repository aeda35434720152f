"""What a page may ask, wherever the answers come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, Protocol, TypeAlias

import polars as pl

from tradingkb.domain import Mode
from tradingkb.workspaces import DEFAULT_WORKSPACE

#: An aware time, or ISO 8601 text of one.
Moment: TypeAlias = datetime | str | None
Found: TypeAlias = dict[str, Any]
Action: TypeAlias = Literal["promote", "reject", "archive"]
Bound: TypeAlias = float | int | datetime | str | None
Ranges: TypeAlias = Mapping[str, tuple[Bound, Bound]]

#: What may be done to trials.
ACTIONS: Final[tuple[Action, ...]] = ("promote", "reject", "archive")
#: Who asks, where a question does not say it.
SOURCE: Final = "dashboard"


class Client(Protocol):
    """A knowledge base as pages see it: in this process, or behind its HTTP service.

    Methods are those of `KnowledgeBase` where they have their names, and mean what is said there.
    Both clients answer alike:

    * Tables are frames with the same columns and types, empty ones too. Columns that hold
      structures (`tradingkb.plain.STRUCTURES`) are JSON text.
    * Everything else is JSON: dicts and lists, times as text of one form and length,
      2026-11-28T04:20:54.138452Z, what is not finite as None.
    * Texts about errors, files and settings hold no path, host or account.
    * Only the words of remedies and suggested actions are those of what is asked: a call, or a
      request.

    Safe to use from several threads.

    Raises:
        TradingKBError: each method raises the errors of the verb, with field, row and remedy;
            BackendUnavailableError where the store or the service does not answer; NotReadyError
            where more is asked than one may.
    """

    def where(self) -> str:
        """What is asked, for a heading: no path, no secret."""

    def workspaces(self) -> pl.DataFrame:
        """All workspaces that one may see."""

    def strategies(self, workspace: str = DEFAULT_WORKSPACE) -> pl.DataFrame:
        """Strategies with trials or a spec."""

    def strategy(self, name: str, workspace: str = DEFAULT_WORKSPACE) -> Found | None:
        """The spec of a strategy as `StrategySpec.to_dict()`; None when there is none."""

    def objectives(self) -> list[Found]:
        """What may be asked for: name, direction, unit, description.

        And break_even, idle, low and high as of `Objective`.
        """

    def health(self) -> Found:
        """Status, version, replica, model and collection in force, and the circuit breakers."""

    def ready(self) -> Found:
        """Whether questions can be answered now (`ready`), and what each check found (`checks`)."""

    def event_rates(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        since: Moment = None,
        until: Moment = None,
        bucket: str = "hour",
        by: Sequence[str] = (),
    ) -> pl.DataFrame:
        """How many answers of each status, over time."""

    def rejections(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        since: Moment = None,
        until: Moment = None,
        bucket: str = "all",
        by: Sequence[str] = ("strategy_name", "filter"),
    ) -> pl.DataFrame:
        """What the filters turned away, over time."""

    def event_page(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        where: Mapping[str, str] | None = None,
        limit: int = 100,
        after: str | None = None,
        since: Moment = None,
        until: Moment = None,
    ) -> tuple[pl.DataFrame, str | None]:
        """Recorded answers, newest first, and where the next page begins."""

    def event(
        self, request_id: str, workspace: str = DEFAULT_WORKSPACE, at: Moment = None
    ) -> Found:
        """One recorded answer, structures read."""

    def answer_again(
        self, request_id: str, workspace: str = DEFAULT_WORKSPACE, at: Moment = None
    ) -> Found:
        """A recorded answer (then), what is answered as of then (now), same, differences."""

    def trial_page(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        where: Mapping[str, Any] | None = None,
        limit: int = 100,
        after: str | None = None,
        order: str = "stored",
        descending: bool = True,
        ranges: Ranges | None = None,
    ) -> tuple[pl.DataFrame, str | None]:
        """Stored trials in the order that is asked for, and where the next page begins."""

    def trial_count(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        where: Mapping[str, Any] | None = None,
        ranges: Ranges | None = None,
    ) -> int:
        """How many trials `trial_page` goes through."""

    def trial_density(
        self,
        workspace: str,
        strategy_name: str,
        x: str = "sharpe_is",
        y: str = "sharpe_oos",
        bins: int = 40,
    ) -> Found:
        """Two metrics of a strategy's trials against each other; "cells" is a frame."""

    def param_grid(
        self,
        workspace: str,
        strategy_name: str,
        p: str | None = None,
        q: str | None = None,
        objective_type: str = "sharpe",
        timeframe: str | None = None,
    ) -> Found:
        """What sets earn over two parameters; "cells" is a frame."""

    def history(
        self, trial_id: int, workspace: str = DEFAULT_WORKSPACE, limit: int = 100
    ) -> pl.DataFrame:
        """Changes of a trial's standing, newest first."""

    def recent_changes(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        since: Moment = None,
        until: Moment = None,
        limit: int = 100,
    ) -> pl.DataFrame:
        """What was changed, newest first."""

    def breakers(self) -> pl.DataFrame:
        """The circuit breakers of all replicas that live."""

    def breaker_changes(
        self, since: Moment = None, until: Moment = None, limit: int = 1000
    ) -> pl.DataFrame:
        """What circuit breakers did, newest first."""

    def problems(self, workspace: str = DEFAULT_WORKSPACE) -> list[Found]:
        """What is wrong now, most severe first."""

    def freshness(self, workspace: str = DEFAULT_WORKSPACE) -> Found:
        """When trials, answers, calibrations and backups came last."""

    def recommend(self, question: Mapping[str, Any], *, mode: Mode = "full") -> Found:
        """A recommendation as `Recommendation.to_dict()`, tables of evidence and trials included.

        Args:
            question: fields of POST /kb/trials/recommend: workspace_id, strategy_name,
                objective_type, ohlcv (a frame), regime, symbol, timeframe, own_trials (a list of
                rows), as_of (ISO text), the filters, strategy_version, deadline_s, source. None is
                as good as nothing.
            mode: "debug" adds the funnel.
        """

    def regime(
        self,
        ohlcv: pl.DataFrame,
        symbol: str | None = None,
        timeframe: str | None = None,
        workspace: str = DEFAULT_WORKSPACE,
    ) -> Found:
        """The regime of the last bars; `workspace` is whose share of requests it counts in."""

    def curate(
        self,
        action: Action,
        trials: Sequence[int],
        *,
        workspace: str = DEFAULT_WORKSPACE,
        reason: str | None = None,
        dry_run: bool = False,
        token: str | None = None,
        actor: str | None = None,
    ) -> Found:
        """Promotes, rejects or archives trials: all of them, or none.

        Args:
            action: what to do.
            trials: numbers of trials.
            workspace: slug or id.
            reason: needed to reject and to restore.
            dry_run: say what would change and write nothing.
            token: ADMIN_TOKEN of what is asked.
            actor: who does it, for the history; default the dashboard.

        Raises:
            ConfigurationError: no ADMIN_TOKEN is set there.
            InvalidInputError: the token is missing or another; what `KnowledgeBase.promote` says.
        """

    def runbooks(self) -> list[Found]:
        """What runbooks there are, by name, as `Runbook.to_dict()`; a list of parameters each."""

    def runbook_runs(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        runbook: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> tuple[pl.DataFrame, str | None]:
        """Runs of a workspace, newest first, and where the next page begins.

        Without their results; state is lost where a run has long given no sign of life.
        """

    def runbook_run(self, run_id: str) -> Found:
        """One run as `RunbookRun.to_dict()`, with its result."""

    def runbook_report(self, run_id: str) -> str:
        """The HTML report of a run: outputs of a notebook, to be shown where they reach nothing."""

    def start_runbook(
        self,
        name: str,
        parameters: Mapping[str, Any],
        *,
        dry_run: bool = True,
        token: str | None = None,
        actor: str | None = None,
    ) -> Found:
        """Starts a runbook in a process of its own, beside what is asked; the run, just begun.

        Args:
            name: of the runbook.
            parameters: its others have their defaults.
            dry_run: only say what would be done.
            token: ADMIN_TOKEN of what is asked.
            actor: who asks for it; default the dashboard.

        Raises:
            ConfigurationError: no ADMIN_TOKEN is set there, or what runs notebooks is not
                installed.
            InvalidInputError: the token is missing or another; a parameter that is unknown, missing
                or of another type; an unknown workspace.
        """

    def schedules(self) -> pl.DataFrame:
        """What is run by itself, when it is due next, and what came of the last time."""

    def schedule_ticks(self, limit: int = 50) -> pl.DataFrame:
        """What was decided about times that were due, newest first."""

    def close(self) -> None:
        """Gives connections back."""
