"""Queries about workspaces, strategy specs and regime scalers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from tradingkb.domain import RegimeScaler, StrategySpec, Workspace
from tradingkb.exceptions import InvalidInputError
from tradingkb.sql import reading, writing
from tradingkb.stores import schema
from tradingkb.stores.generations import bump, bump_all

#: Built once: every question asks for it.
_NAMED: Final[sa.Select[Any]] = (
    sa.select(schema.workspaces)
    .where(
        sa.or_(
            schema.workspaces.c.slug == sa.bindparam("name"),
            schema.workspaces.c.id == sa.bindparam("name"),
        )
    )
    .order_by(schema.workspaces.c.slug)
)


class WorkspaceQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def workspace(self, name: str) -> Workspace | None:
        """The workspace of that slug or id."""
        with reading(self.engine) as connection:
            row = connection.execute(_NAMED, {"name": name}).mappings().first()
        return Workspace(**row) if row is not None else None

    def workspaces(self) -> list[Workspace]:
        """All workspaces, by slug."""
        table = schema.workspaces
        with reading(self.engine) as connection:
            rows = connection.execute(sa.select(table).order_by(table.c.slug)).mappings().all()
        return [Workspace(**row) for row in rows]

    def create_workspace(self, workspace: Workspace) -> None:
        """Inserts it.

        Raises:
            InvalidInputError: slug or id exist already.
        """
        try:
            with writing(self.engine) as connection:
                connection.execute(sa.insert(schema.workspaces).values(**vars(workspace)))
        except sa.exc.IntegrityError:
            raise InvalidInputError(
                f"workspace {workspace.slug!r} exists already",
                field="workspace",
                remedy="choose another slug, or use the existing one",
            ) from None

    def set_active(
        self, workspace_id: str, embed_model: str | None, collection: str | None
    ) -> None:
        """Sets the model and collection of a workspace; None gives it back to the environment."""
        table = schema.workspaces
        with writing(self.engine) as connection:
            config = connection.scalar(sa.select(table.c.config).where(table.c.id == workspace_id))
            connection.execute(
                sa.update(table)
                .where(table.c.id == workspace_id)
                .values(
                    default_embed_model=embed_model,
                    default_collection=collection,
                    config=_with_model(config, embed_model),
                )
            )
            bump_all(connection, workspace_id)

    def save_spec(self, workspace_id: str, spec: StrategySpec, at: datetime) -> None:
        """Inserts or replaces the spec of (name, version)."""
        table = schema.strategy_specs
        key = (
            (table.c.workspace_id == workspace_id)
            & (table.c.name == spec.name)
            & (table.c.version == spec.version)
        )
        row = {
            "workspace_id": workspace_id,
            "name": spec.name,
            "version": spec.version,
            "spec": spec.to_dict(),
        }
        with writing(self.engine) as connection:
            connection.execute(sa.delete(table).where(key))
            connection.execute(sa.insert(table).values(**row, updated_at=at))
            if _last_registered(connection, workspace_id, spec.name) != row["spec"]:
                connection.execute(sa.insert(schema.spec_registrations).values(**row, at=at))
            bump(connection, workspace_id, [spec.name])

    def spec_registrations(
        self, workspace_id: str, name: str
    ) -> list[tuple[StrategySpec, datetime]]:
        """Every spec of a strategy that was ever registered, and when; see the port."""
        log, table = schema.spec_registrations, schema.strategy_specs
        told = sa.select(log.c.spec, log.c.at).where(
            log.c.workspace_id == workspace_id, log.c.name == name
        )
        # An earlier release that works on the same store replaces specs without a note.
        standing = sa.select(table.c.spec, table.c.updated_at).where(
            table.c.workspace_id == workspace_id, table.c.name == name
        )
        with reading(self.engine) as connection:
            rows = [tuple(row) for row in connection.execute(told.order_by(log.c.at, log.c.id))]
            noted = [spec for spec, _ in rows]
            rest = connection.execute(standing.order_by(table.c.updated_at, table.c.id))
            rows += [tuple(row) for row in rest if row.spec not in noted]
        found = [(StrategySpec.from_dict(spec), at) for spec, at in rows]
        return sorted(found, key=lambda one: one[1])

    def specs(self, workspace_id: str, name: str | None = None) -> list[StrategySpec]:
        """Every spec, or those of one name; the one updated last comes last within its name."""
        table = schema.strategy_specs
        statement = (
            sa.select(table.c.spec)
            .where(table.c.workspace_id == workspace_id)
            .order_by(table.c.name, table.c.updated_at, table.c.id)
        )
        if name is not None:
            statement = statement.where(table.c.name == name)
        with reading(self.engine) as connection:
            return [StrategySpec.from_dict(spec) for spec in connection.scalars(statement)]

    def scaler(self, workspace_id: str) -> RegimeScaler | None:
        """The newest scaler."""
        table = schema.regime_scalers
        statement = (
            sa.select(table.c.scaler)
            .where(table.c.workspace_id == workspace_id)
            .order_by(table.c.version.desc())
            .limit(1)
        )
        with reading(self.engine) as connection:
            stored = connection.scalar(statement)
        return RegimeScaler.from_dict(stored) if stored else None

    def save_scaler(self, workspace_id: str, scaler: RegimeScaler, at: datetime) -> None:
        """Stores a new version; one that exists is left as it is."""
        table = schema.regime_scalers
        known = (table.c.workspace_id == workspace_id) & (table.c.version == scaler.version)
        with writing(self.engine) as connection:
            if connection.scalar(sa.select(table.c.id).where(known)) is None:
                connection.execute(
                    sa.insert(table).values(
                        workspace_id=workspace_id,
                        version=scaler.version,
                        scaler=scaler.to_dict(),
                        created_at=at,
                    )
                )
                bump_all(connection, workspace_id)


def _with_model(config: Any, embed_model: str | None) -> dict[str, Any]:
    """The config with the model at the place where the runbooks write it, in step with its column.

    An operator edits `config` by hand: anything may stand there, and what is not ours is kept.
    """
    kept = dict(config) if isinstance(config, Mapping) else {}
    chunking = kept.get("chunking")
    chunking = dict(chunking) if isinstance(chunking, Mapping) else {}
    chunking.pop("embed_model", None)
    if embed_model is not None:
        chunking["embed_model"] = embed_model
    kept.pop("chunking", None)
    return {**kept, "chunking": chunking} if chunking else kept


def _last_registered(connection: sa.Connection, workspace_id: str, name: str) -> Any:
    """What the newest registration of a strategy says, None without any."""
    log = schema.spec_registrations
    mine = (log.c.workspace_id == workspace_id) & (log.c.name == name)
    newest = sa.select(log.c.spec).where(mine).order_by(log.c.at.desc(), log.c.id.desc()).limit(1)
    return connection.scalar(newest)
