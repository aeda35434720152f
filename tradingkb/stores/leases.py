"""Leases: one long job of a name at a time, whoever runs it."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from tradingkb.ports import HeldLease
from tradingkb.sql import reading, writing
from tradingkb.stores import schema

_L = schema.leases.c


class LeaseQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def acquire_lease(
        self, name: str, holder: str, at: datetime, expires_at: datetime
    ) -> HeldLease | None:
        """Takes or renews a lease; None when `holder` has it now, else what is in the way."""
        with writing(self.engine) as connection:
            if connection.dialect.name == "postgresql":  # SQLite's writers are alone anyway
                connection.execute(sa.text("LOCK TABLE leases IN EXCLUSIVE MODE"))
            row = connection.execute(sa.select(schema.leases).where(_L.name == name)).first()
            if row is not None and row.holder != holder:
                return HeldLease(**row._mapping)
            since = row.acquired_at if row is not None else at
            connection.execute(sa.delete(schema.leases).where(_L.name == name))
            connection.execute(
                sa.insert(schema.leases).values(
                    name=name, holder=holder, acquired_at=since, expires_at=expires_at
                )
            )
        return None

    def renew_lease(self, name: str, holder: str, expires_at: datetime) -> bool:
        """Renews a lease that is still the holder's; whether it was."""
        mine = sa.update(schema.leases).where(_L.name == name, _L.holder == holder)
        with writing(self.engine) as connection:
            return connection.execute(mine.values(expires_at=expires_at)).rowcount > 0

    def break_lease(self, name: str, holder: str, expires_at: datetime | None = None) -> bool:
        """Ends the lease of a holder if it is still theirs (and unchanged, with a time)."""
        theirs = [_L.name == name, _L.holder == holder]
        if expires_at is not None:
            theirs.append(_L.expires_at == expires_at)
        with writing(self.engine) as connection:
            return connection.execute(sa.delete(schema.leases).where(*theirs)).rowcount > 0

    def leases(self) -> list[HeldLease]:
        """Those that somebody holds, by name."""
        with reading(self.engine) as connection:
            rows = connection.execute(sa.select(schema.leases).order_by(_L.name))
            return [HeldLease(**row._mapping) for row in rows]
