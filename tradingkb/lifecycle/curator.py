"""Changing the status of trials, archiving their index entries, withdrawing whole runs.

SQL is written first, in one transaction: from then on a rejected or withdrawn trial is never
recommended. The vector index follows; where it does not, the next ingest heals it.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol, cast

import polars as pl

from tradingkb.domain import (
    Actor,
    IndexTarget,
    Selection,
    Status,
    Workspace,
    refusal,
    transition_name,
)
from tradingkb.exceptions import InvalidInputError, TradingKBError
from tradingkb.indexing import Indexer
from tradingkb.jobs import Leases
from tradingkb.lifecycle.changes import CurationReport
from tradingkb.lifecycle.selecting import conditions, select
from tradingkb.observability import emit
from tradingkb.ports import IndexStore, SelectionStore, StatusStore, WithdrawalStore


class CuratedStore(SelectionStore, StatusStore, WithdrawalStore, IndexStore, Protocol):
    """What the lifecycle needs of a store."""


class Curator:
    """The lifecycle of trials."""

    def __init__(self, store: CuratedStore, indexer: Indexer, leases: Leases) -> None:
        self._store = store
        self._indexer = indexer
        self._leases = leases

    def promote(
        self, target: IndexTarget, selection: Selection, actor: Actor, *, dry_run: bool
    ) -> CurationReport:
        """Promotes trials, all that are selected or none; filters alone select candidates.

        Raises:
            InvalidInputError: nothing selects, or a restored trial lacks its reason.
            NotFoundError: an id that no trial has.
        """
        if selection.trials is None and selection.filters and selection.kb_status is None:
            selection = replace(selection, kb_status="candidate")
        return self._change(target, "promoted", selection, actor, dry_run=dry_run)

    def reject(
        self, target: IndexTarget, selection: Selection, actor: Actor, *, dry_run: bool
    ) -> CurationReport:
        """Rejects trials, all that are selected or none; raises as `promote`."""
        return self._change(target, "rejected", selection, actor, dry_run=dry_run)

    def archive(
        self, target: IndexTarget, selection: Selection, actor: Actor, *, dry_run: bool
    ) -> CurationReport:
        """Takes trials out of the vector index until the next ingest of them.

        Raises:
            InvalidInputError: nothing selects.
            NotFoundError: an id that no trial has.
        """
        workspace = target.workspace
        chosen = select(self._store, workspace, conditions(selection))
        if dry_run:
            changed = self._standing(workspace, chosen)
        else:
            now = self._indexer.clock()
            changed = self._store.archive(workspace.id, chosen["trial_id"], actor, now)
        names = ["archived"] * changed.height
        report = _report("archive", workspace, dry_run, chosen.height, changed, names, actor)
        if dry_run:
            return report
        emit(
            "kb_archive_total",
            count=changed.height,
            actor=actor.name,
            actor_type=actor.kind,
            workspace_id=workspace.id,
        )
        return self._follow(report, target, changed["trial_id"].head(0))

    def history(self, target: IndexTarget, selection: Selection, limit: int | None) -> pl.DataFrame:
        """Status changes, newest first; without any condition, all of the workspace."""
        where = conditions(selection)
        if selection.trials is not None:
            chosen = select(self._store, target.workspace, where)
            where = {"trial_id": chosen["trial_id"].to_list()}
        return self._store.history(target.workspace.id, where, limit)

    def withdraw(
        self, target: IndexTarget, run_id: str, actor: Actor, *, dry_run: bool
    ) -> CurationReport:
        """Takes a whole ingest run back: its trials say what they said before it, or count no more.

        Raises:
            InvalidInputError: no reason.
            NotFoundError: no such run.
            WorkspaceBusyError: an ingest of the workspace did not end in time.
        """
        if actor.reason is None:
            raise InvalidInputError(
                "withdrawing a run needs a reason; nothing was changed",
                field="reason",
                remedy="say why, for those who rely on it",
            )
        workspace_id = target.workspace.id
        move = partial(self._store.withdraw_run, workspace_id, run_id, actor, dry_run=dry_run)
        return self._settle("withdraw", target, run_id, actor, move, dry_run)

    def reinstate(
        self, target: IndexTarget, run_id: str, actor: Actor, *, dry_run: bool
    ) -> CurationReport:
        """Brings a withdrawn run back.

        Raises:
            NotFoundError: no such run.
            WorkspaceBusyError: an ingest of the workspace did not end in time.
        """
        move = partial(self._store.reinstate_run, target.workspace.id, run_id, dry_run=dry_run)
        return self._settle("reinstate", target, run_id, actor, move, dry_run)

    def _change(
        self,
        target: IndexTarget,
        to: Status,
        selection: Selection,
        actor: Actor,
        *,
        dry_run: bool,
    ) -> CurationReport:
        workspace = target.workspace
        chosen = select(self._store, workspace, conditions(selection))
        action = {"promoted": "promote", "rejected": "reject"}[to]
        if dry_run:
            changed = chosen.filter(pl.col("kb_status") != to).rename({"kb_status": "from_status"})
            _refuse(changed, to, actor)
        else:
            changed = self._store.change_status(
                workspace.id, chosen["trial_id"], to, actor, self._indexer.clock()
            )
        names = [transition_name(s, to) for s in changed["from_status"]]
        report = _report(action, workspace, dry_run, chosen.height, changed, names, actor)
        if dry_run:
            return report
        for name, count in report.transitions.items():
            emit(
                "kb_admin_status_change_total",
                transition=name,
                actor=actor.name,
                actor_type=actor.kind,
                count=count,
                workspace_id=workspace.id,
            )
        return self._follow(report, target, changed["trial_id"])

    def _settle(
        self,
        action: str,
        target: IndexTarget,
        run_id: str,
        actor: Actor,
        move: Callable[..., pl.DataFrame],
        dry_run: bool,
    ) -> CurationReport:
        workspace = target.workspace
        # With the lease: a run that is still writing cannot be taken back.
        lease = contextlib.nullcontext() if dry_run else self._leases.hold(workspace)
        with lease:
            changed = move(at=self._indexer.clock())
            effects = changed["effect"].to_list()
            report = _report(action, workspace, dry_run, changed.height, changed, effects, actor)
            if dry_run:
                return report
            emit(
                f"kb_run_{action}",
                run_id=run_id,
                count=changed.height,
                actor=actor.name,
                actor_type=actor.kind,
                reason=actor.reason,
                workspace_id=workspace.id,
            )
            standing = changed.filter(pl.col("effect") != "withdrawn")
            return self._follow(report, target, standing["trial_id"])

    def _standing(self, workspace: Workspace, chosen: pl.DataFrame) -> pl.DataFrame:
        """Those of the chosen trials that have an entry which is not archived."""
        entries = [
            self._store.index_rows(workspace.id, name, chosen["trial_id"])
            for name in self._store.index_collections(workspace.id)
        ]
        if not entries:
            return chosen.head(0)
        alive = pl.concat(entries).filter(pl.col("archived_at").is_null())
        return chosen.join(alive, on="trial_id", how="semi")

    def _follow(
        self, report: CurationReport, target: IndexTarget, changed: pl.Series
    ) -> CurationReport:
        """Lets the vector index follow what SQL says; its failure is no failure of the change."""
        workspace_id = target.workspace.id
        pending, left = len(report.trial_ids), len(changed)
        with contextlib.suppress(TradingKBError):
            pending = self._indexer.remover.retry(workspace_id)
        if left and report.action != "reject":
            try:
                self._indexer.reindex(target, changed)
                left = 0
            except Exception as error:  # SQL has made the change: the call has to say so
                emit("kb_index_pending", workspace_id=workspace_id, count=left, error=str(error))
        else:
            left = 0
        return replace(report, points_pending=pending, index_pending=left)


def _refuse(changed: pl.DataFrame, to: Status, actor: Actor) -> None:
    for before in changed["from_status"].unique():
        if problem := refusal(cast(Status, before), to, actor.reason):
            raise InvalidInputError(problem, field="reason", remedy="say why")


def _report(
    action: str,
    workspace: Workspace,
    dry_run: bool,
    selected: int,
    changed: pl.DataFrame,
    names: list[str],
    actor: Actor,
) -> CurationReport:
    return CurationReport(
        action=action,
        workspace=workspace.slug,
        dry_run=dry_run,
        selected=selected,
        changed=changed.height,
        transitions=dict(sorted(Counter(names).items())),
        points_pending=0,
        index_pending=0,
        actor=actor.name,
        reason=actor.reason,
        trial_ids=tuple(changed["trial_id"].sort()),
    )
