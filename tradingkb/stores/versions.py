"""What each run said about a trial, and which of it stands.

A trial's row holds what the newest run says that is not withdrawn; what other runs said is kept in
`trial_versions`. So a run can be taken back, and brought back, without losing anything.
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from tradingkb.domain import Actor
from tradingkb.exceptions import NotFoundError
from tradingkb.sql import note_growth, read, read_in, reading, redone, writing
from tradingkb.stores import schema
from tradingkb.stores.curation import archive_entries, chunks, lock_trials, mark_entries
from tradingkb.stores.generations import bump

_T, _V, _R = schema.trials.c, schema.trial_versions.c, schema.ingest_runs.c
_I = schema.kb_trial_index.c


#: The hash of a trial that is not what its source said: the next ingest of it takes it anew.
DAMAGED = "damaged"


class _DryRun(Exception):  # noqa: N818 - it says that nothing is wrong
    """Rolls a transaction back that was only to show what it would do."""


class VersionQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    @redone
    def withdraw_run(
        self, workspace_id: str, run_id: str, actor: Actor, at: datetime, *, dry_run: bool = False
    ) -> pl.DataFrame:
        """Takes back what a run said; see the port."""
        values = {"withdrawn_at": at, "withdrawn_by": actor.name, "withdrawn_reason": actor.reason}
        return self._settle(workspace_id, run_id, values, at, dry_run)

    @redone
    def reinstate_run(
        self, workspace_id: str, run_id: str, at: datetime, *, dry_run: bool = False
    ) -> pl.DataFrame:
        """Undoes `withdraw_run`; see the port."""
        values = {"withdrawn_at": None, "withdrawn_by": None, "withdrawn_reason": None}
        return self._settle(workspace_id, run_id, values, at, dry_run)

    def taken_back(self, workspace_id: str, trial_ids: pl.Series | None = None) -> pl.DataFrame:
        """trial_id, row_hash of what withdrawn runs said; see the port."""
        statement = sa.select(_V.trial_id, _V.row_hash).join_from(
            schema.ingest_runs, schema.trial_versions, _V.run_id == _R.run_id
        )
        statement = statement.where(_R.workspace_id == workspace_id, _R.withdrawn_at.is_not(None))
        with reading(self.engine) as connection:
            if trial_ids is None:
                return read(connection, statement)
            return read_in(connection, statement, _V.trial_id, trial_ids)

    def trial_versions(
        self, workspace_id: str, strategy_name: str, collection: str
    ) -> pl.DataFrame:
        """What runs said about the strategy's restated trials, and since when; see the port."""
        entry = (_I.trial_id == _T.id) & (_I.collection == collection)
        whose = (
            _T.id.label("trial_id"),
            _T.source_type,
            _T.source_id,
            _T.kb_status,
            _T.promoted_at,
            sa.select(_I.archived_at).where(entry).scalar_subquery().label("archived_at"),
            _R.started_at.label("since"),
        )
        trials, versions = schema.trials, schema.trial_versions
        was = sa.select(_V.trial_id).where(
            _V.workspace_id == workspace_id, _V.strategy_name == strategy_name
        )
        here = (
            _T.workspace_id == workspace_id,
            _T.withdrawn_at.is_(None),
            _R.withdrawn_at.is_(None),
            sa.or_(_T.strategy_name == strategy_name, _T.id.in_(was)),
        )
        told = trials.join(versions, _V.trial_id == _T.id)
        before = sa.select(*whose, *(_V[name] for name in schema.CONTENT)).select_from(
            told.outerjoin(schema.ingest_runs, _V.run_id == _R.run_id)
        )
        now = sa.select(*whose, *(_T[name] for name in schema.CONTENT)).select_from(
            told.outerjoin(schema.ingest_runs, _T.run_id == _R.run_id)
        )
        with reading(self.engine) as connection:
            said = read(connection, before.where(*here)).with_columns(stands=pl.lit(False))
            stand = read(connection, now.where(*here).distinct()).with_columns(stands=pl.lit(True))
        stand = stand.join(said.select("trial_id"), on="trial_id", how="semi")
        order = ("trial_id", "since", "stands", "run_id")
        return pl.concat([said, stand]).sort(order, nulls_last=False)

    def _settle(
        self, workspace_id: str, run_id: str, values: dict[str, Any], at: datetime, dry_run: bool
    ) -> pl.DataFrame:
        """Marks the run, then lets every trial that it touched say what stands now."""
        with contextlib.suppress(_DryRun), writing(self.engine) as connection:
            _mark_run(connection, workspace_id, run_id, values)
            plan = _standing(connection, workspace_id, run_id)
            if dry_run:
                raise _DryRun  # the mark goes with the transaction
            swaps = plan.filter(pl.col("version_id").is_not_null())
            _swap(connection, swaps)
            withdrawn = plan.filter(~pl.col("stands") & ~pl.col("withdrawn"))
            _set_withdrawn(connection, withdrawn["trial_id"], at)
            back = plan.filter(pl.col("stands") & pl.col("withdrawn"))
            _set_withdrawn(connection, back["trial_id"], None)
            stale = pl.concat([swaps["trial_id"], back["trial_id"]]).unique()
            for ids in chunks(stale):
                mark_entries(connection, ids)
            for ids in chunks(withdrawn["trial_id"]):
                archive_entries(connection, ids, f"withdrawn: {values['withdrawn_reason']}", at)
            bump(connection, workspace_id, {*plan["strategy_name"], *swaps["strategy_then"]})
        back_in = values["withdrawn_at"] is None
        effect = (
            pl.when(~pl.col("stands"))
            .then(pl.lit("withdrawn"))
            .when(pl.col("withdrawn"))
            .then(pl.lit("reinstated"))
            .when(pl.col("version_id").is_not_null())
            .then(pl.lit("restored" if back_in else "reverted"))
        )
        moved = plan.with_columns(effect=effect).filter(
            pl.col("version_id").is_not_null() | (pl.col("stands") == pl.col("withdrawn"))
        )
        return moved.select("trial_id", "strategy_name", "effect").sort("trial_id")


