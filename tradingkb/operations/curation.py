"""What counts: promoting, rejecting, archiving, withdrawing."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Any

import polars as pl

from tradingkb.admin.curate import Curator
from tradingkb.admin.report import CurationReport
from tradingkb.admin.seen import seen
from tradingkb.admin.selection import conditions, select
from tradingkb.domain.lifecycle import Status
from tradingkb.exceptions import InvalidInputError
from tradingkb.importers.source import Const
from tradingkb.operations.base import Shared
from tradingkb.ports import Actor
from tradingkb.workspaces import DEFAULT_WORKSPACE


class Curation(Shared):
    """Part of `KnowledgeBase`: the lifecycle of trials."""

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
        filters = _filters(strategy_name, symbol, timeframe, source_type, run_id, kb_status)
        where = conditions(trials, filters)
        if trials is None and where:
            where.setdefault("kb_status", "candidate")
        who = _actor(actor, actor_type, reason)
        space, active = self._place(workspace)
        return self._curator().change_status(space, active, "promoted", where, who, dry_run=dry_run)

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
        filters = _filters(strategy_name, symbol, timeframe, source_type, run_id, kb_status)
        where, who = conditions(trials, filters), _actor(actor, actor_type, reason)
        space, active = self._place(workspace)
        return self._curator().change_status(space, active, "rejected", where, who, dry_run=dry_run)

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
        filters = _filters(strategy_name, symbol, timeframe, source_type, run_id, kb_status)
        where, who = conditions(trials, filters), _actor(actor, actor_type, reason)
        space, active = self._place(workspace)
        return self._curator().archive(space, active, where, who, dry_run=dry_run)

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
        filters = _filters(strategy_name, symbol, timeframe, source_type, run_id, kb_status)
        space = self._workspaces.find(workspace)
        where: Mapping[str, Any] = conditions(trials, filters)
        if trials is not None:
            where = {"trial_id": select(self._store, space, where)["trial_id"].to_list()}
        return self._store.history(space.id, where, limit)

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
        space, active = self._place(workspace)
        who = _actor(actor, actor_type, reason)
        return self._curator().withdraw(space, active, run_id, who, dry_run=dry_run)

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
        space, active = self._place(workspace)
        who = _actor(actor, actor_type, reason)
        return self._curator().reinstate(space, active, run_id, who, dry_run=dry_run)

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
        space = self._workspaces.find(workspace)
        return seen(self._store, space, trials, mapping, self._clock())

    def _curator(self) -> Curator:
        return Curator(self._store, self._vectors, self._embedders, clock=self._clock)


def _filters(
    strategy_name: str | None,
    symbol: str | None,
    timeframe: str | None,
    source_type: str | None,
    run_id: str | None,
    kb_status: Status | None,
) -> dict[str, Any]:
    return {
        "strategy_name": strategy_name,
        "symbol": symbol,
        "timeframe": timeframe,
        "source_type": source_type,
        "run_id": run_id,
        "kb_status": kb_status,
    }


def _actor(name: str | None, kind: str, reason: str | None) -> Actor:
    name = name or _user()
    for field, text, longest in (("actor", name, 128), ("actor_type", kind, 32)):
        if len(text) > longest:  # what the store's columns hold
            raise InvalidInputError(
                f"is longer than {longest} characters", field=field, remedy="shorten it"
            )
    for field, given in (("actor", name), ("actor_type", kind), ("reason", reason)):
        if "\0" in (given or ""):  # PostgreSQL stores no NUL in a text
            raise InvalidInputError("holds a NUL character", field=field, remedy="remove it")
    return Actor(name, kind, reason.strip() or None if reason else None)


def _user() -> str:
    try:
        return getpass.getuser()
    except OSError:  # a container's user may have no name
        return "unknown"
