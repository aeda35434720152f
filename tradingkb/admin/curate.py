"""Changing the status of trials, archiving their index entries, withdrawing whole runs.

SQL is written first, in one transaction: from then on a rejected or withdrawn trial is never
recommended. The vector index follows; where it does not, the next ingest heals it.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, cast

import polars as pl

from tradingkb.admin.report import CurationReport
from tradingkb.admin.selection import select
from tradingkb.domain.lifecycle import Status, refusal, transition_name
from tradingkb.exceptions import InvalidInputError, TradingKBError
from tradingkb.ingest.lease import hold_lease
from tradingkb.ingest.points import PointRemover
from tradingkb.ingest.reindex import reindex
from tradingkb.observability.events import emit
from tradingkb.ports import Actor, EmbedderFactory, TrialStore, VectorIndex, Workspace

#: (model, collection) in force.
Active = tuple[str, str]


class Curator:
    """The lifecycle against ports."""

    def __init__(
        self,
        store: TrialStore,
        vectors: VectorIndex,
        embedders: EmbedderFactory,
        *,
        clock: Callable[[], datetime],
        patience_s: float = 600.0,
    ) -> None:
        self.store = store
        self.vectors = vectors
        self.embedders = embedders
        self.clock = clock
        self.patience_s = patience_s

    def change_status(
        self,
        workspace: Workspace,
        active: Active,
        to: Status,
        where: Mapping[str, Any],
        actor: Actor,
        *,
        dry_run: bool = False,
    ) -> CurationReport:
        """Promotes or rejects trials, all that are selected or none.

        Raises:
            InvalidInputError: nothing selects, or a change that lacks its reason.
            NotFoundError: an id that no trial has.
        """
        chosen = select(self.store, workspace, where)
        action = {"promoted": "promote", "rejected": "reject"}[to]
        if dry_run:
            changed = chosen.filter(pl.col("kb_status") != to).rename({"kb_status": "from_status"})
            _refuse(changed, to, actor)
        else:
            changed = self.store.change_status(
                workspace.id, chosen["trial_id"], to, actor, self.clock()
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
        return self._follow(report, workspace, active, changed["trial_id"])

    def archive(
        self,
        workspace: Workspace,
        active: Active,
        where: Mapping[str, Any],
        actor: Actor,
        *,
        dry_run: bool = False,
    ) -> CurationReport:
        """Takes trials out of the vector index until the next ingest of them.

        Raises:
            InvalidInputError: nothing selects.
            NotFoundError: an id that no trial has.
        """
        chosen = select(self.store, workspace, where)
        if dry_run:
            changed = self._standing(workspace, chosen)
        else:
            changed = self.store.archive(workspace.id, chosen["trial_id"], actor, self.clock())
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
        return self._follow(report, workspace, active, changed["trial_id"].head(0))

    def withdraw(
        self,
        workspace: Workspace,
        active: Active,
        run_id: str,
        actor: Actor,
        *,
        dry_run: bool = False,
    ) -> CurationReport:
        """Takes a whole ingest run back: its trials say what they said before it, or count no more.

        Raises:
            InvalidInputError: no reason.
            NotFoundError: no such run.
            WorkspaceBusyError: an ingest of the workspace did not end in time.
        """
        if not (actor.reason or "").strip():
            raise InvalidInputError(
                "withdrawing a run needs a reason; nothing was changed",
                field="reason",
                remedy="say why, for those who rely on it",
            )
        move = partial(self.store.withdraw_run, workspace.id, run_id, actor, dry_run=dry_run)
        return self._settle("withdraw", workspace, active, run_id, actor, move, dry_run)

    def reinstate(
        self,
        workspace: Workspace,
        active: Active,
        run_id: str,
        actor: Actor,
        *,
        dry_run: bool = False,
    ) -> CurationReport:
        """Brings a withdrawn run back.

        Raises:
            NotFoundError: no such run.
            WorkspaceBusyError: an ingest of the workspace did not end in time.
        """
        move = partial(self.store.reinstate_run, workspace.id, run_id, dry_run=dry_run)
        return self._settle("reinstate", workspace, active, run_id, actor, move, dry_run)

    def _settle(
        self,
        action: str,
        workspace: Workspace,
        active: Active,
        run_id: str,
        actor: Actor,
        move: Callable[..., pl.DataFrame],
        dry_run: bool,
    ) -> CurationReport:
        # With the lease: a run that is still writing cannot be taken back.
        lease = hold_lease(self.store, workspace, clock=self.clock, patience_s=self.patience_s)
        with contextlib.nullcontext() if dry_run else lease:
            changed = move(at=self.clock())
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
            return self._follow(report, workspace, active, standing["trial_id"])

    def _standing(self, workspace: Workspace, chosen: pl.DataFrame) -> pl.DataFrame:
        """Those of the chosen trials that have an entry which is not archived."""
        entries = [
            self.store.index_rows(workspace.id, name, chosen["trial_id"])
            for name in self.store.index_collections(workspace.id)
        ]
        if not entries:
            return chosen.head(0)
        alive = pl.concat(entries).filter(pl.col("archived_at").is_null())
        return chosen.join(alive, on="trial_id", how="semi")

    def _follow(
        self, report: CurationReport, workspace: Workspace, active: Active, changed: pl.Series
    ) -> CurationReport:
        """Lets the vector index follow what SQL says; its failure is no failure of the change."""
        pending, left = len(report.trial_ids), len(changed)
        with contextlib.suppress(TradingKBError):
            pending = PointRemover(self.store, self.vectors).retry(workspace)
        if left and report.action != "reject":
            try:
                self._index(workspace, active, changed)
                left = 0
            except Exception as error:  # SQL has made the change: the call has to say so
                emit("kb_index_pending", workspace_id=workspace.id, count=left, error=str(error))
        else:
            left = 0
        values = {**vars(report), "points_pending": pending, "index_pending": left}
        return CurationReport(**values)

    def _index(self, workspace: Workspace, active: Active, trial_ids: pl.Series) -> None:
        model, collection = active
        embedder = self.embedders(model, self.store.scaler(workspace.id))
        reindex(
            self.store,
            self.vectors,
            embedder,
            workspace,
            collection,
            trial_ids,
            clock=self.clock,
            progress=lambda *_: None,
        )


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
