"""The part of the store's port about what counts, and about who works on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import polars as pl

from tradingkb.domain import Actor


class CurationStore(Protocol):
    """Statuses with their history, withdrawn runs, leases; part of `TrialStore`."""

    def change_status(
        self, workspace_id: str, trial_ids: pl.Series, to: str, actor: Actor, at: datetime
    ) -> pl.DataFrame:
        """Moves trials to a status, all of them or none, in one transaction with its history.

        Index entries of trials that become rejected are archived in every collection, marked as
        not yet deleted; those of trials that become promoted are marked as unfinished. Trials
        that have the status already are left alone.

        Returns:
            trial_id, strategy_name, from_status of the trials that changed.

        Raises:
            InvalidInputError: a change that is not allowed, or lacks its reason.
        """

    def archive(
        self, workspace_id: str, trial_ids: pl.Series, actor: Actor, at: datetime
    ) -> pl.DataFrame:
        """Archives index entries in every collection, marked as not yet deleted.

        Returns:
            trial_id of the trials of which an entry was archived.
        """

    def history(
        self, workspace_id: str, where: Mapping[str, Any], limit: int | None
    ) -> pl.DataFrame:
        """Status changes with their trials, newest first; conditions as for `select`."""

    def pending_deletes(self, workspace_id: str) -> pl.DataFrame:
        """trial_id, collection, point_id, reason of archived entries whose point may be there."""

    def note_deletes(self, entries: pl.DataFrame, error: str | None) -> None:
        """Records how the deletion of points ended.

        Args:
            entries: trial_id, collection.
            error: None when the points are gone: the mark goes too. An entry that is no longer
                archived lost its point meanwhile and is marked as unfinished.
        """

    def withdraw_run(
        self, workspace_id: str, run_id: str, actor: Actor, at: datetime, *, dry_run: bool = False
    ) -> pl.DataFrame:
        """Takes back what a run said, in one transaction: its trials go back to earlier versions.

        A trial that no other run brought is withdrawn: stored, but counting for nothing. A run
        that is withdrawn already keeps who withdrew it, when and why.

        Returns:
            trial_id, strategy_name, effect ("withdrawn", "reverted") of the trials that changed.

        Raises:
            NotFoundError: no such run.
        """

    def reinstate_run(
        self, workspace_id: str, run_id: str, at: datetime, *, dry_run: bool = False
    ) -> pl.DataFrame:
        """Undoes `withdraw_run`; effects are "reinstated" and "restored" (an earlier version left).

        Raises:
            NotFoundError: no such run.
        """

    def taken_back(self, workspace_id: str, trial_ids: pl.Series | None = None) -> pl.DataFrame:
        """trial_id, row_hash of what withdrawn runs said about trials that say something else now.

        About all trials, or some.
        Ingesting the same rows again must not bring them back.
        """

    # leases
    def acquire_lease(
        self, name: str, holder: str, at: datetime, expires_at: datetime
    ) -> str | None:
        """Takes or renews a lease.

        Returns:
            None when `holder` has it now, else who has it.
        """

    def break_lease(self, name: str, holder: str) -> None:
        """Ends the lease of a holder, if it is still theirs."""
