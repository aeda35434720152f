"""Leases: one long job of a name at a time, whoever runs it."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from tradingkb.sql import writing
from tradingkb.stores import schema

_L = schema.leases.c


class LeaseQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def acquire_lease(
        self, name: str, holder: str, at: datetime, expires_at: datetime
    ) -> str | None:
        """Takes or renews a lease; None when `holder` has it now, else who has it."""
        with writing(self.engine) as connection:
            if connection.dialect.name == "postgresql":  # SQLite's writers are alone anyway
                connection.execute(sa.text("LOCK TABLE leases IN EXCLUSIVE MODE"))
            row = connection.execute(sa.select(schema.leases).where(_L.name == name)).first()
            if row is not None and row.holder != holder and row.expires_at > at:
                return str(row.holder)
            since = row.acquired_at if row is not None and row.holder == holder else at
            connection.execute(sa.delete(schema.leases).where(_L.name == name))
            connection.execute(
                sa.insert(schema.leases).values(
                    name=name, holder=holder, acquired_at=since, expires_at=expires_at
                )
            )
        return None

    def break_lease(self, name: str, holder: str) -> None:
        """Ends the lease of a holder, if it is still theirs."""
        with writing(self.engine) as connection:
            connection.execute(sa.delete(schema.leases).where(_L.name == name, _L.holder == holder))
