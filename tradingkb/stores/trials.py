"""Queries about trials, their windows and their parameter sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from tradingkb.sql import note_growth, read, read_in, reading, redone, upsert, writing
from tradingkb.stores import schema
from tradingkb.stores.curation import UNFINISHED, chunks, lock_trials
from tradingkb.stores.generations import bump, bump_all, generations_of
from tradingkb.stores.versions import supersede

_T, _W, _P = schema.trials.c, schema.windows.c, schema.param_sets.c

#: What a stored trial keeps when its source is ingested again.
_KEPT: Final = (
    "id",
    "workspace_id",
    "source_type",
    "source_id",
    "kb_status",
    "promoted_at",
    "ingested_at",
)
_REPLACED: Final = tuple(c.name for c in schema.trials.columns if c.name not in _KEPT)
_WINDOW_COLUMNS: Final = (
    "window_key",
    "symbol",
    "timeframe",
    "is_start",
    "is_end",
    "oos_start",
    "oos_end",
    "regime_is",
    "regime_oos",
)


class TrialQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def count_trials(self, workspace_id: str, at_most: int | None = None) -> int:
        """How many trials are stored, whatever their status; counts no further than `at_most`."""
        trials = sa.select(sa.literal(1)).where(_T.workspace_id == workspace_id).limit(at_most)
        with reading(self.engine) as connection:
            return _count(connection, trials)

    def populated(self) -> set[str]:
        """Ids of the workspaces with a trial, whatever its status."""
        space = schema.workspaces.c.id
        statement = sa.select(space).where(sa.exists().where(_T.workspace_id == space))
        with reading(self.engine) as connection:
            return set(connection.scalars(statement))

    def identities(self, workspace_id: str, among: pl.DataFrame | None = None) -> pl.DataFrame:
        """One row per trial; see the port."""
        statement = sa.select(
            _T.id.label("trial_id"),
            _T.source_type,
            _T.source_id,
            _T.strategy_name,
            _T.row_hash,
            _T.kb_status,
            _T.window_id,
            _T.param_set_id,
            _T.withdrawn_at.is_not(None).label("withdrawn"),
        ).where(_T.workspace_id == workspace_id)
        with reading(self.engine) as connection:
            if among is None:
                return read(connection, statement)
            kinds = among["source_type"].unique().to_list()
            statement = statement.where(_T.source_type.in_(kinds))
            found = read_in(connection, statement, _T.source_id, among["source_id"].unique())
        return found.join(among, on=["source_type", "source_id"], how="semi")

    def trial_ids(self, workspace_id: str, identities: pl.DataFrame) -> pl.DataFrame:
        """source_type, source_id, trial_id of those of these identities that are stored."""
        with reading(self.engine) as connection:
            return _known(connection, workspace_id, identities, _T.id.label("trial_id"))

    def window_rows(
        self,
        workspace_id: str,
        among: pl.Series | None = None,
        *,
        keys: pl.Series | None = None,
    ) -> pl.DataFrame:
        """window_id and the columns of the table; regimes as JSON text."""
        statement = (
            sa.select(_W.id.label("window_id"), *(schema.windows.c[c] for c in _WINDOW_COLUMNS))
            .where(_W.workspace_id == workspace_id)
            .order_by(_W.window_key)
        )
        with reading(self.engine) as connection:
            if keys is not None:
                return read_in(connection, statement, _W.window_key, keys.unique())
            if among is None:
                return read(connection, statement)
            return read_in(connection, statement, _W.id, among)

    def regimes_reach(self, workspace_id: str, n: int) -> bool:
        """Whether at least n windows have a regime."""
        windows = sa.select(sa.literal(1)).where(_W.workspace_id == workspace_id).limit(n)
        some = _W.regime_is.is_not(None) | _W.regime_oos.is_not(None)
        if n < 1:
            return True
        with reading(self.engine) as connection:
            # Keys first: mostly there are too few, and an index has them without the long texts.
            enough = _count(connection, windows) >= n
            return enough and _count(connection, windows.where(some)) >= n

    def param_set_rows(
        self,
        workspace_id: str,
        strategy_name: str | None = None,
        among: pl.DataFrame | None = None,
        *,
        ids: pl.Series | None = None,
    ) -> pl.DataFrame:
        """param_set_id, strategy_name, params_hash, params."""
        statement = sa.select(
            _P.id.label("param_set_id"), _P.strategy_name, _P.params_hash, _P.params
        ).where(_P.workspace_id == workspace_id)
        if strategy_name is not None:
            statement = statement.where(_P.strategy_name == strategy_name)
        with reading(self.engine) as connection:
            if ids is not None:
                return read_in(connection, statement, _P.id, ids)
            if among is None:
                return read(connection, statement)
            # One index has both; asked for at once, each name would be tried with each hash.
            found = [
                read_in(connection, statement.where(_P.strategy_name == name), _P.params_hash, some)
                for name, some in _hashes_by_strategy(among)
            ]
        return pl.concat(found)

    @redone
    def write_windows(self, workspace_id: str, windows: pl.DataFrame) -> None:
        """Inserts windows by window_key; regimes of known windows are filled in or replaced.

        A null leaves the known regime as it is: not every source brings prices.
        """
        frame = windows.select(pl.lit(workspace_id).alias("workspace_id"), *_WINDOW_COLUMNS)
        with writing(self.engine) as connection:
            before = _regimes(connection, workspace_id, frame["window_key"])
            upsert(
                connection,
                schema.windows,
                frame,
                key=("workspace_id", "window_key"),
                update=("regime_is", "regime_oos"),
                keep_known=True,
            )
            after = _regimes(connection, workspace_id, frame["window_key"])
            # A new window has no trials yet; a new regime of a known one touches every strategy.
            known = after.join(before, on="window_key", how="semi")
            moved = known.join(before, on=known.columns, how="anti", nulls_equal=True)
            if not moved.is_empty():
                _mark_trials_of(connection, workspace_id, moved["window_key"])
                bump_all(connection, workspace_id)

    @redone
    def write_param_sets(self, workspace_id: str, sets: pl.DataFrame) -> None:
        """Inserts parameter sets that are not known yet."""
        frame = sets.select(
            pl.lit(workspace_id).alias("workspace_id"), "strategy_name", "params_hash", "params"
        )
        with writing(self.engine) as connection:
            upsert(
                connection,
                schema.param_sets,
                frame,
                key=("workspace_id", "strategy_name", "params_hash"),
                update=(),
            )

    @redone
    def write_trials(self, workspace_id: str, trials: pl.DataFrame) -> pl.DataFrame:
        """Inserts or replaces trials by (source_type, source_id), in one transaction.

        A new trial whose status is not `candidate` leaves a history row that says where it came
        from; a known trial keeps its status: a file does not overrule an admin.

        Returns:
            strategy_name, generation: of the strategies that it changed, afterwards.
        """
        frame = trials.with_columns(workspace_id=pl.lit(workspace_id))
        with writing(self.engine) as connection:
            imported = self._imported_statuses(connection, workspace_id, frame)
            known = _known(
                connection,
                workspace_id,
                frame,
                _T.id.label("trial_id"),
                _T.strategy_name.label("before"),
            )
            lock_trials(connection, known["trial_id"])
            supersede(connection, known["trial_id"])
            upsert(
                connection,
                schema.trials,
                frame,
                key=("workspace_id", "source_type", "source_id"),
                update=_REPLACED,
            )
            self._record_imported(connection, workspace_id, imported)
            # A strategy may lose a trial because its source now says that it is another's.
            told = frame.join(known, on=["source_type", "source_id"], how="semi")
            changed = {*told["strategy_name"].unique(), *known["before"].unique()}
            bump(connection, workspace_id, changed)
            grown = {*frame["strategy_name"].unique()} - changed
            bump(connection, workspace_id, grown, only_added=True)
            return generations_of(connection, workspace_id, changed | grown)

    def _imported_statuses(
        self, connection: sa.Connection, workspace_id: str, frame: pl.DataFrame
    ) -> pl.DataFrame:
        stated = frame.filter(pl.col("kb_status") != "candidate")
        if stated.is_empty():
            return stated
        known = _known(connection, workspace_id, stated)
        return stated.join(known, on=["source_type", "source_id"], how="anti")

    def _record_imported(
        self, connection: sa.Connection, workspace_id: str, imported: pl.DataFrame
    ) -> None:
        if imported.is_empty():
            return
        ids = _known(connection, workspace_id, imported, _T.id.label("trial_id"))
        rows = imported.join(ids, on=["source_type", "source_id"]).select(
            pl.lit(workspace_id).alias("workspace_id"),
            "trial_id",
            pl.lit("candidate").alias("from_status"),
            pl.col("kb_status").alias("to_status"),
            pl.col("known_at").alias("at"),
            pl.lit("ingest").alias("actor"),
            pl.lit("import").alias("actor_type"),
            pl.lit("status came with the import").alias("reason"),
        )
        connection.execute(sa.insert(schema.kb_status_history), rows.to_dicts())
        note_growth(connection, schema.kb_status_history, rows.height)


def _count(connection: sa.Connection, rows: sa.Select[Any]) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(rows.subquery())) or 0)


def _hashes_by_strategy(among: pl.DataFrame) -> Iterator[tuple[str, pl.Series]]:
    yield "", among["params_hash"].head(0)  # where nothing is asked for
    for (name,), part in among.partition_by("strategy_name", as_dict=True).items():
        yield str(name), part["params_hash"].unique()


def _regimes(connection: sa.Connection, workspace_id: str, keys: pl.Series) -> pl.DataFrame:
    statement = sa.select(_W.window_key, _W.regime_is, _W.regime_oos)
    return read_in(
        connection, statement.where(_W.workspace_id == workspace_id), _W.window_key, keys
    )


def _known(
    connection: sa.Connection,
    workspace_id: str,
    frame: pl.DataFrame,
    *columns: sa.ColumnElement[Any],
) -> pl.DataFrame:
    """source_type, source_id and more columns of the frame's trials that are stored."""
    statement = sa.select(_T.source_type, _T.source_id, *columns).where(
        _T.workspace_id == workspace_id,
        _T.source_type.in_(frame["source_type"].unique().to_list()),
    )
    return read_in(connection, statement, _T.source_id, frame["source_id"])


def _mark_trials_of(connection: sa.Connection, workspace_id: str, keys: pl.Series) -> None:
    """Marks the standing index entries of the trials of these windows as unfinished."""
    index = schema.kb_trial_index
    mine = sa.select(_W.id).where(_W.workspace_id == workspace_id)
    windows = read_in(connection, mine, _W.window_key, keys)["id"]
    touched = read_in(connection, sa.select(_T.id), _T.window_id, windows)["id"]
    lock_trials(connection, touched)
    for some in chunks(touched):
        entries = index.c.trial_id.in_(some) & index.c.archived_at.is_(None)
        connection.execute(sa.update(index).where(entries).values(content_hash=UNFINISHED))
