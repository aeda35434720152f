"""Columns of times: the same instants, in the same order, in every database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from tradingkb.sql import UtcTime

TIMES = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(500, 6, 1, 12, 30, 0, 5, tzinfo=UTC),
    datetime(999, 12, 31, tzinfo=UTC),
    datetime(2026, 11, 28, 4, 20, 54, 138452, UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
]


def test_times_of_all_years_come_back_and_sort_as_texts() -> None:
    engine = sa.create_engine("sqlite://")
    table = sa.Table("t", sa.MetaData(), sa.Column("at", UtcTime))
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), [{"at": at} for at in reversed(TIMES)])
        found = connection.scalars(sa.select(table.c.at).order_by(table.c.at)).all()
        later = connection.scalars(sa.select(table.c.at).where(table.c.at > TIMES[1])).all()
        texts = connection.exec_driver_sql("SELECT DISTINCT length(at) FROM t").all()
    assert found == TIMES
    assert sorted(later) == TIMES[2:]
    assert texts == [(27,)]


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        UtcTime().process_bind_param(datetime(2026, 1, 1), sa.create_engine("sqlite://").dialect)
