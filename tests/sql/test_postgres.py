"""PostgreSQL: whatever goes wrong, nobody waits for ever, and the error says what to do."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.postgres import database
from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    DiskFullError,
    InvalidInputError,
    StoreDamagedError,
    TradingKBError,
)
from tradingkb.ports import patience
from tradingkb.sql import open_engine, postgres, reading, unhurried, writing
from tradingkb.testing.proxy import FaultyProxy

NAP = sa.text("SELECT pg_sleep(0.4)")


@pytest.fixture(scope="module")
def url(postgres_url: sa.URL) -> Iterator[sa.URL]:
    with database(postgres_url) as url:
        yield url


@pytest.fixture
def opened() -> Iterator[Callable[..., sa.Engine]]:
    with ExitStack() as stack:

        def make(url: sa.URL | str, **arguments: object) -> sa.Engine:
            engine = open_engine(url, **arguments)  # type: ignore[arg-type]
            stack.callback(engine.dispose)
            return engine

        yield make


def ask(engine: sa.Engine, text: str) -> object:
    with reading(engine) as connection:
        return connection.scalar(sa.text(text))


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (None, BackendUnavailableError),
        ("08006", BackendUnavailableError),
        ("22P05", InvalidInputError),
        ("23505", None),
        ("25006", ConfigurationError),
        ("28P01", ConfigurationError),
        ("3D000", ConfigurationError),
        ("40001", BackendUnavailableError),
        ("40P01", BackendUnavailableError),
        ("42501", ConfigurationError),
        ("42601", None),
        ("42P01", None),
        ("53100", DiskFullError),
        ("53200", BackendUnavailableError),
        ("53300", BackendUnavailableError),
        ("55P03", BackendUnavailableError),
        ("57014", BackendUnavailableError),
        ("57P01", BackendUnavailableError),
        ("57P03", BackendUnavailableError),
        ("57P04", ConfigurationError),
        ("XX001", StoreDamagedError),
    ],
)
def test_the_state_of_an_error_says_what_it_is(
    state: str | None, kind: type[TradingKBError] | None
) -> None:
    found = postgres.meaning(state)
    assert (found[0] if found else None) is kind


def test_connections_come_with_deadlines(opened: Callable[..., sa.Engine], url: sa.URL) -> None:
    engine = opened(url, timeout_s=3.0, statement_timeout_s=4.0)
    shown = ("lock_timeout", "statement_timeout", "application_name", "tcp_keepalives_count")
    assert [ask(engine, f"SHOW {name}") for name in shown[:3]] == ["3s", "4s", "tradingkb"]
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        told = driver.info.get_parameters()
    assert (told["connect_timeout"], told["tcp_user_timeout"]) == ("3", "6000")
    assert told["keepalives_idle"] == "5"
    assert f"{shown[3]}=3" in told["options"]


def test_what_the_url_says_of_a_connection_holds(
    opened: Callable[..., sa.Engine], url: sa.URL
) -> None:
    own = {"application_name": "mine", "options": "-c search_path=mine -c lock_timeout=77"}
    engine = opened(url.update_query_dict(own))
    shown = ("application_name", "search_path", "lock_timeout", "statement_timeout")
    assert [ask(engine, f"SHOW {name}") for name in shown] == ["mine", "mine", "77ms", "10s"]


def test_a_statement_ends_at_its_deadline_and_the_connection_lives(
    opened: Callable[..., sa.Engine], url: sa.URL
) -> None:
    engine = opened(url, statement_timeout_s=0.1)
    with pytest.raises(BackendUnavailableError, match="statement timeout"):
        ask(engine, "SELECT pg_sleep(60)")
    assert ask(engine, "SELECT 1") == 1


def test_long_work_has_no_deadline_and_the_next_question_has_it_again(
    opened: Callable[..., sa.Engine], url: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "GRACE_S", 0.1)
    engine = opened(url, statement_timeout_s=0.1)
    for begin in (reading, writing):
        with unhurried(), begin(engine) as connection:
            connection.execute(NAP)
            connection.execute(NAP)
        with pytest.raises(BackendUnavailableError), begin(engine) as connection:
            connection.execute(NAP)


def test_a_server_that_hangs_holds_nobody_longer_than_the_deadline(
    opened: Callable[..., sa.Engine], url: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot even cancel: the process that serves the connection stands still."""
    monkeypatch.setattr(postgres, "GRACE_S", 0.1)
    engine = opened(url, statement_timeout_s=0.2)
    served = int(str(ask(engine, "SELECT pg_backend_pid()")))
    late = pytest.raises(BackendUnavailableError, match=r"no answer in time \(0\.3 s")
    with late, writing(engine) as connection:
        os.kill(served, signal.SIGSTOP)
        try:
            connection.execute(sa.text("SELECT 1"))
        finally:
            os.kill(served, signal.SIGCONT)
    assert ask(engine, "SELECT 1") == 1


