"""The ports of what counts: statuses and withdrawn runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import polars as pl

from tradingkb.domain import Actor


class StatusStore(Protocol):
    """Statuses with their history, and archived entries."""

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


class WithdrawalStore(Protocol):
    """Runs that were taken back."""

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
