"""The verbs of `KnowledgeBase` about what counts: promote, reject, archive, withdraw, seen.

Each verb is its docstring and a delegation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

import polars as pl

from tradingkb.domain import Actor, Selection, Status
from tradingkb.importers import Const
from tradingkb.jobs import user_name
from tradingkb.lifecycle.changes import CurationReport
from tradingkb.lifecycle.curator import Curator
from tradingkb.lifecycle.seen import SeenStore, seen
from tradingkb.verbs import takes_long
from tradingkb.workspaces import DEFAULT_WORKSPACE, Workspaces


class _Store(SeenStore, Protocol):
    def unhurried(self) -> AbstractContextManager[None]: ...


class _Indexer(Protocol):
    @property
    def clock(self) -> Callable[[], datetime]: ...


class _Notes(Protocol):
    def note(
        self,
        kind: str,
        facts: Mapping[str, Any],
        *,
        workspace_id: str | None = None,
        actor: str | None = None,
    ) -> None: ...


class _UseCases(Protocol):
    """What these verbs delegate to."""

    @property
    def notes(self) -> _Notes: ...

    @property
    def store(self) -> _Store: ...
    @property
    def workspaces(self) -> Workspaces: ...
    @property
    def curator(self) -> Curator: ...
    @property
    def indexer(self) -> _Indexer: ...
    @property
    def again(self) -> Callable[[Callable[[], Any]], Any]: ...


class Curation:
    """Part of `KnowledgeBase`."""

    @property
    def use_cases(self) -> _UseCases:
        """What the verbs delegate to."""
        raise NotImplementedError

    @takes_long
    def promote(
        self,
        trials: Any = None,
        *,
        workspace: str = DEFAULT_WORKSPACE,
        strategy_name: str | None = None,
        symbol: str | None = None,
        timeframe: str | None = None,
        source_type: str | None = None,
        run_id: str | None = None,
        kb_status: Status | None = None,
        reason: str | None = None,
        actor: str | None = None,
        actor_type: str = "admin",
        dry_run: bool = False,
    ) -> CurationReport:
        """Promotes trials: a promoted one wins ties. All that are selected, or none.

        Args:
            trials: one or several ids (trial_id, source_id or point id), or a frame with one of
                these columns. With filters alone, candidates are promoted; rejected trials are
                restored only when they are named, or with kb_status="rejected".
            workspace: slug or id.
            strategy_name: a filter; all that are given hold.
            symbol: likewise.
            timeframe: likewise.
            source_type: likewise.
            run_id: likewise: the run that last wrote the trial.
            kb_status: likewise.
            reason: needed to restore a rejected trial.
            actor: who does it; default the name of the user.
            actor_type: what kind of actor, as in `kb_admin_status_change_total`.
            dry_run: say what would change and write nothing.

        Raises:
            InvalidInputError: nothing selects, or a reason is missing.
            NotFoundError: an id that no trial of the workspace has.
        """
        selection = Selection(
            trials, strategy_name, symbol, timeframe, source_type, run_id, kb_status
        )
        target, who = self.use_cases.workspaces.named(workspace), _actor(actor, actor_type, reason)
        return self.use_cases.curator.promote(target, selection, who, dry_run=dry_run)

    @takes_long
    def reject(
        self,
        trials: Any = None,
        *,
        workspace: str = DEFAULT_WORKSPACE,
        strategy_name: str | None = None,
        symbol: str | None = None,
        timeframe: str | None = None,
        source_type: str | None = None,
        run_id: str | None = None,
        kb_status: Status | None = None,
        reason: str | None = None,
        actor: str | None = None,
        actor_type: str = "admin",
        dry_run: bool = False,
    ) -> CurationReport:
        """Rejects trials: from the return of this call on none of them is recommended.

        It is the durable way to take a trial out; ingesting it again does not bring it back,
        `promote` with a reason does. Arguments and errors as for `promote`; a reason is needed.
        """
        selection = Selection(
            trials, strategy_name, symbol, timeframe, source_type, run_id, kb_status
        )
        target, who = self.use_cases.workspaces.named(workspace), _actor(actor, actor_type, reason)
        return self.use_cases.curator.reject(target, selection, who, dry_run=dry_run)

    @takes_long
    def archive(
        self,
        trials: Any = None,
        *,
        workspace: str = DEFAULT_WORKSPACE,
        strategy_name: str | None = None,
        symbol: str | None = None,
        timeframe: str | None = None,
        source_type: str | None = None,
        run_id: str | None = None,
        kb_status: Status | None = None,
        reason: str | None = None,
        actor: str | None = None,
        actor_type: str = "admin",
        dry_run: bool = False,
    ) -> CurationReport:
        """Takes trials out of the index, so that they nominate nothing, until their next ingest.

        Their results still count as evidence. Arguments and errors as for `promote`; no reason is
        needed.
        """
        selection = Selection(
            trials, strategy_name, symbol, timeframe, source_type, run_id, kb_status
        )
        target, who = self.use_cases.workspaces.named(workspace), _actor(actor, actor_type, reason)
        report = self.use_cases.curator.archive(target, selection, who, dry_run=dry_run)
        if report.changed and not dry_run:  # no history of statuses tells of it
            facts = {"to_status": "archived", "trials": report.changed, "reason": reason}
            self.use_cases.notes.note(
                "status", facts, workspace_id=target.workspace.id, actor=who.name
            )
        return report

    def history(
        self,
        trials: Any = None,
        *,
        workspace: str = DEFAULT_WORKSPACE,
        strategy_name: str | None = None,
        symbol: str | None = None,
        timeframe: str | None = None,
        source_type: str | None = None,
        run_id: str | None = None,
        kb_status: Status | None = None,
        limit: int | None = 100,
    ) -> pl.DataFrame:
        """Status changes, newest first: who changed which trial from what to what, and why.

        Selected as for `promote`; without any condition, all of the workspace.
        """
        selection = Selection(
            trials, strategy_name, symbol, timeframe, source_type, run_id, kb_status
        )
        return self.use_cases.curator.history(
            self.use_cases.workspaces.named(workspace), selection, limit
        )

    @takes_long
    def withdraw(
        self,
        run_id: str,
        *,
        reason: str,
        workspace: str = DEFAULT_WORKSPACE,
        actor: str | None = None,
        actor_type: str = "admin",
        dry_run: bool = False,
    ) -> CurationReport:
        """Takes a whole ingest run back, say after a bug in a backtest; `reinstate` undoes it.

        Trials that the run changed say again what they said before it; trials that only this run
        brought are stored but count for nothing, and ingesting the same rows again does not bring
        them back (changed rows do).

        Args:
            run_id: see `runs`.
            reason: why.
            workspace: slug or id.
            actor: who does it; default the name of the user.
            actor_type: what kind of actor.
            dry_run: say what would change and write nothing.

        Raises:
            InvalidInputError: no reason.
            NotFoundError: no such run.
            WorkspaceBusyError: an ingest of the workspace did not end in time.
        """
        target, who = self.use_cases.workspaces.named(workspace), _actor(actor, actor_type, reason)
        return self.use_cases.curator.withdraw(target, run_id, who, dry_run=dry_run)

    @takes_long
    def reinstate(
        self,
        run_id: str,
        *,
        reason: str | None = None,
        workspace: str = DEFAULT_WORKSPACE,
        actor: str | None = None,
        actor_type: str = "admin",
        dry_run: bool = False,
    ) -> CurationReport:
        """Brings a withdrawn run back; arguments and errors as for `withdraw`."""
        target, who = self.use_cases.workspaces.named(workspace), _actor(actor, actor_type, reason)
        return self.use_cases.curator.reinstate(target, run_id, who, dry_run=dry_run)

    @takes_long
    def seen(
        self,
        trials: Any,
        workspace: str = DEFAULT_WORKSPACE,
        mapping: Mapping[str, str | Const] | None = None,
    ) -> pl.DataFrame:
        """Was this very experiment run already? One row per row of the question.

        Strategy, parameters and window (symbol, timeframe, dates) have to be the same; version,
        engine and costs too, where both sides say them. Scores are not looked at.

        Args:
            trials: `Trial` objects, a path or a frame, as for `ingest`; scores are not needed.
            workspace: slug or id.
            mapping: as for `ingest`.

        Returns:
            row (1-based), seen, and of the newest such trial trial_id, source_type, source_id,
            kb_status, known_at, run_id, withdrawn; `times` counts them.

        Raises:
            InvalidTrialError: a table or a row that cannot be used.
        """
        space = self.use_cases.workspaces.find(workspace)
        return seen(self.use_cases.store, space, trials, mapping, self.use_cases.indexer.clock())


def _actor(name: str | None, kind: str, reason: str | None) -> Actor:
    return Actor(name or user_name(), kind, reason)