def test_nobody_waits_longer_than_they_have_time(
    opened: Callable[..., sa.Engine], url: sa.URL
) -> None:
    engine = opened(url)
    with pytest.raises(BackendUnavailableError, match="no answer in time"), patience(0.2):
        ask(engine, "SELECT pg_sleep(60)")
    assert ask(engine, "SELECT 1") == 1
    with unhurried(), patience(0.1), reading(engine) as connection:
        connection.execute(NAP)


@pytest.fixture
def proxy(url: sa.URL) -> Iterator[FaultyProxy]:
    with FaultyProxy(f"{url.query['host']}/.s.PGSQL.{url.query.get('port', 5432)}") as proxy:
        yield proxy


def behind(proxy: FaultyProxy, url: sa.URL) -> sa.URL:
    return sa.URL.create(
        url.drivername, url.username, host="127.0.0.1", port=proxy.port, database=url.database
    )


@pytest.mark.parametrize("kept", [0, 1])
@pytest.mark.parametrize("begin", [reading, writing])
def test_reaching_a_server_that_hangs_takes_no_longer_than_the_caller_has(
    opened: Callable[..., sa.Engine],
    url: sa.URL,
    proxy: FaultyProxy,
    kept: int,
    begin: Callable[[sa.Engine], AbstractContextManager[sa.Connection]],
) -> None:
    """The kept connection is tried and a new one made, in one total."""
    engine = opened(behind(proxy, url))
    for _ in range(kept):
        ask(engine, "SELECT 1")
    proxy.hang()
    started = time.monotonic()
    with pytest.raises(BackendUnavailableError), unhurried(), patience(0.6), begin(engine) as open:
        open.execute(sa.text("SELECT 1"))
    assert time.monotonic() - started < 1.5
    proxy.restore()
    assert ask(engine, "SELECT 1") == 1


def test_a_kept_connection_that_is_dead_leaves_time_for_a_new_one(
    opened: Callable[..., sa.Engine], url: sa.URL, proxy: FaultyProxy
) -> None:
    engine = opened(behind(proxy, url))
    served = int(str(ask(engine, "SELECT pg_backend_pid()")))
    os.kill(served, signal.SIGSTOP)
    try:
        with patience(2.0):
            assert ask(engine, "SELECT 1") == 1
    finally:
        os.kill(served, signal.SIGCONT)


def test_a_place_in_the_pool_is_waited_for_no_longer_than_the_caller_has(
    opened: Callable[..., sa.Engine], url: sa.URL
) -> None:
    engine = opened(url, pool_size=1)
    with ExitStack() as stack:
        for _ in range(11):
            stack.enter_context(reading(engine))
        started = time.monotonic()
        with pytest.raises(BackendUnavailableError, match="became free"), patience(0.2):
            ask(engine, "SELECT 1")
    assert time.monotonic() - started < 1.0


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_as_many_threads_as_the_pool_is_made_for_read_at_once(
    opened: Callable[..., sa.Engine], url: sa.URL, tmp_path: Path, kind: str
) -> None:
    where = url if kind == "postgresql" else f"sqlite:///{tmp_path / 'kb.db'}"
    engine = opened(where, pool_size=16, timeout_s=0.2)
    with ExitStack() as stack:
        held = [stack.enter_context(reading(engine)) for _ in range(26)]
        assert [connection.scalar(sa.text("SELECT 1")) for connection in held] == [1] * 26
        with pytest.raises(BackendUnavailableError), reading(engine):
            raise AssertionError


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("40001", BackendUnavailableError, "did not answer"),
        ("40P01", BackendUnavailableError, "did not answer"),
        ("53100", ConfigurationError, "make room on the server's disk"),
        ("42501", ConfigurationError, "rights"),
        ("23505", sa.exc.IntegrityError, "it happened"),
        ("22021", InvalidInputError, "does not take a value"),
    ],
)
def test_an_error_of_the_server_is_named(
    opened: Callable[..., sa.Engine],
    url: sa.URL,
    code: str,
    kind: type[Exception],
    says: str,
) -> None:
    engine = opened(url)
    fail = f"DO $$ BEGIN RAISE EXCEPTION 'it happened' USING ERRCODE = '{code}'; END $$"
    with pytest.raises(kind, match=says), writing(engine) as connection:
        connection.exec_driver_sql(fail)


