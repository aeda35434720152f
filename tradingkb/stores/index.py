"""Queries about the index entries of trials: what the vector index should hold."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from tradingkb.domain import ELIGIBLE, MARK, marked
from tradingkb.sql import read, read_in, reading, redone, upsert, writing
from tradingkb.stores import schema
from tradingkb.stores.curation import NOT_CONFIRMED, UNFINISHED, chunks, lock_trials
from tradingkb.stores.generations import bump, bump_all

_I, _T = schema.kb_trial_index.c, schema.trials.c
_G, _C = schema.generations.c, schema.index_checks.c
_INDEX_COLUMNS = (
    "trial_id",
    "point_id",
    "collection",
    "embed_model",
    "pipeline",
    "regime_schema_version",
    "content_hash",
    "archived_at",
    "reason",
)
_ELIGIBLE = _T.kb_status.in_(ELIGIBLE) & _T.withdrawn_at.is_(None)


#: Of an archived entry that the deletion of its point is not known, but where that stands already.
_REASON_OF_A_COPY: Final[sa.ColumnElement[str]] = sa.case(
    (_I.archived_at.is_(None), _I.reason),
    (_I.reason.contains(MARK, autoescape=True), _I.reason),
    else_=sa.func.coalesce(_I.reason, "") + marked("", NOT_CONFIRMED),
)


class IndexQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def index_rows(
        self, workspace_id: str, collection: str, trial_ids: pl.Series | None = None
    ) -> pl.DataFrame:
        """trial_id, point_id, content_hash, pipeline, archived_at, reason of one collection."""
        statement = sa.select(
            _I.trial_id, _I.point_id, _I.content_hash, _I.pipeline, _I.archived_at, _I.reason
        ).where(_I.workspace_id == workspace_id, _I.collection == collection)
        with reading(self.engine) as connection:
            if trial_ids is None:
                return read(connection, statement)
            return read_in(connection, statement, _I.trial_id, trial_ids)

    def index_collections(self, workspace_id: str) -> list[str]:
        """The collections in which the workspace has entries, by name."""
        statement = sa.select(_I.collection).where(_I.workspace_id == workspace_id).distinct()
        with reading(self.engine) as connection:
            return sorted(connection.scalars(statement))

    def index_places(self) -> set[tuple[str, str]]:
        """Workspace id and collection of every entry of every workspace."""
        with reading(self.engine) as connection:
            found = connection.execute(sa.select(_I.workspace_id, _I.collection).distinct())
            return {(workspace_id, name) for workspace_id, name in found}

    def index_models(self, collection: str) -> list[str]:
        """The models that entries of a collection name, by name."""
        statement = sa.select(_I.embed_model).where(_I.collection == collection).distinct()
        with reading(self.engine) as connection:
            return sorted(connection.scalars(statement))

    @redone
    def copy_index(self, collection: str, into: str, before: datetime) -> int:
        """Says of another collection what is known of this one; see the port."""
        known = _I.collection.in_([collection, into])
        spaces = sa.select(_I.workspace_id).where(known).distinct()
        with writing(self.engine) as connection:
            concerned = sorted(connection.scalars(spaces))
            connection.execute(sa.delete(schema.kb_trial_index).where(_I.collection == into))
            copied = {
                **{name: _I[name] for name in ("workspace_id", *_INDEX_COLUMNS, "indexed_at")},
                "collection": sa.literal(into),
                "reason": _REASON_OF_A_COPY,
            }
            finished = _I.content_hash != UNFINISHED
            as_they_were = finished & (_I.indexed_at < before) & _I.archived_at.is_(None)
            rows = sa.select(*copied.values()).where(
                _I.collection == collection, sa.or_(as_they_were, _I.archived_at.is_not(None))
            )
            connection.execute(sa.insert(schema.kb_trial_index).from_select(list(copied), rows))
            for workspace_id in concerned:
                bump_all(connection, workspace_id)
            made = sa.select(sa.func.count()).where(_I.collection == into)
            return int(connection.scalar(made) or 0)

    def count_indexed(self, collection: str) -> int:
        """How many points the collection should hold: finished entries, not archived, not bare."""
        entries = sa.select(sa.func.count()).where(_I.collection == collection)
        # Counted apart, each on an index of its own: the rows themselves are not read.
        not_there = sa.or_(
            _I.archived_at.is_not(None), _I.reason.is_not(None), _I.content_hash == sa.text("''")
        )
        with reading(self.engine) as connection:
            everything = int(connection.scalar(entries) or 0)
            return everything - int(connection.scalar(entries.where(not_there)) or 0)

    @redone
    def write_index(
        self,
        workspace_id: str,
        rows: pl.DataFrame,
        at: datetime,
        since: pl.DataFrame | None = None,
    ) -> pl.DataFrame:
        """Inserts or replaces index rows by (trial_id, collection), in one transaction.

        `rows` has the columns of the table but the id, workspace and time, and `strategy_name`,
        `row_hash` and `kb_status` of the trial as it was embedded; see the port.
        """
        with writing(self.engine) as connection:
            known = _locked(connection, rows["trial_id"])
            frame = _as_known(rows, known, at).select(
                pl.lit(workspace_id).alias("workspace_id"),
                *_INDEX_COLUMNS,
                pl.lit(at).dt.cast_time_unit("us").alias("indexed_at"),
            )
            # Neighbours share pages of the index of points; the ids of a batch's trials are near.
            frame = frame.sort("point_id")
            key = ("trial_id", "collection")
            update = [c for c in frame.columns if c not in ("workspace_id", *key)]
            kept = frame["archived_at"].null_count() == frame.height
            kept = kept and not _any_archived(connection, rows)
            upsert(connection, schema.kb_trial_index, frame, key=key, update=update)
            bump(connection, workspace_id, rows["strategy_name"].unique(), only_added=kept)
            if since is not None:
                _note_finished(connection, workspace_id, rows, since)
        out = known.filter(~pl.col("eligible"))
        return rows.join(out, on="trial_id", how="semi").select(
            "trial_id", "collection", "point_id"
        )

    @redone
    def mark_unfinished(self, workspace_id: str, trial_ids: pl.Series, collection: str) -> None:
        """Marks entries whose point is missing or stale; archived ones stay as they are."""
        if trial_ids.is_empty():
            return
        entries = _standing(workspace_id, collection)
        with writing(self.engine) as connection:
            lock_trials(connection, trial_ids)
            for ids in chunks(trial_ids):
                change = sa.update(schema.kb_trial_index).where(entries, _I.trial_id.in_(ids))
                connection.execute(change.values(content_hash=UNFINISHED))
            bump_all(connection, workspace_id)

    @redone
    def forget_index(self, workspace_id: str, collection: str) -> None:
        """Marks every entry of the collection as unfinished, except archived ones."""
        entries = _standing(workspace_id, collection)
        with writing(self.engine) as connection:
            change = sa.update(schema.kb_trial_index).where(entries)
            connection.execute(change.values(content_hash=UNFINISHED))
            bump_all(connection, workspace_id)

    def unfinished(
        self, workspace_id: str, collection: str, pipeline: str, *, note: bool = True
    ) -> pl.DataFrame:
        """Eligible trials without a current entry in the collection; see the port."""
        with reading(self.engine) as connection:
            moved = _moved(connection, workspace_id, collection, pipeline)
            statement = _undone(workspace_id, collection, pipeline)
            found = read_in(connection, statement, _T.strategy_name, moved["strategy_name"])
        clean = moved.join(found, on="strategy_name", how="anti")
        if note and not clean.is_empty():
            checks = clean.select(
                pl.lit(workspace_id).alias("workspace_id"),
                pl.lit(collection).alias("collection"),
                "strategy_name",
                pl.lit(pipeline).alias("pipeline"),
                "generation",
            )
            with writing(self.engine) as connection:
                upsert(
                    connection,
                    schema.index_checks,
                    checks,
                    key=("workspace_id", "collection", "strategy_name"),
                    update=("pipeline", "generation"),
                )
        return found.sort("trial_id")


def _note_finished(
    connection: sa.Connection, workspace_id: str, rows: pl.DataFrame, since: pl.DataFrame
) -> None:
    """Carries the check of strategies forward that were finished before these trials came.

    Their rows of `generations` are locked since `bump`. A generation that is one higher than
    `since` says that nobody changed anything between the trials and their entries; a check one
    lower than `since`, that nothing was left before the trials.
    """
    collection, pipeline = rows.select("collection", "pipeline").row(0)
    written = since.filter(pl.col("strategy_name").is_in(rows["strategy_name"].unique().implode()))
    for name, generation in written.select("strategy_name", "generation").rows():
        now = sa.select(_G.generation).where(
            _G.workspace_id == workspace_id, _G.strategy_name == name
        )
        was_finished = (
            (_C.workspace_id == workspace_id)
            & (_C.collection == collection)
            & (_C.strategy_name == name)
            & (_C.pipeline == pipeline)
            & (_C.generation == generation - 1)
        )
        change = sa.update(schema.index_checks).where(
            was_finished, now.scalar_subquery() == generation + 1
        )
        connection.execute(change.values(generation=generation + 1))


def _moved(
    connection: sa.Connection, workspace_id: str, collection: str, pipeline: str
) -> pl.DataFrame:
    """strategy_name and generation of the strategies that have changed since their last check."""
    same = (
        (_C.workspace_id == _G.workspace_id)
        & (_C.strategy_name == _G.strategy_name)
        & (_C.collection == collection)
        & (_C.pipeline == pipeline)
        & (_C.generation == _G.generation)
    )
    statement = sa.select(_G.strategy_name, _G.generation).where(
        _G.workspace_id == workspace_id, ~sa.exists().where(same)
    )
    return read(connection, statement)


def _undone(workspace_id: str, collection: str, pipeline: str) -> sa.Select[Any]:
    """trial_id, identity and strategy of eligible trials whose entry is missing or not current.

    An entry that was archived by hand is current: archiving lasts until an ingest of its trial.
    """
    entry = (_I.trial_id == _T.id) & (_I.collection == collection)
    stale = (_I.pipeline != pipeline) & _I.archived_at.is_(None)
    return (
        sa.select(_T.id.label("trial_id"), _T.source_type, _T.source_id, _T.strategy_name)
        .select_from(schema.trials.outerjoin(schema.kb_trial_index, entry))
        .where(
            _T.workspace_id == workspace_id,
            _ELIGIBLE,
            sa.or_(_I.id.is_(None), _I.content_hash == UNFINISHED, stale),
        )
    )


def _standing(workspace_id: str, collection: str) -> sa.ColumnElement[bool]:
    return (
        (_I.workspace_id == workspace_id) & (_I.collection == collection) & _I.archived_at.is_(None)
    )


def _locked(connection: sa.Connection, trial_ids: pl.Series) -> pl.DataFrame:
    """What the trials are now, kept so until the transaction ends: an admin's change waits."""
    statement = sa.select(
        _T.id.label("trial_id"),
        _T.row_hash.label("row_now"),
        _T.kb_status.label("status_now"),
        _ELIGIBLE.label("eligible"),
    ).order_by(_T.id)
    return read_in(connection, statement.with_for_update(read=True), _T.id, trial_ids.sort())


def _any_archived(connection: sa.Connection, rows: pl.DataFrame) -> bool:
    """Whether one of these entries is archived: writing it anew may bring a trial back."""
    archived = sa.select(_I.trial_id).where(
        _I.collection.in_(rows["collection"].unique().to_list()), _I.archived_at.is_not(None)
    )
    return not read_in(connection, archived.limit(1), _I.trial_id, rows["trial_id"]).is_empty()


def _as_known(rows: pl.DataFrame, known: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """Index rows as they may be written, now that it is known what their trials are."""
    reason = marked("not eligible: rejected or withdrawn", NOT_CONFIRMED)
    same = (pl.col("row_hash") == pl.col("row_now")) & (pl.col("kb_status") == pl.col("status_now"))
    out = ~pl.col("eligible")
    moment = pl.lit(at).dt.cast_time_unit("us")
    return rows.join(known, on="trial_id", how="left", maintain_order="left").with_columns(
        pl.when(same).then("content_hash").otherwise(pl.lit(UNFINISHED)).alias("content_hash"),
        pl.when(out).then(moment).otherwise("archived_at").alias("archived_at"),
        pl.when(out).then(pl.lit(reason)).otherwise("reason").alias("reason"),
    )
