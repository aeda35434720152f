"""A transaction that PostgreSQL undid to let another one go on is run again, once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tradingkb.exceptions import BackendUnavailableError
from tradingkb.sql import open_engine, redone, together, writing


class Owner:
    """Writes a row, and is undone as often as it is told."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.runs = 0

    @redone
    def write(self, n: int, *, undone: int, code: str = "40P01") -> int:
        self.runs += 1
        with writing(self.engine) as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (%s)", (n,))
            if self.runs <= undone:
                connection.exec_driver_sql(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$")
        return n

    def rows(self) -> list[int]:
        with writing(self.engine) as connection:
            return list(connection.exec_driver_sql("SELECT n FROM t").scalars())


@pytest.fixture
def owner(postgres_module_database: str) -> Iterator[Owner]:
    engine = open_engine(postgres_module_database)
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (n int)")
    yield Owner(engine)
    with writing(engine) as connection:
        connection.exec_driver_sql("DROP TABLE t")
    engine.dispose()


@pytest.mark.parametrize("code", ["40P01", "40001"])
def test_what_was_undone_is_done_again(owner: Owner, code: str) -> None:
    assert owner.write(7, undone=1, code=code) == 7
    assert (owner.runs, owner.rows()) == (2, [7])


def test_it_is_run_again_once(owner: Owner) -> None:
    with pytest.raises(BackendUnavailableError, match="did not answer"):
        owner.write(7, undone=2)
    assert (owner.runs, owner.rows()) == (2, [])


def test_other_errors_are_not_tried_again(owner: Owner) -> None:
    with pytest.raises(BackendUnavailableError):
        owner.write(7, undone=1, code="57014")
    assert (owner.runs, owner.rows()) == (1, [])


def test_inside_another_transaction_all_of_that_is_gone_and_is_its_owners_to_run_again(
    owner: Owner,
) -> None:
    with pytest.raises(BackendUnavailableError), together(owner.engine, write=True):
        owner.write(7, undone=1)
    assert (owner.runs, owner.rows()) == (1, [])