def test_a_server_that_only_reads_is_a_matter_of_configuration(
    opened: Callable[..., sa.Engine], url: sa.URL
) -> None:
    engine = opened(url.update_query_dict({"options": "-c default_transaction_read_only=on"}))
    with pytest.raises(ConfigurationError, match="primary"), writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (n int)")


@pytest.mark.parametrize("moment", ["statement", "commit", "idle"])
def test_a_connection_that_an_admin_ends_is_a_backend_that_does_not_answer(
    opened: Callable[..., sa.Engine], url: sa.URL, moment: str
) -> None:
    engine, admin = opened(url), opened(url)

    def shut(pid: object) -> None:
        assert ask(admin, f"SELECT pg_terminate_backend({pid}, 5000)")

    pid = ask(engine, "SELECT pg_backend_pid()")
    if moment == "idle":  # found before it is used
        shut(pid)
    else:
        with pytest.raises(BackendUnavailableError), writing(engine) as connection:
            connection.exec_driver_sql("CREATE TABLE gone (n int)")
            shut(pid)
            if moment == "statement":
                connection.exec_driver_sql("INSERT INTO gone VALUES (1)")
    assert ask(engine, "SELECT to_regclass('gone')") is None


def test_a_refused_login_is_a_matter_of_configuration_and_a_full_server_is_not(
    opened: Callable[..., sa.Engine], url: sa.URL
) -> None:
    admin = opened(url)
    rules = Path(str(ask(admin, "SHOW hba_file")))
    rules.write_text(f"local all locked scram-sha-256\n{rules.read_text()}")
    with writing(admin) as connection:
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        connection.exec_driver_sql("CREATE ROLE locked LOGIN PASSWORD 'right' CONNECTION LIMIT 1")
        connection.exec_driver_sql("CREATE ROLE nobody NOLOGIN")
    locked = url.set(username="locked", password="right")
    refused = {
        "28P01": (locked.set(password="wrong"), "correct user and password"),
        "none": (url.set(username="locked", password=None), "correct user and password"),
        "28000": (url.set(username="stranger"), "correct user and password"),
        "nologin": (url.set(username="nobody"), "correct user and password"),
        "3D000": (url.set(database="nowhere"), "create the database"),
        "option": (url.update_query_dict({"sslmoed": "x"}), "sslmoed"),
    }
    for where, says in refused.values():
        with pytest.raises(ConfigurationError, match=says) as caught:
            ask(opened(where), "SELECT 1")
        assert "wrong" not in str(caught.value)
    with reading(opened(locked)) as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
        with pytest.raises(BackendUnavailableError, match="too many connections"):
            ask(opened(locked), "SELECT 1")


def test_what_the_driver_cannot_write_is_a_bug_and_no_state_of_the_world(
    opened: Callable[..., sa.Engine], url: sa.URL
) -> None:
    with pytest.raises(sa.exc.ProgrammingError), writing(opened(url)) as connection:
        connection.exec_driver_sql("SELECT %s", (object(),))


def test_nobody_listening_is_a_backend_that_does_not_answer(
    opened: Callable[..., sa.Engine], url: sa.URL
) -> None:
    with pytest.raises(BackendUnavailableError, match="did not answer"):
        ask(opened("postgresql+psycopg://me:secret@127.0.0.1:1/kb"), "SELECT 1")


def test_a_host_that_accepts_and_says_nothing_holds_nobody(
    opened: Callable[..., sa.Engine],
) -> None:
    import socket

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        taken: list[socket.socket] = []
        threading.Thread(target=lambda: taken.append(server.accept()[0]), daemon=True).start()
        url = f"postgresql+psycopg://me@127.0.0.1:{server.getsockname()[1]}/kb"
        with pytest.raises(BackendUnavailableError, match="timeout"):
            ask(opened(url, timeout_s=0.1), "SELECT 1")
    for one in taken:
        one.close()


def test_a_database_of_another_encoding_is_refused_with_how_to_make_one(
    postgres_url: sa.URL, opened: Callable[..., sa.Engine]
) -> None:
    admin = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    made = "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
    with admin.connect() as connection:
        connection.execute(sa.text(made))
    try:
        with pytest.raises(ConfigurationError, match=r"SQL_ASCII.*ENCODING 'UTF8'"):
            ask(opened(postgres_url.set(database="ascii")), "SELECT 1")
    finally:
        with admin.connect() as connection:
            connection.execute(sa.text("DROP DATABASE ascii"))
        admin.dispose()