def supersede(connection: sa.Connection, trial_ids: pl.Series) -> None:
    """Keeps what these trials say now as versions, before another run replaces it."""
    content = [_T[name] for name in schema.CONTENT]
    for ids in chunks(trial_ids):
        # A version of the same run would be this very text: a run says one thing about a trial.
        told = sa.exists().where(_V.trial_id == _T.id, _V.run_id == _T.run_id)
        # What nobody said, since a disk has changed it, is no version of anything.
        sound = _T.row_hash != DAMAGED
        said = sa.select(_T.workspace_id, _T.id, *content).where(_T.id.in_(ids), ~told, sound)
        names = ["workspace_id", "trial_id", *schema.CONTENT]
        connection.execute(sa.insert(schema.trial_versions).from_select(names, said))
        mark_entries(connection, ids)
    note_growth(connection, schema.trial_versions, len(trial_ids))


def _mark_run(
    connection: sa.Connection, workspace_id: str, run_id: str, values: dict[str, Any]
) -> None:
    mine = (_R.workspace_id == workspace_id) & (_R.kind == "ingest")
    this = mine & (_R.run_id == run_id)
    found = connection.execute(sa.select(_R.withdrawn_at).where(this).with_for_update()).first()
    if found is None:
        known = connection.scalars(sa.select(_R.run_id).where(mine)).all()
        raise NotFoundError("run_id", run_id, known, remedy="kb.runs() lists them")
    # A run that is out already keeps who took it out, when and why.
    if found.withdrawn_at is None or values["withdrawn_at"] is None:
        connection.execute(sa.update(schema.ingest_runs).where(this).values(values))


def _standing(connection: sa.Connection, workspace_id: str, run_id: str) -> pl.DataFrame:
    """For every trial of the run: which version should stand.

    Returns:
        trial_id, strategy_name, withdrawn (now), stands (whether any version does), version_id
        (of the version that has to take the row's place, null for none), strategy_then (its
        strategy).
    """
    current = sa.select(
        _T.id.label("trial_id"),
        _T.strategy_name,
        _T.run_id,
        _T.withdrawn_at.is_not(None).label("withdrawn"),
    ).where(_T.workspace_id == workspace_id)
    version = sa.select(_V.id.label("version_id"), _V.trial_id, _V.strategy_name, _V.run_id).where(
        _V.workspace_id == workspace_id
    )
    told = read(connection, version.where(_V.run_id == run_id))["trial_id"]
    mine = read(connection, current.where(_T.run_id == run_id))["trial_id"]
    touched = pl.concat([told, mine]).unique()
    lock_trials(connection, touched)
    rows = read_in(connection, current, _T.id, touched)
    others = read_in(connection, version, _V.trial_id, touched)
    runs = read(
        connection,
        sa.select(_R.run_id, _R.started_at, _R.withdrawn_at.is_not(None).label("out")).where(
            _R.workspace_id == workspace_id
        ),
    )
    said = pl.concat([rows.select("trial_id", "run_id", "strategy_name"), others], how="diagonal")
    standing = (
        # A run whose record is gone is older than any that is there, and was never withdrawn.
        said.join(runs, on="run_id", how="left")
        .filter(~pl.col("out").fill_null(False))
        .sort("started_at", "run_id", nulls_last=False)
        .group_by("trial_id")
        .agg(
            pl.col("version_id").last(),
            pl.col("strategy_name").last().alias("strategy_then"),
            pl.lit(True).alias("stands"),
        )
    )
    joined = rows.join(standing, on="trial_id", how="left", maintain_order="left")
    return joined.with_columns(pl.col("stands").fill_null(False))


def _swap(connection: sa.Connection, swaps: pl.DataFrame) -> None:
    """Lets versions take the place of what the trials say now, which becomes a version itself."""
    if swaps.is_empty():
        return
    pairs = swaps.select("trial_id", "version_id").to_dicts()
    names = ["workspace_id", "trial_id", *schema.CONTENT]
    for ids in chunks(swaps["trial_id"]):
        said = sa.select(_T.workspace_id, _T.id, *(_T[n] for n in schema.CONTENT))
        insert = sa.insert(schema.trial_versions).from_select(names, said.where(_T.id.in_(ids)))
        connection.execute(insert)
    # One row-value assignment per trial, in SQL: the text of a version never leaves the database.
    columns = ", ".join(schema.CONTENT)
    connection.execute(
        sa.text(
            f"UPDATE trials SET ({columns}) = "
            f"(SELECT {columns} FROM trial_versions WHERE trial_versions.id = :version_id) "
            "WHERE id = :trial_id"
        ),
        pairs,
    )
    for ids in chunks(swaps["version_id"]):
        connection.execute(sa.delete(schema.trial_versions).where(_V.id.in_(ids)))


def _set_withdrawn(connection: sa.Connection, trial_ids: pl.Series, at: datetime | None) -> None:
    for ids in chunks(trial_ids):
        change = sa.update(schema.trials).where(_T.id.in_(ids))
        connection.execute(change.values(withdrawn_at=at))
