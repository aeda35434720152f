"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

#: Fixed width, so that texts sort like times and an operator can read them.
ISO_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time: TIMESTAMPTZ on PostgreSQL, fixed-width ISO text on SQLite."""

    impl = sa.String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """The native type where there is one."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return dialect.type_descriptor(sa.String(27))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        """Refuses naive times: the store holds instants."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value!r} cannot be stored")
        moment = value.astimezone(UTC)
        if dialect.name == "postgresql":
            return moment
        # Not by strftime, whose years before 1000 have fewer digits.
        return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Back to an aware UTC time."""
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.strptime(value, ISO_FORMAT).replace(tzinfo=UTC)
        moment: datetime = value
        return moment.astimezone(UTC)


#: JSON as text on SQLite and JSONB on PostgreSQL (`config || '{...}'::jsonb` works there).
Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
#: 64-bit keys that SQLite still treats as its row id.
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
