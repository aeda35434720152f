"""The door of the database, in front of SQLite and of a database that fails when it is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.resilience.conftest import Time
from tradingkb.exceptions import (
    BackendUnavailableError,
    CircuitOpenError,
    InvalidInputError,
)
from tradingkb.ports import patience
from tradingkb.resilience import Breaker, DatabaseDoor, Guard, Policy
from tradingkb.sql import is_contended, of_database, open_engine, put_door, reading, writing
from tradingkb.sql.engine import together


class Fragile:
    """An engine whose connections break when they are told to."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.refused = self.connects = 0
        sa.event.listen(engine, "checkout", self._connect)

    def _connect(self, *_: Any) -> None:
        self.connects += 1
        if self.refused:
            self.refused -= 1
            refused = sqlite3.OperationalError("not now")
            refused.sqlite_errorcode = sqlite3.SQLITE_PROTOCOL
            raise sa.exc.OperationalError("connect", {}, refused)


@pytest.fixture
def door(time: Time) -> DatabaseDoor:
    breaker = Breaker("db", monotonic=time, clock=time.of_day)
    guard = Guard(breaker, Policy(total_s=10.0), monotonic=time)
    return DatabaseDoor(guard, of_database=of_database, is_contended=is_contended)


@pytest.fixture
def engine(tmp_path: Path, door: DatabaseDoor) -> Iterator[sa.Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'kb.db'}", timeout_s=0.05)
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    engine.dispose()
    put_door(engine, door)
    yield engine
    engine.dispose()


@pytest.fixture
def fragile(engine: sa.Engine) -> Fragile:
    return Fragile(engine)


def state(door: DatabaseDoor) -> tuple[str, int, int]:
    """State, failures in a row, retries."""
    found = door._breaker.state()
    return found.state, found.failures, found.retries


def lost() -> BackendUnavailableError:
    """What a connection that is lost in mid-read becomes."""
    error = BackendUnavailableError("the database did not answer")
    error.__cause__ = sa.exc.OperationalError("SELECT", {}, Exception("reset"))
    return error


def count(engine: sa.Engine) -> int:
    with reading(engine) as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one())


def add(engine: sa.Engine, n: int) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (?)", (n,))


@pytest.mark.parametrize("refused", [1, 2])
def test_reaching_the_database_is_tried_again_for_readers_and_writers(
    fragile: Fragile, door: DatabaseDoor, refused: int
) -> None:
    fragile.refused = refused
    add(fragile.engine, 1)
    fragile.engine.dispose()
    fragile.refused = refused
    assert count(fragile.engine) == 1
    assert state(door) == ("closed", 0, 2 * refused)


def test_a_database_that_is_down_is_left_alone_after_five_failures(
    fragile: Fragile, door: DatabaseDoor, time: Time
) -> None:
    fragile.refused = 15
    for n in range(5):
        assert state(door)[:2] == ("closed", n)
        with pytest.raises(BackendUnavailableError):
            count(fragile.engine)
    with pytest.raises(CircuitOpenError, match="db: circuit breaker is open"):
        add(fragile.engine, 1)
    assert fragile.connects == 15
    time.s += 30
    assert count(fragile.engine) == 0
    assert state(door)[:2] == ("closed", 0)


def test_callers_without_time_say_nothing_of_the_database(
    fragile: Fragile, door: DatabaseDoor
) -> None:
    """Or a few of them would close it to those who have time."""
    fragile.refused = 12
    for _ in range(6):
        with pytest.raises(BackendUnavailableError), patience(0.0):
            count(fragile.engine)
        with pytest.raises(BackendUnavailableError), patience(0.0):
            door.again(lambda: count(fragile.engine))
    assert state(door) == ("closed", 0, 0)


def test_whoever_waits_for_another_writer_in_vain_waits_once_and_says_nothing_of_the_database(
    engine: sa.Engine, door: DatabaseDoor, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "kb.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        for n in range(6):
            with pytest.raises(BackendUnavailableError, match="locked"):
                add(engine, n)
        assert state(door) == ("closed", 0, 0)
        other.execute("ROLLBACK")
    other.close()
    add(engine, 1)


def test_an_error_inside_a_transaction_is_an_answer_of_a_living_database(
    engine: sa.Engine, door: DatabaseDoor, fragile: Fragile
) -> None:
    fragile.refused = 3
    with pytest.raises(BackendUnavailableError):
        count(engine)
    assert state(door)[1] == 1
    add(engine, 1)
    assert state(door)[1] == 0
    for error in (InvalidInputError("no"), BackendUnavailableError("Qdrant did not answer")):
        with pytest.raises(type(error)), reading(engine):
            raise error
        assert state(door)[1] == 0
    with pytest.raises(sa.exc.IntegrityError):
        add(engine, 1)
    assert state(door) == ("closed", 0, 2)


def test_a_whole_read_is_run_again_from_its_beginning(
    engine: sa.Engine, door: DatabaseDoor
) -> None:
    losses = [lost(), lost()]
    runs = []

    def read() -> int:
        runs.append(1)
        found = count(engine)
        with reading(engine):
            if losses:
                raise losses.pop()
        return found

    assert door.again(read) == 0
    assert len(runs) == 3
    assert state(door) == ("closed", 0, 2)


def test_a_whole_read_that_used_up_its_attempts_is_one_failure(
    engine: sa.Engine, door: DatabaseDoor
) -> None:
    def read() -> None:
        with reading(engine):
            raise lost()

    for n in range(1, 6):
        with pytest.raises(BackendUnavailableError):
            door.again(read)
        assert state(door)[1] == n
    with pytest.raises(CircuitOpenError):
        door.again(read)


def test_a_half_open_circuit_lets_a_whole_read_try_to_the_end(
    engine: sa.Engine, door: DatabaseDoor, time: Time
) -> None:
    losses = [lost() for _ in range(17)]

    def read() -> int:
        with reading(engine):
            if losses:
                raise losses.pop()
        return count(engine)

    for _ in range(5):
        with pytest.raises(BackendUnavailableError):
            door.again(read)
    time.s += 30
    assert door.again(read) == 0  # two more losses, and the third attempt
    assert state(door)[:2] == ("closed", 0)


def test_what_others_fail_at_inside_a_whole_read_is_not_tried_again(
    engine: sa.Engine, door: DatabaseDoor
) -> None:
    runs = []

    def read() -> None:
        runs.append(count(engine))
        raise BackendUnavailableError("Qdrant did not answer")

    with pytest.raises(BackendUnavailableError):
        door.again(read)
    assert (len(runs), state(door)) == (1, ("closed", 0, 0))


def test_calls_inside_one_transaction_are_one_call(engine: sa.Engine, door: DatabaseDoor) -> None:
    with together(engine):
        assert [count(engine) for _ in range(3)] == [0, 0, 0]
    assert door._breaker.state().calls["success"] == 1


@pytest.mark.parametrize(
    ("code", "contended"),
    [("55P03", True), ("40P01", True), ("40001", True), ("57014", False), ("08006", False)],
)
def test_on_postgresql_codes_tell_a_lock_from_an_outage(code: str, contended: bool) -> None:
    driver = Exception("whatever it says: database is locked")
    driver.sqlstate = code  # type: ignore[attr-defined]
    error = BackendUnavailableError("did not answer")
    error.__cause__ = sa.exc.OperationalError("SELECT", {}, driver)
    assert is_contended(error) == contended
