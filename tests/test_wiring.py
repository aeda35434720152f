"""Wiring: what `connect` hands to the parts that it puts together."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

import tradingkb as tkb
from tests.recommend.sweeps import grid
from tests.sql.descriptors import open_descriptors
from tradingkb.exceptions import ConfigurationError, StoreTooNewError

#: Seconds between two looks at a clock: a lease that is seen a few times has not changed for long.
LOOK_S = 25


@pytest.mark.parametrize(("progress", "said"), [(None, True), (True, True), (False, False)])
def test_whoever_waits_for_another_process_is_told_unless_no_progress_is_wanted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], progress: bool | None, said: bool
) -> None:
    """Beside what a program reads: on stderr, in pipes as well, where no bar is drawn."""
    seconds = count(0.0, LOOK_S)
    with tkb.connect(tmp_path / "home", progress=progress, monotonic=lambda: next(seconds)) as kb:
        kb.ingest(grid(1))
        space, now = kb.use_cases.workspaces.find("default"), datetime.now(UTC)
        capfd.readouterr()
        kb.use_cases.store.acquire_lease(f"index:{space.id}", "there:1:0:x", now, now)
        assert kb.ingest(grid(2)).inserted == 5
    shown = capfd.readouterr()
    wait = "waiting for process 1 on there, which is at work on workspace 'default'"
    assert (wait in shown.err) == said
    assert shown.out == ""
    if progress is False:
        assert shown.err == ""


def test_a_home_that_can_be_no_folder_is_the_operators_to_change(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "file").touch()
    homes = ("a", "a/x/y", "with\0nul", "\ud800", "x" * 300, "file", "file/x")
    for home in homes:
        with pytest.raises(ConfigurationError, match="give another"):
            tkb.connect(tmp_path / home, progress=False)
    with pytest.raises(ConfigurationError, match="give another"):
        tkb.connect("~nobody-of-this-name/x", progress=False)


def test_a_store_that_cannot_be_used_leaves_no_connection_open(tmp_path: Path) -> None:
    """A service tries again every two seconds: it would use up those of its database."""
    tkb.connect(tmp_path, progress=False).close()
    path = tmp_path / "tradingkb.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE tradingkb_schema SET major = 99")
        connection.commit()
    with pytest.raises(StoreTooNewError) as caught:
        tkb.connect(tmp_path, progress=False)
    assert open_descriptors(path) == []
    assert caught.value.__traceback__ is not None  # which keeps the engine until here


def test_on_a_full_disk_answers_come_and_stderr_says_that_events_wait(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with tkb.connect(tmp_path / "home", progress=None) as kb:
        kb.ingest(grid(3))
        store = kb.use_cases.store
        full = [False]

        @sa.event.listens_for(store._impatient, "begin")
        def begin(_: sa.Connection) -> None:
            if full[0]:
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error

        full[0] = True
        assert [kb.recommend("s").status for _ in range(2)] == ["degraded"] * 2
        said = capfd.readouterr()
        assert said.err.count("recommend events wait to be written") == 1
        assert "free space" in said.err
        assert said.out == ""
        full[0] = False
        assert kb.events().height == 2
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 300])
def test_a_spec_at_no_path_is_an_error_of_the_input(tmp_path: Path, name: str) -> None:
    with (
        tkb.connect(tmp_path / "home", progress=False) as kb,
        pytest.raises(tkb.InvalidSpecError, match="cannot be read"),
    ):
        kb.register_strategy(tmp_path / name)


def test_as_many_threads_read_at_once_as_there_are_to_be(tmp_path: Path) -> None:
    """No one waits for the connection of another: more than a pool has by itself."""
    threads = 24
    together = threading.Barrier(threads, timeout=5)
    with tkb.connect(tmp_path / "home", progress=False, threads=threads) as kb:
        store = kb.use_cases.store

        def read(_: int) -> int:
            with store.reading():
                found = len(store.workspaces())
                together.wait()
            return found

        with ThreadPoolExecutor(threads) as pool:
            assert list(pool.map(read, range(threads))) == [0] * threads
